//! COSE_Sign1 (RFC 9052) with ES384, an attached payload and nothing else in its headers: the form of the attestation
//! documents of AWS Nitro. Every other form is refused. What the payload says is not known here.
//!
//! ```text
//! [18]                       a tag, which may be left out
//! array of 4
//! ├ bytes  {1: -35}          protected header: the algorithm is ES384
//! ├ map    {}                unprotected header
//! ├ bytes                    payload
//! └ bytes                    signature: r and s
//! ```

use crate::{CryptoError, x509::CertifiedKey};

/// A signed message whose signature is not verified yet.
#[derive(Debug, Clone, Copy)]
pub struct Sign1<'a> {
    payload: &'a [u8],
    signature: &'a [u8],
}

impl<'a> Sign1<'a> {
    /// Takes a message apart.
    ///
    /// # Errors
    /// [`CryptoError::NotAuthentic`] if it has another form, or is followed by something.
    pub fn parse(message: &'a [u8]) -> Result<Self, CryptoError> {
        let message = message.strip_prefix(&[TAG]).unwrap_or(message);
        let rest = message.strip_prefix(HEADERS).ok_or(CryptoError::NotAuthentic)?;
        let (payload, rest) = byte_string(rest)?;
        let (signature, rest) = byte_string(rest)?;
        if rest.is_empty() { Ok(Self { payload, signature }) } else { Err(CryptoError::NotAuthentic) }
    }

    /// What anybody may have written: only to find out which key to verify it with.
    #[must_use]
    pub fn unverified_payload(&self) -> &'a [u8] {
        self.payload
    }

    /// The payload, if `key` has signed it (with no external data).
    ///
    /// # Errors
    /// [`CryptoError::NotAuthentic`].
    pub fn verify(&self, key: &CertifiedKey) -> Result<&'a [u8], CryptoError> {
        key.verify_es384(&sig_structure(self.payload)?, self.signature).map(|()| self.payload)
    }
}

/// What is signed (RFC 9052, section 4.4): `["Signature1", protected header, external data, payload]`.
fn sig_structure(payload: &[u8]) -> Result<Vec<u8>, CryptoError> {
    let len = u32::try_from(payload.len()).map_err(|_| CryptoError::NotAuthentic)?.to_be_bytes();
    // The shortest head that holds the length.
    let head: &[u8] = match len {
        [0, 0, 0, len @ 0..=0x17] => &[BYTES | len],
        [0, 0, 0, len] => &[BYTES | 0x18, len],
        [0, 0, high, low] => &[BYTES | 0x19, high, low],
        [a, b, c, d] => &[BYTES | 0x1a, a, b, c, d],
    };
    Ok([SIG_STRUCTURE, head, payload].concat())
}

/// A byte string of definite length, and what follows it.
fn byte_string(cbor: &[u8]) -> Result<(&[u8], &[u8]), CryptoError> {
    let (len, rest) = match cbor {
        [head @ 0x40..=0x57, rest @ ..] => (u32::from(head & 0x1f), rest),
        [0x58, len, rest @ ..] => (u32::from(*len), rest),
        [0x59, high, low, rest @ ..] => (u32::from_be_bytes([0, 0, *high, *low]), rest),
        [0x5a, a, b, c, d, rest @ ..] => (u32::from_be_bytes([*a, *b, *c, *d]), rest),
        _ => return Err(CryptoError::NotAuthentic),
    };
    let len = usize::try_from(len).map_err(|_| CryptoError::NotAuthentic)?;
    rest.split_at_checked(len).ok_or(CryptoError::NotAuthentic)
}

/// Tag 18, COSE_Sign1.
const TAG: u8 = 0xd2;
/// Major type 2, byte string.
const BYTES: u8 = 0x40;
/// An array of four that begins with the two headers.
const HEADERS: &[u8] = &[0x84, 0x44, 0xa1, 0x01, 0x38, 0x22, 0xa0];
/// An array of four that begins with the name, the protected header and no external data.
const SIG_STRUCTURE: &[u8] = b"\x84\x6aSignature1\x44\xa1\x01\x38\x22\x40";

#[cfg(test)]
mod tests {
    use std::{sync::LazyLock, time::Duration};

    use aws_lc_rs::{
        rand::SystemRandom,
        signature::{ECDSA_P384_SHA384_FIXED_SIGNING, EcdsaKeyPair},
    };

    use super::*;
    use crate::pem;

    fn der(text: &str) -> Vec<u8> {
        pem::decode(text, &["CERTIFICATE", "PRIVATE KEY"]).unwrap().1.expose().to_vec()
    }

    static KEY: LazyLock<CertifiedKey> = LazyLock::new(|| {
        let root = der(include_str!("testdata/x509/root.pem"));
        let intermediate = der(include_str!("testdata/x509/intermediate.pem"));
        let leaf = der(include_str!("testdata/x509/leaf.pem"));
        let in_2030 = Duration::from_secs(1_893_456_000);
        CertifiedKey::from_chain(&root, &[&intermediate], &leaf, in_2030).unwrap()
    });

    fn bytes(content: &[u8]) -> Vec<u8> {
        [&[0x5a], &u32::try_from(content.len()).unwrap().to_be_bytes()[..], content].concat()
    }

    fn signed(payload: &[u8]) -> Vec<u8> {
        let key = der(include_str!("testdata/x509/leaf.key.pem"));
        let key = EcdsaKeyPair::from_pkcs8(&ECDSA_P384_SHA384_FIXED_SIGNING, &key).unwrap();
        let signature = key.sign(&SystemRandom::new(), &sig_structure(payload).unwrap()).unwrap();
        [HEADERS, &bytes(payload), &bytes(signature.as_ref())].concat()
    }

    fn verify(message: &[u8]) -> Result<Vec<u8>, CryptoError> {
        Sign1::parse(message).and_then(|message| message.verify(&KEY).map(<[u8]>::to_vec))
    }

    /// RFC 9052, section 4.4, by hand.
    #[test]
    fn what_is_signed() {
        let start = b"\x84\x6aSignature1\x44\xa1\x01\x38\x22\x40";
        for (len, head) in [
            (0, &[0x40][..]),
            (23, &[0x57]),
            (24, &[0x58, 24]),
            (255, &[0x58, 255]),
            (256, &[0x59, 1, 0]),
            (65_536, &[0x5a, 0, 1, 0, 0]),
        ] {
            let payload = vec![7; len];
            assert_eq!(sig_structure(&payload), Ok([start, head, &payload].concat()), "{len}");
        }
    }

    #[test]
    fn a_signed_payload_is_read() {
        for len in [0, 1, 23, 24, 255, 256, 5000] {
            let payload = vec![7; len];
            let message = signed(&payload);
            assert_eq!(verify(&message), Ok(payload.clone()));
            assert_eq!(verify(&[&[TAG], &message[..]].concat()), Ok(payload.clone()));
            assert_eq!(Sign1::parse(&message).unwrap().unverified_payload(), payload);
        }
        // Lengths as short as they can be.
        let long = signed(&[7; 100]);
        let short = [HEADERS, &[0x58, 100], &[7; 100], &[0x58, 96], &long[long.len() - 96..]].concat();
        assert_eq!(verify(&short), Ok(vec![7; 100]));
    }

    #[test]
    fn every_bit_of_a_message_counts() {
        let good = signed(b"payload");
        for at in 0..good.len() {
            let mut bad = good.clone();
            bad[at] ^= 1;
            assert_eq!(verify(&bad), Err(CryptoError::NotAuthentic), "{at}");
            assert_eq!(verify(&good[..at]), Err(CryptoError::NotAuthentic), "{at}");
        }
        assert_eq!(verify(&[&good[..], &[0]].concat()), Err(CryptoError::NotAuthentic));
        assert_eq!(verify(&[&[TAG, TAG], &good[..]].concat()), Err(CryptoError::NotAuthentic));
    }

    #[test]
    fn other_forms_are_refused() {
        let good = signed(b"payload");
        let rest = &good[HEADERS.len()..];
        for headers in [
            // ES256; a second entry in the protected header; an entry in the unprotected one; no protected header.
            &[0x84, 0x43, 0xa1, 0x01, 0x26, 0xa0][..],
            &[0x84, 0x46, 0xa2, 0x01, 0x38, 0x22, 0x04, 0x40, 0xa0],
            &[0x84, 0x44, 0xa1, 0x01, 0x38, 0x22, 0xa1, 0x04, 0x40],
            &[0x84, 0x40, 0xa1, 0x01, 0x38, 0x22],
        ] {
            assert_eq!(verify(&[headers, rest].concat()), Err(CryptoError::NotAuthentic), "{headers:?}");
        }
        // A payload that is detached, of indefinite length, or longer than the message.
        for payload in [&[0xf6][..], &[0x5f, 0x41, 7, 0xff], &[0x5a, 0xff, 0xff, 0xff, 0xff], &[0x5b; 9]] {
            let message = [HEADERS, payload, &bytes(&good[good.len() - 96..])].concat();
            assert_eq!(verify(&message), Err(CryptoError::NotAuthentic), "{payload:?}");
        }
    }
}
