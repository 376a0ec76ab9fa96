//! Programs from Debian packages that the whole-system tests drive the hub with, and those it is compared with.

use std::env;
use std::path::PathBuf;
use std::process::{Command, Stdio};

use crate::process::{self, Failure};

/// Program, on the search path or with its whole path; package; what needs it.
type Needed = (&'static str, &'static str, &'static str);

/// What the tests need.
pub(crate) const FOR_TESTS: &[Needed] = &[
    ("bash", "bash", "the samples of the book"),
    ("curl", "curl", "the samples of the book and the endpoint tests"),
    ("chromium", "chromium", "the browser tests"),
    ("nginx", "nginx", "the proxy tests"),
    ("haproxy", "haproxy", "the proxy tests"),
    ("caddy", "caddy", "the proxy tests"),
    ("nghttp", "nghttp2-client", "the HTTP/2 tests"),
    ("faketime", "faketime", "the clock tests"),
    ("python3", "python3-venv", "the tests in Python"),
    ("slowhttptest", "slowhttptest", "the attack tests"),
    ("strace", "strace", "the tests of system calls"),
    ("systemd-analyze", "systemd", "the tests of the unit"),
    ("nft", "nftables", "the tests of peers that vanish"),
    ("ip", "iproute2", "the tests of peers that vanish"),
];

/// What the benchmark of peers measures.
pub(crate) const PEERS: &[Needed] = &[
    ("nginx", "nginx", "the benchmark of peers"),
    ("/usr/lib/nginx/modules/ngx_nchan_module.so", "libnginx-mod-nchan", "the benchmark of peers"),
    ("pushpin", "pushpin", "the benchmark of peers"),
];

/// As root, with no service started by the packages: the tests start their own on free ports.
/// `policy-rc.d` is the file Debian asks whether it may.
const INSTALL: &str = r#"
set -e
policy=/usr/sbin/policy-rc.d
if [ ! -e "$policy" ]; then
  printf '#!/bin/sh\nexit 101\n' > "$policy"
  chmod 755 "$policy"
  trap 'rm -f "$policy"' EXIT
fi
export DEBIAN_FRONTEND=noninteractive
apt-get update -q
apt-get install -q -y --no-install-recommends "$@"
"#;

/// Installs the packages whose programs are not there yet, where this user may.
pub(crate) fn install_missing(needed: &[Needed]) -> Result<(), Failure> {
    let missing = missing(needed);
    if missing.is_empty() {
        return Ok(());
    }
    let packages: Vec<&str> = missing.iter().map(|(_, package, _)| *package).collect();
    println!("installing Debian packages: {}", packages.join(" "));
    let mut install = as_root().ok_or_else(|| refusal(&missing, "neither root nor sudo without a password"))?;
    install.args(["sh", "-c", INSTALL, "install"]).args(&packages);
    process::run(&mut install).map_err(|failure| refusal(&missing, &failure.to_string()))?;
    match self::missing(needed).as_slice() {
        [] => Ok(()),
        left => Err(refusal(left, "the packages were installed, the programs are not there")),
    }
}

/// The search path with the folders that Debian keeps from ordinary users' paths added.
pub(crate) fn search_path() -> std::ffi::OsString {
    let path = env::var_os("PATH").unwrap_or_default();
    let folders = env::split_paths(&path).chain(["/usr/sbin", "/sbin"].map(PathBuf::from));
    env::join_paths(folders).unwrap_or(path)
}

fn missing(needed: &[Needed]) -> Vec<Needed> {
    let path = search_path();
    let found = |program: &str| env::split_paths(&path).any(|folder| folder.join(program).is_file());
    needed.iter().copied().filter(|(program, ..)| !found(program)).collect()
}

/// A command that runs its arguments as root, if this user may without being asked anything.
fn as_root() -> Option<Command> {
    let answer = |program: &str, arguments: &[&str]| {
        let output = Command::new(program).args(arguments).stdin(Stdio::null()).stderr(Stdio::null()).output().ok()?;
        output.status.success().then_some(output.stdout)
    };
    if answer("id", &["-u"])?.trim_ascii() == b"0" {
        return Some(Command::new("env"));
    }
    answer("sudo", &["-n", "true"])?;
    let mut sudo = Command::new("sudo");
    sudo.args(["-n", "env"]);
    Some(sudo)
}

fn refusal(missing: &[Needed], why: &str) -> Failure {
    let programs: Vec<_> = missing.iter().map(|(program, _, user)| format!("{program} ({user})")).collect();
    let packages: Vec<_> = missing.iter().map(|(_, package, _)| *package).collect();
    Failure::new(
        format!("install {}", programs.join(", ")),
        format!("{why}; run `apt-get install {}` as root, what needs them fails until then", packages.join(" ")),
    )
}
