//! Where things are: the source tree, the build folder, the programs built into it.

use std::env;
use std::ffi::OsStr;
use std::path::{Path, PathBuf};
use std::process::Command;

/// The source tree this program was started for.
pub(crate) struct Workspace {
    /// The folder that holds the root `Cargo.toml`.
    pub(crate) root: PathBuf,
    /// The one build folder, shared by every workspace of the tree so that nothing is built twice.
    pub(crate) target: PathBuf,
}

impl Workspace {
    /// Reads what Cargo tells programs it runs; started by hand, the current folder is the tree.
    pub(crate) fn find() -> Self {
        let root = match env::var_os("CARGO_MANIFEST_DIR").map(PathBuf::from) {
            Some(package) => package.parent().map(Path::to_path_buf).unwrap_or(package),
            None => PathBuf::from("."),
        };
        let target = match env::var_os("CARGO_TARGET_DIR") {
            Some(folder) => root.join(folder),
            None => root.join("target"),
        };
        Self { root, target }
    }

    /// Cargo, started in `folder` (relative to the root) and building into the one build folder.
    pub(crate) fn cargo(&self, folder: &str) -> Command {
        let mut command = self.building(env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
        command.current_dir(self.root.join(folder));
        command
    }

    /// A program that calls Cargo, started in the root and building into the one build folder.
    pub(crate) fn building(&self, program: impl AsRef<OsStr>) -> Command {
        let mut command = Command::new(program);
        command.current_dir(&self.root).env("CARGO_TARGET_DIR", &self.target);
        // Set by the Cargo that runs this program, about this package: not the business of others.
        for (name, _) in env::vars_os() {
            let name_text = name.to_string_lossy();
            if name_text.starts_with("CARGO_PKG_") || name_text.starts_with("CARGO_MANIFEST_") {
                command.env_remove(&name);
            }
        }
        command
    }

    /// The hub as the tests run it: built with the same profile as they are.
    pub(crate) fn hub(&self) -> PathBuf {
        self.target.join("debug/headwater")
    }
}
