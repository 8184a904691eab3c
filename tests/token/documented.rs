//! The examples of `docs/TOKENS.md`: each configuration signs a token that it then takes.
//!
//! Must not know: any scheme's form.

use std::io::Write as _;

use tempfile::NamedTempFile;

use crate::harness::binary::{printed, run};
use crate::harness::rust_source::root;

#[test]
fn each_example_signs_what_it_takes() {
    let text = std::fs::read_to_string(root().join("docs/TOKENS.md")).unwrap();
    let blocks = text.split("```toml\n").skip(1);
    let examples: Vec<&str> = blocks
        .filter_map(|block| block.split("```").next())
        .collect();
    assert_eq!(examples.len(), 7);
    for example in examples {
        let scheme = example
            .trim_start_matches("[schemes.")
            .split(']')
            .next()
            .unwrap();
        let mut file = NamedTempFile::new().unwrap();
        file.write_all(example.as_bytes()).unwrap();
        let config = file.path().to_str().unwrap();
        let mut query = mint(config, scheme, "live/news");
        if scheme == "jwt" {
            query.insert_str(0, "token=");
        }
        assert!(
            is_allowed(config, scheme, "live/news", &query),
            "{scheme}: {query}"
        );
        // A word opens everything: nothing in it names a stream.
        let is_word = scheme == "urlparams";
        assert_eq!(
            is_allowed(config, scheme, "live/sport", &query),
            is_word,
            "{scheme}"
        );
        assert!(!is_allowed(
            config,
            scheme,
            "live/news",
            &query.replace(['a', 'b', 'c'], "d")
        ));
    }
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
    let mut file = NamedTempFile::new().unwrap();
    file.write_all(b"[schemes.none]\n").unwrap();
    let config = file.path().to_str().unwrap();
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
