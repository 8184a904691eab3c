//! What a SecureToken signer may have hashed instead.
//!
//! Must not know: whether the token verifies.

use std::borrow::Cow;

use base64::Engine as _;
use base64::alphabet::{STANDARD, URL_SAFE};
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};

use super::canonical::{self, Parameter, Text, Token};
use super::{HashAlgorithm, SecureToken};
use crate::access::scheme::explain::{Candidate, Finding, Hint, MASK};
use crate::access::scheme::request::{Request, decoded, pairs};
use crate::access::scheme::tilde::hex;
use crate::crypto::SecretText;

const CONFIG: GeneralPurposeConfig =
    GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent);
const URL_BASE64: GeneralPurpose = GeneralPurpose::new(&URL_SAFE, CONFIG);
const STANDARD_BASE64: GeneralPurpose = GeneralPurpose::new(&STANDARD, CONFIG);

/// A way to read or write something, and what is wrong with it, if anything is.
type Way<T> = (Option<Hint>, T);

/// What is found out about the request's token.
pub(in crate::access::scheme) fn explain(scheme: &SecureToken, request: &Request<'_>) -> Finding {
    let query = scheme
        .query(request)
        .unwrap_or(Cow::Borrowed(request.query));
    if let Ok(Some(token)) = Token::find(&query, &scheme.prefix) {
        return compared(scheme, request, &query, &token);
    }
    let Some(prefix) = other_prefix(&query) else {
        return Finding::default();
    };
    let mut finding = match Token::find(&query, &prefix) {
        Ok(Some(token)) => compared(scheme, request, &query, &token),
        _ => Finding::default(),
    };
    let own = &scheme.prefix;
    let why = format!("its parameters begin with '{prefix}', the instance's with '{own}'");
    finding.hints.insert(0, Hint::new("prefix", why));
    finding
}

/// What stands before `hash` in a parameter's name.
fn other_prefix(query: &str) -> Option<String> {
    let mut names = pairs(query).filter_map(|(name, _)| name.strip_suffix("hash"));
    names.find(|prefix| !prefix.is_empty()).map(str::to_owned)
}

fn compared(
    scheme: &SecureToken,
    request: &Request<'_>,
    query: &str,
    token: &Token<'_>,
) -> Finding {
    let hashes = readings(token.hash);
    let fits = |text: &str| fits(scheme.hash, &hashes, text);
    let candidates = candidates(scheme, request, query, token);
    Finding::of(Some(token.hash.to_owned()), candidates, fits)
}

/// Which readings of the received hash are of `text`, and what is wrong with each.
fn fits(configured: HashAlgorithm, hashes: &[Way<Vec<u8>>], text: &str) -> Vec<Vec<Hint>> {
    let all = [
        HashAlgorithm::Sha256,
        HashAlgorithm::Sha384,
        HashAlgorithm::Sha512,
    ];
    let mut found = Vec::new();
    for algorithm in all {
        let digest = algorithm.digest(text);
        for (hint, _) in hashes.iter().filter(|(_, hash)| *hash == digest) {
            let why = format!("it is hashed with {algorithm:?}, the instance has {configured:?}");
            let other = (algorithm != configured).then(|| Hint::new("algorithm", why));
            found.push(hint.iter().cloned().chain(other).collect());
        }
    }
    found
}

/// The bytes that a hash as received may stand for.
fn readings(received: &str) -> Vec<Way<Vec<u8>>> {
    let text = decoded(received).unwrap_or(Cow::Borrowed(received));
    let plain: String = text.chars().filter(|c| !c.is_whitespace()).collect();
    let wrapped = (plain != text).then(|| {
        Hint::new(
            "hash_wrapped",
            "the hash has line ends or spaces: write it in one line",
        )
    });
    let standard = Hint::new(
        "hash_alphabet",
        "the hash has the standard alphabet of base64: write - for + and _ for /",
    );
    let is_standard = plain.contains(['+', '/']);
    let mut readings = Vec::new();
    for (hint, bytes) in [
        (None, URL_BASE64.decode(&plain).ok()),
        (
            Some(standard),
            STANDARD_BASE64.decode(&plain).ok().filter(|_| is_standard),
        ),
    ] {
        let Some(bytes) = bytes else { continue };
        let hint = hint.or_else(|| wrapped.clone());
        if let Some(inner) = std::str::from_utf8(&bytes).ok().and_then(hex) {
            let why = "the hash is the base64 of hexadecimal digits: take the digest's bytes";
            readings.push((Some(Hint::new("hash_not_raw", why)), inner));
        }
        readings.push((hint, bytes));
    }
    if let Some(bytes) = hex(&plain) {
        let why = "the hash is hexadecimal: write it in base64, with - and _";
        readings.push((Some(Hint::new("hash_hex", why)), bytes));
    }
    readings
}

fn candidates(
    scheme: &SecureToken,
    request: &Request<'_>,
    query: &str,
    token: &Token<'_>,
) -> Vec<Candidate> {
    let mut found = Vec::new();
    for (path_hint, paths) in paths(scheme, request) {
        for (parameter_hint, parameters) in parameters(scheme, query, token) {
            for (address_hint, address) in addresses(scheme, request) {
                let hints = [&path_hint, &parameter_hint, &address_hint];
                let hints: Vec<Hint> = hints.into_iter().flatten().cloned().collect();
                for secret in &scheme.secrets {
                    let bare = [Some(secret.expose()), address.as_deref()];
                    let bare: Vec<&str> = bare.into_iter().flatten().collect();
                    let borrowed: Vec<Parameter<'_>> =
                        parameters.iter().map(|(n, v)| (&**n, &**v)).collect();
                    for reading in canonical::readings(&borrowed) {
                        for text in canonical::of_paths(&paths, &bare, &reading) {
                            found.push(candidate(&text, secret, hints.clone()));
                        }
                    }
                    for text in unsorted(&paths, &bare, &borrowed) {
                        let why = "the items are not sorted: sort all of them by their bytes";
                        let mut hints = hints.clone();
                        hints.push(Hint::new("unsorted", why));
                        found.push(candidate(&text, secret, hints));
                    }
                }
            }
        }
    }
    found
}

fn candidate(text: &Text, secret: &SecretText, hints: Vec<Hint>) -> Candidate {
    let mask = |item: &String| match item == secret.expose() {
        true => MASK.to_owned(),
        false => item.clone(),
    };
    let masked = Text {
        path: text.path.clone(),
        items: text.items.iter().map(mask).collect(),
    };
    Candidate {
        hints,
        text: SecretText::new(text.joined()),
        shown: masked.joined(),
    }
}

/// The secret before or behind the parameters, as they came.
fn unsorted(paths: &[Cow<'_, str>], bare: &[&str], parameters: &[Parameter<'_>]) -> Vec<Text> {
    let named = parameters
        .iter()
        .map(|(name, value)| format!("{name}={value}"));
    let named: Vec<String> = named.collect();
    let bare: Vec<String> = bare.iter().map(|&item| item.to_owned()).collect();
    let orders = [
        bare.iter().chain(&named).cloned().collect::<Vec<_>>(),
        named.iter().chain(&bare).cloned().collect(),
    ];
    let with = |path: &Cow<'_, str>, items: &Vec<String>| Text {
        path: path.to_string(),
        items: items.clone(),
    };
    let each = paths
        .iter()
        .flat_map(|path| orders.iter().map(move |items| with(path, items)));
    each.collect()
}

fn addresses(scheme: &SecureToken, request: &Request<'_>) -> Vec<Way<Option<String>>> {
    let address = request.ip.map(|ip| ip.to_canonical().to_string());
    let without = "the client's address is not hashed, and the instance has include_ip = true";
    let with = "the client's address is hashed, and the instance has include_ip = false";
    match (scheme.include_ip, address) {
        (_, None) => vec![(None, None)],
        (true, known) => vec![
            (None, known),
            (Some(Hint::new("ip_missing", without)), None),
        ],
        (false, known) => vec![(None, None), (Some(Hint::new("ip_included", with)), known)],
    }
}

/// What may stand before the `?`.
fn paths<'a>(scheme: &'a SecureToken, request: &Request<'a>) -> Vec<Way<Vec<Cow<'a, str>>>> {
    let (content, stream) = (request.content, request.stream());
    let owned = |text: String| vec![Cow::Owned(text)];
    let names = scheme.names(request);
    let mut ways: Vec<_> = names.map(|name| (None, canonical::paths(name))).collect();
    let mut add = |code, why: &str, text: String| {
        if !ways
            .iter()
            .any(|(_, known)| known.contains(&Cow::Borrowed(text.as_str())))
        {
            ways.push((Some(Hint::new(code, why)), owned(text)));
        }
    };
    let file = "the playlist's name is hashed: hash the path up to the stream's name";
    let slash = "the path begins with a slash: hash it without";
    let url = "more than the stream's path is hashed: hash application and stream alone";
    add("path_file", file, content.to_owned());
    add("path_slash", slash, format!("/{stream}"));
    add("path_slash", slash, format!("/{content}"));
    let (app, rest) = stream.split_once('/').unwrap_or((stream, ""));
    let with = "_definst_ is hashed and does not stand in the URL: spell both alike";
    let without = "_definst_ stands in the URL and is not hashed: spell both alike";
    match rest.strip_prefix("_definst_/") {
        Some(name) => add("path_instance", without, format!("{app}/{name}")),
        None => add("path_instance", with, format!("{app}/_definst_/{rest}")),
    }
    let target = request.target;
    let whole = target.path.trim_start_matches('/');
    add("path_url", url, whole.to_owned());
    add("path_url", url, target.path.to_owned());
    add(
        "path_url",
        url,
        format!("{}://{}{}", target.scheme, target.authority, target.path),
    );
    let name = "the stream's name alone is hashed: hash the application before it too";
    add("path_name", name, rest.to_owned());
    ways
}

/// Names and values that may be hashed.
fn parameters(
    scheme: &SecureToken,
    query: &str,
    token: &Token<'_>,
) -> Vec<Way<Vec<(String, String)>>> {
    let owned = |(name, value): (&str, &str)| (name.to_owned(), value.to_owned());
    let own: Vec<_> = token.parameters.iter().copied().map(owned).collect();
    let hash = |name: &str| name.ends_with("hash");
    let every: Vec<_> = pairs(query)
        .filter(|(name, _)| !hash(name))
        .map(owned)
        .collect();
    let bare = own.iter().map(|(name, value)| {
        let name = name.strip_prefix(&scheme.prefix).unwrap_or(name);
        (name.to_owned(), value.clone())
    });
    let plain = own.iter().map(|(name, value)| {
        let plain = decoded(value).map(Cow::into_owned);
        (name.clone(), plain.unwrap_or_else(|| value.clone()))
    });
    let encoded = own.iter().map(|(name, value)| {
        let form = percent_encoding::utf8_percent_encode(value, percent_encoding::NON_ALPHANUMERIC);
        (name.clone(), form.to_string())
    });
    let ways = [
        (
            "parameters_all",
            "parameters without the prefix are hashed too: leave them out",
            every,
        ),
        (
            "prefix_missing",
            "names are hashed without the prefix: hash them as they stand",
            bare.collect(),
        ),
        (
            "values_decoded",
            "a value holds & ? # or a control character and is hashed decoded",
            plain.collect(),
        ),
        (
            "values_encoded",
            "values are encoded before they are hashed, and not in the URL",
            encoded.collect(),
        ),
        (
            "parameters_none",
            "no parameter is hashed: hash every one with the prefix",
            Vec::new(),
        ),
    ];
    let mut all: Vec<Way<Vec<(String, String)>>> = vec![(None, own)];
    for (code, why, parameters) in ways {
        if all.iter().all(|(_, known)| *known != parameters) {
            all.push((Some(Hint::new(code, why)), parameters));
        }
    }
    all
}
