//! What may be wrong with a JWT instance.
//!
//! Must not know: how it is found out.

use std::path::PathBuf;

use crate::access::scheme::jwt::algorithm::Algorithm;
use crate::crypto::PrivateFileError;
use crate::outbound::{AddressError, ClientError};

/// What is wrong with an instance. No variant holds a secret; settings are named as the file does.
#[derive(Debug, thiserror::Error)]
pub enum JwtFault {
    /// Nothing to verify with.
    #[error(
        "one of secret, secret_file, public_key_file, keys, jwks_url, discovery_url and discovery \
         is needed"
    )]
    NoKey,
    /// An entry of `keys` without a key.
    #[error("keys[{0}]: one of secret, secret_file, public_key_pem and public_key_file is needed")]
    NoListedKey(usize),
    /// More than are looked at.
    #[error("keys has more than 100")]
    TooMany,
    /// More than one key where one is meant.
    #[error("{0} and {1} exclude each other")]
    TwoKeys(String, String),
    /// A private file cannot be read.
    #[error("{0}: {1}")]
    File(String, #[source] PrivateFileError),
    /// The public key file cannot be read.
    #[error("{0}: cannot read {1}: {2}")]
    Unreadable(String, PathBuf, #[source] std::io::Error),
    /// The secret could be guessed.
    #[error("{0} has {1} bytes: at least 32 are needed (RFC 7518, section 3.2)")]
    ShortSecret(String, usize),
    /// A PEM key as a shared secret would let everybody sign who has the public key.
    #[error("{0} is a PEM key, not a shared secret: use a setting for public keys")]
    PemSecret(String),
    /// Not the PEM of a public key that can be used.
    #[error(
        "{0} is not the PEM of a public key (RSA of 2048 bits or more, P-256, P-384, P-521, Ed25519)"
    )]
    PublicKey(String),
    /// Not the PEM of a private key that fits.
    #[error("signing_key_file: not the PEM (PKCS#8) of the private key of a configured public key")]
    SigningKey,
    /// A key that no algorithm uses.
    #[error("algorithms has none for {0}")]
    NoAlgorithm(String),
    /// An algorithm that no key is for.
    #[error("algorithms has {0:?}, which no configured key is for")]
    IdleAlgorithm(Algorithm),
    /// A name that no algorithm has.
    #[error(
        "keys[{0}].alg is none of HS256, HS384, HS512, RS256, RS384, RS512, PS256, PS384, PS512, \
         ES256, ES384, ES512 and EdDSA"
    )]
    UnknownAlgorithm(usize),
    /// An algorithm of another sort of key.
    #[error("keys[{0}].alg is {1:?}, which its key is not for")]
    ForeignAlgorithm(usize, Algorithm),
    /// A name that no token could have.
    #[error("keys[{0}].kid is longer than 255 bytes")]
    Kid(usize),
    /// Nobody whose keys could be discovered.
    #[error("{0} needs issuers: only their keys are taken")]
    NoIssuer(&'static str),
    /// An issuer that is no URL cannot be asked.
    #[error("discovery needs issuers that are URLs: {0}")]
    Issuer(#[source] AddressError),
    /// A span that cannot be meant.
    #[error("jwks_stale is 1m at least and 7days at most")]
    Stale,
    /// No client to ask with.
    #[error("[outbound]: {0}")]
    Outbound(#[from] ClientError),
    /// Tokens may never operate.
    #[error("actions must not have operate: operators use API keys")]
    Operate,
    /// Too generous a clock.
    #[error("leeway is at most 5m")]
    Leeway,
    /// One claim cannot mean two things.
    #[error("{0} must not be '{1}', which has a meaning of its own")]
    Claim(&'static str, String),
}
