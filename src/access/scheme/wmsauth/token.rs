//! The text inside `wmsAuthSign`: base64 of `name=value` fields in any order.
//!
//! Must not know: secrets, or the request.

use base64::Engine as _;
use base64::alphabet::STANDARD;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};

use crate::access::scheme::request::decoded;

/// The longest text inside, in bytes.
const MOST: usize = 512;
/// The longest a token may last, in minutes: ten years.
const MOST_MINUTES: u32 = 5_256_000;

pub(super) const BASE64: GeneralPurpose = GeneralPurpose::new(
    &STANDARD,
    GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent),
);

/// The fields, each as received: what is hashed is their text, never a form of our own.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Token {
    pub(super) server_time: String,
    pub(super) hash: Vec<u8>,
    pub(super) minutes: String,
    /// How many bytes of the path are signed; zero for none.
    pub(super) signed_length: usize,
    pub(super) viewer: Option<Viewer>,
}

/// `id`, and whether the address is hashed before it.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Viewer {
    pub(super) id: String,
    pub(super) check_ip: bool,
}

/// Why a text is no token.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum TokenFault {
    /// Not base64 of short printable text, or a field missing or malformed.
    Form,
    /// A field twice: nobody can say which one counts.
    Twice,
}

impl Token {
    /// From the parameter as received. A plus in it is one, and the `=` at its end may be lost.
    pub(super) fn read(received: &str) -> Result<Self, TokenFault> {
        let inner = inner(received).ok_or(TokenFault::Form)?;
        let fields = Fields::read(&inner)?;
        let required = |field: Option<&str>| field.map(str::to_owned).ok_or(TokenFault::Form);
        let minutes = required(fields.minutes)?;
        if !is_span(&minutes) {
            return Err(TokenFault::Form);
        }
        let signed_length = match fields.length {
            None | Some("0") => 0,
            Some(text) => number(text).ok_or(TokenFault::Form)?,
        };
        let hash = BASE64.decode(fields.hash.unwrap_or_default());
        Ok(Self {
            server_time: required(fields.time)?,
            hash: hash.map_err(|_| TokenFault::Form)?,
            minutes,
            signed_length: usize::try_from(signed_length).map_err(|_| TokenFault::Form)?,
            viewer: fields.viewer()?,
        })
    }

    /// The token as the samples write it: its fields have no order, and base64 has several spellings.
    pub(super) fn text(&self) -> String {
        let (time, minutes) = (&self.server_time, &self.minutes);
        let hash = BASE64.encode(&self.hash);
        let mut inner = format!("server_time={time}&hash_value={hash}&validminutes={minutes}");
        if self.signed_length > 0 {
            inner.push_str(&format!("&strm_len={}", self.signed_length));
        }
        if let Some(viewer) = &self.viewer {
            let bound = if viewer.check_ip { "&checkip=true" } else { "" };
            inner.push_str(&format!("&id={}{bound}", viewer.id));
        }
        BASE64.encode(inner)
    }

    /// How long it lasts.
    pub(super) fn life(&self) -> std::time::Duration {
        std::time::Duration::from_secs(60 * u64::from(number(&self.minutes).unwrap_or(0)))
    }
}

fn inner(received: &str) -> Option<String> {
    let text = decoded(received)?.replace('-', "+").replace('_', "/");
    let inner = String::from_utf8(BASE64.decode(text).ok()?).ok()?;
    (inner.len() <= MOST && !inner.contains(char::is_control)).then_some(inner)
}

/// Digits alone, and no zero before others: two texts of one number would hash apart, and one
/// text could pass for the end of another.
fn number(text: &str) -> Option<u32> {
    let is_digits = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    (is_digits && !text.starts_with('0')).then(|| text.parse().ok())?
}

/// Whether `minutes` may be how long a token lasts.
pub(super) fn is_span(minutes: &str) -> bool {
    number(minutes).is_some_and(|minutes| (1..=MOST_MINUTES).contains(&minutes))
}

#[derive(Default)]
struct Fields<'a> {
    time: Option<&'a str>,
    hash: Option<&'a str>,
    minutes: Option<&'a str>,
    length: Option<&'a str>,
    id: Option<&'a str>,
    check_ip: Option<&'a str>,
}

impl<'a> Fields<'a> {
    fn read(inner: &'a str) -> Result<Self, TokenFault> {
        let mut fields = Self::default();
        for field in inner.split('&') {
            let (name, value) = field.split_once('=').ok_or(TokenFault::Form)?;
            let place = match name {
                "server_time" => &mut fields.time,
                "hash_value" => &mut fields.hash,
                "validminutes" => &mut fields.minutes,
                "strm_len" => &mut fields.length,
                "id" => &mut fields.id,
                "checkip" => &mut fields.check_ip,
                _ => return Err(TokenFault::Form),
            };
            if place.replace(value).is_some() {
                return Err(TokenFault::Twice);
            }
        }
        Ok(fields)
    }

    fn viewer(&self) -> Result<Option<Viewer>, TokenFault> {
        let check_ip = match self.check_ip {
            Some("true") => true,
            None | Some("false") => false,
            Some(_) => return Err(TokenFault::Form),
        };
        match self.id {
            Some("") => Err(TokenFault::Form),
            None if self.check_ip.is_some() => Err(TokenFault::Form),
            id => Ok(id.map(|id| Viewer {
                id: id.to_owned(),
                check_ip,
            })),
        }
    }
}
