//! The two ways in which Akamai's libraries escape a value before it is signed.
//!
//! Must not know: what a value means.

/// The texts that a signer may have hashed for the URL path `path`: as it is, decoded, and escaped by
/// either library, from the one or the other.
pub(super) fn urls(path: &str) -> Vec<String> {
    let plain = crate::access::scheme::request::decoded(path);
    let plain = plain.map_or_else(|| path.to_owned(), std::borrow::Cow::into_owned);
    let mut urls = vec![path.to_owned()];
    let escaped = [python(&plain), node(&plain), python(path), node(path)];
    for other in escaped.into_iter().chain([plain]) {
        if !urls.contains(&other) {
            urls.push(other);
        }
    }
    urls
}

/// `quote_plus`, its digits in lower case.
pub(super) fn python(text: &str) -> String {
    escaped(text, b"_.-~", "+")
}

/// `encodeURIComponent` and then `~ ' *`, its digits in lower case.
pub(super) fn node(text: &str) -> String {
    escaped(text, b"-_.!()", "%20")
}

fn escaped(text: &str, kept: &[u8], space: &str) -> String {
    let mut out = String::with_capacity(text.len() * 3);
    for byte in text.bytes() {
        match byte {
            b' ' => out.push_str(space),
            byte if byte.is_ascii_alphanumeric() || kept.contains(&byte) => out.push(byte.into()),
            byte => out.push_str(&format!("%{byte:02x}")),
        }
    }
    out
}
