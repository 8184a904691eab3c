//! Links, pipes and half-written files do not get past a root.
//!
//! Must not know: which of its files are media.

use std::fs;
use std::os::unix::fs::symlink;

use super::*;

fn at(path: &str) -> Beneath {
    Beneath::found(path).unwrap()
}

#[test]
fn files_are_replaced_whole_and_read_back() {
    let dir = tempfile::tempdir().unwrap();
    let root = Root::open(dir.path()).unwrap();
    let path = at("a/b/seg.ts");
    assert_eq!(root.stamp(&path).unwrap(), None);
    root.replace(&path, ".seg.ts.tmp", &[b"one"]).unwrap();
    fs::write(dir.path().join("a/b/.seg.ts.tmp"), "left over").unwrap();
    root.replace(&path, ".seg.ts.tmp", &[b"two"]).unwrap();
    root.sync_folder(&path).unwrap();
    let (bytes, stamp) = root.read(&path, 3).unwrap();
    assert_eq!(bytes, b"two");
    assert_eq!(root.stamp(&path).unwrap(), Some(stamp));
    assert!(root.read(&path, 2).is_err(), "over the bound");
    assert_eq!(root.files(&|_| true).unwrap(), std::slice::from_ref(&path));
    root.remove(&path).unwrap();
    root.remove(&path).unwrap();
    root.remove(&at("no/such.ts")).unwrap();
    assert_eq!(root.stamp(&path).unwrap(), None);
}

#[test]
fn no_link_is_followed() {
    let (dir, other) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    fs::write(other.path().join("x.m3u8"), "secret").unwrap();
    symlink(other.path(), dir.path().join("folder")).unwrap();
    symlink(other.path().join("x.m3u8"), dir.path().join("link.m3u8")).unwrap();
    let root = Root::open(dir.path()).unwrap();
    assert!(root.files(&|_| true).unwrap().is_empty());
    for path in ["folder/x.m3u8", "link.m3u8"] {
        assert!(root.read(&at(path), 100).is_err(), "{path}");
        assert!(root.stamp(&at(path)).is_err(), "{path}");
    }
    assert!(root.replace(&at("folder/y"), ".y.tmp", &[b"y"]).is_err());
    root.replace(&at("link.m3u8"), ".l.tmp", &[b"ours"])
        .unwrap();
    let kept = fs::read_to_string(other.path().join("x.m3u8")).unwrap();
    assert_eq!(kept, "secret", "the link was replaced, not its target");
}

#[test]
fn what_cannot_be_written_leaves_nothing() {
    let dir = tempfile::tempdir().unwrap();
    fs::create_dir(dir.path().join("taken")).unwrap();
    let root = Root::open(dir.path()).unwrap();
    assert!(root.replace(&at("taken"), ".taken.tmp", &[b"x"]).is_err());
    assert!(!dir.path().join(".taken.tmp").exists());
    assert!(root.read(&at("taken"), 10).is_err(), "a folder");
}
