//! `GET /v1/streams/{stream}/schedule`: the lease of coming periods with their keys.
//!
//! The one place that writes a key into JSON, from what a `Permit<Lease>` revealed. Must not know:
//! how periods are issued.

use std::time::Duration;

use actix_web::web::Data;
use actix_web::{HttpRequest, HttpResponse};
use tokio::time::timeout;

use super::audit;
use super::envelope::Surroundings;
use super::error::Failure;
use super::guard::Permitted;
use super::query::{Parameters, out_of_bounds};
use super::streams::unstored;
use crate::access::{Gate, Grants, Lease, Permit};
use crate::api::{PeriodView, ScheduleView, Text, WireKey};
use crate::domain::{Clock, Kid, Timestamp};
use crate::keys::{Keys, Lease as Leased, LeaseRequest, LeasedPeriod};

pub(super) async fn lease(
    request: HttpRequest,
    permit: Permitted<Lease>,
    (gate, keys): (Data<Gate>, Data<Keys>),
    (clock, around): (Data<dyn Clock>, Data<Surroundings>),
) -> Result<HttpResponse, Failure> {
    let ask = Ask::parse(request.query_string())?;
    if let Some(kid) = ask.kid {
        let leased = keys.lease_of(&permit, kid).await?;
        audit::leased(&request, &permit, Some(kid))?;
        return Ok(answer(&leased, &permit, (&gate, clock.now())));
    }
    // Before the wait: what it says it knows may be what a cut waits for.
    let holding = keys.hold(&permit, &ask.lease).await?;
    if let Some((known, wait)) = ask.hold() {
        // Whichever comes first: a change, the wait's end, our own.
        let changed = timeout(wait, keys.changed(permit.stream(), known));
        let _ = around.unless_stopping(changed).await;
        gate.recheck(&permit)?;
    }
    let leased = keys.lease(&permit, &ask.lease, holding).await?;
    audit::leased(&request, &permit, None)?;
    Ok(answer(&leased, &permit, (&gate, clock.now())))
}

fn answer(
    leased: &Leased,
    permit: &Permit<Lease>,
    (gate, now): (&Gate, Timestamp),
) -> HttpResponse {
    let view = view(leased, gate.grants(), permit, now);
    unstored(&mut HttpResponse::Ok(), &view)
}

/// The query's meaning.
struct Ask {
    lease: LeaseRequest,
    wait: Option<u64>,
    /// One key's period is wanted, and no lease.
    kid: Option<Kid>,
}

/// The longest that an answer is held, in seconds.
const LONGEST_WAIT: u64 = 10;
/// The most periods of one lease.
const MOST_PERIODS: u32 = 1000;

impl Ask {
    fn parse(query: &str) -> Result<Self, Failure> {
        let asked = Parameters::of(query);
        let ask = Self {
            lease: LeaseRequest {
                from: asked.value("from")?,
                count: asked.value("count")?,
                rendition: asked.value("rendition")?,
                known: asked.value("known")?,
                instance: asked.value("instance")?,
            },
            wait: asked.value("wait")?,
            kid: asked.value("kid")?,
        };
        if ask.kid.is_some() {
            asked.only(&["kid"])?; // whoever asks for one key and a lease meant one of them
        }
        match (ask.lease.count, ask.wait) {
            (Some(0 | 1001..), _) => Err(out_of_bounds("count", 1, MOST_PERIODS)),
            (_, Some(11..)) => Err(out_of_bounds("wait", 0, LONGEST_WAIT)),
            _ => Ok(ask),
        }
    }

    /// Which version to wait past, and for how long.
    fn hold(&self) -> Option<(u64, Duration)> {
        Some((self.lease.known?, Duration::from_secs(self.wait?)))
    }
}

fn view(leased: &Leased, grants: &Grants, permit: &Permit<Lease>, now: Timestamp) -> ScheduleView {
    let stream = &leased.stream;
    let period = |leased: &LeasedPeriod| period_view(leased, grants, permit, now);
    ScheduleView {
        stream: Text(stream.id.clone()),
        version: stream.version,
        key_scope: stream.policy.key_scope.into(),
        iv: stream.policy.iv.into(),
        eras: stream.schedule.eras().map(Into::into).collect(),
        periods: leased.periods.iter().map(period).collect(),
        now: Text(now),
        lease_end: leased.ends.map(Text),
    }
}

fn period_view(
    leased: &LeasedPeriod,
    grants: &Grants,
    permit: &Permit<Lease>,
    now: Timestamp,
) -> PeriodView {
    let period = &leased.period;
    PeriodView {
        index: period.index,
        kid: Text(period.kid),
        boundary: period.boundary.into(),
        end: leased.end.map(Into::into),
        state: period.state.into(),
        key: WireKey::leased(leased.key.clone()),
        uri: leased.uri.clone(),
        probe: grants.probe(permit, period.kid, now).expose().to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_query_is_read_strictly() {
        let ask = Ask::parse("from=-3&count=2&rendition=v0%2Findex.m3u8&known=7&wait=10&token=t")
            .ok()
            .unwrap();
        assert_eq!((ask.lease.from, ask.lease.count), (Some(-3), Some(2)));
        assert_eq!(
            ask.lease.rendition.as_ref().unwrap().as_str(),
            "v0/index.m3u8"
        );
        assert_eq!(ask.hold(), Some((7, Duration::from_secs(10))));
        assert_eq!(Ask::parse("").ok().unwrap().hold(), None);
        for bad in [
            "from=x",
            "count=0",
            "count=1001",
            "wait=11",
            "known=-1",
            "rendition=../x",
            "count=",
        ] {
            let failure = Ask::parse(bad).err().unwrap();
            let id = crate::domain::RequestId::random(&crate::domain::SystemEntropy);
            let detail = failure.document(id).detail.unwrap();
            let name = bad.split('=').next().unwrap();
            assert!(detail.contains(&format!("'{name}'")), "{bad}: {detail}");
        }
    }
}
