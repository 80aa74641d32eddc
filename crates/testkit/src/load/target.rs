//! Where requests go, and in whose name.

use std::fmt;
use std::io;
use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

use keyfold_protocol::Timestamp;
use keyfold_protocol::sigv4::{AmzDate, Scope, SecretAccessKey, Service, SigningKey};
use rustls::crypto::aws_lc_rs;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject as _;
use rustls::{ClientConfig, RootCertStore, version};

use crate::Serving;

/// A service, how it is known to be the one, and who asks.
#[derive(Debug, Clone)]
pub struct Target {
    pub(super) address: SocketAddr,
    pub(super) tls: Arc<ClientConfig>,
    access_key: Arc<AccessKey>,
}

/// An access key as text.
pub struct AccessKey {
    /// Its public name.
    pub id: String,
    /// Its secret.
    pub secret: String,
}

impl AccessKey {
    /// From lines such as `AWS_ACCESS_KEY_ID=…` and `AWS_SECRET_ACCESS_KEY=…`.
    #[must_use]
    pub fn in_text(text: &str) -> Option<Self> {
        let value = |name: &str| {
            text.lines().find_map(|line| Some(line.trim().strip_prefix(name)?.strip_prefix('=')?.to_owned()))
        };
        Some(Self { id: value("AWS_ACCESS_KEY_ID")?, secret: value("AWS_SECRET_ACCESS_KEY")? })
    }
}

impl fmt::Debug for AccessKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "AccessKey({})", self.id)
    }
}

impl Target {
    /// `keyfold serve --dev` with the access key that it has made.
    ///
    /// # Errors
    /// Where its CA can't be read.
    pub fn of_dev(serving: &Serving) -> io::Result<Self> {
        let access_key = AccessKey {
            id: serving.export("AWS_ACCESS_KEY_ID").to_owned(),
            secret: serving.export("AWS_SECRET_ACCESS_KEY").to_owned(),
        };
        Self::new(serving.endpoint(), Path::new(serving.export("AWS_CA_BUNDLE")), access_key)
    }

    /// A service at an endpoint such as `https://127.0.0.1:7443`, whose certificate the CA in this file has signed.
    ///
    /// # Errors
    /// Where the endpoint is none of that form, or the CA can't be read.
    pub fn new(endpoint: &str, ca: &Path, access_key: AccessKey) -> io::Result<Self> {
        let address = endpoint.strip_prefix("https://").and_then(|address| address.parse().ok());
        let address = address.ok_or_else(|| io::Error::other(format!("no address: {endpoint}")))?;
        let mut roots = RootCertStore::empty();
        let certificate = CertificateDer::from_pem_file(ca).map_err(io::Error::other)?;
        roots.add(certificate).map_err(io::Error::other)?;
        let tls = ClientConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()))
            .with_protocol_versions(&[&version::TLS13])
            .map_err(io::Error::other)?
            .with_root_certificates(roots)
            .with_no_client_auth();
        Ok(Self { address, tls: Arc::new(tls), access_key: Arc::new(access_key) })
    }

    /// The same asker, somewhere else.
    #[must_use]
    pub fn at(&self, address: SocketAddr) -> Self {
        Self { address, ..self.clone() }
    }

    /// The same place, asked with a secret that is not the right one.
    #[must_use]
    pub fn with_wrong_secret(&self) -> Self {
        let access_key = AccessKey { id: self.access_key.id.clone(), secret: "wrong".repeat(8) };
        Self { access_key: Arc::new(access_key), ..self.clone() }
    }

    /// The key that signs today.
    pub(super) fn signing_key(&self) -> io::Result<SigningKey> {
        let region = REGION.parse().map_err(|_| io::Error::other(REGION))?;
        let scope = Scope::new(&AmzDate::at(now()), region, Service::KMS);
        let secret =
            SecretAccessKey::copied_from(self.access_key.secret.as_bytes()).map_err(io::Error::other)?;
        let id = self.access_key.id.parse().map_err(io::Error::other)?;
        Ok(SigningKey::derive(id, &secret, scope))
    }
}

/// The time, for signatures.
pub(super) fn now() -> Timestamp {
    let since_epoch = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    Timestamp::from_epoch_ms(i64::try_from(since_epoch.as_millis()).unwrap_or(i64::MAX))
}

/// One endpoint serves all Regions; any does.
const REGION: &str = "us-east-1";
