//! A Python environment with packages of fixed versions, kept outside the tree.

use std::env;
use std::ffi::OsString;
use std::fs;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::path::{Path, PathBuf};
use std::process::Command;

use super::folder;
use crate::process::{self, Failure};

/// The interpreter of an environment that holds what `requirements` names, installed if need be.
///
/// Every list of requirements has an environment of its own, so that trees of different age do not take theirs from each
/// other.
pub(crate) fn interpreter(requirements: &Path) -> Result<PathBuf, Failure> {
    let failed = |error| Failure::new(format!("read {}", requirements.display()), error);
    let wanted = fs::read_to_string(requirements).map_err(failed)?;
    let mut hasher = DefaultHasher::new();
    wanted.hash(&mut hasher);
    let folder = folder()?.join(format!("python-{:016x}", hasher.finish()));
    let interpreter = folder.join("bin/python");
    // Written last: an environment whose installation broke off has none.
    let stamp = folder.join("requirements.txt");
    if fs::read_to_string(&stamp).is_ok_and(|installed| installed == wanted) {
        return Ok(interpreter);
    }
    println!("installing the packages of {} into {}", requirements.display(), folder.display());
    process::run(Command::new("python3").args(["-m", "venv", "--clear"]).arg(&folder))?;
    let mut install = Command::new(&interpreter);
    install.args(["-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--no-deps"]);
    process::run(install.arg("--requirement").arg(requirements))?;
    let failed = |error| Failure::new(format!("write {}", stamp.display()), error);
    fs::write(&stamp, wanted).map_err(failed)?;
    Ok(interpreter)
}

/// The search path with the programs of the environment before all others.
pub(crate) fn search_path(interpreter: &Path) -> OsString {
    let programs = interpreter.parent().map(Path::to_path_buf);
    let others = env::var_os("PATH").unwrap_or_default();
    // Only a folder with a colon in its name cannot be joined; then its programs are not found, and pip says so.
    env::join_paths(programs.into_iter().chain(env::split_paths(&others))).unwrap_or(others)
}
