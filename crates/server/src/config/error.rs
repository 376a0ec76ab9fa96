//! Why a configuration is refused: the place, what is wrong there, and what to do about it, in one sentence.

use std::fmt;
use std::io;
use std::net::SocketAddr;
use std::path::PathBuf;

use super::access::KeyFault;
use super::hook::HookFault;

/// A configuration that cannot be used. Its text is one sentence with the place and the fix.
#[derive(Debug, thiserror::Error)]
#[error("{}", one_line(&format!("{place}: {problem}")))]
pub struct ConfigError {
    place: Place,
    #[source]
    problem: Box<Problem>,
}

/// Where a setting was written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Place {
    /// In a file; line and column count from 1, the column in characters.
    File {
        /// The path as it was given.
        path: PathBuf,
        /// Line and column, unless the file as a whole is meant.
        at: Option<(usize, usize)>,
    },
    /// In an environment variable.
    Variable(String),
    /// By a flag, named without its dashes.
    Flag(&'static str),
    /// Nowhere: the default holds.
    Default,
}

/// What is wrong.
#[derive(Debug, thiserror::Error)]
pub(super) enum Problem {
    #[error("cannot be read ({0}); check the path and who may read it")]
    Unreadable(io::Error),
    #[error("is larger than {0} bytes; a configuration is far smaller, so check the path")]
    TooLarge(u64),
    #[error("is not UTF-8 text; save it as UTF-8")]
    NotText,
    #[error("is not TOML: {0}")]
    Syntax(String),
    #[error("this is written a second time; remove one of the two")]
    WrittenTwice,
    #[error("`{key}` is not a key of the configuration; {}", fix(suggestion))]
    UnknownKey { key: String, suggestion: Option<String> },
    #[error("is not a variable of the hub; {}", fix(suggestion))]
    UnknownVariable { suggestion: Option<String> },
    #[error("`{key}` takes {takes}, not {found}")]
    WrongShape { key: String, takes: String, found: String },
    #[error("`{key}`: {why}")]
    BadValue { key: String, why: String },
    #[error("`{key}` is {value}; write a value in its range, {range}")]
    OutOfRange { key: &'static str, value: String, range: String },
    #[error("`{present}` needs `{missing}` beside it; set both to speak TLS, or none")]
    HalfOfTls { present: &'static str, missing: &'static str },
    #[error("`{key}` names {}, which cannot be opened ({error}); check the path and who may read it", path.display())]
    NoSuchFile { key: &'static str, path: PathBuf, error: io::Error },
    #[error(
        "{listen} can be reached from other machines and without access control everybody who reaches the hub may do \
         everything; say who may under [access], or listen on 127.0.0.1:{}",
        listen.port()
    )]
    NotLoopback { listen: SocketAddr },
    #[error(
        "`access` has neither keys nor a webhook nor rights for everybody, so nobody could use the hub; add [[access.keys]] with id, \
         algorithm and secret_env, or patterns to `access.anonymous`"
    )]
    AccessForNobody,
    #[error("a key without `{missing}` cannot be used; add {example}")]
    KeyWithout { missing: &'static str, example: &'static str },
    #[error(
        "a key has one of `secret`, `secret_env`, `secret_file`, `public_key_file` and `jwks_url`, not {found}; keep one"
    )]
    KeySources { found: usize },
    #[error(
        "a set at `jwks_url` is published, and a published secret is none; write the algorithm of its keys, EdDSA, ES256 or \
         RS256, or use `secret_env` for HS256"
    )]
    PublishedSecret,
    #[error("a webhook without `url` asks nobody; add url = \"https://app.example/headwater\"")]
    WebhookWithoutUrl,
    #[error("two keys of the same issuer are called \"{0}\"; a token could mean either, so rename one")]
    KeyTwice(String),
    #[error("key \"{id}\" cannot be used: {fault}")]
    BadKey { id: String, fault: KeyFault },
    #[error("a hook without `{missing}` cannot be used; add {example}")]
    HookWithout { missing: &'static str, example: &'static str },
    #[error("a hook has one of `secret`, `secret_env` and `secret_file`, not {found}; keep one")]
    HookSecrets { found: usize },
    #[error("two hooks are called \"{0}\"; each keeps its place under its name, so rename one")]
    HookTwice(String),
    #[error("hook \"{id}\" cannot be used: {fault}")]
    BadHook { id: String, fault: HookFault },
    #[error("a class without `topics` takes no event; add topics = [\"prices/**\"], or [\"**\"] for all")]
    ClassWithoutTopics,
    #[error("\"{pattern}\" is never reached because {taker} takes all its topics first; {fix}")]
    Unreachable { pattern: String, taker: String, fix: &'static str },
    #[error(
        "a class with durability = \"disk\" cannot be kept with data = \":memory:\"; name a folder in `data` or write \
         durability = \"memory\""
    )]
    DiskInMemory,
    #[error("`{small}` ({small_value}) is below `{large}` ({large_value}){whose}; {fix}")]
    DoesNotFit {
        small: &'static str,
        small_value: String,
        large: &'static str,
        large_value: String,
        whose: &'static str,
        fix: String,
    },
}

impl ConfigError {
    pub(super) fn new(place: Place, problem: impl Into<Box<Problem>>) -> Self {
        Self { place, problem: problem.into() }
    }

    /// Where the offending text stands.
    pub fn place(&self) -> &Place {
        &self.place
    }
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::File { path, at: Some((line, column)) } => write!(f, "{}:{line}:{column}", path.display()),
            Self::File { path, at: None } => write!(f, "{}", path.display()),
            Self::Variable(name) => f.write_str(name),
            Self::Flag(name) => write!(f, "--{name}"),
            Self::Default => f.write_str("default"),
        }
    }
}

/// What was written is repeated, and TOML can write line ends and more into a name or a value.
fn one_line(sentence: &str) -> String {
    let mut line = String::with_capacity(sentence.len());
    for c in sentence.chars() {
        match c.is_control() {
            true => line.extend(c.escape_default()),
            false => line.push(c),
        }
    }
    line
}

fn fix(suggestion: &Option<String>) -> String {
    match suggestion {
        Some(name) => format!("did you mean `{name}`?"),
        None => "`headwater config print` shows them all".to_owned(),
    }
}
