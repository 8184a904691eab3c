import assert from "node:assert/strict";
import { test } from "node:test";
import { colourOf, kidOf, placeOnGrid } from "./grid.js";

test("a date has a place on the grid, before the origin too", () => {
  assert.deepEqual(placeOnGrid(45_000, 0, 20_000), { index: 2, leftMs: 15_000, share: 0.75 });
  assert.deepEqual(placeOnGrid(40_000, 0, 20_000), { index: 2, leftMs: 20_000, share: 1 });
  assert.deepEqual(placeOnGrid(-5_000, 0, 20_000), { index: -1, leftMs: 5_000, share: 0.25 });
});

test("only a key URI has a key id", () => {
  const kid = "01234567-89ab-4def-8123-456789abcdef";
  assert.equal(kidOf(`https://127.0.0.1:8443/v1/keys/${kid}`), kid);
  assert.equal(kidOf(`https://127.0.0.1:8443/v1/keys/${kid}?token=x`), kid);
  assert.equal(kidOf("https://127.0.0.1:8443/hls/demo/clock/v0/00000001.ts"), null);
  assert.equal(kidOf(undefined), null);
});

test("neighbouring periods differ in colour", () => {
  for (let index = -7; index < 7; index += 1) {
    assert.notEqual(colourOf(index), colourOf(index + 1));
  }
});
