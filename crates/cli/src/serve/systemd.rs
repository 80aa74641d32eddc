//! A service manager, where there is one: a socket that it has opened, and telling it how the server is.
//!
//! The protocols are systemd's, and open to any manager: sd_listen_fds(3), sd_notify(3), sd_watchdog_enabled(3). Nothing
//! here happens when the environment does not ask for it.

use std::convert::Infallible;
use std::future::Future;
use std::io;
use std::net::TcpListener;
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::net::{SocketAddr, UnixDatagram};
use std::time::Duration;

use listenfd::ListenFd;

use crate::env;
use crate::failure::{Code, Failure};

/// The socket that the manager passes, if it does. Must be called before there are threads, as it takes its variables out of
/// the environment.
pub(super) fn passed_socket() -> Result<Option<TcpListener>, Failure> {
    let mut passed = ListenFd::from_env();
    match passed.len() {
        0 => Ok(None),
        1 => passed
            .take_tcp_listener(0)
            .map_err(|error| Failure::usage(format!("the socket that was passed is not usable: {error}"))),
        many => Err(Failure::usage(format!("{many} sockets were passed, and the API takes one"))
            .hint("ListenStream= with a port alone listens on all addresses, IPv4 and IPv6")),
    }
}

/// Who is told how the server is.
#[derive(Debug)]
pub(super) struct Manager {
    address: Option<SocketAddr>,
    watchdog: Option<Duration>,
}

impl Manager {
    /// The one that the environment names.
    pub(super) fn from_env() -> Result<Self, Failure> {
        let address = env::notify_socket().map(|name| match name.as_bytes().strip_prefix(b"@") {
            #[cfg(target_os = "linux")]
            Some(name) => <SocketAddr as std::os::linux::net::SocketAddrExt>::from_abstract_name(name),
            _ => SocketAddr::from_pathname(&name),
        });
        let address = address.transpose();
        let address =
            address.map_err(|error| Failure::new(Code::Usage, format!("NOTIFY_SOCKET: {error}")))?;
        Ok(Self { address, watchdog: env::watchdog() })
    }

    /// The server takes requests.
    pub(super) fn tell_ready(&self) {
        self.tell("READY=1");
    }

    /// The server ends.
    pub(super) fn tell_stopping(&self) {
        self.tell("STOPPING=1");
    }

    /// Says that the server lives, twice in the time after which the manager would end it, as long as the runtime runs
    /// this and the server `answers` in time.
    pub(super) async fn watch<F>(&self, answers: impl Fn() -> F) -> Infallible
    where
        F: Future<Output = bool>,
    {
        let Some(limit) = self.watchdog else { return std::future::pending().await };
        let period = limit / 2;
        let mut ticks = tokio::time::interval(period);
        loop {
            ticks.tick().await;
            match tokio::time::timeout(period, answers()).await {
                Ok(true) => self.tell("WATCHDOG=1"),
                _ => tracing::error!(
                    "the store does not answer; the service manager is not told that all is well"
                ),
            }
        }
    }

    fn tell(&self, state: &str) {
        let Some(address) = &self.address else { return };
        // A manager that does not read must not stop the server.
        let sent: io::Result<_> = UnixDatagram::unbound().and_then(|socket| {
            socket.set_nonblocking(true)?;
            socket.send_to_addr(state.as_bytes(), address)
        });
        if let Err(error) = sent {
            tracing::warn!(%error, "the service manager can't be told: {state}");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// How often it is told that a server lives whose store answers like this.
    fn pings<F: Future<Output = bool>>(answers: impl Fn() -> F) -> usize {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("notify");
        let socket = UnixDatagram::bind(&path).unwrap();
        socket.set_nonblocking(true).unwrap();
        let address = Some(SocketAddr::from_pathname(&path).unwrap());
        let manager = Manager { address, watchdog: Some(Duration::from_millis(20)) };
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
        runtime.block_on(async {
            let _ = tokio::time::timeout(Duration::from_millis(300), manager.watch(answers)).await;
        });
        let mut bytes = [0; 64];
        std::iter::from_fn(|| socket.recv(&mut bytes).ok().map(|len| bytes[..len].to_vec()))
            .inspect(|message| assert_eq!(message, b"WATCHDOG=1"))
            .count()
    }

    #[test]
    fn only_a_server_whose_store_answers_is_said_to_live() {
        assert!(pings(|| async { true }) > 1);
        assert_eq!(pings(|| async { false }), 0);
        assert_eq!(pings(std::future::pending), 0);
    }
}
