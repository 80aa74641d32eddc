//! TLS and HTTP/2.

use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use h2::client::SendRequest;
use keyfold_server::{Config, LocalCa, ServeError, Server, TlsFiles, TlsMin, Transport};
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{ClientConfig, ProtocolVersion, RootCertStore, SupportedProtocolVersion, version};
use tokio::net::{TcpSocket, TcpStream};
use tokio::task::{JoinHandle, JoinSet};
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

use crate::harness::{Running, Signed};

struct Trust {
    files: TlsFiles,
    roots: RootCertStore,
    _folder: tempfile::TempDir,
}

#[expect(clippy::disallowed_methods, reason = "files of a test need not survive a power cut")]
fn put(path: &Path, text: &str) {
    std::fs::write(path, text).unwrap();
}

fn trust(min: TlsMin) -> Trust {
    use keyfold_kms::{Clock as _, SystemClock};
    trust_made(min, SystemClock.now().epoch_ms() / 1000)
}

/// With certificates that were made then, in seconds since 1970.
fn trust_made(min: TlsMin, now_s: i64) -> Trust {
    let ca = LocalCa::create(now_s, &["localhost".to_owned(), "127.0.0.1".to_owned()]).unwrap();
    let folder = tempfile::tempdir().unwrap();
    let (certificates, key) = (folder.path().join("cert.pem"), folder.path().join("key.pem"));
    put(&certificates, &ca.server_certificate_pem);
    put(&key, &ca.server_key_pem);
    let mut roots = RootCertStore::empty();
    roots.add(CertificateDer::from_pem_slice(ca.ca_certificate_pem.as_bytes()).unwrap()).unwrap();
    Trust { files: TlsFiles { certificates, key, min }, roots, _folder: folder }
}

async fn connect(
    server: &Running,
    roots: &RootCertStore,
    versions: &[&'static SupportedProtocolVersion],
    alpn: &[&[u8]],
) -> std::io::Result<TlsStream<TcpStream>> {
    connect_from("127.0.0.1", server, roots, versions, alpn).await
}

async fn connect_from(
    peer: &str,
    server: &Running,
    roots: &RootCertStore,
    versions: &[&'static SupportedProtocolVersion],
    alpn: &[&[u8]],
) -> std::io::Result<TlsStream<TcpStream>> {
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let mut config = ClientConfig::builder_with_provider(provider)
        .with_protocol_versions(versions)
        .unwrap()
        .with_root_certificates(roots.clone())
        .with_no_client_auth();
    config.alpn_protocols = alpn.iter().map(|name| name.to_vec()).collect();
    let socket = TcpSocket::new_v4()?;
    socket.bind(SocketAddr::new(peer.parse().unwrap(), 0))?;
    let stream = socket.connect(server.address).await?;
    TlsConnector::from(Arc::new(config)).connect(ServerName::from(server.address.ip()), stream).await
}

#[tokio::test]
async fn a_server_whose_certificate_is_not_valid_now_is_not_ready() {
    let [first, last] = [0, 4_000_000_000];
    for (made_s, why) in
        [(first, "the certificate has expired\n"), (last, "the certificate is not valid yet\n")]
    {
        let trust = trust_made(TlsMin::V1_3, made_s + 3600);
        let server = Running::start(|config| config.transport = Transport::Tls(trust.files.clone())).await;
        let ready = server.admin("/readyz").await;
        assert_eq!((ready.status, ready.body.as_str()), (503, why));
        assert_eq!(server.admin("/healthz").await.status, 200);
        let not_after_s = made_s + 3600 + 820 * 24 * 60 * 60;
        let metrics = server.admin("/metrics").await.body;
        let line = format!("keyfold_certificate_not_after_seconds {not_after_s}");
        assert!(metrics.lines().any(|found| found == line), "{metrics}");
        assert!(server.stop().await);
    }
}

#[tokio::test]
async fn tls_1_3_with_the_hybrid_group_unless_asked_otherwise() {
    let trust = trust(TlsMin::V1_3);
    let files = trust.files.clone();
    let server = Running::start(|config| config.transport = Transport::Tls(files)).await;
    let stream = connect(&server, &trust.roots, &[&version::TLS13, &version::TLS12], &[]).await.unwrap();
    let (_, connection) = stream.get_ref();
    assert_eq!(connection.protocol_version(), Some(ProtocolVersion::TLSv1_3));
    let group = connection.negotiated_key_exchange_group().unwrap().name();
    assert_eq!(group, rustls::NamedGroup::X25519MLKEM768);
    drop(stream);
    assert!(connect(&server, &trust.roots, &[&version::TLS12], &[]).await.is_err());
    assert!(connect(&server, &RootCertStore::empty(), &[&version::TLS13], &[]).await.is_err());
    assert!(server.admin("/metrics").await.body.contains("keyfold_tls_handshakes_failed_total 2"));
    assert!(server.stop().await);
}

#[tokio::test]
async fn tls_1_2_when_allowed() {
    let trust = trust(TlsMin::V1_2);
    let files = trust.files.clone();
    let server = Running::start(|config| config.transport = Transport::Tls(files)).await;
    assert!(connect(&server, &trust.roots, &[&version::TLS12], &[]).await.is_ok());
    assert!(server.stop().await);
}

/// The head of a request, for another target than is signed if one is given.
fn http2_head(server: &Running, signed: &Signed, target: Option<&str>) -> http::Request<()> {
    let mut request = http::Request::builder().method("POST").uri(format!("https://{}/", server.address));
    for (name, value) in signed.headers.iter().filter(|(name, _)| name != "host") {
        let value = target.filter(|_| name == "x-amz-target").unwrap_or(value);
        request = request.header(name.as_str(), value);
    }
    request.body(()).unwrap()
}

/// An HTTP/2 connection from an address.
async fn http2_from(
    peer: &str,
    server: &Running,
    trust: &Trust,
    window_len: u32,
) -> (SendRequest<Bytes>, JoinHandle<Result<(), h2::Error>>) {
    let stream = connect_from(peer, server, &trust.roots, &[&version::TLS13], &[b"h2"]).await.unwrap();
    let mut builder = h2::client::Builder::new();
    let (client, connection) = builder.initial_window_size(window_len).handshake(stream).await.unwrap();
    (client, tokio::spawn(connection))
}

/// The status of the answer to a request for the list of keys.
async fn list_keys(client: &SendRequest<Bytes>, server: &Running) -> u16 {
    let head = http2_head(server, &server.signed("ListKeys", "{}"), None);
    let (response, mut body) = client.clone().ready().await.unwrap().send_request(head, false).unwrap();
    // An answer may come before the body is wanted.
    let _ = body.send_data(Bytes::from_static(b"{}"), true);
    response.await.unwrap().status().as_u16()
}

#[tokio::test]
async fn a_peer_that_withholds_bodies_has_a_share_and_others_are_served() {
    let trust = trust(TlsMin::V1_3);
    let files = trust.files.clone();
    let server = Running::start(|config| {
        config.transport = Transport::Tls(files);
        config.limits.requests_in_flight_max = 8;
        config.limits.requests_unproven_per_peer_max = 4;
    })
    .await;
    let (client, driver) = http2_from("127.0.0.1", &server, &trust, WINDOW_LEN).await;
    let head = http2_head(&server, &server.signed("ListKeys", "{}"), None);
    let (mut withheld, mut answers) = (Vec::new(), JoinSet::new());
    for _ in 0..8 {
        let mut client = client.clone().ready().await.unwrap();
        let (response, body) = client.send_request(head.clone(), false).unwrap();
        withheld.push(body);
        answers.spawn(response);
    }
    for _ in 0..4 {
        let refused = tokio::time::timeout(Duration::from_secs(10), answers.join_next()).await;
        assert_eq!(refused.expect("over its share").unwrap().unwrap().unwrap().status(), 503);
    }
    let (second, second_driver) = http2_from("127.0.0.1", &server, &trust, WINDOW_LEN).await;
    assert_eq!(list_keys(&second, &server).await, 503, "one share for all of its connections");
    let (other, other_driver) = http2_from("127.0.0.2", &server, &trust, WINDOW_LEN).await;
    assert_eq!(list_keys(&other, &server).await, 200);
    // What is given up counts no more.
    for body in &mut withheld {
        body.send_reset(h2::Reason::CANCEL);
    }
    while list_keys(&second, &server).await != 200 {
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    for driver in [driver, other_driver, second_driver] {
        driver.abort();
    }
    assert!(server.stop().await);
}

#[tokio::test]
async fn a_client_that_is_idle_and_takes_no_answer_is_let_go() {
    let trust = trust(TlsMin::V1_3);
    let files = trust.files.clone();
    let server = Running::start(|config| {
        config.transport = Transport::Tls(files);
        config.limits.idle_ms_max = 300;
    })
    .await;
    // With a window of nothing, the body of the answer can't be sent.
    let (client, driver) = http2_from("127.0.0.1", &server, &trust, 0).await;
    let head = http2_head(&server, &server.signed("ListKeys", "{}"), None);
    let (response, mut body) = client.clone().ready().await.unwrap().send_request(head, false).unwrap();
    body.send_data(Bytes::from_static(b"{}"), true).unwrap();
    let answer = response.await.unwrap();
    assert_eq!(answer.status(), 200);
    let ended = tokio::time::timeout(Duration::from_secs(10), driver).await;
    assert!(ended.is_ok(), "the connection is still there");
    drop((client, answer));
    assert!(server.stop().await);
}

const WINDOW_LEN: u32 = 65_535;

#[tokio::test]
async fn http_2() {
    let trust = trust(TlsMin::V1_3);
    let files = trust.files.clone();
    let server = Running::start(|config| config.transport = Transport::Tls(files)).await;
    let stream = connect(&server, &trust.roots, &[&version::TLS13], &[b"h2"]).await.unwrap();
    assert_eq!(stream.get_ref().1.alpn_protocol(), Some(&b"h2"[..]));
    let (mut client, connection) = h2::client::handshake(stream).await.unwrap();
    let driver = tokio::spawn(connection);

    // The host that is signed travels as :authority.
    let signed = server.signed("CreateKey", "{}");
    for (target, status) in [(None, 200), (Some("TrentService.ScheduleKeyDeletion"), 400)] {
        let request = http2_head(&server, &signed, target);
        client = client.ready().await.unwrap();
        let (response, mut body) = client.send_request(request, false).unwrap();
        body.send_data(Bytes::from_static(b"{}"), true).unwrap();
        assert_eq!(response.await.unwrap().status(), status);
    }
    drop(client);
    let _ = driver.await;
    assert!(server.stop().await);
}

#[tokio::test]
async fn plain_http_stays_at_home() {
    let home = tempfile::tempdir().unwrap();
    let clock = Arc::new(keyfold_kms::SystemClock);
    let root = keyfold_kms::RootOfTrust::KeyFile;
    let kms = keyfold_kms::Embedded::open_or_create(home.path(), &root, clock.clone()).await.unwrap();
    let config = Config::new("0.0.0.0:0".parse().unwrap(), Transport::InsecureHttp);
    let refused = Server::bind(config, kms.shared_service(), clock).await;
    assert!(matches!(refused, Err(ServeError::InsecureAddress { .. })));
}
