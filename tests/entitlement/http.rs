//! The source `http`: a real service that answers, refuses, slows down, talks rubbish and dies.
//!
//! Must not know: how the product asks.

use futures_util::future::join_all;
use serde_json::json;

use super::scene::{STREAM, Scene, counted, fetch, token};
use crate::harness::authority::{Authority, private};
use crate::harness::entitlement::{Service, ask_there, beside};
use crate::harness::serve::Serve;
use crate::harness::wait::{seconds, until};

/// Answers count for a second, and longer only while the service fails.
const SHORT: &str = "[entitlement.cache]\nmin_ttl = \"1s\"\nstale_if_error = \"6s\"\n\
                     [entitlement.bounds]\ntimeout = \"1s\"\npause = \"1s\"\n";

#[tokio::test(flavor = "multi_thread")]
async fn the_service_decides_and_is_asked_as_promised() {
    let scene = Scene::set("").await;
    scene.turn(json!({"denied": ["bob"]})).await;
    assert_eq!(scene.status("alice").await, 200);
    let refused = scene.fetch("bob").await.expect(403);
    assert_eq!(refused.code(), "forbidden");
    let seen = scene.service.seen().await;
    assert_eq!(seen["unsigned"], 0);
    assert_eq!(seen["by_viewer"], json!({"alice": 1, "bob": 1}));
    let last = seen["last"].as_object().unwrap();
    let names: Vec<_> = last.keys().map(String::as_str).collect();
    let promised = [
        "ip",
        "request_time",
        "scheme",
        "session",
        "stream",
        "viewer",
    ];
    assert_eq!(names, promised);
    let said = ["viewer", "stream", "scheme"].map(|name| last[name].as_str().unwrap());
    assert_eq!(said, ["bob", STREAM, "viewers"]);
    let time = last["request_time"].as_str().unwrap();
    assert!(time.ends_with('Z') && time.len() == 24, "{time}");
    assert_eq!(scene.status("alice").await, 200);
    assert_eq!(scene.service.asked().await, 2, "an answer counts a while");
    assert_eq!(
        counted(&scene.serve, "hlskey_entitlement_lookups_total ").await,
        2
    );
    let remembered = "hlskey_entitlement_remembered_total ";
    assert_eq!(counted(&scene.serve, remembered).await, 1);
    let denied = "hlskey_entitlement_outcomes_total{outcome=\"deny\"} ";
    assert_eq!(counted(&scene.serve, denied).await, 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_service_with_another_secret_lets_nobody_in() {
    let scene = Scene::set("secrets = [\"obviously-a-fake-secret-that-it-does-not-know\"]\n").await;
    assert_eq!(scene.status("alice").await, 503);
    assert!(scene.service.seen().await["unsigned"].as_u64().unwrap() > 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_but_an_answer_is_a_yes() {
    let never = "[entitlement.bounds]\nfailures = 1000\ntimeout = \"1500ms\"\n";
    let scene = Scene::set(never).await;
    let modes = [
        "error", "refusal", "created", "rubbish", "text", "empty", "huge", "redirect", "half",
        "drip",
    ];
    for mode in modes {
        scene.turn(json!({"mode": mode})).await;
        let answer = scene.fetch(mode).await;
        assert_eq!(answer.status, 503, "{mode}");
        assert_eq!(answer.header("retry-after"), "1", "{mode}");
        scene.turn(json!({"mode": "answer"})).await;
        let well = format!("{mode}-and-well");
        assert_eq!(scene.status(&well).await, 200, "{mode}");
    }
    let answers = [
        json!({}),
        json!({"allow": "true"}),
        json!({"allow": 1}),
        json!({"allow": true, "ttl": -1}),
        json!({"allow": true, "max_sessions": -1}),
    ];
    for (number, answer) in answers.iter().enumerate() {
        // Another answer would keep what it does not say.
        scene
            .turn(json!({"answer": answer, "mode": "answer"}))
            .await;
        let viewer = format!("viewer-{number}");
        assert_eq!(scene.status(&viewer).await, 503, "{answer}");
    }
    let unknown = json!({"allow": true, "colour": ["green"], "reason": "\u{1b}[31mpaid"});
    scene.turn(json!({"answer": unknown})).await;
    assert_eq!(scene.status("somebody").await, 200);
    let redirected = scene.service.seen().await;
    assert_eq!(redirected["unsigned"], 0);
}

/// A subscription that ended, as services put it: what stands beside the no must not turn it into a
/// failure of theirs, which a stale yes would stand in for.
#[tokio::test(flavor = "multi_thread")]
async fn a_no_is_a_no_whatever_stands_beside_it() {
    let touchy = "[entitlement.bounds]\nfailures = 1\npause = \"60s\"\n";
    let scene = Scene::set(&format!(
        "{touchy}[entitlement.cache]\nstale_if_error = \"10m\"\n"
    ))
    .await;
    let brief = json!({"allow": true, "ttl": 1});
    scene.turn(json!({"answer": brief})).await;
    assert_eq!(scene.status("carl").await, 200);
    let denials = [
        json!({"allow": false, "ttl": 10, "max_sessions": 0, "reason": "cancelled"}),
        json!({"allow": false, "ttl": -1}),
        json!({"allow": false, "reason": {"code": "unpaid"}}),
        json!({"allow": false, "max_sessions": 1.5}),
        json!({"allow": true, "max_sessions": 0}),
    ];
    for (number, denial) in denials.iter().enumerate() {
        scene.turn(json!({"answer": denial})).await;
        let viewer = format!("viewer-{number}");
        assert_eq!(scene.status(&viewer).await, 403, "{denial}");
    }
    scene.turn(json!({"answer": denials[0]})).await;
    until("the yes has ended", seconds(10), async || {
        (scene.status("carl").await == 403).then_some(())
    })
    .await;
    scene
        .turn(json!({"answer": {"allow": true, "max_sessions": 1}}))
        .await;
    assert_eq!(scene.status("who pays").await, 200);
}

#[tokio::test(flavor = "multi_thread")]
async fn bad_luck_is_tried_once_more() {
    let scene = Scene::set("").await;
    scene.turn(json!({"mode": "twice"})).await;
    assert_eq!(scene.status("alice").await, 200);
    assert_eq!(scene.service.asked().await, 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_slow_service_is_waited_for_so_long_and_no_longer() {
    let scene = Scene::set("[entitlement.bounds]\ntimeout = \"1s\"\n").await;
    scene.turn(json!({"delay": 0.4})).await;
    assert_eq!(scene.status("alice").await, 200);
    scene.turn(json!({"delay": 4})).await;
    let begun = std::time::Instant::now();
    assert_eq!(scene.status("bob").await, 503);
    assert!(begun.elapsed() < seconds(3), "{:?}", begun.elapsed());
}

#[tokio::test(flavor = "multi_thread")]
async fn answers_are_renewed_before_they_end_and_a_dead_service_is_stood_in_for() {
    let mut scene = Scene::set(SHORT).await;
    scene
        .turn(json!({"answer": {"allow": true, "ttl": 2}}))
        .await;
    assert_eq!(scene.status("alice").await, 200);
    until("the answer is asked for again", seconds(20), async || {
        (scene.service.asked().await >= 4).then_some(())
    })
    .await;
    // She asked once: everything else was asked behind her back.
    assert_eq!(
        counted(&scene.serve, "hlskey_key_deliveries_total ").await,
        1
    );
    scene.service.kill();
    let stale = "hlskey_entitlement_stale_total ";
    until("a stale answer stands in", seconds(20), async || {
        assert_eq!(scene.status("alice").await, 200);
        (counted(&scene.serve, stale).await > 0).then_some(())
    })
    .await;
    assert_eq!(scene.status("bob").await, 503, "of whom nothing is known");
    until("the bound is past", seconds(20), async || {
        (scene.status("alice").await == 503).then_some(())
    })
    .await;
    scene.service.resume().await;
    until("the service is asked again", seconds(20), async || {
        (scene.status("alice").await == 200).then_some(())
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_service_that_keeps_failing_is_left_alone() {
    let scene = Scene::set("[entitlement.bounds]\nfailures = 3\npause = \"3s\"\n").await;
    scene.turn(json!({"mode": "refusal"})).await;
    for viewer in 0..10 {
        assert_eq!(scene.status(&format!("viewer-{viewer}")).await, 503);
    }
    assert_eq!(scene.service.asked().await, 3);
    let open = "hlskey_entitlement_breaker_open ";
    assert_eq!(counted(&scene.serve, open).await, 1);
    scene.turn(json!({"mode": "answer"})).await;
    until("it is tried again", seconds(20), async || {
        (scene.status("alice").await == 200).then_some(())
    })
    .await;
    assert_eq!(counted(&scene.serve, open).await, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_crowd_does_not_flood_the_service() {
    let bounds = "[entitlement.bounds]\nconcurrency = 4\nwaiting = 8\ntimeout = \"10s\"\n";
    let scene = Scene::set(bounds).await;
    // So slow that all of them have come before the first is answered.
    scene.turn(json!({"delay": 2})).await;
    let tokens: Vec<_> = (0..24)
        .map(|number| token(&scene.serve, &format!("viewer-{number}")))
        .collect();
    let stranger = scene.serve.stranger();
    let asked = tokens.iter().map(|token| {
        let (actor, key) = (stranger.with(token), scene.key.clone());
        async move { actor.get(&key).await.status }
    });
    let statuses = join_all(asked).await;
    let count = |status| statuses.iter().filter(|one| **one == status).count();
    assert_eq!((count(200), count(503)), (12, 12), "{statuses:?}");
    assert_eq!(scene.service.seen().await["most_at_once"], 4);
    let crowded = "hlskey_entitlement_outcomes_total{outcome=\"crowded\"} ";
    assert_eq!(counted(&scene.serve, crowded).await, 12);
}

#[tokio::test(flavor = "multi_thread")]
async fn those_that_ask_at_once_ask_once() {
    let scene = Scene::set("").await;
    scene.turn(json!({"delay": 0.5})).await;
    let alice = scene.serve.stranger().with(&token(&scene.serve, "alice"));
    let asked = (0..20).map(|_| alice.get(&scene.key));
    let answers = join_all(asked).await;
    assert!(answers.iter().all(|answer| answer.status == 200));
    assert_eq!(scene.service.asked().await, 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_service_must_prove_who_it_is_and_may_ask_the_same() {
    let mut serve = Serve::prepare("\"never\"", "");
    let (of_service, of_client) = (Authority::new(), Authority::new());
    let issued = of_service.server(2040);
    let names = ["service.pem", "service.key", "clients.pem"];
    let files = names.map(|name| beside(&serve, name));
    private(&files[0], &issued.certificate);
    private(&files[1], &issued.key);
    private(&files[2], of_client.pem());
    let service = Service::start(&serve, &files).await;
    private(&beside(&serve, "service-ca.pem"), of_service.pem());
    let client = of_client.client(7, &["key-server.example"], &[]);
    let pair = format!("{}{}", client.certificate, client.key);
    private(&beside(&serve, "client.pem"), &pair);
    let (ca, mine) = (
        "ca_file = \"service-ca.pem\"\n",
        "client_certificate_file = \"client.pem\"\n",
    );
    ask_there(
        &serve,
        &format!("https://{}", service.place()),
        &format!("{ca}{mine}"),
    );
    serve.resume().await;
    let uri = serve.key(STREAM).await;
    assert_eq!(fetch(&serve, &uri, "alice").await.status, 200);
    for without in [ca, mine] {
        serve.pause().await;
        serve.amend(without, "");
        serve.resume().await;
        assert_eq!(fetch(&serve, &uri, "alice").await.status, 503, "{without}");
        serve.pause().await;
        serve.amend("secrets_file", &format!("{without}secrets_file"));
        serve.resume().await;
        assert_eq!(fetch(&serve, &uri, "alice").await.status, 200);
    }
    assert_eq!(service.seen().await["unsigned"], 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn settings_that_would_let_in_the_wrong_ones_are_refused() {
    let http = |url: &str, more: &str| {
        format!("source = \"http\"\n[entitlement.http]\nurl = \"{url}\"\n{more}")
    };
    let good = "secrets = [\"obviously-a-fake-secret-that-is-long-enough\"]";
    let here = "http://localhost:1/";
    let cases: [(String, &str); 8] = [
        (http("http://paid.example/", good), "https://"),
        (http("https://u:p@paid.example/", good), "url"),
        (http(here, ""), "secrets is empty"),
        (
            http(here, "secrets = [\"obviously-a-fake\"]"),
            "at least 32",
        ),
        ("source = \"http\"".to_owned(), "[entitlement.http]"),
        (
            http(here, good).replacen("\"http\"", "\"allow\"", 1),
            "needs source",
        ),
        (
            format!(
                "{}\n[entitlement.bounds]\ntimeout = \"1h\"",
                http(here, good)
            ),
            "100ms to 30s",
        ),
        (
            format!(
                "{}\n[entitlement.cache]\nmin_ttl = \"2h\"",
                http(here, good)
            ),
            "min_ttl",
        ),
    ];
    for (settings, says) in cases {
        let serve = Serve::prepare("\"never\"", "");
        serve.amend("source = \"allow\"", &settings);
        let config = serve.config();
        let config = config.to_str().unwrap();
        for args in [
            &["config", "check", "--config", config],
            &["serve", "--config", config][..],
        ] {
            let output = crate::harness::binary::run(args);
            let errors = String::from_utf8_lossy(&output.stderr);
            assert!(
                !output.status.success() && errors.contains(says),
                "{settings}: {errors}"
            );
            assert!(!errors.contains("obviously"), "{errors}");
        }
    }
}

/// Nothing that a service or a viewer sends stands in the log, nor does the secret.
#[tokio::test(flavor = "multi_thread")]
async fn the_log_holds_no_secret() {
    let mut scene = Scene::set("").await;
    scene.turn(json!({"mode": "rubbish"})).await;
    scene.status("alice").await;
    scene.service.kill();
    scene.status("bob").await;
    let process = scene.serve.process.as_ref().unwrap();
    let log = process.stderr.text();
    assert!(log.contains("the entitlement source fails"), "{log}");
    for secret in ["obviously-a-fake", "allow: true", "v1="] {
        assert!(!log.contains(secret), "{secret} in {log}");
    }
}
