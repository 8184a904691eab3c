//! What a client may cost: slow ones, loud ones, many of them. Each bound both ways, and somebody
//! else is answered meanwhile.
//!
//! Must not know: how a bound is kept.

mod crowds;
mod floods;
mod heads;
mod refusals;
mod slow;

use std::time::{Duration, Instant};

use crate::harness::serve::Serve;
use crate::harness::wire::{Terms, Wire, dial, local};

/// Anybody may ask for it.
const PATH: &str = "/v1/openapi.json";

fn terms(serve: &Serve) -> Terms {
    Terms::new(serve.authority.pem(), None)
}

async fn server(settings: &str) -> Serve {
    let mut serve = Serve::prepare("\"never\"", "");
    serve.amend("[server.tls]", &format!("{settings}\n[server.tls]"));
    serve.resume().await;
    serve
}

/// How long somebody new waits for an answer.
fn fresh(serve: &Serve) -> Duration {
    let begun = Instant::now();
    let stream = dial(local(99), serve.port()).unwrap();
    let mut wire = Wire::over(stream, &terms(serve)).unwrap();
    assert_eq!(wire.ask("GET", PATH, "").unwrap().status, 200);
    begun.elapsed()
}

/// A number out of the scrape.
async fn measure(serve: &Serve, series: &str) -> i64 {
    let scrape = serve.ops().get("/metrics").await.expect(200).text();
    let line = scrape.lines().find(|line| line.starts_with(series));
    let line = line.unwrap_or_else(|| panic!("{series} is not in {scrape}"));
    line.rsplit(' ').next().unwrap().parse().unwrap()
}

fn turned(reason: &str) -> String {
    format!("hlskey_connections_turned_away_total{{listener=\"players\",reason=\"{reason}\"}}")
}

const OPEN: &str = "hlskey_connections{listener=\"players\"}";
