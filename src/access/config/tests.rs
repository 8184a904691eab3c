//! What a configuration may say, and how each mistake is named.
//!
//! Must not know: tokens.

use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::sync::Arc;

use rcgen::{KeyPair, PKCS_ECDSA_P256_SHA256, PKCS_RSA_SHA256};

use super::*;
use crate::access::Gate;
use crate::access::testing::{Bench, fake_secret, private_file};
use crate::domain::{SystemClock, SystemEntropy};

fn parse(toml: &str) -> Result<Config, toml::de::Error> {
    toml::from_str(toml)
}

const MINIMAL: &str = "[grants]\nkey_files = [\"/k\"]\n[entitlement]\nsource = \"allow\"\n";

#[test]
fn nothing_is_open_by_default() {
    assert!(parse(MINIMAL).unwrap().schemes.0.is_empty());
    for incomplete in [
        "",
        "[grants]\nkey_files = [\"/k\"]",
        "[entitlement]\nsource = \"allow\"",
        "[grants]\nkey_files = [\"/k\"]\n[entitlement]\n",
    ] {
        assert!(parse(incomplete).is_err(), "{incomplete}");
    }
    for unknown in [
        "[schemes.jwt]\nsecrets = \"x\"",
        "[schemes.jwt]\nkind = \"jwts\"",
        "[scheme]",
    ] {
        assert!(parse(&format!("{MINIMAL}{unknown}")).is_err(), "{unknown}");
    }
}

#[test]
fn every_path_can_be_resolved() {
    let toml = "[schemes.jwt]\nsecret_file = \"a\"\npublic_key_file = \"b\"\n\
        alternate_secret_file = \"c\"\nalternate_public_key_file = \"d\"\nsigning_key_file = \"e\"";
    let mut config = parse(&format!("{MINIMAL}{toml}")).unwrap();
    for path in config.paths_mut() {
        *path = Path::new("/base").join(&*path);
    }
    let shown = format!("{config:?}");
    for path in [
        "/base/a", "/base/b", "/base/c", "/base/d", "/base/e", "\"/k\"",
    ] {
        assert!(shown.contains(path), "{path} in {shown}");
    }
}

#[test]
fn no_secret_is_shown() {
    let toml = format!(
        "{MINIMAL}[schemes.jwt]\nsecret = {:?}\nalternate_secret = \"obviously-a-fake-short\"",
        fake_secret('a')
    );
    let shown = format!("{:?}", parse(&toml).unwrap());
    assert!(!shown.contains("obviously"), "{shown}");
}

/// What the gate says to this configuration of the instance `jwt`, and to the rest of `config`.
fn refusal(bench: &Bench, config: &Config) -> Option<String> {
    let gate = Gate::new(
        config,
        bench.store.clone(),
        Arc::new(SystemClock),
        Arc::new(SystemEntropy),
    );
    gate.err().map(|error| error.to_string())
}

#[tokio::test]
async fn keys_are_refused_by_name() {
    let bench = Bench::open().await;
    let dir = bench.dir.path();
    let ec = KeyPair::generate_for(&PKCS_ECDSA_P256_SHA256).unwrap();
    let rsa = KeyPair::generate_for(&PKCS_RSA_SHA256).unwrap();
    let good = private_file(dir, "good", &format!("{}\n", fake_secret('a')));
    let short = private_file(dir, "short", &format!("{}\n", &fake_secret('a')[1..]));
    let open = private_file(dir, "open", &fake_secret('a'));
    fs::set_permissions(&open, Permissions::from_mode(0o640)).unwrap();
    let ec = (
        private_file(dir, "ec", &ec.public_key_pem()),
        private_file(dir, "ec-private", &ec.serialize_pem()),
    );
    let rsa = private_file(dir, "rsa", &rsa.public_key_pem());
    let small = private_file(dir, "small", SMALL_RSA);
    let cases = [
        (format!("secret_file = {good:?}"), None),
        (format!("public_key_file = {:?}", ec.0), None),
        (
            format!("public_key_file = {rsa:?}\nalgorithms = [\"PS256\"]"),
            None,
        ),
        (
            format!("secret_file = {good:?}\nalternate_public_key_file = {rsa:?}"),
            None,
        ),
        (String::new(), Some("one of secret")),
        (
            format!("alternate_secret_file = {good:?}"),
            Some("one of secret"),
        ),
        (
            format!("secret_file = {short:?}"),
            Some("secret_file has 31 bytes"),
        ),
        (format!("secret_file = {open:?}"), Some("chmod 600")),
        (
            "secret_file = \"/nowhere\"".to_owned(),
            Some("/nowhere is not there"),
        ),
        (
            format!("secret_file = {rsa:?}"),
            Some("secret_file is a PEM key"),
        ),
        (
            format!("public_key_file = {good:?}"),
            Some("not the PEM of a public key"),
        ),
        (
            format!("public_key_file = {:?}", ec.1),
            Some("not the PEM of a public key"),
        ),
        (
            format!("public_key_file = {small:?}"),
            Some("not the PEM of a public key"),
        ),
        (
            "public_key_file = \"/nowhere\"".to_owned(),
            Some("cannot read /nowhere"),
        ),
        (
            format!("secret_file = {good:?}\npublic_key_file = {rsa:?}"),
            Some("secret_file and public_key_file exclude each other"),
        ),
        (
            format!("secret = \"x\"\nsecret_file = {good:?}"),
            Some("secret and secret_file exclude each other"),
        ),
        (
            format!("public_key_file = {rsa:?}\nalgorithms = [\"HS256\"]"),
            Some("algorithms has HS256, which no configured key is for"),
        ),
        (
            format!("public_key_file = {:?}\nalgorithms = [\"ES384\"]", ec.0),
            Some("algorithms has ES384"),
        ),
        (
            format!(
                "secret_file = {good:?}\nalternate_public_key_file = {rsa:?}\n\
                 algorithms = [\"HS256\"]"
            ),
            Some("algorithms has none for alternate_public_key_file"),
        ),
    ];
    for (toml, expected) in cases {
        let mut config = bench.config.clone();
        config.schemes = toml::from_str(&format!("[jwt]\n{toml}")).unwrap();
        let found = refusal(&bench, &config);
        let as_expected = match (&found, expected) {
            (Some(found), Some(text)) => found.starts_with("schemes.jwt: ") && found.contains(text),
            (found, expected) => found.is_none() && expected.is_none(),
        };
        assert!(as_expected, "{toml}: {found:?}");
    }
}

#[tokio::test]
async fn the_rest_is_refused_by_name() {
    let bench = Bench::open().await;
    let refused = |change: &dyn Fn(&mut Config)| {
        let mut config = bench.config.clone();
        change(&mut config);
        refusal(&bench, &config).unwrap_or_default()
    };
    let named = format!("[team]\nsecret = {:?}", fake_secret('a'));
    let fault = toml::from_str::<SchemesConfig>(&named).unwrap_err();
    assert!(
        fault
            .message()
            .contains("schemes.team: the name is no kind"),
        "{fault}"
    );
    let viewer = crate::access::ViewerConfig {
        subject: "alice".to_owned(),
        streams: Vec::new(),
    };
    let stray = |config: &mut Config| config.entitlement.viewers.push(viewer.clone());
    assert!(refused(&stray).contains("needs source = \"static\""));
    let none = |config: &mut Config| config.grants.key_files.clear();
    assert!(refused(&none).contains("grants.key_files is empty"));
    let key = private_file(bench.dir.path(), "bad.key", "not hex");
    let malformed = |config: &mut Config| config.grants.key_files.push(key.clone());
    assert!(refused(&malformed).contains("bad.key does not hold 64 hex digits"));
}

/// The public half of an RSA key of 1024 bits, which nobody holds the private half of any more.
const SMALL_RSA: &str = "-----BEGIN PUBLIC KEY-----\n\
    MIGfMA0GCSqGSIb3DQEBAQUAA4GNADCBiQKBgQC/fvYdgCAHStXgTeYtnHJw65L0\n\
    k378vy9YIpt7VhYQoYgabQBpTls9t/GRxhQ9JT9VWqL10rHBpS7J0omjNkjoWFdm\n\
    +0BUUHOlIKInqG0nYpgW/YD25IFKUomXtyw4jb2QBfNKgSF4W8NMc87FMI5JnpJC\n\
    iSJzA6hURglzhLE+YwIDAQAB\n\
    -----END PUBLIC KEY-----";
