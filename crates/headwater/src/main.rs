//! The `headwater` command: a thin line from arguments to the server and its configuration.
//!
//! Exit codes: 0 when all went well, 1 when the hub could not start or failed while running, a log could not be worked on,
//! a hub could not be reached or refused what was asked, or a benchmark found a hub at fault, 2 when the arguments or the configuration cannot be used. What went wrong is one
//! sentence on standard error.

mod bench;
mod command;
mod explain;
mod greeting;
mod log;
mod logging;
mod publish;
mod remote;
mod serve;
mod signals;
mod sub;
mod token;

use std::io::{self, Write as _};
use std::process::ExitCode;

use clap::Parser as _;
use headwater_server::config::{self, ConfigError};

use crate::command::{Command, ConfigCommand, Headwater, LogCommand};

/// The system's allocator keeps the memory of readers that have left: after 10,000 sessions of 20 topics each had gone,
/// 49 of 49 MB stayed with it and 2 of 35 MB with this one. Its settings stand in `.cargo/config.toml`.
#[cfg(feature = "jemalloc")]
#[global_allocator]
static ALLOCATOR: tikv_jemallocator::Jemalloc = tikv_jemallocator::Jemalloc;

fn main() -> ExitCode {
    match run(Headwater::parse().command) {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            let _ = writeln!(io::stderr(), "headwater: {failure}");
            ExitCode::from(failure.code())
        }
    }
}

/// Why the command ends with an error.
#[derive(Debug)]
enum Failure {
    /// The configuration cannot be used.
    Config(ConfigError),
    /// The arguments cannot be used.
    Arguments(String),
    /// The hub did not start or did not go on.
    Run(String),
}

impl Failure {
    fn code(&self) -> u8 {
        match self {
            Self::Run(_) => 1,
            Self::Config(_) | Self::Arguments(_) => 2,
        }
    }
}

impl std::fmt::Display for Failure {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Config(error) => error.fmt(f),
            Self::Arguments(sentence) | Self::Run(sentence) => f.write_str(sentence),
        }
    }
}

fn run(command: Command) -> Result<(), Failure> {
    match command {
        Command::Serve(options) => serve::serve(&options.sources()),
        Command::Config(ConfigCommand::Check(options)) => {
            let resolved = config::resolve(&options.sources()).map_err(Failure::Config)?;
            print(&format!("The configuration is good ({}).\n", resolved.origins()));
            for warning in resolved.warnings() {
                print(&format!("warning: {warning}\n"));
            }
            Ok(())
        }
        Command::Pub(command) => publish::run(&command),
        Command::Sub(command) => sub::run(&command),
        Command::Token(command) => token::run(command),
        Command::Explain(command) => explain::run(&command),
        Command::Bench(command) => bench::run(*command),
        Command::Config(ConfigCommand::Print(options)) => {
            let resolved = config::resolve(&options.sources()).map_err(Failure::Config)?;
            print(&resolved.print());
            Ok(())
        }
        Command::Log(LogCommand::NewEpoch { data }) => log::new_epoch(&data),
    }
}

/// Writes to standard output. Whoever closed it does not want to read on, which is no error.
fn print(text: &str) {
    let mut stdout = io::stdout();
    let _ = stdout.write_all(text.as_bytes()).and_then(|()| stdout.flush());
}
