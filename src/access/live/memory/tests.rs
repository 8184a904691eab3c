//! What memory keeps of sessions when it is full, and for how long.
//!
//! Must not know: who asks, or what the store makes of it.

use super::*;
use crate::access::live::names::{key_of, name};

const LEASE: Duration = Duration::from_secs(900);

/// Nobody's headers.
fn agent() -> Vec<(String, String)> {
    Vec::new()
}

fn seen<'a>(at: u64, facts: &'a Facts<'a>) -> Seen<'a> {
    Seen {
        at: Duration::from_secs(at),
        lease: LEASE,
        facts,
        rules: SessionRules::default(),
    }
}

/// A session, and a key of it that lies in the first shard.
fn session(number: u64, seen: &Seen<'_>) -> (Key, Session) {
    let name = name(&"viewers".into(), &number.to_string(), "alice");
    let mut key = key_of(&name);
    key[0] = 0;
    let at = Arc::new(Watching {
        stream: seen.facts.stream.clone(),
        address: None,
        device: 0,
    });
    (key, Session::sighted(name, at, seen))
}

#[test]
fn when_it_is_full_nothing_is_dropped_that_must_still_be_written_down() {
    let (stream, headers) = ("live/a".parse().unwrap(), agent());
    let facts = Facts {
        stream: &stream,
        ip: None,
        headers: &headers,
    };
    let memory = Memory::default();
    let (early, late) = (seen(0, &facts), seen(900, &facts));
    let most = MOST_OF_SHARD as u64;
    for number in 0..most {
        let (key, session) = session(number, &early);
        memory.keep(key, session);
    }
    let known = |number| memory.glance(&session(number, &early).0, &early) == Glance::Good;
    let (key, one_more) = session(most, &late);
    memory.keep(key, one_more);
    assert!(!known(most) && known(0) && known(most - 1));
    // In place of itself one is taken.
    let (key, again) = session(0, &late);
    memory.keep(key, again);
    let unwritten = memory.unwritten(late.at, LEASE);
    assert_eq!(unwritten.len(), MOST_OF_SHARD);
    for session in &unwritten {
        session.set_written(session.seen());
    }
    assert!(memory.unwritten(late.at, LEASE).is_empty());
    // Of those whose lease has ended none is left, and there is room.
    assert!(known(0) && !known(1));
    let (key, one_more) = session(most, &late);
    memory.keep(key, one_more);
    assert!(known(most));
}

#[test]
fn what_was_over_before_it_was_written_down_goes_with_its_lease() {
    let (stream, headers) = ("live/a".parse().unwrap(), agent());
    let facts = Facts {
        stream: &stream,
        ip: None,
        headers: &headers,
    };
    let memory = Memory::default();
    let begun = seen(0, &facts);
    let [(over, first), (live, second)] = [0, 1].map(|number| session(number, &begun));
    memory.keep(over, first);
    memory.keep(live, second);
    memory.end(&over, Duration::from_secs(1));
    let names = |at: u64| -> Vec<String> {
        let owed = memory.unwritten(Duration::from_secs(at), LEASE);
        owed.iter().map(|one| one.name.session.clone()).collect()
    };
    assert_eq!(names(0).len(), 2, "its end is still to come");
    assert_eq!(names(1), ["1"]);
    assert!(memory.has_ended(&over, Duration::from_secs(1)));
    assert_eq!(names(900), ["1"]);
    assert!(!memory.has_ended(&over, Duration::from_secs(900)));
}
