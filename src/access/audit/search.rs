//! Reading the trail: rows by what they are about, and one request's in full.
//!
//! An operator sees rows of its streams alone; rows of no stream are for those who have all. Must not
//! know: HTTP.

use super::recent::Remembered;
use crate::access::check::{Asked, Finding, Instance, Purpose, Target, Verdict, explain_one};
use crate::access::scheme::SchemesConfig;
use crate::crypto::SecretText;
use crate::domain::{Denied, Principal, StreamId, StreamPattern};
use crate::outbound;
use crate::store::{AuditCursor, AuditEntry, AuditFilter, AuditRow, Store, StoreError};

/// Rows that are read at once.
const PAGE: i64 = 500;
/// How often that is done for one page, where few rows may be seen.
const PAGES: usize = 20;
/// The most instances that are asked about one request.
const MOST_TRIED: usize = 32;
/// Characters that are told of a hash: all of it might be a token.
const SHOWN: usize = 8;

/// Some rows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AuditPage {
    /// The newest first.
    pub rows: Vec<AuditRow>,
    /// Where the next page begins, if there may be more.
    pub next: Option<AuditCursor>,
}

/// What one instance makes of a request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Tried {
    /// The instance: the NAME of `[schemes.NAME]`.
    pub scheme: String,
    /// What it is.
    pub kind: &'static str,
    /// A word for programs; `ok` if it takes the request.
    pub reason: &'static str,
    /// The same for people.
    pub sentence: &'static str,
    /// What was found out.
    pub finding: Finding,
}

/// What is known of one request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Explained {
    /// What was written down.
    pub entry: AuditEntry,
    /// What each instance of whose form something was shown makes of it; empty if the request is
    /// remembered no more.
    pub tried: Vec<Tried>,
}

/// Why nothing is told.
#[derive(Debug, thiserror::Error)]
pub enum SearchError {
    /// The operator may not.
    #[error(transparent)]
    Denied(#[from] Denied),
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// A page of rows that `who` may see.
pub(in crate::access) async fn search(
    store: &Store,
    who: &Principal,
    filter: &AuditFilter,
    mut after: AuditCursor,
    limit: usize,
) -> Result<AuditPage, StoreError> {
    let mut rows = Vec::new();
    for _ in 0..PAGES {
        let page = store.search_audit(filter, &after, PAGE).await?;
        let is_last = i64::try_from(page.len()).is_ok_and(|count| count < PAGE);
        for row in page {
            after = AuditCursor::from(&row);
            if sees(who, &row.entry) {
                rows.push(row);
            }
            if rows.len() == limit {
                let next = Some(after);
                return Ok(AuditPage { rows, next });
            }
        }
        if is_last {
            return Ok(AuditPage { rows, next: None });
        }
    }
    let next = Some(after);
    Ok(AuditPage { rows, next })
}

/// What is known of the request, remembered or written down. `None` if nothing is that `who` may see.
pub(in crate::access) async fn find(
    store: &Store,
    who: &Principal,
    configured: &(SchemesConfig, outbound::Config),
    (request, remembered): (&str, Option<&Remembered>),
) -> Result<Option<Explained>, StoreError> {
    if let Some(remembered) = remembered {
        if !sees(who, &remembered.entry) {
            return Ok(None);
        }
        return Ok(Some(Explained {
            entry: remembered.entry.clone(),
            tried: tried(configured, remembered).await,
        }));
    }
    let rows = store.audit_of_request(request).await?;
    let mut seen = rows.into_iter().filter(|entry| sees(who, entry));
    Ok(seen.next().map(|entry| Explained {
        entry,
        tried: Vec::new(),
    }))
}

fn sees(who: &Principal, entry: &AuditEntry) -> bool {
    match entry.stream.parse::<StreamId>() {
        Ok(stream) => who.covers(&stream),
        Err(_) => who.encloses(&StreamPattern::any()),
    }
}

/// Asks every instance, as at the time of the request, and keeps those whose form it shows.
async fn tried(configured: &(SchemesConfig, outbound::Config), request: &Remembered) -> Vec<Tried> {
    // A key's URL says nothing of the stream, whose path is what is signed.
    let content = request.content.as_ref().map(|stream| format!("/{stream}"));
    let asked = Asked {
        target: Target {
            scheme: "https",
            authority: &request.authority,
            path: content.as_deref().unwrap_or(&request.path),
            token: request.path_token.as_ref().map(SecretText::expose),
        },
        stream: Some(&*request.entry.stream).filter(|stream| !stream.is_empty()),
        query: request.query.expose(),
        headers: request,
        ip: request.ip,
        alpn: request.alpn.as_deref(),
        method: &request.method,
        purpose: Purpose::Play,
    };
    let (schemes, outbound) = configured;
    let mut all = Vec::new();
    for (name, config) in schemes.0.iter().take(MOST_TRIED) {
        let Ok(instance) = Instance::load(schemes, outbound, name) else {
            continue;
        };
        let (verdict, mut finding) = explain_one(&instance, asked, request.at).await;
        finding.received = finding.received.as_deref().map(beginning);
        let (reason, sentence) = match verdict {
            Verdict::Allow { .. } => ("ok", "it takes the request"),
            Verdict::Deny("no_token" | "unknown_form", _) if finding.hints.is_empty() => continue,
            Verdict::Deny(reason, sentence) => (reason, sentence),
        };
        all.push(Tried {
            scheme: name.clone(),
            kind: config.kind(),
            reason,
            sentence,
            finding,
        });
    }
    all
}

/// Enough to know a hash again, and too little to use it.
fn beginning(hash: &str) -> String {
    let shown: String = hash.chars().take(SHOWN).collect();
    format!("{shown}…")
}
