//! A playlist that all viewers share, each with a token of its own (EXT-X-DEFINE with QUERYPARAM, §4.4.2.3).
//!
//! The token stands in the URL that the viewer begins with, goes on to the child playlists by their URIs, and from them
//! to the keys. The text is the same for everybody, so any cache may keep it. Must not know: where it is published, or
//! what a token is.

use std::fmt;
use std::str::FromStr;

use super::tag::Tag;
use super::text::{Line, Text};
use super::{Definitions, Playlist, PlaylistError, UriKind, attribute, number};

/// The query parameter that holds the token: a variable's name (§4.4.2.3), `token` unless said otherwise.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct QueryParameter(String);

/// Why a text is no [`QueryParameter`].
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "'{0}' is no query parameter's name: 1 to 64 letters, digits, - and _, and not _HLS_…, which are a server's"
)]
pub struct QueryParameterError(String);

/// Why there is no shared playlist.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SharedError {
    /// The text is no playlist.
    #[error(transparent)]
    Playlist(#[from] PlaylistError),
    /// The source uses the name for something else.
    #[error("line {line}: the playlist defines '{name}' itself: name another query parameter")]
    Defined {
        /// The variable.
        name: String,
        /// Where, from 1.
        line: usize,
    },
}

/// QUERYPARAM came with it (§8).
const VERSION: u64 = 11;
const LONGEST: usize = 64;
const SERVERS: &str = "_HLS_";
const MARK: &str = ".define";

impl FromStr for QueryParameter {
    type Err = QueryParameterError;

    fn from_str(text: &str) -> Result<Self, QueryParameterError> {
        let is_good = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_');
        let is_name = (1..=LONGEST).contains(&text.len()) && text.bytes().all(is_good);
        match is_name && !text.starts_with(SERVERS) {
            true => Ok(Self(text.to_owned())),
            false => Err(QueryParameterError(text.chars().take(LONGEST).collect())),
        }
    }
}

impl fmt::Display for QueryParameter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// What the shared form of a playlist is called: `v0/index.define.m3u8` of `v0/index.m3u8`. A query stays behind it.
pub fn shared_name(uri: &str) -> String {
    let (path, rest) = uri.split_at(uri.find(['?', '#']).unwrap_or(uri.len()));
    let name = path.rfind('/').map_or(0, |at| at + 1);
    let end = path[name..].rfind('.').map_or(path.len(), |at| name + at);
    format!("{}{MARK}{}{rest}", &path[..end], &path[end..])
}

/// Whether a playlist of this name would be taken for another's shared form.
pub fn is_shared_name(path: &str) -> bool {
    let name = path.rsplit('/').next().unwrap_or_default();
    let stem = name.rsplit_once('.').map_or(name, |(stem, _)| stem);
    stem.ends_with(MARK)
}

/// The shared form of a published playlist: its children are the children's shared forms, and they and the keys are
/// asked for with the value that `parameter` had in the URL of the playlist itself.
pub fn shared(text: &str, parameter: &QueryParameter) -> Result<String, SharedError> {
    let playlist = Playlist::parse(text)?;
    check_free(&Text::parse(text)?, parameter)?;
    let none = Definitions::new();
    let with = playlist.map_defined_uris(&none, &mut |kind, uri| match kind {
        UriKind::Key | UriKind::SessionKey => parameter.put_on(uri),
        UriKind::Child => parameter.put_on(&shared_name(uri)),
        UriKind::Segment | UriKind::Map | UriKind::Other => uri.to_owned(),
    });
    Ok(headed(&with, parameter))
}

impl QueryParameter {
    /// The URI with the variable as one more parameter, before any fragment.
    fn put_on(&self, uri: &str) -> String {
        let (uri, fragment) = uri.split_at(uri.find('#').unwrap_or(uri.len()));
        let mark = if uri.contains('?') { '&' } else { '?' };
        format!("{uri}{mark}{self}={{${self}}}{fragment}")
    }
}

/// A name is defined once (§4.4.2.3).
fn check_free(text: &Text, parameter: &QueryParameter) -> Result<(), SharedError> {
    let is_it = |line: &Line| {
        let list = text.attributes(line).unwrap_or_default();
        let names = ["NAME", "IMPORT", "QUERYPARAM"];
        names
            .iter()
            .any(|name| attribute::quoted(&list, name) == Some(&parameter.0))
    };
    match text
        .lines()
        .find(|line| line.is(Tag::Define) && is_it(line))
    {
        None => Ok(()),
        Some(line) => Err(SharedError::Defined {
            name: parameter.0.clone(),
            line: line.number,
        }),
    }
}

/// The text with the definition, and the version that it needs, in its head.
fn headed(text: &str, parameter: &QueryParameter) -> String {
    const TAG: &str = "#EXT-X-VERSION:";
    let lines = || text.split_inclusive('\n');
    let said = lines().find_map(|line| number::integer(line.strip_prefix(TAG)?.trim_end()));
    let version = said.unwrap_or_default().max(VERSION);
    let mut all = lines().filter(|line| !line.starts_with(TAG));
    let first = all.next().unwrap_or_default();
    let end = if first.ends_with("\r\n") {
        "\r\n"
    } else {
        "\n"
    };
    let define = format!("#EXT-X-DEFINE:QUERYPARAM=\"{parameter}\"");
    format!(
        "{first}{TAG}{version}{end}{define}{end}{}",
        all.collect::<String>()
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn token() -> QueryParameter {
        "token".parse().unwrap()
    }

    #[test]
    fn a_media_playlist_asks_for_keys_with_the_variable() {
        let text = "#EXTM3U\r\n#EXT-X-VERSION:6\r\n#EXT-X-TARGETDURATION:4\r\n#X-OTHER\r\n\
            #EXT-X-MAP:URI=\"i.mp4\"\r\n#EXT-X-KEY:METHOD=AES-128,URI=\"https://k/v1/keys/1\",IV=0x01\r\n\
            #EXTINF:4,\r\ns.m4s?x=1\r\n#EXT-X-RENDITION-REPORT:URI=\"../a/i.m3u8\",LAST-MSN=1\r\n";
        let expected = "#EXTM3U\r\n#EXT-X-VERSION:11\r\n#EXT-X-DEFINE:QUERYPARAM=\"token\"\r\n\
            #EXT-X-TARGETDURATION:4\r\n#X-OTHER\r\n#EXT-X-MAP:URI=\"i.mp4\"\r\n\
            #EXT-X-KEY:METHOD=AES-128,URI=\"https://k/v1/keys/1?token={$token}\",IV=0x01\r\n\
            #EXTINF:4,\r\ns.m4s?x=1\r\n\
            #EXT-X-RENDITION-REPORT:URI=\"../a/i.define.m3u8?token={$token}\",LAST-MSN=1\r\n";
        assert_eq!(shared(text, &token()).unwrap(), expected);
        assert!(Playlist::media(expected).is_some());
    }

    #[test]
    fn a_multivariant_playlist_gives_the_variable_to_its_children() {
        let text = "#EXTM3U\n#EXT-X-DEFINE:NAME=\"list\",VALUE=\"index\"\n\
            #EXT-X-SESSION-KEY:METHOD=AES-128,URI=\"https://k/1\"\n\
            #EXT-X-MEDIA:TYPE=AUDIO,GROUP-ID=\"a\",NAME=\"a\",URI=\"a/i.m3u8?b=1#c\"\n\
            #EXT-X-STREAM-INF:BANDWIDTH=2,AUDIO=\"a\"\nv/{$list}.m3u8\n";
        let expected = "#EXTM3U\n#EXT-X-VERSION:11\n#EXT-X-DEFINE:QUERYPARAM=\"t\"\n\
            #EXT-X-DEFINE:NAME=\"list\",VALUE=\"index\"\n\
            #EXT-X-SESSION-KEY:METHOD=AES-128,URI=\"https://k/1?t={$t}\"\n\
            #EXT-X-MEDIA:TYPE=AUDIO,GROUP-ID=\"a\",NAME=\"a\",URI=\"a/i.define.m3u8?b=1&t={$t}#c\"\n\
            #EXT-X-STREAM-INF:BANDWIDTH=2,AUDIO=\"a\"\nv/index.define.m3u8?t={$t}\n";
        assert_eq!(shared(text, &"t".parse().unwrap()).unwrap(), expected);
        let taken = shared(text, &"list".parse().unwrap()).unwrap_err();
        assert_eq!(
            taken.to_string(),
            "line 2: the playlist defines 'list' itself: name another query parameter"
        );
    }

    #[test]
    fn a_higher_version_stays() {
        let text = "#EXTM3U\n#EXT-X-TARGETDURATION:4\n#EXT-X-VERSION:13\n#EXTINF:4,\ns.ts\n";
        let found = shared(text, &token()).unwrap();
        assert!(
            found.starts_with("#EXTM3U\n#EXT-X-VERSION:13\n#EXT-X-DEFINE"),
            "{found}"
        );
        assert_eq!(found.matches("EXT-X-VERSION").count(), 1);
    }

    #[test]
    fn names_are_told_apart() {
        for (plain, other) in [
            ("i.m3u8", "i.define.m3u8"),
            ("../a.b/i.m3u8?x=/y.z", "../a.b/i.define.m3u8?x=/y.z"),
            ("a.b/i", "a.b/i.define"),
        ] {
            assert_eq!(shared_name(plain), other);
        }
        assert!(is_shared_name("a/i.define.m3u8") && !is_shared_name("a.define/i.m3u8"));
        for good in ["token", "a", "hdnts", "x-y_z9"] {
            assert_eq!(good.parse::<QueryParameter>().unwrap().to_string(), good);
        }
        for bad in ["", "a b", "{$x}", "_HLS_msn", "a=b", "é", &"x".repeat(65)] {
            assert!(bad.parse::<QueryParameter>().is_err(), "{bad}");
        }
    }
}
