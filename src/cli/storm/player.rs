//! One player: looks each target duration, wants the key of what it sees, and waits so long for it.
//!
//! It goes on like hls.js does: after a failure of the server it asks again a second later, a
//! refusal (4xx) it takes for final. Must not know: the schedule, or the other players.

use std::time::Duration;

use tokio::sync::watch;
use tokio::time::{Instant, sleep, sleep_until, timeout_at};

use super::line::{Line, LineError};
use super::report::{Cause, Moment, Tally};
use crate::crypto::{ContentKey, SecretText};
use crate::domain::Kid;

/// What every playlist shows now.
#[derive(Clone)]
pub(super) struct Scene {
    /// How many rotations there were since everybody joined; 0 before.
    pub(super) wave: u32,
    pub(super) kid: Kid,
    /// What its URI must give.
    pub(super) key: ContentKey,
    /// Nobody looks any more from then on.
    pub(super) over: Option<Instant>,
}

pub(super) struct Player {
    pub(super) line: Line,
    pub(super) token: SecretText,
    /// Whether it keeps a key that it has.
    pub(super) caches: bool,
    /// When it looks first, and how often.
    pub(super) first: Instant,
    pub(super) every: Duration,
    pub(super) tally: Tally,
}

/// The pause of hls.js before it asks again.
const PAUSE: Duration = Duration::from_secs(1);

impl Player {
    /// Plays until the scene is over.
    pub(super) async fn play(mut self, scene: watch::Receiver<Scene>) -> Tally {
        let (mut tick, mut asked, mut settled) = (self.first, None, false);
        loop {
            sleep_until(tick).await;
            let now = scene.borrow().clone();
            if now.over.is_some_and(|over| tick >= over) {
                self.tally.made = self.line.made;
                return self.tally;
            }
            let is_new = asked.is_none_or(|(_, kid)| kid != now.kid);
            if is_new || !settled || !self.caches {
                let outcome = self.want(&now, tick + self.every).await;
                settled = !matches!(&outcome, Err(cause) if !cause.is_final());
                let moment = match asked.replace((now.wave, now.kid)) {
                    Some((wave, _)) if wave == now.wave => Moment::Again,
                    _ => Moment::Wave(now.wave),
                };
                self.tally.note(moment, outcome.map(|()| tick.elapsed()));
            }
            tick += self.every;
        }
    }

    async fn want(&mut self, scene: &Scene, deadline: Instant) -> Result<(), Cause> {
        let mut cause = Cause::Late;
        let insisting = self.insist(scene, &mut cause);
        let outcome = timeout_at(deadline, insisting).await;
        outcome.unwrap_or(Err(cause))
    }

    /// Asks until there is something final; `cause` is why not so far.
    async fn insist(&mut self, scene: &Scene, cause: &mut Cause) -> Result<(), Cause> {
        loop {
            match self.ask(scene).await {
                Err(again) if !again.is_final() => *cause = again,
                outcome => return outcome,
            }
            sleep(PAUSE.min(self.every / 4)).await;
        }
    }

    async fn ask(&mut self, scene: &Scene) -> Result<(), Cause> {
        self.tally.requests += 1;
        let path = format!("/v1/keys/{}", scene.kid);
        let answer = self.line.ask("GET", &path, &self.token).await;
        let answer = answer.map_err(|error| Cause::from(&error))?;
        if answer.status != 200 {
            return Err(Cause::Status(answer.status));
        }
        let is_right = ContentKey::from_slice(&answer.body).is_some_and(|key| key == scene.key);
        is_right.then_some(()).ok_or(Cause::WrongBytes)
    }
}

impl From<&LineError> for Cause {
    fn from(error: &LineError) -> Self {
        match error {
            LineError::Connect(_) => Self::NoConnection,
            LineError::TurnedAway => Self::TurnedAway,
            LineError::Handshake(_) => Self::NoTls,
            LineError::Broken => Self::Broken,
            LineError::Malformed => Self::Malformed,
        }
    }
}
