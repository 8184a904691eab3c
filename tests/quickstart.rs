//! The README's way to a server, word for word, in an empty folder.
//!
//! Must not know: the commands; it reads them from the README.

use std::fs;
use std::path::Path;
use std::process::Command;

use crate::harness::binary::binary;
use crate::harness::rust_source::root;

/// The lines of a text's `sh` blocks: continued ones joined, comments cut.
fn commands(text: &str) -> Vec<String> {
    let blocks = text.split("```sh\n").skip(1);
    let code: String = blocks
        .filter_map(|rest| rest.split("```").next())
        .collect::<String>()
        .replace("\\\n", " ");
    let lines = code.lines().map(|line| line.split(" #").next().unwrap());
    let lines = lines.map(|line| line.trim().to_owned());
    lines.filter(|line| !line.is_empty()).collect()
}

/// As a shell would, with the built program on its path.
fn run(folder: &Path, command: &str) -> Result<(), String> {
    let program = binary();
    let path = format!("{}:/usr/bin:/bin", program.parent().unwrap().display());
    let done = Command::new("bash")
        .args(["-euc", command])
        .current_dir(folder)
        .env("PATH", path)
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&done.stderr).into_owned();
    let success = done.status.success();
    success.then_some(()).ok_or(format!("{command}\n{said}"))
}

/// What the README leaves to the reader: a certificate.
const CERTIFICATE: &str = "mkdir certs && openssl req -x509 -newkey ec -nodes -days 2 \
    -pkeyopt ec_paramgen_curve:P-256 -subj /CN=localhost \
    -keyout certs/server.key -out certs/server.pem";

#[test]
fn the_readme_leads_to_a_configuration_without_fault() {
    let folder = tempfile::tempdir().unwrap();
    let readme = fs::read_to_string(root().join("README.md")).unwrap();
    let steps = commands(&readme);
    let at = |start: &str| steps.iter().position(|step| step.starts_with(start));
    let (first, check) = (at("hlskey config default"), at("hlskey config check"));
    for step in &steps[first.unwrap()..check.unwrap()] {
        run(folder.path(), step).unwrap();
    }
    let check = &steps[check.unwrap()];
    let fault = run(folder.path(), check).unwrap_err();
    assert!(fault.contains("certs/server.pem"), "{fault}");
    run(folder.path(), CERTIFICATE).unwrap();
    run(folder.path(), check).unwrap();
    run(folder.path(), &steps[at("hlskey credential add").unwrap()]).unwrap();
    run(
        folder.path(),
        "hlskey token mint --stream live/news --ttl 1h",
    )
    .unwrap();
    assert!(folder.path().join("studio-1.credential").exists());
}
