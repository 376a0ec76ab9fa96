//! What a reader sees of one event.

use serde_json::Value;

/// One event as it came.
#[derive(Clone, Debug, PartialEq, Eq, Default)]
pub struct Event {
    /// The id in force: its own, or the one before for events without.
    pub id: String,
    /// Its type.
    pub event: String,
    /// Its topic; empty for control events that have none.
    pub topic: String,
    /// Its data.
    pub data: String,
    /// Its key, which only NDJSON and long-poll tell.
    pub key: Option<String>,
    /// When the hub took it, which only NDJSON and long-poll tell.
    pub time: Option<String>,
}

impl Event {
    /// Reads an event of NDJSON or of a long-poll answer.
    ///
    /// # Panics
    /// When it is none.
    #[track_caller]
    pub fn from_json(value: &Value) -> Self {
        let optional = |name: &str| match &value[name] {
            Value::Null => None,
            Value::String(text) => Some(text.clone()),
            other => panic!("{name} is {other} in {value}"),
        };
        Self {
            id: optional("id").unwrap_or_default(),
            event: optional("event").unwrap_or_else(|| panic!("no event in {value}")),
            topic: optional("topic").unwrap_or_default(),
            data: optional("data").unwrap_or_default(),
            key: optional("key"),
            time: optional("time"),
        }
    }

    /// The number of its id.
    ///
    /// # Panics
    /// When its id has none.
    #[track_caller]
    pub fn seq(&self) -> u64 {
        seq(&self.id)
    }

    /// Its data as JSON.
    ///
    /// # Panics
    /// When it is none.
    #[track_caller]
    pub fn json(&self) -> Value {
        serde_json::from_str(&self.data).unwrap_or_else(|error| panic!("{error}: {self:?}"))
    }
}

/// The number of an id such as `1042-6f3a`.
///
/// # Panics
/// When it is no id.
#[track_caller]
pub fn seq(id: &str) -> u64 {
    id.split_once('-').and_then(|(number, _)| number.parse().ok()).unwrap_or_else(|| panic!("no id: {id:?}"))
}
