//! A network that swallows everything to and from one address, without a word to either side.

use std::net::{Ipv4Addr, SocketAddr, TcpStream};
use std::process::Command;

use socket2::{Domain, Protocol, Socket, Type};

use crate::PATIENCE;

/// An address on this machine whose packets can be made to vanish. Packets go on when it is dropped.
#[derive(Debug)]
pub struct BlackHole {
    address: Ipv4Addr,
    /// The name of our packet filter, while there is one.
    table: Option<String>,
}

impl BlackHole {
    /// A network that works, for clients of a loopback address of their own.
    pub fn new() -> Self {
        let id = std::process::id().to_be_bytes();
        Self { address: Ipv4Addr::new(127, id[1] | 1, id[2], id[3] | 1), table: None }
    }

    /// A connection through it.
    ///
    /// # Panics
    /// When nobody listens.
    pub fn connect(&self, to: SocketAddr) -> TcpStream {
        let socket = Socket::new(Domain::IPV4, Type::STREAM, Some(Protocol::TCP)).unwrap();
        socket.bind(&SocketAddr::from((self.address, 0)).into()).unwrap();
        socket.connect_timeout(&to.into(), PATIENCE).unwrap();
        let stream = TcpStream::from(socket);
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        stream
    }

    /// From now on nothing arrives on either side.
    ///
    /// # Panics
    /// When this user may not filter packets.
    pub fn swallow(&mut self) {
        let table = format!("headwater_test_{}", std::process::id());
        let address = self.address;
        let hook = "type filter hook input priority 0";
        nft(&format!(
            "table ip {table} {{\nchain c {{\n{hook}\nip saddr {address} drop\nip daddr {address} drop\n}}\n}}\n"
        ));
        self.table = Some(table);
    }
}

impl Default for BlackHole {
    fn default() -> Self {
        Self::new()
    }
}

impl Drop for BlackHole {
    fn drop(&mut self) {
        if let Some(table) = self.table.take() {
            // A test that has failed already does not fail twice.
            let _ = Command::new("nft").arg(format!("delete table ip {table}")).status();
        }
    }
}

fn nft(script: &str) {
    let output = Command::new("nft").arg(script).output();
    assert!(
        output.as_ref().is_ok_and(|output| output.status.success()),
        "cannot filter packets: {output:?}; run this test as root, with Debian's nftables installed"
    );
}
