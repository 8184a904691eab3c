//! A pause of any length inside a credential's life changes nothing.
//!
//! Must not know: how a credential is read.

use std::path::Path;
use std::time::Instant;

use rustix::process::Signal;

use super::{begin, cookie};
use crate::harness::clock::SetClock;
use crate::harness::demo::Demo;
use crate::harness::ffmpeg::Player;
use crate::harness::serve::Serve;
use crate::harness::wait::{seconds, throughout, until};

const MORE: &str = "[schemes.edgeauth]\nsecrets_hex = [\"0123456789abcdef\"]\nstreams = [\"test/**\"]\n\
                    [sessions]\nlife = \"6h\"\n";
/// How long everything lasts here.
const LIFE: i64 = 6 * 3600;
/// Frames of picture and sound that the demo has in a second, at least.
const FRAMES: usize = 60;

fn since(moment: Instant) -> i64 {
    moment.elapsed().as_secs().try_into().unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_shown_once_is_good_to_its_last_second_and_no_longer() {
    let clock = SetClock::right();
    let mut serve = Serve::prepare("\"never\"", MORE);
    serve.resume_as(clock.given_to(serve.command())).await;
    let uri = serve.key("test/own").await;
    serve.publish("test/own/index.m3u8", &uri);
    let nobody = serve.stranger();

    let first = Instant::now();
    let token = serve.minted("viewers", "test/own", "6h");
    let legacy = serve.minted("edgeauth", "test/own", "6h");
    let last = Instant::now();
    let session = cookie(
        &begin(&serve, &token, None).await.expect(200),
        "hlskey_session",
    );
    let list = format!("/v1/play/test/own/index.m3u8?token={token}");
    let list = nobody.get(&list).await.expect(200).text();
    let granted = list.split("URI=\"").nth(1).unwrap();
    let granted = granted.split('"').next().unwrap().to_owned();
    let bearer = format!("Bearer {token}");
    let shown = [
        ("a token", uri.clone(), Some(("authorization", &bearer))),
        ("a legacy token", format!("{uri}?{legacy}"), None),
        ("a cookie", uri.clone(), Some(("cookie", &session))),
        ("a grant", granted, None),
    ];
    let ask = async |status: u16, when: &str| {
        for (name, url, header) in &shown {
            let headers: Vec<_> = header
                .iter()
                .map(|(name, text)| (*name, text.as_str()))
                .collect();
            let answer = nobody.try_ask("GET", url, &headers, None).await.unwrap();
            assert_eq!(answer.status, status, "{name}, {when}: {}", answer.text());
            assert!(status != 200 || answer.body.len() == 16);
        }
    };
    ask(200, "at once").await;
    for (paused, when) in [(20, "after 20 s"), (5 * 3600, "after five hours")] {
        clock.set(paused);
        ask(200, when).await;
    }
    // They end six hours after they were made, and the requests take a moment too.
    clock.set(LIFE - since(first) - 15);
    ask(200, "just before the end").await;
    // The last second of a legacy token counts whole.
    clock.set(LIFE - since(last) + 2);
    ask(401, "just after the end").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_player_that_stood_still_goes_on() {
    let demo = Demo::start("4s").await;
    let ca = Path::new(demo.field("ca"));
    let begun = demo.viewer().ask("POST", super::SESSIONS, None).await;
    let session = cookie(&begun.expect(200), "hlskey_session");
    let token = demo.field("token");
    let play = demo.field("master").replace("/hls/", "/v1/play/");
    let play = format!("{play}?token={token}");
    let shared = demo.field("master");
    let (bearer, kept) = (
        format!("Authorization: Bearer {token}\r\n"),
        format!("Cookie: {session}\r\n"),
    );
    let mut players = [(shared, &*bearer), (shared, &*kept), (&play, "")]
        .map(|(url, header)| Player::play(url, ca, header, 3600));
    sees_more(&players, 6).await;
    for player in &mut players {
        player.0.signal(Signal::STOP);
    }
    // Longer than its playlist, and than six keys.
    throughout("they stand still", seconds(25), async || {
        let mut all = players.iter_mut();
        all.all(|player| player.0.ended().is_none())
    })
    .await;
    for player in &mut players {
        player.0.signal(Signal::CONT);
    }
    sees_more(&players, 15).await;
    demo.stop().await;
}

/// Waits until each has decoded so many seconds more.
async fn sees_more(players: &[Player], more: usize) {
    let goals = players
        .iter()
        .map(|player| player.0.stdout.count() + more * FRAMES);
    let goals: Vec<_> = goals.collect();
    until("each picture goes on", seconds(90), async || {
        let mut all = players.iter().zip(&goals);
        all.all(|(player, goal)| player.0.stdout.count() >= *goal)
            .then_some(())
    })
    .await;
}
