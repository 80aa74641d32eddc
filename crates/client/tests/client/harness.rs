//! A service on the loopback that answers from a script and remembers what it was asked; and settings without a
//! process's environment.

use std::collections::{BTreeMap, VecDeque};
use std::net::SocketAddr;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use bytes::Bytes;
use http::{HeaderMap, Request, Response};
use http_body_util::{BodyExt as _, Full};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use keyfold_client::{Client, Clock, Config, ConfigError, Environment, Options};
use keyfold_protocol::Timestamp;
use tokio::net::TcpListener;

/// What the service does with a request.
#[derive(Debug, Clone)]
pub(crate) enum Reply {
    /// Answers.
    Answer { status: u16, headers: Vec<(&'static str, String)>, body: Vec<u8> },
    /// Closes the connection.
    Close,
    /// Says nothing.
    Hang,
}

impl Reply {
    pub(crate) fn ok(body: impl Into<Vec<u8>>) -> Self {
        Self::status(200, body)
    }

    pub(crate) fn status(status: u16, body: impl Into<Vec<u8>>) -> Self {
        Self::Answer { status, headers: Vec::new(), body: body.into() }
    }

    pub(crate) fn with(self, name: &'static str, value: &str) -> Self {
        match self {
            Self::Answer { status, mut headers, body } => {
                headers.push((name, value.to_owned()));
                Self::Answer { status, headers, body }
            }
            other => other,
        }
    }
}

/// A request that came.
#[derive(Debug, Clone)]
pub(crate) struct Asked {
    pub(crate) method: String,
    pub(crate) path: String,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Bytes,
}

impl Asked {
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).map(|value| value.to_str().unwrap())
    }

    pub(crate) fn text(&self) -> &str {
        std::str::from_utf8(&self.body).unwrap()
    }
}

/// The service. It answers status 418 when the script is over.
#[derive(Debug)]
pub(crate) struct Fake {
    address: SocketAddr,
    asked: Arc<Mutex<Vec<Asked>>>,
    connections: Arc<AtomicUsize>,
}

impl Fake {
    pub(crate) async fn new(script: impl IntoIterator<Item = Reply>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let script = Arc::new(Mutex::new(script.into_iter().collect::<VecDeque<_>>()));
        let asked = Arc::new(Mutex::new(Vec::new()));
        let connections = Arc::new(AtomicUsize::new(0));
        let fake = Self { address, asked: Arc::clone(&asked), connections: Arc::clone(&connections) };
        tokio::spawn(async move {
            loop {
                let (stream, _) = listener.accept().await.unwrap();
                connections.fetch_add(1, Ordering::Relaxed);
                let (script, asked) = (Arc::clone(&script), Arc::clone(&asked));
                let answer = move |request| answer(request, Arc::clone(&script), Arc::clone(&asked));
                tokio::spawn(
                    http1::Builder::new().serve_connection(TokioIo::new(stream), service_fn(answer)),
                );
            }
        });
        fake
    }

    pub(crate) fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    pub(crate) fn asked(&self) -> Vec<Asked> {
        self.asked.lock().unwrap().clone()
    }

    /// How many connections there have been.
    pub(crate) fn connections(&self) -> usize {
        self.connections.load(Ordering::Relaxed)
    }
}

async fn answer(
    request: Request<Incoming>,
    script: Arc<Mutex<VecDeque<Reply>>>,
    asked: Arc<Mutex<Vec<Asked>>>,
) -> Result<Response<Full<Bytes>>, std::io::Error> {
    let (head, body) = request.into_parts();
    let body = body.collect().await.unwrap().to_bytes();
    let (method, path) = (head.method.to_string(), head.uri.to_string());
    asked.lock().unwrap().push(Asked { method, path, headers: head.headers, body });
    let reply = script.lock().unwrap().pop_front();
    match reply.unwrap_or_else(|| Reply::status(418, "the script is over")) {
        Reply::Answer { status, headers, body } => {
            let mut response = Response::builder().status(status);
            for (name, value) in headers {
                response = response.header(name, value);
            }
            Ok(response.body(Full::new(body.into())).unwrap())
        }
        Reply::Close => Err(std::io::Error::other("closed")),
        Reply::Hang => std::future::pending().await,
    }
}

/// Variables, files and options; a home directory of its own.
#[derive(Debug)]
pub(crate) struct Settings {
    pub(crate) variables: BTreeMap<String, String>,
    pub(crate) options: Options,
    pub(crate) home: tempfile::TempDir,
}

impl Settings {
    /// None at all, but that no instance's metadata service is asked.
    pub(crate) fn none() -> Self {
        let settings = Self {
            variables: BTreeMap::new(),
            options: Options::default(),
            home: tempfile::tempdir().unwrap(),
        };
        settings.set("AWS_EC2_METADATA_DISABLED", "true")
    }

    /// A Region and an access key.
    pub(crate) fn usual() -> Self {
        Self::none()
            .set("AWS_REGION", "eu-central-1")
            .set("AWS_ACCESS_KEY_ID", ACCESS_KEY_ID)
            .set("AWS_SECRET_ACCESS_KEY", SECRET)
    }

    pub(crate) fn set(mut self, name: &str, value: &str) -> Self {
        self.variables.insert(name.to_owned(), value.to_owned());
        self
    }

    pub(crate) fn endpoint(mut self, url: &str) -> Self {
        self.options.endpoint_url = Some(url.to_owned());
        self
    }

    /// A file in the home directory.
    #[expect(clippy::disallowed_methods, reason = "a file for a test need not survive a power cut")]
    pub(crate) fn file(self, name: &str, content: &str) -> Self {
        let path = self.home.path().join(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, content).unwrap();
        self
    }

    pub(crate) fn environment(&self) -> Environment {
        let get = |name: &str| self.variables.get(name).map(Into::into);
        Environment::new(get, Some(self.home.path().to_owned())).unwrap()
    }

    pub(crate) fn config(&self) -> Result<Config, ConfigError> {
        Config::load(&self.options, &self.environment())
    }

    /// What is wrong with them.
    pub(crate) fn fault(&self) -> String {
        self.config().unwrap_err().to_string()
    }

    /// A client that waits little.
    pub(crate) fn client(&self) -> Client {
        let config = self.config().unwrap().retry_base(Duration::from_millis(1));
        Client::new(config, Arc::new(FixedClock)).unwrap()
    }
}

/// It is noon.
#[derive(Debug)]
pub(crate) struct FixedClock;

impl Clock for FixedClock {
    fn now(&self) -> Timestamp {
        Timestamp::from_epoch_ms(NOW_MS)
    }
}

/// 22 November 2026, 12:00:00 UTC.
pub(crate) const NOW_MS: i64 = 1_795_348_800_000;
pub(crate) const ACCESS_KEY_ID: &str = "AKIDEXAMPLE";
pub(crate) const SECRET: &str = "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY";
