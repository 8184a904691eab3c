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
        maker: Maker::Operator("operator".to_owned()),
        note: String::new(),
    }
}

async fn made(store: &Store, id: &str, new: &NewRevocation) -> String {
    match store.add_revocation(id, new, NOW).await.unwrap() {
        Revoking::Made(id) => id,
        refused => panic!("{refused:?}"),
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
        maker: Maker::Operator("another".to_owned()),
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
    let told = |change| News::Changes(vec![change]);
    let one_more = told(Change::Revoked("a".to_owned()));
    assert_eq!(follower.read().await.unwrap(), one_more);
    assert!(store.remove_revocation("a").await.unwrap());
    assert_eq!(follower.read().await.unwrap(), told(Change::Revocations));
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

/// A session that its viewer ends, which would have been good until `until`.
fn ended(viewer: &str, session: usize, until: i64) -> NewRevocation {
    NewRevocation {
        revoked: Revoked::Session(format!("{viewer}-{session}")),
        scheme: Some("viewers".to_owned()),
        until: Some(Timestamp::from_millis(until)),
        maker: Maker::Viewer(viewer.to_owned()),
        note: String::new(),
    }
}

#[tokio::test]
async fn a_viewer_uses_up_what_is_its_own_and_gets_it_back_when_its_sessions_are_over() {
    let (_dir, store) = scratch().await;
    for at in 0..100 {
        made(&store, &format!("{at:03}"), &ended("alice", at, DAY)).await;
    }
    let one_more = ended("alice", 100, DAY);
    let spent = store.add_revocation("x", &one_more, NOW).await.unwrap();
    assert_eq!(spent, Revoking::Spent);
    let again = made(&store, "x", &ended("alice", 7, DAY)).await;
    assert_eq!(again, "007", "it stands already");
    let of_others = [
        ended("bob", 0, DAY),
        NewRevocation {
            scheme: Some("partners".to_owned()),
            ..one_more.clone()
        },
        viewer("alice"),
    ];
    for (at, other) in of_others.iter().enumerate() {
        made(&store, &format!("y{at}"), other).await;
    }
    let mut rows = store.revocations_of(&["099", "y0", "z"]).await.unwrap();
    rows.sort_by(|one, other| one.id.cmp(&other.id)); // a store gives them in any order
    let says: Vec<_> = rows.into_iter().map(|row| row.says).collect();
    assert_eq!(says, [ended("alice", 99, DAY), ended("bob", 0, DAY)]);
    // A clock that leaps makes no room: it may be set right again.
    let reckon = async |day: i64, step: u64| {
        let step = std::time::Duration::from_secs(step);
        let now = Timestamp::from_millis(day * DAY);
        store.reckon(now, step).await.unwrap();
    };
    reckon(0, 0).await;
    reckon(365, 60).await;
    let leapt = Timestamp::from_millis(365 * DAY);
    let spent = store.add_revocation("x", &one_more, leapt).await.unwrap();
    assert_eq!(spent, Revoking::Spent);
    reckon(370, 2 * 86_400).await;
    made(&store, "x", &ended("alice", 100, 9 * DAY)).await;
    let left = store.revocations().await.unwrap();
    let left: Vec<_> = left.into_iter().map(|row| row.id).collect();
    assert_eq!(
        left,
        ["x", "y2"],
        "of the ended ones, those that viewers made"
    );
}
