//! How much lies in a spool.
//!
//! Must not know: files.

use super::SpoolLimits;

/// Bytes and files that are there or on their way.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub(super) struct Usage {
    bytes: u64,
    files: u64,
}

impl Usage {
    /// A file that is there.
    pub(super) fn add(&mut self, bytes: u64) {
        self.files = self.files.saturating_add(1);
        self.bytes = self.bytes.saturating_add(bytes);
    }

    /// A file that is gone.
    pub(super) fn subtract(&mut self, bytes: u64) {
        self.files = self.files.saturating_sub(1);
        self.bytes = self.bytes.saturating_sub(bytes);
    }

    /// Another file, if there is room.
    pub(super) fn begin(&mut self, limits: SpoolLimits) -> bool {
        let fits = self.files < limits.files && self.bytes < limits.bytes;
        self.files += u64::from(fits);
        fits
    }

    /// So many bytes more, if there is room.
    pub(super) fn grow(&mut self, bytes: u64, limits: SpoolLimits) -> bool {
        let grown = self.bytes.saturating_add(bytes);
        let fits = grown <= limits.bytes;
        if fits {
            self.bytes = grown;
        }
        fits
    }
}
