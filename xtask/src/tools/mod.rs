//! The programs the commands call: Debian packages and a Python environment for the tests, Cargo tools for the checks.

pub(crate) mod cargo;
pub(crate) mod debian;
pub(crate) mod python;

use std::env;
use std::path::PathBuf;

use crate::process::Failure;

/// `HEADWATER_TOOLS`, else a folder of this user's cache.
fn folder() -> Result<PathBuf, Failure> {
    if let Some(folder) = env::var_os("HEADWATER_TOOLS") {
        return Ok(PathBuf::from(folder));
    }
    let home = env::var_os("HOME")
        .ok_or_else(|| Failure::new("find a folder for tools", "HOME is not set; set HEADWATER_TOOLS to a folder"))?;
    Ok(PathBuf::from(home).join(".cache/headwater-tools"))
}
