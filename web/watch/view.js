// Writes what happens into the page. Knows the page's elements; decides nothing.

export const element = (id) => document.getElementById(id);

/** A short word of how it goes, told to screen readers too. */
export function showStatus(text) {
  setText(element("status"), text);
}

/** @param {import("./faults.js").Fault|null} fault null takes the words away */
export function showFault(fault, covers) {
  const box = element("fault");
  box.hidden = fault === null || !covers;
  if (fault === null) {
    return;
  }
  box.dataset.kind = fault.kind;
  setText(element("fault-title"), fault.title);
  setText(element("fault-advice"), fault.advice);
  element("support").hidden = fault.requestId === null;
  setText(element("request-id"), fault.requestId ?? "");
}

/** @param {number|null} left seconds until the next try */
export function showCountdown(left) {
  setText(element("countdown"), left === null ? "" : `Trying again in ${left} s.`);
}

/** Fills a menu; one with nothing to choose is not shown. */
export function fillMenu(id, options, least = 2) {
  const menu = element(id);
  menu.parentElement.hidden = options.length < least;
  const text = JSON.stringify(options);
  if (menu.dataset.shown === text) {
    return;
  }
  menu.dataset.shown = text;
  menu.replaceChildren(...options.map(({ label, chosen }, i) => new Option(label, String(i), chosen, chosen)));
}

export function showPlayback({ paused, muted, volume, currentTime, duration, live, behind }) {
  press("play", paused ? "Play" : "Pause", !paused);
  press("mute", muted ? "Unmute" : "Mute", muted);
  element("volume").value = String(muted ? 0 : volume);
  element("live").hidden = !live;
  element("live").disabled = behind !== null && behind < 6;
  setText(element("live"), element("live").disabled ? "● Live" : "Go live");
  const seek = element("seek");
  seek.hidden = live || !Number.isFinite(duration);
  if (!seek.hidden && document.activeElement !== seek) {
    [seek.max, seek.value] = [String(duration), String(currentTime)];
  }
  seek.setAttribute("aria-valuetext", `${clock(currentTime)} of ${clock(duration)}`);
  setText(element("time"), seek.hidden ? "" : `${clock(currentTime)} / ${clock(duration)}`);
}

function press(id, label, on) {
  const button = element(id);
  if (button.getAttribute("aria-label") !== label) {
    button.setAttribute("aria-label", label);
    button.title = label;
    button.dataset.on = String(on);
  }
}

function clock(seconds) {
  const whole = Number.isFinite(seconds) ? Math.floor(seconds) : 0;
  return `${Math.floor(whole / 60)}:${String(whole % 60).padStart(2, "0")}`;
}

/** Leaves equal text alone, so that a screen reader is told only of changes. */
function setText(target, text) {
  if (target.textContent !== text) {
    target.textContent = text;
  }
}
