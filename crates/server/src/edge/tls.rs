//! TLS from certificate and key files.

use std::io;
use std::sync::{Arc, PoisonError, RwLock};

use rustls::ServerConfig;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};

use crate::config::TlsFiles;

/// The certificate in force. Replaced by a reload; running connections keep theirs.
#[derive(Clone)]
pub(crate) struct Tls(Arc<RwLock<Arc<ServerConfig>>>);

impl Tls {
    /// Reads the files.
    ///
    /// # Errors
    /// A sentence that names the file at fault.
    pub(crate) fn load(files: &TlsFiles) -> Result<Self, String> {
        Ok(Self(Arc::new(RwLock::new(read(files)?))))
    }

    /// Reads the files again.
    ///
    /// # Errors
    /// As [`Tls::load`]; the old certificate stays in force.
    pub(crate) fn reload(&self, files: &TlsFiles) -> Result<(), String> {
        let config = read(files)?;
        *self.0.write().unwrap_or_else(PoisonError::into_inner) = config;
        Ok(())
    }

    /// For the next connection.
    pub(crate) fn acceptor(&self) -> tokio_rustls::TlsAcceptor {
        self.0.read().unwrap_or_else(PoisonError::into_inner).clone().into()
    }
}

fn read(files: &TlsFiles) -> Result<Arc<ServerConfig>, String> {
    let at = |path: &std::path::Path, error: &dyn std::fmt::Display| format!("cannot use {}: {error}", path.display());
    let certificates = CertificateDer::pem_file_iter(&files.certificate)
        .and_then(Iterator::collect::<Result<Vec<_>, _>>)
        .map_err(|error| at(&files.certificate, &error))?;
    if certificates.is_empty() {
        return Err(at(&files.certificate, &"it holds no certificate in PEM form"));
    }
    let key = PrivateKeyDer::from_pem_file(&files.key).map_err(|error| at(&files.key, &error))?;
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let mut config = ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(io::Error::other)
        .and_then(|builder| builder.with_no_client_auth().with_single_cert(certificates, key).map_err(io::Error::other))
        .map_err(|error| at(&files.certificate, &format!("{error} (with the key in {})", files.key.display())))?;
    config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
    Ok(Arc::new(config))
}
