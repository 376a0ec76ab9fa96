//! Whose certificates an endpoint may show.

use std::path::Path;
use std::sync::Arc;

use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;
use rustls::{ClientConfig, RootCertStore};

/// TLS to endpoints whose certificates lead to one in `ca`, or else to one that the system trusts.
///
/// # Errors
/// A sentence that names the file at fault.
pub(super) fn config(ca: Option<&Path>) -> Result<Arc<ClientConfig>, String> {
    let roots = match ca {
        Some(path) => from_file(path)?,
        None => from_system()?,
    };
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let mut config = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(|error| format!("TLS cannot be set up: {error}"))?
        .with_root_certificates(roots)
        .with_no_client_auth();
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    Ok(Arc::new(config))
}

fn from_file(path: &Path) -> Result<RootCertStore, String> {
    let at = |error: &dyn std::fmt::Display| format!("cannot use {}: {error}", path.display());
    let mut roots = RootCertStore::empty();
    for certificate in CertificateDer::pem_file_iter(path).map_err(|error| at(&error))? {
        roots.add(certificate.map_err(|error| at(&error))?).map_err(|error| at(&error))?;
    }
    match roots.is_empty() {
        true => Err(at(&"it holds no certificate in PEM form")),
        false => Ok(roots),
    }
}

fn from_system() -> Result<RootCertStore, String> {
    let found = rustls_native_certs::load_native_certs();
    let mut roots = RootCertStore::empty();
    // Systems have some that are too old to read; the others count.
    let (added, _) = roots.add_parsable_certificates(found.certs);
    match added {
        0 => Err("the system trusts no certificate; install its package of CA certificates, or name a file".to_owned()),
        _ => Ok(roots),
    }
}
