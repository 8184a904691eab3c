//! Rows as they are shown.
//!
//! Must not know: who sees them.

use crate::api::AuditView;
use crate::domain::Timestamp;
use crate::store::{AuditEntry, AuditRow};

impl From<AuditEntry> for AuditView {
    fn from(entry: AuditEntry) -> Self {
        Self {
            time: Timestamp::from_millis(entry.time).to_string(),
            kind: entry.kind,
            request_id: entry.request_id,
            action: entry.action,
            reason: entry.reason,
            scheme: entry.scheme,
            viewer: entry.viewer,
            session: entry.session,
            token: entry.token,
            stream: entry.stream,
            kid: entry.kid,
            ip: entry.ip,
            policy: entry.policy,
            count: entry.count,
            detail: serde_json::from_str(&entry.detail).ok(),
            chain: String::new(),
            seq: None,
        }
    }
}

impl From<AuditRow> for AuditView {
    fn from(row: AuditRow) -> Self {
        Self {
            chain: row.chain,
            seq: Some(row.seq),
            ..row.entry.into()
        }
    }
}
