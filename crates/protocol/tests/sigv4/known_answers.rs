//! Other signers' signatures: ours must be the same, and the verifier must take theirs.

use keyfold_protocol::sigv4::{AuthErrorKind, HeaderName, Refusal, Service};

use crate::support::{Message, Owner, moment, verify};

const AWS_SUITE: &str = include_str!("data/aws-suite.txt");
const BOTOCORE: &str = include_str!("data/botocore.txt");

struct Case<'a> {
    name: &'a str,
    fields: Vec<(&'a str, &'a str)>,
}

impl<'a> Case<'a> {
    fn parse_all(text: &'a str) -> Vec<Self> {
        let mut cases: Vec<Self> = Vec::new();
        for line in text.lines().filter(|line| !line.is_empty() && !line.starts_with('#')) {
            let (field, value) = line.split_once(' ').unwrap_or_else(|| panic!("{line}"));
            match field {
                "case" => cases.push(Self { name: value, fields: Vec::new() }),
                "key" | "secret" | "date" | "region" | "service" | "request" | "header" | "body"
                | "token" | "token-unsigned" | "signed" | "signature" | "path-rules" => {
                    cases.last_mut().unwrap().fields.push((field, value));
                }
                _ => panic!("{line}"),
            }
        }
        cases
    }

    fn all(&self, name: &str) -> impl Iterator<Item = &'a str> {
        self.fields.iter().filter(move |(field, _)| *field == name).map(|(_, value)| *value)
    }

    fn get(&self, name: &str) -> Option<&'a str> {
        self.all(name).next()
    }

    /// Whether the case came out as it says, signed and verified.
    fn run(&self) {
        let name = self.name;
        let now = moment(self.get("date").unwrap_or("20150830T123600Z"));
        let region = self.get("region").unwrap_or("us-east-1");
        let service: Service = self.get("service").unwrap_or("service").parse().unwrap();
        let secret = self.get("secret").unwrap_or("wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY");
        let owner = Owner::new(self.get("key").unwrap_or("AKIDEXAMPLE"), secret, self.get("token"));
        let (method, target) = self.get("request").unwrap().split_once(' ').unwrap();
        let (signed, signature) = (self.get("signed").unwrap(), self.get("signature").unwrap());

        let mut message = Message::new(method, target);
        for header in self.all("header") {
            let (name, value) = header.split_once(':').unwrap();
            message.push(name, value);
        }
        message.body = self.get("body").unwrap_or_default().into();

        // Ours. It signs all that it is given; other signers leave some out, and so must what it is given.
        let mut ours = message.clone();
        ours.headers.retain(|(name, _)| signed.split(';').any(|other| name.eq_ignore_ascii_case(other)));
        owner.sign(&mut ours, now, region, &service);
        let same = format!("SignedHeaders={signed}, Signature={signature}");
        let is_for_s3 = self.get("path-rules") == Some("s3");
        assert_eq!(ours.get("authorization").unwrap().ends_with(&same), !is_for_s3, "{name}: {ours:?}");
        verify(&ours, &service, now, std::slice::from_ref(&owner)).unwrap();

        // Theirs, with all the headers that they send.
        let mut theirs = message;
        for name in ["x-amz-date", "x-amz-security-token"] {
            if let Some(value) = ours.get(name) {
                theirs.push(name, value);
            }
        }
        let scope = format!("{}/{region}/{service}/aws4_request", &ours.get("x-amz-date").unwrap()[..8]);
        let authorization = format!("AWS4-HMAC-SHA256 Credential={}/{scope}, {same}", owner.id);
        theirs.push("Authorization", &authorization);
        let result = verify(&theirs, &service, now, std::slice::from_ref(&owner));
        if is_for_s3 {
            assert_eq!(result.unwrap_err().detail(), &Refusal::SignatureMismatch, "{name}");
        } else {
            let verified = result.unwrap_or_else(|error| panic!("{name}: {:?}", error.detail()));
            assert_eq!(verified.access_key_id(), &owner.id);
            assert_eq!(verified.region().as_str(), region);
            assert_eq!(verified.service(), &service);
            assert_eq!(verified.signed_at(), now);
        }
        if let Some(token) = self.get("token-unsigned") {
            theirs.push("X-Amz-Security-Token", token);
            let error = verify(&theirs, &service, now, std::slice::from_ref(&owner)).unwrap_err();
            let unsigned = |name: &HeaderName| name.as_str() == "x-amz-security-token";
            assert!(matches!(error.detail(), Refusal::UnsignedHeader(name) if unsigned(name)), "{name}");
            assert_eq!(error.kind(), AuthErrorKind::InvalidSignature);
        }
    }
}

#[test]
fn the_aws_signing_test_suite() {
    let cases = Case::parse_all(AWS_SUITE);
    assert_eq!(cases.len(), 40);
    assert_eq!(cases.iter().filter(|case| case.get("path-rules").is_some()).count(), 6);
    cases.iter().for_each(Case::run);
}

#[test]
fn requests_signed_by_botocore() {
    let cases = Case::parse_all(BOTOCORE);
    assert_eq!(cases.len(), 24);
    cases.iter().for_each(Case::run);
}
