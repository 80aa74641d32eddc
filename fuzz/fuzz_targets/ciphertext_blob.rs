//! Any bytes as a ciphertext blob: never a panic, and what parses is written back to the byte.
#![no_main]

use keyfold_kms::{BLOB_LEN_MAX, BLOB_LEN_MIN, CiphertextBlob};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    if let Ok(blob) = CiphertextBlob::parse(data) {
        assert_eq!(blob.to_bytes(), data);
        assert!((BLOB_LEN_MIN..=BLOB_LEN_MAX).contains(&data.len()));
    }
});
