//! gzip for playlists (Apple's authoring rules 10.1).
//!
//! Must not know: what is compressed. Ciphertext and keys never are.

use std::io::Write as _;

use flate2::Compression;
use flate2::write::GzEncoder;

/// Whether an `Accept-Encoding` header takes gzip (RFC 9110 §12.5.3).
pub(crate) fn accepts_gzip(header: Option<&str>) -> bool {
    let quality = |name: &str| {
        let codings = header.unwrap_or_default().split(',');
        codings
            .map(coding)
            .find(|(coding, _)| coding.eq_ignore_ascii_case(name))
            .map(|(_, q)| q)
    };
    quality("gzip")
        .or_else(|| quality("*"))
        .is_some_and(|q| q > 0.0)
}

/// `gzip;q=0.5` is gzip at 0.5; an unreadable weight counts as none.
fn coding(text: &str) -> (&str, f32) {
    let (name, parameter) = text.split_once(';').unwrap_or((text, "q=1"));
    let weight = parameter
        .trim()
        .strip_prefix("q=")
        .and_then(|q| q.trim().parse().ok());
    (name.trim(), weight.unwrap_or(0.0))
}

/// `bytes` compressed. Playlists are short and change each second, so speed counts.
pub(crate) fn gzip(bytes: &[u8]) -> std::io::Result<Vec<u8>> {
    let mut encoder = GzEncoder::new(Vec::with_capacity(bytes.len() / 4), Compression::fast());
    encoder.write_all(bytes)?;
    encoder.finish()
}

#[cfg(test)]
mod tests {
    use std::io::Read as _;

    use super::*;

    #[test]
    fn the_header_is_read_with_weights() {
        for yes in [
            "gzip",
            "br, gzip",
            "GZIP;q=0.1",
            "*",
            "deflate, *;q=0.5",
            "gzip; q=1.0",
        ] {
            assert!(accepts_gzip(Some(yes)), "{yes}");
        }
        for no in [
            "",
            "br",
            "gzip;q=0",
            "identity",
            "*;q=0",
            "gzip;q=0, *",
            "gzip;q=x",
        ] {
            assert!(!accepts_gzip(Some(no)), "{no}");
        }
        assert!(!accepts_gzip(None));
    }

    #[test]
    fn what_was_packed_unpacks() {
        let text = "#EXTM3U\n".repeat(100);
        let packed = gzip(text.as_bytes()).unwrap();
        let mut out = String::new();
        flate2::read::GzDecoder::new(packed.as_slice())
            .read_to_string(&mut out)
            .unwrap();
        assert!(packed.len() < text.len() && out == text);
    }
}
