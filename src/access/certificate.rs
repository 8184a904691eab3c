//! What a client certificate says of its holder, and the table `[[client_certificates]]` that says
//! what the holder may do.
//!
//! Must not know: TLS. The listener has verified the chain before a certificate comes here.

use std::fmt;
use std::str::FromStr;

use serde::Deserialize;

use crate::api::Text;
use crate::domain::{Action, StreamPattern, Timestamp};

/// The certificate that a client proved to hold, reduced to what may name it.
#[derive(Clone, PartialEq, Eq)]
pub struct ClientCertificate {
    /// SHA-256 of its DER form.
    pub fingerprint: Fingerprint,
    /// Its subject alternative names of the kind dNSName. The common name is never looked at.
    pub dns: Vec<String>,
    /// Those of the kind uniformResourceIdentifier.
    pub uris: Vec<String>,
    /// When it ends.
    pub expires: Timestamp,
}

impl fmt::Debug for ClientCertificate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ClientCertificate")
            .field("fingerprint", &self.fingerprint.to_string())
            .finish_non_exhaustive()
    }
}

/// SHA-256 of a certificate, as `openssl x509 -fingerprint -sha256` prints it; colons and the case
/// of the digits do not matter.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Fingerprint(pub [u8; 32]);

/// The text is no SHA-256.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a fingerprint is the SHA-256 of a certificate: 64 hex digits, colons between if you like")]
pub struct FingerprintError;

impl FromStr for Fingerprint {
    type Err = FingerprintError;

    fn from_str(text: &str) -> Result<Self, FingerprintError> {
        let digits: Vec<u8> = text.bytes().filter(|byte| *byte != b':').collect();
        let mut bytes = [0; 32];
        if digits.len() != 2 * bytes.len() {
            return Err(FingerprintError);
        }
        for (byte, pair) in bytes.iter_mut().zip(digits.chunks(2)) {
            let digit = |at: usize| char::from(pair[at]).to_digit(16).ok_or(FingerprintError);
            *byte = u8::try_from(digit(0)? * 16 + digit(1)?).map_err(|_| FingerprintError)?;
        }
        Ok(Self(bytes))
    }
}

impl fmt::Display for Fingerprint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

/// Whose certificate a credential of the store is for; its text is `sha256:`, `dns:` or `uri:` and what is meant, as
/// in an entry of `[[client_certificates]]`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Whose(String);

/// The text means no certificate.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a certificate is sha256:FINGERPRINT, dns:HOST without wildcards, or uri:URI")]
pub struct WhoseError;

/// The most of a certificate's names that are looked up, its fingerprint among them.
const MOST_NAMES: usize = 100;

impl FromStr for Whose {
    type Err = WhoseError;

    fn from_str(text: &str) -> Result<Self, WhoseError> {
        let (kind, rest) = text.split_once(':').ok_or(WhoseError)?;
        let is_bad = |c: char| c.is_whitespace() || c.is_control();
        if rest.is_empty() || rest.len() > 512 || rest.contains(is_bad) {
            return Err(WhoseError);
        }
        match kind {
            "sha256" => rest.parse().map(Self::print).map_err(|_| WhoseError),
            "dns" if !rest.contains('*') => Ok(Self::dns(rest)),
            "uri" => Ok(Self::uri(rest)),
            _ => Err(WhoseError),
        }
    }
}

impl fmt::Display for Whose {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl Whose {
    /// What may be meant by `shown`: itself first, then its names.
    pub(super) fn of(shown: &ClientCertificate) -> impl Iterator<Item = Self> {
        let print = std::iter::once(Self::print(shown.fingerprint));
        let dns = shown.dns.iter().map(|name| Self::dns(name));
        let uris = shown.uris.iter().map(|uri| Self::uri(uri));
        print.chain(dns).chain(uris).take(MOST_NAMES)
    }

    fn print(print: Fingerprint) -> Self {
        Self(format!("sha256:{print}"))
    }

    fn dns(name: &str) -> Self {
        Self(format!("dns:{}", name.to_ascii_lowercase()))
    }

    fn uri(uri: &str) -> Self {
        Self(format!("uri:{uri}"))
    }

    /// As it is kept.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// One entry of `[[client_certificates]]`: whose certificate, and what it allows. The first entry
/// in the file's order that means a certificate decides.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CertificateConfig {
    /// What the log calls it.
    pub name: String,
    /// This one certificate. Exactly one of this, `dns` and `uri` must be there.
    #[serde(default)]
    pub fingerprint: Option<Text<Fingerprint>>,
    /// Any certificate of the CA with this host name among its alternative names; case does not
    /// matter, and there are no wildcards.
    #[serde(default)]
    pub dns: Option<String>,
    /// Any certificate of the CA with this URI among its alternative names, to the letter.
    #[serde(default)]
    pub uri: Option<String>,
    /// Which streams, such as `["live/*"]`.
    pub streams: Vec<Text<StreamPattern>>,
    /// What may be done with them. Default: all that packagers do; nothing else is allowed.
    #[serde(default = "packagers_work")]
    pub actions: Vec<Text<Action>>,
}

fn packagers_work() -> Vec<Text<Action>> {
    Action::PACKAGER.map(Text).to_vec()
}

/// What is wrong with an entry.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CertificateFault {
    /// It has no name.
    #[error("name is empty")]
    Name,
    /// It means no certificate, or says twice which one.
    #[error("exactly one of fingerprint, dns and uri says whose certificate it is")]
    Whose,
    /// A name that no certificate would match.
    #[error("dns is a whole host name: wildcards are not matched")]
    Wildcard,
    /// It would allow what this credential is not for.
    #[error("actions must not have {0}: a certificate allows what packagers do")]
    Action(Action),
}

impl CertificateConfig {
    /// Whether it can mean what it says.
    pub(super) fn check(&self) -> Result<(), CertificateFault> {
        if self.name.trim().is_empty() {
            return Err(CertificateFault::Name);
        }
        let said = [
            self.fingerprint.is_some(),
            self.dns.is_some(),
            self.uri.is_some(),
        ];
        if said.iter().filter(|said| **said).count() != 1 {
            return Err(CertificateFault::Whose);
        }
        if self.dns.as_ref().is_some_and(|name| name.contains('*')) {
            return Err(CertificateFault::Wildcard);
        }
        let foreign = |Text(action): &&Text<Action>| !Action::PACKAGER.contains(action);
        match self.actions.iter().find(foreign) {
            Some(Text(action)) => Err(CertificateFault::Action(*action)),
            None => Ok(()),
        }
    }

    /// Whether `shown` is meant.
    pub(super) fn means(&self, shown: &ClientCertificate) -> bool {
        let print = self.fingerprint.as_ref();
        let dns = self.dns.as_ref();
        let uri = self.uri.as_ref();
        print.is_some_and(|Text(print)| *print == shown.fingerprint)
            || dns.is_some_and(|name| shown.dns.iter().any(|n| n.eq_ignore_ascii_case(name)))
            || uri.is_some_and(|uri| shown.uris.contains(uri))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entry(toml: &str) -> CertificateConfig {
        toml::from_str(&format!("name = 'a'\nstreams = ['live/*']\n{toml}")).unwrap()
    }

    fn shown() -> ClientCertificate {
        ClientCertificate {
            fingerprint: Fingerprint([0xab; 32]),
            dns: vec![
                "Encoder.example.org".to_owned(),
                "*.wild.example".to_owned(),
            ],
            uris: vec!["spiffe://example.org/encoder".to_owned()],
            expires: Timestamp::from_millis(0),
        }
    }

    #[test]
    fn a_certificate_is_meant_by_print_or_name() {
        let print = "ab".repeat(32);
        let colons = ["AB"; 32].join(":");
        for meant in [
            format!("fingerprint = '{print}'"),
            format!("fingerprint = '{colons}'"),
            "dns = 'encoder.example.org'".to_owned(),
            "uri = 'spiffe://example.org/encoder'".to_owned(),
        ] {
            let entry = entry(&meant);
            assert_eq!(entry.check(), Ok(()), "{meant}");
            assert!(entry.means(&shown()), "{meant}");
        }
        for other in [
            format!("fingerprint = '{}'", "ac".repeat(32)),
            "dns = 'example.org'".to_owned(),
            "dns = 'a.wild.example'".to_owned(),
            "dns = 'spiffe://example.org/encoder'".to_owned(),
            "uri = 'spiffe://EXAMPLE.org/encoder'".to_owned(),
            "uri = 'spiffe://example.org/'".to_owned(),
        ] {
            assert!(!entry(&other).means(&shown()), "{other}");
        }
    }

    #[test]
    fn an_entry_that_cannot_be_meant_is_named() {
        let faulty = |toml: &str| entry(toml).check().unwrap_err();
        assert_eq!(faulty(""), CertificateFault::Whose);
        assert_eq!(faulty("dns = 'a'\nuri = 'b'"), CertificateFault::Whose);
        assert_eq!(faulty("dns = '*.a'"), CertificateFault::Wildcard);
        for (text, action) in [
            ("operate", Action::Operate),
            ("deliver", Action::Deliver),
            ("play", Action::Play),
        ] {
            let toml = format!("dns = 'a'\nactions = ['lease', '{text}']");
            assert_eq!(faulty(&toml), CertificateFault::Action(action));
        }
        let nameless = "name = ' '\ndns = 'a'\nstreams = []";
        let nameless: CertificateConfig = toml::from_str(nameless).unwrap();
        assert_eq!(nameless.check(), Err(CertificateFault::Name));
        for bad in ["", "ab", &"zz".repeat(32), &"ab".repeat(33)] {
            assert_eq!(bad.parse::<Fingerprint>(), Err(FingerprintError), "{bad}");
        }
    }
}
