//! What operators ask of the audit trail.
//!
//! Must not know: HTTP.

use super::Gate;
use crate::access::audit::{
    AuditCursor, AuditFilter, AuditPage, Explained, Remembered, SearchError, find, search,
};
use crate::access::permit::{Admitted, Oversee};

impl Gate {
    /// Rows of the operator's streams, the newest first, `limit` at most.
    pub async fn search_audit(
        &self,
        who: &Admitted,
        filter: &AuditFilter,
        after: AuditCursor,
        limit: usize,
    ) -> Result<AuditPage, SearchError> {
        let who = self.capable::<Oversee>(who)?;
        Ok(search(&self.ours.store, who, filter, after, limit).await?)
    }

    /// What is known of one request, `None` if nothing is that this operator may know.
    pub async fn explain(
        &self,
        who: &Admitted,
        request: &str,
        remembered: Option<&Remembered>,
    ) -> Result<Option<Explained>, SearchError> {
        let who = self.capable::<Oversee>(who)?;
        let request = (request, remembered);
        let rules = self.rules.get();
        Ok(find(&self.ours.store, who, &rules.configured, request).await?)
    }
}
