//! Certificates made for one test, and clients that trust nothing else.

use std::fs;
use std::io;
use std::net::{SocketAddr, TcpStream};
use std::path::Path;
use std::sync::Arc;

use rcgen::{CertifiedKey, generate_simple_self_signed};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use rustls::{ClientConfig, ClientConnection, RootCertStore, ServerConfig, StreamOwned};

use crate::PATIENCE;
use crate::peer::Connection;

/// A certificate for `localhost` with its key.
#[derive(Debug)]
pub struct Certificate {
    certificate: CertificateDer<'static>,
    pem: String,
    key_pem: String,
}

/// A connection over TLS.
pub type TlsStream = StreamOwned<ClientConnection, TcpStream>;

impl Certificate {
    /// One unlike every other.
    pub fn new() -> Self {
        let CertifiedKey { cert, signing_key } = generate_simple_self_signed(["localhost".to_owned()]).unwrap();
        Self { certificate: cert.der().clone(), pem: cert.pem(), key_pem: signing_key.serialize_pem() }
    }

    /// Writes `cert.pem` and `key.pem` into this folder.
    ///
    /// # Panics
    /// When it cannot be written to.
    pub fn write(&self, folder: &Path) {
        fs::write(folder.join("cert.pem"), &self.pem).unwrap();
        fs::write(folder.join("key.pem"), &self.key_pem).unwrap();
    }

    /// What a server needs to show it.
    pub(crate) fn server(&self) -> Arc<ServerConfig> {
        let key = PrivateKeyDer::from_pem_slice(self.key_pem.as_bytes()).unwrap();
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let builder = ServerConfig::builder_with_provider(provider).with_safe_default_protocol_versions().unwrap();
        Arc::new(builder.with_no_client_auth().with_single_cert(vec![self.certificate.clone()], key).unwrap())
    }

    /// The `[tls]` table for the files in this folder.
    pub fn table(folder: &Path) -> String {
        let file = |name: &str| folder.join(name).to_string_lossy().into_owned();
        format!("[tls]\ncertificate = \"{}\"\nkey = \"{}\"\n", file("cert.pem"), file("key.pem"))
    }

    /// Connects to a hub that shows this certificate, offering these protocols.
    ///
    /// # Errors
    /// What the system says, or that the hub shows another certificate.
    pub fn connect(&self, address: SocketAddr, protocols: &[&str]) -> io::Result<Connection<TlsStream>> {
        let mut roots = RootCertStore::empty();
        roots.add(self.certificate.clone()).map_err(io::Error::other)?;
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let mut config = ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .map_err(io::Error::other)?
            .with_root_certificates(roots)
            .with_no_client_auth();
        config.alpn_protocols = protocols.iter().map(|name| name.as_bytes().to_vec()).collect();
        let name = ServerName::try_from("localhost").map_err(io::Error::other)?;
        let client = ClientConnection::new(Arc::new(config), name).map_err(io::Error::other)?;
        let socket = TcpStream::connect_timeout(&address, PATIENCE)?;
        socket.set_nodelay(true)?;
        socket.set_read_timeout(Some(PATIENCE))?;
        let mut stream = StreamOwned::new(client, socket);
        while stream.conn.is_handshaking() {
            stream.conn.complete_io(&mut stream.sock)?;
        }
        Ok(Connection::over(stream))
    }
}

impl Default for Certificate {
    fn default() -> Self {
        Self::new()
    }
}
