//! Every error that can be provoked, as the variant that the SDK has for it.

use std::env::var;

use aws_sdk_kms::primitives::Blob;
use aws_sdk_kms::types::{DataKeySpec, EncryptionAlgorithmSpec, GrantOperation, Tag};

use crate::service::{credentials, key, kms, kms_of, mine, refused, sts};

pub async fn keys() {
    let kms = kms();
    let describe = |id: &str| kms.describe_key().key_id(id);
    let message = refused!(describe("fake-key-id"), "NotFoundException", is_not_found_exception);
    assert_eq!(message, "Invalid keyId 'fake-key-id'");
    refused!(describe("arn:aws:kms:nothing"), "InvalidArnException", is_invalid_arn_exception);

    let made = key(&kms).await;
    let id = made.key_id();
    let alias = |name: &str| kms.create_alias().alias_name(name).target_key_id(id);
    alias("alias/taken").send().await.unwrap();
    refused!(alias("alias/taken"), "AlreadyExistsException", is_already_exists_exception);
    refused!(alias("alias/"), "InvalidAliasNameException", is_invalid_alias_name_exception);
    refused!(alias("alias/aws/mine"), "NotAuthorizedException");
    refused!(alias("no-prefix"), "ValidationException");

    kms.disable_key().key_id(id).send().await.unwrap();
    let encrypt = kms.encrypt().key_id(id).plaintext(Blob::new("x"));
    let message = refused!(encrypt, "DisabledException", is_disabled_exception);
    assert_eq!(message, format!("{} is disabled.", made.arn().unwrap()));
    kms.enable_key().key_id(id).send().await.unwrap();
    let cancel = kms.cancel_key_deletion().key_id(id);
    let message = refused!(cancel, "KMSInvalidStateException", is_kms_invalid_state_exception);
    assert_eq!(message, format!("{} is not pending deletion.", made.arn().unwrap()));
    refused!(kms.schedule_key_deletion().key_id(id).pending_window_in_days(6), "ValidationException");

    for _ in 0..25 {
        kms.rotate_key_on_demand().key_id(id).send().await.unwrap();
    }
    refused!(kms.rotate_key_on_demand().key_id(id), "LimitExceededException", is_limit_exceeded_exception);
    refused!(kms.list_keys().marker("nonsense"), "InvalidMarkerException", is_invalid_marker_exception);
    refused!(kms.describe_custom_key_stores(), "UnsupportedOperationException");
}

pub async fn ciphertexts() {
    let kms = kms();
    let (made, other) = (key(&kms).await, key(&kms).await);
    let encrypt = kms.encrypt().key_id(made.key_id()).plaintext(Blob::new("x"));
    let blob =
        encrypt.clone().encryption_context("tenant", "acme").send().await.unwrap().ciphertext_blob.unwrap();
    let decrypt = |blob: Blob| kms.decrypt().ciphertext_blob(blob);
    let wrong_context = [decrypt(blob.clone()), decrypt(blob.clone()).encryption_context("tenant", "Acme")];
    for request in [decrypt(Blob::new("nonsense"))].into_iter().chain(wrong_context) {
        let message = refused!(request, "InvalidCiphertextException", is_invalid_ciphertext_exception);
        assert_eq!(message, "");
    }
    let wrong_key = decrypt(blob).encryption_context("tenant", "acme").key_id(other.key_id());
    refused!(wrong_key, "IncorrectKeyException", is_incorrect_key_exception);
    let wrong_usage = encrypt.encryption_algorithm(EncryptionAlgorithmSpec::RsaesOaepSha256);
    refused!(wrong_usage, "InvalidKeyUsageException", is_invalid_key_usage_exception);
    for (len, bound) in [(0, "greater than or equal to 1"), (4097, "less than or equal to 4096")] {
        let encrypt = kms.encrypt().key_id(made.key_id()).plaintext(Blob::new(vec![0; len]));
        assert!(refused!(encrypt, "ValidationException").ends_with(bound));
    }
    let both =
        kms.generate_data_key().key_id(made.key_id()).key_spec(DataKeySpec::Aes256).number_of_bytes(32);
    refused!(both, "ValidationException");
}

pub async fn grants() {
    let kms = kms();
    let made = key(&kms).await;
    let encrypt = kms.encrypt().key_id(made.key_id()).plaintext(Blob::new("x")).grant_tokens("nonsense");
    refused!(encrypt, "InvalidGrantTokenException", is_invalid_grant_token_exception);
    let retire = kms.retire_grant().grant_token("nonsense");
    refused!(retire, "InvalidGrantTokenException", is_invalid_grant_token_exception);
    let revoke = |grant: &str| kms.revoke_grant().key_id(made.key_id()).grant_id(grant);
    refused!(revoke("nonsense"), "InvalidGrantIdException", is_invalid_grant_id_exception);
    refused!(revoke(&"0".repeat(64)), "NotFoundException", is_not_found_exception);
}

pub async fn tags_and_policies() {
    let kms = kms();
    let made = key(&kms).await;
    let tag = |key: &str| Tag::builder().tag_key(key).tag_value("").build().unwrap();
    let put = |keys: &[&str]| {
        let tags = keys.iter().map(|key| tag(key)).collect();
        kms.tag_resource().key_id(made.key_id()).set_tags(Some(tags))
    };
    assert_eq!(refused!(put(&["a", "a"]), "TagException", is_tag_exception), "Duplicate tag keys");
    refused!(put(&["aws:a"]), "TagException", is_tag_exception);
    let policy = kms.put_key_policy().key_id(made.key_id()).policy("not json");
    refused!(policy, "MalformedPolicyDocumentException", is_malformed_policy_document_exception);
}

pub async fn dry_runs() {
    let kms = kms();
    let made = key(&kms).await;
    let id = made.key_id();
    let blob =
        kms.encrypt().key_id(id).plaintext(Blob::new("x")).send().await.unwrap().ciphertext_blob.unwrap();
    let me = sts(mine()).get_caller_identity().send().await.unwrap().arn.unwrap();
    let grant = kms.create_grant().key_id(id).grantee_principal(me).operations(GrantOperation::Decrypt);
    let given = grant.clone().send().await.unwrap();
    macro_rules! dry {
        ($request:expr) => {
            refused!($request.dry_run(true), "DryRunOperationException", is_dry_run_operation_exception)
        };
    }
    dry!(kms.encrypt().key_id(id).plaintext(Blob::new("x")));
    dry!(kms.decrypt().ciphertext_blob(blob.clone()));
    dry!(kms.re_encrypt().ciphertext_blob(blob).destination_key_id(id));
    dry!(kms.generate_data_key().key_id(id).key_spec(DataKeySpec::Aes256));
    dry!(kms.generate_data_key_without_plaintext().key_id(id).key_spec(DataKeySpec::Aes256));
    dry!(grant);
    dry!(kms.revoke_grant().key_id(id).grant_id(given.grant_id().unwrap()));
}

pub async fn authentication() {
    let mine = var("AWS_ACCESS_KEY_ID").unwrap();
    let secret = var("AWS_SECRET_ACCESS_KEY").unwrap();
    let nobody = credentials("AKIAABCDEFGHIJKLMNOP", &"x".repeat(40), None);
    refused!(kms_of(credentials(&mine, &"x".repeat(40), None)).list_keys(), "InvalidSignatureException");
    refused!(kms_of(nobody.clone()).list_keys(), "InvalidSignatureException");
    refused!(kms_of(credentials(&mine, &secret, Some("token"))).list_keys(), "UnrecognizedClientException");
    let error = sts(nobody).get_caller_identity().send().await.unwrap_err();
    assert_eq!(error.raw_response().unwrap().status().as_u16(), 403);
    assert_eq!(aws_sdk_sts::error::ProvideErrorMetadata::code(&error), Some("SignatureDoesNotMatch"));
}

pub async fn sessions() {
    let [id, secret, token] =
        ["ACCESS_KEY_ID", "SECRET_ACCESS_KEY", "TOKEN"].map(|name| var(format!("SESSION_{name}")).unwrap());
    let whole = credentials(&id, &secret, Some(&token));
    let identity = sts(whole.clone()).get_caller_identity().send().await.unwrap();
    assert!(identity.arn().unwrap().ends_with(":assumed-role/reader/clients"), "{identity:?}");
    let kms = kms_of(whole);
    assert!(!kms.list_keys().send().await.unwrap().keys().is_empty());
    refused!(kms.create_key(), "AccessDeniedException");
    refused!(kms_of(credentials(&id, &secret, None)).list_keys(), "UnrecognizedClientException");
}

/// On a server whose rates are low.
pub async fn throttling() {
    let kms = kms();
    for _ in 0..20 {
        if kms.list_keys().send().await.is_err() {
            refused!(kms.list_keys(), "ThrottlingException");
            return;
        }
    }
    panic!("nothing was throttled");
}
