//! One exchange over HTTP: a request goes out, an answer of limited length comes back in limited time.
//!
//! Connections are kept and used again, over HTTP/1.1 or, where the service chooses it, HTTP/2. Not here: what is
//! worth a second try ([`crate::retry`]) and what an answer means.

use std::time::Duration;

use bytes::Bytes;
use http::{HeaderMap, Request};
use http_body_util::{BodyExt as _, Full};
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::{TokioExecutor, TokioTimer};
use rustls::ClientConfig;
use zeroize::Zeroizing;

use crate::endpoint::Endpoint;
use crate::error::{Cause, RequestError};

/// Connections to whatever services are asked.
#[derive(Debug, Clone)]
pub(crate) struct Http {
    connections: Client<HttpsConnector<HttpConnector>, Full<Bytes>>,
}

/// An answer, all of it. Its body is wiped: it can be a secret.
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Zeroizing<Vec<u8>>,
}

impl Http {
    pub(crate) fn new(tls: ClientConfig) -> Self {
        let mut tcp = HttpConnector::new();
        tcp.enforce_http(false);
        tcp.set_nodelay(true);
        tcp.set_connect_timeout(Some(CONNECT_TIMEOUT));
        // Where plain HTTP may go is decided where endpoints are read.
        let https = HttpsConnectorBuilder::new()
            .with_tls_config(tls)
            .https_or_http()
            .enable_http1()
            .enable_http2()
            .wrap_connector(tcp);
        let connections = Client::builder(TokioExecutor::new())
            .timer(TokioTimer::new())
            .pool_timer(TokioTimer::new())
            .pool_idle_timeout(IDLE_MAX)
            .build(https);
        Self { connections }
    }

    /// Sends `request`, which is for `endpoint`, and reads the answer.
    pub(crate) async fn send(
        &self,
        endpoint: &Endpoint,
        request: Request<Full<Bytes>>,
        timeout: Duration,
    ) -> Result<Answer, RequestError> {
        match tokio::time::timeout(timeout, self.exchange(endpoint, request)).await {
            Ok(answer) => answer,
            Err(_) => {
                let timeout_ms = timeout.as_millis();
                Err(RequestError::Timeout { endpoint: shown(endpoint), timeout_ms })
            }
        }
    }

    async fn exchange(
        &self,
        endpoint: &Endpoint,
        request: Request<Full<Bytes>>,
    ) -> Result<Answer, RequestError> {
        let answer = self.connections.request(request).await.map_err(|error| {
            let is_connecting = error.is_connect();
            failed(endpoint, is_connecting, Cause::new(error))
        })?;
        let (head, mut frames) = answer.into_parts();
        // Room for what is usual, so that growing leaves no copies of a secret behind.
        let mut body = Zeroizing::new(Vec::with_capacity(ANSWER_LEN_USUAL));
        while let Some(frame) = frames.frame().await {
            let frame = frame.map_err(|error| failed(endpoint, false, Cause::new(error)))?;
            let Some(data) = frame.data_ref() else { continue };
            if body.len().saturating_add(data.len()) > ANSWER_LEN_MAX {
                return Err(RequestError::TooLong { endpoint: shown(endpoint), len_max: ANSWER_LEN_MAX });
            }
            body.extend_from_slice(data);
        }
        Ok(Answer { status: head.status.as_u16(), headers: head.headers, body })
    }
}

/// A failure by what can be done about it.
fn failed(endpoint: &Endpoint, is_connecting: bool, cause: Cause) -> RequestError {
    let endpoint = shown(endpoint);
    if cause.has::<rustls::Error>() {
        RequestError::Untrusted { endpoint, cause }
    } else if is_connecting {
        RequestError::Connect { endpoint, cause }
    } else {
        RequestError::Broken { endpoint, cause }
    }
}

pub(crate) fn shown(endpoint: &Endpoint) -> Box<str> {
    endpoint.to_string().into()
}

/// As AWS SDKs have it, and enough for a packet that is lost once.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);
/// Shorter than services wait, so that a connection is not used in the moment in which it is closed.
const IDLE_MAX: Duration = Duration::from_secs(15);
const ANSWER_LEN_USUAL: usize = 16 * 1024;
/// Several times the longest answer of the key service, a page of 1000 keys.
pub(crate) const ANSWER_LEN_MAX: usize = 2 * 1024 * 1024;
