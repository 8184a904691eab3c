//! The ledger on a disk that lies, between runs that end anywhere.

use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::time::Duration;

use super::*;
use crate::domain::{Position, SystemEntropy, Timestamp};
use crate::encryptor::lease::{KeyFault, Lease};
use crate::encryptor::options::plain;
use crate::encryptor::term::Noted;
use crate::encryptor::tests::{BY_THREE, lease, served, unserved, view};
use crate::encryptor::undated::Claims;

fn open(options: &Options) -> Result<Ledger, StateError> {
    Ledger::open(options, Arc::new(SystemEntropy))
}

fn note(ledger: &Ledger, lease: &Lease) {
    let none = Claims::default();
    let plain = notes::encode((lease, None), None, (&none, &none));
    ledger.write(lease.version(), &plain).unwrap();
}

/// A lease under the schedule of that version.
fn version(version: u64) -> Lease {
    let mut view = view(BY_THREE, 0..5);
    view["version"] = version.into();
    served(view)
}

/// The key of the segment, its bytes.
fn key(lease: &Lease, segment: u64) -> Result<[u8; 16], KeyFault> {
    let position = Position {
        segment,
        time: None,
    };
    let slot = lease.slot_at(position).unwrap();
    let held = lease.key(&"i.m3u8".parse().unwrap(), slot)?;
    Ok(*held.key().expose())
}

#[test]
fn another_run_finds_what_was_noted() {
    let dir = tempfile::tempdir().unwrap();
    let options = plain(&dir.path().join("state"));
    let before = lease(BY_THREE, 0..5);
    let at = Timestamp::from_millis;
    let undated = |msn: u64| ("i.m3u8".parse().unwrap(), msn);
    let (claims, taken) = (
        Claims::from_iter([(undated(7), at(70)), (undated(8), at(80))]),
        Claims::from_iter([(undated(8), at(80))]),
    );
    let term = Noted {
        server: at(1000),
        local: at(500),
        left: Duration::from_secs(9),
        span: Duration::from_secs(60),
    };
    let ledger = open(&options).unwrap();
    assert!(ledger.read().unwrap().is_none(), "nothing noted yet");
    let plain = notes::encode((&before, Some(1)), Some(term), (&claims, &taken));
    ledger.write(before.version(), &plain).unwrap();
    drop(ledger);
    let notes = open(&options).unwrap().read().unwrap().unwrap();
    assert_eq!(
        (notes.term, notes.claims, notes.taken),
        (Some(term), claims, taken)
    );
    assert_eq!(notes.lease.len(), 4, "from period 1 on");
    assert_eq!(key(&notes.lease, 2), Err(KeyFault::Missing));
    for segment in 3..15 {
        assert_eq!(
            key(&notes.lease, segment),
            key(&before, segment),
            "{segment}"
        );
    }
}

#[test]
fn a_key_that_was_not_seen_served_is_not_good_in_another_run_either() {
    let dir = tempfile::tempdir().unwrap();
    let ledger = open(&plain(dir.path())).unwrap();
    note(&ledger, &unserved(BY_THREE, 0..2));
    let notes = ledger.read().unwrap().unwrap();
    assert_eq!(key(&notes.lease, 0), Err(KeyFault::NotServed));
    assert!(
        notes.lease.lacks(None, 0),
        "it is leased again, for a probe"
    );
}

#[test]
fn what_is_torn_or_tampered_with_is_refused_and_set_aside() {
    let dir = tempfile::tempdir().unwrap();
    let ledger = open(&plain(dir.path())).unwrap();
    note(&ledger, &lease(BY_THREE, 0..2));
    let (path, aside) = (dir.path().join(LEDGER), dir.path().join(ASIDE));
    let whole = fs::read(&path).unwrap();
    let flipped = (0..whole.len()).step_by(5).map(|at| {
        let mut bytes = whole.clone();
        bytes[at] ^= 1;
        bytes
    });
    let torn = (0..whole.len()).step_by(7).map(|at| whole[..at].to_vec());
    for bytes in flipped.chain(torn) {
        fs::write(&path, &bytes).unwrap();
        assert!(ledger.read().is_err());
        assert_eq!(fs::read(&aside).unwrap(), bytes, "kept for who looks");
        assert!(ledger.read().unwrap().is_none(), "and not met again");
    }
    fs::write(&path, &whole).unwrap();
    assert!(ledger.read().unwrap().is_some());
}

#[test]
fn another_streams_and_another_servers_ledger_are_refused() {
    let dir = tempfile::tempdir().unwrap();
    let own = plain(dir.path());
    let (mut stream, mut server) = (own.clone(), own.clone());
    stream.stream = "live/b".parse().unwrap();
    server.server = "https://other.test/".to_owned();
    for (other, words) in [
        (stream, "live/b at https://keys.test"),
        (server, "live/a at https://other.test"),
    ] {
        note(&open(&other).unwrap(), &lease(BY_THREE, 0..2));
        let refusal = open(&own).unwrap().read().err().unwrap().to_string();
        assert!(refusal.contains(words), "{refusal}");
    }
    let mut slashed = own.clone();
    slashed.server += "/";
    note(&open(&slashed).unwrap(), &lease(BY_THREE, 0..2));
    assert!(open(&own).unwrap().read().unwrap().is_some());
}

#[test]
fn without_its_own_key_a_ledger_does_not_open() {
    let dir = tempfile::tempdir().unwrap();
    let options = plain(dir.path());
    note(&open(&options).unwrap(), &lease(BY_THREE, 0..2));
    for text in ["", "torn"] {
        let kept = fs::read(dir.path().join(LEDGER)).unwrap();
        fs::write(dir.path().join("ledger.key"), text).unwrap();
        let ledger = open(&options).unwrap();
        assert!(matches!(ledger.read(), Err(Refusal::Sealed)), "{text:?}");
        fs::write(dir.path().join(LEDGER), kept).unwrap();
    }
}

#[test]
fn what_others_can_read_or_write_is_refused() {
    let dir = tempfile::tempdir().unwrap();
    let state = dir.path().join("state");
    let options = plain(&state);
    drop(open(&options).unwrap());
    let mode = |path: &Path, bits| fs::set_permissions(path, Permissions::from_mode(bits)).unwrap();
    let key = state.join("ledger.key");
    assert_eq!(
        fs::metadata(&key).unwrap().permissions().mode() & 0o777,
        0o600
    );
    mode(&key, 0o640);
    let refused = open(&options).err().unwrap().to_string();
    assert!(refused.contains("chmod 600"), "{refused}");
    mode(&key, 0o600);
    mode(&state, 0o770);
    assert!(matches!(open(&options), Err(StateError::Exposed(_))));
    mode(&state, 0o755);
    let other = std::os::unix::fs::chown(&state, Some(12_345), None).is_ok(); // root alone can
    assert_eq!(matches!(open(&options), Err(StateError::Exposed(_))), other);
    let own = rustix::process::geteuid().as_raw();
    std::os::unix::fs::chown(&state, Some(own), None).unwrap();
    let held = open(&options).unwrap();
    assert!(matches!(open(&options), Err(StateError::InUse(_))));
    drop(held);
    assert!(open(&options).is_ok());
}

#[test]
fn a_lease_that_was_given_up_is_gone_on_from_only_if_the_server_was_not_told() {
    let dir = tempfile::tempdir().unwrap();
    let options = plain(dir.path());
    let ledger = open(&options).unwrap();
    note(&ledger, &lease(BY_THREE, 0..2));
    ledger.give_up().unwrap();
    note(&ledger, &lease(BY_THREE, 0..2));
    assert!(
        !dir.path().join(LEDGER).exists(),
        "nothing is noted any more"
    );
    ledger.keep_after_all().unwrap();
    drop(ledger);
    let ledger = open(&options).unwrap();
    assert!(ledger.read().unwrap().is_some());
    ledger.give_up().unwrap();
    drop(ledger);
    assert!(
        open(&options).unwrap().read().unwrap().is_none(),
        "killed before it knew"
    );
    let left: Vec<_> = fs::read_dir(dir.path()).unwrap().collect();
    assert_eq!(left.len(), 1, "the key alone: {left:?}");
}

#[test]
fn a_version_is_acknowledged_once_no_other_run_would_go_on_from_an_older_one() {
    let dir = tempfile::tempdir().unwrap();
    let options = plain(dir.path());
    let ledger = open(&options).unwrap();
    assert_eq!(ledger.acknowledgeable(None), None);
    assert_eq!(ledger.acknowledgeable(Some(7)), Some(7), "nothing is noted");
    note(&ledger, &version(7));
    assert_eq!(ledger.acknowledgeable(Some(8)), Some(7));
    note(&ledger, &version(8));
    assert_eq!(ledger.acknowledgeable(Some(8)), Some(8));
    drop(ledger);
    let ledger = open(&options).unwrap();
    assert!(ledger.read().unwrap().is_some());
    assert_eq!(
        ledger.acknowledgeable(Some(9)),
        Some(8),
        "a run before noted it"
    );
    let fails = |version: u64| {
        let none = Claims::default();
        let plain = notes::encode((&lease(BY_THREE, 0..1), None), None, (&none, &none));
        assert!(ledger.write(version, &plain).is_err());
    };
    let (path, in_the_way) = (dir.path().join(LEDGER), dir.path().join("ledger.new"));
    fs::create_dir(&in_the_way).unwrap();
    fails(8);
    assert!(path.exists(), "it is as good as before");
    fails(9);
    assert!(!path.exists(), "nobody goes on from it");
    assert_eq!(ledger.acknowledgeable(Some(9)), Some(9));
    fs::remove_dir(&in_the_way).unwrap();
    note(&ledger, &version(9));
    fs::remove_file(&path).unwrap();
    fs::create_dir(&path).unwrap();
    fails(10);
    assert_eq!(
        ledger.acknowledgeable(Some(10)),
        Some(9),
        "it cannot be deleted"
    );
}

#[test]
fn a_name_is_made_up_once() {
    let (one, two) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let name = |dir: &Path| open(&plain(dir)).unwrap().instance("host").unwrap();
    let first = name(one.path());
    assert!(first.starts_with("host-") && first.len() == 13, "{first}");
    assert_eq!(name(one.path()), first);
    assert_ne!(name(two.path()), first);
    fs::write(one.path().join(folder::INSTANCE), "no name\n").unwrap();
    assert_ne!(name(one.path()), first);
}
