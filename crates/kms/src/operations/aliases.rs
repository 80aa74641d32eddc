//! Aliases: making, moving, deleting and listing them.

use keyfold_protocol::operations::{
    AliasListEntry, CreateAliasRequest, CreateAliasResponse, DeleteAliasRequest, DeleteAliasResponse,
    ListAliasesRequest, ListAliasesResponse, UpdateAliasRequest, UpdateAliasResponse,
};
use keyfold_protocol::{AliasArn, AliasName, ErrorKind, KmsError};

use super::{Account, Handle, Protected, Target};
use crate::authz::check::Authorized;
use crate::call::Call;
use crate::error::{Fault, RecordError};
use crate::key::alias::{self, AliasRecord};
use crate::key::{Accepts, Key, resolve_key};
use crate::page::Page;
use crate::root::barrier::{Place, Stored};
use crate::validation::{Validation, refuse};

/// A name that may be free, and the key that shall have it.
#[derive(Debug)]
pub(crate) struct NameAndKey {
    name: AliasName,
    arn: AliasArn,
    key: Key,
}

impl Target for NameAndKey {
    fn resources(&self, _: &Call<'_>) -> Vec<Protected> {
        vec![Protected::from(&self.arn), Protected::from(&self.key.arn)]
    }

    fn keys(&self) -> Vec<&Key> {
        vec![&self.key]
    }
}

/// An alias that there is.
#[derive(Debug)]
pub(crate) struct Alias {
    arn: AliasArn,
    stored: Stored<AliasRecord>,
}

impl Target for Alias {
    fn resources(&self, call: &Call<'_>) -> Vec<Protected> {
        let target = call.scope.key_arn(&self.stored.record.target);
        vec![Protected::from(&self.arn), Protected::from(&target)]
    }

    fn keys(&self) -> Vec<&Key> {
        // An alias may leave a key in any state.
        Vec::new()
    }
}

/// An alias that there is, and the key that shall have it instead.
#[derive(Debug)]
pub(crate) struct AliasAndKey {
    alias: Alias,
    key: Key,
}

impl Target for AliasAndKey {
    fn resources(&self, call: &Call<'_>) -> Vec<Protected> {
        let mut resources = self.alias.resources(call);
        resources.push(Protected::from(&self.key.arn));
        resources
    }

    fn keys(&self) -> Vec<&Key> {
        vec![&self.key]
    }
}

impl Handle for CreateAliasRequest {
    type Target = NameAndKey;

    fn validate(&self) -> Result<(), KmsError> {
        validate(&self.alias_name, Some(&self.target_key_id))
    }

    async fn resolve(&self, call: &Call<'_>) -> Result<NameAndKey, KmsError> {
        let name = parse(&self.alias_name)?;
        let key = resolve_key(call, &self.target_key_id, Accepts::KeyOnly).await?;
        Ok(NameAndKey { arn: call.scope.alias_arn(&name), name, key })
    }

    async fn perform(
        call: &Call<'_>,
        authorized: Authorized<'_, Self>,
    ) -> Result<CreateAliasResponse, Fault> {
        let NameAndKey { name, arn, key } = authorized.target();
        if alias::find(call, name).await?.is_some() {
            return Err(KmsError::alias_already_exists(arn).into());
        }
        let names = alias::names_of(call, &key.id).await?;
        let mut changes = call.barrier.changes();
        changes.unchanged(&key.stored);
        alias::create(&mut changes, (call.barrier, call.scope), name, &key.id, names.as_ref(), call.now)?;
        changes.commit().await?;
        Ok(CreateAliasResponse::new())
    }
}

impl Handle for UpdateAliasRequest {
    type Target = AliasAndKey;

    fn validate(&self) -> Result<(), KmsError> {
        validate(&self.alias_name, Some(&self.target_key_id))
    }

    async fn resolve(&self, call: &Call<'_>) -> Result<AliasAndKey, KmsError> {
        let alias = find(call, &self.alias_name).await?;
        let key = resolve_key(call, &self.target_key_id, Accepts::KeyOnly).await?;
        Ok(AliasAndKey { alias, key })
    }

    async fn perform(
        call: &Call<'_>,
        authorized: Authorized<'_, Self>,
    ) -> Result<UpdateAliasResponse, Fault> {
        let AliasAndKey { alias: Alias { stored, .. }, key } = authorized.target();
        let record = &stored.record;
        let mut changes = call.barrier.changes();
        changes.unchanged(&key.stored);
        changes.replace(stored, &AliasRecord { target: key.id, updated: call.now, ..record.clone() })?;
        if key.id != record.target {
            let old_names = alias::names_of(call, &record.target).await?.ok_or(RecordError::Incomplete)?;
            alias::remove_name(&mut changes, &record.name, &old_names)?;
            let names = alias::names_of(call, &key.id).await?;
            alias::add_name(&mut changes, call.scope, &record.name, &key.id, names.as_ref())?;
        }
        changes.commit().await?;
        Ok(UpdateAliasResponse::new())
    }
}

impl Handle for DeleteAliasRequest {
    type Target = Alias;

    fn validate(&self) -> Result<(), KmsError> {
        validate(&self.alias_name, None)
    }

    async fn resolve(&self, call: &Call<'_>) -> Result<Alias, KmsError> {
        find(call, &self.alias_name).await
    }

    async fn perform(
        call: &Call<'_>,
        authorized: Authorized<'_, Self>,
    ) -> Result<DeleteAliasResponse, Fault> {
        let stored = &authorized.target().stored;
        let names = alias::names_of(call, &stored.record.target).await?.ok_or(RecordError::Incomplete)?;
        let mut changes = call.barrier.changes();
        changes.remove(stored);
        alias::remove_name(&mut changes, &stored.record.name, &names)?;
        changes.commit().await?;
        Ok(DeleteAliasResponse::new())
    }
}

/// All aliases of the account, or those of one key.
#[derive(Debug)]
pub(crate) enum AliasesOf {
    Account(Account),
    Key(Box<Key>),
}

impl Target for AliasesOf {
    fn resources(&self, call: &Call<'_>) -> Vec<Protected> {
        match self {
            Self::Account(account) => account.resources(call),
            Self::Key(key) => key.resources(call),
        }
    }

    fn keys(&self) -> Vec<&Key> {
        match self {
            Self::Account(account) => account.keys(),
            Self::Key(key) => key.keys(),
        }
    }
}

impl Handle for ListAliasesRequest {
    type Target = AliasesOf;

    fn validate(&self) -> Result<(), KmsError> {
        Validation::default()
            .optional_text("keyId", self.key_id.as_ref(), 1..=2048)
            .page(self.limit, 100, self.marker.as_ref())
            .finish()
    }

    async fn resolve(&self, call: &Call<'_>) -> Result<AliasesOf, KmsError> {
        match &self.key_id {
            Some(key_id) => {
                let key = resolve_key(call, key_id, Accepts::KeyOnly).await?;
                Ok(AliasesOf::Key(Box::new(key)))
            }
            None => Ok(AliasesOf::Account(Account)),
        }
    }

    async fn perform(
        call: &Call<'_>,
        authorized: Authorized<'_, Self>,
    ) -> Result<ListAliasesResponse, Fault> {
        let request = authorized.request();
        let page = |list| Page::new(call, list, request.limit, 50, request.marker.as_ref());
        let (found, next) = match authorized.target() {
            AliasesOf::Account(_) => all_aliases(call, &page("aliases".to_owned())?).await?,
            AliasesOf::Key(key) => aliases_of(call, key, &page(format!("aliases of {}", key.id))?).await?,
        };
        let entries = found.into_iter().map(|alias| {
            let arn = call.scope.alias_arn(&alias.name);
            let mut entry = AliasListEntry::new(alias.name.to_string(), arn.to_string());
            entry.target_key_id = Some(alias.target.to_string());
            entry.creation_date = Some(alias.created);
            entry.last_updated_date = Some(alias.updated);
            entry
        });
        let mut response = ListAliasesResponse::new(entries.collect::<Vec<_>>(), next.is_some());
        response.next_marker = next;
        Ok(response)
    }
}

/// A page of all aliases, in the order of their row keys.
async fn all_aliases(
    call: &Call<'_>,
    page: &Page,
) -> Result<(Vec<AliasRecord>, Option<String>), RecordError> {
    let (found, next) = page.read(call, &Place::aliases(call.scope)).await?;
    Ok((found.into_iter().map(|stored| stored.record).collect(), next))
}

/// A page of the aliases of one key, by name.
async fn aliases_of(
    call: &Call<'_>,
    key: &Key,
    page: &Page,
) -> Result<(Vec<AliasRecord>, Option<String>), RecordError> {
    let names = alias::names_of(call, &key.id).await?.map(|stored| stored.record.names).unwrap_or_default();
    let (names, next) = page.of_sorted(call, names, AliasName::as_str);
    let mut found = Vec::with_capacity(names.len());
    for name in &names {
        // Between the two reads the alias may have been deleted or moved: then it is not one of this key.
        let alias = alias::find(call, name).await?.map(|stored| stored.record);
        found.extend(alias.filter(|alias| alias.target == key.id));
    }
    Ok((found, next))
}

async fn find(call: &Call<'_>, name: &str) -> Result<Alias, KmsError> {
    let name = parse(name)?;
    let arn = call.scope.alias_arn(&name);
    let stored = alias::find(call, &name).await?.ok_or_else(|| KmsError::alias_not_found(&arn))?;
    Ok(Alias { arn, stored })
}

fn validate(name: &str, target: Option<&String>) -> Result<(), KmsError> {
    let is_of_pattern =
        name.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b':' | b'/' | b'_' | b'-'));
    Validation::default()
        .text("aliasName", name, 1..=AliasName::LEN_MAX)
        .pattern("aliasName", name, is_of_pattern, "^[a-zA-Z0-9:/_-]+$")
        .optional_text("targetKeyId", target, 1..=2048)
        .finish()?;
    parse(name).map(|_| ())
}

/// An alias name that a user may write to.
fn parse(text: &str) -> Result<AliasName, KmsError> {
    if !text.starts_with(AliasName::PREFIX) {
        return Err(KmsError::alias_without_prefix());
    }
    if text.contains(':') {
        return Err(refuse(format!("{text} contains invalid characters for an alias")));
    }
    let name: AliasName = text
        .parse()
        .map_err(|_| KmsError::new(ErrorKind::InvalidAliasName, format!("{text} is not an alias name.")))?;
    if name.is_reserved() {
        return Err(KmsError::without_message(ErrorKind::NotAuthorized));
    }
    Ok(name)
}
