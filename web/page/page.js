// The demo's page: starts the player, follows it, and lets the viewer lose the token.

import { Grid, Palette, kidOf } from "./grid.js";
import { Player } from "./player.js";
import * as view from "./view.js";

const TICK_MS = 200;
/** A key changes with the first segment after a boundary; dates are rounded a little. */
const SLACK_MS = 100;

const video = document.getElementById("video");
const config = await loadConfig();
const grid = new Grid(config.origin_ms, config.rotate_ms);
const palette = new Palette();

/** What the page knows; tests read it through `window.hlskeyDemo`. */
const state = {
  errors: [],
  answers: [],
  segments: [],
  place: null,
  kid: null,
  problem: null,
};

const player = new Player(video, config, {
  onKey: recordKey,
  onError: (error) => state.errors.push(error),
  onLevel: recordSegments,
});

const fetched = () => state.answers.filter(({ status }) => status === 200);

window.hlskeyDemo = {
  /** Error events so far: `{type, details, fatal, status}`. */
  get errors() { return state.errors; },
  /** Every answer to a key request: `{at, kid, status, ms, problem}`. */
  get keyAnswers() { return state.answers; },
  /** How many keys were delivered. */
  get keysFetched() { return fetched().length; },
  /** The key ids delivered, each once, in order. */
  get kids() { return [...new Set(fetched().map(({ kid }) => kid))]; },
  /** The key id and the period of the picture on show. */
  get kid() { return state.kid; },
  get period() { return state.place?.index ?? null; },
  /** The last refusal's problem document. */
  get problem() { return state.problem; },
  get holdsToken() { return player.holdsToken; },
  get stopped() { return player.stopped; },
  get currentTime() { return video.currentTime; },
  get paused() { return video.paused; },
  get bufferSeconds() { return bufferSeconds(); },
  get height() { return player.level?.height ?? null; },
  get playingMs() { return player.playingMs; },
};

async function loadConfig() {
  try {
    return await (await fetch("demo.json")).json();
  } catch (error) {
    view.showStatus("failed", "the demo's settings cannot be read");
    throw error;
  }
}

function recordKey(answer) {
  state.answers.push(answer);
  if (answer.status !== 200) {
    state.problem = answer.problem ?? { status: answer.status };
  }
  view.logKey(answer);
  view.showKeyCount(fetched().length);
  view.showProblem(state.problem);
}

function recordSegments({ fragments }) {
  const dated = fragments.filter(({ programDateTime }) => programDateTime !== null);
  state.segments = dated.map((fragment) => {
    const kid = kidOf(fragment.decryptdata?.uri);
    const durationMs = fragment.duration * 1000;
    return { startMs: fragment.programDateTime, durationMs, kid, colour: palette.colourOf(kid) };
  });
  state.segments.forEach(({ startMs, durationMs, kid }, i, all) => {
    if (i > 0 && kid !== all[i - 1].kid) {
      grid.observeChange(startMs, durationMs + SLACK_MS);
    }
  });
  view.showSegments(state.segments);
}

/** Seconds of media from the picture on show to the end of what is buffered without a gap. */
function bufferSeconds() {
  const { buffered, currentTime } = video;
  for (let i = 0; i < buffered.length; i += 1) {
    if (buffered.start(i) <= currentTime + 0.1 && currentTime < buffered.end(i)) {
      return buffered.end(i) - currentTime;
    }
  }
  return 0;
}

function tick() {
  const playingMs = player.playingMs;
  if (playingMs !== null) {
    showWhere(playingMs);
  }
  view.showPlayback({
    level: player.level,
    bufferSeconds: bufferSeconds(),
    latency: player.latency,
  });
  showHealth();
}

function showWhere(playingMs) {
  state.place = grid.place(playingMs);
  const current = state.segments.find(
    ({ startMs, durationMs }) => startMs <= playingMs && playingMs < startMs + durationMs,
  );
  state.kid = current?.kid ?? state.kid;
  view.showPlace(state.place, state.kid, palette.colourOf(state.kid));
  const first = state.segments.at(0);
  const last = state.segments.at(-1);
  if (first && last) {
    const span = last.startMs + last.durationMs - first.startMs;
    view.showPlayhead((playingMs - first.startMs) / span);
  }
}

function showHealth() {
  const dry = bufferSeconds() < 0.3;
  if (player.stopped && dry) {
    view.showStatus("ended", player.holdsToken ? "trying again" : "no key, no picture");
  } else if (player.stopped) {
    view.showStatus("waiting", "playing out what is buffered");
  } else if (video.paused) {
    view.showStatus("waiting", "paused");
  } else if (dry) {
    view.showStatus(video.currentTime > 0 ? "waiting" : "starting", "loading");
  } else {
    view.showStatus("live", "live");
  }
  view.showToken(player.holdsToken, tokenText(dry));
}

function tokenText(dry) {
  if (player.holdsToken) {
    return "The page shows it with each key request, and with nothing else: playlists and "
      + "segments are public, the key is what is guarded.";
  }
  if (!player.stopped) {
    return "Gone. The picture goes on with the keys that the player holds; the next period's "
      + "key request will be refused.";
  }
  return dry
    ? "Refused, and the last picture that could be decrypted has been shown."
    : "Refused. What is buffered still plays; nothing after it can be decrypted.";
}

document.getElementById("token").addEventListener("click", () => {
  if (player.holdsToken) {
    player.takeToken();
  } else {
    state.problem = null;
    view.showProblem(null);
    player.giveToken();
  }
  tick();
});

view.showStream(config.stream);
player.start();
setInterval(tick, TICK_MS);
tick();
