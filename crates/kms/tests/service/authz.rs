//! Who may do what: principals, key policies and user policies against operations.

use std::fmt::Write as _;

use keyfold_kms::principals::{Identity, RoleName, UserName};
use keyfold_kms::{Caller, Principal};
use keyfold_protocol::operations::{
    CreateAliasRequest, CreateKeyRequest, DecryptRequest, DescribeKeyRequest, EncryptRequest,
    GenerateRandomRequest, GetKeyPolicyRequest, ListAliasesRequest, ListKeyPoliciesRequest, ListKeysRequest,
    Operation, PutKeyPolicyRequest, ReEncryptRequest, Request, Tag,
};
use keyfold_protocol::{AccountId, ErrorKind, KmsError};
use pollster::block_on;

use crate::harness::{Home, KEY_ARN_PREFIX, NO_KEY, arn, secret, violation};

pub(crate) const OWN: &str = "000000000000";
pub(crate) const OTHER: &str = "111122223333";
const ALICE: &str = "arn:aws:iam::000000000000:user/alice";
const OWN_ROOT: &str = "arn:aws:iam::000000000000:root";

pub(crate) fn root(account: &str) -> Principal {
    Principal::AccountRoot(account.parse().unwrap())
}

pub(crate) fn user(account: &str, name: &str) -> Principal {
    Principal::User { account: account.parse().unwrap(), name: name.parse().unwrap() }
}

/// Adds a user with one policy, if it is given.
pub(crate) fn add_user(home: &Home, account: &str, name: &str, policy: Option<&str>) -> Principal {
    let (account, name): (AccountId, UserName) = (account.parse().unwrap(), name.parse().unwrap());
    let service = home.kms.service();
    block_on(service.create_user(&account, &name)).unwrap();
    if let Some(policy) = policy {
        let identity = Identity::User { account: account.clone(), name: name.clone() };
        block_on(service.put_policy(&identity, &"p".parse().unwrap(), policy)).unwrap();
    }
    Principal::User { account, name }
}

/// Adds a role with one policy, if it is given. A session of it.
pub(crate) fn add_role(home: &Home, account: &str, name: &str, policy: Option<&str>) -> Principal {
    let (account, name): (AccountId, RoleName) = (account.parse().unwrap(), name.parse().unwrap());
    let service = home.kms.service();
    block_on(service.create_role(&account, &name)).unwrap();
    if let Some(policy) = policy {
        let role = Identity::Role { account: account.clone(), name: name.clone() };
        block_on(service.put_policy(&role, &"p".parse().unwrap(), policy)).unwrap();
    }
    session(home, account.as_str(), name.as_str(), "nightly")
}

pub(crate) fn session(home: &Home, account: &str, role: &str, session: &str) -> Principal {
    let (account, role, session) =
        (account.parse().unwrap(), role.parse().unwrap(), session.parse().unwrap());
    block_on(home.kms.service().create_session(&account, &role, &session, 900)).unwrap().principal
}

fn call(home: &Home, principal: &Principal, region: &str, request: Request) -> Result<(), KmsError> {
    let caller = Caller::new(principal.clone(), region.parse().unwrap());
    block_on(home.kms.service().call_as(&caller, request)).map(drop)
}

fn send_in<O: Operation>(
    home: &Home,
    principal: &Principal,
    region: &str,
    request: O,
) -> Result<O::Output, KmsError> {
    let caller = Caller::new(principal.clone(), region.parse().unwrap());
    let response = block_on(home.kms.service().call_as(&caller, request.into()))?;
    Ok(O::Output::try_from(response).unwrap())
}

pub(crate) fn send<O: Operation>(
    home: &Home,
    principal: &Principal,
    request: O,
) -> Result<O::Output, KmsError> {
    send_in(home, principal, "local", request)
}

pub(crate) fn refusal<T>(result: Result<T, KmsError>) -> (ErrorKind, String) {
    let Err(error) = result else { panic!("it succeeded") };
    (error.kind(), error.message().unwrap_or_default().to_owned())
}

fn put_policy(key_id: &str, policy: &str) -> PutKeyPolicyRequest {
    PutKeyPolicyRequest::new(key_id, policy)
}

pub(crate) fn put_policy_unchecked(key_id: &str, policy: &str) -> PutKeyPolicyRequest {
    let mut request = put_policy(key_id, policy);
    request.bypass_policy_lockout_safety_check = Some(true);
    request
}

pub(crate) fn identity(statements: &str) -> String {
    format!(r#"{{"Version":"2012-10-17","Statement":[{statements}]}}"#)
}

pub(crate) const ALLOW_ALL: &str = r#"{"Effect":"Allow","Action":"kms:*","Resource":"*"}"#;

pub(crate) fn allow(principal: &str, action: &str) -> String {
    format!(r#"{{"Effect":"Allow","Principal":{{"AWS":"{principal}"}},"Action":"{action}","Resource":"*"}}"#)
}

pub(crate) fn deny(principal: &str, action: &str) -> String {
    format!(r#"{{"Effect":"Deny","Principal":{{"AWS":"{principal}"}},"Action":"{action}","Resource":"*"}}"#)
}

pub(crate) fn policy(statements: &[&str]) -> String {
    format!(r#"{{"Version":"2012-10-17","Statement":[{}]}}"#, statements.join(","))
}

#[test]
fn every_principal_under_every_policy_may_do_what_is_recorded() {
    let home = Home::new();
    block_on(home.kms.service().create_account(&OTHER.parse().unwrap())).unwrap();
    let all = identity(ALLOW_ALL);
    let principals = [
        ("root", root(OWN)),
        ("alice, allowed all", add_user(&home, OWN, "alice", Some(&all))),
        ("bob, no policy", add_user(&home, OWN, "bob", None)),
        (
            "carol, allowed all, denied Decrypt and ListKeys",
            add_user(
                &home,
                OWN,
                "carol",
                Some(&identity(&format!(
                    r#"{ALLOW_ALL},{{"Effect":"Deny","Action":["kms:Decrypt","kms:listkeys"],"Resource":"*"}}"#
                ))),
            ),
        ),
        (
            "dave, allowed Describe* on keys",
            add_user(
                &home,
                OWN,
                "dave",
                Some(&identity(
                    r#"{"Effect":"Allow","Action":"kms:Describe*","Resource":"arn:aws:kms:*:000000000000:key/*"}"#,
                )),
            ),
        ),
        ("session of the role job, allowed all", add_role(&home, OWN, "job", Some(&all))),
        ("session of the role idle, no policy", add_role(&home, OWN, "idle", None)),
        ("nobody, of this account", user(OWN, "nobody")),
        ("root of another account", root(OTHER)),
        ("alice of another account, allowed all", add_user(&home, OTHER, "alice", Some(&all))),
        ("bob of another account, no policy", add_user(&home, OTHER, "bob", None)),
        ("session of another account, allowed all", add_role(&home, OTHER, "job", Some(&all))),
        ("root of no account", root("999999999999")),
        ("user of no account", user("999999999999", "alice")),
    ];
    let policies = [
        ("default policy", None),
        ("all to alice", Some(policy(&[&allow(ALICE, "kms:*")]))),
        ("all to alice and bob, Encrypt denied to alice", {
            let bob = allow("arn:aws:iam::000000000000:user/bob", "kms:*");
            Some(policy(&[&allow(ALICE, "kms:*"), &bob, &deny(ALICE, "kms:Encrypt")]))
        }),
        ("Encrypt to everybody", Some(policy(&[&allow("*", "kms:Encrypt")]))),
        ("Describe* to the account", Some(policy(&[&allow(OWN, "kms:Describe*")]))),
        ("all to the account, Decrypt denied to the account", {
            Some(policy(&[&allow(OWN_ROOT, "kms:*"), &deny(OWN_ROOT, "kms:Decrypt")]))
        }),
        ("all to the account, all denied to everybody", {
            Some(policy(&[&allow(OWN_ROOT, "kms:*"), &deny("*", "*")]))
        }),
        ("all of another service", Some(policy(&[&allow("*", "s3:*")]))),
        ("all to the role idle", Some(policy(&[&allow("arn:aws:iam::000000000000:role/idle", "kms:*")]))),
        ("all to another account", Some(policy(&[&allow(OTHER, "kms:*")]))),
        (
            "all to another account and to this one, Decrypt denied to the other",
            Some(policy(&[&allow(OTHER, "kms:*"), &allow(OWN, "kms:*"), &deny(OTHER, "kms:Decrypt")])),
        ),
        (
            "all to bob and the role job of another account",
            Some(policy(&[
                &allow("arn:aws:iam::111122223333:user/bob", "kms:*"),
                &allow("arn:aws:iam::111122223333:role/job", "kms:*"),
            ])),
        ),
    ];
    let mut matrix = String::new();
    for (policy_name, document) in &policies {
        let key_id = home.create_key();
        let blob = home.encrypt(&key_id, b"x");
        let name = format!("alias/{key_id}");
        home.ok(CreateAliasRequest::new(&*name, &*key_id));
        if let Some(document) = document {
            home.ok(put_policy_unchecked(&key_id, document));
        }
        for (who, principal) in &principals {
            let id = arn(&key_id);
            let requests: [Request; 6] = [
                DescribeKeyRequest::new(&*id).into(),
                EncryptRequest::new(&*id, secret(b"x")).into(),
                DecryptRequest::new(&*blob).into(),
                ReEncryptRequest::new(&*blob, &*id).into(),
                CreateAliasRequest::new(&*name, &*id).into(),
                // If it is allowed, this is what it answers.
                put_policy(&id, "no policy").into(),
            ];
            for request in requests {
                let operation = request.operation();
                let outcome = match call(&home, principal, "local", request) {
                    Ok(()) => "allowed".to_owned(),
                    Err(error) => match error.kind() {
                        ErrorKind::AlreadyExists | ErrorKind::MalformedPolicyDocument => "allowed".to_owned(),
                        ErrorKind::AccessDenied => reason(error.message().unwrap()).to_owned(),
                        kind => kind.to_string(),
                    },
                };
                writeln!(matrix, "{policy_name} | {who} | {operation}: {outcome}").unwrap();
            }
        }
    }
    for (who, principal) in &principals {
        let mut random = GenerateRandomRequest::new();
        random.number_of_bytes = Some(1);
        let requests: [Request; 4] = [
            CreateKeyRequest::new().into(),
            random.into(),
            ListAliasesRequest::new().into(),
            ListKeysRequest::new().into(),
        ];
        for request in requests {
            let operation = request.operation();
            let outcome = match call(&home, principal, "local", request) {
                Ok(()) => "allowed".to_owned(),
                Err(error) => reason(error.message().unwrap()).to_owned(),
            };
            writeln!(matrix, "no key | {who} | {operation}: {outcome}").unwrap();
        }
    }
    let recorded = include_str!("../snapshots/authorisation.txt");
    assert!(
        matrix == recorded,
        "the matrix has changed; if that is meant, this is the new snapshot:\n{matrix}"
    );
}

/// Why an access was refused, from its message.
fn reason(message: &str) -> &str {
    match message {
        text if text.contains("with an explicit deny in a resource-based") => "denied by the key policy",
        text if text.contains("with an explicit deny in an identity-based") => "denied by a user policy",
        text if text.contains("the resource does not exist in this Region, no") => "not there or not allowed",
        text if text.contains("no resource-based policy") => "not allowed by the key policy",
        text if text.contains("no identity-based policy") => "not allowed by a user policy",
        text if text.starts_with("The ciphertext refers to") => "no such key behind the ciphertext",
        text => text,
    }
}

#[test]
fn the_texts_of_refusals() {
    let home = Home::new();
    let alice = add_user(&home, OWN, "alice", None);
    let key_id = home.create_key();
    let describe = || send(&home, &alice, DescribeKeyRequest::new(&*key_id));
    let start = format!(
        "User: {ALICE} is not authorized to perform: kms:DescribeKey on resource: {KEY_ARN_PREFIX}{key_id}"
    );
    let because = |what: &str| format!("{start} because no {what} policy allows the kms:DescribeKey action");
    assert_eq!(refusal(describe()), (ErrorKind::AccessDenied, because("identity-based")));
    home.ok(put_policy_unchecked(&key_id, &policy(&[&allow(ALICE, "kms:Encrypt")])));
    assert_eq!(refusal(describe()), (ErrorKind::AccessDenied, because("resource-based")));
    let key_id_2 = home.create_key();
    home.ok(put_policy_unchecked(&key_id_2, &policy(&[&deny(ALICE, "kms:*")])));
    let (kind, message) = refusal(send(&home, &alice, DescribeKeyRequest::new(&*key_id_2)));
    assert_eq!(kind, ErrorKind::AccessDenied);
    assert!(message.ends_with(" with an explicit deny in a resource-based policy"), "{message}");
    let (_, message) = refusal(send(&home, &alice, CreateKeyRequest::new()));
    assert_eq!(
        message,
        format!(
            "User: {ALICE} is not authorized to perform: kms:CreateKey on resource: * because no identity-based \
             policy allows the kms:CreateKey action"
        )
    );
}

#[test]
fn accounts_and_regions_have_keys_of_their_own() {
    let home = Home::new();
    block_on(home.kms.service().create_account(&OTHER.parse().unwrap())).unwrap();
    let (own, other) = (root(OWN), root(OTHER));
    let key = |principal: &Principal, region: &str| {
        send_in(&home, principal, region, CreateKeyRequest::new()).unwrap().key_metadata
    };
    let (own_key, other_key) = (key(&own, "eu-central-1"), key(&other, "eu-central-1"));
    let other_arn = other_key.arn.unwrap();
    assert_eq!(other_arn, format!("arn:aws:kms:eu-central-1:{OTHER}:key/{}", other_key.key_id));
    key(&other, "us-east-1");
    for (principal, region, count) in
        [(&own, "eu-central-1", 1), (&other, "eu-central-1", 1), (&other, "us-east-1", 1), (&own, "local", 0)]
    {
        let listed = send_in(&home, principal, region, ListKeysRequest::new()).unwrap();
        assert_eq!(listed.keys.len(), count, "{region}");
    }
    // The same alias in each.
    for (principal, key_id) in [(&own, &own_key.key_id), (&other, &other_key.key_id)] {
        let request = CreateAliasRequest::new("alias/app", &**key_id);
        send_in(&home, principal, "eu-central-1", request).unwrap();
        let described = send_in(&home, principal, "eu-central-1", DescribeKeyRequest::new("alias/app"));
        assert_eq!(&described.unwrap().key_metadata.key_id, key_id);
    }
    // What one account has, the other has not, by whatever name and with whatever ciphertext.
    let encrypt = EncryptRequest::new(&*other_arn, secret(b"x"));
    let blob = send_in(&home, &other, "eu-central-1", encrypt).unwrap().ciphertext_blob;
    let not_there = (
        ErrorKind::AccessDenied,
        format!(
            "User: {OWN_ROOT} is not authorized to perform: kms:DescribeKey on resource: {other_arn} because the \
             resource does not exist in this Region, no resource-based policies allow access, or a resource-based \
             policy explicitly denies access"
        ),
    );
    let by_arn = send_in(&home, &own, "eu-central-1", DescribeKeyRequest::new(&*other_arn));
    assert_eq!(refusal(by_arn), not_there);
    let own_name = format!("arn:aws:kms:eu-central-1:{OWN}:key/{}", other_key.key_id);
    assert_eq!(
        refusal(send_in(&home, &own, "eu-central-1", DescribeKeyRequest::new(&*other_key.key_id))),
        (ErrorKind::NotFound, format!("Key '{own_name}' does not exist"))
    );
    let decrypt = || DecryptRequest::new(&*blob);
    assert_eq!(refusal(send_in(&home, &own, "eu-central-1", decrypt())).0, ErrorKind::AccessDenied);
    assert_eq!(refusal(send_in(&home, &other, "us-east-1", decrypt())).0, ErrorKind::AccessDenied);
    assert_eq!(
        send_in(&home, &other, "eu-central-1", decrypt()).unwrap().plaintext.expose(),
        b"x",
        "and its own still opens"
    );
    // It lasts.
    let home = home.reopened();
    let described = send_in(&home, &other, "eu-central-1", DescribeKeyRequest::new("alias/app")).unwrap();
    assert_eq!(described.key_metadata.arn, Some(other_arn));
}

#[test]
fn a_marker_of_one_account_is_none_of_another() {
    let home = Home::new();
    block_on(home.kms.service().create_account(&OTHER.parse().unwrap())).unwrap();
    let (own, other) = (root(OWN), root(OTHER));
    for principal in [&own, &other] {
        for _ in 0..2 {
            send(&home, principal, CreateKeyRequest::new()).unwrap();
        }
    }
    let mut request = ListKeysRequest::new();
    request.limit = Some(1);
    let marker = send(&home, &own, request).unwrap().next_marker;
    let mut request = ListKeysRequest::new();
    request.marker = marker.clone();
    assert_eq!(refusal(send(&home, &other, request)).0, ErrorKind::InvalidMarker);
    let mut request = ListKeysRequest::new();
    request.marker = marker;
    assert_eq!(send(&home, &own, request).unwrap().keys.len(), 1);
}

#[test]
fn a_changed_policy_counts_from_the_next_request_on() {
    let home = Home::new();
    let service = home.kms.service();
    let alice = add_user(&home, OWN, "alice", None);
    let (account, name): (AccountId, UserName) = (OWN.parse().unwrap(), "alice".parse().unwrap());
    let who = Identity::User { account: account.clone(), name: name.clone() };
    let key_id = home.create_key();
    let describes = || send(&home, &alice, DescribeKeyRequest::new(&*key_id)).is_ok();
    assert!(!describes());
    let put = |policy: &str, document: &str| {
        block_on(service.put_policy(&who, &policy.parse().unwrap(), document)).unwrap();
    };
    put("one", &identity(ALLOW_ALL));
    assert!(describes());
    put("two", &identity(r#"{"Effect":"Deny","Action":"kms:DescribeKey","Resource":"*"}"#));
    assert!(!describes(), "a Deny in any policy wins");
    block_on(service.delete_policy(&who, &"two".parse().unwrap())).unwrap();
    assert!(describes());
    home.ok(put_policy_unchecked(&key_id, &policy(&[&deny(ALICE, "kms:*"), &allow(OWN, "kms:*")])));
    assert!(!describes());
    home.ok(put_policy_unchecked(&key_id, &policy(&[&allow(OWN, "kms:*")])));
    assert!(describes());
    block_on(service.delete_user(&account, &name)).unwrap();
    assert!(!describes(), "a request that was authenticated before its user was removed");
}

#[test]
fn who_may_not_use_a_key_learns_no_state_of_it() {
    let home = Home::new();
    let bob = add_user(&home, OWN, "bob", None);
    let key_id = home.create_key();
    let refused = || refusal(send(&home, &bob, EncryptRequest::new(&*key_id, secret(b"x"))));
    let before = refused();
    home.ok(keyfold_protocol::operations::DisableKeyRequest::new(&*key_id));
    assert_eq!(refused(), before);
}

#[test]
fn a_key_that_is_made_with_tags_takes_the_permission_to_tag() {
    let home = Home::new();
    let create = identity(r#"{"Effect":"Allow","Action":"kms:CreateKey","Resource":"*"}"#);
    let both = identity(r#"{"Effect":"Allow","Action":["kms:CreateKey","kms:TagResource"],"Resource":"*"}"#);
    let alice = add_user(&home, OWN, "alice", Some(&create));
    let bob = add_user(&home, OWN, "bob", Some(&both));
    let tagged = || {
        let mut request = CreateKeyRequest::new();
        request.tags = Some(vec![Tag { tag_key: "k".to_owned(), tag_value: "v".to_owned() }]);
        request
    };
    send(&home, &alice, CreateKeyRequest::new()).unwrap();
    let (kind, message) = refusal(send(&home, &alice, tagged()));
    assert_eq!(kind, ErrorKind::AccessDenied);
    assert!(message.contains("is not authorized to perform: kms:TagResource on resource: *"), "{message}");
    send(&home, &bob, tagged()).unwrap();
    assert_eq!(home.ok(ListKeysRequest::new()).keys.len(), 2);
}

#[test]
fn the_default_policy_is_that_of_aws() {
    let home = Home::new();
    let key_id = home.create_key();
    let response = home.ok(GetKeyPolicyRequest::new(&*key_id));
    assert_eq!(response.policy_name.as_deref(), Some("default"));
    assert_eq!(
        response.policy.as_deref(),
        Some(
            r#"{
  "Version" : "2012-10-17",
  "Id" : "key-default-1",
  "Statement" : [ {
    "Sid" : "Enable IAM User Permissions",
    "Effect" : "Allow",
    "Principal" : {
      "AWS" : "arn:aws:iam::000000000000:root"
    },
    "Action" : "kms:*",
    "Resource" : "*"
  } ]
}"#
        )
    );
    let listed = home.ok(ListKeyPoliciesRequest::new(&*key_id));
    assert_eq!(
        (listed.policy_names, listed.truncated, listed.next_marker),
        (vec!["default".into()], false, None)
    );
}

#[test]
fn a_policy_is_kept_to_the_letter() {
    let home = Home::new();
    let key_id = home.create_key();
    let text = format!(
        "\n{{ \"Statement\":[{}],\t\"Id\" : \"caf\u{e9}\" , \"Version\":\"2008-10-17\" }}",
        allow(OWN_ROOT, "kms:*")
    );
    home.ok(put_policy(&key_id, &text));
    let home = home.reopened();
    assert_eq!(home.ok(GetKeyPolicyRequest::new(&*key_id)).policy.as_deref(), Some(&*text));
    // Again, and at the making of a key.
    let other = policy(&[&allow(OWN, "kms:*")]);
    let mut request = put_policy(&key_id, &other);
    request.policy_name = Some("default".to_owned());
    home.ok(request);
    assert_eq!(home.ok(GetKeyPolicyRequest::new(&*key_id)).policy.as_deref(), Some(&*other));
    let mut request = CreateKeyRequest::new();
    request.policy = Some(text.clone());
    let key_id = home.ok(request).key_metadata.key_id;
    assert_eq!(home.ok(GetKeyPolicyRequest::new(&*key_id)).policy.as_deref(), Some(&*text));
}

#[test]
fn a_policy_that_locks_its_writer_out_is_refused_unless_that_is_asked_for() {
    let home = Home::new();
    let alice = add_user(&home, OWN, "alice", Some(&identity(ALLOW_ALL)));
    let key_id = home.create_key();
    let locked_out = (
        ErrorKind::MalformedPolicyDocument,
        "The new key policy will not allow you to update the key policy in the future.".to_owned(),
    );
    let to_alice = policy(&[&allow(ALICE, "kms:*")]);
    let denied = policy(&[&allow(OWN, "kms:*"), &deny(OWN, "kms:PutKeyPolicy")]);
    let elsewhere =
        to_alice.replace(r#""Resource":"*""#, &format!(r#""Resource":"{KEY_ARN_PREFIX}{NO_KEY}""#));
    for (who, document) in [
        (root(OWN), &to_alice),
        (root(OWN), &denied),
        (alice.clone(), &denied),
        (alice.clone(), &elsewhere),
        (alice.clone(), &policy(&[&allow(ALICE, "kms:Encrypt")])),
    ] {
        assert_eq!(refusal(send(&home, &who, put_policy(&key_id, document))), locked_out, "{document}");
        let mut request = CreateKeyRequest::new();
        request.policy = Some(document.clone());
        let keys = home.ok(ListKeysRequest::new()).keys.len();
        assert_eq!(refusal(send(&home, &who, request)), locked_out, "{document}");
        assert_eq!(home.ok(ListKeysRequest::new()).keys.len(), keys, "no key was made");
    }
    send(&home, &alice, put_policy(&key_id, &to_alice)).unwrap();
    let (kind, _) = refusal(send(&home, &root(OWN), GetKeyPolicyRequest::new(&*key_id)));
    assert_eq!(kind, ErrorKind::AccessDenied, "the root is not above the policy of a key");
    let mut request = CreateKeyRequest::new();
    request.policy = Some(to_alice.clone());
    request.bypass_policy_lockout_safety_check = Some(true);
    let made = home.ok(request).key_metadata.key_id;
    assert_eq!(refusal(send(&home, &root(OWN), DescribeKeyRequest::new(&*made))).0, ErrorKind::AccessDenied);
    send(&home, &alice, DescribeKeyRequest::new(&*made)).unwrap();
}

#[test]
fn what_a_key_policy_may_not_be() {
    let home = Home::new();
    let key_id = home.create_key();
    let root = allow(OWN_ROOT, "kms:*");
    let (malformed, unsupported) = (ErrorKind::MalformedPolicyDocument, ErrorKind::UnsupportedOperation);
    let no_principal = "Policy contains a statement with one or more invalid principals.";
    for (document, kind, message) in [
        ("{}".to_owned(), malformed, "a policy element is missing: Statement"),
        ("not json".to_owned(), malformed, "the policy document is not well-formed"),
        (policy(&[&root, &allow(ALICE, "kms:*")]), malformed, no_principal),
        (policy(&[&root, &deny(ALICE, "kms:*")]), malformed, no_principal),
        (policy(&[&root, &allow(OTHER, "kms:*")]), malformed, no_principal),
        (policy(&[&root, &allow("arn:aws:iam::000000000000:role/nobody", "kms:*")]), malformed, no_principal),
        (
            policy(&[&root.replace("\"Effect\"", r#""Condition":{"Bool":{"aws:x":"true"}},"Effect""#)]),
            unsupported,
            "Condition in a policy is not supported by this service.",
        ),
    ] {
        home.fails(put_policy_unchecked(&key_id, &document), kind, message);
        let mut request = CreateKeyRequest::new();
        request.policy = Some(document);
        request.bypass_policy_lockout_safety_check = Some(true);
        home.fails(request, kind, message);
    }
    let before = home.ok(GetKeyPolicyRequest::new(&*key_id)).policy.unwrap();
    let full = format!("{before}{}", " ".repeat(32_768 - before.len()));
    home.ok(put_policy(&key_id, &full));
    home.fails(
        put_policy(&key_id, &format!("{full} ")),
        ErrorKind::LimitExceeded,
        "The policy document is longer than 32768 bytes.",
    );
    home.fails(
        put_policy(&key_id, ""),
        ErrorKind::Validation,
        &violation("Value at 'policy'", "Member must have length greater than or equal to 1"),
    );
    home.fails(
        put_policy(&key_id, "{\u{20ac}}"),
        ErrorKind::Validation,
        &violation(
            "Value '{\u{20ac}}' at 'policy'",
            r"Member must satisfy regular expression pattern: [\u0009\u000A\u000D\u0020-\u00FF]+",
        ),
    );
    assert_eq!(home.ok(GetKeyPolicyRequest::new(&*key_id)).policy, Some(full), "nothing was put");
    let mut request = put_policy(&key_id, &before);
    request.policy_name = Some("AWS_RAM".to_owned());
    home.fails(request, ErrorKind::Validation, "The AWS_RAM policy can only be managed by the RAM service.");
    let mut request = GetKeyPolicyRequest::new(&*key_id);
    request.policy_name = Some("other".to_owned());
    home.fails(request, ErrorKind::NotFound, "No such policy exists");
    let mut request = ListKeyPoliciesRequest::new(&*key_id);
    request.marker = Some("00".to_owned());
    let error = home.send(request).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::InvalidMarker);
}
