//! The demo as a person and a player meet it: its line, its media, its end, its second start.
//!
//! Must not know: how the parts are wired.

use std::collections::BTreeMap;
use std::path::Path;

use rustix::process::Signal;
use serde_json::Value;

use crate::harness::binary::mint;
use crate::harness::collector::{Collector, Origin};
use crate::harness::demo::{Demo, secret};
use crate::harness::ffmpeg::{Frame, Player};
use crate::harness::keeper::Keeper;
use crate::harness::wait::{seconds, until};

const FIELDS: [&str; 10] = [
    "page",
    "master",
    "key_example",
    "token",
    "ca",
    "server",
    "ops",
    "credential_file",
    "operator_credential_file",
    "config",
];

/// How much is played, in seconds of media.
const PLAYED: u32 = 60;

#[tokio::test(flavor = "multi_thread")]
async fn sixty_seconds_are_bit_identical_across_rotations() {
    let demo = Demo::start("20s").await;
    let (mut keeper, mut collector) = (Keeper::default(), collector(&demo));
    keeper.look(&demo.source(), demo.file());
    let mut players = [by_query(&demo), by_header(&demo)];
    let mut refused = strangers(&demo);
    until("60 s are played", seconds(120), async || {
        keeper.look(&demo.source(), demo.file());
        let renditions = collector.origin.renditions(demo.file()).await;
        assert_eq!(renditions.len(), 3, "{renditions:?}");
        collector.look(&renditions).await;
        players
            .iter_mut()
            .all(|player| player.0.ended().is_some())
            .then_some(())
    })
    .await;
    for player in &players {
        same_as_clear(player, &keeper, &demo).await;
    }
    for (who, player) in &mut refused {
        player.0.signal(Signal::INT);
        player.0.end(seconds(20)).await;
        assert_eq!(player.frames(), [""; 0], "{who} decoded something");
    }
    collector.nothing_changed().await;
    collector.evidence.source = keeper.segments;
    collector.fetch_keys(&demo.viewer()).await;
    collector.lease(&demo.packager(), demo.stream(), "").await;
    collector.judge(3 * 25, 3);
    demo.stop().await;
}

fn collector(demo: &Demo) -> Collector {
    let above = format!("/hls/{}", demo.stream());
    Collector::new(Origin::Https(demo.stranger(), above))
}

/// The viewer's own playlist, the token in its URL.
fn by_query(demo: &Demo) -> Player {
    let url = demo.field("master").replace("/hls/", "/v1/play/");
    let url = format!("{url}?token={}", demo.field("token"));
    Player::play(&url, Path::new(demo.field("ca")), "", PLAYED)
}

/// The shared playlist, the token in a header.
fn by_header(demo: &Demo) -> Player {
    let header = format!("Authorization: Bearer {}\r\n", demo.field("token"));
    Player::play(
        demo.field("master"),
        Path::new(demo.field("ca")),
        &header,
        PLAYED,
    )
}

/// Players that must get nothing.
fn strangers(demo: &Demo) -> Vec<(&'static str, Player)> {
    let config = Path::new(demo.field("config"));
    let ca = Path::new(demo.field("ca"));
    let expired = mint(config, demo.stream(), "-1h");
    let other = mint(config, "test/other", "1h");
    let play = demo.field("master").replace("/hls/", "/v1/play/");
    let with = |token: &str| format!("Authorization: Bearer {token}\r\n");
    let shared = |header: &str| Player::play(demo.field("master"), ca, header, PLAYED);
    let own = |token: &str| Player::play(&format!("{play}?token={token}"), ca, "", PLAYED);
    vec![
        ("nobody at the shared playlist", shared("")),
        (
            "an expired token at the shared playlist",
            shared(&with(&expired)),
        ),
        (
            "another stream's token at the shared playlist",
            shared(&with(&other)),
        ),
        (
            "nobody at the viewer's playlist",
            Player::play(&play, ca, "", PLAYED),
        ),
        ("an expired token", own(&expired)),
        ("another stream's token", own(&other)),
    ]
}

/// Holds the frames to those of the clear source, from the same first segments on.
async fn same_as_clear(player: &Player, keeper: &Keeper, demo: &Demo) {
    let starts = starts(player, keeper);
    assert!(starts.len() >= 2, "{starts:?}: {}", player.0.stderr.text());
    let clear = tempfile::tempdir().unwrap();
    let master = std::fs::read_to_string(demo.source().join(demo.file())).unwrap();
    std::fs::write(clear.path().join(demo.file()), master).unwrap();
    keeper.write(clear.path(), &starts);
    let mut reference = Player::read(&clear.path().join(demo.file()), PLAYED);
    reference.0.end(seconds(120)).await;
    let (played, expected) = (player.frames(), reference.frames());
    let pictures = played
        .iter()
        .filter(|frame| frame.starts_with("0,"))
        .count();
    assert!(
        pictures >= 59 * 25,
        "{pictures} pictures: {}",
        player.0.stderr.text()
    );
    assert_eq!(hashes(&played), hashes(&expected));
}

/// Where each rendition's playing began.
fn starts(player: &Player, keeper: &Keeper) -> BTreeMap<String, u64> {
    let mut starts = BTreeMap::new();
    for (rendition, msn) in player.opened().iter().filter_map(|uri| keeper.number(uri)) {
        starts.entry(rendition).or_insert(msn);
    }
    starts
}

/// Stream, size and hash of each frame, stream by stream.
fn hashes(frames: &[Frame]) -> Vec<(String, String)> {
    let part = |frame: &Frame, n: usize| frame.split(',').nth(n).unwrap().trim().to_owned();
    let mut found: Vec<_> = frames.iter().map(|f| (part(f, 0), part(f, 5))).collect();
    found.sort_by(|a, b| a.0.cmp(&b.0));
    found
}

#[tokio::test(flavor = "multi_thread")]
async fn its_line_and_its_second_start() {
    let dir = tempfile::tempdir().unwrap();
    std::fs::write(dir.path().join("somebody-elses.txt"), "stays").unwrap();
    let mut first = Demo::start_in(dir.path(), "20s").await;
    holds_to_its_line(&first);
    opens_its_streams(&first).await;
    let key = first
        .viewer()
        .get(first.field("key_example"))
        .await
        .expect(200);
    let (ca, credential) = (
        secret(first.field("ca")),
        secret(first.field("credential_file")),
    );
    first.process.stop(Signal::INT).await;
    assert_eq!(first.process.stdout.all().len(), 1, "one line");

    let second = Demo::start_in(dir.path(), "20s").await;
    assert_eq!(secret(second.field("ca")), ca);
    assert_eq!(secret(second.field("credential_file")), credential);
    assert_eq!(second.field("server"), first.field("server"));
    let again = second
        .viewer()
        .get(first.field("key_example"))
        .await
        .expect(200);
    assert_eq!(again.body, key.body);
    let kept = std::fs::read_to_string(dir.path().join("somebody-elses.txt")).unwrap();
    assert_eq!(kept, "stays");
    second.stop().await;
}

fn holds_to_its_line(demo: &Demo) {
    let Value::Object(fields) = &demo.line else {
        panic!("{:?}", demo.line)
    };
    let mut names: Vec<&str> = fields.keys().map(String::as_str).collect();
    let mut expected = FIELDS.to_vec();
    names.sort_unstable();
    expected.sort_unstable();
    assert_eq!(names, expected);
    let server = demo.field("server");
    assert!(server.starts_with("https://127.0.0.1:"), "{server}");
    for url in ["page", "master", "key_example"] {
        assert!(demo.field(url).starts_with(&format!("{server}/")), "{url}");
    }
    assert!(!demo.field("master").contains('?'));
    for file in [
        "ca",
        "credential_file",
        "operator_credential_file",
        "config",
    ] {
        let path = Path::new(demo.field(file));
        assert!(path.is_absolute() && path.is_file(), "{file}");
        let dir = demo.dir.canonicalize().unwrap();
        assert!(path.canonicalize().unwrap().starts_with(dir), "{file}");
    }
}

async fn opens_its_streams(demo: &Demo) {
    let (viewer, stranger) = (demo.viewer(), demo.stranger());
    stranger.get(demo.field("page")).await.expect(200);
    let key = viewer.get(demo.field("key_example")).await.expect(200);
    assert_eq!(key.body.len(), 16);
    stranger.get(demo.field("key_example")).await.expect(401);
    for stream in ["demo/anything", "test/a/b"] {
        let path = format!("/v1/streams/{stream}/schedule");
        let lease = demo.packager().get(&path).await.expect(200).json();
        let uri = lease["periods"][0]["uri"].as_str().unwrap().to_owned();
        viewer.get(&uri).await.expect(200);
    }
    demo.packager()
        .get("/v1/streams/other/a/schedule")
        .await
        .expect(403);
    demo.operator().get("/readyz").await.expect(200);
}
