//! Every route asks for a signature, and a signature is for exactly what it was made for.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use keyfold_kms::Clock;
use keyfold_kms::principals::{AccessKeyStatus, Identity, NewSession};
use keyfold_protocol::Timestamp;
use keyfold_protocol::operations::OperationName;
use keyfold_protocol::sigv4::{SecretAccessKey, Service, SessionToken};

use crate::harness::{JSON, Running, Signed};

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

/// A clock that tests set.
#[derive(Debug)]
struct SetClock(AtomicI64);

impl Clock for SetClock {
    fn now(&self) -> Timestamp {
        Timestamp::from_epoch_ms(self.0.load(Ordering::SeqCst))
    }
}

/// A role with all permissions, and a session of it.
async fn session(service: &keyfold_kms::Service, seconds: u32) -> NewSession {
    let (account, role) = (service.scope().account.clone(), "deploy".parse().unwrap());
    service.create_role(&account, &role).await.unwrap();
    let all = r#"{"Statement":{"Effect":"Allow","Action":"kms:*","Resource":"*"}}"#;
    let identity = Identity::Role { account: account.clone(), name: role.clone() };
    service.put_policy(&identity, &"all".parse().unwrap(), all).await.unwrap();
    service.create_session(&account, &role, &"nightly".parse().unwrap(), seconds).await.unwrap()
}

const FORM: (&str, &str) = ("content-type", "application/x-www-form-urlencoded");
const WHO: &str = "Action=GetCallerIdentity&Version=2011-06-15";

#[tokio::test]
async fn a_session_signs_with_its_token_and_with_no_other() {
    let server = Running::start(|_| {}).await;
    let made = session(&server.service, 900).await;
    let secret = SecretAccessKey::copied_from(made.secret.expose()).unwrap();
    let json = [("content-type", JSON), ("x-amz-target", "TrentService.ListKeys")];
    let signed = |token: Option<&SessionToken>| {
        server.signed_by((made.id.as_str(), &secret, token), &Service::KMS, &json, "{}")
    };
    let right = signed(Some(&made.token));
    assert_eq!(server.send(&right).await.status, 200);
    let identity =
        server.signed_by((made.id.as_str(), &secret, Some(&made.token)), &Service::STS, &[FORM], WHO);
    let answer = server.send(&identity).await;
    let role_id = server.service.list_roles(&server.service.scope().account).await.unwrap().remove(0).id;
    assert!(answer.body.contains(":assumed-role/deploy/nightly</Arn>"), "{answer:?}");
    assert!(answer.body.contains(&format!("<UserId>{role_id}:nightly</UserId>")), "{answer:?}");

    // Signed with the right key, and a token that is none, of another session, or of another store.
    let invalid = "The security token included in the request is invalid.";
    let (account, role) = (server.service.scope().account.clone(), "deploy".parse().unwrap());
    let other =
        server.service.create_session(&account, &role, &"weekly".parse().unwrap(), 900).await.unwrap();
    let elsewhere = Running::start(|_| {}).await;
    let foreign = session(&elsewhere.service, 900).await;
    let mut forged = made.token.expose().as_bytes().to_vec();
    forged[40] = if forged[40] == b'A' { b'B' } else { b'A' };
    let forged = SessionToken::copied_from(std::str::from_utf8(&forged).unwrap()).unwrap();
    let garbage = SessionToken::copied_from("garbage").unwrap();
    for token in [None, Some(&garbage), Some(&forged), Some(&other.token), Some(&foreign.token)] {
        let answer = server.send(&signed(token)).await;
        assert_eq!((answer.status, &*answer.error()), (400, "UnrecognizedClientException"), "{answer:?}");
        assert!(answer.body.contains(invalid), "{answer:?}");
    }
    let garbled = (made.id.as_str(), &secret, Some(&garbage));
    let answer = server.send(&server.signed_by(garbled, &Service::STS, &[FORM], WHO)).await;
    assert_eq!(answer.status, 403);
    assert!(answer.body.contains("<Code>InvalidClientTokenId</Code>"), "{answer:?}");
    // The right token with a wrong signature, and one that is not signed.
    let wrong = replaced(&right, "authorization", |old| {
        let (start, _) = old.rsplit_once('=').unwrap();
        format!("{start}={}", "0".repeat(64))
    });
    assert_eq!(server.send(&wrong).await.error(), "InvalidSignatureException");
    let unsigned = signed(None).and("x-amz-security-token", made.token.expose());
    assert_eq!(server.send(&unsigned).await.error(), "InvalidSignatureException");
    // A token where none belongs.
    let own = SecretAccessKey::copied_from(server.access_key.secret.expose()).unwrap();
    let with_token = (server.access_key.id.as_str(), &own, Some(&made.token));
    let answer = server.send(&server.signed_by(with_token, &Service::KMS, &json, "{}")).await;
    assert_eq!((answer.status, &*answer.error()), (400, "UnrecognizedClientException"), "{answer:?}");

    server.service.delete_role(&account, &role).await.unwrap();
    let answer = server.send(&right).await;
    assert_eq!(answer.error(), "UnrecognizedClientException", "the session ended with its role");
    assert!(elsewhere.stop().await && server.stop().await);
}

#[tokio::test]
async fn a_session_ends_to_the_millisecond() {
    let clock = Arc::new(SetClock(AtomicI64::new(1_700_000_000_123)));
    let server = Running::start_by(clock.clone(), |_| {}).await;
    let made = session(&server.service, 900).await;
    let secret = SecretAccessKey::copied_from(made.secret.expose()).unwrap();
    let credentials = (made.id.as_str(), &secret, Some(&made.token));
    let json = [("content-type", JSON), ("x-amz-target", "TrentService.ListKeys")];
    for (now_ms, expected) in [
        (made.expiration.epoch_ms() - 1, None),
        (made.expiration.epoch_ms(), Some("ExpiredTokenException")),
        (made.expiration.epoch_ms() + 86_400_000, Some("ExpiredTokenException")),
    ] {
        clock.0.store(now_ms, Ordering::SeqCst);
        let answer = server.send(&server.signed_by(credentials, &Service::KMS, &json, "{}")).await;
        assert_eq!(answer.error(), expected.unwrap_or_default(), "{now_ms}");
        assert_eq!(answer.status, if expected.is_none() { 200 } else { 400 });
        if expected.is_some() {
            assert!(
                answer.body.contains("The security token included in the request is expired"),
                "{answer:?}"
            );
        }
    }
    let answer = server.send(&server.signed_by(credentials, &Service::STS, &[FORM], WHO)).await;
    assert_eq!(answer.status, 403);
    assert!(answer.body.contains("<Code>ExpiredToken</Code>"), "{answer:?}");
    // That it is over is not told to who can't sign.
    let wrong = SecretAccessKey::copied_from(&[b'x'; 40]).unwrap();
    let forged = (made.id.as_str(), &wrong, Some(&made.token));
    let answer = server.send(&server.signed_by(forged, &Service::KMS, &json, "{}")).await;
    assert_eq!(answer.error(), "InvalidSignatureException");
    assert!(server.stop().await);
}
