//! Connections: accepting, TLS, HTTP on top, and their end. Each is a task of its own.
//!
//! ```text
//! accept ─▶ counted ─▶ handshake (limited time) ─▶ HTTP/2 if ALPN says so, else HTTP/1.1 ─▶ idle or stopped: closed
//! ```

use std::convert::Infallible;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use bytes::Bytes;
use http_body_util::Full;
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper::{Request, Response};
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use hyper_util::server::conn::auto::Builder;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::TlsAcceptor;

use crate::config::Limits;
use crate::limits::{Counted, Peers};
use crate::metrics::Metrics;
use crate::shutdown::{Guard, Stopping};
use crate::tls::ALPN_HTTP2;

/// What is done with connections and their requests.
pub(crate) struct Listener<A> {
    /// `None` for plain HTTP.
    pub(crate) tls: Option<TlsAcceptor>,
    pub(crate) limits: Limits,
    pub(crate) connections: Arc<Peers>,
    pub(crate) metrics: Arc<Metrics>,
    /// Answers a request of the peer that has this address.
    pub(crate) answer: A,
}

impl<A, F> Listener<A>
where
    A: Fn(Request<Incoming>, IpAddr) -> F + Clone + Send + Sync + 'static,
    F: Future<Output = Response<Full<Bytes>>> + Send + 'static,
{
    /// Takes connections until the server stops, and closes the socket then, whatever connections still do.
    pub(crate) async fn run(self, socket: TcpListener, mut stopping: Stopping) {
        let listener = Arc::new(self);
        loop {
            let accepted = tokio::select! {
                accepted = socket.accept() => accepted,
                () = stopping.wait() => return,
            };
            match accepted {
                Ok((stream, peer)) => listener.take(stream, peer, &stopping),
                Err(error) => {
                    tracing::warn!(%error, "a connection can't be accepted");
                    // Out of file descriptors, most likely: others have to end first.
                    tokio::time::sleep(Duration::from_millis(ACCEPT_PAUSE_MS)).await;
                }
            }
        }
    }

    fn take(self: &Arc<Self>, stream: TcpStream, peer: SocketAddr, stopping: &Stopping) {
        let Some(connected) = self.connections.admit(peer.ip()) else {
            self.metrics.connections_refused.add();
            tracing::debug!(%peer, "too many connections");
            return;
        };
        let (listener, mut stopping, guard) = (Arc::clone(self), stopping.clone(), stopping.guard());
        tokio::spawn(async move {
            let held: (Counted, Guard) = (connected, guard);
            tokio::select! {
                result = listener.connection(stream, peer.ip(), stopping.clone()) => if let Err(error) = result {
                    tracing::debug!(%peer, error = %error, "a connection failed");
                },
                () = stopping.wait_out() => tracing::warn!(%peer, "a connection was cut"),
            }
            drop(held);
        });
    }

    async fn connection(&self, stream: TcpStream, peer: IpAddr, mut stopping: Stopping) -> io::Result<()> {
        // Answers are short and written at once.
        stream.set_nodelay(true)?;
        let Some(tls) = &self.tls else {
            return self.http(stream, peer, false, stopping).await;
        };
        let limit = Duration::from_millis(self.limits.handshake_ms_max);
        let handshake = tokio::select! {
            handshake = tokio::time::timeout(limit, tls.accept(stream)) => handshake,
            () = stopping.wait() => return Ok(()),
        };
        match handshake {
            Ok(Ok(stream)) => {
                let is_http2 = stream.get_ref().1.alpn_protocol() == Some(ALPN_HTTP2);
                self.http(stream, peer, is_http2, stopping).await
            }
            Ok(Err(error)) => {
                self.metrics.handshakes_failed.add();
                Err(error)
            }
            Err(_) => {
                self.metrics.handshakes_failed.add();
                Err(io::ErrorKind::TimedOut.into())
            }
        }
    }

    async fn http<S>(&self, stream: S, peer: IpAddr, is_http2: bool, mut stopping: Stopping) -> io::Result<()>
    where
        S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    {
        let builder = self.builder(is_http2);
        let activity = Arc::new(Activity::new());
        let (answer, seen) = (self.answer.clone(), Arc::clone(&activity));
        let service = service_fn(move |request| {
            let (answer, in_request) = (answer(request, peer), seen.begin());
            async move {
                let response = answer.await;
                drop(in_request);
                Ok::<_, Infallible>(response)
            }
        });
        let mut connection = std::pin::pin!(builder.serve_connection(TokioIo::new(stream), service));
        let idle = Duration::from_millis(self.limits.idle_ms_max);
        let is_idle = tokio::select! {
            result = connection.as_mut() => return result.map_err(io::Error::other),
            () = stopping.wait() => false,
            () = activity.idle_for(idle) => true,
        };
        // Requests in progress are answered, new ones are not taken.
        connection.as_mut().graceful_shutdown();
        let ended = async { connection.await.map_err(io::Error::other) };
        if is_idle {
            // The peer may have something to take yet, and need not take it.
            return tokio::time::timeout(idle, ended).await?;
        }
        ended.await
    }

    fn builder(&self, is_http2: bool) -> Builder<TokioExecutor> {
        let limits = &self.limits;
        let headers_len_max = u32::try_from(limits.headers_len_max).unwrap_or(u32::MAX);
        let mut builder = Builder::new(TokioExecutor::new());
        builder
            .http1()
            .timer(TokioTimer::new())
            .header_read_timeout(Duration::from_millis(limits.headers_ms_max))
            // One more than is accepted, so that there is an answer to it.
            .max_headers(limits.headers_max + 1)
            .max_buf_size((limits.headers_len_max * 2).max(HTTP1_BUFFER_LEN_MIN));
        builder
            .http2()
            .timer(TokioTimer::new())
            .max_concurrent_streams(limits.streams_per_connection_max)
            .max_header_list_size(headers_len_max)
            .keep_alive_interval(Duration::from_millis(HTTP2_PING_MS))
            .keep_alive_timeout(Duration::from_millis(limits.headers_ms_max));
        if is_http2 { builder.http2_only() } else { builder.http1_only() }
    }
}

/// When a connection was last of use.
#[derive(Debug)]
struct Activity {
    start: Instant,
    in_progress: AtomicU64,
    last_ms: AtomicU64,
}

/// A request in progress, until dropped.
struct InRequest(Arc<Activity>);

impl Activity {
    #[expect(clippy::disallowed_methods, reason = "measures idleness; tells nobody the time")]
    fn new() -> Self {
        Self { start: Instant::now(), in_progress: AtomicU64::new(0), last_ms: AtomicU64::new(0) }
    }

    fn begin(self: &Arc<Self>) -> InRequest {
        self.in_progress.fetch_add(1, Ordering::Relaxed);
        InRequest(Arc::clone(self))
    }

    fn now_ms(&self) -> u64 {
        u64::try_from(self.start.elapsed().as_millis()).unwrap_or(u64::MAX)
    }

    /// Waits until there has been no request for this long.
    async fn idle_for(&self, limit: Duration) {
        let limit_ms = u64::try_from(limit.as_millis()).unwrap_or(u64::MAX);
        loop {
            let idle_ms = match self.in_progress.load(Ordering::Relaxed) {
                0 => self.now_ms().saturating_sub(self.last_ms.load(Ordering::Relaxed)),
                _ => 0,
            };
            if idle_ms >= limit_ms {
                return;
            }
            tokio::time::sleep(Duration::from_millis(limit_ms - idle_ms)).await;
        }
    }
}

impl Drop for InRequest {
    fn drop(&mut self) {
        self.0.last_ms.store(self.0.now_ms(), Ordering::Relaxed);
        self.0.in_progress.fetch_sub(1, Ordering::Relaxed);
    }
}

const ACCEPT_PAUSE_MS: u64 = 100;
const HTTP2_PING_MS: u64 = 20_000;
/// The HTTP library takes no less.
const HTTP1_BUFFER_LEN_MIN: usize = 16 * 1024;
