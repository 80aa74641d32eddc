//! The HTTP client that sends batches of spans to a collector: one connection for each, HTTP/1.1, TLS for `https`.
//!
//! The thread that gathers spans is none of the runtime's, so sending is a task there and the thread waits for it.

use std::fmt;
use std::future::Future;
use std::io;
use std::path::Path;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http_body_util::{BodyExt as _, Full, Limited};
use hyper::client::conn::http1;
use hyper::header::{HOST, HeaderValue};
use hyper::{Request, Response, Uri};
use hyper_util::rt::TokioIo;
use opentelemetry_http::{HttpClient, HttpError};
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{ClientConfig, RootCertStore};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio::runtime::Handle;
use tokio_rustls::TlsConnector;

use crate::error::TracesError;

/// The certificates that a collector is trusted by.
#[derive(Debug, Clone)]
pub struct CollectorTrust(Arc<RootCertStore>);

impl CollectorTrust {
    /// Reads those in a file in PEM, or else those of the system; before files are out of reach.
    ///
    /// # Errors
    /// [`TracesError::Certificates`] if the file has none or something else. What of the system's can't be read is not
    /// trusted, and no error.
    pub fn load(certificates: Option<&Path>) -> Result<Self, TracesError> {
        let mut roots = RootCertStore::empty();
        match certificates {
            Some(path) => {
                let unusable = || TracesError::Certificates { path: path.to_owned() };
                for certificate in CertificateDer::pem_file_iter(path).map_err(|_| unusable())? {
                    roots.add(certificate.map_err(|_| unusable())?).map_err(|_| unusable())?;
                }
                if roots.is_empty() {
                    return Err(unusable());
                }
            }
            None => drop(roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs)),
        }
        Ok(Self(Arc::new(roots)))
    }

    /// Whether there are none, so that no `https` collector is trusted.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

/// Sends on a runtime.
#[derive(Clone)]
pub(super) struct Client {
    runtime: Handle,
    tls: TlsConnector,
}

impl Client {
    pub(super) fn new(runtime: Handle, trust: &CollectorTrust) -> Result<Self, TracesError> {
        let config =
            ClientConfig::builder_with_provider(Arc::new(rustls::crypto::aws_lc_rs::default_provider()))
                .with_safe_default_protocol_versions()
                .map_err(|error| TracesError::Settings(Box::new(error)))?
                .with_root_certificates(Arc::clone(&trust.0))
                .with_no_client_auth();
        Ok(Self { runtime, tls: TlsConnector::from(Arc::new(config)) })
    }

    async fn send(self, request: Request<Bytes>) -> Result<Response<Bytes>, HttpError> {
        let uri = request.uri().clone();
        let host = uri.host().ok_or("the endpoint has no host")?;
        let is_tls = match uri.scheme_str() {
            Some("https") => true,
            Some("http") => false,
            _ => return Err("the endpoint is neither http nor https".into()),
        };
        let port = uri.port_u16().unwrap_or(if is_tls { 443 } else { 80 });
        let name = host.trim_start_matches('[').trim_end_matches(']');
        let stream = TcpStream::connect((name, port)).await?;
        if !is_tls {
            return exchange(stream, request, &uri).await;
        }
        let stream = self.tls.connect(ServerName::try_from(name.to_owned())?, stream).await?;
        exchange(stream, request, &uri).await
    }
}

impl HttpClient for Client {
    fn send_bytes<'c, 'f>(
        &'c self,
        request: Request<Bytes>,
    ) -> Pin<Box<dyn Future<Output = Result<Response<Bytes>, HttpError>> + Send + 'f>>
    where
        'c: 'f,
        Self: 'f,
    {
        let client = self.clone();
        // The time-out, too, has to be made within the runtime.
        let sending = async move { tokio::time::timeout(SEND_TIME_MAX, client.send(request)).await };
        let task = self.runtime.spawn(sending);
        Box::pin(async move { task.await?.map_err(|_| io::Error::from(io::ErrorKind::TimedOut))? })
    }
}

impl fmt::Debug for Client {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Client").finish_non_exhaustive()
    }
}

async fn exchange<S>(stream: S, request: Request<Bytes>, uri: &Uri) -> Result<Response<Bytes>, HttpError>
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let (mut sender, connection) = http1::handshake(TokioIo::new(stream)).await?;
    let (mut parts, body) = request.into_parts();
    let authority = uri.authority().map_or("", |authority| authority.as_str());
    // A name and password in the endpoint are not the host's.
    let host = authority.rsplit('@').next().unwrap_or(authority);
    parts.headers.insert(HOST, HeaderValue::from_str(host)?);
    parts.uri = uri.path_and_query().map_or_else(Uri::default, |path| path.clone().into());
    let answered = async {
        let (parts, body) =
            sender.send_request(Request::from_parts(parts, Full::new(body))).await?.into_parts();
        let body = Limited::new(body, ANSWER_LEN_MAX).collect().await?.to_bytes();
        Ok(Response::from_parts(parts, body))
    };
    tokio::select! {
        answer = answered => answer,
        // The answer is read before the connection is over, unless it failed.
        Err(error) = connection => Err(error.into()),
    }
}

/// For one batch, connecting included. The library tries again, and gives up at its own time-out.
const SEND_TIME_MAX: Duration = Duration::from_secs(10);
const ANSWER_LEN_MAX: usize = 64 * 1024;
