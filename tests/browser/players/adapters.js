// Runs in a page: what is the same to ask of each player that a page can have.
//
// `start(player, video)` gives { load(url), credential(token) }. Must not know: what is judged.

window.errors = [];
const said = (what) => window.errors.push(String(what));
let bearer = null;

const ADAPTERS = {
  hlsjs(video) {
    let hls = null;
    return {
      load(url) {
        hls?.destroy();
        hls = new window.Hls({
          xhrSetup: (xhr) => bearer && xhr.setRequestHeader("Authorization", `Bearer ${bearer}`),
        });
        hls.on(window.Hls.Events.ERROR, (_, { fatal, details, response }) => (
          (fatal || /Decrypt|Parsing/i.test(details)) && said(`${details} ${response?.code ?? ""}`)
        ));
        hls.loadSource(url);
        hls.attachMedia(video);
      },
    };
  },
  shaka(video) {
    window.shaka.polyfill.installAll();
    const player = new window.shaka.Player();
    const { KEY } = window.shaka.net.NetworkingEngine.RequestType;
    const ready = player.attach(video).then(() => {
      player.getNetworkingEngine().registerRequestFilter((type, request) => {
        if (bearer && type === KEY) {
          request.headers.Authorization = `Bearer ${bearer}`;
        }
      });
      player.addEventListener("error", ({ detail }) => said(`shaka ${detail.code}`));
    });
    return {
      load: (url) => {
        ready.then(() => player.load(url)).catch((error) => said(`shaka ${error.code}`));
      },
    };
  },
  vhs(video) {
    const { videojs } = window;
    videojs.Vhs.xhr.onRequest((options) => {
      if (bearer) {
        options.headers = { ...options.headers, Authorization: `Bearer ${bearer}` };
      }
      return options;
    });
    const player = videojs(video, { muted: true, html5: { vhs: { overrideNative: true } } });
    player.on("error", () => said(`video.js ${player.error()?.code} ${player.error()?.message}`));
    return {
      load(url) {
        player.src({ src: url, type: "application/vnd.apple.mpegurl" });
        player.play();
      },
    };
  },
  native(video) {
    video.addEventListener("error", () => said(`media ${video.error?.code} ${video.error?.message}`));
    return { load: (url) => { video.src = url; } };
  },
};

window.start = (name) => {
  const video = document.createElement("video");
  video.muted = true;
  video.autoplay = true;
  document.body.append(video);
  const player = ADAPTERS[name](video);
  window.watch = {
    load: (url) => { player.load(url); video.play().catch(() => {}); },
    credential: (token) => { bearer = token; },
    // video.js puts an element of its own in the place of the one that it is given.
    video: () => document.querySelector("video"),
    state: () => {
      const shown = document.querySelector("video");
      const seekable = shown.seekable.length > 0 ? shown.seekable.start(0) : 0;
      return { time: shown.currentTime, from: seekable, errors: window.errors };
    },
  };
};
