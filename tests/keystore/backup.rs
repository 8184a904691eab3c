//! Backups: taken beside load, restored on another machine and database, and refused when they
//! are not whole.
//!
//! Must not know: a backup's form, beyond that it is lines.

use std::os::unix::fs::MetadataExt as _;
use std::time::Duration;

use rand::RngExt as _;
use serde_json::Value;

use super::bench::{Bench, Kind, Served, issue, said};
use crate::harness::chance::seeded;
use crate::harness::process::Process;
use crate::harness::small_disk::SmallDisk;

/// A server with keys, and its backup in `name`.
async fn backed_up(kind: Kind) -> (Bench, Served, String) {
    let bench = Bench::start(kind).await;
    let mut keys = bench.issue("test/a", 300).await;
    keys.extend(bench.issue("test/deep/b", 40).await);
    let file = bench.path("store.backup").to_str().unwrap().to_owned();
    let told = bench.json(&["backup", &file]);
    assert_eq!(told["rows"]["periods"], 340, "{told}");
    (bench, keys, file)
}

/// Another machine: its own folder, configuration and database, and a copy of the secrets that
/// the backup does not hold.
fn elsewhere(kind: Kind, like: &Bench) -> Bench {
    let other = Bench::prepare(kind);
    for name in ["keystore/master.key", "keystore/grant.key"] {
        std::fs::copy(like.path(name), other.path(name)).unwrap();
    }
    other
}

async fn another_machine_serves_the_same_keys(from: Kind, to: Kind) {
    let (bench, keys, file) = backed_up(from).await;
    let token = std::fs::read_to_string(bench.path("studio.credential")).unwrap();
    let mut other = elsewhere(to, &bench);
    let carried = other.path("carried.backup");
    std::fs::copy(file, &carried).unwrap();
    drop(bench); // the machine is gone
    let told = other.json(&["restore", carried.to_str().unwrap()]);
    assert_eq!(told["restored"], true);
    other.printed(&["verify"]);
    other.serve.resume().await;
    other.serves(&keys).await;
    // Its packagers' credentials and its schedules are there, too.
    let packager = other.serve.stranger().with(token.trim());
    let again = issue(&packager, "test/deep/b", 60).await;
    let known = again
        .iter()
        .filter(|(path, key)| keys.get(*path) == Some(*key));
    // At most one period has ended meanwhile.
    assert!(known.count() >= 39 && again.len() == 60);
}

#[tokio::test(flavor = "multi_thread")]
async fn another_machine_serves_the_same_keys_from_sqlite_to_sqlite() {
    another_machine_serves_the_same_keys(Kind::Sqlite, Kind::Sqlite).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn another_machine_serves_the_same_keys_from_sqlite_to_postgres() {
    another_machine_serves_the_same_keys(Kind::Sqlite, Kind::Postgres).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn another_machine_serves_the_same_keys_from_postgres_to_sqlite() {
    another_machine_serves_the_same_keys(Kind::Postgres, Kind::Sqlite).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_backup_beside_a_busy_server_is_of_one_moment() {
    let (bench, keys, _) = backed_up(Kind::Sqlite).await;
    let packager = bench.packager();
    let busy = tokio::spawn(async move {
        for stream in 0..30 {
            issue(&packager, &format!("test/busy-{stream}"), 100).await;
        }
    });
    let file = bench.path("busy.backup");
    for _ in 0..5 {
        bench.printed(&["backup", "--force", file.to_str().unwrap()]);
        let other = elsewhere(Kind::Sqlite, &bench);
        let told = other.json(&["restore", file.to_str().unwrap()]);
        let held = told["rows"]["periods"].as_u64().unwrap();
        let at_once = [40, 41].contains(&(held % 100)); // one key, then the others at once
        assert!(at_once, "{held} keys");
        other.printed(&["verify"]);
    }
    busy.await.unwrap();
    bench.serves(&keys).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_backup_is_private_says_what_it_lacks_and_replaces_nothing_unasked() {
    let (bench, _, file) = backed_up(Kind::Sqlite).await;
    assert_eq!(std::fs::metadata(&file).unwrap().mode() & 0o777, 0o600);
    let held = std::fs::read(&file).unwrap();
    let master = std::fs::read_to_string(bench.path("keystore/master.key")).unwrap();
    let text = String::from_utf8_lossy(&held).to_lowercase();
    assert!(
        !text.contains(master.trim()),
        "the master key is in the backup"
    );
    let refused = bench.refused(&["backup", &file]);
    assert!(refused.contains("--force"), "{refused}");
    assert_eq!(std::fs::read(&file).unwrap(), held);
    let team = "[server.packagers]\nlisten = \"127.0.0.1:1\"\nclient_ca = \"certs/teams.pem\"\n\
                certificate = \"certs/own.pem\"\nprivate_key = \"certs/own.key\"\n\
                crl = \"certs/gone.pem\"\n[server.ops]";
    bench.serve.amend("[server.ops]", team);
    let told = bench.printed(&["backup", "--force", &file]);
    let verified = bench.json(&["verify"]);
    let tag = verified["master_keys"][0]["tag"].as_str().unwrap();
    for named in [
        tag,
        "keystore/master.key",
        "keystore/grant.key",
        "viewers.secret",
        "certs/server.key",
        "certs/teams.pem",
        "certs/own.pem",
        "certs/own.key",
        "certs/gone.pem",
    ] {
        assert!(told.contains(named), "{named} is not named: {told}");
    }
    assert!(!told.contains(master.trim()));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_backup_that_is_not_whole_restores_nothing() {
    let (bench, keys, file) = backed_up(Kind::Sqlite).await;
    let mut other = elsewhere(Kind::Sqlite, &bench);
    let whole = std::fs::read(&file).unwrap();
    let bad = other.path("bad.backup");
    let database = other.path("keystore/hlskey.db");
    let mut random = seeded();
    for (end, words) in [
        (0, "cut short"),
        (whole.len() / 2, "cut short"),
        (whole.len(), "changed"),
    ] {
        let mut bytes = whole[..end].to_vec();
        if end == whole.len() {
            let at = random.random_range(200..end - 200);
            bytes[at] ^= 1;
        }
        std::fs::write(&bad, &bytes).unwrap();
        let said = other.refused(&["restore", bad.to_str().unwrap()]);
        assert!(
            said.contains(words) && said.contains("bad.backup"),
            "{end}: {said}"
        );
        assert!(!database.exists(), "{end}");
    }
    let said = other.refused(&["restore", "/nowhere.backup"]);
    assert!(said.contains("/nowhere.backup"), "{said}");
    std::fs::copy(bench.path("viewers.secret"), &bad).unwrap();
    let said = other.refused(&["restore", bad.to_str().unwrap()]);
    assert!(
        said.contains("cut short") || said.contains("no backup"),
        "{said}"
    );
    other.printed(&["restore", &file]);
    other.serve.resume().await;
    other.serves(&keys).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_right_master_key_is_asked_for_by_its_tag() {
    let (bench, _, file) = backed_up(Kind::Sqlite).await;
    let tag = bench.json(&["verify"])["master_keys"][0]["tag"]
        .as_str()
        .unwrap()
        .to_owned();
    let stranger = Bench::prepare(Kind::Sqlite); // with a master key of its own
    let said = stranger.refused(&["restore", &file]);
    assert!(said.contains(&tag), "{said}");
    assert!(!stranger.path("keystore/hlskey.db").exists());
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_store_holds_is_replaced_only_when_that_is_said() {
    let (mut bench, keys, file) = backed_up(Kind::Sqlite).await;
    let late = bench.issue("test/late", 5).await;
    bench.serve.pause().await;
    let said = bench.refused(&["restore", &file]);
    assert!(said.contains("--replace"), "{said}");
    bench.serve.resume().await;
    bench.serves(&late).await;
    bench.serve.pause().await;
    bench.printed(&["restore", "--replace", &file]);
    bench.serve.resume().await;
    bench.serves(&keys).await;
    let viewer = bench.serve.viewer("**");
    viewer.get(late.keys().next().unwrap()).await.expect(404);
}

async fn a_restore_that_is_killed_is_all_or_nothing(kind: Kind) {
    let mut random = seeded();
    let (bench, keys, file) = backed_up(Kind::Sqlite).await;
    let mut other = elsewhere(kind, &bench);
    other.printed(&["migrate"]);
    let count = "SELECT count(*) FROM periods";
    for _ in 0..15 {
        let mut run = Process::start(other.command(&["restore", "--replace", &file]));
        tokio::time::sleep(Duration::from_millis(random.random_range(1..150))).await;
        run.kill();
        let found = other.number(count).await;
        assert!([0, 340].contains(&found), "{found} keys");
    }
    other.printed(&["restore", "--replace", &file]);
    other.serve.resume().await;
    other.serves(&keys).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_restore_that_is_killed_is_all_or_nothing_on_sqlite() {
    a_restore_that_is_killed_is_all_or_nothing(Kind::Sqlite).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_restore_that_is_killed_is_all_or_nothing_on_postgres() {
    a_restore_that_is_killed_is_all_or_nothing(Kind::Postgres).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_full_disk_leaves_no_half_backup_and_the_old_one() {
    let (bench, _, _) = backed_up(Kind::Sqlite).await;
    let folder = bench.path("small");
    std::fs::create_dir(&folder).unwrap();
    let _small = SmallDisk::mount(&folder, 16);
    let file = folder.join("store.backup");
    std::fs::write(&file, "an older one").unwrap();
    let run = bench.run(&["backup", "--force", file.to_str().unwrap()]);
    let text = said(&run);
    assert!(
        text.contains("No space left") && text.contains("no backup was written"),
        "{text}"
    );
    let names: Vec<_> = std::fs::read_dir(&folder).unwrap().collect();
    assert_eq!(names.len(), 1, "{names:?}");
    assert_eq!(std::fs::read(&file).unwrap(), b"an older one");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_backup_that_is_killed_leaves_none_of_its_name() {
    let mut random = seeded();
    let (bench, _, _) = backed_up(Kind::Sqlite).await;
    let file = bench.path("killed.backup");
    for _ in 0..20 {
        let mut run = Process::start(bench.command(&["backup", file.to_str().unwrap()]));
        tokio::time::sleep(Duration::from_millis(random.random_range(1..80))).await;
        run.kill();
        if file.exists() {
            let told = bench.json(&["restore", "--check", file.to_str().unwrap()]);
            assert_eq!(told["restored"], Value::from(false));
            std::fs::remove_file(&file).unwrap();
        }
    }
    bench.printed(&["backup", file.to_str().unwrap()]);
    let names = std::fs::read_dir(file.parent().unwrap()).unwrap();
    let left = names.filter(|name| {
        let name = name.as_ref().unwrap().file_name();
        name.to_str().unwrap().ends_with(".new")
    });
    assert_eq!(left.count(), 0);
}
