//! Limits: each is reached, answered, and harms nobody else.

use std::sync::Arc;
use std::time::{Duration, Instant};

use keyfold_protocol::sigv4::Service;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use crate::gate::Gate;
use crate::harness::{Answer, Running};

#[tokio::test]
async fn sizes_are_judged_before_signatures() {
    let server = Running::start(|_| {}).await;
    let head = "POST / HTTP/1.1\r\nhost: x\r\ncontent-type: application/x-amz-json-1.1\r\n\
                x-amz-target: TrentService.ListKeys\r\nconnection: close\r\n";
    let post = |body: &str| format!("{head}content-length: {}\r\n\r\n{body}", body.len());
    // Announced is enough: nothing of it is read.
    let announced = format!("{head}content-length: 1048577\r\n\r\n");
    assert_eq!(server.raw(announced.as_bytes()).await.status, 413);
    let chunk = "x".repeat(64 * 1024);
    let chunked =
        format!("{head}transfer-encoding: chunked\r\n\r\n{}", format!("10000\r\n{chunk}\r\n").repeat(17));
    assert_eq!(server.raw(chunked.as_bytes()).await.status, 413);

    let nested = format!("{{\"a\":{}{}}}", "[".repeat(40), "]".repeat(40));
    let strings = format!("{{\"a\":[{}\"\"]}}", "\"\",".repeat(5000));
    for body in [nested, strings] {
        assert_eq!(server.raw(post(&body).as_bytes()).await.error(), "SerializationException");
    }
    let many: String = (0..70).map(|number| format!("x-h{number}: y\r\n")).collect();
    let answer = server.raw(format!("{head}{many}content-length: 2\r\n\r\n{{}}").as_bytes()).await;
    assert_eq!(answer.status, 431, "{answer:?}");
    let long = format!("{head}x-long: {}\r\ncontent-length: 2\r\n\r\n{{}}", "y".repeat(40_000));
    assert_eq!(server.raw(long.as_bytes()).await.status, 431);
    // And still it answers.
    assert_eq!(server.send(&server.signed("ListKeys", "{}")).await.status, 200);
    assert!(server.stop().await);
}

#[tokio::test]
async fn slow_clients_are_let_go() {
    let server = Running::start(|config| {
        config.limits.headers_ms_max = 300;
        config.limits.body_ms_max = 300;
    })
    .await;
    let head = "POST / HTTP/1.1\r\nhost: x\r\ncontent-type: application/x-amz-json-1.1\r\n\
                x-amz-target: TrentService.ListKeys\r\ncontent-length: 10\r\n\r\n{";
    let mut slow_body = TcpStream::connect(server.address).await.unwrap();
    slow_body.write_all(head.as_bytes()).await.unwrap();
    let mut slow_head = TcpStream::connect(server.address).await.unwrap();
    slow_head.write_all(b"POST / HTTP/1.1\r\nhost:").await.unwrap();
    let mut silent = TcpStream::connect(server.address).await.unwrap();
    // Others are served meanwhile.
    assert_eq!(server.send(&server.signed("ListKeys", "{}")).await.status, 200);

    let limit = Duration::from_secs(5);
    let mut answer = Vec::new();
    tokio::time::timeout(limit, slow_body.read_to_end(&mut answer)).await.unwrap().unwrap();
    assert_eq!(Answer::parse(&answer).status, 408, "{}", String::from_utf8_lossy(&answer));
    for stream in [&mut slow_head, &mut silent] {
        let mut rest = Vec::new();
        let closed = tokio::time::timeout(limit, stream.read_to_end(&mut rest)).await;
        assert!(closed.is_ok(), "not closed");
    }
    assert!(server.stop().await);
}

#[tokio::test]
async fn connections_are_counted() {
    let server = Running::start(|config| config.limits.connections_per_peer_max = 2).await;
    let _first = TcpStream::connect(server.address).await.unwrap();
    let second = TcpStream::connect(server.address).await.unwrap();
    tokio::time::sleep(Duration::from_millis(100)).await;
    let request = server.signed("ListKeys", "{}");
    assert_eq!(server.send(&request).await.status, 0, "closed without an answer");
    drop(second);
    tokio::time::sleep(Duration::from_millis(200)).await;
    assert_eq!(server.send(&request).await.status, 200);
    assert!(server.admin("/metrics").await.body.contains("keyfold_connections_refused_total 1"));
    drop(_first);
    assert!(server.stop().await);
}

#[tokio::test]
async fn an_account_that_asks_too_often_is_throttled() {
    let server = Running::start(|config| config.limits.rates.reading = 5).await;
    let request = server.signed("ListKeys", "{}");
    let mut throttled = None;
    for _ in 0..30 {
        let answer = server.send(&request).await;
        if answer.status != 200 {
            throttled = Some(answer);
            break;
        }
    }
    let answer = throttled.unwrap();
    assert_eq!((answer.status, answer.error().as_str()), (400, "ThrottlingException"));
    assert!(answer.body.contains("exceeded the rate at which you may call KMS"), "{answer:?}");
    let other_class = server.send(&server.signed("GenerateRandom", r#"{"NumberOfBytes":1}"#)).await;
    assert_eq!(other_class.status, 200, "{other_class:?}");
    assert!(server.stop().await);
}

#[tokio::test]
async fn stopping_waits_for_what_is_in_progress() {
    let server = Running::start(|_| {}).await;
    let request = server.signed("CreateKey", "{}").to_bytes();
    let (start, end) = request.split_at(request.len() - 1);
    let mut stream = TcpStream::connect(server.address).await.unwrap();
    stream.write_all(start.as_bytes()).await.unwrap();
    let idle = TcpStream::connect(server.address).await.unwrap();
    tokio::time::sleep(Duration::from_millis(200)).await;
    let address = server.address;
    let stopped = tokio::spawn(server.stop());
    tokio::time::sleep(Duration::from_millis(200)).await;
    assert!(TcpStream::connect(address).await.is_err(), "nothing new is taken");
    stream.write_all(end.as_bytes()).await.unwrap();
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).await.unwrap();
    assert_eq!(Answer::parse(&answer).status, 200);
    assert!(stopped.await.unwrap());
    drop(idle);
}

#[tokio::test]
async fn who_the_caller_is_waits_for_a_worker_like_every_operation() {
    let gate = Arc::new(Gate::default());
    let server = Arc::new(Running::start_gated(&gate, |config| config.limits.workers_max = 1).await);
    gate.set_closed(true);
    let sent = |request| {
        let server = Arc::clone(&server);
        tokio::spawn(async move { server.send(&request).await })
    };
    let held = sent(server.signed("CreateKey", "{}"));
    gate.somebody_waits().await;
    tokio::time::sleep(Duration::from_millis(300)).await;
    let form = [("content-type", "application/x-www-form-urlencoded; charset=utf-8")];
    let body = "Action=GetCallerIdentity&Version=2011-06-15";
    let asked = sent(server.signed_with(&Service::STS, &form, body));
    tokio::time::sleep(Duration::from_millis(500)).await;
    assert!(!asked.is_finished(), "the only worker is taken");
    gate.set_closed(false);
    assert_eq!((held.await.unwrap().status, asked.await.unwrap().status), (200, 200));
    assert!(Arc::into_inner(server).unwrap().stop().await);
}

#[tokio::test]
#[expect(clippy::disallowed_methods, reason = "measures time that passes")]
async fn asking_whether_it_is_ready_and_going_away_costs_no_more_than_a_commit_per_second() {
    let server = Running::start(|_| {}).await;
    assert_eq!(server.admin("/readyz").await.status, 200);
    let before = server.store_log_len();
    tokio::time::sleep(Duration::from_millis(1100)).await;
    assert_eq!(server.admin("/readyz").await.status, 200);
    let one = server.store_log_len() - before;
    assert!(one > 0, "a trial is a commit");
    let (before, start) = (server.store_log_len(), Instant::now());
    for _ in 0..100 {
        let mut client = TcpStream::connect(server.admin).await.unwrap();
        client.write_all(b"GET /readyz HTTP/1.1\r\nhost: x\r\n\r\n").await.unwrap();
        tokio::time::sleep(Duration::from_millis(1)).await;
        drop(client);
    }
    assert_eq!(server.admin("/readyz").await.status, 200);
    let trials = (server.store_log_len() - before) / one;
    assert!(trials <= start.elapsed().as_secs() + 1, "{trials}");
    assert!(server.stop().await);
}
