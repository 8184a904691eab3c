//! Every fault of keys and of what may read them, provoked once.
//!
//! Must not know: how the doctor asks.

use super::row::Base::{Bare, Vod};
use super::row::{Row, judge, row};
use super::site::KEY;

const BEARER: &str = "--bearer-file {dir}/token";

pub(crate) const KEYS: [Row; 19] = [
    row("key-open", Vod, "", |request, reply| {
        if request.is_key() {
            reply.status = 200;
            reply.body = KEY.to_vec();
        }
    }),
    row("key-in-clear", Vod, "", |request, reply| {
        if request.is_media() {
            let port = request.port;
            let from = format!("https://localhost:{port}/keys");
            reply.replace(&from, &from.replace("https", "http"));
        }
    }),
    row("key-refused", Vod, "", |request, reply| {
        if request.is_key() {
            reply.fail(403);
        }
    }),
    row(
        "token-not-on-key",
        Vod,
        "--token-file {dir}/token",
        |request, reply| {
            if request.is_media() {
                reply.replace("?grant=good", "");
            }
        },
    ),
    row("key-missing", Vod, "", |request, reply| {
        if request.is_key() {
            reply.fail(404);
        }
    }),
    row("key-unavailable", Vod, "", |request, reply| {
        if request.is_key() {
            reply.fail(503);
        }
    }),
    row("key-newline", Vod, "", |request, reply| {
        if request.is_key() {
            reply.body.push(b'\n');
        }
    }),
    row("key-text", Vod, "", |request, reply| {
        if request.is_key() {
            reply.body = b"00112233445566778899aabbccddeeff".to_vec();
        }
    }),
    row("key-page", Vod, "", |request, reply| {
        if request.is_key() {
            reply.status = 200;
            reply.body = b"<html>Please log in</html>".to_vec();
        }
    }),
    row("key-length", Vod, "", |request, reply| {
        if request.is_key() {
            reply.body.truncate(15);
        }
    }),
    row("key-type", Vod, "", |request, reply| {
        if request.is_key() {
            reply.set("content-type", "text/plain");
        }
    }),
    row("key-shared-cache", Vod, "", |request, reply| {
        if request.is_key() {
            reply.set("cache-control", "public, max-age=60");
        }
    }),
    row("key-uncached", Vod, "", |request, reply| {
        if request.is_key() {
            reply.set("cache-control", "no-store");
        }
    }),
    row("key-compressed", Vod, "", |request, reply| {
        if request.is_key() && reply.status == 200 {
            reply.compress();
        }
    }),
    row("key-range", Vod, "", |request, reply| {
        if request.is_key() && !request.header("range").is_empty() {
            reply.fail(416);
        }
    }),
    row("key-query", Vod, "", |request, reply| {
        if request.is_key() && request.query.contains("CMCD") {
            reply.fail(400);
        }
    }),
    row("key-head", Vod, "", |request, reply| {
        if request.is_key() && request.method == "HEAD" {
            reply.fail(405);
        }
    }),
    row(
        "address-bound",
        Vod,
        "--from 127.0.0.2",
        |request, reply| {
            if request.is_key() && request.peer.to_string() == "127.0.0.2" {
                reply.fail(403);
            }
        },
    ),
    row(
        "client-not-served",
        Vod,
        "--bearer-file {dir}/token --for casting",
        |request, reply| {
            if request.is_media() {
                reply.replace("?grant=good", "");
            }
        },
    ),
];

pub(crate) const PAGES: [Row; 7] = [
    row("cors-missing", Vod, "", |request, reply| {
        if request.is_media() {
            reply.set("access-control-allow-origin", "");
        }
    }),
    row(
        "cors-credentials",
        Bare,
        "--cookie-file {dir}/cookie",
        |request, reply| {
            if request.is_key() {
                reply.set("access-control-allow-credentials", "");
            }
        },
    ),
    row("cors-preflight", Vod, BEARER, |request, reply| {
        if request.method == "OPTIONS" {
            reply.fail(405);
        }
    }),
    row("cors-on-refusal", Vod, "", |_, reply| {
        if reply.status == 401 {
            reply.set("access-control-allow-origin", "");
        }
    }),
    row("cors-vary", Vod, "", |_, reply| reply.set("vary", "")),
    row(
        "cookie-scope",
        Vod,
        "--cookie-file {dir}/narrow",
        |request, reply| {
            if request.is_media() {
                reply.replace("?grant=good", "");
            }
        },
    ),
    row(
        "cookie-site",
        Vod,
        "--cookie-file {dir}/lax",
        |request, reply| {
            if request.is_media() {
                reply.replace("?grant=good", "");
            }
        },
    ),
];

#[test]
fn every_fault_of_a_key_is_found() {
    judge(&KEYS);
}

#[test]
fn every_fault_that_stops_a_page_is_found() {
    judge(&PAGES);
}
