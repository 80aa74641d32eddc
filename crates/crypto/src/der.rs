//! The little DER (X.690) that the backend leaves to its caller: turning PKCS#1 keys into the PKCS#8 and
//! SubjectPublicKeyInfo that it reads, and refusing bytes after a key, which it ignores. Not a parser.

use zeroize::Zeroizing;

use crate::CryptoError;

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

#[cfg(test)]
mod tests {
    use super::*;

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
