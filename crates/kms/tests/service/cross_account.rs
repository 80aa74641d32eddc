//! Keys of one account used from another, and that names of principals mean who had them.

use keyfold_kms::Principal;
use keyfold_kms::operations::OPERATIONS;
use keyfold_protocol::operations::{
    CreateAliasRequest, CreateGrantRequest, CreateKeyRequest, DecryptRequest, DescribeKeyRequest,
    DisableKeyRequest, EnableKeyRequest, EncryptRequest, GenerateDataKeyRequest,
    GenerateDataKeyWithoutPlaintextRequest, GetKeyLastUsageRequest, GetKeyPolicyRequest,
    GetKeyRotationStatusRequest, ListAliasesRequest, ListGrantsRequest, ListKeyPoliciesRequest,
    ListResourceTagsRequest, Operation, ReEncryptRequest, Request, RetireGrantRequest, RevokeGrantRequest,
    ScheduleKeyDeletionRequest, UpdateKeyDescriptionRequest,
};
use keyfold_protocol::{ErrorKind, GrantOperation};
use pollster::block_on;

use crate::authz::{
    ALLOW_ALL, OTHER, OWN, add_role, add_user, allow, identity, policy, put_policy_unchecked, refusal, root,
    send, session, user,
};
use crate::harness::{Home, NO_KEY, arn, secret};

const OTHER_ALICE: &str = "arn:aws:iam::111122223333:user/alice";
const OTHER_JOB: &str = "arn:aws:iam::111122223333:role/job";

/// A home with two accounts; alice of the other one is allowed everything by its own policy, bob nothing.
fn home() -> (Home, Principal, Principal) {
    let home = Home::new();
    block_on(home.kms.service().create_account(&OTHER.parse().unwrap())).unwrap();
    let alice = add_user(&home, OTHER, "alice", Some(&identity(ALLOW_ALL)));
    let bob = add_user(&home, OTHER, "bob", None);
    (home, alice, bob)
}

/// A key with this policy, beside all to its own account.
fn key_with(home: &Home, statements: &[&str]) -> String {
    let key = home.create_key();
    let own = allow(OWN, "kms:*");
    let all: Vec<_> = statements.iter().copied().chain([own.as_str()]).collect();
    home.ok(put_policy_unchecked(&key, &policy(&all)));
    key
}

fn grant(key: &str, grantee: &str, operations: &[GrantOperation]) -> CreateGrantRequest {
    let mut request = CreateGrantRequest::new(key, operations.to_vec());
    request.grantee_principal = Some(grantee.to_owned());
    request
}

fn data_key(key: &str) -> GenerateDataKeyRequest {
    let mut request = GenerateDataKeyRequest::new(key);
    request.number_of_bytes = Some(32);
    request
}

fn decrypt_with(blob: &[u8], key: &str) -> DecryptRequest {
    let mut request = DecryptRequest::new(blob);
    request.key_id = Some(key.to_owned());
    request
}

/// What is answered about a key of another account that is not there or not allowed.
fn hidden(principal: &Principal, action: &str, named: &str) -> (ErrorKind, String) {
    let principal = principal.arn(&"aws".parse().unwrap());
    (
        ErrorKind::AccessDenied,
        format!(
            "User: {principal} is not authorized to perform: {action} on resource: {named} because the resource \
             does not exist in this Region, no resource-based policies allow access, or a resource-based policy \
             explicitly denies access"
        ),
    )
}

const BEHIND_CIPHERTEXT: &str = "The ciphertext refers to a customer master key that does not exist, does not exist in \
                                 this region, or you are not allowed to access.";

#[test]
fn a_key_of_another_account_is_used_by_its_arns() {
    let (home, alice, _) = home();
    let key = key_with(&home, &[&allow(OTHER_ALICE, "kms:*")]);
    let key_arn = arn(&key);
    home.ok(CreateAliasRequest::new("alias/shared", &*key));
    let alias_arn = "arn:aws:kms:local:000000000000:alias/shared";

    for named in [&*key_arn, alias_arn] {
        let described = send(&home, &alice, DescribeKeyRequest::new(named)).unwrap().key_metadata;
        assert_eq!(
            (described.arn.as_deref(), described.aws_account_id.as_deref()),
            (Some(&*key_arn), Some(OWN))
        );
        let encrypted = send(&home, &alice, EncryptRequest::new(named, secret(b"x"))).unwrap();
        assert_eq!(encrypted.key_id, key_arn);
        // One ciphertext for both accounts: the owner opens what the other made, and the other way round.
        assert_eq!(home.decrypt(&encrypted.ciphertext_blob), b"x");
        let blob = home.encrypt(&key, b"y");
        for request in [DecryptRequest::new(&*blob), decrypt_with(&blob, named), decrypt_with(&blob, &key)] {
            let decrypted = send(&home, &alice, request).unwrap();
            assert_eq!((decrypted.plaintext.expose(), &*decrypted.key_id), (&b"y"[..], &*key_arn));
        }
        let made = send(&home, &alice, data_key(named)).unwrap();
        assert_eq!(home.decrypt(&made.ciphertext_blob), made.plaintext.expose());
        let mut request = GenerateDataKeyWithoutPlaintextRequest::new(named);
        request.number_of_bytes = Some(16);
        assert_eq!(send(&home, &alice, request).unwrap().key_id, key_arn);
    }
    // From the own account into the other, and back.
    let own = send(&home, &alice, CreateKeyRequest::new()).unwrap().key_metadata.arn.unwrap();
    let blob = send(&home, &alice, EncryptRequest::new(&*own, secret(b"z"))).unwrap().ciphertext_blob;
    let there = send(&home, &alice, ReEncryptRequest::new(&*blob, &*key_arn)).unwrap();
    assert_eq!((there.source_key_id.as_deref(), &*there.key_id), (Some(&*own), &*key_arn));
    assert_eq!(home.decrypt(&there.ciphertext_blob), b"z");
    let back = send(&home, &alice, ReEncryptRequest::new(&*there.ciphertext_blob, &*own)).unwrap();
    assert_eq!(
        send(&home, &alice, DecryptRequest::new(&*back.ciphertext_blob)).unwrap().plaintext.expose(),
        b"z"
    );

    let status = send(&home, &alice, GetKeyRotationStatusRequest::new(&*key_arn)).unwrap();
    assert!(!status.key_rotation_enabled);
    let made = send(&home, &alice, grant(&key_arn, OTHER_ALICE, &[GrantOperation::Encrypt])).unwrap();
    let listed = send(&home, &alice, ListGrantsRequest::new(&*key_arn)).unwrap().grants;
    assert_eq!(listed.len(), 1);
    assert_eq!(listed[0].issuing_account.as_deref(), Some("arn:aws:iam::111122223333:root"));
    send(&home, &alice, RevokeGrantRequest::new(&*key_arn, &*made.grant_id)).unwrap();
    assert!(home.ok(ListGrantsRequest::new(&*key)).grants.is_empty());
    // What is no ARN is looked up in the caller's own account.
    let text = format!("Key 'arn:aws:kms:local:{OTHER}:key/{key}' does not exist");
    assert_eq!(refusal(send(&home, &alice, DescribeKeyRequest::new(&*key))), (ErrorKind::NotFound, text));
    // The use is noted where the key is.
    let last = home.ok(GetKeyLastUsageRequest::new(&*key)).key_last_usage;
    assert_eq!(last.operation.unwrap().as_str(), "ReEncrypt");
}

#[test]
fn both_accounts_must_allow_it() {
    let (home, alice, bob) = home();
    let shared = arn(&key_with(&home, &[&allow(OTHER, "kms:*")]));
    let to_bob = arn(&key_with(&home, &[&allow("arn:aws:iam::111122223333:user/bob", "kms:*")]));
    let to_all = arn(&key_with(&home, &[&allow("*", "kms:*")]));
    let describes = |who: &Principal, key: &str| send(&home, who, DescribeKeyRequest::new(key)).map(drop);
    for (who, key, expected) in [
        (&alice, &shared, true),
        (&bob, &shared, false),
        (&root(OTHER), &shared, true),
        (&alice, &to_bob, false),
        (&bob, &to_bob, false),
        (&alice, &to_all, true),
        (&bob, &to_all, false),
        (&root("999999999999"), &to_all, false),
        (&user(OTHER, "nobody"), &to_all, false),
    ] {
        match describes(who, key) {
            Ok(()) => assert!(expected, "{who:?} {key}"),
            refused => {
                assert!(!expected, "{who:?} {key}");
                assert_eq!(refusal(refused), hidden(who, "kms:DescribeKey", key));
            }
        }
    }
}

#[test]
fn what_is_for_the_own_account_is_refused_whatever_policies_say() {
    let (home, alice, _) = home();
    let key = key_with(&home, &[&allow("*", "kms:*")]);
    let named = arn(&key);
    let requests: [Request; 9] = [
        DisableKeyRequest::new(&*named).into(),
        EnableKeyRequest::new(&*named).into(),
        GetKeyLastUsageRequest::new(&*named).into(),
        GetKeyPolicyRequest::new(&*named).into(),
        put_policy_unchecked(&named, &policy(&[&allow(OTHER, "kms:*")])).into(),
        ListKeyPoliciesRequest::new(&*named).into(),
        ListResourceTagsRequest::new(&*named).into(),
        ScheduleKeyDeletionRequest::new(&*named).into(),
        UpdateKeyDescriptionRequest::new(&*named, "x").into(),
    ];
    for request in requests {
        let operation = request.operation();
        let row = OPERATIONS.iter().find(|row| row.name == operation).unwrap();
        assert!(!row.cross_account);
        let caller = keyfold_kms::Caller::new(alice.clone(), "local".parse().unwrap());
        let answer = block_on(home.kms.service().call_as(&caller, request)).map(drop);
        assert_eq!(refusal(answer), hidden(&alice, row.actions[0], &named), "{operation}");
    }
    // An alias is made in one's own account, and for a key of it.
    let created = send(&home, &alice, CreateAliasRequest::new("alias/mine", &*named));
    assert_eq!(refusal(created).0, ErrorKind::AccessDenied);
    let mut request = ListAliasesRequest::new();
    request.key_id = Some(named.clone());
    assert_eq!(refusal(send(&home, &alice, request)), hidden(&alice, "kms:ListAliases", &named));
    assert!(send(&home, &alice, ListAliasesRequest::new()).unwrap().aliases.is_empty());
    assert_eq!(
        home.ok(DescribeKeyRequest::new(&*key)).key_metadata.enabled,
        Some(true),
        "nothing has happened"
    );
}

/// The refusal of a request, with what it is about replaced.
fn told<O: Operation>(home: &Home, who: &Principal, request: O, named: &str) -> (ErrorKind, String) {
    let (kind, message) = refusal(send(home, who, request));
    (kind, message.replace(named, "…"))
}

#[test]
fn who_may_not_use_a_key_of_another_account_does_not_learn_that_it_is_there() {
    let (home, alice, bob) = home();
    let key = home.create_key();
    home.ok(CreateAliasRequest::new("alias/there", &*key));
    let made = home.ok(grant(&key, OTHER_ALICE, &[GrantOperation::CreateGrant]));
    home.ok(RevokeGrantRequest::new(&*key, &*made.grant_id));
    let blob = home.encrypt(&key, b"x");
    let other_blob = home.encrypt(&home.create_key(), b"x");
    let disabled = home.create_key();
    home.ok(DisableKeyRequest::new(&*disabled));
    let alias = |name: &str| format!("arn:aws:kms:local:{OWN}:alias/{name}");
    let key_arns = [arn(&key), arn(&disabled), arn(NO_KEY)];
    let alias_arns = [alias("there"), alias("nowhere"), alias("aws/s3")];
    for who in [&alice, &bob] {
        let answers = |named: &str| {
            let mut retire = RetireGrantRequest::new();
            (retire.key_id, retire.grant_id) = (Some(named.to_owned()), Some(made.grant_id.clone()));
            [
                told(&home, who, DescribeKeyRequest::new(named), named),
                told(&home, who, EncryptRequest::new(named, secret(b"x")), named),
                told(&home, who, data_key(named), named),
                told(&home, who, decrypt_with(&blob, named), named),
                told(&home, who, decrypt_with(&other_blob, named), named),
                told(&home, who, ReEncryptRequest::new(&*blob, named), named),
                told(&home, who, grant(named, OTHER_ALICE, &[GrantOperation::Encrypt]), named),
                told(
                    &home,
                    who,
                    grant(named, "arn:aws:iam::000000000000:user/x", &[GrantOperation::Encrypt]),
                    named,
                ),
                told(&home, who, ListGrantsRequest::new(named), named),
                told(&home, who, RevokeGrantRequest::new(named, &*made.grant_id), named),
                told(&home, who, retire, named),
                told(&home, who, CreateAliasRequest::new("alias/mine", named), named),
                told(&home, who, DisableKeyRequest::new(named), named),
                told(&home, who, ScheduleKeyDeletionRequest::new(named), named),
            ]
        };
        for named in [&key_arns, &alias_arns] {
            let expected = answers(&named[0]);
            assert_eq!(answers(&named[1]), expected);
            assert_eq!(answers(&named[2]), expected);
        }
        let mut retire = RetireGrantRequest::new();
        retire.grant_token = Some(made.grant_token.clone());
        assert_eq!(refusal(send(&home, who, retire)).0, ErrorKind::AccessDenied);
        // Without a key id, a ciphertext of a key that is gone and one that may not be used have one answer too.
        let refused = refusal(send(&home, who, DecryptRequest::new(&*blob)));
        assert_eq!(refused, (ErrorKind::AccessDenied, BEHIND_CIPHERTEXT.to_owned()));
        let refused = refusal(send(&home, who, decrypt_with(&blob, &key)));
        assert_eq!(refused, (ErrorKind::AccessDenied, BEHIND_CIPHERTEXT.to_owned()));
    }
    assert!(
        refusal(send(&home, &root("999999999999"), DecryptRequest::new(&*blob))).1 == BEHIND_CIPHERTEXT,
        "nor does one of no account"
    );
}

#[test]
fn a_grant_to_another_account_takes_its_policies_too() {
    let (home, alice, bob) = home();
    let key = home.create_key();
    let named = arn(&key);
    let encrypts = |who: &Principal| send(&home, who, EncryptRequest::new(&*named, secret(b"x"))).is_ok();
    assert!(!encrypts(&alice) && !encrypts(&bob));
    let operations = [GrantOperation::Encrypt, GrantOperation::RetireGrant];
    let to_alice = home.ok(grant(&key, OTHER_ALICE, &operations));
    let to_bob = home.ok(grant(&key, "arn:aws:iam::111122223333:user/bob", &operations));
    assert!(encrypts(&alice));
    assert!(!encrypts(&bob), "no policy of its own allows it");
    assert_eq!(
        refusal(send(&home, &alice, DecryptRequest::new(&*home.encrypt(&key, b"x")))).1,
        BEHIND_CIPHERTEXT,
        "the grant is for Encrypt"
    );
    // Who may retire a grant says the grant.
    for (who, made) in [(&alice, to_alice), (&bob, to_bob)] {
        let mut request = RetireGrantRequest::new();
        request.grant_token = Some(made.grant_token);
        send(&home, who, request).unwrap();
    }
    assert!(!encrypts(&alice));
    assert!(home.ok(ListGrantsRequest::new(&*key)).grants.is_empty());
}

#[test]
fn sessions_are_meant_by_their_role_and_by_themselves() {
    let (home, _, _) = home();
    let nightly = add_role(&home, OTHER, "job", Some(&identity(ALLOW_ALL)));
    let weekly = session(&home, OTHER, "job", "weekly");
    let of_another = add_role(&home, OTHER, "other", Some(&identity(ALLOW_ALL)));
    let one = "arn:aws:sts::111122223333:assumed-role/job/nightly";
    let encrypts =
        |who: &Principal, key: &str| send(&home, who, EncryptRequest::new(arn(key), secret(b"x"))).is_ok();
    let who = |key: &str| [&nightly, &weekly, &of_another].map(|who| encrypts(who, key));
    assert_eq!(who(&key_with(&home, &[&allow(OTHER_JOB, "kms:*")])), [true, true, false]);
    assert_eq!(who(&key_with(&home, &[&allow(one, "kms:*")])), [true, false, false]);
    for (grantee, expected) in [(OTHER_JOB, [true, true, false]), (one, [true, false, false])] {
        let key = home.create_key();
        assert_eq!(who(&key), [false; 3]);
        home.ok(grant(&key, grantee, &[GrantOperation::Encrypt]));
        assert_eq!(who(&key), expected, "{grantee}");
    }
    let (kind, message) = refusal(send(&home, &weekly, EncryptRequest::new(home.create_key(), secret(b"x"))));
    assert_eq!(kind, ErrorKind::NotFound, "{message}");
}

#[test]
fn who_gets_a_name_later_gets_nothing_with_it() {
    let (home, alice, _) = home();
    let service = home.kms.service();
    let job = add_role(&home, OTHER, "job", Some(&identity(ALLOW_ALL)));
    let by_policy = key_with(&home, &[&allow(OTHER_ALICE, "kms:*"), &allow(OTHER_JOB, "kms:*")]);
    let by_grant = home.create_key();
    let named = || {
        let mut request = grant(&by_grant, OTHER_ALICE, &[GrantOperation::Encrypt]);
        request.name = Some("one".to_owned());
        request
    };
    let made = home.ok(named());
    home.ok(grant(&by_grant, OTHER_JOB, &[GrantOperation::Encrypt]));
    let encrypts =
        |who: &Principal, key: &str| send(&home, who, EncryptRequest::new(arn(key), secret(b"x"))).is_ok();
    for key in [&by_policy, &by_grant] {
        assert!(encrypts(&alice, key) && encrypts(&job, key));
    }
    let other = OTHER.parse().unwrap();
    block_on(service.delete_user(&other, &"alice".parse().unwrap())).unwrap();
    block_on(service.delete_role(&other, &"job".parse().unwrap())).unwrap();
    let alice = add_user(&home, OTHER, "alice", Some(&identity(ALLOW_ALL)));
    let new_job = add_role(&home, OTHER, "job", Some(&identity(ALLOW_ALL)));
    for key in [&by_policy, &by_grant] {
        assert!(!encrypts(&alice, key) && !encrypts(&new_job, key), "the names are others' now");
        assert!(!encrypts(&job, key), "a session that was authenticated before its role was removed");
    }
    // The same again for those who have the names now.
    let again = home.ok(named());
    assert_ne!(again.grant_id, made.grant_id);
    assert!(encrypts(&alice, &by_grant) && !encrypts(&new_job, &by_grant));
    let document = home.ok(GetKeyPolicyRequest::new(&*by_policy)).policy.unwrap();
    home.ok(put_policy_unchecked(&by_policy, &document));
    assert!(encrypts(&alice, &by_policy) && encrypts(&new_job, &by_policy));
    assert_eq!(home.ok(ListGrantsRequest::new(&*by_grant)).grants.len(), 3);
}

#[test]
fn grants_are_for_principals_that_there_are() {
    let (home, _, _) = home();
    let key = home.create_key();
    for nobody in [
        "arn:aws:iam::000000000000:user/nobody",
        "arn:aws:iam::111122223333:user/Alice",
        "arn:aws:iam::111122223333:role/alice",
        "arn:aws:sts::111122223333:assumed-role/job/nightly",
        "arn:aws:sts::111122223333:federated-user/alice",
        "arn:aws:iam::999999999999:root",
        "arn:aws-cn:iam::111122223333:user/alice",
    ] {
        let message = format!("ARN does not refer to a valid principal: {nobody}");
        home.fails(grant(&key, nobody, &[GrantOperation::Encrypt]), ErrorKind::InvalidArn, &message);
        let mut retiring = grant(&key, OTHER_ALICE, &[GrantOperation::Encrypt]);
        retiring.retiring_principal = Some(nobody.to_owned());
        home.fails(retiring, ErrorKind::InvalidArn, &message);
    }
    let root = "arn:aws:iam::111122223333:root";
    home.ok(grant(&key, root, &[GrantOperation::Encrypt]));
    assert_eq!(home.ok(ListGrantsRequest::new(&*key)).grants.len(), 1);
}

#[test]
fn the_operations_that_reach_other_accounts_are_those_of_aws() {
    let across: Vec<_> =
        OPERATIONS.iter().filter(|row| row.cross_account).map(|row| row.name.as_str()).collect();
    let expected = [
        "CreateGrant",
        "Decrypt",
        "DescribeKey",
        "Encrypt",
        "GenerateDataKey",
        "GenerateDataKeyWithoutPlaintext",
        "GetKeyRotationStatus",
        "ListGrants",
        "ReEncrypt",
        "RetireGrant",
        "RevokeGrant",
    ];
    assert_eq!(across, expected);
}
