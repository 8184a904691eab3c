//! Many connections: of one address, and of ten thousand idle clients.
//!
//! Must not know: what a single one may do.

use std::num::NonZeroUsize;
use std::thread::{available_parallelism, scope};

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

use super::heads::resident;
use super::{OPEN, PATH, fresh, measure, server, terms, turned};
use crate::harness::serve::Serve;
use crate::harness::wait::{seconds, throughout, until};
use crate::harness::wire::{Terms, Wire, dial, local};

/// A connection from 127.0.0.n, if it comes to a handshake.
fn from(serve: &Serve, n: u8) -> Option<Wire> {
    under(&terms(serve), serve, n)
}

fn under(terms: &Terms, serve: &Serve, n: u8) -> Option<Wire> {
    Wire::over(dial(local(n), serve.port()).ok()?, terms).ok()
}

#[tokio::test(flavor = "multi_thread")]
async fn one_address_has_so_many_connections() {
    let serve = server("connections_per_address = 20").await;
    let mut held: Vec<Wire> = (0..20).map(|_| from(&serve, 2).unwrap()).collect();
    for _ in 0..5 {
        assert!(from(&serve, 2).is_none(), "one too many");
    }
    assert_eq!(measure(&serve, &turned("address")).await, 5);
    let log = &serve.process.as_ref().unwrap().stderr;
    let told = until("it is told", seconds(5), async || {
        let mut told = log.all();
        told.retain(|line| line.contains("connections_per_address"));
        (!told.is_empty()).then_some(told)
    })
    .await;
    assert!(told.len() == 1 && told[0].contains("127.0.0.2"), "{told:?}");
    for wire in &mut held {
        assert_eq!(wire.ask("GET", PATH, "").unwrap().status, 200);
    }
    assert!(from(&serve, 3).is_some(), "another address");
    held.pop();
    until("a place is free again", seconds(5), async || {
        from(&serve, 2)
    })
    .await;
    drop(held);
    until("all are", seconds(5), async || {
        (measure(&serve, OPEN).await == 0).then_some(())
    })
    .await;
    let again: Vec<_> = (0..20).map(|_| from(&serve, 2)).collect();
    assert!(again.iter().all(Option::is_some));
}

#[tokio::test(flavor = "multi_thread")]
async fn clients_behind_a_proxy_are_counted_one_by_one_if_it_names_them() {
    use std::io::Write as _;
    let silent = "connections_per_address = 3\ntrusted_proxies = [\"127.0.0.2\"]";
    let serve = server(silent).await;
    let many: Vec<_> = (0..10).map(|_| from(&serve, 2)).collect();
    assert!(
        many.iter().all(Option::is_some),
        "its clients are not known"
    );
    drop((many, serve));

    let serve = server(&format!("{silent}\nproxy_protocol = true")).await;
    let via = |client: u8| {
        let mut stream = dial(local(2), serve.port()).unwrap();
        let addresses = [192, 0, 2, client, 127, 0, 0, 1, 0, 7, 1, 0xbb];
        let header = [b"\r\n\r\n\0\r\nQUIT\n\x21\x11\0\x0c", &addresses[..]].concat();
        stream.write_all(&header).unwrap();
        Wire::over(stream, &terms(&serve)).ok()
    };
    let held: Vec<_> = (0..3).map(|_| via(1)).collect();
    assert!(held.iter().all(Option::is_some));
    assert!(via(1).is_none());
    assert!(via(2).is_some());
}

#[tokio::test(flavor = "multi_thread")]
async fn no_more_are_let_in_than_there_are_files_for() {
    let mut serve = Serve::prepare("\"never\"", "");
    serve.amend("[server.tls]", "workers = 1\n[server.tls]");
    let plain = serve.command();
    let mut scarce = std::process::Command::new("sh");
    scarce.args(["-c", "ulimit -n 256 && exec \"$0\" \"$@\""]);
    scarce.arg(plain.get_program()).args(plain.get_args());
    serve.resume_as(scarce).await;
    let held: Vec<_> = (0..200)
        .map(|_| dial(local(2), serve.port()).unwrap())
        .collect();
    // Half of what is left besides the reserve, packagers and operator: each may have a file open.
    until("the house is full", seconds(5), async || {
        (measure(&serve, OPEN).await >= 56).then_some(())
    })
    .await;
    throughout("no fuller", seconds(1), async || {
        measure(&serve, OPEN).await <= 57
    })
    .await;
    drop(held);
    assert!(fresh(&serve) < seconds(3));
}

/// Every player's connection may have a file open besides: without an origin there are twice as many.
async fn server_without_files() -> Serve {
    let mut serve = Serve::prepare("\"never\"", "");
    serve.amend("origin = \"hls\"", "");
    serve.resume().await;
    serve
}

/// How many idle connections this machine lets one process have: 10,000, unless its limit of open
/// files is lower.
fn crowd() -> usize {
    let Rlimit { maximum, .. } = getrlimit(Resource::Nofile);
    let raised = Rlimit {
        current: maximum,
        maximum,
    };
    setrlimit(Resource::Nofile, raised).unwrap();
    let files = maximum.map_or(usize::MAX, |files| files.try_into().unwrap());
    // What the server keeps of it for other things than players.
    let most = (files / 4 * 3).saturating_sub(400).min(10_000);
    if most < 10_000 {
        println!("only {most} connections: this machine allows {files} open files");
    }
    most
}

#[tokio::test(flavor = "multi_thread")]
async fn ten_thousand_idle_clients_leave_room_for_one_more() {
    let count = crowd();
    let serve = server_without_files().await;
    let pid = serve.process.as_ref().unwrap().pid();
    fresh(&serve);
    let before = resident(pid);
    let threads = available_parallelism().map_or(1, NonZeroUsize::get);
    // Most resume by TLS 1.2, which costs this process least; each tenth does all of TLS 1.3.
    let (old, new) = (Terms::old(serve.authority.pem(), None), terms(&serve));
    under(&old, &serve, 99)
        .unwrap()
        .ask("GET", PATH, "")
        .unwrap();
    let gather = |thread: usize| {
        let mine = (thread..count).step_by(threads);
        let held = mine.map(|n| {
            // Five hundred of each address: below what one address may have.
            let address = u8::try_from(100 + n / 500).unwrap();
            let terms = if n % 10 == 0 { &new } else { &old };
            // One that never asked would have to go after ten seconds.
            let mut wire = under(terms, &serve, address)?;
            wire.ask("OPTIONS", "/", "").ok()?;
            Some(wire)
        });
        held.collect::<Option<Vec<_>>>().unwrap()
    };
    let begun = std::time::Instant::now();
    let mut held: Vec<Wire> = scope(|scope| {
        let gather = &gather;
        let all: Vec<_> = (0..threads)
            .map(|n| scope.spawn(move || gather(n)))
            .collect();
        all.into_iter()
            .flat_map(|one| one.join().unwrap())
            .collect()
    });
    println!("{count} handshakes in {:?}", begun.elapsed());
    assert_eq!(measure(&serve, OPEN).await, count as i64);
    let waited = fresh(&serve);
    let each = resident(pid).saturating_sub(before) / count;
    println!("{count} idle connections: {each} bytes each; somebody new waits {waited:?}");
    assert!(waited < seconds(2), "{waited:?}");
    assert!(each < 48 << 10, "{each} bytes each");
    for at in [0, count / 2, count - 1] {
        assert_eq!(held[at].ask("GET", PATH, "").unwrap().status, 200);
    }
    let log = serve.process.as_ref().unwrap().stderr.text();
    let told = log.lines().find(|line| line.contains("open_files"));
    assert!(
        told.is_some_and(|line| line.contains("connections")),
        "{log}"
    );
}
