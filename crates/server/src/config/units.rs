//! Durations and sizes as people write them: a whole number and its unit, `15s` or `256KiB`.
//!
//! Zero needs no unit. Every other number does, because a bare `15` is read as seconds by one half of its readers
//! and as milliseconds by the other.

use std::time::Duration;

/// Reads a duration such as `15s`.
///
/// # Errors
/// [`UnitError`] with the right form.
pub fn parse_duration(text: &str) -> Result<Duration, UnitError> {
    let millis = parse(text, DURATIONS, "10m", 's')?;
    Ok(Duration::from_millis(millis))
}

/// Reads a size in bytes such as `256KiB`.
///
/// # Errors
/// [`UnitError`] with the right form.
pub fn parse_size(text: &str) -> Result<u64, UnitError> {
    parse(text, SIZES, "256KiB", 'B')
}

/// Writes a duration so that [`parse_duration`] reads the same again; what is finer than a millisecond is lost.
pub(super) fn format_duration(duration: Duration) -> String {
    let millis = u64::try_from(duration.as_millis()).unwrap_or(u64::MAX);
    // Days only from two on: people say 24 hours and 7 days.
    format(millis, DURATIONS.iter().filter(|(unit, factor)| *unit != "d" || millis >= 2 * factor))
}

/// Writes a size so that [`parse_size`] reads the same again.
pub(super) fn format_size(bytes: u64) -> String {
    format(bytes, SIZES.iter())
}

/// Why a text is not a duration or size.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum UnitError {
    /// `15` where `15s` is meant.
    #[error("{number} has no unit; write a number with its unit, such as \"{number}{unit}\" or \"{example}\"")]
    NoUnit {
        /// The number.
        number: u64,
        /// The base unit.
        unit: char,
        /// A good value.
        example: &'static str,
    },
    /// `15sec`.
    #[error("\"{text}\" has an unknown unit; {suggestion}the units are {units}")]
    UnknownUnit {
        /// The whole text.
        text: String,
        /// `write "15s"; ` or nothing.
        suggestion: String,
        /// All units.
        units: String,
    },
    /// `1.5h` or `1h30m`.
    #[error(
        "\"{0}\" is not one whole number and one unit; write it in a smaller unit, as \"90m\" for 1.5h or \"1536MiB\" for 1.5GiB"
    )]
    NotWhole(String),
    /// Anything else.
    #[error("\"{text}\" does not begin with a number; write a number with its unit, such as \"{example}\"")]
    NotANumber {
        /// The text.
        text: String,
        /// A good value.
        example: &'static str,
    },
    /// More than fits.
    #[error("\"{0}\" is too large; write a smaller number")]
    TooLarge(String),
}

/// A unit and how many base units it is.
type Unit = (&'static str, u64);

fn parse(text: &str, units: &[Unit], example: &'static str, base: char) -> Result<u64, UnitError> {
    let text = text.trim();
    let digits = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
    let (number, unit) = text.split_at(digits);
    if number.is_empty() {
        return Err(UnitError::NotANumber { text: text.to_owned(), example });
    }
    let too_large = || UnitError::TooLarge(text.to_owned());
    let number: u64 = number.parse().map_err(|_| too_large())?;
    let unit = unit.trim_start();
    if unit.is_empty() {
        return if number == 0 { Ok(0) } else { Err(UnitError::NoUnit { number, unit: base, example }) };
    }
    if unit.contains(|c: char| c.is_ascii_digit() || c == '.' || c == ',') {
        return Err(UnitError::NotWhole(text.to_owned()));
    }
    let Some((_, factor)) = units.iter().find(|(name, _)| *name == unit) else {
        let suggestion = match nearest(unit, units) {
            Some(name) => format!("write \"{number}{name}\"; "),
            None => String::new(),
        };
        let units = units.iter().rev().map(|(name, _)| *name).collect::<Vec<_>>().join(", ");
        return Err(UnitError::UnknownUnit { text: text.to_owned(), suggestion, units });
    };
    // The bound keeps every value inside the signed integers of TOML and JSON.
    number.checked_mul(*factor).filter(|value| *value <= i64::MAX as u64).ok_or_else(too_large)
}

/// The unit somebody probably meant: another case of it, a longer word for it, or `G` for `GiB`.
fn nearest(unit: &str, units: &[Unit]) -> Option<&'static str> {
    let lower = unit.to_ascii_lowercase();
    let word = match lower.as_str() {
        "msec" | "millis" | "milliseconds" => "ms",
        "sec" | "secs" | "second" | "seconds" => "s",
        "min" | "mins" | "minute" | "minutes" => "m",
        "hr" | "hrs" | "hour" | "hours" => "h",
        "day" | "days" => "d",
        "byte" | "bytes" => "B",
        "k" | "ki" => "KiB",
        "m" | "mi" => "MiB",
        "g" | "gi" => "GiB",
        "t" | "ti" => "TiB",
        other => other,
    };
    units.iter().map(|(name, _)| *name).find(|name| name.eq_ignore_ascii_case(word))
}

fn format<'a>(value: u64, units: impl Iterator<Item = &'a Unit>) -> String {
    if value == 0 {
        return "0".to_owned();
    }
    let mut units = units.filter(|(_, factor)| value.is_multiple_of(*factor));
    match units.next() {
        Some((unit, factor)) => format!("{}{unit}", value / factor),
        None => value.to_string(),
    }
}

/// Units of time in milliseconds, largest first.
const DURATIONS: &[Unit] = &[("d", 86_400_000), ("h", 3_600_000), ("m", 60_000), ("s", 1_000), ("ms", 1)];

/// Units of size in bytes; the first that divides a size is the one it is written in.
const SIZES: &[Unit] = &[
    ("TiB", 1 << 40),
    ("GiB", 1 << 30),
    ("MiB", 1 << 20),
    ("KiB", 1 << 10),
    ("TB", 1_000_000_000_000),
    ("GB", 1_000_000_000),
    ("MB", 1_000_000),
    ("kB", 1_000),
    ("KB", 1_000),
    ("B", 1),
];

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn reads_every_unit() {
        for (text, millis) in [
            ("250ms", 250),
            ("15s", 15_000),
            ("10m", 600_000),
            ("2h", 7_200_000),
            ("7d", 604_800_000),
            ("0", 0),
            ("0s", 0),
        ] {
            assert_eq!(parse_duration(text), Ok(Duration::from_millis(millis)), "{text}");
        }
        for (text, bytes) in [("1B", 1), ("1kB", 1000), ("1MB", 1_000_000), ("256KiB", 262_144), ("10 GiB", 10 << 30)] {
            assert_eq!(parse_size(text), Ok(bytes), "{text}");
        }
    }

    #[test]
    fn a_refusal_shows_the_right_form() {
        let said = |text: &str| parse_duration(text).unwrap_err().to_string();
        insta::assert_snapshot!(
            "unit_errors",
            ["15", "15sec", "15S", "1.5h", "1h30m", "soon", "", "-3s", "15 parsecs", "99999999999999999999s"]
                .map(said)
                .join("\n")
                + "\n"
                + &["10G", "256kib", "10", "10GiB/s", "9000000TiB"]
                    .map(|text| parse_size(text).unwrap_err().to_string())
                    .join("\n")
        );
    }

    proptest! {
        #[test]
        fn what_is_written_reads_back(value in 0..=i64::MAX as u64) {
            prop_assert_eq!(parse_size(&format_size(value)), Ok(value));
            let duration = Duration::from_millis(value);
            prop_assert_eq!(parse_duration(&format_duration(duration)), Ok(duration));
        }

        #[test]
        fn no_text_panics(text in ".*") {
            let _ = parse_size(&text);
            let _ = parse_duration(&text);
        }
    }
}
