//! Content keys for the owner of a certificate alone, as CPIX has it (DASH-IF CPIX 2.3, "Encrypted
//! key delivery"): one AES-256 key and one MAC key for a document, each wrapped by RSA-OAEP for every recipient.
//!
//! Must not know: how they are written down.

use aes::Aes256;
use aws_lc_rs::hmac;
use aws_lc_rs::rsa::{OAEP_SHA1_MGF1SHA1, OaepPublicEncryptingKey, PublicEncryptingKey};
use cbc::cipher::block_padding::Pkcs7;
use cbc::cipher::{BlockModeEncrypt, KeyIvInit};
use zeroize::Zeroizing;

use super::ContentKey;
use crate::domain::Entropy;

/// The certificate is no X.509, or its key is not one of RSA of 2048 to 8192 bits.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the certificate must be X.509 in DER with an RSA key of 2048 to 8192 bits")]
pub struct RecipientError;

/// The keys of one document.
pub struct Envelope {
    document: Zeroizing<[u8; 32]>,
    mac: Zeroizing<[u8; 64]>,
}

/// The document's keys, readable by one recipient.
pub struct Wrapped {
    /// The AES-256 key, by RSA-OAEP with SHA-1 and MGF1.
    pub document: Vec<u8>,
    /// The MAC key, the same way.
    pub mac: Vec<u8>,
}

impl Envelope {
    /// Draws new keys.
    pub fn new(entropy: &dyn Entropy) -> Self {
        let mut envelope = Self {
            document: Zeroizing::new([0; 32]),
            mac: Zeroizing::new([0; 64]),
        };
        entropy.fill(&mut *envelope.document);
        entropy.fill(&mut *envelope.mac);
        envelope
    }

    /// The keys for the owner of the certificate, which is DER.
    pub fn wrap(&self, certificate: &[u8]) -> Result<Wrapped, RecipientError> {
        let parsed = x509_parser::parse_x509_certificate(certificate);
        let (_, parsed) = parsed.map_err(|_| RecipientError)?;
        let key = PublicEncryptingKey::from_der(parsed.public_key().raw);
        let key = OaepPublicEncryptingKey::new(key.map_err(|_| RecipientError)?);
        let key = key.map_err(|_| RecipientError)?;
        let wrap = |secret: &[u8]| {
            let mut out = vec![0; key.ciphertext_size()];
            let wrapped = key.encrypt(&OAEP_SHA1_MGF1SHA1, secret, &mut out, None);
            let length = wrapped.map_err(|_| RecipientError)?.len();
            out.truncate(length);
            Ok(out)
        };
        Ok(Wrapped {
            document: wrap(&*self.document)?,
            mac: wrap(&*self.mac)?,
        })
    }

    /// A content key by AES-256-CBC with PKCS#7, a random IV before it.
    pub fn seal(&self, key: &ContentKey, entropy: &dyn Entropy) -> Vec<u8> {
        let mut iv = [0; 16];
        entropy.fill(&mut iv);
        let cipher = cbc::Encryptor::<Aes256>::new((&*self.document).into(), (&iv).into());
        let sealed = cipher.encrypt_padded_vec::<Pkcs7>(key.expose());
        [&iv[..], &sealed].concat()
    }

    /// HMAC-SHA512 over what is encrypted.
    pub fn mac(&self, encrypted: &[u8]) -> Vec<u8> {
        let key = hmac::Key::new(hmac::HMAC_SHA512, &*self.mac);
        hmac::sign(&key, encrypted).as_ref().to_vec()
    }
}
