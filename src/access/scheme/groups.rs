//! Groups of streams that a legacy token may name: `live/smil:x.smil`, `live/ngrp:x_all`.
//!
//! A media server's viewers ask for such a name and are given its renditions, each a stream of its own
//! here. Which, the configuration says: a name tells nothing. Must not know: any scheme.

use std::collections::BTreeMap;

use serde::Deserialize;

use super::request::plain;
use super::vouched::Vouched;
use crate::api::Text;
use crate::domain::{StreamId, StreamPattern};

/// The setting `groups` of an instance: by the group's name the streams that a token for it opens.
pub type GroupsConfig = BTreeMap<String, Members>;

/// The streams of one group.
#[derive(Debug, Clone, Deserialize)]
#[serde(untagged, expecting = "a group is a stream or a list of streams")]
pub enum Members {
    /// One.
    One(String),
    /// Several.
    Many(Vec<String>),
}

/// What is wrong with the groups of an instance.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum GroupsFault {
    /// A name that no signer's path can be.
    #[error("groups: the name '{0}' is no stream's path")]
    Name(String),
    /// Nothing would be opened.
    #[error("groups: '{0}' has no stream")]
    Empty(String),
    /// A member that is none.
    #[error("groups: '{1}' of '{0}' is no stream id")]
    Stream(String, String),
    /// What a group opens is written out, never looked up twice.
    #[error("groups: '{1}' of '{0}' is a group itself: list its streams")]
    Nested(String, String),
    /// A member that no token of the instance opens.
    #[error("groups: '{1}' of '{0}' lies outside of the instance's streams")]
    Outside(String, String),
}

/// The groups of one instance.
#[derive(Debug, Default)]
pub(super) struct Groups(BTreeMap<String, Vec<StreamPattern>>);

impl Groups {
    /// `within` are the streams of the instance.
    pub(super) fn load(
        config: &GroupsConfig,
        within: &[Text<StreamPattern>],
    ) -> Result<Self, GroupsFault> {
        let read = |(name, members): (&String, &Members)| {
            if name.parse::<StreamId>().is_err() {
                return Err(GroupsFault::Name(name.clone()));
            }
            let members = members.as_slice();
            let streams = members.iter().map(|stream| {
                if stream != name && config.contains_key(stream) {
                    return Err(GroupsFault::Nested(name.clone(), stream.clone()));
                }
                member(name, stream, within)
            });
            let streams = streams.collect::<Result<Vec<_>, _>>()?;
            match streams.is_empty() {
                true => Err(GroupsFault::Empty(name.clone())),
                false => Ok((name.clone(), streams)),
            }
        };
        config.iter().map(read).collect::<Result<_, _>>().map(Self)
    }

    /// What a token for `path` opens, if that is a group.
    pub(super) fn streams(&self, path: &str) -> Option<&[StreamPattern]> {
        self.0.get(&*plain(path)).map(Vec::as_slice)
    }

    /// A token for `path`: for the streams of that group, or for the stream of that name.
    pub(super) fn vouch(&self, path: &str, session: String) -> Vouched {
        match self.streams(path) {
            Some(streams) => Vouched::for_streams(streams.to_vec(), session),
            None => Vouched::for_content(path, session),
        }
    }

    /// The names of the groups that `stream` is in.
    pub(super) fn of<'a>(&'a self, stream: &'a str) -> impl Iterator<Item = &'a str> {
        let stream = plain(stream);
        let has = move |(name, streams): &(&String, &Vec<StreamPattern>)| {
            let has = streams.iter().any(|it| *it.as_str() == *stream);
            has && **name != *stream
        };
        self.0.iter().filter(has).map(|(name, _)| name.as_str())
    }
}

impl Members {
    fn as_slice(&self) -> &[String] {
        match self {
            Self::One(stream) => std::slice::from_ref(stream),
            Self::Many(streams) => streams,
        }
    }
}

fn member(
    group: &str,
    stream: &str,
    within: &[Text<StreamPattern>],
) -> Result<StreamPattern, GroupsFault> {
    let (group, text) = (group.to_owned(), stream.to_owned());
    let Ok(id) = stream.parse::<StreamId>() else {
        return Err(GroupsFault::Stream(group, text));
    };
    match within.iter().any(|pattern| pattern.0.matches(&id)) {
        true => Ok(StreamPattern::from(&id)),
        false => Err(GroupsFault::Outside(group, text)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug, Deserialize)]
    struct Section {
        groups: GroupsConfig,
    }

    fn load(groups: &str) -> Result<Groups, GroupsFault> {
        let section: Section = toml::from_str(&format!("groups = {groups}")).unwrap();
        Groups::load(&section.groups, &[Text("live/*".parse().unwrap())])
    }

    #[test]
    fn a_group_has_the_streams_that_are_listed() {
        let text =
            "{ \"live/smil:x.smil\" = \"live/x\", \"live/ngrp:x_all\" = [\"live/x\", \"live/y\"] }";
        let groups = load(text).unwrap();
        let of = |stream| groups.of(stream).collect::<Vec<_>>();
        assert_eq!(of("live/x"), ["live/ngrp:x_all", "live/smil:x.smil"]);
        assert_eq!(of("live/y"), ["live/ngrp:x_all"]);
        assert!(of("live/smil:x.smil").is_empty());
        let streams = groups.streams("live/ngrp:x_all").unwrap();
        let texts: Vec<_> = streams.iter().map(StreamPattern::as_str).collect();
        assert_eq!(texts, ["live/x", "live/y"]);
        assert!(groups.streams("live/x").is_none());
    }

    #[test]
    fn a_bad_group_is_told_by_name() {
        for (groups, expected) in [
            (
                "{ \"a//b\" = \"live/x\" }",
                "groups: the name 'a//b' is no stream's path",
            ),
            ("{ \"live/g\" = [] }", "groups: 'live/g' has no stream"),
            (
                "{ \"live/g\" = \"live/*\" }",
                "groups: 'live/*' of 'live/g' is no stream id",
            ),
            (
                "{ \"live/g\" = \"live/h\", \"live/h\" = \"live/x\" }",
                "groups: 'live/h' of 'live/g' is a group itself: list its streams",
            ),
            (
                "{ \"live/g\" = [\"live/x\", \"vod/y\"] }",
                "groups: 'vod/y' of 'live/g' lies outside of the instance's streams",
            ),
        ] {
            let fault = load(groups).unwrap_err();
            assert_eq!(fault.to_string(), expected);
        }
    }
}
