//! How often the store was turned to. The store counts, and the registry has clones.
//!
//! Must not know: what was read or written, or which database it is.

use prometheus_client::metrics::counter::Counter;
use prometheus_client::registry::Registry;

/// Ways to the database and back, but for the look each second whether there are news.
#[derive(Debug, Clone, Default)]
pub struct StoreMeasures {
    /// Connections that were lent for reading.
    pub reads: Counter,
    /// Transactions that were begun for writing.
    pub writes: Counter,
}

impl StoreMeasures {
    /// All of them together.
    pub fn turns(&self) -> u64 {
        self.reads.get() + self.writes.get()
    }

    pub(super) fn register(&self, registry: &mut Registry) {
        registry.register(
            "store_reads",
            "Connections to the database that were lent for reading",
            self.reads.clone(),
        );
        registry.register(
            "store_writes",
            "Transactions of the database that were begun for writing",
            self.writes.clone(),
        );
    }
}
