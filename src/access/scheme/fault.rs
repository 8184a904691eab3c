//! Why a token does not verify.
//!
//! Must not know: which token; no reason holds a part of one.

use crate::domain::{Denied, Flaw};

/// The check that failed, in the order in which checks are made: of several refused tokens the
/// one that came furthest gives the reason.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(in crate::access) enum Fault {
    /// No entry is for the client's certificate.
    Certificate,
    /// The request shows nothing that the scheme looks at.
    None,
    /// The same, and a parameter's value is a path, as if a file were looked up by it.
    FilePath,
    /// No scheme knows the form.
    Form,
    /// An API key in a URL.
    Place,
    /// Too long to look at.
    TooLong,
    /// An encrypted token, or one around another.
    Encrypted,
    /// Not a JWT header.
    Header,
    /// A header extension that must be understood, or compression.
    Extension,
    /// The header brings a key: `jwk`.
    HeaderJwk,
    /// The header says where a key is: `jku`.
    HeaderJku,
    /// The header says where a certificate is: `x5u`.
    HeaderX5u,
    /// The header brings a certificate: `x5c`.
    HeaderX5c,
    /// The algorithm is `none`.
    Unsigned,
    /// The token names a key that the instance does not have.
    UnknownKey,
    /// No key of the instance is for this algorithm.
    Algorithm,
    /// The token is not of the scheme's form, or a field of it is not.
    Malformed,
    /// The path is one in disguise, or not what the token is for.
    Path,
    /// A parameter or field stands there twice.
    Twice,
    /// A field that is none of the scheme's.
    UnknownField,
    /// A time parameter under a name that the scheme does not read.
    UnknownTime,
    /// A time in milliseconds.
    Milliseconds,
    /// The hash is hexadecimal.
    HashHex,
    /// The hash is the base64 of hexadecimal digits.
    HashNotRaw,
    /// The hash has the standard alphabet of base64.
    HashAlphabet,
    /// The hash has another length.
    HashLength,
    /// The token names no stream where it must.
    NoStream,
    /// The fields can be read in two ways.
    Ambiguous,
    /// A parameter holds what separates parameters, in disguise.
    Separator,
    /// No key of the instance made it.
    Signature,
    /// None of the secrets, with what is known of the request, gives the hash.
    Hash,
    /// The user is unknown, or the password another.
    Password,
    /// Not a digest as RFC 7616 has it with MD5 and `qop=auth`, or for another realm or URL.
    DigestForm,
    /// The user's credential was not made for digest.
    NoDigest,
    /// The digest's user is unknown, or its response another.
    Digest,
    /// The response is right, and its nonce too old, or used before.
    StaleNonce,
    /// The client's address is another, unknown, or hashed on one side only.
    Address,
    /// The payload is no JSON object.
    Payload,
    /// `catv` is another version.
    Version,
    /// A claim that may restrict and is not enforced here.
    CriticalClaim,
    /// `cti` is malformed.
    TokenId,
    /// `catr` is malformed.
    Renewal,
    /// `catreplay` is malformed.
    Replay,
    /// `iss` is missing or another.
    Issuer,
    /// `aud` is missing, another, or there although the scheme names none.
    Audience,
    /// The subject is missing, empty, too long or not printable.
    Subject,
    /// `exp` is missing, or not in seconds.
    Expiry,
    /// `nbf` or `iat` is not in seconds, or `iat` is missing under a longest life.
    Times,
    /// It lives longer than the scheme allows.
    Life,
    /// The claim that names one key is malformed.
    Kid,
    /// `catm` is malformed, or the method another.
    Method,
    /// `catu` is malformed, or the URL another.
    Uri,
    /// `catalpn` is malformed, or the protocol another.
    Protocol,
    /// `cath` is malformed, or a header missing or another.
    RequestHeader,
    /// `catnip` is malformed, or the address in no network of it, or unknown.
    Network,
    /// The claim that says how often it may be used is malformed.
    Uses,
    /// A claim that the instance requires is missing or another.
    RequiredClaim,
    /// It may do something else.
    Action,
    /// It is for other streams.
    Stream,
    /// Its time has not come.
    NotYet,
    /// Its time is over.
    Expired,
    /// It was used as often as it may be.
    Spent,
    /// The issuer's keys cannot be had: nothing was decided.
    KeysAway,
    /// The store that knows API keys is away: nothing was decided.
    StoreAway,
    /// A database of users is away, or its row is not understood: nothing was decided.
    UsersAway,
    /// Too many passwords wait to be hashed: nothing was decided.
    Busy,
}

impl Fault {
    /// What went wrong, for the audit trail.
    pub(in crate::access) fn reason(self) -> &'static str {
        match self {
            Self::Certificate => {
                "no entry of client_certificates and no credential is for the client's certificate"
            }
            Self::None => "the request has no token of this scheme",
            Self::FilePath => "a parameter's value is a path: none is looked up as a file",
            Self::Action => "it may do something else",
            Self::Stream => "it is for other streams",
            Self::Form => "it has the form of no configured scheme",
            Self::Place => "an API key belongs in a header, not in a URL",
            Self::TooLong => "the token is too long",
            Self::Encrypted => "the token is encrypted, or one around another",
            Self::Header => "the header is malformed or names no algorithm",
            Self::HeaderJwk => "the header brings a key (jwk): only configured keys verify",
            Self::HeaderJku => "the header points to a key (jku): only configured keys verify",
            Self::HeaderX5u => "the header points to a certificate (x5u): none is looked at",
            Self::HeaderX5c => "the header brings a certificate (x5c): none is looked at",
            Self::Unsigned => "the token is not signed (alg none)",
            Self::Extension => "the header demands an extension",
            Self::Algorithm => "the algorithm is not one of the scheme's",
            Self::UnknownKey => "the token names no key of the scheme",
            Self::Malformed => "the token is malformed",
            Self::Path => "the path is not the token's",
            Self::Twice => "a parameter stands there twice",
            Self::UnknownField => "the token has a field that is not the scheme's",
            Self::UnknownTime => "a time parameter has a name that is not read",
            Self::Milliseconds => "a time is in milliseconds",
            Self::HashHex => "the hash is hexadecimal where base64 is wanted",
            Self::HashNotRaw => "the hash is the base64 of hexadecimal digits, not of the digest",
            Self::HashAlphabet => "the hash has + or / where - and _ are wanted",
            Self::HashLength => "the hash has another length",
            Self::NoStream => "the token names no stream",
            Self::Ambiguous => "the id or the path could be the end of another field",
            Self::Separator => "a parameter hides a separator: it would pass for two",
            Self::Signature => "the signature or secret is wrong",
            Self::Hash => "the hash is another",
            Self::Password => "the user is unknown or the password is wrong",
            Self::DigestForm => {
                "the digest is none of MD5 with qop=auth for realm hlskey and the URL that is asked for"
            }
            Self::NoDigest => "the user's credential is not for digest (--digest-legacy)",
            Self::Digest => "the digest's user is unknown or its response is another",
            Self::StaleNonce => "the digest's nonce is too old or was used before",
            Self::Address => "the client's address is not the token's",
            Self::Payload => "the payload is malformed",
            Self::Version => "catv is not 1",
            Self::CriticalClaim => "the token has a claim that is not enforced here",
            Self::TokenId => "cti is malformed",
            Self::Renewal => "catr is malformed",
            Self::Replay => "catreplay is malformed",
            Self::Method => "catm is malformed, or lists other methods",
            Self::Uri => "catu is malformed, or is for other URLs",
            Self::Protocol => "catalpn is malformed, or lists other protocols",
            Self::RequestHeader => "cath is malformed, or demands other headers",
            Self::Network => "catnip is malformed, or lists other networks",
            Self::Issuer => "the issuer is not the scheme's",
            Self::Audience => "the audience is not the scheme's",
            Self::Subject => "the subject is missing or malformed",
            Self::Expiry => "the expiry is missing or not in seconds",
            Self::Times => "nbf or iat is missing or not in seconds",
            Self::Life => "it lives longer than the scheme allows",
            Self::Kid => "the kid claim is malformed",
            Self::Uses => "maxuses is not a whole number above zero",
            Self::RequiredClaim => "a required claim is missing or another",
            Self::NotYet => "it is not valid yet",
            Self::Expired => "it has expired",
            Self::Spent => "it was used as often as it may be",
            Self::KeysAway => "the issuer's keys cannot be fetched",
            Self::StoreAway => "the store of API keys does not answer",
            Self::UsersAway => "the database of users does not answer as it should",
            Self::Busy => "too many passwords wait to be looked at",
        }
    }
}

impl Fault {
    /// The same for programs, as `token verify --json` and `explain` print it.
    pub(in crate::access) fn code(self) -> &'static str {
        match self {
            Self::Certificate => "certificate",
            Self::None => "no_token",
            Self::FilePath => "file_path",
            Self::Action => "action",
            Self::Stream => "stream",
            Self::Form => "unknown_form",
            Self::Place => "place",
            Self::TooLong => "too_long",
            Self::Encrypted => "encrypted",
            Self::Header => "header",
            Self::HeaderJwk => "header_jwk",
            Self::HeaderJku => "header_jku",
            Self::HeaderX5u => "header_x5u",
            Self::HeaderX5c => "header_x5c",
            Self::Unsigned => "unsigned",
            Self::UnknownKey => "unknown_key",
            Self::Extension => "extension",
            Self::Algorithm => "algorithm",
            Self::Path => "path",
            Self::Twice => "duplicate_param",
            Self::UnknownField => "unknown_field",
            Self::UnknownTime => "unknown_time_param",
            Self::Milliseconds => "milliseconds",
            Self::HashHex | Self::HashNotRaw | Self::HashLength => "hash_length",
            Self::HashAlphabet => "hash_alphabet",
            Self::NoStream => "no_stream",
            Self::Ambiguous => "ambiguous",
            Self::Separator => "separator",
            Self::Signature => "signature",
            Self::Hash => "hash_mismatch",
            Self::Password => "password",
            Self::DigestForm => "digest_form",
            Self::NoDigest => "no_digest",
            Self::Digest => "digest",
            Self::StaleNonce => "stale_nonce",
            Self::Address => "ip",
            Self::Malformed | Self::Payload => "malformed",
            Self::Version => "catv",
            Self::CriticalClaim => "critical_claim",
            Self::TokenId => "cti",
            Self::Renewal => "catr",
            Self::Replay => "catreplay",
            Self::Method => "catm",
            Self::Uri => "catu",
            Self::Protocol => "catalpn",
            Self::RequestHeader => "cath",
            Self::Network => "catnip",
            Self::Issuer => "issuer",
            Self::Audience => "audience",
            Self::Subject => "subject",
            Self::Expiry => "no_expiry",
            Self::Times => "time",
            Self::Life => "life",
            Self::Kid => "kid",
            Self::Uses => "maxuses",
            Self::RequiredClaim => "required_claim",
            Self::NotYet => "not_yet",
            Self::Expired => "expired",
            Self::Spent => "replay",
            Self::KeysAway => "keys_away",
            Self::StoreAway | Self::UsersAway | Self::Busy => "undecided",
        }
    }
}

impl From<Fault> for Denied {
    fn from(fault: Fault) -> Self {
        match fault {
            Fault::KeysAway | Fault::StoreAway | Fault::UsersAway | Fault::Busy => {
                Self::Undecided(fault.reason())
            }
            _ => Self::BadCredential(Flaw {
                code: fault.code(),
                sentence: fault.reason(),
            }),
        }
    }
}
