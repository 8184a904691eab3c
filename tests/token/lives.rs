//! How long what the command line makes of `[grants]` may last.
//!
//! Must not know: what stands in its text.

use std::path::PathBuf;

use crate::harness::authority::private;
use crate::harness::binary::{printed, run};

const CONFIG: &str = r#"
[grants]
key_files = ["grant.key"]
[sessions]
longest = "6h"
[[policies]]
streams = ["live/short"]
max_life = "1h"
[[policies]]
streams = ["live/**"]
max_life = "3h"
"#;

const KID: [&str; 2] = ["--kid", "00000000-0000-4000-8000-000000000000"];

struct Minter {
    _dir: tempfile::TempDir,
    config: PathBuf,
}

impl Minter {
    fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        private(&dir.path().join("grant.key"), &"5a".repeat(32));
        let config = dir.path().join("hlskey.toml");
        std::fs::write(&config, CONFIG).unwrap();
        Self { _dir: dir, config }
    }

    fn args<'a>(&'a self, scheme: &'a str, stream: &'a str, ttl: &'a str) -> Vec<&'a str> {
        let config = self.config.to_str().unwrap();
        let fixed = ["token", "mint", "--config", config, "--scheme", scheme];
        [&fixed[..], &["--stream", stream, "--ttl", ttl]].concat()
    }

    fn makes(&self, (scheme, stream, ttl): (&str, &str, &str), more: &[&str]) {
        printed(&[&self.args(scheme, stream, ttl)[..], more].concat());
    }

    /// What it says instead.
    fn refuses(&self, (scheme, stream, ttl): (&str, &str, &str), more: &[&str], why: &str) {
        let output = run(&[&self.args(scheme, stream, ttl)[..], more].concat());
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(!output.status.success(), "{scheme} {stream} {ttl}");
        assert!(said.contains(why), "{scheme} {stream} {ttl}: {said}");
        assert!(output.stdout.is_empty());
    }
}

#[test]
fn no_session_is_for_longer_than_sessions_are_renewed() {
    let minter = Minter::new();
    for stream in ["vod/a", "vod/*"] {
        minter.makes(("session", stream, "6h"), &[]);
        minter.makes(("session", stream, "-7h"), &[]);
        let why = "longest = \"6h\" of [sessions]";
        minter.refuses(("session", stream, "6h1s"), &[], why);
        minter.refuses(("session", stream, "7h"), &["--stream", "vod/b"], why);
    }
    // It is never renewed.
    minter.makes(("grant", "vod/a", "7h"), &[]);
}

#[test]
fn nothing_for_one_stream_lives_longer_than_a_token_may_there() {
    let minter = Minter::new();
    for (stream, within, beyond, most) in [
        ("live/short", "1h", "1h1s", "1h"),
        ("live/long", "3h", "3h1s", "3h"),
    ] {
        let why = format!("max_life = \"{most}\"");
        for (scheme, more) in [("grant", &[][..]), ("grant", &KID), ("session", &[])] {
            minter.makes((scheme, stream, within), more);
            minter.refuses((scheme, stream, beyond), more, &why);
        }
    }
    // A session for several opens nothing where a policy bounds lives.
    minter.makes(("session", "live/*", "4h"), &[]);
    minter.makes(("session", "vod/a", "4h"), &[]);
}
