//! Query strings: decoded once, strictly UTF-8.

use percent_encoding::percent_decode_str;

use super::problem::Problem;

/// Names of the cursor in the query: ours, and those of polyfills (BRW-05).
pub(crate) const CURSOR_PARAMETERS: [&str; 3] = ["last_event_id", "lastEventId", "lastEventID"];

/// The parameters of a request, in their order.
pub(crate) struct Query(Vec<(String, String)>);

impl Query {
    /// Decodes `application/x-www-form-urlencoded` pairs.
    pub(crate) fn parse(query: Option<&str>) -> Result<Self, Problem> {
        let pairs = query.unwrap_or("").split('&').filter(|pair| !pair.is_empty()).map(|pair| {
            let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
            let name = decode(name)?;
            // A cursor is read as bytes: what is not UTF-8 is no id of ours, and no mistake that ends a stream (EVR-08).
            let value = match CURSOR_PARAMETERS.contains(&&*name) {
                true => percent_decode_str(value).decode_utf8_lossy().into_owned(),
                false => decode(value)?,
            };
            Ok((name, value))
        });
        pairs.collect::<Result<_, _>>().map(Self)
    }

    /// All values of a parameter.
    pub(crate) fn all<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a str> {
        self.0.iter().filter(move |(key, _)| key == name).map(|(_, value)| value.as_str())
    }

    /// The first value of a parameter.
    pub(crate) fn first(&self, name: &str) -> Option<&str> {
        self.0.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str())
    }
}

/// Decodes one path or query component, strictly.
pub(crate) fn decode_component(text: &str, field: &str) -> Result<String, Problem> {
    percent_decode_str(text).decode_utf8().map(String::from).map_err(|_| {
        Problem::malformed(field, "The percent-encoded text is not UTF-8. Encode the UTF-8 bytes of the text.")
    })
}

fn decode(text: &str) -> Result<String, Problem> {
    decode_component(&text.replace('+', " "), "query")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn decodes_once() {
        let query = Query::parse(Some("topic=a%2Fb&topic=c+d&x&since=%2525")).unwrap();
        assert_eq!(query.all("topic").collect::<Vec<_>>(), ["a/b", "c d"]);
        assert_eq!(query.first("since"), Some("%25"));
        assert_eq!(query.first("x"), Some(""));
        assert!(Query::parse(Some("topic=%ff")).is_err());
        assert_eq!(Query::parse(Some("lastEventId=%ff-1")).unwrap().first("lastEventId"), Some("\u{fffd}-1"));
    }
}
