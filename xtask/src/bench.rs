//! The benchmarks: every folder of `bench/` is a package of its own, with one way to run it that its kind decides.

use std::fs;
use std::path::PathBuf;
use std::process::Command;

use crate::process::{self, Failure};
use crate::test::node::install_packages;
use crate::test::python::build_package;
use crate::tools::{cargo, debian, python};
use crate::workspace::Workspace;

/// Runs all benchmarks, or those of one folder, against an optimised hub.
pub(crate) fn run(workspace: &Workspace, only: Option<&str>) -> Result<(), Failure> {
    let folders = packages(workspace)?;
    if let Some(name) = only.filter(|name| !folders.iter().any(|folder| folder == name)) {
        return Err(Failure::new("find the benchmark", format!("`{name}` is none of {}", folders.join(", "))));
    }
    let chosen: Vec<_> = folders.iter().filter(|folder| only.is_none_or(|name| name == *folder)).collect();
    let kind = |folder: &str| Kind::of(workspace, folder);
    if chosen.iter().any(|folder| kind(folder) != Kind::Python) {
        process::run(workspace.cargo(".").args(["build", "--release", "--package", "headwater"]))?;
    }
    for folder in chosen {
        let path = format!("bench/{folder}");
        println!("\n== {path}");
        match kind(folder) {
            Kind::Cargo => run_cargo(workspace, &path)?,
            Kind::Node => run_node(workspace, &path)?,
            Kind::Python => run_python(workspace, &path)?,
        }
    }
    println!("\nwhat was measured before, and on which machine, is in bench/RESULTS.md");
    Ok(())
}

/// What a benchmark is written for: what its folder holds says it.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    /// `Cargo.toml`
    Cargo,
    /// `package.json`, with a script named `bench`.
    Node,
    /// `bench.py`, with the packages it names in `requirements.txt`.
    Python,
}

impl Kind {
    const ALL: [Self; 3] = [Self::Cargo, Self::Node, Self::Python];

    fn file(self) -> &'static str {
        match self {
            Self::Cargo => "Cargo.toml",
            Self::Node => "package.json",
            Self::Python => "bench.py",
        }
    }

    fn of(workspace: &Workspace, folder: &str) -> Self {
        let folder = workspace.root.join("bench").join(folder);
        Self::ALL.into_iter().find(|kind| folder.join(kind.file()).is_file()).unwrap_or(Self::Cargo)
    }
}

fn run_cargo(workspace: &Workspace, path: &str) -> Result<(), Failure> {
    // Criterion benches stand in `benches/`; a load runner is a program.
    let criterion = workspace.root.join(path).join("benches").is_dir();
    let verb: &[&str] = if criterion { &["bench"] } else { &["run", "--release"] };
    let mut bench = workspace.cargo(path);
    bench.args(verb).env("HEADWATER_BIN", optimised_hub(workspace));
    if path.ends_with("/peers") {
        install_peers(workspace, &mut bench);
    }
    process::run(&mut bench)
}

fn run_node(workspace: &Workspace, path: &str) -> Result<(), Failure> {
    let folder = workspace.root.join(path);
    // One without packages has no lock file.
    if folder.join("package-lock.json").is_file() {
        install_packages(&folder)?;
    }
    let hub = optimised_hub(workspace);
    process::run(Command::new("npm").args(["run", "--silent", "bench"]).env("HEADWATER_BIN", hub).current_dir(folder))
}

/// With the packages that it names and our own.
fn run_python(workspace: &Workspace, path: &str) -> Result<(), Failure> {
    let folder = workspace.root.join(path);
    let interpreter = python::interpreter(&folder.join("requirements.txt"))?;
    let package = build_package(workspace, &interpreter)?;
    process::run(Command::new(&interpreter).arg(Kind::Python.file()).current_dir(&folder).env("PYTHONPATH", package))
}

fn optimised_hub(workspace: &Workspace) -> PathBuf {
    workspace.target.join("release/headwater")
}

/// Installs what the hub is compared with. What cannot be had here is missing in the results, and said to be.
fn install_peers(workspace: &Workspace, bench: &mut Command) {
    if let Err(failure) = debian::install_missing(debian::PEERS) {
        println!("{failure}");
    }
    let (tool, program) = cargo::DURABLE_STREAMS;
    match tool.optimised(workspace, program) {
        Ok(program) => drop(bench.env("DURABLE_STREAMS_BIN", program)),
        Err(failure) => println!("{failure}"),
    }
}

fn packages(workspace: &Workspace) -> Result<Vec<String>, Failure> {
    let folder = workspace.root.join("bench");
    let entries = fs::read_dir(&folder).map_err(|error| Failure::new(format!("list {}", folder.display()), error))?;
    let mut names: Vec<String> = entries
        .filter_map(Result::ok)
        .filter(|entry| Kind::ALL.iter().any(|kind| entry.path().join(kind.file()).is_file()))
        .map(|entry| entry.file_name().to_string_lossy().into_owned())
        .collect();
    names.sort();
    Ok(names)
}
