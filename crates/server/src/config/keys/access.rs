//! `[access]` and its lists.

use super::super::access::{KeySetSource, KeySource, Webhook};
use super::*;

pub(in crate::config) const ACCESS_AUDIENCE: Key = Key {
    name: "access.audience",
    flag: None,
    takes: Takes::Text,
    meaning: "What the `aud` of a token has to name, usually the address of the hub.",
    restart: false,
    show: Show::Hub(|settings| settings.access.as_ref()?.audience.as_deref().and_then(text)),
};

pub(in crate::config) const ACCESS_HOSTS: Key = Key {
    name: "access.hosts",
    flag: None,
    takes: Takes::Texts,
    meaning: "Names under which the hub is reached, with or without a port; IP addresses and localhost need no entry.",
    restart: false,
    show: Show::Hub(|settings| list(settings.access.as_ref(), |access| &access.hosts)),
};

pub(in crate::config) const ACCESS_ORIGINS: Key = Key {
    name: "access.origins",
    flag: None,
    takes: Takes::Texts,
    meaning: "Origins of web pages that may use the hub, such as \"https://app.example\".",
    restart: false,
    show: Show::Hub(|settings| list(settings.access.as_ref(), |access| &access.origins)),
};

pub(in crate::config) const ACCESS_ANONYMOUS_SUBSCRIBE: Key = Key {
    name: "access.anonymous.subscribe",
    flag: None,
    takes: Takes::Patterns,
    meaning: "What may be read without a credential.",
    restart: false,
    show: Show::Hub(|settings| Some(patterns(settings.access.as_ref()?.anonymous.subscribe()))),
};

pub(in crate::config) const ACCESS_ANONYMOUS_PUBLISH: Key = Key {
    name: "access.anonymous.publish",
    flag: None,
    takes: Takes::Patterns,
    meaning: "What may be published to without a credential.",
    restart: false,
    show: Show::Hub(|settings| Some(patterns(settings.access.as_ref()?.anonymous.publish()))),
};

pub(in crate::config) const ACCESS_WEBHOOK_URL: Key = Key {
    name: "access.webhook.url",
    flag: None,
    takes: Takes::Text,
    meaning: "Address of the application that is asked who may read what; http:// on this machine and private networks only.",
    restart: false,
    show: Show::Hub(|settings| text(&webhook(settings)?.url)),
};

pub(in crate::config) const ACCESS_WEBHOOK_TIMEOUT: Key = Key {
    name: "access.webhook.timeout",
    flag: None,
    takes: PATIENCE,
    meaning: "How long the application may take to answer, 2s unless set.",
    restart: false,
    show: Show::Hub(|settings| duration(webhook(settings)?.timeout)),
};

pub(in crate::config) const ACCESS_WEBHOOK_HEADERS: Key = Key {
    name: "access.webhook.headers",
    flag: None,
    takes: Takes::Texts,
    meaning: "Header fields of a request that the application gets to see, cookie and authorization unless set.",
    restart: false,
    show: Show::Hub(|settings| {
        let texts: Vec<String> = webhook(settings)?.headers.iter().map(|text| quote(text)).collect();
        Some(format!("[{}]", texts.join(", ")))
    }),
};

pub(in crate::config) const ACCESS_WEBHOOK_CA: Key = Key {
    name: "access.webhook.ca",
    flag: None,
    takes: Takes::File,
    meaning: "File with the certificates to trust at `access.webhook.url` instead of those of the system, PEM.",
    restart: false,
    show: Show::Hub(|settings| text(&webhook(settings)?.ca.as_ref()?.to_string_lossy())),
};

fn webhook(settings: &Settings) -> Option<&Webhook> {
    settings.access.as_ref()?.webhook.as_ref()
}

pub(in crate::config) const ACCESS_KEYS_ID: Key = Key {
    name: "access.keys.id",
    flag: None,
    takes: Takes::Text,
    meaning: "Name of the key, which the `kid` of a token selects it by.",
    restart: false,
    show: Show::AccessKey(|key| text(&key.id)),
};

pub(in crate::config) const ACCESS_KEYS_ALGORITHM: Key = Key {
    name: "access.keys.algorithm",
    flag: None,
    takes: Takes::Word(&["HS256", "EdDSA", "ES256", "RS256"]),
    meaning: "The one algorithm the key verifies.",
    restart: false,
    show: Show::AccessKey(|key| text(key.algorithm.as_str())),
};

pub(in crate::config) const ACCESS_KEYS_ISSUER: Key = Key {
    name: "access.keys.issuer",
    flag: None,
    takes: Takes::Text,
    meaning: "What the `iss` of tokens of this key has to be.",
    restart: false,
    show: Show::AccessKey(|key| key.issuer.as_deref().and_then(text)),
};

pub(in crate::config) const ACCESS_KEYS_AUDIENCE: Key = Key {
    name: "access.keys.audience",
    flag: None,
    takes: Takes::Text,
    meaning: "What the `aud` of tokens of this key has to name, instead of `access.audience`.",
    restart: false,
    show: Show::AccessKey(|key| key.audience.as_deref().and_then(text)),
};

pub(in crate::config) const ACCESS_KEYS_SECRET: Key = Key {
    name: "access.keys.secret",
    flag: None,
    takes: Takes::Text,
    meaning: "The secret of an HS256 key, at least 32 random bytes; never printed.",
    restart: false,
    show: Show::AccessKey(|_| None),
};

pub(in crate::config) const ACCESS_KEYS_SECRET_ENV: Key = Key {
    name: "access.keys.secret_env",
    flag: None,
    takes: Takes::Text,
    meaning: "Environment variable that holds the secret.",
    restart: false,
    show: Show::AccessKey(|key| match &key.source {
        KeySource::Variable(name, _) => text(name),
        _ => None,
    }),
};

pub(in crate::config) const ACCESS_KEYS_SECRET_FILE: Key = Key {
    name: "access.keys.secret_file",
    flag: None,
    takes: Takes::File,
    meaning: "File that holds the secret.",
    restart: false,
    show: Show::AccessKey(|key| match &key.source {
        KeySource::SecretFile(path) => text(&path.to_string_lossy()),
        _ => None,
    }),
};

pub(in crate::config) const ACCESS_KEYS_PUBLIC_KEY_FILE: Key = Key {
    name: "access.keys.public_key_file",
    flag: None,
    takes: Takes::File,
    meaning: "File with the public key of an EdDSA, ES256 or RS256 key, PEM or JWK.",
    restart: false,
    show: Show::AccessKey(|key| match &key.source {
        KeySource::PublicKeyFile(path) => text(&path.to_string_lossy()),
        _ => None,
    }),
};

pub(in crate::config) const ACCESS_KEYS_JWKS_URL: Key = Key {
    name: "access.keys.jwks_url",
    flag: None,
    takes: Takes::Text,
    meaning: "Address of a JWK set, https only; its keys for the algorithm count, each under its own `kid`.",
    restart: false,
    show: Show::AccessKey(|key| text(&key_set(key)?.url)),
};

pub(in crate::config) const ACCESS_KEYS_JWKS_INTERNAL: Key = Key {
    name: "access.keys.jwks_internal",
    flag: None,
    takes: Takes::Switch,
    meaning: "Whether the name in `jwks_url` may lead to this machine or a private network.",
    restart: false,
    show: Show::AccessKey(|key| Some(key_set(key)?.internal.to_string())),
};

pub(in crate::config) const ACCESS_KEYS_JWKS_CA: Key = Key {
    name: "access.keys.jwks_ca",
    flag: None,
    takes: Takes::File,
    meaning: "File with the certificates to trust at `jwks_url` instead of those of the system, PEM.",
    restart: false,
    show: Show::AccessKey(|key| text(&key_set(key)?.ca.as_ref()?.to_string_lossy())),
};

fn key_set(key: &AccessKey) -> Option<&KeySetSource> {
    match &key.source {
        KeySource::KeySet(set) => Some(set),
        _ => None,
    }
}
