//! Cargo tools of a fixed version, built once and kept outside the tree.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use crate::process::{self, Failure};
use crate::workspace::Workspace;

/// One tool: what is installed, and how.
pub(crate) struct Tool {
    package: &'static str,
    version: &'static str,
    /// Leaves out what the checks do not use, which is most of the building.
    options: &'static [&'static str],
}

/// Builds the book.
pub(crate) const MDBOOK: Tool =
    Tool { package: "mdbook", version: "0.5.4", options: &["--no-default-features", "--features", "search"] };

/// Checks the dependency tree.
pub(crate) const CARGO_DENY: Tool = Tool { package: "cargo-deny", version: "0.20.2", options: &[] };

/// Runs the fuzz targets.
pub(crate) const CARGO_FUZZ: Tool = Tool { package: "cargo-fuzz", version: "0.13.2", options: &[] };

/// A server the hub is compared with, and the program it installs.
pub(crate) const DURABLE_STREAMS: (Tool, &str) =
    (Tool { package: "durable-streams", version: "0.1.5", options: &[] }, "durable-streams-server");

impl Tool {
    /// One of its programs, optimised, since it is to be measured.
    pub(crate) fn optimised(&self, workspace: &Workspace, program: &str) -> Result<PathBuf, Failure> {
        let folder = super::folder()?.join(format!("{}-{}-release", self.package, self.version));
        let program = folder.join("bin").join(program);
        if !program.is_file() {
            println!("installing {} {} into {}", self.package, self.version, folder.display());
            self.install(workspace, &folder, "release")?;
        }
        Ok(program)
    }

    /// The program: the one on the search path if it has the right version, else ours, installed if need be.
    pub(crate) fn program(&self, workspace: &Workspace) -> Result<PathBuf, Failure> {
        let anywhere = PathBuf::from(self.package);
        if self.has_version(&anywhere) {
            return Ok(anywhere);
        }
        let folder = super::folder()?.join(format!("{}-{}", self.package, self.version));
        let program = folder.join("bin").join(self.package);
        if !self.has_version(&program) {
            println!("installing {} {} into {}", self.package, self.version, folder.display());
            // An optimised build takes three times as long and saves seconds.
            self.install(workspace, &folder, "dev")?;
        }
        Ok(program)
    }

    fn install(&self, workspace: &Workspace, folder: &Path, profile: &str) -> Result<(), Failure> {
        let mut install = workspace.cargo(".");
        install
            .args(["install", "--locked", "--force", "--profile", profile, "--version", self.version])
            .args(self.options)
            .arg("--root")
            .arg(folder)
            .arg(self.package)
            .env("CARGO_PROFILE_DEV_DEBUG", "0")
            .env("CARGO_TARGET_DIR", folder.join("build"));
        process::run(&mut install)?;
        // Best effort: what is left behind costs disk space only.
        let _ = std::fs::remove_dir_all(folder.join("build"));
        Ok(())
    }

    fn has_version(&self, program: &PathBuf) -> bool {
        let output = Command::new(program).arg("--version").stdin(Stdio::null()).stderr(Stdio::null()).output();
        let Ok(output) = output else { return false };
        let text = String::from_utf8_lossy(&output.stdout);
        text.split_whitespace().any(|word| word.trim_start_matches('v') == self.version)
    }
}
