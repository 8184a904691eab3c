//! What is around the claims: COSE_Mac0 or COSE_Sign1 (RFC 9052) in a CWT (RFC 8392).
//!
//! Must not know: keys, or claims.

use minicbor::Encoder;
use minicbor::encode::Error;

use super::cbor::{Item, read};
use crate::access::scheme::Fault;

/// The tag of a CWT (RFC 8392 §6); another tag must follow it.
pub(super) const CWT: u64 = 61;
/// The tag of COSE_Mac0 (RFC 9052 §2).
pub(super) const MAC0: u64 = 17;
/// The tag of COSE_Sign1.
pub(super) const SIGN1: u64 = 18;

/// Labels of header parameters (RFC 9052 §3.1).
pub(super) const ALG: i64 = 1;
const CRIT: i64 = 2;
pub(super) const KID: i64 = 4;

/// What makes the seal (RFC 9053 §2.1 and §3.1, RFC 8230 §2).
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Deserialize)]
pub enum CatAlgorithm {
    /// HMAC-SHA256, whole.
    #[serde(rename = "HS256")]
    Hs256,
    /// ECDSA on P-256 with SHA-256.
    #[serde(rename = "ES256")]
    Es256,
    /// RSASSA-PSS with SHA-256.
    #[serde(rename = "PS256")]
    Ps256,
}

impl CatAlgorithm {
    const ALL: [Self; 3] = [Self::Hs256, Self::Es256, Self::Ps256];

    /// Its number in IANA's registry.
    pub(super) fn number(self) -> i64 {
        match self {
            Self::Hs256 => 5,
            Self::Es256 => -7,
            Self::Ps256 => -37,
        }
    }

    /// The tag of what it seals.
    pub(super) fn tag(self) -> u64 {
        match self {
            Self::Hs256 => MAC0,
            Self::Es256 | Self::Ps256 => SIGN1,
        }
    }

    /// Keeps a MAC from being taken for a signature (RFC 9052 §4.4 and §6.3).
    fn context(self) -> &'static str {
        match self {
            Self::Hs256 => "MAC0",
            Self::Es256 | Self::Ps256 => "Signature1",
        }
    }
}

/// A token taken apart; nothing of it is verified.
#[derive(Debug)]
pub(super) struct Envelope<'a> {
    pub(super) algorithm: CatAlgorithm,
    /// Which key, where the token says so.
    pub(super) kid: Option<&'a [u8]>,
    protected: &'a [u8],
    pub(super) payload: &'a [u8],
    /// The MAC or the signature.
    pub(super) seal: &'a [u8],
}

impl<'a> Envelope<'a> {
    /// Tags may be missing, where they stand they must be the algorithm's.
    pub(super) fn read(token: &'a [u8]) -> Result<Self, Fault> {
        let (tag, parts) = untagged(read(token).map_err(|_| Fault::Malformed)?)?;
        let Item::Array(parts) = parts else {
            return Err(Fault::Malformed);
        };
        let [
            Item::Bytes(protected),
            Item::Map(loose),
            Item::Bytes(payload),
            Item::Bytes(seal),
        ] = parts.as_slice()
        else {
            return Err(Fault::Malformed);
        };
        let fixed = read(protected).map_err(|_| Fault::Header)?;
        let fixed = fixed.map().ok_or(Fault::Header)?;
        let envelope = Self {
            algorithm: algorithm(fixed)?,
            kid: kid(fixed, loose)?,
            protected,
            payload,
            seal,
        };
        let is_its_tag = tag.is_none_or(|tag| tag == envelope.algorithm.tag());
        is_its_tag.then_some(envelope).ok_or(Fault::Algorithm)
    }

    /// What the seal is over: all that nobody but the issuer can change.
    pub(super) fn sealed(&self) -> Option<Vec<u8>> {
        to_be_sealed(self.algorithm, self.protected, self.payload)
    }
}

/// The structure that is signed; `None` if it cannot be written.
pub(super) fn to_be_sealed(
    algorithm: CatAlgorithm,
    protected: &[u8],
    payload: &[u8],
) -> Option<Vec<u8>> {
    written(|to| {
        let to = to.array(4)?.str(algorithm.context())?;
        to.bytes(protected)?.bytes(&[])?.bytes(payload)?.ok()
    })
}

/// Where items are written to.
pub(super) type Out = Encoder<Vec<u8>>;

/// The bytes that `write` writes.
pub(super) fn written(
    write: impl FnOnce(&mut Out) -> Result<(), Error<std::convert::Infallible>>,
) -> Option<Vec<u8>> {
    let mut out = Encoder::new(Vec::new());
    write(&mut out).ok().map(|()| out.into_writer())
}

/// The message and its own tag. A CWT's tag is followed by one (RFC 8392 §6).
fn untagged(item: Item<'_>) -> Result<(Option<u64>, Item<'_>), Fault> {
    let (is_cwt, item) = match item {
        Item::Tag(CWT, inner) => (true, *inner),
        item => (false, item),
    };
    match item {
        Item::Tag(tag @ (MAC0 | SIGN1), inner) => Ok((Some(tag), *inner)),
        item @ Item::Array(_) if !is_cwt => Ok((None, item)),
        _ => Err(Fault::Malformed),
    }
}

type Parameters<'a> = [(Item<'a>, Item<'a>)];

fn parameter<'a, 'b>(of: &'b Parameters<'a>, label: i64) -> Option<&'b Item<'a>> {
    let mut entries = of.iter();
    let found = entries.find(|(key, _)| key.int() == Some(label));
    found.map(|(_, value)| value)
}

/// It is taken from what the seal covers alone.
fn algorithm(fixed: &Parameters<'_>) -> Result<CatAlgorithm, Fault> {
    let number = parameter(fixed, ALG).ok_or(Fault::Header)?;
    let mut known = CatAlgorithm::ALL.into_iter();
    let found = known.find(|known| number.int() == Some(known.number()));
    found.ok_or(Fault::Algorithm)
}

/// The key's name, a byte string; some signers write it as text. A parameter stands in one of the
/// two maps, and what must be understood is refused (RFC 9052 §3).
fn kid<'a>(fixed: &Parameters<'a>, loose: &Parameters<'a>) -> Result<Option<&'a [u8]>, Fault> {
    if [fixed, loose]
        .iter()
        .any(|map| parameter(map, CRIT).is_some())
    {
        return Err(Fault::Extension);
    }
    let is_in_both = |(key, _): &(Item<'_>, Item<'_>)| loose.iter().any(|(other, _)| other == key);
    if fixed.iter().any(is_in_both) || parameter(loose, ALG).is_some() {
        return Err(Fault::Header);
    }
    match parameter(fixed, KID).or_else(|| parameter(loose, KID)) {
        None => Ok(None),
        Some(Item::Bytes(kid)) => Ok(Some(kid)),
        Some(Item::Text(kid)) => Ok(Some(kid.as_bytes())),
        Some(_) => Err(Fault::Header),
    }
}
