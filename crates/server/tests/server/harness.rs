//! A running server on a key store of its own, and a client that signs and sends what it is told.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use keyfold_kms::principals::{NewAccessKey, Principal};
use keyfold_kms::{Clock, Embedded, RootOfTrust, SystemClock};
use keyfold_protocol::sigv4::{
    AmzDate, Body, Header, RequestParts, Scope, SecretAccessKey, Service, SessionToken, SigningKey, sign,
};
use keyfold_server::{Config, Server, Transport};
use tempfile::TempDir;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::sync::oneshot;
use tokio::task::JoinHandle;

use crate::gate::Gate;

pub(crate) const JSON: &str = "application/x-amz-json-1.1";
pub(crate) const REGION: &str = "us-east-1";

/// A server, until [`Running::stop`].
pub(crate) struct Running {
    pub(crate) address: SocketAddr,
    pub(crate) admin: SocketAddr,
    pub(crate) access_key: NewAccessKey,
    pub(crate) service: Arc<keyfold_kms::Service>,
    clock: Arc<dyn Clock>,
    stop: oneshot::Sender<()>,
    task: JoinHandle<bool>,
    _kms: Embedded,
    home: TempDir,
}

impl Running {
    /// Over plain HTTP, with other settings than usual.
    pub(crate) async fn start(adjust: impl FnOnce(&mut Config)) -> Self {
        Self::start_by(Arc::new(SystemClock), adjust).await
    }

    /// The same, with operations that go by another clock than the server.
    pub(crate) async fn start_gated(gate: &Arc<Gate>, adjust: impl FnOnce(&mut Config)) -> Self {
        Self::start_with(gate.clone(), Arc::new(SystemClock), adjust).await
    }

    /// The same, by another clock; requests are signed by it too.
    pub(crate) async fn start_by(clock: Arc<dyn Clock>, adjust: impl FnOnce(&mut Config)) -> Self {
        Self::start_with(clock.clone(), clock, adjust).await
    }

    async fn start_with(
        kms_clock: Arc<dyn Clock>,
        clock: Arc<dyn Clock>,
        adjust: impl FnOnce(&mut Config),
    ) -> Self {
        let home = tempfile::tempdir().unwrap();
        let kms = Embedded::open_or_create(home.path(), &RootOfTrust::KeyFile, kms_clock).await.unwrap();
        let service = kms.shared_service();
        let owner = Principal::AccountRoot(service.scope().account.clone());
        let access_key = service.create_access_key(&owner).await.unwrap();

        let mut config = Config::new("127.0.0.1:0".parse().unwrap(), Transport::InsecureHttp);
        config.admin_listen = Some("127.0.0.1:0".parse().unwrap());
        config.limits.drain_ms_max = 5_000;
        adjust(&mut config);
        let server = Server::bind(config, Arc::clone(&service), clock.clone()).await.unwrap();
        let (address, admin) = (server.address(), server.admin_address().unwrap());
        let (stop, stopped) = oneshot::channel::<()>();
        let task = tokio::spawn(server.run(async {
            let _ = stopped.await;
        }));
        Self { address, admin, access_key, service, clock, stop, task, _kms: kms, home }
    }

    /// How long the log of the store's database is.
    pub(crate) fn store_log_len(&self) -> u64 {
        std::fs::metadata(self.home.path().join("store.db-wal")).map_or(0, |log| log.len())
    }

    /// Ends it; tells whether everything in progress was answered.
    pub(crate) async fn stop(self) -> bool {
        self.stop.send(()).unwrap();
        self.task.await.unwrap()
    }

    /// A signed request for an operation.
    pub(crate) fn signed(&self, operation: &str, body: &str) -> Signed {
        let target = format!("TrentService.{operation}");
        self.signed_with(&Service::KMS, &[("content-type", JSON), ("x-amz-target", &target)], body)
    }

    pub(crate) fn signed_with(&self, service: &Service, headers: &[(&str, &str)], body: &str) -> Signed {
        let secret = SecretAccessKey::copied_from(self.access_key.secret.expose()).unwrap();
        self.signed_by((self.access_key.id.as_str(), &secret, None), service, headers, body)
    }

    /// A request that is signed with these credentials: access key id, secret and session token.
    pub(crate) fn signed_by(
        &self,
        (id, secret, token): (&str, &SecretAccessKey, Option<&SessionToken>),
        service: &Service,
        headers: &[(&str, &str)],
        body: &str,
    ) -> Signed {
        let host = self.address.to_string();
        let mut named = vec![("host", host.as_str())];
        named.extend_from_slice(headers);
        let all: Vec<_> = named.iter().map(|(name, value)| Header::new(name, value.as_bytes())).collect();
        let now = self.clock.now();
        let scope = Scope::new(&AmzDate::at(now), REGION.parse().unwrap(), service.clone());
        let key = SigningKey::derive(id.parse().unwrap(), secret, scope);
        let parts = RequestParts {
            method: "POST",
            path: "/",
            query: "",
            headers: &all,
            body: Body::Bytes(body.as_bytes()),
        };
        let signature = sign(&parts, &key, token, now).unwrap();
        let mut headers: Vec<_> =
            named.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
        headers.extend(signature.headers().map(|(name, value)| (name.to_owned(), value.to_owned())));
        Signed { headers, body: body.to_owned() }
    }

    /// Sends bytes on a connection of their own, and reads until the server closes it or has answered.
    pub(crate) async fn raw(&self, bytes: &[u8]) -> Answer {
        exchange(self.address, bytes).await
    }

    pub(crate) async fn send(&self, request: &Signed) -> Answer {
        self.raw(request.to_bytes().as_bytes()).await
    }

    pub(crate) async fn admin(&self, path: &str) -> Answer {
        exchange(
            self.admin,
            format!("GET {path} HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n").as_bytes(),
        )
        .await
    }
}

/// A request with its signature.
#[derive(Clone)]
pub(crate) struct Signed {
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) body: String,
}

impl Signed {
    /// The same with one more header, which is not signed.
    pub(crate) fn and(mut self, name: &str, value: &str) -> Self {
        self.headers.push((name.to_owned(), value.to_owned()));
        self
    }

    pub(crate) fn to_bytes(&self) -> String {
        let mut text = String::from("POST / HTTP/1.1\r\n");
        for (name, value) in &self.headers {
            text.push_str(&format!("{name}: {value}\r\n"));
        }
        format!("{text}content-length: {}\r\nconnection: close\r\n\r\n{}", self.body.len(), self.body)
    }
}

/// What came back.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) headers: String,
    pub(crate) body: String,
}

impl Answer {
    pub(crate) fn parse(bytes: &[u8]) -> Self {
        let text = String::from_utf8_lossy(bytes);
        let (headers, body) = text.split_once("\r\n\r\n").unwrap_or((&text, ""));
        let status = headers.split(' ').nth(1).and_then(|status| status.parse().ok()).unwrap_or(0);
        Self { status, headers: headers.to_lowercase(), body: body.to_owned() }
    }

    /// The name of the error, or nothing.
    pub(crate) fn error(&self) -> String {
        let body: serde_json::Value = serde_json::from_str(&self.body).unwrap_or_default();
        body["__type"].as_str().unwrap_or_default().to_owned()
    }
}

pub(crate) async fn exchange(address: SocketAddr, bytes: &[u8]) -> Answer {
    let talk = async {
        let mut stream = TcpStream::connect(address).await.unwrap();
        // The server may answer and close before it has read all.
        let _ = stream.write_all(bytes).await;
        let mut answer = Vec::new();
        let _ = stream.read_to_end(&mut answer).await;
        Answer::parse(&answer)
    };
    tokio::time::timeout(Duration::from_secs(20), talk).await.unwrap()
}
