// Writes what happens into the page. Knows the page's elements; decides nothing.

const LOGGED = 50;

const element = (id) => document.getElementById(id);

export function showStream(stream) {
  element("stream").textContent = `live demo of ${stream}`;
}

/** @param {"starting"|"live"|"waiting"|"ended"|"failed"} state */
export function showStatus(state, text) {
  const status = element("status");
  status.dataset.state = state;
  setText(status, text);
}

/** @param {import("./grid.js").Place} place */
export function showPlace({ index, leftMs, share }, kid, colour) {
  setText(element("period"), String(index));
  setText(element("next"), `${Math.ceil(leftMs / 1000)} s`);
  setText(element("kid"), kid ?? "–");
  const ring = element("ring");
  ring.style.strokeDashoffset = String(100 - share * 100);
  ring.style.stroke = colour;
}

export function showPlayback({ level, bufferSeconds, latency }) {
  const rate = level ? `${Math.round(level.bitrate / 1000)} kbit/s` : "";
  setText(element("quality"), level ? `${level.width} × ${level.height}, ${rate}` : "–");
  setText(element("buffer"), `${bufferSeconds.toFixed(1)} s`);
  setText(element("latency"), `${latency.toFixed(1)} s`);
}

/**
 * Draws the playlist: one block a segment, coloured by key.
 * @param {{durationMs: number, colour: string}[]} segments
 */
export function showSegments(segments) {
  const blocks = segments.map(({ durationMs, colour }) => {
    const block = document.createElement("span");
    block.style.flexGrow = String(durationMs);
    block.style.backgroundColor = colour;
    return block;
  });
  element("segments").replaceChildren(...blocks);
}

/** Moves the line to `share` of the playlist, 0 to 1. */
export function showPlayhead(share) {
  element("playhead").style.left = `${Math.min(1, Math.max(0, share)) * 100}%`;
}

export function showKeyCount(count) {
  setText(element("count"), String(count));
}

/** @param {import("./player.js").KeyAnswer} answer */
export function logKey({ at, kid, status, ms }) {
  const row = document.createElement("tr");
  row.className = status === 200 ? "good" : "bad";
  const texts = [at.toLocaleTimeString("en-GB"), `${kid.slice(0, 8)}…`, status || "none", ms];
  for (const text of texts) {
    const cell = document.createElement("td");
    cell.textContent = String(text);
    row.append(cell);
  }
  const log = element("log");
  log.prepend(row);
  while (log.rows.length > LOGGED) {
    log.deleteRow(-1);
  }
}

/** @param {object|null} problem the last refusal's document; null hides it */
export function showProblem(problem) {
  element("refusal").hidden = problem === null;
  setText(element("problem"), problem ? JSON.stringify(problem, null, 2) : "");
}

export function showToken(held, text) {
  const button = element("token");
  button.setAttribute("aria-pressed", String(!held));
  setText(button, held ? "Take the token away" : "Give it back");
  setText(element("token-text"), text);
}

/** Leaves equal text alone, so that a screen reader is told only of changes. */
function setText(target, text) {
  if (target.textContent !== text) {
    target.textContent = text;
  }
}
