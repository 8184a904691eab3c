//! What a server refuses to start with, each by a message that says what to do; beside each, the
//! start that succeeds once that was done.
//!
//! Must not know: the modules that refuse.

use std::fs::Permissions;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::process::Command;

use super::bench::{BOTH, Bench, Kind, said, write_secret};
use crate::harness::binary;
use crate::harness::database;

const MASTER: &str = "keystore/master.key";

/// A stopped server whose store has keys, its master key's text, and the tag of that.
async fn stopped(kind: Kind) -> (Bench, String, String) {
    let mut bench = Bench::start(kind).await;
    bench.issue("test/a", 20).await;
    bench.serve.pause().await;
    let master = std::fs::read_to_string(bench.path(MASTER)).unwrap();
    let verified = bench.json(&["verify"]);
    let tag = verified["master_keys"][0]["tag"]
        .as_str()
        .unwrap()
        .to_owned();
    (bench, master, tag)
}

/// It refuses, and says all of `words`, and nothing secret.
fn refuses(bench: &Bench, master: &str, words: &[&str]) {
    let said = bench.will_not_start();
    for word in words {
        assert!(said.contains(word), "'{word}' is not in: {said}");
    }
    assert!(!said.contains(master.trim()), "the master key is told");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_master_key_that_is_not_as_it_should_be() {
    for kind in BOTH {
        let (mut bench, master, tag) = stopped(kind).await;
        let path = bench.path(MASTER);
        let other = "0123456789abcdef".repeat(4);
        for (text, mode, words) in [
            (master.as_str(), 0o640, "chmod 600"),
            (master.as_str(), 0o604, "chmod 600"),
            ("", 0o600, "is empty"),
            ("obviously no key", 0o600, "64 hex digits"),
            (&other, 0o600, "put the master key with that tag back"),
        ] {
            write_secret(&path, text, mode);
            let needs = format!("20 keys under master key {tag}");
            refuses(&bench, &master, &[words, &needs, "no new one"]);
        }
        std::fs::remove_file(&path).unwrap();
        let missing = "master.key is not there: put it back";
        refuses(&bench, &master, &[missing, &tag]);
        assert!(!path.exists(), "nothing makes a new one by itself");
        bench.ring(&[]);
        refuses(&bench, &master, &["keys.master_keys", &tag]);
        bench.ring(&[MASTER]);
        write_secret(&path, &master, 0o600);
        bench.serve.resume().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn init_makes_no_master_key_beside_a_store_that_lost_its_own() {
    for kind in BOTH {
        let (mut bench, master, tag) = stopped(kind).await;
        let kept = bench.json(&["init"]);
        assert!(
            kept.as_array()
                .unwrap()
                .iter()
                .all(|file| file["made"] == false),
            "{kept}"
        );
        std::fs::remove_file(bench.path(MASTER)).unwrap();
        let said = bench.refused(&["init"]);
        assert!(
            said.contains(&tag) && said.contains("put that file back"),
            "{said}"
        );
        assert!(!bench.path(MASTER).exists());
        write_secret(&bench.path(MASTER), &master, 0o600);
        // A second one, to be rolled in, is what it may make.
        bench.ring(&[MASTER, "keystore/next.key"]);
        let made = bench.printed(&["init"]);
        assert!(
            made.contains("made") && bench.path("keystore/next.key").exists(),
            "{made}"
        );
        assert_eq!(std::fs::read_to_string(bench.path(MASTER)).unwrap(), master);
        bench.serve.resume().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn one_key_under_a_master_key_that_is_away() {
    for kind in BOTH {
        let (mut bench, master, tag) = stopped(kind).await;
        bench.printed(&[
            "rekey",
            "--add",
            bench.path("keystore/other.key").to_str().unwrap(),
        ]);
        bench.ring(&["keystore/other.key", MASTER]);
        bench.serve.resume().await;
        bench.issue("test/between", 1).await;
        bench.serve.pause().await;
        bench.ring(&[MASTER]);
        // Neither the oldest nor the newest key is under the one that is away.
        let newest = "UPDATE periods SET issued = issued - 1000000 WHERE stream = 'test/between'";
        let oldest = "UPDATE periods SET issued = 0 WHERE kid = (
            SELECT kid FROM periods WHERE stream = 'test/a' ORDER BY kid LIMIT 1)";
        database::run(&bench.url, newest).await;
        database::run(&bench.url, oldest).await;
        refuses(
            &bench,
            &master,
            &[
                "not in the ring",
                &format!("20 keys under master key {tag}"),
                "1 key under",
            ],
        );
        let verify = bench.run(&["verify", "--json"]);
        let told = String::from_utf8_lossy(&verify.stdout).into_owned();
        said(&verify);
        assert!(
            told.contains("test/between") && told.contains("kid"),
            "{told}"
        );
        bench.ring(&[MASTER, "keystore/other.key"]);
        bench.serve.resume().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_store_of_a_newer_version() {
    for kind in BOTH {
        let (bench, master, _) = stopped(kind).await;
        let (yes, bytes) = match kind {
            Kind::Sqlite => ("1", "X'00'"),
            Kind::Postgres => ("true", "'\\x00'"),
        };
        let later = format!(
            "INSERT INTO _sqlx_migrations (version, description, success, checksum, execution_time)
             VALUES (9001, 'later', {yes}, {bytes}, 0)"
        );
        database::run(&bench.url, &later).await;
        refuses(&bench, &master, &["9001", "a newer hlskey has opened it"]);
        for args in [&["verify"][..], &["migrate"], &["migrate", "--check"]] {
            let said = bench.refused(args);
            assert!(said.contains("9001"), "{args:?}: {said}");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_file_that_is_no_database() {
    let (bench, master, _) = stopped(Kind::Sqlite).await;
    let file = bench.path("keystore/hlskey.db");
    for side in ["-wal", "-shm"] {
        let _ = std::fs::remove_file(bench.path(&format!("keystore/hlskey.db{side}")));
    }
    std::fs::write(&file, "no database, only text ".repeat(500)).unwrap();
    refuses(&bench, &master, &["hlskey.db is no SQLite database"]);
    let said = bench.refused(&["verify"]);
    assert!(said.contains("no SQLite database"), "{said}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_file_system_that_is_read_only() {
    let (mut bench, master, _) = stopped(Kind::Sqlite).await;
    let folder = bench.path("mounted");
    std::fs::create_dir(&folder).unwrap();
    let mount = |args: &[&str]| {
        let mounted = Command::new("mount").args(args).arg(&folder).status();
        assert!(mounted.unwrap().success(), "run the tests as root");
    };
    mount(&["-t", "tmpfs", "-o", "size=8m", "hlskey-test"]);
    let file = folder.join("hlskey.db");
    // What a server wrote last may lie in the side file still.
    for name in ["hlskey.db", "hlskey.db-wal"] {
        let from = bench.path("keystore").join(name);
        if from.exists() {
            std::fs::copy(from, folder.join(name)).unwrap();
        }
    }
    let before = bench.url.clone();
    bench
        .serve
        .amend(&before, &format!("sqlite:{}", file.display()));
    mount(&["-o", "remount,ro"]);
    refuses(&bench, &master, &["mounted", "read-only"]);
    mount(&["-o", "remount,rw"]);
    bench.serve.resume().await;
    bench.serve.pause().await;
    let unmounted = Command::new("umount").arg("-l").arg(&folder).status();
    assert!(unmounted.unwrap().success());
}

/// Runs a copy of the program as `nobody`, who sees the folder and does not own the file.
#[tokio::test(flavor = "multi_thread")]
async fn a_database_of_another_user() {
    let (bench, master, _) = stopped(Kind::Sqlite).await;
    let folder = bench.serve.config().parent().unwrap().to_owned();
    let program = folder.join("hlskey");
    std::fs::copy(binary::binary(), &program).unwrap();
    let give = |path: &Path, mode| {
        let given = Command::new("chown").arg("nobody").arg(path).status();
        assert!(given.unwrap().success(), "run the tests as root");
        std::fs::set_permissions(path, Permissions::from_mode(mode)).unwrap();
    };
    for path in [
        "",
        "hlskey",
        "hlskey.toml",
        "keystore",
        MASTER,
        "keystore/grant.key",
    ] {
        let mode = if path.ends_with(".key") { 0o600 } else { 0o755 };
        give(&folder.join(path), mode);
    }
    let mut command = Command::new("setpriv");
    command
        .args(["--reuid", "nobody", "--clear-groups"])
        .arg(&program);
    command
        .args(["serve", "--config"])
        .arg(bench.serve.config());
    let said = said(
        &command
            .env_clear()
            .env("PATH", "/usr/bin:/bin")
            .output()
            .unwrap(),
    );
    assert!(
        said.contains("hlskey.db belongs to the user with id 0"),
        "{said}"
    );
    assert!(
        said.contains("chown") && !said.contains(master.trim()),
        "{said}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_postgres_that_refuses_or_is_away() {
    let (bench, master, _) = stopped(Kind::Postgres).await;
    let at = bench.url.clone();
    let absent = at.replace("/postgres", "/nowhere");
    assert_ne!(absent, at);
    bench.serve.amend(&at, &absent);
    refuses(&bench, &master, &["no database of the name", "createdb"]);
    let host = at.split('@').nth(1).unwrap();
    let user = format!("postgres://stranger:obviously-a-fake@{host}");
    bench.serve.amend(&absent, &user);
    refuses(&bench, &master, &["refuses the user or the password"]);
    assert!(!bench.will_not_start().contains("obviously-a-fake"));
    bench
        .serve
        .amend(&user, "postgres://u:obviously-a-fake@127.0.0.1:1/keys");
    refuses(&bench, &master, &["postgres on 127.0.0.1 does not answer"]);
    assert!(!bench.will_not_start().contains("obviously-a-fake"));
}

#[tokio::test(flavor = "multi_thread")]
async fn verify_names_files_that_are_open_to_others() {
    let (bench, _, _) = stopped(Kind::Sqlite).await;
    bench.printed(&["verify"]);
    let open = |name: &str, mode| {
        std::fs::set_permissions(bench.path(name), Permissions::from_mode(mode)).unwrap();
    };
    open("keystore/hlskey.db", 0o644);
    open("keystore/grant.key", 0o644);
    let output = bench.run(&["verify"]);
    let told = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(said(&output).contains("2 faults"), "{told}");
    for name in [
        "hlskey.db is open to others: chmod 600",
        "grant.key is open to others",
    ] {
        assert!(told.contains(name), "{told}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn verify_names_each_key_that_does_not_open() {
    for kind in BOTH {
        let (bench, master, _) = stopped(kind).await;
        let moved = "UPDATE periods SET sealed_key = (
                SELECT p.sealed_key FROM periods p ORDER BY p.slot LIMIT 1
             ) WHERE slot >= (SELECT max(p.slot) - 1 FROM periods p)";
        database::run(&bench.url, moved).await;
        let output = bench.run(&["verify", "--json"]);
        assert!(said(&output).contains("2 faults"));
        let told: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
        let faults = told["faults"].as_array().unwrap();
        assert_eq!((told["ok"].as_bool(), faults.len()), (Some(false), 2));
        assert!(
            faults
                .iter()
                .all(|fault| fault["stream"] == "test/a" && fault["kid"].is_string())
        );
        let new = bench.path("keystore/new.key");
        bench.printed(&["rekey", "--add", new.to_str().unwrap()]);
        bench.ring(&["keystore/new.key", MASTER]);
        let said = bench.refused(&["rekey"]);
        assert!(said.contains("2 keys cannot be opened"), "{said}");
        assert!(!told.to_string().contains(master.trim()));
    }
}
