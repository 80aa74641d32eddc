//! Every route asks for a signature, and a signature is for exactly what it was made for.

use keyfold_kms::principals::AccessKeyStatus;
use keyfold_protocol::operations::OperationName;
use keyfold_protocol::sigv4::Service;

use crate::harness::{Running, Signed};

fn replaced(request: &Signed, name: &str, value: impl Fn(&str) -> String) -> Signed {
    let mut request = request.clone();
    for (found, old) in &mut request.headers {
        if found.eq_ignore_ascii_case(name) {
            *old = value(old);
        }
    }
    request
}

#[tokio::test]
async fn every_route_asks_for_a_signature() {
    let server = Running::start(|_| {}).await;
    let form = [("content-type", "application/x-www-form-urlencoded")];
    let mut requests: Vec<_> =
        OperationName::ALL.iter().map(|operation| server.signed(operation.as_str(), "{}")).collect();
    requests.push(server.signed("UpdatePrimaryRegion", "{}"));
    requests.push(server.signed_with(&Service::STS, &form, "Action=GetCallerIdentity&Version=2011-06-15"));
    for request in requests {
        let mut unsigned = request.clone();
        unsigned.headers.retain(|(name, _)| !name.eq_ignore_ascii_case("authorization"));
        let answer = server.send(&unsigned).await;
        assert!(answer.body.contains("MissingAuthenticationToken"), "{answer:?}");

        let wrong = replaced(&request, "authorization", |old| {
            let (start, _) = old.rsplit_once('=').unwrap();
            format!("{start}={}", "0".repeat(64))
        });
        let answer = server.send(&wrong).await;
        assert!(answer.body.contains("signature we calculated does not match"), "{answer:?}");
    }
    assert!(server.stop().await);
}

#[tokio::test]
async fn what_is_not_signed_does_not_count() {
    let server = Running::start(|_| {}).await;
    let signed = server.signed("DescribeKey", r#"{"KeyId":"alias/none"}"#);
    assert_eq!(server.send(&signed).await.error(), "NotFoundException");
    assert_eq!(server.send(&signed.clone().and("user-agent", "x")).await.error(), "NotFoundException");

    let changed = [
        replaced(&signed, "x-amz-target", |_| "TrentService.ScheduleKeyDeletion".to_owned()),
        signed.clone().and("x-amz-security-token", "x"),
        signed.clone().and("x-amz-meta", "x"),
        replaced(&signed, "host", |_| "elsewhere".to_owned()),
        Signed { body: r#"{"KeyId":"alias/nonf"}"#.to_owned(), ..signed.clone() },
    ];
    for (number, request) in changed.iter().enumerate() {
        assert_eq!(server.send(request).await.error(), "InvalidSignatureException", "{number}");
    }
    let twice = signed.clone().and("x-amz-target", "TrentService.ScheduleKeyDeletion");
    assert_eq!(server.send(&twice).await.error(), "UnknownOperationException");
    assert!(server.stop().await);
}

#[tokio::test]
async fn an_unknown_key_a_disabled_one_and_a_wrong_secret_look_alike() {
    let server = Running::start(|_| {}).await;
    let signed = server.signed("ListKeys", "{}");
    let id = server.access_key.id.as_str();
    let wrong = server
        .send(&replaced(&signed, "authorization", |old| {
            let (start, signature) = old.split_at(old.len() - 1);
            format!("{start}{}", if signature == "0" { "1" } else { "0" })
        }))
        .await;
    assert_eq!(wrong.error(), "InvalidSignatureException");
    for nobody in ["AKIAABCDEFGHIJKLMNOP", "nobody"] {
        let answer = server.send(&replaced(&signed, "authorization", |old| old.replace(id, nobody))).await;
        assert_eq!((answer.status, &answer.body), (wrong.status, &wrong.body), "{nobody}");
    }
    let service = &server.service;
    service.set_access_key_status(&server.access_key.id, AccessKeyStatus::Inactive).await.unwrap();
    let answer = server.send(&signed).await;
    assert_eq!((answer.status, &answer.body), (wrong.status, &wrong.body));
    assert!(server.stop().await);
}
