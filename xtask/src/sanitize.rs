//! The hub under the address sanitizer: the tests of delivery against a binary that is watched for every bad access.

use crate::process::{self, Failure};
use crate::tools::debian;
use crate::workspace::Workspace;

/// The tests that drive the socket loop hardest.
const TESTS: &[&str] = &[
    "subscribe",
    "resume",
    "slow_readers",
    "guarantees",
    "finished",
    "formats",
    "drain",
    "keepalive",
    "cleanup",
    "http2",
];
/// Sanitizers need the target named, so that build scripts are built without.
const TARGET: &str =
    if cfg!(target_arch = "aarch64") { "aarch64-unknown-linux-gnu" } else { "x86_64-unknown-linux-gnu" };

/// Builds the hub with the sanitizer and runs the tests against it.
pub(crate) fn run(workspace: &Workspace) -> Result<(), Failure> {
    // Sanitizers are options of a nightly compiler; this lets the stable one take them.
    let mut build = workspace.cargo(".");
    build.args(["build", "--package", "headwater", "--no-default-features", "--target", TARGET]);
    build.env("RUSTC_BOOTSTRAP", "1").env("RUSTFLAGS", "-Zsanitizer=address");
    let folder = workspace.target.join("sanitize");
    process::run(build.env("CARGO_TARGET_DIR", &folder))?;
    let mut test = workspace.cargo(".");
    test.args(["test", "--package", "headwater-tests"]);
    test.args(TESTS.iter().flat_map(|name| ["--test", name]));
    test.env("HEADWATER_BIN", folder.join(TARGET).join("debug/headwater")).env("PATH", debian::search_path());
    // A hub that is killed on purpose leaks on purpose.
    process::run(test.env("ASAN_OPTIONS", "detect_leaks=0:halt_on_error=1"))
}
