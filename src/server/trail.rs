//! `GET /v1/audit` and `GET /v1/explain/{request_id}`, on the ops listener.
//!
//! Must not know: who may see which row, or what is found out.

use actix_web::web::{Data, Path};
use actix_web::{HttpRequest, HttpResponse};

use super::envelope::Surroundings;
use super::error::{Code, Failure};
use super::guard::Guarded;
use super::query::Parameters;
use super::streams::unstored;
use crate::access::Gate;
use crate::access::audit::{AuditCursor, AuditFilter, SearchError};
use crate::access::check::Finding;
use crate::api::{AuditList, AuditView, DifferenceView, ExplanationView, HintView, TriedView};
use crate::domain::Timestamp;

/// What rows may be asked for by.
const FILTERS: [&str; 8] = [
    "stream", "viewer", "session", "kind", "since", "until", "after", "limit",
];

pub(super) async fn list(
    request: HttpRequest,
    who: Guarded,
    gate: Data<Gate>,
) -> Result<HttpResponse, Failure> {
    let asked = Parameters::of(request.query_string());
    asked.only(&FILTERS)?;
    let text = |name| Ok::<_, Failure>(asked.value::<String>(name)?.unwrap_or_default());
    let moment = |name| Ok::<_, Failure>(asked.value::<Timestamp>(name)?.map(Timestamp::millis));
    let any = AuditFilter::default();
    let filter = AuditFilter {
        stream: text("stream")?,
        viewer: text("viewer")?,
        session: text("session")?,
        kind: text("kind")?,
        since: moment("since")?.unwrap_or(any.since),
        until: moment("until")?.unwrap_or(any.until),
    };
    let after = asked.value("after")?.unwrap_or(AuditCursor::NEWEST);
    let limit = asked.limit()?.get().into();
    let page = gate.search_audit(&who, &filter, after, limit).await?;
    let list = AuditList {
        rows: page.rows.into_iter().map(AuditView::from).collect(),
        next: page.next.map(|next| next.to_string()),
    };
    Ok(unstored(&mut HttpResponse::Ok(), &list))
}

pub(super) async fn explain(
    id: Path<String>,
    who: Guarded,
    (gate, around): (Data<Gate>, Data<Surroundings>),
) -> Result<HttpResponse, Failure> {
    let remembered = around.trail.recall(&id);
    let explained = gate.explain(&who, &id, remembered.as_deref()).await?;
    let explained = explained.ok_or_else(|| Failure::new(Code::NotFound))?;
    let tried = explained.tried.into_iter().map(|tried| TriedView {
        scheme: tried.scheme,
        kind: tried.kind.to_owned(),
        reason: tried.reason.to_owned(),
        sentence: tried.sentence.to_owned(),
        hints: hints(&tried.finding),
        difference: tried.finding.difference.map(|it| DifferenceView {
            at: it.at,
            right: it.right,
            hashed: it.hashed,
        }),
        canonical: tried.finding.canonical,
        received: tried.finding.received,
    });
    let view = ExplanationView {
        tried: tried.collect(),
        decision: explained.entry.into(),
    };
    Ok(unstored(&mut HttpResponse::Ok(), &view))
}

fn hints(finding: &Finding) -> Vec<HintView> {
    let each = finding.hints.iter().map(|hint| HintView {
        code: hint.code.to_owned(),
        sentence: hint.sentence.clone(),
    });
    each.collect()
}

impl From<SearchError> for Failure {
    fn from(error: SearchError) -> Self {
        match error {
            SearchError::Denied(denied) => denied.into(),
            SearchError::Store(error) => Self::store(&error),
        }
    }
}
