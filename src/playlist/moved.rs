//! Where lines stand by now that were read some time ago: lines before them have gone since.
//!
//! Must not know: which have.

use super::text::Line;

/// How far lines stand before where they stood when they were read, since lines before them have
/// gone; below zero it wraps.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Moved {
    pub(super) bytes: usize,
    pub(super) lines: usize,
}

impl Moved {
    /// The line where it stands by now.
    pub(super) fn line(self, line: &Line) -> Line {
        Line {
            number: self.index(line.number),
            start: line.start.wrapping_sub(self.bytes),
            end: line.end.wrapping_sub(self.bytes),
            next: line.next.wrapping_sub(self.bytes),
            kind: line.kind,
        }
    }

    /// The index of the line that had the index `line`.
    pub(super) fn index(self, line: usize) -> usize {
        line.wrapping_sub(self.lines)
    }

    /// What was to be said of a line that stands there by now.
    pub(super) fn back(self, line: &Line) -> Line {
        let back = Self {
            bytes: self.bytes.wrapping_neg(),
            lines: self.lines.wrapping_neg(),
        };
        back.line(line)
    }

    /// The same of its index.
    pub(super) fn index_back(self, line: usize) -> usize {
        line.wrapping_add(self.lines)
    }
}
