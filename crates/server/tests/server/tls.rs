//! TLS and HTTP/2.

use std::path::Path;
use std::sync::Arc;

use bytes::Bytes;
use keyfold_server::{Config, LocalCa, ServeError, Server, TlsFiles, TlsMin, Transport};
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{ClientConfig, ProtocolVersion, RootCertStore, SupportedProtocolVersion, version};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

use crate::harness::Running;

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
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let mut config = ClientConfig::builder_with_provider(provider)
        .with_protocol_versions(versions)
        .unwrap()
        .with_root_certificates(roots.clone())
        .with_no_client_auth();
    config.alpn_protocols = alpn.iter().map(|name| name.to_vec()).collect();
    let stream = TcpStream::connect(server.address).await?;
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
        let mut request = http::Request::builder().method("POST").uri(format!("https://{}/", server.address));
        for (name, value) in signed.headers.iter().filter(|(name, _)| name != "host") {
            let value = target.filter(|_| name == "x-amz-target").unwrap_or(value);
            request = request.header(name.as_str(), value);
        }
        client = client.ready().await.unwrap();
        let (response, mut body) = client.send_request(request.body(()).unwrap(), false).unwrap();
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
