//! Each rule of the verifier: one fault, and exactly the refusal that it must meet.

use std::error::Error;

use keyfold_protocol::Timestamp;
use keyfold_protocol::sigv4::{
    ACCESS_KEY_ID_LEN_MAX, AUTHORIZATION_LEN_MAX, AuthError, AuthErrorKind, Body, CLOCK_SKEW_MAX_MS,
    Expected, HEADER_NAME_LEN_MAX, HEADERS_LEN_MAX, HEADERS_MAX, METHOD_LEN_MAX, PATH_LEN_MAX, QUERY_LEN_MAX,
    RequestParts, SESSION_TOKEN_LEN_MAX, SIGNED_HEADERS_MAX, Service, SignError, UnverifiedRequest, sign,
};

use crate::support::{Message, Owner, moment, plus_ms, verify};

const NOW: &str = "20240229T120000Z";
const REGION: &str = "eu-central-1";
const TOKEN: &str = "session/token+with=signs==";

fn owners() -> [Owner; 2] {
    [
        Owner::new("AKIDPERMANENT", "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY", None),
        Owner::new("ASIDSESSION", "another+secret/of+the+same/length/EXAMPLE", Some(TOKEN)),
    ]
}

fn unsigned() -> Message {
    let mut message = Message::new("POST", "/")
        .with("Host", "kms.local:8443")
        .with("Content-Type", "application/x-amz-json-1.1")
        .with("X-Amz-Target", "TrentService.DescribeKey")
        .with("Accept-Encoding", "identity");
    message.body = br#"{"KeyId":"alias/default"}"#.to_vec();
    message
}

/// A request that verifies at [`NOW`].
fn signed() -> Message {
    let mut message = unsigned();
    owners()[0].sign(&mut message, moment(NOW), REGION, &Service::KMS);
    message
}

fn signed_with_token() -> Message {
    let mut message = unsigned();
    owners()[1].sign(&mut message, moment(NOW), REGION, &Service::KMS);
    message
}

fn check(message: &Message) -> Result<(), AuthError> {
    verify(message, &Service::KMS, moment(NOW), &owners()).map(drop)
}

/// The refusal's name with what it holds, as in a log; `"accepted"` if there is none.
fn verdict(message: &Message) -> String {
    check(message).map_or_else(|error| error.detail().to_string(), |()| "accepted".into())
}

#[test]
fn the_request_that_everything_here_starts_from() {
    assert_eq!(verdict(&signed()), "accepted");
    assert_eq!(verdict(&signed_with_token()), "accepted");
}

#[test]
fn one_fault_one_refusal() {
    type Fault = fn(&mut Message);
    #[rustfmt::skip]
    let faults: &[(&str, Fault)] = &[
        // Not signed, or not this way.
        ("no Authorization header", |m| m.remove("authorization")),
        ("signed in the query string, which is not supported", |m| m.query = "X-Amz-Signature=00".into()),
        ("signed in the query string, which is not supported", |m| { m.remove("authorization"); m.query = "x-amz-algorithm=AWS4-HMAC-SHA256".into(); }),
        ("signed with another algorithm than AWS4-HMAC-SHA256", |m| m.edit_authorization("AWS4-HMAC-SHA256", "AWS4-HMAC-SHA1")),
        ("signed with another algorithm than AWS4-HMAC-SHA256", |m| m.edit_authorization("AWS4-HMAC-SHA256", "aws4-hmac-sha256")),
        ("signed with another algorithm than AWS4-HMAC-SHA256", |m| m.edit_authorization("AWS4-HMAC-SHA256", "AWS4-ECDSA-P256-SHA256")),
        ("signed with another algorithm than AWS4-HMAC-SHA256", |m| m.set("authorization", "Bearer abc")),
        ("signed with another algorithm than AWS4-HMAC-SHA256", |m| m.set("authorization", "")),
        // The Authorization header.
        ("no Credential in the Authorization header", |m| m.set("authorization", "AWS4-HMAC-SHA256")),
        ("no Credential in the Authorization header", |m| m.set("authorization", "AWS4-HMAC-SHA256 SignedHeaders=host, Signature=00")),
        ("no SignedHeaders in the Authorization header", |m| m.set("authorization", "AWS4-HMAC-SHA256 Credential=a/b/c/d/e, Signature=00")),
        ("no Signature in the Authorization header", |m| m.set("authorization", "AWS4-HMAC-SHA256 Credential=a/b/c/d/e, SignedHeaders=host")),
        ("more than one Signature in the Authorization header", |m| m.edit_authorization("Signature=", "Signature=00, Signature=")),
        ("more than one Credential in the Authorization header", |m| m.edit_authorization("Credential=", "Credential=a/b/c/d/e, Credential=")),
        ("malformed Authorization header", |m| m.edit_authorization("Credential=", "credential=")),
        ("malformed Authorization header", |m| m.edit_authorization("Credential=", "Extra=1, Credential=")),
        ("malformed Authorization header", |m| m.edit_authorization("Credential=", ", Credential=")),
        ("malformed Authorization header", |m| m.edit_authorization("Signature=", "Signature:")),
        ("malformed Authorization header", |m| { let i = m.find("authorization").unwrap(); m.headers[i].1.push(0xff); }),
        ("malformed Authorization header", |m| m.edit_authorization("Credential=", &format!("Credential={}", "A".repeat(AUTHORIZATION_LEN_MAX)))),
        // The credential and its scope.
        ("malformed Credential", |m| m.edit_authorization("/aws4_request", "")),
        ("malformed Credential", |m| m.edit_authorization("/aws4_request", "/aws4_request/")),
        ("malformed Credential", |m| m.edit_authorization("AKIDPERMANENT", "")),
        ("malformed Credential", |m| m.edit_authorization("AKIDPERMANENT", "AKID PERMANENT")),
        ("malformed Credential", |m| m.edit_authorization("AKIDPERMANENT", &"A".repeat(ACCESS_KEY_ID_LEN_MAX + 1))),
        ("malformed Credential", |m| m.edit_authorization("/20240229/", "/2024022/")),
        ("malformed Credential", |m| m.edit_authorization(REGION, "EU-central-1")),
        ("malformed Credential", |m| m.edit_authorization(REGION, "")),
        ("malformed Credential", |m| m.edit_authorization("/kms/", "/KMS/")),
        ("Credential does not end in aws4_request", |m| m.edit_authorization("aws4_request", "aws5_request")),
        ("Credential does not end in aws4_request", |m| m.edit_authorization("aws4_request", "AWS4_REQUEST")),
        ("Credential is not for kms", |m| m.edit_authorization("/kms/", "/sts/")),
        ("Credential is not for the day of 20240229T120000Z", |m| m.edit_authorization("/20240229/", "/20240228/")),
        ("Credential is not for the day of 20240229T120000Z", |m| m.edit_authorization("/20240229/", "/2024022x/")),
        ("unknown access key", |m| m.edit_authorization("AKIDPERMANENT", "AKIDNOBODY")),
        ("the signature does not match", |m| m.edit_authorization("AKIDPERMANENT", "ASIDSESSION")),
        ("the signature does not match", |m| m.edit_authorization(REGION, "eu-central-2")),
        // The time.
        ("no x-amz-date header", |m| m.remove("x-amz-date")),
        ("no x-amz-date header", |m| { m.remove("x-amz-date"); m.push("Date", "Thu, 29 Feb 2024 12:00:00 GMT"); }),
        ("malformed x-amz-date header", |m| m.set("x-amz-date", "2024-02-29T12:00:00Z")),
        ("malformed x-amz-date header", |m| m.set("x-amz-date", "20240230T120000Z")),
        ("malformed x-amz-date header", |m| m.set("x-amz-date", "")),
        ("the signature does not match", |m| m.set("x-amz-date", "20240229T120001Z")),
        // SignedHeaders.
        ("malformed SignedHeaders", |m| m.edit_authorization("content-type;host", "host;content-type")),
        ("malformed SignedHeaders", |m| m.edit_authorization(";host;", ";host;host;")),
        ("malformed SignedHeaders", |m| m.edit_authorization(";host;", ";Host;")),
        ("malformed SignedHeaders", |m| m.edit_authorization(";host;", ";;host;")),
        ("malformed SignedHeaders", |m| m.edit_authorization(";host;", "; host;")),
        ("malformed SignedHeaders", |m| m.edit_authorization("x-amz-target", "x-amz-target;")),
        ("malformed SignedHeaders", |m| m.edit_authorization("SignedHeaders=", "SignedHeaders=;")),
        ("header zzz is signed, but not there", |m| m.edit_authorization("x-amz-target", "x-amz-target;zzz")),
        ("header accept-encoding is signed, but not there", |m| m.remove("accept-encoding")),
        ("the signature does not match", |m| m.edit_authorization("accept-encoding;", "")),
        ("header host is not signed", |m| m.edit_authorization("host;", "")),
        ("header content-type is not signed", |m| m.edit_authorization("content-type;", "")),
        ("header x-amz-date is not signed", |m| m.edit_authorization("x-amz-date;", "")),
        ("header x-amz-target is not signed", |m| m.edit_authorization(";x-amz-target", "")),
        ("header x-amz-anything is not signed", |m| m.push("X-AMZ-Anything", "")),
        ("header x-amz-security-token is not signed", |m| m.push("x-amz-security-token", TOKEN)),
        ("no host header", |m| m.remove("host")),
        // What stands there twice.
        ("more than one header authorization", |m| { let value = m.get("authorization").unwrap().to_owned(); m.push("Authorization", &value); }),
        ("more than one header host", |m| m.push("HOST", "kms.local:8443")),
        ("more than one header content-type", |m| m.push("content-type", "application/x-amz-json-1.1")),
        ("more than one header x-amz-target", |m| m.push("x-amz-target", "TrentService.ScheduleKeyDeletion")),
        ("more than one header x-amz-date", |m| m.push("x-amz-date", NOW)),
        ("more than one header content-length", |m| { m.push("content-length", "25"); m.push("Content-Length", "25"); }),
        ("duplicate query parameter", |m| m.query = "a=1&%61=1".into()),
        // Limits and characters.
        ("malformed method", |m| m.method = "post".into()),
        ("malformed method", |m| m.method = String::new()),
        ("malformed method", |m| m.method = "A".repeat(METHOD_LEN_MAX + 1)),
        ("malformed path", |m| m.path = "*".into()),
        ("malformed path", |m| m.path = String::new()),
        ("malformed path", |m| m.path = format!("/{}", "a".repeat(PATH_LEN_MAX))),
        ("malformed query", |m| m.query = "a".repeat(QUERY_LEN_MAX + 1)),
        ("malformed query", |m| m.query = "a=1+1".into()),
        ("malformed header name", |m| m.push("x-amz-target ", "TrentService.ScheduleKeyDeletion")),
        ("malformed header name", |m| m.push("", "")),
        ("malformed header name", |m| m.push(":authority", "kms.local")),
        ("malformed header name", |m| m.push(&"a".repeat(HEADER_NAME_LEN_MAX + 1), "")),
        ("malformed value of header x-amz-target", |m| m.set("x-amz-target", "Trent\tService")),
        ("malformed value of header x-amz-target", |m| m.set("x-amz-target", "a\nx-amz-date:20240229T120000Z")),
        ("too many headers", |m| (0..HEADERS_MAX).for_each(|_| m.push("a", ""))),
        ("too many headers", |m| m.push("a", &"a".repeat(HEADERS_LEN_MAX))),
        // The body.
        ("the signature does not match", |m| m.body[2] ^= 1),
        ("the signature does not match", |m| m.body.clear()),
        ("header x-amz-content-sha256 is not signed", |m| m.push("x-amz-content-sha256", "605a7d82606483a1c46f52796fbe72b93a00108bdfd136c8e10b5d9b1c91a04d")),
        ("the body is not signed as a whole", |m| m.push("x-amz-content-sha256", "UNSIGNED-PAYLOAD")),
        ("the body is not signed as a whole", |m| m.push("x-amz-content-sha256", "STREAMING-AWS4-HMAC-SHA256-PAYLOAD")),
        ("the body is not signed as a whole", |m| m.push("x-amz-content-sha256", "STREAMING-UNSIGNED-PAYLOAD-TRAILER")),
        ("x-amz-content-sha256 is not the hash of the body", |m| m.push("x-amz-content-sha256", "")),
        ("x-amz-content-sha256 is not the hash of the body", |m| m.push("x-amz-content-sha256", &"0".repeat(64))),
        // The signature.
        ("malformed Signature", |m| m.edit_signature(|_| String::new())),
        ("malformed Signature", |m| m.edit_signature(|digits| digits[..62].into())),
        ("malformed Signature", |m| m.edit_signature(|digits| format!("{digits}00"))),
        ("malformed Signature", |m| m.edit_signature(str::to_uppercase)),
        ("malformed Signature", |m| m.edit_signature(|digits| format!("0x{}", &digits[2..]))),
        ("the signature does not match", |m| m.edit_signature(|_| "0".repeat(64))),
        ("the signature does not match", |m| m.edit_signature(|digits| digits.chars().rev().collect())),
        // What else is signed.
        ("the signature does not match", |m| m.method = "PUT".into()),
        ("the signature does not match", |m| m.path = "/x".into()),
        ("the signature does not match", |m| m.query = "a=".into()),
        ("the signature does not match", |m| m.set("x-amz-target", "TrentService.ScheduleKeyDeletion")),
    ];
    for (index, (expected, fault)) in faults.iter().enumerate() {
        let mut message = signed();
        fault(&mut message);
        assert_eq!(verdict(&message), *expected, "fault {index}: {message:?}");
    }
}

impl Message {
    fn edit_signature(&mut self, edit: impl FnOnce(&str) -> String) {
        let value = self.get("authorization").unwrap().to_owned();
        let (rest, digits) = value.rsplit_once("Signature=").unwrap();
        self.set("authorization", &format!("{rest}Signature={}", edit(digits)));
    }
}

#[test]
fn session_tokens_are_expected_or_refused() {
    let mut wrong = signed_with_token();
    wrong.set("x-amz-security-token", "another");
    assert_eq!(verdict(&wrong), "the signature does not match");
    let mut missing = signed_with_token();
    missing.remove("x-amz-security-token");
    assert_eq!(verdict(&missing), "header x-amz-security-token is signed, but not there");
    for malformed in ["", "two words", &"x".repeat(SESSION_TOKEN_LEN_MAX + 1)] {
        let mut message = signed_with_token();
        message.set("x-amz-security-token", malformed);
        assert_eq!(verdict(&message), "malformed value of header x-amz-security-token");
    }

    // Right signatures, and everything but the right token.
    let [permanent, session] = owners();
    let secret = "another+secret/of+the+same/length/EXAMPLE";
    let signers = [
        (Owner::new("ASIDSESSION", secret, None), "no session token where one is expected"),
        (Owner::new("ASIDSESSION", secret, Some("another")), "the session token does not match"),
        (Owner::new("ASIDSESSION", secret, Some(&TOKEN[1..])), "the session token does not match"),
        (Owner { token: session.token, ..permanent }, "a session token where none is expected"),
    ];
    for (signer, expected) in signers {
        let mut message = unsigned();
        signer.sign(&mut message, moment(NOW), REGION, &Service::KMS);
        let error = check(&message).unwrap_err();
        assert_eq!(error.detail().to_string(), expected);
        assert_eq!(error.kind(), AuthErrorKind::UnrecognizedClient);
        assert_eq!(error.message(), "The security token included in the request is invalid.");
        // And only who has the key learns that the token was at fault.
        message.body.push(b' ');
        assert_eq!(verdict(&message), "the signature does not match");
    }
}

#[test]
fn the_clock_may_be_five_minutes_off_and_no_more() {
    let skew = i64::try_from(CLOCK_SKEW_MAX_MS).unwrap();
    let at = |ms| verify(&signed(), &Service::KMS, plus_ms(moment(NOW), ms), &owners()).map(drop);
    for ms in [-skew, -skew + 1, -1, 0, 1, skew - 1, skew] {
        assert_eq!(at(ms), Ok(()), "{ms}");
    }
    let late = at(skew + 1).unwrap_err();
    assert_eq!(late.kind(), AuthErrorKind::InvalidSignature);
    assert_eq!(
        at(skew + 1000).unwrap_err().message(),
        "Signature expired: 20240229T120000Z is now earlier than 20240229T120001Z (20240229T120501Z - 5 min.)"
    );
    let early = at(-skew - 1).unwrap_err();
    assert_eq!(early.kind(), AuthErrorKind::InvalidSignature);
    assert_eq!(
        at(-skew - 1000).unwrap_err().message(),
        "Signature not yet current: 20240229T120000Z is still later than 20240229T115959Z (20240229T115459Z + 5 \
         min.)"
    );
    for ms in [i64::MIN, i64::MAX, 0] {
        let error = verify(&signed(), &Service::KMS, Timestamp::from_epoch_ms(ms), &owners()).unwrap_err();
        assert!(error.message().starts_with("Signature "), "{error}");
    }
}

/// A request signed at midnight is for the new day, whatever day the verifier's clock is in.
#[test]
fn midnight() {
    for (signed_at, ms) in [("20240301T000000Z", -1), ("20240229T235959Z", 1000)] {
        let mut message = unsigned();
        owners()[0].sign(&mut message, moment(signed_at), REGION, &Service::KMS);
        let now = plus_ms(moment(signed_at), ms);
        assert!(verify(&message, &Service::KMS, now, &owners()).is_ok());
    }
}

#[test]
fn a_caller_sees_one_answer_and_the_log_sees_why() {
    let mut unknown = signed();
    unknown.edit_authorization("AKIDPERMANENT", "AKIDNOBODY");
    let mut wrong = signed();
    wrong.edit_signature(|_| "0".repeat(64));
    let (unknown, wrong) = (check(&unknown).unwrap_err(), check(&wrong).unwrap_err());
    assert_ne!(unknown.detail(), wrong.detail());
    assert_eq!(unknown.to_string(), wrong.to_string());
    assert_eq!(
        wrong.to_string(),
        "InvalidSignatureException: The request signature we calculated does not match the signature you \
         provided. Check your AWS Secret Access Key and signing method. Consult the service documentation for \
         details."
    );
    assert_eq!(unknown.source().unwrap().to_string(), "unknown access key");

    let mut missing = signed();
    missing.remove("authorization");
    let missing = check(&missing).unwrap_err();
    assert_eq!(missing.to_string(), "MissingAuthenticationTokenException: Missing Authentication Token");
    assert!(AuthErrorKind::ALL.iter().all(|kind| kind.http_status() == 400));
}

#[test]
fn nothing_secret_prints() {
    let message = signed_with_token();
    message.with_parts(|parts| {
        let request = UnverifiedRequest::new(parts);
        let claims = request.claims(&Service::KMS, moment(NOW)).unwrap();
        assert_eq!(claims.session_token(), Some(TOKEN));
        let owner = &owners()[1];
        let key = owner.key(moment(NOW), REGION, &Service::KMS);
        let expected = Expected { key: &key, session_token: owner.token.as_ref() };
        let printed = format!("{request:?} {claims:?} {expected:?} {:?}", claims.verify(Some(expected)));
        let (_, signature) = message.get("authorization").unwrap().rsplit_once('=').unwrap();
        for secret in [TOKEN, signature, "alias/default"] {
            assert!(!printed.contains(secret), "{printed}");
        }
    });
}

/// A cache that mixes its keys up is no way in.
#[test]
fn a_key_verifies_for_its_owner_and_scope_alone() {
    let [owner, _] = owners();
    let twin = Owner::new("AKIDTWIN", "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY", None);
    signed().with_parts(|parts| {
        let claims = UnverifiedRequest::new(parts).claims(&Service::KMS, moment(NOW)).unwrap();
        let detail = |key: &_| {
            let expected = Expected { key, session_token: None };
            claims
                .verify(Some(expected))
                .map_or_else(|error| error.detail().to_string(), |_| "accepted".into())
        };
        assert_eq!(detail(&owner.key(moment(NOW), REGION, &Service::KMS)), "accepted");
        assert_eq!(
            detail(&twin.key(moment(NOW), REGION, &Service::KMS)),
            "verified with the key of another access key or scope"
        );
        for key in [
            owner.key(plus_ms(moment(NOW), 86_400_000), REGION, &Service::KMS),
            owner.key(moment(NOW), "eu-central-2", &Service::KMS),
            owner.key(moment(NOW), REGION, &Service::STS),
        ] {
            assert_eq!(detail(&key), "the signature does not match");
        }
    });
}

#[test]
fn a_body_may_come_as_its_hash() {
    let message = signed();
    let digest: [u8; 32] =
        keyfold_crypto::digest::Hash::Sha256.digest(&message.body).as_ref().try_into().unwrap();
    for (digest, is_right) in [(digest, true), ([0; 32], false)] {
        let verified = message.with_parts(|parts| {
            let parts = RequestParts { body: Body::Sha256(&digest), ..parts };
            let claims = UnverifiedRequest::new(parts).claims(&Service::KMS, moment(NOW)).unwrap();
            let key = owners()[0].key(moment(NOW), REGION, &Service::KMS);
            claims.verify(Some(Expected { key: &key, session_token: None })).is_ok()
        });
        assert_eq!(verified, is_right);
    }
}

#[test]
fn what_is_at_its_limit_is_accepted() {
    let sign = |mut message: Message| {
        owners()[0].sign(&mut message, moment(NOW), REGION, &Service::KMS);
        verdict(&message)
    };
    let mut message = unsigned();
    message.method = "A".repeat(METHOD_LEN_MAX);
    message.path = format!("/{}", "é".repeat((PATH_LEN_MAX - 1) / 2));
    message.query = "é".repeat(QUERY_LEN_MAX / 2);
    assert_eq!(sign(message), "accepted");

    // Signing adds two headers, of which one is signed.
    let mut message = unsigned();
    while message.headers.len() < SIGNED_HEADERS_MAX - 1 {
        message.push(&format!("h{}", message.headers.len()), "");
    }
    while message.headers.len() < HEADERS_MAX - 2 {
        message.push("user-agent", "");
    }
    assert_eq!(sign(message), "accepted");
}

#[test]
fn a_signer_does_not_sign_what_nobody_would_accept() {
    let owner = &owners()[0];
    let key = owner.key(moment(NOW), REGION, &Service::KMS);
    let refusal = |message: &Message| {
        message.with_parts(|parts| match sign(&parts, &key, None, moment(NOW)) {
            Err(SignError::Request(refusal)) => refusal.to_string(),
            other => panic!("{other:?}"),
        })
    };
    let mut without_host = unsigned();
    without_host.remove("host");
    assert_eq!(refusal(&without_host), "no host header");
    assert_eq!(refusal(&unsigned().with("Authorization", "x")), "more than one header authorization");
    assert_eq!(refusal(&signed()), "more than one header x-amz-date");
    assert_eq!(refusal(&unsigned().with("X-Amz-Date", NOW)), "more than one header x-amz-date");
    assert_eq!(
        refusal(&unsigned().with("x-amz-content-sha256", "UNSIGNED-PAYLOAD")),
        "the body is not signed as a whole"
    );
    assert_eq!(refusal(&unsigned().with("a", "\n")), "malformed value of header a");
    let mut many = unsigned();
    (0..SIGNED_HEADERS_MAX).for_each(|index| many.push(&format!("h{index}"), ""));
    assert_eq!(refusal(&many), "malformed SignedHeaders");

    let tomorrow = plus_ms(moment(NOW), 86_400_000);
    let result = unsigned().with_parts(|parts| sign(&parts, &key, None, tomorrow).map(drop));
    assert_eq!(result, Err(SignError::KeyOfAnotherDay));
}

#[test]
fn headers_that_change_on_the_way_are_not_signed() {
    let mut message =
        unsigned().with("User-Agent", "a").with("X-Amzn-Trace-Id", "b").with("Connection", "close");
    owners()[0].sign(&mut message, moment(NOW), REGION, &Service::KMS);
    for name in ["user-agent", "x-amzn-trace-id", "connection"] {
        message.set(name, "changed");
    }
    assert_eq!(verdict(&message), "accepted");
}
