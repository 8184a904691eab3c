//! A disk that is soon full.
//!
//! Must not know: what lies on it.

use std::path::{Path, PathBuf};
use std::process::Command;

/// A tmpfs. Where it cannot be mounted the test fails: a full disk must be tried.
pub(crate) struct SmallDisk(PathBuf);

impl SmallDisk {
    /// Mounts one of `kib` KiB.
    pub(crate) fn mount(at: &Path, kib: u64) -> Self {
        let options = format!("size={kib}k,mode=700");
        let status = Command::new("mount")
            .args(["-t", "tmpfs", "-o", &options, "hlskey-test"])
            .arg(at)
            .status()
            .unwrap();
        assert!(
            status.success(),
            "cannot mount a tmpfs: run the tests as root"
        );
        Self(at.to_owned())
    }

    /// Takes all that is left.
    pub(crate) fn fill(&self) {
        let mut file = std::fs::File::create(self.filler()).unwrap();
        let (mut block, mut smallest) = (vec![0_u8; 64 << 10], 0);
        while smallest != block.len() {
            smallest = block.len();
            while std::io::Write::write_all(&mut file, &block).is_ok() {}
            block.truncate((block.len() / 4).max(1));
        }
    }

    /// Gives back what was taken.
    pub(crate) fn empty(&self) {
        std::fs::remove_file(self.filler()).unwrap();
    }

    fn filler(&self) -> PathBuf {
        self.0.join(".filler")
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg("-l").arg(&self.0).status();
    }
}
