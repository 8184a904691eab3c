//! What the players met: counted by each, added up, printed.
//!
//! Must not know: how it was met.

use std::collections::BTreeMap;
use std::fmt;
use std::time::Duration;

use serde::Serialize;

use super::StormArgs;
use super::line::Made;

/// When a key was wanted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Moment {
    /// The first key of a player since it joined (0), or since a rotation.
    Wave(u32),
    /// Any other: of a player that keeps none, or did not get it, or saw a rotation too early.
    Again,
}

/// Why a player did not have its key in time.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Cause {
    /// Another status than 200.
    Status(u16),
    /// 200 with another key, or none.
    WrongBytes,
    /// No answer in time.
    Late,
    NoConnection,
    /// The server ended the connection before TLS began.
    TurnedAway,
    NoTls,
    Broken,
    Malformed,
}

impl Cause {
    /// Whether a player gives up.
    pub(super) fn is_final(self) -> bool {
        matches!(self, Self::Status(400..=499) | Self::WrongBytes)
    }
}

impl fmt::Display for Cause {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Status(status) => write!(f, "{status}"),
            Self::WrongBytes => f.write_str("wrong bytes"),
            Self::Late => f.write_str("no answer"),
            Self::NoConnection => f.write_str("no connection"),
            Self::TurnedAway => f.write_str("turned away"),
            Self::NoTls => f.write_str("no TLS"),
            Self::Broken => f.write_str("connection broken"),
            Self::Malformed => f.write_str("malformed answer"),
        }
    }
}

/// One player's counts, or all players'.
#[derive(Debug, Default)]
pub(super) struct Tally {
    pub(super) requests: u64,
    pub(super) made: Made,
    moments: BTreeMap<Moment, Wanted>,
    causes: BTreeMap<Cause, u64>,
}

/// Keys wanted at one moment.
#[derive(Debug, Default)]
struct Wanted {
    missed: u64,
    /// How long the others took, from the wish to the key, connecting and asking again included.
    micros: Vec<u32>,
}

impl Tally {
    /// Counts one key that was wanted.
    pub(super) fn note(&mut self, moment: Moment, outcome: Result<Duration, Cause>) {
        let wanted = self.moments.entry(moment).or_default();
        match outcome {
            Ok(took) => wanted
                .micros
                .push(u32::try_from(took.as_micros()).unwrap_or(u32::MAX)),
            Err(cause) => {
                wanted.missed += 1;
                *self.causes.entry(cause).or_default() += 1;
            }
        }
    }

    /// Adds another's counts.
    pub(super) fn add(&mut self, other: Self) {
        self.requests += other.requests;
        self.made.full += other.made.full;
        self.made.resumed += other.made.resumed;
        for (moment, wanted) in other.moments {
            let sum = self.moments.entry(moment).or_default();
            sum.missed += wanted.missed;
            sum.micros.extend(wanted.micros);
        }
        for (cause, count) in other.causes {
            *self.causes.entry(cause).or_default() += count;
        }
    }
}

/// The end of a storm, as `--json` prints it.
#[derive(Debug, Serialize)]
pub(super) struct Report {
    stream: String,
    players: u32,
    without_cache: u32,
    target_duration_ms: u64,
    seed: u64,
    /// Requests sent, those asked again included.
    requests: u64,
    /// Keys that a player wanted and did not have a target duration later.
    pub(super) missed: u64,
    /// The same by what went wrong last: a status, or in words.
    missed_by: BTreeMap<String, u64>,
    waves: Vec<Wave>,
    connections: Connections,
    /// The server's questions to the entitlement source meanwhile, whoever caused them.
    #[serde(skip_serializing_if = "Option::is_none")]
    entitlement_lookups: Option<u64>,
}

/// What was wanted at one moment. Times are from the wish to the key, in milliseconds, of the keys
/// that came.
#[derive(Debug, Serialize)]
struct Wave {
    /// `joining`, `rotation 1`, …, `again`.
    moment: String,
    wanted: u64,
    missed: u64,
    p50_ms: Option<f64>,
    p99_ms: Option<f64>,
    max_ms: Option<f64>,
}

/// TLS handshakes.
#[derive(Debug, Serialize)]
struct Connections {
    full: u64,
    resumed: u64,
}

/// What a server that is elsewhere makes of a storm, and what to do about it.
const TURNED_AWAY: &str = "turned away before TLS: all players come from this machine's address, and \
     the server takes server.connections_per_address of one (1000 unless it says otherwise): raise \
     that for the storm, or storm from several machines";

impl Report {
    pub(super) fn new(args: &StormArgs, seed: u64, tally: &Tally, lookups: Option<u64>) -> Self {
        let by = tally.causes.iter();
        let target = args.target_duration.as_millis();
        Self {
            stream: args.stream.to_string(),
            players: args.players,
            without_cache: args.without_cache.of(args.players),
            target_duration_ms: u64::try_from(target).unwrap_or(u64::MAX),
            seed,
            requests: tally.requests,
            missed: tally.causes.values().sum(),
            missed_by: by
                .map(|(cause, count)| (cause.to_string(), *count))
                .collect(),
            waves: tally.moments.iter().map(Wave::new).collect(),
            connections: Connections {
                full: tally.made.full,
                resumed: tally.made.resumed,
            },
            entitlement_lookups: lookups,
        }
    }
}

impl Wave {
    fn new((moment, wanted): (&Moment, &Wanted)) -> Self {
        let mut micros = wanted.micros.clone();
        micros.sort_unstable();
        let at = |percent| quantile(&micros, percent).map(|micros| f64::from(micros) / 1000.0);
        Self {
            moment: match moment {
                Moment::Wave(0) => "joining".to_owned(),
                Moment::Wave(number) => format!("rotation {number}"),
                Moment::Again => "again".to_owned(),
            },
            wanted: wanted.missed + micros.len() as u64,
            missed: wanted.missed,
            p50_ms: at(50),
            p99_ms: at(99),
            max_ms: at(100),
        }
    }
}

/// The smallest that is no less than so many percent of `sorted`.
fn quantile(sorted: &[u32], percent: usize) -> Option<u32> {
    let rank = (sorted.len() * percent).div_ceil(100);
    sorted.get(rank.checked_sub(1)?).copied()
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [moment, wanted, missed] = ["WANTED", "KEYS", "MISSED"];
        writeln!(
            f,
            "{moment:<14} {wanted:>8} {missed:>8} {:>10} {:>10} {:>10}",
            "P50 MS", "P99 MS", "MAX MS"
        )?;
        for wave in &self.waves {
            write!(
                f,
                "{:<14} {:>8} {:>8}",
                wave.moment, wave.wanted, wave.missed
            )?;
            for time in [wave.p50_ms, wave.p99_ms, wave.max_ms] {
                match time {
                    Some(ms) => write!(f, " {ms:>10.2}")?,
                    None => write!(f, " {:>10}", "-")?,
                }
            }
            writeln!(f)?;
        }
        if self.missed > 0 {
            writeln!(f, "Times are of keys that came; missed ones have none.")?;
        }
        let Connections { full, resumed } = self.connections;
        writeln!(
            f,
            "{} requests on {full} new and {resumed} resumed connections",
            self.requests
        )?;
        if let Some(lookups) = self.entitlement_lookups {
            writeln!(f, "{lookups} calls to the entitlement source")?;
        }
        for (cause, count) in &self.missed_by {
            writeln!(f, "missed: {count} by {cause}")?;
        }
        if self.missed_by.contains_key(&Cause::TurnedAway.to_string()) {
            writeln!(f, "{TURNED_AWAY}")?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quantiles_are_values_that_were_measured() {
        let hundred: Vec<u32> = (1..=100).collect();
        assert_eq!(
            [50, 99, 100].map(|percent| quantile(&hundred, percent)),
            [Some(50), Some(99), Some(100)]
        );
        assert_eq!(quantile(&[7], 50), Some(7));
        assert_eq!(quantile(&[], 99), None);
    }

    #[test]
    fn counts_add_up() {
        let mut all = Tally::default();
        for (moment, outcome) in [
            (Moment::Wave(1), Ok(Duration::from_millis(2))),
            (Moment::Wave(1), Err(Cause::Status(503))),
            (Moment::Again, Err(Cause::Status(503))),
            (Moment::Wave(0), Ok(Duration::MAX)),
        ] {
            let mut one = Tally {
                requests: 2,
                made: Made {
                    full: 1,
                    resumed: 3,
                },
                ..Tally::default()
            };
            one.note(moment, outcome);
            all.add(one);
        }
        assert_eq!((all.requests, all.made.full, all.made.resumed), (8, 4, 12));
        assert_eq!(all.causes, BTreeMap::from([(Cause::Status(503), 2)]));
        let first = Wave::new((&Moment::Wave(1), &all.moments[&Moment::Wave(1)]));
        assert_eq!((first.wanted, first.missed), (2, 1));
        assert_eq!(first.max_ms, Some(2.0));
    }

    #[test]
    fn who_was_turned_away_reads_why() {
        let report = |cause: Cause| Report {
            stream: "live/a".to_owned(),
            players: 2,
            without_cache: 0,
            target_duration_ms: 1000,
            seed: 1,
            requests: 2,
            missed: 1,
            missed_by: BTreeMap::from([(cause.to_string(), 1)]),
            waves: Vec::new(),
            connections: Connections {
                full: 1,
                resumed: 0,
            },
            entitlement_lookups: None,
        };
        let told = report(Cause::TurnedAway).to_string();
        assert!(told.contains("connections_per_address"), "{told}");
        let told = report(Cause::NoTls).to_string();
        assert!(!told.contains("connections_per_address"), "{told}");
    }

    #[test]
    fn only_refusals_are_final() {
        for cause in [Cause::Status(401), Cause::Status(410), Cause::WrongBytes] {
            assert!(cause.is_final(), "{cause}");
        }
        for cause in [Cause::Status(503), Cause::Late, Cause::Broken, Cause::NoTls] {
            assert!(!cause.is_final(), "{cause}");
        }
    }
}
