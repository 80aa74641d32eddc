//! What applications do.

use std::collections::HashSet;

use aws_sdk_kms::config::Region;
use aws_sdk_kms::error::SdkError;
use aws_sdk_kms::primitives::Blob;
use aws_sdk_kms::types::{DataKeySpec, GrantConstraints, GrantOperation, KeyState, RotationType, Tag};
use aws_smithy_http_client::tls::TrustStore;

use crate::service::{config, grantee, https, key, kms, kms_of, mine, refused, sts};

pub async fn create_and_describe() {
    let kms = kms();
    let made = kms.create_key().description("for Rust").send().await.unwrap().key_metadata.unwrap();
    assert_eq!(made.key_state(), Some(&KeyState::Enabled));
    let found = kms.describe_key().key_id(made.arn().unwrap()).send().await.unwrap();
    assert_eq!(found.key_metadata(), Some(&made));
}

pub async fn aliases() {
    let kms = kms();
    let (made, other) = (key(&kms).await, key(&kms).await);
    kms.create_alias().alias_name("alias/peer").target_key_id(made.key_id()).send().await.unwrap();
    let found = kms.list_aliases().key_id(made.key_id()).send().await.unwrap();
    assert_eq!(found.aliases()[0].alias_name(), Some("alias/peer"));
    kms.update_alias().alias_name("alias/peer").target_key_id(other.key_id()).send().await.unwrap();
    let described = kms.describe_key().key_id("alias/peer").send().await.unwrap();
    assert_eq!(described.key_metadata().unwrap().key_id(), other.key_id());
    kms.delete_alias().alias_name("alias/peer").send().await.unwrap();
}

pub async fn encrypt_and_decrypt() {
    let kms = kms();
    let (made, other) = (key(&kms).await, key(&kms).await);
    for plaintext in [vec![b'x'], vec![7; 4096]] {
        let encrypt = kms.encrypt().key_id(made.key_id()).plaintext(Blob::new(plaintext.clone()));
        let blob =
            encrypt.encryption_context("tenant", "acme").send().await.unwrap().ciphertext_blob.unwrap();
        let decrypt = kms.decrypt().ciphertext_blob(blob.clone());
        let opened = decrypt.clone().encryption_context("tenant", "acme").send().await.unwrap();
        assert_eq!(opened.plaintext().unwrap().as_ref(), plaintext);
        assert_eq!(opened.key_id(), made.arn());
        let moved = kms
            .re_encrypt()
            .ciphertext_blob(blob)
            .source_encryption_context("tenant", "acme")
            .destination_key_id(other.key_id())
            .send()
            .await
            .unwrap();
        let opened = kms.decrypt().ciphertext_blob(moved.ciphertext_blob.unwrap()).send().await.unwrap();
        assert_eq!(opened.plaintext().unwrap().as_ref(), plaintext);
    }
}

pub async fn data_keys() {
    let kms = kms();
    let made = key(&kms).await;
    let generate = kms.generate_data_key().key_id(made.key_id()).key_spec(DataKeySpec::Aes256);
    let data_key = generate.encryption_context("a", "b").send().await.unwrap();
    let blob = data_key.ciphertext_blob.unwrap();
    let opened = kms.decrypt().ciphertext_blob(blob).encryption_context("a", "b").send().await.unwrap();
    assert_eq!(opened.plaintext, data_key.plaintext);
    assert_eq!(opened.plaintext.unwrap().as_ref().len(), 32);
    let sealed = kms.generate_data_key_without_plaintext().key_id(made.key_id()).number_of_bytes(64);
    let blob = sealed.send().await.unwrap().ciphertext_blob.unwrap();
    let opened = kms.decrypt().ciphertext_blob(blob).send().await.unwrap();
    assert_eq!(opened.plaintext.unwrap().as_ref().len(), 64);
    let random = kms.generate_random().number_of_bytes(1024).send().await.unwrap();
    assert_eq!(random.plaintext.unwrap().as_ref().len(), 1024);
}

pub async fn rotation() {
    let kms = kms();
    let made = key(&kms).await;
    let encrypt = || kms.encrypt().key_id(made.key_id()).plaintext(Blob::new("x")).send();
    let before = encrypt().await.unwrap().ciphertext_blob.unwrap();
    kms.rotate_key_on_demand().key_id(made.key_id()).send().await.unwrap();
    for blob in [before, encrypt().await.unwrap().ciphertext_blob.unwrap()] {
        let opened = kms.decrypt().ciphertext_blob(blob).send().await.unwrap();
        assert_eq!(opened.plaintext.unwrap().as_ref(), b"x");
    }
    let listed = kms.list_key_rotations().key_id(made.key_id()).send().await.unwrap();
    assert_eq!(listed.rotations()[0].rotation_type(), Some(&RotationType::OnDemand));
    kms.enable_key_rotation().key_id(made.key_id()).rotation_period_in_days(90).send().await.unwrap();
    let status = kms.get_key_rotation_status().key_id(made.key_id()).send().await.unwrap();
    assert_eq!((status.key_rotation_enabled(), status.rotation_period_in_days()), (true, Some(90)));
    kms.disable_key_rotation().key_id(made.key_id()).send().await.unwrap();
}

pub async fn states() {
    let kms = kms();
    let made = key(&kms).await;
    let encrypt = || kms.encrypt().key_id(made.key_id()).plaintext(Blob::new("x"));
    kms.disable_key().key_id(made.key_id()).send().await.unwrap();
    refused!(encrypt(), "DisabledException", is_disabled_exception);
    kms.enable_key().key_id(made.key_id()).send().await.unwrap();
    encrypt().send().await.unwrap();
    let scheduled = kms.schedule_key_deletion().key_id(made.key_id()).pending_window_in_days(7);
    assert!(scheduled.send().await.unwrap().deletion_date().is_some());
    refused!(encrypt(), "KMSInvalidStateException", is_kms_invalid_state_exception);
    kms.cancel_key_deletion().key_id(made.key_id()).send().await.unwrap();
}

pub async fn grants() {
    let (kms, user) = (kms(), kms_of(grantee()));
    let made = key(&kms).await;
    let arn = sts(grantee()).get_caller_identity().send().await.unwrap().arn.unwrap();
    let encrypt = kms.encrypt().key_id(made.key_id()).plaintext(Blob::new("x"));
    let blob = encrypt.encryption_context("tenant", "acme").send().await.unwrap().ciphertext_blob.unwrap();
    let decrypt = || user.decrypt().ciphertext_blob(blob.clone()).encryption_context("tenant", "acme");
    refused!(decrypt(), "AccessDeniedException");
    let constraints = GrantConstraints::builder().encryption_context_subset("tenant", "acme").build();
    let create = || {
        kms.create_grant()
            .key_id(made.key_id())
            .grantee_principal(&arn)
            .retiring_principal(&arn)
            .operations(GrantOperation::Decrypt)
            .constraints(constraints.clone())
    };
    let given = create().send().await.unwrap();
    let opened = decrypt().grant_tokens(given.grant_token().unwrap()).send().await.unwrap();
    assert_eq!(opened.plaintext.unwrap().as_ref(), b"x");
    let listed = kms.list_grants().key_id(made.key_id()).send().await.unwrap();
    assert_eq!(listed.grants()[0].constraints(), Some(&constraints));
    let retirable = kms.list_retirable_grants().retiring_principal(&arn).send().await.unwrap();
    assert!(retirable.grants().iter().any(|grant| grant.grant_id() == given.grant_id()));
    user.retire_grant().grant_token(given.grant_token().unwrap()).send().await.unwrap();
    refused!(decrypt(), "AccessDeniedException");
    let again = create().send().await.unwrap().grant_id.unwrap();
    kms.revoke_grant().key_id(made.key_id()).grant_id(again).send().await.unwrap();
    assert!(kms.list_grants().key_id(made.key_id()).send().await.unwrap().grants().is_empty());
}

pub async fn tags() {
    let kms = kms();
    let tag = |key: &str, value: &str| Tag::builder().tag_key(key).tag_value(value).build().unwrap();
    let made = kms.create_key().tags(tag("a", "1")).send().await.unwrap().key_metadata.unwrap();
    kms.tag_resource().key_id(made.key_id()).tags(tag("b", "")).tags(tag("a", "2")).send().await.unwrap();
    kms.untag_resource().key_id(made.key_id()).tag_keys("b").send().await.unwrap();
    let listed = kms.list_resource_tags().key_id(made.key_id()).send().await.unwrap();
    assert_eq!(listed.tags(), [tag("a", "2")]);
}

pub async fn policies() {
    let kms = kms();
    let made = key(&kms).await;
    let listed = kms.list_key_policies().key_id(made.key_id()).send().await.unwrap();
    assert_eq!(listed.policy_names(), ["default"]);
    let policy = r#"{"Version": "2012-10-17", "Statement": [
        {"Effect": "Allow", "Principal": "*", "Action": "kms:*", "Resource": "*"},
        {"Effect": "Deny", "Principal": "*", "Action": "kms:Encrypt", "Resource": "*"}]}"#;
    kms.put_key_policy().key_id(made.key_id()).policy(policy).send().await.unwrap();
    let found = kms.get_key_policy().key_id(made.key_id()).send().await.unwrap();
    assert_eq!(found.policy(), Some(policy));
    refused!(kms.encrypt().key_id(made.key_id()).plaintext(Blob::new("x")), "AccessDeniedException");
}

pub async fn pages() {
    let kms = kms();
    let mut made = HashSet::new();
    for _ in 0..250 {
        made.insert(key(&kms).await.key_id);
    }
    let (mut found, mut pages) = (Vec::new(), 0);
    let mut paginator = kms.list_keys().into_paginator().page_size(60).send();
    while let Some(page) = paginator.next().await {
        let page = page.unwrap();
        assert!(page.keys().len() <= 60);
        found.extend(page.keys().iter().map(|entry| entry.key_id().unwrap().to_owned()));
        pages += 1;
    }
    let distinct: HashSet<_> = found.iter().cloned().collect();
    assert!(made.is_subset(&distinct) && distinct.len() == found.len() && pages >= 5, "{pages} pages");
}

pub async fn who() {
    let identity = sts(mine()).get_caller_identity().send().await.unwrap();
    let account = identity.account().unwrap();
    assert!(identity.arn().unwrap().starts_with(&format!("arn:aws:iam::{account}:")), "{identity:?}");
}

pub async fn regions() {
    let made = key(&kms()).await;
    let elsewhere = config(mine()).region(Region::new("eu-central-1")).build();
    let elsewhere = aws_sdk_kms::Client::from_conf(elsewhere);
    refused!(
        elsewhere.describe_key().key_id(made.arn().unwrap()),
        "NotFoundException",
        is_not_found_exception
    );
    let there = key(&elsewhere).await;
    assert!(there.arn().unwrap().contains(":kms:eu-central-1:"), "{there:?}");
}

/// A server whose CA is not among the trusted ones is not talked to.
pub async fn trust() {
    let wary = config(mine()).http_client(https(TrustStore::empty().with_native_roots(true))).build();
    let error = aws_sdk_kms::Client::from_conf(wary).list_keys().send().await.unwrap_err();
    assert!(matches!(error, SdkError::DispatchFailure(_)), "{error:?}");
    assert!(format!("{error:?}").contains("UnknownIssuer"), "{error:?}");
}
