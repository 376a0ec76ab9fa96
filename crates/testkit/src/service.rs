//! Driving a client through its test service, as `tests/client-service/README.md` describes it.

use std::ffi::{OsStr, OsString};
use std::io::{BufRead, BufReader, Read as _};
use std::net::SocketAddr;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::thread;

use serde_json::{Value, json};

use crate::callbacks::Callbacks;
use crate::client::Client;
use crate::hub::address_in;
use crate::request::Request;
use crate::subscriber::Subscriber;
use crate::wait::until;

/// A running test service. It ends when this is dropped, or with the process that holds it.
#[derive(Debug)]
pub struct TestService {
    program: OsString,
    arguments: Vec<OsString>,
    child: Child,
    address: SocketAddr,
    callbacks: Callbacks,
}

impl TestService {
    /// Starts it with this command, on a free port.
    ///
    /// # Panics
    /// When it does not come up.
    #[track_caller]
    pub fn start(program: impl AsRef<OsStr>, arguments: &[&str]) -> Self {
        Self::run(program.as_ref().to_owned(), arguments.iter().map(OsString::from).collect())
    }

    /// Starts the same once more, as a process of its own.
    ///
    /// # Panics
    /// When it does not come up.
    #[track_caller]
    pub fn start_another(&self) -> Self {
        Self::run(self.program.clone(), self.arguments.clone())
    }

    #[track_caller]
    fn run(program: OsString, arguments: Vec<OsString>) -> Self {
        let mut command = Command::new(&program);
        command.args(&arguments).arg("127.0.0.1:0").stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut child = command.spawn().unwrap_or_else(|error| panic!("cannot start {command:?}: {error}"));
        let mut output = BufReader::new(child.stdout.take().unwrap());
        let mut first = String::new();
        output.read_line(&mut first).unwrap();
        let address =
            address_in(&first).unwrap_or_else(|| panic!("no address in the first line: {first:?} {command:?}"));
        // What else it says is nobody's, and it must not wait for a reader.
        thread::spawn(move || output.read_to_end(&mut Vec::new()));
        Self { program, arguments, child, address, callbacks: Callbacks::start() }
    }

    /// What it says of itself.
    #[track_caller]
    pub fn status(&self) -> Value {
        self.http().get("/").expect(200).json()
    }

    /// Whether its client can do this.
    #[track_caller]
    pub fn can(&self, capability: &str) -> bool {
        let status = self.status();
        let all = status["capabilities"].as_array().unwrap_or_else(|| panic!("no capabilities: {status}"));
        all.iter().any(|known| known == capability)
    }

    /// Starts a client that tells everything, with these members of the body beside the stream's address.
    ///
    /// # Panics
    /// When the service refuses it.
    #[track_caller]
    pub fn subscribe(&self, url: &str, options: Value) -> Subscriber {
        let mut options = options;
        options["headwater"] = json!(true);
        self.subscribe_as_others_do(url, options)
    }

    /// Starts a client as a harness does that knows nothing of ours.
    ///
    /// # Panics
    /// When the service refuses it.
    #[track_caller]
    pub fn subscribe_as_others_do(&self, url: &str, options: Value) -> Subscriber {
        let mut body = options;
        let (callback, messages) = self.callbacks.open();
        body["streamUrl"] = json!(url);
        body["callbackUrl"] = json!(callback);
        let answer = self.http().send(&Request::post_as("application/json", "/", body.to_string())).expect(201);
        let location = answer.header("location").expect("the address of the client").to_owned();
        Subscriber::new(self.http(), location, messages)
    }

    /// Makes requests to it.
    pub fn http(&self) -> Client {
        Client::new(self.address)
    }

    /// Closes its standard input and waits until it has ended.
    ///
    /// # Panics
    /// When it does not end.
    pub fn close_input(mut self) -> ExitStatus {
        drop(self.child.stdin.take());
        self.wait()
    }

    /// Waits until it has ended.
    ///
    /// # Panics
    /// When it does not end.
    #[track_caller]
    pub fn wait(&mut self) -> ExitStatus {
        until("the test service to end", || self.child.try_wait().unwrap())
    }
}

impl Drop for TestService {
    fn drop(&mut self) {
        // It may have ended already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
