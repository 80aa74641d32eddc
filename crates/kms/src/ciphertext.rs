//! The `CiphertextBlob`: what Encrypt and its kin answer, and what only this format's `open` reads.
//!
//! Version 1; integers are big-endian:
//!
//! ```text
//!  offset  size
//!       0     1   format version = 1
//!       1     1   derivation = 1: SP 800-108 counter mode with HMAC-SHA-256, then AES-256-GCM
//!       2     8   account, as a number below 10^12
//!      10     1   kind of key id: 0 = UUID, 1 = mrk-
//!      11    16   key id
//!      27    32   key material id
//!      59    16   derivation value, random
//!      75     n   ciphertext, 1 to 4096 bytes
//!    75+n    16   tag
//! ```
//!
//! ```text
//! key = SP 800-108 (backing key, label "keyfold ciphertext blob v1", context = the 75 bytes of the header)
//! iv  = 12 zero bytes, since the key is used once (crate::sealing says why)
//! aad = header ‖ length of the partition (u64) ‖ partition ‖ canonical encryption context
//! ```
//!
//! Blobs are kept by clients for decades, so version 1 must stay readable for ever. The Region is not in it,
//! since a multi-Region key decrypts in all of its Regions. Every failure to open is one and the same to the
//! caller. The canonical encryption context is drawn in [`EncryptionContext::append_canonical`];
//! `docs/format/ciphertext-blob.md` says the same as this in words.

use keyfold_crypto::{SecretBytes, rand};
use keyfold_protocol::{AccountId, EncryptionContext, KeyId, KeyMaterialId, Partition};

use crate::error::RecordError;
use crate::sealing::{self, DERIVATION_LEN, Key};

/// Longest plaintext of a blob, in bytes (service model: `PlaintextType`).
pub const PLAINTEXT_LEN_MAX: usize = 4096;
/// Shortest blob there can be.
pub const BLOB_LEN_MIN: usize = HEADER_LEN + 1 + sealing::OVERHEAD;
/// Longest blob there can be: 4187 bytes, within AWS's 6144.
pub const BLOB_LEN_MAX: usize = HEADER_LEN + PLAINTEXT_LEN_MAX + sealing::OVERHEAD;

/// What a blob says before it is opened. Nothing of it is authentic until then.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BlobHeader {
    /// The account of the key.
    pub account: AccountId,
    /// The key.
    pub key_id: KeyId,
    /// The version of its material.
    pub material_id: KeyMaterialId,
    derivation: [u8; DERIVATION_LEN],
}

/// A well-formed blob that nobody has opened yet.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CiphertextBlob {
    header: BlobHeader,
    sealed: Vec<u8>,
}

/// Bytes that are no blob.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not a ciphertext of this key service")]
pub struct MalformedBlob;

impl CiphertextBlob {
    /// Reads the header of a blob and splits the rest off. Strict: what this accepts, [`Self::to_bytes`] gives
    /// back to the byte. Never panics and copies at most [`BLOB_LEN_MAX`] bytes, whatever it is given.
    ///
    /// # Errors
    /// [`MalformedBlob`] for a length outside the limits, another version or derivation, or a field that can't be.
    pub fn parse(bytes: &[u8]) -> Result<Self, MalformedBlob> {
        if !(BLOB_LEN_MIN..=BLOB_LEN_MAX).contains(&bytes.len()) {
            return Err(MalformedBlob);
        }
        let (head, sealed) = bytes.split_first_chunk::<HEADER_LEN>().ok_or(MalformedBlob)?;
        Ok(Self { header: BlobHeader::from_bytes(head)?, sealed: sealed.into() })
    }

    /// What the blob says.
    #[must_use]
    pub fn header(&self) -> &BlobHeader {
        &self.header
    }

    /// The blob as bytes.
    #[must_use]
    pub fn to_bytes(&self) -> Vec<u8> {
        [self.header.to_bytes().as_slice(), &self.sealed].concat()
    }

    /// Encrypts `plaintext` (1 to 4096 bytes, which the caller has checked) under a backing key.
    pub(crate) fn seal(
        backing_key: &Key,
        (account, key_id, material_id): (&AccountId, &KeyId, &KeyMaterialId),
        partition: &Partition,
        context: &EncryptionContext,
        plaintext: &[u8],
    ) -> Result<Self, RecordError> {
        let header = BlobHeader {
            account: account.clone(),
            key_id: *key_id,
            material_id: *material_id,
            derivation: rand::array()?,
        };
        let head = header.to_bytes();
        let mut sealed = Vec::with_capacity(plaintext.len() + sealing::OVERHEAD);
        sealing::seal(
            backing_key.expose(),
            LABEL,
            &head,
            &aad(&head, partition, context),
            plaintext,
            &mut sealed,
        )?;
        Ok(Self { header, sealed })
    }

    /// Decrypts with the backing key that the header names.
    pub(crate) fn open(
        &self,
        backing_key: &Key,
        partition: &Partition,
        context: &EncryptionContext,
    ) -> Result<SecretBytes, MalformedBlob> {
        let head = self.header.to_bytes();
        sealing::open(backing_key.expose(), LABEL, &head, &aad(&head, partition, context), &self.sealed)
            .map_err(|_| MalformedBlob)
    }
}

impl BlobHeader {
    fn to_bytes(&self) -> [u8; HEADER_LEN] {
        let mut bytes = [0; HEADER_LEN];
        bytes[0] = FORMAT_VERSION;
        bytes[1] = DERIVATION_ID;
        bytes[2..10].copy_from_slice(&self.account.to_number().to_be_bytes());
        bytes[10] = match self.key_id {
            KeyId::Uuid(_) => KIND_UUID,
            KeyId::MultiRegion(_) => KIND_MULTI_REGION,
        };
        bytes[11..27].copy_from_slice(self.key_id.as_bytes());
        bytes[27..59].copy_from_slice(self.material_id.as_bytes());
        bytes[59..].copy_from_slice(&self.derivation);
        bytes
    }

    fn from_bytes(bytes: &[u8; HEADER_LEN]) -> Result<Self, MalformedBlob> {
        let mut rest = bytes.as_slice();
        let [version, derivation_id] = take(&mut rest)?;
        if version != FORMAT_VERSION || derivation_id != DERIVATION_ID {
            return Err(MalformedBlob);
        }
        let account =
            AccountId::from_number(u64::from_be_bytes(take(&mut rest)?)).map_err(|_| MalformedBlob)?;
        let key_id = match take(&mut rest)? {
            [KIND_UUID] => KeyId::Uuid(take(&mut rest)?),
            [KIND_MULTI_REGION] => KeyId::MultiRegion(take(&mut rest)?),
            _ => return Err(MalformedBlob),
        };
        let material_id = KeyMaterialId::from_bytes(take(&mut rest)?);
        Ok(Self { account, key_id, material_id, derivation: take(&mut rest)? })
    }
}

/// The next `N` bytes.
fn take<const N: usize>(rest: &mut &[u8]) -> Result<[u8; N], MalformedBlob> {
    let (taken, after) = rest.split_first_chunk().ok_or(MalformedBlob)?;
    *rest = after;
    Ok(*taken)
}

fn aad(head: &[u8; HEADER_LEN], partition: &Partition, context: &EncryptionContext) -> Vec<u8> {
    let mut aad = head.to_vec();
    let partition = partition.as_str().as_bytes();
    aad.extend_from_slice(&(partition.len() as u64).to_be_bytes());
    aad.extend_from_slice(partition);
    context.append_canonical(&mut aad);
    aad
}

const FORMAT_VERSION: u8 = 1;
const DERIVATION_ID: u8 = 1;
const KIND_UUID: u8 = 0;
const KIND_MULTI_REGION: u8 = 1;
const HEADER_LEN: usize = 1 + 1 + 8 + 1 + 16 + 32 + DERIVATION_LEN;
const LABEL: &[u8] = b"keyfold ciphertext blob v1";

#[cfg(test)]
mod tests {
    use super::*;

    struct Fixture {
        key: Key,
        partition: Partition,
        context: EncryptionContext,
    }

    fn fixture() -> Fixture {
        let context = [("purpose", "test")].into_iter().collect();
        Fixture { key: Key::copied_from(&[7; 32]).unwrap(), partition: "aws".parse().unwrap(), context }
    }

    fn seal(fixture: &Fixture, plaintext: &[u8]) -> CiphertextBlob {
        let account = AccountId::from_number(42).unwrap();
        let ids = (&account, &KeyId::Uuid([3; 16]), &KeyMaterialId::from_bytes([4; 32]));
        CiphertextBlob::seal(&fixture.key, ids, &fixture.partition, &fixture.context, plaintext).unwrap()
    }

    #[test]
    fn blobs_round_trip_and_differ_each_time() {
        let fixture = fixture();
        for len in [1, 32, PLAINTEXT_LEN_MAX] {
            let plaintext = vec![0x5a; len];
            let blob = seal(&fixture, &plaintext);
            assert_ne!(blob, seal(&fixture, &plaintext));
            let bytes = blob.to_bytes();
            assert_eq!(bytes.len(), 91 + len);
            let parsed = CiphertextBlob::parse(&bytes).unwrap();
            assert_eq!(parsed, blob);
            assert_eq!(parsed.header().account.as_str(), "000000000042");
            let opened = parsed.open(&fixture.key, &fixture.partition, &fixture.context).unwrap();
            assert_eq!(opened.expose(), plaintext);
        }
        assert_eq!(BLOB_LEN_MAX, 4187);
    }

    #[test]
    fn every_bit_of_it_counts() {
        let fixture = fixture();
        let bytes = seal(&fixture, b"secret").to_bytes();
        for position in 0..bytes.len() * 8 {
            let mut flipped = bytes.clone();
            flipped[position / 8] ^= 1 << (position % 8);
            let opened = CiphertextBlob::parse(&flipped)
                .and_then(|blob| blob.open(&fixture.key, &fixture.partition, &fixture.context));
            assert!(opened.is_err(), "bit {position}");
        }
        for len in 0..bytes.len() {
            let opened = CiphertextBlob::parse(&bytes[..len])
                .and_then(|blob| blob.open(&fixture.key, &fixture.partition, &fixture.context));
            assert!(opened.is_err(), "length {len}");
        }
    }

    #[test]
    fn it_is_bound_to_key_partition_and_context() {
        let Fixture { key, partition, context } = fixture();
        let blob = seal(&fixture(), b"secret");
        assert!(blob.open(&key, &partition, &context).is_ok());
        assert!(blob.open(&Key::copied_from(&[8; 32]).unwrap(), &partition, &context).is_err());
        assert!(blob.open(&key, &"aws-cn".parse().unwrap(), &context).is_err());
        assert!(blob.open(&key, &partition, &EncryptionContext::empty()).is_err());
        let other = [("purpose", "Test")].into_iter().collect();
        assert!(blob.open(&key, &partition, &other).is_err());
    }

    #[test]
    fn lengths_and_fields_out_of_range_are_refused() {
        let good = seal(&fixture(), b"x").to_bytes();
        assert!(CiphertextBlob::parse(&good).is_ok());
        assert!(CiphertextBlob::parse(&good[..BLOB_LEN_MIN - 1]).is_err());
        assert!(CiphertextBlob::parse(&vec![1; BLOB_LEN_MAX + 1]).is_err());
        for (offset, value) in [(0, 0), (0, 2), (1, 0), (1, 2), (2, 1), (10, 2), (10, 255)] {
            let mut bad = good.clone();
            bad[offset] = value;
            assert_eq!(CiphertextBlob::parse(&bad), Err(MalformedBlob), "{offset} = {value}");
        }
    }

    /// Bytes made once by version 1; if this fails, stored ciphertexts can no longer be read.
    #[test]
    fn version_1_stays_readable() {
        let bytes = hex::decode(include_str!("../tests/data/ciphertext-blob-v1.hex").trim()).unwrap();
        let Fixture { key, partition, context } = fixture();
        let opened = CiphertextBlob::parse(&bytes).unwrap().open(&key, &partition, &context).unwrap();
        assert_eq!(opened.expose(), b"readable for ever");
    }
}
