//! The table of keys and checked settings as text: `config print`, the reference of the documentation, and what a
//! reload cannot change.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use super::access::{Access, KeySource};
use super::error::Place;
use super::hook::HookSecret;
use super::keys::{CLASS, Key, Show, keys};
use super::{Resolved, Settings};

/// The keys that differ between two settings and need a restart to change.
pub fn restart_needed(old: &Settings, new: &Settings) -> Vec<&'static str> {
    let changed = keys().iter().filter(|key| key.restart && key.values(old) != key.values(new));
    let mut names: Vec<&str> = changed.map(|key| key.name).collect();
    // Another certificate is taken over at once; speaking TLS at all is decided when the port is opened.
    if old.tls.is_some() != new.tls.is_some() {
        names.push("tls");
    }
    names
}

/// Every key as a Markdown table, for the documentation.
pub fn reference() -> String {
    let mut text = "| key | default | value | variable | flag | after a change | meaning |\n".to_owned();
    text.push_str("|---|---|---|---|---|---|---|\n");
    for key in keys() {
        let default = key.default().map_or("none".to_owned(), |default| format!("`{default}`"));
        let flag = key.flag.map_or(String::new(), |flag| format!("`--{flag}`"));
        let after = if key.restart { "restart" } else { "reload" };
        let Key { name, meaning, .. } = key;
        let (unit, variable) = (key.takes.unit(), key.variable());
        // Writing to a String cannot fail.
        let _ = writeln!(text, "| `{name}` | {default} | {unit} | `{variable}` | {flag} | {after} | {meaning} |");
    }
    text
}

impl Resolved {
    /// The settings as a file that reads back to the same settings, every key with its default, unit, meaning and
    /// where its value comes from.
    pub fn print(&self) -> String {
        let mut text = INTRODUCTION.to_owned();
        let mut table = "";
        let used = |table: &str| {
            let mut keys = keys().iter().filter(|key| matches!(key.show, Show::Hub(_)));
            keys.any(|key| {
                key.name.rsplit_once('.').is_some_and(|(head, _)| head == table)
                    && !key.values(&self.settings).is_empty()
            })
        };
        for key in keys().iter().filter(|key| matches!(key.show, Show::Hub(_))) {
            let (head, name) = key.name.rsplit_once('.').unwrap_or(("", key.name));
            let values = key.values(&self.settings);
            if head != table {
                table = head;
                let _ = writeln!(text, "\n{}[{table}]", if used(table) { "" } else { "# " });
            }
            let _ = writeln!(text, "\n# {}\n# {}", key.meaning, self.facts(key));
            let _ = match values.first() {
                Some(value) => writeln!(text, "{name} = {value}"),
                None => writeln!(text, "# {name} = \"{}\"", key.takes.placeholder()),
            };
        }
        self.print_access_keys(&mut text);
        self.print_hooks(&mut text);
        self.print_classes(&mut text);
        text
    }

    /// One line: `3 keys from headwater.toml, 1 from HEADWATER_DATA`.
    pub fn origins(&self) -> String {
        let origin = |place: &Place| match place {
            Place::File { path, .. } => (0, path.display().to_string()),
            Place::Variable(_) => (1, place.to_string()),
            Place::Flag(_) | Place::Default => (2, place.to_string()),
        };
        let mut counted: BTreeMap<(u8, String), usize> = BTreeMap::new();
        for (_, place) in &self.places {
            *counted.entry(origin(place)).or_default() += 1;
        }
        if counted.is_empty() {
            return "defaults only".to_owned();
        }
        let parts = counted.iter().enumerate().map(|(index, ((_, origin), count))| match (index, count) {
            (0, 1) => format!("1 key from {origin}"),
            (0, _) => format!("{count} keys from {origin}"),
            _ => format!("{count} from {origin}"),
        });
        parts.collect::<Vec<_>>().join(", ")
    }

    /// What should be changed although the configuration can be used, one sentence each.
    pub fn warnings(&self) -> Vec<String> {
        let mut warnings = self.settings.access.as_ref().map(Access::warnings).unwrap_or_default();
        if self.settings.tls.is_none() && !self.settings.listen.ip().to_canonical().is_loopback() {
            warnings.push(format!(
                "{} speaks plain HTTP to other machines, so tokens can be read on the way; set `tls`, or listen on loopback behind a proxy that speaks TLS",
                self.settings.listen
            ));
        }
        warnings.extend(self.settings.hooks.iter().flat_map(|hook| hook.warnings(&self.settings.readers)));
        warnings
    }

    fn print_access_keys(&self, text: &mut String) {
        text.push_str("\n# Keys that verify tokens. Secrets are not printed.\n");
        let keys = || {
            keys().iter().filter_map(|key| match key.show {
                Show::AccessKey(show) => Some((key, key.name.strip_prefix("access.keys.")?, show)),
                Show::Hub(_) | Show::Hook(_) | Show::Class(_) | Show::Readers(_) => None,
            })
        };
        for (key, name, _) in keys() {
            let _ = writeln!(text, "#   {name}: {} ({})", key.meaning, key.takes.unit());
        }
        for access_key in self.settings.access.iter().flat_map(|access| &access.keys) {
            text.push_str("\n[[access.keys]]\n");
            for (_, name, show) in keys() {
                if let Some(value) = show(access_key) {
                    let _ = writeln!(text, "{name} = {value}");
                }
            }
            if matches!(access_key.source, KeySource::Inline(_)) {
                text.push_str("# secret: set, not printed\n");
            }
        }
    }

    fn print_hooks(&self, text: &mut String) {
        text.push_str("\n# Hooks: who else is told of topics. Secrets are not printed.\n");
        let keys = || {
            keys().iter().filter_map(|key| match key.show {
                Show::Hook(show) => Some((key, key.name.strip_prefix("hook.")?, show)),
                Show::Hub(_) | Show::AccessKey(_) | Show::Class(_) | Show::Readers(_) => None,
            })
        };
        for (key, name, _) in keys() {
            let _ = writeln!(text, "#   {name}: {} ({})", key.meaning, key.takes.unit());
        }
        for hook in &self.settings.hooks {
            text.push_str("\n[[hook]]\n");
            for (_, name, show) in keys() {
                if let Some(value) = show(hook) {
                    let _ = writeln!(text, "{name} = {value}");
                }
            }
            if matches!(hook.secret, HookSecret::Inline(_)) {
                text.push_str("# secret: set, not printed\n");
            }
        }
    }

    fn print_classes(&self, text: &mut String) {
        text.push_str("\n# Classes: the first with a matching pattern takes a topic.\n");
        let keys: Vec<_> = keys()
            .iter()
            .filter_map(|key| match key.show {
                Show::Class(_) | Show::Readers(_) => Some((key, key.name.strip_prefix("class.")?)),
                Show::Hub(_) | Show::AccessKey(_) | Show::Hook(_) => None,
            })
            .map(|(key, name)| (key, name, key.values(&self.settings)))
            .collect();
        for (key, name, _) in &keys {
            let default = key.default().map_or(String::new(), |default| format!("; default {default}"));
            let _ = writeln!(text, "#   {name}: {} ({}{default})", key.meaning, key.takes.unit());
        }
        let source = match self.place(CLASS) {
            Some(place) => format!("{}; from {place}", variable_of_classes()),
            None => variable_of_classes(),
        };
        let _ = writeln!(text, "# All classes at once, in TOML: {source}");
        let count = self.settings.classes.iter().count();
        for index in 0..count {
            let implied = index + 1 == count;
            let mark = if implied { "# " } else { "" };
            text.push_str(if implied { "\n# Implied, for every topic not taken above:\n" } else { "\n" });
            let _ = writeln!(text, "{mark}[[class]]");
            for (_, name, values) in &keys {
                let value = if implied && *name == "topics" { "[\"**\"]" } else { &values[index] };
                let _ = writeln!(text, "{mark}{name} = {value}");
            }
        }
    }

    /// Unit, default, other ways to set it, and where it was set.
    fn facts(&self, key: &Key) -> String {
        let default = key.default().unwrap_or_else(|| "none".to_owned());
        let mut facts = format!("{}; default {default}; {}", key.takes.unit(), key.variable());
        if let Some(flag) = key.flag {
            let _ = write!(facts, ", --{flag}");
        }
        if let Some(place) = self.place(key.name) {
            let _ = write!(facts, "; from {place}");
        }
        facts
    }

    fn place(&self, name: &str) -> Option<&Place> {
        self.places.iter().find(|(known, _)| *known == name).map(|(_, place)| place)
    }
}

const INTRODUCTION: &str = "\
# The configuration in force. Saved as headwater.toml it means the same again.
# Variables come before the file, flags before variables. Zero needs no unit, every other duration and size does.
";

fn variable_of_classes() -> String {
    let class = keys().iter().find(|key| matches!(key.show, Show::Class(_)));
    class.map(|key| key.variable()).unwrap_or_default()
}
