// The door of the server: every request of every player passes here and is noted, by its User-Agent.
//
// It changes nothing. Must not know: what a player should ask for.

import { readFileSync } from "node:fs";
import https from "node:https";

export function openDoor({ port, upstream, certificate, key }) {
  const notes = [];
  const agent = new https.Agent({ keepAlive: true, rejectUnauthorized: false });
  const server = https.createServer({
    cert: readFileSync(certificate), key: readFileSync(key),
  }, (request, answer) => {
    const note = {
      who: request.headers["user-agent"] ?? "",
      path: request.url.split("?")[0],
      status: 0,
      at: Date.now(),
    };
    notes.push(note);
    const { method, url: path, headers } = request;
    const inner = https.request({ agent, host: "127.0.0.1", port: upstream, method, path, headers }, (reply) => {
      note.status = reply.statusCode;
      answer.writeHead(reply.statusCode, reply.rawHeaders);
      reply.pipe(answer);
    });
    inner.on("error", () => answer.destroy());
    answer.on("close", () => inner.destroy());
    request.pipe(inner);
  });
  const of = ({ mark, from }) => notes.filter(({ who, at }) => who.includes(mark) && at >= from);
  const keys = (who, since = 0) => of(who)
    .filter(({ path, at }) => path.startsWith("/v1/keys/") && at >= since);
  return new Promise((done) => {
    server.listen(port, "127.0.0.1", () => done({
      of,
      keys,
      kids: (who, since) => new Set(keys(who, since)
        .filter(({ status }) => status === 200).map(({ path }) => path)),
      close: () => { server.closeAllConnections(); server.close(); agent.destroy(); },
    }));
  });
}
