//! Making, describing and listing keys; their states; rotation.

use keyfold_protocol::operations::{
    CancelKeyDeletionRequest, CreateAliasRequest, CreateKeyRequest, DecryptRequest, DescribeKeyRequest,
    DisableKeyRequest, EnableKeyRequest, EncryptRequest, ListKeysRequest, RotateKeyOnDemandRequest,
    ScheduleKeyDeletionRequest,
};
use keyfold_protocol::{
    CustomerMasterKeySpec, EncryptionAlgorithmSpec, ErrorKind, KeyId, KeyManagerType, KeySpec, KeyState,
    KeyUsageType, OriginType, Timestamp,
};

use crate::harness::{Home, KEY_ARN_PREFIX, NO_KEY, START_MS, arn, secret, violation};

fn state(home: &Home, key_id: &str) -> KeyState {
    home.ok(DescribeKeyRequest::new(key_id)).key_metadata.key_state.unwrap()
}

#[test]
fn a_new_key_is_described_as_aws_describes_it() {
    let home = Home::new();
    let mut request = CreateKeyRequest::new();
    request.description = Some("for tests".into());
    let made = home.ok(request).key_metadata;
    assert!(made.key_id.parse::<KeyId>().is_ok());
    assert_eq!(made.arn, Some(arn(&made.key_id)));
    assert_eq!(made.aws_account_id.as_deref(), Some("000000000000"));
    assert_eq!(made.creation_date, Some(Timestamp::from_epoch_ms(START_MS)));
    assert_eq!((made.enabled, made.multi_region), (Some(true), Some(false)));
    assert_eq!(made.description.as_deref(), Some("for tests"));
    assert_eq!(made.key_usage, Some(KeyUsageType::EncryptDecrypt));
    assert_eq!((made.key_state.clone(), made.deletion_date), (Some(KeyState::Enabled), None));
    assert_eq!(
        (made.origin.clone(), made.key_manager.clone()),
        (Some(OriginType::AwsKms), Some(KeyManagerType::Customer))
    );
    assert_eq!(made.key_spec, Some(KeySpec::SymmetricDefault));
    assert_eq!(made.customer_master_key_spec, Some(CustomerMasterKeySpec::SymmetricDefault));
    assert_eq!(made.encryption_algorithms, Some(vec![EncryptionAlgorithmSpec::SymmetricDefault]));
    assert_eq!(made.current_key_material_id.as_ref().unwrap().len(), 64);
    for name in [made.key_id.clone(), arn(&made.key_id)] {
        assert_eq!(home.ok(DescribeKeyRequest::new(name)).key_metadata, made);
    }
}

#[test]
fn what_a_new_key_can_be() {
    let home = Home::new();
    let mut explicit = CreateKeyRequest::new();
    explicit.key_spec = Some(KeySpec::SymmetricDefault);
    explicit.key_usage = Some(KeyUsageType::EncryptDecrypt);
    explicit.origin = Some(OriginType::AwsKms);
    explicit.multi_region = Some(false);
    explicit.bypass_policy_lockout_safety_check = Some(false);
    explicit.tags = Some(vec![]);
    home.ok(explicit);
    let mut older = CreateKeyRequest::new();
    older.customer_master_key_spec = Some(CustomerMasterKeySpec::SymmetricDefault);
    home.ok(older);

    let refuse = |change: fn(&mut CreateKeyRequest), kind, message: &str| {
        let mut request = CreateKeyRequest::new();
        change(&mut request);
        home.fails(request, kind, message);
    };
    refuse(
        |request| {
            request.key_spec = Some(KeySpec::SymmetricDefault);
            request.customer_master_key_spec = Some(CustomerMasterKeySpec::SymmetricDefault);
        },
        ErrorKind::Validation,
        "You cannot specify KeySpec and CustomerMasterKeySpec in the same request. CustomerMasterKeySpec is deprecated.",
    );
    refuse(
        |request| request.key_usage = Some(KeyUsageType::SignVerify),
        ErrorKind::Validation,
        "KeyUsage SIGN_VERIFY is not compatible with KeySpec SYMMETRIC_DEFAULT",
    );
    refuse(
        |request| request.description = Some("é".repeat(8193)),
        ErrorKind::Validation,
        &violation("Value at 'description'", "Member must have length less than or equal to 8192"),
    );
    refuse(
        |request| request.origin = Some("MARS".into()),
        ErrorKind::Validation,
        &violation(
            "Value 'MARS' at 'origin'",
            "Member must satisfy enum value set: [AWS_KMS, EXTERNAL, AWS_CLOUDHSM, EXTERNAL_KEY_STORE]",
        ),
    );
    let unsupported = ErrorKind::UnsupportedOperation;
    refuse(
        |request| request.key_spec = Some(KeySpec::Rsa2048),
        unsupported,
        "KeySpec RSA_2048 is not supported by this service.",
    );
    refuse(
        |request| request.origin = Some(OriginType::External),
        unsupported,
        "Origin EXTERNAL is not supported by this service.",
    );
    refuse(
        |request| request.multi_region = Some(true),
        unsupported,
        "MultiRegion is not supported by this service.",
    );
    for change in [
        (|request| request.custom_key_store_id = Some("cks-1".into())) as fn(&mut CreateKeyRequest),
        |request| request.xks_key_id = Some("x".into()),
    ] {
        let mut request = CreateKeyRequest::new();
        change(&mut request);
        assert_eq!(home.send(request).unwrap_err().kind(), unsupported);
    }
}

#[test]
fn keys_that_are_not_there() {
    let home = Home::new();
    let not_found = ErrorKind::NotFound;
    for bad in ["fake-key-id", "mrk-fake-key-id", "0000000000004000800000000000000f", "alias/bad!"] {
        home.fails(DescribeKeyRequest::new(bad), not_found, &format!("Invalid keyId '{bad}'"));
    }
    for name in [NO_KEY.to_owned(), arn(NO_KEY)] {
        home.fails(
            DescribeKeyRequest::new(name),
            not_found,
            &format!("Key '{}' does not exist", arn(NO_KEY)),
        );
    }
    let elsewhere = format!("arn:aws:kms:eu-central-1:000000000000:key/{NO_KEY}");
    home.fails(DescribeKeyRequest::new(elsewhere), not_found, "Invalid arn eu-central-1");
    let of_another = format!("arn:aws:kms:local:111122223333:key/{NO_KEY}");
    home.fails(
        DescribeKeyRequest::new(&*of_another),
        ErrorKind::AccessDenied,
        &format!(
            "User: arn:aws:iam::000000000000:root is not authorized to perform: kms:DescribeKey on resource: \
             {of_another} because the resource does not exist in this Region, no resource-based policies allow \
             access, or a resource-based policy explicitly denies access"
        ),
    );
    home.fails(DescribeKeyRequest::new("arn:aws:kms"), ErrorKind::InvalidArn, "Invalid arn arn:aws:kms");
    home.fails(
        DescribeKeyRequest::new("alias/none"),
        not_found,
        "Alias arn:aws:kms:local:000000000000:alias/none is not found.",
    );
    home.fails(
        DescribeKeyRequest::new(""),
        ErrorKind::Validation,
        &violation("Value '' at 'keyId'", "Member must have length greater than or equal to 1"),
    );
    let mut with_tokens = DescribeKeyRequest::new(home.create_key());
    with_tokens.grant_tokens = Some(vec!["token".into()]);
    let message = "The request was rejected because the specified grant token is not valid.";
    home.fails(with_tokens, ErrorKind::InvalidGrantToken, message);
}

#[test]
fn operations_on_the_key_itself_take_no_alias() {
    let home = Home::new();
    let key_id = home.create_key();
    home.ok(CreateAliasRequest::new("alias/app", key_id));
    let (kind, message) = (ErrorKind::NotFound, "Invalid keyId 'alias/app'");
    home.fails(EnableKeyRequest::new("alias/app"), kind, message);
    home.fails(DisableKeyRequest::new("alias/app"), kind, message);
    home.fails(ScheduleKeyDeletionRequest::new("alias/app"), kind, message);
    home.fails(CancelKeyDeletionRequest::new("alias/app"), kind, message);
    home.fails(RotateKeyOnDemandRequest::new("alias/app"), kind, message);
    home.fails(CreateAliasRequest::new("alias/other", "alias/app"), kind, message);
}

#[test]
fn a_disabled_key_is_not_used_until_it_is_enabled() {
    let home = Home::new();
    let key_id = home.create_key();
    let blob = home.encrypt(&key_id, b"x");
    for _ in 0..2 {
        home.ok(DisableKeyRequest::new(&*key_id));
    }
    assert_eq!(state(&home, &key_id), KeyState::Disabled);
    assert_eq!(home.ok(DescribeKeyRequest::new(&*key_id)).key_metadata.enabled, Some(false));
    let message = format!("{} is disabled.", arn(&key_id));
    home.fails(EncryptRequest::new(&*key_id, secret(b"x")), ErrorKind::Disabled, &message);
    home.fails(DecryptRequest::new(&*blob), ErrorKind::Disabled, &message);
    home.fails(RotateKeyOnDemandRequest::new(&*key_id), ErrorKind::Disabled, &message);
    home.ok(EnableKeyRequest::new(arn(&key_id)));
    assert_eq!(home.decrypt(&blob), b"x");
}

#[test]
fn deletion_waits_and_can_be_taken_back() {
    let home = Home::new();
    let key_id = home.create_key();
    let blob = home.encrypt(&key_id, b"x");
    let mut request = ScheduleKeyDeletionRequest::new(&*key_id);
    request.pending_window_in_days = Some(7);
    let answer = home.ok(request);
    let date = Timestamp::from_epoch_ms(START_MS + 7 * 86_400_000);
    assert_eq!(answer.key_id, arn(&key_id));
    assert_eq!((answer.deletion_date, answer.pending_window_in_days), (Some(date), Some(7)));
    assert_eq!(answer.key_state, Some(KeyState::PendingDeletion));
    let described = home.ok(DescribeKeyRequest::new(&*key_id)).key_metadata;
    assert_eq!((described.deletion_date, described.enabled), (Some(date), Some(false)));

    let (kind, message) = (ErrorKind::KmsInvalidState, format!("{} is pending deletion.", arn(&key_id)));
    home.fails(DecryptRequest::new(&*blob), kind, &message);
    home.fails(EnableKeyRequest::new(&*key_id), kind, &message);
    home.fails(DisableKeyRequest::new(&*key_id), kind, &message);
    home.fails(ScheduleKeyDeletionRequest::new(&*key_id), kind, &message);
    home.fails(RotateKeyOnDemandRequest::new(&*key_id), kind, &message);
    home.fails(CreateAliasRequest::new("alias/late", &*key_id), kind, &message);

    home.days_later(6);
    assert_eq!(home.ok(CancelKeyDeletionRequest::new(&*key_id)).key_id, arn(&key_id));
    let described = home.ok(DescribeKeyRequest::new(&*key_id)).key_metadata;
    assert_eq!((described.key_state, described.deletion_date), (Some(KeyState::Disabled), None));
    let message = format!("{} is not pending deletion.", arn(&key_id));
    home.fails(CancelKeyDeletionRequest::new(&*key_id), kind, &message);
    home.ok(EnableKeyRequest::new(&*key_id));
    home.fails(CancelKeyDeletionRequest::new(&*key_id), kind, &message);
    assert_eq!(home.decrypt(&blob), b"x");
}

#[test]
fn past_its_deletion_date_a_key_never_comes_back() {
    let home = Home::new();
    let key_id = home.create_key();
    let blob = home.encrypt(&key_id, b"x");
    assert_eq!(home.ok(ScheduleKeyDeletionRequest::new(&*key_id)).pending_window_in_days, Some(30));
    home.days_later(30);
    let (kind, message) = (ErrorKind::KmsInvalidState, format!("{} is pending deletion.", arn(&key_id)));
    home.fails(CancelKeyDeletionRequest::new(&*key_id), kind, &message);
    home.fails(EnableKeyRequest::new(&*key_id), kind, &message);
    home.fails(DecryptRequest::new(&*blob), kind, &message);
    home.fails(EncryptRequest::new(&*key_id, secret(b"x")), kind, &message);
}

#[test]
fn the_waiting_time_has_limits() {
    let home = Home::new();
    let key_id = home.create_key();
    let with_days = |days| {
        let mut request = ScheduleKeyDeletionRequest::new(&*key_id);
        request.pending_window_in_days = Some(days);
        request
    };
    for (days, bound) in [(0, "greater than or equal to 1"), (366, "less than or equal to 365")] {
        let message = violation(
            &format!("Value '{days}' at 'pendingWindowInDays'"),
            &format!("Member must have value {bound}"),
        );
        home.fails(with_days(days), ErrorKind::Validation, &message);
    }
    for days in [1, 6, 31, 365] {
        let message = "PendingWindowInDays must be between 7 and 30 days (inclusive).";
        home.fails(with_days(days), ErrorKind::Validation, message);
    }
    assert_eq!(state(&home, &key_id), KeyState::Enabled);
    home.ok(with_days(30));
}

#[test]
fn rotation_keeps_what_older_material_encrypted_readable() {
    let home = Home::new();
    let key_id = home.create_key();
    let mut blobs = Vec::new();
    let mut materials = Vec::new();
    for round in 0..=25u8 {
        let described = home.ok(DescribeKeyRequest::new(&*key_id)).key_metadata;
        materials.push(described.current_key_material_id.unwrap());
        blobs.push(home.encrypt(&key_id, &[round]));
        if round < 25 {
            assert_eq!(home.ok(RotateKeyOnDemandRequest::new(&*key_id)).key_id, arn(&key_id));
        }
    }
    home.fails(
        RotateKeyOnDemandRequest::new(&*key_id),
        ErrorKind::LimitExceeded,
        &format!(
            "The on-demand rotations limit has been reached for the given keyId. No more on-demand rotations can \
             be performed for this key: {}",
            arn(&key_id)
        ),
    );
    let home = home.reopened();
    for (round, (blob, material)) in blobs.iter().zip(&materials).enumerate() {
        let answer = home.ok(DecryptRequest::new(&**blob));
        assert_eq!(usize::from(answer.plaintext.expose()[0]), round);
        assert_eq!(answer.key_material_id.as_ref(), Some(material));
    }
    materials.sort();
    materials.dedup();
    assert_eq!(materials.len(), 26);
}

#[test]
fn keys_are_listed_in_pages() {
    let home = Home::new();
    assert!(home.ok(ListKeysRequest::new()).keys.is_empty());
    let mut made: Vec<_> = (0..7).map(|_| home.create_key()).collect();
    made.sort();
    let mut listed = Vec::new();
    let mut request = ListKeysRequest::new();
    request.limit = Some(3);
    loop {
        let page = home.ok(request);
        assert_eq!(page.truncated, page.next_marker.is_some());
        listed.extend(page.keys.iter().map(|key| key.key_id.clone()));
        assert!(page.keys.iter().all(|key| key.key_arn == arn(&key.key_id)));
        let Some(marker) = page.next_marker else { break };
        assert!(page.keys.len() == 3 && marker.len() <= 1024);
        request = ListKeysRequest::new();
        (request.limit, request.marker) = (Some(3), Some(marker));
    }
    assert_eq!(listed, made);
    let all = home.ok(ListKeysRequest::new());
    assert_eq!((all.keys.len(), all.truncated, all.next_marker), (7, false, None));
}

#[test]
fn markers_and_limits_are_checked() {
    let home = Home::new();
    for _ in 0..2 {
        home.create_key();
    }
    let mut first = ListKeysRequest::new();
    first.limit = Some(1);
    let marker = home.ok(first).next_marker.unwrap();
    let flipped =
        if marker.starts_with('0') { marker.replacen('0', "1", 1) } else { format!("0{}", &marker[1..]) };
    for bad in ["x", "00", &flipped, &marker[4..], &format!("{marker}AAAA")] {
        let mut request = ListKeysRequest::new();
        request.marker = Some(bad.to_owned());
        assert_eq!(home.send(request).unwrap_err().kind(), ErrorKind::InvalidMarker, "{bad}");
    }
    let mut of_another_list = keyfold_protocol::operations::ListAliasesRequest::new();
    of_another_list.marker = Some(marker);
    assert_eq!(home.send(of_another_list).unwrap_err().kind(), ErrorKind::InvalidMarker);
    let mut request = ListKeysRequest::new();
    request.limit = Some(1001);
    home.fails(
        request,
        ErrorKind::Validation,
        &violation("Value '1001' at 'limit'", "Member must have value less than or equal to 1000"),
    );
    let mut request = ListKeysRequest::new();
    request.resource_owners = Some(vec!["SELF".into(), "OTHER_ACCOUNTS_VIA_RAM".into()]);
    assert_eq!(home.send(request).unwrap_err().kind(), ErrorKind::UnsupportedOperation);
}

#[test]
fn the_default_key_is_made_once() {
    let home = Home::new();
    let first = pollster::block_on(home.kms.ensure_default_key()).unwrap();
    assert!(first.is_new && first.arn.to_string().starts_with(KEY_ARN_PREFIX));
    let again = pollster::block_on(home.kms.ensure_default_key()).unwrap();
    assert_eq!((again.is_new, &again.arn), (false, &first.arn));
    let described = home.ok(DescribeKeyRequest::new("alias/default")).key_metadata;
    assert_eq!(described.arn, Some(first.arn.to_string()));
    assert_eq!(home.decrypt(&home.encrypt("alias/default", b"x")), b"x");
}
