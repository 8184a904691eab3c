// When keys change: aligned spans of programme time. Pure; knows no player and no page.

/**
 * A place on the grid.
 * @typedef {{index: number, leftMs: number, share: number}} Place
 *   `index` of the period, milliseconds `leftMs` to its end, and the `share` of it that is left.
 */

/** Times are milliseconds since 1970, spans milliseconds. */
export class Grid {
  #originMs;
  #spanMs;
  #base = 0;
  #seenMs = -Infinity;

  /** @param {number} originMs where period 0 begins */
  constructor(originMs, spanMs) {
    this.#originMs = originMs;
    this.#spanMs = spanMs;
  }

  /** @returns {Place} */
  place(dateMs) {
    const steps = Math.floor((dateMs - this.#originMs) / this.#spanMs);
    const leftMs = this.#originMs + (steps + 1) * this.#spanMs - dateMs;
    return { index: this.#base + steps, leftMs, share: leftMs / this.#spanMs };
  }

  /**
   * A segment at `dateMs` has another key than the one before it. If no boundary is within
   * `slackMs` before it, an operator cut there, and a new grid begins.
   */
  observeChange(dateMs, slackMs) {
    if (dateMs <= this.#seenMs) {
      return;
    }
    this.#seenMs = dateMs;
    const { index, leftMs } = this.place(dateMs);
    if (this.#spanMs - leftMs > slackMs) {
      this.#base = index + 1;
      this.#originMs = dateMs;
    }
  }
}

/** The key id at the end of a key URI, or null: `https://…/v1/keys/{kid}?…`. */
export function kidOf(uri) {
  const found = /\/v1\/keys\/([0-9a-f-]{36})(?:[?#]|$)/.exec(uri ?? "");
  return found ? found[1] : null;
}

/** Colours in turn: each new key gets the next one, so that neighbours differ. */
export class Palette {
  static #colours = ["#7cc7ff", "#ffc46b", "#8fe3a5", "#f28fb1", "#b9a5ff", "#5fe0d4"];
  #turns = new Map();

  colourOf(kid) {
    if (!this.#turns.has(kid)) {
      this.#turns.set(kid, this.#turns.size);
    }
    return Palette.#colours[this.#turns.get(kid) % Palette.#colours.length];
  }
}
