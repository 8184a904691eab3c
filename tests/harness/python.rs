//! Scripts of `tests/python/`, run with what others wrote: `make test` installs it.
//!
//! Must not know: what a script does.

use std::process::Command;

use super::rust_source::root;

/// The script `name`, with these arguments, by the interpreter that has the packages of
/// `tests/python/requirements.txt`. That they are missing is an error, never a reason to skip.
pub(crate) fn script(name: &str, args: &[&str]) -> Command {
    let folder = root().join("tests/python");
    let installed = ".venv/installed";
    assert!(
        folder.join(installed).exists(),
        "the Python packages are missing: `make tests/python/{installed}` first"
    );
    let mut command = Command::new(folder.join(".venv/bin/python"));
    command.arg(folder.join(name)).args(args);
    command.env_clear().env("PYTHONDONTWRITEBYTECODE", "1");
    command
}

/// Runs it to its good end and gives what it printed, without the last line's end.
pub(crate) fn printed(name: &str, args: &[&str]) -> String {
    let output = script(name, args).output().unwrap();
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{name} {args:?}: {errors}");
    String::from_utf8(output.stdout)
        .unwrap()
        .trim_end()
        .to_owned()
}
