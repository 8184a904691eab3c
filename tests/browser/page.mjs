// Drives the demo's page in Debian's Chromium and prints what it saw as one line of JSON.
//
//   node page.mjs URL SCREENSHOT
//
// It plays across two rotations, takes the viewer's token away until the player is refused and
// dry, and gives it back. It judges nothing but its own deadlines.

import { launch } from "./chromium.mjs";

const [url, screenshot] = process.argv.slice(2);
const MINUTE = 60_000;

const browser = await launch();
try {
  const context = await browser.newContext({
    ignoreHTTPSErrors: true,
    viewport: { width: 1280, height: 800 },
  });
  console.log(JSON.stringify(await visit(await context.newPage())));
} finally {
  await browser.close();
}

async function visit(page) {
  const seen = { hosts: new Set(), failures: [], events: [] };
  page.on("request", (request) => {
    const { protocol, host } = new URL(request.url());
    if (protocol !== "blob:") {
      seen.hosts.add(host);
    }
  });
  page.on("pageerror", (error) => seen.failures.push(String(error)));
  await page.exposeFunction("mediaEvent", (name) => seen.events.push(name));
  await page.addInitScript(() => {
    document.addEventListener("error", (event) => {
      if (event.target instanceof HTMLVideoElement) {
        window.mediaEvent("error");
      }
    }, true);
  });
  await page.goto(url);

  await until(page, "it plays", () => window.hlskeyDemo?.currentTime > 1);
  const begun = await state(page);
  await until(page, "the third key is on show", () => {
    const { kid, kids } = window.hlskeyDemo;
    return kids.indexOf(kid) >= 2;
  });
  const rotated = await state(page);
  await page.screenshot({ path: screenshot });

  await page.click("#token");
  await until(page, "a refusal", () => (
    window.hlskeyDemo.keyAnswers.some(({ status }) => status === 401)
  ));
  await until(page, "the player is dry", () => (
    window.hlskeyDemo.stopped && window.hlskeyDemo.bufferSeconds < 0.3
  ));
  const refused = await state(page);

  await page.click("#token");
  await until(page, "it plays again", (at) => (
    !window.hlskeyDemo.stopped && window.hlskeyDemo.currentTime > at + 2
  ), refused.currentTime);
  const resumed = await state(page);
  return { begun, rotated, refused, resumed, ...seen, hosts: [...seen.hosts] };
}

/** Waits for `ready`, which is asked in the page; a miss says what was awaited and what was there. */
async function until(page, what, ready, argument = null) {
  const end = Date.now() + 2 * MINUTE;
  // Playwright's own waiting needs eval, which the page's policy forbids.
  while (!(await page.evaluate(ready, argument))) {
    if (Date.now() > end) {
      throw new Error(`${what}: not in time\n${JSON.stringify(await state(page))}`);
    }
    await new Promise((done) => { setTimeout(done, 100); });
  }
}

/** What the page knows, without the token. */
async function state(page) {
  return page.evaluate(() => {
    const demo = window.hlskeyDemo;
    return {
      currentTime: demo.currentTime,
      keys: demo.kids,
      kid: demo.kid,
      period: demo.period,
      height: demo.height,
      errors: demo.errors,
      problem: demo.problem,
      stopped: demo.stopped,
      statuses: demo.keyAnswers.map(({ status }) => status),
      shown: document.body.innerText,
    };
  });
}
