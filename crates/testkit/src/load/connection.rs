//! One connection over TLS 1.3, HTTP/1.1, one request after another, each signed.

use std::io;

use bytes::Bytes;
use http_body_util::{BodyExt as _, Full};
use hyper::client::conn::http1::{SendRequest, handshake};
use hyper::{Request, StatusCode};
use hyper_util::rt::TokioIo;
use keyfold_protocol::sigv4::{self, Body, Header, RequestParts, SignError, SigningKey};
use rustls::pki_types::ServerName;
use serde_json::Value;
use tokio::net::{TcpSocket, TcpStream};
use tokio::task::AbortHandle;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

use super::Target;
use super::target::now;

/// A connection that is kept, until dropped.
#[derive(Debug)]
pub struct Connection {
    target: Target,
    host: String,
    key: SigningKey,
    sender: SendRequest<Full<Bytes>>,
    task: AbortHandle,
}

/// What came back.
#[derive(Debug, Clone)]
pub struct Answer {
    /// Of HTTP.
    pub status: u16,
    /// All of it.
    pub body: Bytes,
}

impl Answer {
    /// Whether it was done.
    #[must_use]
    pub fn is_ok(&self) -> bool {
        self.status == 200
    }

    /// The body's members; `Null` if it is no JSON.
    #[must_use]
    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or_default()
    }

    /// The name of the error, or nothing.
    #[must_use]
    pub fn error(&self) -> String {
        self.json()["__type"].as_str().unwrap_or_default().to_owned()
    }
}

impl Connection {
    /// Connects, and has TLS verify the certificate.
    ///
    /// # Errors
    /// What the network and TLS have to say.
    pub async fn open(target: &Target) -> io::Result<Self> {
        Self::over(target, TcpStream::connect(target.address).await?).await
    }

    /// The same from the address of [`connect_as_other`].
    pub(super) async fn open_as_other(target: &Target) -> io::Result<Self> {
        Self::over(target, connect_as_other(target).await?).await
    }

    async fn over(target: &Target, stream: TcpStream) -> io::Result<Self> {
        let stream = secure(target, stream).await?;
        let (sender, connection) = handshake(TokioIo::new(stream)).await.map_err(io::Error::other)?;
        let task = tokio::spawn(async move {
            // Whoever waits for an answer gets the error, too.
            let _ = connection.await;
        });
        Ok(Self {
            target: target.clone(),
            host: target.address.to_string(),
            key: target.signing_key()?,
            sender,
            task: task.abort_handle(),
        })
    }

    /// Signs a request, sends it, and waits for all of the answer.
    ///
    /// # Errors
    /// Where the connection ends before the answer does; it is of no use then.
    pub async fn call(&mut self, operation: &str, body: Bytes) -> io::Result<Answer> {
        let request = self.signed(operation, body)?;
        self.sender.ready().await.map_err(io::Error::other)?;
        let response = self.sender.send_request(request).await.map_err(io::Error::other)?;
        let status = response.status();
        let body = response.into_body().collect().await.map_err(io::Error::other)?.to_bytes();
        Ok(Answer { status: StatusCode::as_u16(&status), body })
    }

    fn signed(&mut self, operation: &str, body: Bytes) -> io::Result<Request<Full<Bytes>>> {
        let target = format!("TrentService.{operation}");
        let headers = [
            Header::new("host", self.host.as_bytes()),
            Header::new("content-type", MEDIA_TYPE.as_bytes()),
            Header::new("x-amz-target", target.as_bytes()),
        ];
        let parts = RequestParts {
            method: "POST",
            path: "/",
            query: "",
            headers: &headers,
            body: Body::Bytes(&body),
        };
        let signature = match sigv4::sign(&parts, &self.key, None, now()) {
            Err(SignError::KeyOfAnotherDay) => {
                self.key = self.target.signing_key()?;
                sigv4::sign(&parts, &self.key, None, now())
            }
            signed => signed,
        };
        let signature = signature.map_err(io::Error::other)?;
        let mut request = Request::post("/");
        for header in headers {
            request = request.header(header.name, header.value);
        }
        for (name, value) in signature.headers() {
            request = request.header(name, value);
        }
        request.body(Full::new(body)).map_err(io::Error::other)
    }
}

impl Drop for Connection {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// TLS on a connection.
pub(super) async fn secure(target: &Target, stream: TcpStream) -> io::Result<TlsStream<TcpStream>> {
    stream.set_nodelay(true)?;
    let name = ServerName::from(target.address.ip());
    TlsConnector::from(target.tls.clone()).connect(name, stream).await
}

/// A connection from another address of this machine, so that it is another peer to the server.
pub(super) async fn connect_as_other(target: &Target) -> io::Result<TcpStream> {
    let socket = TcpSocket::new_v4()?;
    socket.bind(([127, 0, 0, 2], 0).into())?;
    socket.connect(target.address).await
}

const MEDIA_TYPE: &str = "application/x-amz-json-1.1";
