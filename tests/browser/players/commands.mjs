// Players that are commands: ffmpeg, VLC, GStreamer. Each is one process, ended by its own handle.
//
// Must not know: what is judged.

import { spawn } from "node:child_process";
import { chownSync, cpSync, mkdtempSync, rmSync } from "node:fs";
import { createConnection } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";

/** Nobody: VLC refuses to run as root. */
const NOBODY = 65534;
const DRIVER = new URL("../../python/gst_play.py", import.meta.url).pathname;

const STARTS = { ffmpeg, GStreamer: gstreamer, VLC: vlc };

export function openCommand(context) {
  const shown = { cookie: null, header: null };
  let run = null;
  return {
    cookie: async (token) => {
      const { session, cookie } = await context.begin(token);
      shown.cookie = cookie;
      return session;
    },
    header: async (token) => { shown.header = token; },
    load: async (url) => { run = STARTS[context.player](url, shown, context); },
    state: async () => ({ ...run.state(), errors: [...run.state().errors] }),
    pause: async () => run.pause(),
    resume: async () => run.resume(),
    seek: context.player === "ffmpeg" ? null : async (time) => run.seek(time),
    cached: async () => 0,
    canRenew: false,
    close: async () => run?.close(),
  };
}

/** A process whose lines are looked at as they come. */
function follow(command, args, options, { out = () => {}, err = () => {} }) {
  const child = spawn(command, args, { ...options, stdio: ["pipe", "pipe", "pipe"] });
  const lines = (pipe, look) => {
    let rest = "";
    pipe.on("data", (data) => {
      const all = (rest + data).split(/[\r\n]/);
      rest = all.pop();
      all.filter(Boolean).forEach(look);
    });
  };
  lines(child.stdout, out);
  lines(child.stderr, err);
  child.stdin.on("error", () => {});
  // Nobody is left behind by a driver that fails.
  const end = () => child.kill("SIGKILL");
  process.once("exit", end);
  child.once("exit", () => process.removeListener("exit", end));
  return child;
}

function ffmpeg(url, { cookie, header }, { who, ca }) {
  const state = { time: 0, from: 0, errors: [] };
  const args = ["-nostdin", "-v", "error", "-progress", "pipe:1", "-stats_period", "0.2", "-user_agent", who];
  args.push("-tls_verify", "1", "-ca_file", ca);
  if (cookie) {
    // It compares the domain with the host and its port.
    args.push("-cookies", `${cookie}; path=/; domain=${new URL(url).host};\n`);
  }
  if (header) {
    args.push("-headers", `Authorization: Bearer ${header}\r\n`);
  }
  const child = follow("/usr/bin/ffmpeg", [...args, "-i", url, "-f", "null", "-"], {}, {
    out: (line) => {
      const [, time] = /^out_time_us=(\d+)/.exec(line) ?? [];
      state.time = time ? time / 1e6 : state.time;
    },
    err: (line) => state.errors.push(line),
  });
  return {
    state: () => state,
    pause: () => child.kill("SIGSTOP"),
    resume: () => child.kill("SIGCONT"),
    close: () => child.kill("SIGKILL"),
  };
}

function gstreamer(url, { cookie, header }, { who, ca }) {
  const state = { time: 0, from: 0, errors: [] };
  const settings = JSON.stringify({ url, cookie, header, who, ca });
  const child = follow("/usr/bin/python3", [DRIVER, settings], {}, {
    out: (line) => {
      const { time, from, error } = JSON.parse(line);
      state.time = time ?? state.time;
      state.from = from ?? state.from;
      state.errors.push(...[error].filter(Boolean));
    },
    err: () => {},
  });
  const tell = (line) => child.stdin.write(`${line}\n`);
  return {
    state: () => state,
    pause: () => tell("pause"),
    resume: () => tell("play"),
    seek: (time) => tell(`seek ${time}`),
    close: () => child.kill("SIGKILL"),
  };
}

function vlc(url, _, { who, ca, rc }) {
  const state = { time: 0, from: 0, errors: [] };
  const home = mkdtempSync(join(tmpdir(), "vlc-"));
  const trust = join(home, "ca.pem");
  cpSync(ca, trust);
  const root = process.getuid() === 0;
  const options = { cwd: "/", env: { PATH: "/usr/bin:/bin", HOME: "/nonexistent", LC_ALL: "C.UTF-8" } };
  if (root) {
    [home, trust].forEach((path) => chownSync(path, NOBODY, NOBODY));
    Object.assign(options, { uid: NOBODY, gid: NOBODY });
  }
  const child = follow("/usr/bin/cvlc", [
    "-I", "oldrc", "--rc-fake-tty", "--rc-host", `127.0.0.1:${rc}`, "--no-color", "--vout", "dummy",
    "--aout", "dummy", "--no-xlib", "--gnutls-dir-trust", home, "--http-user-agent", who, url,
  ], options, {
    // It has no desktop, and a connection that ends without a goodbye was of use before.
    err: (line) => (
      /error/i.test(line) && !/gnutls| interface | libvlc /.test(line) && state.errors.push(line)
    ),
  });
  let socket = null;
  const asking = setInterval(() => {
    if (!socket) {
      socket = createConnection(rc, "127.0.0.1");
      socket.on("error", () => { socket = null; });
      socket.on("data", (data) => {
        for (const [, time] of String(data).matchAll(/^(?:> )?(\d+)\s*$/gm)) {
          state.time = Number(time);
        }
      });
    } else {
      socket.write("get_time\n");
    }
  }, 300);
  return {
    state: () => state,
    pause: () => socket?.write("pause\n"),
    resume: () => socket?.write("pause\n"),
    seek: (time) => socket?.write(`seek ${Math.round(time)}\n`),
    close: () => {
      clearInterval(asking);
      socket?.destroy();
      child.kill("SIGKILL");
      rmSync(home, { recursive: true, force: true });
    },
  };
}
