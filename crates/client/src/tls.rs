//! Whom the client trusts: the system's CA certificates, or those of a bundle and no others. There is no way not to
//! verify.

use std::path::Path;
use std::sync::Arc;

use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject as _;
use rustls::{ClientConfig, RootCertStore};

use crate::error::{Cause, ConfigError};

/// TLS 1.3 and 1.2, with hybrid key exchange where the service has it.
pub(crate) fn config(ca_bundle: Option<&Path>) -> Result<ClientConfig, ConfigError> {
    let roots = match ca_bundle {
        Some(path) => bundle(path)?,
        None => system()?,
    };
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let config = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(|error| ConfigError::Tls(Cause::new(error)))?;
    Ok(config.with_root_certificates(roots).with_no_client_auth())
}

fn bundle(path: &Path) -> Result<RootCertStore, ConfigError> {
    let unreadable = |source| ConfigError::File { path: path.to_owned(), source };
    let file = std::fs::File::open(path).map_err(unreadable)?;
    let no_certificate = || ConfigError::CaBundle { path: path.to_owned() };
    let mut roots = RootCertStore::empty();
    for certificate in CertificateDer::pem_reader_iter(file) {
        let certificate = certificate.map_err(|_| no_certificate())?;
        roots.add(certificate).map_err(|_| no_certificate())?;
    }
    if roots.is_empty() { Err(no_certificate()) } else { Ok(roots) }
}

fn system() -> Result<RootCertStore, ConfigError> {
    let mut roots = RootCertStore::empty();
    // Systems have certificates that nobody can use any more; what matters is that some can.
    roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
    if roots.is_empty() { Err(ConfigError::NoRoots) } else { Ok(roots) }
}
