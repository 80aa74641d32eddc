//! What is answered to requests of every shape.

use keyfold_protocol::sigv4::Service;

use crate::harness::{JSON, Running};

#[tokio::test]
async fn operations_and_their_errors() {
    let server = Running::start(|_| {}).await;
    let created = server.send(&server.signed("CreateKey", "{}")).await;
    assert_eq!(created.status, 200, "{created:?}");
    assert!(created.headers.contains("x-amzn-requestid: "), "{created:?}");
    assert!(created.headers.contains("content-type: application/x-amz-json-1.1"));
    assert!(created.body.contains("arn:aws:kms:us-east-1:"), "the Region is the signature's: {created:?}");

    let errors = [
        ("DescribeKey", r#"{"KeyId":"fake-key-id"}"#, "NotFoundException"),
        ("DescribeKey", "{}", "ValidationException"),
        ("DescribeKey", r#"{"KeyId":1}"#, "SerializationException"),
        ("DescribeKey", r#"{"KeyId":"a","KeyId":"b"}"#, "SerializationException"),
        ("DescribeKey", r#"{"KeyId":"a""#, "SerializationException"),
        ("DescribeKey", "", "SerializationException"),
        ("DescribeKey", "[]", "SerializationException"),
        ("Decrypt", r#"{"CiphertextBlob":"AAAA"}"#, "InvalidCiphertextException"),
        ("CreateCustomKeyStore", "{}", "UnsupportedOperationException"),
        ("Fly", "{}", "UnknownOperationException"),
    ];
    for (operation, body, error) in errors {
        let answer = server.send(&server.signed(operation, body)).await;
        assert_eq!((answer.status, answer.error().as_str()), (400, error), "{operation} {body}: {answer:?}");
    }
    let answer = server.send(&server.signed("Decrypt", r#"{"CiphertextBlob":"AAAA"}"#)).await;
    assert!(!answer.body.contains("message"), "AWS has no text for this one: {answer:?}");
    assert!(server.stop().await);
}

#[tokio::test]
async fn what_is_no_request_of_ours() {
    let server = Running::start(|_| {}).await;
    for (request, status) in [
        ("GET / HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n", 405),
        ("POST /x HTTP/1.1\r\nhost: x\r\nconnection: close\r\ncontent-length: 0\r\n\r\n", 404),
        ("POST /?a=b HTTP/1.1\r\nhost: x\r\nconnection: close\r\ncontent-length: 0\r\n\r\n", 404),
        ("POST / HTTP/1.1\r\nhost: x\r\nconnection: close\r\ncontent-length: 0\r\n\r\n", 400),
        ("POST / HTTP/1.1\r\nhost: x\r\ncontent-length: 1\r\ncontent-length: 2\r\n\r\nab", 400),
        ("nonsense\r\n\r\n", 400),
    ] {
        assert_eq!(server.raw(request.as_bytes()).await.status, status, "{request:?}");
    }
    let text = [("content-type", "text/plain"), ("x-amz-target", "TrentService.ListKeys")];
    assert_eq!(server.send(&server.signed_with(&Service::KMS, &text, "{}")).await.status, 415);
    assert!(server.stop().await);
}

#[tokio::test]
async fn who_the_caller_is() {
    let server = Running::start(|_| {}).await;
    let form = [("content-type", "application/x-www-form-urlencoded; charset=utf-8")];
    let body = "Action=GetCallerIdentity&Version=2011-06-15";
    let answer = server.send(&server.signed_with(&Service::STS, &form, body)).await;
    assert_eq!(answer.status, 200, "{answer:?}");
    assert!(answer.headers.contains("content-type: text/xml"));
    assert!(answer.body.contains("<Arn>arn:aws:iam::000000000000:root</Arn>"), "{answer:?}");

    let for_kms = server.send(&server.signed_with(&Service::KMS, &form, body)).await;
    assert_eq!(for_kms.status, 403, "{for_kms:?}");
    assert!(for_kms.body.contains("<Code>SignatureDoesNotMatch</Code>"), "{for_kms:?}");
    let other = server.send(&server.signed_with(&Service::STS, &form, "Action=AssumeRole&Version=1")).await;
    assert!(other.body.contains("<Code>InvalidAction</Code>"), "{other:?}");
    let target = [("content-type", JSON), ("x-amz-target", "TrentService.ListKeys")];
    let for_sts = server.send(&server.signed_with(&Service::STS, &target, "{}")).await;
    assert_eq!(for_sts.error(), "InvalidSignatureException", "a signature is for one service");
    assert!(server.stop().await);
}

#[tokio::test]
async fn health_and_metrics() {
    let server = Running::start(|_| {}).await;
    server.send(&server.signed("ListKeys", "{}")).await;
    for (path, status) in [("/healthz", 200), ("/readyz", 200), ("/metrics", 200), ("/", 404)] {
        assert_eq!(server.admin(path).await.status, status, "{path}");
    }
    let metrics = server.admin("/metrics").await.body;
    assert!(metrics.contains("keyfold_requests_total{operation=\"ListKeys\",outcome=\"OK\"} 1"), "{metrics}");
    assert!(server.stop().await);
}
