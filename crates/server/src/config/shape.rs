//! The shape of a document: only known keys, tables and lists where they belong, and values of the right kind. What
//! passes here fails later only for what a value says.

use std::ops::Range;

use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::error::Problem;
use super::keys::{CLASS, Key, LISTS, Takes, keys};

/// Checks a whole document.
///
/// # Errors
/// The first thing wrong in the text, and where.
pub(super) fn check_document(document: &DeTable<'_>) -> Result<(), Fault> {
    let mut faults = Vec::new();
    check_table("", document, &mut faults);
    first(faults)
}

/// Checks the value of one key.
///
/// # Errors
/// The first thing wrong in the text, and where.
pub(super) fn check_value(name: &str, value: &Spanned<DeValue<'_>>) -> Result<(), Fault> {
    let mut faults = Vec::new();
    check_entry(name, value, &mut faults);
    first(faults)
}

/// The known name closest to a wrong one, if any is close.
pub(super) fn closest<'a>(wrong: &str, known: impl Iterator<Item = &'a str>) -> Option<&'a str> {
    let mut candidates: Vec<(f64, &str)> =
        known.map(|name| (strsim::normalized_damerau_levenshtein(wrong, name), name)).collect();
    candidates.retain(|(likeness, _)| *likeness >= LIKE_ENOUGH);
    candidates.sort_by(|a, b| b.0.total_cmp(&a.0));
    candidates.first().map(|(_, name)| *name)
}

/// Something wrong in a document.
pub(super) struct Fault {
    /// The byte it begins at.
    pub(super) at: usize,
    /// What it is.
    pub(super) problem: Box<Problem>,
}

impl Fault {
    fn new(span: Range<usize>, problem: Problem) -> Self {
        Self { at: span.start, problem: problem.into() }
    }
}

/// Two in five letters may differ: `classes` finds `class`, `port` does not find `retry`.
const LIKE_ENOUGH: f64 = 0.6;

fn first(faults: Vec<Fault>) -> Result<(), Fault> {
    // The parser keeps tables sorted by name; people read from the top.
    faults.into_iter().min_by_key(|fault| fault.at).map_or(Ok(()), Err)
}

fn check_table(path: &str, table: &DeTable<'_>, faults: &mut Vec<Fault>) {
    for (key, value) in table.iter() {
        let name = join(path, key.get_ref());
        if is_key(&name) || is_table(&name) {
            check_entry(&name, value, faults);
        } else {
            let suggestion = suggestion(path, key.get_ref());
            faults.push(Fault::new(key.span(), Problem::UnknownKey { key: name, suggestion }));
        }
    }
}

fn check_entry(name: &str, value: &Spanned<DeValue<'_>>, faults: &mut Vec<Fault>) {
    let wrong = |takes: String, value: &Spanned<DeValue<'_>>| {
        Fault::new(value.span(), Problem::WrongShape { key: name.to_owned(), takes, found: describe(value.get_ref()) })
    };
    match (keys().iter().find(|key| key.name == name), value.get_ref()) {
        (Some(key), _) => {
            if let Some(value) = misfit(key, value) {
                faults.push(wrong(key.takes.shape(), value));
            }
        }
        (None, DeValue::Array(entries)) if LISTS.contains(&name) => {
            for entry in entries {
                match entry.get_ref() {
                    DeValue::Table(table) => check_table(name, table, faults),
                    _ => faults.push(wrong(format!("a list of tables, each with `{}`", head_of(name)), entry)),
                }
            }
        }
        (None, _) if LISTS.contains(&name) => {
            faults.push(wrong(format!("a list of tables, each under its own [[{name}]]"), value))
        }
        (None, DeValue::Table(table)) => check_table(name, table, faults),
        (None, _) => faults.push(wrong("a table of keys".to_owned(), value)),
    }
}

/// The part of a value that is of the wrong kind for its key.
fn misfit<'a, 't>(key: &Key, value: &'a Spanned<DeValue<'t>>) -> Option<&'a Spanned<DeValue<'t>>> {
    match (key.takes, value.get_ref()) {
        (Takes::Patterns | Takes::Texts | Takes::Networks, DeValue::Array(entries)) => {
            entries.iter().find(|entry| !matches!(entry.get_ref(), DeValue::String(_)))
        }
        (Takes::Number(_) | Takes::Duration(_) | Takes::Size(_), DeValue::Integer(number)) => {
            i64::from_str_radix(number.as_str(), number.radix()).is_err().then_some(value)
        }
        (Takes::Switch, DeValue::Boolean(_)) => None,
        (Takes::Switch | Takes::Number(_) | Takes::Patterns | Takes::Texts | Takes::Networks, _) => Some(value),
        (_, DeValue::String(_)) => None,
        _ => Some(value),
    }
}

fn describe(value: &DeValue<'_>) -> String {
    match value {
        DeValue::String(text) => format!("the text \"{}\"", text.escape_debug()),
        DeValue::Integer(number) => number.to_string(),
        DeValue::Float(number) => number.to_string(),
        DeValue::Boolean(value) => value.to_string(),
        DeValue::Datetime(time) => time.to_string(),
        DeValue::Array(_) => "a list".to_owned(),
        DeValue::Table(_) => "a table".to_owned(),
    }
}

/// The key without which an entry of a list is nothing.
fn head_of(list: &str) -> &'static str {
    if list == CLASS { "topics" } else { "id" }
}

fn is_key(name: &str) -> bool {
    keys().iter().any(|key| key.name == name)
}

fn is_table(name: &str) -> bool {
    keys().iter().any(|key| key.name.strip_prefix(name).is_some_and(|rest| rest.starts_with('.')))
}

/// What was probably meant: a similar name in the same table, or the same name in another one.
fn suggestion(path: &str, wrong: &str) -> Option<String> {
    let mut siblings: Vec<&str> = keys()
        .iter()
        .filter_map(|key| match path {
            "" => Some(key.name),
            _ => key.name.strip_prefix(path)?.strip_prefix('.'),
        })
        .filter_map(|rest| rest.split('.').next())
        .collect();
    siblings.dedup();
    if let Some(name) = closest(wrong, siblings.into_iter()) {
        return Some(join(path, name));
    }
    let elsewhere = keys().iter().find(|key| key.name.rsplit('.').next() == Some(wrong));
    elsewhere.map(|key| key.name.to_owned())
}

fn join(path: &str, name: &str) -> String {
    if path.is_empty() { name.to_owned() } else { format!("{path}.{name}") }
}
