//! The KMS keyrings: a key in a key service wraps data keys; this process never has it.
//!
//! ```text
//! provider id    "aws-kms"
//! provider info  key ARN
//! ciphertext     the key service's CiphertextBlob
//! ```
//! The encryption context of the message is the encryption context of the call. Every call names the key.
//! Source: specification, `framework/aws-kms/aws-kms-keyring.md` and `aws-kms-discovery-keyring.md`.

use keyfold_crypto::SecretBytes;
use keyfold_protocol::{
    BoxFuture, EncryptionContext as KmsContext, KeyArn, Kms, KmsExt,
    operations::{DecryptRequest, EncryptRequest, GenerateDataKeyRequest},
};

use super::{GeneratedDataKey, Keyring, KeyringRequest, NamedError, check_len};
use crate::{
    error::{FailedUnwrap, KeyringError},
    materials::{DataKey, EncryptedDataKey},
};

const PROVIDER_ID: &str = "aws-kms";

/// A keyring over one KMS key ("strict" in the official SDKs): it never uses another.
#[derive(Debug)]
pub struct KmsKeyring<K> {
    kms: K,
    key_id: String,
}

impl<K: Kms> KmsKeyring<K> {
    /// A keyring over `key_id`: a key ARN, or for encryption also a key id, alias name or alias ARN.
    ///
    /// Decryption needs the key ARN, since messages name their keys so: what an alias points at may have
    /// changed since, and whoever can move an alias must not thereby choose who decrypts.
    pub fn new(kms: K, key_id: impl Into<String>) -> Self {
        Self { kms, key_id: key_id.into() }
    }

    async fn generate(&self, request: KeyringRequest<'_>) -> Result<GeneratedDataKey, KeyringError> {
        let len = request.suite.data_key_len();
        let mut call = GenerateDataKeyRequest::new(&self.key_id);
        call.number_of_bytes = i32::try_from(len).ok();
        call.encryption_context = kms_context(request);
        let response = self.kms.send(call).await?;
        let edk = self.edk(response.key_id, response.ciphertext_blob)?;
        let data_key = check_len(request.suite, response.plaintext)?;
        Ok(GeneratedDataKey { data_key, encrypted_data_keys: vec![edk] })
    }

    async fn encrypt(
        &self,
        request: KeyringRequest<'_>,
        data_key: &DataKey,
    ) -> Result<EncryptedDataKey, KeyringError> {
        let plaintext = SecretBytes::copied_from(data_key.expose());
        let mut call = EncryptRequest::new(&self.key_id, plaintext);
        call.encryption_context = kms_context(request);
        let response = self.kms.send(call).await?;
        self.edk(response.key_id, response.ciphertext_blob)
    }

    /// The service must answer with a key ARN, and with this one if the keyring names one.
    fn edk(&self, key_arn: String, ciphertext: Vec<u8>) -> Result<EncryptedDataKey, KeyringError> {
        let is_another = is_key_arn(&self.key_id) && self.key_id != key_arn;
        if is_another || !is_key_arn(&key_arn) {
            return Err(KeyringError::UnexpectedKey(key_arn));
        }
        Ok(EncryptedDataKey {
            provider_id: PROVIDER_ID.to_owned(),
            provider_info: key_arn.into_bytes(),
            ciphertext,
        })
    }

    /// Whether this keyring decrypts `edk`; an error if it is a KMS key's and can't be told.
    fn is_mine(&self, key_arn: &str) -> Result<bool, KeyringError> {
        if !is_key_arn(&self.key_id) {
            return Err(KeyringError::NeedsKeyArn(self.key_id.clone()));
        }
        Ok(key_arn == self.key_id)
    }
}

impl<K: Kms> Keyring for KmsKeyring<K> {
    fn name(&self) -> String {
        format!("aws-kms {}", self.key_id)
    }

    fn generate_data_key<'a>(
        &'a self,
        request: KeyringRequest<'a>,
    ) -> BoxFuture<'a, Result<GeneratedDataKey, NamedError>> {
        Box::pin(async move { self.generate(request).await.map_err(|error| (self.name(), error)) })
    }

    fn encrypt_data_key<'a>(
        &'a self,
        request: KeyringRequest<'a>,
        data_key: &'a DataKey,
    ) -> BoxFuture<'a, Result<Vec<EncryptedDataKey>, NamedError>> {
        Box::pin(async move {
            let edk = self.encrypt(request, data_key).await.map_err(|error| (self.name(), error))?;
            Ok(vec![edk])
        })
    }

    fn decrypt_data_key<'a>(
        &'a self,
        request: KeyringRequest<'a>,
        edks: &'a [EncryptedDataKey],
    ) -> BoxFuture<'a, Result<DataKey, Vec<FailedUnwrap>>> {
        Box::pin(unwrap_first(&self.kms, self.name(), request, edks, |arn| self.is_mine(arn)))
    }
}

/// A keyring that decrypts with whichever KMS key a message names, within an account. It can't encrypt.
///
/// The filter is the trust decision: no call leaves for a key of another partition, account or Region, so a
/// message can't make its reader use keys of whoever wrote it.
#[derive(Debug)]
pub struct KmsDiscoveryKeyring<K> {
    kms: K,
    filter: DiscoveryFilter,
}

/// Whose keys a [`KmsDiscoveryKeyring`] uses.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DiscoveryFilter {
    /// The partition, such as `aws`.
    pub partition: String,
    /// The Region that the key service answers for.
    pub region: String,
    /// The accounts, at least one.
    pub accounts: Vec<String>,
}

impl<K: Kms> KmsDiscoveryKeyring<K> {
    /// A keyring over the keys of `filter`.
    pub fn new(kms: K, filter: DiscoveryFilter) -> Self {
        Self { kms, filter }
    }

    fn is_mine(&self, key_arn: &str) -> Result<bool, KeyringError> {
        let arn: KeyArn = key_arn.parse().map_err(|_| KeyringError::NotAKeyArn(key_arn.to_owned()))?;
        let arn = arn.as_arn();
        Ok(arn.partition() == self.filter.partition
            && arn.region() == self.filter.region
            && self.filter.accounts.iter().any(|account| account == arn.account()))
    }
}

impl<K: Kms> Keyring for KmsDiscoveryKeyring<K> {
    fn name(&self) -> String {
        let DiscoveryFilter { partition, region, accounts } = &self.filter;
        format!("aws-kms discovery {partition}:{region}:{}", accounts.join("|"))
    }

    fn generate_data_key<'a>(
        &'a self,
        _: KeyringRequest<'a>,
    ) -> BoxFuture<'a, Result<GeneratedDataKey, NamedError>> {
        Box::pin(std::future::ready(Err((self.name(), KeyringError::DecryptOnly))))
    }

    fn encrypt_data_key<'a>(
        &'a self,
        _: KeyringRequest<'a>,
        _: &'a DataKey,
    ) -> BoxFuture<'a, Result<Vec<EncryptedDataKey>, NamedError>> {
        Box::pin(std::future::ready(Err((self.name(), KeyringError::DecryptOnly))))
    }

    fn decrypt_data_key<'a>(
        &'a self,
        request: KeyringRequest<'a>,
        edks: &'a [EncryptedDataKey],
    ) -> BoxFuture<'a, Result<DataKey, Vec<FailedUnwrap>>> {
        Box::pin(unwrap_first(&self.kms, self.name(), request, edks, |arn| self.is_mine(arn)))
    }
}

/// Has the key service unwrap the first encrypted data key that is mine and that it can.
async fn unwrap_first<K: Kms>(
    kms: &K,
    keyring: String,
    request: KeyringRequest<'_>,
    edks: &[EncryptedDataKey],
    is_mine: impl Fn(&str) -> Result<bool, KeyringError>,
) -> Result<DataKey, Vec<FailedUnwrap>> {
    let mut failures = Vec::new();
    for edk in edks.iter().filter(|edk| edk.provider_id == PROVIDER_ID) {
        let key_arn = String::from_utf8_lossy(&edk.provider_info);
        let unwrapped = match is_mine(&key_arn) {
            Ok(true) => unwrap(kms, request, edk, &key_arn).await,
            Ok(false) => continue,
            Err(error) => Err(error),
        };
        match unwrapped {
            Ok(data_key) => return Ok(data_key),
            Err(error) => {
                failures.push(FailedUnwrap { keyring: keyring.clone(), edk: edk.to_string(), error });
            }
        }
    }
    Err(failures)
}

async fn unwrap<K: Kms>(
    kms: &K,
    request: KeyringRequest<'_>,
    edk: &EncryptedDataKey,
    key_arn: &str,
) -> Result<DataKey, KeyringError> {
    if !is_key_arn(key_arn) {
        return Err(KeyringError::NotAKeyArn(key_arn.to_owned()));
    }
    let mut call = DecryptRequest::new(edk.ciphertext.clone());
    call.key_id = Some(key_arn.to_owned());
    call.encryption_context = kms_context(request);
    let response = kms.send(call).await?;
    if response.key_id != key_arn {
        return Err(KeyringError::UnexpectedKey(response.key_id));
    }
    check_len(request.suite, response.plaintext)
}

fn is_key_arn(text: &str) -> bool {
    text.parse::<KeyArn>().is_ok()
}

fn kms_context(request: KeyringRequest<'_>) -> Option<KmsContext> {
    let pairs = request.context.iter().map(|(key, value)| (key.to_owned(), value.to_owned()));
    (!request.context.is_empty()).then(|| pairs.collect())
}
