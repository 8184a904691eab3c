//! Heads with more in them than a request needs.
//!
//! Must not know: time.

use super::{PATH, fresh, server, terms};
use crate::harness::serve::Serve;
use crate::harness::wait::seconds;
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
    // Each fills what is kept of a head without an end.
    let head = format!("GET {PATH} HTTP/1.1\r\n{}", long(120 << 10).trim_end());
    let flood: Vec<Wire> = (0..400)
        .map(|_| {
            let mut wire = Wire::connect(serve.port(), &terms(&serve)).unwrap();
            wire.send(head.as_bytes()).unwrap();
            wire
        })
        .collect();
    let waited = fresh(&serve);
    assert!(waited < seconds(3), "{waited:?}");
    let each = (resident(pid).saturating_sub(before)) / flood.len();
    println!("a head without an end holds {} KB", each / 1024);
    assert!(each < 400 << 10, "{each} bytes for each");
}

/// Bytes of memory that a process has in use.
pub(super) fn resident(pid: u32) -> usize {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).unwrap();
    let line = status.lines().find(|line| line.starts_with("VmRSS:"));
    let kilobytes = line.unwrap().split_whitespace().nth(1).unwrap();
    kilobytes.parse::<usize>().unwrap() * 1024
}
