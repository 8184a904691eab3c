//! A rewritten playlist, and the step from it to what the same list is rewritten to next.
//!
//! The text of segments that stay listed stays: a step writes the first lines anew, up to the first
//! listed segment, then the segments that come, and what follows the last. What it gives is what
//! writing all of it would. Must not know: what becomes of a line.

use std::fmt;
use std::time::Duration;

use super::encrypt::{Rewrite, Scope};
use super::lineage::Mark;
use super::listing::{Entry, RewriteError, Span};
use super::low_latency::Serving;
use super::media::MediaPlaylist;
use super::seen::{Said, Seen};
use super::sliding::Sliding;
use super::splice;
use super::text;
use super::version::Needs;

/// A playlist as it was published. Its `Display` gives the text.
#[derive(Debug, Clone, Default)]
pub struct Rewritten {
    /// What stands before `body`.
    head: String,
    /// The lines of listed segments, from after the first `in_head` on.
    body: Body,
    /// What stands after it.
    tail: String,
    /// What is known of the listed segments; nothing of a text that was made elsewhere.
    pieces: Sliding<Piece>,
    in_head: usize,
    /// The first of them, and for whom they were written.
    of: Option<(Mark, Serving)>,
    seen: Seen,
    needs: Needs,
    length: Duration,
}

/// What is known of one listed segment.
#[derive(Debug, Clone)]
struct Piece {
    /// How many bytes and lines its own are.
    size: Size,
    said: Said,
    needs: Needs,
    duration: Duration,
    /// What is in scope after it.
    after: Scope,
}

/// Text whose first bytes go.
#[derive(Debug, Clone, Default)]
struct Body {
    text: String,
    /// How many of its bytes have gone.
    gone: usize,
    lines: usize,
}

#[derive(Debug, Clone, Copy, Default)]
struct Size {
    bytes: usize,
    lines: usize,
}

/// What is to be published next. It is taken by [`Rewritten::take`] once it is.
#[derive(Debug)]
pub struct Step {
    head: String,
    /// How many listed segments go, and how much of the body with them or into the head; `None` if
    /// nothing stays of what is published.
    goes: Option<(usize, Size)>,
    came: Body,
    tail: String,
    /// What is in scope after the listed segments whose lines are in the head.
    scopes: Vec<Scope>,
    pieces: Vec<Piece>,
    of: (Mark, Serving),
    seen: Seen,
    needs: Needs,
    length: Duration,
}

/// How the segment with an index among the listed is listed.
type Entries<'a> = &'a mut dyn FnMut(usize) -> Entry;

impl Rewritten {
    /// The step to what `list` is rewritten to by `span`. Segments that were listed before must be
    /// listed as they were: they are not asked for.
    pub fn step(
        &self,
        list: &MediaPlaylist,
        span: Span<'_>,
        entry: Entries<'_>,
    ) -> Result<Step, RewriteError> {
        let gone = self.gone(list, &span);
        let step = gone.map(|gone| Writer::new(list, span, entry).write(Some((self, gone))));
        match step {
            Some(Ok(step)) => Ok(step),
            // what is wrong is to be told as if all were new
            Some(Err(_)) | None => Step::whole(list, span, entry),
        }
    }

    /// Takes note that `step` is published.
    pub fn take(&mut self, step: Step) {
        let Some((gone, size)) = step.goes else {
            return *self = step.into();
        };
        self.seen.add(step.seen);
        for piece in &self.pieces[..gone] {
            self.seen.forget(&piece.said);
        }
        self.pieces.drop_first(gone);
        for (piece, after) in self.pieces.iter_mut().zip(&step.scopes) {
            piece.after.clone_from(after);
        }
        self.body.drop_first(size);
        self.body.push(&step.came);
        self.pieces.extend(step.pieces);
        (self.head, self.tail) = (step.head, step.tail);
        self.in_head = step.scopes.len();
        self.of = Some(step.of);
        (self.needs, self.length) = (step.needs, step.length);
    }

    /// How much of the body is of the first `count` listed segments.
    fn size(&self, count: usize) -> Size {
        let mut size = Size::default();
        for piece in self.pieces.iter().take(count).skip(self.in_head) {
            size.bytes += piece.size.bytes;
            size.lines += piece.size.lines;
        }
        size
    }

    /// How many of the segments that are listed go, if others stay as they are.
    fn gone(&self, list: &MediaPlaylist, span: &Span<'_>) -> Option<usize> {
        let (mark, serving) = self.of.as_ref()?;
        let is_plain = list.is_plain && !span.opens && span.earlier.is_none();
        let gone = list.lineage.since(mark, span.first)?;
        let stays = gone < self.pieces.len() && self.pieces.len() - gone <= span.count;
        (is_plain && stays && *serving == span.low.serving).then_some(gone)
    }
}

impl Step {
    /// The step from nothing.
    pub(super) fn whole(
        list: &MediaPlaylist,
        span: Span<'_>,
        entry: Entries<'_>,
    ) -> Result<Self, RewriteError> {
        Writer::new(list, span, entry).write(None)
    }

    /// The text, in pieces; `before` is what is published.
    pub fn text<'a>(&'a self, before: Option<&'a Rewritten>) -> [&'a str; 4] {
        let stays = before.zip(self.goes);
        let stays = stays.map_or("", |(before, (_, size))| before.body.rest(size));
        [&self.head, stays, &self.came.text, &self.tail]
    }

    /// Whether the text is another one than what is published.
    pub fn differs(&self, before: &Rewritten) -> bool {
        let own = self.text(Some(before));
        let published = [before.head.as_str(), before.body.as_str(), &before.tail];
        match self.goes {
            Some((1.., _)) => true, // numbers have moved on
            Some((0, size)) => {
                let moved = before.body.first(size);
                let head = [&before.head, moved];
                !is_same(&[&self.head], &head) || !own[2].is_empty() || self.tail != before.tail
            }
            None => !is_same(&own, &published),
        }
    }

    /// How long the listed segments are.
    pub fn length(&self) -> Duration {
        self.length
    }

    /// Ends its last line, and looks whether it can be read again.
    fn end(mut self, eol: &str, before: Option<&Rewritten>) -> Result<Self, RewriteError> {
        if !self.tail.is_empty() {
            splice::end_line(&mut self.tail, eol);
        }
        let stays = match (self.goes, before) {
            (Some((_, size)), Some(before)) => before.body.lines - size.lines,
            _ => 0,
        };
        let lines = Size::of(&self.head).lines + Size::of(&self.tail).lines + self.came.lines;
        let bytes = self.text(before).iter().map(|text| text.len()).sum();
        match text::is_bounded(bytes, lines + stays) {
            true => Ok(self),
            false => Err(RewriteError::TooLong),
        }
    }
}

/// Whether two texts in pieces are the same.
fn is_same(one: &[&str], other: &[&str]) -> bool {
    let length = |texts: &[&str]| texts.iter().map(|text| text.len()).sum::<usize>();
    let mut both = (one.iter(), other.iter());
    let (mut left, mut right) = ("".as_bytes(), "".as_bytes());
    if length(one) != length(other) {
        return false;
    }
    loop {
        if left.is_empty() {
            match both.0.next() {
                Some(next) => left = next.as_bytes(),
                None => return true,
            }
        } else if right.is_empty() {
            match both.1.next() {
                Some(next) => right = next.as_bytes(),
                None => return true,
            }
        } else {
            let common = left.len().min(right.len());
            if left[..common] != right[..common] {
                return false;
            }
            (left, right) = (&left[common..], &right[common..]);
        }
    }
}

impl Body {
    fn as_str(&self) -> &str {
        &self.text[self.gone..]
    }

    fn first(&self, size: Size) -> &str {
        &self.as_str()[..size.bytes]
    }

    fn rest(&self, size: Size) -> &str {
        &self.as_str()[size.bytes..]
    }

    /// Drops its first bytes; those that have gone make room when they are as many as the rest.
    fn drop_first(&mut self, size: Size) {
        self.gone += size.bytes;
        self.lines -= size.lines;
        if self.gone >= self.text.len() - self.gone {
            self.text.drain(..self.gone);
            self.gone = 0;
        }
    }

    fn push(&mut self, other: &Self) {
        self.text.push_str(other.as_str());
        self.lines += other.lines;
    }
}

impl Size {
    fn of(text: &str) -> Self {
        Self {
            bytes: text.len(),
            lines: text.bytes().filter(|byte| *byte == b'\n').count(),
        }
    }
}

impl From<Step> for Rewritten {
    fn from(step: Step) -> Self {
        Self {
            head: step.head,
            body: step.came,
            tail: step.tail,
            pieces: step.pieces.into(),
            in_head: step.scopes.len(),
            of: Some(step.of),
            seen: step.seen,
            needs: step.needs,
            length: step.length,
        }
    }
}

impl From<String> for Rewritten {
    /// A text that was made elsewhere.
    fn from(text: String) -> Self {
        Self {
            head: text,
            ..Self::default()
        }
    }
}

impl fmt::Display for Rewritten {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for text in [&self.head, self.body.as_str(), &self.tail] {
            f.write_str(text)?;
        }
        Ok(())
    }
}

/// Writes what is new.
struct Writer<'a, 'b> {
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
    fn new(list: &'a MediaPlaylist, span: Span<'a>, entry: Entries<'b>) -> Self {
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
    fn write(mut self, before: Option<(&Rewritten, usize)>) -> Result<Step, RewriteError> {
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
