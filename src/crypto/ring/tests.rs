//! The ring: what it opens, what it refuses, what it signs.
//!
//! Must not know: the store.

use super::*;
use crate::domain::SystemEntropy;

const HERE: Place<'_> = Place {
    table: "periods",
    row: b"1",
    column: "sealed_key",
};

fn ring(fill: &[u8]) -> KeyRing {
    KeyRing::new(
        fill.iter()
            .map(|byte| MasterKey::new(&[*byte; 32]))
            .collect(),
    )
    .unwrap()
}

#[test]
fn the_first_seals_and_any_opens() {
    let sealed = ring(&[1]).seal(HERE, b"value", &SystemEntropy);
    assert_eq!(&**ring(&[2, 1]).open(HERE, &sealed).unwrap(), b"value");
    assert!(matches!(
        ring(&[2]).open(HERE, &sealed),
        Err(RingError::UnknownKey(_))
    ));
    assert!(matches!(KeyRing::new(Vec::new()), Err(RingError::Empty)));
    let twice = [1, 2, 1].map(|byte| MasterKey::new(&[byte; 32]));
    let twice = KeyRing::new(twice.into()).unwrap_err();
    assert!(matches!(twice, RingError::Twice(_)), "{twice}");
}

#[test]
fn a_tag_is_read_from_a_sealed_value_and_from_text() {
    let ring = ring(&[1]);
    let sealed = ring.seal(HERE, b"value", &SystemEntropy);
    let tag = KeyTag::of(&sealed).unwrap();
    assert_eq!(tag, ring.sealing());
    assert_eq!(tag.header(), sealed[..SEALED_HEADER]);
    assert_eq!(tag.to_string().parse(), Ok(tag));
    for bad in ["", "+1234567", "0123456", "012345678", "0123456g"] {
        assert_eq!(bad.parse::<KeyTag>(), Err(()), "{bad}");
    }
    assert_eq!(KeyTag::of(&[2, 0, 0, 0, 0]), None);
    assert_eq!(KeyTag::of(&[1, 0, 0, 0]), None);
}

#[test]
fn the_sealing_key_signs_and_any_ring_with_it_verifies() {
    let mac = ring(&[1, 2]).sign(&[b"text"]);
    let (tag, later) = (ring(&[1]).sealing(), ring(&[3, 1]));
    assert!(later.verify(tag, &[b"text"], &mac).unwrap());
    assert!(!later.verify(tag, &[b"Text"], &mac).unwrap());
    assert!(!later.verify(later.sealing(), &[b"text"], &mac).unwrap());
    assert!(ring(&[2]).verify(tag, &[b"text"], &mac).is_err());
}

#[test]
fn a_moved_or_damaged_value_does_not_open() {
    let ring = ring(&[1]);
    let sealed = ring.seal(HERE, b"value", &SystemEntropy);
    for elsewhere in [
        Place {
            table: "other",
            ..HERE
        },
        Place { row: b"2", ..HERE },
        Place {
            column: "other",
            ..HERE
        },
        Place {
            table: "period",
            row: b"s1",
            ..HERE
        },
    ] {
        assert!(matches!(
            ring.open(elsewhere, &sealed),
            Err(RingError::Damaged)
        ));
    }
    for at in 0..sealed.len() {
        let mut damaged = sealed.clone();
        damaged[at] ^= 1;
        assert!(ring.open(HERE, &damaged).is_err(), "byte {at}");
    }
    assert!(ring.open(HERE, &sealed[..10]).is_err());
}

#[test]
fn a_master_key_file_is_private_and_well_formed() {
    use std::os::unix::fs::PermissionsExt;
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("master.key");
    assert!(matches!(
        MasterKey::load(&path),
        Err(RingError::File {
            source: PrivateFileError::Missing(_)
        })
    ));
    std::fs::write(&path, MasterKey::generate(&SystemEntropy).as_bytes()).unwrap();
    let mode = |bits| std::fs::set_permissions(&path, PermissionsExt::from_mode(bits)).unwrap();
    mode(0o644);
    assert!(matches!(
        MasterKey::load(&path),
        Err(RingError::File {
            source: PrivateFileError::Exposed(_)
        })
    ));
    mode(0o600);
    assert!(MasterKey::load(&path).is_ok());
    std::fs::write(&path, "too short").unwrap();
    assert!(matches!(
        MasterKey::load(&path),
        Err(RingError::File {
            source: PrivateFileError::Malformed(_)
        })
    ));
}
