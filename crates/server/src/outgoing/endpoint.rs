//! One address out of the configuration, and a request to it.

use std::convert::Infallible;
use std::future::pending;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::path::PathBuf;
use std::pin::pin;
use std::time::Duration;

use bytes::Bytes;
use http::header::{HOST, USER_AGENT};
use http::uri::Scheme;
use http::{HeaderMap, HeaderValue, Method, Request, Response, Uri};
use http_body::Body as _;
use http_body_util::{BodyExt, Full, LengthLimitError, Limited};
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;
use rustls::pki_types::ServerName;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;

use super::address::{Place, place};
use super::trust;

/// What a request may do.
#[derive(Clone, Debug)]
pub(crate) struct Rules {
    /// Which addresses it may go to.
    pub(crate) reach: Reach,
    /// Whether `http://` is allowed, and then to this machine and private networks only.
    pub(crate) plain: bool,
    /// File with the certificates that are trusted, in place of those of the system.
    pub(crate) ca: Option<PathBuf>,
    /// How long it may take, from the look-up of the name to the last byte of the answer.
    pub(crate) time: Duration,
    /// Largest body of the answer.
    pub(crate) most: usize,
}

/// Which addresses a request may go to, looked at after the name was looked up. None goes to a link-local address.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Reach {
    /// To public ones only.
    Public,
    /// Also to this machine and to private networks.
    Inside,
}

/// One address out of the configuration, ready to be asked.
pub(crate) struct Endpoint {
    /// Path and query.
    target: Uri,
    /// What `Host` says.
    host: HeaderValue,
    /// What is looked up, or the address itself.
    name: String,
    port: u16,
    /// Absent for `http://`.
    tls: Option<(TlsConnector, ServerName<'static>)>,
    reach: Reach,
    time: Duration,
    most: usize,
}

/// Why an address cannot be asked at all. Completes a sentence that begins with the name of its key.
#[derive(Debug, thiserror::Error)]
pub(crate) enum EndpointError {
    /// No URL.
    #[error("is no address such as https://app.example/path")]
    Malformed,
    /// Not over TLS.
    #[error("has to begin with https://")]
    NotHttps,
    /// The certificates to trust.
    #[error("cannot be asked: {0}")]
    Trust(String),
}

/// Why there is no answer. Nothing in it repeats what was sent.
#[derive(Debug, thiserror::Error)]
pub(crate) enum SendError {
    /// The name leads nowhere.
    #[error("its name cannot be looked up ({0})")]
    Lookup(io::Error),
    /// The name leads where requests may not go.
    #[error("its name leads to no address that is allowed; it leads to {0}")]
    Refused(IpAddr),
    /// Nobody is there, or somebody else.
    #[error("no connection could be made ({0})")]
    Connect(io::Error),
    /// What came was no answer.
    #[error("its answer was cut off or malformed ({0})")]
    Protocol(hyper::Error),
    /// The answer is too large.
    #[error("its answer is larger than {0} bytes")]
    TooLarge(usize),
    /// It took too long.
    #[error("it did not answer within {} ms", .0.as_millis())]
    TooSlow(Duration),
}

/// Largest head of an answer.
const MOST_HEAD: usize = 32 << 10;
const MOST_HEADERS: usize = 100;
/// Addresses of one name that are tried.
const MOST_ADDRESSES: usize = 4;

impl Endpoint {
    /// Reads an address.
    ///
    /// # Errors
    /// [`EndpointError`]; a look-up is no part of it.
    pub(crate) fn new(url: &str, rules: &Rules) -> Result<Self, EndpointError> {
        let Parsed { uri, secure, name } = parse(url, rules.plain)?;
        let authority = uri.authority().ok_or(EndpointError::Malformed)?;
        let tls = match secure {
            false => None,
            true => {
                let config = trust::config(rules.ca.as_deref()).map_err(EndpointError::Trust)?;
                let server = ServerName::try_from(name.clone()).map_err(|_| EndpointError::Malformed)?;
                Some((TlsConnector::from(config), server))
            }
        };
        let target = uri.path_and_query().map_or("/", http::uri::PathAndQuery::as_str);
        Ok(Self {
            target: target.parse().map_err(|_| EndpointError::Malformed)?,
            host: authority.as_str().parse().map_err(|_| EndpointError::Malformed)?,
            port: authority.port_u16().unwrap_or(if secure { 443 } else { 80 }),
            name,
            tls,
            reach: rules.reach,
            time: rules.time,
            most: rules.most,
        })
    }

    /// Whether an address could be asked, as far as its text says. `plain` as in [`Rules`].
    ///
    /// # Errors
    /// [`EndpointError`].
    pub(crate) fn check(url: &str, plain: bool) -> Result<(), EndpointError> {
        parse(url, plain).map(|_| ())
    }

    /// Sends a request and reads the whole answer, whatever its status.
    ///
    /// # Errors
    /// [`SendError`] when there is no whole answer.
    pub(crate) async fn send(
        &self,
        method: Method,
        headers: HeaderMap,
        body: Bytes,
    ) -> Result<Response<Bytes>, SendError> {
        let mut request = Request::new(Full::new(body));
        *request.method_mut() = method;
        *request.uri_mut() = self.target.clone();
        *request.headers_mut() = headers;
        request.headers_mut().insert(HOST, self.host.clone());
        let agent = HeaderValue::from_static(concat!("headwater/", env!("CARGO_PKG_VERSION")));
        request.headers_mut().insert(USER_AGENT, agent);
        let exchange = async {
            let stream = self.connect().await?;
            match &self.tls {
                None => self.exchange(stream, request).await,
                Some((connector, server)) => {
                    let connected = connector.connect(server.clone(), stream).await;
                    self.exchange(connected.map_err(SendError::Connect)?, request).await
                }
            }
        };
        tokio::time::timeout(self.time, exchange).await.unwrap_or(Err(SendError::TooSlow(self.time)))
    }

    /// A connection to an address that was checked.
    async fn connect(&self) -> Result<TcpStream, SendError> {
        let found = tokio::net::lookup_host((self.name.as_str(), self.port)).await.map_err(SendError::Lookup)?;
        let (mut allowed, mut refused): (Vec<SocketAddr>, Vec<SocketAddr>) =
            found.partition(|address| self.allows(address.ip()));
        if let (true, Some(address)) = (allowed.is_empty(), refused.pop()) {
            return Err(SendError::Refused(address.ip()));
        }
        allowed.truncate(MOST_ADDRESSES);
        // One that swallows everything leaves time for the others.
        let each = self.time / (allowed.len() as u32 + 1);
        let mut outcome = Err(SendError::Connect(io::ErrorKind::NotFound.into()));
        for address in allowed {
            match tokio::time::timeout(each, TcpStream::connect(address)).await {
                Ok(Ok(stream)) => return Ok(stream),
                Ok(Err(error)) => outcome = Err(SendError::Connect(error)),
                Err(_) => outcome = Err(SendError::Connect(io::ErrorKind::TimedOut.into())),
            }
        }
        outcome
    }

    fn allows(&self, address: IpAddr) -> bool {
        match place(address) {
            Place::Public => self.tls.is_some(),
            Place::Inside => self.reach == Reach::Inside,
            Place::Never => false,
        }
    }

    async fn exchange<S: AsyncRead + AsyncWrite + Unpin>(
        &self,
        stream: S,
        request: Request<Full<Bytes>>,
    ) -> Result<Response<Bytes>, SendError> {
        let (mut sender, connection) = http1::Builder::new()
            .max_buf_size(MOST_HEAD)
            .max_headers(MOST_HEADERS)
            .handshake(TokioIo::new(stream))
            .await
            .map_err(SendError::Protocol)?;
        let mut driven = pin!(async {
            // Its errors reach those who wait for the answer.
            let _ = connection.await;
            pending::<Infallible>().await
        });
        let mut answered = pin!(async {
            let (parts, body) = sender.send_request(request).await.map_err(SendError::Protocol)?.into_parts();
            if body.size_hint().lower() > self.most as u64 {
                return Err(SendError::TooLarge(self.most));
            }
            let body = Limited::new(body, self.most).collect().await.map_err(|error| self.cut_off(error))?;
            Ok(Response::from_parts(parts, body.to_bytes()))
        });
        tokio::select! {
            answer = answered.as_mut() => answer,
            never = driven.as_mut() => match never {},
        }
    }

    fn cut_off(&self, error: Box<dyn std::error::Error + Send + Sync>) -> SendError {
        if error.is::<LengthLimitError>() {
            return SendError::TooLarge(self.most);
        }
        match error.downcast::<hyper::Error>() {
            Ok(error) => SendError::Protocol(*error),
            Err(error) => SendError::Connect(io::Error::other(error)),
        }
    }
}

/// An address that is taken apart.
struct Parsed {
    uri: Uri,
    /// Whether it begins with `https://`.
    secure: bool,
    /// Its host, without brackets.
    name: String,
}

fn parse(url: &str, plain: bool) -> Result<Parsed, EndpointError> {
    let uri: Uri = url.parse().map_err(|_| EndpointError::Malformed)?;
    let authority = uri.authority().ok_or(EndpointError::Malformed)?;
    let secure = match uri.scheme() {
        Some(scheme) if *scheme == Scheme::HTTPS => true,
        Some(scheme) if *scheme == Scheme::HTTP && plain => false,
        Some(scheme) if *scheme == Scheme::HTTP => return Err(EndpointError::NotHttps),
        _ => return Err(EndpointError::Malformed),
    };
    let name = authority.host().trim_start_matches('[').trim_end_matches(']').to_owned();
    if name.is_empty() || authority.as_str().contains('@') {
        return Err(EndpointError::Malformed);
    }
    Ok(Parsed { uri, secure, name })
}

#[cfg(test)]
mod tests {
    use std::io::{Read as _, Write as _};
    use std::net::TcpListener;
    use std::thread;

    use super::*;

    fn rules(reach: Reach, plain: bool) -> Rules {
        Rules { reach, plain, ca: None, time: Duration::from_secs(5), most: 1000 }
    }

    /// What comes of a request to a server that answers with these bytes and then waits for the end.
    fn ask(reach: Reach, time: Duration, answer: &'static str) -> Result<(u16, Bytes), SendError> {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://localhost:{}/hook?a=b", listener.local_addr().unwrap().port());
        let server = thread::spawn(move || {
            listener.set_nonblocking(false).unwrap();
            let (mut stream, _) = listener.accept().unwrap();
            let mut seen = [0; 4096];
            let n = stream.read(&mut seen).unwrap();
            // A client that has seen enough is gone.
            let _ = stream.write_all(answer.as_bytes());
            let _ = stream.read(&mut [0; 16]);
            String::from_utf8_lossy(&seen[..n]).into_owned()
        });
        let endpoint = Endpoint::new(&url, &Rules { time, ..rules(reach, true) }).unwrap();
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        let outcome = runtime.block_on(endpoint.send(Method::POST, HeaderMap::new(), "{}".into()));
        if !matches!(outcome, Err(SendError::Refused(_))) {
            let seen = server.join().unwrap();
            assert!(seen.starts_with("POST /hook?a=b HTTP/1.1\r\n"), "{seen}");
            assert!(seen.contains("host: localhost:") && seen.contains("content-length: 2\r\n"), "{seen}");
        }
        outcome.map(|answer| (answer.status().as_u16(), answer.into_body()))
    }

    const PATIENT: Duration = Duration::from_secs(5);

    #[test]
    fn t22_an_answer_is_bounded_and_final() {
        let (status, body) = ask(Reach::Inside, PATIENT, "HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok").unwrap();
        assert_eq!((status, &body[..]), (200, &b"ok"[..]));
        let moved = "HTTP/1.1 302 Found\r\nlocation: http://127.0.0.1:1/\r\ncontent-length: 0\r\n\r\n";
        assert_eq!(ask(Reach::Inside, PATIENT, moved).unwrap().0, 302);
        let large = "HTTP/1.1 200 OK\r\ncontent-length: 1001\r\n\r\nx";
        assert!(matches!(ask(Reach::Inside, PATIENT, large), Err(SendError::TooLarge(1000))));
        let slow = "HTTP/1.1 200 OK\r\ncontent-length: 10\r\n\r\nx";
        let soon = Duration::from_millis(300);
        assert!(matches!(ask(Reach::Inside, soon, slow), Err(SendError::TooSlow(_))));
        assert!(matches!(ask(Reach::Inside, PATIENT, "what?\r\n\r\n"), Err(SendError::Protocol(_))));
    }

    #[test]
    fn t22_a_name_that_leads_inside_is_refused() {
        let outcome = ask(Reach::Public, PATIENT, "");
        assert!(matches!(outcome, Err(SendError::Refused(address)) if address.is_loopback()), "{outcome:?}");
    }

    #[test]
    fn only_addresses_of_the_form_are_taken() {
        for url in ["", "app.example", "https://", "/path", "ftp://app.example", "https://user:pass@app.example/"] {
            let error = Endpoint::new(url, &rules(Reach::Public, true)).err();
            assert!(matches!(error, Some(EndpointError::Malformed)), "{url}: {error:?}");
        }
        let error = Endpoint::new("http://app.example/", &rules(Reach::Inside, false)).err();
        assert!(matches!(error, Some(EndpointError::NotHttps)));
        let trusting = Rules { ca: Some("/nowhere/ca.pem".into()), ..rules(Reach::Public, false) };
        let error = Endpoint::new("https://app.example/", &trusting).err().unwrap();
        assert!(error.to_string().contains("/nowhere/ca.pem"), "{error}");
    }
}
