//! An application beside the hub that answers over HTTPS as a test says: an identity provider, or whoever is asked about
//! access.

use std::io::{self, BufReader, Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;

use rustls::{ServerConnection, StreamOwned};
use tempfile::TempDir;

use crate::{Certificate, Incoming, PATIENCE};

/// An application on loopback. Its threads end with the test.
pub struct Application {
    port: u16,
    folder: TempDir,
    script: Arc<Mutex<Script>>,
    seen: Arc<Mutex<Vec<Incoming>>>,
}

/// What it does about a request.
#[derive(Clone, Debug)]
pub enum Scripted {
    /// Answers with this status, these header lines and this body.
    Answer(u16, Vec<String>, String),
    /// Ends the connection without a word.
    HangUp,
    /// Says nothing until the other side gives up.
    Silence,
}

type Script = Box<dyn Fn(&Incoming) -> Scripted + Send>;

impl Application {
    /// One that answers every request as `script` says.
    ///
    /// # Panics
    /// When the system gives no port.
    pub fn start(script: impl Fn(&Incoming) -> Scripted + Send + 'static) -> Self {
        let certificate = Certificate::new();
        let folder = TempDir::with_prefix("headwater-test-").unwrap();
        certificate.write(folder.path());
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let script: Arc<Mutex<Script>> = Arc::new(Mutex::new(Box::new(script)));
        let seen: Arc<Mutex<Vec<Incoming>>> = Arc::default();
        let (theirs, noted, config) = (script.clone(), seen.clone(), certificate.server());
        thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let (script, seen, config) = (theirs.clone(), noted.clone(), config.clone());
                // A client that leaves in the middle is part of some tests.
                thread::spawn(move || {
                    let connection = ServerConnection::new(config).unwrap();
                    let _ = serve(StreamOwned::new(connection, stream), &script, &seen);
                });
            }
        });
        Self { port, folder, script, seen }
    }

    /// From now on it answers like this.
    pub fn answer(&self, script: impl Fn(&Incoming) -> Scripted + Send + 'static) {
        *self.script.lock().unwrap_or_else(PoisonError::into_inner) = Box::new(script);
    }

    /// The address of a path.
    pub fn url(&self, path: &str) -> String {
        format!("https://localhost:{}{path}", self.port)
    }

    /// The file with the certificate that its clients have to trust.
    pub fn ca(&self) -> PathBuf {
        self.folder.path().join("cert.pem")
    }

    /// What it was asked so far.
    pub fn seen(&self) -> Vec<Incoming> {
        self.seen.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

impl Scripted {
    /// 200 with a JSON body.
    pub fn json(value: &serde_json::Value) -> Self {
        Self::Answer(200, vec!["content-type: application/json".to_owned()], value.to_string())
    }

    /// Only a status.
    pub fn status(status: u16) -> Self {
        Self::Answer(status, Vec::new(), String::new())
    }
}

fn serve(
    stream: StreamOwned<ServerConnection, TcpStream>,
    script: &Mutex<Script>,
    seen: &Mutex<Vec<Incoming>>,
) -> io::Result<()> {
    stream.sock.set_read_timeout(Some(PATIENCE))?;
    let mut stream = BufReader::new(stream);
    let Some(asked) = Incoming::read(&mut stream)? else { return Ok(()) };
    seen.lock().unwrap_or_else(PoisonError::into_inner).push(asked.clone());
    let scripted = script.lock().unwrap_or_else(PoisonError::into_inner)(&asked);
    match scripted {
        Scripted::HangUp => {}
        Scripted::Silence => drop(stream.read(&mut [0; 16])),
        Scripted::Answer(status, fields, body) => {
            let mut head = format!("HTTP/1.1 {status} Scripted\r\ncontent-length: {}\r\n", body.len());
            fields.iter().for_each(|field| head.push_str(&format!("{field}\r\n")));
            let stream = stream.get_mut();
            stream.write_all(format!("{head}\r\n{body}").as_bytes())?;
            stream.flush()?;
        }
    }
    Ok(())
}
