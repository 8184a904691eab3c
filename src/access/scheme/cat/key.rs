//! The keys of an instance, each tied to one algorithm before any token is seen.
//!
//! Must not know: claims.

use std::fmt;
use std::path::PathBuf;

use aws_lc_rs::hmac;
use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::rsa::KeyPair as RsaKeyPair;
use aws_lc_rs::signature::{
    ECDSA_P256_SHA256_FIXED, ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, ParsedPublicKey,
    RSA_PSS_2048_8192_SHA256, RSA_PSS_SHA256, VerificationAlgorithm,
};
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{PrivatePkcs8KeyDer, SubjectPublicKeyInfoDer};
use zeroize::Zeroizing;

use super::config::{CatFault, CatKeyConfig};
use super::cose::CatAlgorithm;
use crate::access::scheme::tilde::hex;
use crate::crypto::{SecretText, read_private};

/// The shortest shared secret, in bytes (RFC 9053 §3.1).
const MIN_SECRET: usize = 32;
/// An RSA key of 2048 bits takes more than this as a SubjectPublicKeyInfo; parsing alone lets
/// shorter ones pass.
const MIN_RSA: usize = 256;

/// A key that verifies.
pub(super) struct Key {
    pub(super) kid: String,
    pub(super) algorithm: CatAlgorithm,
    material: Material,
    /// What `token mint` signs with, where `material` cannot.
    signing: Option<PathBuf>,
}

enum Material {
    Shared(Box<hmac::Key>),
    Public(Box<ParsedPublicKey>),
}

impl Key {
    pub(super) fn load(config: &CatKeyConfig) -> Result<Self, CatFault> {
        let algorithm = config.alg.ok_or(CatFault::NoAlgorithm)?;
        if config.kid.is_empty() {
            return Err(CatFault::NoKid);
        }
        let material = match algorithm {
            CatAlgorithm::Hs256 => Material::Shared(Box::new(shared(config)?)),
            CatAlgorithm::Es256 => public(config, &ECDSA_P256_SHA256_FIXED, 0)?,
            CatAlgorithm::Ps256 => public(config, &RSA_PSS_2048_8192_SHA256, MIN_RSA)?,
        };
        Ok(Self {
            kid: config.kid.clone(),
            algorithm,
            material,
            signing: config.signing_key_file.clone(),
        })
    }

    /// Whether `seal` is this key's over `text`.
    pub(super) fn verify(&self, text: &[u8], seal: &[u8]) -> bool {
        match &self.material {
            Material::Shared(key) => hmac::verify(key, text, seal).is_ok(),
            Material::Public(key) => key.verify_sig(text, seal).is_ok(),
        }
    }

    /// The seal over `text`; `None` where there is no private key, or none of its sort.
    pub(super) fn seal(&self, text: &[u8]) -> Option<Vec<u8>> {
        if let Material::Shared(key) = &self.material {
            return Some(hmac::sign(key, text).as_ref().to_vec());
        }
        let pem = read_private(self.signing.as_ref()?).ok()?;
        let der = PrivatePkcs8KeyDer::from_pem_slice(pem.as_bytes()).ok()?;
        match self.algorithm {
            CatAlgorithm::Ps256 => rsa_seal(der.secret_pkcs8_der(), text),
            _ => ecdsa_seal(der.secret_pkcs8_der(), text),
        }
    }
}

fn ecdsa_seal(key: &[u8], text: &[u8]) -> Option<Vec<u8>> {
    let pair = EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, key).ok()?;
    let seal = pair.sign(&SystemRandom::new(), text).ok()?;
    Some(seal.as_ref().to_vec())
}

fn rsa_seal(key: &[u8], text: &[u8]) -> Option<Vec<u8>> {
    let pair = RsaKeyPair::from_pkcs8(key).ok()?;
    let mut seal = vec![0; pair.public_modulus_len()];
    let signed = pair.sign(&RSA_PSS_SHA256, &SystemRandom::new(), text, &mut seal);
    signed.ok().map(|()| seal)
}

/// The shared secret.
fn shared(config: &CatKeyConfig) -> Result<hmac::Key, CatFault> {
    let text = match (&config.secret_hex, &config.secret_hex_file) {
        (Some(text), None) => text.clone(),
        (None, Some(path)) => SecretText::new(read_private(path)?.to_string()),
        _ => return Err(CatFault::Material("secret_hex or secret_hex_file")),
    };
    if config.public_key_pem.is_some() || config.signing_key_file.is_some() {
        return Err(CatFault::Material("secret_hex or secret_hex_file"));
    }
    let secret = Zeroizing::new(hex(text.expose().trim()).ok_or(CatFault::Hex)?);
    match secret.len() {
        MIN_SECRET.. => Ok(hmac::Key::new(hmac::HMAC_SHA256, &secret)),
        short => Err(CatFault::ShortSecret(short)),
    }
}

/// The PEM without what a configuration's layout puts before its lines. A key of RSA may be written
/// bare (RFC 8017 §A.1.1), which is told from the other form when it is parsed.
fn flush(pem: &str) -> String {
    let lines: Vec<&str> = pem.lines().map(str::trim).collect();
    lines.join("\n").replace(" RSA PUBLIC KEY-", " PUBLIC KEY-")
}

fn public(
    config: &CatKeyConfig,
    algorithm: &'static dyn VerificationAlgorithm,
    shortest: usize,
) -> Result<Material, CatFault> {
    if config.secret_hex.is_some() || config.secret_hex_file.is_some() {
        return Err(CatFault::Material("public_key_pem"));
    }
    let pem = config.public_key_pem.as_ref();
    let pem = pem.ok_or(CatFault::Material("public_key_pem"))?;
    let der = SubjectPublicKeyInfoDer::from_pem_slice(flush(pem).as_bytes());
    let der = der.ok().filter(|der| der.len() > shortest);
    let key = der.and_then(|der| ParsedPublicKey::new(algorithm, der.as_ref()).ok());
    let key = key.ok_or(CatFault::PublicKey)?;
    Ok(Material::Public(Box::new(key)))
}

impl fmt::Debug for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Key")
            .field("kid", &self.kid)
            .field("algorithm", &self.algorithm)
            .finish_non_exhaustive()
    }
}
