//! Real players of one live stream, each by each transport: what they did, beside what is written down.
//!
//! `browser/players.mjs` drives them and observes. Must not know: how a player is driven.

mod cannot;
mod stage;
mod table;

use std::collections::BTreeMap;

use serde::Deserialize;

use cannot::Cannot;
use stage::Stage;

/// The players, in the order of the document.
const PLAYERS: [&str; 8] = [
    "hls.js",
    "hls.js 1.4",
    "Shaka Player",
    "video.js",
    "Chromium's own",
    "ffmpeg",
    "GStreamer",
    "VLC",
];
/// How a player shows its credential.
const TRANSPORTS: [&str; 4] = ["cookie", "define", "rewrite", "header"];
/// What is asked of a player, in this order, in one sitting.
const BEHAVIOURS: [&str; 5] = ["rotation", "seek", "pause", "renewal", "revocation"];
/// Every player and every transport at least once.
const SLICE: [(&str, &str); 8] = [
    ("VLC", "rewrite"),
    ("Chromium's own", "cookie"),
    ("hls.js", "header"),
    ("hls.js 1.4", "define"),
    ("Shaka Player", "rewrite"),
    ("video.js", "cookie"),
    ("ffmpeg", "header"),
    ("GStreamer", "rewrite"),
];

/// What came of one player by one transport.
#[derive(Debug, Deserialize)]
struct Seen {
    player: String,
    transport: String,
    /// `ok`, or what was missing; nothing of what was not come to.
    behaviours: BTreeMap<String, String>,
    /// Different keys that it fetched.
    keys: usize,
    /// Answers with a key, as counted before the server.
    requests: usize,
    /// Key requests that a cache of its own answered.
    cached: usize,
}

impl Seen {
    /// Whether this behaviour was observed.
    fn did(&self, behaviour: &str) -> bool {
        self.behaviours
            .get(behaviour)
            .is_some_and(|seen| seen == "ok")
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn every_player_and_every_transport_do_what_the_document_says() {
    let seen = Stage::set().await.play(&SLICE).await;
    let cannot = Cannot::read();
    cannot.judge(&seen);
    table::agrees(&seen, &cannot);
    let vhs = seen.iter().find(|seen| seen.player == "video.js").unwrap();
    assert!(
        vhs.cached > vhs.keys,
        "its cache answers for each segment: {vhs:?}"
    );
    assert!(
        vhs.requests <= 2 * vhs.keys,
        "and the server once for each key: {vhs:?}"
    );
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "ten minutes: `make players`"]
async fn the_whole_matrix() {
    let pairs = PLAYERS
        .iter()
        .rev()
        .flat_map(|player| TRANSPORTS.map(|transport| (*player, transport)));
    let pairs: Vec<_> = pairs.collect();
    let seen = Stage::set().await.play(&pairs).await;
    let cannot = Cannot::read();
    cannot.judge(&seen);
    table::write(&seen, &cannot);
}
