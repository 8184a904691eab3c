//! Revocations: what comes back, what is one and the same, what is told, and what is too much.
//!
//! Must not know: who is refused.

use super::*;
use crate::store::News;
use crate::store::testing::scratch;

const NOW: Timestamp = Timestamp::from_millis(1_000);
const DAY: i64 = 86_400_000;

fn viewer(name: &str) -> NewRevocation {
    NewRevocation {
        revoked: Revoked::Viewer(name.to_owned()),
        scheme: None,
        until: None,
        maker: "operator".to_owned(),
        note: String::new(),
    }
}

async fn made(store: &Store, id: &str, new: &NewRevocation) -> String {
    match store.add_revocation(id, new, NOW).await.unwrap() {
        Revoking::Made(id) => id,
        Revoking::Full => panic!("full"),
    }
}

#[tokio::test]
async fn a_revocation_comes_back_as_it_was() {
    let (_dir, store) = scratch().await;
    let before = NewRevocation {
        revoked: Revoked::Before(Timestamp::from_millis(-5)),
        scheme: Some("team-a".to_owned()),
        until: Some(Timestamp::from_millis(9)),
        note: "their secret leaked\n".to_owned(),
        ..viewer("")
    };
    let token = NewRevocation {
        revoked: Revoked::Token("é/1".to_owned()),
        ..viewer("")
    };
    made(&store, "2", &before).await;
    made(&store, "1", &token).await;
    let rows = store.revocations().await.unwrap();
    let row = |id: &str, says| RevocationRow {
        id: id.to_owned(),
        made: NOW,
        says,
    };
    assert_eq!(rows, [row("1", token), row("2", before)]);
    assert_eq!(store.revocations_after("", 1).await.unwrap(), rows[..1]);
    assert_eq!(store.revocations_after("1", 9).await.unwrap(), rows[1..]);
}

#[tokio::test]
async fn who_says_the_same_twice_has_one() {
    let (_dir, store) = scratch().await;
    let until = |millis| Some(Timestamp::from_millis(millis));
    let alice = viewer("alice");
    let others = [
        viewer("bob"),
        NewRevocation {
            revoked: Revoked::Session("alice".to_owned()),
            ..alice.clone()
        },
        NewRevocation {
            scheme: Some("team-a".to_owned()),
            ..alice.clone()
        },
        NewRevocation {
            until: until(0),
            ..alice.clone()
        },
        NewRevocation {
            until: until(9),
            ..alice.clone()
        },
    ];
    assert_eq!(made(&store, "a", &alice).await, "a");
    for (at, other) in others.iter().enumerate() {
        assert_eq!(
            made(&store, &format!("b{at}"), other).await,
            format!("b{at}")
        );
    }
    for (at, other) in others.iter().enumerate() {
        assert_eq!(made(&store, "c", other).await, format!("b{at}"));
    }
    let again = NewRevocation {
        maker: "another".to_owned(),
        ..alice
    };
    assert_eq!(made(&store, "c", &again).await, "a");
    assert_eq!(store.revocations().await.unwrap().len(), 6);
}

#[tokio::test]
async fn each_change_is_told() {
    let (_dir, store) = scratch().await;
    let mut follower = store.follow();
    follower.read().await.unwrap();
    made(&store, "a", &viewer("alice")).await;
    let told = News::Changes(vec![Change::Revocations]);
    assert_eq!(follower.read().await.unwrap(), told);
    assert!(store.remove_revocation("a").await.unwrap());
    assert_eq!(follower.read().await.unwrap(), told);
    assert!(!store.remove_revocation("a").await.unwrap());
    assert!(store.revocations().await.unwrap().is_empty());
}

#[tokio::test]
async fn what_ended_long_ago_goes_by_the_time_that_does_not_leap() {
    let (_dir, store) = scratch().await;
    let ended = NewRevocation {
        until: Some(Timestamp::from_millis(DAY)),
        ..viewer("alice")
    };
    made(&store, "a", &ended).await;
    let names = async |store: &Store| {
        let rows = store.revocations().await.unwrap();
        rows.into_iter().map(|row| row.id).collect::<Vec<_>>()
    };
    made(&store, "b", &viewer("bob")).await;
    assert_eq!(names(&store).await, ["a", "b"], "no sweep has been");
    store
        .reckon(Timestamp::from_millis(DAY), std::time::Duration::ZERO)
        .await
        .unwrap();
    // A year later by the clock alone.
    let step = std::time::Duration::from_secs(60);
    store
        .reckon(Timestamp::from_millis(365 * DAY), step)
        .await
        .unwrap();
    made(&store, "c", &viewer("carol")).await;
    assert_eq!(names(&store).await, ["a", "b", "c"]);
    let year = std::time::Duration::from_secs(365 * 86_400);
    store
        .reckon(Timestamp::from_millis(400 * DAY), year)
        .await
        .unwrap();
    made(&store, "d", &viewer("dave")).await;
    assert_eq!(names(&store).await, ["b", "c", "d"]);
}

#[tokio::test]
async fn there_are_only_so_many_by_time() {
    let (_dir, store) = scratch().await;
    let before = |millis| NewRevocation {
        revoked: Revoked::Before(Timestamp::from_millis(millis)),
        ..viewer("")
    };
    for at in 0..MOST_BY_TIME {
        made(&store, &format!("{at:03}"), &before(at)).await;
    }
    let full = store.add_revocation("x", &before(-1), NOW).await.unwrap();
    assert_eq!(full, Revoking::Full);
    made(&store, "y", &viewer("alice")).await;
    assert!(store.remove_revocation("000").await.unwrap());
    made(&store, "x", &before(-1)).await;
}

#[tokio::test]
async fn two_that_say_the_same_at_once_make_one() {
    let (_dir, store) = scratch().await;
    let ids: Vec<String> = (0..8).map(|at| at.to_string()).collect();
    let alice = viewer("alice");
    let all = ids.iter().map(|id| made(&store, id, &alice));
    let made = futures_util::future::join_all(all).await;
    assert!(made.iter().all(|id| *id == made[0]), "{made:?}");
    assert_eq!(store.revocations().await.unwrap().len(), 1);
}
