//! The lease's time under a clock of the tests' own.

use super::*;

/// A wall clock and a steady one, moved apart at will.
struct Clocks(Mutex<(Timestamp, Duration)>);

const HOUR: Duration = Duration::from_secs(3600);
const NOON: Timestamp = Timestamp::from_millis(1_767_268_800_000);

impl Clock for Clocks {
    fn now(&self) -> Timestamp {
        self.0.lock().unwrap().0
    }

    fn steady(&self) -> Duration {
        self.0.lock().unwrap().1
    }
}

impl Clocks {
    fn new() -> Arc<Self> {
        Arc::new(Self(Mutex::new((NOON, HOUR))))
    }

    fn pass(&self, span: Duration) {
        let mut both = self.0.lock().unwrap();
        *both = (both.0.plus(span), both.1 + span);
    }

    fn set(&self, wall: Timestamp) {
        self.0.lock().unwrap().0 = wall;
    }
}

fn seconds(count: u64) -> Duration {
    Duration::from_secs(count)
}

/// A lease of one minute from a server whose clock is an hour ahead.
fn leased(policy: OnLeaseEnd) -> (Arc<Clocks>, Term) {
    let clocks = Clocks::new();
    let term = Term::new(clocks.clone(), policy);
    assert_eq!(term.footing(), Footing::Leased, "nothing to end yet");
    let server = NOON.plus(HOUR);
    term.granted(term.now(), server, Some(server.plus(seconds(60))));
    term.heard();
    (clocks, term)
}

#[test]
fn a_lease_lasts_as_long_as_the_server_said_whatever_the_wall_clock_says() {
    for off in [NOON, NOON.plus(HOUR * 2), NOON.minus(HOUR)] {
        let (clocks, term) = leased(OnLeaseEnd::Stall);
        clocks.set(off);
        clocks.pass(Duration::from_millis(59_999));
        assert_eq!(term.footing(), Footing::Leased, "{off}");
        clocks.pass(Duration::from_millis(1));
        assert_eq!(term.footing(), Footing::Ended, "{off}");
        term.granted(term.now(), off, Some(off.plus(seconds(60))));
        assert_eq!(term.footing(), Footing::Leased, "{off}");
    }
}

#[test]
fn past_its_end_the_last_key_is_held_if_so_told_and_nobody_refuses() {
    let (clocks, term) = leased(OnLeaseEnd::Hold);
    clocks.pass(seconds(9));
    assert_eq!(term.footing(), Footing::Leased, "silent, and not away yet");
    clocks.pass(seconds(1));
    assert_eq!(term.footing(), Footing::HeldPastKeys);
    clocks.pass(seconds(50));
    assert_eq!(term.footing(), Footing::Held);
    term.refused();
    assert_eq!(term.footing(), Footing::Ended, "it is there and says no");
    term.heard();
    assert_eq!(term.footing(), Footing::Held);
}

#[test]
fn the_end_is_told_well_before_when_it_comes_and_when_it_is_over() {
    let (clocks, term) = leased(OnLeaseEnd::Stall);
    let ends = Text(NOON.plus(HOUR + seconds(60)));
    let then = OnLeaseEnd::Stall;
    let mut told = Vec::new();
    for _ in 0..125 {
        clocks.pass(seconds(1));
        told.extend(term.tell());
    }
    let (ending, ended) = (
        Event::LeaseEnding { ends, then },
        Event::LeaseEnded { ends, then },
    );
    assert_eq!(told, [ending, ended.clone(), ended], "again after a minute");
    term.granted(term.now(), NOON, Some(NOON.plus(seconds(60))));
    assert!(matches!(term.tell(), Some(Event::LeaseRenewed { .. })));
    assert_eq!(term.tell(), None);
}

#[test]
fn another_run_goes_on_with_what_is_left_and_never_with_more() {
    let (clocks, term) = leased(OnLeaseEnd::Stall);
    clocks.pass(seconds(20));
    let noted = term.noted().unwrap();
    assert_eq!((noted.left, noted.span), (seconds(40), seconds(60)));
    assert_eq!(noted.server, NOON.plus(HOUR + seconds(20)));
    for (wall, left, is_sane) in [
        (seconds(30), seconds(30), true),
        (seconds(70), Duration::ZERO, true),
        (seconds(0), seconds(40), true), // set back a little: not longer than noted
    ] {
        let later = Clocks::new();
        later.set(NOON.plus(wall));
        let again = Term::new(later.clone(), OnLeaseEnd::Stall);
        assert_eq!(again.restore(noted), is_sane, "{wall:?}");
        assert_eq!(again.noted().unwrap().left, left, "{wall:?}");
    }
    let back = Clocks::new();
    back.set(NOON.minus(HOUR));
    let again = Term::new(back, OnLeaseEnd::Stall);
    assert!(!again.restore(noted), "an hour back is not believed");
    assert_eq!(again.footing(), Footing::Ended);
}

#[test]
fn the_servers_time_is_told_while_it_is_away() {
    let (clocks, term) = leased(OnLeaseEnd::Stall);
    assert_eq!(term.server_time_while_away(), None);
    clocks.set(NOON.minus(HOUR));
    clocks.pass(seconds(10));
    let now = NOON.plus(HOUR + seconds(10));
    assert_eq!(term.server_time_while_away(), Some(now));
    assert_eq!(term.server_time(), now);
    term.refused();
    assert_eq!(term.server_time_while_away(), None);
    term.heard();
    assert_eq!(term.server_time_while_away(), None);
}
