//! `GET /watch/{stream}`: a player page for anyone to open and for listed sites to embed; `/player/{file}` is
//! what it is made of.
//!
//! The page is the same for every viewer, whether or not the stream is there: who may watch is asked by the page
//! itself, at the viewers' routes. Must not know: credentials, playlists.

use std::sync::OnceLock;

use actix_web::http::header::{self, EntityTag};
use actix_web::web::{Bytes, Data};
use actix_web::{HttpRequest, HttpResponse};
use serde::Deserialize;

use super::config::ServerConfigError;
use super::cors::is_origin;
use super::error::{Code, Failure};
use super::files::{bytes_or_head, gzip, has_copy};
use super::origin::takes_gzip;
use crate::crypto::{hex_of, sha256};
use crate::domain::StreamId;

/// `[server.watch]`: there is a player page. Default: none.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct WatchConfig {
    /// The web origins whose pages may embed it and hand it a token, compared exactly. Default: none.
    #[serde(default)]
    pub embed: Vec<String>,
    /// What a stream's multivariant playlist may be called, in the order of trying. Default:
    /// `["master.m3u8", "index.m3u8"]`.
    #[serde(default = "usual_names")]
    pub files: Vec<String>,
}

fn usual_names() -> Vec<String> {
    ["master.m3u8", "index.m3u8"].map(str::to_owned).to_vec()
}

impl WatchConfig {
    /// Whether the program has a player, embedders are origins, and names are those of playlists.
    pub(super) fn check(&self) -> Result<(), ServerConfigError> {
        if PLAYER.is_none() {
            return Err(ServerConfigError::NoPlayer);
        }
        if let Some(wrong) = self.embed.iter().find(|entry| !is_origin(entry)) {
            return Err(ServerConfigError::Embedder(wrong.clone()));
        }
        let is_name = |name: &&String| {
            let plain = |b: u8| b.is_ascii_alphanumeric() || b"._-/".contains(&b);
            let parts = || name.split('/').all(|part| !["", ".", ".."].contains(&part));
            name.ends_with(".m3u8") && name.bytes().all(plain) && parts()
        };
        match self.files.iter().find(|name| !is_name(name)) {
            Some(wrong) => Err(ServerConfigError::PlaylistName(wrong.clone())),
            None if self.files.is_empty() => Err(ServerConfigError::PlaylistName(String::new())),
            None => Ok(()),
        }
    }
}

/// The page as this server is told to show it.
#[derive(Debug)]
pub(super) struct Watch {
    embed: Vec<String>,
    files: Vec<String>,
    policy: String,
}

/// Scripts and styles only from files of ours; `data:` is how hls.js makes tracks of subtitles; media and playlists from wherever the stream says.
const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data: blob:; \
    media-src 'self' https: blob: data:; connect-src 'self' https:; worker-src 'self' blob:; base-uri 'none'; \
    form-action 'none'; frame-ancestors ";

impl Watch {
    pub(super) fn new(config: &WatchConfig) -> Self {
        let embedders = match config.embed.is_empty() {
            true => "'none'".to_owned(),
            false => config.embed.join(" "),
        };
        Self {
            embed: config.embed.clone(),
            files: config.files.clone(),
            policy: format!("{POLICY}{embedders}"),
        }
    }

    /// The page of one stream. Its files are named relative to it, so that a proxy may put us anywhere.
    fn page(&self, stream: &StreamId) -> String {
        let root = "../".repeat(stream.as_str().split('/').count());
        let settings = serde_json::json!({
            "stream": stream.as_str(),
            "root": root,
            "files": self.files,
            "embed": self.embed,
        });
        let settings = settings
            .to_string()
            .replace('&', "&amp;")
            .replace('"', "&quot;");
        let settings = settings.replace('<', "&lt;");
        PAGE.replace("{root}", &root)
            .replace("{settings}", &settings)
    }
}

pub(super) async fn page(
    request: HttpRequest,
    watch: Option<Data<Watch>>,
) -> Result<HttpResponse, Failure> {
    let missing = || Failure::new(Code::NotFound);
    let watch = watch.ok_or_else(missing)?;
    let stream = request.match_info().get("stream").unwrap_or_default();
    let stream: StreamId = stream.parse().map_err(|_| missing())?;
    Ok(HttpResponse::Ok()
        .content_type("text/html; charset=utf-8")
        .insert_header((header::CACHE_CONTROL, "no-cache"))
        .insert_header((header::CONTENT_SECURITY_POLICY, watch.policy.as_str()))
        .body(bytes_or_head(&request, watch.page(&stream))))
}

pub(super) async fn file(
    request: HttpRequest,
    watch: Option<Data<Watch>>,
) -> Result<HttpResponse, Failure> {
    let missing = || Failure::new(Code::NotFound);
    watch.ok_or_else(missing)?;
    let name = request.match_info().get("file").unwrap_or_default();
    let file = FILES
        .iter()
        .chain(PLAYER.iter().flatten())
        .find(|file| file.name == name);
    file.ok_or_else(missing)?.answer(&request)
}

/// hls.js and its licence, for another page of the program; `None` if it was built without them.
pub fn player_files() -> Option<[(&'static str, &'static str, &'static [u8]); 2]> {
    PLAYER
        .as_ref()
        .map(|files| files.each_ref().map(|it| (it.name, it.kind, it.bytes)))
}

/// A file of the page.
struct Asset {
    name: &'static str,
    kind: &'static str,
    bytes: &'static [u8],
    packed: OnceLock<(String, Bytes)>,
}

impl Asset {
    const fn new(name: &'static str, kind: &'static str, bytes: &'static [u8]) -> Self {
        Self {
            name,
            kind,
            bytes,
            packed: OnceLock::new(),
        }
    }

    /// Its tag, and its gzipped form, which is made once.
    fn packed(&self) -> &(String, Bytes) {
        self.packed.get_or_init(|| {
            let tag = hex_of(&sha256(self.bytes)[..8]);
            (tag, gzip(self.bytes).unwrap_or_default().into())
        })
    }

    fn answer(&self, request: &HttpRequest) -> Result<HttpResponse, Failure> {
        let (tag, packed) = self.packed();
        let gzipped = takes_gzip(request) && !packed.is_empty();
        // Two representations, so two tags (RFC 9110 §8.8.3.3).
        let tag = EntityTag::new_strong(format!("{tag}{}", if gzipped { "-gzip" } else { "" }));
        let is_known = has_copy(request, &tag);
        let mut answer = match is_known {
            true => HttpResponse::NotModified(),
            false => HttpResponse::Ok(),
        };
        answer
            .insert_header(header::ETag(tag))
            .insert_header((header::CACHE_CONTROL, "no-cache"))
            .insert_header((header::VARY, "accept-encoding"));
        if is_known {
            return Ok(answer.finish());
        }
        answer.content_type(self.kind);
        let body = match gzipped {
            true => {
                answer.insert_header((header::CONTENT_ENCODING, "gzip"));
                packed.clone()
            }
            false => Bytes::from_static(self.bytes),
        };
        Ok(answer.body(bytes_or_head(request, body)))
    }
}

macro_rules! asset {
    ($name:literal, $kind:expr) => {
        Asset::new(
            $name,
            $kind,
            include_bytes!(concat!("../../web/watch/", $name)),
        )
    };
}

const CSS: &str = "text/css; charset=utf-8";
const SCRIPT: &str = "text/javascript; charset=utf-8";

const PAGE: &str = include_str!("../../web/watch/index.html");

static FILES: [Asset; 7] = [
    asset!("watch.css", CSS),
    asset!("watch.js", SCRIPT),
    asset!("view.js", SCRIPT),
    asset!("session.js", SCRIPT),
    asset!("engines.js", SCRIPT),
    asset!("diagnose.js", SCRIPT),
    asset!("faults.js", SCRIPT),
];

#[cfg(has_player)]
static PLAYER: Option<[Asset; 2]> = Some([
    Asset::new(
        "hls.min.js",
        SCRIPT,
        include_bytes!("../../web/node_modules/hls.js/dist/hls.min.js"),
    ),
    Asset::new(
        "hls.js.LICENSE.txt",
        "text/plain; charset=utf-8",
        include_bytes!("../../web/node_modules/hls.js/LICENSE"),
    ),
]);
#[cfg(not(has_player))]
static PLAYER: Option<[Asset; 2]> = None;

#[cfg(test)]
mod tests {
    use super::*;

    fn config(text: &str) -> WatchConfig {
        toml::from_str(text).unwrap()
    }

    #[test]
    fn embedders_are_origins_and_files_are_playlists() {
        assert_eq!(
            config("embed = ['https://www.example.com']").check(),
            Ok(())
        );
        assert_eq!(config("files = ['a/b.m3u8']").check(), Ok(()));
        for wrong in [
            "*",
            "https://www.example.com/",
            "'self'",
            "https://a; script-src *",
        ] {
            let refused = config(&format!("embed = [{wrong:?}]")).check();
            assert!(
                matches!(refused, Err(ServerConfigError::Embedder(_))),
                "{wrong}"
            );
        }
        for wrong in [
            "",
            "/a.m3u8",
            "../a.m3u8",
            "a.mpd",
            "a\".m3u8",
            "https://a/b.m3u8",
        ] {
            let refused = config(&format!("files = [{wrong:?}]")).check();
            assert!(
                matches!(refused, Err(ServerConfigError::PlaylistName(_))),
                "{wrong}"
            );
        }
        assert!(config("files = []").check().is_err());
    }

    #[test]
    fn the_page_names_its_files_from_where_it_stands_and_needs_no_exception_from_its_policy() {
        let page = Watch::new(&config("")).page(&"live/a/b".parse().unwrap());
        assert!(page.contains("\"../../../player/watch.js\""), "{page}");
        assert!(
            page.contains("&quot;stream&quot;:&quot;live/a/b&quot;"),
            "{page}"
        );
        for inline in [
            "<style",
            " style=",
            " onclick=",
            "<script>",
            "javascript:",
            "{root}",
        ] {
            assert!(!page.contains(inline), "{inline}");
        }
    }

    #[test]
    fn every_script_that_a_script_names_is_there() {
        for file in &FILES {
            let text = std::str::from_utf8(file.bytes).unwrap();
            for rest in text.split("from \"./").skip(1) {
                let name = rest.split('"').next().unwrap();
                assert!(
                    FILES.iter().any(|it| it.name == name),
                    "{}: {name}",
                    file.name
                );
            }
        }
    }
}
