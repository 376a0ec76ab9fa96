//! Where a configuration is read from, and reading it. Loading again with the same sources is a reload.

use std::env;
use std::ffi::OsString;
use std::fs::File;
use std::io::{self, Read as _};
use std::path::{Path, PathBuf};

use super::access::{Access, KeySource, Secret};
use super::error::{ConfigError, Place, Problem};
use super::hook::{Hook, HookSecret};
use super::keys::{self, Key};
use super::layers::{CONFIG_VARIABLE, Layers};
use super::meaning::mean;
use super::{Settings, TlsFiles};

/// The layers of a configuration. The environment is a plain list, so whoever tests never touches the real one.
#[derive(Clone, Debug, Default)]
pub struct Sources {
    /// The file to read; it has to exist. Without it, the variable `HEADWATER_CONFIG` names the file, else
    /// `headwater.toml` in `folder` is read if there is one.
    pub file: Option<PathBuf>,
    /// Where `headwater.toml` is looked for; empty: the working directory.
    pub folder: PathBuf,
    /// Environment variables; those that do not begin with `HEADWATER_` do not matter.
    pub variables: Vec<(OsString, OsString)>,
    /// Values of flags, by key.
    pub flags: Vec<(&'static Key, String)>,
}

/// A checked configuration and where its values come from.
#[derive(Debug)]
pub struct Resolved {
    /// The settings.
    pub settings: Settings,
    /// The file that was read, if any.
    pub file: Option<PathBuf>,
    /// Where each written key was written.
    pub(super) places: Vec<(&'static str, Place)>,
}

impl Sources {
    /// The working directory and the environment of this process, no flags.
    pub fn of_process() -> Self {
        Self { variables: env::vars_os().collect(), ..Self::default() }
    }

    fn file_to_read(&self) -> Option<PathBuf> {
        let named = self.variables.iter().find(|(name, value)| name == CONFIG_VARIABLE && !value.is_empty());
        let named = self.file.clone().or_else(|| Some(PathBuf::from(&named?.1)));
        let usual = self.folder.join(FILE_NAME);
        named.or_else(|| usual.exists().then_some(usual))
    }
}

/// Reads and checks a configuration.
///
/// # Errors
/// [`ConfigError`] for the first thing that cannot be used.
pub fn load(sources: &Sources) -> Result<Settings, ConfigError> {
    resolve(sources).map(|resolved| resolved.settings)
}

/// Reads and checks the text of a file alone, without looking at any file or variable.
///
/// # Errors
/// [`ConfigError`] for the first thing that cannot be used.
pub fn load_str(text: &str) -> Result<Settings, ConfigError> {
    let layers = Layers::of_file(Path::new(FILE_NAME), text)?;
    mean(layers.read()?, &layers)
}

/// Reads and checks a configuration and keeps where its values come from.
///
/// # Errors
/// [`ConfigError`] for the first thing that cannot be used.
pub fn resolve(sources: &Sources) -> Result<Resolved, ConfigError> {
    let file = match sources.file_to_read() {
        Some(path) => match read(&path) {
            Ok(text) => Some((path, text)),
            Err(problem) => return Err(ConfigError::new(Place::File { path, at: None }, problem)),
        },
        None => None,
    };
    let mut layers = match &file {
        Some((path, text)) => Layers::of_file(path, text)?,
        None => Layers::empty(),
    };
    layers.add_variables(&sources.variables)?;
    layers.add_flags(&sources.flags);
    let mut settings = mean(layers.read()?, &layers)?;
    if let Some(tls) = &settings.tls {
        check_files(tls, &layers)?;
    }
    if let Some(access) = &mut settings.access {
        let ca = access.webhook.as_ref().and_then(|webhook| webhook.ca.as_deref());
        ca.map_or(Ok(()), |path| check_file(&keys::ACCESS_WEBHOOK_CA, path, &layers))?;
        complete_keys(access, sources, &layers)?;
    }
    complete_hooks(&mut settings.hooks, sources, &layers)?;
    let names = keys::keys().iter().map(|key| key.name).chain(keys::LISTS);
    let places = names.map(|name| (name, layers.place(name))).filter(|(_, place)| *place != Place::Default).collect();
    Ok(Resolved { settings, places, file: file.map(|(path, _)| path) })
}

/// Looks up the secrets that are in the environment, and reads every key once, while the place that names it can be
/// told.
fn complete_keys(access: &mut Access, sources: &Sources, layers: &Layers<'_>) -> Result<(), ConfigError> {
    for (index, key) in access.keys.iter_mut().enumerate() {
        if let KeySource::Variable(name, value) = &mut key.source {
            *value = secret_of(name, sources);
        }
        if let Err(fault) = key.load() {
            let problem = Problem::BadKey { id: key.id.clone(), fault };
            return Err(ConfigError::new(layers.place(&format!("{}.{index}", keys::ACCESS_KEYS)), problem));
        }
    }
    Ok(())
}

/// The same for the secrets of hooks.
fn complete_hooks(hooks: &mut [Hook], sources: &Sources, layers: &Layers<'_>) -> Result<(), ConfigError> {
    for (index, hook) in hooks.iter_mut().enumerate() {
        if let HookSecret::Variable(name, value) = &mut hook.secret {
            *value = secret_of(name, sources);
        }
        if let Err(fault) = hook.load() {
            let problem = Problem::BadHook { id: hook.id.clone(), fault };
            return Err(ConfigError::new(layers.place(&format!("{}.{index}", keys::HOOK)), problem));
        }
    }
    Ok(())
}

/// What an environment variable holds, if it is set.
fn secret_of(name: &str, sources: &Sources) -> Option<Secret> {
    let set = sources.variables.iter().find(|(known, value)| known == name && !value.is_empty());
    set.and_then(|(_, value)| value.to_str()).map(|text| Secret(text.to_owned()))
}

/// Largest file that is read.
const MAX_BYTES: u64 = 1 << 20;

/// The file that is read when nobody names one.
const FILE_NAME: &str = "headwater.toml";

fn read(path: &Path) -> Result<String, Problem> {
    let mut bytes = Vec::new();
    let file = File::open(path).map_err(Problem::Unreadable)?;
    if file.metadata().map_err(Problem::Unreadable)?.is_dir() {
        return Err(Problem::Unreadable(io::ErrorKind::IsADirectory.into()));
    }
    file.take(MAX_BYTES + 1).read_to_end(&mut bytes).map_err(Problem::Unreadable)?;
    if bytes.len() as u64 > MAX_BYTES {
        return Err(Problem::TooLarge(MAX_BYTES));
    }
    String::from_utf8(bytes).map_err(|_| Problem::NotText)
}

/// What TLS needs is looked for now, while the place that names it can be told.
fn check_files(tls: &TlsFiles, layers: &Layers<'_>) -> Result<(), ConfigError> {
    for (key, path) in [(&keys::TLS_CERTIFICATE, &tls.certificate), (&keys::TLS_KEY, &tls.key)] {
        check_file(key, path, layers)?;
    }
    Ok(())
}

fn check_file(key: &Key, path: &Path, layers: &Layers<'_>) -> Result<(), ConfigError> {
    File::open(path).map(drop).map_err(|error| {
        let problem = Problem::NoSuchFile { key: key.name, path: path.to_owned(), error };
        ConfigError::new(layers.place(key.name), problem)
    })
}
