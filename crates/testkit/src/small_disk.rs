//! A file system of a few megabytes, to be filled.

use std::fs;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::process::Command;

use tempfile::TempDir;

/// A file system in memory, mounted on a folder of its own; unmounted when dropped.
#[derive(Debug)]
pub struct SmallDisk {
    folder: TempDir,
}

impl SmallDisk {
    /// Mounts one of `bytes` bytes for `files` files.
    ///
    /// # Panics
    /// When this user may not mount.
    pub fn mount(bytes: u64, files: u32) -> Self {
        let folder = TempDir::with_prefix("headwater-disk-").unwrap();
        let options = format!("size={bytes},nr_inodes={files},mode=0755,uid={}", owner(folder.path()));
        run_as_root(&["mount", "-t", "tmpfs", "-o", &options, "headwater-test", &folder.path().to_string_lossy()]);
        Self { folder }
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        self.folder.path()
    }

    /// Takes up to `bytes` bytes of its space until the file is removed.
    ///
    /// # Panics
    /// When the file cannot be made.
    pub fn take(&self, bytes: usize) -> PathBuf {
        let file = self.path().join("ballast");
        fs::write(&file, vec![0; bytes]).unwrap();
        file
    }

    /// Takes all files there may still be, and gives them back by removing this folder.
    ///
    /// # Panics
    /// When not even one can be made.
    pub fn take_files(&self) -> PathBuf {
        let folder = self.path().join("ballast");
        fs::create_dir(&folder).unwrap();
        let made = (0..).take_while(|n| fs::write(folder.join(n.to_string()), "").is_ok()).count();
        assert!(made > 0, "there was no file left to take");
        folder
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        // A test that has failed already does not fail twice.
        let _ = as_root().args(["umount", "--lazy"]).arg(self.folder.path()).status();
    }
}

fn owner(folder: &Path) -> u32 {
    fs::metadata(folder).unwrap().uid()
}

/// Runs its arguments as root, with sudo where this user is somebody else.
fn as_root() -> Command {
    if rustix::process::geteuid().is_root() {
        return Command::new("env");
    }
    let mut sudo = Command::new("sudo");
    sudo.arg("-n");
    sudo
}

fn run_as_root(command: &[&str]) {
    let output = as_root().args(command).output();
    assert!(
        output.as_ref().is_ok_and(|output| output.status.success()),
        "cannot run `{}`: {output:?}; run this test as root, or let this user use sudo without a password",
        command.join(" ")
    );
}
