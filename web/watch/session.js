// The viewer's session: a token is exchanged for it, and it is renewed before it ends. Token and grant live in this
// module's memory alone. Knows no player and no page.

/** A request as faults.js wants it seen. */
export async function seenOf(stage, response, held) {
  const text = response.ok ? "" : await response.text().catch(() => "");
  let problem = null;
  try {
    problem = JSON.parse(text);
  } catch {
    // No document of ours: the status says enough.
  }
  const after = Number(response.headers.get("retry-after"));
  return {
    stage,
    status: response.status,
    problem,
    held,
    requestId: response.headers.get("x-request-id"),
    retryAfter: Number.isFinite(after) && after > 0 ? after : null,
  };
}

/** Asks for what a session is renewed for at least: shorter is no renewal. */
const GAIN_MS = 1000;

export class Session {
  #base;
  #stream;
  #fetch;
  #now;
  /** @type {string|null} */
  #token = null;
  /** @type {string|null} */
  #grant = null;
  #id = null;
  #expires = null;

  /** @param {string} base where `v1/` is, with a slash at the end */
  constructor(base, stream, { fetch = globalThis.fetch.bind(globalThis), now = Date.now } = {}) {
    [this.#base, this.#stream, this.#fetch, this.#now] = [base, stream, fetch, now];
  }

  /** Whether there is anything to show but a cookie. */
  get held() {
    return this.#grant !== null || this.#id !== null;
  }

  /** Milliseconds since 1970, or null. */
  get expires() {
    return this.#expires;
  }

  /** Milliseconds until it should be renewed, or null: with a quarter of it left, and at least half a minute. */
  get renewIn() {
    if (this.#expires === null) {
      return null;
    }
    const left = this.#expires - this.#now();
    return Math.max(1000, left - Math.max(30_000, left / 4));
  }

  /** Exchanges a token. @returns null, or what was seen of the refusal */
  async begin(token) {
    this.#token = token;
    const answer = await this.#ask("POST", "v1/sessions", {
      headers: { authorization: `Bearer ${token}`, "content-type": "application/json" },
      body: JSON.stringify({ stream: this.#stream }),
    });
    return this.#take(answer, true);
  }

  /** Whether another session can be begun without asking anybody. */
  get hasToken() {
    return this.#token !== null;
  }

  /** Another session in the place of one that never began, or lost its own. */
  again() {
    return this.begin(this.#token);
  }

  /** Looks whether the browser has a session already. */
  async adopt() {
    const answer = await this.#ask("GET", "v1/sessions/current");
    if (answer?.ok) {
      const view = await answer.json();
      this.#id = view.session;
      this.#expires = view.expires ? Date.parse(view.expires) : null;
    }
  }

  /** Lengthens it. @returns whether it is good for longer now */
  async renew() {
    const before = this.#expires ?? 0;
    if (await this.#isInCookie()) {
      await this.#take(await this.#ask("POST", "v1/sessions/current/renew"), false);
    }
    if ((this.#expires ?? 0) <= before + GAIN_MS && this.#token !== null) {
      const token = this.#token;
      const answer = await this.#ask("POST", "v1/sessions", {
        headers: { authorization: `Bearer ${token}`, "content-type": "application/json" },
        body: JSON.stringify({ stream: this.#stream }),
      });
      await this.#take(answer, false);
    }
    return (this.#expires ?? 0) > before + GAIN_MS;
  }

  /** The URL with what opens it: of ours, and of a viewer, alone. */
  opened(url) {
    const opened = new URL(url, this.#base);
    const ours = opened.origin === new URL(this.#base).origin;
    if (this.#grant !== null && ours && /\/v1\/(play|keys)\//.test(opened.pathname)) {
      opened.searchParams.set("token", this.#grant);
    }
    return opened.href;
  }

  /** The session in the cookie may be another player's. */
  async #isInCookie() {
    const answer = await this.#ask("GET", "v1/sessions/current");
    return Boolean(answer?.ok) && (await answer.json()).session === this.#id;
  }

  async #take(answer, held) {
    if (answer === null) {
      return { stage: "session", status: 0, held };
    }
    if (!answer.ok) {
      return seenOf("session", answer, held);
    }
    const view = await answer.json();
    [this.#id, this.#grant] = [view.session, view.grant];
    this.#expires = Date.parse(view.expires);
    return null;
  }

  async #ask(method, path, more = {}) {
    const request = { method, cache: "no-store", credentials: "same-origin", ...more };
    return this.#fetch(new URL(path, this.#base), request).catch(() => null);
  }
}
