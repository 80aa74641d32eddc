//! The use of keys.

use keyfold_kms::CiphertextBlob;
use keyfold_protocol::operations::{
    CreateAliasRequest, DecryptRequest, DescribeKeyRequest, DisableKeyRequest, EncryptRequest,
    GenerateDataKeyRequest, GenerateDataKeyWithoutPlaintextRequest, GenerateRandomRequest, ReEncryptRequest,
    RecipientInfo,
};
use keyfold_protocol::{DataKeySpec, DryRunModifier, EncryptionAlgorithmSpec, ErrorKind};

use crate::harness::{Home, NO_KEY, arn, context, secret, violation};

#[test]
fn encrypt_and_decrypt_by_every_name_of_a_key() {
    let home = Home::new();
    let key_id = home.create_key();
    home.ok(CreateAliasRequest::new("alias/app", &*key_id));
    let names =
        [key_id.clone(), arn(&key_id), "alias/app".into(), "arn:aws:kms:local:000000000000:alias/app".into()];
    for name in &names {
        let answer = home.ok(EncryptRequest::new(&**name, secret(b"hello")));
        assert_eq!(answer.key_id, arn(&key_id));
        assert_eq!(answer.encryption_algorithm, Some(EncryptionAlgorithmSpec::SymmetricDefault));
        for named in names.iter().map(Some).chain([None]) {
            let mut request = DecryptRequest::new(&*answer.ciphertext_blob);
            request.key_id = named.cloned();
            let opened = home.ok(request);
            assert_eq!((opened.plaintext.expose(), opened.key_id), (b"hello".as_slice(), arn(&key_id)));
            assert_eq!(opened.encryption_algorithm, Some(EncryptionAlgorithmSpec::SymmetricDefault));
        }
    }
}

#[test]
fn plaintexts_have_1_to_4096_bytes_and_blobs_at_most_6144() {
    let home = Home::new();
    let key_id = home.create_key();
    let constraint = |bound| violation("Value at 'plaintext'", &format!("Member must have length {bound}"));
    home.fails(
        EncryptRequest::new(&*key_id, secret(b"")),
        ErrorKind::Validation,
        &constraint("greater than or equal to 1"),
    );
    home.fails(
        EncryptRequest::new(&*key_id, secret(&[0; 4097])),
        ErrorKind::Validation,
        &constraint("less than or equal to 4096"),
    );
    let longest = home.encrypt(&key_id, &[7; 4096]);
    assert!(longest.len() <= 6144);
    assert_eq!(home.decrypt(&longest), [7; 4096]);
    let constraint =
        |bound| violation("Value at 'ciphertextBlob'", &format!("Member must have length {bound}"));
    home.fails(DecryptRequest::new([]), ErrorKind::Validation, &constraint("greater than or equal to 1"));
    home.fails(
        DecryptRequest::new([1; 6145]),
        ErrorKind::Validation,
        &constraint("less than or equal to 6144"),
    );
}

#[test]
fn the_encryption_context_must_be_the_same() {
    let home = Home::new();
    let key_id = home.create_key();
    let mut request = EncryptRequest::new(&*key_id, secret(b"x"));
    request.encryption_context = Some(context(&[("tenant", "a"), ("purpose", "test")]));
    let blob = home.ok(request).ciphertext_blob;
    let decrypt = |pairs: Option<&[(&str, &str)]>| {
        let mut request = DecryptRequest::new(&*blob);
        request.encryption_context = pairs.map(context);
        request
    };
    home.ok(decrypt(Some(&[("purpose", "test"), ("tenant", "a")])));
    for wrong in [
        None,
        Some([].as_slice()),
        Some(&[("tenant", "a")]),
        Some(&[("tenant", "A"), ("purpose", "test")]),
        Some(&[("tenant", "a"), ("purpose", "test"), ("more", "")]),
    ] {
        home.fails_silently(decrypt(wrong), ErrorKind::InvalidCiphertext);
    }
    // No context and an empty one are the same.
    let mut request = DecryptRequest::new(home.encrypt(&key_id, b"y"));
    request.encryption_context = Some(context(&[]));
    home.ok(request);
    let mut huge = EncryptRequest::new(&*key_id, secret(b"x"));
    huge.encryption_context = Some(context(&[("k", &"v".repeat(70_000))]));
    assert_eq!(home.send(huge).unwrap_err().kind(), ErrorKind::Validation);
}

#[test]
fn damaged_and_foreign_ciphertexts_are_refused() {
    let home = Home::new();
    let blob = home.encrypt(&home.create_key(), b"secret");
    for position in 0..blob.len() {
        let mut flipped = blob.clone();
        flipped[position] ^= 0x01;
        let kind = home.send(DecryptRequest::new(&*flipped)).unwrap_err().kind();
        // Account and key id are read before anything can be authentic, and then no such key is found. (The first
        // three bytes of an account are zero: they would make it 10^12 or more.)
        let names_another_key = (5..27).contains(&position);
        let expected = if names_another_key { ErrorKind::AccessDenied } else { ErrorKind::InvalidCiphertext };
        assert_eq!(kind, expected, "byte {position}");
    }
    for len in 1..blob.len() {
        home.fails_silently(DecryptRequest::new(&blob[..len]), ErrorKind::InvalidCiphertext);
    }
    let longer = [blob.as_slice(), b"x"].concat();
    home.fails_silently(DecryptRequest::new(longer), ErrorKind::InvalidCiphertext);
    home.fails_silently(DecryptRequest::new("AQICAH not ours"), ErrorKind::InvalidCiphertext);

    let elsewhere = Home::new();
    elsewhere.fails(
        DecryptRequest::new(&*blob),
        ErrorKind::AccessDenied,
        "The ciphertext refers to a customer master key that does not exist, does not exist in this region, or you \
         are not allowed to access.",
    );
}

#[test]
fn a_named_key_must_be_the_one() {
    let home = Home::new();
    let (one, two) = (home.create_key(), home.create_key());
    let mut request = DecryptRequest::new(home.encrypt(&one, b"x"));
    request.key_id = Some(two.clone());
    let message = "The key ID in the request does not identify a CMK that can perform this operation.";
    home.fails(request, ErrorKind::IncorrectKey, message);
    let mut request = DecryptRequest::new(home.encrypt(&one, b"x"));
    request.key_id = Some(NO_KEY.into());
    home.fails(request, ErrorKind::NotFound, &format!("Key '{}' does not exist", arn(NO_KEY)));
    let mut request = ReEncryptRequest::new(home.encrypt(&one, b"x"), &*one);
    request.source_key_id = Some(two);
    home.fails(request, ErrorKind::IncorrectKey, message);
}

#[test]
fn only_the_symmetric_algorithm() {
    let home = Home::new();
    let key_id = home.create_key();
    let mut request = EncryptRequest::new(&*key_id, secret(b"x"));
    request.encryption_algorithm = Some(EncryptionAlgorithmSpec::RsaesOaepSha256);
    let message = "Algorithm RSAES_OAEP_SHA_256 is incompatible with key spec SYMMETRIC_DEFAULT.";
    home.fails(request, ErrorKind::InvalidKeyUsage, message);
    let mut request = DecryptRequest::new(home.encrypt(&key_id, b"x"));
    request.encryption_algorithm = Some(EncryptionAlgorithmSpec::Sm2pke);
    let message = "Algorithm SM2PKE is incompatible with key spec SYMMETRIC_DEFAULT.";
    home.fails(request, ErrorKind::InvalidKeyUsage, message);
    let mut request = EncryptRequest::new(&*key_id, secret(b"x"));
    request.encryption_algorithm = Some("ROT13".into());
    home.fails(
        request,
        ErrorKind::Validation,
        &violation(
            "Value 'ROT13' at 'encryptionAlgorithm'",
            "Member must satisfy enum value set: [SYMMETRIC_DEFAULT, RSAES_OAEP_SHA_1, RSAES_OAEP_SHA_256, SM2PKE]",
        ),
    );
}

#[test]
fn data_keys_decrypt_to_themselves() {
    let home = Home::new();
    let key_id = home.create_key();
    let material = home.ok(DescribeKeyRequest::new(&*key_id)).key_metadata.current_key_material_id;
    for (number, spec, len) in [
        (Some(1), None, 1),
        (Some(1024), None, 1024),
        (None, Some(DataKeySpec::Aes128), 16),
        (None, Some(DataKeySpec::Aes256), 32),
    ] {
        let mut request = GenerateDataKeyRequest::new(&*key_id);
        (request.number_of_bytes, request.key_spec) = (number, spec.clone());
        request.encryption_context = Some(context(&[("a", "b")]));
        let answer = home.ok(request);
        assert_eq!((answer.plaintext.len(), &answer.key_id), (len, &arn(&key_id)));
        assert_eq!(answer.key_material_id, material);
        let mut decrypt = DecryptRequest::new(answer.ciphertext_blob);
        decrypt.encryption_context = Some(context(&[("a", "b")]));
        assert_eq!(home.ok(decrypt).plaintext.expose(), answer.plaintext.expose());

        let mut request = GenerateDataKeyWithoutPlaintextRequest::new(&*key_id);
        (request.number_of_bytes, request.key_spec) = (number, spec);
        let answer = home.ok(request);
        assert_eq!((answer.key_id, answer.key_material_id), (arn(&key_id), material.clone()));
        assert_eq!(home.decrypt(&answer.ciphertext_blob).len(), len);
    }
}

#[test]
fn a_data_key_has_one_length() {
    let home = Home::new();
    let key_id = home.create_key();
    let cases = [
        (None, None, "Please specify either number of bytes or key spec.".to_owned()),
        (
            Some(32),
            Some(DataKeySpec::Aes256),
            "Please specify either number of bytes or key spec.".to_owned(),
        ),
        (
            Some(0),
            None,
            violation("Value '0' at 'numberOfBytes'", "Member must have value greater than or equal to 1"),
        ),
        (
            Some(1025),
            None,
            violation("Value '1025' at 'numberOfBytes'", "Member must have value less than or equal to 1024"),
        ),
        (
            None,
            Some("AES_512".into()),
            violation(
                "Value 'AES_512' at 'keySpec'",
                "Member must satisfy enum value set: [AES_256, AES_128]",
            ),
        ),
    ];
    for (number, spec, message) in cases {
        let mut request = GenerateDataKeyRequest::new(&*key_id);
        (request.number_of_bytes, request.key_spec) = (number, spec.clone());
        home.fails(request, ErrorKind::Validation, &message);
        let mut request = GenerateDataKeyWithoutPlaintextRequest::new(&*key_id);
        (request.number_of_bytes, request.key_spec) = (number, spec);
        home.fails(request, ErrorKind::Validation, &message);
    }
}

#[test]
fn re_encrypt_between_keys_and_contexts() {
    let home = Home::new();
    let (one, two) = (home.create_key(), home.create_key());
    let mut encrypt = EncryptRequest::new(&*one, secret(b"x"));
    encrypt.encryption_context = Some(context(&[("from", "1")]));
    let blob = home.ok(encrypt).ciphertext_blob;
    let re_encrypt = || {
        let mut request = ReEncryptRequest::new(&*blob, &*two);
        request.source_encryption_context = Some(context(&[("from", "1")]));
        request.destination_encryption_context = Some(context(&[("to", "2")]));
        request
    };
    let answer = home.ok(re_encrypt());
    assert_eq!((answer.source_key_id, &answer.key_id), (Some(arn(&one)), &arn(&two)));
    let material =
        |key_id: &str| home.ok(DescribeKeyRequest::new(key_id)).key_metadata.current_key_material_id;
    assert_eq!(answer.source_key_material_id, material(&one));
    assert_eq!(answer.destination_key_material_id, material(&two));
    let symmetric = Some(EncryptionAlgorithmSpec::SymmetricDefault);
    assert_eq!(
        (answer.source_encryption_algorithm, answer.destination_encryption_algorithm),
        (symmetric.clone(), symmetric)
    );
    let mut decrypt = DecryptRequest::new(answer.ciphertext_blob);
    decrypt.encryption_context = Some(context(&[("to", "2")]));
    let opened = home.ok(decrypt);
    assert_eq!((opened.plaintext.expose(), opened.key_id), (b"x".as_slice(), arn(&two)));

    home.fails_silently(ReEncryptRequest::new(&*blob, &*two), ErrorKind::InvalidCiphertext);
    for (disabled, message) in [(&two, arn(&two)), (&one, arn(&one))] {
        home.ok(DisableKeyRequest::new(&**disabled));
        home.fails(re_encrypt(), ErrorKind::Disabled, &format!("{message} is disabled."));
    }
}

#[test]
fn random_bytes() {
    let home = Home::new();
    let random = |number| {
        let mut request = GenerateRandomRequest::new();
        request.number_of_bytes = number;
        request
    };
    assert_ne!(home.ok(random(Some(32))).plaintext.expose(), home.ok(random(Some(32))).plaintext.expose());
    assert_eq!(home.ok(random(Some(1024))).plaintext.len(), 1024);
    home.fails(random(None), ErrorKind::Validation, "NumberOfBytes is required.");
    let message =
        violation("Value '1025' at 'numberOfBytes'", "Member must have value less than or equal to 1024");
    home.fails(random(Some(1025)), ErrorKind::Validation, &message);
    let mut in_a_store = random(Some(1));
    in_a_store.custom_key_store_id = Some("cks-1".into());
    assert_eq!(home.send(in_a_store).unwrap_err().kind(), ErrorKind::UnsupportedOperation);
}

#[test]
fn a_dry_run_checks_everything_and_answers_nothing() {
    let home = Home::new();
    let key_id = home.create_key();
    let blob = home.encrypt(&key_id, b"x");
    let (kind, message) =
        (ErrorKind::DryRunOperation, "The request would have succeeded, but the DryRun option is set.");
    let mut encrypt = EncryptRequest::new(&*key_id, secret(b"x"));
    encrypt.dry_run = Some(true);
    home.fails(encrypt, kind, message);
    let mut decrypt = DecryptRequest::new(&*blob);
    decrypt.dry_run = Some(true);
    home.fails(decrypt, kind, message);
    let mut re_encrypt = ReEncryptRequest::new(&*blob, &*key_id);
    re_encrypt.dry_run = Some(true);
    home.fails(re_encrypt, kind, message);
    let mut data_key = GenerateDataKeyRequest::new(&*key_id);
    (data_key.dry_run, data_key.number_of_bytes) = (Some(true), Some(32));
    home.fails(data_key, kind, message);
    let mut data_key = GenerateDataKeyWithoutPlaintextRequest::new(&*key_id);
    (data_key.dry_run, data_key.number_of_bytes) = (Some(true), Some(32));
    home.fails(data_key, kind, message);
    let mut damaged = DecryptRequest::new(&blob[..blob.len() - 1]);
    damaged.dry_run = Some(true);
    home.fails_silently(damaged, ErrorKind::InvalidCiphertext);
}

#[test]
fn a_dry_run_may_ignore_the_ciphertext_and_then_names_the_key() {
    let home = Home::new();
    let (key_id, other) = (home.create_key(), home.create_key());
    let (kind, message) =
        (ErrorKind::DryRunOperation, "The request would have succeeded, but the DryRun option is set.");
    let ignoring = || Some(vec![DryRunModifier::IgnoreCiphertext]);
    let decrypt = |ciphertext: &[u8], key_id: Option<&str>| {
        let mut request = DecryptRequest::new(ciphertext);
        request.key_id = key_id.map(str::to_owned);
        (request.dry_run, request.dry_run_modifiers) = (Some(true), ignoring());
        request
    };
    let re_encrypt = |ciphertext: &[u8], key_id: Option<&str>| {
        let mut request = ReEncryptRequest::new(ciphertext, &*other);
        request.source_key_id = key_id.map(str::to_owned);
        (request.dry_run, request.dry_run_modifiers) = (Some(true), ignoring());
        request
    };
    let of_other = home.encrypt(&other, b"x");
    for ciphertext in [&b""[..], b"nonsense", &of_other] {
        home.fails(decrypt(ciphertext, Some(&key_id)), kind, message);
        home.fails(re_encrypt(ciphertext, Some(&key_id)), kind, message);
    }
    let unnamed =
        |member: &str| format!("You must specify {member} when DryRunModifiers has IGNORE_CIPHERTEXT.");
    home.fails(decrypt(&of_other, None), ErrorKind::Validation, &unnamed("KeyId"));
    home.fails(re_encrypt(&of_other, None), ErrorKind::Validation, &unnamed("SourceKeyId"));
    let missing = format!("Key '{}' does not exist", arn(NO_KEY));
    home.fails(decrypt(b"", Some(NO_KEY)), ErrorKind::NotFound, &missing);
    let mut algorithm = decrypt(b"", Some(&key_id));
    algorithm.encryption_algorithm = Some(EncryptionAlgorithmSpec::RsaesOaepSha256);
    assert_eq!(home.send(algorithm).unwrap_err().kind(), ErrorKind::InvalidKeyUsage);
    home.ok(DisableKeyRequest::new(&*key_id));
    assert_eq!(home.send(decrypt(b"", Some(&key_id))).unwrap_err().kind(), ErrorKind::Disabled);
    assert_eq!(home.send(re_encrypt(b"", Some(&key_id))).unwrap_err().kind(), ErrorKind::Disabled);

    // Without a dry run there is nothing to modify.
    let mut request = decrypt(&of_other, Some(&other));
    request.dry_run = Some(false);
    let message = "You can specify DryRunModifiers only when DryRun is true.";
    home.fails(request, ErrorKind::Validation, message);
    let mut request = re_encrypt(&of_other, Some(&other));
    request.dry_run = None;
    home.fails(request, ErrorKind::Validation, message);
    let mut request = decrypt(&of_other, Some(&other));
    request.dry_run_modifiers = Some(vec!["IGNORE_EVERYTHING".into()]);
    let message = violation(
        "Value 'IGNORE_EVERYTHING' at 'dryRunModifiers.1.member'",
        "Member must satisfy enum value set: [IGNORE_CIPHERTEXT]",
    );
    home.fails(request, ErrorKind::Validation, &message);
    let message =
        violation("Value at 'ciphertextBlob'", "Member must have length greater than or equal to 1");
    home.fails(DecryptRequest::new(b""), ErrorKind::Validation, &message);
    let mut request = DecryptRequest::new(of_other);
    request.dry_run_modifiers = Some(vec![]);
    home.ok(request);
}

#[test]
fn members_that_are_not_honoured_are_refused() {
    let home = Home::new();
    let key_id = home.create_key();
    let blob = home.encrypt(&key_id, b"x");
    let unsupported =
        |error: keyfold_protocol::KmsError| assert_eq!(error.kind(), ErrorKind::UnsupportedOperation);
    let tokens = || Some(vec!["token".to_owned()]);
    let no_token = |error: keyfold_protocol::KmsError| assert_eq!(error.kind(), ErrorKind::InvalidGrantToken);
    let mut request = EncryptRequest::new(&*key_id, secret(b"x"));
    request.grant_tokens = tokens();
    no_token(home.send(request).unwrap_err());
    let mut request = DecryptRequest::new(&*blob);
    request.grant_tokens = tokens();
    no_token(home.send(request).unwrap_err());
    let mut request = DecryptRequest::new(&*blob);
    request.recipient = Some(RecipientInfo::new());
    unsupported(home.send(request).unwrap_err());
    let mut request = ReEncryptRequest::new(&*blob, &*key_id);
    request.grant_tokens = tokens();
    no_token(home.send(request).unwrap_err());
    let mut request = GenerateDataKeyRequest::new(&*key_id);
    (request.recipient, request.number_of_bytes) = (Some(RecipientInfo::new()), Some(1));
    unsupported(home.send(request).unwrap_err());
    // None of them is asked for by an empty list.
    let mut request = EncryptRequest::new(&*key_id, secret(b"x"));
    request.grant_tokens = Some(vec![]);
    home.ok(request);
}

#[test]
fn a_blob_names_its_key_and_says_nothing_else() {
    let home = Home::new();
    let key_id = home.create_key();
    let (one, two) = (home.encrypt(&key_id, b"same"), home.encrypt(&key_id, b"same"));
    assert_ne!(one, two);
    let header = CiphertextBlob::parse(&one).unwrap().header().clone();
    assert_eq!((header.key_id.to_string(), header.account.to_string()), (key_id, "000000000000".to_owned()));
}
