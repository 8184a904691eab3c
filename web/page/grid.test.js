import assert from "node:assert/strict";
import { test } from "node:test";
import { Grid, Palette, kidOf } from "./grid.js";

test("a date has a place on the grid, before the origin too", () => {
  const grid = new Grid(0, 20_000);
  assert.deepEqual(grid.place(45_000), { index: 2, leftMs: 15_000, share: 0.75 });
  assert.deepEqual(grid.place(40_000), { index: 2, leftMs: 20_000, share: 1 });
  assert.deepEqual(grid.place(-5_000), { index: -1, leftMs: 5_000, share: 0.25 });
});

test("a change of the key on the grid changes nothing", () => {
  const grid = new Grid(0, 5_000);
  grid.observeChange(6_000, 2_100);
  assert.deepEqual(grid.place(7_000), { index: 1, leftMs: 3_000, share: 0.6 });
});

test("an operator's cut begins a new grid, once", () => {
  const grid = new Grid(0, 20_000);
  for (const change of [20_000, 32_000, 20_000, 32_000]) {
    grid.observeChange(change, 2_100);
  }
  assert.equal(grid.place(31_000).index, 1);
  assert.deepEqual(grid.place(37_000), { index: 2, leftMs: 15_000, share: 0.75 });
});

test("only a key URI has a key id", () => {
  const kid = "01234567-89ab-4def-8123-456789abcdef";
  assert.equal(kidOf(`https://127.0.0.1:8443/v1/keys/${kid}`), kid);
  assert.equal(kidOf(`https://127.0.0.1:8443/v1/keys/${kid}?token=x`), kid);
  assert.equal(kidOf("https://127.0.0.1:8443/hls/demo/clock/v0/00000001.ts"), null);
  assert.equal(kidOf(undefined), null);
});

test("a key keeps its colour and its neighbours have others", () => {
  const palette = new Palette();
  const kids = Array.from({ length: 20 }, (_, i) => `kid ${i}`);
  const colours = kids.map((kid) => palette.colourOf(kid));
  assert.deepEqual(kids.map((kid) => palette.colourOf(kid)), colours);
  assert.ok(colours.every((colour, i) => colour !== colours[i + 1]));
});
