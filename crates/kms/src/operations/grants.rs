//! Grants: making, listing, retiring and revoking them. What a grant allows is judged in [`crate::key::grant`].

use keyfold_protocol::operations::{
    CreateGrantRequest, CreateGrantResponse, GrantConstraints, GrantListEntry, ListGrantsRequest,
    ListGrantsResponse, ListRetirableGrantsRequest, ListRetirableGrantsResponse, RetireGrantRequest,
    RetireGrantResponse, RevokeGrantRequest, RevokeGrantResponse,
};
use keyfold_protocol::{EncryptionContext, ErrorKind, GrantOperation, KeyArn, KeyId, KeySpec, KmsError};

use super::{Account, Handle, HandleKey, Protected, Target};
use crate::authz::check::Authorized;
use crate::call::Call;
use crate::error::{Fault, RecordError};
use crate::key::grant::{self, GrantId, GrantRecord, GrantUse, Terms};
use crate::key::{Accepts, Key, resolve_key};
use crate::page::Page;
use crate::principals::Principal;
use crate::root::barrier::{Place, Stored};
use crate::validation::{Validation, refuse, unsupported};

/// A grant that there is, and its key.
#[derive(Debug)]
pub(crate) struct KeyAndGrant {
    key: Key,
    grant: Stored<GrantRecord>,
}

impl KeyAndGrant {
    async fn resolve(call: &Call<'_>, key_id: &str, grant_id: &GrantId) -> Result<Self, KmsError> {
        let key = resolve_key(call, key_id, Accepts::KeyOnly).await?;
        let call = &call.at(&key.scope);
        let grant = grant::find(call, &key.id, grant_id).await?.ok_or_else(|| match call.is_abroad() {
            true => call.not_accessible(key_id),
            false => KmsError::new(ErrorKind::NotFound, format!("Grant ID {} not found", grant_id.as_str())),
        })?;
        Ok(Self { key, grant })
    }

    async fn remove(&self, call: &Call<'_>, is_dry_run: bool) -> Result<(), Fault> {
        let mut changes = call.barrier.changes();
        grant::remove(call, &mut changes, &self.key.id, &self.grant).await?;
        if is_dry_run {
            return Err(KmsError::dry_run().into());
        }
        changes.commit().await
    }
}

impl Target for KeyAndGrant {
    fn resources(&self, call: &Call<'_>) -> Vec<Protected> {
        self.key.resources(call)
    }

    fn keys(&self) -> Vec<&Key> {
        self.key.keys()
    }

    fn grant(&self) -> Option<&GrantRecord> {
        Some(&self.grant.record)
    }
}

impl Handle for CreateGrantRequest {
    type Target = Key;

    fn validate(&self) -> Result<(), KmsError> {
        let mut validation = Validation::default();
        validation
            .key_id("keyId", &self.key_id)
            .principal("granteePrincipal", self.grantee_principal.as_ref())
            .principal("retiringPrincipal", self.retiring_principal.as_ref())
            .grant_tokens(self.grant_tokens.as_ref())
            .optional_text("name", self.name.as_ref(), 1..=256);
        if let Some(name) = &self.name {
            let is_of_pattern = name
                .bytes()
                .all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b':' | b'/' | b'_' | b'-'));
            validation.pattern("name", name, is_of_pattern, "^[a-zA-Z0-9:/_-]+$");
        }
        for (index, operation) in self.operations.iter().take(GrantOperation::ALL.len()).enumerate() {
            let known = GrantOperation::ALL.iter().map(GrantOperation::as_str);
            validation.member_of(
                &format!("operations.{}.member", index + 1),
                Some(operation.as_str()),
                known,
            );
        }
        validation.finish()?;
        if self.operations.is_empty() || self.operations.len() > GrantOperation::ALL.len() {
            return Err(refuse("Operations must have one to as many members as there are grant operations."));
        }
        unsupported(self.grantee_service_principal.is_some(), "GranteeServicePrincipal")?;
        unsupported(self.retiring_service_principal.is_some(), "RetiringServicePrincipal")?;
        self.constraints.as_ref().map_or(Ok(()), check_constraints)?;
        if self.grantee_principal.is_none() {
            return Err(refuse("You must specify either GranteePrincipal or GranteeServicePrincipal."));
        }
        [&self.grantee_principal, &self.retiring_principal]
            .into_iter()
            .flatten()
            .try_for_each(|arn| if is_principal_arn(arn) { Ok(()) } else { Err(KmsError::invalid_arn(arn)) })
    }

    async fn resolve(&self, call: &Call<'_>) -> Result<Key, KmsError> {
        resolve_key(call, &self.key_id, Accepts::KeyOnly).await
    }

    async fn perform(
        call: &Call<'_>,
        authorized: Authorized<'_, Self>,
    ) -> Result<CreateGrantResponse, Fault> {
        let (request, key) = (authorized.request(), authorized.target());
        check_operations(&request.operations, &key.stored.record.key_spec)?;
        let terms = Terms::of(request).bound(call).await?;
        let mut changes = call.barrier.changes();
        let named = grant::find_named(call, &key.id, &terms).await?;
        let is_new = named.is_none();
        let id = match named {
            Some(id) => id,
            None => {
                let account = call.principal.account().clone();
                let issuing_account = Principal::AccountRoot(account).arn(&call.scope.partition);
                let record = GrantRecord { created: call.now, terms, issuing_account };
                authorized.hold(&mut changes);
                grant::create(call, &mut changes, key, &record).await?
            }
        };
        if request.dry_run == Some(true) {
            return Err(KmsError::dry_run().into());
        }
        if is_new {
            changes.commit().await?;
        }
        Ok(CreateGrantResponse::new(grant::token(call, &key.arn, &id)?, id.as_str()))
    }

    fn grant_tokens(&self) -> &[String] {
        self.grant_tokens.as_deref().unwrap_or_default()
    }

    fn grant_use(&self, _: &str) -> GrantUse<'_> {
        GrantUse::Delegates(self)
    }
}

impl HandleKey for ListGrantsRequest {
    fn key_id(&self) -> &str {
        &self.key_id
    }

    fn judge(&self, validation: &mut Validation) {
        validation
            .page(self.limit, 100, self.marker.as_ref())
            .optional_text("grantId", self.grant_id.as_ref(), 1..=128)
            .principal("granteePrincipal", self.grantee_principal.as_ref());
    }

    fn check(&self) -> Result<(), KmsError> {
        unsupported(self.grantee_service_principal.is_some(), "GranteeServicePrincipal")?;
        self.grant_id.as_deref().map_or(Ok(()), |id| GrantId::parse(id).map(|_| ()))
    }

    async fn perform_on_key(
        call: &Call<'_>,
        authorized: Authorized<'_, Self>,
    ) -> Result<ListGrantsResponse, Fault> {
        let (request, key) = (authorized.request(), authorized.target());
        let grantee = request.grantee_principal.as_deref();
        let prefix = match grantee {
            Some(grantee) => grant::grants_to(call, &key.id, grantee),
            None => Place::grants(call.scope, &key.id),
        };
        let page = Page::new(call, prefix.clone(), request.limit, 50, request.marker.as_ref())?;
        if let Some(id) = &request.grant_id {
            let id = GrantId::parse(id)?;
            let found = grant::find(call, &key.id, &id).await?;
            let found = found.filter(|stored| grantee.is_none_or(|arn| stored.record.terms.grantee == arn));
            let grants: Vec<_> =
                found.iter().map(|stored| stored.record.entry(&key.arn, id.as_str())).collect();
            return Ok(ListGrantsResponse::new(grants, false));
        }
        let (grants, next) = grants_at(call, &prefix, &page).await?;
        let mut response = ListGrantsResponse::new(grants, next.is_some());
        response.next_marker = next;
        Ok(response)
    }
}

impl Handle for ListRetirableGrantsRequest {
    type Target = Account;

    fn validate(&self) -> Result<(), KmsError> {
        Validation::default()
            .page(self.limit, 100, self.marker.as_ref())
            .principal("retiringPrincipal", self.retiring_principal.as_ref())
            .finish()?;
        unsupported(self.retiring_service_principal.is_some(), "RetiringServicePrincipal")?;
        match &self.retiring_principal {
            Some(arn) if is_principal_arn(arn) => Ok(()),
            Some(arn) => Err(KmsError::invalid_arn(arn)),
            None => Err(refuse("You must specify either RetiringPrincipal or RetiringServicePrincipal.")),
        }
    }

    async fn resolve(&self, _: &Call<'_>) -> Result<Account, KmsError> {
        Ok(Account)
    }

    async fn perform(
        call: &Call<'_>,
        authorized: Authorized<'_, Self>,
    ) -> Result<ListRetirableGrantsResponse, Fault> {
        let request = authorized.request();
        let retiring = request.retiring_principal.as_deref().unwrap_or_default();
        let prefix = grant::retirable_by(call, retiring);
        let page = Page::new(call, prefix.clone(), request.limit, 50, request.marker.as_ref())?;
        let (grants, next) = grants_at(call, &prefix, &page).await?;
        let mut response = ListRetirableGrantsResponse::new(grants, next.is_some());
        response.next_marker = next;
        Ok(response)
    }
}

impl Handle for RetireGrantRequest {
    type Target = KeyAndGrant;

    fn validate(&self) -> Result<(), KmsError> {
        Validation::default()
            .optional_text("grantToken", self.grant_token.as_ref(), 1..=8192)
            .optional_text("keyId", self.key_id.as_ref(), 1..=2048)
            .optional_text("grantId", self.grant_id.as_ref(), 1..=128)
            .finish()?;
        match (&self.grant_token, &self.key_id, &self.grant_id) {
            (Some(_), None, None) => Ok(()),
            (None, Some(key_id), Some(grant_id)) if key_id.starts_with("arn:") => {
                GrantId::parse(grant_id).map(|_| ())
            }
            (None, Some(key_id), Some(_)) => Err(KmsError::invalid_arn(key_id)),
            _ => Err(refuse("You must specify either a grant token, or a key ARN and a grant ID.")),
        }
    }

    async fn resolve(&self, call: &Call<'_>) -> Result<KeyAndGrant, KmsError> {
        let (key_id, grant_id) = match (&self.grant_token, &self.key_id, &self.grant_id) {
            (Some(token), ..) => grant::open_token(call, token)?,
            (None, Some(key_id), Some(grant_id)) => (key_id.clone(), GrantId::parse(grant_id)?),
            _ => return Err(refuse("You must specify either a grant token, or a key ARN and a grant ID.")),
        };
        KeyAndGrant::resolve(call, &key_id, &grant_id).await
    }

    async fn perform(
        call: &Call<'_>,
        authorized: Authorized<'_, Self>,
    ) -> Result<RetireGrantResponse, Fault> {
        authorized.target().remove(call, authorized.request().dry_run == Some(true)).await?;
        Ok(RetireGrantResponse::new())
    }
}

impl Handle for RevokeGrantRequest {
    type Target = KeyAndGrant;

    fn validate(&self) -> Result<(), KmsError> {
        Validation::default()
            .key_id("keyId", &self.key_id)
            .text("grantId", &self.grant_id, 1..=128)
            .finish()?;
        GrantId::parse(&self.grant_id).map(|_| ())
    }

    async fn resolve(&self, call: &Call<'_>) -> Result<KeyAndGrant, KmsError> {
        KeyAndGrant::resolve(call, &self.key_id, &GrantId::parse(&self.grant_id)?).await
    }

    async fn perform(
        call: &Call<'_>,
        authorized: Authorized<'_, Self>,
    ) -> Result<RevokeGrantResponse, Fault> {
        authorized.target().remove(call, authorized.request().dry_run == Some(true)).await?;
        Ok(RevokeGrantResponse::new())
    }
}

/// A page of the grants whose places start with `prefix` and end with the grant id, or with key id and grant id.
async fn grants_at(
    call: &Call<'_>,
    prefix: &str,
    page: &Page,
) -> Result<(Vec<GrantListEntry>, Option<String>), RecordError> {
    let (found, next) = page.read(call, prefix).await?;
    let entry = |stored: &Stored<GrantRecord>| {
        // Both kinds of places have the key id in them: `grant/…/<key id>/<grant id>` ends with the two, and
        // `grantee/…/<key id>/<HMAC>/<grant id>` has one part between.
        let parts: Vec<_> = stored.place().as_str().rsplit('/').take(3).collect();
        let key_id = parts.iter().skip(1).find_map(|part| part.parse::<KeyId>().ok());
        let arn: KeyArn = call.scope.key_arn(&key_id.ok_or(RecordError::Damaged)?);
        Ok(stored.record.entry(&arn, stored.place().name()))
    };
    Ok((found.iter().map(entry).collect::<Result<_, RecordError>>()?, next))
}

fn check_operations(asked: &[GrantOperation], key_spec: &KeySpec) -> Result<(), KmsError> {
    let can_be = grant::operations_of(key_spec);
    match asked.iter().find(|operation| !can_be.contains(operation)) {
        Some(operation) => {
            Err(refuse(format!("Grant operation {operation} is not compatible with KeySpec {key_spec}")))
        }
        None => Ok(()),
    }
}

fn check_constraints(constraints: &GrantConstraints) -> Result<(), KmsError> {
    unsupported(constraints.source_arn.is_some(), "SourceArn")?;
    let both = [&constraints.encryption_context_subset, &constraints.encryption_context_equals];
    both.into_iter().flatten().try_for_each(|pairs: &EncryptionContext| {
        if pairs.iter().count() > CONSTRAINT_PAIRS_MAX {
            return Err(refuse(format!(
                "A grant constraint can't have more than {CONSTRAINT_PAIRS_MAX} encryption context pairs."
            )));
        }
        let is_long = pairs.iter().any(|(name, value)| {
            name.chars().count() > CONSTRAINT_TEXT_LEN_MAX || value.chars().count() > CONSTRAINT_TEXT_LEN_MAX
        });
        if is_long {
            return Err(refuse(format!(
                "An encryption context value in a grant constraint can't have more than {CONSTRAINT_TEXT_LEN_MAX} \
                 characters."
            )));
        }
        Ok(())
    })
}

/// Whether a text is the ARN of an account, a user, a role, an assumed role or a federated user.
fn is_principal_arn(text: &str) -> bool {
    let parts: Vec<_> = text.splitn(6, ':').collect();
    let &["arn", partition, service, "", account, resource] = parts.as_slice() else { return false };
    let is_account = account.len() == 12 && account.bytes().all(|byte| byte.is_ascii_digit());
    let named = |prefix: &str| resource.strip_prefix(prefix).is_some_and(|name| !name.is_empty());
    let is_resource = match service {
        "iam" => resource == "root" || named("user/") || named("role/"),
        "sts" => named("assumed-role/") || named("federated-user/"),
        _ => false,
    };
    !partition.is_empty() && is_account && is_resource
}

impl Validation {
    /// A principal by the service model, if it is there.
    fn principal(&mut self, member: &str, principal: Option<&String>) -> &mut Self {
        let Some(text) = principal else { return self };
        let matches = text.chars().all(|c| {
            c.is_ascii_alphanumeric() || matches!(c, '_' | '+' | '=' | ',' | '.' | '@' | ':' | '/' | '-')
        });
        self.text(member, text, 1..=256).pattern(member, text, matches, "^[\\w+=,.@:/-]+$")
    }
}

/// API reference: CreateGrant, `Constraints`.
const CONSTRAINT_PAIRS_MAX: usize = 8;
const CONSTRAINT_TEXT_LEN_MAX: usize = 384;
