//! `headwater explain`: what a hub would decide about somebody, and by which rule. With the local configuration, or by
//! asking a running hub.

use std::fmt::Write as _;
use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::path::PathBuf;
use std::time::Duration;
use std::{env, fs};

use clap::Args;
use headwater_server::{Explanation, Question, Step, config, explain_offline};

use crate::command::Options;
use crate::{Failure, print};

/// About whom, and what they want.
#[derive(Debug, Args)]
pub(crate) struct Explain {
    /// Token they send. Every user of this machine can see arguments: rather name a variable or a file
    #[arg(long, value_name = "TOKEN", conflicts_with_all = ["token_env", "token_file"])]
    token: Option<String>,
    /// Environment variable that holds the token
    #[arg(long, value_name = "VARIABLE", conflicts_with = "token_file")]
    token_env: Option<String>,
    /// File that holds the token
    #[arg(long, value_name = "FILE")]
    token_file: Option<PathBuf>,
    /// Topic or pattern they want to read; may be given several times
    #[arg(long, value_name = "PATTERN")]
    subscribe: Vec<String>,
    /// Topic they want to publish to; may be given several times
    #[arg(long, value_name = "TOPIC")]
    publish: Vec<String>,
    /// Web page they come from: its origin, scheme and host
    #[arg(long, value_name = "ORIGIN")]
    origin: Option<String>,
    /// Name they call the hub by
    #[arg(long, value_name = "HOST")]
    host: Option<String>,
    /// Ask the hub at this address, such as http://127.0.0.1:7070, instead of the local configuration
    #[arg(long, value_name = "URL")]
    url: Option<String>,
    /// Environment variable with an administrator's token for that hub
    #[arg(long, value_name = "VARIABLE", requires = "url", conflicts_with = "admin_token_file")]
    admin_token_env: Option<String>,
    /// File with an administrator's token for that hub
    #[arg(long, value_name = "FILE", requires = "url")]
    admin_token_file: Option<PathBuf>,
    /// Print JSON
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    options: Options,
}

/// How long a hub may take to answer.
const PATIENCE: Duration = Duration::from_secs(10);
/// Longest answer that is read.
const MOST_ANSWER: u64 = 1 << 20;

/// Explains. A refusal is an answer, and no failure of the command.
pub(crate) fn run(command: &Explain) -> Result<(), Failure> {
    let token = match &command.token {
        Some(token) => Some(token.clone()),
        None => secret(command.token_env.as_deref(), command.token_file.as_ref())?,
    };
    let question = Question {
        token,
        subscribe: command.subscribe.clone(),
        publish: command.publish.clone(),
        origin: command.origin.clone(),
        host: command.host.clone(),
    };
    let explanation = match &command.url {
        Some(url) => {
            let admin = secret(command.admin_token_env.as_deref(), command.admin_token_file.as_ref())?;
            ask(url, admin.as_deref(), &question)?
        }
        None => {
            let resolved = config::resolve(&command.options.sources()).map_err(Failure::Config)?;
            explain_offline(&resolved.settings, &question).map_err(Failure::Arguments)?
        }
    };
    match command.json {
        true => print(&format!("{}\n", serde_json::to_string_pretty(&explanation).unwrap_or_default())),
        false => print(&table(&explanation)),
    }
    Ok(())
}

/// One line for every decision, and what the token says.
fn table(explanation: &Explanation) -> String {
    let mut text = String::new();
    let about = |step: &Step| step.about.as_deref().map_or(String::new(), printable);
    let width = explanation.steps.iter().map(|step| about(step).chars().count()).max().unwrap_or(0);
    for step in &explanation.steps {
        let verdict = if step.allowed { "allowed" } else { "refused" };
        let reason = step.reason.as_deref().map_or(String::new(), |reason| format!("{reason}: "));
        // Writing to a string does not fail.
        let _ = writeln!(
            text,
            "{:<10}  {:<width$}  {verdict}  {reason}{}",
            step.check,
            about(step),
            printable(&step.detail)
        );
    }
    if let Some(credential) = &explanation.credential {
        let or = |value: &Option<String>| value.as_deref().map_or("none".to_owned(), printable);
        let _ = writeln!(text, "\nThe token is of {}, issued by {}.", or(&credential.subject), or(&credential.issuer));
        let _ = writeln!(text, "It ends at {}; its id is {}.", or(&credential.expires_at), or(&credential.id));
        let list = |patterns: &[String]| match patterns {
            [] => "nothing".to_owned(),
            some => printable(&some.join(", ")),
        };
        let _ = writeln!(text, "It may read {}.", list(&credential.subscribe));
        let _ = writeln!(text, "It may publish to {}.", list(&credential.publish));
        if credential.admin {
            text.push_str("It may administer the hub.\n");
        }
    }
    text
}

/// Without what could steer a terminal.
fn printable(text: &str) -> String {
    text.chars().map(|char| if char.is_control() { '\u{fffd}' } else { char }).collect()
}

/// What a variable or a file holds, without the line end.
fn secret(variable: Option<&str>, file: Option<&PathBuf>) -> Result<Option<String>, Failure> {
    let text = match (variable, file) {
        (Some(name), _) => env::var(name).map_err(|_| failed(&format!("the variable {name} is not set")))?,
        (None, Some(path)) => {
            fs::read_to_string(path).map_err(|error| failed(&format!("{} cannot be read: {error}", path.display())))?
        }
        (None, None) => return Ok(None),
    };
    Ok(Some(text.trim().to_owned()))
}

/// Asks a running hub: one request, over plain HTTP.
fn ask(url: &str, admin: Option<&str>, question: &Question) -> Result<Explanation, Failure> {
    let authority = url.strip_prefix("http://").map(|rest| rest.trim_end_matches('/')).filter(|rest| !rest.is_empty());
    let authority =
        authority.filter(|rest| !rest.contains(['/', '@', '?', '#']) && !rest.chars().any(char::is_control));
    let authority = authority.ok_or_else(|| {
        failed("the address of a hub is http:// and a host and port; for one behind TLS, run this where it runs, or POST to /v1/admin/explain")
    })?;
    let address = if authority.rsplit_once(':').is_some_and(|(_, port)| port.parse::<u16>().is_ok()) {
        authority.to_owned()
    } else {
        format!("{authority}:80")
    };
    let unreachable = |error: std::io::Error| Failure::Run(format!("failed to ask {url}: {error}"));
    let body = serde_json::to_string(question).map_err(|error| failed(&error.to_string()))?;
    let admin = match admin {
        Some(token) if token.bytes().all(|byte| byte.is_ascii_graphic()) => {
            format!("Authorization: Bearer {token}\r\n")
        }
        Some(_) => return Err(failed("the administrator's token has characters that no token has")),
        None => String::new(),
    };
    let mut stream = TcpStream::connect(&address).map_err(unreachable)?;
    stream.set_read_timeout(Some(PATIENCE)).map_err(unreachable)?;
    let head = format!(
        "POST /v1/admin/explain HTTP/1.1\r\nHost: {authority}\r\nConnection: close\r\nContent-Type: application/json\r\n\
         {admin}Content-Length: {}\r\n\r\n",
        body.len()
    );
    stream.write_all(head.as_bytes()).and_then(|()| stream.write_all(body.as_bytes())).map_err(unreachable)?;
    let mut answer = String::new();
    stream.take(MOST_ANSWER).read_to_string(&mut answer).map_err(unreachable)?;
    let (head, body) = answer.split_once("\r\n\r\n").unwrap_or((&answer, ""));
    let status = head.split(' ').nth(1).unwrap_or("");
    let document = || serde_json::from_str::<serde_json::Value>(body).ok();
    if status != "200" {
        let detail = document().and_then(|document| document["detail"].as_str().map(printable)).unwrap_or_default();
        return Err(Failure::Run(format!("failed to ask {url}: it answered {status} {detail}")));
    }
    serde_json::from_str(body).map_err(|_| Failure::Run(format!("failed to ask {url}: its answer cannot be read")))
}

fn failed(why: &str) -> Failure {
    Failure::Arguments(format!("failed to explain: {why}"))
}
