//! The little DER (X.690) that the backends leave to their caller: writing PKCS#8 (RFC 5958) and
//! SubjectPublicKeyInfo (RFC 5280) around a key, and holding a key that is read to the one form that everyone writes.
//! Not a parser.

use zeroize::Zeroizing;

use crate::{CryptoError, SecretBytes};

/// AlgorithmIdentifier of rsaEncryption (RFC 3279): the object identifier 1.2.840.113549.1.1.1 and NULL.
pub(crate) const RSA_ENCRYPTION: &[u8] =
    &[0x30, 0x0d, 0x06, 0x09, 0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x01, 0x01, 0x05, 0x00];

/// The content of `der`, which must be one SEQUENCE and nothing after it.
///
/// # Errors
/// [`CryptoError::InvalidKey`].
pub(crate) fn sequence_content(der: &[u8]) -> Result<&[u8], CryptoError> {
    let (declared_len, content) = match der {
        [0x30, len @ 0..=0x7f, content @ ..] => (u64::from(*len), content),
        [0x30, len_len @ 0x81..=0x84, rest @ ..] => {
            let (len, content) =
                rest.split_at_checked(usize::from(len_len & 0x7f)).ok_or(CryptoError::InvalidKey)?;
            (len.iter().fold(0, |len, byte| (len << 8) | u64::from(*byte)), content)
        }
        _ => return Err(CryptoError::InvalidKey),
    };
    if u64::try_from(content.len()) == Ok(declared_len) { Ok(content) } else { Err(CryptoError::InvalidKey) }
}

/// SubjectPublicKeyInfo: `algorithm` is an AlgorithmIdentifier, `key` fills the bit string.
pub(crate) fn spki(algorithm: &[u8], key: &[u8]) -> Vec<u8> {
    sequence(&[algorithm, &wrap(0x03, &[&[0], key].concat())])
}

/// The key in `der`, which must be the SubjectPublicKeyInfo of exactly this algorithm and length.
///
/// # Errors
/// [`CryptoError::InvalidKey`].
pub(crate) fn spki_key<'a>(algorithm: &[u8], key_len: usize, der: &'a [u8]) -> Result<&'a [u8], CryptoError> {
    // What stands before a key depends only on its length.
    let model = spki(algorithm, &vec![0; key_len]);
    let prefix = &model[..model.len() - key_len];
    match der.strip_prefix(prefix) {
        Some(key) if key.len() == key_len => Ok(key),
        _ => Err(CryptoError::InvalidKey),
    }
}

/// PKCS#8 (version 1, without attributes): `key` fills the octet string.
pub(crate) fn pkcs8(algorithm: &[u8], key: &[u8]) -> SecretBytes {
    let key = Zeroizing::new(wrap(0x04, key));
    SecretBytes::from_vec(sequence(&[&PKCS8_V1, algorithm, &key]))
}

/// Checks that `der` is PKCS#8, version 1 or 2, for exactly this algorithm, and that nothing follows it. What is in
/// it remains to be seen.
///
/// # Errors
/// [`CryptoError::InvalidKey`].
pub(crate) fn is_pkcs8_for(algorithm: &[u8], der: &[u8]) -> Result<(), CryptoError> {
    let content = sequence_content(der)?;
    let rest = content.strip_prefix(&PKCS8_V1).or_else(|| content.strip_prefix(&PKCS8_V2));
    if rest.is_some_and(|rest| rest.starts_with(algorithm)) { Ok(()) } else { Err(CryptoError::InvalidKey) }
}

/// A SEQUENCE of `parts`.
pub(crate) fn sequence(parts: &[&[u8]]) -> Vec<u8> {
    wrap(0x30, &Zeroizing::new(parts.concat()))
}

/// One tag-length-value.
pub(crate) fn wrap(tag: u8, content: &[u8]) -> Vec<u8> {
    let len = content.len().to_be_bytes();
    let significant = &len[len.iter().take_while(|byte| **byte == 0).count()..];
    let mut out = Vec::with_capacity(content.len() + 2 + significant.len());
    out.push(tag);
    match significant {
        [] => out.push(0),
        [short @ 0..=0x7f] => out.push(*short),
        long => {
            // At most 8, the size of `usize`.
            out.push(0x80 | u8::try_from(long.len()).unwrap_or(u8::MAX));
            out.extend_from_slice(long);
        }
    }
    out.extend_from_slice(content);
    out
}

const PKCS8_V1: [u8; 3] = [0x02, 0x01, 0x00];
const PKCS8_V2: [u8; 3] = [0x02, 0x01, 0x01];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_public_key_reads_back_in_one_form() {
        for len in [0, 1, 32, 126, 127, 128, 1952] {
            let key = vec![7; len];
            let der = spki(RSA_ENCRYPTION, &key);
            assert_eq!(spki_key(RSA_ENCRYPTION, len, &der), Ok(&key[..]), "{len}");
            assert_eq!(spki_key(RSA_ENCRYPTION, len + 1, &der), Err(CryptoError::InvalidKey), "{len}");
            let mut bad = [&der[..], &[0]].concat();
            assert_eq!(spki_key(RSA_ENCRYPTION, len, &bad), Err(CryptoError::InvalidKey), "{len}");
            bad.truncate(der.len());
            bad[6] ^= 1;
            assert_eq!(spki_key(RSA_ENCRYPTION, len, &bad), Err(CryptoError::InvalidKey), "{len}");
        }
    }

    #[test]
    fn pkcs8_names_its_algorithm() {
        let der = pkcs8(RSA_ENCRYPTION, &[7; 300]);
        assert_eq!(is_pkcs8_for(RSA_ENCRYPTION, der.expose()), Ok(()));
        let mut other = RSA_ENCRYPTION.to_vec();
        other[12] ^= 1;
        assert_eq!(is_pkcs8_for(&other, der.expose()), Err(CryptoError::InvalidKey));
        for (version, accepted) in [(0, true), (1, true), (2, false)] {
            let mut der = der.expose().to_vec();
            der[6] = version;
            assert_eq!(is_pkcs8_for(RSA_ENCRYPTION, &der).is_ok(), accepted, "{version}");
        }
        assert!(is_pkcs8_for(RSA_ENCRYPTION, &[der.expose(), &[0]].concat()).is_err());
        assert!(is_pkcs8_for(RSA_ENCRYPTION, RSA_ENCRYPTION).is_err());
    }

    #[test]
    fn a_sequence_reads_back_and_nothing_may_follow() {
        for len in [0, 1, 0x7f, 0x80, 0xff, 0x100, 0xffff, 0x1_0000] {
            let content = vec![7; len];
            let mut der = sequence(&[&content]);
            assert_eq!(sequence_content(&der), Ok(&content[..]), "{len}");
            der.push(0);
            assert_eq!(sequence_content(&der), Err(CryptoError::InvalidKey), "{len}");
            der.truncate(der.len() - 2);
            assert_eq!(sequence_content(&der), Err(CryptoError::InvalidKey), "{len}");
        }
        for bad in
            [&[][..], &[0x30], &[0x31, 0], &[0x30, 0x80], &[0x30, 0x82, 1], &[0x30, 0x85, 0, 0, 0, 0, 0]]
        {
            assert_eq!(sequence_content(bad), Err(CryptoError::InvalidKey), "{bad:?}");
        }
    }
}
