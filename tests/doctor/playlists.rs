//! Every fault of playlists, provoked once.
//!
//! Must not know: how the doctor asks.

use super::row::Base::{Live, Vod};
use super::row::{Row, judge, row};
use super::site::{clear, media};

pub(crate) const LISTS: [Row; 25] = [
    row("stream-clear", Vod, "", |request, reply| {
        if request.is_media() {
            reply.replace("#EXT-X-KEY", "#KEY");
        } else if request.is_segment() {
            reply.body = clear();
        }
    }),
    row("rendition-clear", Vod, "", |request, reply| {
        if request.path == "/live/v1/index.m3u8" {
            reply.replace("#EXT-X-KEY", "#KEY");
        } else if request.path.starts_with("/live/v1/") {
            reply.body = clear();
        }
    }),
    row("redirect", Vod, "", |request, reply| {
        if request.path == "/live/v0/index.m3u8" && request.query.is_empty() {
            reply.fail(302);
            reply.set("location", "index.m3u8?moved=1");
        }
    }),
    row("playlist-refused", Vod, "", |request, reply| {
        if request.path == "/live/v1/index.m3u8" {
            reply.fail(404);
        }
    }),
    row("playlist-broken", Vod, "", |request, reply| {
        if request.is_media() {
            reply.replace("#EXTINF", "#INF");
        }
    }),
    row("playlist-type", Vod, "", |request, reply| {
        if request.is_list() {
            reply.set("content-type", "text/plain");
        }
    }),
    row("playlist-plain", Vod, "", |_, reply| reply.gzip = false),
    row("playlist-cached", Live, "--once", |request, reply| {
        if request.is_list() {
            reply.set("cache-control", "max-age=600");
        }
    }),
    row("unreachable", Vod, "", |request, reply| {
        if request.path.ends_with("master.m3u8") {
            reply.replace("v1/index.m3u8", "https://localhost:1/v1/index.m3u8");
        }
    }),
    row("iv-missing", Vod, "", |request, reply| {
        if request.is_media() {
            reply.replace(",IV=0x", ",X-IV=0x");
        }
    }),
    row("iv-form", Vod, "", |request, reply| {
        if request.is_media() {
            reply.replace(&format!("0x{:032x}", 7), "0x7");
        }
    }),
    row("iv-reused", Vod, "", |request, reply| {
        if request.is_media() {
            reply.replace(&format!("0x{:032x}", 8), &format!("0x{:032x}", 7));
        }
    }),
    row("method-unknown", Vod, "", |request, reply| {
        if request.is_media() {
            reply.replace("AES-128", "AES-256");
        }
    }),
    row("keyformat-order", Vod, "", |request, reply| {
        if request.is_media() {
            let foreign =
                "#EXT-X-KEY:METHOD=SAMPLE-AES,URI=\"skd://1\",KEYFORMAT=\"com.example\"\n";
            reply.replace("#EXTINF", &format!("{foreign}#EXTINF"));
        }
    }),
    row("keyformat-foreign", Vod, "", |request, reply| {
        if request.is_media() {
            reply.replace(
                "METHOD=AES-128",
                "METHOD=SAMPLE-AES,KEYFORMAT=\"com.example\"",
            );
        }
    }),
    row("key-uri-trap", Vod, "", |request, reply| {
        if request.is_media() {
            reply.replace("grant=good", "grant=good&IV=1");
        }
    }),
    row("version-low", Vod, "", |request, reply| {
        if request.is_media() {
            reply.replace("VERSION:6", "VERSION:1");
        }
    }),
    row("map-range", Vod, "", |request, reply| {
        if request.is_media() {
            let map = "#EXT-X-MAP:URI=\"init.mp4\",BYTERANGE=\"32@0\"\n#EXTINF";
            reply.replace("#EXTINF", map);
        }
    }),
    row("map-without-iv", Vod, "", |request, reply| {
        if request.is_media() {
            reply.replace(",IV=0x", ",X-IV=0x");
            reply.replace("#EXTINF", "#EXT-X-MAP:URI=\"init.mp4\"\n#EXTINF");
        }
    }),
    row("define-without-value", Vod, "", |request, reply| {
        if request.is_media() {
            reply.replace(
                "#EXT-X-VERSION:6\n",
                "#EXT-X-VERSION:11\n#EXT-X-DEFINE:QUERYPARAM=\"token\"\n",
            );
        }
    }),
    row("clock-skew", Vod, "", |_, reply| {
        reply.set("date", "Sun, 06 Nov 1994 08:49:37 GMT");
    }),
    row("date-skew", Live, "--once", |request, reply| {
        if request.is_media() {
            let date = "#EXT-X-PROGRAM-DATE-TIME:2020-01-01T00:00:00Z\n#EXTINF";
            reply.replace("#EXTINF", date);
        }
    }),
    row("live-stalled", Live, "", |request, reply| {
        if request.is_media() {
            reply.body = media(request, 7, false).into_bytes();
        }
    }),
    row("live-back", Live, "", |request, reply| {
        if request.is_media() && request.count > 4 {
            reply.body = media(request, 1, false).into_bytes();
        }
    }),
    row("live-changed", Live, "", |request, reply| {
        if request.is_media() && request.count > 4 {
            reply.replace("/keys/1", "/keys/2");
        }
    }),
];

#[test]
fn every_fault_of_a_playlist_is_found() {
    judge(&LISTS[..13]);
}

#[test]
fn every_other_fault_of_a_playlist_is_found() {
    judge(&LISTS[13..]);
}
