//! Rounds: every contender has its turn in each, and the order is turned around each time.

use std::time::Duration;

use anyhow::{Context as _, ensure};

/// How long it is measured.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Plan {
    pub(crate) rounds: usize,
    pub(crate) seconds: u64,
}

impl Plan {
    #[expect(clippy::disallowed_methods, reason = "how a run is told its length")]
    pub(crate) fn from_environment() -> anyhow::Result<Self> {
        let number = |name: &str, usual: u64| match std::env::var(name) {
            Ok(text) => text.parse().with_context(|| format!("{name}={text}")),
            Err(_) => Ok(usual),
        };
        let plan = Self {
            rounds: usize::try_from(number("BENCH_ROUNDS", 9)?)?,
            seconds: number("BENCH_SECONDS", 2)?,
        };
        ensure!(plan.rounds > 0 && plan.seconds > 0, "nothing to measure");
        Ok(plan)
    }

    /// `ours` and `peers` by turns, in as many rounds.
    pub(crate) fn by_turns<T>(
        self,
        mut ours: impl FnMut() -> anyhow::Result<T>,
        mut peers: impl FnMut() -> anyhow::Result<T>,
    ) -> anyhow::Result<Vec<Pair<T>>> {
        let mut pairs = Vec::new();
        for round in 0..self.rounds {
            let pair = if round % 2 == 0 {
                let ours = ours()?;
                Pair {
                    ours,
                    peers: peers()?,
                }
            } else {
                let peers = peers()?;
                Pair {
                    ours: ours()?,
                    peers,
                }
            };
            pairs.push(pair);
        }
        Ok(pairs)
    }
}

/// What the two had in one round.
pub(crate) struct Pair<T> {
    pub(crate) ours: T,
    pub(crate) peers: T,
}

/// Medians over the rounds, and how far the rounds were apart.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Compared {
    pub(crate) ours: f64,
    pub(crate) peers: f64,
    /// Ours by the peer's, round by round: the median, the lowest, the highest.
    pub(crate) ratio: [f64; 3],
}

impl Compared {
    /// By one measure of each turn.
    pub(crate) fn by<T>(pairs: &[Pair<T>], measure: impl Fn(&T) -> f64) -> Self {
        let each = |of: &dyn Fn(&Pair<T>) -> f64| sorted(pairs.iter().map(of).collect());
        let ratios = each(&|pair| measure(&pair.ours) / measure(&pair.peers));
        Self {
            ours: middle(&each(&|pair| measure(&pair.ours))),
            peers: middle(&each(&|pair| measure(&pair.peers))),
            ratio: [
                middle(&ratios),
                ratios.first().copied().unwrap_or(f64::NAN),
                ratios.last().copied().unwrap_or(f64::NAN),
            ],
        }
    }
}

fn sorted(mut values: Vec<f64>) -> Vec<f64> {
    values.sort_by(f64::total_cmp);
    values
}

fn middle(sorted: &[f64]) -> f64 {
    sorted.get(sorted.len() / 2).copied().unwrap_or(f64::NAN)
}

/// The smallest that is no less than so many percent of all.
pub(crate) fn quantile(mut all: Vec<Duration>, percent: usize) -> Duration {
    all.sort_unstable();
    let rank = (all.len() * percent).div_ceil(100);
    all.get(rank.saturating_sub(1)).copied().unwrap_or_default()
}
