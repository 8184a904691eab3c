//! The comparison itself: players make something else of a stream that is not what it was made of.
//!
//! Must not know: how players are compared.

use std::fs;
use std::path::Path;

use super::encoders::{LADDER, SECONDS, asset};
use super::played::{Played, copy_all};
use super::shown;
use crate::harness::encrypt::Encrypt;
use crate::harness::serve::Serve;

/// What is done to an encrypted ladder of that folder.
type Fault = (&'static str, fn(&Path));
const FAULTS: [Fault; 3] = [("swapped", swap), ("short", drop_one), ("miskeyed", miskey)];

#[tokio::test(flavor = "multi_thread")]
async fn players_see_a_swapped_rendition_a_missing_segment_and_a_wrong_key() {
    let serve = Serve::start("{ segments = 3 }", "").await;
    let (source, plain) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let sink = shown(&serve, "test/film");
    asset(source.path(), &["-hls_segment_type", "mpegts"], "ts");
    let job = Encrypt::at(&serve, "test/film", source.path(), &sink);
    job.of_asset(&source.path().join(LADDER)).once_well();
    copy_all(&sink, plain.path());
    let played = Played {
        serve: &serve,
        stream: &job.stream,
        clear: source.path(),
        list: LADDER,
        seconds: SECONDS.into(),
    };
    let clear = played.clear_decoded().await;
    assert!(
        played.decoded(LADDER).await == clear,
        "nothing is done to it"
    );
    let mut streams = vec![("clear", played.clear_url()), ("ours", played.url(LADDER))];
    for (name, fault) in FAULTS {
        copy_all(plain.path(), &sink.join(name));
        fault(&sink.join(name));
        let list = format!("{name}/{LADDER}");
        assert!(played.decoded(&list).await != clear, "ffmpeg: {name}");
        streams.push((name, played.url(&list)));
    }
    let seen = played.in_chromium(&streams).await;
    let of = |name: &str, what: &str| -> Vec<serde_json::Value> {
        let variants = seen[name].as_array().unwrap().iter();
        variants.map(|variant| variant[what].clone()).collect()
    };
    for what in ["pictures", "given"] {
        assert_eq!(of("ours", what), of("clear", what));
        for (name, _) in FAULTS {
            assert_ne!(of(name, what), of("clear", what), "hls.js: {name}");
        }
    }
}

/// Each variant is the other one.
fn swap(folder: &Path) {
    let [first, second, aside] = ["v0", "v1", "aside"].map(|name| folder.join(name));
    fs::rename(&first, &aside).unwrap();
    fs::rename(&second, &first).unwrap();
    fs::rename(&aside, &second).unwrap();
}

const KEY: &str = "#EXT-X-KEY:METHOD=AES-128,URI=\"";

/// The fourth segment is not listed.
fn drop_one(folder: &Path) {
    amend(&folder.join("v0/index.m3u8"), |text| {
        let keys: Vec<usize> = text.match_indices(KEY).map(|(at, _)| at).collect();
        [&text[..keys[3]], &text[keys[4]..]].concat()
    });
}

/// The second key of the list is said to be the first one.
fn miskey(folder: &Path) {
    amend(&folder.join("v1/index.m3u8"), |text| {
        let uris = text.split(KEY).skip(1);
        let uris: Vec<&str> = uris.map(|tail| tail.split('"').next().unwrap()).collect();
        text.replace(uris[4], uris[0])
    });
}

fn amend(list: &Path, how: impl Fn(&str) -> String) {
    let text = fs::read_to_string(list).unwrap();
    let other = how(&text);
    assert_ne!(text, other);
    fs::write(list, other).unwrap();
}
