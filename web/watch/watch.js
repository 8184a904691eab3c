// The player page: gets a credential, begins or finds a session, plays, says what is wrong, and goes on.

import { diagnose } from "./diagnose.js";
import { HlsEngine, NativeEngine, choose } from "./engines.js";
import { fault, faultOf } from "./faults.js";
import { Session, seenOf } from "./session.js";
import * as view from "./view.js";

const { element } = view;
const TICK_MS = 250;
/** How long an embedding page may take to hand over a token. */
const PATIENCE_MS = 8000;
/** How often in a row it goes on without a word where everything answers. */
const RECOVERIES = 2;

const settings = JSON.parse(document.querySelector("meta[name=hlskey-watch]").content);
const base = new URL(settings.root, location.href).href;
const query = new URLSearchParams(location.search);
const video = element("video");
const session = new Session(base, settings.stream);
const embedded = window.parent !== window && settings.embed.length > 0;

/** What the page knows; nothing of it is secret. Tests and supporters read it through `window.hlskeyWatch`. */
const state = { phase: "starting", fault: null, renewals: 0, tries: 0, recovered: 0 };
let engine = null;
let master = null;
let fragmentToken = takeFragment();
let retry = null;
let renewal = null;
let resumeAt = -1;
let isLoaded = false;

window.hlskeyWatch = {
  get phase() { return state.phase; },
  get fault() { return state.fault && { ...state.fault }; },
  get engine() { return engine?.name ?? null; },
  get renewals() { return state.renewals; },
  get tries() { return state.tries; },
  get expires() { return session.expires; },
  get qualities() { return engine?.qualities ?? []; },
};

/** The token of the address, which is taken out of it before anything else happens. */
function takeFragment() {
  const token = new URLSearchParams(location.hash.slice(1)).get("token");
  if (token !== null) {
    history.replaceState(null, "", location.pathname + location.search);
  }
  return token;
}

/** Tells the embedding page, which only a listed one hears. */
function tell(message) {
  for (const origin of embedded ? settings.embed : []) {
    window.parent.postMessage({ ...message, stream: settings.stream }, origin);
  }
}

async function start() {
  const before = state.fault?.kind;
  cancelRetry();
  state.tries += 1;
  setPhase("starting", "Loading…");
  if (!window.isSecureContext || !globalThis.crypto?.subtle) {
    return showFault(fault("insecure"));
  }
  const how = choose(video, query.get("player"));
  if (how === null) {
    return showFault(fault("unsupported"));
  }
  const refusal = await signIn(before);
  if (refusal) {
    return showFault(faultOf(refusal));
  }
  const found = await findMaster();
  if (found.seen) {
    return showFault(faultOf(found.seen));
  }
  master = found.url;
  scheduleRenewal();
  return play(how);
}

/** @param {string} [before] the fault that it is tried again after */
async function signIn(before) {
  const token = fragmentToken;
  fragmentToken = null;
  if (token !== null) {
    return session.begin(token);
  }
  const lostPlace = before === "displaced" || before === "too_many";
  if (session.hasToken && (lostPlace || !session.held)) {
    return session.again();
  }
  if (!session.held) {
    await session.adopt();
  }
  return null;
}

/** The first of the names that is there. */
async function findMaster() {
  const named = query.get("file");
  const files = named && /^[\w.-]+(\/[\w.-]+)*\.m3u8$/.test(named) && !named.includes("..") ? [named] : settings.files;
  let seen = null;
  for (const file of files) {
    const url = session.opened(`v1/play/${settings.stream}/${file}`);
    const answer = await fetch(url, { cache: "no-store", credentials: "same-origin" }).catch(() => null);
    if (answer?.ok) {
      return { url: `v1/play/${settings.stream}/${file}` };
    }
    seen = answer ? await seenOf("playlist", answer, session.held) : lost();
    if (seen.status !== 404) {
      break;
    }
  }
  return { seen };
}

function lost() {
  return { stage: "playlist", status: 0, held: session.held, offline: navigator.onLine === false };
}

async function play(how) {
  clearFault();
  const report = { onFailure, onChange: showMenus };
  engine ??= how === "hls"
    ? new HlsEngine(video, session, report, new URL("player/hls.min.js", base).href)
    : new NativeEngine(video, session, report);
  await (isLoaded ? engine.resume(session.opened(master), resumeAt) : engine.load(session.opened(master)));
  isLoaded = true;
  setPhase("playing", "Loading…");
  // A browser that lets nothing sound unasked lets it play in silence.
  await video.play().catch(async () => {
    video.muted = true;
    await video.play().catch(() => {});
  });
}

async function onFailure({ suspect, media }) {
  if (state.phase === "looking") {
    return;
  }
  resumeAt = engine.isLive ? -1 : video.currentTime;
  state.phase = "looking";
  const seen = await diagnose(session.opened(master), session, suspect);
  if (seen) {
    const found = faultOf(seen);
    if (found.kind === "ended" && await session.renew()) {
      scheduleRenewal();
      return play(engine.name);
    }
    return showFault(found);
  }
  // What answers now may have failed for a moment only.
  if (state.recovered < RECOVERIES) {
    state.recovered += 1;
    return play(engine.name);
  }
  return showFault(fault(media ? "undecodable" : "stuck"));
}

function showFault(found) {
  state.fault = found;
  state.phase = "fault";
  view.showStatus(found.title);
  tell({ type: "hlskey:fault", kind: found.kind, title: found.title, requestId: found.requestId });
  if (found.asks) {
    tell({ type: "hlskey:need-token", reason: found.kind });
  }
  if (found.kind === "no_credential" && embedded && state.tries === 1) {
    // The embedding page was just asked.
    setPhase("waiting", "Waiting to be signed in…");
    state.fault = null;
    retry = { at: Date.now() + PATIENCE_MS, then: () => showFault(found), quiet: true };
    state.tries += 1;
    return;
  }
  retry = found.retryIn === null ? null : { at: Date.now() + found.retryIn * 1000, then: start };
  view.showCountdown(found.retryIn);
  cover();
}

function clearFault() {
  state.fault = null;
  view.showFault(null);
  view.showCountdown(null);
}

function cancelRetry() {
  retry = null;
  view.showCountdown(null);
}

/** Words cover the picture once there is no more of it. */
function cover() {
  const running = !video.paused && ahead() > 0.3 && video.readyState >= 3;
  view.showFault(state.fault, !running);
}

/** Seconds of media from the picture on show on without a gap. */
function ahead() {
  const { buffered, currentTime } = video;
  for (let i = 0; i < buffered.length; i += 1) {
    if (buffered.start(i) <= currentTime + 0.1 && currentTime < buffered.end(i)) {
      return buffered.end(i) - currentTime;
    }
  }
  return 0;
}

function setPhase(phase, text) {
  state.phase = phase;
  view.showStatus(text);
}

function scheduleRenewal() {
  clearTimeout(renewal);
  if (session.renewIn !== null) {
    renewal = setTimeout(renew, Math.min(session.renewIn, 2 ** 31 - 1));
  }
}

async function renew() {
  if (await session.renew()) {
    state.renewals += 1;
    scheduleRenewal();
  } else if (session.expires > Date.now()) {
    tell({ type: "hlskey:need-token", reason: "ending" });
    renewal = setTimeout(renew, Math.max(5000, (session.expires - Date.now()) / 2));
  }
}

/** Another token while it plays lengthens the session; otherwise it begins one. */
async function takeToken(token) {
  if (state.phase !== "playing") {
    fragmentToken = token;
    return start();
  }
  const refusal = await session.begin(token);
  if (refusal === null) {
    state.renewals += 1;
    scheduleRenewal();
  }
  return null;
}

function tick() {
  if (retry) {
    const left = Math.ceil((retry.at - Date.now()) / 1000);
    view.showCountdown(retry.quiet ? null : Math.max(left, 0));
    if (left <= 0) {
      const { then } = retry;
      cancelRetry();
      then();
    }
  }
  if (state.fault) {
    cover();
  } else if (state.phase === "playing" && navigator.onLine === false && !video.paused && ahead() < 0.3) {
    // hls.js waits for the connection without a word.
    showFault(fault("offline"));
  } else if (state.phase === "playing" && !video.paused && video.readyState >= 3) {
    state.recovered = video.currentTime > resumeAt + 10 ? 0 : state.recovered;
    view.showStatus(engine.isLive ? "Live" : "Playing");
  } else if (state.phase === "playing" && video.paused) {
    view.showStatus("Paused");
  }
  const { paused, muted, volume, currentTime, duration } = video;
  const edge = engine?.edge ?? null;
  const behind = edge === null ? null : edge - currentTime;
  view.showPlayback({ paused, muted, volume, currentTime, duration, live: engine?.isLive ?? false, behind });
}

function showMenus() {
  view.fillMenu("quality", engine.qualities, 3);
  view.fillMenu("audio", engine.audios);
  const tracks = captionTracks();
  const options = tracks.map(({ label, language, mode }) => ({ label: label || language || "Captions", chosen: mode === "showing" }));
  const off = { label: "Off", chosen: !options.some(({ chosen }) => chosen) };
  view.fillMenu("captions", [off, ...options]);
}

function captionTracks() {
  return [...video.textTracks].filter(({ kind }) => kind === "captions" || kind === "subtitles");
}

function goLive() {
  if (engine?.edge) {
    video.currentTime = engine.edge;
  }
  video.play().catch(() => {});
}

const fullscreen = () => {
  if (document.fullscreenElement) {
    return document.exitFullscreen();
  }
  const player = element("player");
  return player.requestFullscreen ? player.requestFullscreen() : video.webkitEnterFullscreen?.();
};

const togglePlay = () => (video.paused ? video.play().catch(() => {}) : video.pause());

element("play").addEventListener("click", togglePlay);
video.addEventListener("click", togglePlay);
element("mute").addEventListener("click", () => { video.muted = !video.muted; });
element("volume").addEventListener("input", ({ target }) => {
  [video.volume, video.muted] = [Number(target.value), Number(target.value) === 0];
});
element("seek").addEventListener("input", ({ target }) => { video.currentTime = Number(target.value); });
element("live").addEventListener("click", goLive);
element("fullscreen").addEventListener("click", fullscreen);
element("again").addEventListener("click", start);
element("quality").addEventListener("change", ({ target }) => engine.chooseQuality(Number(target.value)));
element("audio").addEventListener("change", ({ target }) => engine.chooseAudio(Number(target.value)));
element("captions").addEventListener("change", ({ target }) => {
  captionTracks().forEach((track, i) => { track.mode = i === Number(target.value) - 1 ? "showing" : "disabled"; });
});
for (const name of ["addtrack", "removetrack", "change"]) {
  video.textTracks.addEventListener(name, () => engine && showMenus());
}
document.addEventListener("keydown", (event) => {
  if (event.target !== document.body || event.ctrlKey || event.metaKey || event.altKey) {
    return;
  }
  const acts = { " ": togglePlay, k: togglePlay, f: fullscreen, m: () => { video.muted = !video.muted; } };
  if (acts[event.key]) {
    event.preventDefault();
    acts[event.key]();
  }
});
window.addEventListener("message", ({ source, origin, data }) => {
  const asked = source === window.parent && settings.embed.includes(origin) && data?.type === "hlskey:token";
  if (asked && typeof data.token === "string") {
    takeToken(data.token);
  }
});
window.addEventListener("hashchange", () => {
  const token = takeFragment();
  if (token !== null) {
    takeToken(token);
  }
});
window.addEventListener("online", () => {
  if (state.fault?.kind === "offline" || state.fault?.kind === "away") {
    start();
  }
});
window.addEventListener("offline", () => {
  if (state.phase === "playing") {
    view.showStatus("You are offline; playing what is there");
  }
});
document.addEventListener("visibilitychange", () => {
  // Timers stand still while a machine sleeps.
  if (!document.hidden && session.renewIn !== null && session.renewIn <= 1000) {
    renew();
  }
});

tell({ type: "hlskey:ready" });
setInterval(tick, TICK_MS);
start();
