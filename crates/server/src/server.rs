//! A server: its listeners, and its life from bound to stopped.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use keyfold_kms::{Clock, Service};
use tokio::net::TcpListener;
use tokio_rustls::TlsAcceptor;

use crate::admin::Admin;
use crate::config::{Config, Limits, Transport};
use crate::error::ServeError;
use crate::front::Front;
use crate::limits::Peers;
use crate::listener::Listener;
use crate::metrics::Metrics;
use crate::shutdown::Stop;
use crate::tls::{self, Identity};
use crate::upkeep;

/// A server that has its addresses and takes no connection yet.
#[derive(Debug)]
pub struct Server {
    api: TcpListener,
    admin: Option<TcpListener>,
    address: SocketAddr,
    admin_address: Option<SocketAddr>,
    identity: Option<(Arc<Identity>, Arc<rustls::ServerConfig>)>,
    service: Arc<Service>,
    front: Arc<Front>,
    metrics: Arc<Metrics>,
    limits: Limits,
}

impl Server {
    /// Takes the addresses and reads the certificate. Must be called, and run, in a Tokio runtime with time and I/O.
    ///
    /// # Errors
    /// [`ServeError`].
    pub async fn bind(
        config: Config,
        service: Arc<Service>,
        clock: Arc<dyn Clock>,
    ) -> Result<Self, ServeError> {
        let (api, address) = match &config.socket {
            Some(socket) => {
                taken(socket).map_err(|source| ServeError::Listen { address: config.listen, source })?
            }
            None => (None, config.listen),
        };
        let identity = match config.transport {
            Transport::InsecureHttp if !address.ip().is_loopback() => {
                return Err(ServeError::InsecureAddress { address });
            }
            Transport::InsecureHttp => None,
            Transport::Tls(files) => {
                let min = files.min;
                let identity = Identity::load(files)?;
                let config = tls::server_config(Arc::clone(&identity), min)?;
                Some((identity, Arc::new(config)))
            }
        };
        let (api, address) = match api {
            Some(api) => (api, address),
            None => listen(address).await.map_err(|source| ServeError::Listen { address, source })?,
        };
        let (admin, admin_address) = match config.admin_listen {
            Some(address) => {
                let taken = listen(address).await;
                let (listener, address) =
                    taken.map_err(|source| ServeError::ListenAdmin { address, source })?;
                if !address.ip().is_loopback() {
                    tracing::warn!(%address, "health and metrics are open to everybody who can reach them");
                }
                (Some(listener), Some(address))
            }
            None => (None, None),
        };
        let metrics = Arc::new(Metrics::default());
        let front = Front::new(
            Arc::clone(&service),
            clock,
            config.limits.clone(),
            Arc::clone(&metrics),
            config.traces,
        );
        let (front, limits) = (Arc::new(front), config.limits);
        Ok(Self { api, admin, address, admin_address, identity, service, front, metrics, limits })
    }

    /// Where the API is.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Where health and metrics are.
    #[must_use]
    pub fn admin_address(&self) -> Option<SocketAddr> {
        self.admin_address
    }

    /// Something to ask whether the server lives, while it runs.
    #[must_use]
    pub fn liveness(&self) -> Liveness {
        Liveness(Arc::clone(&self.front))
    }

    /// Serves until `stop` is over; then takes nothing new, answers what is in progress, and ends. Tells whether all
    /// of it was answered in time.
    pub async fn run(self, stop: impl Future<Output = ()>) -> bool {
        let stopper = Stop::new();
        let connections = Peers::new(self.limits.connections_max, self.limits.connections_per_peer_max);
        let mut tasks = tokio::task::JoinSet::new();
        tasks.spawn(upkeep::run(Arc::clone(&self.service)));

        if let Some((identity, _)) = &self.identity {
            tasks.spawn(Arc::clone(identity).watch());
        }
        if let Some(socket) = self.admin {
            let admin = Arc::new(Admin {
                front: Arc::clone(&self.front),
                connections: Arc::clone(&connections),
                metrics: Arc::clone(&self.metrics),
                identity: self.identity.as_ref().map(|(identity, _)| Arc::clone(identity)),
                stopping: stopper.stopping(),
            });
            let listener = Listener {
                tls: None,
                limits: self.limits.clone(),
                connections: Peers::new(ADMIN_CONNECTIONS_MAX, ADMIN_CONNECTIONS_MAX),
                metrics: Arc::default(),
                answer: move |request, _| Arc::clone(&admin).answer(request),
            };
            tasks.spawn(listener.run(socket, stopper.stopping()));
        }
        let (front, stopping) = (Arc::clone(&self.front), stopper.stopping());
        let listener = Listener {
            tls: self.identity.map(|(_, config)| TlsAcceptor::from(config)),
            limits: self.limits.clone(),
            connections,
            metrics: self.metrics,
            answer: move |request, peer| Arc::clone(&front).answer(request, peer, stopping.guard()),
        };
        tasks.spawn(listener.run(self.api, stopper.stopping()));

        stop.await;
        tracing::info!("stopping");
        let drained = stopper.stop(Duration::from_millis(self.limits.drain_ms_max)).await;
        if !drained {
            tracing::warn!("some requests were not answered in time");
        }
        upkeep::finish(self.service).await;
        drained
    }
}

/// Tells whether a server lives: whether its runtime runs tasks and its store answers.
#[derive(Debug, Clone)]
pub struct Liveness(Arc<Front>);

impl Liveness {
    /// Whether the store answers a read. As long as it does not, this waits; a caller sets a limit.
    pub async fn answers(&self) -> bool {
        self.0.store_reads().await
    }
}

async fn listen(address: SocketAddr) -> io::Result<(TcpListener, SocketAddr)> {
    let listener = TcpListener::bind(address).await?;
    let address = listener.local_addr()?;
    Ok((listener, address))
}

/// A socket that listens already.
fn taken(socket: &std::net::TcpListener) -> io::Result<(Option<TcpListener>, SocketAddr)> {
    let address = socket.local_addr()?;
    socket.set_nonblocking(true)?;
    Ok((Some(TcpListener::from_std(socket.try_clone()?)?), address))
}

const ADMIN_CONNECTIONS_MAX: u32 = 64;
