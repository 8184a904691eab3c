//! Real players of a real picture: whoever is revoked sees no more of it past the answered worst case,
//! and others go on.
//!
//! Must not know: how the worst case is reckoned.

use std::path::Path;
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use super::signed;
use crate::harness::demo::{Demo, secret};
use crate::harness::ffmpeg::Player;
use crate::harness::wait::{seconds, until};

/// Longer than a key period and the segments in it: a picture that stands still so long has stopped.
const STILL: Duration = seconds(7);
/// Frames a second of the demo's picture, its sound left out.
const FRAMES: usize = 25;

/// Somebody who watches, and how.
struct Watcher {
    name: &'static str,
    player: Player,
}

impl Watcher {
    /// With the token in a header, or in the URL of a playlist of its own.
    fn new(demo: &Demo, name: &'static str, claims: &Value, in_url: bool) -> Self {
        let secret = secret(demo.dir.join("keystore/viewers.secret").to_str().unwrap());
        let token = signed(secret.as_bytes(), claims);
        let (master, ca) = (demo.field("master"), Path::new(demo.field("ca")));
        let player = if in_url {
            let url = format!("{}?token={token}", master.replace("/hls/", "/v1/play/"));
            Player::play(&url, ca, "", 3600)
        } else {
            let header = format!("Authorization: Bearer {token}\r\n");
            Player::play(master, ca, &header, 3600)
        };
        Self { name, player }
    }

    fn frames(&self) -> usize {
        self.player.0.stdout.count()
    }

    /// Waits for so many more frames.
    async fn sees(&self, more: usize) {
        let goal = self.frames() + more;
        until(self.name, seconds(60), async || {
            (self.frames() >= goal).then_some(())
        })
        .await;
    }

    /// Waits until the picture has stopped; gives when the last frame came.
    async fn stops(&self, limit: Duration) -> Instant {
        let (mut frames, mut last) = (self.frames(), Instant::now());
        until(self.name, limit + STILL, async || {
            if self.frames() > frames {
                (frames, last) = (self.frames(), Instant::now());
            }
            (last.elapsed() >= STILL).then_some(last)
        })
        .await
    }
}

/// Revokes; gives when, and the worst case.
async fn revoke(demo: &Demo, body: &Value) -> (Instant, Duration) {
    let begun = Instant::now();
    let text = body.to_string();
    let operator = demo.operator();
    let answer = operator.ask("POST", "/v1/revocations", Some(&text)).await;
    let reply = answer.expect(200).json();
    assert_eq!(reply["because"]["assumed"], false, "{reply}");
    let worst = reply["worst_case_seconds"].as_u64().unwrap();
    // Not a bound that anything would meet: news, two periods, and the playlist of 20 s.
    assert!((10..50).contains(&worst), "{reply}");
    (begun, seconds(worst))
}

#[tokio::test(flavor = "multi_thread")]
async fn the_picture_stops_within_the_worst_case_of_each_kind_and_others_go_on() {
    let demo = Demo::start_with("4s", &[("HLSKEY_STORE__STALE_AFTER", "3s")]).await;
    let old = json!({"sub": "dave", "sid": "s-5", "jti": "t-5", "iat": 1_000_000_000});
    let watcher = |name, claims: Value, in_url| Watcher::new(&demo, name, &claims, in_url);
    let of =
        |name: &str, n: u32| json!({"sub": name, "sid": format!("s-{n}"), "jti": format!("t-{n}")});
    let revoked = [
        (
            watcher("a viewer", of("alice", 1), false),
            json!({"viewer": "alice"}),
        ),
        (
            watcher("a viewer's grants", of("erin", 2), true),
            json!({"viewer": "erin"}),
        ),
        (
            watcher("a session", of("bob", 3), false),
            json!({"session": "s-3"}),
        ),
        (
            watcher("a token", of("carol", 4), true),
            json!({"token": "t-4"}),
        ),
        (
            watcher("what is older", old, false),
            json!({"before": super::at(-600)}),
        ),
    ];
    let bystander = watcher("a bystander", of("frank", 6), false);
    for (watcher, _) in &revoked {
        watcher.sees(25 * FRAMES).await; // past the 20 s that were listed at first
    }
    for (watcher, body) in &revoked {
        watcher.sees(1).await;
        let (begun, worst) = revoke(&demo, body).await;
        let last = watcher.stops(worst).await;
        assert!(
            last - begun <= worst,
            "{}: {:?} of {worst:?}",
            watcher.name,
            last - begun
        );
        println!("{}: {:?} of {worst:?}", watcher.name, last - begun);
        bystander.sees(2 * FRAMES).await;
    }
    for (watcher, _) in &revoked {
        let frames = watcher.frames();
        bystander.sees(FRAMES).await;
        assert_eq!(watcher.frames(), frames, "{} came back", watcher.name);
    }
    keys(&demo, &bystander).await;
    demo.stop().await;
}

/// The keys of the coming periods are withdrawn, and then the one in use: nobody fetches it again, and the
/// picture of who has it ends within the worst case that was answered for it.
async fn keys(demo: &Demo, watcher: &Watcher) {
    let path = format!("/v1/streams/{}/schedule?count=8", demo.stream());
    let lease = demo.packager().get(&path).await.expect(200).json();
    let (in_use, coming) = lease["periods"].as_array().unwrap().split_first().unwrap();
    for period in coming {
        revoke_key(demo, &period["kid"]).await;
    }
    let key = format!("/v1/keys/{}", in_use["kid"].as_str().unwrap());
    demo.viewer().get(&key).await.expect(200);
    let (begun, worst) = revoke_key(demo, &in_use["kid"]).await;
    demo.viewer().get(&key).await.expect(410);
    let last = watcher.stops(worst).await;
    assert!(
        last - begun <= worst,
        "the key in use: {:?} of {worst:?}",
        last - begun
    );
    println!("the key in use: {:?} of {worst:?}", last - begun);
}

async fn revoke_key(demo: &Demo, kid: &Value) -> (Instant, Duration) {
    let text = json!({"key": kid}).to_string();
    let begun = Instant::now();
    let operator = demo.operator();
    let answer = operator.ask("POST", "/v1/revocations", Some(&text)).await;
    let worst = answer.expect(200).json()["worst_case_seconds"].as_u64();
    (begun, seconds(worst.unwrap()))
}
