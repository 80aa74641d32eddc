//! TLS: which versions and groups are spoken, and the server's identity, read again when its files change.
//!
//! The provider is rustls's own over aws-lc-rs. X25519MLKEM768 goes first, so that what is recorded today stays
//! closed to a quantum computer; all suites are AEADs with forward secrecy, which is rustls's rule, too.

use std::fs;
use std::path::Path;
use std::sync::{Arc, PoisonError, RwLock};
use std::time::{Duration, SystemTime};

use rustls::crypto::aws_lc_rs;
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::{ClientHello, ResolvesServerCert};
use rustls::sign::CertifiedKey;
use rustls::{ServerConfig, version};
use x509_cert::Certificate;
use x509_cert::der::Decode as _;

use crate::config::{TlsFiles, TlsMin};
use crate::error::TlsError;

/// The server's identity, which may be replaced while the server runs.
#[derive(Debug)]
pub(crate) struct Identity {
    files: TlsFiles,
    current: RwLock<Current>,
}

#[derive(Debug, Clone)]
struct Current {
    key: Arc<CertifiedKey>,
    validity: Validity,
    stamp: Stamp,
}

/// When a certificate is valid (RFC 5280, 4.1.2.5), in seconds since 1970, both included.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Validity {
    pub(crate) not_before_s: u64,
    pub(crate) not_after_s: u64,
}

/// What tells that a file is another one than before.
type Stamp = [Option<(SystemTime, u64)>; 2];

impl Identity {
    /// Reads the files.
    pub(crate) fn load(files: TlsFiles) -> Result<Arc<Self>, TlsError> {
        let stamp = stamp(&files);
        let (key, validity) = read(&files)?;
        let current = RwLock::new(Current { key: Arc::new(key), validity, stamp });
        Ok(Arc::new(Self { files, current }))
    }

    /// Reads the files again if they have changed; tells whether they had. What can't be used is not taken, and the
    /// identity stays what it was.
    pub(crate) fn refresh(&self) -> Result<bool, TlsError> {
        let stamp = stamp(&self.files);
        if self.current().stamp == stamp {
            return Ok(false);
        }
        // Stamped before reading: a change meanwhile is seen the next time.
        let read = read(&self.files);
        let mut current = self.current.write().unwrap_or_else(PoisonError::into_inner);
        current.stamp = stamp;
        let (key, validity) = read?;
        (current.key, current.validity) = (Arc::new(key), validity);
        Ok(true)
    }

    /// When the certificate is valid.
    pub(crate) fn validity(&self) -> Validity {
        self.current().validity
    }

    /// Looks at the files every few seconds, for ever.
    pub(crate) async fn watch(self: Arc<Self>) {
        loop {
            tokio::time::sleep(Duration::from_millis(REFRESH_MS)).await;
            match self.refresh() {
                Ok(true) => tracing::info!("the TLS certificate was replaced"),
                Ok(false) => {}
                Err(error) => {
                    tracing::error!(%error, "the new TLS certificate is not usable; the old one stays")
                }
            }
        }
    }

    fn current(&self) -> Current {
        self.current.read().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

impl ResolvesServerCert for Identity {
    fn resolve(&self, _: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        Some(self.current().key)
    }
}

/// How the server speaks TLS, as `identity`.
pub(crate) fn server_config(identity: Arc<Identity>, min: TlsMin) -> Result<ServerConfig, TlsError> {
    let versions: &[&rustls::SupportedProtocolVersion] = match min {
        TlsMin::V1_3 => &[&version::TLS13],
        TlsMin::V1_2 => &[&version::TLS13, &version::TLS12],
    };
    let mut config = ServerConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()))
        .with_protocol_versions(versions)
        .map_err(|_| TlsError::Configuration)?
        .with_no_client_auth()
        .with_cert_resolver(identity);
    config.alpn_protocols = vec![ALPN_HTTP2.to_vec(), b"http/1.1".to_vec()];
    Ok(config)
}

/// The name of HTTP/2 in ALPN.
pub(crate) const ALPN_HTTP2: &[u8] = b"h2";

fn read(files: &TlsFiles) -> Result<(CertifiedKey, Validity), TlsError> {
    let pem = read_file(&files.certificates)?;
    let certificates: Vec<_> = CertificateDer::pem_slice_iter(&pem)
        .collect::<Result<_, _>>()
        .map_err(|_| TlsError::NoCertificate { path: files.certificates.clone() })?;
    let first = certificates.first();
    let first = first.ok_or_else(|| TlsError::NoCertificate { path: files.certificates.clone() })?;
    let validity = validity(first).ok_or_else(|| TlsError::Malformed { path: files.certificates.clone() })?;
    let pem = zeroize::Zeroizing::new(read_file(&files.key)?);
    let key = PrivateKeyDer::from_pem_slice(&pem).map_err(|_| TlsError::NoKey { path: files.key.clone() })?;
    // This also finds a key that is not the certificate's.
    CertifiedKey::from_der(certificates, key, &aws_lc_rs::default_provider())
        .map(|key| (key, validity))
        .map_err(|_| TlsError::Mismatch { certificates: files.certificates.clone(), key: files.key.clone() })
}

fn validity(certificate: &CertificateDer<'_>) -> Option<Validity> {
    let certificate = Certificate::from_der(certificate).ok()?;
    let validity = certificate.tbs_certificate().validity();
    Some(Validity {
        not_before_s: validity.not_before.to_unix_duration().as_secs(),
        not_after_s: validity.not_after.to_unix_duration().as_secs(),
    })
}

fn read_file(path: &Path) -> Result<Vec<u8>, TlsError> {
    fs::read(path).map_err(|source| TlsError::Read { path: path.into(), source })
}

fn stamp(files: &TlsFiles) -> Stamp {
    [&files.certificates, &files.key].map(|path| {
        let metadata = fs::metadata(path).ok()?;
        Some((metadata.modified().ok()?, metadata.len()))
    })
}

/// How often the files are looked at.
const REFRESH_MS: u64 = 5_000;

#[cfg(test)]
mod tests {
    use std::io::Write as _;

    use super::*;
    use crate::local_ca::LocalCa;

    fn put(path: &Path, text: &str) {
        fs::File::create(path).unwrap().write_all(text.as_bytes()).unwrap();
    }

    #[test]
    fn changed_files_are_taken_and_useless_ones_are_not() {
        let folder = tempfile::tempdir().unwrap();
        let files = TlsFiles {
            certificates: folder.path().join("cert"),
            key: folder.path().join("key"),
            min: TlsMin::default(),
        };
        let make = || LocalCa::create(100 * 24 * 60 * 60, &["localhost".to_owned()]).unwrap();
        let (first, second) = (make(), make());
        put(&files.certificates, &first.server_certificate_pem);
        put(&files.key, &first.server_key_pem);
        let identity = Identity::load(files.clone()).unwrap();
        assert!(!identity.refresh().unwrap());
        let day_s = 24 * 60 * 60;
        // A certificate of the hour before 1970 would start at 0.
        let validity = Validity { not_before_s: 100 * day_s - 3600, not_after_s: 920 * day_s };
        assert_eq!(identity.validity(), validity);
        let before = identity.current().key;

        put(&files.certificates, &format!("{}\n", second.server_certificate_pem));
        assert!(matches!(identity.refresh(), Err(TlsError::Mismatch { .. })));
        assert!(Arc::ptr_eq(&identity.current().key, &before));
        put(&files.key, &format!("{}\n", second.server_key_pem.as_str()));
        assert!(identity.refresh().unwrap());
        assert_ne!(identity.current().key.cert, before.cert);

        put(&files.key, "");
        assert!(matches!(Identity::load(files), Err(TlsError::NoKey { .. })));
    }

    #[test]
    fn the_hybrid_group_goes_first() {
        let groups = aws_lc_rs::default_provider().kx_groups;
        assert_eq!(groups[0].name(), rustls::NamedGroup::X25519MLKEM768);
    }
}
