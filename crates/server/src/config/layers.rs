//! File, variables and flags laid over one another into one document that remembers where each value came from.
//!
//! Every text gets its own stretch of one common address space, the file first. A span in the merged document
//! therefore names its text and the place in it, and checks run once, on the result.

use std::ffi::OsString;
use std::ops::Range;
use std::path::Path;

use serde::Deserialize as _;
use toml::Spanned;
use toml::de::{DeArray, DeTable, DeValue};

use super::error::{ConfigError, Place, Problem};
use super::keys::{Key, LISTS, PREFIX, keys};
use super::shape::{self, Fault};
use super::written::Written;

/// The variable that names the file.
pub(super) const CONFIG_VARIABLE: &str = "HEADWATER_CONFIG";

/// Variables with our prefix that are no keys: the one above, two of the tools that build, find and start the
/// hub, which its process inherits, and two of the commands that talk to a hub.
const NOT_KEYS: &[&str] = &[CONFIG_VARIABLE, "HEADWATER_BIN", "HEADWATER_TOOLS", "HEADWATER_URL", "HEADWATER_TOKEN"];

/// The layers merged so far.
pub(super) struct Layers<'t> {
    /// The merged document.
    document: Spanned<DeTable<'t>>,
    /// The file at the bottom, if there is one; it has the stretch from 0.
    file: Option<(&'t Path, &'t str)>,
    /// The stretches of all other texts.
    others: Vec<(Range<usize>, Place)>,
}

impl<'t> Layers<'t> {
    /// Starts with nothing but defaults.
    pub(super) fn empty() -> Self {
        Self { document: Spanned::new(0..0, DeTable::new()), file: None, others: Vec::new() }
    }

    /// Starts with a file.
    ///
    /// # Errors
    /// Text that is not TOML, unknown keys, values of the wrong kind.
    pub(super) fn of_file(path: &'t Path, text: &'t str) -> Result<Self, ConfigError> {
        let mut layers = Self { file: Some((path, text)), ..Self::empty() };
        layers.document = DeTable::parse(text).map_err(|error| layers.syntax(&error, 0))?;
        shape::check_document(layers.document.get_ref()).map_err(|fault| layers.refuse(fault))?;
        Ok(layers)
    }

    /// Lays the environment over it. Names that do not begin with our prefix are skipped, and so are empty values,
    /// which is how orchestrators spell "not set".
    ///
    /// # Errors
    /// Unknown variables, values that are not text, a list that is not TOML.
    pub(super) fn add_variables(&mut self, variables: &'t [(OsString, OsString)]) -> Result<(), ConfigError> {
        let mut ours: Vec<(&str, &OsString)> = variables
            .iter()
            .filter_map(|(name, value)| Some((name.to_str().filter(|name| name.starts_with(PREFIX))?, value)))
            .filter(|(name, value)| !NOT_KEYS.contains(name) && !value.is_empty())
            .collect();
        ours.sort_unstable();
        let mut unknown = Vec::new();
        for (name, value) in ours {
            let place = Place::Variable(name.to_owned());
            let Some(value) = value.to_str() else {
                return Err(ConfigError::new(place, Problem::NotText));
            };
            let Some(key) = keys().iter().find(|key| key.variable() == name) else {
                if is_service_link(name, value) {
                    continue;
                }
                unknown.push((name, place));
                continue;
            };
            let start = self.stretch(value, place);
            if let Some(name) =
                LISTS.into_iter().find(|list| key.name.strip_prefix(list).is_some_and(|rest| rest.starts_with('.')))
            {
                let list = DeValue::parse(value).map_err(|error| self.syntax(&error, start))?;
                let list = moved(list, start);
                shape::check_value(name, &list).map_err(|fault| self.refuse(fault))?;
                set(self.document.get_mut(), name, list);
            } else {
                self.set_text(key, value, start);
            }
        }
        let named = self.secret_variables();
        match unknown.into_iter().find(|(name, _)| !named.iter().any(|known| known == name)) {
            Some((name, place)) => Err(ConfigError::new(place, unknown_variable(name))),
            None => Ok(()),
        }
    }

    /// Lays flags over it.
    pub(super) fn add_flags(&mut self, flags: &'t [(&'static Key, String)]) {
        for (key, value) in flags {
            let start = self.stretch(value, Place::Flag(key.flag.unwrap_or(key.name)));
            self.set_text(key, value, start);
        }
    }

    /// Reads the merged document.
    ///
    /// # Errors
    /// Values that do not say what their key needs.
    pub(super) fn read(&self) -> Result<Written, ConfigError> {
        let document = toml::de::Deserializer::from(self.document.clone());
        Written::deserialize(document).map_err(|error| {
            let at = error.span().map_or(0, |span| span.start);
            let key = path_of(self.document.get_ref(), "", at).unwrap_or_default();
            self.error_at(at, Problem::BadValue { key, why: one_line(error.message()) })
        })
    }

    /// Where a key was written: segments joined by `.`, entries of lists by index. [`Place::Default`] if nowhere.
    pub(super) fn place(&self, path: &str) -> Place {
        self.span(path).map_or(Place::Default, |span| self.place_at(span.start))
    }

    /// The variables that hold secrets: their names are the operator's choice and may begin like ours.
    fn secret_variables(&self) -> Vec<String> {
        let Some(DeValue::Table(access)) = self.document.get_ref().get("access").map(Spanned::get_ref) else {
            return Vec::new();
        };
        let Some(DeValue::Array(keys)) = access.get("keys").map(Spanned::get_ref) else { return Vec::new() };
        let named = keys.iter().filter_map(|key| match key.get_ref() {
            DeValue::Table(key) => key.get("secret_env")?.get_ref().as_str().map(str::to_owned),
            _ => None,
        });
        named.collect()
    }

    fn span(&self, path: &str) -> Option<Range<usize>> {
        let mut segments = path.split('.');
        let mut value = self.document.get_ref().get(segments.next()?)?;
        for segment in segments {
            value = match value.get_ref() {
                DeValue::Table(table) => table.get(segment)?,
                DeValue::Array(entries) => entries.get(segment.parse::<usize>().ok()?)?,
                _ => return None,
            };
        }
        Some(value.span())
    }

    /// Gives a text its stretch of the address space.
    fn stretch(&mut self, text: &str, place: Place) -> usize {
        let start = match self.others.last() {
            Some((last, _)) => last.end,
            None => self.file.map_or(0, |(_, text)| text.len() + 1),
        };
        self.others.push((start..start + text.len() + 1, place));
        start
    }

    /// A variable or flag has no types: its value is the text, from which every kind of key can be read.
    fn set_text(&mut self, key: &'static Key, text: &'t str, start: usize) {
        let value = DeValue::String(text.into());
        set(self.document.get_mut(), key.name, Spanned::new(start..start + text.len(), value));
    }

    fn refuse(&self, fault: Fault) -> ConfigError {
        self.error_at(fault.at, fault.problem)
    }

    fn error_at(&self, at: usize, problem: impl Into<Box<Problem>>) -> ConfigError {
        ConfigError::new(self.place_at(at), problem)
    }

    fn syntax(&self, error: &toml::de::Error, start: usize) -> ConfigError {
        let at = start + error.span().map_or(0, |span| span.start);
        self.error_at(
            at,
            match error.message() {
                "duplicate key" => Problem::WrittenTwice,
                message => Problem::Syntax(one_line(message)),
            },
        )
    }

    fn place_at(&self, at: usize) -> Place {
        if let Some((_, place)) = self.others.iter().find(|(stretch, _)| stretch.contains(&at)) {
            return place.clone();
        }
        match self.file {
            Some((path, text)) => Place::File { path: path.to_owned(), at: Some(line_and_column(text, at)) },
            None => Place::Default,
        }
    }
}

/// Sets a value, making the tables on the way to it.
fn set<'t>(table: &mut DeTable<'t>, path: &'static str, value: Spanned<DeValue<'t>>) {
    let Some((head, rest)) = path.split_once('.') else {
        table.insert(Spanned::new(value.span(), path.into()), value);
        return;
    };
    if !matches!(table.get(head).map(Spanned::get_ref), Some(DeValue::Table(_))) {
        let inner = Spanned::new(value.span(), DeValue::Table(DeTable::new()));
        table.insert(Spanned::new(value.span(), head.into()), inner);
    }
    if let Some(DeValue::Table(inner)) = table.get_mut(head).map(Spanned::get_mut) {
        set(inner, rest, value);
    }
}

/// The same value `by` bytes further on in the address space.
fn moved(value: Spanned<DeValue<'_>>, by: usize) -> Spanned<DeValue<'_>> {
    let ahead = |span: Range<usize>| span.start + by..span.end + by;
    let span = ahead(value.span());
    let value = match value.into_inner() {
        DeValue::Array(entries) => {
            DeValue::Array(entries.into_iter().map(|entry| moved(entry, by)).collect::<DeArray<'_>>())
        }
        DeValue::Table(table) => DeValue::Table(
            table
                .into_iter()
                .map(|(key, value)| (Spanned::new(ahead(key.span()), key.into_inner()), moved(value, by)))
                .collect(),
        ),
        scalar => scalar,
    };
    Spanned::new(span, value)
}

/// The name of the innermost key whose value holds this byte.
fn path_of(table: &DeTable<'_>, path: &str, at: usize) -> Option<String> {
    table.iter().find_map(|(key, value)| {
        let name = if path.is_empty() { key.get_ref().to_string() } else { format!("{path}.{}", key.get_ref()) };
        path_in(value, &name, at)
    })
}

fn path_in(value: &Spanned<DeValue<'_>>, name: &str, at: usize) -> Option<String> {
    let inner = match value.get_ref() {
        DeValue::Table(table) => path_of(table, name, at),
        DeValue::Array(entries) => entries.iter().find_map(|entry| path_in(entry, name, at)),
        _ => None,
    };
    // A table written by its header spans the header only, so it is asked after its contents.
    inner.or_else(|| (value.span().contains(&at) || value.span().start == at).then(|| name.to_owned()))
}

fn line_and_column(text: &str, at: usize) -> (usize, usize) {
    let before = text.as_bytes().get(..at).unwrap_or(text.as_bytes());
    let line = before.iter().filter(|byte| **byte == b'\n').count() + 1;
    let start = before.iter().rposition(|byte| *byte == b'\n').map_or(0, |newline| newline + 1);
    (line, String::from_utf8_lossy(&before[start..]).chars().count() + 1)
}

fn one_line(message: &str) -> String {
    message.lines().map(str::trim).filter(|line| !line.is_empty()).collect::<Vec<_>>().join(", ")
}

fn unknown_variable(name: &str) -> Problem {
    let known: Vec<String> = keys().iter().map(|key| key.variable()).collect();
    // Without the prefix, which would make every name look alike.
    let rests = known.iter().filter_map(|name| name.strip_prefix(PREFIX));
    let suggestion = shape::closest(name.strip_prefix(PREFIX).unwrap_or(name), rests);
    Problem::UnknownVariable { suggestion: suggestion.map(|rest| format!("{PREFIX}{rest}")) }
}

/// Whether an orchestrator set it because a service in the same namespace has a name like ours: Kubernetes does that
/// for `HEADWATER_SERVICE_HOST`, `HEADWATER_PORT_7070_TCP` and their like, with nobody asking.
fn is_service_link(name: &str, value: &str) -> bool {
    name.ends_with("_SERVICE_HOST")
        || name.contains("_SERVICE_PORT")
        || name.contains("_PORT_")
        || (name.ends_with("_PORT") && value.contains("://"))
}
