//! Encrypted key delivery: a document that names recipients by their certificates gets no key in
//! the clear.
//!
//! Signatures of the document are not checked: its sender is known by its credential. Must not know:
//! ciphers.

use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use super::contract::{CPIX, Refused, items};
use super::fill::PSKC;
use crate::crypto::{ContentKey, Envelope, Wrapped};
use crate::domain::Entropy;
use crate::xml::Element;

const DS: &str = "http://www.w3.org/2000/09/xmldsig#";
const ENC: (&str, &str) = ("http://www.w3.org/2001/04/xmlenc#", "enc");
const AES: &str = "http://www.w3.org/2001/04/xmlenc#aes256-cbc";
const OAEP: &str = "http://www.w3.org/2001/04/xmlenc#rsa-oaep-mgf1p";
const HMAC: &str = "http://www.w3.org/2001/04/xmldsig-more#hmac-sha512";
/// Recipients of one document at most: each costs two public-key operations.
const MOST_RECIPIENTS: usize = 8;

/// How keys are encrypted for a document's recipients.
pub(super) struct Delivery {
    envelope: Envelope,
    /// In the document's order.
    wrapped: Vec<Wrapped>,
    entropy: Arc<dyn Entropy>,
}

impl Delivery {
    /// For the recipients that the document names; `None` if it names none.
    pub(super) fn to(root: &Element, entropy: Arc<dyn Entropy>) -> Result<Option<Self>, Refused> {
        let recipients: Vec<&Element> = items(root, "DeliveryDataList", "DeliveryData").collect();
        let has_list = root.named(CPIX, "DeliveryDataList").next().is_some();
        match recipients.len() {
            0 if !has_list => return Ok(None),
            1..=MOST_RECIPIENTS => {}
            _ => return refuse(&format!("1 to {MOST_RECIPIENTS} of DeliveryData")),
        }
        let envelope = Envelope::new(entropy.as_ref());
        let wrap = |one: &&Element| {
            let wrapped = envelope.wrap(&certificate(one)?);
            wrapped.or_else(|error| refuse(&error.to_string()))
        };
        let wrapped: Result<Vec<Wrapped>, Refused> = recipients.iter().map(wrap).collect();
        Ok(Some(Self {
            wrapped: wrapped?,
            envelope,
            entropy,
        }))
    }

    /// Writes the document's own keys, for each recipient.
    pub(super) fn fill(&self, root: &mut Element) {
        let lists = root.named_mut(CPIX, "DeliveryDataList");
        let recipients = lists.flat_map(|list| list.named_mut(CPIX, "DeliveryData"));
        for (recipient, wrapped) in recipients.zip(&self.wrapped) {
            let cpix = (CPIX, "cpix");
            let mut document = recipient.inner(cpix, "DocumentKey").with("Algorithm", AES);
            let mut data = document.inner(cpix, "Data");
            let mut secret = data.inner(PSKC, "Secret");
            self.put(&mut secret, OAEP, &wrapped.document);
            data.push(secret);
            document.push(data);
            recipient.push(document);
            let mut method = recipient.inner(cpix, "MACMethod").with("Algorithm", HMAC);
            let mut key = method.inner(cpix, "Key");
            self.put(&mut key, OAEP, &wrapped.mac);
            method.push(key);
            recipient.push(method);
        }
    }

    /// Writes a content key, encrypted, into its `Secret`.
    pub(super) fn seal(&self, secret: &mut Element, key: &ContentKey) {
        let sealed = self.envelope.seal(key, self.entropy.as_ref());
        self.put(secret, AES, &sealed);
    }

    fn put(&self, into: &mut Element, algorithm: &str, encrypted: &[u8]) {
        let mut value = into.inner(PSKC, "EncryptedValue");
        let method = value.inner(ENC, "EncryptionMethod");
        value.push(method.with("Algorithm", algorithm));
        let mut data = value.inner(ENC, "CipherData");
        let mut cipher = data.inner(ENC, "CipherValue");
        cipher.set_text(STANDARD.encode(encrypted));
        data.push(cipher);
        value.push(data);
        into.push(value);
        let mut mac = into.inner(PSKC, "ValueMAC");
        mac.set_text(STANDARD.encode(self.envelope.mac(encrypted)));
        into.push(mac);
    }
}

/// The one certificate of a recipient.
fn certificate(recipient: &Element) -> Result<Vec<u8>, Refused> {
    let key = recipient.named(CPIX, "DeliveryKey").next();
    let data = key.and_then(|key| key.named(DS, "X509Data").next());
    let Some(certificate) = data.and_then(|data| data.named(DS, "X509Certificate").next()) else {
        return refuse("DeliveryKey holds X509Data with an X509Certificate");
    };
    let text: String = certificate.raw_text().split_whitespace().collect();
    let bytes = STANDARD.decode(text);
    bytes.or_else(|_| refuse("X509Certificate is base64"))
}

fn refuse<T>(text: &str) -> Result<T, Refused> {
    Err(Refused::Other(format!("DeliveryData: {text}")))
}
