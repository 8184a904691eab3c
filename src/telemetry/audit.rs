//! What is counted of the audit trail; the trail counts, and has a clone.
//!
//! Must not know: what a row is.

use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::registry::Registry;

/// Rows on their way into the store.
#[derive(Debug, Clone, Default)]
pub struct AuditMeasures {
    /// Rows in the store.
    pub written: Counter,
    /// Rows that were lost.
    pub dropped: Counter,
    /// Rows that wait to be written.
    pub queue: Gauge,
}

impl AuditMeasures {
    pub(super) fn register(&self, registry: &mut Registry) {
        registry.register(
            "audit_rows_written",
            "Rows of the audit trail in the store",
            self.written.clone(),
        );
        registry.register(
            "audit_rows_dropped",
            "Rows of the audit trail that were lost",
            self.dropped.clone(),
        );
        registry.register(
            "audit_queue_rows",
            "Rows of the audit trail that wait to be written",
            self.queue.clone(),
        );
    }
}
