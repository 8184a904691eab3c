//! CBOR (RFC 8949) as tokens have it: one item, read whole.
//!
//! What two readers may take for two things is refused: a key that stands in a map twice, bytes
//! after the item, lengths that are not said beforehand. Must not know: what an item means.

use minicbor::Decoder;
use minicbor::data::Type;

/// The deepest nesting; a claim set has five levels.
const DEEPEST: usize = 16;
/// The most entries of one map; a claim set has twenty.
const MOST_ENTRIES: u64 = 64;

/// One item, borrowing from its bytes.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Item<'a> {
    Int(i128),
    Float(f64),
    Bytes(&'a [u8]),
    Text(&'a str),
    Array(Vec<Self>),
    Map(Vec<(Self, Self)>),
    Tag(u64, Box<Self>),
    Null,
    /// A simple value, or a float of half precision: no claim has a use for one.
    Other,
}

/// The bytes are no item, or one that is not taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Malformed;

impl From<minicbor::decode::Error> for Malformed {
    fn from(_: minicbor::decode::Error) -> Self {
        Self
    }
}

/// The item that `bytes` are, all of them.
pub(super) fn read(bytes: &[u8]) -> Result<Item<'_>, Malformed> {
    let mut decoder = Decoder::new(bytes);
    let found = item(&mut decoder, DEEPEST)?;
    let is_whole = decoder.position() == bytes.len();
    is_whole.then_some(found).ok_or(Malformed)
}

fn item<'a>(from: &mut Decoder<'a>, depth: usize) -> Result<Item<'a>, Malformed> {
    let depth = depth.checked_sub(1).ok_or(Malformed)?;
    Ok(match from.datatype()? {
        Type::U8
        | Type::U16
        | Type::U32
        | Type::U64
        | Type::I8
        | Type::I16
        | Type::I32
        | Type::I64
        | Type::Int => Item::Int(from.int()?.into()),
        Type::F32 => Item::Float(from.f32()?.into()),
        Type::F64 => Item::Float(from.f64()?),
        Type::Bytes => Item::Bytes(from.bytes()?),
        Type::String => Item::Text(from.str()?),
        Type::Array => array(from, depth)?,
        Type::Map => map(from, depth)?,
        Type::Tag => Item::Tag(from.tag()?.as_u64(), Box::new(item(from, depth)?)),
        Type::Null => from.null().map(|()| Item::Null)?,
        Type::Bool | Type::Undefined | Type::Simple | Type::F16 => other(from)?,
        _ => return Err(Malformed),
    })
}

fn array<'a>(from: &mut Decoder<'a>, depth: usize) -> Result<Item<'a>, Malformed> {
    let length = from.array()?.ok_or(Malformed)?;
    let items: Result<_, _> = (0..length).map(|_| item(from, depth)).collect();
    items.map(Item::Array)
}

fn map<'a>(from: &mut Decoder<'a>, depth: usize) -> Result<Item<'a>, Malformed> {
    let length = from.map()?.filter(|length| *length <= MOST_ENTRIES);
    let mut entries: Vec<(Item<'a>, Item<'a>)> = Vec::new();
    for _ in 0..length.ok_or(Malformed)? {
        let key = item(from, depth)?;
        if entries.iter().any(|(other, _)| *other == key) {
            return Err(Malformed);
        }
        entries.push((key, item(from, depth)?));
    }
    Ok(Item::Map(entries))
}

fn other<'a>(from: &mut Decoder<'a>) -> Result<Item<'a>, Malformed> {
    from.skip()?;
    Ok(Item::Other)
}

impl<'a> Item<'a> {
    /// One of 64 bits; no claim has a use for more.
    pub(super) fn int(&self) -> Option<i64> {
        match self {
            Self::Int(int) => i64::try_from(*int).ok(),
            _ => None,
        }
    }

    pub(super) fn text(&self) -> Option<&'a str> {
        match self {
            Self::Text(text) => Some(text),
            _ => None,
        }
    }

    pub(super) fn bytes(&self) -> Option<&'a [u8]> {
        match self {
            Self::Bytes(bytes) => Some(bytes),
            _ => None,
        }
    }

    pub(super) fn array(&self) -> Option<&[Self]> {
        match self {
            Self::Array(items) => Some(items),
            _ => None,
        }
    }

    pub(super) fn map(&self) -> Option<&[(Self, Self)]> {
        match self {
            Self::Map(entries) => Some(entries),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::access::scheme::tilde::hex;

    fn from_hex(text: &str) -> Result<Item<'static>, Malformed> {
        read(hex(text).unwrap().leak())
    }

    #[test]
    fn items_are_read_whatever_the_width_of_their_lengths() {
        let entry = |value| Item::Map(vec![(Item::Int(1), value)]);
        for (text, expected) in [
            ("a10102", entry(Item::Int(2))),
            ("b90001180102", entry(Item::Int(2))),
            ("a1013903e7", entry(Item::Int(-1000))),
            (
                "a101fb41d954fc40000000",
                entry(Item::Float(1_700_000_000.0)),
            ),
            ("a101f6", entry(Item::Null)),
            ("a101f93c00", entry(Item::Other)),
            (
                "a101d83443c0a802",
                entry(Item::Tag(52, Box::new(Item::Bytes(&[192, 168, 2])))),
            ),
            ("826161f5", Item::Array(vec![Item::Text("a"), Item::Other])),
        ] {
            assert_eq!(from_hex(text), Ok(expected), "{text}");
        }
    }

    #[test]
    fn what_could_be_read_in_two_ways_is_refused() {
        for text in [
            "a201020103",         // a key twice
            "a20102180103",       // the same, the second one wider
            "a1010200",           // bytes behind
            "a101",               // bytes missing
            "bf0102ff",           // a map without a length
            "9f01ff",             // an array
            "5f4101ff",           // bytes
            "7f6161ff",           // text
            "61ff",               // text that is none
            "ff",                 // an end of nothing
            "9bffffffffffffffff", // more items than there are bytes
            "f9",                 // a float cut off
            "1c",                 // a width that does not exist
        ] {
            assert_eq!(from_hex(text), Err(Malformed), "{text}");
        }
        assert!(from_hex(&("81".repeat(DEEPEST - 1) + "01")).is_ok());
        assert_eq!(from_hex(&("81".repeat(DEEPEST) + "01")), Err(Malformed));
        let keys = |n: u8| {
            (0..n)
                .map(|key| format!("18{key:02x}00"))
                .collect::<String>()
        };
        assert!(from_hex(&format!("b840{}", keys(64))).is_ok());
        assert_eq!(from_hex(&format!("b841{}", keys(65))), Err(Malformed));
    }
}
