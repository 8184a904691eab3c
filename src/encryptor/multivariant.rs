//! Multivariant playlists: passed on as they are once every child is published, I-frame streams
//! only where they are encrypted.
//!
//! Must not know: how children come to be published.

use super::containers::IFrames;
use super::event::StallReason;
use super::notices::Stall;
use super::path::Beneath;
use crate::playlist::{ChildKind, Definitions, MultivariantPlaylist};

/// One multivariant playlist.
pub(super) struct Multivariant {
    list: MultivariantPlaylist,
    /// The media playlists that it names.
    pub(super) children: Vec<Beneath>,
    /// I-frame streams were left out.
    pub(super) had_iframes: bool,
    /// The sink has it.
    pub(super) is_published: bool,
    /// As it was last published.
    pub(super) shown: String,
}

/// Reads a multivariant playlist for publishing.
pub(super) fn prepare(
    at: &Beneath,
    list: &MultivariantPlaylist,
    iframes: IFrames,
) -> Result<Multivariant, Stall> {
    if list.has_session_key() {
        let detail = "it has an EXT-X-SESSION-KEY: the source is encrypted already";
        return Err(refusal(StallReason::AlreadyEncrypted, detail.to_owned()));
    }
    let all = list.children();
    let is_dropped = |kind: ChildKind| kind == ChildKind::IFrame && iframes == IFrames::Drop;
    let had_iframes = all.iter().any(|child| is_dropped(child.kind));
    let kept = all.iter().filter(|child| !is_dropped(child.kind));
    let children = kept.map(|child| {
        at.resolve(&child.uri).map_err(|error| {
            let detail = format!("line {}: {}: {error}", child.line, child.uri);
            refusal(StallReason::Outside, detail)
        })
    });
    Ok(Multivariant {
        children: children.collect::<Result<_, _>>()?,
        list: list.clone(),
        had_iframes,
        is_published: false,
        shown: String::new(),
    })
}

impl Multivariant {
    /// What is to be published, with an EXT-X-SESSION-KEY for the key at `session_key`.
    pub(super) fn text(&self, session_key: Option<&str>) -> String {
        self.list.published(!self.had_iframes, session_key)
    }

    /// The variables that it defines for its children.
    pub(super) fn definitions(&self) -> &Definitions {
        self.list.definitions()
    }

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
        prepared_with(text, IFrames::Drop)
    }

    fn prepared_with(text: &str, iframes: IFrames) -> Result<Multivariant, Stall> {
        let at = Beneath::found("a/master.m3u8").unwrap();
        match Playlist::parse(text) {
            Ok(Playlist::Multivariant(list)) => prepare(&at, &list, iframes),
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn children_are_awaited_and_iframes_left_out() {
        let text = "#EXTM3U\n#EXT-X-MEDIA:TYPE=AUDIO,GROUP-ID=\"a\",NAME=\"a\",URI=\"au.m3u8\"\n\
            #EXT-X-I-FRAME-STREAM-INF:BANDWIDTH=1,URI=\"i.m3u8\"\n\
            #EXT-X-STREAM-INF:BANDWIDTH=2,AUDIO=\"a\"\n../v0/i.m3u8?x=1\n";
        let list = prepared(text).unwrap();
        assert!(list.had_iframes && !list.text(None).contains("I-FRAME"));
        let children: Vec<_> = list.children.iter().map(Beneath::as_str).collect();
        assert_eq!(children, ["a/au.m3u8", "v0/i.m3u8"]);
        let stall = list
            .waits_for(|child| child.as_str() == "a/au.m3u8")
            .unwrap();
        assert_eq!(stall.reason, StallReason::Children);
        assert!(list.waits_for(|_| true).is_none());
        let list = prepared_with(text, IFrames::Files).unwrap();
        assert_eq!((list.text(None).as_str(), list.had_iframes), (text, false));
        let waits = list.waits_for(|child| child.as_str() != "a/i.m3u8");
        assert_eq!(waits.unwrap().reason, StallReason::Children);
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
