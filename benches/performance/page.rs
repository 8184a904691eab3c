//! `docs/PERFORMANCE.md`: the figures of one run, ratios first, and what they do not say.

use std::fmt::Write as _;

use super::rounds::{Compared, Plan};
use super::{channels, ciphers, files, refresh, requests};

pub(crate) struct Figures {
    pub(crate) requests: Vec<requests::Row>,
    pub(crate) allocations: Vec<(String, f64)>,
    pub(crate) first: requests::First,
    pub(crate) ciphers: Vec<ciphers::Row>,
    pub(crate) files: files::Row,
    pub(crate) channels: Vec<channels::Row>,
    pub(crate) refreshes: Vec<refresh::Row>,
}

pub(crate) fn write(plan: Plan, machine: &[String], figures: &Figures) -> String {
    let mut page = HEAD.to_owned();
    for fact in machine {
        let _ = writeln!(page, "- {fact}");
    }
    let Plan { rounds, seconds } = plan;
    let _ = writeln!(page, "- rounds: {rounds}; a turn of load: {seconds} s");
    page += REQUESTS;
    for row in &figures.requests {
        page += &request_row(row);
    }
    page += ALLOCATIONS;
    for (what, count) in &figures.allocations {
        let _ = writeln!(page, "| {what} | {count:.1} |");
    }
    page += FIRST;
    let first = &figures.first;
    page += &times("p50 of connect, handshake and first request", first.p50);
    page += &times("p99 of the same", first.p99);
    page += &times("server CPU of the same", first.cpu);
    page += CIPHERS;
    for row in &figures.ciphers {
        page += &cipher_row(row);
    }
    page += &FILES.replace("FILESYSTEM", &figures.files.filesystem);
    page += &times("CPU time of all processes", figures.files.cpu);
    page += &times("time", figures.files.time);
    page += CHANNELS;
    for row in &figures.channels {
        let channels::Row {
            channels,
            rate,
            memory,
        } = row;
        let (share, Compared { ours, peers, .. }) = (ratio(rate), rate);
        let _ = writeln!(
            page,
            "| {channels} | {share} | {ours:.0} | {peers:.0} | {memory:.0} |"
        );
    }
    page += REFRESHES;
    for refresh::Row { window, cost } in &figures.refreshes {
        let [median, lowest, highest] = cost.ratio;
        let share = format!("**{median:.4}** ({lowest:.4}–{highest:.4})");
        let Compared { ours, peers, .. } = cost;
        let _ = writeln!(page, "| {window} | {share} | {ours:.1} | {peers:.1} |");
    }
    page + TAIL
}

fn request_row(row: &requests::Row) -> String {
    let requests::Row {
        name,
        per_second,
        p50,
        p99,
        cpu,
    } = row;
    let pair = |compared: &Compared, digits: usize| {
        let Compared { ours, peers, .. } = compared;
        format!("{ours:.digits$} / {peers:.digits$}")
    };
    format!(
        "| {name} | {} | {} | {} | {} | {} | {} | {} | {} |\n",
        ratio(per_second),
        ratio(p50),
        ratio(p99),
        ratio(cpu),
        pair(per_second, 0),
        pair(p50, 0),
        pair(p99, 0),
        pair(cpu, 1),
    )
}

fn cipher_row(row: &ciphers::Row) -> String {
    format!(
        "| {} KiB | {} | {} | {:.2} | {:.2} | {:.2} |\n",
        row.kib,
        ratio(&row.openssl),
        ratio(&row.aws_lc),
        row.openssl.ours,
        row.openssl.peers,
        row.aws_lc.peers,
    )
}

fn times(what: &str, compared: Compared) -> String {
    let Compared { ours, peers, .. } = compared;
    format!(
        "| {what} | {} | {ours:.0} | {peers:.0} |\n",
        ratio(&compared)
    )
}

/// The median, and between which rounds it lies.
fn ratio(compared: &Compared) -> String {
    let [median, lowest, highest] = compared.ratio;
    format!("**{median:.2}** ({lowest:.2}–{highest:.2})")
}

const HEAD: &str = "# Performance
Written by `make bench`, whole; change `benches/performance/page.rs` instead. Every figure is a ratio
of hlskey to a named peer on the same machine in the same run, the two by turns: the median of the
rounds, and in brackets the lowest and the highest round. Absolute figures stand behind them.

## How it was measured
The program is built as it ships (profile `dist`). The server has one core and one worker, the client
the other core. Before and after the load it is checked that both give the right sixteen bytes for the
same requests, and that hlskey refuses a broken token with 401 and a stranger with 403; `wrk` fails the
run on any other answer than 200.

";

const REQUESTS: &str = "
## A gated key request, against a static file
hlskey: `entitlement.source = \"static\"`, the token verified (a good one is remembered, its time,
stream and entitlement are looked at each time), the key out of memory, counted. nginx: the same
sixteen bytes as a file for everybody, at its best: one worker, `access_log off`, `open_file_cache`,
`keepalive_requests` without end. Both: HTTPS, TLS 1.3, the same ECDSA P-256 certificate,
kept connections, the same request. Load by `wrk`, which asks again as soon as it is answered.

More is better for requests/s, less for the rest.

| request | requests/s | p50 | p99 | server CPU a request | requests/s, hlskey / nginx | p50 µs | p99 µs | CPU µs |
|---|---|---|---|---|---|---|---|---|
";

const ALLOCATIONS: &str = "
Allocations of the whole process for one such request, TLS and actix included, as `tests/allocations/`
counts and bounds them. What is asked for is in memory: the request does no I/O but its own.

| credential | allocations |
|---|---|
";

const FIRST: &str = "
## The first request of a new connection
One after the other, from before the connection is made: TCP, a full TLS 1.3 handshake, an ES256
token that was verified before, sixteen bytes. Each server sends one stateless ticket, which the
client does not use. Where TCP_NODELAY is forgotten (Nagle), the p99 here is 40 ms.

| | ratio | hlskey µs | nginx µs |
|---|---|---|---|
";

const CIPHERS: &str = "
## Encryption, one core
AES-128-CBC of 64 segments, each with its key and IV, padded, in place, as the encryptor calls it;
`openssl speed -evp aes-128-cbc` on one buffer of that size; aws-lc on the same segments one after
the other. Bytes a second of CPU time: more is better.

| segment | hlskey / OpenSSL | hlskey / aws-lc | hlskey GB/s | OpenSSL GB/s | aws-lc GB/s |
|---|---|---|---|---|---|
";

const FILES: &str = "
## Encryption, file to file, one core
A finished asset of 64 segments of 2 MiB on FILESYSTEM: `hlskey encrypt --once` (which registers its
progress, checks each segment with the key as served, syncs it to the disk, and writes the playlist)
and a shell loop of `openssl enc` and `mv` for each segment, which does nothing of that. The time of the
key server that is asked meanwhile is not in it. Less is better.

| | ratio | hlskey ms | loop ms |
|---|---|---|---|
";

const CHANNELS: &str = "
## Many channels in one worker, both cores
Finished assets of 16 segments of 2 MiB each, on the same disk: `hlskey encrypt --once --config` with
so many channels, which encrypts, checks each segment with the key as served, syncs it to the disk and
writes the playlists; and plain `cp -r` of the same files, which does nothing of that. MB of clear media
a second, by the time from start to end: more is better. However many channels there are, four passes
run at once on two cores, and a pass holds 64 MiB of media or one segment: that bounds the memory.

| channels | hlskey / cp | hlskey MB/s | cp MB/s | hlskey MiB at most |
|---|---|---|---|---|
";

const REFRESHES: &str = "
## A refresh of a live playlist, by the length of its window
One segment goes and one comes. hlskey goes on from what it has: the text that stays is compared, and
what is new is read and written. Its peer is what it would do otherwise, the same code with nothing to
go on from: the text is read and rewritten as a whole. Both from the text of the source in memory to the
text to be published; reading the one file and writing the other, some hundred bytes a segment each,
cost whoever does it the same. CPU time; less is better.

| segments | gone on / whole | gone on µs | whole µs |
|---|---|---|---|
";

const TAIL: &str = "
## What is not solved, or not measured
- A stream's segments are encrypted one after the other: CBC is a chain, so one segment alone cannot
  be faster than the chain. Several at once in SIMD lanes (`crypto::cbc::encrypt_batch` takes a batch
  already) are not written yet; until then hlskey is no faster than OpenSSL.
- A refresh of twenty thousand segments is gone on with in a good deal less than what is left: its text
  is read, compared and written, a few MB. Low-latency playlists, and the first ones after a source
  that began anew, are still read and rewritten as a whole; so are those of other sinks than the folder, and
  every five seconds those of a spool.
- HTTP/2 is not built in.
- A token that is seen for the first time costs its signature: some 40 µs for ES256. The load above
  has one viewer; `hlskey storm` has one for each player.
- Loopback: no network card, no loss, no distance. With one connection the figure is mostly the
  two cores waking each other.
- A store on Postgres, a key that is not in memory, and an entitlement source that is asked over a
  network are not in these figures.

A rotation's crowd is `hlskey storm`'s: missed keys, p50, p99, and the calls that reach the entitlement source.
";
