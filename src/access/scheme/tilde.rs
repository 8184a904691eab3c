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
    /// A field twice, or out of the order in which every generator writes them: another field's
    /// value was probably meant to pass for it.
    Twice,
}

impl<'a> Token<'a> {
    /// `known` are the fields that there may be, in their order.
    pub(super) fn read(text: &'a str, known: &[&str]) -> Result<Self, TokenFault> {
        let split = text.rsplit_once("~hmac=").filter(|_| text.len() <= MOST);
        let (signed, hmac) = split.ok_or(TokenFault::Form)?;
        let mut fields: Vec<(&str, &str)> = Vec::new();
        let mut left = known;
        let mut rest = signed;
        while let Some((name, value)) = rest.split_once('=') {
            let at = left.iter().position(|next| *next == name);
            let is_known = known.contains(&name);
            let at = at.ok_or(if is_known {
                TokenFault::Twice
            } else {
                TokenFault::Form
            })?;
            left = &left[at + 1..];
            // The last field's value may hold the separator: one of the generators leaves it.
            let end = match left {
                [] => value.len(),
                _ => value.find('~').unwrap_or(value.len()),
            };
            let (value, after) = value.split_at(end);
            fields.push((name, value));
            rest = match after.strip_prefix('~') {
                Some("") => return Err(TokenFault::Form),
                Some(after) => after,
                None => "",
            };
        }
        if !rest.is_empty() || fields.is_empty() {
            return Err(TokenFault::Form);
        }
        if let Some((_, last)) = fields.last()
            && brings_in(last, known)
        {
            return Err(TokenFault::Twice);
        }
        Ok(Self {
            signed,
            hmac: hex(hmac).ok_or(TokenFault::Form)?,
            fields,
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

/// Whether a value holds what another reader would take for a field.
fn brings_in(value: &str, known: &[&str]) -> bool {
    let parts = value.split('~').skip(1);
    let mut names = parts
        .filter_map(|part| part.split_once('='))
        .map(|(name, _)| name);
    names.any(|name| known.contains(&name))
}

impl From<TokenFault> for Fault {
    fn from(fault: TokenFault) -> Self {
        match fault {
            TokenFault::Form => Self::Malformed,
            TokenFault::Twice => Self::Twice,
        }
    }
}

/// What the first reading of a token that `judge` takes gives; else the furthest that one came to.
pub(super) fn judged<T>(
    received: &str,
    judge: impl Fn(&str) -> Result<T, Fault>,
) -> Result<T, Fault> {
    let mut deepest = Fault::Malformed;
    for reading in readings(received) {
        match judge(&reading) {
            Ok(found) => return Ok(found),
            Err(fault) => deepest = deepest.max(fault),
        }
    }
    Err(deepest)
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

    const KNOWN: [&str; 3] = ["ip", "exp", "acl"];

    #[test]
    fn the_last_field_may_hold_the_separator_and_no_field() {
        let token = Token::read("exp=1~acl=/a~b/*~hmac=00", &KNOWN).unwrap();
        assert_eq!(token.field("acl"), Some("/a~b/*"));
        let fault = Token::read("exp=1~acl=/a~exp=9~hmac=00", &KNOWN).err();
        assert_eq!(fault, Some(TokenFault::Twice));
    }

    #[test]
    fn fields_are_read_in_their_order() {
        let token = Token::read("exp=1~acl=/a=b/*~hmac=00fF", &KNOWN).unwrap();
        assert_eq!(token.signed, "exp=1~acl=/a=b/*");
        assert_eq!(token.hmac, [0x00, 0xff]);
        assert_eq!(token.field("acl"), Some("/a=b/*"));
        assert_eq!(token.field("ip"), None);
    }

    #[test]
    fn a_field_that_another_brought_in_is_refused() {
        let fault = |text| Token::read(text, &KNOWN).err();
        assert_eq!(fault("exp=1~exp=9~hmac=00"), Some(TokenFault::Twice));
        assert_eq!(fault("acl=/*~exp=1~hmac=00"), Some(TokenFault::Twice));
        for bad in [
            "",
            "exp=1",
            "exp=1~hmac=",
            "exp=1~hmac=0",
            "exp=1~hmac=zz",
            "exp=1~hmac=00~ip=1",
            "exp=1~other=2~hmac=00",
            "exp~hmac=00",
            "~hmac=00",
        ] {
            assert_eq!(fault(bad), Some(TokenFault::Form), "{bad}");
        }
    }
}
