//! CMS EnvelopedData (RFC 5652) for one recipient who is known by an RSA key: AES-256-CBC for the content, RSAES-OAEP
//! with SHA-256 (RFC 4055) for the key. Only writes, and in the one form that AWS KMS answers an attested client in,
//! whose parsers read no other: BER, with lengths left open where marked (∞).
//!
//! ```text
//! ContentInfo ∞                envelopedData
//! └ [0] ∞ └ EnvelopedData ∞    version 2
//!   ├ SET └ KeyTransRecipientInfo   version 2
//!   │         [0] subjectKeyIdentifier   SHA-256 of the SubjectPublicKeyInfo (RFC 7093, method 4)
//!   │         keyEncryptionAlgorithm     RSAES-OAEP, SHA-256, MGF1 with SHA-256
//!   │         encryptedKey               as long as the modulus
//!   └ EncryptedContentInfo ∞   data
//!       contentEncryptionAlgorithm   AES-256-CBC, IV
//!       [0] ∞ └ OCTET STRING         content, padded with PKCS#7
//! ```
//!
//! Nothing in it authenticates the content or its sender: whoever knows the recipient's public key can write one.

use aws_lc_rs::cipher::{AES_256, EncryptionContext, PaddedBlockEncryptingKey, UnboundCipherKey};
use zeroize::Zeroize;

use crate::{CryptoError, Secret, der, digest::Hash, rand, rsa::RsaPadding, rsa::RsaPublicKey};

/// The EnvelopedData of `content`, which only the holder of `recipient`'s private key can open.
///
/// # Errors
/// [`CryptoError::Backend`].
pub fn enveloped_data(recipient: &RsaPublicKey, content: &[u8]) -> Result<Vec<u8>, CryptoError> {
    let key = Secret::<32>::random()?;
    let iv = rand::array::<BLOCK_LEN>()?;
    let encrypted_key = recipient.encrypt(RsaPadding::OaepSha256, key.expose())?;
    let key_id = Hash::Sha256.digest(&recipient.to_spki()?);

    let recipient_info = der::sequence(&[
        VERSION_2,
        &der::wrap(0x80, key_id.as_ref()),
        RSAES_OAEP_SHA256,
        &der::wrap(0x04, &encrypted_key),
    ]);
    let content_info = [
        DATA,
        &der::sequence(&[ID_AES256_CBC, &der::wrap(0x04, &iv)]),
        &open(0xa0, &der::wrap(0x04, &encrypt_cbc(&key, iv, content)?)),
    ]
    .concat();
    let enveloped = [VERSION_2, &der::wrap(0x31, &recipient_info), &open(0x30, &content_info)].concat();
    Ok(open(0x30, &[ENVELOPED_DATA, &open(0xa0, &open(0x30, &enveloped))].concat()))
}

fn encrypt_cbc(key: &Secret<32>, iv: [u8; BLOCK_LEN], plaintext: &[u8]) -> Result<Vec<u8>, CryptoError> {
    // Room for the padding, so that no plaintext stays behind in memory that was too small.
    let mut data = Vec::with_capacity(plaintext.len() + BLOCK_LEN);
    data.extend_from_slice(plaintext);
    let encrypted = UnboundCipherKey::new(&AES_256, key.expose())
        .and_then(PaddedBlockEncryptingKey::cbc_pkcs7)
        .and_then(|key| key.less_safe_encrypt(&mut data, EncryptionContext::Iv128(iv.into())));
    match encrypted {
        Ok(_) => Ok(data),
        Err(_) => {
            data.zeroize();
            Err(CryptoError::Backend)
        }
    }
}

/// One tag-length-value with the length left open.
fn open(tag: u8, content: &[u8]) -> Vec<u8> {
    [&[tag, 0x80], content, &[0, 0]].concat()
}

const BLOCK_LEN: usize = 16;
const VERSION_2: &[u8] = &[0x02, 0x01, 0x02];
/// id-envelopedData, 1.2.840.113549.1.7.3.
const ENVELOPED_DATA: &[u8] = &[0x06, 0x09, 0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x07, 0x03];
/// id-data, 1.2.840.113549.1.7.1.
const DATA: &[u8] = &[0x06, 0x09, 0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x07, 0x01];
/// id-aes256-CBC, 2.16.840.1.101.3.4.1.42.
const ID_AES256_CBC: &[u8] = &[0x06, 0x09, 0x60, 0x86, 0x48, 0x01, 0x65, 0x03, 0x04, 0x01, 0x2a];
/// AlgorithmIdentifier of id-RSAES-OAEP with SHA-256, and MGF1 with SHA-256.
#[rustfmt::skip]
const RSAES_OAEP_SHA256: &[u8] = &[
    0x30, 0x3c, 0x06, 0x09, 0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x01, 0x07,
    0x30, 0x2f,
    0xa0, 0x0f, 0x30, 0x0d, 0x06, 0x09, 0x60, 0x86, 0x48, 0x01, 0x65, 0x03, 0x04, 0x02, 0x01, 0x05, 0x00,
    0xa1, 0x1c, 0x30, 0x1a, 0x06, 0x09, 0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x01, 0x08,
    0x30, 0x0d, 0x06, 0x09, 0x60, 0x86, 0x48, 0x01, 0x65, 0x03, 0x04, 0x02, 0x01, 0x05, 0x00,
];

#[cfg(test)]
mod tests {
    use aws_lc_rs::cipher::{DecryptionContext, PaddedBlockDecryptingKey};

    use super::*;
    use crate::{rsa::RsaPrivateKey, unhex};

    fn key() -> RsaPrivateKey {
        RsaPrivateKey::from_pem(include_str!("testdata/rsa.pkcs8.pem")).unwrap()
    }

    /// The fixed parts are those of answers of AWS KMS to a recipient with an RSA-2048 key.
    #[test]
    fn the_form_is_that_of_aws_kms() {
        let content = [7; 32];
        let der = enveloped_data(&key().public_key(), &content).unwrap();
        let head = unhex("308006092a864886f70d010703a08030800201023182016b308201670201028020");
        assert_eq!(der[..33], head);
        let spki = key().public_key().to_spki().unwrap();
        assert_eq!(&der[33..65], Hash::Sha256.digest(&spki).as_ref());
        assert_eq!(der[65..127], *RSAES_OAEP_SHA256);
        assert_eq!(der[127..131], unhex("04820100"));
        let middle = unhex("308006092a864886f70d010701301d060960864801650304012a0410");
        assert_eq!(der[387..415], middle);
        assert_eq!(der[431..435], unhex("a0800430"));
        assert_eq!(der[483..], [0; 10]);
    }

    #[test]
    fn the_recipient_reads_the_content() {
        for len in [0, 1, 15, 16, 32, 4096] {
            let content = vec![7; len];
            let der = enveloped_data(&key().public_key(), &content).unwrap();
            let aes = key().decrypt(RsaPadding::OaepSha256, &der[131..387]).unwrap();
            let iv: [u8; 16] = der[415..431].try_into().unwrap();
            let padded = (len / 16 + 1) * 16;
            let mut data = der[der.len() - 10 - padded..der.len() - 10].to_vec();
            let aes = UnboundCipherKey::new(&AES_256, aes.expose()).unwrap();
            let aes = PaddedBlockDecryptingKey::cbc_pkcs7(aes).unwrap();
            let read = aes.decrypt(&mut data, DecryptionContext::Iv128(iv.into())).unwrap();
            assert_eq!(read, content);
        }
    }

    #[test]
    fn nothing_repeats() {
        let public = key().public_key();
        let [a, b] = [0; 2].map(|_| enveloped_data(&public, &[7; 32]).unwrap());
        assert_ne!(a[131..387], b[131..387]);
        assert_ne!(a[415..431], b[415..431]);
        assert_ne!(a[435..483], b[435..483]);
    }
}
