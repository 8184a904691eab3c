//! Tokens of the form `name=value~…~hmac=HEX`, as Akamai and Wowza's CDN write them.
//!
//! Must not know: which fields mean what, or any secret.

use std::borrow::Cow;

use super::Fault;
use super::request::decoded;
use crate::crypto::hex_of;

/// The longest token, in bytes.
const MOST: usize = 2048;

/// A token taken apart. What was signed is its text as received, never a form of our own.
#[derive(Debug)]
pub(super) struct Token<'a> {
    /// Everything before `~hmac=`.
    pub(super) signed: &'a str,
    pub(super) hmac: Vec<u8>,
    fields: Vec<(&'a str, &'a str)>,
}

/// Why a text is no token.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum TokenFault {
    /// No `~hmac=` with hexadecimal digits at its end, or a field without a value.
    Form,
    /// A field twice: another field's value was probably meant to pass for it.
    Twice,
    /// A field that is none of the scheme's.
    Unknown,
}

/// The fields that there may be, in any order: generators differ.
pub(super) struct Fields<'a> {
    pub(super) known: &'a [&'a str],
    /// The one whose value may hold the separator, since a generator leaves it there.
    pub(super) loose: Option<&'a str>,
}

impl<'a> Token<'a> {
    pub(super) fn read(text: &'a str, fields: &Fields<'_>) -> Result<Self, TokenFault> {
        let split = text.rsplit_once("~hmac=").filter(|_| text.len() <= MOST);
        let (signed, hmac) = split.ok_or(TokenFault::Form)?;
        let read = fields.read(signed)?;
        Ok(Self {
            signed,
            hmac: hex(hmac).ok_or(TokenFault::Form)?,
            fields: read,
        })
    }

    /// The token as signers write it: hexadecimal digits have two spellings.
    pub(super) fn text(&self) -> String {
        format!("{}~hmac={}", self.signed, hex_of(&self.hmac))
    }

    pub(super) fn field(&self, name: &str) -> Option<&'a str> {
        let is_it = |(found, _): &&(&str, &str)| *found == name;
        self.fields.iter().find(is_it).map(|(_, value)| *value)
    }
}

impl Fields<'_> {
    fn read<'t>(&self, signed: &'t str) -> Result<Vec<(&'t str, &'t str)>, TokenFault> {
        let mut found: Vec<(&'t str, &'t str)> = Vec::new();
        let mut at = 0;
        for part in signed.split('~') {
            let end = at + part.len();
            match (part.split_once('='), found.last_mut()) {
                (Some((name, _)), _) if self.known.contains(&name) => {
                    if found.iter().any(|(known, _)| *known == name) {
                        return Err(TokenFault::Twice);
                    }
                    found.push((name, &signed[at + name.len() + 1..end]));
                }
                (_, Some((name, value))) if self.loose == Some(*name) => {
                    *value = &signed[end - part.len() - 1 - value.len()..end];
                }
                (Some(_), _) => return Err(TokenFault::Unknown),
                (None, _) => return Err(TokenFault::Form),
            }
            at = end + 1;
        }
        Ok(found)
    }
}

impl From<TokenFault> for Fault {
    fn from(fault: TokenFault) -> Self {
        match fault {
            TokenFault::Form => Self::Malformed,
            TokenFault::Twice => Self::Twice,
            TokenFault::Unknown => Self::UnknownField,
        }
    }
}

/// What the first reading of a token that `judge` takes gives; else the furthest that one came to, of
/// those whose hash fits if there is one.
pub(super) fn judged<T>(
    received: &str,
    judge: impl Fn(&str) -> Result<T, Fault>,
) -> Result<T, Fault> {
    let mut deepest = Fault::Malformed;
    for reading in readings(received) {
        match judge(&reading) {
            Ok(found) => return Ok(found),
            Err(fault) => deepest = further(deepest, fault),
        }
    }
    Err(deepest)
}

fn further(one: Fault, other: Fault) -> Fault {
    let is_read = |fault| !matches!(fault, Fault::Hash | Fault::Malformed);
    match (one, other) {
        (Fault::Hash, fault) | (fault, Fault::Hash) if is_read(fault) => fault,
        (one, other) => one.max(other),
    }
}

/// The readings of a token as received: decoded once, since players and proxies encode `~`, `/` and
/// `*`; and as it is, for values that were encoded before they were signed.
pub(super) fn readings(received: &str) -> impl Iterator<Item = Cow<'_, str>> {
    let plain = decoded(received).filter(|plain| plain != received);
    plain.into_iter().chain([Cow::Borrowed(received)])
}

/// Bytes of hexadecimal digits, at least one.
pub(super) fn hex(text: &str) -> Option<Vec<u8>> {
    let digit = |byte: u8| {
        char::from(byte)
            .to_digit(16)
            .and_then(|d| u8::try_from(d).ok())
    };
    let pair = |pair: &[u8]| match *pair {
        [high, low] => Some(digit(high)? << 4 | digit(low)?),
        _ => None,
    };
    let bytes: Option<Vec<u8>> = text.as_bytes().chunks(2).map(pair).collect();
    bytes.filter(|bytes| !bytes.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    const KNOWN: Fields<'_> = Fields {
        known: &["ip", "exp", "acl", "data"],
        loose: Some("data"),
    };

    fn read(text: &str) -> Result<Token<'_>, TokenFault> {
        Token::read(text, &KNOWN)
    }

    #[test]
    fn fields_stand_in_any_order() {
        for text in ["exp=1~acl=/a=b/*~hmac=00fF", "acl=/a=b/*~exp=1~hmac=00fF"] {
            let token = read(text).unwrap();
            assert_eq!(format!("{}~hmac=00fF", token.signed), text);
            assert_eq!(token.hmac, [0x00, 0xff]);
            assert_eq!(token.field("acl"), Some("/a=b/*"));
            assert_eq!(token.field("exp"), Some("1"));
            assert_eq!(token.field("ip"), None);
        }
    }

    #[test]
    fn one_field_may_hold_the_separator_and_no_field() {
        for (text, data) in [
            ("exp=1~data=a~b~hmac=00", "a~b"),
            ("data=a~~b=c~~exp=1~hmac=00", "a~~b=c~"),
            ("data=~exp=1~hmac=00", ""),
        ] {
            let token = read(text).unwrap();
            assert_eq!(token.field("data"), Some(data), "{text}");
            assert_eq!(token.field("exp"), Some("1"), "{text}");
        }
        let fault = read("exp=1~data=a~exp=9~hmac=00").err();
        assert_eq!(fault, Some(TokenFault::Twice));
    }

    #[test]
    fn what_is_no_field_is_refused() {
        for (text, expected) in [
            ("exp=1~exp=9~hmac=00", TokenFault::Twice),
            ("acl=/*~exp=1~acl=/a~hmac=00", TokenFault::Twice),
            ("exp=1~other=2~hmac=00", TokenFault::Unknown),
            ("other=2~exp=1~hmac=00", TokenFault::Unknown),
            ("exp=1~acl=/a~b/*~hmac=00", TokenFault::Form),
            ("", TokenFault::Form),
            ("exp=1", TokenFault::Form),
            ("exp=1~hmac=", TokenFault::Form),
            ("exp=1~hmac=0", TokenFault::Form),
            ("exp=1~hmac=zz", TokenFault::Form),
            ("exp=1~hmac=00~ip=1", TokenFault::Form),
            ("exp~hmac=00", TokenFault::Form),
            ("exp=1~~hmac=00", TokenFault::Form),
            ("~hmac=00", TokenFault::Form),
        ] {
            assert_eq!(read(text).err(), Some(expected), "{text}");
        }
    }
}
