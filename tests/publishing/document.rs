//! docs/PUBLISHING.md's blocks, for who runs them.
//!
//! Must not know: what they do.

use std::process::Command;

use crate::harness::binary::binary;
use crate::harness::rust_source::root;
use crate::harness::serve::Serve;

pub(crate) fn text() -> String {
    std::fs::read_to_string(root().join("docs/PUBLISHING.md")).unwrap()
}

/// Every block in that language.
pub(crate) fn blocks(language: &str) -> Vec<String> {
    let (text, fence) = (text(), format!("```{language}\n"));
    let blocks = text.split(&fence).skip(1);
    let blocks = blocks.filter_map(|rest| rest.split("```").next());
    blocks.map(str::to_owned).collect()
}

/// The first of them that has `mark`.
pub(crate) fn block(language: &str, mark: &str) -> String {
    let found = blocks(language).into_iter().find(|it| it.contains(mark));
    found.unwrap_or_else(|| panic!("no {language} with {mark}"))
}

/// Runs such a block of commands in the server's folder, with the built program on its path.
pub(crate) fn run(serve: &Serve, script: &str, environment: &[(&str, &str)]) -> String {
    let program = binary();
    let path = format!("{}:/usr/bin:/bin", program.parent().unwrap().display());
    let done = Command::new("bash")
        .args(["-euc", script])
        .current_dir(serve.config().parent().unwrap())
        .env("PATH", path)
        .envs(environment.iter().copied())
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&done.stderr).into_owned();
    assert!(done.status.success(), "{script}\n{said}");
    String::from_utf8(done.stdout).unwrap()
}
