//! A client that signs and sends, one connection for each request, over plain HTTP. What comes back is not judged.

use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::time::Duration;

use keyfold_kms::{Clock as _, SystemClock};
use keyfold_protocol::sigv4::{
    AmzDate, Body, Header, RequestParts, Scope, SecretAccessKey, Service, SessionToken, SigningKey, sign,
};
use keyfold_testkit::Serving;
use serde_json::Value;

/// A caller with an access key.
#[derive(Debug, Clone)]
pub(crate) struct Client {
    /// Host and port.
    pub(crate) host: String,
    pub(crate) access_key_id: String,
    pub(crate) secret: String,
    pub(crate) session_token: Option<String>,
    pub(crate) region: String,
}

/// What came back.
#[derive(Debug, Clone)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) text: String,
    /// Of the request.
    pub(crate) signature: String,
}

impl Answer {
    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.text).unwrap_or_default()
    }

    /// A member, which must be a string.
    pub(crate) fn member(&self, name: &str) -> String {
        self.json()[name].as_str().unwrap_or_else(|| panic!("no {name}: {self:?}")).to_owned()
    }
}

impl Client {
    /// The caller whose access key `serve --dev --insecure-http` has told.
    pub(crate) fn of(serving: &Serving) -> Self {
        Self {
            host: serving.endpoint().strip_prefix("http://").unwrap().to_owned(),
            access_key_id: serving.export("AWS_ACCESS_KEY_ID").to_owned(),
            secret: serving.export("AWS_SECRET_ACCESS_KEY").to_owned(),
            session_token: None,
            region: serving.export("AWS_REGION").to_owned(),
        }
    }

    /// Performs an operation.
    pub(crate) fn call(&self, operation: &str, body: &Value) -> Answer {
        self.call_with(operation, body, &[])
    }

    /// The same with more headers, which are not signed.
    pub(crate) fn call_with(&self, operation: &str, body: &Value, more: &[(&str, &str)]) -> Answer {
        let (request, signature) = self.signed(operation, &body.to_string(), more);
        let mut stream = self.connect();
        stream.write_all(format!("{request}{body}").as_bytes()).unwrap();
        let (status, text) = exchange(&mut stream);
        Answer { status, text, signature }
    }

    pub(crate) fn connect(&self) -> TcpStream {
        let stream = TcpStream::connect(&self.host).unwrap();
        stream.set_read_timeout(Some(Duration::from_secs(60))).unwrap();
        stream
    }

    /// The head of a request, and its signature.
    pub(crate) fn signed(&self, operation: &str, body: &str, more: &[(&str, &str)]) -> (String, String) {
        let target = format!("TrentService.{operation}");
        let named = [("host", self.host.as_str()), ("content-type", JSON), ("x-amz-target", target.as_str())];
        let headers: Vec<_> = named.iter().map(|(name, value)| Header::new(name, value.as_bytes())).collect();
        let now = SystemClock.now();
        let scope = Scope::new(&AmzDate::at(now), self.region.parse().unwrap(), Service::KMS);
        let secret = SecretAccessKey::copied_from(self.secret.as_bytes()).unwrap();
        let key = SigningKey::derive(self.access_key_id.parse().unwrap(), &secret, scope);
        let body = Body::Bytes(body.as_bytes());
        let parts = RequestParts { method: "POST", path: "/", query: "", headers: &headers, body };
        let token = self.session_token.as_deref().map(|token| SessionToken::copied_from(token).unwrap());
        let signed = sign(&parts, &key, token.as_ref(), now).unwrap();
        let signed: Vec<_> = signed.headers().collect();
        let authorization =
            signed.iter().find(|(name, _)| name.eq_ignore_ascii_case("authorization")).unwrap().1;
        let signature = authorization.rsplit("Signature=").next().unwrap().to_owned();
        let len = match body {
            Body::Bytes(bytes) => bytes.len(),
            _ => 0,
        };
        let mut head = format!("POST / HTTP/1.1\r\nconnection: close\r\ncontent-length: {len}\r\n");
        for (name, value) in named.iter().chain(&signed).chain(more) {
            head.push_str(&format!("{name}: {value}\r\n"));
        }
        (format!("{head}\r\n"), signature)
    }
}

/// Status and body of what comes until the connection ends.
pub(crate) fn exchange(stream: &mut TcpStream) -> (u16, String) {
    let mut bytes = Vec::new();
    stream.read_to_end(&mut bytes).unwrap();
    let text = String::from_utf8_lossy(&bytes);
    let (head, body) = text.split_once("\r\n\r\n").unwrap_or((&text, ""));
    let status = head.split(' ').nth(1).and_then(|status| status.parse().ok()).unwrap_or(0);
    (status, body.to_owned())
}

/// Status and body of what the admin listener answers.
pub(crate) fn get(host: &str, path: &str) -> (u16, String) {
    let mut stream = TcpStream::connect(host).unwrap();
    write!(stream, "GET {path} HTTP/1.1\r\nhost: {host}\r\nconnection: close\r\n\r\n").unwrap();
    exchange(&mut stream)
}

const JSON: &str = "application/x-amz-json-1.1";
