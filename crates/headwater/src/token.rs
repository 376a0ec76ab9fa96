//! `headwater token`: make tokens for trying things out, and look into those of others. Keys and tokens come from files,
//! variables and standard input, as arguments are seen by everybody on the machine.

use std::io::Read as _;
use std::path::{Path, PathBuf};
use std::time::{SystemTime, UNIX_EPOCH};
use std::{env, fs, io};

use clap::{Args, Subcommand};
use headwater_access::{Algorithm, Grant, Rights, SigningKey, inspect};
use headwater_server::config::{UnitError, parse_duration};

use crate::{Failure, print};

/// What to do with tokens.
#[derive(Debug, Subcommand)]
pub(crate) enum TokenCommand {
    /// Sign a token and print it
    New(Box<New>),
    /// Read a token from standard input and print what it says, without checking who signed it
    Inspect,
}

/// What the token gives, and who signs it.
#[derive(Debug, Args)]
pub(crate) struct New {
    /// Topic or pattern that may be read; may be given several times
    #[arg(long, value_name = "PATTERN")]
    subscribe: Vec<String>,
    /// Topic or pattern that may be published to; may be given several times
    #[arg(long, value_name = "PATTERN")]
    publish: Vec<String>,
    /// Give the administrator's right
    #[arg(long)]
    admin: bool,
    /// Who the token is for
    #[arg(long, value_name = "NAME")]
    subject: Option<String>,
    /// Which hub the token is for
    #[arg(long, value_name = "AUDIENCE")]
    audience: Option<String>,
    /// Who issues it
    #[arg(long, value_name = "ISSUER")]
    issuer: Option<String>,
    /// Time until it ends, such as 8h; a bare number is seconds
    #[arg(long, value_name = "DURATION", default_value = "1h", value_parser = seconds)]
    ttl: u64,
    /// Id of the key at the hub
    #[arg(long, value_name = "ID")]
    key: Option<String>,
    /// Algorithm of the key: HS256, EdDSA, ES256 or RS256
    #[arg(long, value_name = "ALGORITHM", default_value = "HS256")]
    algorithm: String,
    /// Environment variable that holds the secret
    #[arg(long, value_name = "VARIABLE", required_unless_present = "key_file", conflicts_with = "key_file")]
    secret_env: Option<String>,
    /// File with the secret, or with the private key in PEM
    #[arg(long, value_name = "FILE")]
    key_file: Option<PathBuf>,
}

/// Does it.
pub(crate) fn run(command: TokenCommand) -> Result<(), Failure> {
    match command {
        TokenCommand::New(new) => print(&format!("{}\n", make(&new)?)),
        TokenCommand::Inspect => {
            let mut text = String::new();
            io::stdin()
                .read_to_string(&mut text)
                .map_err(|error| failed(&format!("cannot read the token: {error}")))?;
            let token = inspect(text.trim()).map_err(|refusal| failed(&refusal.to_string()))?;
            print(&format!("{}\n{}\n", token.header, token.claims));
        }
    }
    Ok(())
}

fn make(new: &New) -> Result<String, Failure> {
    let algorithm = Algorithm::from_name(&new.algorithm)
        .ok_or_else(|| failed(&format!("{:?} is none of HS256, EdDSA, ES256 and RS256", new.algorithm)))?;
    let rights = Rights::parse(&new.subscribe, &new.publish, new.admin)
        .map_err(|error| failed(&format!("the list of patterns {error}")))?;
    let key = SigningKey::new(new.key.as_deref(), algorithm, &material(new)?)
        .map_err(|error| failed(&format!("what was given as key {error}")))?;
    let now = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs());
    let grant = Grant {
        rights,
        subject: new.subject.clone(),
        id: None,
        issuer: new.issuer.clone(),
        issued_s: Some(now),
        expires_s: now.saturating_add(new.ttl),
    };
    key.sign(&grant, new.audience.as_deref(), now).map_err(|error| failed(&format!("what was given as key {error}")))
}

/// A duration as in the configuration, or seconds.
fn seconds(text: &str) -> Result<u64, UnitError> {
    text.parse().or_else(|_| parse_duration(text).map(|duration| duration.as_secs()))
}

fn material(new: &New) -> Result<Vec<u8>, Failure> {
    match (&new.secret_env, &new.key_file) {
        (_, Some(path)) => read(path),
        (Some(name), None) => {
            env::var(name).map(String::into_bytes).map_err(|_| failed(&format!("the variable {name} is not set")))
        }
        (None, None) => Err(failed("there is no key; name one with --secret-env or --key-file")),
    }
}

fn read(path: &Path) -> Result<Vec<u8>, Failure> {
    let bytes = fs::read(path).map_err(|error| failed(&format!("{} cannot be read: {error}", path.display())))?;
    // The line end that editors add is no part of a secret; the hub does not count it either.
    let end = bytes.iter().rposition(|byte| !matches!(byte, b'\r' | b'\n')).map_or(0, |last| last + 1);
    Ok(bytes[..end].to_vec())
}

fn failed(why: &str) -> Failure {
    Failure::Arguments(format!("failed to make or read a token: {why}"))
}
