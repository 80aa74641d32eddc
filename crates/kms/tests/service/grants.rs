//! Grants: what they allow and to whom, how they come and go.

use keyfold_kms::{Caller, Principal};
use keyfold_protocol::operations::{
    CreateGrantRequest, CreateGrantResponse, DecryptRequest, DescribeKeyRequest, DisableKeyRequest,
    EncryptRequest, GenerateDataKeyRequest, GrantConstraints, GrantListEntry, ListGrantsRequest,
    ListRetirableGrantsRequest, Operation, ReEncryptRequest, RetireGrantRequest, RevokeGrantRequest,
    ScheduleKeyDeletionRequest,
};
use keyfold_protocol::{EncryptionContext, ErrorKind, GrantOperation, KmsError, Timestamp};

use crate::harness::{Home, START_MS, arn, context, secret, violation};

const ALICE: &str = "arn:aws:iam::000000000000:user/alice";
const BOB: &str = "arn:aws:iam::000000000000:user/bob";
const NO_GRANT: &str = "00000000000000000000000000000000000000000000000000000000000000ff";

use GrantOperation::{
    CreateGrant, Decrypt, DescribeKey, Encrypt, GenerateDataKey, ReEncryptFrom, ReEncryptTo, RetireGrant,
};

/// A home with the users alice and bob, whom no policy allows anything.
fn home() -> Home {
    let home = Home::new();
    let account = home.kms.service().scope().account.clone();
    for name in ["alice", "bob"] {
        pollster::block_on(home.kms.service().create_user(&account, &name.parse().unwrap())).unwrap();
    }
    home
}

/// What the user `name` gets for a request.
fn send_as<O: Operation>(home: &Home, name: &str, request: O) -> Result<O::Output, KmsError> {
    let scope = home.kms.service().scope();
    let user = Principal::User { account: scope.account.clone(), name: name.parse().unwrap() };
    let caller = Caller::new(user, scope.region.clone());
    let answer = pollster::block_on(home.kms.service().call_as(&caller, request.into()))?;
    Ok(O::Output::try_from(answer).unwrap())
}

fn kind_as<O: Operation>(home: &Home, name: &str, request: O) -> Option<ErrorKind> {
    send_as(home, name, request).err().map(|error| error.kind())
}

fn grant(key_id: &str, grantee: &str, operations: &[GrantOperation]) -> CreateGrantRequest {
    let mut request = CreateGrantRequest::new(key_id, operations);
    request.grantee_principal = Some(grantee.into());
    request
}

fn constrained(
    mut request: CreateGrantRequest,
    subset: &[(&str, &str)],
    equals: &[(&str, &str)],
) -> CreateGrantRequest {
    let mut constraints = GrantConstraints::new();
    let pairs = |pairs: &[(&str, &str)]| (!pairs.is_empty()).then(|| context(pairs));
    constraints.encryption_context_subset = pairs(subset);
    constraints.encryption_context_equals = pairs(equals);
    request.constraints = Some(constraints);
    request
}

fn encrypt(key_id: &str, context: Option<EncryptionContext>) -> EncryptRequest {
    let mut request = EncryptRequest::new(key_id, secret(b"x"));
    request.encryption_context = context;
    request
}

fn revoke(home: &Home, key_id: &str, made: &CreateGrantResponse) {
    home.ok(RevokeGrantRequest::new(key_id, &*made.grant_id));
}

fn list(home: &Home, key_id: &str) -> Vec<GrantListEntry> {
    home.ok(ListGrantsRequest::new(key_id)).grants
}

fn row_keys(home: &Home) -> Vec<String> {
    let connection = rusqlite::Connection::open(home.path().join("store.db")).unwrap();
    let mut statement = connection.prepare("SELECT CAST(key AS TEXT) FROM record ORDER BY key").unwrap();
    statement.query_map([], |row| row.get(0)).unwrap().collect::<Result<_, _>>().unwrap()
}

const DENIED: Option<ErrorKind> = Some(ErrorKind::AccessDenied);

#[test]
fn a_grant_allows_its_operations_to_its_grantee_on_its_key_until_it_is_revoked() {
    let home = home();
    let (key, other) = (home.create_key(), home.create_key());
    let blob = home.encrypt(&key, b"x");
    assert_eq!(kind_as(&home, "alice", encrypt(&key, None)), DENIED);
    let made = home.ok(grant(&key, ALICE, &[Encrypt, DescribeKey]));
    assert_eq!(made.grant_id.len(), 64);
    assert_eq!(kind_as(&home, "alice", encrypt(&key, None)), None);
    assert_eq!(kind_as(&home, "alice", DescribeKeyRequest::new(&*key)), None);
    assert_eq!(kind_as(&home, "alice", encrypt(&other, None)), DENIED);
    assert_eq!(kind_as(&home, "bob", encrypt(&key, None)), DENIED);
    assert_eq!(kind_as(&home, "alice", DecryptRequest::new(&*blob)), DENIED);
    assert_eq!(kind_as(&home, "alice", ListGrantsRequest::new(&*key)), DENIED);
    assert_eq!(kind_as(&home, "alice", grant(&key, BOB, &[Encrypt])), DENIED);
    assert_eq!(kind_as(&home, "alice", RevokeGrantRequest::new(&*key, &*made.grant_id)), DENIED);
    // A token proves a grant; it is not one.
    let mut with_token = encrypt(&key, None);
    with_token.grant_tokens = Some(vec![made.grant_token.clone()]);
    assert_eq!(kind_as(&home, "bob", with_token), DENIED);

    let home = home.reopened();
    assert_eq!(kind_as(&home, "alice", encrypt(&key, None)), None);
    revoke(&home, &key, &made);
    assert_eq!(kind_as(&home, "alice", encrypt(&key, None)), DENIED);
    home.fails(
        RevokeGrantRequest::new(&*key, &*made.grant_id),
        ErrorKind::NotFound,
        &format!("Grant ID {} not found", made.grant_id),
    );
}

#[test]
fn reencrypting_takes_a_grant_from_one_key_and_to_the_other() {
    let home = home();
    let (from, to) = (home.create_key(), home.create_key());
    let blob = home.ok(encrypt(&from, Some(context(&[("a", "1")])))).ciphertext_blob;
    let reencrypt = || {
        let mut request = ReEncryptRequest::new(&*blob, &*to);
        request.source_encryption_context = Some(context(&[("a", "1")]));
        request.destination_encryption_context = Some(context(&[("b", "2")]));
        request
    };
    home.ok(constrained(grant(&from, ALICE, &[ReEncryptFrom]), &[("a", "1")], &[]));
    assert_eq!(kind_as(&home, "alice", reencrypt()), DENIED);
    let wrong = home.ok(constrained(grant(&to, ALICE, &[ReEncryptTo]), &[("a", "1")], &[]));
    assert_eq!(kind_as(&home, "alice", reencrypt()), DENIED);
    revoke(&home, &to, &wrong);
    home.ok(constrained(grant(&to, ALICE, &[ReEncryptTo]), &[("b", "2")], &[]));
    assert_eq!(kind_as(&home, "alice", reencrypt()), None);
}

#[test]
fn constraints_are_on_the_encryption_context() {
    let home = home();
    let key = home.create_key();
    let allowed = |pairs: Option<&[(&str, &str)]>| {
        let kind = kind_as(&home, "alice", encrypt(&key, pairs.map(context)));
        assert!(kind.is_none() || kind == DENIED);
        kind.is_none()
    };
    let subset = home.ok(constrained(grant(&key, ALICE, &[Encrypt, DescribeKey]), &[("a", "1")], &[]));
    assert_eq!(
        [
            allowed(None),
            allowed(Some(&[("A", "1")])),
            allowed(Some(&[("a", "2")])),
            allowed(Some(&[("a", "1")])),
            allowed(Some(&[("a", "1"), ("b", "2")]))
        ],
        [false, false, false, true, true]
    );
    assert_eq!(kind_as(&home, "alice", DescribeKeyRequest::new(&*key)), None, "not constrained");
    revoke(&home, &key, &subset);
    home.ok(constrained(grant(&key, ALICE, &[Encrypt]), &[], &[("a", "1"), ("b", "2")]));
    assert_eq!(
        [
            allowed(None),
            allowed(Some(&[("a", "1")])),
            allowed(Some(&[("b", "2"), ("a", "1")])),
            allowed(Some(&[("a", "1"), ("b", "2"), ("c", "3")]))
        ],
        [false, false, true, false]
    );
}

#[test]
fn who_may_give_grants_by_a_grant_gives_no_more_than_it_has() {
    let home = home();
    let key = home.create_key();
    home.ok(constrained(grant(&key, ALICE, &[CreateGrant, Encrypt]), &[("a", "1")], &[]));
    let asked = |operations: &[GrantOperation], subset: &[(&str, &str)]| {
        kind_as(&home, "alice", constrained(grant(&key, BOB, operations), subset, &[]))
    };
    assert_eq!(asked(&[Encrypt], &[]), DENIED);
    assert_eq!(asked(&[Encrypt], &[("a", "2")]), DENIED);
    assert_eq!(asked(&[Encrypt, Decrypt], &[("a", "1")]), DENIED);
    assert_eq!(kind_as(&home, "bob", encrypt(&key, Some(context(&[("a", "1"), ("b", "2")])))), DENIED);
    assert_eq!(asked(&[Encrypt], &[("a", "1"), ("b", "2")]), None);
    assert_eq!(kind_as(&home, "bob", encrypt(&key, Some(context(&[("a", "1"), ("b", "2")])))), None);
    assert_eq!(kind_as(&home, "bob", encrypt(&key, Some(context(&[("a", "1")])))), DENIED);
    assert_eq!(asked(&[CreateGrant], &[("a", "1")]), None, "and may pass that on too");
}

#[test]
fn the_same_name_with_the_same_terms_is_the_same_grant() {
    let home = home();
    let key = home.create_key();
    let named = |name: &str, operations: &[GrantOperation]| {
        let mut request = constrained(grant(&key, ALICE, operations), &[("a", "1")], &[]);
        request.name = Some(name.into());
        request
    };
    let first = home.ok(named("backup", &[Encrypt, Decrypt]));
    home.days_later(1);
    let again = home.ok(named("backup", &[Decrypt, Encrypt]));
    assert_eq!(again.grant_id, first.grant_id);
    assert_ne!(again.grant_token, first.grant_token);
    assert_eq!(list(&home, &key).len(), 1);
    let ids = [
        home.ok(named("backup", &[Encrypt])).grant_id,
        home.ok(named("other", &[Encrypt, Decrypt])).grant_id,
        home.ok(grant(&key, ALICE, &[Encrypt])).grant_id,
        home.ok(grant(&key, ALICE, &[Encrypt])).grant_id,
    ];
    let mut all: Vec<_> = list(&home, &key).into_iter().map(|entry| entry.grant_id).collect();
    assert_eq!(all.len(), 5);
    all.retain(|id| !ids.contains(id));
    assert_eq!(all, std::slice::from_ref(&first.grant_id));
    revoke(&home, &key, &first);
    assert_ne!(home.ok(named("backup", &[Encrypt, Decrypt])).grant_id, first.grant_id);
}

#[test]
fn grants_are_listed_and_filtered_in_pages() {
    let home = home();
    let (key, other) = (home.create_key(), home.create_key());
    let mut request = constrained(grant(&key, ALICE, &[Encrypt, Decrypt, Encrypt]), &[("a", "1")], &[]);
    (request.name, request.retiring_principal) = (Some("one".into()), Some(BOB.into()));
    let made = home.ok(request);
    let [entry] = list(&home, &key).try_into().unwrap();
    assert_eq!((entry.key_id, &entry.grant_id), (arn(&key), &made.grant_id));
    assert_eq!(
        (entry.name.as_deref(), entry.creation_date),
        (Some("one"), Some(Timestamp::from_epoch_ms(START_MS)))
    );
    assert_eq!(
        (entry.grantee_principal.as_deref(), entry.retiring_principal.as_deref()),
        (Some(ALICE), Some(BOB))
    );
    assert_eq!(entry.issuing_account.as_deref(), Some("arn:aws:iam::000000000000:root"));
    assert_eq!(entry.operations, Some(vec![Decrypt, Encrypt]));
    assert_eq!(entry.constraints.unwrap().encryption_context_subset, Some(context(&[("a", "1")])));

    for number in 0..6 {
        let mut request = grant(if number < 4 { &key } else { &other }, BOB, &[GenerateDataKey]);
        request.retiring_principal = (number % 2 == 0).then(|| ALICE.into());
        home.ok(request);
    }
    let pages = |grantee: Option<&str>| {
        let (mut listed, mut marker) = (Vec::new(), None);
        loop {
            let mut request = ListGrantsRequest::new(&*key);
            (request.limit, request.marker) = (Some(2), marker);
            request.grantee_principal = grantee.map(str::to_owned);
            let page = home.ok(request);
            assert_eq!(page.truncated, page.next_marker.is_some());
            listed.extend(page.grants);
            marker = page.next_marker;
            if marker.is_none() {
                return listed;
            }
        }
    };
    assert_eq!((pages(None).len(), pages(Some(ALICE)).len(), pages(Some(BOB)).len()), (5, 1, 4));
    assert!(pages(Some(BOB)).iter().all(|entry| entry.key_id == arn(&key)));
    let by_id = |id: &str, grantee: Option<&str>| {
        let mut request = ListGrantsRequest::new(&*key);
        (request.grant_id, request.grantee_principal) = (Some(id.into()), grantee.map(str::to_owned));
        home.ok(request).grants.len()
    };
    assert_eq!(
        [by_id(&made.grant_id, None), by_id(&made.grant_id, Some(BOB)), by_id(NO_GRANT, None)],
        [1, 0, 0]
    );
    let mut bad_id = ListGrantsRequest::new(&*key);
    bad_id.grant_id = Some("grant".into());
    let message = "The request was rejected because the specified GrantId is not valid.";
    home.fails(bad_id, ErrorKind::InvalidGrantId, message);

    let (mut listed, mut marker) = (Vec::new(), None);
    loop {
        let mut request = ListRetirableGrantsRequest::new();
        (request.retiring_principal, request.limit) = (Some(ALICE.into()), Some(2));
        request.marker = marker;
        let page = home.ok(request);
        listed.extend(page.grants);
        marker = page.next_marker;
        if marker.is_none() {
            break;
        }
    }
    let mut keys: Vec<_> = listed.iter().map(|entry| entry.key_id.clone()).collect();
    keys.sort();
    let mut expected = vec![arn(&key), arn(&key), arn(&other)];
    expected.sort();
    assert_eq!(keys, expected);
}

#[test]
fn retiring_is_for_those_the_grant_names_and_for_the_account() {
    let home = home();
    let key = home.create_key();
    let by_token = |made: &CreateGrantResponse| {
        let mut request = RetireGrantRequest::new();
        request.grant_token = Some(made.grant_token.clone());
        request
    };
    let by_id = |made: &CreateGrantResponse| {
        let mut request = RetireGrantRequest::new();
        (request.key_id, request.grant_id) = (Some(arn(&key)), Some(made.grant_id.clone()));
        request
    };
    let plain = home.ok(grant(&key, ALICE, &[Encrypt]));
    assert_eq!(
        kind_as(&home, "alice", by_token(&plain)),
        DENIED,
        "the grant does not let its grantee retire it"
    );
    let mut dry = by_token(&plain);
    dry.dry_run = Some(true);
    home.fails(
        dry,
        ErrorKind::DryRunOperation,
        "The request would have succeeded, but the DryRun option is set.",
    );
    home.ok(by_token(&plain));
    let own = home.ok(grant(&key, ALICE, &[Encrypt, RetireGrant]));
    assert_eq!(kind_as(&home, "bob", by_token(&own)), DENIED);
    assert_eq!(kind_as(&home, "alice", by_id(&own)), None);
    let mut request = grant(&key, ALICE, &[Encrypt]);
    request.retiring_principal = Some(BOB.into());
    let bobs = home.ok(request);
    // Another grant's RetireGrant is no permission to retire this one.
    let others = home.ok(grant(&key, ALICE, &[RetireGrant]));
    assert_eq!(kind_as(&home, "alice", by_token(&bobs)), DENIED);
    assert_eq!(kind_as(&home, "bob", by_id(&bobs)), None);
    home.ok(by_id(&others));
    assert!(list(&home, &key).is_empty());
    home.fails(by_token(&bobs), ErrorKind::NotFound, &format!("Grant ID {} not found", bobs.grant_id));
    let rows = row_keys(&home);
    assert!(!rows.iter().any(|row| row.starts_with("grant/") || row.starts_with("grantee/")));
    assert!(!rows.iter().any(|row| row.starts_with("grant-name/") || row.starts_with("retirable/")));

    let neither = "You must specify either a grant token, or a key ARN and a grant ID.";
    home.fails(RetireGrantRequest::new(), ErrorKind::Validation, neither);
    let mut both = by_token(&plain);
    both.key_id = Some(arn(&key));
    home.fails(both, ErrorKind::Validation, neither);
    let mut no_arn = by_id(&plain);
    no_arn.key_id = Some(key.clone());
    home.fails(no_arn, ErrorKind::InvalidArn, &format!("Invalid arn {key}"));
}

#[test]
fn only_our_tokens_are_tokens() {
    let home = home();
    let key = home.create_key();
    let token = home.ok(grant(&key, ALICE, &[Encrypt])).grant_token;
    let with = |token: &str| {
        let mut request = encrypt(&key, None);
        request.grant_tokens = Some(vec![token.to_owned()]);
        request
    };
    home.ok(with(&token));
    let message = "The request was rejected because the specified grant token is not valid.";
    let flipped = if token.ends_with('A') { "E" } else { "A" };
    let changed = format!("{}{flipped}", &token[..token.len() - 1]);
    for bad in ["x", "AAAA", &token[4..], &changed, &format!("{token}AAAA")] {
        home.fails(with(bad), ErrorKind::InvalidGrantToken, message);
    }
    let mut data_key = GenerateDataKeyRequest::new(&*key);
    (data_key.number_of_bytes, data_key.grant_tokens) = (Some(32), Some(vec!["x".into()]));
    home.fails(data_key, ErrorKind::InvalidGrantToken, message);
    let mut eleven = encrypt(&key, None);
    eleven.grant_tokens = Some(vec![token; 11]);
    let message = violation("Value at 'grantTokens'", "Member must have length less than or equal to 10");
    home.fails(eleven, ErrorKind::Validation, &message);
}

#[test]
fn grants_have_rules_and_states() {
    let home = home();
    let key = home.create_key();
    let validation = ErrorKind::Validation;
    home.fails(
        grant(&key, ALICE, &[GrantOperation::Sign]),
        validation,
        "Grant operation Sign is not compatible with KeySpec SYMMETRIC_DEFAULT",
    );
    let unknown = home.send(grant(&key, ALICE, &["Fly".into()])).unwrap_err();
    assert!(unknown.message().unwrap().contains("Value 'Fly' at 'operations.1.member' failed to satisfy"));
    home.fails(
        CreateGrantRequest::new(&*key, vec![Encrypt]),
        validation,
        "You must specify either GranteePrincipal or GranteeServicePrincipal.",
    );
    for bad in [
        "alice",
        "arn:aws:iam::1:user/alice",
        "arn:aws:kms:local:000000000000:key/x",
        "arn:aws:iam::000000000000:user/",
    ] {
        home.fails(grant(&key, bad, &[Encrypt]), ErrorKind::InvalidArn, &format!("Invalid arn {bad}"));
    }
    home.fails(
        grant(&key, "x y", &[Encrypt]),
        validation,
        &violation(
            "Value 'x y' at 'granteePrincipal'",
            "Member must satisfy regular expression pattern: ^[\\w+=,.@:/-]+$",
        ),
    );
    let mut named = grant(&key, ALICE, &[Encrypt]);
    named.name = Some("a b".into());
    home.fails(
        named,
        validation,
        &violation(
            "Value 'a b' at 'name'",
            "Member must satisfy regular expression pattern: ^[a-zA-Z0-9:/_-]+$",
        ),
    );
    let nine: Vec<_> = (0..9).map(|number| (number.to_string(), "v")).collect();
    let nine: Vec<_> = nine.iter().map(|(name, value)| (name.as_str(), *value)).collect();
    home.fails(
        constrained(grant(&key, ALICE, &[Encrypt]), &nine, &[]),
        validation,
        "A grant constraint can't have more than 8 encryption context pairs.",
    );
    let long = "x".repeat(385);
    home.fails(
        constrained(grant(&key, ALICE, &[Encrypt]), &[], &[("a", &long)]),
        validation,
        "An encryption context value in a grant constraint can't have more than 384 characters.",
    );
    home.ok(constrained(grant(&key, ALICE, &[Encrypt]), &nine[..8], &[("a", &long[..384])]));
    let mut service = grant(&key, ALICE, &[Encrypt]);
    service.grantee_service_principal = Some("a.amazonaws.com".into());
    let message = "GranteeServicePrincipal is not supported by this service.";
    home.fails(service, ErrorKind::UnsupportedOperation, message);
    let dry_run = "The request would have succeeded, but the DryRun option is set.";
    let mut dry = grant(&key, ALICE, &[Encrypt]);
    dry.dry_run = Some(true);
    home.fails(dry, ErrorKind::DryRunOperation, dry_run);
    let [made] = list(&home, &key).try_into().unwrap();
    let mut dry = RevokeGrantRequest::new(&*key, &*made.grant_id);
    dry.dry_run = Some(true);
    home.fails(dry, ErrorKind::DryRunOperation, dry_run);

    home.ok(DisableKeyRequest::new(&*key));
    home.fails(grant(&key, BOB, &[Encrypt]), ErrorKind::Disabled, &format!("{} is disabled.", arn(&key)));
    home.ok(ScheduleKeyDeletionRequest::new(&*key));
    let message = format!("{} is pending deletion.", arn(&key));
    home.fails(grant(&key, BOB, &[Encrypt]), ErrorKind::KmsInvalidState, &message);
    home.ok(RevokeGrantRequest::new(&*key, &*made.grant_id));
    assert!(list(&home, &key).is_empty());
}
