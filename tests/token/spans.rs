//! Both ends of a legacy token's span are inside it, to the second, and no clock gets leeway but by a
//! setting of its own.
//!
//! Must not know: how the server reads times.

use super::edgeauth::sealed_over;
use super::verdict::Judge;

const START: i64 = 1_704_067_200;
const END: i64 = 1_704_070_800;
const FIELDS: &str = "st=1704067200~exp=1704070800";
/// Of the vectors, as the next.
const WOWZA: &str = "wowzatokenstarttime=1704067200&wowzatokenendtime=1704070800\
                     &wowzatokenhash=FgERO5GTMyoasNDxlJGkOimCFf-OMWNsCvZ-wBLCMM8=";
/// Made at [`START`] for twenty minutes.
const PANEL: &str = "wmsAuthSign=c2VydmVyX3RpbWU9MS8xLzIwMjQgMTI6MDA6MDAgQU0maGFzaF92YWx1ZT1FQmJZ\
                     SHg2UlR4OFI3emdiaW54aExRPT0mdmFsaWRtaW51dGVzPTIw";

/// An instance of a kind, a query that it takes, and the first and the last second of that.
struct Row {
    kind: &'static str,
    settings: &'static str,
    query: String,
    first: i64,
    last: i64,
}

fn row(kind: &'static str, settings: &'static str, query: &str, first: i64, last: i64) -> Row {
    Row {
        kind,
        settings,
        query: query.to_owned(),
        first,
        last,
    }
}

fn rows() -> [Row; 7] {
    let listed = format!("{FIELDS}~acl=/live/*");
    let edge = format!("hdnts={}", sealed_over("1234", &listed, &listed));
    let long = edge.replacen("hdnts", "hdntl", 1);
    let named = format!("{FIELDS}~stream_id=myStream");
    // The secret is the text "12".
    let fastly = format!("hdnts={}", sealed_over("3132", FIELDS, &named));
    let (none, some) = (
        "secrets = [\"defaultpassword\"]\ntolerance = 0",
        "secrets = [\"defaultpassword\"]\ntolerance = 90",
    );
    let minutes = START + 1200;
    [
        row("edgeauth", "secrets_hex = [\"1234\"]", &edge, START, END),
        row("edgeauth", "secrets_hex = [\"1234\"]", &long, START, END),
        row("hdnts", "secrets = [\"12\"]", &fastly, START, END),
        row(
            "securetoken",
            "secrets = [\"mySharedSecret\"]",
            WOWZA,
            START,
            END,
        ),
        row("wmsauth", none, PANEL, START, minutes),
        row("wmsauth", some, PANEL, START - 90, minutes),
        // What an instance has that says nothing.
        row(
            "wmsauth",
            "secrets = [\"defaultpassword\"]",
            PANEL,
            START - 90,
            minutes,
        ),
    ]
}

#[test]
fn both_ends_of_a_span_are_inside_it_and_nothing_beyond_is() {
    for row in rows() {
        let judge = |at| Judge::new(row.kind, row.settings).at(at).ip("192.0.2.10");
        let url = format!("https://h/live/myStream/playlist.m3u8?{}", row.query);
        judge(row.first - 1).denies(&url, "not_yet");
        judge(row.last + 1).denies(&url, "expired");
        for at in [row.first, row.last] {
            let expires = judge(at).allows(&url).expires;
            let minutes = (row.last - START) / 60;
            let end = format!("2024-01-01T{:02}:{:02}:00.000Z", minutes / 60, minutes % 60);
            assert_eq!(expires, Some(end), "{} {at}", row.kind);
        }
    }
}

/// A word has no span, and says so.
#[test]
fn a_word_is_good_at_any_moment_and_its_verdict_names_no_end() {
    let judge = |at| Judge::new("urlparams", "play = [\"obviouslyFake.watch\"]").at(at);
    let url = |word: &str| format!("https://h/live/myStream/playlist.m3u8?watch={word}");
    for at in [0, START, END, 4_102_444_800] {
        assert_eq!(judge(at).allows(&url("obviouslyFake")).expires, None);
        judge(at).denies(&url("another"), "signature");
    }
}
