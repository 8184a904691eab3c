// Plays the shared playlist with hls.js and shows the viewer's token on key requests only.
// Knows nothing of the page: it reports to the callbacks it is given.

import { kidOf } from "./grid.js";

const RETRY_MS = 3000;

/**
 * One answer to a key request.
 * @typedef {{at: Date, kid: string, status: number, ms: number, problem: object|null}} KeyAnswer
 */

export class Player {
  /** @type {string|null} the token, or null while it is taken away */
  #token;
  #config;
  #video;
  #hls = null;
  #stopped = false;
  #report;

  /**
   * @param {HTMLVideoElement} video
   * @param {{master: string, play: string, token: string}} config
   * @param {{onKey: (answer: KeyAnswer) => void, onError: (error: object) => void,
   *          onLevel: (details: object) => void}} report
   */
  constructor(video, config, report) {
    this.#video = video;
    this.#config = config;
    this.#token = config.token;
    this.#report = report;
  }

  start() {
    if (!Hls.isSupported()) {
      this.#playNatively();
      return;
    }
    this.#hls = new Hls({
      liveSyncDurationCount: 3,
      liveMaxLatencyDurationCount: 8,
      // The ID3 tags of packed audio hold only its time; no text track is wanted of them.
      enableID3MetadataCues: false,
      enableEmsgMetadataCues: false,
      xhrSetup: (xhr, url) => this.#prepareRequest(xhr, url),
    });
    this.#hls.on(Hls.Events.ERROR, (_, error) => this.#onError(error));
    this.#hls.on(Hls.Events.LEVEL_UPDATED, (_, { details }) => this.#report.onLevel(details));
    this.#hls.loadSource(this.#config.master);
    this.#hls.attachMedia(this.#video);
  }

  get holdsToken() {
    return this.#token !== null;
  }

  /** True once the player gave up loading; what is buffered plays on. */
  get stopped() {
    return this.#stopped;
  }

  takeToken() {
    this.#token = null;
  }

  giveToken() {
    this.#token = this.#config.token;
    this.#resume();
  }

  /** The programme time of the picture, in milliseconds since 1970, or null. */
  get playingMs() {
    return this.#hls?.playingDate?.getTime() ?? null;
  }

  /** Seconds behind the end of the playlist. */
  get latency() {
    return this.#hls?.latency ?? 0;
  }

  /** The rendition of the picture, as the multivariant playlist describes it, or null. */
  get level() {
    return this.#hls?.levels?.[this.#hls.currentLevel] ?? null;
  }

  #prepareRequest(xhr, url) {
    const kid = kidOf(url);
    if (kid === null) {
      return;
    }
    xhr.open("GET", url, true);
    if (this.#token !== null) {
      xhr.setRequestHeader("Authorization", `Bearer ${this.#token}`);
    }
    const asked = performance.now();
    const done = () => this.#report.onKey(answerOf(xhr, kid, performance.now() - asked));
    xhr.addEventListener("load", done, { once: true });
    xhr.addEventListener("error", done, { once: true });
  }

  #onError(error) {
    if (error.fatal && error.type === Hls.ErrorTypes.MEDIA_ERROR) {
      this.#hls.recoverMediaError();
    } else if (error.fatal) {
      this.#stop();
    }
    if (!isFalseAlarm(error)) {
      const { type, details, fatal } = error;
      this.#report.onError({ type, details, fatal, status: error.response?.code ?? null });
    }
  }

  /** Stops loading: for good without the token, else until the server may be back. */
  #stop() {
    this.#stopped = true;
    this.#hls.stopLoad();
    setTimeout(() => {
      if (this.holdsToken) {
        this.#resume();
      }
    }, RETRY_MS);
  }

  #resume() {
    if (!this.#stopped) {
      return;
    }
    this.#stopped = false;
    if (this.#hls.levels.length === 0) {
      this.#hls.loadSource(this.#config.master);
    }
    this.#hls.startLoad();
    this.#video.play().catch(() => {});
  }

  /** Safari without media source extensions: the server's rewritten playlist carries grants. */
  #playNatively() {
    this.#video.src = `${this.#config.play}?token=${encodeURIComponent(this.#config.token)}`;
  }
}

/**
 * hls.js 1.7 misses that the first append of a separate audio track is complete and reports it
 * as one without progress, though the media is there. A real one is reported again.
 */
function isFalseAlarm({ details, appendsWithoutProgress }) {
  return details === Hls.ErrorDetails.BUFFER_APPEND_NO_PROGRESS && appendsWithoutProgress === 1;
}

/** @returns {KeyAnswer} */
function answerOf(xhr, kid, elapsed) {
  const refused = xhr.status !== 200;
  return {
    at: new Date(),
    kid,
    status: xhr.status,
    ms: Math.round(elapsed),
    problem: refused ? problemOf(xhr) : null,
  };
}

/** The problem document (RFC 9457) of a refusal, or null. */
function problemOf(xhr) {
  try {
    return JSON.parse(new TextDecoder().decode(xhr.response));
  } catch {
    return null;
  }
}
