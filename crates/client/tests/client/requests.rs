//! Requests and answers: signatures, errors, tries, limits.

use std::error::Error as _;
use std::time::Duration;

use keyfold_client::{Answered, Background, Client, RequestError};
use keyfold_protocol::operations::{CreateKeyRequest, DescribeKeyRequest, EnableKeyRequest, EncryptRequest};
use keyfold_protocol::sigv4::{
    Body, Expected, Header, RequestParts, SecretAccessKey, Service, SessionToken, UnverifiedRequest, Verified,
};
use keyfold_protocol::{ErrorKind, KmsError, KmsExt as _, Timestamp};

use crate::harness::{ACCESS_KEY_ID, Asked, Fake, NOW_MS, Reply, SECRET, Settings};

const KEY: &str = r#"{"KeyMetadata":{"KeyId":"k"}}"#;

/// Verifies the signature of a request as a service does.
pub(crate) fn verified(
    asked: &Asked,
    service: &Service,
    secret: &str,
    token: Option<&str>,
    now_ms: i64,
) -> Option<Verified> {
    let headers: Vec<_> =
        asked.headers.iter().map(|(name, value)| Header::new(name.as_str(), value.as_bytes())).collect();
    let parts = RequestParts {
        method: &asked.method,
        path: &asked.path,
        query: "",
        headers: &headers,
        body: Body::Bytes(&asked.body),
    };
    let claims = UnverifiedRequest::new(parts).claims(service, Timestamp::from_epoch_ms(now_ms)).ok()?;
    let key = claims.derive_key(Some(&SecretAccessKey::copied_from(secret.as_bytes()).unwrap()));
    let token = token.map(|text| SessionToken::copied_from(text).unwrap());
    claims.verify(key.as_ref().map(|key| Expected { key, session_token: token.as_ref() })).ok()
}

async fn describe(client: &Client) -> Result<String, KmsError> {
    client.send(DescribeKeyRequest::new("alias/a")).await.map(|response| response.key_metadata.key_id)
}

fn request_error(error: &KmsError) -> &RequestError {
    assert_eq!(error.kind(), ErrorKind::Other, "{error}");
    error.source().unwrap().downcast_ref().unwrap()
}

#[tokio::test]
async fn a_request_is_signed_as_a_service_verifies_it() {
    let fake = Fake::new([Reply::ok(r#"{"CiphertextBlob":"aGk=","KeyId":"k"}"#)]).await;
    let client = Settings::usual().endpoint(&fake.url()).client();
    let plaintext = keyfold_crypto::SecretBytes::copied_from(b"hello");
    let response = client.send(EncryptRequest::new("alias/a", plaintext)).await.unwrap();
    assert_eq!(response.ciphertext_blob, b"hi");

    let [asked] = &fake.asked()[..] else { panic!("one request") };
    assert_eq!((asked.method.as_str(), asked.path.as_str()), ("POST", "/"));
    assert_eq!(asked.header("x-amz-target"), Some("TrentService.Encrypt"));
    assert_eq!(asked.header("content-type"), Some("application/x-amz-json-1.1"));
    assert_eq!(asked.text(), r#"{"KeyId":"alias/a","Plaintext":"aGVsbG8="}"#);
    assert!(asked.header("user-agent").unwrap().starts_with("keyfold/"));
    assert!(verified(asked, &Service::KMS, SECRET, None, NOW_MS).is_some());
    assert!(verified(asked, &Service::KMS, "another", None, NOW_MS).is_none());
    assert!(verified(asked, &Service::STS, SECRET, None, NOW_MS).is_none());
    let authorization = asked.header("authorization").unwrap();
    let expected = format!("Credential={ACCESS_KEY_ID}/20261122/eu-central-1/kms/aws4_request, ");
    assert!(authorization.contains(&expected), "{authorization}");
    assert!(
        authorization.contains("SignedHeaders=content-type;host;x-amz-date;x-amz-target,"),
        "{authorization}"
    );
}

#[tokio::test]
async fn an_endpoint_with_a_path_is_signed_with_it() {
    let fake = Fake::new([Reply::ok(KEY)]).await;
    let client = Settings::usual().endpoint(&format!("{}/some/place", fake.url())).client();
    describe(&client).await.unwrap();
    assert_eq!(fake.asked()[0].path, "/some/place");
    assert!(verified(&fake.asked()[0], &Service::KMS, SECRET, None, NOW_MS).is_some());
}

#[tokio::test]
async fn the_arn_of_a_key_decides_the_region() {
    let fake = Fake::new([Reply::ok(KEY), Reply::ok(KEY)]).await;
    let client = Settings::usual().endpoint(&fake.url()).client();
    let arn = "arn:aws:kms:us-west-2:111122223333:key/1234abcd-12ab-34cd-56ef-1234567890ab";
    client.send(DescribeKeyRequest::new(arn)).await.unwrap();
    client.send(CreateKeyRequest::new()).await.unwrap();
    let regions: Vec<_> = fake
        .asked()
        .iter()
        .map(|asked| verified(asked, &Service::KMS, SECRET, None, NOW_MS).unwrap().region().to_string())
        .collect();
    assert_eq!(regions, ["us-west-2", "eu-central-1"]);
}

#[tokio::test]
async fn an_operation_that_answers_nothing_may_have_an_empty_body() {
    let fake = Fake::new([Reply::ok(""), Reply::ok("{}"), Reply::ok("null\n"), Reply::ok("")]).await;
    let client = Settings::usual().endpoint(&fake.url()).client();
    for _ in 0..3 {
        client.send(EnableKeyRequest::new("k")).await.unwrap();
    }
    assert!(matches!(request_error(&describe(&client).await.unwrap_err()), RequestError::Answer { .. }));
}

#[tokio::test]
async fn connections_are_used_again() {
    let fake = Fake::new([Reply::ok(KEY), Reply::ok(KEY), Reply::ok(KEY)]).await;
    let client = Settings::usual().endpoint(&fake.url()).client();
    for _ in 0..3 {
        describe(&client).await.unwrap();
    }
    assert_eq!(fake.connections(), 1);
}

#[tokio::test]
async fn errors_keep_name_text_status_and_request_id() {
    let fake = Fake::new([
        Reply::status(400, r#"{"__type":"NotFoundException","message":"Invalid keyId 'x'"}"#)
            .with("x-amzn-requestid", "r-1"),
        Reply::status(400, r#"{"__type":"com.amazonaws.kms#DisabledException","Message":"off"}"#),
        Reply::status(400, "").with("x-amzn-errortype", "InvalidCiphertextException:http://x/"),
        Reply::status(403, r#"{"__type":"UnrecognizedClientException","message":"The security token …"}"#),
    ])
    .await;
    let client = Settings::usual().endpoint(&fake.url()).client();
    let error = describe(&client).await.unwrap_err();
    assert_eq!((error.kind(), error.message()), (ErrorKind::NotFound, Some("Invalid keyId 'x'")));
    let answered: &Answered = error.source().unwrap().downcast_ref().unwrap();
    assert_eq!((answered.status, answered.request_id.as_deref()), (400, Some("r-1")));
    assert_eq!(answered.to_string(), "HTTP status 400, request r-1");
    assert_eq!(describe(&client).await.unwrap_err().to_string(), "DisabledException: off");
    let error = describe(&client).await.unwrap_err();
    assert_eq!((error.kind(), error.message()), (ErrorKind::InvalidCiphertext, None));
    let error = describe(&client).await.unwrap_err();
    assert_eq!((error.kind(), error.name()), (ErrorKind::Other, Some("UnrecognizedClientException")));
    assert_eq!(error.to_string(), "UnrecognizedClientException: The security token …");
    assert_eq!(fake.asked().len(), 4, "none of them was tried again");
}

#[tokio::test]
async fn what_passes_is_tried_again() {
    let throttled = || Reply::status(400, r#"{"__type":"ThrottlingException","message":"slow"}"#);
    let broken = || Reply::status(500, r#"{"__type":"KMSInternalException"}"#);
    for script in [
        vec![throttled(), Reply::ok(KEY)],
        vec![broken(), throttled(), Reply::ok(KEY)],
        vec![Reply::status(503, "<html>"), Reply::ok(KEY)],
        vec![Reply::Close, Reply::Close, Reply::ok(KEY)],
    ] {
        let tries = script.len();
        let fake = Fake::new(script).await;
        let client = Settings::usual().endpoint(&fake.url()).client();
        assert_eq!(describe(&client).await.unwrap(), "k");
        assert_eq!(fake.asked().len(), tries);
        let dates: Vec<_> =
            fake.asked().iter().map(|it| it.header("x-amz-date").map(str::to_owned)).collect();
        assert!(dates.iter().all(Option::is_some), "each try is signed");
    }
}

#[tokio::test]
async fn after_three_attempts_the_last_error_stands() {
    let replies = (1..=4)
        .map(|n| Reply::status(500, format!(r#"{{"__type":"KMSInternalException","message":"{n}"}}"#)));
    let fake = Fake::new(replies).await;
    let client = Settings::usual().endpoint(&fake.url()).client();
    assert_eq!(describe(&client).await.unwrap_err().to_string(), "KMSInternalException: 3");
    assert_eq!(fake.asked().len(), 3);
}

#[tokio::test]
async fn a_used_up_quota_is_final() {
    let fake =
        Fake::new([Reply::status(400, r#"{"__type":"LimitExceededException","message":"full"}"#)]).await;
    let client = Settings::usual().endpoint(&fake.url()).client();
    assert_eq!(describe(&client).await.unwrap_err().kind(), ErrorKind::LimitExceeded);
    assert_eq!(fake.asked().len(), 1);
}

#[tokio::test]
async fn a_service_that_says_nothing_is_given_up() {
    let fake = Fake::new([Reply::Hang, Reply::Hang, Reply::Hang]).await;
    let settings = Settings::usual().endpoint(&fake.url());
    let config =
        settings.config().unwrap().retry_base(Duration::ZERO).attempt_timeout(Duration::from_millis(200));
    let client = Client::new(config, std::sync::Arc::new(crate::harness::FixedClock)).unwrap();
    let error = describe(&client).await.unwrap_err();
    assert!(matches!(request_error(&error), RequestError::Timeout { timeout_ms: 200, .. }), "{error:?}");
    assert_eq!(error.to_string(), format!("no answer from {} within 200 ms", fake.url()));
}

#[tokio::test]
async fn nobody_at_the_port() {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    drop(listener);
    let client = Settings::usual().endpoint(&url).client();
    let error = describe(&client).await.unwrap_err();
    assert!(matches!(request_error(&error), RequestError::Connect { .. }), "{error:?}");
    assert_eq!(error.to_string(), format!("can't connect to {url}: connection refused"));
}

#[tokio::test]
async fn an_answer_that_is_too_long_is_not_read() {
    let fake = Fake::new([Reply::ok(vec![b' '; 2 * 1024 * 1024 + 1])]).await;
    let client = Settings::usual().endpoint(&fake.url()).client();
    let error = describe(&client).await.unwrap_err();
    assert!(matches!(request_error(&error), RequestError::TooLong { .. }), "{error:?}");
    assert_eq!(fake.asked().len(), 1);
}

#[tokio::test]
async fn an_answer_of_something_else_is_no_answer_and_repeats_nothing_of_it() {
    for (reply, tries) in [
        (Reply::ok("<html>SECRET</html>"), 1),
        (Reply::ok(r#"{"KeyMetadata":"SECRET"}"#), 1),
        (Reply::ok(r#"["SECRET"]"#), 1),
        (Reply::status(404, "SECRET"), 1),
        (Reply::status(301, "").with("location", "http://SECRET/"), 1),
        (Reply::status(502, r#"{"__type":"SECRET with\u001b[31m blanks"}"#), 3),
    ] {
        let fake = Fake::new(vec![reply; 3]).await;
        let client = Settings::usual().endpoint(&fake.url()).client();
        let error = describe(&client).await.unwrap_err();
        assert!(matches!(request_error(&error), RequestError::Answer { .. }), "{error:?}");
        assert!(!format!("{error:?} {error}").contains("SECRET"), "{error:?}");
        assert_eq!(fake.asked().len(), tries);
    }
}

#[tokio::test]
async fn a_refusal_for_its_time_is_signed_again_by_the_clock_of_the_service() {
    let expired = || {
        Reply::status(400, r#"{"__type":"InvalidSignatureException","message":"Signature expired"}"#)
            .with("date", "Sun, 22 Nov 2026 14:00:00 GMT")
    };
    let fake = Fake::new([expired(), Reply::ok(KEY), Reply::ok(KEY)]).await;
    let client = Settings::usual().endpoint(&fake.url()).client();
    describe(&client).await.unwrap();
    describe(&client).await.unwrap();
    let dates: Vec<_> = fake.asked().iter().map(|it| it.header("x-amz-date").unwrap().to_owned()).collect();
    assert_eq!(dates, ["20261122T120000Z", "20261122T140000Z", "20261122T140000Z"]);

    // The same refusal while the clocks agree is what it says.
    let fake = Fake::new([Reply::status(400, r#"{"__type":"InvalidSignatureException","message":"wrong"}"#)
        .with("date", "Sun, 22 Nov 2026 12:00:30 GMT")])
    .await;
    let client = Settings::usual().endpoint(&fake.url()).client();
    assert_eq!(describe(&client).await.unwrap_err().name(), Some("InvalidSignatureException"));
    assert_eq!(fake.asked().len(), 1);
}

#[test]
fn without_a_runtime_it_runs_in_the_background() {
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let fake = runtime.block_on(Fake::new([Reply::ok(KEY)]));
    let background = Background::new(Settings::usual().endpoint(&fake.url()).client()).unwrap();
    let response = pollster::block_on(background.send(DescribeKeyRequest::new("alias/a"))).unwrap();
    assert_eq!(response.key_metadata.key_id, "k");
}

#[test]
fn secrets_do_not_print() {
    let settings = Settings::usual().set("AWS_SESSION_TOKEN", "hunter2");
    let printed =
        format!("{:?} {:?} {:?}", settings.environment(), settings.config().unwrap(), settings.client());
    assert!(!printed.contains(SECRET) && !printed.contains("hunter2"), "{printed}");
}
