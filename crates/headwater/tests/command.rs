//! The command without a hub: help, version, and the configuration looked at.

mod support;

use std::fs;

use support::{headwater, run};

#[test]
fn help_says_what_there_is() {
    let folder = tempfile::tempdir().unwrap();
    for (name, args) in [
        ("help", &["--help"][..]),
        ("help_serve", &["serve", "--help"]),
        ("help_pub", &["pub", "--help"]),
        ("help_sub", &["sub", "--help"]),
        ("help_config", &["config", "--help"]),
        ("help_log", &["log", "--help"]),
        ("help_bench", &["bench", "--help"]),
        ("help_bench_fanout", &["bench", "fanout", "--help"]),
    ] {
        let (code, stdout, stderr) = run(headwater(folder.path()).args(args));
        assert_eq!((code, stderr.as_str()), (Some(0), ""));
        insta::assert_snapshot!(name, stdout);
    }
}

#[test]
fn the_version_is_told() {
    let folder = tempfile::tempdir().unwrap();
    let (code, stdout, _) = run(headwater(folder.path()).arg("--version"));
    assert_eq!((code, stdout), (Some(0), format!("headwater {}\n", env!("CARGO_PKG_VERSION"))));
}

#[test]
fn a_printed_configuration_can_be_used_and_prints_itself() {
    let folder = tempfile::tempdir().unwrap();
    let (_, defaults, _) = run(headwater(folder.path()).args(["config", "print"]));
    assert!(defaults.contains("listen = \"127.0.0.1:7070\""), "{defaults}");

    let file = folder.path().join("headwater.toml");
    fs::write(&file, &defaults).unwrap();
    let (code, again, _) = run(headwater(folder.path()).args(["config", "print"]));
    let values = |text: &str| {
        let lines = text.lines().filter(|line| !line.starts_with('#')).map(str::to_owned);
        lines.collect::<Vec<_>>()
    };
    assert_eq!((code, values(&again)), (Some(0), values(&defaults)));
    assert!(again.contains("; from headwater.toml:"), "{again}");
}

#[test]
fn file_variable_and_flag_are_checked_in_rising_order() {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("headwater.toml"), "retry = \"5s\"\nheartbeat = \"9s\"\n").unwrap();
    let mut command = headwater(folder.path());
    command.env("HEADWATER_HEARTBEAT", "10s").args(["config", "print", "--drain", "0"]);
    let (_, printed, _) = run(&mut command);
    for line in
        ["retry = \"5s\"", "heartbeat = \"10s\"", "drain = 0", "--drain; from --drain", "from HEADWATER_HEARTBEAT"]
    {
        assert!(printed.contains(line), "{line} is not in {printed}");
    }
    let (code, said, _) = run(headwater(folder.path()).args(["config", "check", "--listen", "127.0.0.1:0"]));
    assert_eq!(code, Some(0));
    assert_eq!(said, "The configuration is good (2 keys from headwater.toml, 1 from --listen).\n");
}

#[test]
fn what_cannot_be_used_is_one_line_and_exit_code_2() {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("other.toml"), "[limits]\nbodi = \"1MiB\"").unwrap();
    for args in [
        &["config", "check", "--config", "other.toml"][..],
        &["config", "print", "--heartbeat", "15"],
        &["serve", "--listen", "0.0.0.0:7070"],
        &["serve", "--config", "absent.toml"],
    ] {
        let (code, stdout, stderr) = run(headwater(folder.path()).args(args));
        assert_eq!((code, stdout.as_str(), stderr.lines().count()), (Some(2), "", 1), "{stderr}");
        assert!(stderr.starts_with("headwater: "), "{stderr}");
        insta::assert_snapshot!(args.join("_").replace(['-', '.', ':'], ""), stderr);
    }
    let (code, _, stderr) = run(headwater(folder.path()).args(["serve", "--lisen", "127.0.0.1:0"]));
    assert_eq!(code, Some(2));
    assert!(stderr.contains("--listen"), "{stderr}");
    assert_eq!(run(&mut headwater(folder.path())).0, Some(2));
}

#[test]
fn a_folder_without_a_log_gets_no_epoch_and_no_log() {
    let folder = tempfile::tempdir().unwrap();
    let (code, stdout, stderr) = run(headwater(folder.path()).args(["log", "new-epoch", "--data", "mistyped"]));
    assert_eq!((code, stdout.as_str()), (Some(1), ""));
    assert_eq!(
        stderr,
        "headwater: failed to give the log another epoch: there is no log in mistyped; name the data folder of a hub\n"
    );
    assert!(!folder.path().join("mistyped").exists());
}
