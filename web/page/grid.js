// The grid of key periods: aligned spans of programme time. Pure; knows no player and no page.

/**
 * A place on the grid.
 * @typedef {{index: number, leftMs: number, share: number}} Place
 *   `index` of the period, milliseconds `leftMs` to its end, and the `share` of it that is left.
 */

/** @returns {Place} where `dateMs` (milliseconds since 1970) lies. */
export function placeOnGrid(dateMs, originMs, rotateMs) {
  const index = Math.floor((dateMs - originMs) / rotateMs);
  const leftMs = originMs + (index + 1) * rotateMs - dateMs;
  return { index, leftMs, share: leftMs / rotateMs };
}

/** The key id at the end of a key URI, or null: `https://…/v1/keys/{kid}?…`. */
export function kidOf(uri) {
  const found = /\/v1\/keys\/([0-9a-f-]{36})(?:[?#]|$)/.exec(uri ?? "");
  return found ? found[1] : null;
}

/** The colour of a period: neighbours differ, and the same period always looks the same. */
export function colourOf(index) {
  const colours = ["#7cc7ff", "#ffc46b", "#8fe3a5", "#f28fb1", "#b9a5ff", "#5fe0d4"];
  return colours[((index % colours.length) + colours.length) % colours.length];
}
