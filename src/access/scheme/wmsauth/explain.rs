//! What a `WMSAuth` signer may have hashed instead.
//!
//! Must not know: whether the token verifies.

use crate::crypto::hex_of;
use base64::Engine as _;

use super::token::{BASE64, Token};
use super::{PARAMETER, WmsAuth, date};
use crate::access::scheme::explain::{Candidate, Finding, Hint, MASK};
use crate::access::scheme::request::{Request, decoded, only};
use crate::access::scheme::tilde::hex;
use crate::crypto::{SecretText, md5};

/// What is found out about the request's token.
pub(in crate::access::scheme) fn explain(scheme: &WmsAuth, request: &Request<'_>) -> Finding {
    let Ok(Some(received)) = only(request.query, PARAMETER) else {
        return Finding::default();
    };
    let Ok(token) = Token::read(received) else {
        let hints = form(received);
        return Finding {
            hints,
            ..Finding::default()
        };
    };
    let hash = BASE64.encode(&token.hash);
    Finding::of(Some(hash), candidates(scheme, request, &token), |text| {
        fits(&token, text)
    })
}

/// Why the parameter is no token.
fn form(received: &str) -> Vec<Hint> {
    let text = decoded(received).unwrap_or_default();
    let Some(inner) = BASE64.decode(&*text).ok() else {
        return vec![Hint::new(
            "not_base64",
            "the parameter is not base64: encode all fields once",
        )];
    };
    let inner = String::from_utf8_lossy(&inner).into_owned();
    let missing = ["server_time", "hash_value", "validminutes"]
        .into_iter()
        .filter(|name| {
            !inner
                .split('&')
                .any(|field| field.split('=').next() == Some(*name))
        });
    let missing = missing.map(|name| Hint::new("field_missing", format!("{name} is missing")));
    missing.collect()
}

/// The hash as it should be, and the base64 of its hexadecimal digits.
fn fits(token: &Token, text: &str) -> Vec<Vec<Hint>> {
    let digest = md5(&[text.as_bytes()]);
    let why = "the hash is the base64 of hexadecimal digits: take the digest's bytes";
    if token.hash == digest {
        vec![Vec::new()]
    } else if token.hash == hex_of(&digest).as_bytes() || hex_in(token) == Some(digest.to_vec()) {
        vec![vec![Hint::new("hash_not_raw", why)]]
    } else {
        Vec::new()
    }
}

/// Hexadecimal digits are base64 too.
fn hex_in(token: &Token) -> Option<Vec<u8>> {
    hex(&BASE64.encode(&token.hash))
}

fn candidates(scheme: &WmsAuth, request: &Request<'_>, token: &Token) -> Vec<Candidate> {
    let mut found = Vec::new();
    for (who_hint, who) in whos(request, token) {
        for (path_hint, path) in paths(scheme, request, token) {
            for (time_hint, time) in times(token) {
                let hints = [&who_hint, &path_hint, &time_hint];
                let hints: Vec<Hint> = hints.into_iter().flatten().cloned().collect();
                for secret in &scheme.secrets {
                    let secret = secret.expose();
                    let with = |secret: &str| {
                        let minutes = &token.minutes;
                        format!("{who}{secret}{time}{minutes}{path}")
                    };
                    found.push(Candidate {
                        hints: hints.clone(),
                        text: SecretText::new(with(secret)),
                        shown: with(MASK),
                    });
                }
            }
        }
    }
    found
}

type Way = (Option<Hint>, String);

/// Adds what is not there yet.
fn add(ways: &mut Vec<Way>, code: &'static str, why: &str, text: String) {
    if ways.iter().all(|(_, known)| *known != text) {
        ways.push((Some(Hint::new(code, why)), text));
    }
}

fn whos(request: &Request<'_>, token: &Token) -> Vec<Way> {
    let ip = request
        .ip
        .map(|ip| ip.to_canonical().to_string())
        .unwrap_or_default();
    let (id, check_ip) = token
        .viewer
        .as_ref()
        .map_or(("", true), |viewer| (viewer.id.as_str(), viewer.check_ip));
    let usual = match check_ip {
        true => format!("{ip}{id}"),
        false => id.to_owned(),
    };
    let mut ways = vec![(None, usual)];
    let both = "address and id are hashed: add checkip=true to the fields";
    add(&mut ways, "ip_included", both, format!("{ip}{id}"));
    let no_ip = "the client's address is not hashed, or is another one than the server sees";
    add(&mut ways, "ip_missing", no_ip, id.to_owned());
    let no_id = "the address alone is hashed: hash the id too, and name it in the fields";
    add(&mut ways, "id_missing", no_id, ip.clone());
    let turned = "the id is hashed before the address: the address comes first";
    add(&mut ways, "id_order", turned, format!("{id}{ip}"));
    ways
}

fn paths(scheme: &WmsAuth, request: &Request<'_>, token: &Token) -> Vec<Way> {
    let (content, stream) = (request.content, request.stream());
    let signed = content.get(..token.signed_length).unwrap_or_default();
    let mut ways = vec![(None, signed.to_owned())];
    for path in scheme.paths(request, token).unwrap_or_default() {
        if path != signed {
            ways.push((None, path.into_owned()));
        }
    }
    let none = "strm_len is there and no path is hashed: hash so many bytes of the path";
    add(&mut ways, "path_missing", none, String::new());
    let length = "the stream's path is hashed and strm_len is another: give its length in bytes";
    add(&mut ways, "strm_len", length, stream.to_owned());
    add(&mut ways, "strm_len", length, content.to_owned());
    let slash = "the path begins with a slash: hash it without";
    for path in [signed, stream, content] {
        add(&mut ways, "path_slash", slash, format!("/{path}"));
    }
    let name = "the stream's name alone is hashed: hash the application before it too";
    if let Some((_, last)) = stream.rsplit_once('/') {
        add(&mut ways, "path_name", name, last.to_owned());
    }
    ways
}

/// The received text is what is hashed; some hash one spelling and write another.
fn times(token: &Token) -> Vec<Way> {
    let mut ways = vec![(None, token.server_time.clone())];
    let Some(at) = date::read(&token.server_time) else {
        return ways;
    };
    let why = "server_time is hashed in another spelling than it is written: use one text for both";
    for text in date::spellings(at) {
        add(&mut ways, "date", why, text);
    }
    ways
}
