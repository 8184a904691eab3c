//! Which files come into force, and which leave things as they are.
//!
//! Must not know: sockets.

use std::fs::Permissions;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::sync::atomic::{AtomicI64, Ordering};

use rcgen::{CertificateParams, KeyPair, date_time_ymd};

use super::*;
use crate::server::tls::ClientFiles;
use crate::telemetry::Metrics;

/// Stands until it is set.
struct Hand(AtomicI64);

impl Clock for Hand {
    fn now(&self) -> Timestamp {
        Timestamp::from_millis(self.0.load(Ordering::Relaxed))
    }
}

/// Good from 2020 to the end of 2029, unless said otherwise.
struct Pair {
    certificate: String,
    key: String,
}

fn pair(from: i32, to: i32) -> Pair {
    let key = KeyPair::generate().unwrap();
    let mut params = CertificateParams::new(["localhost".to_owned()]).unwrap();
    params.not_before = date_time_ymd(from, 1, 1);
    params.not_after = date_time_ymd(to, 1, 1);
    Pair {
        certificate: params.self_signed(&key).unwrap().pem(),
        key: key.serialize_pem(),
    }
}

struct Bench {
    folder: tempfile::TempDir,
    metrics: Metrics,
    clock: Arc<Hand>,
}

const NOW: i64 = 1_800_000_000_000;

impl Bench {
    fn new() -> Self {
        let bench = Self {
            folder: tempfile::tempdir().unwrap(),
            metrics: Metrics::default(),
            clock: Arc::new(Hand(AtomicI64::new(NOW))),
        };
        bench.write(&pair(2020, 2030));
        bench
    }

    fn put(&self, name: &str, text: &str) {
        let path = self.folder.path().join(name);
        std::fs::write(&path, text).unwrap();
        std::fs::set_permissions(path, Permissions::from_mode(0o640)).unwrap();
    }

    fn write(&self, pair: &Pair) {
        self.put("c.pem", &pair.certificate);
        self.put("k.pem", &pair.key);
    }

    fn files(&self) -> Files {
        let at = |name: &str| self.folder.path().join(name);
        Files {
            certificate: at("c.pem"),
            private_key: at("k.pem"),
            clients: None,
        }
    }

    fn load(&self) -> Result<Certificates, TlsError> {
        let measures = self.metrics.of_listener("players");
        Certificates::load(self.files(), Arc::clone(&self.clock) as _, measures)
    }
}

fn counts(certificates: &Certificates) -> (u64, u64) {
    let measures = &certificates.measures;
    (measures.taken.get(), measures.kept.get())
}

#[test]
fn players_resume_and_holders_of_certificates_never() {
    let bench = Bench::new();
    let config = bench.load().unwrap().current().config.clone();
    assert!(config.ticketer.enabled());
    assert_eq!(
        (config.send_tls13_tickets, config.max_early_data_size),
        (1, 0)
    );
    bench.put("ca.pem", &pair(2020, 2030).certificate);
    let mut files = bench.files();
    files.clients = Some(ClientFiles {
        ca: bench.folder.path().join("ca.pem"),
        crl: None,
    });
    let measures = bench.metrics.of_listener("packagers");
    let mutual = Certificates::load(files, Arc::clone(&bench.clock) as _, measures).unwrap();
    let config = mutual.current().config.clone();
    assert!(!config.ticketer.enabled() && !config.session_storage.can_cache());
    assert_eq!(
        (config.send_tls13_tickets, config.max_early_data_size),
        (0, 0)
    );
}

#[test]
fn a_wrong_pair_is_named() {
    let bench = Bench::new();
    bench.put("k.pem", &pair(2020, 2030).key);
    let error = bench.load().err().unwrap();
    assert!(matches!(error, TlsError::Certificate { .. }), "{error}");
    std::fs::remove_file(bench.folder.path().join("c.pem")).unwrap();
    let error = bench.load().err().unwrap().to_string();
    assert!(error.contains("c.pem"), "{error}");
}

#[test]
fn a_damaged_private_key_is_not_quoted() {
    let (bench, good) = (Bench::new(), pair(2020, 2030));
    let one_line = good.key.replace('\n', " ");
    let without_end = one_line.replace("-----END", "END");
    let certificates = bench.load().unwrap();
    for damaged in [one_line, without_end, good.key.replacen("----\n", "\n", 1)] {
        bench.put("k.pem", &damaged);
        certificates.look();
        let (_, said) = certificates.said.lock().unwrap().clone().unwrap();
        let error = bench.load().err().unwrap();
        for told in [said, error.to_string(), format!("{error:?}")] {
            assert!(told.contains("k.pem"), "{told}");
            assert!(!quotes(&told, &good.key), "{told}");
        }
    }
}

/// Whether `told` holds six characters in a row of the key's second line, as they are or as bytes
/// in decimal.
fn quotes(told: &str, key: &str) -> bool {
    let line = key.lines().nth(1).unwrap().as_bytes();
    line.windows(6).any(|part| {
        let numbers = part.iter().map(u8::to_string).collect::<Vec<_>>();
        told.contains(&*String::from_utf8_lossy(part)) || told.contains(&numbers.join(", "))
    })
}

#[test]
fn new_files_come_into_force_once() {
    let bench = Bench::new();
    let certificates = bench.load().unwrap();
    let before = certificates.current();
    certificates.look();
    assert!(Arc::ptr_eq(&before, &certificates.current()));
    bench.write(&pair(2020, 2029));
    certificates.look();
    certificates.look();
    assert!(!Arc::ptr_eq(&before, &certificates.current()));
    assert_eq!(counts(&certificates), (1, 0));
    let end = date_time_ymd(2029, 1, 1).unix_timestamp();
    assert_eq!(certificates.measures.not_after.get(), end);
}

#[test]
fn what_is_not_good_changes_nothing_and_is_counted_once() {
    let bench = Bench::new();
    let certificates = bench.load().unwrap();
    let before = certificates.current();
    let (good, path) = (pair(2020, 2030), bench.folder.path().join("c.pem"));
    let steps: [&dyn Fn(); 8] = [
        &|| bench.put("c.pem", &good.certificate), // and its key not yet
        &|| bench.put("c.pem", &good.certificate[..good.certificate.len() / 2]),
        &|| bench.put("c.pem", ""),
        &|| {
            bench.put(
                "c.pem",
                "-----BEGIN CERTIFICATE-----\n!\n-----END CERTIFICATE-----\n",
            );
        },
        &|| std::fs::remove_file(&path).unwrap(),
        &|| std::fs::create_dir(&path).unwrap(),
        &|| {
            std::fs::remove_dir(&path).unwrap();
            bench.write(&pair(2020, 2021));
        },
        &|| bench.write(&pair(2035, 2036)),
    ];
    for (count, step) in steps.iter().enumerate() {
        step();
        certificates.look();
        certificates.look();
        assert_eq!(counts(&certificates), (0, count as u64 + 1));
        assert_eq!(certificates.measures.good.get(), 0);
        assert!(
            Arc::ptr_eq(&before, &certificates.current()),
            "step {count}"
        );
    }
    bench.clock.0.store(
        date_time_ymd(2035, 6, 1).unix_timestamp() * 1000,
        Ordering::Relaxed,
    );
    certificates.look();
    assert_eq!(counts(&certificates), (1, 8), "its time has come");
    assert_eq!(certificates.measures.good.get(), 1);
}

#[test]
fn a_file_that_is_no_good_file_is_named_at_once() {
    let bench = Bench::new();
    let at = |name: &str| bench.folder.path().join(name);
    let certificates = bench.load().unwrap();
    std::fs::set_permissions(at("k.pem"), Permissions::from_mode(0o644)).unwrap();
    let error = bench.load().err().unwrap().to_string();
    assert!(error.contains("k.pem is open to others"), "{error}");
    std::fs::set_permissions(at("k.pem"), Permissions::from_mode(0o600)).unwrap();
    assert!(bench.load().is_ok());
    let good = std::fs::read_to_string(at("c.pem")).unwrap();
    bench.put("c.pem", &format!("{good}{}", "\n".repeat(8 << 20)));
    let error = bench.load().err().unwrap().to_string();
    assert!(error.contains("c.pem has more than 8 MiB"), "{error}");
    // Nobody writes into the pipe: a look that waited for it would never end.
    std::fs::remove_file(at("c.pem")).unwrap();
    rustix::fs::mkfifoat(rustix::fs::CWD, at("c.pem"), rustix::fs::Mode::RUSR).unwrap();
    certificates.look();
    let error = bench.load().err().unwrap().to_string();
    assert!(error.contains("c.pem is no regular file"), "{error}");
}

#[test]
fn a_client_is_known_until_its_certificate_ends() {
    use std::time::Duration;
    let (bench, ca) = (Bench::new(), KeyPair::generate().unwrap());
    let mut params = CertificateParams::default();
    params.is_ca = rcgen::IsCa::Ca(rcgen::BasicConstraints::Unconstrained);
    bench.put("ca.pem", &params.self_signed(&ca).unwrap().pem());
    let mut files = bench.files();
    files.clients = Some(ClientFiles {
        ca: bench.folder.path().join("ca.pem"),
        crl: None,
    });
    let measures = bench.metrics.of_listener("packagers");
    let mutual = Certificates::load(files, Arc::clone(&bench.clock) as _, measures).unwrap();
    let shown = |end: Duration| Shown {
        certificate: Arc::new(crate::access::ClientCertificate {
            fingerprint: crate::access::Fingerprint([0; 32]),
            dns: Vec::new(),
            uris: Vec::new(),
            expires: Timestamp::from_millis(NOW).plus(end),
        }),
        chain: Arc::new([]),
        under: mutual.current(),
    };
    let (short, long) = (
        shown(Duration::from_secs(1)),
        shown(Duration::from_secs(60)),
    );
    assert!(mutual.still_accept(&short) && mutual.still_accept(&long));
    bench.clock.0.store(NOW + 2000, Ordering::Relaxed);
    assert!(!mutual.still_accept(&short) && mutual.still_accept(&long));
}

#[test]
fn a_link_that_is_turned_is_seen() {
    use std::os::unix::fs::symlink;
    let bench = Bench::new();
    let at = |name: &str| bench.folder.path().join(name);
    for (folder, year) in [("one", 2029), ("two", 2028)] {
        std::fs::create_dir(at(folder)).unwrap();
        let pair = pair(2020, year);
        bench.put(&format!("{folder}/c.pem"), &pair.certificate);
        bench.put(&format!("{folder}/k.pem"), &pair.key);
    }
    for name in ["c.pem", "k.pem"] {
        std::fs::remove_file(at(name)).unwrap();
        symlink(Path::new("data").join(name), at(name)).unwrap();
    }
    symlink("one", at("data")).unwrap();
    let certificates = bench.load().unwrap();
    symlink("two", at("next")).unwrap();
    std::fs::rename(at("next"), at("data")).unwrap();
    certificates.look();
    assert_eq!(counts(&certificates), (1, 0));
    let end = date_time_ymd(2028, 1, 1).unix_timestamp();
    assert_eq!(certificates.measures.not_after.get(), end);
}

#[test]
fn a_certificate_past_its_time_still_lets_the_server_start() {
    let bench = Bench::new();
    bench.write(&pair(2020, 2021));
    let certificates = bench.load().unwrap();
    assert!(certificates.measures.not_after.get() * 1000 < NOW);
}
