//! What a rendition's playlist could say now.
//!
//! Must not know: how it is written.

use std::collections::BTreeMap;
use std::time::Duration;

use super::partials::next_name;
use super::path::Beneath;
use super::place::Timeline;
use super::remains::Remains;
use super::track::{Done, Media, Track};
use crate::playlist::{
    Encrypted, Entry, LowLatency, MediaPlaylist, Report, Reports, RewriteError, Rewritten, Segment,
    Serving, Span, Step,
};

/// A playlist to be published.
pub(super) struct Draft {
    pub(super) text: Step,
    pub(super) first: u64,
    pub(super) last: u64,
    pub(super) ended: bool,
    span: Duration,
    /// Numbers that are listed as gaps between two runs, and how long each of them is.
    gaps: Vec<(u64, Duration)>,
    /// How many parts of each segment are listed, where there are any.
    pub(super) parts: BTreeMap<u64, usize>,
    /// How many segments' lines were written; those of others stay.
    pub(super) written: u64,
}

impl Track {
    /// The playlist that could be published now, if it differs from what is.
    /// `others` is what other renditions list.
    pub(super) fn draft(
        &self,
        serving: Serving,
        others: &BTreeMap<Beneath, Report>,
    ) -> Result<Option<Draft>, RewriteError> {
        let Some(list) = &self.source else {
            return Ok(None);
        };
        let segments = list.segments();
        let ready = |segment: &&Segment| self.is_ready(segment.msn);
        let resume = self.resume();
        let cut = resume + segments[resume..].iter().take_while(ready).count();
        let first = self.first_of(segments, cut);
        if first == cut || self.timeline == Timeline::Finished && cut < segments.len() {
            return Ok(None);
        }
        let opens = self.is_later_run() && segments[first].msn == self.floor();
        let before = self.listed.as_ref().filter(|_| opens);
        let before = match before {
            Some(before) => Remains::of(before, self.floor(), list, cut - first)?,
            None => None,
        };
        let next = segments.get(cut).or_else(|| list.open());
        let next = next.filter(|_| serving != Serving::Plain);
        let open = next.and_then(|next| self.open(next)).map(Entry::Encrypted);
        let last = segments[cut - 1].msn;
        let mut parts: BTreeMap<u64, usize> = BTreeMap::new();
        let mut note = |msn: u64, entry: &Entry| {
            if let Entry::Encrypted(entry) = entry
                && !entry.parts.is_empty()
            {
                parts.insert(msn, entry.parts.len());
            }
        };
        let both = next.zip(open.as_ref());
        both.iter().for_each(|(next, open)| note(next.msn, open));
        let mut written = 0;
        let mut entry = |at: usize| {
            written += 1;
            let segment = &segments[first + at];
            let entry = self.entry(segment);
            note(segment.msn, &entry);
            entry
        };
        let reports = self.reports(list, others);
        let of_next = match &open {
            Some(Entry::Encrypted(open)) => open.parts.len(),
            _ => 0,
        };
        let hint = next_name(list, (last + 1, next), of_next);
        let none = Rewritten::default();
        let shown = self.listed.as_ref().map_or(&none, |listed| &listed.text);
        let span = Span {
            first,
            count: cut - first,
            opens,
            earlier: before.as_ref().map(Remains::earlier),
            low: LowLatency {
                serving,
                open: open.as_ref(),
                hint: hint.as_deref(),
                reports: Some(&reports),
            },
        };
        let text = shown.step(list, span, &mut entry)?;
        let span = before.as_ref().map_or(Duration::ZERO, Remains::span);
        let draft = Draft {
            first: before.as_ref().map_or(segments[first].msn, Remains::first),
            last,
            ended: list.is_ended() && cut == segments.len(),
            span: span + text.length(),
            text,
            gaps: before.map(|before| before.gaps()).unwrap_or_default(),
            parts,
            written,
        };
        Ok(self.is_better(&draft, list).then_some(draft))
    }

    /// The index of the first of the segments before `cut` that are ready without a gap. All that are
    /// listed of the run are.
    fn first_of(&self, segments: &[Segment], cut: usize) -> usize {
        let listed = self.listed.as_ref();
        let known = listed.map(|listed| listed.first.max(self.floor)..=listed.last);
        let mut first = cut;
        while let Some(before) = first.checked_sub(1) {
            let msn = segments[before].msn;
            if let Some(known) = known.as_ref().filter(|known| known.contains(&msn)) {
                return segments.partition_point(|segment| segment.msn < *known.start());
            }
            if !self.is_ready(msn) {
                break;
            }
            first = before;
        }
        first
    }

    /// What is published of the renditions that `list` reports on, by the URIs that it has for them.
    fn reports(&self, list: &MediaPlaylist, others: &BTreeMap<Beneath, Report>) -> Reports {
        let reported = list.reported().filter_map(|uri| {
            let at = self.at.resolve(uri).ok()?;
            Some((uri.to_owned(), *others.get(&at)?))
        });
        reported.collect()
    }

    /// Whether its published playlist says how far others are.
    pub(super) fn tells_of_others(&self) -> bool {
        let has_parts = self.partials.last_listed().is_some() && self.listed.is_some();
        let list = self.source.as_ref().filter(|_| has_parts);
        list.is_some_and(|list| list.reported().next().is_some())
    }

    /// How far the published playlist is, as others report it.
    pub(super) fn report(&self) -> Option<Report> {
        let listed = self.listed.as_ref()?;
        let index = |count: usize| Some(count.checked_sub(1)? as u64);
        Some(match listed.open {
            Some(count) => Report {
                msn: listed.last + 1,
                part: index(count),
            },
            None => Report {
                msn: listed.last,
                part: index(self.partials.count(listed.last)),
            },
        })
    }

    /// Whether the segment is durable, or known to be missing, and of the run that is listed.
    fn is_ready(&self, msn: u64) -> bool {
        msn >= self.floor() && self.done.contains_key(&msn)
    }

    pub(super) fn is_later_run(&self) -> bool {
        self.run.is_some_and(|run| run.ordinal > 0)
    }

    /// Whether to swap the published playlist for `draft`. While nothing new is ready the list is
    /// not let run empty: it keeps at least three target durations (§6.2.2).
    fn is_better(&self, draft: &Draft, list: &MediaPlaylist) -> bool {
        self.listed.as_ref().is_none_or(|listed| {
            draft.text.differs(&listed.text)
                && (draft.last > listed.last
                    || draft.parts.keys().last() > Some(&listed.last)
                    || draft.first == listed.first
                    || draft.ended
                    || draft.span >= list.target_duration() * 3)
        })
    }

    fn entry(&self, segment: &Segment) -> Entry {
        match self
            .done
            .get(&segment.msn)
            .and_then(|done| done.media.as_ref())
        {
            None => Entry::Gap,
            Some(media) => Entry::Encrypted(Encrypted {
                uri: (media.uri != segment.uri).then(|| media.uri.clone()),
                parts: self.parts(segment, media.kid),
                ..media.listed()
            }),
        }
    }

    /// The text of `draft`, in pieces.
    pub(super) fn text<'a>(&'a self, draft: &'a Draft) -> Vec<&'a [u8]> {
        let listed = self.listed.as_ref().map(|listed| &listed.text);
        draft
            .text
            .text(listed)
            .iter()
            .map(|text| text.as_bytes())
            .collect()
    }

    /// Takes note that `draft` is published; gives the segments that left the list, and for how
    /// long their files stay.
    pub(super) fn published(&mut self, draft: Draft) -> Vec<(Media, Duration)> {
        let mut listed = self.listed.take().unwrap_or_default();
        let (longest, came) = (listed.longest, listed.next);
        let gap = |duration| Done {
            duration,
            date: None,
            time: None,
            media: None,
        };
        for (msn, duration) in draft.gaps {
            self.done.entry(msn).or_insert_with(|| gap(duration));
        }
        let mut left = Vec::new();
        while let Some(next) = self
            .done
            .first_entry()
            .filter(|next| *next.key() < draft.first)
        {
            left.push(next.remove());
        }
        let came = self.done.range(came.max(draft.first)..);
        let came = came.take_while(|(msn, _)| **msn <= draft.last);
        listed.periods.go_on(draft.first, came, &self.done);
        listed.text.take(draft.text);
        (listed.first, listed.last, listed.ended) = (draft.first, draft.last, draft.ended);
        listed.next = draft.last.saturating_add(1);
        listed.longest = longest.max(draft.span);
        let mut open = draft.parts.range(draft.last + 1..);
        listed.open = open.next().map(|(_, count)| *count);
        self.listed = Some(listed);
        self.start = None;
        left.into_iter()
            .filter_map(|done| Some((done.media?, done.duration + longest)))
            .collect()
    }
}
