//! A token that stands in a URL's path, as Akamai's edge writes it: `/…/NAME=exp=…~hmac=HEX/file`.
//!
//! It is no part of the content's path. Must not know: which names a scheme reads, or any secret.

/// The longest that is looked for, in bytes: longer ones no scheme takes.
const LONGEST: usize = 4096;
/// How a token's last field begins. A player may have encoded the first character.
const ENDS: [&str; 3] = ["~hmac=", "%7Ehmac=", "%7ehmac="];

/// The path without the first such token, and the token with its name: `hdntl=exp=…~hmac=HEX`. An access
/// list in it may have slashes of its own, so that it goes as far as its hash does.
pub fn split(path: &str) -> Option<(String, &str)> {
    let starts = path.match_indices('/').map(|(at, _)| at + 1);
    let tokens = starts.filter_map(|at| Some((at, length(&path[at..])?)));
    let (at, length) = tokens.take(1).next()?;
    let (token, rest) = path[at..].split_at(length);
    // What is left begins with the slash behind the token; the one before it stays.
    Some((format!("{}{}", &path[..at], &rest[1..]), token))
}

/// How long the token is that a path's rest begins with; what ends the path is its file.
fn length(rest: &str) -> Option<usize> {
    let (name, _) = rest.split_once('=')?;
    let is_name = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_';
    if name.is_empty() || !name.bytes().all(is_name) {
        return None;
    }
    let ends = ENDS
        .iter()
        .filter_map(|end| Some(rest.find(end)? + end.len()));
    let hmac = ends.min()?;
    let length = hmac + rest[hmac..].find('/')?;
    let mut digits = rest[hmac..length].bytes();
    let is_hash = length > hmac && digits.all(|digit| digit.is_ascii_hexdigit());
    (is_hash && length <= LONGEST).then_some(length)
}

/// The token of that name, of one with its name.
pub(super) fn of_name<'a>(token: Option<&'a str>, name: &str) -> Option<&'a str> {
    let (found, token) = token?.split_once('=')?;
    (found == name).then_some(token)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_is_taken_out_whole() {
        for token in [
            "hdntl=exp=9~acl=/*~data=hdntl~hmac=00fF",
            "hdntl=exp=9~acl=/live/a/*!/b/*~hmac=00",
            "__token__=exp=9%7Eacl=%2f*%7Ehmac=00",
        ] {
            let found = split_of(&format!("/live/a/{token}/v0/x.m3u8"));
            assert_eq!(
                found,
                Some(("/live/a/v0/x.m3u8".to_owned(), token.to_owned()))
            );
            let first = split_of(&format!("/{token}/x.m3u8"));
            assert_eq!(first, Some(("/x.m3u8".to_owned(), token.to_owned())));
        }
        let token = Some("hdntl=exp=9~hmac=00");
        assert_eq!(of_name(token, "hdntl"), Some("exp=9~hmac=00"));
        assert_eq!(of_name(token, "hdnts"), None);
        assert_eq!(of_name(None, "hdntl"), None);
    }

    #[test]
    fn what_has_another_form_stays() {
        for path in [
            "/live/a/x.m3u8",
            "/live/a=b/x.m3u8",
            "/live/hdntl=exp=9~hmac=00",
            "/live/hdntl=exp=9~hmac=/x.m3u8",
            "/live/hdntl=exp=9~hmac=0g/x.m3u8",
            "/live/hdntl=exp=9/x.m3u8",
            "/live/=exp=9~hmac=00/x.m3u8",
            "/live/h:1=exp=9~hmac=00/x.m3u8",
            "hdntl=exp=9~hmac=00/x.m3u8",
        ] {
            assert_eq!(split_of(path), None, "{path}");
        }
        let long = format!("/a/hdntl={}~hmac=00/x", "x".repeat(LONGEST));
        assert_eq!(split_of(&long), None);
    }

    fn split_of(path: &str) -> Option<(String, String)> {
        split(path).map(|(rest, token)| (rest, token.to_owned()))
    }
}
