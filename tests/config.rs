//! `hlskey config`: the printed default is good, and a fault is told with its line and its fix.
//!
//! Must not know: what the settings do.

use std::path::{Path, PathBuf};
use std::process::Output;

use crate::harness::binary::{command, printed, run};
use crate::harness::serve::Serve;

fn check(config: &Path) -> Output {
    run(&["config", "check", "--config", config.to_str().unwrap()])
}

fn said(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

/// A good configuration with its files, and its text.
fn good() -> (Serve, PathBuf, String) {
    let serve = Serve::prepare("{ every = \"10m\" }", "");
    let config = serve.config();
    let text = std::fs::read_to_string(&config).unwrap();
    (serve, config, text)
}

#[test]
fn the_default_is_commented_and_is_read() {
    let text = printed(&["config", "default"]);
    let comments = text.lines().filter(|line| line.starts_with('#')).count();
    assert!(comments >= 20, "{comments} comments");
    let dir = tempfile::tempdir().unwrap();
    let config = dir.path().join("hlskey.toml");
    std::fs::write(&config, &text).unwrap();
    // It is read; what it names is not there, and is said by name with what to do.
    let output = check(&config);
    let said = said(&output);
    assert!(
        !output.status.success() && !said.contains("unknown"),
        "{said}"
    );
    assert!(said.contains(dir.path().to_str().unwrap()), "{said}");
}

#[test]
fn a_fault_is_told_with_its_line_and_its_fix() {
    let (_serve, config, text) = good();
    assert!(check(&config).status.success(), "{}", said(&check(&config)));
    for (from, to, words) in [
        ("listen =", "listn =", ["listn", "listen"]),
        ("\"10m\"", "\"soon\"", ["soon", "every"]),
        (
            "algorithms = [\"HS256\"]",
            "algorithms = [\"none\"]",
            ["none", "HS256"],
        ),
        (
            "source = \"allow\"",
            "source = \"anyone\"",
            ["anyone", "allow"],
        ),
        ("url = \"sqlite:", "url = \"mysql:", ["mysql", "sqlite"]),
    ] {
        std::fs::write(&config, text.replacen(from, to, 1)).unwrap();
        let line = 1 + text.lines().position(|line| line.contains(from)).unwrap();
        let output = check(&config);
        let said = said(&output);
        assert!(!output.status.success(), "{to}");
        for word in words {
            assert!(said.contains(word), "{to}: '{word}' is not in {said}");
        }
        assert!(
            said.contains(&format!("{line}")),
            "{to}: line {line} is not in {said}"
        );
    }
}

#[test]
fn an_open_secret_and_a_missing_key_are_told() {
    use std::os::unix::fs::PermissionsExt as _;
    let (_serve, config, _) = good();
    let dir = config.parent().unwrap();
    for name in [
        "viewers.secret",
        "keystore/master.key",
        "keystore/grant.key",
    ] {
        let path = dir.join(name);
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o644)).unwrap();
        let told = said(&check(&config));
        assert!(
            told.contains("chmod 600") && told.contains(name),
            "{name}: {told}"
        );
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o600)).unwrap();
    }
    let master = dir.join("keystore/master.key");
    std::fs::rename(&master, dir.join("kept")).unwrap();
    let told = said(&check(&config));
    assert!(told.contains("keystore init"), "{told}");
    let serve = run(&["serve", "--config", config.to_str().unwrap()]);
    assert!(
        !serve.status.success(),
        "it must not start without a master key"
    );
}

#[test]
fn the_environment_stands_over_the_file() {
    let (_serve, config, _) = good();
    let args = ["config", "check", "--config", config.to_str().unwrap()];
    let with = |name: &str, value: &str| command(&args).env(name, value).output().unwrap();
    assert!(
        with("HLSKEY_SERVER__LISTEN", "127.0.0.1:1")
            .status
            .success()
    );
    let bad = with("HLSKEY_SERVER__LISTEN", "nowhere");
    assert!(!bad.status.success() && said(&bad).contains("HLSKEY_SERVER__LISTEN"));
}

/// Makes something of a good server's files wrong.
type Spoil<'a> = &'a dyn Fn(&Serve);

#[test]
fn certificates_are_looked_into() {
    use std::fs::{Permissions, set_permissions, write};
    use std::os::unix::fs::PermissionsExt as _;
    let told = |spoil: Spoil<'_>| {
        let (serve, config, _) = good();
        spoil(&serve);
        let output = check(&config);
        (output.status.success(), said(&output))
    };
    let at = |serve: &Serve, name: &str| serve.certs().join(name);
    let (is_good, said) = told(&|_| {});
    assert!(is_good, "{said}");
    let cases: [(Spoil<'_>, &str); 6] = [
        (
            &|serve| write(at(serve, "server.key"), &serve.authority.server(2039).key).unwrap(),
            "server.pem",
        ),
        (
            &|serve| {
                set_permissions(at(serve, "server.key"), Permissions::from_mode(0o604)).unwrap();
            },
            "chmod 600",
        ),
        (
            &|serve| serve.authority.server(2021).write(&serve.certs()),
            "not now",
        ),
        (
            &|serve| write(at(serve, "server.pem"), "garbage").unwrap(),
            "server.pem",
        ),
        (
            &|serve| {
                let listener = "[server.packagers]\nlisten = \"127.0.0.1:1\"\n\
                                client_ca = \"certs/ca.pem\"\ncrl = \"certs/no.crl\"\n[server.ops]";
                serve.amend("[server.ops]", listener);
                write(at(serve, "no.crl"), "garbage").unwrap();
            },
            "no.crl",
        ),
        (
            &|serve| {
                serve.amend(
                    "[server.ops]\nlisten = \"127.0.0.1",
                    "[server.ops]\nlisten = \"0.0.0.0",
                );
            },
            "loopback",
        ),
    ];
    for (spoil, word) in cases {
        let (is_good, said) = told(spoil);
        assert!(!is_good && said.contains(word), "{word}: {said}");
    }
}

#[test]
fn a_secret_that_goes_on_over_lines_is_not_told_with_the_fault_in_it() {
    let (_serve, config, text) = good();
    const FIRST: &str = "[schemes.one]\nkind = \"securetoken\"\n";
    for (wrong, place) in [
        ("secrets = [\n \"fake-1\",\n fake-2,\n]", 5),
        ("secrets = [\n \"fake-1\",\n 4711,\n]", 3),
        ("secrets = [\n \"fake-1\"\n \"fake-2\"]", 5),
        ("secrets = [\n [\n [\"fake-1\"]]]", 3),
        ("secrets = \"\"\"\nZmFrZS0x=\nfake-2\n\"\"\"", 3),
        ("secrets = [\n'''\nfake = \"1\"\n''',\n\"fake-2\\q\"]", 7),
        ("secrets =\nfake-1", 4),
        ("fake-1", 3),
        ("ZmFrZS0x==", 3),
        ("\"fake-1\" = \"fake-2", 3),
        ("fake-1 = = 1", 3),
    ] {
        std::fs::write(&config, format!("{FIRST}{wrong}\n{text}")).unwrap();
        let output = check(&config);
        let said = said(&output);
        assert!(!output.status.success(), "{wrong}");
        for told in ["fake", "ZmFr", "4711"] {
            assert!(!said.contains(told), "{wrong}: {said}");
        }
        assert!(said.contains(&format!(":{place}:")), "{wrong}: {said}");
    }
    for (wrong, told) in [
        (
            "schemes.urlparams.play = [\"fake-1\"]\nschemes.urlparams.plya = 1",
            "plya",
        ),
        (
            "schemes.urlparams = { play = [\"fake-1\"], plya = 1 }",
            "plya",
        ),
        ("schemes.urlparams = { play [\"fake-1\"], plya = 1 }", ":1:"),
        (
            "schemes.urlparams = { \"play\" = [4711], streams = [] }",
            "a secret has the wrong form",
        ),
        (
            "schemes = { edgeauth = { salt = \"fake-1\", slat = 1 } }",
            "slat",
        ),
        ("schemes.urlparams.publish = 4711", "wrong form"),
        ("schemes.cat.keys = [{ kid = \"fake-1\", kdi = 1 }]", "kdi"),
    ] {
        std::fs::write(&config, wrong).unwrap();
        let said = said(&check(&config));
        assert!(said.contains(told), "{wrong}: {said}");
        for secret in ["fake", "4711"] {
            assert!(!said.contains(secret), "{wrong}: {said}");
        }
    }
    // A value that has such a name is none.
    let wrong = "[schemes.one]\nkind = \"jwt\"\nactions = [\"play\", \"watch\"]";
    std::fs::write(&config, format!("{wrong}\n{text}")).unwrap();
    let told = said(&check(&config));
    assert!(told.contains("'watch'"), "{told}");
    // Of a setting of its own the line is told.
    std::fs::write(&config, format!("{FIRST}  prefixx = \"p\"\n{text}")).unwrap();
    let told = said(&check(&config));
    assert!(
        told.contains("| ") && told.contains("prefixx = \"p\""),
        "{told}"
    );
}
