//! X.509 certification paths (RFC 5280) in which every signature is ECDSA on P-384 with SHA-384, and signatures by the key
//! at their end: what the attestation documents of AWS Nitro carry. Not for TLS: nothing here knows a host's name.
//!
//! The path is validated by rustls-webpki: names, signatures, validity, basic constraints and path lengths. Revocation
//! lists are not looked at.

use std::time::Duration;

use aws_lc_rs::signature::{ECDSA_P384_SHA384_FIXED, UnparsedPublicKey};
use rustls_pki_types::{CertificateDer, UnixTime};
use webpki::{
    EndEntityCert, Error, ExtendedKeyUsageValidator, KeyPurposeIdIter, anchor_from_trusted_cert,
    aws_lc_rs::ECDSA_P384_SHA384,
};

use crate::{CryptoError, ec::NamedCurve};

/// A P-384 public key whose certificate led to a root that the caller trusts.
#[derive(Debug)]
pub struct CertifiedKey {
    /// SEC 1, uncompressed.
    point: Vec<u8>,
}

impl CertifiedKey {
    /// The key in `certificate`, if a path leads from it through some of `intermediates`, in any order, to `root`, and
    /// all certificates but the root's are valid at `time`, which counts from 1970 (UTC). All are DER.
    ///
    /// # Errors
    /// [`CryptoError::InvalidKey`] if `root` can't be read, [`CryptoError::NotAuthentic`] for every other reason; among
    /// them a certificate with an extended key usage, which is one for something else.
    pub fn from_chain(
        root: &[u8],
        intermediates: &[&[u8]],
        certificate: &[u8],
        time: Duration,
    ) -> Result<Self, CryptoError> {
        let root = CertificateDer::from(root);
        let root = anchor_from_trusted_cert(&root).map_err(|_| CryptoError::InvalidKey)?;
        let intermediates: Vec<_> = intermediates.iter().map(|der| CertificateDer::from(*der)).collect();
        let certificate = CertificateDer::from(certificate);
        let leaf = EndEntityCert::try_from(&certificate).map_err(|_| CryptoError::NotAuthentic)?;
        leaf.verify_for_usage(
            &[ECDSA_P384_SHA384],
            &[root],
            &intermediates,
            UnixTime::since_unix_epoch(time),
            NoUsage,
            None,
            None,
        )
        .map_err(|_| CryptoError::NotAuthentic)?;
        let spki = leaf.subject_public_key_info();
        let point = NamedCurve::P384.spki_point(&spki).map_err(|_| CryptoError::NotAuthentic)?;
        Ok(Self { point: point.to_vec() })
    }

    /// Checks a signature of 96 bytes, r and s one after the other (RFC 9053, ES384).
    ///
    /// # Errors
    /// [`CryptoError::NotAuthentic`].
    pub fn verify_es384(&self, message: &[u8], signature: &[u8]) -> Result<(), CryptoError> {
        UnparsedPublicKey::new(&ECDSA_P384_SHA384_FIXED, &self.point)
            .verify(message, signature)
            .map_err(|_| CryptoError::NotAuthentic)
    }
}

/// No certificate of the path may be restricted to extended key usages.
struct NoUsage;

impl ExtendedKeyUsageValidator for NoUsage {
    fn validate(&self, mut usages: KeyPurposeIdIter<'_, '_>) -> Result<(), Error> {
        // Which error it is makes no difference: it goes no further than this module.
        if usages.next().is_none() { Ok(()) } else { Err(Error::EmptyEkuExtension) }
    }
}

#[cfg(test)]
mod tests {
    use aws_lc_rs::{
        rand::SystemRandom,
        signature::{ECDSA_P384_SHA384_ASN1_SIGNING, ECDSA_P384_SHA384_FIXED_SIGNING, EcdsaKeyPair},
    };

    use super::*;
    use crate::pem;

    /// A chain that OpenSSL made, valid for a hundred years from 2026-11-22, and others that differ in one thing each.
    const ROOT: &str = include_str!("testdata/x509/root.pem");
    const OTHER_ROOT: &str = include_str!("testdata/x509/other-root.pem");
    const INTERMEDIATE: &str = include_str!("testdata/x509/intermediate.pem");
    const LEAF: &str = include_str!("testdata/x509/leaf.pem");
    const LEAF_KEY: &str = include_str!("testdata/x509/leaf.key.pem");
    const LEAF_TLS: &str = include_str!("testdata/x509/leaf-tls.pem");
    const LEAF_P256: &str = include_str!("testdata/x509/leaf-p256.pem");
    const CHILD_OF_LEAF: &str = include_str!("testdata/x509/child-of-leaf.pem");

    const IN_2030: Duration = Duration::from_secs(1_893_456_000);

    fn der(text: &str) -> Vec<u8> {
        pem::decode(text, &["CERTIFICATE", "PRIVATE KEY"]).unwrap().1.expose().to_vec()
    }

    fn read(
        root: &str,
        intermediates: &[&str],
        leaf: &[u8],
        time: Duration,
    ) -> Result<CertifiedKey, CryptoError> {
        let intermediates: Vec<_> = intermediates.iter().map(|text| der(text)).collect();
        let intermediates: Vec<_> = intermediates.iter().map(Vec::as_slice).collect();
        CertifiedKey::from_chain(&der(root), &intermediates, leaf, time)
    }

    #[test]
    fn a_certified_key_verifies_what_it_signed() {
        let key = read(ROOT, &[INTERMEDIATE], &der(LEAF), IN_2030).unwrap();
        // Superfluous certificates and their order don't matter.
        assert!(read(ROOT, &[OTHER_ROOT, LEAF_TLS, INTERMEDIATE, ROOT], &der(LEAF), IN_2030).is_ok());
        let sign = |algorithm| {
            let key = EcdsaKeyPair::from_pkcs8(algorithm, &der(LEAF_KEY)).unwrap();
            key.sign(&SystemRandom::new(), b"message").unwrap().as_ref().to_vec()
        };
        let signature = sign(&ECDSA_P384_SHA384_FIXED_SIGNING);
        let refused = Err(CryptoError::NotAuthentic);
        assert_eq!(key.verify_es384(b"message", &signature), Ok(()));
        assert_eq!(key.verify_es384(b"other", &signature), refused);
        assert_eq!(key.verify_es384(b"message", &sign(&ECDSA_P384_SHA384_ASN1_SIGNING)), refused);
        for at in [0, 47, 48, 95] {
            let mut flipped = signature.clone();
            flipped[at] ^= 1;
            assert_eq!(key.verify_es384(b"message", &flipped), refused, "{at}");
            assert_eq!(key.verify_es384(b"message", &signature[..at]), refused, "{at}");
        }
    }

    #[test]
    fn what_does_not_lead_to_the_root_is_refused() {
        let day = 24 * 60 * 60;
        let before = Duration::from_secs(1_795_305_600 - day); // 2026-11-21
        let after = Duration::from_secs(1_795_305_600 + 36_501 * day);
        for (what, root, intermediates, leaf, time) in [
            ("no intermediate", ROOT, &[][..], LEAF, IN_2030),
            ("another root of the same name", OTHER_ROOT, &[INTERMEDIATE], LEAF, IN_2030),
            ("not yet valid", ROOT, &[INTERMEDIATE], LEAF, before),
            ("no longer valid", ROOT, &[INTERMEDIATE], LEAF, after),
            ("for TLS servers", ROOT, &[INTERMEDIATE], LEAF_TLS, IN_2030),
            ("a key on P-256", ROOT, &[INTERMEDIATE], LEAF_P256, IN_2030),
            ("issued by a leaf", ROOT, &[INTERMEDIATE, LEAF], CHILD_OF_LEAF, IN_2030),
            ("an authority, not a leaf", ROOT, &[], INTERMEDIATE, IN_2030),
            ("the root itself", ROOT, &[], ROOT, IN_2030),
        ] {
            let refused = read(root, intermediates, &der(leaf), time).unwrap_err();
            assert_eq!(refused, CryptoError::NotAuthentic, "{what}");
        }
    }

    #[test]
    fn every_bit_of_a_certificate_counts() {
        let good = der(LEAF);
        for at in 0..good.len() {
            let mut bad = good.clone();
            bad[at] ^= 1;
            let refused = read(ROOT, &[INTERMEDIATE], &bad, IN_2030).unwrap_err();
            assert_eq!(refused, CryptoError::NotAuthentic, "{at}");
        }
        let long = [&good[..], &[0]].concat();
        assert_eq!(read(ROOT, &[INTERMEDIATE], &long, IN_2030).unwrap_err(), CryptoError::NotAuthentic);
        let root = CertifiedKey::from_chain(b"no certificate", &[], &good, IN_2030);
        assert_eq!(root.unwrap_err(), CryptoError::InvalidKey);
    }
}
