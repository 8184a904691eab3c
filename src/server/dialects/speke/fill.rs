//! The answer: the packager's own document with keys and signalling filled in, and nothing else changed.
//!
//! One of the two places that write keys for packagers, from what a `Permit<Lease>` gave. Must not
//! know: what may be asked for.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use super::contract::{CPIX, Dialect, Refused, SPEKE, kid};
use super::delivery::Delivery;
use crate::crypto::SecretText;
use crate::keys::BroughtKey;
use crate::xml::Element;

/// The namespace of secrets (RFC 6030), and the prefix that it gets where it has none.
pub(super) const PSKC: (&str, &str) = ("urn:ietf:params:xml:ns:keyprov:pskc", "pskc");

/// Fills the document, which was checked before.
pub(super) fn fill(
    dialect: Dialect,
    root: &mut Element,
    keys: &[BroughtKey],
    delivery: Option<&Delivery>,
) -> Result<(), Refused> {
    let key_of = |element: &Element| {
        let kid = kid(element)?;
        let found = keys.iter().find(|key| key.brought == kid);
        found.ok_or(Refused::BadContract)
    };
    for list in root.named_mut(CPIX, "ContentKeyList") {
        for element in list.named_mut(CPIX, "ContentKey") {
            let key = key_of(element)?;
            fill_key(element, key, delivery);
        }
    }
    for list in root.named_mut(CPIX, "DRMSystemList") {
        for element in list.named_mut(CPIX, "DRMSystem") {
            let key = key_of(element)?;
            match dialect {
                Dialect::V1 => signal_v1(element, &key.uri),
                Dialect::V20 | Dialect::V21 => signal(dialect, element, &key.uri),
            }
        }
    }
    Ok(())
}

fn fill_key(element: &mut Element, key: &BroughtKey, delivery: Option<&Delivery>) {
    let mut secret = element.inner(PSKC, "Secret");
    match delivery {
        Some(delivery) => delivery.seal(&mut secret, &key.key),
        None => {
            let mut value = secret.inner(PSKC, "PlainValue");
            value.set_secret(SecretText::new(STANDARD.encode(key.key.expose())));
            secret.push(value);
        }
    }
    if let Some(data) = element.named_mut(CPIX, "Data").next() {
        // An empty secret may stand there already.
        data.children.clear();
        return data.push(secret);
    }
    let mut data = element.inner((CPIX, "cpix"), "Data");
    data.push(secret);
    element.push(data);
}

/// The texts are base64; the URI is given whether or not it was asked for.
fn signal_v1(system: &mut Element, uri: &str) {
    if system.named(CPIX, "URIExtXKey").next().is_none() {
        let element = system.inner((CPIX, "cpix"), "URIExtXKey");
        system.push(element);
    }
    for (space, name, text) in [
        (CPIX, "URIExtXKey", uri),
        (SPEKE, "KeyFormat", "identity"),
        (SPEKE, "KeyFormatVersions", "1"),
    ] {
        for element in system.named_mut(space, name) {
            element.set_text(STANDARD.encode(text));
        }
    }
}

/// Whole tags, in base64.
fn signal(dialect: Dialect, system: &mut Element, uri: &str) {
    for element in system.named_mut(CPIX, "HLSSignalingData") {
        let playlist = element.attribute("playlist");
        if let Some(tag) = dialect.tag(playlist.as_deref()) {
            let tag = format!(
                "{tag}:METHOD=AES-128,URI=\"{uri}\",KEYFORMAT=\"identity\",KEYFORMATVERSIONS=\"1\""
            );
            element.set_text(STANDARD.encode(tag));
        }
    }
}
