//! HTTP's digest at SPEKE's routes, spoken by curl and by Python's requests.
//!
//! Headers that no real client would make are made here, of coreutils' MD5. Must not know: what the server keeps of a password.

use std::io::Write as _;
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use super::{CHANNEL, Scene, V1, V2_0, handmade, live_v1, text};
use crate::harness::actor::Answer;
use crate::harness::authority::private;
use crate::harness::binary;
use crate::harness::database;
use crate::harness::python;

const PASSWORD: &str = "an-obviously-fake-password";

/// Makes a user with the password, for these streams.
fn user(scene: &Scene, name: &str, streams: &str, more: &[&str]) {
    let config = scene.serve.config();
    let file = scene.serve.certs().join(format!("{name}.password"));
    private(&file, PASSWORD);
    let mut args = vec!["credential", "add", "--config", text(&config), name];
    args.extend(["--user", name, "--password-file", text(&file), "--streams"]);
    args.extend([streams, "--action", "lease"]);
    args.extend(more);
    binary::printed(&args);
}

/// What curl got with the user and the password: a status, and the body.
fn curl(scene: &Scene, user: &str, password: &str, (path, body): (&str, &str)) -> (u16, String) {
    let file: PathBuf = scene.serve.certs().join("request.xml");
    std::fs::write(&file, body).unwrap();
    let output = Command::new("curl")
        .args([
            "--silent",
            "--digest",
            "--user",
            &format!("{user}:{password}"),
        ])
        .args([
            "--cacert",
            text(&scene.serve.ca()),
            "--header",
            "X-Speke-Version: 2.0",
        ])
        .args([
            "--header",
            "Content-Type: application/xml",
            "--write-out",
            "\n%{http_code}",
        ])
        .args(["--data-binary", &format!("@{}", text(&file))])
        .arg(format!("{}{path}", scene.serve.url()))
        .output()
        .unwrap();
    let said = String::from_utf8(output.stdout).unwrap();
    let (body, status) = said.rsplit_once('\n').unwrap();
    (status.parse().unwrap(), body.to_owned())
}

fn challenges(answer: &Answer) -> Vec<String> {
    let all = answer.headers.get_all("www-authenticate").iter();
    all.map(|it| it.to_str().unwrap().to_owned())
        .filter(|it| it.starts_with("Digest "))
        .collect()
}

fn md5(said: &str) -> String {
    let mut child = Command::new("md5sum")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    child
        .stdin
        .take()
        .unwrap()
        .write_all(said.as_bytes())
        .unwrap();
    let output = child.wait_with_output().unwrap();
    String::from_utf8(output.stdout).unwrap()[..32].to_owned()
}

/// The header of who answers `challenge` with this password.
fn response(challenge: &str, (user, password): (&str, &str), uri: &str) -> String {
    let nonce = challenge.split("nonce=\"").nth(1).unwrap();
    let nonce = nonce.split('"').next().unwrap();
    let first = md5(&format!("{user}:hlskey:{password}"));
    let second = md5(&format!("POST:{uri}"));
    let whole = md5(&format!("{first}:{nonce}:00000001:fake:auth:{second}"));
    format!(
        "Digest username=\"{user}\", realm=\"hlskey\", nonce=\"{nonce}\", uri=\"{uri}\", qop=auth, \
         nc=00000001, cnonce=\"fake\", response=\"{whole}\""
    )
}

async fn shown(scene: &Scene, header: &str) -> Answer {
    let headers = [("authorization", header)];
    let stranger = scene.serve.stranger();
    let body = live_v1();
    let answer = stranger.try_ask("POST", V1, &headers, Some(&body));
    answer.await.unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn real_clients_get_keys_by_digest_and_only_where_it_was_allowed() {
    let scene = Scene::set(&["abc123", CHANNEL]).await;
    user(&scene, "modern", "**", &[]);
    let none = super::post(&scene.serve.stranger(), V1, &live_v1()).await;
    assert!(challenges(&none.expect(401)).is_empty(), "nobody uses it");
    let (status, _) = curl(&scene, "modern", PASSWORD, (V1, &live_v1()));
    assert_eq!(status, 401);

    user(&scene, "legacy", "abc123", &["--digest-legacy"]);
    crate::harness::wait::until(
        "it is offered",
        crate::harness::wait::seconds(15),
        async || {
            let answer = super::post(&scene.serve.stranger(), V1, &live_v1()).await;
            (challenges(&answer).len() == 1).then_some(())
        },
    )
    .await;
    let (status, body) = curl(&scene, "legacy", PASSWORD, (V1, &live_v1()));
    assert_eq!(status, 200, "{body}");
    let by_key = scene.post(V1, &live_v1()).await.expect(200).text();
    assert_eq!(body, by_key, "the same keys");
    let by_key = by_key.trim_end();
    let url = format!("{}{V1}", scene.serve.url());
    let file = scene.serve.certs().join("request.xml");
    let authority = scene.serve.ca();
    let args = [
        "digest",
        &url,
        text(&file),
        "legacy",
        PASSWORD,
        text(&authority),
    ];
    assert_eq!(
        python::printed("speke.py", &args),
        by_key,
        "two requests of one session"
    );

    let refused = "its credential is not for digest";
    for (who, password) in [
        ("legacy", "another-fake-password"),
        ("modern", PASSWORD),
        ("nobody", PASSWORD),
    ] {
        let (status, body) = curl(&scene, who, password, (V1, &live_v1()));
        assert!(
            status == 401 && body.contains(refused),
            "{who}: {status} {body}"
        );
    }
    let (status, body) = curl(&scene, "legacy", PASSWORD, (V2_0, &handmade()));
    assert!(
        status == 403 && body.contains("does not allow"),
        "{status} {body}"
    );
    // Nowhere else is anything heard of it.
    let other = scene
        .serve
        .stranger()
        .get("/v1/streams/abc123/schedule")
        .await;
    assert!(challenges(&other.expect(401)).is_empty());
    let (status, _) = curl(
        &scene,
        "legacy",
        PASSWORD,
        ("/v1/streams/abc123/rotate", "{}"),
    );
    assert_eq!(status, 401);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_nonce_is_ours_and_good_for_one_use_of_each_count() {
    let scene = Scene::set(&["abc123"]).await;
    user(&scene, "legacy", "**", &["--digest-legacy"]);
    let own = ("legacy", PASSWORD);
    let asked = super::post(&scene.serve.stranger(), V1, &live_v1()).await;
    let challenge = challenges(&asked.expect(401)).remove(0);
    assert!(challenge.contains("qop=\"auth\"") && challenge.contains("algorithm=MD5"));
    assert!(!challenge.contains("stale"), "{challenge}");
    let header = response(&challenge, own, V1);
    shown(&scene, &header).await.expect(200);
    let again = shown(&scene, &header).await.expect(401);
    let renewed = challenges(&again).remove(0);
    assert!(renewed.ends_with("stale=true"), "{renewed}");
    assert!(again.text().contains("nonce"), "{}", again.text());
    shown(&scene, &response(&renewed, own, V1))
        .await
        .expect(200);
    let forged = "Digest nonce=\"AQAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA\"";
    let refused = shown(&scene, &response(forged, own, V1)).await.expect(401);
    assert!(challenges(&refused)[0].ends_with("stale=true"));
    // Who does not have the password learns nothing of nonces.
    let wrong = response(forged, ("legacy", "another-fake-password"), V1);
    let refused = shown(&scene, &wrong).await.expect(401);
    assert!(!challenges(&refused)[0].contains("stale"));
    let elsewhere = response(&challenges(&refused)[0], own, V2_0);
    let refused = shown(&scene, &elsewhere).await.expect(401);
    assert!(
        refused.text().contains("the URL that is asked for"),
        "{}",
        refused.text()
    );
}

/// Each guess at a password takes a tenth of a second; who has it is not held up by who guesses.
#[tokio::test(flavor = "multi_thread")]
async fn guesses_are_slow_and_each_is_a_guess_of_its_own() {
    const GUESSES: u32 = 20;
    let scene = Scene::set(&["abc123"]).await;
    user(&scene, "legacy", "**", &["--digest-legacy"]);
    let asked = super::post(&scene.serve.stranger(), V1, &live_v1()).await;
    let challenge = challenges(&asked.expect(401)).remove(0);
    let begun = Instant::now();
    for guess in 0..GUESSES {
        let password = format!("an-obviously-fake-guess-{guess}");
        let header = response(&challenge, ("legacy", &password), V1);
        shown(&scene, &header).await.expect(401);
    }
    let took = begun.elapsed();
    assert!(took >= GUESSES * Duration::from_millis(100), "{took:?}");
    // The nonce was not used up by any of them.
    let header = response(&challenge, ("legacy", PASSWORD), V1);
    shown(&scene, &header).await.expect(200);
}

/// All of a packager's channels ask at the end of a period.
#[tokio::test(flavor = "multi_thread")]
async fn a_burst_of_right_digests_is_answered() {
    let scene = Scene::set(&["abc123"]).await;
    user(&scene, "legacy", "**", &["--digest-legacy"]);
    let mut headers = Vec::new();
    for _ in 0..30 {
        let asked = super::post(&scene.serve.stranger(), V1, &live_v1()).await;
        let challenge = challenges(&asked.expect(401)).remove(0);
        headers.push(response(&challenge, ("legacy", PASSWORD), V1));
    }
    let all = headers.iter().map(|header| shown(&scene, header));
    for answer in futures_util::future::join_all(all).await {
        answer.expect(200);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_user_that_clients_write_each_in_their_own_way_has_no_digest() {
    let scene = Scene::set(&["abc123"]).await;
    let operator = scene.serve.credential("operator", "**", &["operate"]);
    let operator = std::fs::read_to_string(operator).unwrap();
    let operator = scene.serve.ops().with(operator.trim());
    let body = |user: &str, digest: bool| {
        serde_json::json!({"name": "n", "user": user, "password": PASSWORD, "streams": ["abc123"],
            "actions": ["lease"], "digest_legacy": digest})
        .to_string()
    };
    for (user, digest, status) in [("M\u{fc}ller", true, 400), ("M\u{fc}ller", false, 201)] {
        let asked = body(user, digest);
        let made = operator.try_ask("POST", "/v1/credentials", &[], Some(&asked));
        let made = made.await.unwrap().expect(status);
        assert_eq!(made.text().contains("ASCII"), digest, "{}", made.text());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_kept_is_sealed_and_goes_along_with_the_master_key() {
    let mut scene = Scene::set(&["abc123"]).await;
    user(&scene, "legacy", "**", &["--digest-legacy"]);
    let folder = scene.serve.certs().parent().unwrap().to_owned();
    let url = format!("sqlite:{}", folder.join("keystore/hlskey.db").display());
    let ha1 = md5(&format!("legacy:hlskey:{PASSWORD}"));
    let clear = format!(
        "SELECT count(*) FROM credentials WHERE hex(sealed_ha1) LIKE '%{}%'",
        ha1.to_uppercase()
    );
    assert_eq!(database::number(&url, &clear).await, 0);
    let kept = "SELECT count(*) FROM credentials WHERE length(sealed_ha1) > 16";
    assert_eq!(database::number(&url, kept).await, 1);

    scene.serve.kill();
    let config = scene.serve.config();
    private(&folder.join("keystore/second.key"), &"5a".repeat(32));
    let both = "[\"keystore/second.key\", \"keystore/master.key\"]";
    scene.serve.amend("[\"keystore/master.key\"]", both);
    binary::printed(&["keystore", "rekey", "--config", text(&config)]);
    scene.serve.amend(both, "[\"keystore/second.key\"]");
    binary::printed(&["keystore", "verify", "--config", text(&config)]);
    scene.serve.resume().await;
    let (status, body) = curl(&scene, "legacy", PASSWORD, (V1, &live_v1()));
    assert_eq!(status, 200, "{body}");
}
