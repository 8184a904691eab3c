//! Who and what is not let in, and that nothing of it is kept.
//!
//! Must not know: what is published.

use crate::harness::actor::Actor;
use crate::harness::push::Push;
use crate::harness::wire::{Terms, Wire};

const SEGMENT: &[u8] = &[0x47; 188];

#[tokio::test(flavor = "multi_thread")]
async fn without_the_streams_credential_nothing_is_kept() {
    let push = Push::prepare("test/guarded", "\"never\"").await;
    let _worker = push.start(&[]).await;
    let path = push.path("a.ts");
    let put = async |actor: &Actor, path: &str| {
        actor.try_send("PUT", path, SEGMENT.to_vec()).await.unwrap()
    };
    let answer = put(&push.stranger(), &path).await.expect(401);
    assert!(answer.header("www-authenticate").starts_with("Basic "));
    assert_eq!(answer.code(), "unauthorized");
    let wrong = push.stranger().with("hlskey_obviously_wrong");
    for method in ["PUT", "POST", "DELETE", "GET"] {
        let answer = push.offer_as(&wrong, method, "a.ts", SEGMENT.to_vec());
        answer.await.expect(401);
    }
    put(&wrong, "/test/other/a.ts").await.expect(401);
    assert!(push.spooled().is_empty(), "{:?}", push.spooled());

    put(&push.packager(), &path).await.expect(201);
    put(&push.packager(), &path).await.expect(200);
    let url = format!("https://any:{}@localhost:{}{path}", push.secret, push.port);
    put(&push.stranger(), &url).await.expect(200);
    put(&push.packager(), "/test/other/a.ts").await.expect(404);
    push.packager().get(&path).await.expect(405);
    let posted = push.offer("POST", "b.ts", SEGMENT.to_vec()).await;
    posted.expect(201);
    assert_eq!(push.spooled(), ["a.ts", "b.ts"]);
    for _ in 0..2 {
        let gone = push.offer("DELETE", "a.ts", Vec::new()).await;
        gone.expect(204);
    }
    assert_eq!(push.spooled(), ["b.ts"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn who_guesses_is_slowed_down_and_the_packager_is_not() {
    let push = Push::prepare("test/guessed", "\"never\"").await;
    let _worker = push.start(&[]).await;
    let mut statuses = Vec::new();
    for n in 0..70 {
        let guess = push.stranger().with(&format!("hlskey_obviously_wrong_{n}"));
        let answer = push.offer_as(&guess, "PUT", "a.ts", SEGMENT.to_vec()).await;
        statuses.push(answer.status);
    }
    assert_eq!(statuses[0], 401);
    assert_eq!(statuses[69], 429);
    let sent = push.offer("PUT", "a.ts", SEGMENT.to_vec()).await;
    sent.expect(201);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_path_that_leads_elsewhere_is_refused() {
    let push = Push::prepare("test/paths", "\"never\"").await;
    let _worker = push.start(&[]).await;
    let terms = Terms::new(push.serve.authority.pem(), None);
    let put = |path: &str| {
        let mut wire = Wire::connect(push.port, &terms).unwrap();
        let lines = format!(
            "authorization: Bearer {}\r\ncontent-length: 0\r\n",
            push.secret
        );
        let said = wire.ask("PUT", path, &lines).unwrap();
        (said.status, String::from_utf8(said.body).unwrap())
    };
    for bad in [
        "/test/paths/../../x.ts",
        "/test/paths/../paths/x.ts",
        "/test/paths/%2e%2e/x.ts",
        "/test/paths/a%2fb.ts",
        "/test/paths/a%5cb.ts",
        "/test/paths/a%00.ts",
        "/test/paths//x.ts",
        "/test/paths/.hlskey-1.tmp",
        "/test/paths/.x/a.ts",
        "/test/paths/1/2/3/4/5/6/7/8/9/a.ts",
        "/test/paths/a.m3u",
        "/test/paths/",
    ] {
        let (status, body) = put(bad);
        assert_eq!(status, 400, "{bad}: {body}");
        assert!(body.contains("\"detail\""), "{bad}: {body}");
    }
    assert_eq!(put("/test/paths").0, 404);
    assert!(push.spooled().is_empty(), "{:?}", push.spooled());
    let state = push.job.state();
    assert!(!state.join("x.ts").exists() && !state.join("../x.ts").exists());
    assert_eq!(put("/test/paths/deep/a%20b.ts").0, 201);
    assert_eq!(put("/test/paths/deep").0, 409, "a folder has that name");
    assert_eq!(put("/test/paths/deep/a%20b.ts/c.ts").0, 409);
    assert_eq!(push.spooled(), ["deep/a b.ts"]);
}
