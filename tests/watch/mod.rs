//! The player page in Chromium: it plays both ways, is embedded, renews, and has words for each failure.
//!
//! Must not know: how the page finds out what is wrong.

mod browser;
mod failures;
mod plays;

use std::fmt::Write as _;
use std::process::Command;

use serde_json::json;

use self::browser::Browser;
use crate::harness::actor::Actor;
use crate::harness::encrypt::Encrypt;
use crate::harness::ffmpeg::finish;
use crate::harness::serve::Serve;

const STREAM: &str = "test/film";
/// Longer than a player buffers ahead, so that who jumps to its end asks for keys anew.
const SECONDS: u32 = 120;
const SEGMENT: u32 = 2;

/// A server with a film, its player page, and a browser.
struct Scene {
    serve: Serve,
    browser: Browser,
    operator: Actor,
    _source: tempfile::TempDir,
}

impl Scene {
    /// `entitlement` is the source; the configuration ends in `more`.
    async fn set(entitlement: &str, watch: &str, more: &str) -> Self {
        let more = format!("[server.watch]\n{watch}\n{more}");
        let mut serve = Serve::prepare("{ segments = 10 }", &more);
        serve.amend("source = \"allow\"", &format!("source = \"{entitlement}\""));
        serve.resume().await;
        let source = film();
        let sink = serve.origin().join(STREAM);
        std::fs::create_dir_all(&sink).unwrap();
        Encrypt::at(&serve, STREAM, source.path(), &sink).once_well();
        let file = serve.credential("operator", "**", &["operate"]);
        let credential = std::fs::read_to_string(file).unwrap();
        Self {
            operator: serve.ops().with(credential.trim()),
            serve,
            browser: Browser::start(),
            _source: source,
        }
    }

    fn token(&self) -> String {
        self.token_of("alice")
    }

    fn token_of(&self, viewer: &str) -> String {
        crate::revocation::token(&json!({"sub": viewer}))
    }

    /// The page's address, with a token.
    fn url(&self, query: &str) -> String {
        format!(
            "{}/watch/{STREAM}{query}#token={}",
            self.serve.url(),
            self.token()
        )
    }

    async fn operate(&self, path: &str, body: &serde_json::Value, status: u16) {
        let asked = self
            .operator
            .ask("POST", path, Some(&body.to_string()))
            .await;
        asked.expect(status);
    }

    async fn entitle(&self, viewer: &str) {
        let path = format!("/v1/entitlements/{viewer}");
        let body = json!({"streams": ["test/**"]}).to_string();
        self.operator
            .ask("PUT", &path, Some(&body))
            .await
            .expect(200);
    }
}

/// Two pictures with a tone, and subtitles, by ffmpeg.
fn film() -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    let mut command = Command::new("/usr/bin/ffmpeg");
    command.current_dir(folder.path());
    let sources = [
        "testsrc2=size=320x180:rate=10",
        "testsrc2=size=640x360:rate=10",
        "sine=frequency=440",
    ];
    command.args(["-nostdin", "-v", "error"]);
    for source in sources {
        command.args(["-f", "lavfi", "-i", source]);
    }
    let length = SECONDS.to_string();
    command.args([
        "-t", &length, "-map", "0:v", "-map", "2:a", "-map", "1:v", "-map", "2:a",
    ]);
    let coded = "-c:v libx264 -preset ultrafast -g 20 -keyint_min 20 -sc_threshold 0 -pix_fmt yuv420p -c:a aac \
                 -b:v:0 150k -b:v:1 400k -f hls -hls_time 2 -hls_playlist_type vod -master_pl_name master.m3u8";
    command.args(coded.split_whitespace());
    command.args(["-var_stream_map", "v:0,a:0 v:1,a:1"]);
    command.args(["-hls_segment_filename", "v%v/s%d.ts", "v%v/index.m3u8"]);
    finish(command);
    subtitled(folder.path());
    folder
}

/// Adds subtitles, a line every segment.
fn subtitled(folder: &std::path::Path) {
    std::fs::create_dir(folder.join("text")).unwrap();
    let mut list = format!("#EXTM3U\n#EXT-X-VERSION:3\n#EXT-X-TARGETDURATION:{SEGMENT}\n");
    for n in 0..SECONDS / SEGMENT {
        let at = |second: u32| format!("00:{:02}:{:02}.000", second / 60, second % 60);
        let (from, to) = (at(n * SEGMENT), at((n + 1) * SEGMENT));
        let map = "X-TIMESTAMP-MAP=MPEGTS:126000,LOCAL:00:00:00.000";
        let text = format!("WEBVTT\n{map}\n\n{from} --> {to}\nline {n}\n");
        std::fs::write(folder.join(format!("text/s{n}.vtt")), text).unwrap();
        writeln!(list, "#EXTINF:{SEGMENT}.0,\ns{n}.vtt").unwrap();
    }
    std::fs::write(folder.join("text/index.m3u8"), list + "#EXT-X-ENDLIST\n").unwrap();
    let master = folder.join("master.m3u8");
    let text = std::fs::read_to_string(&master).unwrap();
    let text = text.replace("#EXT-X-STREAM-INF:", "#EXT-X-STREAM-INF:SUBTITLES=\"s\",");
    let group = "#EXT-X-MEDIA:TYPE=SUBTITLES,GROUP-ID=\"s\",NAME=\"English\",LANGUAGE=\"en\",URI=\"text/index.m3u8\"\n";
    let at = text.find("#EXT-X-STREAM-INF").unwrap();
    std::fs::write(&master, format!("{}{group}{}", &text[..at], &text[at..])).unwrap();
}
