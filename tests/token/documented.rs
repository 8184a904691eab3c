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
