//! What an EdgeAuth signer may have hashed instead.
//!
//! Must not know: whether the token verifies.

use super::{EdgeAuth, FIELDS, LONG_LIVED, acl, escape, outside_query};
use crate::access::scheme::explain::{Candidate, Finding, Hint, MASK, MacKeys};
use crate::access::scheme::request::{Request, decoded, only};
use crate::access::scheme::tilde::{Token, readings};
use crate::crypto::SecretText;
use crate::crypto::hex_of;

/// What is found out about the request's token.
pub(in crate::access::scheme) fn explain(scheme: &EdgeAuth, request: &Request<'_>) -> Finding {
    let names = scheme.names.iter().map(String::as_str).chain([LONG_LIVED]);
    let mut received = names.flat_map(|name| {
        let in_query = only(request.query, name).ok().flatten();
        in_query.into_iter().chain(outside_query(request, name))
    });
    let Some(received) = received.next() else {
        return Finding::default();
    };
    let mut told = Finding::default();
    for reading in readings(received) {
        if !told.is_reproduced
            && let Ok(token) = Token::read(&reading, &FIELDS)
        {
            told = compared(scheme, request, &token);
        }
    }
    told
}

fn compared(scheme: &EdgeAuth, request: &Request<'_>, token: &Token<'_>) -> Finding {
    let keys = MacKeys::new(&scheme.secrets, scheme.hash, true);
    let hmac = Some(hex_of(&token.hmac));
    let mut finding = Finding::of(hmac, candidates(scheme, request, token), |text| {
        keys.fits(text, &token.hmac)
    });
    if let Some(list) = token.field("acl")
        && !acl::covers(list, request.content)
    {
        let why = format!(
            "the access list {list} does not take in /{}",
            request.content
        );
        finding.hints.push(Hint::new("acl", why));
    }
    finding
}

fn candidates(scheme: &EdgeAuth, request: &Request<'_>, token: &Token<'_>) -> Vec<Candidate> {
    let mut found = Vec::new();
    for (url_hint, url) in urls(request, token) {
        for (escape_hint, signed) in signed(token) {
            for (salt_hint, salt) in salts(scheme) {
                let hints = [&url_hint, &escape_hint, &salt_hint];
                let with = |salt: Option<&str>| {
                    let salt = salt.map(|salt| format!("~salt={salt}"));
                    format!("{signed}{url}{}", salt.unwrap_or_default())
                };
                found.push(Candidate {
                    hints: hints.into_iter().flatten().cloned().collect(),
                    text: SecretText::new(with(salt.map(SecretText::expose))),
                    shown: with(salt.map(|_| MASK)),
                });
            }
        }
    }
    found
}

type Way<T> = (Option<Hint>, T);

fn salts(scheme: &EdgeAuth) -> Vec<Way<Option<&SecretText>>> {
    let why = "the salt is not hashed: append ~salt= with the instance's";
    match &scheme.salt {
        None => vec![(None, None)],
        Some(salt) => vec![
            (None, Some(salt)),
            (Some(Hint::new("salt_missing", why)), None),
        ],
    }
}

/// The token's own text, and as either library would have escaped or left it.
fn signed(token: &Token<'_>) -> Vec<Way<String>> {
    let mut ways = vec![(None, token.signed.to_owned())];
    let mut add = |text: String| {
        if ways.iter().all(|(_, known)| *known != text) {
            let why = "values are hashed in another escaping than they are written: hash the text \
                       as it stands in the token";
            ways.push((Some(Hint::new("escape", why)), text));
        }
    };
    if let Some(plain) = decoded(token.signed) {
        add(plain.into_owned());
    }
    for escaped in [escape::python, escape::node] {
        add(mapped(token.signed, escaped));
    }
    ways
}

/// Every value of `name=value~…` in another form.
fn mapped(signed: &str, value: fn(&str) -> String) -> String {
    let field = |field: &str| match field.split_once('=') {
        Some(("acl", _)) | None => field.to_owned(),
        Some((name, text)) => {
            let plain = decoded(text).map_or_else(|| text.to_owned(), std::borrow::Cow::into_owned);
            format!("{name}={}", value(&plain))
        }
    };
    signed.split('~').map(field).collect::<Vec<_>>().join("~")
}

/// What stands behind the fields: nothing with an access list, else the URL.
fn urls(request: &Request<'_>, token: &Token<'_>) -> Vec<Way<String>> {
    let path = format!("/{}", request.content);
    let of = |url: &str| format!("~url={url}");
    let is_url_token = token.field("acl").is_none();
    let mut ways: Vec<Way<String>> = match is_url_token {
        true => escape::urls(&path)
            .iter()
            .map(|url| (None, of(url)))
            .collect(),
        false => vec![(None, String::new())],
    };
    let mut add = |code, why: &str, text: String| {
        if ways.iter().all(|(_, known)| *known != text) {
            ways.push((Some(Hint::new(code, why)), text));
        }
    };
    let slash = "the URL is hashed without the slash that its path begins with";
    let other = "another URL is hashed than the one that is asked for";
    let both = "a URL is hashed beside an access list: leave it out";
    let none = "no URL is hashed, and the token has no access list: give it one, or hash the URL";
    if !is_url_token {
        add("url_and_acl", both, of(&path));
        return ways;
    }
    add("url_slash", slash, of(request.content));
    add("url", other, of(request.target.path));
    let target = request.target;
    let whole = format!("{}://{}{}", target.scheme, target.authority, target.path);
    add("url", other, of(&whole));
    add("url_missing", none, String::new());
    ways
}
