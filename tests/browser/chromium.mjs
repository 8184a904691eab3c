// Debian's Chromium, and a page of a server's own origin that has hls.js and nothing else.

import { readFileSync } from "node:fs";
import { chromium } from "playwright-core";

export const FLAGS = [
  "--no-sandbox",
  "--disable-gpu",
  "--disable-quic",
  "--no-first-run",
  "--disable-background-networking",
  "--disable-component-update",
  "--disable-sync",
  "--autoplay-policy=no-user-gesture-required",
];
const PLAYER = new URL("../../web/node_modules/hls.js/dist/hls.js", import.meta.url);
const PAGE = "<!doctype html><meta charset=utf-8><script src=hls.js></script>";

export async function launch() {
  return chromium.launch({ executablePath: "/usr/bin/chromium", headless: true, args: FLAGS });
}

/** Gives what opens such pages, beneath `origin`, in that browser. */
export async function players(browser, origin) {
  const context = await browser.newContext({ ignoreHTTPSErrors: true });
  await context.route(`${origin}/play/*`, (route) => (
    route.request().url().endsWith(".js")
      ? route.fulfill({ contentType: "text/javascript", body: readFileSync(PLAYER) })
      : route.fulfill({ contentType: "text/html", body: PAGE })
  ));
  return async () => {
    const page = await context.newPage();
    await page.goto(`${origin}/play/page.html`);
    return page;
  };
}

/** The parts of `NAME=URL`. */
export function named(argument) {
  const at = argument.indexOf("=");
  return [argument.slice(0, at), argument.slice(at + 1)];
}
