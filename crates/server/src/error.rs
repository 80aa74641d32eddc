//! Why a server can't be started. What callers are answered is [`crate::wire`]'s.

use std::error::Error;
use std::io;
use std::net::SocketAddr;
use std::path::PathBuf;

/// Why a server can't be started.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ServeError {
    /// Plain HTTP, where others could listen.
    #[error("{address}: plain HTTP is for loopback addresses only")]
    InsecureAddress {
        /// The address that was asked for.
        address: SocketAddr,
    },
    /// The address can't be had.
    #[error("can't listen on {address}")]
    Listen {
        /// The address.
        address: SocketAddr,
        /// What the system said.
        source: io::Error,
    },
    /// The address of health and metrics can't be had.
    #[error("can't listen on {address} for health and metrics")]
    ListenAdmin {
        /// The address.
        address: SocketAddr,
        /// What the system said.
        source: io::Error,
    },
    /// Certificate or key is not usable.
    #[error(transparent)]
    Tls(#[from] TlsError),
}

/// Why there can be no traces.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum TracesError {
    /// The settings in the environment are not usable.
    #[error("the settings of traces are not usable")]
    Settings(#[source] Box<dyn Error + Send + Sync>),
    /// The file has no certificates to trust a collector by.
    #[error("{}: no certificates in PEM", path.display())]
    Certificates {
        /// The file.
        path: PathBuf,
    },
}

/// Why the server's identity is not usable.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum TlsError {
    /// The file can't be read.
    #[error("can't read {}", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// The file has no certificate in PEM.
    #[error("{}: no certificate in PEM", path.display())]
    NoCertificate {
        /// The file.
        path: PathBuf,
    },
    /// The certificate is not one by RFC 5280.
    #[error("{}: not an X.509 certificate by RFC 5280", path.display())]
    Malformed {
        /// The file.
        path: PathBuf,
    },
    /// The file has no private key in PEM.
    #[error("{}: no private key in PEM", path.display())]
    NoKey {
        /// The file.
        path: PathBuf,
    },
    /// The key is not usable, or is not the certificate's.
    #[error("{}: not a usable key of the certificate in {}", key.display(), certificates.display())]
    Mismatch {
        /// The file of the certificate.
        certificates: PathBuf,
        /// The file of the key.
        key: PathBuf,
    },
    /// A certificate can't be made.
    #[error("can't make a certificate")]
    Generate,
    /// The TLS library refuses its configuration.
    #[error("the TLS library can't be configured")]
    Configuration,
}
