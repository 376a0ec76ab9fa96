//! `[access]`: who may sign credentials, who may come without one, and which names and pages the hub answers.

use std::fmt;
use std::fs::File;
use std::io::{self, Read as _};
use std::path::PathBuf;
use std::time::Duration;

use headwater_access::{Algorithm, Issuer, Key, KeyError, Rights};

use super::hook::is_plain;

/// Access control as configured. Without it the hub is in development mode.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Access {
    /// What the `aud` of a token has to name, for keys that name no audience of their own.
    pub audience: Option<String>,
    /// Names, with or without a port, under which the hub is reached; IP addresses and `localhost` need no entry.
    pub hosts: Vec<String>,
    /// Origins of web pages that may use the hub, as browsers send them; `*` for any, without cookies.
    pub origins: Vec<String>,
    /// What everybody may do who brings no credential.
    pub anonymous: Rights,
    /// The keys that verify tokens.
    pub keys: Vec<AccessKey>,
    /// The application that is asked about whoever brings no token.
    pub webhook: Option<Webhook>,
}

/// The application that is asked who may read what.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Webhook {
    /// Where it is asked. Without TLS on this machine and private networks only.
    pub url: String,
    /// How long an answer may take. Default 2 s.
    pub timeout: Duration,
    /// What of a request it gets to see, in lower case. Default `cookie` and `authorization`.
    pub headers: Vec<String>,
    /// File with the certificates that are trusted there, instead of those of the system.
    pub ca: Option<PathBuf>,
}

impl Webhook {
    /// How long an answer may take unless told otherwise.
    pub(super) const TIMEOUT: Duration = Duration::from_secs(2);
    /// What it gets to see unless told otherwise.
    pub(super) const HEADERS: [&str; 2] = ["cookie", "authorization"];
}

impl Access {
    /// Whether a key may have changed although the settings have not.
    pub(crate) fn reads_files(&self) -> bool {
        self.webhook.as_ref().is_some_and(|webhook| webhook.ca.is_some()) || self.reads_key_files()
    }

    fn reads_key_files(&self) -> bool {
        self.keys.iter().any(|key| match &key.source {
            KeySource::SecretFile(_) | KeySource::PublicKeyFile(_) => true,
            KeySource::KeySet(set) => set.ca.is_some(),
            KeySource::Inline(_) | KeySource::Variable(..) => false,
        })
    }
}

/// A key that verifies tokens.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AccessKey {
    /// What the `kid` of a token names it by.
    pub id: String,
    /// The one algorithm it verifies.
    pub algorithm: Algorithm,
    /// What the `iss` of its tokens has to be.
    pub issuer: Option<String>,
    /// What the `aud` of its tokens has to name, instead of the general one.
    pub audience: Option<String>,
    /// Where the key itself is.
    pub source: KeySource,
}

/// Where a key is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum KeySource {
    /// Written down.
    Inline(Secret),
    /// In an environment variable: its name, and its value if it is set.
    Variable(String, Option<Secret>),
    /// A secret, the whole content of a file but for line ends at its end.
    SecretFile(PathBuf),
    /// A public key, PEM or JWK, in a file.
    PublicKeyFile(PathBuf),
    /// A set of public keys that its issuer publishes.
    KeySet(KeySetSource),
}

/// Where a set of public keys is published.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeySetSource {
    /// Begins with `https://`.
    pub url: String,
    /// Whether its name may lead to this machine or a private network.
    pub internal: bool,
    /// File with the certificates that are trusted there, instead of those of the system.
    pub ca: Option<PathBuf>,
}

/// A secret. Nothing prints it.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(pub(super) String);

/// Why a key cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum KeyFault {
    /// The variable is not set.
    #[error("its variable {0} is not set; set it to a random secret of at least 32 bytes")]
    NoVariable(String),
    /// The file cannot be read.
    #[error("its file {} cannot be read ({error}); check the path and who may read it", path.display())]
    Unreadable {
        /// Which file.
        path: PathBuf,
        /// What the system said.
        error: io::Error,
    },
    /// What was read is no key.
    #[error("it {0}")]
    Key(#[from] KeyError),
}

impl Access {
    /// The keys, read and grouped by who signs with them for which audience; those of published sets are still to come.
    ///
    /// # Errors
    /// The id of the first key that cannot be used, and why.
    pub fn issuers(&self) -> Result<Vec<Issuer>, (String, KeyFault)> {
        let mut issuers: Vec<Issuer> = Vec::new();
        for key in &self.keys {
            let loaded = key.load().map_err(|fault| (key.id.clone(), fault))?;
            let signer = self.signer(key);
            let known = issuers.iter().position(|one| (one.name.as_ref(), one.audience.as_ref()) == signer);
            let index = known.unwrap_or_else(|| {
                let (name, audience) = (signer.0.cloned(), signer.1.cloned());
                issuers.push(Issuer { name, audience, ..Issuer::default() });
                issuers.len() - 1
            });
            issuers[index].pending |= loaded.is_none();
            issuers[index].keys.extend(loaded);
        }
        Ok(issuers)
    }

    /// Who signs with a key, and for which audience.
    pub(crate) fn signer<'a>(&'a self, key: &'a AccessKey) -> (Option<&'a String>, Option<&'a String>) {
        (key.issuer.as_ref(), key.audience.as_ref().or(self.audience.as_ref()))
    }

    /// The entries whose keys are published in sets.
    pub(crate) fn key_sets(&self) -> impl Iterator<Item = (&AccessKey, &KeySetSource)> {
        self.keys.iter().filter_map(|key| match &key.source {
            KeySource::KeySet(set) => Some((key, set)),
            _ => None,
        })
    }

    /// What should be changed although it works, one sentence each.
    pub(super) fn warnings(&self) -> Vec<String> {
        let mut warnings = Vec::new();
        for key in &self.keys {
            if let Some(weakness) = key.load().ok().flatten().and_then(|key| key.weakness()) {
                warnings.push(format!("key `{}` {weakness}", key.id));
            }
            if key.audience.is_none() && self.audience.is_none() {
                warnings.push(format!(
                    "key `{}` has no audience, so tokens that its issuer makes for other services open this hub; set `access.audience`",
                    key.id
                ));
            }
        }
        for (key, _) in self.key_sets().filter(|(key, _)| key.issuer.is_none()) {
            warnings.push(format!(
                "key `{}` takes tokens of any `iss` that a key at its `jwks_url` signed; set its `issuer`",
                key.id
            ));
        }
        if self.webhook.as_ref().is_some_and(|webhook| is_plain(&webhook.url)) {
            warnings.push(
                "`access.webhook.url` is plain HTTP, so what callers identify themselves with can be read on the way; write an https:// address"
                    .to_owned(),
            );
        }
        if self.origins.iter().any(|origin| origin == "*") {
            warnings.push("`access.origins` takes web pages of any origin; name the ones that are yours".to_owned());
        }
        if self.anonymous.publish().iter().any(|pattern| pattern.as_str() == "**") {
            warnings.push("`access.anonymous.publish` lets everybody publish everything; name patterns".to_owned());
        }
        warnings
    }
}

impl AccessKey {
    /// Reads the key. `None` for one that is in a published set.
    ///
    /// # Errors
    /// [`KeyFault`] without any part of the key.
    pub fn load(&self) -> Result<Option<Key>, KeyFault> {
        let secret = |text: &str| Ok(Some(Key::secret(&self.id, self.algorithm, text.as_bytes())?));
        match &self.source {
            KeySource::Inline(text) | KeySource::Variable(_, Some(text)) => secret(&text.0),
            KeySource::Variable(name, None) => Err(KeyFault::NoVariable(name.clone())),
            KeySource::SecretFile(path) => secret(read(path)?.trim_end_matches(['\r', '\n'])),
            KeySource::PublicKeyFile(path) => Ok(Some(Key::from_text(&self.id, self.algorithm, &read(path)?)?)),
            KeySource::KeySet(set) => set.ca.as_ref().map_or(Ok(None), |ca| read(ca).map(|_| None)),
        }
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("[secret]")
    }
}

/// An origin as browsers serialize it: scheme, host and perhaps a port, nothing more; or `*`.
pub(super) fn is_origin(text: &str) -> bool {
    if text == "*" {
        return true;
    }
    let Some(rest) = text.strip_prefix("https://").or_else(|| text.strip_prefix("http://")) else { return false };
    let default_port = if text.starts_with("https") { ":443" } else { ":80" };
    rest.parse::<http::uri::Authority>().is_ok_and(|authority| authority.as_str() == rest)
        && !rest.contains(['@', '*'])
        && !rest.ends_with(default_port)
        && rest == rest.to_ascii_lowercase()
}

/// A host name, perhaps with a port.
pub(super) fn is_host(text: &str) -> bool {
    text.parse::<http::uri::Authority>().is_ok_and(|authority| !authority.host().is_empty())
        && !text.contains(['@', '*'])
}

/// Whether a header field of a request may be handed on: a name, and none that belongs to the connection or the question.
pub(super) fn is_handed_on(text: &str) -> bool {
    const OWN: [&str; 14] = [
        "accept",
        "connection",
        "content-encoding",
        "content-length",
        "content-type",
        "expect",
        "host",
        "keep-alive",
        "te",
        "trailer",
        "transfer-encoding",
        "upgrade",
        "user-agent",
        "proxy-connection",
    ];
    http::HeaderName::from_bytes(text.as_bytes()).is_ok_and(|name| !OWN.contains(&name.as_str()))
}

/// Largest file of a key or of certificates.
const MAX_BYTES: u64 = 256 << 10;

/// The text of a small file.
///
/// # Errors
/// [`KeyFault::Unreadable`].
pub(super) fn read(path: &PathBuf) -> Result<String, KeyFault> {
    let mut text = String::new();
    let outcome = File::open(path).and_then(|file| file.take(MAX_BYTES).read_to_string(&mut text));
    outcome.map(|_| text).map_err(|error| KeyFault::Unreadable { path: path.clone(), error })
}
