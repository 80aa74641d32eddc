//! The keys behind `alias/aws/<service>`: made at first use, rotated every year, managed by nobody.

use std::collections::BTreeSet;
use std::thread;
use std::time::Duration;

use keyfold_kms::principals::{Identity, UserName};
use keyfold_kms::worker::Worker;
use keyfold_kms::{Caller, Principal};
use keyfold_protocol::operations::{
    CancelKeyDeletionRequest, CreateAliasRequest, CreateGrantRequest, CreateKeyRequest, DecryptRequest,
    DeleteAliasRequest, DescribeKeyRequest, DisableKeyRequest, DisableKeyRotationRequest, EnableKeyRequest,
    EnableKeyRotationRequest, EncryptRequest, GenerateDataKeyRequest, GetKeyLastUsageRequest,
    GetKeyPolicyRequest, GetKeyRotationStatusRequest, KeyMetadata, ListAliasesRequest, ListGrantsRequest,
    ListKeyPoliciesRequest, ListKeyRotationsRequest, ListKeysRequest, ListResourceTagsRequest,
    PutKeyPolicyRequest, ReEncryptRequest, Request, RotateKeyOnDemandRequest, ScheduleKeyDeletionRequest,
    Tag, TagResourceRequest, UntagResourceRequest, UpdateAliasRequest, UpdateKeyDescriptionRequest,
};
use keyfold_protocol::{
    ErrorKind, GrantOperation, KeyManagerType, Kms as _, KmsExt as _, RotationType, Timestamp,
};

use crate::harness::{Home, START_MS, arn, open, secret};

fn describe(home: &Home, name: &str) -> KeyMetadata {
    home.ok(DescribeKeyRequest::new(name)).key_metadata
}

#[test]
fn a_service_has_a_key_from_its_first_use_on() {
    let home = Home::new();
    assert!(home.ok(ListAliasesRequest::new()).aliases.is_empty());
    let made = describe(&home, "alias/aws/s3");
    assert_eq!(made.key_manager, Some(KeyManagerType::Aws));
    assert_eq!(
        made.description.as_deref(),
        Some("Default key that protects my S3 objects when no other key is defined")
    );
    let alias_arn = "arn:aws:kms:local:000000000000:alias/aws/s3";
    for name in [alias_arn, "alias/aws/s3", &made.key_id, &arn(&made.key_id)] {
        assert_eq!(describe(&home, name), made);
    }
    let home = home.reopened();
    assert_eq!(describe(&home, "alias/aws/s3"), made);

    // Use makes one too, by any operation that takes an alias.
    let blob = home.encrypt("alias/aws/ebs", b"x");
    assert_eq!(home.decrypt(&blob), b"x");
    let mut data_key = GenerateDataKeyRequest::new("alias/aws/ssm");
    data_key.number_of_bytes = Some(32);
    home.ok(data_key);
    home.ok(ReEncryptRequest::new(&*blob, "alias/aws/rds"));
    let mut decrypt = DecryptRequest::new(&*blob);
    decrypt.key_id = Some("alias/aws/lambda".into());
    assert_eq!(home.send(decrypt).unwrap_err().kind(), ErrorKind::IncorrectKey);
    let aliases = home.ok(ListAliasesRequest::new()).aliases;
    let names: BTreeSet<_> = aliases.iter().map(|alias| alias.alias_name.as_str()).collect();
    let services = ["ebs", "lambda", "rds", "s3", "ssm"].map(|service| format!("alias/aws/{service}"));
    assert_eq!(names, services.iter().map(String::as_str).collect());
    let keys: BTreeSet<_> = home.ok(ListKeysRequest::new()).keys.into_iter().map(|key| key.key_id).collect();
    assert_eq!(keys, aliases.into_iter().filter_map(|alias| alias.target_key_id).collect());
}

#[test]
fn only_services_that_are_known_have_one() {
    let home = Home::new();
    for name in ["alias/aws/s4", "alias/aws/S3", "alias/aws/s3/", "alias/aws/", "alias/aws/s3/x"] {
        let message = format!("Alias arn:aws:kms:local:000000000000:{name} is not found.");
        home.fails(DescribeKeyRequest::new(name), ErrorKind::NotFound, &message);
    }
    let elsewhere = "arn:aws:kms:local:111122223333:alias/aws/s3";
    assert!(home.send(EncryptRequest::new(elsewhere, secret(b"x"))).is_err());
    let message = "Invalid keyId 'alias/aws/s3'";
    home.fails(DisableKeyRequest::new("alias/aws/s3"), ErrorKind::NotFound, message);
    // One who is of no account that exists makes none there.
    let nobody = Principal::AccountRoot("111122223333".parse().unwrap());
    let caller = Caller::new(nobody, home.kms.service().scope().region.clone());
    let request = DescribeKeyRequest::new("alias/aws/s3").into();
    assert!(pollster::block_on(home.kms.service().call_as(&caller, request)).is_err());
    assert!(home.ok(ListKeysRequest::new()).keys.is_empty());
    let rows = crate::worker::row_keys(&home);
    assert_eq!(rows.iter().find(|row| row.starts_with("key/")), None);
}

#[test]
fn those_who_use_one_first_at_the_same_time_get_the_same() {
    let home = Home::new();
    let made: BTreeSet<_> = thread::scope(|scope| {
        let first: Vec<_> = (0..8)
            .map(|_| {
                let path = home.path();
                scope.spawn(move || {
                    let kms = open(path).unwrap();
                    let request = EncryptRequest::new("alias/aws/dynamodb", secret(b"x"));
                    pollster::block_on(kms.send(request)).unwrap().key_id
                })
            })
            .collect();
        first.into_iter().map(|thread| thread.join().unwrap()).collect()
    });
    assert_eq!(made.len(), 1);
    assert_eq!(home.ok(ListKeysRequest::new()).keys.len(), 1);
}

#[test]
fn nobody_manages_it() {
    let home = Home::new();
    let own = home.create_key();
    home.ok(CreateAliasRequest::new("alias/own", &*own));
    let before = describe(&home, "alias/aws/s3");
    let key = &*before.key_id;
    let policy = home.ok(GetKeyPolicyRequest::new(key)).policy.unwrap();
    let mut unchecked = PutKeyPolicyRequest::new(key, &*policy);
    unchecked.bypass_policy_lockout_safety_check = Some(true);
    let mut grant = CreateGrantRequest::new(key, vec![GrantOperation::Decrypt]);
    grant.grantee_principal = Some("arn:aws:iam::000000000000:root".into());
    let tag = Tag { tag_key: "k".into(), tag_value: "v".into() };
    let requests: Vec<(&str, Request)> = vec![
        ("CancelKeyDeletion", CancelKeyDeletionRequest::new(key).into()),
        ("CreateAlias", CreateAliasRequest::new("alias/mine", key).into()),
        ("CreateGrant", grant.into()),
        ("DisableKey", DisableKeyRequest::new(key).into()),
        ("DisableKeyRotation", DisableKeyRotationRequest::new(key).into()),
        ("EnableKey", EnableKeyRequest::new(key).into()),
        ("EnableKeyRotation", EnableKeyRotationRequest::new(key).into()),
        ("PutKeyPolicy", PutKeyPolicyRequest::new(key, &*policy).into()),
        ("PutKeyPolicy", unchecked.into()),
        ("RotateKeyOnDemand", RotateKeyOnDemandRequest::new(key).into()),
        ("ScheduleKeyDeletion", ScheduleKeyDeletionRequest::new(key).into()),
        ("TagResource", TagResourceRequest::new(key, vec![tag]).into()),
        ("UntagResource", UntagResourceRequest::new(key, vec!["k".to_owned()]).into()),
        ("UpdateAlias", UpdateAliasRequest::new("alias/own", key).into()),
        ("UpdateKeyDescription", UpdateKeyDescriptionRequest::new(key, "mine").into()),
    ];
    for (name, request) in requests {
        let error = pollster::block_on(home.kms.call(request)).unwrap_err();
        let message = format!(
            "User: arn:aws:iam::000000000000:root is not authorized to perform: kms:{name} on resource: {} because no \
             resource-based policy allows the kms:{name} action",
            arn(key)
        );
        assert_eq!((error.kind(), error.message()), (ErrorKind::AccessDenied, Some(&*message)), "{name}");
    }
    home.fails_silently(DeleteAliasRequest::new("alias/aws/s3"), ErrorKind::NotAuthorized);
    home.fails_silently(UpdateAliasRequest::new("alias/aws/s3", &*own), ErrorKind::NotAuthorized);
    assert_eq!(describe(&home, "alias/aws/s3"), before);
    assert_eq!(describe(&home, "alias/own").key_id, own);

    // Looking at it is allowed.
    assert_eq!(home.ok(GetKeyPolicyRequest::new(key)).policy, Some(policy));
    assert_eq!(home.ok(ListKeyPoliciesRequest::new(key)).policy_names, ["default"]);
    assert!(home.ok(ListGrantsRequest::new(key)).grants.is_empty());
    assert!(home.ok(ListResourceTagsRequest::new(key)).tags.is_empty());
    home.ok(GetKeyLastUsageRequest::new(key));
}

#[test]
fn identity_policies_say_who_uses_it() {
    let home = Home::new();
    let service = home.kms.service();
    let account = service.scope().account.clone();
    let policy =
        |action: &str| format!(r#"{{"Statement":{{"Effect":"Allow","Action":"{action}","Resource":"*"}}}}"#);
    let caller = |name: &str, action: &str| {
        let name: UserName = name.parse().unwrap();
        pollster::block_on(service.create_user(&account, &name)).unwrap();
        let user = Identity::User { account: account.clone(), name: name.clone() };
        pollster::block_on(service.put_policy(&user, &"p".parse().unwrap(), &policy(action))).unwrap();
        Caller::new(Principal::User { account: account.clone(), name }, service.scope().region.clone())
    };
    let (user, stranger) = (caller("alice", "kms:*"), caller("bob", "kms:ListKeys"));
    let encrypt = || EncryptRequest::new("alias/aws/s3", secret(b"x")).into();
    let blob = home.encrypt(&home.create_key(), b"x");
    let refused = |request: Request, action: &str| {
        let error = pollster::block_on(service.call_as(&stranger, request)).unwrap_err();
        let message = error.message().unwrap();
        let start = format!(
            "User: arn:aws:iam::000000000000:user/bob is not authorized to perform: {action} on resource: \
             arn:aws:kms:local:000000000000:key/"
        );
        let end = format!(" because no identity-based policy allows the {action} action");
        assert_eq!(error.kind(), ErrorKind::AccessDenied);
        assert!(message.starts_with(&start) && message.ends_with(&end), "{message}");
    };
    // Who may not use it does not make it, and hears the same before and after it is made.
    let mut decrypt = DecryptRequest::new(&*blob);
    decrypt.key_id = Some("alias/aws/s3".into());
    refused(encrypt(), "kms:Encrypt");
    refused(DescribeKeyRequest::new("alias/aws/s3").into(), "kms:DescribeKey");
    refused(decrypt.into(), "kms:Decrypt");
    refused(ReEncryptRequest::new(&*blob, "alias/aws/s3").into(), "kms:ReEncryptFrom");
    assert_eq!(home.ok(ListKeysRequest::new()).keys.len(), 1, "none is made");
    pollster::block_on(service.call_as(&user, encrypt())).unwrap();
    refused(encrypt(), "kms:Encrypt");
    let key = describe(&home, "alias/aws/s3").key_id;
    let delete = ScheduleKeyDeletionRequest::new(key).into();
    let error = pollster::block_on(service.call_as(&user, delete)).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::AccessDenied);
}

#[test]
fn trying_makes_none() {
    let home = Home::new();
    let tried = || {
        let mut encrypt = EncryptRequest::new("alias/aws/s3", secret(b"x"));
        encrypt.dry_run = Some(true);
        encrypt
    };
    let message = "Alias arn:aws:kms:local:000000000000:alias/aws/s3 is not found.";
    home.fails(tried(), ErrorKind::NotFound, message);
    assert!(home.ok(ListKeysRequest::new()).keys.is_empty());
    describe(&home, "alias/aws/s3");
    assert_eq!(home.send(tried()).unwrap_err().kind(), ErrorKind::DryRunOperation);
}

#[test]
fn an_account_has_them_in_so_many_regions_and_no_more() {
    let home = Home::new();
    let service = home.kms.service();
    let send = |region: &str, request: Request| {
        let caller = Caller::new(service.owner().principal, region.parse().unwrap());
        pollster::block_on(service.call_as(&caller, request))
    };
    let describe =
        |region: &str, name: &str| send(region, DescribeKeyRequest::new(format!("alias/aws/{name}")).into());
    for number in 0..64 {
        describe(&format!("r-{number}"), "s3").unwrap();
    }
    let error = describe("a-new-one", "s3").unwrap_err();
    assert_eq!(error.kind(), ErrorKind::NotFound);
    assert!(describe("s-new-one", "s3").is_err());
    describe("r-0", "ebs").unwrap();
    describe("r-63", "ebs").unwrap();
    // A key of the account's own opens another Region.
    send("s-new-one", CreateKeyRequest::new().into()).unwrap();
    describe("s-new-one", "s3").unwrap();
    assert!(describe("a-new-one", "s3").is_err());
}

#[test]
fn it_is_rotated_every_year() {
    const YEAR_MS: i64 = 365 * 86_400_000;
    let home = Home::new();
    let blob = home.encrypt("alias/aws/s3", b"x");
    let key = describe(&home, "alias/aws/s3").key_id;
    let status = home.ok(GetKeyRotationStatusRequest::new(&*key));
    assert!(status.key_rotation_enabled);
    assert_eq!(status.rotation_period_in_days, Some(365));
    assert_eq!(status.next_rotation_date, Some(Timestamp::from_epoch_ms(START_MS + YEAR_MS)));
    let mut worker = Worker::default();
    let mut run = || pollster::block_on(worker.run_due(home.kms.service(), Duration::ZERO)).unwrap().rotated;
    home.days_later(364);
    assert_eq!(run(), 0);
    home.days_later(1);
    assert_eq!(run(), 1);
    let rotations = home.ok(ListKeyRotationsRequest::new(&*key)).rotations;
    let kinds: Vec<_> = rotations.into_iter().map(|rotation| rotation.rotation_type).collect();
    assert_eq!(kinds, [Some(RotationType::Automatic)]);
    assert_eq!(home.decrypt(&blob), b"x");
    assert_eq!(home.decrypt(&home.encrypt("alias/aws/s3", b"y")), b"y");
    let next = home.ok(GetKeyRotationStatusRequest::new(&*key)).next_rotation_date;
    assert_eq!(next, Some(Timestamp::from_epoch_ms(START_MS + 2 * YEAR_MS)));
}
