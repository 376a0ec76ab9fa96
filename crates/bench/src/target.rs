//! A target as it is meant: where to connect and what to say, read once from URLs and templates.

use std::net::{SocketAddr, ToSocketAddrs as _};

use serde::{Deserialize, Serialize};

use crate::layout::Layout;
use crate::template::{Place, Template, Values};
use crate::{BenchError, TargetOptions};

/// A target.
#[derive(Clone, Debug)]
pub(crate) struct Target {
    /// What reports call it.
    pub(crate) name: String,
    pub(crate) subscribe: Subscribe,
    pub(crate) publish: Publish,
    pub(crate) pid: Option<u32>,
}

/// How to ask for a stream.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Subscribe {
    pub(crate) address: SocketAddr,
    /// As it was written, for messages.
    pub(crate) url: String,
    host: String,
    path: Template,
    /// Pieces between `&`; those with a topic are repeated.
    query: Vec<Template>,
    /// Readers take turns in them.
    tokens: Vec<String>,
}

/// How to hand in an event.
#[derive(Clone, Debug)]
pub(crate) struct Publish {
    pub(crate) address: SocketAddr,
    /// As it was written, for messages.
    pub(crate) url: String,
    host: String,
    method: String,
    path: Template,
    body: Template,
    headers: Vec<Template>,
}

impl Target {
    /// Reads what was written. `flag` is what the flags of this target begin with.
    pub(crate) fn new(options: &TargetOptions, flag: &str, remote: bool) -> Result<Self, BenchError> {
        let base = options.base.as_deref().map(|base| base.trim_end_matches('/'));
        let url = |given: &Option<String>, path: &str, missing: &str| match (given, base) {
            (Some(url), _) => Ok(url.clone()),
            (None, Some(base)) => Ok(format!("{base}{path}")),
            (None, None) => {
                Err(BenchError::Setting(format!("--{flag}{missing} is missing, and no hub is named to derive it from")))
            }
        };
        let subscribe = url(&options.subscribe_url, "/v1/events?topic={topic}", "subscribe-url")?;
        let publish = url(&options.publish_url, "/v1/topics/{topic}", "publish-url")?;
        let name = base.map_or_else(
            || Url::read(&subscribe).map(|url| format!("http://{}", url.host)),
            |base| Ok(base.to_owned()),
        )?;
        Ok(Self {
            name,
            subscribe: Subscribe::new(&subscribe, options, remote)?,
            publish: Publish::new(&publish, options, remote)?,
            pid: options.pid,
        })
    }

    /// Refuses a shape its URLs cannot express.
    pub(crate) fn check(&self, layout: Layout) -> Result<(), BenchError> {
        let subscribe = &self.subscribe;
        if layout.per_reader > 1 && !subscribe.query.iter().any(|piece| piece.has(Place::Topic)) {
            let url = &subscribe.url;
            return Err(BenchError::Setting(format!(
                "{url} has no query parameter with {{topic}} to repeat, so --topics-per-reader can only be 1"
            )));
        }
        Ok(())
    }
}

impl Subscribe {
    fn new(text: &str, options: &TargetOptions, remote: bool) -> Result<Self, BenchError> {
        let url = Url::read(text)?;
        let (path, query) = url.path.split_once('?').unwrap_or((&url.path, ""));
        Ok(Self {
            address: url.address(remote)?,
            url: text.to_owned(),
            path: Template::new(path),
            query: query.split('&').filter(|piece| !piece.is_empty()).map(Template::new).collect(),
            host: url.host,
            tokens: checked(&options.tokens)?,
        })
    }

    /// Appends the request of one reader. `cursor` is where it resumes, empty for the first time.
    pub(crate) fn request(&self, topics: &[String], run: &str, reader: u64, cursor: &str, out: &mut String) {
        let token = self.tokens.get(reader as usize % self.tokens.len().max(1)).map_or("", String::as_str);
        let reader = &*reader.to_string();
        let with = |topic| Values { topic, payload: "", run, reader };
        let first = topics.first().map_or("", String::as_str);
        out.push_str("GET ");
        self.path.fill_url(&with(first), out);
        let mut separator = '?';
        for piece in &self.query {
            let times = if piece.has(Place::Topic) { topics } else { &topics[..topics.len().min(1)] };
            for topic in times {
                out.push(separator);
                piece.fill_url(&with(topic), out);
                separator = '&';
            }
        }
        out.push_str(" HTTP/1.1\r\nHost: ");
        out.push_str(&self.host);
        out.push_str("\r\nAccept: text/event-stream\r\n");
        let fields = [("Authorization: Bearer ", token), ("Last-Event-ID: ", cursor)];
        for (name, value) in fields.into_iter().filter(|(_, value)| !value.is_empty()) {
            out.extend([name, value, "\r\n"]);
        }
        out.push_str("\r\n");
    }
}

impl Publish {
    fn new(text: &str, options: &TargetOptions, remote: bool) -> Result<Self, BenchError> {
        let url = Url::read(text)?;
        let mut headers = options.publish_headers.clone();
        headers.extend(options.tokens.first().map(|token| format!("Authorization: Bearer {token}")));
        if let Some(header) = headers.iter().find(|header| !header.contains(':') || header.contains(['\r', '\n'])) {
            return Err(BenchError::Setting(format!("--publish-header `{header}` is not `Name: value`")));
        }
        Ok(Self {
            address: url.address(remote)?,
            url: text.to_owned(),
            method: options.publish_method.clone().unwrap_or_else(|| "POST".to_owned()),
            path: Template::new(&url.path),
            host: url.host,
            body: Template::new(options.publish_body.as_deref().unwrap_or("{payload}")),
            headers: headers.iter().map(|header| Template::new(header)).collect(),
        })
    }

    /// Appends the request of one event. `body` is room to build its body in.
    pub(crate) fn request(&self, values: &Values<'_>, body: &mut String, out: &mut String) {
        body.clear();
        self.body.fill(values, body);
        out.extend([self.method.as_str(), " "]);
        self.path.fill_url(values, out);
        out.extend([" HTTP/1.1\r\nHost: ", self.host.as_str(), "\r\nContent-Length: "]);
        out.push_str(&body.len().to_string());
        out.push_str("\r\n");
        for header in &self.headers {
            header.fill(values, out);
            out.push_str("\r\n");
        }
        out.push_str("\r\n");
        out.push_str(body);
    }
}

/// Tokens that stand in one header field each.
fn checked(tokens: &[String]) -> Result<Vec<String>, BenchError> {
    match tokens.iter().all(|token| !token.is_empty() && token.bytes().all(|byte| byte.is_ascii_graphic())) {
        true => Ok(tokens.to_vec()),
        false => Err(BenchError::Setting("a token is empty, or has a blank in it".to_owned())),
    }
}

/// The parts of a URL that are needed.
struct Url {
    /// Host and port as written.
    host: String,
    /// Path and query, at least `/`.
    path: String,
}

impl Url {
    fn read(text: &str) -> Result<Self, BenchError> {
        let unusable = |why: &str| BenchError::Setting(format!("`{text}` {why}"));
        if text.starts_with("https://") {
            return Err(unusable("needs TLS, which is not measured here: name a plain HTTP listener"));
        }
        let rest = text.strip_prefix("http://").ok_or_else(|| unusable("does not begin with http://"))?;
        let end = rest.find(['/', '?']).unwrap_or(rest.len());
        let (host, path) = rest.split_at(end);
        if host.is_empty() || text.contains(char::is_whitespace) {
            return Err(unusable("names no host, or has a blank in it"));
        }
        let slash = if path.starts_with('/') { "" } else { "/" };
        Ok(Self { host: host.to_owned(), path: format!("{slash}{path}") })
    }

    fn address(&self, remote: bool) -> Result<SocketAddr, BenchError> {
        let has_port = self.host.rsplit_once(':').is_some_and(|(_, port)| port.parse::<u16>().is_ok());
        let host = if has_port { self.host.clone() } else { format!("{}:80", self.host) };
        let mut found =
            host.to_socket_addrs().map_err(|error| BenchError::Setting(format!("cannot find {host}: {error}")))?;
        let address = found.next().ok_or_else(|| BenchError::Setting(format!("{host} has no address")))?;
        if !remote && !address.ip().is_loopback() {
            return Err(BenchError::Remote(address));
        }
        Ok(address)
    }
}

#[cfg(test)]
mod tests {
    use super::{Target, Values};
    use crate::layout::Layout;
    use crate::{BenchError, TargetOptions};

    fn hub(base: &str) -> TargetOptions {
        TargetOptions { base: Some(base.to_owned()), ..TargetOptions::default() }
    }

    fn subscribed(options: &TargetOptions, topics: &[&str], cursor: &str) -> String {
        let target = Target::new(options, "", false).unwrap();
        let topics: Vec<String> = topics.iter().map(|topic| (*topic).to_owned()).collect();
        let mut out = String::new();
        target.subscribe.request(&topics, "7f", 3, cursor, &mut out);
        out
    }

    #[test]
    fn a_hub_needs_only_its_address() {
        let options =
            TargetOptions { tokens: vec!["other".to_owned(), "secret".to_owned()], ..hub("http://127.0.0.1:7070/") };
        assert_eq!(
            subscribed(&options, &["a/b", "c"], "12-3f"),
            "GET /v1/events?topic=a/b&topic=c HTTP/1.1\r\nHost: 127.0.0.1:7070\r\nAccept: text/event-stream\r\n\
             Authorization: Bearer secret\r\nLast-Event-ID: 12-3f\r\n\r\n"
        );
        let target = Target::new(&options, "", false).unwrap();
        let (mut body, mut out) = (String::new(), String::new());
        let values = Values { topic: "a b", payload: "data", ..Values::default() };
        target.publish.request(&values, &mut body, &mut out);
        assert_eq!(
            out,
            "POST /v1/topics/a%20b HTTP/1.1\r\nHost: 127.0.0.1:7070\r\nContent-Length: 4\r\nAuthorization: Bearer other\r\n\r\ndata"
        );
    }

    #[test]
    fn templates_reach_other_hubs() {
        let options = TargetOptions {
            subscribe_url: Some("http://127.0.0.1:80/sub/{topic}?reader={reader}".to_owned()),
            publish_url: Some("http://[::1]:5561/publish/".to_owned()),
            publish_body: Some(r#"{"channel":"{topic}","content":"data: {payload}\n\n"}"#.to_owned()),
            publish_headers: vec!["X-Run: {run}".to_owned()],
            publish_method: Some("PUT".to_owned()),
            ..TargetOptions::default()
        };
        assert!(subscribed(&options, &["a"], "").starts_with("GET /sub/a?reader=3 HTTP/1.1\r\n"));
        let target = Target::new(&options, "", false).unwrap();
        let (mut body, mut out) = (String::new(), String::new());
        target.publish.request(&Values { topic: "a", payload: "p", run: "7f", reader: "" }, &mut body, &mut out);
        assert!(out.starts_with("PUT /publish/ HTTP/1.1\r\n") && out.contains("\r\nX-Run: 7f\r\n"), "{out}");
        assert!(out.ends_with(r#"{"channel":"a","content":"data: p\n\n"}"#), "{out}");
        let two = Layout { topics: 2, lanes: 1, per_reader: 2 };
        assert!(target.check(two).unwrap_err().to_string().contains("--topics-per-reader can only be 1"));
    }

    #[test]
    fn another_machine_is_refused_unless_wanted() {
        let refused = Target::new(&hub("http://192.0.2.1:7070"), "", false).unwrap_err();
        assert!(matches!(refused, BenchError::Remote(_)) && refused.to_string().contains("--yes-remote"));
        assert!(Target::new(&hub("http://192.0.2.1"), "", true).is_ok());
        let mixed =
            TargetOptions { publish_url: Some("http://192.0.2.1/p".to_owned()), ..hub("http://127.0.0.1:7070") };
        assert!(matches!(Target::new(&mixed, "", false), Err(BenchError::Remote(_))));
    }

    #[test]
    fn what_is_no_target_is_one_sentence() {
        for (options, part) in [
            (hub("https://127.0.0.1"), "TLS"),
            (hub("127.0.0.1:7070"), "does not begin with http://"),
            (hub("http:///x"), "names no host"),
            (TargetOptions::default(), "--against-subscribe-url is missing"),
            (
                TargetOptions { publish_headers: vec!["x".to_owned()], ..hub("http://127.0.0.1") },
                "is not `Name: value`",
            ),
        ] {
            let said = Target::new(&options, "against-", false).unwrap_err().to_string();
            assert!(said.contains(part), "{said}");
        }
    }
}
