//! A rewritten playlist, and the step from it to what the same list is rewritten to next.
//!
//! The text of segments that stay listed stays: a step writes the first lines anew, up to the first
//! listed segment, then the segments that come, and what follows the last. What it gives is what
//! writing all of it would. Must not know: what becomes of a line.

use std::fmt;
use std::time::Duration;

use super::body::{Body, Size, is_same};
use super::encrypt::Scope;
use super::lineage::Mark;
use super::listing::{Entry, Listing, RewriteError, Span};
use super::low_latency::Serving;
use super::media::MediaPlaylist;
use super::seen::{Said, Seen};
use super::sliding::Sliding;
use super::splice;
use super::text;
use super::version::Needs;
use super::writer::Writer;

/// A playlist as it was published. Its `Display` gives the text.
#[derive(Debug, Clone, Default)]
pub struct Rewritten {
    /// What stands before `body`.
    pub(super) head: String,
    /// The lines of listed segments, from after the first `in_head` on.
    pub(super) body: Body,
    /// What stands after it.
    tail: String,
    /// What is known of the listed segments; nothing of a text that was made elsewhere.
    pub(super) pieces: Sliding<Piece>,
    pub(super) in_head: usize,
    /// The first of them, and for whom they were written.
    of: Option<(Mark, Serving)>,
    pub(super) seen: Seen,
    pub(super) needs: Needs,
    pub(super) length: Duration,
}

/// What is known of one listed segment.
#[derive(Debug, Clone)]
pub(super) struct Piece {
    /// How many bytes and lines its own are.
    pub(super) size: Size,
    pub(super) said: Said,
    pub(super) needs: Needs,
    pub(super) duration: Duration,
    /// What is in scope after it.
    pub(super) after: Scope,
}

/// What is to be published next. It is taken by [`Rewritten::take`] once it is.
#[derive(Debug)]
pub struct Step {
    pub(super) head: String,
    /// How many listed segments go, and how much of the body with them or into the head; `None` if
    /// nothing stays of what is published.
    pub(super) goes: Option<(usize, Size)>,
    pub(super) came: Body,
    pub(super) tail: String,
    /// What is in scope after the listed segments whose lines are in the head.
    pub(super) scopes: Vec<Scope>,
    pub(super) pieces: Vec<Piece>,
    pub(super) of: (Mark, Serving),
    pub(super) seen: Seen,
    pub(super) needs: Needs,
    pub(super) length: Duration,
}

/// How the segment with an index among the listed is listed.
pub(super) type Entries<'a> = &'a mut dyn FnMut(usize) -> Entry;

impl MediaPlaylist {
    /// The playlist with the listed segments, each encrypted one under its own EXT-X-KEY.
    ///
    /// An EXT-X-MAP stands where the source has one, where the initialisation section changes and
    /// before the first listed segment; a clear one is in the scope of no key. EXT-X-BYTERANGE says
    /// what the listing does. The source's METHOD=NONE tags go, and what they marked clear is encrypted like the rest.
    /// EXT-X-VERSION, EXT-X-MEDIA-SEQUENCE and EXT-X-DISCONTINUITY-SEQUENCE are moved on or added
    /// where needed; EXT-X-ENDLIST stays if the last segment is listed; until then a VOD is
    /// an EVENT. A byte order mark goes, and the last line gets its line end. All else passes
    /// byte for byte and in order.
    pub fn encrypt(&self, listing: &Listing<'_>) -> Result<String, RewriteError> {
        let mut entry = |index: usize| listing.entries[index].clone();
        let step = Step::whole(self, listing.span(), &mut entry)?;
        Ok(Rewritten::from(step).to_string())
    }
}

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
    pub(super) fn size(&self, count: usize) -> Size {
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
    pub(super) fn end(
        mut self,
        eol: &str,
        before: Option<&Rewritten>,
    ) -> Result<Self, RewriteError> {
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

impl Rewritten {
    /// Whether it lists I-frames.
    pub fn is_iframes(&self) -> bool {
        self.head.contains("#EXT-X-I-FRAMES-ONLY")
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
