//! What a signer of Wowza's CDN tokens may have hashed instead.
//!
//! Must not know: whether the token verifies.

use super::{FIELDS, Hdnts, PARAMETER, stream_id};
use crate::access::scheme::explain::{Candidate, Finding, Hint, MacKeys};
use crate::access::scheme::request::{Request, only, stream_path};
use crate::access::scheme::tilde::{Token, readings};
use crate::crypto::hex_of;
use crate::crypto::{LegacyHash, SecretText};

/// What is found out about the request's token.
pub(in crate::access::scheme) fn explain(scheme: &Hdnts, request: &Request<'_>) -> Finding {
    let Ok(Some(received)) = only(request.query, PARAMETER) else {
        return Finding::default();
    };
    let mut told = Finding::default();
    for reading in readings(received) {
        let Ok(token) = Token::read(&reading, &FIELDS) else {
            continue;
        };
        let keys = MacKeys::new(&scheme.secrets, LegacyHash::Sha256, false);
        let hmac = Some(hex_of(&token.hmac));
        let found = Finding::of(hmac, candidates(request, token.signed), |text| {
            keys.fits(text, &token.hmac)
        });
        if !told.is_reproduced {
            told = found;
        }
    }
    told
}

fn candidates(request: &Request<'_>, signed: &str) -> Vec<Candidate> {
    let mut found = Vec::new();
    for (id_hint, id) in ids(request) {
        for (order_hint, fields) in orders(signed) {
            let hints = [&id_hint, &order_hint];
            let text = match &id {
                Some(id) => format!("{fields}~stream_id={id}"),
                None => fields,
            };
            found.push(Candidate {
                hints: hints.into_iter().flatten().cloned().collect(),
                text: SecretText::new(text.clone()),
                shown: text,
            });
        }
    }
    found
}

/// What may have been taken for the stream's id.
fn ids<'a>(request: &Request<'a>) -> Vec<(Option<Hint>, Option<&'a str>)> {
    let usual = stream_id(request.content);
    let mut ways = vec![(None, usual)];
    let none = "no stream id is hashed: append ~stream_id= with the path's second part";
    let other = "another text is hashed for the stream id: it is the second part of the path";
    ways.push((Some(Hint::new("stream_id_missing", none)), None));
    let parts = request.content.split('/');
    let whole = [request.content, stream_path(request.content)];
    for id in parts.chain(whole).map(Some) {
        if ways.iter().all(|(_, known)| *known != id) {
            ways.push((Some(Hint::new("stream_id", other)), id));
        }
    }
    ways
}

/// The fields as they stand in the token, and in every other order.
fn orders(signed: &str) -> Vec<(Option<Hint>, String)> {
    let fields: Vec<&str> = signed.split('~').collect();
    let why = "the fields are hashed in another order than they are written: ip, st, vod, exp";
    let mut ways = vec![(None, signed.to_owned())];
    if fields.len() <= FIELDS.known.len() {
        for order in permutations(&fields) {
            let text = order.join("~");
            if text != signed {
                ways.push((Some(Hint::new("field_order", why)), text));
            }
        }
    }
    ways
}

/// Of four at most.
fn permutations<'a>(of: &[&'a str]) -> Vec<Vec<&'a str>> {
    if of.len() < 2 {
        return vec![of.to_vec()];
    }
    let first = |at: usize| {
        let mut rest = of.to_vec();
        let first = rest.remove(at);
        let with = move |mut tail: Vec<&'a str>| {
            tail.insert(0, first);
            tail
        };
        permutations(&rest)
            .into_iter()
            .map(with)
            .collect::<Vec<_>>()
    };
    (0..of.len()).flat_map(first).collect()
}
