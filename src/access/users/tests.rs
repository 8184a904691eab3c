//! Users of somebody else's database, whose rows are spelled in each way.
//!
//! Must not know: how a password is shown.

use std::net::IpAddr;

use futures_util::FutureExt as _;

use super::*;
use crate::access::credential::Way;

/// An Argon2id verifier of a password that is obviously fake.
fn verifier() -> String {
    let password = crate::crypto::SecretText::new("obviously-a-fake-password".to_owned());
    crate::access::password::hash(&password, &crate::domain::SystemEntropy).unwrap()
}

/// The users that `select` gives, of an empty database.
fn users(folder: &std::path::Path, select: &str, more: &str) -> Users {
    let path = folder.join("customers.db");
    std::fs::write(&path, "").unwrap();
    let text = format!(
        "streams = [\"live/**\"]\n{more}\n[sql]\nurl = \"sqlite:{}\"\nconnections = 2\n\
         query = \"\"\"SELECT {select} WHERE :user <> ''\"\"\"\n",
        path.display()
    );
    Users::open("customers", &toml::from_str(&text).unwrap()).unwrap()
}

fn from(number: u8) -> Asker {
    let (way, ip) = (Way::Hook(0), Some(IpAddr::from([192, 0, 2, number])));
    Asker { way, ip }
}

async fn found(select: &str, more: &str) -> Result<Option<Found>, Fault> {
    let folder = tempfile::tempdir().unwrap();
    let users = users(folder.path(), select, more);
    users.find("user", from(1), Timestamp::from_millis(0)).await
}

#[tokio::test]
async fn streams_that_stand_twice_or_are_null_give_nobody_more() {
    let verifier = verifier();
    let of = async |streams: &str| {
        let found = found(&format!("'{verifier}' AS password{streams}"), "").await;
        let found = found.map(|found| found.unwrap().principal.streams.clone());
        found.map(|all| {
            all.iter()
                .map(|one| one.as_str().to_owned())
                .collect::<Vec<_>>()
        })
    };
    assert_eq!(of("").await.unwrap(), ["live/**"], "no such column");
    assert_eq!(of(", 'live/a' AS streams").await.unwrap(), ["live/a"]);
    assert_eq!(
        of(", 'live/a' AS Streams").await.unwrap(),
        ["live/a"],
        "however it is spelled"
    );
    assert!(of(", '' AS streams").await.unwrap().is_empty());
    for streams in [
        ", NULL AS streams",
        ", 'live/a' AS streams, 'live/b' AS streams",
        ", 'live/a' AS streams, 'live/b' AS STREAMS",
        ", 7 AS streams",
    ] {
        assert!(
            matches!(of(streams).await, Err(Fault::UsersAway)),
            "{streams}"
        );
    }
}

#[tokio::test]
async fn a_hash_is_never_the_password_itself() {
    const CLEAR: &str = "clear_text = true";
    let of = async |password: &str| found(&format!("'{password}' AS password"), CLEAR).await;
    let clear = of("obviously-a-fake-password").await.unwrap().unwrap();
    assert!(matches!(clear.proof, Proof::Clear(_)));
    let hashed = of(&verifier()).await.unwrap().unwrap();
    assert!(matches!(hashed.proof, Proof::Verifier(_)));
    for hash in [
        "$2y$10$obviouslyfake",
        "$argon2i$v=19$m=16,t=2,p=1$bm9ib2R5$bm9ib2R5",
        " $6$obviously$fake",
        "{SSHA}b2J2aW91c2x5IGZha2U=",
    ] {
        assert!(matches!(of(hash).await, Err(Fault::UsersAway)), "{hash}");
    }
}

#[tokio::test]
async fn who_guesses_at_a_user_does_not_make_the_user_wait() {
    let folder = tempfile::tempdir().unwrap();
    let users = users(
        folder.path(),
        "'obviously-fake' AS password",
        "clear_text = true",
    );
    let now = Timestamp::from_millis(0);
    // Of one address a single question is in line: the next one of the guesser's waits for it.
    let held = users.turns.take(from(1)).await.unwrap();
    let mut guess = users.find("user", from(1), now).boxed();
    assert!(guess.as_mut().now_or_never().is_none(), "it waits");
    let patience = Duration::from_secs(60);
    let own = timeout(patience, users.find("user", from(2), now)).await;
    assert!(own.expect("it waits for the guesser").unwrap().is_some());
    drop(held);
    assert!(guess.await.unwrap().is_some());
}
