//! Debian's Chromium plays the demo's page, loses the token, and gets it back.
//!
//! Must not know: the page's elements; `browser/page.mjs` drives them.

use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::Value;

use crate::harness::binary::setting;
use crate::harness::demo::Demo;
use crate::harness::process::Process;
use crate::harness::rust_source::root;
use crate::harness::wait::seconds;

/// Seconds between keys: short, so that two rotations fit a test.
const ROTATE: f64 = 10.0;

#[tokio::test(flavor = "multi_thread")]
async fn the_page_plays_across_rotations_and_stops_without_its_token() {
    let demo = Demo::start("10s").await;
    let shot = screenshot();
    let seen = visit(&demo, &shot).await;
    let [begun, rotated, refused, resumed] =
        ["begun", "rotated", "refused", "resumed"].map(|phase| &seen[phase]);
    let at = |phase: &Value| phase["currentTime"].as_f64().unwrap();

    assert!(
        at(rotated) >= at(begun) + 2.0 * ROTATE - 8.0,
        "{begun} {rotated}"
    );
    let period = |phase: &Value| phase["period"].as_i64().unwrap();
    assert!(period(rotated) >= period(begun) + 2, "{begun} {rotated}");
    assert_eq!(rotated["errors"], serde_json::json!([]));
    assert_eq!(seen["events"], serde_json::json!([]));
    assert_eq!(seen["failures"], serde_json::json!([]));
    let kid = rotated["kid"].as_str().unwrap();
    assert!(
        rotated["shown"].as_str().unwrap().contains(kid),
        "the page shows its key's id"
    );

    assert_eq!(refused["problem"]["code"], "unauthorized");
    assert!(
        refused["statuses"]
            .as_array()
            .unwrap()
            .contains(&401.into())
    );
    assert!(at(resumed) > at(refused) + 2.0, "{refused} {resumed}");
    let host = demo.field("server").trim_start_matches("https://");
    assert_eq!(
        seen["hosts"],
        serde_json::json!([host]),
        "nothing from elsewhere"
    );
    assert!(
        std::fs::metadata(&shot).unwrap().len() > 20_000,
        "{}",
        shot.display()
    );
    demo.stop().await;
}

/// Where the picture of the page goes: into the documentation only when that is asked for.
fn screenshot() -> PathBuf {
    let folder = match setting("HLSKEY_KEEP_SCREENSHOT") {
        Some(_) => root().join("docs/images"),
        None => Path::new(env!("CARGO_TARGET_TMPDIR")).to_owned(),
    };
    std::fs::create_dir_all(&folder).unwrap();
    folder.join("page.png")
}

async fn visit(demo: &Demo, shot: &Path) -> Value {
    let folder = root().join("tests/browser");
    let installed = folder.join("node_modules/playwright-core").is_dir();
    assert!(
        installed,
        "`npm ci` in tests/browser first; `make test` does it"
    );
    let mut command = Command::new("node");
    command
        .current_dir(&folder)
        .args(["page.mjs", demo.field("page")])
        .arg(shot);
    let mut node = Process::start(command);
    let status = node.end(seconds(300)).await;
    assert!(status.success(), "{status}: {}", node.stderr.text());
    serde_json::from_str(&node.stdout.text()).unwrap()
}
