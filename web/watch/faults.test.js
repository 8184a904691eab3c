import assert from "node:assert/strict";
import { test } from "node:test";
import { KINDS, fault, faultOf } from "./faults.js";

const kind = (seen) => faultOf(seen).kind;

test("each answer has its sentence", () => {
  const cases = [
    [{ stage: "session", status: 401, held: true }, "bad_token"],
    [{ stage: "playlist", status: 401 }, "no_credential"],
    [{ stage: "playlist", status: 401, held: true }, "ended"],
    [{ stage: "key", status: 401, held: true }, "ended"],
    [{ stage: "key", status: 403, problem: { reason: "revoked" } }, "revoked"],
    [{ stage: "playlist", status: 403, problem: { reason: "not_entitled" } }, "not_entitled"],
    [{ stage: "session", status: 403, problem: { reason: "too_many_sessions" } }, "too_many"],
    [{ stage: "key", status: 403, problem: { reason: "displaced" } }, "displaced"],
    [{ stage: "session", status: 403, problem: {} }, "refused"],
    [{ stage: "playlist", status: 404 }, "off_air"],
    [{ stage: "key", status: 410 }, "key_gone"],
    [{ stage: "key", status: 429 }, "throttled"],
    [{ stage: "key", status: 503 }, "busy"],
    [{ stage: "playlist", status: 0 }, "away"],
    [{ stage: "playlist", status: 0, offline: true }, "offline"],
    [{ stage: "segment", status: 0, blocked: true }, "blocked"],
    [{ stage: "segment", status: 0 }, "media_away"],
    [{ stage: "segment", status: 404 }, "media_missing"],
    [{ stage: "segment", status: 403 }, "media_missing"],
    [{ stage: "media" }, "undecodable"],
    [{ stage: "playlist", status: 418 }, "stuck"],
  ];
  for (const [seen, expected] of cases) {
    assert.equal(kind(seen), expected, JSON.stringify(seen));
  }
});

test("every fault says what is wrong and what to do, and none is a network error", () => {
  const titles = new Set();
  for (const one of KINDS) {
    const { title, advice } = fault(one);
    titles.add(title);
    assert.ok(title.length > 10 && advice.length > 20, one);
    assert.doesNotMatch(`${title} ${advice}`, /network error|undefined/i);
  }
  assert.equal(titles.size, KINDS.length, "no two are called the same");
});

test("what mends itself is tried again when the server says, and what does not is not", () => {
  assert.equal(faultOf({ stage: "key", status: 503, retryAfter: 17 }).retryIn, 17);
  assert.equal(faultOf({ stage: "key", status: 503, retryAfter: 0 }).retryIn, 1);
  assert.equal(faultOf({ stage: "key", status: 503, retryAfter: 9999 }).retryIn, 120);
  assert.equal(faultOf({ stage: "key", status: 503 }).retryIn, 5);
  assert.equal(faultOf({ stage: "key", status: 403, retryAfter: 5 }).retryIn, null);
});

test("the request is named by the document, or else by the header", () => {
  const problem = { request_id: "0123456789abcdef" };
  assert.equal(faultOf({ stage: "key", status: 403, problem, requestId: "x" }).requestId, problem.request_id);
  assert.equal(faultOf({ stage: "key", status: 403, requestId: "x" }).requestId, "x");
});
