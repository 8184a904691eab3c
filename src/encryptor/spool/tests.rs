//! What is spooled whole, what is refused, and what is left of what broke off.
//!
//! Must not know: the engine.

use std::fs;

use super::*;

const LIMITS: SpoolLimits = SpoolLimits {
    bytes: 100,
    files: 3,
};

fn spool(dir: &tempfile::TempDir) -> Arc<Spool> {
    Spool::at(&dir.path().join("spool"), LIMITS).unwrap()
}

fn put(spool: &Arc<Spool>, path: &str, bytes: &[u8]) -> Result<Kept, SpoolError> {
    let mut upload = spool.begin(path)?;
    upload.write(bytes)?;
    upload.keep()
}

#[test]
fn a_file_is_there_whole_or_not_at_all() {
    let dir = tempfile::tempdir().unwrap();
    let spool = spool(&dir);
    assert_eq!(put(&spool, "v0/a.ts", b"one").unwrap(), Kept::Created);
    let mut half = spool.begin("v0/a.ts").unwrap();
    half.write(b"ha").unwrap();
    drop(half);
    let path = dir.path().join("spool/v0/a.ts");
    assert_eq!(fs::read(&path).unwrap(), b"one");
    assert_eq!(put(&spool, "v0/a.ts", b"three").unwrap(), Kept::Replaced);
    assert_eq!(fs::read(&path).unwrap(), b"three");
    let names: Vec<_> = spool.files().unwrap();
    assert_eq!(names.len(), 1, "{names:?}");
    spool.remove("v0/a.ts").unwrap();
    spool.remove("v0/a.ts").unwrap();
    assert!(!path.exists());
    assert_eq!(*spool.usage(), Usage::default(), "nothing is left to count");
}

#[test]
fn names_that_lead_elsewhere_or_nowhere_are_refused() {
    let dir = tempfile::tempdir().unwrap();
    let spool = spool(&dir);
    let long = format!("{}.ts", "a".repeat(253));
    for bad in [
        "",
        "/a.ts",
        "../a.ts",
        "a/../b.ts",
        "a//b.ts",
        ".hlskey-1.tmp",
        "a/.b/c.ts",
        "a\\b.ts",
        "a.m3u",
        "1/2/3/4/5/6/7/8/9/a.ts",
        &long,
    ] {
        let refused = spool.begin(bad);
        assert!(matches!(refused, Err(SpoolError::Name(_))), "{bad:?}");
        assert!(matches!(spool.remove(bad), Err(SpoolError::Name(_))));
    }
    put(&spool, "1/2/3/4/5/6/7/8/a.ts", b"x").unwrap();
    let below_a_file = put(&spool, "1/2/3/4/5/6/7/8/a.ts/b.ts", b"x");
    assert!(matches!(below_a_file, Err(SpoolError::Name(_))), "too deep");
    put(&spool, "a.ts", b"x").unwrap();
    for taken in ["a.ts/b.ts", "1/2"] {
        let outcome = put(&spool, taken, b"x");
        assert!(matches!(outcome, Err(SpoolError::Conflict)), "{taken}");
    }
}

#[test]
fn a_link_in_the_spool_leads_nowhere() {
    let (dir, other) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let spool = spool(&dir);
    std::os::unix::fs::symlink(other.path(), dir.path().join("spool/v0")).unwrap();
    assert!(put(&spool, "v0/a.ts", b"x").is_err());
    assert_eq!(fs::read_dir(other.path()).unwrap().count(), 0);
}

#[test]
fn there_is_room_for_so_much_and_no_more() {
    let dir = tempfile::tempdir().unwrap();
    let spool = spool(&dir);
    put(&spool, "a.ts", &[1; 60]).unwrap();
    let full = put(&spool, "b.ts", &[1; 41]);
    assert!(matches!(full, Err(SpoolError::Full(_))));
    put(&spool, "b.ts", &[1; 40]).unwrap();
    assert!(matches!(spool.begin("c.ts"), Err(SpoolError::Full(_))));
    spool.remove("b.ts").unwrap();
    put(&spool, "b.ts", &[1; 10]).unwrap();
    put(&spool, "c.ts", &[1; 10]).unwrap();
    assert!(matches!(spool.begin("d.ts"), Err(SpoolError::Full(_))));
}

#[test]
fn what_is_named_a_playlist_begins_as_one() {
    let dir = tempfile::tempdir().unwrap();
    let spool = spool(&dir);
    for bad in [&b"<html>"[..], b"", b"#EXTM3"] {
        let outcome = put(&spool, "a.m3u8", bad);
        assert!(matches!(outcome, Err(SpoolError::NotAPlaylist)));
    }
    assert!(spool.files().unwrap().is_empty());
    for good in [&b"#EXTM3U\n"[..], b"\xef\xbb\xbf#EXTM3U\n"] {
        put(&spool, "a.m3u8", good).unwrap();
    }
}

#[test]
fn what_a_killed_run_left_is_removed_and_the_rest_counted() {
    let dir = tempfile::tempdir().unwrap();
    let first = spool(&dir);
    put(&first, "a.ts", &[1; 60]).unwrap();
    let folder = dir.path().join("spool");
    assert!(
        Spool::at(&folder, LIMITS).is_err(),
        "another process has it"
    );
    drop(first);
    fs::write(folder.join(".hlskey-7.tmp"), "half").unwrap();
    let next = spool(&dir);
    assert!(!folder.join(".hlskey-7.tmp").exists());
    assert!(matches!(
        put(&next, "b.ts", &[1; 50]),
        Err(SpoolError::Full(_))
    ));
}

#[test]
fn a_folder_goes_with_the_last_file_in_it() {
    let dir = tempfile::tempdir().unwrap();
    let spool = spool(&dir);
    put(&spool, "a/b/one.ts", &[1; 10]).unwrap();
    put(&spool, "a/two.ts", &[1; 10]).unwrap();
    spool.remove("a/b/one.ts").unwrap();
    let folder = dir.path().join("spool");
    assert!(!folder.join("a/b").exists());
    assert!(folder.join("a/two.ts").exists());
    spool.remove("a/two.ts").unwrap();
    assert!(!folder.join("a").exists());
    assert!(folder.exists());
    put(&spool, "a/b/one.ts", &[1; 10]).unwrap();
}
