//! The benchmarks: every folder of `bench/` is a package of its own with one way to run it.

use std::fs;
use std::process::Command;

use crate::process::{self, Failure};
use crate::test::python::build_package;
use crate::tools::{cargo, debian, python};
use crate::workspace::Workspace;

/// Runs all benchmarks, or those of one folder, against an optimised hub.
pub(crate) fn run(workspace: &Workspace, only: Option<&str>) -> Result<(), Failure> {
    let folders = packages(workspace)?;
    if let Some(name) = only.filter(|name| !folders.iter().any(|folder| folder == name)) {
        return Err(Failure::new("find the benchmark", format!("`{name}` is none of {}", folders.join(", "))));
    }
    let is_python = |folder: &str| workspace.root.join("bench").join(folder).join(PYTHON).is_file();
    if only.is_none_or(|name| !is_python(name)) {
        process::run(workspace.cargo(".").args(["build", "--release", "--package", "headwater"]))?;
    }
    for folder in folders.iter().filter(|folder| only.is_none_or(|name| name == *folder)) {
        let path = format!("bench/{folder}");
        if is_python(folder) {
            println!("\n== {path}");
            run_python(workspace, &path)?;
            continue;
        }
        // Criterion benches stand in `benches/`; a load runner is a program.
        let criterion = workspace.root.join(&path).join("benches").is_dir();
        let verb: &[&str] = if criterion { &["bench"] } else { &["run", "--release"] };
        println!("\n== {path}");
        let mut bench = workspace.cargo(&path);
        bench.args(verb).env("HEADWATER_BIN", workspace.target.join("release/headwater"));
        if folder == "peers" {
            install_peers(workspace, &mut bench);
        }
        process::run(&mut bench)?;
    }
    println!("\nwhat was measured before, and on which machine, is in bench/RESULTS.md");
    Ok(())
}

/// The script of a benchmark in Python.
const PYTHON: &str = "bench.py";

/// Runs a benchmark in Python, with the packages that it names and our own.
fn run_python(workspace: &Workspace, path: &str) -> Result<(), Failure> {
    let folder = workspace.root.join(path);
    let interpreter = python::interpreter(&folder.join("requirements.txt"))?;
    let package = build_package(workspace, &interpreter)?;
    process::run(Command::new(&interpreter).arg(PYTHON).current_dir(&folder).env("PYTHONPATH", package))
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
        .filter(|entry| ["Cargo.toml", PYTHON].iter().any(|file| entry.path().join(file).is_file()))
        .map(|entry| entry.file_name().to_string_lossy().into_owned())
        .collect();
    names.sort();
    Ok(names)
}
