import assert from "node:assert/strict";
import { test } from "node:test";
import { Session } from "./session.js";

const BASE = "https://keys.example/";

/** A server that gives these sessions in turn, and keeps a cookie or not. */
function served(expires, { cookies = true } = {}) {
  const asked = [];
  const turns = [...expires];
  const fetch = async (url, { method, headers }) => {
    asked.push(`${method} ${url.pathname}${headers ? " with a token" : ""}`);
    if (method === "GET") {
      return Response.json(cookies ? { session: "s", expires: null } : {}, { status: cookies ? 200 : 401 });
    }
    return Response.json({ session: "s", grant: `grant-${turns.length}`, expires: new Date(turns.shift()) });
  };
  return { asked, session: new Session(BASE, "live/news", { fetch, now: () => 0 }) };
}

test("a token begins a session whose grant opens what is ours, and nothing else", async () => {
  const { session } = served([600_000]);
  assert.equal(session.opened("v1/play/live/news/m.m3u8"), `${BASE}v1/play/live/news/m.m3u8`);
  assert.equal(await session.begin("t"), null);
  assert.equal(session.opened("v1/play/live/news/m.m3u8"), `${BASE}v1/play/live/news/m.m3u8?token=grant-1`);
  assert.equal(session.opened(`${BASE}v1/keys/k?token=old`), `${BASE}v1/keys/k?token=grant-1`);
  for (const foreign of ["https://cdn.example/v1/play/x.m3u8", `${BASE}hls/live/news/0.ts`]) {
    assert.equal(session.opened(foreign), foreign);
  }
  assert.equal(session.renewIn, 450_000);
});

test("it is renewed by its cookie, and where there is none by the token", async () => {
  const kept = served([600_000, 900_000]);
  await kept.session.begin("t");
  assert.equal(await kept.session.renew(), true);
  assert.ok(kept.asked.includes("POST /v1/sessions/current/renew"));
  assert.equal(kept.asked.filter((one) => one.endsWith("with a token")).length, 1);
  const lost = served([600_000, 900_000], { cookies: false });
  await lost.session.begin("t");
  assert.equal(await lost.session.renew(), true);
  assert.equal(lost.asked.filter((one) => one.endsWith("with a token")).length, 2);
});

test("a session at its bound is not taken for renewed", async () => {
  const { session } = served([600_000, 600_000, 600_000]);
  await session.begin("t");
  assert.equal(await session.renew(), false);
});
