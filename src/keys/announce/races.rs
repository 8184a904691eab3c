//! Changes that meet: each is answered by what became of it, not of another.
//!
//! Must not know: HTTP, or an encryptor.

use futures_util::future::join_all;

use super::tests::{announce_and_die, eras, hear, missed, rotate, time, two, version};
use super::*;
use crate::keys::testing::{Bench, every, named, policy};

async fn change(bench: &Bench, stream: &StreamId, seconds: u64) -> Result<u64, KeysError> {
    let changed = bench
        .keys
        .register_stream("packager", stream, policy(every(seconds)));
    Ok(changed.await?.stream.version)
}

#[tokio::test]
async fn a_rule_that_may_still_be_taken_back_is_no_answer() {
    let (one, stream) = two().await;
    let two = one.another().await;
    // The second sees nothing announced, and reads the stream when the first has announced.
    let readers = two.keys.store.readers().await;
    let meanwhile = async {
        hear(&one, &stream, 1).await;
        one.hold(&stream, "a", Some(2)).await;
        drop(readers);
        one.clock.advance_secs(5);
    };
    let asked = join_all([change(&two, &stream, 20), change(&one, &stream, 20)]);
    let (answers, ()) = tokio::join!(asked, meanwhile);
    for answer in answers {
        assert!(
            matches!(answer, Err(KeysError::Unreachable(_))),
            "{answer:?}"
        );
    }
    let row = one.keys.registered(&stream).await.unwrap();
    assert_eq!(row.stream.policy.rotation, every(60));
}

#[tokio::test]
async fn a_cut_stands_whatever_follows_before_its_server_looks() {
    let (one, stream) = two().await;
    let two = one.another().await;
    let encryptors = async |version: u64| {
        hear(&one, &stream, version - 1).await;
        for instance in ["a", "b"] {
            one.hold(&stream, instance, Some(version)).await;
        }
    };
    let meanwhile = async {
        encryptors(2).await;
        let (changed, ()) = tokio::join!(change(&one, &stream, 20), encryptors(3));
        assert_eq!(changed.unwrap(), 3);
    };
    let (cut, ()) = tokio::join!(rotate(&two, &stream), meanwhile);
    let cut = cut.unwrap();
    assert_eq!((cut.slot.boundary, cut.stream.version), (time(15), 2));
    assert_eq!(cut.unreachable, []);
    assert_eq!(eras(&one, &stream).await, 3);
}

#[tokio::test]
async fn nobody_waits_for_a_change_that_came_after_its_own() {
    let (one, stream) = two().await;
    let two = one.another().await;
    let meanwhile = async {
        hear(&one, &stream, 1).await;
        for instance in ["a", "b"] {
            one.hold(&stream, instance, Some(2)).await;
        }
        // It is announced, and nobody acknowledges it.
        let server = one.another().await;
        tokio::select! {
            answer = change(&server, &stream, 20) => panic!("{answer:?}"),
            now = hear(&one, &stream, 2) => assert_eq!(now, 3),
        }
    };
    let (cut, ()) = tokio::join!(rotate(&two, &stream), meanwhile);
    assert_eq!(cut.unwrap().stream.version, 2);
    assert_eq!(version(&one, &stream).await, 3, "it is still waited for");
}

#[tokio::test]
async fn who_was_not_waited_for_is_named_to_everybody_who_asked() {
    let (one, stream) = two().await;
    let two = one.another().await;
    let at_once = async {
        hear(&one, &stream, 1).await;
        one.hold(&stream, "a", Some(2)).await;
        one.keys.rotate_stream(&stream, true).await.unwrap()
    };
    let (first, waived) = tokio::join!(rotate(&two, &stream), at_once);
    let again = rotate(&one, &stream).await.unwrap();
    for cut in [first.unwrap(), waived, again] {
        assert_eq!((cut.slot.boundary, cut.stream.version), (time(15), 2));
        let names: Vec<_> = cut
            .unreachable
            .iter()
            .map(|one| one.instance.as_str())
            .collect();
        assert_eq!(names, ["b"]);
    }
    assert_eq!(eras(&one, &stream).await, 2);
}

#[tokio::test]
async fn a_stream_without_keys_keeps_a_schedule_when_a_change_is_taken_back() {
    let bench = Bench::new().await;
    let stream = bench.register("live/a", every(60)).await;
    let ask = named("a", None);
    bench
        .keys
        .hold_lease("packager", &stream, &ask)
        .await
        .unwrap();
    announce_and_die(&bench, &stream).await;
    let (store, now) = (&bench.keys.store, bench.keys.clock.now());
    let replaced = store.replace_policy(&stream, 2, policy(every(20)), now);
    assert!(!replaced.await.unwrap(), "not while it may be taken back");
    bench.clock.advance_secs(5);
    let refused = rotate(&bench, &stream).await;
    assert_eq!(missed(&refused).len(), 1);
    assert_eq!(eras(&bench, &stream).await, 1);
    assert_eq!(
        change(&bench, &stream, 20).await.unwrap(),
        version(&bench, &stream).await
    );
    let row = bench.keys.registered(&stream).await.unwrap();
    assert_eq!(
        row.stream.policy.rotation,
        every(20),
        "it can be changed again"
    );
}
