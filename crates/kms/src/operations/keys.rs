//! Making, describing and listing keys.

use keyfold_protocol::operations::OperationName;
use keyfold_protocol::operations::{
    CreateKeyRequest, CreateKeyResponse, DescribeKeyRequest, DescribeKeyResponse, GetKeyLastUsageRequest,
    GetKeyLastUsageResponse, KeyLastUsageData, KeyListEntry, ListKeysRequest, ListKeysResponse,
};
use keyfold_protocol::{
    AliasName, CustomerMasterKeySpec, ErrorKind, KeyArn, KeyId, KeySpec, KeyUsageType, KmsError, OriginType,
};

use super::tags::check_tags;
use super::{Account, Handle, HandleKey, Protected, Target, row_of};
use crate::authz::check::{Authorized, authorize};
use crate::authz::key_policy;
use crate::call::Call;
use crate::error::{Fault, RecordError};
use crate::key::create::{NewKey, NewKeyTerms};
use crate::key::tags::KeyTags;
use crate::key::{Accepts, Key, KeyRecord, alias, resolve_key};
use crate::page::Page;
use crate::root::barrier::Place;
use crate::validation::{Validation, refuse, unsupported};

/// A key that is not there yet.
#[derive(Debug)]
pub(crate) struct KeyToBe {
    is_tagged: bool,
}

impl Target for KeyToBe {
    fn resources(&self, call: &Call<'_>) -> Vec<Protected> {
        // Tagging it at birth takes the permission to tag as well.
        let mut resources = Account.resources(call);
        if self.is_tagged {
            resources.extend(Account.resources(call));
        }
        resources
    }

    fn keys(&self) -> Vec<&Key> {
        Vec::new()
    }
}

impl Handle for CreateKeyRequest {
    type Target = KeyToBe;

    fn validate(&self) -> Result<(), KmsError> {
        let (usage, spec, origin) = (self.key_usage.as_ref(), self.key_spec.as_ref(), self.origin.as_ref());
        let older_spec = self.customer_master_key_spec.as_ref();
        Validation::default()
            .policy(self.policy.as_ref())
            .optional_text("description", self.description.as_ref(), 0..=DESCRIPTION_LEN_MAX)
            .member_of(
                "keyUsage",
                usage.map(KeyUsageType::as_str),
                names(KeyUsageType::ALL, KeyUsageType::as_str),
            )
            .member_of("keySpec", spec.map(KeySpec::as_str), names(KeySpec::ALL, KeySpec::as_str))
            .member_of(
                "customerMasterKeySpec",
                older_spec.map(CustomerMasterKeySpec::as_str),
                names(CustomerMasterKeySpec::ALL, CustomerMasterKeySpec::as_str),
            )
            .member_of("origin", origin.map(OriginType::as_str), names(OriginType::ALL, OriginType::as_str))
            .tags(self.tags.as_deref().unwrap_or_default())
            .finish()?;
        if spec.is_some() && older_spec.is_some() {
            return Err(refuse(
                "You cannot specify KeySpec and CustomerMasterKeySpec in the same request. \
                 CustomerMasterKeySpec is deprecated.",
            ));
        }
        let spec = match older_spec {
            Some(older) => KeySpec::from(older.as_str()),
            None => spec.cloned().unwrap_or(KeySpec::SymmetricDefault),
        };
        if spec != KeySpec::SymmetricDefault {
            return Err(not_supported("KeySpec", spec.as_str()));
        }
        if let Some(usage) = usage.filter(|usage| **usage != KeyUsageType::EncryptDecrypt) {
            return Err(refuse(format!("KeyUsage {usage} is not compatible with KeySpec {spec}")));
        }
        if let Some(origin) = origin.filter(|origin| **origin != OriginType::AwsKms) {
            return Err(not_supported("Origin", origin.as_str()));
        }
        check_tags(self.tags.as_deref().unwrap_or_default())?;
        unsupported(self.multi_region == Some(true), "MultiRegion")?;
        unsupported(self.custom_key_store_id.is_some(), "CustomKeyStoreId")?;
        unsupported(self.xks_key_id.is_some(), "XksKeyId")
    }

    async fn resolve(&self, _: &Call<'_>) -> Result<KeyToBe, KmsError> {
        Ok(KeyToBe { is_tagged: self.tags.as_ref().is_some_and(|tags| !tags.is_empty()) })
    }

    async fn perform(call: &Call<'_>, authorized: Authorized<'_, Self>) -> Result<CreateKeyResponse, Fault> {
        let request = authorized.request();
        let mut changes = call.barrier.changes();
        let description = request.description.clone().unwrap_or_default();
        let terms = NewKeyTerms { description, ..NewKeyTerms::default() };
        let key = NewKey::add(call, &mut changes, terms)?;
        if let Some(tags) = request.tags.as_ref().filter(|tags| !tags.is_empty()) {
            changes.create(Place::key_tags(call.scope, &key.id), &KeyTags::default().with(tags)?)?;
        }
        if let Some(document) = &request.policy {
            let bypass = request.bypass_policy_lockout_safety_check == Some(true);
            let policy = key_policy::admit(call, &call.scope.key_arn(&key.id), document, bypass).await?;
            changes.create(Place::key_policy(call.scope, &key.id), &policy)?;
        }
        let metadata = key.metadata(call);
        changes.commit().await?;
        Ok(CreateKeyResponse::new(metadata))
    }
}

impl Handle for DescribeKeyRequest {
    type Target = Key;

    fn validate(&self) -> Result<(), KmsError> {
        Validation::default().key_id("keyId", &self.key_id).grant_tokens(self.grant_tokens.as_ref()).finish()
    }

    fn grant_tokens(&self) -> &[String] {
        self.grant_tokens.as_deref().unwrap_or_default()
    }

    async fn resolve(&self, call: &Call<'_>) -> Result<Key, KmsError> {
        resolve_key(call, &self.key_id, Accepts::KeyOrAlias).await
    }

    async fn perform(
        call: &Call<'_>,
        authorized: Authorized<'_, Self>,
    ) -> Result<DescribeKeyResponse, Fault> {
        let key = authorized.target();
        Ok(DescribeKeyResponse::new(key.stored.record.metadata(call.scope, &key.id)))
    }
}

impl HandleKey for GetKeyLastUsageRequest {
    fn key_id(&self) -> &str {
        &self.key_id
    }

    async fn perform_on_key(
        call: &Call<'_>,
        authorized: Authorized<'_, Self>,
    ) -> Result<GetKeyLastUsageResponse, Fault> {
        let key = authorized.target();
        let mut data = KeyLastUsageData::new();
        if let Some(last) = call.usage.last_use(call.barrier, call.scope, &key.id).await? {
            (data.operation, data.timestamp) = (Some(last.operation), Some(last.at));
            data.kms_request_id = last.request_id;
        }
        let created = key.stored.record.created;
        let mut response = GetKeyLastUsageResponse::new(key.arn.to_string(), data);
        (response.tracking_start_date, response.key_creation_date) = (Some(created), Some(created));
        Ok(response)
    }
}

impl Handle for ListKeysRequest {
    type Target = Account;

    fn validate(&self) -> Result<(), KmsError> {
        let mut validation = Validation::default();
        validation.page(self.limit, 1000, self.marker.as_ref());
        if let Some(owners) = &self.resource_owners {
            validation.bytes("resourceOwners", owners.len(), 1..=RESOURCE_OWNERS_MAX);
        }
        for (index, owner) in self.resource_owners.iter().flatten().take(RESOURCE_OWNERS_MAX).enumerate() {
            let member = format!("resourceOwners.{}.member", index + 1);
            validation.member_of(&member, Some(owner), [OWN_KEYS, SHARED_KEYS].into_iter());
        }
        validation.finish()?;
        let asks_for_shared = self.resource_owners.iter().flatten().any(|owner| owner == SHARED_KEYS);
        unsupported(asks_for_shared, "ResourceOwners OTHER_ACCOUNTS_VIA_RAM")
    }

    async fn resolve(&self, _: &Call<'_>) -> Result<Account, KmsError> {
        Ok(Account)
    }

    async fn perform(call: &Call<'_>, authorized: Authorized<'_, Self>) -> Result<ListKeysResponse, Fault> {
        let request = authorized.request();
        let page = Page::new(call, "keys".to_owned(), request.limit, 100, request.marker.as_ref())?;
        let (found, next) = page.read::<KeyRecord>(call, &Place::keys(call.scope)).await?;
        let mut keys = Vec::with_capacity(found.len());
        for stored in &found {
            let key_id: KeyId = stored.place().name().parse().map_err(|_| RecordError::Damaged)?;
            keys.push(KeyListEntry::new(key_id.to_string(), call.scope.key_arn(&key_id).to_string()));
        }
        let mut response = ListKeysResponse::new(keys, next.is_some());
        response.next_marker = next;
        Ok(response)
    }
}

/// Makes the key `alias/default` if there is none, key and alias in one step. Gives its ARN and whether it was made.
pub(crate) async fn ensure_default_key(call: &Call<'_>, name: &AliasName) -> Result<(KeyArn, bool), Fault> {
    if let Some(alias) = alias::find(call, name).await? {
        return Ok((call.scope.key_arn(&alias.record.target), false));
    }
    let request = CreateKeyRequest::new();
    let row = row_of(OperationName::CreateKey)
        .ok_or_else(|| KmsError::unsupported_member(OperationName::CreateKey.as_str()))?;
    authorize(call, row, &request, KeyToBe { is_tagged: false }).await?;
    let mut changes = call.barrier.changes();
    let description = DEFAULT_KEY_DESCRIPTION.to_owned();
    let key = NewKey::add(call, &mut changes, NewKeyTerms { description, ..NewKeyTerms::default() })?;
    alias::create(&mut changes, (call.barrier, call.scope), name, &key.id, None, call.now)?;
    changes.commit().await?;
    Ok((call.scope.key_arn(&key.id), true))
}

fn not_supported(member: &str, value: &str) -> KmsError {
    KmsError::new(
        ErrorKind::UnsupportedOperation,
        format!("{member} {value} is not supported by this service."),
    )
}

fn names<T>(all: &'static [T], name: fn(&T) -> &str) -> impl Iterator<Item = &'static str> {
    all.iter().map(name)
}

/// Service model: `DescriptionType`, in characters.
pub(super) const DESCRIPTION_LEN_MAX: usize = 8192;
const DEFAULT_KEY_DESCRIPTION: &str = "Default key";
/// Service model: `ResourceOwnersList`.
const RESOURCE_OWNERS_MAX: usize = 2;
const OWN_KEYS: &str = "SELF";
const SHARED_KEYS: &str = "OTHER_ACCOUNTS_VIA_RAM";
