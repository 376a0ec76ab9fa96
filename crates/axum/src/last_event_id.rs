//! What a client says it has had.

use headwater_event_stream::EventId;
use http::request::Parts;
use percent_encoding::percent_decode_str;

/// The id of the last event a client has had, as it says when it reconnects.
///
/// It comes from the header `Last-Event-ID`, whose value is read as bytes of UTF-8 as browsers send it; else from the
/// parameter `last_event_id` of the query, also written `lastEventId` or `lastEventID`, for those who cannot set a header.
/// An empty one is none.
///
/// Whatever the client sends becomes an id: what cannot be one (bytes that are not UTF-8, a line break, more than
/// 256 bytes) is replaced by U+FFFD, which stands in no id of the application's. So there is one case to handle beside a
/// known id: an unknown one. A refusal would be worse, as `EventSource` never comes back after one.
///
/// With axum it is an extractor that never refuses.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct LastEventId(Option<EventId>);

impl LastEventId {
    /// What the head of this request says.
    pub fn of(request: &Parts) -> Self {
        let header = request.headers.get("last-event-id").map(|value| value.as_bytes().to_vec());
        let given = |id: &Vec<u8>| !id.is_empty();
        let id = header.filter(given).or_else(|| parameter(request.uri.query()?)).filter(given);
        Self(id.and_then(|id| EventId::new(&one_line(&id)).ok()))
    }

    /// The id, if the client has one.
    pub fn id(&self) -> Option<&EventId> {
        self.0.as_ref()
    }

    /// The id, if the client has one.
    pub fn into_id(self) -> Option<EventId> {
        self.0
    }
}

#[cfg(feature = "axum")]
impl<S: Send + Sync> axum_core::extract::FromRequestParts<S> for LastEventId {
    type Rejection = std::convert::Infallible;

    async fn from_request_parts(parts: &mut Parts, _state: &S) -> Result<Self, Self::Rejection> {
        Ok(Self::of(parts))
    }
}

/// The first parameter with one of the names that is there, decoded.
fn parameter(query: &str) -> Option<Vec<u8>> {
    let pairs = || query.split('&').map(|pair| pair.split_once('=').unwrap_or((pair, "")));
    let text = NAMES.iter().find_map(|name| pairs().find(|(key, _)| key == name))?.1;
    Some(percent_decode_str(&text.replace('+', " ")).collect())
}

/// The bytes as one line of text of bounded length.
fn one_line(id: &[u8]) -> String {
    let kept = &id[..id.len().min(LONGEST)];
    let mut text = String::from_utf8_lossy(kept).replace(['\r', '\n', '\0'], "\u{fffd}");
    if kept.len() < id.len() {
        text.push('\u{fffd}');
    }
    text
}

const NAMES: [&str; 3] = ["last_event_id", "lastEventId", "lastEventID"];
/// Most bytes of an id that are looked at.
const LONGEST: usize = 256;

#[cfg(test)]
mod tests {
    use http::Request;

    use super::*;

    fn of(target: &str, header: Option<&[u8]>) -> Option<String> {
        let mut request = Request::get(target);
        if let Some(value) = header {
            request = request.header("Last-Event-ID", http::HeaderValue::from_bytes(value).unwrap());
        }
        let (parts, ()) = request.body(()).unwrap().into_parts();
        LastEventId::of(&parts).into_id().map(|id| id.to_string())
    }

    #[test]
    fn the_header_wins_and_is_bytes() {
        assert_eq!(of("/", None), None);
        assert_eq!(of("/?last_event_id=7", None).as_deref(), Some("7"));
        assert_eq!(of("/?last_event_id=7", Some(b"8")).as_deref(), Some("8"));
        assert_eq!(of("/?last_event_id=7", Some(b"")).as_deref(), Some("7"), "an empty one is none");
        assert_eq!(of("/", Some("größe-1".as_bytes())).as_deref(), Some("größe-1"));
        assert_eq!(of("/", Some(b"a\xffb")).as_deref(), Some("a\u{fffd}b"));
    }

    #[test]
    fn the_parameter_has_three_spellings_and_is_decoded() {
        for name in NAMES {
            assert_eq!(of(&format!("/?a=b&{name}=a%2Fb+c%C3%A9"), None).as_deref(), Some("a/b cé"), "{name}");
        }
        assert_eq!(of("/?last_event_id=", None), None);
        assert_eq!(of("/?last_event_id", None), None);
        assert_eq!(of("/?last_event_id=1%0Adata:%20forged%00", None).as_deref(), Some("1\u{fffd}data: forged\u{fffd}"));
    }

    #[test]
    fn a_long_one_is_cut_and_is_nobodys() {
        assert_eq!(of("/", Some(&[b'a'; LONGEST])).unwrap().len(), LONGEST);
        let cut = of("/", Some(&[b'a'; LONGEST + 1])).unwrap();
        assert!(cut.len() == LONGEST + '\u{fffd}'.len_utf8() && cut.ends_with('\u{fffd}'), "{cut}");
    }
}
