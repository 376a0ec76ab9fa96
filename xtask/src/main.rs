//! `cargo xtask`: everything a developer or the continuous integration runs, in one program that
//! needs nothing but the Rust toolchain to start.
//!
//! Each command installs or finds the tools it needs and says which one is missing where it
//! cannot. Nothing is skipped for want of a tool: what cannot run has failed.
#![expect(clippy::print_stdout, reason = "standard output is what this program is for")]

mod bench;
mod docs;
mod fuzz;
mod process;
mod sanitize;
mod tally;
mod test;
mod tools;
mod workspace;

use std::process::ExitCode;

use workspace::Workspace;

const USAGE: &str = "\
usage: cargo xtask <command>

  test [--part PART] [FILTER]   run every test, or those whose name contains FILTER;
                                parts: rust, workspaces, node, python, book
  bench [NAME]                  run the benchmarks below bench/, or those of one folder
  docs                          build the book and the API documentation, warnings denied
  deny                          check dependencies against deny.toml
  fuzz [--seconds N] [TARGET]   run every fuzz target, or one, for so long each (default 60)
  sanitize                      run the tests of delivery with the address sanitizer in the hub
  setup                         install the tools and build the Python package that the tests need
";

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let words: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let workspace = Workspace::find();
    let outcome = match words.as_slice() {
        ["test", rest @ ..] => match test::Request::parse(rest) {
            Ok(request) => return test::run(&workspace, &request),
            Err(failure) => Err(failure),
        },
        ["bench", rest @ ..] => bench::run(&workspace, rest.first().copied()),
        ["docs"] => docs::build(&workspace),
        ["deny"] => docs::deny(&workspace),
        ["fuzz", rest @ ..] => fuzz::Request::parse(rest).and_then(|request| fuzz::run(&workspace, &request)),
        ["sanitize"] => sanitize::run(&workspace),
        ["setup"] => {
            let programs = tools::debian::install_missing(tools::debian::FOR_TESTS);
            programs.and_then(|()| test::node::install(&workspace)).and_then(|()| test::python::install(&workspace))
        }
        ["help" | "--help" | "-h"] => {
            print!("{USAGE}");
            Ok(())
        }
        _ => {
            eprint!("{USAGE}");
            return ExitCode::from(2);
        }
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            eprintln!("{failure}");
            ExitCode::FAILURE
        }
    }
}
