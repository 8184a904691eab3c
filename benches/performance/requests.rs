//! Key requests: on kept connections, and the first one of a new connection.

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use super::client::{Ask, Client};
use super::keyserver::KeyServer;
use super::nginx::Nginx;
use super::process::Server;
use super::rounds::{Compared, Plan, quantile};
use super::wrk::{self, Load};

/// One sort of request, compared by each measure.
pub(crate) struct Row {
    pub(crate) name: String,
    pub(crate) per_second: Compared,
    /// In microseconds, as the next two.
    pub(crate) p50: Compared,
    pub(crate) p99: Compared,
    /// Of the server, for one request.
    pub(crate) cpu: Compared,
}

/// Times of a connection's first request, from before it is made; in microseconds.
pub(crate) struct First {
    pub(crate) p50: Compared,
    pub(crate) p99: Compared,
    pub(crate) cpu: Compared,
}

struct Turn {
    per_second: f64,
    p50: f64,
    p99: f64,
    cpu: f64,
}

/// Connections that `wrk` keeps busy; and one alone, where nobody waits for another.
const CROWD: u32 = 64;
/// New connections of one turn, one after the other.
const NEW: usize = 400;

pub(crate) fn compare(plan: Plan, ours: &KeyServer, peer: &Nginx) -> anyhow::Result<Vec<Row>> {
    let mut rows = Vec::new();
    for (name, ask) in &ours.asks {
        rows.push(row(plan, (ours, peer), (name, ask), CROWD)?);
    }
    if let Some((name, ask)) = ours.asks.get(1) {
        rows.push(row(plan, (ours, peer), (name, ask), 1)?);
    }
    ours.verify()?;
    peer.verify(ours)?;
    Ok(rows)
}

fn row(
    plan: Plan,
    (ours, peer): (&KeyServer, &Nginx),
    (name, ask): (&str, &Ask),
    connections: u32,
) -> anyhow::Result<Row> {
    eprintln!("{name}, {connections} connections");
    let load = Load {
        connections,
        seconds: plan.seconds,
    };
    let pairs = plan.by_turns(
        || turn(&ours.server, ours.address, ask, load),
        || turn(&peer.server, peer.address, ask, load),
    )?;
    let plural = if connections == 1 { "" } else { "s" };
    Ok(Row {
        name: format!("{name}, {connections} connection{plural}"),
        per_second: Compared::by(&pairs, |turn| turn.per_second),
        p50: Compared::by(&pairs, |turn| turn.p50),
        p99: Compared::by(&pairs, |turn| turn.p99),
        cpu: Compared::by(&pairs, |turn| turn.cpu),
    })
}

fn turn(server: &Server, address: SocketAddr, ask: &Ask, load: Load) -> anyhow::Result<Turn> {
    let before = server.cpu()?;
    let seen = wrk::run(address, ask, load)?;
    Ok(Turn {
        per_second: seen.per_second,
        p50: seen.p50,
        p99: seen.p99,
        cpu: per_request(server.cpu()? - before, seen.requests),
    })
}

pub(crate) fn compare_first(plan: Plan, ours: &KeyServer, peer: &Nginx) -> anyhow::Result<First> {
    eprintln!("new connections");
    let (_, ask) = &ours.asks[1];
    let pairs = plan.by_turns(
        || first(&ours.server, &ours.client, ask),
        || first(&peer.server, &peer.client, ask),
    )?;
    let by = |measure: fn(&Turn) -> f64| Compared::by::<Turn>(&pairs, measure);
    let first = First {
        p50: by(|turn| turn.p50),
        p99: by(|turn| turn.p99),
        cpu: by(|turn| turn.cpu),
    };
    ours.verify()?;
    peer.verify(ours)?;
    Ok(first)
}

fn first(server: &Server, client: &Client, ask: &Ask) -> anyhow::Result<Turn> {
    let before = server.cpu()?;
    let mut times = Vec::with_capacity(NEW);
    let begun = Instant::now();
    for _ in 0..NEW {
        let began = Instant::now();
        client.get(ask)?;
        times.push(began.elapsed());
    }
    let micros = |time: Duration| time.as_secs_f64() * 1e6;
    Ok(Turn {
        per_second: NEW as f64 / begun.elapsed().as_secs_f64(),
        p50: micros(quantile(times.clone(), 50)),
        p99: micros(quantile(times, 99)),
        cpu: per_request(server.cpu()? - before, NEW as f64),
    })
}

fn per_request(nanos: u64, requests: f64) -> f64 {
    nanos as f64 / 1000.0 / requests
}
