//! A lease that has come to its end, and one that an earlier run had.

use super::*;
use crate::domain::Position;
use crate::encryptor::lease::KeyFault;

/// The last digit of each listed segment's kid.
fn kids(bench: &Bench) -> String {
    let published = bench.published("i.m3u8");
    let uris = published
        .segments()
        .iter()
        .map(|s| s.key.clone().unwrap().uri.clone());
    uris.map(|uri| uri.chars().last().unwrap()).collect()
}

fn held(bench: &Bench) -> Vec<u64> {
    let told = bench.events.iter().filter_map(|event| match event {
        Event::KeyHeld { msn, .. } => Some(*msn),
        _ => None,
    });
    told.collect()
}

#[test]
fn past_the_end_nothing_is_published_until_the_lease_is_good_again() {
    let mut bench = Bench::new(BY_THREE);
    bench.live("i.m3u8", 0..=2);
    bench.settle();
    let before = files(bench.sink.path());
    bench.footing = Footing::Ended;
    bench.live("i.m3u8", 0..=4);
    let outcome = bench.settle();
    assert_eq!(
        files(bench.sink.path()),
        before,
        "not even under a key that is held"
    );
    assert_eq!(
        bench.stalls(),
        [("i.m3u8".to_owned(), StallReason::LeaseEnded)]
    );
    assert_eq!(outcome.acknowledged, Some(1));
    bench.footing = Footing::Leased;
    bench.settle();
    assert_eq!(bench.listed("i.m3u8"), [0, 1, 2, 3, 4]);
    bench.audit("i.m3u8");
}

#[test]
fn a_version_that_comes_past_the_end_is_not_followed_yet() {
    let mut bench = Bench::new(BY_THREE);
    bench.live("i.m3u8", 0..=2);
    bench.settle();
    let mut view = view(BY_THREE, 0..2);
    view["version"] = json!(2);
    bench.lease = Some(served(view));
    bench.footing = Footing::Ended;
    assert_eq!(bench.settle().acknowledged, Some(1));
    bench.footing = Footing::Leased;
    assert_eq!(bench.settle().acknowledged, Some(2));
}

#[test]
fn the_last_key_is_held_where_there_is_none_and_the_schedule_goes_on_after() {
    for footing in [Footing::Held, Footing::HeldPastKeys] {
        let mut bench = Bench::new(BY_THREE);
        bench.lease = Some(lease(BY_THREE, 0..2));
        bench.footing = footing;
        bench.live("i.m3u8", 0..=7);
        bench.settle();
        assert_eq!(kids(&bench), "00011111", "{footing:?}");
        bench.live("i.m3u8", 0..=8);
        bench.settle();
        assert_eq!(held(&bench), [6], "told once");
        bench.audit("i.m3u8");
        bench.lease = Some(lease(BY_THREE, 0..4));
        bench.footing = Footing::Leased;
        bench.live("i.m3u8", 0..=9);
        bench.settle();
        assert_eq!(kids(&bench), "0001111113", "what is published stays");
        bench.audit("i.m3u8");
    }
}

#[test]
fn a_key_is_not_held_over_a_revoked_one_or_one_with_other_bytes() {
    let mut bench = Bench::new(BY_THREE);
    let mut view = view(BY_THREE, 0..2);
    view["periods"][1]["state"] = json!("revoked");
    bench.lease = Some(served(view));
    bench.footing = Footing::Held;
    bench.live("i.m3u8", 0..=4);
    bench.settle();
    assert_eq!(kids(&bench), "000");
    assert_eq!(
        bench.stalls(),
        [("i.m3u8".to_owned(), StallReason::KeyGone)]
    );
}

#[test]
fn a_key_that_was_not_seen_served_is_held_over_only_past_the_end() {
    let mut lease = unserved(BY_THREE, 0..2);
    let probe = first_probe(&lease).unwrap();
    lease.served(&probe, &key_of(probe.uri.rsplit('/').next().unwrap()));
    let mut bench = Bench::new(BY_THREE);
    bench.lease = Some(lease);
    bench.live("i.m3u8", 0..=4);
    for (footing, expected) in [
        (Footing::Leased, "000"),
        (Footing::HeldPastKeys, "000"),
        (Footing::Held, "00000"),
    ] {
        bench.footing = footing;
        bench.settle();
        assert_eq!(kids(&bench), expected, "{footing:?}");
    }
}

#[test]
fn what_is_published_keeps_its_time_when_the_server_says_another() {
    let mut bench = Bench::new(EVERY_TEN);
    for msn in 0..=2 {
        bench.write(&format!("s{msn}.ts"), segment(msn));
        bench.assign("i.m3u8", msn, Timestamp::from_millis(5000));
    }
    bench.write("i.m3u8", undated(0..=1, ""));
    bench.settle();
    bench.assign("i.m3u8", 1, Timestamp::from_millis(15_000));
    bench.assign("i.m3u8", 2, Timestamp::from_millis(15_000));
    bench.write("i.m3u8", undated(0..=2, ""));
    bench.settle();
    assert_eq!(kids(&bench), "001");
    bench.audit("i.m3u8");
}

/// Whether the key for `segment` is good, and the kid's last digit.
fn good(lease: &Lease, segment: u64) -> Result<char, KeyFault> {
    let position = Position {
        segment,
        time: None,
    };
    let slot = lease.slot_at(position).unwrap();
    let key = lease.key(&"i.m3u8".parse().unwrap(), slot)?;
    Ok(key.uri.chars().last().unwrap())
}

#[test]
fn another_runs_lease_gives_way_to_a_stream_that_was_made_anew() {
    let stream = "live/a".parse().unwrap();
    let again = |change: fn(&mut serde_json::Value)| {
        let mut first = view(BY_THREE, 0..4);
        first["version"] = json!(3);
        let (noted, keys) = served(first).noted(None);
        let mut lease = Lease::from_noted(noted, &keys).unwrap();
        assert_eq!(good(&lease, 6), Ok('2'), "goes on");
        let mut answer = view(BY_THREE, 0..2);
        answer["version"] = json!(3);
        change(&mut answer);
        lease
            .renew(serde_json::from_value(answer).unwrap(), &stream, None)
            .unwrap();
        (lease.version(), good(&lease, 0), good(&lease, 6))
    };
    assert_eq!(again(|_| {}), (3, Ok('0'), Ok('2')), "the same stream");
    let newer = again(|view| view["version"] = json!(4));
    assert_eq!(newer, (4, Ok('0'), Ok('2')));
    let gone = Err(KeyFault::Missing);
    let older = again(|view| view["version"] = json!(1));
    assert_eq!(older, (1, Err(KeyFault::NotServed), gone));
    let other = again(|view| {
        view["periods"][1]["kid"] = json!("0b5f3f0e-1c9c-4f7e-9d3a-00000000000f");
    });
    assert_eq!(other, (3, Err(KeyFault::NotServed), gone));
}

#[test]
fn noted_keys_that_do_not_belong_to_the_periods_make_no_lease() {
    let (noted, keys) = lease(BY_THREE, 0..4).noted(None);
    assert!(Lease::from_noted(noted, &keys[16..]).is_none());
}

#[test]
fn what_is_durable_is_not_listed_past_the_end() {
    let mut bench = Bench::new(BY_THREE);
    let all = bench.lease.take();
    bench.live("i.m3u8", 0..=2);
    bench.settle();
    fs::create_dir(bench.sink("i.m3u8")).unwrap(); // in the playlist's way
    bench.lease = all;
    bench.settle();
    assert_eq!(files(bench.sink.path()).len(), 3, "segments alone");
    fs::remove_dir(bench.sink("i.m3u8")).unwrap();
    bench.footing = Footing::Ended;
    bench.after(6000);
    assert!(!bench.sink("i.m3u8").exists());
    bench.footing = Footing::Leased;
    bench.settle();
    assert_eq!(bench.listed("i.m3u8"), [0, 1, 2]);
}
