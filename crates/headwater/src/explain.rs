//! `headwater explain`: what a hub would decide about somebody, and by which rule. With the local configuration, or by
//! asking a running hub.

use std::env;
use std::fmt::Write as _;
use std::path::PathBuf;

use clap::Args;
use headwater_server::{Explanation, Question, Step, config, explain_offline};
use reqwest::header::CONTENT_TYPE;
use reqwest::{Method, StatusCode};

use crate::command::Options;
use crate::remote::{Credential, Hub, block_on, printable, read_json, read_token};
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
    /// File of certificates (PEM) to trust beside those of the system, for that hub
    #[arg(long, value_name = "FILE", requires = "url")]
    ca: Option<PathBuf>,
    /// Print JSON
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    options: Options,
}

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
            let credential = admin.map_or(Credential::None, Credential::Token);
            let hub = Hub::new(url, credential, command.ca.as_deref())?;
            block_on(ask(&hub, &question))?
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

/// What a variable or a file holds, without the line end.
fn secret(variable: Option<&str>, file: Option<&PathBuf>) -> Result<Option<String>, Failure> {
    match (variable, file) {
        (Some(name), _) => {
            let text = env::var(name).map_err(|_| Failure::Arguments(format!("the variable {name} is not set")))?;
            Ok(Some(text.trim().to_owned()))
        }
        (None, Some(path)) => read_token(path).map(Some),
        (None, None) => Ok(None),
    }
}

/// Asks a running hub.
async fn ask(hub: &Hub, question: &Question) -> Result<Explanation, Failure> {
    let unreadable = |why: String| Failure::Run(format!("the answer of {} cannot be read: {why}", hub.address()));
    let body = serde_json::to_string(question).map_err(|error| unreadable(error.to_string()))?;
    let request = hub.request(&hub.client()?, Method::POST, hub.at(&["v1", "admin", "explain"]))?;
    let answer = hub.ask(request.header(CONTENT_TYPE, "application/json").body(body)).await?;
    if answer.status() != StatusCode::OK {
        return Err(hub.refusal(answer, "--admin-token-file").await);
    }
    let document = read_json(answer).await.map_err(unreadable)?;
    serde_json::from_value(document).map_err(|error| unreadable(error.to_string()))
}
