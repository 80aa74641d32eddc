//! Keys in files: AES keys as bytes, hexadecimal or base64, and PEM.

use std::fs::File;
use std::io::{self, Read as _};
use std::path::Path;

use base64::{Engine as _, engine::general_purpose::STANDARD as BASE64};
use keyfold_crypto::pem::PEM_LEN_MAX;
use zeroize::Zeroizing;

use crate::console::shown;
use crate::failure::{Code, Failure};

/// The AES key in a file.
///
/// A file of 32, 48 or 64 hexadecimal digits, or of base64 that decodes to 16, 24 or 32 bytes, holds that text,
/// white space around it allowed. Any other file of exactly 16, 24 or 32 bytes holds the key itself; that random bytes
/// look like text happens once in 2^48 keys or less.
pub(super) fn aes_key(path: &Path) -> Result<Zeroizing<Vec<u8>>, Failure> {
    let bytes = read(path)?;
    parse_aes_key(&bytes).ok_or_else(|| {
        Failure::usage(format!("{} holds no AES key", shown(path)))
            .hint("it must have 16, 24 or 32 bytes, or those in hexadecimal or base64: openssl rand -hex 32")
    })
}

/// The text of a PEM file.
pub(super) fn pem(path: &Path) -> Result<Zeroizing<String>, Failure> {
    let bytes = read(path)?;
    let text =
        std::str::from_utf8(&bytes).map_err(|_| Failure::usage(format!("{} is not PEM", shown(path))))?;
    Ok(Zeroizing::new(text.to_owned()))
}

/// What is wrong with a PEM file in which no key was found.
pub(super) fn no_key_in_pem(path: &Path, text: &str, kind: &str) -> Failure {
    let failure = Failure::usage(format!("{} holds no {kind}", shown(path)));
    if text.contains("ENCRYPTED") {
        return failure.hint("it is encrypted; openssl pkey -in FILE -out PLAIN takes the passphrase away");
    }
    if text.contains("-----BEGIN ") {
        let option = if text.contains("PUBLIC KEY-----") { "-pubin " } else { "" };
        return failure
            .hint(format!("openssl pkey {option}-in FILE -noout -text shows what it holds instead"));
    }
    failure.hint("it must be PEM: openssl pkey -in FILE, with -pubout for a public key")
}

fn parse_aes_key(bytes: &[u8]) -> Option<Zeroizing<Vec<u8>>> {
    let text = bytes.trim_ascii();
    let key = from_hex(text).or_else(|| BASE64.decode(text).ok().map(Zeroizing::new).filter(is_aes_key));
    key.or_else(|| Some(Zeroizing::new(bytes.to_vec())).filter(is_aes_key))
}

fn from_hex(text: &[u8]) -> Option<Zeroizing<Vec<u8>>> {
    let digit = |byte: u8| char::from(byte).to_digit(16).and_then(|digit| u8::try_from(digit).ok());
    let mut key = Zeroizing::new(Vec::with_capacity(AES_KEY_LEN_MAX));
    for pair in text.chunks(2).take(AES_KEY_LEN_MAX + 1) {
        let &[high, low] = pair else { return None };
        key.push(digit(high)? << 4 | digit(low)?);
    }
    Some(key).filter(is_aes_key)
}

fn is_aes_key(key: &Zeroizing<Vec<u8>>) -> bool {
    matches!(key.len(), 16 | 24 | AES_KEY_LEN_MAX)
}

fn read(path: &Path) -> Result<Zeroizing<Vec<u8>>, Failure> {
    let read = || -> io::Result<_> {
        // Room for all of it, so that growing leaves no copy behind.
        let mut bytes = Zeroizing::new(Vec::with_capacity(PEM_LEN_MAX + 1));
        File::open(path)?.take(PEM_LEN_MAX as u64 + 1).read_to_end(&mut bytes)?;
        Ok(bytes)
    };
    let bytes =
        read().map_err(|error| Failure::io(&format!("can't read the key file {}", shown(path)), &error))?;
    if bytes.len() > PEM_LEN_MAX {
        return Err(Failure::new(Code::Usage, format!("{} is too long for a key", shown(path))));
    }
    Ok(bytes)
}

const AES_KEY_LEN_MAX: usize = 32;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_form_gives_the_same_key() {
        for len in [16, 24, 32] {
            let key: Vec<u8> = (0..len).map(|n: u8| n + 200).collect();
            let hex: String = key.iter().map(|byte| format!("{byte:02x}")).collect();
            let forms = [
                key.clone(),
                hex.clone().into_bytes(),
                format!(" {}\r\n", hex.to_uppercase()).into_bytes(),
                BASE64.encode(&key).into_bytes(),
                format!("{}\n", BASE64.encode(&key)).into_bytes(),
            ];
            for form in forms {
                assert_eq!(*parse_aes_key(&form).unwrap(), key, "{form:?}");
            }
        }
    }

    #[test]
    fn other_lengths_are_refused() {
        for bytes in [&[][..], &[200; 15], &[200; 33], b"abcd", &[b'a'; 66], &[b'0'; 31], &[b'0'; 63]] {
            assert!(parse_aes_key(bytes).is_none(), "{bytes:?}");
        }
    }
}
