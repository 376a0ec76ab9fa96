//! `[[hook]]`.

use super::super::hook::HookSecret;
use super::*;

pub(in crate::config) const HOOK_ID: Key = Key {
    name: "hook.id",
    flag: None,
    takes: Takes::Text,
    meaning: "Name of the hook, lower-case letters, digits, - and _; its place in the log is kept under it.",
    restart: false,
    show: Show::Hook(|hook| text(&hook.id)),
};

pub(in crate::config) const HOOK_URL: Key = Key {
    name: "hook.url",
    flag: None,
    takes: Takes::Text,
    meaning: "Where it sends, https:// or, to this machine and private networks, http://.",
    restart: false,
    show: Show::Hook(|hook| text(&hook.url)),
};

pub(in crate::config) const HOOK_TOPICS: Key = Key {
    name: "hook.topics",
    flag: None,
    takes: Takes::Patterns,
    meaning: "The topics it is about.",
    restart: false,
    show: Show::Hook(|hook| Some(patterns(&hook.topics))),
};

pub(in crate::config) const HOOK_EVENTS: Key = Key {
    name: "hook.events",
    flag: None,
    takes: Takes::Texts,
    meaning: "What it tells of them: \"topic.occupied\" (the first reader), \"topic.vacated\" (the last has gone), \
              \"topic.finished\".",
    restart: false,
    show: Show::Hook(|hook| {
        let events: Vec<String> = hook.events.iter().map(|event| quote(event.as_str())).collect();
        Some(format!("[{}]", events.join(", ")))
    }),
};

pub(in crate::config) const HOOK_SECRET: Key = Key {
    name: "hook.secret",
    flag: None,
    takes: Takes::Text,
    meaning: "The secret that signs, whsec_ and base64; never printed.",
    restart: false,
    show: Show::Hook(|_| None),
};

pub(in crate::config) const HOOK_SECRET_ENV: Key = Key {
    name: "hook.secret_env",
    flag: None,
    takes: Takes::Text,
    meaning: "Environment variable that holds the secret.",
    restart: false,
    show: Show::Hook(|hook| match &hook.secret {
        HookSecret::Variable(name, _) => text(name),
        _ => None,
    }),
};

pub(in crate::config) const HOOK_SECRET_FILE: Key = Key {
    name: "hook.secret_file",
    flag: None,
    takes: Takes::File,
    meaning: "File that holds the secret.",
    restart: false,
    show: Show::Hook(|hook| match &hook.secret {
        HookSecret::File(path) => text(&path.to_string_lossy()),
        _ => None,
    }),
};

pub(in crate::config) const HOOK_TIMEOUT: Key = Key {
    name: "hook.timeout",
    flag: None,
    takes: PATIENCE,
    meaning: "How long one request may take; 10 s without it.",
    restart: false,
    show: Show::Hook(|hook| duration(hook.timeout)),
};

pub(in crate::config) const HOOK_CA_FILE: Key = Key {
    name: "hook.ca_file",
    flag: None,
    takes: Takes::File,
    meaning: "File with the certificates that are trusted, in place of those of the system.",
    restart: false,
    show: Show::Hook(|hook| hook.ca.as_ref().and_then(|path| text(&path.to_string_lossy()))),
};
