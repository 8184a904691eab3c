//! A certificate authority of the test's own, and what it issues: for servers, for clients, and
//! lists of what it revoked.
//!
//! Must not know: who shows them to whom.

use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;

use rcgen::{
    BasicConstraints, Certificate, CertificateParams, CertificateRevocationListParams, DnType,
    ExtendedKeyUsagePurpose, IsCa, Issuer, KeyIdMethod, KeyPair, KeyUsagePurpose,
    RevokedCertParams, SanType, SerialNumber, date_time_ymd,
};

/// The authority.
pub(crate) struct Authority {
    issuer: Issuer<'static, KeyPair>,
    certificate: String,
}

/// A certificate with its private key, both PEM.
#[derive(Clone)]
pub(crate) struct Issued {
    pub(crate) certificate: String,
    pub(crate) key: String,
    serial: u64,
}

impl Authority {
    pub(crate) fn new() -> Self {
        let mut params = CertificateParams::default();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
        // Another name than what it issues has: OpenSSL takes those for signed by themselves.
        params
            .distinguished_name
            .push(DnType::CommonName, "an authority of the tests");
        let key = KeyPair::generate().unwrap();
        let certificate = params.self_signed(&key).unwrap().pem();
        Self {
            issuer: Issuer::new(params, key),
            certificate,
        }
    }

    /// What others have to trust, PEM.
    pub(crate) fn pem(&self) -> &str {
        &self.certificate
    }

    /// For a server on this machine, good until that year.
    pub(crate) fn server(&self, until: i32) -> Issued {
        let names = ["localhost", "127.0.0.1"].map(str::to_owned);
        self.sign(CertificateParams::new(names).unwrap(), until, 1)
    }

    /// For a server of another name.
    pub(crate) fn server_named(&self, name: &str) -> Issued {
        self.sign(CertificateParams::new([name.to_owned()]).unwrap(), 2040, 2)
    }

    /// For a client with these alternative names; `serial` tells it apart.
    pub(crate) fn client(&self, serial: u64, dns: &[&str], uris: &[&str]) -> Issued {
        let dns: Vec<String> = dns.iter().map(|&name| name.to_owned()).collect();
        let mut params = CertificateParams::new(dns).unwrap();
        let uris = uris
            .iter()
            .map(|&uri| SanType::URI(uri.try_into().unwrap()));
        params.subject_alt_names.extend(uris);
        params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ClientAuth];
        self.sign(params, 2040, serial)
    }

    fn sign(&self, mut params: CertificateParams, until: i32, serial: u64) -> Issued {
        params.not_before = date_time_ymd(2020, 1, 1);
        params.not_after = date_time_ymd(until, 1, 1);
        params.serial_number = Some(SerialNumber::from(serial));
        let key = KeyPair::generate().unwrap();
        let certificate: Certificate = params.signed_by(&key, &self.issuer).unwrap();
        Issued {
            certificate: certificate.pem(),
            key: key.serialize_pem(),
            serial,
        }
    }

    /// A list of what is revoked, PEM.
    pub(crate) fn revoked(&self, issued: &[&Issued]) -> String {
        let revoked = issued.iter().map(|issued| RevokedCertParams {
            serial_number: SerialNumber::from(issued.serial),
            revocation_time: date_time_ymd(2021, 1, 1),
            reason_code: None,
            invalidity_date: None,
        });
        let list = CertificateRevocationListParams {
            this_update: date_time_ymd(2021, 1, 1),
            next_update: date_time_ymd(2040, 1, 1),
            crl_number: SerialNumber::from(1_u64),
            issuing_distribution_point: None,
            revoked_certs: revoked.collect(),
            key_identifier_method: KeyIdMethod::Sha256,
        };
        list.signed_by(&self.issuer).unwrap().pem().unwrap()
    }
}

impl Issued {
    /// Puts certificate and key where a server of the tests has them.
    pub(crate) fn write(&self, folder: &Path) {
        private(&folder.join("server.pem"), &self.certificate);
        private(&folder.join("server.key"), &self.key);
    }
}

/// Writes a file that only its owner may read.
pub(crate) fn private(path: &Path, text: &str) {
    std::fs::write(path, text).unwrap();
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o600)).unwrap();
}
