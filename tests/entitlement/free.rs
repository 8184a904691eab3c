//! A policy with `entitlement = false`: whoever has a good token watches, and no row is looked for.
//!
//! Must not know: how a row is stored.

use serde_json::json;

use super::{scene, table};
use crate::harness::actor::Actor;
use crate::harness::binary::printed;
use crate::harness::serve::Serve;
use crate::viewers::operator;

const POLICY: &str = "[[policies]]\nstreams = [\"test/free\"]\nentitlement = false\n";

/// A stream with a playlist at the origin.
struct Watched {
    name: &'static str,
    key: String,
    list: String,
}

impl Watched {
    async fn published(serve: &Serve, name: &'static str) -> Self {
        let key = serve.key(name).await;
        serve.publish(&format!("{name}/index.m3u8"), &key);
        let list = format!("{}/v1/play/{name}/index.m3u8", serve.url());
        Self { name, key, list }
    }

    /// Whoever shows this gets the key and the playlist, or neither.
    async fn answers(&self, who: &Actor, expected: u16) {
        let key = who.get(&self.key).await.expect(expected);
        assert_eq!(key.body.len() == 16, expected == 200);
        who.get(&self.list).await.expect(expected);
    }
}

/// A grant of that viewer for the stream's playlists, or for its key.
fn grant(serve: &Serve, viewer: &str, stream: &str, narrow: &[&str]) -> String {
    let config = serve.config();
    let fixed = ["token", "mint", "--config", config.to_str().unwrap()];
    let asked = ["--scheme", "grant", "--stream", stream, "--subject", viewer];
    printed(&[&fixed[..], &asked, narrow].concat())
}

#[tokio::test(flavor = "multi_thread")]
async fn nobody_needs_a_row_there_and_everybody_does_elsewhere() {
    let (serve, _) = table::scene(POLICY).await;
    let operator = operator(&serve, "**");
    let row = json!({"streams": ["test/**"]});
    table::put(&operator, "alice", &row, 200).await;
    for (name, of_stranger) in [("test/free", 200), ("test/bound", 403)] {
        let watched = Watched::published(&serve, name).await;
        for (viewer, expected) in [("alice", 200), ("stranger", of_stranger)] {
            shows_everything(&serve, viewer, &watched, expected).await;
        }
    }
}

/// A token, what it is exchanged for, and grants.
async fn shows_everything(serve: &Serve, viewer: &str, watched: &Watched, expected: u16) {
    let nobody = serve.stranger();
    let who = nobody.with(&scene::token(serve, viewer));
    watched.answers(&who, expected).await;
    let narrow = json!({"stream": watched.name}).to_string();
    let begun = who.ask("POST", "/v1/sessions", Some(&narrow)).await;
    begun.expect(expected);
    // One for all streams begins for everybody, and opens no more than its token.
    let session = who.ask("POST", "/v1/sessions", None).await.expect(200);
    let session = session.json()["grant"].as_str().unwrap().to_owned();
    watched.answers(&nobody.with(&session), expected).await;
    let kid = watched.key.rsplit('/').next().unwrap();
    for (url, narrow) in [(&watched.key, &["--kid", kid][..]), (&watched.list, &[])] {
        let grant = grant(serve, viewer, watched.name, narrow);
        let shown = format!("{url}?token={grant}");
        nobody.get(&shown).await.expect(expected);
    }
}
