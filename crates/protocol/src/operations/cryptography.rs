//! What keys are used for: encrypting, decrypting, data keys, random bytes.
//!
//! Shapes only; see the module above for what is common to all. Plaintexts are secrets in memory; in JSON they
//! are base64 like any other bytes, so where that JSON travels must be protected.

use keyfold_crypto::SecretBytes;

use super::shape;
use crate::encryption_context::EncryptionContext;
use crate::spec::{DataKeySpec, DryRunModifier, EncryptionAlgorithmSpec};

shape! {
    /// Encrypts up to 4096 bytes.
    #[serde(deny_unknown_fields)]
    EncryptRequest {
        /// Key id, key ARN, alias name or alias ARN.
        key_id: String,
        /// What to encrypt, 1 to 4096 bytes.
        #[serde(with = "crate::blob::secret")]
        plaintext: SecretBytes,
    } optional {
        /// Pairs that decrypting will need again, exactly.
        encryption_context: EncryptionContext,
        /// Tokens of grants that may not be known everywhere yet, at most 10.
        grant_tokens: Vec<String>,
        /// The algorithm; `SYMMETRIC_DEFAULT` when absent.
        encryption_algorithm: EncryptionAlgorithmSpec,
        /// Check everything, do nothing.
        dry_run: bool,
    }
}

shape! {
    /// What was encrypted.
    EncryptResponse {
        /// The ciphertext, up to 6144 bytes.
        #[serde(with = "crate::blob")]
        ciphertext_blob: Vec<u8>,
        /// The key ARN.
        key_id: String,
    } optional {
        /// The algorithm used.
        encryption_algorithm: EncryptionAlgorithmSpec,
    }
}

shape! {
    /// Decrypts what a KMS key encrypted.
    #[serde(deny_unknown_fields)]
    DecryptRequest {
        /// The ciphertext, 1 to 6144 bytes. Empty stands for absent, which it may be in a dry run that ignores it.
        #[serde(with = "crate::blob", default, skip_serializing_if = "Vec::is_empty")]
        ciphertext_blob: Vec<u8>,
    } optional {
        /// The pairs that were given when encrypting.
        encryption_context: EncryptionContext,
        /// Tokens of grants that may not be known everywhere yet, at most 10.
        grant_tokens: Vec<String>,
        /// Key id, key ARN, alias name or alias ARN of the one key that may be used.
        key_id: String,
        /// The algorithm; `SYMMETRIC_DEFAULT` when absent.
        encryption_algorithm: EncryptionAlgorithmSpec,
        /// An attested enclave to encrypt the answer for.
        recipient: RecipientInfo,
        /// Check everything, do nothing.
        dry_run: bool,
        /// What a dry run leaves out.
        dry_run_modifiers: Vec<DryRunModifier>,
    }
}

shape! {
    /// What was decrypted.
    DecryptResponse {
        /// The key ARN.
        key_id: String,
        /// The plaintext.
        #[serde(with = "crate::blob::secret")]
        plaintext: SecretBytes,
    } optional {
        /// The algorithm used.
        encryption_algorithm: EncryptionAlgorithmSpec,
        /// The material that decrypted it.
        key_material_id: String,
    }
}

shape! {
    /// Decrypts and encrypts again, under another key or with other pairs, without the plaintext leaving.
    #[serde(deny_unknown_fields)]
    ReEncryptRequest {
        /// The ciphertext, 1 to 6144 bytes. Empty stands for absent, which it may be in a dry run that ignores it.
        #[serde(with = "crate::blob", default, skip_serializing_if = "Vec::is_empty")]
        ciphertext_blob: Vec<u8>,
        /// Key id, key ARN, alias name or alias ARN to encrypt under.
        destination_key_id: String,
    } optional {
        /// The pairs that were given when encrypting.
        source_encryption_context: EncryptionContext,
        /// The one key that may be used to decrypt.
        source_key_id: String,
        /// The pairs for the new ciphertext.
        destination_encryption_context: EncryptionContext,
        /// The algorithm to decrypt with.
        source_encryption_algorithm: EncryptionAlgorithmSpec,
        /// The algorithm to encrypt with.
        destination_encryption_algorithm: EncryptionAlgorithmSpec,
        /// Tokens of grants that may not be known everywhere yet, at most 10.
        grant_tokens: Vec<String>,
        /// Check everything, do nothing.
        dry_run: bool,
        /// What a dry run leaves out.
        dry_run_modifiers: Vec<DryRunModifier>,
    }
}

shape! {
    /// The new ciphertext.
    ReEncryptResponse {
        /// The ciphertext, up to 6144 bytes.
        #[serde(with = "crate::blob")]
        ciphertext_blob: Vec<u8>,
        /// The ARN of the key that it is encrypted under.
        key_id: String,
    } optional {
        /// The ARN of the key that it was encrypted under.
        source_key_id: String,
        /// The algorithm that decrypted.
        source_encryption_algorithm: EncryptionAlgorithmSpec,
        /// The algorithm that encrypted.
        destination_encryption_algorithm: EncryptionAlgorithmSpec,
        /// The material that decrypted.
        source_key_material_id: String,
        /// The material that encrypted.
        destination_key_material_id: String,
    }
}

shape! {
    /// Makes a data key and encrypts it.
    #[serde(deny_unknown_fields)]
    GenerateDataKeyRequest {
        /// Key id, key ARN, alias name or alias ARN.
        key_id: String,
    } optional {
        /// Pairs that decrypting will need again, exactly.
        encryption_context: EncryptionContext,
        /// Length in bytes, 1 to 1024. This or `KeySpec`, not both.
        number_of_bytes: i32,
        /// Length by name. This or `NumberOfBytes`, not both.
        key_spec: DataKeySpec,
        /// Tokens of grants that may not be known everywhere yet, at most 10.
        grant_tokens: Vec<String>,
        /// An attested enclave to encrypt the answer for.
        recipient: RecipientInfo,
        /// Check everything, do nothing.
        dry_run: bool,
    }
}

shape! {
    /// A data key, in the clear and encrypted.
    GenerateDataKeyResponse {
        /// The data key under the KMS key.
        #[serde(with = "crate::blob")]
        ciphertext_blob: Vec<u8>,
        /// The data key itself.
        #[serde(with = "crate::blob::secret")]
        plaintext: SecretBytes,
        /// The key ARN.
        key_id: String,
    } optional {
        /// The material that encrypted it.
        key_material_id: String,
    }
}

shape! {
    /// Makes a data key and answers only the encrypted copy.
    #[serde(deny_unknown_fields)]
    GenerateDataKeyWithoutPlaintextRequest {
        /// Key id, key ARN, alias name or alias ARN.
        key_id: String,
    } optional {
        /// Pairs that decrypting will need again, exactly.
        encryption_context: EncryptionContext,
        /// Length by name. This or `NumberOfBytes`, not both.
        key_spec: DataKeySpec,
        /// Length in bytes, 1 to 1024. This or `KeySpec`, not both.
        number_of_bytes: i32,
        /// Tokens of grants that may not be known everywhere yet, at most 10.
        grant_tokens: Vec<String>,
        /// Check everything, do nothing.
        dry_run: bool,
    }
}

shape! {
    /// A data key, encrypted.
    GenerateDataKeyWithoutPlaintextResponse {
        /// The data key under the KMS key.
        #[serde(with = "crate::blob")]
        ciphertext_blob: Vec<u8>,
        /// The key ARN.
        key_id: String,
    } optional {
        /// The material that encrypted it.
        key_material_id: String,
    }
}

shape! {
    /// Random bytes from the service's generator.
    #[derive(Default)]
    #[serde(deny_unknown_fields)]
    GenerateRandomRequest {} optional {
        /// How many, 1 to 1024.
        number_of_bytes: i32,
        /// The custom key store whose generator to use.
        custom_key_store_id: String,
        /// An attested enclave to encrypt the answer for.
        recipient: RecipientInfo,
    }
}

shape! {
    /// Random bytes.
    GenerateRandomResponse {
        /// The bytes.
        #[serde(with = "crate::blob::secret")]
        plaintext: SecretBytes,
    } optional {}
}

shape! {
    /// An attested enclave, and how to encrypt for it.
    #[serde(deny_unknown_fields)]
    RecipientInfo {} optional {
        /// How to encrypt for the enclave's public key.
        key_encryption_algorithm: String,
        /// The attestation document with that public key.
        #[serde(with = "crate::blob::optional")]
        attestation_document: Vec<u8>,
    }
}
