//! Where the binaries under test are.

use std::env;
use std::path::PathBuf;

/// The `headwater` binary: what `HEADWATER_BIN` names, else the one in the target folder of this test.
///
/// # Panics
/// When there is none, with the command that builds it.
pub fn headwater() -> PathBuf {
    if let Some(named) = env::var_os("HEADWATER_BIN") {
        let named = PathBuf::from(named);
        assert!(named.is_file(), "HEADWATER_BIN names {}, which is no file", named.display());
        return named;
    }
    built("headwater", "headwater")
}

/// A binary in the target folder of this test, which is built with `cargo build -p <package>`.
///
/// # Panics
/// When there is none, with the command that builds it.
pub fn built(name: &str, package: &str) -> PathBuf {
    // Test executables lie in `<target>/<profile>/deps`, binaries one above.
    let test = env::current_exe().unwrap();
    let folder = test.parent().and_then(|deps| deps.parent()).unwrap();
    let binary = folder.join(name);
    assert!(
        binary.is_file(),
        "there is no {}; build it with `cargo build -p {package}`, or run `cargo xtask test`, which does",
        binary.display()
    );
    binary
}
