//! Edits as splices of the text, in one pass from its start to its end.
//!
//! Must not know: why something is edited.

use std::ops::Range;

/// Copies a text and changes it on the way. Positions are those of the source and must not go
/// back.
#[derive(Debug)]
pub(super) struct Splicer<'a> {
    source: &'a str,
    at: usize,
    out: String,
}

impl<'a> Splicer<'a> {
    /// Copies `source` from byte `start`.
    pub(super) fn new(source: &'a str, start: usize) -> Self {
        Self {
            source,
            at: start,
            out: String::with_capacity(source.len()),
        }
    }

    /// Goes on with `out`, which was made of what stands before byte `start`.
    pub(super) fn resume(out: String, source: &'a str, start: usize) -> Self {
        Self {
            source,
            at: start,
            out,
        }
    }

    /// Copies up to byte `end` and gives the result.
    pub(super) fn finish_at(mut self, end: usize) -> String {
        self.replace(end..end, "");
        self.out
    }

    /// Puts `text` before byte `at`.
    pub(super) fn insert(&mut self, at: usize, text: &str) {
        self.replace(at..at, text);
    }

    /// Puts `text` in place of `span`.
    pub(super) fn replace(&mut self, span: Range<usize>, text: &str) {
        debug_assert!(self.at <= span.start, "splices go forward");
        self.out.push_str(&self.source[self.at..span.start]);
        self.out.push_str(text);
        self.at = span.end;
    }

    /// Leaves `span` out.
    pub(super) fn remove(&mut self, span: Range<usize>) {
        self.replace(span, "");
    }

    /// Copies the rest and gives the result.
    pub(super) fn finish(mut self) -> String {
        self.out.push_str(&self.source[self.at..]);
        self.out
    }

    /// The same, its last line ended: what we publish cannot be taken for half written.
    pub(super) fn finish_lines(self, eol: &str) -> String {
        let mut out = self.finish();
        end_line(&mut out, eol);
        out
    }
}

/// Ends the last line of `out`, unless it is ended.
pub(super) fn end_line(out: &mut String, eol: &str) {
    if !out.ends_with('\n') {
        out.truncate(out.trim_end_matches('\r').len());
        out.push_str(eol);
    }
}
