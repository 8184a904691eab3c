// Players in Debian's Chromium, each in a context with cookies and a cache of its own.
//
// Must not know: what is judged.

import { readFileSync } from "node:fs";
import { chromium } from "playwright-core";
import { FLAGS } from "../chromium.mjs";

const at = (path) => readFileSync(new URL(path, import.meta.url), "utf8");
const SCRIPTS = {
  "hls.js": ["hlsjs", "../../../web/node_modules/hls.js/dist/hls.js"],
  "hls.js 1.4": ["hlsjs", "../node_modules/hls.js-1.4/dist/hls.js"],
  "Shaka Player": ["shaka", "../node_modules/shaka-player/dist/shaka-player.compiled.js"],
  "video.js": ["vhs", "../node_modules/video.js/dist/video.js"],
  "Chromium's own": ["native", null],
};

/** An error of the certificate that is passed over would keep answers out of the cache; a known key does not. */
export function launch(spki) {
  const args = [...FLAGS, `--ignore-certificate-errors-spki-list=${spki}`];
  return chromium.launch({ executablePath: "/usr/bin/chromium", headless: true, args });
}

export const isPaged = (player) => player in SCRIPTS;

/** Opens a page of the server's own origin that has this player. */
export async function openPage(browser, { player, who, origin }) {
  const [adapter, script] = SCRIPTS[player];
  const context = await browser.newContext({ userAgent: `Mozilla/5.0 Chrome/156 ${who}`, bypassCSP: true });
  const page = await context.newPage();
  await page.goto(`${origin}/hls/none`);
  if (script) {
    await page.addScriptTag({ content: at(script) });
  }
  await page.addScriptTag({ content: at("adapters.js") });
  await page.evaluate((name) => window.start(name), adapter);
  return {
    // The page itself exchanges the token, so that the cookie is the browser's.
    cookie: (token) => page.evaluate(async (bearer) => {
      const headers = { Authorization: `Bearer ${bearer}` };
      const answer = await fetch("/v1/sessions", { method: "POST", headers });
      return (await answer.json()).session;
    }, token),
    header: (token) => page.evaluate((bearer) => window.watch.credential(bearer), token),
    load: (url) => page.evaluate((list) => window.watch.load(list), url),
    state: () => page.evaluate(() => window.watch.state()),
    pause: () => page.evaluate(() => window.watch.video().pause()),
    resume: () => page.evaluate(() => { window.watch.video().play().catch(() => {}); }),
    seek: (time) => page.evaluate((to) => { window.watch.video().currentTime = to; }, time),
    /** Key requests that the browser's cache answered. */
    cached: () => page.evaluate(() => performance.getEntriesByType("resource")
      .filter(({ name, transferSize, decodedBodySize }) => (
        name.includes("/v1/keys/") && transferSize === 0 && decodedBodySize === 16
      )).length),
    canRenew: true,
    close: () => context.close(),
  };
}
