//! Writes the step from what is published to what a list is rewritten to next.
//!
//! Must not know: what becomes of a line, or of the step.

use std::time::Duration;

use super::body::{Body, Size};
use super::encrypt::{Rewrite, Scope};
use super::listing::{Entry, RewriteError, Span};
use super::media::MediaPlaylist;
use super::rewritten::{Entries, Piece, Rewritten, Step};
use super::seen::{Said, Seen};
use super::version::Needs;

/// Writes what is new.
pub(super) struct Writer<'a, 'b> {
    list: &'a MediaPlaylist,
    span: Span<'a>,
    entry: Entries<'b>,
    seen: Seen,
    needs: Needs,
    length: Duration,
    /// Segments that come, until their lines are written.
    came: Vec<(Entry, Said, Needs)>,
}

impl<'a, 'b> Writer<'a, 'b> {
    /// Of `list`, as far as `span` says.
    pub(super) fn new(list: &'a MediaPlaylist, span: Span<'a>, entry: Entries<'b>) -> Self {
        Self {
            list,
            span,
            entry,
            seen: Seen::default(),
            needs: Needs::default(),
            length: Duration::ZERO,
            came: Vec::new(),
        }
    }

    /// The step from what is published, of which so many segments go.
    pub(super) fn write(
        mut self,
        before: Option<(&Rewritten, usize)>,
    ) -> Result<Step, RewriteError> {
        self.span.check(self.list)?;
        let known = before.map_or(0, |(before, gone)| before.pieces.len() - gone);
        let open = self.count(before, known)?;
        let version = self.version(open.as_ref());
        let mut rewrite = Rewrite::new(self.list, self.span, version)?;
        let (head, scopes) = self.head(&mut rewrite, before);
        let goes = before.map(|(before, gone)| (gone, before.size(gone + scopes.len())));
        if let Some(last) = before.and_then(|(before, _)| before.pieces.last())
            && scopes.len() < known
        {
            rewrite.scope.clone_from(&last.after);
        }
        let (came, pieces) = self.body(&mut rewrite, known);
        let mut tail = String::new();
        for block in self.span.end()..=self.list.segments.len() {
            let entry = open.clone().filter(|_| block == self.span.end());
            tail = rewrite.write(tail, block, entry);
        }
        let step = Step {
            head,
            goes,
            came,
            tail,
            scopes,
            pieces,
            of: (
                self.list.lineage.mark(self.span.first),
                self.span.low.serving,
            ),
            seen: self.seen,
            needs: self.needs,
            length: self.length,
        };
        step.end(self.list.text.eol(), before.map(|(before, _)| before))
    }

    /// Takes what comes and goes into account; gives the entry of which only parts are listed.
    fn count(
        &mut self,
        before: Option<(&Rewritten, usize)>,
        known: usize,
    ) -> Result<Option<Entry>, RewriteError> {
        if let Some((before, gone)) = before {
            (self.needs, self.length) = (before.needs, before.length);
            for piece in &before.pieces[..gone] {
                self.needs -= piece.needs;
                self.length -= piece.duration;
            }
        }
        let seen = before.map(|(before, _)| &before.seen);
        for at in known..self.span.count {
            let entry = (self.entry)(at);
            let Some((segment, block)) = self.list.place(self.span.first + at) else {
                continue;
            };
            let said = self.seen.note(seen, (&entry, at), (segment, &block))?;
            let needs = Needs::of(&entry, segment, &block);
            self.needs += needs;
            self.length += segment.duration;
            self.came.push((entry, said, needs));
        }
        let open = self.span.low.open.cloned();
        if let Some((entry, (segment, block))) = open.as_ref().zip(self.list.place(self.span.end()))
        {
            let at = self.span.count;
            let mut all = self.seen.clone();
            all.note(seen, (entry, at), (segment, &block))?;
        }
        Ok(open)
    }

    fn version(&self, open: Option<&Entry>) -> u64 {
        let mut needs = self.needs;
        if let Some(Entry::Encrypted(open)) = open {
            needs += Needs::of_entry(open);
        }
        needs.version(self.list, &self.span)
    }

    /// All up to the first listed segment, and those after it that are not written, or are under
    /// another scope than they are now. Gives the scopes after those that were listed.
    fn head(
        &mut self,
        rewrite: &mut Rewrite<'a>,
        before: Option<(&Rewritten, usize)>,
    ) -> (String, Vec<Scope>) {
        let mut out = String::new();
        for block in 0..self.span.first {
            out = rewrite.write(out, block, None);
        }
        let mut scopes = Vec::new();
        let Some((before, gone)) = before else {
            return (out, scopes);
        };
        let in_head = before.in_head.saturating_sub(gone);
        for (at, piece) in before.pieces[gone..].iter().enumerate() {
            let entry = (self.entry)(at);
            out = rewrite.write(out, self.span.first + at, Some(entry));
            scopes.push(rewrite.scope.clone());
            if at + 1 >= in_head && rewrite.scope == piece.after {
                break;
            }
        }
        (out, scopes)
    }

    /// The lines of the segments that come, after so many that are known.
    fn body(&mut self, rewrite: &mut Rewrite<'a>, known: usize) -> (Body, Vec<Piece>) {
        let mut body = Body::default();
        let mut pieces = Vec::with_capacity(self.came.len());
        for (at, (entry, said, needs)) in (known..).zip(std::mem::take(&mut self.came)) {
            let block = self.span.first + at;
            let start = body.text.len();
            body.text = rewrite.write(std::mem::take(&mut body.text), block, Some(entry));
            let size = Size::of(&body.text[start..]);
            body.lines += size.lines;
            pieces.push(Piece {
                size,
                said,
                needs,
                duration: self.list.segments[block].duration,
                after: rewrite.scope.clone(),
            });
        }
        (body, pieces)
    }
}
