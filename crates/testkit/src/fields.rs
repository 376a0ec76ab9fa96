//! Header fields as they came.

/// The value of a field that stands once or not at all.
///
/// # Panics
/// When it stands several times.
#[track_caller]
pub(crate) fn single<'a>(fields: &'a [(String, String)], name: &str) -> Option<&'a str> {
    let mut values = fields.iter().filter(|(known, _)| known.eq_ignore_ascii_case(name));
    let value = values.next();
    assert!(values.next().is_none(), "{name} stands several times: {fields:?}");
    value.map(|(_, value)| value.as_str())
}
