//! A writer's note under clocks that jump, places that know no conditions, copies of a folder.
//!
//! Must not know: how a place is reached.

use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};

use super::*;
use crate::domain::{SystemEntropy, Timestamp};

/// A clock whose time of day is set as one likes.
#[derive(Default)]
struct At {
    steady: AtomicU64,
    ahead: AtomicI64,
}

impl At {
    fn pass(&self, seconds: u64) {
        self.steady.fetch_add(seconds * 1000, Ordering::Relaxed);
    }
}

impl Clock for At {
    fn now(&self) -> Timestamp {
        let steady = self.steady.load(Ordering::Relaxed).cast_signed();
        Timestamp::from_millis(steady + self.ahead.load(Ordering::Relaxed))
    }

    fn steady(&self) -> Duration {
        Duration::from_millis(self.steady.load(Ordering::Relaxed))
    }
}

/// A place that writes what it is given, whatever the condition says.
#[derive(Default)]
struct Careless {
    note: Mutex<Option<Vec<u8>>>,
    /// Written by another right after the next write here.
    next: Mutex<Option<Vec<u8>>>,
    /// It does not answer.
    is_away: std::sync::atomic::AtomicBool,
}

impl Careless {
    fn put(&self, text: Option<Vec<u8>>) {
        *self.note.lock().unwrap() = text;
    }

    fn text(&self) -> Option<Vec<u8>> {
        self.note.lock().unwrap().clone()
    }

    fn answers(&self) -> Result<(), Fault> {
        match self.is_away.load(Ordering::Relaxed) {
            true => Err(Fault::Late("the note".to_owned())),
            false => Ok(()),
        }
    }
}

impl Board for Careless {
    async fn note(&self) -> Result<Option<(Vec<u8>, Version)>, Fault> {
        self.answers()?;
        Ok(self.text().map(|text| (text, None)))
    }

    async fn swap_note(&self, note: Vec<u8>, _: Option<&Version>) -> Result<bool, Fault> {
        self.answers()?;
        self.put(Some(note));
        if let Some(other) = self.next.lock().unwrap().take() {
            self.put(Some(other));
        }
        Ok(true)
    }

    async fn clear_note(&self) -> Result<(), Fault> {
        self.put(None);
        Ok(())
    }
}

fn tenure(token: &str, seat: &str, clock: &Arc<At>) -> Tenure {
    let who = Claimant {
        instance: format!("at-{seat}"),
        token: token.to_owned(),
        seat: seat.to_owned(),
    };
    let mut tenure = Tenure::new(who, clock.clone(), Arc::new(SystemEntropy));
    tenure.settle = Duration::ZERO;
    tenure
}

fn clock() -> Arc<At> {
    let clock = At::default();
    clock.pass(1_000);
    Arc::new(clock)
}

fn is_held(tenure: &Tenure) -> bool {
    tenure.left().is_ok()
}

#[tokio::test]
async fn no_clock_that_is_ahead_takes_what_is_renewed() {
    for hours in [-1, 0, 1] {
        let (own, ahead) = (clock(), clock());
        ahead.ahead.store(hours * 3_600_000, Ordering::Relaxed);
        let place = Careless::default();
        let (first, second) = (tenure("a", "1", &own), tenure("b", "2", &ahead));
        first.take(&place).await;
        for _ in 0..12 {
            second.take(&place).await;
            assert!(!is_held(&second), "{hours} hours ahead");
            own.pass(10);
            ahead.pass(10);
            first.take(&place).await;
            assert!(is_held(&first), "{hours} hours ahead");
        }
        // its own clock is set back while it holds
        own.ahead.store(-3_600_000, Ordering::Relaxed);
        for _ in 0..12 {
            own.pass(10);
            ahead.pass(10);
            first.take(&place).await;
            second.take(&place).await;
            assert!(is_held(&first) && !is_held(&second));
        }
        // it is lost
        for _ in 0..34 {
            ahead.pass(1);
            second.take(&place).await;
            assert!(!is_held(&second), "too soon");
        }
        ahead.pass(1);
        second.take(&place).await;
        assert!(is_held(&second), "held for ever, {hours} hours ahead");
        first.take(&place).await;
        assert!(matches!(first.left(), Err(Fault::Taken(_))));
    }
}

#[tokio::test]
async fn a_restart_goes_on_at_once_and_a_copy_of_the_folder_is_another() {
    let clock = clock();
    let place = Careless::default();
    let first = tenure("a", "1", &clock);
    first.take(&place).await;
    let copy = tenure("a", "2", &clock);
    copy.take(&place).await;
    let told = copy.left().unwrap_err().to_string();
    assert!(told.contains("copy of this state folder"), "{told}");
    let nowhere = tenure("a", "", &clock);
    nowhere.take(&place).await;
    assert!(!is_held(&nowhere), "a place that cannot be told is another");
    let again = tenure("a", "1", &clock);
    again.take(&place).await;
    assert!(is_held(&again));
    // the same folder, seat and all, goes on elsewhere: a machine that was cloned as it ran
    first.take(&place).await;
    assert!(!is_held(&first));
    clock.pass(10);
    again.take(&place).await;
    assert!(is_held(&again));
    first.put_over(&place);
    again.take(&place).await;
    assert!(!is_held(&again), "a twin is not seen");
}

impl Tenure {
    fn put_over(&self, place: &Careless) {
        place.put(Some(self.next()));
    }
}

#[tokio::test]
async fn one_that_could_not_write_yet_still_knows_what_its_folder_left() {
    let clock = clock();
    let place = Careless::default();
    tenure("a", "1", &clock).take(&place).await;
    let left = place.text();
    let again = tenure("a", "1", &clock);
    *place.next.lock().unwrap() = left; // its write is undone
    again.take(&place).await;
    assert!(!is_held(&again));
    again.take(&place).await;
    assert!(is_held(&again));
}

#[tokio::test]
async fn of_two_that_take_it_at_once_one_holds_it() {
    let clock = clock();
    let place = Careless::default();
    let (first, second) = (tenure("a", "1", &clock), tenure("b", "2", &clock));
    *place.next.lock().unwrap() = Some(second.next());
    first.take(&place).await;
    assert!(!is_held(&first), "what was written is not read back");
    // a slow one waits for a whole renewal of who may hold it already
    assert_eq!(first.pause(clock.steady()), Duration::ZERO);
    let asked = clock.steady();
    clock.pass(4);
    assert!(first.pause(asked) > RENEW);
}

#[tokio::test]
async fn a_start_ends_only_where_another_is_at_work() {
    let clock = clock();
    let place = Arc::new(Careless::default());
    let first = tenure("a", "1", &clock);
    first.take(&*place).await;
    let second = tenure("b", "2", &clock);
    let renews = async {
        sleep(Duration::from_millis(50)).await;
        first.take(&*place).await;
    };
    let (greeted, ()) = tokio::join!(second.greet(&*place), renews);
    assert_eq!(greeted.as_deref(), Some("at-1"));
    // nobody writes
    place.put(None);
    assert_eq!(tenure("b", "2", &clock).greet(&*place).await, None);
    // nobody answers
    place.is_away.store(true, Ordering::Relaxed);
    let third = tenure("b", "2", &clock);
    assert_eq!(third.greet(&*place).await, None);
    assert!(!is_held(&third));
    // and that is known to who waits for it
    let ((), ()) = tokio::join!(third.is_known(), third.take(&*place));
    assert_eq!(third.left(), Err(Fault::Late("the note".to_owned())));
}

#[tokio::test]
async fn one_that_is_given_up_is_anybodys_and_another_ones_stays() {
    let clock = clock();
    let place = Careless::default();
    let (first, second) = (tenure("a", "1", &clock), tenure("b", "2", &clock));
    first.take(&place).await;
    second.take(&place).await;
    second.release(&place).await;
    assert!(place.text().is_some(), "it is another one's");
    first.release(&place).await;
    assert!(place.text().is_none());
    second.take(&place).await;
    assert!(is_held(&second));
}

#[tokio::test]
async fn a_renewal_that_failed_is_tried_again_soon() {
    let clock = clock();
    let place = Careless::default();
    let tenure = tenure("a", "1", &clock);
    assert_eq!(tenure.rest(), AGAIN);
    tenure.take(&place).await;
    assert_eq!(tenure.rest(), RENEW);
    place.is_away.store(true, Ordering::Relaxed);
    clock.pass(10);
    tenure.take(&place).await;
    assert!(is_held(&tenure), "it has half a minute");
    assert_eq!(tenure.rest(), AGAIN);
    place.is_away.store(false, Ordering::Relaxed);
    tenure.take(&place).await;
    assert_eq!(tenure.rest(), RENEW);
}

#[tokio::test]
async fn what_is_under_way_ends_with_the_tenure() {
    let clock = clock();
    let place = Careless::default();
    let tenure = tenure("a", "1", &clock);
    let never = || std::future::pending::<Result<(), Fault>>();
    assert!(tenure.within(0, never()).await.is_err(), "not held");
    tenure.take(&place).await;
    let Hold::Held { term, .. } = *tenure.held.borrow() else {
        panic!("not held")
    };
    assert_eq!(tenure.within(term, async { Ok(7) }).await, Ok(7));
    let other = self::tenure("b", "2", &clock).next();
    let loses = async {
        sleep(Duration::from_millis(20)).await;
        place.put(Some(other));
        tenure.take(&place).await;
    };
    let (ended, ()) = tokio::join!(tenure.within(term, never()), loses);
    assert!(matches!(ended, Err(Fault::Taken(_))), "{ended:?}");
    assert!(tenure.within(term + 1, async { Ok(7) }).await.is_err());
}

#[test]
fn what_is_not_renewed_in_time_is_held_no_more() {
    let clock = clock();
    let tenure = tenure("a", "1", &clock);
    assert!(tenure.left().is_err());
    let until = clock.steady() + Duration::from_secs(30);
    let renew = |held: &mut Hold| held.renew(until, clock.steady());
    tenure.held.send_modify(renew);
    assert_eq!(tenure.left(), Ok(Duration::from_secs(25)));
    clock.pass(26);
    assert!(tenure.left().is_err());
}

#[test]
fn a_seat_is_a_folder_on_a_machine_that_runs() {
    let (one, other) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    assert_eq!(seat(one.path()), seat(&one.path().join(".")));
    assert_ne!(seat(one.path()), seat(other.path()));
    assert_eq!(seat(&one.path().join("none")), "");
}
