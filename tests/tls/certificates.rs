//! New certificate files while the server runs: taken when they are good, without a break.
//!
//! Must not know: client certificates; `packagers` has them.

use std::time::Duration;

use rustix::process::Signal;

use crate::harness::binary::run;
use crate::harness::serve::Serve;
use crate::harness::wait::{seconds, until};
use crate::harness::wire::{Terms, Wire};

const PATH: &str = "/v1/openapi.json";

fn terms(serve: &Serve) -> Terms {
    Terms::new(serve.authority.pem(), None)
}

/// The certificate that a stranger is shown now.
fn shown(serve: &Serve) -> Vec<u8> {
    let mut wire = Wire::connect(serve.port(), &terms(serve)).unwrap();
    assert_eq!(wire.ask("GET", PATH, "").unwrap().status, 200);
    wire.certificate()
}

async fn measure(serve: &Serve, series: &str) -> i64 {
    let scrape = serve.ops().get("/metrics").await.expect(200).text();
    let line = scrape.lines().find(|line| line.starts_with(series));
    let line = line.unwrap_or_else(|| panic!("{series} is not in {scrape}"));
    line.rsplit(' ').next().unwrap().parse().unwrap()
}

const TAKEN: &str = "hlskey_certificate_renewals_total{listener=\"players\",outcome=\"taken\"}";
const KEPT: &str = "hlskey_certificate_renewals_total{listener=\"players\",outcome=\"kept\"}";
const NOT_AFTER: &str = "hlskey_certificate_not_after_seconds{listener=\"players\"}";

#[tokio::test(flavor = "multi_thread")]
async fn a_renewed_certificate_is_shown_and_no_connection_ends() {
    let serve = Serve::start("\"never\"", "").await;
    let returning = terms(&serve);
    let mut open = Wire::connect(serve.port(), &returning).unwrap();
    assert_eq!(open.ask("GET", PATH, "").unwrap().status, 200);
    let (before, end) = (open.certificate(), measure(&serve, NOT_AFTER).await);
    let resumed = Wire::connect(serve.port(), &returning).unwrap();
    assert!(resumed.is_resumed());

    serve.authority.server(2039).write(&serve.certs());
    until("the new certificate is shown", seconds(10), async || {
        (shown(&serve) != before).then_some(())
    })
    .await;
    let again = Wire::connect(serve.port(), &returning).unwrap();
    assert!(!again.is_resumed(), "an old ticket would hide it");
    assert_ne!(again.certificate(), before);
    assert_eq!(open.ask("GET", PATH, "").unwrap().status, 200);
    assert_eq!(open.certificate(), before);
    assert_eq!(measure(&serve, TAKEN).await, 1);
    assert!(measure(&serve, NOT_AFTER).await < end);
}

#[tokio::test(flavor = "multi_thread")]
async fn half_a_pair_is_told_once_and_changes_nothing() {
    let mut serve = Serve::start("\"never\"", "").await;
    let before = shown(&serve);
    let (new, past) = (serve.authority.server(2039), serve.authority.server(2021));
    let certificate = serve.certs().join("server.pem");
    let steps: [&dyn Fn(); 4] = [
        &|| std::fs::write(&certificate, &new.certificate).unwrap(),
        &|| std::fs::write(&certificate, "garbage").unwrap(),
        &|| std::fs::remove_file(&certificate).unwrap(),
        &|| past.write(&serve.certs()),
    ];
    for (count, step) in (1..).zip(steps) {
        step();
        until("it is noticed", seconds(10), async || {
            (measure(&serve, KEPT).await >= count).then_some(())
        })
        .await;
        assert_eq!(shown(&serve), before, "step {count}");
    }
    // One more look at the same files says nothing new; the signal brings it at once.
    serve.process.as_mut().unwrap().signal(Signal::HUP);
    tokio::time::sleep(Duration::from_millis(300)).await;
    let log = serve.process.as_ref().unwrap().stderr.text();
    let told = log.matches("the certificate files are not taken").count();
    assert_eq!((told, measure(&serve, KEPT).await), (4, 4), "{log}");
    assert!(!log.contains("PRIVATE KEY"));

    new.write(&serve.certs());
    serve.process.as_mut().unwrap().signal(Signal::HUP);
    until("the good pair is shown", seconds(10), async || {
        (shown(&serve) != before).then_some(())
    })
    .await;
    assert_eq!(measure(&serve, KEPT).await, 4);
}

/// A key pasted through a form field, or an environment variable, is one line.
#[tokio::test(flavor = "multi_thread")]
async fn a_key_without_line_breaks_is_refused_and_not_quoted() {
    let mut serve = Serve::start("\"never\"", "").await;
    let before = shown(&serve);
    let new = serve.authority.server(2039);
    let mut damaged = new.clone();
    damaged.key = new.key.replace('\n', " ");
    damaged.write(&serve.certs());
    serve.process.as_mut().unwrap().signal(Signal::HUP);
    until("it is noticed", seconds(10), async || {
        (measure(&serve, KEPT).await >= 1).then_some(())
    })
    .await;
    assert_eq!(shown(&serve), before);
    let log = serve.process.as_ref().unwrap().stderr.text();
    serve.pause().await;
    let start = run(&["serve", "--config", serve.config().to_str().unwrap()]);
    let start = String::from_utf8_lossy(&start.stderr).into_owned();
    for told in [log, start] {
        assert!(told.contains("server.key"), "{told}");
        let secret = new.key.lines().nth(1).unwrap().as_bytes();
        for part in secret.windows(6) {
            let numbers = part.iter().map(u8::to_string).collect::<Vec<_>>();
            let quoted = [String::from_utf8_lossy(part).into(), numbers.join(", ")];
            assert!(!quoted.iter().any(|it| told.contains(it)), "{told}");
        }
    }
}
