//! URLs as they may be printed: tokens stand in queries, and in paths too.
//!
//! Must not know: which token is which.

use reqwest::Url;

/// A longer part of a path is taken for a token; kids have 36 characters.
const LONGEST_PART: usize = 48;

/// The URL without user, password and fragment, without the values of its query and without what
/// looks like a token in its path.
pub(super) fn shown(url: &Url) -> String {
    let host = url.host_str().unwrap_or_default();
    let port = url
        .port()
        .map(|port| format!(":{port}"))
        .unwrap_or_default();
    let parts: Vec<_> = url.path().split('/').map(part).collect();
    let query = url.query().map(names).unwrap_or_default();
    format!("{}://{host}{port}{}{query}", url.scheme(), parts.join("/"))
}

/// Names of query parameters that carry a credential in some scheme or other.
const TOKENS: [&str; 18] = [
    "token",
    "grant",
    "jwt",
    "auth",
    "sig",
    "hdnts",
    "hdnea",
    "hdntl",
    "cat",
    "policy",
    "hash",
    "secret",
    "session",
    "password",
    "pass",
    "ticket",
    "signature",
    "credential",
];

/// Whether a query parameter of this name is likely to be a credential.
pub(super) fn is_token_like(name: &str) -> bool {
    let name = name.to_ascii_lowercase();
    TOKENS.iter().any(|token| name.contains(token))
}

/// The URL without the parameters that are likely to be a credential, or have the value `known`.
pub(super) fn without_tokens(url: &Url, known: Option<&str>) -> Url {
    let mut bare = url.clone();
    let kept: Vec<_> = url
        .query()
        .unwrap_or_default()
        .split('&')
        .filter(|pair| {
            let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
            !pair.is_empty() && !is_token_like(name) && known.is_none_or(|known| known != value)
        })
        .collect();
    let query = kept.join("&");
    bare.set_query((!query.is_empty()).then_some(&query));
    bare
}

/// Whether a part of the path is likely to be a credential.
pub(super) fn has_token_in_path(url: &Url) -> bool {
    url.path().split('/').any(|it| part(it) != it)
}

fn part(part: &str) -> String {
    match part.split_once(['=', '~']) {
        Some((name, _)) => format!("{}=…", name.chars().take(16).collect::<String>()),
        None if part.len() > LONGEST_PART => {
            format!("{}…", part.chars().take(8).collect::<String>())
        }
        None => part.to_owned(),
    }
}

fn names(query: &str) -> String {
    let pairs = query.split('&').filter(|pair| !pair.is_empty());
    let names: Vec<_> = pairs
        .map(|pair| match pair.split_once('=') {
            Some((name, _)) => format!("{name}=…"),
            None => "…".to_owned(),
        })
        .collect();
    format!("?{}", names.join("&"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_secret_is_shown() {
        for (url, expected) in [
            (
                "https://u:p@h.example:8443/a/b.m3u8?token=hush&x=1#f",
                "https://h.example:8443/a/b.m3u8?token=…&x=…",
            ),
            (
                "https://h.example/hdntl=exp~1/a.ts",
                "https://h.example/hdntl=…/a.ts",
            ),
            ("https://h.example/a?hush", "https://h.example/a?…"),
        ] {
            assert_eq!(shown(&url.parse().unwrap()), expected);
        }
        let long = format!("https://h.example/{}/k", "x".repeat(60));
        assert_eq!(
            shown(&long.parse().unwrap()),
            "https://h.example/xxxxxxxx…/k"
        );
    }

    #[test]
    fn credentials_are_taken_off_queries() {
        let url = "https://h.example/k?id=7&token=hush&v=also"
            .parse()
            .unwrap();
        let bare = without_tokens(&url, Some("also"));
        assert_eq!(bare.as_str(), "https://h.example/k?id=7");
        let bare = without_tokens(&"https://h.example/k?hdnea=x".parse().unwrap(), None);
        assert_eq!(bare.as_str(), "https://h.example/k");
    }
}
