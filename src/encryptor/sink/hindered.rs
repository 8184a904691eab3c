//! Files that a place did not take: each is tried again by itself, after the others.
//!
//! Must not know: how a file is sent.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use super::published::ListedFile;
use super::remote::Fault;
use crate::encryptor::path::Beneath;

/// The files, by their paths.
#[derive(Debug, Default)]
pub(super) struct Hindered(BTreeMap<Beneath, Hindrance>);

#[derive(Debug)]
struct Hindrance {
    fault: Fault,
    /// Not before this by the steady clock…
    again: Duration,
    /// … and so much later the next time.
    wait: Duration,
}

const SHORTEST: Duration = Duration::from_millis(500);
const LONGEST: Duration = Duration::from_secs(15);

impl Hindered {
    /// What of `missing` is to be sent now, the hindered ones last, and why others are not yet.
    pub(super) fn due(
        &mut self,
        mut missing: Vec<ListedFile>,
        now: Duration,
    ) -> (Vec<ListedFile>, Result<(), Fault>) {
        if self.0.is_empty() {
            return (missing, Ok(()));
        }
        let paths: BTreeSet<&Beneath> = missing.iter().map(|file| &file.path).collect();
        self.0.retain(|path, _| paths.contains(path));
        let mut done = Ok(());
        missing.retain(|file| match self.0.get(&file.path) {
            Some(hindrance) if hindrance.again > now => {
                done = worse(
                    std::mem::replace(&mut done, Ok(())),
                    Err(hindrance.fault.clone()),
                );
                false
            }
            _ => true,
        });
        missing.sort_by_key(|file| self.0.contains_key(&file.path));
        (missing, done)
    }

    /// One was not taken. Of a place that is away no file is at fault.
    pub(super) fn add(&mut self, path: Beneath, fault: &Fault, now: Duration) {
        let before = self.0.remove(&path).map(|before| before.wait);
        let wait = match fault.is_of_place() {
            true => Duration::ZERO,
            false => before.map_or(SHORTEST, |wait| (wait * 2).clamp(SHORTEST, LONGEST)),
        };
        let hindrance = Hindrance {
            fault: fault.clone(),
            again: now + wait,
            wait,
        };
        self.0.insert(path, hindrance);
    }
}

/// The fault that says more: of the place, or else the first.
pub(super) fn worse(one: Result<(), Fault>, other: Result<(), Fault>) -> Result<(), Fault> {
    match (&one, &other) {
        (Err(fault), Err(next)) if next.is_of_place() && !fault.is_of_place() => other,
        (Err(_), _) => one,
        _ => other,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const fn at(millis: u64) -> Duration {
        Duration::from_millis(millis)
    }

    fn files(names: &[&str]) -> Vec<ListedFile> {
        let files = names.iter().map(|name| Beneath::found(name).unwrap());
        files.map(ListedFile::unseen).collect()
    }

    fn names(files: &[ListedFile]) -> Vec<&str> {
        files.iter().map(|file| file.path.as_str()).collect()
    }

    #[test]
    fn a_refused_file_waits_by_itself_and_is_tried_after_the_others() {
        let mut hindered = Hindered::default();
        let too_long = Fault::Refused {
            path: "a.ts".to_owned(),
            status: 413,
            told: String::new(),
        };
        let all = || files(&["a.ts", "b.ts", "c.ts"]);
        let path = || Beneath::found("a.ts").unwrap();
        assert_eq!(hindered.due(all(), at(0)).1, Ok(()));
        let mut now = at(1000);
        for wait in [500, 1000, 2000, 4000, 8000, 15_000, 15_000] {
            hindered.add(path(), &too_long, now);
            now += at(wait - 1);
            let (due, done) = hindered.due(all(), now);
            assert_eq!(names(&due), ["b.ts", "c.ts"]);
            assert_eq!(done, Err(too_long.clone()), "it is still missing");
            now += at(1);
            assert_eq!(names(&hindered.due(all(), now).0), ["b.ts", "c.ts", "a.ts"]);
        }
        let _ = hindered.due(files(&["b.ts"]), now); // nobody lists it any more
        hindered.add(path(), &too_long, now);
        assert_eq!(
            names(&hindered.due(all(), now + at(500)).0).len(),
            3,
            "anew"
        );
    }

    #[test]
    fn a_place_that_is_away_makes_no_file_wait() {
        let mut hindered = Hindered::default();
        let late = Fault::Late("a.ts".to_owned());
        hindered.add(Beneath::found("a.ts").unwrap(), &late, at(0));
        let (due, done) = hindered.due(files(&["a.ts", "b.ts"]), at(0));
        assert_eq!((names(&due), done), (vec!["b.ts", "a.ts"], Ok(())));
    }

    #[test]
    fn the_place_is_told_of_before_a_file() {
        let late = || Err(Fault::Late("a".to_owned()));
        let own = || Err(Fault::Local("b".to_owned()));
        assert_eq!(worse(own(), late()), late());
        assert_eq!(worse(late(), own()), late());
        assert_eq!(worse(Ok(()), own()), own());
        assert_eq!(worse(Ok(()), Ok(())), Ok(()));
    }
}
