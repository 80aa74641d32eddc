//! The published vectors of the AWS Encryption SDK: what others wrote, and what must be refused.

use std::{fs, path::Path, sync::Arc};

use base64::{
    Engine as _, alphabet,
    engine::{
        DecodePaddingMode,
        general_purpose::{GeneralPurpose, GeneralPurposeConfig, STANDARD as BASE64},
    },
};
use keyfold::{
    CommitmentPolicy, DecryptError, EncryptionContext, LimitExceeded, Limits, Malformed, Part,
    blocking::Client,
    keyring::{KeyName, Keyring, MultiKeyring, RawAesKeyring, RawEcdhKeyring, RawRsaKeyring},
};
use keyfold_crypto::{
    digest::Hash,
    ecdh::{Curve, PrivateKey, PublicKey},
    kbkdf,
    rsa::{RsaPadding, RsaPrivateKey},
};
use keyfold_testkit::{StaticKeyring, shared_vectors};
use serde_json::Value;

fn json(path: &Path) -> Value {
    serde_json::from_slice(&fs::read(path).unwrap()).unwrap()
}

fn text<'a>(value: &'a Value, key: &str) -> &'a str {
    value[key].as_str().unwrap_or_else(|| panic!("no {key} in {value}"))
}

/// A blocking client that reads every suite.
fn lenient(keyring: impl Keyring + 'static) -> Client {
    keyfold::Client::new(keyring).commitment_policy(CommitmentPolicy::RequireEncryptAllowDecrypt).into()
}

/// The 487 messages that the Dafny implementation wrote: 286 need neither KMS nor branch keys.
#[test]
fn dafny_manifest() {
    let Some(folder) = shared_vectors("esdk/dafny-4.1.0-v5") else { return };
    let manifest = json(&folder.join("decrypt-manifest.json"));
    let keys = &json(&folder.join("keys.json"))["keys"];
    let (mut read, mut parsed_only) = (0, 0);
    for (id, test) in manifest["tests"].as_object().unwrap() {
        let scenario = &test["decryption-scenario"];
        let file =
            |key: &str| fs::read(folder.join(text(scenario, key).strip_prefix("file://").unwrap())).unwrap();
        let message = file("ciphertext");
        let header = keyfold::message::inspect(&message, Limits::default()).unwrap();
        assert_eq!(format!("{:04x}", header.suite().id()), text(scenario, "algorithmSuiteId"), "{id}");

        let reproduced = scenario["reproduced-encryption-context"].as_object().unwrap();
        let context: EncryptionContext =
            reproduced.iter().map(|(key, value)| (key, value.as_str().unwrap())).collect();
        let Some(keyring) = keyring(&scenario["decryptKeyDescription"], keys) else {
            parsed_only += 1;
            continue;
        };
        let decrypted = lenient(keyring).decrypt(&message, &context);
        let decrypted = decrypted.unwrap_or_else(|error| panic!("{id} {scenario}: {error}"));
        assert_eq!(decrypted.plaintext, file("result"), "{id}");
        read += 1;
    }
    assert_eq!((read, parsed_only), (286, 201));
}

/// The keyring that a manifest describes; `None` for those that need KMS or a branch key.
fn keyring(description: &Value, keys: &Value) -> Option<MultiKeyring> {
    let one = |keyring: Arc<dyn Keyring>| Some(MultiKeyring::new(Some(keyring), vec![]));
    let key = |name: &str| &keys[text(description, name)];
    match text(description, "type") {
        "raw" => {
            let key = key("key");
            let name = KeyName::new(text(description, "provider-id"), text(key, "key-id")).unwrap();
            if text(description, "encryption-algorithm") == "aes" {
                let material = BASE64.decode(text(key, "material")).unwrap();
                return one(Arc::new(RawAesKeyring::new(name, &material).unwrap()));
            }
            let padding = match (text(description, "padding-algorithm"), description["padding-hash"].as_str())
            {
                ("pkcs1", _) => RsaPadding::Pkcs1,
                ("oaep-mgf1", Some("sha1")) => RsaPadding::OaepSha1,
                ("oaep-mgf1", Some("sha256")) => RsaPadding::OaepSha256,
                ("oaep-mgf1", Some("sha384")) => RsaPadding::OaepSha384,
                ("oaep-mgf1", Some("sha512")) => RsaPadding::OaepSha512,
                other => panic!("padding {other:?}"),
            };
            let private = RsaPrivateKey::from_pem(text(key, "material")).unwrap();
            one(Arc::new(RawRsaKeyring::decrypting(name, padding, private)))
        }
        "raw-ecdh" => {
            let curve = match text(description, "ecc-curve") {
                "ecc-256" => Curve::P256,
                "ecc-384" => Curve::P384,
                "ecc-521" => Curve::P521,
                other => panic!("curve {other}"),
            };
            let recipient =
                PrivateKey::from_pem(curve, text(key("recipient"), "recipient-material")).unwrap();
            if text(description, "schema") == "discovery" {
                return one(Arc::new(RawEcdhKeyring::discovery(recipient)));
            }
            let sender = BASE64.decode(text(key("sender"), "sender-material-public-key")).unwrap();
            let sender = PublicKey::from_spki(curve, &sender).unwrap();
            one(Arc::new(RawEcdhKeyring::with_static_keys(recipient, sender).unwrap()))
        }
        "multi-keyring" => {
            let children = description["childKeyrings"].as_array().unwrap();
            let all = std::iter::once(&description["generator"]).chain(children);
            let all: Option<Vec<_>> = all.map(|child| keyring(child, keys)).collect();
            Some(MultiKeyring::new(None, all?.into_iter().map(|k| Arc::new(k) as _).collect()))
        }
        // What the required-context manager demands, the caller of `decrypt` demands here by passing it.
        "required-encryption-context-cmm" => keyring(&description["underlying"], keys),
        "aws-kms"
        | "aws-kms-ecdh"
        | "aws-kms-hierarchy"
        | "aws-kms-mrk-aware"
        | "aws-kms-mrk-aware-discovery"
        | "aws-kms-rsa" => None,
        other => panic!("keyring {other}"),
    }
}

/// Message format 2 with the data key given: 41 messages to read, 5 whose commitment is to another key.
#[test]
fn commitment() {
    let Some(folder) = shared_vectors("esdk") else { return };
    let vectors = json(&folder.join("commitment-test-vectors.json"));
    let (mut good, mut bad) = (0, 0);
    for test in vectors["tests"].as_array().unwrap() {
        let comment = text(test, "comment");
        let message = BASE64.decode(text(test, "ciphertext")).unwrap();
        let data_key = BASE64.decode(text(test, "decrypted-dek")).unwrap();
        let context: EncryptionContext = test["encryption-context"]
            .as_object()
            .unwrap()
            .iter()
            .map(|(key, value)| (key, value.as_str().unwrap()))
            .collect();
        let decrypted = Client::new(StaticKeyring::new(&data_key)).decrypt(&message, &context);
        if test["status"] == true {
            let decrypted = decrypted.unwrap_or_else(|error| panic!("{comment}: {error}"));
            let frames = test["plaintext-frames"].as_array().unwrap();
            let expected: String = frames.iter().map(|frame| frame.as_str().unwrap()).collect();
            assert_eq!(decrypted.plaintext, expected.as_bytes(), "{comment}");
            good += 1;
        } else {
            let error = decrypted.unwrap_err();
            assert!(matches!(error, DecryptError::NotAuthentic(Part::Commitment)), "{comment}: {error}");
            bad += 1;
        }
    }
    assert_eq!((good, bad), (41, 5));
}

/// The messages of the JavaScript SDK's tests, all under a data key of zeros.
#[test]
fn javascript_messages() {
    let Some(folder) = shared_vectors("esdk/js-fixtures") else { return };
    let fixtures = json(&folder.join("decrypt-node.json"));
    // One fixture was made invalid in its last characters, with no regard for padding.
    let config = GeneralPurposeConfig::new()
        .with_decode_allow_trailing_bits(true)
        .with_decode_padding_mode(DecodePaddingMode::Indifferent);
    let base64 = GeneralPurpose::new(&alphabet::STANDARD, config);
    let message = |name: &str| base64.decode(text(&fixtures, name)).unwrap();
    let read = |name: &str, key_len: usize| {
        lenient(StaticKeyring::new(&vec![0; key_len])).decrypt(&message(name), &EncryptionContext::empty())
    };
    let plaintext = BASE64.decode(text(&fixtures, "base64Plaintext")).unwrap();

    let signed = read("base64CiphertextAlgAes256GcmIv12Tag16HkdfSha384EcdsaP384", 32).unwrap();
    assert_eq!(signed.plaintext, plaintext);
    for (key, value) in fixtures["encryptionContext"].as_object().unwrap() {
        assert_eq!(signed.header.context().get(key), value.as_str());
    }
    for (name, key_len) in [
        ("base64CiphertextAlgAes256GcmIv12Tag16HkdfWith4Frames", 32),
        ("base64CiphertextAlgAes256GcmIv12Tag16HkdfSha384EcdsaP384With4Frames", 32),
        ("base64CiphertextAlgAes256GcmIv12Tag16Hkdf3FrameLength16384", 32),
        ("base64Ciphertext4BytesWith4KFrameLength", 32),
    ] {
        assert!(!read(name, key_len).unwrap_or_else(|error| panic!("{name}: {error}")).plaintext.is_empty());
    }

    let error = read("invalidSignatureCiphertextAlgAes256GcmIv12Tag16HkdfSha384EcdsaP384", 32).unwrap_err();
    assert!(matches!(error, DecryptError::NotAuthentic(Part::Signature)), "{error}");
    let error = read("frameSequenceOutOfOrder", 16).unwrap_err();
    let out_of_order = DecryptError::Malformed(Malformed::FrameSequence { expected: 1, found: 4 });
    assert_eq!(error.to_string(), out_of_order.to_string());

    for (name, count) in [("twoEdksMessage", 2), ("threeEdksMessage", 3), ("fourEdksMessage", 4)] {
        let mut limits = Limits::default();
        limits.encrypted_data_keys = count;
        let header = keyfold::message::inspect(&message(name), limits).unwrap();
        assert_eq!(header.encrypted_data_keys().len(), usize::from(count));
        limits.encrypted_data_keys = count - 1;
        let error = keyfold::message::inspect(&message(name), limits).unwrap_err();
        let expected = LimitExceeded::EncryptedDataKeys { count, limit: count - 1 };
        assert!(matches!(error, DecryptError::LimitExceeded(found) if found == expected), "{name}: {error}");
    }
}

/// Headers, good and bad, of the JavaScript SDK's serialization tests.
#[test]
fn javascript_headers() {
    let Some(folder) = shared_vectors("esdk/js-fixtures") else { return };
    let fixtures = json(&folder.join("serialize.json"));
    // The fixtures end before IV and tag, which an unverified header needs too.
    let inspect = |name: &str| {
        let mut bytes = hex::decode(text(&fixtures[name], "hex")).unwrap();
        bytes.extend_from_slice(&[0; 28]);
        keyfold::message::inspect(&bytes, Limits::default())
    };
    let header = inspect("basicMessageHeader").unwrap();
    assert_eq!(header.context().get("information"), Some("\u{bd} + \u{bc} = \u{be}"));
    assert_eq!(header.encrypted_data_keys().len(), 2);
    assert_eq!(header.encrypted_data_keys()[1].ciphertext, [6, 7, 8, 9, 0]);
    assert!(inspect("zeroByteEncryptionContextMessageHeader").unwrap().context().is_empty());
    assert!(inspect("basicV2MessageHeader").unwrap().commitment().is_some());

    let malformed = |name: &str| match inspect(name) {
        Err(DecryptError::Malformed(malformed)) => malformed,
        other => panic!("{name}: {other:?}"),
    };
    assert_eq!(malformed("suiteIdNotValidMessageHeader"), Malformed::Suite(0));
    assert_eq!(malformed("versionNotValidMessageHeader"), Malformed::Version(0));
    assert_eq!(malformed("typeNotValidMessageHeader"), Malformed::Type(0));
    assert_eq!(malformed("base64MessageHeader"), Malformed::Base64);
    assert_eq!(malformed("reservedBytesNoZeroMessageHeader"), Malformed::FixedField);
    assert_eq!(malformed("ivLengthMismatchMessageHeader"), Malformed::FixedField);
    for (name, count) in [("threeEdksMessagePartialHeaderV1", 3), ("threeEdksMessagePartialHeaderV2", 3)] {
        let mut limits = Limits::default();
        limits.encrypted_data_keys = 2;
        let mut reader = keyfold::message::HeaderReader::new(limits);
        let bytes = hex::decode(text(&fixtures[name], "hex")).unwrap();
        let error = reader.push(&mut &bytes[..]).unwrap_err();
        let expected = LimitExceeded::EncryptedDataKeys { count, limit: 2 };
        assert!(matches!(error, DecryptError::LimitExceeded(found) if found == expected), "{name}: {error}");
    }
}

/// SP 800-108 in counter mode, as the hierarchical and ECDH keyrings use it.
#[test]
fn javascript_key_derivation() {
    let Some(folder) = shared_vectors("esdk/js-fixtures") else { return };
    let fixtures = json(&folder.join("kdf-ctr-mode.json"));
    for (name, case) in fixtures.as_object().unwrap() {
        let bytes = |key: &str| hex::decode(text(case, key)).unwrap();
        let hash = if text(case, "hash") == "sha256" { Hash::Sha256 } else { Hash::Sha384 };
        let expected = bytes("okm");
        let mut output = vec![0; expected.len()];
        match case.get("purpose") {
            None => kbkdf::derive_fixed_info(hash, &bytes("ikm"), &bytes("info"), &mut output),
            Some(_) => kbkdf::derive(hash, &bytes("ikm"), &bytes("purpose"), &bytes("info"), &mut output),
        }
        .unwrap();
        assert_eq!(output, expected, "{name}");
    }
    assert_eq!(fixtures.as_object().unwrap().len(), 15);
}
