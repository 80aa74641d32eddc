//! `serve`: the key service over HTTPS, until it is told to end.
//!
//! What it speaks is `keyfold-server`; here it gets its store, its certificate, its log, and the signals that end it.

mod check;
mod dev;
mod identity;
mod log;
mod systemd;
mod traces;

pub(crate) use identity::make_identity;

use std::future::Future;
use std::net::TcpListener;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use keyfold_kms::{Protection, SystemClock};
use keyfold_server::{Config, Limits, ServeError, Server, TlsFiles, TlsMin, Traces, TracesConfig, Transport};
use pollster::block_on;
use signal_hook::consts::{SIGINT, SIGTERM};
use signal_hook::flag::register_conditional_shutdown;
use tokio::runtime::{Builder, Runtime};
use tokio::signal::unix::{SignalKind, signal};

use crate::args::{ADMIN_LISTEN, GlobalArgs, ServeArgs, TlsVersion};
use crate::console::{Console, answer, shown};
use crate::failure::{Code, Failure, with_causes};
use crate::lockdown::{self, Sandbox};
use crate::store::{KeyStore, OpenStore};

/// Serves the key store.
pub(crate) fn serve(args: &ServeArgs, global: &GlobalArgs, console: Console) -> Result<(), Failure> {
    if args.check {
        return check::check(args.admin().unwrap_or(ADMIN_LISTEN));
    }
    let starting = Starting::begin()?;
    if args.dev {
        return dev::serve(args, global, console, starting);
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
    let socket = socket(args)?;
    match &args.user {
        Some(user) => lockdown::drop_privileges(user)?,
        None if lockdown::is_root() => tracing::warn!("serving as root; --user NAME serves as another user"),
        None => {}
    }
    let opened = store.open_alone()?;
    if matches!(block_on(opened.service().recovery_copy()), Ok(None)) {
        tracing::warn!("there is no recovery copy of the root of trust; keyfold recovery create makes one");
    }
    run(args, transport, socket, &opened, Sandbox::around(home.to_owned(), false), starting, |server| {
        let scheme = if args.insecure_http { "http" } else { "https" };
        let admin = server.admin_address().map(|address| format!(", admin on http://{address}"));
        answer(&format!("serving on {scheme}://{}{}", server.address(), admin.unwrap_or_default()))
    })
}

/// Serves an open store; `ready` is called when connections are accepted.
fn run(
    args: &ServeArgs,
    transport: Transport,
    socket: Option<TcpListener>,
    opened: &OpenStore,
    mut sandbox: Sandbox,
    starting: Starting,
    ready: impl FnOnce(&Server) -> Result<(), Failure>,
) -> Result<(), Failure> {
    let traces = traces::asked_for()?;
    if !args.no_sandbox {
        if let Transport::Tls(files) = &transport {
            sandbox.files.extend([files.certificates.clone(), files.key.clone()]);
        }
        sandbox.connects = traces.is_some();
        // The runtime's threads are not there yet: they are to be inside.
        sandbox.enter()?;
    }
    match opened.service().key_memory() {
        Protection::Secret => tracing::info!("the keys of the store are in secret memory"),
        Protection::Locked => tracing::info!("the keys of the store are in locked memory"),
        Protection::Plain => tracing::warn!(
            "the keys of the store are in memory that may be swapped out; a higher limit on locked memory prevents it"
        ),
    }
    let mut config = Config::new(args.listen, transport);
    config.admin_listen = args.admin();
    config.socket = socket.map(Arc::new);
    let manager = systemd::Manager::from_env()?;
    config.limits = limits(args);
    // Operations have `workers_max` at once; authentication and upkeep share the rest. A thread that is not there
    // takes no memory, and a burst of callers makes as many as it may.
    let threads = config.limits.workers_max + SHORT_JOBS_MAX;
    let threads =
        Builder::new_multi_thread().enable_all().max_blocking_threads(threads).thread_name("keyfold").build();
    let runtime = threads.map_err(|error| Failure::new(Code::Other, error.to_string()))?;
    let served = serve_in(&runtime, config, traces, &manager, opened, starting, ready);
    // Not without limit: a store that hangs keeps the thread that asked it.
    runtime.shutdown_timeout(SHUTDOWN_MAX);
    served
}

/// Serves until it is told to end, and what is in progress has ended.
fn serve_in(
    runtime: &Runtime,
    mut config: Config,
    traces: Option<TracesConfig>,
    manager: &systemd::Manager,
    opened: &OpenStore,
    starting: Starting,
    ready: impl FnOnce(&Server) -> Result<(), Failure>,
) -> Result<(), Failure> {
    runtime.block_on(async {
        let traces = traces.map(|traces| Traces::start(&traces)).transpose()?;
        config.traces = traces.clone();
        let server = Server::bind(config, opened.shared_service(), Arc::new(SystemClock)).await?;
        let stop = asked_to_end()?;
        starting.end();
        ready(&server)?;
        let admin = server.admin_address().map(|address| address.to_string());
        tracing::info!(address = %server.address(), admin, "serving");
        manager.tell_ready();
        let liveness = server.liveness();
        let watched = manager.watch(|| liveness.answers());
        let stopping = async {
            stop.await;
            manager.tell_stopping();
        };
        let drained = tokio::select! {
            drained = server.run(stopping) => drained,
            never = watched => match never {},
        };
        if let Some(traces) = traces {
            // Sending needs the runtime's other threads.
            let _ = tokio::task::spawn_blocking(move || traces.stop()).await;
        }
        if drained {
            Ok(())
        } else {
            Err(Failure::new(Code::Other, "some requests were not answered in time"))
        }
    })
}

/// The socket to serve at, if it is passed, or is to be opened before privileges are dropped.
fn socket(args: &ServeArgs) -> Result<Option<TcpListener>, Failure> {
    let passed = systemd::passed_socket()?;
    if passed.is_some() || args.user.is_none() {
        return Ok(passed);
    }
    let address = args.listen;
    let opened = TcpListener::bind(address).map_err(|source| ServeError::Listen { address, source })?;
    Ok(Some(opened))
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

/// The time until the server runs, in which SIGTERM and SIGINT end the process at once. For the first process of a
/// container they would do nothing, and a passphrase or a store can take long.
struct Starting(Arc<AtomicBool>);

impl Starting {
    fn begin() -> Result<Self, Failure> {
        let starting = Arc::new(AtomicBool::new(true));
        for signal in [SIGTERM, SIGINT] {
            register_conditional_shutdown(signal, 128 + signal, Arc::clone(&starting))
                .map_err(|error| Failure::new(Code::Other, error.to_string()))?;
        }
        Ok(Self(starting))
    }

    /// From now on somebody else listens to them.
    fn end(self) {
        self.0.store(false, Ordering::SeqCst);
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
            ServeError::ListenAdmin { .. } => failure(Code::Other)
                .hint("--admin-listen names another address, --no-admin leaves health and metrics away"),
            ServeError::Tls(_) => failure(Code::Files),
            _ => failure(Code::Other),
        }
    }
}

/// For threads that are still waiting when all is over.
const SHUTDOWN_MAX: Duration = Duration::from_secs(2);
/// Threads for what no worker does: signatures to verify, and upkeep.
const SHORT_JOBS_MAX: usize = 16;
