//! What a server is told: where to listen, how to speak, and every limit on what comes from outside.
//!
//! Values only; nothing here reads a file or the environment. Times are in milliseconds, lengths in bytes.

use std::net::{SocketAddr, TcpListener};
use std::path::PathBuf;
use std::sync::Arc;

use crate::traces::Traces;

/// How a server is to be run.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct Config {
    /// Address of the KMS API. Port 0 takes a free one.
    pub listen: SocketAddr,
    /// A socket that listens already, to take instead of opening one at `listen`.
    pub socket: Option<Arc<TcpListener>>,
    /// How the API is spoken there.
    pub transport: Transport,
    /// Address of health and metrics, in plain HTTP and without authentication; none if absent.
    pub admin_listen: Option<SocketAddr>,
    /// The limits.
    pub limits: Limits,
    /// Where spans go, if anywhere.
    pub traces: Option<Traces>,
}

impl Config {
    /// A server at `listen`, with the usual limits, and neither admin listener nor traces.
    #[must_use]
    pub fn new(listen: SocketAddr, transport: Transport) -> Self {
        Self { listen, socket: None, transport, admin_listen: None, limits: Limits::default(), traces: None }
    }
}

/// What the API is spoken over.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub enum Transport {
    /// TLS.
    Tls(TlsFiles),
    /// Nothing. Only on a loopback address.
    InsecureHttp,
}

/// The PEM files of the server's identity. They are read again when they change.
#[derive(Debug, Clone)]
pub struct TlsFiles {
    /// The server's certificate, then those that lead to its CA.
    pub certificates: PathBuf,
    /// The private key.
    pub key: PathBuf,
    /// The oldest TLS version that is spoken.
    pub min: TlsMin,
}

/// The oldest TLS version that is spoken.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum TlsMin {
    /// TLS 1.2, with forward-secret AEAD suites only.
    V1_2,
    /// TLS 1.3.
    #[default]
    V1_3,
}

/// Limits on what comes from outside. Each is checked before the work it bounds.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct Limits {
    /// Connections in total.
    pub connections_max: u32,
    /// Connections from one address; of IPv6, from one /64.
    pub connections_per_peer_max: u32,
    /// Streams that one HTTP/2 connection may have open.
    pub streams_per_connection_max: u32,
    /// From the first byte to the end of the TLS handshake.
    pub handshake_ms_max: u64,
    /// For the headers of a request; also how long an HTTP/1.1 connection may be idle.
    pub headers_ms_max: u64,
    /// For the body of a request.
    pub body_ms_max: u64,
    /// How long an HTTP/2 connection may be idle.
    pub idle_ms_max: u64,
    /// Headers of a request.
    pub headers_max: usize,
    /// Names and values of all headers of a request.
    pub headers_len_max: usize,
    /// Body of a request.
    pub body_len_max: usize,
    /// Nesting of arrays and objects in a body.
    pub json_depth_max: usize,
    /// Strings in a body, names of members included.
    pub json_strings_max: usize,
    /// Requests in progress, in total, reading of their bodies included.
    pub requests_in_flight_max: usize,
    /// Requests in progress from one address (of IPv6, from one /64) whose signature is not verified yet.
    pub requests_unproven_per_peer_max: u32,
    /// Requests of one account that are being performed.
    pub requests_per_account_max: usize,
    /// Requests being performed at the same time: threads that may wait for the store.
    pub workers_max: usize,
    /// Request rates of an account.
    pub rates: Rates,
    /// How long requests in progress may take when the server stops.
    pub drain_ms_max: u64,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            connections_max: 4096,
            connections_per_peer_max: 512,
            streams_per_connection_max: 64,
            handshake_ms_max: 10_000,
            headers_ms_max: 20_000,
            body_ms_max: 20_000,
            idle_ms_max: 60_000,
            headers_max: 64,
            headers_len_max: 32 * 1024,
            body_len_max: 1024 * 1024,
            json_depth_max: 32,
            json_strings_max: 4096,
            requests_in_flight_max: 1024,
            requests_unproven_per_peer_max: 128,
            requests_per_account_max: 256,
            workers_max: 64,
            rates: Rates::default(),
            drain_ms_max: 30_000,
        }
    }
}

/// Requests per second of one account, by what they cost. An account that was idle may send two seconds' worth at
/// once.
///
/// The figure for cryptography is AWS's quota; AWS allows far less than these of the others.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct Rates {
    /// Use of keys: Encrypt, Decrypt, GenerateDataKey and the like.
    pub cryptography: u32,
    /// Reading: Describe, Get, List.
    pub reading: u32,
    /// Everything that changes something.
    pub writing: u32,
}

impl Default for Rates {
    fn default() -> Self {
        Self { cryptography: 10_000, reading: 2_000, writing: 200 }
    }
}
