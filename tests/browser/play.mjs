// Plays streams by hls.js in Debian's Chromium and prints what came of each as one line of JSON.
//
//   node play.mjs ORIGIN NAME=URL…
//
// Of each stream, every variant is played: what hls.js gave to the media buffers, by fragment, and
// the pictures that the browser shows, twice a second. It judges nothing but its own deadlines.

import { launch, named, players } from "./chromium.mjs";

const [origin, ...streams] = process.argv.slice(2);

const browser = await launch();
try {
  const open = await players(browser, origin);
  const seen = await Promise.all(streams.map(named).map(async ([name, url]) => (
    [name, await visit(await open(), url)]
  )));
  console.log(JSON.stringify(Object.fromEntries(seen)));
} finally {
  await browser.close();
}

async function visit(page, url) {
  const variants = [];
  do {
    variants.push(await page.evaluate(play, [url, variants.length]));
  } while (variants.length < variants[0].variants);
  return variants;
}

/** Runs in the page: loads all of one variant, then looks at its pictures. */
async function play([url, variant]) {
  const MINUTE = 60_000;
  const begun = Date.now();
  const until = async (what, ready) => {
    for (;;) {
      const found = ready();
      if (found) {
        return found;
      }
      if (Date.now() - begun > MINUTE) {
        throw new Error(`${what}: not in time: ${JSON.stringify(seen)}`);
      }
      await new Promise((done) => { setTimeout(done, 20); });
    }
  };
  const digest = async (bytes) => {
    const hash = new Uint8Array(await crypto.subtle.digest("SHA-256", bytes));
    return [...hash.slice(0, 12)].map((byte) => byte.toString(16).padStart(2, "0")).join("");
  };
  const seen = { variants: 0, given: [], pictures: [], keys: [], errors: [] };
  const given = [];
  const complete = new Set();
  let details = null;
  const video = document.createElement("video");
  video.muted = true;
  document.body.append(video);
  const hls = new Hls({
    startLevel: variant,
    startPosition: 0,
    lowLatencyMode: false,
    maxBufferLength: 600,
    maxBufferSize: 1e9,
    testBandwidth: false,
  });
  hls.on(Hls.Events.MANIFEST_PARSED, (_, { levels }) => {
    seen.variants = levels.length;
    hls.loadLevel = variant;
  });
  hls.on(Hls.Events.LEVEL_UPDATED, (_, data) => {
    details = data.level === variant ? data.details : details;
  });
  hls.on(Hls.Events.KEY_LOADED, (_, { frag }) => {
    const { pathname } = new URL(frag.decryptdata.uri);
    seen.keys.push(...[pathname].filter((key) => !seen.keys.includes(key)));
  });
  hls.on(Hls.Events.BUFFER_APPENDING, (_, { type, frag, data }) => {
    given.push([type, frag.sn, data.slice()]);
  });
  hls.on(Hls.Events.FRAG_BUFFERED, (_, { frag }) => complete.add(frag.sn));
  let broken = false;
  hls.on(Hls.Events.ERROR, (_, { details: what, reason, fatal }) => {
    seen.errors.push(`${what} ${reason ?? ""}`);
    broken ||= fatal || seen.errors.length > 3;
  });
  hls.loadSource(url);
  hls.attachMedia(video);
  await until("all is loaded, or nothing more is", () => broken || (
    details?.fragments.every(({ sn, gap }) => gap || complete.has(sn)) && video.readyState >= 2
  ));
  for (const [type, sn, data] of given) {
    seen.given.push(`${sn} ${type} ${data.length} ${await digest(data)}`);
  }

  const canvas = document.createElement("canvas");
  [canvas.width, canvas.height] = [video.videoWidth, video.videoHeight];
  const paper = canvas.getContext("2d", { willReadFrequently: true });
  // The last pictures of a list that has not ended are kept until the next ones come.
  const last = details?.live ? 0.5 : 0;
  const end = broken ? 0 : video.buffered.end(video.buffered.length - 1) - last;
  for (let at = 0.25; at < end; at += 0.5) {
    let shown = null;
    video.requestVideoFrameCallback((_, { mediaTime }) => { shown = mediaTime; });
    video.currentTime = at;
    await until(`the picture at ${at}`, () => shown !== null && !video.seeking);
    paper.drawImage(video, 0, 0);
    const { data } = paper.getImageData(0, 0, canvas.width, canvas.height);
    seen.pictures.push(`${shown.toFixed(3)} ${await digest(data)}`);
  }
  hls.destroy();
  video.remove();
  return seen;
}
