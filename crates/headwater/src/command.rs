//! The command line. Flags that stand for keys of the configuration are made from the table of keys, so `--help` and
//! the configuration cannot disagree.

use std::path::PathBuf;

use clap::{Arg, ArgMatches, Args, FromArgMatches, Parser, Subcommand};
use headwater_server::config::{Key, Sources, Takes, keys};

use crate::bench::{self, BenchCommand};
use crate::explain::Explain;
use crate::publish::{self, Pub};
use crate::sub::{self, Sub};
use crate::token::TokenCommand;

/// A hub for Server-Sent Events with a durable log.
#[derive(Debug, Parser)]
#[command(version, after_help = EXAMPLES)]
pub(crate) struct Headwater {
    #[command(subcommand)]
    pub(crate) command: Command,
}

/// What to do.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Start a hub and serve until it is told to stop
    #[command(after_help = MORE_KEYS)]
    Serve(Options),
    /// Read topics of a running hub, and go on where it was after every break
    #[command(after_help = sub::EXAMPLES)]
    Sub(Box<Sub>),
    /// Publish to a topic of a running hub what is in an argument or on standard input
    #[command(after_help = publish::EXAMPLES)]
    Pub(Box<Pub>),
    /// Look at the configuration without starting a hub
    #[command(subcommand)]
    Config(ConfigCommand),
    /// Work on a log while no hub uses it
    #[command(subcommand)]
    Log(LogCommand),
    /// Make tokens for access control, or look into one
    #[command(subcommand)]
    Token(TokenCommand),
    /// Say what a hub would decide about somebody, and by which rule
    Explain(Box<Explain>),
    /// Measure a hub under load, and check that every reader gets every event
    #[command(subcommand, after_help = bench::EXAMPLES)]
    Bench(Box<BenchCommand>),
}

/// What to do with the configuration.
#[derive(Debug, Subcommand)]
pub(crate) enum ConfigCommand {
    /// Read everything a start would read, and say what is wrong
    Check(Options),
    /// Print every key with its value, default, unit and meaning, as a file that can be used
    Print(Options),
}

/// What to do with a log.
#[derive(Debug, Subcommand)]
pub(crate) enum LogCommand {
    /// Give a restored or copied log another epoch, so that ids from before are told from its own
    NewEpoch {
        /// Folder of the log
        #[arg(long, value_name = "FOLDER")]
        data: PathBuf,
    },
}

/// Where the configuration comes from.
#[derive(Debug, Args)]
pub(crate) struct Options {
    /// File to read, also named by HEADWATER_CONFIG [default: headwater.toml if there is one]
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
    #[command(flatten)]
    flags: Flags,
}

/// Values of flags that stand for keys.
#[derive(Debug, Default)]
struct Flags(Vec<(&'static Key, String)>);

impl Options {
    /// The environment and working directory of this process with these flags.
    pub(crate) fn sources(&self) -> Sources {
        Sources { file: self.config.clone(), flags: self.flags.0.clone(), ..Sources::of_process() }
    }
}

impl Args for Flags {
    fn augment_args(command: clap::Command) -> clap::Command {
        command.args(flagged().map(|(flag, key)| {
            let help = match default(key) {
                Some(default) => format!("{} [default: {default}]", gist(key)),
                None => gist(key).to_owned(),
            };
            Arg::new(flag).long(flag).value_name(key.takes.placeholder()).help(help)
        }))
    }

    fn augment_args_for_update(command: clap::Command) -> clap::Command {
        Self::augment_args(command)
    }
}

impl FromArgMatches for Flags {
    fn from_arg_matches(matches: &ArgMatches) -> Result<Self, clap::Error> {
        let mut flags = Self::default();
        flags.update_from_arg_matches(matches)?;
        Ok(flags)
    }

    fn update_from_arg_matches(&mut self, matches: &ArgMatches) -> Result<(), clap::Error> {
        let given = flagged().filter_map(|(flag, key)| Some((key, matches.get_one::<String>(flag)?.clone())));
        self.0.extend(given);
        Ok(())
    }
}

/// What the key does, without the advice that follows it: one line of help.
fn gist(key: &Key) -> &'static str {
    let gist = key.meaning.split(';').next().unwrap_or(key.meaning);
    gist.trim_end_matches('.')
}

/// The default as it is typed in a shell, or what it stands for.
fn default(key: &Key) -> Option<String> {
    let default = key.default()?;
    let zero = match key.takes {
        Takes::Number(bounds) | Takes::Size(bounds) => bounds.zero,
        Takes::Duration(bounds) => bounds.zero,
        _ => None,
    };
    let default = default.trim_matches('"').to_owned();
    Some(zero.filter(|_| default == "0").map_or(default, str::to_owned))
}

fn flagged() -> impl Iterator<Item = (&'static str, &'static Key)> {
    keys().iter().filter_map(|key| Some((key.flag?, *key)))
}

const EXAMPLES: &str = "\
Examples:
  headwater serve                                       a hub on 127.0.0.1:7070, its log in ./headwater-data
  headwater serve --listen 127.0.0.1:0 --data :memory:  a hub on a free port that keeps nothing
  headwater config print > headwater.toml               a file with every key, to start from";

const MORE_KEYS: &str = "\
Every key, also those without a flag, can be set in headwater.toml or by a variable such as HEADWATER_MAX_AGE;
flags come before variables, variables before the file. `headwater config print` shows them all.

SIGTERM and SIGINT stop the hub in good order, a second one at once; SIGHUP reads the configuration again.";
