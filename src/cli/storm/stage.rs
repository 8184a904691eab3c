//! The players, what they see, and when.
//!
//! Must not know: how a player gets its key.

use std::sync::Arc;
use std::time::Duration;

use rand::rngs::StdRng;
use rand::{RngExt as _, SeedableRng as _};
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep_until, timeout_at};

use super::StormArgs;
use super::line::Line;
use super::player::{Player, Scene};
use super::report::Tally;
use super::schedule::Schedule;
use super::target::Target;
use crate::api::PeriodView;

pub(super) struct Stage {
    schedule: Schedule,
    /// The period that everybody sees, and since when.
    index: i64,
    shown: Instant,
    scene: watch::Sender<Scene>,
    players: JoinSet<Tally>,
    target_duration: Duration,
    /// Everybody has joined by then; what rotates before is no wave.
    joined: Instant,
    rotations: u32,
    cuts: bool,
}

impl Stage {
    /// Lets the players join, spread over a target duration.
    pub(super) async fn set(args: &StormArgs, target: &Target, seed: u64) -> anyhow::Result<Self> {
        let to = Arc::new(target.destination.clone());
        let packager = target.packager.clone();
        let (stream, rendition) = (args.stream.clone(), args.rendition.clone());
        let mut schedule = Schedule::new(Line::new(&to), packager, stream, rendition);
        let now = schedule.current().await?;
        let index = now.index;
        let (scene, watching) = watch::channel(scene(now, 0));
        let every: Duration = args.target_duration.into();
        let begun = Instant::now();
        let mut chance = StdRng::seed_from_u64(seed);
        let forgetful = args.without_cache.of(args.players);
        let mut players = JoinSet::new();
        for (number, token) in (0..args.players).zip(target.tokens.iter().cycle()) {
            let player = Player {
                line: Line::of_player(&to, number),
                token: token.clone(),
                caches: number >= forgetful,
                first: begun + every.mul_f64(chance.random::<f64>()),
                every,
                tally: Tally::default(),
            };
            players.spawn(player.play(watching.clone()));
        }
        Ok(Self {
            schedule,
            index,
            shown: begun,
            scene,
            players,
            target_duration: every,
            joined: begun + 2 * every,
            rotations: args.rotations,
            cuts: args.rotate,
        })
    }

    /// Goes through the rotations, and adds up what the players met.
    pub(super) async fn play(mut self) -> anyhow::Result<Tally> {
        self.join().await;
        for wave in 1..=self.rotations {
            if self.cuts {
                self.schedule.cut().await?;
            }
            let coming = self.schedule.coming(self.index).await?;
            let left = coming.left().map(|left| format!(", {left:.1?} from now"));
            let left = left.unwrap_or_default();
            eprintln!("rotation {wave} of {} is awaited{left}", self.rotations);
            let period = self.schedule.begun(coming).await;
            let lasted = self.shown.elapsed();
            if lasted < self.target_duration {
                eprintln!(
                    "the key before was there for {lasted:.1?}, less than --target-duration: some never looked for it"
                );
            }
            self.show(period, wave);
            eprintln!("rotation {wave} of {} has begun", self.rotations);
        }
        let over = Instant::now() + self.target_duration;
        self.scene.send_modify(|scene| scene.over = Some(over));
        let mut sum = Tally::default();
        while let Some(tally) = self.players.join_next().await {
            sum.add(tally?);
        }
        Ok(sum)
    }

    /// What rotates before everybody has joined is shown, and is no wave.
    async fn join(&mut self) {
        while let Ok(coming) = self.schedule.coming(self.index).await {
            let begun = self.schedule.begun(coming);
            match timeout_at(self.joined, begun).await {
                Ok(period) => self.show(period, 0),
                Err(_) => break,
            }
        }
        sleep_until(self.joined).await;
        eprintln!("all have joined");
    }

    fn show(&mut self, period: PeriodView, wave: u32) {
        self.index = period.index;
        self.shown = Instant::now();
        self.scene.send_replace(scene(period, wave));
    }
}

fn scene(period: PeriodView, wave: u32) -> Scene {
    Scene {
        wave,
        kid: period.kid.0,
        key: period.key.into_key(),
        over: None,
    }
}
