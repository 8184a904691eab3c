//! Bytes as hexadecimal digits, for what is no secret.
//!
//! Must not know: what the bytes are.

use std::fmt::Write as _;

/// In lower case, two digits a byte.
pub fn hex_of(bytes: &[u8]) -> String {
    let mut text = String::with_capacity(2 * bytes.len());
    for byte in bytes {
        let _ = write!(text, "{byte:02x}");
    }
    text
}
