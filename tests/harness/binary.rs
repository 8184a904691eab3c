//! The built program, and its subcommands that end by themselves.
//!
//! Must not know: what a subcommand prints.

use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use super::rust_source::root;

/// The program under test: `HLSKEY_BIN`, else `target/release/hlskey`. That it is missing is an
/// error, never a reason to skip.
pub(crate) fn binary() -> PathBuf {
    built("HLSKEY_BIN", "target/release/hlskey", "make build")
}

/// The same program with fail points: `HLSKEY_FAILPOINTS_BIN`, else `target/failpoints/hlskey`.
pub(crate) fn failpoints() -> PathBuf {
    built(
        "HLSKEY_FAILPOINTS_BIN",
        "target/failpoints/hlskey",
        "make failpoints",
    )
}

fn built(setting_name: &str, usual: &str, how: &str) -> PathBuf {
    let path = match setting(setting_name) {
        Some(path) => PathBuf::from(path),
        None => root().join(usual),
    };
    let missing = || panic!("{} is not there: `{how}` first", path.display());
    path.canonicalize().unwrap_or_else(|_| missing())
}

/// A variable of the test run's environment.
#[expect(
    clippy::disallowed_methods,
    reason = "how a test run is told what to test"
)]
pub(crate) fn setting(name: &str) -> Option<String> {
    std::env::var(name).ok().filter(|value| !value.is_empty())
}

/// A command of the program in a clean environment.
pub(crate) fn command(args: &[&str]) -> Command {
    let mut command = Command::new(binary());
    command.args(args).env_clear().env("PATH", "/usr/bin:/bin");
    command
}

/// The same command of the program with fail points. It ends as by `kill -9` at `point`, a name
/// or `name:n` for the n-th passing.
pub(crate) fn armed(command: &Command, point: &str) -> Command {
    let mut same = Command::new(failpoints());
    same.args(command.get_args()).env_clear();
    same.envs(
        command
            .get_envs()
            .filter_map(|(name, value)| Some((name, value?))),
    );
    same.env("HLSKEY_CRASH_AT", point);
    same
}

/// Runs it to its end.
pub(crate) fn run(args: &[&str]) -> Output {
    command(args).output().unwrap()
}

/// Runs it to its good end and gives what it printed, without the last line's end.
pub(crate) fn printed(args: &[&str]) -> String {
    let output = run(args);
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{args:?}: {errors}");
    String::from_utf8(output.stdout)
        .unwrap()
        .trim_end()
        .to_owned()
}

/// A viewer's token for `stream` at the server of `config`.
pub(crate) fn mint(config: &Path, stream: &str, ttl: &str) -> String {
    let config = config.to_str().unwrap();
    printed(&[
        "token", "mint", "--config", config, "--stream", stream, "--ttl", ttl,
    ])
}
