//! PEM text (RFC 7468) to DER.

use zeroize::Zeroizing;

use crate::{CryptoError, SecretBytes};

/// The longest PEM text that is read, in bytes. An RSA-8192 private key needs about 6,400.
pub const PEM_LEN_MAX: usize = 64 * 1024;

/// Decodes the one PEM block of `text`, if its label is among `labels`. Text around the block is allowed.
///
/// # Errors
/// [`CryptoError::InvalidKey`] if there is none, or it is of another label, or malformed, or too long.
pub fn decode<'a>(text: &str, labels: &[&'a str]) -> Result<(&'a str, SecretBytes), CryptoError> {
    if text.len() > PEM_LEN_MAX {
        return Err(CryptoError::InvalidKey);
    }
    let start = text.find("-----BEGIN ").ok_or(CryptoError::InvalidKey)?;
    let end = text[start..].find("-----END ").map(|at| at + start).ok_or(CryptoError::InvalidKey)?;
    let end = text[end..].find('\n').map_or(text.len(), |at| end + at + 1);
    let block = Zeroizing::new(text[start..end].trim_end().to_owned());
    let (label, der) = pem_rfc7468::decode_vec(block.as_bytes()).map_err(|_| CryptoError::InvalidKey)?;
    let der = SecretBytes::from_vec(der);
    let label = labels.iter().find(|known| **known == label).ok_or(CryptoError::InvalidKey)?;
    Ok((label, der))
}
