//! A look at the target before anything is started, for a clear word on why it cannot be measured.

use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::time::{Duration, Instant};

use crate::BenchError;
use crate::http::Head;
use crate::template::Values;
use crate::worker::message::Spec;

/// Subscribes once, and looks at the head of the answer.
pub(super) fn stream(spec: &Spec) -> Result<(), BenchError> {
    let subscribe = &spec.subscribe;
    let down = |error| BenchError::Down { address: subscribe.address, error };
    let mut socket = TcpStream::connect_timeout(&subscribe.address, PATIENCE).map_err(down)?;
    socket.set_read_timeout(Some(PATIENCE)).map_err(down)?;
    let run = format!("{:08x}", spec.run);
    let (mut request, mut topic) = (String::new(), String::new());
    spec.topic.fill(&Values { topic: "0", run: &run, ..Values::default() }, &mut topic);
    subscribe.request(&[topic], &run, 0, "", &mut request);
    socket.write_all(request.as_bytes()).map_err(down)?;

    let is_none = |found: String| BenchError::NotAStream { url: subscribe.url.clone(), found };
    let (mut answer, mut buffer, deadline) = (Vec::new(), [0; 4096], Instant::now() + PATIENCE);
    loop {
        match socket.read(&mut buffer) {
            Ok(0) => return Err(is_none("the connection was closed before an answer".to_owned())),
            Ok(read) => answer.extend_from_slice(&buffer[..read]),
            Err(_) => return Err(is_none(format!("no answer within {} s", PATIENCE.as_secs()))),
        }
        let head = match Head::read(&answer) {
            Ok(Some(head)) => head,
            Ok(None) if answer.len() < LONGEST_HEAD && Instant::now() < deadline => continue,
            Ok(None) => return Err(is_none("its head does not end".to_owned())),
            Err(error) => return Err(is_none(error.to_string())),
        };
        if head.status == 200 && head.content_type.starts_with("text/event-stream") {
            return Ok(());
        }
        let body = String::from_utf8_lossy(&answer[head.len..]);
        let body: String = body.chars().take(LONGEST_BODY).filter(|c| !c.is_control()).collect();
        return Err(is_none(
            format!("it answered {} with `{}` {body}", head.status, head.content_type).trim_end().to_owned(),
        ));
    }
}

const PATIENCE: Duration = Duration::from_secs(10);
const LONGEST_HEAD: usize = 64 << 10;
const LONGEST_BODY: usize = 200;
