//! The configuration as a whole: layers, places, every refusal, and the agreement of the table with everything else.

use std::ffi::OsString;
use std::fs;
use std::path::PathBuf;
use std::time::Duration;

use headwater_log::{Durability, Topic};
use proptest::prelude::*;
use serde::Deserialize;

use super::keys::Show;
use super::written::{
    Written, WrittenAccess, WrittenClass, WrittenHook, WrittenKey, WrittenLimits, WrittenRetention, WrittenRights,
    WrittenTls, WrittenWebhook,
};
use super::*;

#[test]
fn nothing_written_is_the_defaults() {
    assert_eq!(load_str("").unwrap(), Settings::default());
    assert_eq!(read(None, &[], &[]).unwrap().settings, Settings::default());
}

#[test]
fn the_shape_of_the_documentation_is_read() {
    let folder = tempfile::tempdir().unwrap();
    let [certificate, key] = ["cert.pem", "key.pem"].map(|name| folder.path().join(name));
    fs::write(&certificate, "").unwrap();
    fs::write(&key, "").unwrap();
    let text = format!(
        r#"
        listen = "127.0.0.1:7070"
        data = "./headwater-data"
        heartbeat = "15s"
        retry = "3s"
        drain = "25s"

        [tls]
        certificate = {certificate:?}
        key = {key:?}

        [[class]]
        topics = ["prices/**"]
        durability = "memory"
        retention = {{ age = "24h", events = 0, bytes = "10GiB" }}
        max_event = "128KiB"
        "#
    );
    let settings = read(Some(&text), &[], &[]).unwrap().settings;
    assert_eq!(settings.tls, Some(TlsFiles { certificate, key }));
    let class = settings.classes.of(&Topic::new("prices/gold").unwrap());
    assert_eq!((class.durability, class.max_event), (Durability::Memory, 128 << 10));
    assert_eq!(settings.classes.of(&Topic::new("orders").unwrap()).durability, Durability::Disk);
}

#[test]
fn a_log_in_memory_promises_nothing_about_the_disk() {
    let settings = load_str("data = \":memory:\"\n[[class]]\ntopics = [\"a\"]").unwrap();
    assert_eq!(settings.storage, Storage::Memory);
    assert!(settings.classes.iter().all(|class| class.durability == Durability::Memory));
}

#[test]
fn every_refusal_is_one_sentence_with_the_place_and_the_fix() {
    let mut said = String::new();
    for (name, text) in REFUSED {
        let error = load_str(text).unwrap_err().to_string();
        assert!(!error.contains('\n'), "{error}");
        said.push_str(&format!("{name}\n    {error}\n"));
    }
    insta::assert_snapshot!("refusals", said);
}

#[test]
fn a_refused_variable_or_flag_is_named() {
    type Pairs<'a> = &'a [(&'a str, &'a str)];
    let cases: &[(Pairs<'_>, Pairs<'_>)] = &[
        (&[("HEADWATER_HEARTBEAT", "15")], &[]),
        (&[("HEADWATER_LISTEN", "0.0.0.0:80")], &[]),
        (&[("HEADWATER_LIMITS_BODY", "1MiB")], &[]),
        (&[("HEADWATER_COLOUR", "blue")], &[]),
        (&[("HEADWATER_SHARDS", "many")], &[]),
        (&[("HEADWATER_ACCESS__AUDIENCE", "me")], &[]),
        (&[("HEADWATER_ACCESS__KEYS", "[{ id = \"a\", algorithm = \"HS256\", secret_env = \"S\" }]")], &[]),
        (
            &[
                ("HEADWATER_ACCESS__KEYS", "[{ id = \"a\", algorithm = \"EdDSA\", secret_env = \"S\" }]"),
                ("S", "s3cr3t"),
            ],
            &[],
        ),
        (&[("HEADWATER_CLASS", "[{ topics = [\"a\"], durabilty = \"disk\" }]")], &[]),
        (&[("HEADWATER_CLASS", "[{ topics = [\"a/**/b\"] }]")], &[]),
        (&[("HEADWATER_CLASS", "memory")], &[]),
        (&[("HEADWATER_TLS__KEY", "key.pem")], &[]),
        (&[("HEADWATER_TLS__KEY", "absent/key.pem")], &[("tls.certificate", "absent/cert.pem")]),
        (&[("HEADWATER_CONFIG", "absent/headwater.toml")], &[]),
        (&[], &[("listen", ":8080")]),
        (&[("HEADWATER_LISTEN", "nonsense, but never read")], &[("listen", "[::]:8080")]),
        (&[], &[("max_age", "10ms")]),
        (&[], &[("data", "")]),
    ];
    let said: String =
        cases.iter().map(|(variables, flags)| format!("{}\n", read(None, variables, flags).unwrap_err())).collect();
    insta::assert_snapshot!("refused_variables_and_flags", said);
}

#[test]
fn a_file_that_cannot_be_read_is_named() {
    let folder = tempfile::tempdir().unwrap();
    let named = |path: PathBuf| load(&Sources { file: Some(path), ..Sources::default() }).unwrap_err().to_string();
    assert!(named("absent.toml".into()).starts_with("absent.toml: cannot be read (No such file"));
    assert!(named(folder.path().into()).contains("cannot be read (is a directory)"));
    let path = folder.path().join("headwater.toml");
    fs::write(&path, b"listen = \"\xff\"").unwrap();
    assert!(named(path.clone()).ends_with("is not UTF-8 text; save it as UTF-8"));
    fs::write(&path, "#".repeat(2 << 20)).unwrap();
    assert!(named(path).contains("larger than 1048576 bytes"));
}

#[test]
fn variables_set_by_an_orchestrator_for_a_service_of_our_name_are_not_ours() {
    let links = [
        ("HEADWATER_SERVICE_HOST", "10.0.0.1"),
        ("HEADWATER_SERVICE_PORT", "80"),
        ("HEADWATER_SERVICE_PORT_HTTP", "80"),
        ("HEADWATER_PORT", "tcp://10.0.0.1:80"),
        ("HEADWATER_PORT_80_TCP", "tcp://10.0.0.1:80"),
        ("HEADWATER_WEB_PORT_80_TCP_ADDR", "10.0.0.1"),
        ("HEADWATER_HEARTBEAT", ""),
        ("HEADWATER_BIN", "/usr/bin/headwater"),
        ("HEADWATER_URL", "https://hub.example"),
        ("HEADWATER_TOKEN", "a token of a reader"),
        ("PATH", "/bin"),
    ];
    assert_eq!(read(None, &links, &[]).unwrap().settings, Settings::default());
    assert!(read(None, &[("HEADWATER_PORT", "80")], &[]).is_err());
}

#[test]
fn every_key_yields_to_its_variable_and_the_variable_to_its_flag() {
    let folder = tempfile::tempdir().unwrap();
    let other = folder.path().join("other.pem").display().to_string();
    let tls = ["a.pem", "b.pem", "c.pem", "other.pem"].map(|name| folder.path().join(name));
    for path in &tls {
        fs::write(path, "").unwrap();
    }
    for key in keys() {
        let [low, middle, high] = match key.name.rsplit('.').next().unwrap() {
            "certificate" | "key" | "ca" => [0, 1, 2].map(|index| format!("{:?}", tls[index])),
            _ => examples(key).map(str::to_owned),
        };
        // Half of TLS is refused, so the other half is always there.
        let beside = match key.name {
            "tls.certificate" => format!("tls.key = {other:?}\n"),
            "tls.key" => format!("tls.certificate = {other:?}\n"),
            // Access that nobody has is refused.
            "access.anonymous.subscribe" => "access.anonymous.publish = [\"x\"]\n".to_owned(),
            "access.webhook.url" => String::new(),
            name if name.starts_with("access.webhook.") => "access.webhook.url = \"https://app.example/\"\n".to_owned(),
            name if name.starts_with("access.") => "access.anonymous.subscribe = [\"x\"]\n".to_owned(),
            _ => String::new(),
        };
        let file = match key.show {
            Show::Hub(_) => format!("{beside}{} = {low}\n", key.name),
            Show::Class(_) | Show::Readers(_) => format!("[[class]]\n{}", class_with(key, &low).join("\n")),
            // An entry needs several at once: `keys_that_verify_tokens`.
            Show::AccessKey(_) | Show::Hook(_) => continue,
        };
        let variable = match key.show {
            Show::Hub(_) => bare(&middle),
            Show::Class(_) | Show::Readers(_) | Show::AccessKey(_) | Show::Hook(_) => {
                format!("[{{ {} }}]", class_with(key, &middle).join(", "))
            }
        };
        let name = key.variable();
        let value = |variables: &[(&str, &str)], flags: &[(&str, &str)]| {
            key.values(&read(Some(&file), variables, flags).unwrap().settings)[0].clone()
        };
        assert_eq!(value(&[], &[]), low, "{}", key.name);
        assert_eq!(value(&[(&name, &variable)], &[]), middle, "{name}");
        if let Some(flag) = key.flag {
            assert_eq!(value(&[(&name, &variable)], &[(key.name, &bare(&high))]), high, "--{flag}");
        }
    }
}

#[test]
fn keys_that_verify_tokens() {
    let file = "listen = \"0.0.0.0:7070\"\n[access]\norigins = [\"*\"]\n[[access.keys]]\nid = \"a\"\nalgorithm = \"HS256\"\n\
                secret_env = \"HEADWATER_SECRET\"\n[[access.keys]]\nid = \"b\"\nalgorithm = \"HS256\"\nsecret = \"hunter2\"\n\
                audience = \"hub\"\nissuer = \"app\"\n";
    let secret = "0123456789abcdefghijklmnopqrstuv";
    let resolved = read(Some(file), &[("HEADWATER_SECRET", secret)], &[]).unwrap();
    let issuers = resolved.settings.access.as_ref().unwrap().issuers().unwrap();
    let issuers: Vec<_> =
        issuers.iter().map(|one| (one.name.as_deref(), one.audience.as_deref(), one.keys.len())).collect();
    assert_eq!(issuers, [(None, None, 1), (Some("app"), Some("hub"), 1)]);
    // SEC-06: no text of the configuration shows a secret.
    for text in [resolved.print(), format!("{:?}", resolved.settings)] {
        assert!(text.contains("HEADWATER_SECRET"), "{text}");
        assert!(!text.contains(secret) && !text.contains("hunter2"), "{text}");
    }
    insta::assert_snapshot!("warnings", resolved.warnings().join("\n"));
    // A variable without that name is still a mistake.
    assert!(read(Some(file), &[("HEADWATER_SECRET", secret), ("HEADWATER_SECRETS", "x")], &[]).is_err());
}

#[test]
fn secrets_of_hooks_are_read_and_never_shown() {
    let hook = |id: &str, url: &str, secret: &str| {
        format!("[[hook]]\nid = \"{id}\"\nurl = \"{url}\"\ntopics = [\"a\"]\nevents = [\"topic.occupied\"]\n{secret}\n")
    };
    let file = hook("one", "http://192.168.0.1/hook", "secret = \"whsec_aHVudGVyMg==\"")
        + &hook("two", "http://localhost:1/hook", "secret_env = \"HOOK_SECRET\"");
    let variable = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";
    let resolved = read(Some(&file), &[("HOOK_SECRET", variable)], &[]).unwrap();
    let lengths: Vec<usize> = resolved.settings.hooks.iter().map(|hook| hook.load().unwrap().len()).collect();
    assert_eq!(lengths, [7, 24]);
    for text in [resolved.print(), format!("{:?}", resolved.settings)] {
        assert!(text.contains("HOOK_SECRET") && !text.contains("aHVudGVyMg") && !text.contains("MfKQ9r8"), "{text}");
    }
    insta::assert_snapshot!("hook_warnings", resolved.warnings().join("\n"));
    for wrong in ["aHVudGVyMg==", "whsec_", "whsec_&&&&", ""] {
        let error = read(Some(&file), &[("HOOK_SECRET", wrong)], &[]).unwrap_err().to_string();
        assert!(error.contains("hook \"two\" cannot be used") && !error.contains("&&&&"), "{error}");
    }
}

#[test]
fn every_key_that_can_be_written_is_in_the_table_and_no_other() {
    // Serde names the fields of a struct when it meets one that is not among them.
    fn fields<'de, T: Deserialize<'de>>() -> Vec<String> {
        let Err(error) = T::deserialize(toml::de::Deserializer::parse("zzz = 0").unwrap()) else {
            panic!("an unknown field was read");
        };
        let names = error.message().split('`').skip(3).step_by(2).map(str::to_owned);
        names.collect()
    }
    let tables = [
        ("", fields::<Written>()),
        ("tls.", fields::<WrittenTls>()),
        ("limits.", fields::<WrittenLimits>()),
        ("access.", fields::<WrittenAccess>()),
        ("access.webhook.", fields::<WrittenWebhook>()),
        ("access.anonymous.", fields::<WrittenRights>()),
        ("access.keys.", fields::<WrittenKey>()),
        ("hook.", fields::<WrittenHook>()),
        ("class.", fields::<WrittenClass>()),
        ("class.retention.", fields::<WrittenRetention>()),
    ];
    let inner = [
        "tls",
        "limits",
        "access",
        "access.anonymous",
        "access.webhook",
        "access.keys",
        "hook",
        "class",
        "class.retention",
    ];
    let mut written: Vec<String> = tables
        .iter()
        .flat_map(|(table, names)| names.iter().map(move |name| format!("{table}{name}")))
        .filter(|name| !inner.contains(&name.as_str()))
        .collect();
    let mut known: Vec<&str> = keys().iter().map(|key| key.name).collect();
    written.sort();
    known.sort();
    assert_eq!(written, known);
}

#[test]
fn the_table_has_everything_a_reader_needs() {
    for key in keys() {
        assert!(key.meaning.ends_with('.') && key.meaning.len() > 10, "{}", key.name);
        assert!(!key.meaning.contains('|'), "{} would break the Markdown table", key.name);
        assert!(matches!(key.show, Show::Hub(_)) || key.flag.is_none(), "{}: lists have no flags", key.name);
    }
    insta::assert_snapshot!("reference", reference());
}

#[test]
fn the_printed_defaults_are_the_defaults() {
    let resolved = read(None, &[], &[]).unwrap();
    assert_eq!(load_str(&resolved.print()).unwrap(), Settings::default());
    assert_eq!(resolved.origins(), "defaults only");
    insta::assert_snapshot!("printed_defaults", resolved.print());
}

#[test]
fn printed_settings_name_their_places_and_read_back() {
    let text = "retry = \"5s\"\ndata = \"a \\\"quoted\\\"\\n folder\"\n[[class]]\ntopics = [\"a/*\", \"b/**\"]\nmax_event = \"1MB\"\n";
    let variables = [("HEADWATER_SHARDS", "3"), ("HEADWATER_RETRY", "4s")];
    let resolved = read(Some(text), &variables, &[("heartbeat", "20s")]).unwrap();
    assert_eq!(load_str(&resolved.print()).unwrap(), resolved.settings);
    let places: Vec<String> = resolved
        .print()
        .lines()
        .filter_map(|line| Some(line.split_once("; from ")?.1.rsplit('/').next()?.to_owned()))
        .collect();
    assert_eq!(
        places,
        ["headwater.toml:2:8", "--heartbeat", "HEADWATER_RETRY", "HEADWATER_SHARDS", "headwater.toml:3:1"]
    );
    assert!(resolved.origins().contains("2 keys from "), "{}", resolved.origins());
}

#[test]
fn a_reload_keeps_what_waits_for_a_restart() {
    let running = Settings::default();
    let mut wanted =
        load_str("listen = \"127.0.0.1:9\"\nshards = 7\ntail = \"1MiB\"\nsegment = \"16MiB\"\nheartbeat = \"3s\"")
            .unwrap();
    wanted.keep_for_restart(&running);
    assert_eq!(restart_needed(&running, &wanted), [""; 0]);
    assert_eq!(wanted.heartbeat.as_secs(), 3);
}

#[test]
fn a_reload_names_what_waits_for_a_restart() {
    let old = Settings::default();
    let new = load_str("heartbeat = \"1s\"\nlisten = \"127.0.0.1:1\"\nsegment = \"1MiB\"").unwrap();
    assert_eq!(restart_needed(&old, &new), ["listen", "segment"]);
    assert_eq!(restart_needed(&old, &old), [""; 0]);
    let tls = |certificate: &str| Settings {
        tls: Some(TlsFiles { certificate: certificate.into(), key: "key.pem".into() }),
        ..Settings::default()
    };
    assert_eq!(restart_needed(&old, &tls("a")), ["tls"]);
    assert_eq!(restart_needed(&tls("a"), &tls("b")), [""; 0]);
}

#[test]
fn bounds_are_inclusive() {
    for text in
        ["heartbeat = \"1s\"", "drain = 0", "drain = \"0\"", "max_age = 0", "shards = 1024", "max_age = \"365d\""]
    {
        assert!(load_str(text).is_ok(), "{text}");
    }
    assert_eq!(load_str("drain = 0").unwrap().drain, Duration::ZERO);
    assert_eq!(load_str("listen = \"localhost:80\"").unwrap().listen, ([127, 0, 0, 1], 80).into());
    assert!(load_str("listen = \"[::1]:80\"").is_ok());
    assert!(load_str("listen = \"[::ffff:127.0.0.1]:80\"").is_ok());
}

proptest! {
    #[test]
    fn no_text_makes_loading_panic(text in ".*", variable in ".*") {
        let _ = load_str(&text);
        let _ = read(None, &[("HEADWATER_CLASS", &variable)], &[]);
    }

    #[test]
    fn no_toml_makes_loading_panic(lines in prop::collection::vec(line(), 0..12)) {
        let text = lines.join("\n");
        if let Ok(settings) = load_str(&text) {
            let resolved = Resolved { settings, file: None, places: Vec::new() };
            prop_assert_eq!(load_str(&resolved.print()).unwrap(), resolved.settings);
        }
    }

    #[test]
    fn no_variable_makes_loading_panic(name in prop::sample::select(keys().to_vec()), value in value()) {
        let flags = name.flag.map(|_| (name.name, value.as_str()));
        let _ = read(None, &[(&name.variable(), &value)], &[]);
        let _ = read(None, &[], flags.as_slice());
    }
}

/// One line of a document in which known and unknown keys meet good and bad values.
fn line() -> impl Strategy<Value = String> {
    let mut names: Vec<String> = keys().iter().map(|key| key.name.rsplit('.').next().unwrap().to_owned()).collect();
    names.extend(["retention", "class", "tls", "limits", "access", "zzz", "limits.body"].map(str::to_owned));
    let headers = ["[tls]", "[limits]", "[[class]]", "[class.retention]", "[access]", "[[limits]]", "# \u{e9}"];
    prop_oneof![
        4 => (prop::sample::select(names), value()).prop_map(|(name, value)| format!("{name} = {value}")),
        1 => prop::sample::select(headers.to_vec()).prop_map(str::to_owned),
    ]
}

fn value() -> impl Strategy<Value = String> {
    let values = [
        "\"15s\"",
        "15",
        "0",
        "-1",
        "\"1MiB\"",
        "\"0\"",
        "true",
        "1.5",
        "[]",
        "[\"a\", \"**\"]",
        "[1]",
        "{}",
        "{ age = 0 }",
        "[{ topics = [\"b/*\"] }]",
        "\"127.0.0.1:0\"",
        "\"0.0.0.0:1\"",
        "\"disk\"",
        "\"memory\"",
        "\":memory:\"",
        "\"debug\"",
        "1979-05-27",
        "99999999999999999999",
        "0xff",
        "\"\\u00e9\"",
        "\"",
        "nan",
        "\"99999999999999d\"",
        "\"300MiB\"",
    ];
    prop_oneof![4 => prop::sample::select(values.to_vec()).prop_map(str::to_owned), 1 => ".*"]
}

/// Resolves this file, these variables and these flags by key.
fn read(file: Option<&str>, variables: &[(&str, &str)], flags: &[(&str, &str)]) -> Result<Resolved, ConfigError> {
    let folder = file.map(|text| {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join("headwater.toml"), text).unwrap();
        folder
    });
    resolve(&Sources {
        file: None,
        folder: folder.as_ref().map_or("no such folder".into(), |folder| folder.path().to_owned()),
        variables: variables.iter().map(|(name, value)| (OsString::from(name), OsString::from(value))).collect(),
        flags: flags.iter().map(|(name, value)| (key(name), (*value).to_owned())).collect(),
    })
}

fn key(name: &str) -> &'static Key {
    keys().iter().find(|key| key.name == name).unwrap()
}

/// Three values that differ from one another, in the form they are printed in.
fn examples(key: &Key) -> [&'static str; 3] {
    match key.takes {
        Takes::Address => ["\"127.0.0.1:1\"", "\"127.0.0.1:2\"", "\"[::1]:3\""],
        Takes::Storage => ["\"a\"", "\":memory:\"", "\"c\""],
        Takes::File => ["\"a\"", "\"b\"", "\"c\""],
        Takes::Duration(_) => ["\"2s\"", "\"30m\"", "\"3s\""],
        // Large enough for the events of the other keys, small enough for their bodies.
        Takes::Size(_) if key.name == "limits.head" => ["\"9KiB\"", "\"10KiB\"", "\"11KiB\""],
        Takes::Size(_) if key.name == "class.max_event" => ["\"9KiB\"", "\"10KiB\"", "\"11KiB\""],
        Takes::Size(_) if key.name == "limits.body" => ["\"1MiB\"", "\"2MB\"", "\"3MiB\""],
        Takes::Size(_) => ["\"101MiB\"", "\"102MB\"", "\"103MiB\""],
        Takes::Number(_) => ["3", "4", "5"],
        Takes::Word(words) if words.contains(&"disk") => ["\"memory\"", "\"disk\"", "\"memory\""],
        Takes::Word(words) if words.contains(&"close") => ["\"close\"", "\"conflate\"", "\"catch_up\""],
        Takes::Switch => ["true", "false", "true"],
        Takes::Word(_) => ["\"warn\"", "\"debug\"", "\"error\""],
        Takes::Text if key.name.ends_with("url") => ["\"https://a\"", "\"http://b:1/c?d\"", "\"https://e\""],
        Takes::Texts if key.name.ends_with("headers") => ["[\"a\"]", "[\"b\", \"c-d\"]", "[]"],
        Takes::Text => ["\"a\"", "\"b\"", "\"c\""],
        Takes::Texts if key.name == "access.origins" => {
            ["[\"https://a\"]", "[\"https://b\", \"http://c:1\"]", "[\"*\"]"]
        }
        Takes::Texts => ["[\"a\"]", "[\"b\", \"c:1\"]", "[\"d\"]"],
        Takes::Networks => ["[\"10.0.0.0/8\"]", "[\"192.0.2.1/32\", \"::1/128\"]", "[]"],
        Takes::Patterns => ["[\"a/*\"]", "[\"b/**\", \"c\"]", "[\"d\"]"],
    }
}

/// The keys of one class with this value for one of them.
fn class_with(key: &Key, value: &str) -> Vec<String> {
    let name = key.name.strip_prefix("class.").unwrap();
    let topics = (name != "topics").then(|| "topics = [\"a\"]".to_owned());
    topics.into_iter().chain([format!("{name} = {value}")]).collect()
}

/// A TOML value as it is written in a variable or flag.
fn bare(value: &str) -> String {
    match value.strip_prefix('[').and_then(|list| list.strip_suffix(']')) {
        Some(list) => list.replace('"', ""),
        None => value.trim_matches('"').to_owned(),
    }
}

const REFUSED: &[(&str, &str)] = &[
    ("not TOML", "listen = "),
    ("not TOML, after text with more bytes than characters", "# \u{e9}\ndata = \"\u{e9}\" x"),
    ("a key twice", "retry = \"1s\"\nretry = \"2s\""),
    ("an unknown key", "heartbeet = \"15s\""),
    ("an unknown key like none", "colour = \"blue\""),
    ("a key in the wrong table", "body = \"1MiB\""),
    ("a key in a table it does not belong to", "[limits]\nlisten = \"127.0.0.1:1\""),
    ("an unknown table", "[[classes]]\ntopics = [\"a\"]"),
    ("an unknown key of a class", "[[class]]\ntopics = [\"a\"]\n[class.retention]\nbyte = \"1GiB\""),
    ("the first of two mistakes", "retri = \"1s\"\ndate = \"x\""),
    ("a number without unit", "heartbeat = 15"),
    ("a text without unit", "  heartbeat = \"15\""),
    ("an unknown unit", "[limits]\nbody = \"1mb\""),
    ("a fraction", "drain = 1.5"),
    ("a negative number", "shards = -1"),
    ("a number in quotes", "shards = \"4\""),
    ("a number no machine has", "[limits]\nconnections = 99999999999999999999"),
    ("a list where a text belongs", "listen = [\"127.0.0.1:1\"]"),
    ("a text where a list belongs", "[[class]]\ntopics = \"a\""),
    ("a text where a table belongs", "limits = \"none\""),
    ("a table where a list belongs", "[class]\ntopics = [\"a\"]"),
    ("a list of something else", "class = [1]"),
    ("a number among topics", "[[class]]\ntopics = [\"a\", 5]"),
    ("no address", "listen = \"8080\""),
    ("a name for an address", "listen = \"hub.example:80\""),
    ("an address others reach", "listen = \"0.0.0.0:7070\""),
    ("access for nobody", "[access]\naudience = \"https://hub.example\""),
    ("an origin with a path", "[access]\norigins = [\"https://a.example\", \"https://b.example/\"]"),
    ("an origin of nobody", "[access]\norigins = [\"null\"]"),
    ("a part of an origin", "[access]\norigins = [\"https://*.example\"]"),
    ("a host with a scheme", "[access]\nhosts = [\"https://hub.example\"]"),
    ("a text where a list of keys belongs", "[access]\nkeys = \"main\""),
    ("a key without id", "[[access.keys]]\nalgorithm = \"HS256\"\nsecret_env = \"S\""),
    ("a key without algorithm", "[[access.keys]]\nid = \"a\"\nsecret_env = \"S\""),
    ("a key without a key", "[[access.keys]]\nid = \"a\"\nalgorithm = \"HS256\""),
    ("a key from two places", "[[access.keys]]\nid = \"a\"\nalgorithm = \"HS256\"\nsecret_env = \"S\"\nsecret = \"x\""),
    ("a webhook without address", "[access.webhook]\ntimeout = \"1s\""),
    ("a webhook that is nowhere", "[access.webhook]\nurl = \"app.example/headwater\""),
    (
        "a header of the question itself",
        "[access.webhook]\nurl = \"https://a.example\"\nheaders = [\"cookie\", \"Host\"]",
    ),
    (
        "a published secret",
        "[[access.keys]]\nid = \"a\"\nalgorithm = \"HS256\"\njwks_url = \"https://id.example/keys\"",
    ),
    (
        "a set over plain HTTP",
        "[[access.keys]]\nid = \"a\"\nalgorithm = \"ES256\"\njwks_url = \"http://id.example/keys\"",
    ),
    ("a set without address", "[[access.keys]]\nid = \"a\"\nalgorithm = \"ES256\"\njwks_internal = true"),
    ("no algorithm", "[[access.keys]]\nid = \"a\"\nalgorithm = \"none\"\nsecret = \"x\""),
    (
        "two keys of one name",
        "[access]\nkeys = [{ id = \"a\", algorithm = \"HS256\", secret = \"x\" }, { id = \"a\", algorithm = \"HS256\", secret = \"y\" }]",
    ),
    ("a hook without a name", "[[hook]]\nurl = \"https://a.example\""),
    ("a hook of a bad name", "[[hook]]\nid = \"../a\"\nurl = \"https://a.example\""),
    ("a hook to nowhere", "[[hook]]\nid = \"a\"\nurl = \"a.example\""),
    ("a hook about nothing", "[[hook]]\nid = \"a\"\nurl = \"https://a.example\""),
    ("a hook that tells nothing", "[[hook]]\nid = \"a\"\nurl = \"https://a.example\"\ntopics = [\"a\"]"),
    ("a hook that tells what there is not", "[[hook]]\nevents = [\"topic.opened\"]"),
    (
        "a hook without a secret",
        "[[hook]]\nid = \"a\"\nurl = \"https://a.example\"\ntopics = [\"a\"]\nevents = [\"topic.finished\"]",
    ),
    ("a hook with no time", "[[hook]]\ntimeout = \"1ms\""),
    ("a heartbeat below a second", "heartbeat = \"250ms\""),
    ("a heartbeat of zero", "heartbeat = 0"),
    ("an age below the least that is not zero", "max_age = \"1ms\""),
    ("too large for the key", "shards = 5000"),
    ("too large for anything", "drain = \"99999999999999999999d\""),
    ("half of TLS", "[tls]\ncertificate = \"cert.pem\""),
    ("the other half of TLS", "[tls]\nkey = \"key.pem\""),
    ("no such word", "log = \"loud\""),
    ("no such durability", "[[class]]\ntopics = [\"a\"]\ndurability = \"Disk\""),
    ("a bad pattern", "[[class]]\ntopics = [\"a//b\"]"),
    (
        "a bad pattern, the second of a list in the second class",
        "[[class]]\ntopics = [\"x\"]\n[[class]]\ntopics = [\"a\",\n  \"**/b\"]",
    ),
    ("a class without topics", "[[class]]\ndurability = \"memory\""),
    ("a class with an empty list", "[[class]]\ntopics = []"),
    ("a pattern twice", "[[class]]\ntopics = [\"a/*\"]\n[[class]]\ntopics = [\"a/*\"]"),
    ("a pattern no topic reaches", "[[class]]\ntopics = [\"a/**\"]\n[[class]]\ntopics = [\"a/*/b\"]"),
    (
        "an age of a class out of range",
        "[[class]]\ntopics = [\"a\"]\n[[class]]\ntopics = [\"b\"]\nretention.age = \"5ms\"",
    ),
    ("disk in memory", "data = \":memory:\"\n[[class]]\ntopics = [\"a\"]\ndurability = \"disk\""),
    ("an event larger than a body", "[[class]]\ntopics = [\"a\"]\nmax_event = \"17MiB\""),
    ("a body smaller than an event", "[limits]\nbody = \"100KiB\""),
    ("an event larger than a segment", "segment = \"1MiB\"\n[[class]]\ntopics = [\"**\"]\nmax_event = \"2MiB\""),
    ("a segment smaller than the implied event", "segment = \"64KiB\""),
    (
        "an event larger than the memory",
        "memory = \"1MiB\"\n[[class]]\ntopics = [\"a\"]\ndurability = \"memory\"\nmax_event = \"2MiB\"",
    ),
    ("a body larger than the queue", "limits = { body = \"128MiB\" }"),
    ("a network with host bits", "trusted_proxies = [\"::1\", \"10.0.0.1/8\"]"),
    ("a name where a network belongs", "trusted_proxies = [\"proxy\"]"),
    ("no data", "data = \"\""),
];

#[test]
fn a_refusal_stays_one_line_whatever_it_repeats() {
    let error = load_str("\"new\\nline\\u001b[31m\" = 1").unwrap_err().to_string();
    assert!(error.contains("`new\\nline\\u{1b}[31m` is not a key"), "{error}");
}
