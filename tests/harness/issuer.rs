//! An issuer of viewers' tokens: makes keys, and signs JWTs by hand (RFC 7515 §3.1).
//!
//! Must not know: the library that the product verifies with.

use aws_lc_rs::hmac;
use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::signature::{
    ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, Ed25519KeyPair, RSA_PKCS1_SHA256, RsaKeyPair,
};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use rcgen::{KeyPair, PKCS_ECDSA_P256_SHA256, PKCS_ED25519, PKCS_RSA_SHA256, RsaKeySize};
use serde_json::{Value, json};

/// Seconds since 1970.
#[expect(
    clippy::disallowed_methods,
    reason = "an issuer has a clock of its own"
)]
pub(crate) fn now() -> i64 {
    let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
    since.unwrap().as_secs() as i64
}

/// A signing key of one algorithm.
pub(crate) enum Issuer {
    Hs256(Vec<u8>),
    Rs256(KeyPair),
    Es256(KeyPair),
    EdDsa(KeyPair),
}

impl Issuer {
    /// One of each public-key algorithm, with new keys.
    pub(crate) fn asymmetric() -> [Self; 3] {
        let rsa = KeyPair::generate_rsa_for(&PKCS_RSA_SHA256, RsaKeySize::_2048);
        [
            Self::Rs256(rsa.unwrap()),
            Self::Es256(KeyPair::generate_for(&PKCS_ECDSA_P256_SHA256).unwrap()),
            Self::EdDsa(KeyPair::generate_for(&PKCS_ED25519).unwrap()),
        ]
    }

    /// Its algorithm's name.
    pub(crate) fn name(&self) -> &'static str {
        match self {
            Self::Hs256(_) => "HS256",
            Self::Rs256(_) => "RS256",
            Self::Es256(_) => "ES256",
            Self::EdDsa(_) => "EdDSA",
        }
    }

    /// Its public key, PEM.
    pub(crate) fn public_pem(&self) -> String {
        match self {
            Self::Hs256(_) => panic!("a secret has no public half"),
            Self::Rs256(pair) | Self::Es256(pair) | Self::EdDsa(pair) => pair.public_key_pem(),
        }
    }

    /// A token with these claims.
    pub(crate) fn token(&self, claims: &Value) -> String {
        self.token_as(self.name(), claims)
    }

    /// A token whose head names another algorithm than it is signed with.
    pub(crate) fn token_as(&self, algorithm: &str, claims: &Value) -> String {
        let part = |value: &Value| URL_SAFE_NO_PAD.encode(value.to_string());
        let head = json!({"alg": algorithm, "typ": "JWT"});
        let body = format!("{}.{}", part(&head), part(claims));
        let signature = self.sign(body.as_bytes());
        format!("{body}.{}", URL_SAFE_NO_PAD.encode(signature))
    }

    fn sign(&self, message: &[u8]) -> Vec<u8> {
        let random = SystemRandom::new();
        match self {
            Self::Hs256(secret) => {
                let key = hmac::Key::new(hmac::HMAC_SHA256, secret);
                hmac::sign(&key, message).as_ref().to_vec()
            }
            Self::Rs256(pair) => {
                let key = RsaKeyPair::from_pkcs8(&pair.serialize_der()).unwrap();
                let mut signature = vec![0; key.public_modulus_len()];
                let padding = &RSA_PKCS1_SHA256;
                key.sign(padding, &random, message, &mut signature).unwrap();
                signature
            }
            Self::Es256(pair) => {
                let algorithm = &ECDSA_P256_SHA256_FIXED_SIGNING;
                let key = EcdsaKeyPair::from_pkcs8(algorithm, &pair.serialize_der()).unwrap();
                key.sign(&random, message).unwrap().as_ref().to_vec()
            }
            Self::EdDsa(pair) => {
                let key = Ed25519KeyPair::from_pkcs8(&pair.serialize_der()).unwrap();
                key.sign(message).as_ref().to_vec()
            }
        }
    }
}
