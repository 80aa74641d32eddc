//! The raw ECDH keyring: a key agreed between a sender and a recipient wraps data keys.
//!
//! ```text
//! provider id    "raw-ecdh"                     (on decrypt "aws-kms-ecdh" too: the wrapping is the same)
//! provider info  01 ‖ length(4) ‖ recipient's public key ‖ length(4) ‖ sender's public key   (compressed)
//! ciphertext     salt(32) ‖ key commitment(32) ‖ AES-256-GCM(wrapping key, IV 0, data key, AAD) ‖ tag(16)
//!
//! AAD            "ecdh-key-derivation" ‖ 00 ‖ curve ‖ 00 ‖ "HMAC_SHA384" ‖ 00
//!                ‖ sender's public key ‖ recipient's public key ‖ 00 01 00 ‖ serialized encryption context
//! commitment(32) ‖ wrapping key(32) =
//!                SP 800-108 counter mode, HMAC-SHA-384 (key: ECDH shared secret, label: AAD, context: salt)
//! ```
//! The salt makes the wrapping key fresh, so an IV of zero seals once. Source: specification,
//! `framework/raw-ecdh-keyring.md` and `framework/key-agreement-schemas.md`; the label is lower case, as every
//! implementation and vector has it.

use keyfold_crypto::{
    CryptoError, Secret,
    aead::{AesGcm, GcmKey, IV_LEN, TAG_LEN},
    ct_eq,
    digest::Hash,
    ecdh::{Curve, PrivateKey, PublicKey},
    kbkdf, rand,
};

use super::{KeyringRequest, RawKeyring};
use crate::{
    error::KeyringError,
    materials::{DataKey, EncryptedDataKey},
};

const PROVIDER_ID: &str = "raw-ecdh";
const KMS_PROVIDER_ID: &str = "aws-kms-ecdh";
const VERSION: u8 = 1;
const SALT_LEN: usize = 32;
const COMMITMENT_LEN: usize = 32;
const ZERO_IV: [u8; IV_LEN] = [0; IV_LEN];

/// A keyring over an agreed key on P-256, P-384 or P-521.
#[derive(Debug)]
pub struct RawEcdhKeyring {
    curve: Curve,
    schema: Schema,
}

#[derive(Debug)]
enum Schema {
    /// Two parties that know each other: both can encrypt and decrypt.
    Static { mine: PrivateKey, theirs: PublicKey },
    /// A fresh sender for every data key: encrypts only.
    Ephemeral { recipient: PublicKey },
    /// Whoever sent it: decrypts only.
    Discovery { mine: PrivateKey },
}

impl RawEcdhKeyring {
    /// Two static key pairs. Decrypts messages of either direction.
    ///
    /// # Errors
    /// [`CryptoError::InvalidKey`] if the keys are on different curves.
    pub fn with_static_keys(mine: PrivateKey, theirs: PublicKey) -> Result<Self, CryptoError> {
        if mine.curve() != theirs.curve() {
            return Err(CryptoError::InvalidKey);
        }
        Ok(Self { curve: mine.curve(), schema: Schema::Static { mine, theirs } })
    }

    /// Encrypts to `recipient` with a sender key made for each message and forgotten.
    #[must_use]
    pub fn ephemeral(recipient: PublicKey) -> Self {
        Self { curve: recipient.curve(), schema: Schema::Ephemeral { recipient } }
    }

    /// Decrypts what anyone sent to this key.
    #[must_use]
    pub fn discovery(mine: PrivateKey) -> Self {
        Self { curve: mine.curve(), schema: Schema::Discovery { mine } }
    }

    /// Recipient and sender of an encrypted data key, compressed, or `None` if it is not laid out so.
    fn parties<'a>(&self, edk: &'a EncryptedDataKey) -> Option<(&'a [u8], &'a [u8])> {
        let len = self.curve.compressed_len();
        let prefix = u32::try_from(len).ok()?.to_be_bytes();
        let info = edk.provider_info.strip_prefix(&[VERSION])?.strip_prefix(&prefix)?;
        let (recipient, info) = info.split_at_checked(len)?;
        let sender = info.strip_prefix(&prefix)?;
        (sender.len() == len).then_some((recipient, sender))
    }

    /// My private key and the other party, if one of the two parties is me and the schema takes the other.
    fn counterpart<'a>(
        &'a self,
        recipient: &'a [u8],
        sender: &'a [u8],
    ) -> Option<(&'a PrivateKey, &'a [u8])> {
        match &self.schema {
            Schema::Static { mine, theirs } => {
                let (me, them) = (mine.public_key().compressed(), theirs.compressed());
                let is_ours = (recipient, sender) == (me, them) || (recipient, sender) == (them, me);
                is_ours.then_some((mine, them))
            }
            Schema::Discovery { mine } => {
                (recipient == mine.public_key().compressed()).then_some((mine, sender))
            }
            Schema::Ephemeral { .. } => None,
        }
    }

    fn aad(
        &self,
        request: KeyringRequest<'_>,
        sender: &[u8],
        recipient: &[u8],
    ) -> Result<Vec<u8>, KeyringError> {
        let curve: &[u8] = match self.curve {
            Curve::P256 => b"p256",
            Curve::P384 => b"p384",
            Curve::P521 => b"p521",
            _ => return Err(KeyringError::Crypto(CryptoError::InvalidKey)),
        };
        let parts: [&[u8]; 9] = [
            b"ecdh-key-derivation\0",
            curve,
            b"\0HMAC_SHA384\0",
            sender,
            recipient,
            &[0],
            &[VERSION],
            &[0],
            &request.aad()?,
        ];
        Ok(parts.concat())
    }
}

/// The commitment and the wrapping key.
fn derive(mine: &PrivateKey, theirs: &PublicKey, aad: &[u8], salt: &[u8]) -> Result<Secret<64>, CryptoError> {
    let shared = mine.agree(theirs)?;
    Secret::filled(|keys| kbkdf::derive(Hash::Sha384, shared.expose(), aad, salt, keys))
}

impl RawKeyring for RawEcdhKeyring {
    fn name(&self) -> String {
        let schema = match self.schema {
            Schema::Static { .. } => "static",
            Schema::Ephemeral { .. } => "ephemeral",
            Schema::Discovery { .. } => "discovery",
        };
        format!("raw-ecdh {schema} {:?}", self.curve)
    }

    fn wrap(
        &self,
        request: KeyringRequest<'_>,
        data_key: &DataKey,
    ) -> Result<EncryptedDataKey, KeyringError> {
        let fresh;
        let (mine, theirs) = match &self.schema {
            Schema::Static { mine, theirs } => (mine, theirs),
            Schema::Ephemeral { recipient } => {
                fresh = PrivateKey::generate(self.curve)?;
                (&fresh, recipient)
            }
            Schema::Discovery { .. } => return Err(KeyringError::DecryptOnly),
        };
        let (sender, recipient) = (mine.public_key().compressed(), theirs.compressed());
        let aad = self.aad(request, sender, recipient)?;
        let salt: [u8; SALT_LEN] = rand::array()?;
        let keys = derive(mine, theirs, &aad, &salt)?;
        let (commitment, wrapping_key) = keys.expose().split_at(COMMITMENT_LEN);

        let mut sealed = vec![0; data_key.len()];
        let mut tag = [0; TAG_LEN];
        let key = GcmKey::new(AesGcm::Aes256, wrapping_key)?;
        key.seal(ZERO_IV, &aad, data_key.expose(), &mut sealed, &mut tag)?;
        let len = u32::try_from(self.curve.compressed_len()).map_err(|_| CryptoError::InvalidLength)?;
        Ok(EncryptedDataKey {
            provider_id: PROVIDER_ID.to_owned(),
            provider_info: [&[VERSION], &len.to_be_bytes()[..], recipient, &len.to_be_bytes(), sender]
                .concat(),
            ciphertext: [&salt, commitment, &sealed, &tag].concat(),
        })
    }

    fn is_mine(&self, edk: &EncryptedDataKey) -> bool {
        (edk.provider_id == PROVIDER_ID || edk.provider_id == KMS_PROVIDER_ID)
            && self
                .parties(edk)
                .is_some_and(|(recipient, sender)| self.counterpart(recipient, sender).is_some())
    }

    fn unwrap(&self, request: KeyringRequest<'_>, edk: &EncryptedDataKey) -> Result<DataKey, KeyringError> {
        let (recipient, sender) = self.parties(edk).ok_or(KeyringError::Malformed)?;
        let (mine, theirs) = self.counterpart(recipient, sender).ok_or(KeyringError::EncryptOnly)?;
        let theirs = PublicKey::from_sec1(self.curve, theirs)?;
        let malformed = || KeyringError::Malformed;
        let (salt, rest) = edk.ciphertext.split_first_chunk::<SALT_LEN>().ok_or_else(malformed)?;
        let (stored, rest) = rest.split_first_chunk::<COMMITMENT_LEN>().ok_or_else(malformed)?;
        let (sealed, tag) = rest.split_last_chunk::<TAG_LEN>().ok_or_else(malformed)?;

        let aad = self.aad(request, sender, recipient)?;
        let keys = derive(mine, &theirs, &aad, salt)?;
        let (commitment, wrapping_key) = keys.expose().split_at(COMMITMENT_LEN);
        if !ct_eq(commitment, stored) {
            return Err(KeyringError::NotAuthentic);
        }
        let key = GcmKey::new(AesGcm::Aes256, wrapping_key)?;
        DataKey::filled(sealed.len(), |data_key| Ok(key.open(ZERO_IV, &aad, sealed, tag, data_key)?))
    }
}
