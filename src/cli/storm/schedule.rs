//! The stream's periods, as an encryptor would learn them: ahead of time, and again every few
//! seconds, so that a server that is away does not hold up the rotation that playlists show.
//!
//! Must not know: who plays.

use std::time::Duration;

use anyhow::{Context as _, anyhow, bail};
use reqwest::Url;
use tokio::time::{Instant, sleep, sleep_until, timeout, timeout_at};

use super::line::{Answer, Line};
use crate::api::{BoundarySpec, PeriodView, Problem, RotateReply, ScheduleView, Text};
use crate::crypto::SecretText;
use crate::domain::{Rendition, StreamId};

pub(super) struct Schedule {
    line: Line,
    packager: SecretText,
    stream: StreamId,
    rendition: Option<Rendition>,
}

/// A period to come, and when it does if the clock can tell.
pub(super) struct Coming {
    after: i64,
    period: PeriodView,
    at: Option<Instant>,
}

impl Coming {
    /// How long until then.
    pub(super) fn left(&self) -> Option<Duration> {
        self.at
            .map(|at| at.saturating_duration_since(Instant::now()))
    }
}

/// How old a schedule may get while its next period is awaited, as an encryptor's lease.
const REFRESH: Duration = Duration::from_secs(5);
/// How often it is looked whether the next period has come that goes by segments.
const LOOK: Duration = Duration::from_millis(500);
const PATIENCE: Duration = Duration::from_secs(10);
const TRIES: u32 = 3;

impl Schedule {
    pub(super) fn new(
        line: Line,
        packager: SecretText,
        stream: StreamId,
        rendition: Option<Rendition>,
    ) -> Self {
        Self {
            line,
            packager,
            stream,
            rendition,
        }
    }

    /// The period of now: the server puts one before it.
    pub(super) async fn current(&mut self) -> anyhow::Result<PeriodView> {
        let mut view = self.periods(None).await?;
        let current = view.periods.pop();
        current.context("the stream has no period with a key now")
    }

    /// The period after `index`.
    pub(super) async fn coming(&mut self, index: i64) -> anyhow::Result<Coming> {
        let view = self.periods(Some(index)).await?;
        let asked = Instant::now();
        let mut periods = view.periods.into_iter();
        let Some(period) = periods.find(|period| period.index > index) else {
            bail!("the key of {} does not rotate: try --rotate", self.stream);
        };
        let at = match period.boundary {
            BoundarySpec::Time(Text(begins)) => Some(asked + begins.since(view.now.0)),
            BoundarySpec::Segment(_) => None,
        };
        Ok(Coming {
            after: index,
            period,
            at,
        })
    }

    /// Resolves when it begins; it may be another one by then.
    pub(super) async fn begun(&mut self, mut coming: Coming) -> PeriodView {
        loop {
            let fresh = match coming.at {
                Some(at) if at <= Instant::now() + REFRESH => {
                    sleep_until(at).await;
                    return coming.period;
                }
                Some(at) => {
                    sleep(REFRESH).await;
                    timeout_at(at, self.coming(coming.after)).await.ok()
                }
                None => {
                    sleep(LOOK).await;
                    if self.has_come(coming.period.index).await {
                        return coming.period;
                    }
                    Some(self.coming(coming.after).await)
                }
            };
            if let Some(Ok(fresh)) = fresh {
                coming = fresh;
            }
        }
    }

    /// Asks for a cut, or for the one that is still to come.
    pub(super) async fn cut(&mut self) -> anyhow::Result<()> {
        let path = format!("/v1/streams/{}/rotate", self.stream);
        let answer = self.ask("POST", &path).await?;
        let _: RotateReply = serde_json::from_slice(&answer.body)?;
        Ok(())
    }

    async fn has_come(&mut self, index: i64) -> bool {
        let current = self.current().await;
        current.is_ok_and(|current| current.index >= index)
    }

    /// Two periods. A `known` version keeps a template from registering the stream.
    async fn periods(&mut self, from: Option<i64>) -> anyhow::Result<ScheduleView> {
        let mut query: Vec<(&str, String)> =
            vec![("count", "2".to_owned()), ("known", "0".to_owned())];
        query.extend(from.map(|from| ("from", from.to_string())));
        query.extend(self.rendition.iter().map(|r| ("rendition", r.to_string())));
        let url = Url::parse_with_params("https://localhost", query)?;
        let query = url.query().unwrap_or_default();
        let path = format!("/v1/streams/{}/schedule?{query}", self.stream);
        Ok(serde_json::from_slice(&self.ask("GET", &path).await?.body)?)
    }

    /// A crowd may be at the server: it has some tries to answer at all.
    async fn ask(&mut self, method: &str, path: &str) -> anyhow::Result<Answer> {
        let mut tries = TRIES;
        loop {
            tries -= 1;
            let asking = self.line.ask(method, path, &self.packager);
            match timeout(PATIENCE, asking).await {
                Ok(Ok(answer)) if answer.status == 200 => return Ok(answer),
                Ok(Ok(answer)) => return Err(refusal(answer.status, &answer.body)),
                Ok(Err(error)) if tries == 0 => return Err(error.into()),
                Err(_) if tries == 0 => bail!("the key server does not answer"),
                _ => sleep(LOOK).await,
            }
        }
    }
}

fn refusal(status: u16, body: &[u8]) -> anyhow::Error {
    match serde_json::from_slice::<Problem>(body) {
        Ok(problem) => {
            let detail = problem.detail.unwrap_or_default();
            anyhow!("the schedule: {} ({status}) {detail}", problem.title)
        }
        Err(_) => anyhow!("the schedule: the server answered {status}"),
    }
}
