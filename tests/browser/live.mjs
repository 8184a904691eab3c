// Plays low-latency streams by hls.js in Debian's Chromium while they are made, and prints what came of
// each as one line of JSON.
//
//   node live.mjs ORIGIN PARTS NAME=URL…
//
// Each is played until that many parts were given to the media buffers. It judges nothing but its
// own deadlines.

import { launch, named, players } from "./chromium.mjs";

const [origin, parts, ...streams] = process.argv.slice(2);

const browser = await launch();
try {
  const page = await (await players(browser, origin))();
  const asked = [];
  page.on("response", (response) => asked.push(`${response.status()} ${response.url()}`));
  const seen = await Promise.all(streams.map(named).map(async ([name, url]) => (
    [name, await page.evaluate(play, [url, Number(parts)])]
  )));
  console.log(JSON.stringify({ ...Object.fromEntries(seen), asked }));
} finally {
  await browser.close();
}

/** Runs in the page. */
async function play([url, parts]) {
  const seen = { given: {}, keys: [], errors: [], from: 0, to: 0, latency: 0 };
  const digest = async (bytes) => {
    const hash = new Uint8Array(await crypto.subtle.digest("SHA-256", bytes));
    return [...hash.slice(0, 12)].map((byte) => byte.toString(16).padStart(2, "0")).join("");
  };
  const video = document.createElement("video");
  video.muted = true;
  document.body.append(video);
  const hls = new Hls({ lowLatencyMode: true });
  const given = [];
  hls.on(Hls.Events.KEY_LOADED, (_, { frag }) => {
    const { pathname } = new URL(frag.decryptdata.uri);
    seen.keys.push(...[pathname].filter((key) => !seen.keys.includes(key)));
  });
  hls.on(Hls.Events.BUFFER_APPENDING, (_, { type, frag, part, data }) => {
    if (part) {
      given.push([`${frag.sn}.${part.index} ${type}`, data.slice()]);
    }
  });
  let broken = false;
  hls.on(Hls.Events.ERROR, (_, { details, reason, fatal }) => {
    seen.errors.push(`${details} ${reason ?? ""}`);
    broken ||= fatal;
  });
  hls.on(Hls.Events.MANIFEST_PARSED, () => video.play());
  hls.loadSource(url);
  hls.attachMedia(video);
  const begun = Date.now();
  while (given.length < parts || video.currentTime < seen.from + 3) {
    if (!video.paused && video.readyState >= 3 && seen.from === 0) {
      seen.from = video.currentTime;
    }
    if (broken || Date.now() - begun > 60_000) {
      seen.errors.push("not in time");
      break;
    }
    await new Promise((done) => { setTimeout(done, 20); });
  }
  [seen.to, seen.latency] = [video.currentTime, hls.latency];
  for (const [name, data] of given) {
    seen.given[name] = await digest(data);
  }
  hls.destroy();
  return seen;
}
