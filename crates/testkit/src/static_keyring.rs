use keyfold::{
    FailedUnwrap,
    keyring::{GeneratedDataKey, Keyring, KeyringRequest, NamedError},
    materials::{DataKey, EncryptedDataKey},
};
use keyfold_protocol::BoxFuture;

/// A keyring that answers every request with one data key, for vectors that give the data key itself and for
/// messages whose every bit a test decides.
#[derive(Debug)]
pub struct StaticKeyring(DataKey);

impl StaticKeyring {
    /// A keyring with this data key.
    #[must_use]
    pub fn new(data_key: &[u8]) -> Self {
        Self(DataKey::copied_from(data_key))
    }

    fn edk() -> EncryptedDataKey {
        EncryptedDataKey {
            provider_id: "static".to_owned(),
            provider_info: b"one".to_vec(),
            ciphertext: vec![0; 3],
        }
    }
}

impl Keyring for StaticKeyring {
    fn name(&self) -> String {
        "static".to_owned()
    }

    fn generate_data_key<'a>(
        &'a self,
        _: KeyringRequest<'a>,
    ) -> BoxFuture<'a, Result<GeneratedDataKey, NamedError>> {
        let data_key = DataKey::copied_from(self.0.expose());
        let generated = GeneratedDataKey { data_key, encrypted_data_keys: vec![Self::edk()] };
        Box::pin(std::future::ready(Ok(generated)))
    }

    fn encrypt_data_key<'a>(
        &'a self,
        _: KeyringRequest<'a>,
        _: &'a DataKey,
    ) -> BoxFuture<'a, Result<Vec<EncryptedDataKey>, NamedError>> {
        Box::pin(std::future::ready(Ok(vec![Self::edk()])))
    }

    fn decrypt_data_key<'a>(
        &'a self,
        _: KeyringRequest<'a>,
        _: &'a [EncryptedDataKey],
    ) -> BoxFuture<'a, Result<DataKey, Vec<FailedUnwrap>>> {
        Box::pin(std::future::ready(Ok(DataKey::copied_from(self.0.expose()))))
    }
}
