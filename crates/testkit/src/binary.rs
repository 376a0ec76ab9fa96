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

/// Python, with the package of `clients/python` and what its tests need.
///
/// # Panics
/// When there is none, with the command that builds it.
pub fn python() -> PathBuf {
    let program = target().join("../python/python");
    assert!(
        program.is_file(),
        "there is no {}; build it with `cargo xtask setup`, or run `cargo xtask test`, which does",
        program.display()
    );
    program
}

/// A binary in the target folder of this test, which is built with `cargo build -p <package>`.
///
/// # Panics
/// When there is none, with the command that builds it.
pub fn built(name: &str, package: &str) -> PathBuf {
    let binary = target().join(name);
    assert!(
        binary.is_file(),
        "there is no {}; build it with `cargo build -p {package}`, or run `cargo xtask test`, which does",
        binary.display()
    );
    binary
}

/// Where the binaries of this profile are.
fn target() -> PathBuf {
    // Test executables lie in `<target>/<profile>/deps`, binaries one above.
    let test = env::current_exe().unwrap();
    test.parent().and_then(|deps| deps.parent()).unwrap().into()
}
