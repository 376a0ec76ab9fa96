//! The outcome for programs.

use serde_json::{Map, Value, json};

use super::{Figure, Outcome, TargetReport};
use crate::{Pace, Scenario};

pub(super) fn json(outcome: &Outcome) -> Value {
    let options = &outcome.options;
    let shape = &options.shape;
    let rate = match options.scenario.pace() {
        Pace::Rate(rate) => json!(rate),
        Pace::Closed => Value::Null,
    };
    let special = match options.scenario {
        Scenario::Idle { from } => json!({ "from": from }),
        Scenario::Storm { backlog } => json!({ "backlog": backlog }),
        Scenario::Slow { share, .. } => json!({ "share": share }),
        Scenario::Fanout(_) | Scenario::Publish | Scenario::Churn { .. } => json!({}),
    };
    let mut settings = json!({
        "readers": shape.readers,
        "topics": shape.topics,
        "topics_per_reader": shape.topics_per_reader,
        "rate_per_topic": rate,
        "publishers": options.connections(),
        "payload_bytes": shape.size,
        "seconds": shape.measured.as_secs(),
        "warm_up_seconds": shape.warm_up.as_secs(),
    });
    if let (Some(settings), Value::Object(special)) = (settings.as_object_mut(), special) {
        settings.extend(special);
    }
    json!({
        "scenario": options.scenario.name(),
        "settings": settings,
        "faultless": outcome.is_faultless(),
        "targets": outcome.targets.iter().map(target).collect::<Vec<_>>(),
        "ratios": ratios(&outcome.targets),
    })
}

fn target(target: &TargetReport) -> Value {
    let runs = target.runs.iter().map(
        |run| json!({ "run": format!("{:08x}", run.number), "figures": figures(&run.figures), "faults": run.faults }),
    );
    json!({
        "target": target.name,
        "median": figures(&target.medians()),
        "faults": target.faults(),
        "runs": runs.collect::<Vec<_>>(),
    })
}

/// Medians of the first target over those of the second; nothing if there is none.
fn ratios(targets: &[TargetReport]) -> Value {
    let [first, second] = targets else { return Value::Null };
    let ratio = |figure: &Figure| {
        let other = second.median(figure.key).filter(|value| *value != 0.0)?;
        Some(Figure { key: figure.key, value: figure.value / other })
    };
    figures(&first.medians().iter().filter_map(ratio).collect::<Vec<_>>())
}

fn figures(figures: &[Figure]) -> Value {
    let entries = figures.iter().map(|figure| {
        // A thousandth is finer than anything measured here.
        (figure.key.to_owned(), json!((figure.value * 1e3).round() / 1e3))
    });
    Value::Object(entries.collect::<Map<_, _>>())
}
