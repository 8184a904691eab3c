//! Heads with more in them than a request needs.
//!
//! Must not know: time.

use super::{OPEN, PATH, fresh, measure, server, terms, turned};
use crate::harness::serve::Serve;
use crate::harness::wait::{seconds, until};
use crate::harness::wire::Wire;

/// The status of a request with these header lines; 0 if the connection ends without one.
fn status(serve: &Serve, path: &str, lines: &str) -> u16 {
    let mut wire = Wire::connect(serve.port(), &terms(serve)).unwrap();
    wire.ask("GET", path, lines).map_or(0, |said| said.status)
}

fn many(count: usize) -> String {
    (0..count).map(|n| format!("x-{n}: y\r\n")).collect()
}

fn long(bytes: usize) -> String {
    format!("x: {}\r\n", "y".repeat(bytes))
}

#[tokio::test(flavor = "multi_thread")]
async fn a_head_is_bounded_in_lines_and_bytes() {
    let serve = server("").await;
    assert_eq!(status(&serve, PATH, &many(90)), 200);
    assert_eq!(status(&serve, PATH, &long(30 << 10)), 200);
    for count in [97, 5000] {
        let found = status(&serve, PATH, &many(count));
        assert!(matches!(found, 0 | 400 | 431), "{count}: {found}");
    }
    assert_eq!(status(&serve, PATH, &long(33 << 10)), 431);
    let query = format!("{PATH}?{}", "y".repeat(33 << 10));
    assert!(matches!(status(&serve, &query, ""), 414 | 431));
    for bytes in [200 << 10, 8 << 20] {
        let found = status(&serve, PATH, &long(bytes));
        assert!(matches!(found, 0 | 431), "{bytes}: {found}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_flood_of_heads_takes_no_memory_for_long() {
    let serve = server("").await;
    let pid = serve.process.as_ref().unwrap().pid();
    fresh(&serve);
    let before = resident(pid);
    let flood = |bytes: usize| -> Vec<Wire> {
        let head = format!("GET {PATH} HTTP/1.1\r\n{}", long(bytes).trim_end());
        let send = |_| {
            let mut wire = Wire::connect(serve.port(), &terms(&serve)).unwrap();
            wire.send(head.as_bytes()).unwrap();
            wire
        };
        (0..400).map(send).collect()
    };
    // Each fills what is kept of a head without an end.
    let mut grown = Vec::new();
    for _ in 0..2 {
        let held = flood(47 << 10);
        let waited = fresh(&serve);
        assert!(waited < seconds(3), "{waited:?}");
        grown.push(resident(pid).saturating_sub(before));
        // They have ten seconds, and then what they held is there for the next ones.
        until("all are gone", seconds(20), async || {
            (measure(&serve, OPEN).await == 0).then_some(())
        })
        .await;
        drop(held);
    }
    let each = grown[0] / 400;
    println!("a head without an end holds {} KB", each / 1024);
    assert!(each < 128 << 10, "{each} bytes for each");
    assert!(grown[1] < grown[0] + grown[0] / 4, "{grown:?}");
    // One that is longer than any is not waited for.
    let longer = flood(49 << 10);
    until("each is ended", seconds(5), async || {
        (measure(&serve, &turned("head")).await >= 400).then_some(())
    })
    .await;
    drop(longer);
}

/// Bytes of memory that a process has in use.
pub(super) fn resident(pid: u32) -> usize {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).unwrap();
    let line = status.lines().find(|line| line.starts_with("VmRSS:"));
    let kilobytes = line.unwrap().split_whitespace().nth(1).unwrap();
    kilobytes.parse::<usize>().unwrap() * 1024
}
