//! The least that a service over HTTPS can do: the same HTTP and TLS libraries, reading requests and answering with
//! bytes that were there before. What the key service takes longer than this is its own.

use std::collections::HashMap;
use std::convert::Infallible;
use std::io;
use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;

use bytes::Bytes;
use http_body_util::{BodyExt as _, Full};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Request, Response};
use hyper_util::rt::TokioIo;
use rustls::crypto::aws_lc_rs;
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::{ServerConfig, version};
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::TlsAcceptor;

/// Serves for ever, with this certificate and key in PEM. The answer to an operation has the length that stands in
/// `answer_lens`. `ready` is told the address.
///
/// # Errors
/// Where the files can't be used or no port be had.
pub async fn serve(
    certificate: &Path,
    key: &Path,
    answer_lens: &HashMap<String, usize>,
    ready: impl FnOnce(SocketAddr),
) -> io::Result<()> {
    let certificates: Result<_, _> =
        CertificateDer::pem_file_iter(certificate).map_err(io::Error::other)?.collect();
    let key = PrivateKeyDer::from_pem_file(key).map_err(io::Error::other)?;
    let tls = ServerConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()))
        .with_protocol_versions(&[&version::TLS13])
        .map_err(io::Error::other)?
        .with_no_client_auth()
        .with_single_cert(certificates.map_err(io::Error::other)?, key)
        .map_err(io::Error::other)?;
    let tls = TlsAcceptor::from(Arc::new(tls));
    let answers: HashMap<String, Bytes> = answer_lens
        .iter()
        .map(|(operation, len)| (format!("TrentService.{operation}"), vec![b'x'; *len].into()))
        .collect();
    let answers = Arc::new(answers);
    let listener = TcpListener::bind(("127.0.0.1", 0)).await?;
    ready(listener.local_addr()?);
    loop {
        let (stream, _) = listener.accept().await?;
        let (tls, answers) = (tls.clone(), Arc::clone(&answers));
        tokio::spawn(async move {
            // A connection that fails shows with the client.
            let _ = connection(stream, tls, answers).await;
        });
    }
}

async fn connection(
    stream: TcpStream,
    tls: TlsAcceptor,
    answers: Arc<HashMap<String, Bytes>>,
) -> io::Result<()> {
    stream.set_nodelay(true)?;
    let stream = tls.accept(stream).await?;
    let service = service_fn(move |request: Request<Incoming>| {
        let target = request.headers().get("x-amz-target").and_then(|target| target.to_str().ok());
        let answer = target.and_then(|target| answers.get(target)).cloned().unwrap_or_default();
        async move {
            let _ = request.into_body().collect().await;
            Ok::<_, Infallible>(Response::new(Full::new(answer)))
        }
    });
    http1::Builder::new().serve_connection(TokioIo::new(stream), service).await.map_err(io::Error::other)
}
