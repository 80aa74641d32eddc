//! `serve`: the key service over HTTPS, until it is told to end.
//!
//! What it speaks is `keyfold-server`; here it gets its store, its certificate, its log, and the signals that end it.

mod dev;
mod identity;
mod log;

pub(crate) use identity::make_identity;

use std::future::Future;
use std::sync::Arc;

use keyfold_kms::SystemClock;
use keyfold_server::{Config, Limits, ServeError, Server, TlsFiles, TlsMin, Transport};
use tokio::runtime::Builder;
use tokio::signal::unix::{SignalKind, signal};

use crate::args::{GlobalArgs, ServeArgs, TlsVersion};
use crate::console::{Console, answer, shown};
use crate::failure::{Code, Failure, with_causes};
use crate::store::{KeyStore, OpenStore};

/// Serves the key store.
pub(crate) fn serve(args: &ServeArgs, global: &GlobalArgs, console: Console) -> Result<(), Failure> {
    if args.dev {
        return dev::serve(args, global, console);
    }
    let store = KeyStore::new(global);
    let home = store.home()?;
    let transport = if args.insecure_http {
        Transport::InsecureHttp
    } else {
        let certificates = args.tls_cert.clone().unwrap_or_else(|| identity::certificate(home));
        if args.tls_cert.is_none() && !certificates.exists() {
            let what = format!("there is no certificate {}", shown(&certificates));
            return Err(Failure::new(Code::Files, what)
                .hint("keyfold init makes one; --tls-cert and --tls-key name another"));
        }
        let key = args.tls_key.clone().unwrap_or_else(|| identity::key(home));
        Transport::Tls(TlsFiles { certificates, key, min: tls_min(args) })
    };
    log::start(args)?;
    let opened = store.open_alone()?;
    run(args, transport, &opened, |server| {
        let scheme = if args.insecure_http { "http" } else { "https" };
        let admin = server.admin_address().map(|address| format!(", admin on http://{address}"));
        answer(&format!("serving on {scheme}://{}{}", server.address(), admin.unwrap_or_default()))
    })
}

/// Serves an open store; `ready` is called when connections are accepted.
fn run(
    args: &ServeArgs,
    transport: Transport,
    opened: &OpenStore,
    ready: impl FnOnce(&Server) -> Result<(), Failure>,
) -> Result<(), Failure> {
    let mut config = Config::new(args.listen, transport);
    config.admin_listen = args.admin_listen;
    config.limits = limits(args);
    let threads = Builder::new_multi_thread().enable_all().thread_name("keyfold").build();
    let runtime = threads.map_err(|error| Failure::new(Code::Other, error.to_string()))?;
    runtime.block_on(async {
        let server = Server::bind(config, opened.shared_service(), Arc::new(SystemClock)).await?;
        let stop = asked_to_end()?;
        ready(&server)?;
        tracing::info!(address = %server.address(), "serving");
        if server.run(stop).await {
            Ok(())
        } else {
            Err(Failure::new(Code::Other, "some requests were not answered in time"))
        }
    })
}

fn limits(args: &ServeArgs) -> Limits {
    let mut limits = Limits::default();
    limits.connections_max = args.max_connections;
    limits.connections_per_peer_max = args.max_connections_per_peer;
    limits.rates.cryptography = args.rate_cryptography;
    limits.rates.reading = args.rate_reading;
    limits.rates.writing = args.rate_writing;
    limits.drain_ms_max = u64::from(args.drain) * 1000;
    limits
}

fn tls_min(args: &ServeArgs) -> TlsMin {
    match args.tls_min {
        TlsVersion::V1_2 => TlsMin::V1_2,
        TlsVersion::V1_3 => TlsMin::V1_3,
    }
}

/// Ends with the first SIGTERM or SIGINT.
fn asked_to_end() -> Result<impl Future<Output = ()>, Failure> {
    let listen = |kind| signal(kind).map_err(|error| Failure::new(Code::Other, error.to_string()));
    let (mut terminate, mut interrupt) = (listen(SignalKind::terminate())?, listen(SignalKind::interrupt())?);
    Ok(async move {
        tokio::select! {
            _ = terminate.recv() => {}
            _ = interrupt.recv() => {}
        }
    })
}

impl From<ServeError> for Failure {
    fn from(error: ServeError) -> Self {
        let failure = |code| Self::new(code, with_causes(&error));
        match &error {
            ServeError::InsecureAddress { .. } => {
                failure(Code::Usage).hint("leave --insecure-http away to speak TLS")
            }
            ServeError::Listen { .. } => failure(Code::Other).hint("--listen names another address"),
            ServeError::Tls(_) => failure(Code::Files),
            _ => failure(Code::Other),
        }
    }
}
