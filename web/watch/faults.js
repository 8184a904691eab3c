// What can be wrong, in words for viewers: from what was observed to a fault, from a fault to sentences.
// Pure; knows no player and no page.

/**
 * What was seen when something failed.
 * @typedef {{stage: "page"|"session"|"playlist"|"key"|"segment"|"media", status?: number,
 *   problem?: {code?: string, reason?: string, detail?: string, request_id?: string}|null,
 *   requestId?: string|null, retryAfter?: number|null, held?: boolean, blocked?: boolean,
 *   offline?: boolean}} Seen
 *   `status` 0 is no answer; `held` says whether a credential was shown; `blocked` that the host is there and
 *   lets no page read its answers.
 */

/**
 * @typedef {{kind: string, title: string, advice: string, requestId: string|null,
 *   retryIn: number|null, asks: boolean}} Fault
 *   `retryIn` seconds the page goes on by itself; `asks` whether another token mends it.
 */

const FAULTS = {
  insecure: ["This page is not secure",
    "Protected video plays on secure pages alone. Open it by an address that begins with https://, in a current browser."],
  unsupported: ["This browser cannot play the stream",
    "Use a current version of Safari, Chrome, Edge or Firefox."],
  no_credential: ["You are not signed in",
    "Open the player from the site or app where you sign in, or use the link that you were sent."],
  bad_token: ["This link does not let you in",
    "It has run out or was not copied whole. Open the player again from where you signed in."],
  ended: ["Your session ended", "Sign in again where you opened the player, and it goes on here."],
  revoked: ["Your session was ended",
    "Whoever runs the service ended it, or you signed out elsewhere. Sign in again; if it happens again, ask support."],
  not_entitled: ["Your subscription does not include this stream",
    "Choose another stream, or ask the service to add this one."],
  refused: ["You may not watch this stream here",
    "Your sign-in is good, but not for this stream, this site or this place. Open it from the service's own site, or ask support."],
  too_many: ["You are watching on too many devices",
    "Stop one of the others, wait a moment, and try again here."],
  displaced: ["You started watching on another device",
    "The newest one plays. Choose “Try again” to watch here instead."],
  off_air: ["This stream is not on air", "It starts here by itself as soon as it is there."],
  key_gone: ["This part of the stream was withdrawn",
    "Its key is no longer given out. The player goes on as soon as there is a part that may be shown."],
  throttled: ["Too many attempts were refused",
    "The server lets nobody at your address try again for a moment. The player goes on by itself."],
  busy: ["The server is busy", "Your sign-in is fine. The player goes on by itself."],
  away: ["The server cannot be reached", "Your connection works, the server does not answer. The player goes on by itself."],
  offline: ["You are offline", "Check your connection. The player goes on by itself when it is back."],
  media_away: ["The video's server cannot be reached",
    "You are signed in, but the host that holds the video does not answer. The player goes on by itself."],
  media_missing: ["A part of the video is missing",
    "Its server no longer has it. The player goes on by itself with what comes next."],
  blocked: ["The video's server lets no page read it",
    "Its answers lack the permission (CORS) for this page. Nothing is wrong at your side; tell support."],
  undecodable: ["The video cannot be decoded",
    "It is damaged, or in a format that this browser does not know. Try again, or use another browser."],
  stuck: ["The player cannot go on",
    "Everything that it needs answers, and yet nothing plays. Try again; if it stays so, tell support."],
};

/** Seconds after which the page tries by itself. */
const RETRY = { off_air: 10, key_gone: 5, throttled: 30, busy: 5, away: 5, offline: 5, media_away: 5, media_missing: 5 };
/** What another token mends. */
const ASKS = new Set(["no_credential", "bad_token", "ended", "revoked"]);

/** Every kind of fault. */
export const KINDS = Object.keys(FAULTS);

/** @param {Seen} seen @returns {Fault} */
export function faultOf(seen) {
  return fault(kindOf(seen), seen);
}

/** @returns {Fault} of a kind that needs no request to be seen */
export function fault(kind, { problem = null, requestId = null, retryAfter = null } = {}) {
  const [title, advice] = FAULTS[kind];
  const own = RETRY[kind] ?? null;
  return {
    kind,
    title,
    advice,
    requestId: problem?.request_id ?? requestId,
    retryIn: own === null ? null : Math.min(Math.max(retryAfter ?? own, 1), 120),
    asks: ASKS.has(kind),
  };
}

function kindOf({ stage, status = 0, problem, held = false, blocked = false, offline = false }) {
  if (offline) {
    return "offline";
  }
  if (stage === "media") {
    return "undecodable";
  }
  if (status === 0) {
    return blocked ? "blocked" : atMedia(stage, "media_away", "away");
  }
  if (status >= 500) {
    return atMedia(stage, "media_away", "busy");
  }
  switch (status) {
    case 401: return unauthorized(stage, held);
    case 403: return atMedia(stage, "media_missing", REASONS[problem?.reason] ?? "refused");
    case 404: return atMedia(stage, "media_missing", stage === "key" ? "refused" : "off_air");
    case 410: return atMedia(stage, "media_missing", "key_gone");
    case 429: return "throttled";
    default: return "stuck";
  }
}

const REASONS = {
  too_many_sessions: "too_many",
  displaced: "displaced",
  not_entitled: "not_entitled",
  revoked: "revoked",
};

/** Segments are anybody's: what their host says is about the video, not about the viewer. */
function atMedia(stage, media, other) {
  return stage === "segment" ? media : other;
}

function unauthorized(stage, held) {
  if (!held) {
    return "no_credential";
  }
  return stage === "session" ? "bad_token" : "ended";
}
