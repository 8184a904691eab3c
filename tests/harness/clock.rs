//! The clock of one process, set back or forward while it runs.
//!
//! Debian's `libfaketime` answers the process instead of the kernel, by a file that it reads at every
//! look; what measures spans (the monotonic clock) goes on undisturbed, as it does when an
//! administrator sets a clock. Must not know: what the process does.

use std::path::{Path, PathBuf};
use std::process::Command;

use super::packager::replace;

/// Where Debian's packages put the library, for any machine.
const LIBRARIES: [&str; 3] = [
    "/usr/lib/x86_64-linux-gnu",
    "/usr/lib/aarch64-linux-gnu",
    "/usr/lib",
];

/// A clock for the processes whose commands it is given to.
pub(crate) struct SetClock {
    library: PathBuf,
    offset: tempfile::TempDir,
}

impl SetClock {
    /// One that is right.
    pub(crate) fn right() -> Self {
        let paths = LIBRARIES.map(|folder| Path::new(folder).join("faketime/libfaketimeMT.so.1"));
        let library = paths.into_iter().find(|path| path.is_file());
        let clock = Self {
            library: library.expect("libfaketime is missing: make tools"),
            offset: tempfile::tempdir().unwrap(),
        };
        clock.set(0);
        clock
    }

    /// Sets it `seconds` before or after the right time, at once.
    pub(crate) fn set(&self, seconds: i64) {
        replace(&self.file(), &format!("{seconds:+}\n"));
    }

    /// Makes the command's process go by it.
    #[must_use]
    pub(crate) fn given_to(&self, mut command: Command) -> Command {
        command
            .env("LD_PRELOAD", &self.library)
            .env("FAKETIME_TIMESTAMP_FILE", self.file())
            .env("FAKETIME_NO_CACHE", "1")
            .env("FAKETIME_DONT_FAKE_MONOTONIC", "1")
            .env("NO_FAKE_STAT", "1");
        command
    }

    fn file(&self) -> PathBuf {
        self.offset.path().join("offset")
    }
}
