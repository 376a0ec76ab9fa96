//! Configurations: any text is refused in one line, and what is not means what it prints as.

use std::ffi::OsString;
use std::path::PathBuf;

use headwater_server::config::{Sources, load_str, resolve};

/// The text of a file; after a NUL, variables, one in each line.
///
/// # Panics
/// When the promise is broken.
pub fn check(input: &[u8]) {
    let Ok(text) = std::str::from_utf8(input) else { return };
    let (file, variables) = text.split_once('\0').unwrap_or((text, ""));
    if let Err(error) = load_str(file) {
        one_line(&error);
    }
    let variables = variables.lines().filter_map(|line| line.split_once('='));
    // Files are not read here.
    let variables = variables.filter(|(name, _)| !name.eq_ignore_ascii_case("HEADWATER_CONFIG"));
    let sources = Sources {
        folder: PathBuf::from("/nonexistent"),
        variables: variables.map(|(name, value)| (OsString::from(name), OsString::from(value))).collect(),
        ..Sources::default()
    };
    match resolve(&sources) {
        Ok(resolved) => {
            let printed = resolved.print();
            let read = load_str(&printed).unwrap_or_else(|error| panic!("{error}, in\n{printed}"));
            assert_eq!(read, resolved.settings, "{printed}");
        }
        Err(error) => one_line(&error),
    }
}

fn one_line(error: &impl ToString) {
    let sentence = error.to_string();
    assert!(!sentence.is_empty() && !sentence.chars().any(|c| c == '\n' || c == '\r'), "{sentence:?}");
}
