//! The admin listener: health, readiness and metrics, for those who run the service.
//!
//! Plain HTTP without authentication, so it belongs on a loopback address or a network of its own. Nothing can be
//! changed here.

use std::sync::Arc;

use bytes::Bytes;
use http_body_util::Full;
use hyper::body::Incoming;
use hyper::header::{CONTENT_TYPE, HeaderValue};
use hyper::{Method, Request, Response, StatusCode};

use crate::front::Front;
use crate::limits::Connections;
use crate::metrics::Metrics;
use crate::shutdown::Stopping;

/// What is told about a server.
#[derive(Debug)]
pub(crate) struct Admin {
    pub(crate) front: Arc<Front>,
    pub(crate) connections: Arc<Connections>,
    pub(crate) metrics: Arc<Metrics>,
    pub(crate) stopping: Stopping,
}

impl Admin {
    pub(crate) async fn answer(self: Arc<Self>, request: Request<Incoming>) -> Response<Full<Bytes>> {
        if request.method() != Method::GET {
            return text(StatusCode::METHOD_NOT_ALLOWED, "only GET\n");
        }
        match request.uri().path() {
            // It runs if it answers.
            "/healthz" => text(StatusCode::OK, "ok\n"),
            "/readyz" if !self.stopping.is_running() => text(StatusCode::SERVICE_UNAVAILABLE, "stopping\n"),
            "/readyz" if Arc::clone(&self.front).is_ready().await => text(StatusCode::OK, "ok\n"),
            "/readyz" => text(StatusCode::SERVICE_UNAVAILABLE, "the store does not answer\n"),
            "/metrics" => text(StatusCode::OK, self.metrics.text(&self.gauges())),
            _ => text(StatusCode::NOT_FOUND, "/healthz, /readyz, /metrics\n"),
        }
    }

    fn gauges(&self) -> [(&'static str, &'static str, u64); 2] {
        let in_flight = u64::try_from(self.front.in_flight()).unwrap_or(u64::MAX);
        [
            ("keyfold_connections", "Open connections to the API", self.connections.count().into()),
            ("keyfold_requests_in_flight", "Requests in progress", in_flight),
        ]
    }
}

fn text(status: StatusCode, body: impl Into<Bytes>) -> Response<Full<Bytes>> {
    let mut response = Response::new(Full::new(body.into()));
    *response.status_mut() = status;
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("text/plain; version=0.0.4"));
    response
}
