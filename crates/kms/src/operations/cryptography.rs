//! The use of keys: Encrypt, Decrypt, ReEncrypt, data keys; and random bytes.
//!
//! No plaintext leaves but in the response that asks for it, and no error says why a ciphertext did not open.

use keyfold_crypto::SecretBytes;
use keyfold_protocol::operations::{
    DecryptRequest, DecryptResponse, EncryptRequest, EncryptResponse, GenerateDataKeyRequest,
    GenerateDataKeyResponse, GenerateDataKeyWithoutPlaintextRequest, GenerateDataKeyWithoutPlaintextResponse,
    GenerateRandomRequest, GenerateRandomResponse, ReEncryptRequest, ReEncryptResponse,
};
use keyfold_protocol::{
    DataKeySpec, DryRunModifier, EncryptionAlgorithmSpec, EncryptionContext, KeyMaterialId, KmsError,
};

use super::{Account, Handle, Protected, Target};
use crate::authz::check::Authorized;
use crate::call::{Call, Scope};
use crate::ciphertext::{CiphertextBlob, PLAINTEXT_LEN_MAX};
use crate::error::{Fault, RecordError};
use crate::key::grant::GrantUse;
use crate::key::resolve::load_key;
use crate::key::{Accepts, BackingKey, Key, resolve_key};
use crate::validation::{Validation, refuse, unsupported};

impl Handle for EncryptRequest {
    type Target = Key;

    fn validate(&self) -> Result<(), KmsError> {
        Validation::default()
            .key_id("keyId", &self.key_id)
            .bytes("plaintext", self.plaintext.len(), 1..=PLAINTEXT_LEN_MAX)
            .context("encryptionContext", self.encryption_context.as_ref())
            .grant_tokens(self.grant_tokens.as_ref())
            .algorithm("encryptionAlgorithm", self.encryption_algorithm.as_ref())
            .finish()
    }

    async fn resolve(&self, call: &Call<'_>) -> Result<Key, KmsError> {
        resolve_key(call, &self.key_id, Accepts::KeyOrAlias).await
    }

    async fn perform(call: &Call<'_>, authorized: Authorized<'_, Self>) -> Result<EncryptResponse, Fault> {
        let (request, key) = (authorized.request(), authorized.target());
        let algorithm = algorithm(key, request.encryption_algorithm.as_ref())?;
        let blob = encrypt(call, key, request.encryption_context.as_ref(), &request.plaintext).await?;
        let mut response = EncryptResponse::new(blob, key.arn.to_string());
        response.encryption_algorithm = Some(algorithm);
        Ok(response)
    }

    fn grant_tokens(&self) -> &[String] {
        self.grant_tokens.as_deref().unwrap_or_default()
    }

    fn grant_use(&self, _: &str) -> GrantUse<'_> {
        GrantUse::Context(self.encryption_context.as_ref())
    }

    fn is_dry_run(&self) -> bool {
        self.dry_run == Some(true)
    }
}

impl Handle for DecryptRequest {
    type Target = Source;

    fn validate(&self) -> Result<(), KmsError> {
        let modifiers = self.dry_run_modifiers.as_deref();
        Validation::default()
            .ciphertext(&self.ciphertext_blob, modifiers)
            .context("encryptionContext", self.encryption_context.as_ref())
            .grant_tokens(self.grant_tokens.as_ref())
            .optional_text("keyId", self.key_id.as_ref(), 1..=2048)
            .algorithm("encryptionAlgorithm", self.encryption_algorithm.as_ref())
            .finish()?;
        check_modifiers(modifiers, self.is_dry_run(), ("KeyId", self.key_id.as_ref()))?;
        unsupported(self.recipient.is_some(), "Recipient")
    }

    async fn resolve(&self, call: &Call<'_>) -> Result<Source, KmsError> {
        let ciphertext = Ciphertext::of(&self.ciphertext_blob, self.dry_run_modifiers.as_deref());
        Source::resolve(call, ciphertext, self.key_id.as_deref()).await
    }

    async fn perform(call: &Call<'_>, authorized: Authorized<'_, Self>) -> Result<DecryptResponse, Fault> {
        let (request, source) = (authorized.request(), authorized.target());
        let algorithm = algorithm(&source.key, request.encryption_algorithm.as_ref())?;
        let (plaintext, material_id) = source.decrypt(call, request.encryption_context.as_ref()).await?;
        let mut response = DecryptResponse::new(source.key.arn.to_string(), plaintext);
        response.encryption_algorithm = Some(algorithm);
        response.key_material_id = Some(material_id.to_string());
        Ok(response)
    }

    fn grant_tokens(&self) -> &[String] {
        self.grant_tokens.as_deref().unwrap_or_default()
    }

    fn grant_use(&self, _: &str) -> GrantUse<'_> {
        GrantUse::Context(self.encryption_context.as_ref())
    }

    fn is_dry_run(&self) -> bool {
        self.dry_run == Some(true)
    }
}

impl Handle for ReEncryptRequest {
    type Target = SourceAndDestination;

    fn validate(&self) -> Result<(), KmsError> {
        let modifiers = self.dry_run_modifiers.as_deref();
        Validation::default()
            .ciphertext(&self.ciphertext_blob, modifiers)
            .context("sourceEncryptionContext", self.source_encryption_context.as_ref())
            .optional_text("sourceKeyId", self.source_key_id.as_ref(), 1..=2048)
            .key_id("destinationKeyId", &self.destination_key_id)
            .context("destinationEncryptionContext", self.destination_encryption_context.as_ref())
            .algorithm("sourceEncryptionAlgorithm", self.source_encryption_algorithm.as_ref())
            .algorithm("destinationEncryptionAlgorithm", self.destination_encryption_algorithm.as_ref())
            .grant_tokens(self.grant_tokens.as_ref())
            .finish()?;
        check_modifiers(modifiers, self.is_dry_run(), ("SourceKeyId", self.source_key_id.as_ref()))
    }

    async fn resolve(&self, call: &Call<'_>) -> Result<SourceAndDestination, KmsError> {
        let ciphertext = Ciphertext::of(&self.ciphertext_blob, self.dry_run_modifiers.as_deref());
        let source = Source::resolve(call, ciphertext, self.source_key_id.as_deref()).await?;
        let call = &call.asking("kms:ReEncryptTo");
        let destination = resolve_key(call, &self.destination_key_id, Accepts::KeyOrAlias).await;
        Ok(SourceAndDestination { source, destination })
    }

    async fn perform(call: &Call<'_>, authorized: Authorized<'_, Self>) -> Result<ReEncryptResponse, Fault> {
        let (request, SourceAndDestination { source, destination }) =
            (authorized.request(), authorized.target());
        let destination = destination.as_ref().map_err(Clone::clone)?;
        let source_algorithm = algorithm(&source.key, request.source_encryption_algorithm.as_ref())?;
        let destination_algorithm =
            algorithm(destination, request.destination_encryption_algorithm.as_ref())?;
        let (plaintext, source_material_id) =
            source.decrypt(call, request.source_encryption_context.as_ref()).await?;
        let context = request.destination_encryption_context.as_ref();
        let blob = encrypt(call, destination, context, &plaintext).await?;
        let mut response = ReEncryptResponse::new(blob, destination.arn.to_string());
        response.source_key_id = Some(source.key.arn.to_string());
        response.source_encryption_algorithm = Some(source_algorithm);
        response.destination_encryption_algorithm = Some(destination_algorithm);
        response.source_key_material_id = Some(source_material_id.to_string());
        response.destination_key_material_id = Some(current_material(destination));
        Ok(response)
    }

    fn grant_tokens(&self) -> &[String] {
        self.grant_tokens.as_deref().unwrap_or_default()
    }

    fn grant_use(&self, action: &str) -> GrantUse<'_> {
        GrantUse::Context(match action {
            "kms:ReEncryptFrom" => self.source_encryption_context.as_ref(),
            _ => self.destination_encryption_context.as_ref(),
        })
    }

    fn is_dry_run(&self) -> bool {
        self.dry_run == Some(true)
    }
}

impl Handle for GenerateDataKeyRequest {
    type Target = Key;

    fn validate(&self) -> Result<(), KmsError> {
        validate_data_key(
            (&self.key_id, self.encryption_context.as_ref(), self.grant_tokens.as_ref()),
            self.number_of_bytes,
            self.key_spec.as_ref(),
        )?;
        unsupported(self.recipient.is_some(), "Recipient")
    }

    async fn resolve(&self, call: &Call<'_>) -> Result<Key, KmsError> {
        resolve_key(call, &self.key_id, Accepts::KeyOrAlias).await
    }

    async fn perform(
        call: &Call<'_>,
        authorized: Authorized<'_, Self>,
    ) -> Result<GenerateDataKeyResponse, Fault> {
        let (request, key) = (authorized.request(), authorized.target());
        let len = data_key_len(request.number_of_bytes, request.key_spec.as_ref())?;
        let data_key = SecretBytes::random(len).map_err(RecordError::from)?;
        let blob = encrypt(call, key, request.encryption_context.as_ref(), &data_key).await?;
        let mut response = GenerateDataKeyResponse::new(blob, data_key, key.arn.to_string());
        response.key_material_id = Some(current_material(key));
        Ok(response)
    }

    fn grant_tokens(&self) -> &[String] {
        self.grant_tokens.as_deref().unwrap_or_default()
    }

    fn grant_use(&self, _: &str) -> GrantUse<'_> {
        GrantUse::Context(self.encryption_context.as_ref())
    }

    fn is_dry_run(&self) -> bool {
        self.dry_run == Some(true)
    }
}

impl Handle for GenerateDataKeyWithoutPlaintextRequest {
    type Target = Key;

    fn validate(&self) -> Result<(), KmsError> {
        validate_data_key(
            (&self.key_id, self.encryption_context.as_ref(), self.grant_tokens.as_ref()),
            self.number_of_bytes,
            self.key_spec.as_ref(),
        )
    }

    async fn resolve(&self, call: &Call<'_>) -> Result<Key, KmsError> {
        resolve_key(call, &self.key_id, Accepts::KeyOrAlias).await
    }

    async fn perform(
        call: &Call<'_>,
        authorized: Authorized<'_, Self>,
    ) -> Result<GenerateDataKeyWithoutPlaintextResponse, Fault> {
        let (request, key) = (authorized.request(), authorized.target());
        let len = data_key_len(request.number_of_bytes, request.key_spec.as_ref())?;
        let data_key = SecretBytes::random(len).map_err(RecordError::from)?;
        let blob = encrypt(call, key, request.encryption_context.as_ref(), &data_key).await?;
        let mut response = GenerateDataKeyWithoutPlaintextResponse::new(blob, key.arn.to_string());
        response.key_material_id = Some(current_material(key));
        Ok(response)
    }

    fn grant_tokens(&self) -> &[String] {
        self.grant_tokens.as_deref().unwrap_or_default()
    }

    fn grant_use(&self, _: &str) -> GrantUse<'_> {
        GrantUse::Context(self.encryption_context.as_ref())
    }

    fn is_dry_run(&self) -> bool {
        self.dry_run == Some(true)
    }
}

impl Handle for GenerateRandomRequest {
    type Target = Account;

    fn validate(&self) -> Result<(), KmsError> {
        Validation::default().number("numberOfBytes", self.number_of_bytes, GENERATED_LEN).finish()?;
        if self.number_of_bytes.is_none() {
            return Err(refuse("NumberOfBytes is required."));
        }
        unsupported(self.custom_key_store_id.is_some(), "CustomKeyStoreId")?;
        unsupported(self.recipient.is_some(), "Recipient")
    }

    async fn resolve(&self, _: &Call<'_>) -> Result<Account, KmsError> {
        Ok(Account)
    }

    async fn perform(
        _: &Call<'_>,
        authorized: Authorized<'_, Self>,
    ) -> Result<GenerateRandomResponse, Fault> {
        let len = data_key_len(authorized.request().number_of_bytes, None)?;
        let bytes = SecretBytes::random(len).map_err(RecordError::from)?;
        Ok(GenerateRandomResponse::new(bytes))
    }
}

/// The ciphertext of a request.
enum Ciphertext<'r> {
    Of(&'r [u8]),
    /// The dry run ignores it, so the request names the key that it would be of.
    Ignored,
}

impl<'r> Ciphertext<'r> {
    fn of(bytes: &'r [u8], modifiers: Option<&[DryRunModifier]>) -> Self {
        if ignores_ciphertext(modifiers) { Self::Ignored } else { Self::Of(bytes) }
    }
}

/// A ciphertext and the key that it was made with.
#[derive(Debug)]
pub(crate) struct Source {
    key: Key,
    /// Absent in a dry run that ignores it.
    blob: Option<CiphertextBlob>,
}

impl Source {
    /// Finds the key of a ciphertext, which must be the one that the request names, if it names one.
    async fn resolve(
        call: &Call<'_>,
        ciphertext: Ciphertext<'_>,
        named: Option<&str>,
    ) -> Result<Self, KmsError> {
        let Ciphertext::Of(bytes) = ciphertext else {
            let key = resolve_key(call, named.unwrap_or_default(), Accepts::KeyOrAlias).await?;
            return Ok(Self { key, blob: None });
        };
        let blob = CiphertextBlob::parse(bytes).map_err(|_| KmsError::invalid_ciphertext())?;
        let header = blob.header();
        let scope = Scope { account: header.account.clone(), ..call.scope.clone() };
        let there = call.at(&scope);
        let key = match named {
            // The id of a key of another account is enough, as the ciphertext has the rest.
            Some(named) if !(there.is_abroad() && named == header.key_id.to_string()) => {
                resolve_key(call, named, Accepts::KeyOrAlias).await?
            }
            _ => {
                let found = load_key(&there, &header.key_id).await?;
                found.ok_or_else(KmsError::key_behind_ciphertext_not_accessible)?
            }
        };
        Ok(Self { key, blob: Some(blob) })
    }

    /// The plaintext, and the material that it was encrypted with. That the ciphertext is of another key than the one
    /// named is told here, to who may use the one named, and to nobody else.
    async fn decrypt(
        &self,
        call: &Call<'_>,
        context: Option<&EncryptionContext>,
    ) -> Result<(SecretBytes, KeyMaterialId), KmsError> {
        // Nothing else is left to be judged.
        let blob = self.blob.as_ref().ok_or_else(KmsError::dry_run)?;
        let (header, scope) = (blob.header(), &self.key.scope);
        if header.account != scope.account || header.key_id != self.key.id {
            return Err(KmsError::incorrect_key());
        }
        let material_id = header.material_id;
        let backing_key = BackingKey::load(call.barrier, scope, &self.key.id, &material_id).await?;
        let backing_key = backing_key.ok_or_else(KmsError::invalid_ciphertext)?;
        let none = EncryptionContext::empty();
        let plaintext = blob
            .open(backing_key.key(), &call.scope.partition, context.unwrap_or(&none))
            .map_err(|_| KmsError::invalid_ciphertext())?;
        Ok((plaintext, material_id))
    }
}

impl Target for Source {
    fn resources(&self, call: &Call<'_>) -> Vec<Protected> {
        self.key.resources(call)
    }

    fn keys(&self) -> Vec<&Key> {
        self.key.keys()
    }
}

/// What ReEncrypt reads from and writes to.
#[derive(Debug)]
pub(crate) struct SourceAndDestination {
    source: Source,
    /// Or why there is none, which is told to who may read the source.
    destination: Result<Key, KmsError>,
}

impl Target for SourceAndDestination {
    fn resources(&self, _: &Call<'_>) -> Vec<Protected> {
        let destination = self.destination.as_ref();
        let destination =
            destination.map_or_else(|error| Protected::not_there(error.clone()), Protected::from);
        vec![Protected::from(&self.source.key), destination]
    }

    fn keys(&self) -> Vec<&Key> {
        std::iter::once(&self.source.key).chain(&self.destination).collect()
    }
}

/// A ciphertext of `plaintext` under the current material of `key`.
async fn encrypt(
    call: &Call<'_>,
    key: &Key,
    context: Option<&EncryptionContext>,
    plaintext: &SecretBytes,
) -> Result<Vec<u8>, RecordError> {
    let material_id = key.stored.record.current_material;
    let backing_key = BackingKey::load(call.barrier, &key.scope, &key.id, &material_id).await?;
    let backing_key = backing_key.ok_or(RecordError::Incomplete)?;
    let none = EncryptionContext::empty();
    let blob = CiphertextBlob::seal(
        backing_key.key(),
        (&key.scope.account, &key.id, &material_id),
        &key.scope.partition,
        context.unwrap_or(&none),
        plaintext.expose(),
    )?;
    Ok(blob.to_bytes())
}

fn current_material(key: &Key) -> String {
    key.stored.record.current_material.to_string()
}

/// The algorithm that is asked for, if the key can run it.
fn algorithm(
    key: &Key,
    asked: Option<&EncryptionAlgorithmSpec>,
) -> Result<EncryptionAlgorithmSpec, KmsError> {
    let asked = asked.cloned().unwrap_or(EncryptionAlgorithmSpec::SymmetricDefault);
    if asked == EncryptionAlgorithmSpec::SymmetricDefault {
        Ok(asked)
    } else {
        Err(KmsError::incompatible_algorithm(&asked, &key.stored.record.key_spec))
    }
}

impl Validation {
    fn algorithm(&mut self, member: &str, asked: Option<&EncryptionAlgorithmSpec>) -> &mut Self {
        let known = EncryptionAlgorithmSpec::ALL.iter().map(EncryptionAlgorithmSpec::as_str);
        self.member_of(member, asked.map(EncryptionAlgorithmSpec::as_str), known)
    }

    /// A ciphertext, which may be absent if it is ignored, and what says so.
    fn ciphertext(&mut self, bytes: &[u8], modifiers: Option<&[DryRunModifier]>) -> &mut Self {
        let len_min = usize::from(!ignores_ciphertext(modifiers));
        self.bytes("ciphertextBlob", bytes.len(), len_min..=CIPHERTEXT_LEN_MAX);
        for (index, modifier) in modifiers.into_iter().flatten().take(MODIFIERS_JUDGED).enumerate() {
            let known = DryRunModifier::ALL.iter().map(DryRunModifier::as_str);
            let member = format!("dryRunModifiers.{}.member", index + 1);
            self.member_of(&member, Some(modifier.as_str()), known);
        }
        self
    }
}

fn validate_data_key(
    (key_id, context, grant_tokens): (&str, Option<&EncryptionContext>, Option<&Vec<String>>),
    number_of_bytes: Option<i32>,
    key_spec: Option<&DataKeySpec>,
) -> Result<(), KmsError> {
    let known = DataKeySpec::ALL.iter().map(DataKeySpec::as_str);
    Validation::default()
        .key_id("keyId", key_id)
        .context("encryptionContext", context)
        .number("numberOfBytes", number_of_bytes, GENERATED_LEN)
        .member_of("keySpec", key_spec.map(DataKeySpec::as_str), known)
        .grant_tokens(grant_tokens)
        .finish()?;
    data_key_len(number_of_bytes, key_spec).map(|_| ())
}

/// How many bytes are asked for, in exactly one of two ways.
fn data_key_len(number_of_bytes: Option<i32>, key_spec: Option<&DataKeySpec>) -> Result<usize, KmsError> {
    let len = match (number_of_bytes, key_spec) {
        (Some(number), None) => usize::try_from(number).ok(),
        (None, Some(DataKeySpec::Aes256)) => Some(32),
        (None, Some(DataKeySpec::Aes128)) => Some(16),
        _ => None,
    };
    len.ok_or_else(|| refuse("Please specify either number of bytes or key spec."))
}

fn ignores_ciphertext(modifiers: Option<&[DryRunModifier]>) -> bool {
    modifiers.is_some_and(|modifiers| modifiers.contains(&DryRunModifier::IgnoreCiphertext))
}

/// Modifiers are for dry runs, and one that ignores the ciphertext must name the key (API reference: Decrypt, `KeyId`).
fn check_modifiers(
    modifiers: Option<&[DryRunModifier]>,
    is_dry_run: bool,
    (member, key_id): (&str, Option<&String>),
) -> Result<(), KmsError> {
    if modifiers.is_some_and(|modifiers| !modifiers.is_empty()) && !is_dry_run {
        return Err(refuse("You can specify DryRunModifiers only when DryRun is true."));
    }
    if ignores_ciphertext(modifiers) && key_id.is_none() {
        return Err(refuse(format!("You must specify {member} when DryRunModifiers has IGNORE_CIPHERTEXT.")));
    }
    Ok(())
}

/// Modifiers of a request that are looked at one by one; there is one kind.
const MODIFIERS_JUDGED: usize = 4;
/// Service model: `CiphertextType`.
const CIPHERTEXT_LEN_MAX: usize = 6144;
/// Service model: `NumberOfBytesType`.
const GENERATED_LEN: std::ops::RangeInclusive<i32> = 1..=1024;
