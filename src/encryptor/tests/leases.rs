//! The lease itself: what it holds, what it lacks, what it refuses.

use super::*;
use crate::domain::{Position, Rendition};
use crate::encryptor::lease::{KeyFault, LeaseError};

fn fault(lease: &Lease, segment: u64) -> Option<KeyFault> {
    let rendition: Rendition = "i.m3u8".parse().unwrap();
    let position = Position {
        segment,
        time: None,
    };
    let slot = lease.slot_at(position).unwrap();
    lease.key(&rendition, slot).err()
}

fn renewed(lease: &mut Lease, change: impl Fn(&mut serde_json::Value)) -> Result<(), LeaseError> {
    let mut view = view(BY_THREE, 0..2);
    change(&mut view);
    let view = serde_json::from_value(view).unwrap();
    lease.renew(view, &"live/a".parse().unwrap(), None)
}

#[test]
fn a_key_is_good_once_seen_served_and_until_it_is_withdrawn() {
    let mut lease = unserved(BY_THREE, 0..2);
    assert_eq!(fault(&lease, 0), Some(KeyFault::NotServed));
    assert_eq!(fault(&lease, 6), Some(KeyFault::Missing));
    assert!(!lease.lacks(None, 0) && lease.lacks(None, 2));
    let probe = first_probe(&lease).unwrap();
    assert!(probe.uri.ends_with("00"), "the earliest first");
    lease.refused(&probe);
    assert!(lease.lacks(None, 0), "a new probe is needed");
    assert!(first_probe(&lease).unwrap().uri.ends_with("01"));
    renewed(&mut lease, |_| {}).unwrap();
    let probe = first_probe(&lease).unwrap();
    lease.served(&probe, &key_of(probe.uri.rsplit('/').next().unwrap()));
    assert_eq!(fault(&lease, 0), None);
    renewed(&mut lease, |_| {}).unwrap();
    assert_eq!(fault(&lease, 0), None, "it is not checked twice");
    renewed(&mut lease, |view| {
        view["periods"][0]["state"] = json!("revoked");
    })
    .unwrap();
    assert_eq!(fault(&lease, 0), Some(KeyFault::Gone));
}

#[test]
fn keys_that_are_not_needed_yet_are_spares() {
    let mut lease = unserved(BY_THREE, 0..3);
    let wanted = [(None, 1)].into();
    let mut none = HashSet::new();
    let first = lease.unchecked(&wanted, &none).unwrap();
    assert!(first.uri.ends_with("01"), "before all others");
    lease.served(&first, &key_of(first.uri.rsplit('/').next().unwrap()));
    assert!(lease.unchecked(&wanted, &none).is_none());
    assert_eq!(lease.spares(), 2);
    let spare = lease.spare(&none).unwrap();
    assert!(spare.uri.ends_with("00"));
    none.insert(spare.place);
    assert!(lease.spare(&none).unwrap().uri.ends_with("02"));
}

#[test]
fn after_a_cut_no_key_of_the_grid_before_it_is_held_over() {
    let rendition: Rendition = "i.m3u8".parse().unwrap();
    for _ in 0..20 {
        // the map of keys is in another order each time
        let mut lease = lease(EVERY_TEN, 0..10);
        let time = |seconds: u64| json!({"time": second(seconds).to_string()});
        let mut cut = view(EVERY_TEN, 30..32);
        cut["version"] = json!(2);
        let era = json!({"start": time(25), "base": 3, "rotation": {"every": "10s"}});
        cut["eras"].as_array_mut().unwrap().push(era);
        for (at, period) in cut["periods"]
            .as_array_mut()
            .unwrap()
            .iter_mut()
            .enumerate()
        {
            period["index"] = json!(3 + at);
            period["boundary"] = time(25 + 10 * at as u64);
        }
        let cut = serde_json::from_value(cut).unwrap();
        lease.renew(cut, &"live/a".parse().unwrap(), None).unwrap();
        while let Some(probe) = lease.spare(&HashSet::new()) {
            let key = key_of(probe.uri.rsplit('/').next().unwrap());
            lease.served(&probe, &key);
        }
        let at = |seconds| {
            let time = Some(second(seconds));
            lease.slot_at(Position { segment: 0, time }).unwrap()
        };
        let horizon = Some(crate::domain::Boundary::Time(second(35)));
        assert_eq!(lease.horizon(None), horizon);
        for footing in [Footing::Held, Footing::HeldPastKeys] {
            let held = lease.key_on(&rendition, at(46), footing).ok().unwrap();
            assert!(held.uri.ends_with("1f"), "{}", held.uri);
            let own = lease.key_on(&rendition, at(26), footing).ok().unwrap();
            assert!(own.uri.ends_with("1e"), "{}", own.uri);
        }
    }
}

fn second(at: u64) -> Timestamp {
    Timestamp::from_millis(i64::try_from(at).unwrap() * 1000)
}

#[test]
fn a_lease_that_contradicts_itself_is_refused() {
    let mut lease = unserved(BY_THREE, 0..2);
    let refused = renewed(&mut lease, |view| view["stream"] = json!("live/b"));
    assert_eq!(refused, Err(LeaseError::Stream));
    let refused = renewed(&mut lease, |view| view["eras"] = json!([]));
    assert_eq!(refused, Err(LeaseError::Schedule));
    let refused = renewed(&mut lease, |view| {
        view["periods"][0]["key"] = json!(STANDARD.encode("another-fake-key"));
    });
    assert!(matches!(refused, Err(LeaseError::Key(_))));
    assert_eq!(fault(&lease, 0), Some(KeyFault::NotServed));
}

#[test]
fn an_overtaken_answer_does_not_turn_the_schedule_back() {
    let mut lease = unserved(BY_THREE, 0..2);
    let newer = |view: &mut serde_json::Value| {
        view["version"] = json!(2);
        view["eras"][0]["rotation"] = json!({"segments": 5});
    };
    renewed(&mut lease, newer).unwrap();
    renewed(&mut lease, |_| {}).unwrap();
    assert_eq!(lease.version(), 2);
    assert_eq!(
        fault(&lease, 4),
        Some(KeyFault::NotServed),
        "period 0, of five"
    );
}
