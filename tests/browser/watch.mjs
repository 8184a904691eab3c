// Debian's Chromium at the player page, by orders of a test: one line of JSON each, on standard input, and
// one line for each answer.
//
// It judges nothing but the deadlines that it is given.

import { createInterface } from "node:readline";
import { launch } from "./chromium.mjs";

const browser = await launch();
const pages = new Map();

const ORDERS = {
  /** Opens `url` in a browser profile of its own, called `page`. */
  async open({ page: name, url, init, width = 960, height = 600, scheme = "light" }) {
    await pages.get(name)?.context.close();
    const context = await browser.newContext({
      ignoreHTTPSErrors: true, viewport: { width, height }, colorScheme: scheme,
    });
    const page = await context.newPage();
    const said = [];
    page.on("console", (message) => said.push(message.text()));
    page.on("pageerror", (error) => said.push(String(error)));
    if (init) {
      await page.addInitScript(init);
    }
    pages.set(name, { context, page, said });
    await page.goto(url);
    return null;
  },
  /** Waits until `expression` is true in the page, or its frame, and gives it. */
  async until({ page: name, expression, within = 30, frame }) {
    const { page, said } = pages.get(name);
    const end = Date.now() + within * 1000;
    for (;;) {
      const at = frame ? page.frames().at(-1) : page;
      const found = await at.evaluate(expression).catch((error) => ({ failed: String(error) }));
      if (found && !found.failed) {
        return found;
      }
      if (Date.now() > end) {
        const text = await at.evaluate("document.body?.innerText + JSON.stringify([window.hlskeyWatch?.phase, window.hlskeyWatch?.fault])").catch(String);
        throw new Error(`${expression}: not in time: ${JSON.stringify(found)} ${text} ${said.slice(-5).join(" | ")}`);
      }
      await new Promise((done) => { setTimeout(done, 50); });
    }
  },
  async run({ page: name, expression }) {
    return (await pages.get(name).page.evaluate(expression)) ?? null;
  },
  async click({ page: name, selector }) {
    await pages.get(name).page.click(selector);
    return null;
  },
  async press({ page: name, key }) {
    await pages.get(name).page.keyboard.press(key);
    return null;
  },
  async select({ page: name, selector, value }) {
    await pages.get(name).page.selectOption(selector, value);
    return null;
  },
  async offline({ page: name, on }) {
    await pages.get(name).context.setOffline(on);
    return null;
  },
  async shot({ page: name, path }) {
    await pages.get(name).page.screenshot({ path });
    return null;
  },
  /** What the page said to the console, and its address. */
  async said({ page: name }) {
    const { page, said } = pages.get(name);
    return { said, address: page.url() };
  },
};

for await (const line of createInterface({ input: process.stdin })) {
  const order = JSON.parse(line);
  const answer = await ORDERS[order.order](order).then((value) => ({ value }), (error) => ({ error: String(error) }));
  console.log(JSON.stringify(answer));
}
await browser.close();
