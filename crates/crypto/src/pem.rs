//! PEM text (RFC 7468) to DER. Strict inside a block, except for the width of its lines; what stands around
//! blocks is ignored.

use pem_rfc7468::Decoder;

use crate::{CryptoError, SecretBytes};

/// The longest PEM text that is read, in bytes. An RSA-8192 private key needs about 6,400.
pub const PEM_LEN_MAX: usize = 64 * 1024;

/// Decodes the one PEM block of `text` whose label is among `labels`, and says which label it was.
///
/// Text and blocks with other labels around it are passed over (`openssl ecparam -genkey` puts the curve's
/// parameters in front of the key); two blocks that would do are ambiguous, and refused.
///
/// # Errors
/// [`CryptoError::InvalidKey`] if there is no such block, or more than one, or a block is malformed or
/// encrypted, or `text` is longer than [`PEM_LEN_MAX`].
pub fn decode<'a>(text: &str, labels: &[&'a str]) -> Result<(&'a str, SecretBytes), CryptoError> {
    if text.len() > PEM_LEN_MAX {
        return Err(CryptoError::InvalidKey);
    }
    let mut found = None;
    let mut rest = text;
    while let Some(start) = rest.find(BEGIN) {
        let (label, block, after) = split_block(&rest[start..]).ok_or(CryptoError::InvalidKey)?;
        rest = after;
        if let Some(known) = labels.iter().find(|known| **known == label)
            && found.replace((*known, block)).is_some()
        {
            return Err(CryptoError::InvalidKey);
        }
    }
    let (label, block) = found.ok_or(CryptoError::InvalidKey)?;
    // Decoded straight into memory that is wiped, also if decoding fails half-way.
    let mut decoder = Decoder::new_detect_wrap(block.as_bytes()).map_err(|_| CryptoError::InvalidKey)?;
    let der = SecretBytes::filled(decoder.remaining_len(), |out| {
        decoder.decode(out).map(|_| ()).map_err(|_| CryptoError::InvalidKey)
    })?;
    Ok((label, der))
}

/// Splits text that starts with a block's first boundary into the block's label, the block, and the rest.
fn split_block(text: &str) -> Option<(&str, &str, &str)> {
    let (label, _) = text.strip_prefix(BEGIN)?.split_once(DASHES)?;
    let end = format!("{END}{label}{DASHES}");
    let len = text.find(&end)? + end.len();
    let (block, rest) = text.split_at(len);
    Some((label, block, rest))
}

const BEGIN: &str = "-----BEGIN ";
const END: &str = "-----END ";
const DASHES: &str = "-----";

#[cfg(test)]
mod tests {
    use super::*;

    const BLOCK: &str = "-----BEGIN TEST KEY-----\nAAECAwQFBgcICQ==\n-----END TEST KEY-----\n";

    fn read(text: &str) -> Option<Vec<u8>> {
        match decode(text, &["OTHER", "TEST KEY"]) {
            Ok((label, der)) => {
                assert_eq!(label, "TEST KEY");
                Some(der.expose().to_vec())
            }
            Err(error) => {
                assert_eq!(error, CryptoError::InvalidKey);
                None
            }
        }
    }

    #[test]
    fn harmless_oddities_are_read() {
        let other = BLOCK.replace("TEST KEY", "EC PARAMETERS");
        for text in [
            BLOCK.to_owned(),
            BLOCK.replace('\n', "\r\n"),
            BLOCK.trim_end().to_owned(),
            format!("Bag Attributes\n    friendlyName: a key\n\n{BLOCK}\n\ntext after, ---- and é\n"),
            format!("{other}{BLOCK}"),
            format!("{BLOCK}{other}"),
            BLOCK.replace("AAECAwQFBgcICQ==", "AAECAwQF\nBgcICQ=="),
        ] {
            assert_eq!(read(&text), Some((0..10).collect()), "{text}");
        }
    }

    #[test]
    fn what_is_not_one_block_of_the_label_is_refused() {
        for text in [
            String::new(),
            "not PEM".to_owned(),
            BLOCK.repeat(2),
            format!("{BLOCK}{}", BLOCK.replace("TEST KEY", "OTHER")),
            BLOCK.replace("TEST KEY", "PUBLIC KEY"),
            BLOCK.replace("END TEST KEY", "END OTHER"),
            BLOCK.replace("END TEST KEY-----", "END TEST KEY"),
            BLOCK.replace("-----BEGIN TEST KEY-----\n", "-----BEGIN TEST KEY-----"),
            BLOCK.replace("AAECAwQFBgcICQ==", ""),
            BLOCK.replace("ICQ==", "ICQ="),
            BLOCK.replace("ICQ==", "ICR=="),
            BLOCK.replace("AAEC", "AA C"),
            BLOCK.replace("AAEC", "Proc-Type: 4,ENCRYPTED\n\nAAEC"),
            BLOCK.lines().take(2).collect::<Vec<_>>().join("\n"),
            format!("{}{BLOCK}", BLOCK.lines().take(2).collect::<Vec<_>>().join("\n")),
            format!("{BLOCK}{}", " ".repeat(PEM_LEN_MAX)),
        ] {
            assert_eq!(read(&text), None, "{text}");
        }
    }
}
