// Finds out why nothing plays, by asking for what a player asks for: multivariant playlist, media playlist, key, segment.
// Knows no player and no page.

import { seenOf } from "./session.js";

/** How many keys of a list are looked at, from its end. */
const KEYS = 3;

/**
 * @param {string} url the multivariant playlist, opened
 * @param {{opened: (url: string) => string, held: boolean}} session
 * @param {string|null} suspect a key or playlist that failed, which is looked at first
 * @returns {Promise<import("./faults.js").Seen|null>} null if everything answers
 */
export async function diagnose(url, session, suspect = null) {
  if (navigator.onLine === false) {
    return { stage: "playlist", offline: true };
  }
  const look = async (stage, at, reads = false) => {
    const asked = stage === "segment" ? { headers: { range: "bytes=0-0" } } : {};
    const answer = await fetch(at, { ...asked, cache: "no-store", credentials: "same-origin" }).catch(() => null);
    if (answer === null) {
      return { seen: { stage, status: 0, held: session.held, blocked: await isThere(at) } };
    }
    if (!answer.ok) {
      return { seen: await seenOf(stage, answer, session.held) };
    }
    const text = reads ? await answer.text() : "";
    answer.body?.cancel?.().catch(() => {});
    return { text };
  };
  let list = { url, ...(await look("playlist", url, true)) };
  const child = list.seen ? null : variantOf(list.text, url);
  if (child) {
    list = { url: child, ...(await look("playlist", session.opened(child), true)) };
  }
  if (list.seen) {
    return list.seen;
  }
  const { keys, segments } = named(list.text, list.url);
  const stages = [...keys.slice(-KEYS).map((at) => ["key", session.opened(at)]), ...segments.slice(-1).map((at) => ["segment", at])];
  if (suspect) {
    stages.unshift([/\/v1\/keys\//.test(suspect) ? "key" : "segment", session.opened(suspect)]);
  }
  for (const [stage, at] of stages) {
    const { seen } = await look(stage, at);
    if (seen) {
      return seen;
    }
  }
  return null;
}

/** Whether the host answers at all, though it lets us read nothing. */
async function isThere(url) {
  if (new URL(url).origin === location.origin) {
    return false;
  }
  return fetch(url, { mode: "no-cors", credentials: "omit" }).then(() => true, () => false);
}

function variantOf(text, url) {
  const lines = text.split(/\r?\n/);
  const at = lines.findIndex((line) => line.startsWith("#EXT-X-STREAM-INF"));
  const uri = at < 0 ? null : lines.slice(at + 1).find((line) => line && !line.startsWith("#"));
  return uri ? new URL(uri, url).href : null;
}

function named(text, url) {
  const absolute = (uri) => new URL(uri, url).href;
  const tags = [...text.matchAll(/^#EXT-X-KEY:.*\bURI="([^"]+)"/gm)].map(([, uri]) => absolute(uri));
  const lines = text.split(/\r?\n/).filter((line) => line && !line.startsWith("#"));
  return { keys: [...new Set(tags)], segments: lines.map(absolute) };
}
