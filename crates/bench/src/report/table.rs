//! The outcome for people: a line per figure, a column per target.

use std::fmt::Write as _;

use super::Outcome;
use super::figure::shown;
use crate::{Faults, Pace, Scenario};

pub(super) fn table(outcome: &Outcome) -> String {
    let mut out = String::new();
    // Writing to a string does not fail.
    let _ = writeln!(out, "{}: {}", outcome.options.scenario.name(), what_was_done(outcome));
    let mut rows = vec![header(outcome)];
    rows.extend(figures(outcome));
    let widths: Vec<usize> = (0..rows[0].len())
        .map(|column| rows.iter().map(|row| row[column].chars().count()).max().unwrap_or_default())
        .collect();
    for row in rows {
        let mut line = String::new();
        for (column, (cell, width)) in row.iter().zip(&widths).enumerate() {
            // Words to the left, numbers to the right, units again to the left.
            let unit = column == row.len() - 1;
            let _ = match column {
                0 => write!(line, "{cell:<width$}"),
                _ if unit => write!(line, " {cell:<width$}"),
                _ => write!(line, "  {cell:>width$}"),
            };
        }
        let _ = writeln!(out, "{}", line.trim_end());
    }
    for target in &outcome.targets {
        let _ = writeln!(out, "{}: {}", target.name, verdict(&target.faults()));
    }
    out
}

fn what_was_done(outcome: &Outcome) -> String {
    let options = &outcome.options;
    let shape = &options.shape;
    let mut text = format!("{}, {}", counted(shape.readers, "reader"), counted(shape.topics.into(), "topic"));
    if shape.topics_per_reader > 1 {
        let _ = write!(text, " ({} of them each)", shape.topics_per_reader);
    }
    let seconds = shape.measured.as_secs();
    let _ = match (options.scenario, options.scenario.pace()) {
        (Scenario::Idle { .. }, _) => write!(text, ", {seconds} s of silence"),
        (Scenario::Storm { backlog }, _) => write!(text, ", {} of each topic missed", counted(backlog, "event")),
        (_, Pace::Rate(rate)) => write!(text, ", {} events/s each for {seconds} s", shown(rate)),
        (_, Pace::Closed) => {
            let publishers = counted(options.connections().into(), "publisher");
            write!(text, ", {publishers} in a closed loop for {seconds} s")
        }
    };
    let _ = write!(text, ", {} bytes", shown(shape.size as f64));
    if options.runs > 1 {
        let _ = write!(text, "; medians of {} runs", options.runs);
    }
    text
}

fn counted(count: u64, what: &str) -> String {
    let plural = if count == 1 { "" } else { "s" };
    format!("{} {what}{plural}", shown(count as f64))
}

fn header(outcome: &Outcome) -> Vec<String> {
    let mut row = vec![String::new()];
    row.extend(outcome.targets.iter().map(|target| target.name.clone()));
    if outcome.targets.len() == 2 {
        row.push("ratio".to_owned());
    }
    row.push(String::new());
    row
}

fn figures(outcome: &Outcome) -> Vec<Vec<String>> {
    let mut rows = Vec::new();
    let Some(first) = outcome.targets.first() else { return rows };
    for figure in first.medians().into_iter().filter(|figure| !figure.goes_without_saying()) {
        let (meaning, unit) = figure.meaning();
        let mut row = vec![meaning.to_owned(), shown(figure.value)];
        if let Some(second) = outcome.targets.get(1) {
            let value = second.median(figure.key);
            row.push(value.map_or_else(|| "-".to_owned(), shown));
            let ratio = value.filter(|value| *value != 0.0).map(|value| figure.value / value);
            row.push(ratio.map_or_else(|| "-".to_owned(), |ratio| format!("{ratio:.2}")));
        }
        row.push(unit.to_owned());
        rows.push(row);
    }
    rows
}

fn verdict(faults: &Faults) -> String {
    if faults.none() {
        return "every reader got every event once, whole and in order".to_owned();
    }
    let Faults { lost, duplicated, out_of_order, damaged, ended } = faults;
    format!(
        "NOT RIGHT: {lost} lost, {duplicated} duplicated, {out_of_order} out of order, {damaged} damaged, \
         {ended} streams ended by the target"
    )
}
