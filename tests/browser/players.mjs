// Real players of one live stream, each by each transport, and what came of it: a line of JSON a cell.
//
//   node players.mjs STAGE.json
//
// Every request passes a door that notes it. It judges each behaviour by what was observed: the time
// that goes on, the keys that the player fetched, its own errors.

import { createHash, createHmac, randomUUID, X509Certificate } from "node:crypto";
import { readFileSync } from "node:fs";
import { openCommand } from "./players/commands.mjs";
import { openDoor } from "./players/door.mjs";
import { isPaged, launch, openPage } from "./players/pages.mjs";
import { behave } from "./players/behave.mjs";

const stage = JSON.parse(readFileSync(process.argv[2], "utf8"));
const origin = `https://localhost:${stage.port}`;
// The server's certificate is of the stage's own authority.
process.env.NODE_TLS_REJECT_UNAUTHORIZED = "0";
process.removeAllListeners("warning");

const certificate = new X509Certificate(readFileSync(stage.certificate));
const spki = createHash("sha256").update(certificate.publicKey.export({ type: "spki", format: "der" })).digest("base64");
let alone = Promise.resolve();
const door = await openDoor(stage);
const browser = await launch(spki);
try {
  await until("the list is long", 120, async () => (await segments()).length >= 30);
  const left = stage.cells.map((cell, number) => ({ ...cell, number }));
  await Promise.all(Array.from({ length: stage.at_once }, async () => {
    for (let cell = left.shift(); cell; cell = left.shift()) {
      const turn = cell.player === "VLC" ? (alone = alone.then(() => run(cell))) : run(cell);
      console.log(JSON.stringify(await turn));
    }
  }));
} finally {
  await browser.close();
  door.close();
}

async function run({ player, transport, number, patience, rc }) {
  const who = `cell-${number}-${randomUUID()}`;
  // VLC asks for the parts of a playlist under its own name: one VLC at a time.
  const sign = { mark: player === "VLC" ? "VLC/" : who, from: Date.now() };
  const context = { player, who, origin, ca: stage.ca, begin, rc };
  const actor = isPaged(player) ? await openPage(browser, context) : openCommand(context);
  try {
    const behaviours = await behave({
      actor, door, sign, who, patience, renew: () => renew(actor, transport, who), revoke, newest,
    });
    const requests = door.keys(sign).filter(({ status }) => status === 200);
    return {
      player, transport, behaviours,
      refused: door.of(sign).filter(({ status }) => status >= 400).slice(0, 5),
      keys: door.kids(sign).size,
      requests: requests.length,
      cached: await actor.cached().catch(() => 0),
    };
  } finally {
    await actor.close();
  }
}

/** Shows the player a new credential of the viewer `who`, by its transport; gives its session. */
async function renew(actor, transport, who) {
  const session = randomUUID();
  const token = sign({ sub: who, sid: session });
  const list = `${stage.stream}/i`;
  switch (transport) {
    case "cookie": {
      const began = await actor.cookie(token);
      return { session: began, url: `${origin}/hls/${list}.m3u8`, inPlace: true };
    }
    case "header":
      await actor.header(token);
      return { session, url: `${origin}/hls/${list}.m3u8`, inPlace: true };
    case "rewrite":
      return { session, url: `${origin}/v1/play/${list}.m3u8?token=${token}`, inPlace: false };
    default:
      return { session, url: `${origin}/hls/${list}.define.m3u8?token=${token}`, inPlace: false };
  }
}

function sign(claims) {
  const now = Math.floor(Date.now() / 1000);
  const text = (value) => Buffer.from(JSON.stringify(value)).toString("base64url");
  const all = { streams: [stage.stream], iat: now - 60, exp: now + 7200, ...claims };
  const signed = `${text({ alg: "HS256", typ: "JWT" })}.${text(all)}`;
  return `${signed}.${createHmac("sha256", stage.secret).update(signed).digest("base64url")}`;
}

async function begin(token) {
  const headers = { Authorization: `Bearer ${token}` };
  const answer = await fetch(`${origin}/v1/sessions`, { method: "POST", headers });
  const cookie = answer.headers.getSetCookie()[0].split(";")[0];
  return { session: (await answer.json()).session, cookie };
}

async function revoke(what) {
  const headers = { Authorization: `Bearer ${stage.operator}`, "content-type": "application/json" };
  const answer = await fetch(`${stage.ops}/v1/revocations`, { method: "POST", headers, body: JSON.stringify(what) });
  if (answer.status !== 200) {
    throw new Error(`revocation: ${answer.status} ${await answer.text()}`);
  }
}

async function list() {
  return (await fetch(`${origin}/hls/${stage.stream}/i.m3u8`)).text();
}

async function segments() {
  return (await list()).split("\n").filter((line) => line.endsWith(".ts"));
}

/** The key of the last segment listed. */
async function newest() {
  return (await list()).split("\n").findLast((line) => line.startsWith("#EXT-X-KEY"))?.split('"')[1];
}

async function until(what, seconds, ready) {
  const end = Date.now() + seconds * 1000;
  while (!(await ready())) {
    if (Date.now() > end) {
      throw new Error(`${what}: not in time`);
    }
    await new Promise((done) => { setTimeout(done, 200); });
  }
}
