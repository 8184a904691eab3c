//! JSON objects that say each thing once.
//!
//! Where a member stands there twice, one reader takes the first and another the last (RFC 8725
//! §2.6, RFC 8259 §4). Must not know: what the members mean.

use std::fmt;

use serde::de::{self, Deserialize, Deserializer, MapAccess, SeqAccess, Visitor};
use serde_json::{Map, Number, Value};

/// Why a text is no such object.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum JsonFault {
    /// Not JSON, or not an object.
    Form,
    /// A member stands there twice, at whatever depth.
    Twice,
}

/// The object that `text` is, whole.
pub(super) fn object(text: &[u8]) -> Result<Map<String, Value>, JsonFault> {
    match serde_json::from_slice(text) {
        Ok(Once(Value::Object(members))) => Ok(members),
        // Every kind of value is taken: what is not syntax is said below.
        Err(error) if error.is_data() => Err(JsonFault::Twice),
        _ => Err(JsonFault::Form),
    }
}

/// Any JSON value without a member twice.
struct Once(Value);

impl<'de> Deserialize<'de> for Once {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        from.deserialize_any(Reader).map(Self)
    }
}

struct Reader;

impl<'de> Visitor<'de> for Reader {
    type Value = Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a JSON value")
    }

    fn visit_unit<E>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_bool<E>(self, value: bool) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_i64<E>(self, value: i64) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_u64<E>(self, value: u64) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_f64<E>(self, value: f64) -> Result<Value, E> {
        Ok(Number::from_f64(value).into())
    }

    fn visit_str<E>(self, value: &str) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut from: A) -> Result<Value, A::Error> {
        let mut items = Vec::new();
        while let Some(Once(item)) = from.next_element()? {
            items.push(item);
        }
        Ok(Value::Array(items))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut from: A) -> Result<Value, A::Error> {
        let mut members = Map::new();
        while let Some((name, Once(value))) = from.next_entry::<String, Once>()? {
            if members.insert(name, value).is_some() {
                return Err(de::Error::custom("a member stands there twice"));
            }
        }
        Ok(Value::Object(members))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_value_is_read_as_others_read_it() {
        let text = r#"{"a":null,"b":[true,-1,18446744073709551615,1.5,"x",[],{}],"c":{"a":"é"}}"#;
        let expected: Value = serde_json::from_str(text).unwrap();
        assert_eq!(object(text.as_bytes()).map(Value::Object), Ok(expected));
    }

    #[test]
    fn nothing_is_said_twice() {
        for (text, fault) in [
            (r#"{"a":1,"a":1}"#, JsonFault::Twice),
            (r#"{"a":1,"\u0061":2}"#, JsonFault::Twice),
            (r#"{"x":[{"a":1,"a":2}]}"#, JsonFault::Twice),
            ("", JsonFault::Form),
            ("[]", JsonFault::Form),
            ("\"a\"", JsonFault::Form),
            ("{} {}", JsonFault::Form),
            ("{\"a\":1,}", JsonFault::Form),
            ("{\"a\":01}", JsonFault::Form),
        ] {
            assert_eq!(object(text.as_bytes()), Err(fault), "{text}");
        }
        assert_eq!(object(b"{\"a\":\"\xff\"}"), Err(JsonFault::Form));
        let deep = format!("{{\"a\":{}{}}}", "[".repeat(200), "]".repeat(200));
        assert_eq!(object(deep.as_bytes()), Err(JsonFault::Form));
    }
}
