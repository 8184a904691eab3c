//! `GET /v1/audit` and `GET /v1/explain/{request_id}`, on the ops listener.
//!
//! Must not know: who may see which row, or what is found out.

use actix_web::web::{Data, Path, Query};
use actix_web::{HttpRequest, HttpResponse};
use serde::Deserialize;

use super::envelope::Surroundings;
use super::error::{Code, Failure};
use super::guard::Guarded;
use super::streams::unstored;
use crate::access::Gate;
use crate::access::audit::{AuditCursor, AuditFilter, SearchError};
use crate::access::check::Finding;
use crate::api::{
    AuditList, AuditView, DifferenceView, ExplanationView, HintView, Text, TriedView,
};
use crate::domain::Timestamp;

/// The most rows of one answer.
const MOST: usize = 1000;

/// What rows are wanted.
#[derive(Deserialize)]
#[serde(deny_unknown_fields, default)]
struct Wanted {
    stream: String,
    viewer: String,
    session: String,
    kind: String,
    since: Option<Text<Timestamp>>,
    until: Option<Text<Timestamp>>,
    after: Option<Text<AuditCursor>>,
    limit: usize,
}

impl Default for Wanted {
    fn default() -> Self {
        Self {
            stream: String::new(),
            viewer: String::new(),
            session: String::new(),
            kind: String::new(),
            since: None,
            until: None,
            after: None,
            limit: 100,
        }
    }
}

pub(super) async fn list(
    request: HttpRequest,
    who: Guarded,
    gate: Data<Gate>,
) -> Result<HttpResponse, Failure> {
    let wanted = Query::<Wanted>::from_query(request.query_string());
    let wanted = wanted
        .map_err(|error| Failure::bad_request(&error))?
        .into_inner();
    let limit = wanted.limit.clamp(1, MOST);
    let after = wanted.after.map_or(AuditCursor::NEWEST, |after| after.0);
    let any = AuditFilter::default();
    let filter = AuditFilter {
        stream: wanted.stream,
        viewer: wanted.viewer,
        session: wanted.session,
        kind: wanted.kind,
        since: wanted.since.map_or(any.since, |since| since.0.millis()),
        until: wanted.until.map_or(any.until, |until| until.0.millis()),
    };
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
