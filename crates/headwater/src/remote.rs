//! Which hub, and as whom: what the commands have in common that talk to a running one.

use std::error::Error;
use std::fs::File;
use std::future::Future;
use std::io::{Read as _, Write as _};
use std::path::{Path, PathBuf};
use std::time::Duration;
use std::{env, fmt, fs, io};

use clap::Args;
use reqwest::header::{AUTHORIZATION, CONTENT_TYPE, HeaderValue};
use reqwest::{Certificate, Client, Method, RequestBuilder, Response, Url};

use crate::Failure;

/// The hub as it is named on the command line.
#[derive(Debug, Args)]
#[command(next_help_heading = "Hub")]
pub(crate) struct HubOptions {
    /// Address of the hub, also in HEADWATER_URL [default: http://127.0.0.1:7070]
    #[arg(long, value_name = "URL")]
    url: Option<String>,
    /// File that holds the token; it is read again when the hub wants a newer one
    #[arg(long, value_name = "FILE")]
    token_file: Option<PathBuf>,
    /// Token to send, also in HEADWATER_TOKEN. Every user of this machine can see arguments: rather use the variable or a file
    #[arg(long, value_name = "TOKEN", conflicts_with = "token_file")]
    token: Option<String>,
    /// File of certificates (PEM) to trust beside those of the system
    #[arg(long, value_name = "FILE")]
    ca: Option<PathBuf>,
}

/// A hub that can be talked to.
#[derive(Clone)]
pub(crate) struct Hub {
    base: Url,
    credential: Credential,
    /// PEM.
    certificates: Option<Vec<u8>>,
}

/// Where the token comes from.
#[derive(Clone)]
pub(crate) enum Credential {
    /// There is none.
    None,
    /// The token itself.
    Token(String),
    /// A file, which somebody may replace while we run.
    File(PathBuf),
}

/// Where the token of the commands comes from.
pub(crate) const CREDENTIAL: &str = "--token-file or in HEADWATER_TOKEN";
/// The hub of the getting-started page.
const LOCAL: &str = "http://127.0.0.1:7070";
/// How long a hub may take to answer a question.
const PATIENCE: Duration = Duration::from_secs(10);
/// Longest answer that is read.
const MOST_ANSWER: usize = 1 << 20;
/// Longest token, which is what a hub takes as a header.
const MOST_TOKEN: u64 = 8 * 1024;

impl HubOptions {
    /// Reads what is named: flags come before variables. A variable that is empty counts for nothing.
    pub(crate) fn hub(&self) -> Result<Hub, Failure> {
        let variable = |name| env::var(name).ok().filter(|value| !value.is_empty());
        let url = self.url.clone().or_else(|| variable("HEADWATER_URL"));
        let credential = match (&self.token, &self.token_file) {
            (Some(token), _) => Credential::Token(token.clone()),
            (None, Some(path)) => Credential::File(path.clone()),
            (None, None) => variable("HEADWATER_TOKEN").map_or(Credential::None, Credential::Token),
        };
        Hub::new(url.as_deref().unwrap_or(LOCAL), credential, self.ca.as_deref())
    }
}

impl Hub {
    /// Reads an address and a file of certificates, and tries the credential.
    pub(crate) fn new(url: &str, credential: Credential, ca: Option<&Path>) -> Result<Self, Failure> {
        let invalid = |why: &str| {
            let named = url.rsplit_once('@').map_or(url, |(_, host)| host);
            let named = named.split(['?', '#']).next().unwrap_or_default();
            Failure::Arguments(format!(
                "{named:?} is no address of a hub: {why}; it looks like http://127.0.0.1:7070 or https://hub.example"
            ))
        };
        let base = Url::parse(url).map_err(|error| invalid(&error.to_string()))?;
        match base.scheme() {
            "http" | "https" if base.query().is_none() && base.fragment().is_none() => {}
            "http" | "https" => return Err(invalid("it has a query or a fragment")),
            _ => return Err(invalid("it does not begin with http:// or https://")),
        }
        let certificates = match ca {
            Some(path) => Some(read_certificates(path)?),
            None => None,
        };
        let hub = Self { base, credential, certificates };
        if let Some(token) = hub.token()? {
            bearer(&token)?;
        }
        Ok(hub)
    }

    /// Its address, without what a user may have written in front of the host.
    pub(crate) fn address(&self) -> String {
        let mut address = self.base.clone();
        // Both work on every http address.
        let _ = address.set_username("");
        let _ = address.set_password(None);
        address.as_str().trim_end_matches('/').to_owned()
    }

    /// Its address as it was given.
    pub(crate) fn base(&self) -> &str {
        self.base.as_str()
    }

    /// The token, read anew where it is in a file.
    pub(crate) fn token(&self) -> Result<Option<String>, Failure> {
        match &self.credential {
            Credential::None => Ok(None),
            Credential::Token(token) => Ok(Some(token.clone())),
            Credential::File(path) => read_token(path).map(Some),
        }
    }

    /// The token, for a hub that refuses the one it had.
    pub(crate) fn fresh_token(&self) -> Result<String, String> {
        self.token().map(Option::unwrap_or_default).map_err(|failure| failure.to_string())
    }

    /// Whether there can be a newer token.
    pub(crate) fn has_token_file(&self) -> bool {
        matches!(self.credential, Credential::File(_))
    }

    /// Certificates to trust beside those of the system, in PEM.
    pub(crate) fn certificates(&self) -> Option<&[u8]> {
        self.certificates.as_deref()
    }

    /// What to try where a credential is missing.
    pub(crate) fn credential_advice(&self, status: u16, credential_flag: &str) -> String {
        match self.credential {
            Credential::None if status == 401 => format!("; name a token with {credential_flag}"),
            _ => String::new(),
        }
    }

    /// A client for requests.
    pub(crate) fn client(&self) -> Result<Client, Failure> {
        let tls = |error: reqwest::Error| Failure::Arguments(format!("TLS cannot be set up: {}", chain(&error)));
        let roots = match &self.certificates {
            Some(pem) => Certificate::from_pem_bundle(pem).map_err(tls)?,
            None => Vec::new(),
        };
        Client::builder()
            .user_agent(concat!("headwater/", env!("CARGO_PKG_VERSION")))
            .referer(false)
            .tls_certs_merge(roots)
            .build()
            .map_err(tls)
    }

    /// The address of what lies at this path.
    pub(crate) fn at(&self, path: &[&str]) -> Url {
        let mut address = self.base.clone();
        // There are segments in every http address.
        if let Ok(mut segments) = address.path_segments_mut() {
            segments.pop_if_empty().extend(path);
        }
        address
    }

    /// A request with the token.
    pub(crate) fn request(&self, client: &Client, method: Method, address: Url) -> Result<RequestBuilder, Failure> {
        let request = client.request(method, address);
        Ok(match self.token()? {
            Some(token) => request.header(AUTHORIZATION, bearer(&token)?),
            None => request,
        })
    }

    /// Sends a question and waits for the head of the answer.
    pub(crate) async fn ask(&self, request: RequestBuilder) -> Result<Response, Failure> {
        request.timeout(PATIENCE).send().await.map_err(|error| self.no_answer(&chain(&error.without_url())))
    }

    /// There is nobody there.
    pub(crate) fn no_answer(&self, why: &str) -> Failure {
        Failure::Run(format!(
            "there is no answer from {}: {why}; start a hub with `headwater serve`, or name another with --url",
            self.address()
        ))
    }

    /// What an answer says that is no success. `credential_flag` is where a token would come from.
    pub(crate) async fn refusal(&self, answer: Response, credential_flag: &str) -> Failure {
        let status = answer.status();
        let is_problem = answer.headers().get(CONTENT_TYPE).is_some_and(|kind| kind == "application/problem+json");
        let document = match is_problem {
            true => read_json(answer).await.ok(),
            false => None,
        };
        let detail = document.as_ref().and_then(|document| document["detail"].as_str());
        let detail = detail.map_or_else(|| "it says nothing more".to_owned(), printable);
        let advice = self.credential_advice(status.as_u16(), credential_flag);
        let detail = if advice.is_empty() { &*detail } else { detail.trim_end_matches('.') };
        Failure::Run(format!("{} answers with the status {}: {detail}{advice}", self.address(), status.as_u16()))
    }
}

/// Reads the JSON of an answer.
pub(crate) async fn read_json(mut answer: Response) -> Result<serde_json::Value, String> {
    let mut body = Vec::new();
    while let Some(chunk) = answer.chunk().await.map_err(|error| chain(&error.without_url()))? {
        body.extend_from_slice(&chunk);
        if body.len() > MOST_ANSWER {
            return Err("it is too long".into());
        }
    }
    serde_json::from_slice(&body).map_err(|error| error.to_string())
}

fn read_certificates(path: &Path) -> Result<Vec<u8>, Failure> {
    let pem = fs::read(path).map_err(|error| cannot_read(path, &error))?;
    match Certificate::from_pem_bundle(&pem) {
        Ok(certificates) if !certificates.is_empty() => Ok(pem),
        _ => Err(Failure::Arguments(format!("{} holds no certificate in PEM form", path.display()))),
    }
}

/// Reads a token, without the line end.
pub(crate) fn read_token(path: &Path) -> Result<String, Failure> {
    let mut text = String::new();
    let file = File::open(path).map_err(|error| cannot_read(path, &error))?;
    file.take(MOST_TOKEN + 1).read_to_string(&mut text).map_err(|error| cannot_read(path, &error))?;
    match text.len() as u64 > MOST_TOKEN {
        true => Err(Failure::Arguments(format!("{} holds no token: it is larger than 8 KiB", path.display()))),
        false => Ok(text.trim().to_owned()),
    }
}

/// Runs to its end what talks to a hub.
pub(crate) fn block_on<T>(work: impl Future<Output = Result<T, Failure>>) -> Result<T, Failure> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let runtime = runtime.map_err(|error| Failure::Run(format!("the system gives no event loop: {error}")))?;
    runtime.block_on(work)
}

/// Whether colours are welcome on a terminal (<https://no-color.org>).
pub(crate) fn may_style() -> bool {
    let is_set = |name| env::var_os(name).is_some_and(|value| !value.is_empty());
    !is_set("NO_COLOR") && env::var_os("TERM").is_none_or(|kind| kind != "dumb")
}

/// Says something on standard error. Whoever closed it does not want to read it.
pub(crate) fn say(text: &str) {
    let _ = writeln!(io::stderr(), "headwater: {}", printable(text));
}

/// Without what could steer a terminal.
pub(crate) fn printable(text: &str) -> String {
    text.chars().map(visible).collect()
}

/// The character, or a replacement for one that steers a terminal or turns the direction of the text around it.
pub(crate) fn visible(char: char) -> char {
    match char {
        '\u{61c}' | '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' => '\u{fffd}',
        control if control.is_control() => '\u{fffd}',
        other => other,
    }
}

/// An error and its causes in one line: errors of the network keep the interesting part to their source.
pub(crate) fn chain(error: &dyn Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        text.push_str(": ");
        text.push_str(&cause.to_string());
        source = cause.source();
    }
    text
}

fn bearer(token: &str) -> Result<HeaderValue, Failure> {
    let invalid = |why: &str| Failure::Arguments(format!("the token cannot be sent: {why}"));
    if token.is_empty() {
        return Err(invalid("it is empty"));
    }
    if token.contains(char::is_whitespace) {
        return Err(invalid("it has white space in it; a token is one word, and its file holds nothing else"));
    }
    let no_token = "it has characters that no token has";
    if !token.bytes().all(|byte| byte.is_ascii_graphic()) {
        return Err(invalid(no_token));
    }
    let mut value = HeaderValue::try_from(format!("Bearer {token}")).map_err(|_| invalid(no_token))?;
    value.set_sensitive(true);
    Ok(value)
}

fn cannot_read(path: &Path, error: &io::Error) -> Failure {
    Failure::Arguments(format!("{} cannot be read: {error}", path.display()))
}

impl fmt::Debug for Credential {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a credential")
    }
}

impl fmt::Debug for Hub {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Hub").field("address", &self.address()).finish_non_exhaustive()
    }
}
