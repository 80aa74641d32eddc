//! Options of `serve`.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::PathBuf;

use clap::{Args, ValueEnum};

#[derive(Debug, Args)]
#[command(after_help = "\
Every AWS SDK and the AWS CLI speak to it when they are given its address as endpoint. Without --tls-cert it
identifies itself with the certificate that `keyfold init` has made, and clients trust tls/ca.pem of the key store.
It has the key store for itself while it runs. SIGTERM and SIGINT end it when requests in progress are answered.
Under systemd it takes a socket that is passed, and tells when it is ready, alive and ending.

Examples:
  keyfold serve --dev
  keyfold serve --listen 0.0.0.0:7443 --tls-cert server.pem --tls-key server.key --log json")]
pub(crate) struct ServeArgs {
    /// Where the API is; port 0 takes a free one
    #[arg(long, value_name = "ADDRESS:PORT", default_value = "127.0.0.1:7443")]
    pub(crate) listen: SocketAddr,
    /// Certificate of the server, and those that lead to its CA, in PEM; read again when it changes
    #[arg(long, value_name = "FILE", requires = "tls_key")]
    pub(crate) tls_cert: Option<PathBuf>,
    /// Private key of the certificate, in PEM
    #[arg(long, value_name = "FILE", requires = "tls_cert")]
    pub(crate) tls_key: Option<PathBuf>,
    /// Oldest version of TLS that is spoken
    #[arg(long, value_name = "VERSION", value_enum, default_value_t = TlsVersion::V1_3)]
    pub(crate) tls_min: TlsVersion,
    /// Speak plain HTTP, on a loopback address only
    #[arg(long, conflicts_with_all = ["tls_cert", "tls_key", "tls_min"])]
    pub(crate) insecure_http: bool,
    /// Where /healthz, /readyz and /metrics are, in plain HTTP for everybody who reaches it; port 0 takes a free one
    /// [default: 127.0.0.1:7444; with --dev nowhere]
    #[arg(long, value_name = "ADDRESS:PORT")]
    admin_listen: Option<SocketAddr>,
    /// No health and metrics
    #[arg(long, conflicts_with_all = ["admin_listen", "check"])]
    no_admin: bool,
    /// Don't serve: ask the server that runs at --admin-listen whether it is ready
    #[arg(long, conflicts_with = "dev")]
    pub(crate) check: bool,
    /// Started by root: become this user, and with :GROUP of this group, when the address is taken and before the key
    /// store is opened
    #[arg(long, value_name = "NAME", conflicts_with = "dev")]
    pub(crate) user: Option<String>,
    /// Don't give up the files and system calls that are not needed; for finding out whether that is what fails
    #[arg(long)]
    pub(crate) no_sandbox: bool,
    /// For trying out: make what is missing, on loopback only, and print what a shell needs to use it. The key store
    /// is a new one that ends with the server, unless --home names one
    #[arg(long)]
    pub(crate) dev: bool,
    /// Form of the log, on standard error
    #[arg(long, value_name = "FORM", value_enum, default_value_t = LogForm::Text)]
    pub(crate) log: LogForm,
    /// What is logged: error, warn, info, debug, or a list of target=level
    #[arg(long, value_name = "LEVEL", default_value = "info")]
    pub(crate) log_level: String,
    /// Connections at the same time
    #[arg(long, value_name = "COUNT", default_value_t = 4096, help_heading = "Limits")]
    pub(crate) max_connections: u32,
    /// Connections at the same time from one address
    #[arg(long, value_name = "COUNT", default_value_t = 512, help_heading = "Limits")]
    pub(crate) max_connections_per_peer: u32,
    /// Uses of keys per second and account
    #[arg(long, value_name = "COUNT", default_value_t = 10_000, help_heading = "Limits")]
    pub(crate) rate_cryptography: u32,
    /// Describe, Get and List per second and account
    #[arg(long, value_name = "COUNT", default_value_t = 2_000, help_heading = "Limits")]
    pub(crate) rate_reading: u32,
    /// Changes per second and account
    #[arg(long, value_name = "COUNT", default_value_t = 200, help_heading = "Limits")]
    pub(crate) rate_writing: u32,
    /// How long requests in progress may take when the server ends
    #[arg(long, value_name = "SECONDS", default_value_t = 30, help_heading = "Limits")]
    pub(crate) drain: u32,
}

impl ServeArgs {
    /// Where health and metrics are, if anywhere.
    pub(crate) fn admin(&self) -> Option<SocketAddr> {
        self.admin_listen.or_else(|| (!self.no_admin && !self.dev).then_some(ADMIN_LISTEN))
    }
}

/// Beside the API's port; 9464, where OpenTelemetry has metrics, is often another program's.
pub(crate) const ADMIN_LISTEN: SocketAddr = SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), 7444);

/// A version of TLS.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum TlsVersion {
    #[value(name = "1.2")]
    V1_2,
    #[value(name = "1.3")]
    V1_3,
}

/// A form of the log.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum LogForm {
    Text,
    Json,
}
