//! Why an instance does not take a URL: what it hashes, what was hashed instead, and what else is
//! wrong.
//!
//! Must not know: how a scheme hashes.

use std::time::Duration;

use super::reading::Reading;
use super::{Asked, Instance, Verdict};
use crate::access::scheme::explain::{Finding, Hint};
use crate::access::scheme::{SchemesConfig, Verified, jwt};
use crate::domain::{StreamPattern, Timestamp};
use crate::outbound;

/// The instances of a configuration that are asked whether they take the URL.
const MOST_OTHERS: usize = 32;
/// Time zones differ by so much.
const HALF_HOUR: u64 = 1800;
/// The farthest zones.
const FARTHEST: u64 = 14 * 3600;

/// The verdict of the instance of that name at `now`, and what was found out. Takes as long as many
/// verifications.
pub async fn explain(
    (config, outbound): (&SchemesConfig, &outbound::Config),
    (name, instance): (&str, &Instance),
    asked: Asked<'_>,
    now: Timestamp,
) -> (Verdict, Finding) {
    let (verdict, mut finding) = explain_one(instance, asked, now).await;
    if matches!(verdict, Verdict::Allow { .. }) {
        return (verdict, finding);
    }
    let others = config.0.keys().filter(|other| *other != name);
    for other in others.take(MOST_OTHERS) {
        let Ok(instance) = Instance::load(config, outbound, other) else {
            continue;
        };
        instance.fetch_keys(now).await;
        if matches!(instance.verify(asked, now), Verdict::Allow { .. }) {
            let why = format!("[schemes.{other}] takes it");
            finding.hints.push(Hint::new("other_scheme", why));
        }
    }
    (verdict, finding)
}

/// The same of one instance, whatever others say.
pub(in crate::access) async fn explain_one(
    instance: &Instance,
    asked: Asked<'_>,
    now: Timestamp,
) -> (Verdict, Finding) {
    instance.fetch_keys(now).await;
    let (judged, outcome) = instance.judged(asked, now);
    let verified = outcome.as_ref().ok().cloned();
    let verdict = instance.verdict(outcome, judged, now);
    let mut finding = instance.find_out(judged);
    if !finding.is_reproduced {
        let readings = instance.readings(asked).into_iter();
        let mut others = readings.map(|reading| instance.find_out(reading));
        finding = others.find(|it| it.is_reproduced).unwrap_or(finding);
    }
    if matches!(verdict, Verdict::Allow { .. }) {
        let is_reproduced = finding.is_reproduced;
        finding
            .hints
            .retain(|hint| !is_reproduced || hint.code == "claims");
    } else if let Some(verified) = &verified {
        finding.hints.extend(about_time(verified, now));
        let about = instance.about_content(verified, judged);
        finding.hints.extend(about);
    }
    (verdict, finding)
}

impl Instance {
    fn find_out(&self, reading: Reading<'_>) -> Finding {
        match self {
            Self::Token(_) => {
                let token = reading.asked.tokens().next();
                token.map_or_else(Finding::default, |token| jwt::explain(token.expose()))
            }
            Self::Request(instance) => instance.0.explain(&reading.request()),
            // Sealed as a whole: there is nothing that another signer could have hashed.
            Self::Ours(_) => Finding::default(),
        }
    }

    /// What it is for, if the URL's content is something else.
    fn about_content(&self, verified: &Verified, reading: Reading<'_>) -> Option<Hint> {
        self.check_content(verified, reading).err()?;
        let list = |patterns: &[StreamPattern]| {
            let texts: Vec<_> = patterns.iter().map(StreamPattern::as_str).collect();
            texts.join(" ")
        };
        let who = &verified.principal;
        let (named, within) = (list(&who.streams), list(&who.within));
        let why = format!("it names the streams \"{named}\", the instance is for \"{within}\"");
        Some(Hint::new("streams", why))
    }
}

/// How far its time is off.
fn about_time(verified: &Verified, now: Timestamp) -> Option<Hint> {
    let end = verified.principal.expires.filter(|end| *end <= now);
    let start = verified.not_before().filter(|start| now < *start);
    let (code, text, off) = match (start, end) {
        (Some(start), _) => ("not_yet", "it begins in", start.since(now)),
        (None, Some(end)) => ("expired", "it has been over for", now.since(end)),
        (None, None) => return None,
    };
    let why = format!("{text} {} s{}", off.as_secs(), zone(off));
    Some(Hint::new(code, why))
}

/// Whether so long is about what clocks of two time zones differ by.
fn zone(off: Duration) -> &'static str {
    let near = off.as_secs() % HALF_HOUR;
    let is_near = !(120..=HALF_HOUR - 120).contains(&near);
    let is_zone = (HALF_HOUR - 120..FARTHEST).contains(&off.as_secs());
    match is_near && is_zone {
        true => ", about what time zones differ by: is the signer's time UTC?",
        false => "",
    }
}
