// Two ways to play: hls.js through media source extensions, or the browser's own HLS. Both show the same face to
// the page. Knows no page and no words; of the session, what opens a URL.

/** Seconds that hls.js loads ahead at most. */
const MOST_BUFFERED = 30;
const HLS_TYPE = "application/vnd.apple.mpegurl";

/** Which way to play here: `wanted` if that works, hls.js where it does, native where not; null for neither. */
export function choose(video, wanted) {
  const native = video.canPlayType(HLS_TYPE) !== "";
  // Where there is a managed source alone (iPhone), the native player can send to televisions too.
  const source = "MediaSource" in globalThis;
  const able = { hls: source || "ManagedMediaSource" in globalThis, native };
  if (wanted in able && able[wanted]) {
    return wanted;
  }
  if (source) {
    return "hls";
  }
  return ["native", "hls"].find((one) => able[one]) ?? null;
}

/** Loads hls.js, once. */
async function hlsAt(url) {
  if (!globalThis.Hls) {
    await new Promise((done, failed) => {
      const script = document.createElement("script");
      [script.src, script.onload, script.onerror] = [url, done, failed];
      document.head.append(script);
    });
  }
  return globalThis.Hls;
}

/**
 * @typedef {{suspect: string|null, media: boolean}} Failure
 *   the URL that failed, if it is known, and whether the media is at fault
 */

export class HlsEngine {
  name = "hls";
  #video;
  #session;
  #report;
  #player;
  #hls = null;
  #suspect = null;
  #mended = 0;

  /**
   * @param {{onFailure: (failure: Failure) => void, onChange: () => void}} report
   * @param {string} player where hls.js is
   */
  constructor(video, session, report, player) {
    [this.#video, this.#session, this.#report, this.#player] = [video, session, report, player];
  }

  async load(url, at = -1) {
    const Hls = await hlsAt(this.#player);
    this.#hls?.destroy();
    this.#hls = new Hls({
      startPosition: at,
      // Who is refused should not go on for minutes by what lies in the buffer.
      maxMaxBufferLength: MOST_BUFFERED,
      enableID3MetadataCues: false,
      enableEmsgMetadataCues: false,
      xhrSetup: (xhr, asked) => this.#open(xhr, asked),
    });
    this.#hls.on(Hls.Events.ERROR, (_, error) => this.#onError(Hls, error));
    const events = ["MANIFEST_PARSED", "LEVEL_SWITCHED", "AUDIO_TRACKS_UPDATED", "AUDIO_TRACK_SWITCHED",
      "SUBTITLE_TRACKS_UPDATED", "LEVEL_LOADED"];
    for (const name of events) {
      this.#hls.on(Hls.Events[name], () => this.#report.onChange());
    }
    this.#hls.loadSource(url);
    this.#hls.attachMedia(this.#video);
  }

  /** Goes on from where it is, once what failed may work again. */
  resume(url, at) {
    if (!this.#hls || this.#hls.levels.length === 0 || this.#video.error) {
      return this.load(url, at);
    }
    this.#suspect = null;
    this.#hls.startLoad(at);
    return Promise.resolve();
  }

  stop() {
    this.#hls?.stopLoad();
  }

  destroy() {
    this.#hls?.destroy();
    this.#hls = null;
  }

  get isLive() {
    const levels = this.#hls?.levels ?? [];
    return levels.some(({ details }) => details?.live);
  }

  /** Where live is, in the video's time, or null. */
  get edge() {
    return this.isLive ? this.#hls.liveSyncPosition : null;
  }

  /** @returns {{label: string, chosen: boolean}[]} the first is automatic */
  get qualities() {
    const { levels = [], autoLevelEnabled = true, currentLevel = -1 } = this.#hls ?? {};
    if (levels.length === 0) {
      return [];
    }
    const shown = autoLevelEnabled && currentLevel >= 0 ? ` (${labelOf(levels[currentLevel])})` : "";
    const all = levels.map((level, i) => ({ label: labelOf(level), chosen: !autoLevelEnabled && i === this.#hls.loadLevel }));
    return [{ label: `Auto${shown}`, chosen: autoLevelEnabled }, ...all];
  }

  chooseQuality(index) {
    this.#hls.nextLevel = index - 1;
  }

  get audios() {
    const { audioTracks = [], audioTrack = -1 } = this.#hls ?? {};
    return audioTracks.map(({ name, lang }, i) => ({ label: name || lang || `Audio ${i + 1}`, chosen: i === audioTrack }));
  }

  chooseAudio(index) {
    this.#hls.audioTrack = index;
  }

  #open(xhr, url) {
    const opened = this.#session.opened(url);
    xhr.open("GET", opened, true);
    xhr.addEventListener("loadend", () => {
      if (xhr.status !== 200 && xhr.status !== 206 && xhr.readyState === 4) {
        this.#suspect = url;
      }
    }, { once: true });
  }

  #onError(Hls, { fatal, type, details }) {
    if (!fatal) {
      return;
    }
    // A key that is not given is told as a fault of the media where hls.js has no other variant.
    const media = type === Hls.ErrorTypes.MEDIA_ERROR && this.#suspect === null;
    if (media && this.#mended < 1 && details !== Hls.ErrorDetails.MANIFEST_INCOMPATIBLE_CODECS_ERROR) {
      this.#mended += 1;
      this.#hls.recoverMediaError();
      return;
    }
    this.#hls.stopLoad();
    const suspect = this.#suspect && /\/v1\/keys\//.test(this.#suspect) ? this.#suspect : null;
    this.#report.onFailure({ suspect, media: media || type === Hls.ErrorTypes.OTHER_ERROR });
  }
}

function labelOf({ height, bitrate }) {
  return height ? `${height}p` : `${Math.round(bitrate / 1000)} kbit/s`;
}

export class NativeEngine {
  name = "native";
  #video;
  #report;
  #abort = null;

  constructor(video, _session, report) {
    [this.#video, this.#report] = [video, report];
  }

  load(url, at = -1) {
    this.destroy();
    this.#abort = new AbortController();
    const { signal } = this.#abort;
    const video = this.#video;
    const on = (name, act, once = false) => video.addEventListener(name, act, { signal, once });
    on("error", () => this.#report.onFailure({ suspect: null, media: true }));
    on("loadedmetadata", () => {
      if (at > 0 && Number.isFinite(video.duration)) {
        video.currentTime = at;
      }
      this.#report.onChange();
    }, true);
    // The grant in the URL is nobody's business who reads the document: once loading has begun, the attribute may go.
    on("loadstart", () => video.removeAttribute("src"), true);
    video.src = url;
    video.load();
    return Promise.resolve();
  }

  resume(url, at) {
    return this.load(url, at);
  }

  stop() {}

  destroy() {
    this.#abort?.abort();
    this.#abort = null;
  }

  get isLive() {
    return this.#video.duration === Infinity;
  }

  get edge() {
    const { seekable } = this.#video;
    return this.isLive && seekable.length > 0 ? seekable.end(seekable.length - 1) : null;
  }

  /** The browser chooses. */
  get qualities() {
    return [];
  }

  chooseQuality() {}

  get audios() {
    const tracks = [...(this.#video.audioTracks ?? [])];
    return tracks.map(({ label, language, enabled }, i) => ({ label: label || language || `Audio ${i + 1}`, chosen: enabled }));
  }

  chooseAudio(index) {
    [...(this.#video.audioTracks ?? [])].forEach((track, i) => { track.enabled = i === index; });
  }
}
