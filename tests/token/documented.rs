//! The examples of `docs/TOKENS.md`: each configuration signs a token that it then takes.
//!
//! Must not know: any scheme's form.

use std::path::Path;

use crate::harness::authority::private;
use crate::harness::binary::{printed, run};
use crate::harness::rust_source::root;

#[test]
fn each_example_signs_what_it_takes() {
    let text = std::fs::read_to_string(root().join("docs/TOKENS.md")).unwrap();
    let blocks = text.split("```toml\n").skip(1);
    let examples: Vec<&str> = blocks
        .filter_map(|block| block.split("```").next())
        .collect();
    assert_eq!(examples.len(), 8);
    for example in examples {
        let dir = tempfile::tempdir().unwrap();
        let config = dir.path().join("tokens.toml");
        std::fs::write(&config, example).unwrap();
        for scheme in schemes(example, dir.path()) {
            check(config.to_str().unwrap(), scheme);
        }
    }
}

/// What the example configures; the key file that ours is under lies there as a server would have it.
fn schemes<'a>(example: &'a str, dir: &Path) -> Vec<&'a str> {
    let section = example.trim_start_matches('[').split(']').next().unwrap();
    let Some(kind) = section.strip_prefix("schemes.") else {
        assert_eq!(section, "grants");
        std::fs::create_dir(dir.join("keystore")).unwrap();
        private(&dir.join("keystore/grant.key"), &"5a".repeat(32));
        return vec!["grant", "session"];
    };
    vec![kind]
}

fn check(config: &str, scheme: &str) {
    let mut query = mint(config, scheme, "live/news");
    if ["jwt", "grant", "session"].contains(&scheme) {
        query.insert_str(0, "token=");
    }
    let is_taken = |stream, query: &str| is_allowed(config, scheme, stream, query);
    assert!(is_taken("live/news", &query), "{scheme}: {query}");
    // A word opens everything: nothing in it names a stream.
    let is_word = scheme == "urlparams";
    assert_eq!(is_taken("live/sport", &query), is_word, "{scheme}");
    let changed = query.replace(['a', 'b', 'c'], "d");
    assert!(!is_taken("live/news", &changed), "{scheme}: {changed}");
}

/// The kinds whose cryptography is weak or missing; of one it is so where it is told to be.
const LEGACY: [(&str, &str); 4] = [
    ("edgeauth", "legacy with `sha1` and `md5`"),
    ("securetoken", "legacy"),
    ("urlparams", "legacy"),
    ("wmsauth", "legacy"),
];

#[test]
fn every_kind_is_listed_and_those_that_are_legacy_are_marked() {
    let text = std::fs::read_to_string(root().join("docs/TOKENS.md")).unwrap();
    let (_, table) = text
        .split_once("| kind | what it is | |\n|---|---|---|\n")
        .unwrap();
    let rows = table.lines().take_while(|line| line.starts_with("| `"));
    let mut marks: Vec<(&str, &str)> = rows
        .map(|row| {
            let mut cells = row.split('|').map(str::trim);
            let (kind, mark) = (cells.nth(1).unwrap(), cells.nth(1).unwrap());
            (kind.trim_matches('`'), mark)
        })
        .collect();
    marks.sort_unstable();
    let marked: Vec<_> = marks
        .iter()
        .copied()
        .filter(|(_, mark)| !mark.is_empty())
        .collect();
    assert_eq!(marked, LEGACY);
    let dir = tempfile::tempdir().unwrap();
    let config = dir.path().join("tokens.toml");
    std::fs::write(&config, "[schemes.none]\n").unwrap();
    let config = config.to_str().unwrap();
    let args = ["token", "verify", "--config", config, "--scheme", "none"];
    let told = run(&[&args[..], &["--url", "https://h/live/news"]].concat());
    let told = String::from_utf8(told.stderr).unwrap();
    let (_, kinds) = told.split_once("kind = one of ").unwrap();
    let mut kinds: Vec<_> = kinds.lines().next().unwrap().split(", ").collect();
    kinds.sort_unstable();
    let listed: Vec<_> = marks.iter().map(|(kind, _)| *kind).collect();
    assert_eq!(listed, kinds);
}

fn mint(config: &str, scheme: &str, stream: &str) -> String {
    printed(&[
        "token",
        "mint",
        "--config",
        config,
        "--scheme",
        scheme,
        "--stream",
        stream,
        "--ttl",
        "1h",
        "--subject",
        "alice",
    ])
}

fn is_allowed(config: &str, scheme: &str, stream: &str, query: &str) -> bool {
    let url = format!("https://video.example/{stream}/playlist.m3u8?{query}");
    let args = [
        "token", "verify", "--config", config, "--scheme", scheme, "--url", &url,
    ];
    let output = run(&args);
    assert!(
        !output.stdout.is_empty(),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
    output.status.success()
}
