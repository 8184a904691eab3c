//! Multivariant playlists: passed on as they are once every child is published.
//!
//! Must not know: how children come to be published.

use super::event::StallReason;
use super::notices::Stall;
use super::path::Beneath;
use crate::playlist::{ChildKind, MultivariantPlaylist};

/// One multivariant playlist.
pub(super) struct Multivariant {
    /// What is to be published.
    pub(super) text: String,
    /// The media playlists that it names.
    pub(super) children: Vec<Beneath>,
    /// I-frame streams were left out.
    pub(super) had_iframes: bool,
    /// The sink has it.
    pub(super) is_published: bool,
}

/// Reads a multivariant playlist for publishing.
pub(super) fn prepare(at: &Beneath, list: &MultivariantPlaylist) -> Result<Multivariant, Stall> {
    if list.has_session_key() {
        let detail = "it has an EXT-X-SESSION-KEY: the source is encrypted already";
        return Err(refusal(StallReason::AlreadyEncrypted, detail.to_owned()));
    }
    let all = list.children();
    let had_iframes = all.iter().any(|child| child.kind == ChildKind::IFrame);
    let kept = all.iter().filter(|child| child.kind != ChildKind::IFrame);
    let children = kept.map(|child| {
        at.resolve(&child.uri).map_err(|error| {
            let detail = format!("line {}: {}: {error}", child.line, child.uri);
            refusal(StallReason::Outside, detail)
        })
    });
    Ok(Multivariant {
        children: children.collect::<Result<_, _>>()?,
        text: list.without_iframes(),
        had_iframes,
        is_published: false,
    })
}

impl Multivariant {
    /// The first child that is not published yet, as a stall.
    pub(super) fn waits_for(&self, is_published: impl Fn(&Beneath) -> bool) -> Option<Stall> {
        let child = self.children.iter().find(|child| !is_published(child))?;
        let detail = format!("{child} is not published yet");
        Some(refusal(StallReason::Children, detail))
    }
}

fn refusal(reason: StallReason, detail: String) -> Stall {
    Stall {
        msn: None,
        reason,
        detail,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::playlist::Playlist;

    fn prepared(text: &str) -> Result<Multivariant, Stall> {
        let at = Beneath::found("a/master.m3u8").unwrap();
        match Playlist::parse(text) {
            Ok(Playlist::Multivariant(list)) => prepare(&at, &list),
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn children_are_awaited_and_iframes_left_out() {
        let text = "#EXTM3U\n#EXT-X-MEDIA:TYPE=AUDIO,GROUP-ID=\"a\",NAME=\"a\",URI=\"au.m3u8\"\n\
            #EXT-X-I-FRAME-STREAM-INF:BANDWIDTH=1,URI=\"i.m3u8\"\n\
            #EXT-X-STREAM-INF:BANDWIDTH=2,AUDIO=\"a\"\n../v0/i.m3u8?x=1\n";
        let list = prepared(text).unwrap();
        assert!(list.had_iframes && !list.text.contains("I-FRAME"));
        let children: Vec<_> = list.children.iter().map(Beneath::as_str).collect();
        assert_eq!(children, ["a/au.m3u8", "v0/i.m3u8"]);
        let stall = list
            .waits_for(|child| child.as_str() == "a/au.m3u8")
            .unwrap();
        assert_eq!(stall.reason, StallReason::Children);
        assert!(list.waits_for(|_| true).is_none());
    }

    #[test]
    fn what_must_not_be_passed_on_is_refused() {
        let with = |line: &str, uri: &str| {
            let text = format!("#EXTM3U\n{line}#EXT-X-STREAM-INF:BANDWIDTH=2\n{uri}\n");
            prepared(&text).err().map(|stall| stall.reason)
        };
        let session = "#EXT-X-SESSION-KEY:METHOD=AES-128,URI=\"https://k/1\"\n";
        assert_eq!(with(session, "v.m3u8"), Some(StallReason::AlreadyEncrypted));
        assert_eq!(with("", "https://cdn/v.m3u8"), Some(StallReason::Outside));
        assert_eq!(with("", "../../v.m3u8"), Some(StallReason::Outside));
        assert_eq!(with("", "v.m3u8"), None);
    }
}
