//! EXT-X-BYTERANGE (§4.4.4.2): which part of a file a segment is.
//!
//! Must not know: files.

use std::fmt;

use super::number;

/// A part of a file; prints as `<n>@<o>`. It has at least one byte, and its end is in range.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ByteRange {
    offset: u64,
    len: u64,
}

impl ByteRange {
    /// `len` bytes from `offset` on; `None` if there are none, or they pass 2^64-1.
    pub fn new(offset: u64, len: u64) -> Option<Self> {
        let is_good = len > 0 && offset.checked_add(len).is_some();
        is_good.then_some(Self { offset, len })
    }

    /// Its first byte.
    pub fn offset(self) -> u64 {
        self.offset
    }

    /// How many bytes.
    #[expect(clippy::len_without_is_empty, reason = "it is never empty")]
    pub fn len(self) -> u64 {
        self.len
    }

    /// The byte after its last.
    pub fn end(self) -> u64 {
        self.offset + self.len
    }
}

impl fmt::Display for ByteRange {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}@{}", self.len, self.offset)
    }
}

/// `<n>[@<o>]`: how many bytes, and from where if that is said.
pub(super) fn read(text: &str) -> Option<(u64, Option<u64>)> {
    match text.split_once('@') {
        Some((len, offset)) => Some((number::integer(len)?, Some(number::integer(offset)?))),
        None => Some((number::integer(text)?, None)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranges_have_bytes_and_an_end() {
        assert_eq!(read("75232@0"), Some((75_232, Some(0))));
        assert_eq!(read("82112"), Some((82_112, None)));
        for bad in ["", "@1", "1@", "-1@2", "1@2@3", "1 @2"] {
            assert_eq!(read(bad), None, "{bad}");
        }
        assert_eq!(ByteRange::new(3, 0), None);
        assert_eq!(ByteRange::new(u64::MAX, 1), None);
        let range = ByteRange::new(10, 20).unwrap();
        assert_eq!((range.to_string().as_str(), range.end()), ("20@10", 30));
    }
}
