//! Grants: permission to use one key, given away beside all policies. What is kept of one, its token, and whether one
//! allows an access.
//!
//! ```text
//! grant/<account>/<Region>/<key id>/<grant id>                                    GrantRecord
//! grantee/<account>/<Region>/<key id>/<HMAC of the grantee>/<grant id>            the same, found by who may use it
//! retirable/<account>/<Region>/<HMAC of the retiring>/<key id>/<grant id>         the same, by who may retire it
//! grant-name/<account>/<Region>/<key id>/<HMAC of name and parameters>            GrantName: the id
//! key-grants/<account>/<Region>/<key id>                                          KeyGrants: how many there are
//! ```
//!
//! All rows of a grant come and go in one commit. The count holds the quota, as two that add a grant to one key
//! change the same record.
//!
//! A grant token is base64url of: format version = 1, 16 random bytes, the grant id (32 bytes), the key ARN, and an
//! HMAC-SHA-256 of all that. It proves that a grant was made here, no more: a store that answers only what is
//! committed has no time in which a grant is known to its token alone, so permission comes from the grant's record.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD as BASE64;
use keyfold_crypto::{SecretBytes, rand};
use keyfold_protocol::operations::{CreateGrantRequest, GrantConstraints, GrantListEntry};
use keyfold_protocol::{
    EncryptionContext, ErrorKind, GrantOperation, KeyArn, KeyId, KeySpec, KmsError, Timestamp,
};
use serde::{Deserialize, Serialize};

use super::Key;
use super::record::{from_json, to_json};
use crate::call::Call;
use crate::error::{Fault, RecordError};
use crate::principals::UniqueId;
use crate::principals::named::{Named, UniqueIds};
use crate::root::barrier::{Changes, Place, Record, Stored};

/// Most grants that one key may have (KMS quotas: "Grants per KMS key").
pub(crate) const GRANTS_PER_KEY_MAX: u32 = 50_000;

/// Most grants that one key may have to one grantee, as every use by him looks through them. KMS had the same quota ("Grants
/// for a given principal per KMS key").
pub(crate) const GRANTS_PER_GRANTEE_MAX: usize = 500;

/// The identifier of a grant: 64 lower-case hexadecimal digits.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct GrantId(String);

impl GrantId {
    /// The id that a text is.
    pub(crate) fn parse(text: &str) -> Result<Self, KmsError> {
        let is_id = text.len() == 64 && text.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'));
        if is_id { Ok(Self(text.to_owned())) } else { Err(invalid_grant_id()) }
    }

    /// The id as text.
    pub(crate) fn as_str(&self) -> &str {
        &self.0
    }

    fn random() -> Result<Self, RecordError> {
        Ok(Self(hex::encode(rand::array::<32>()?)))
    }
}

/// A grant.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct GrantRecord {
    pub(crate) created: Timestamp,
    pub(crate) terms: Terms,
    /// The account whose principal made it, by the ARN of its root.
    pub(crate) issuing_account: String,
}

/// What a grant says. Two requests with the same terms and a name are one grant.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Terms {
    pub(crate) name: Option<String>,
    pub(crate) grantee: String,
    /// The unique id of the grantee, if it is a user, a role or a session of one: who has its name later is another.
    pub(crate) grantee_id: Option<UniqueId>,
    pub(crate) retiring: Option<String>,
    pub(crate) retiring_id: Option<UniqueId>,
    /// Sorted by name, each once.
    pub(crate) operations: Vec<GrantOperation>,
    pub(crate) constraints: Constraints,
}

/// What requests must have. A missing constraint holds always.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Constraints {
    pub(crate) subset: Option<EncryptionContext>,
    pub(crate) equals: Option<EncryptionContext>,
}

/// Which grant has a name.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct GrantName {
    id: GrantId,
}

/// How many grants a key has.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct KeyGrants {
    count: u32,
}

macro_rules! json_record {
    ($($name:ident)+) => {$(
        impl Record for $name {
            fn encode(&self) -> Result<SecretBytes, RecordError> {
                to_json(self)
            }

            fn decode(bytes: &SecretBytes) -> Option<Self> {
                from_json(bytes)
            }
        }
    )+};
}

json_record!(GrantRecord GrantName KeyGrants);

impl Terms {
    /// The terms that a request asks for, which was validated.
    pub(crate) fn of(request: &CreateGrantRequest) -> Self {
        let mut operations = request.operations.clone();
        operations.sort_by(|one, other| one.as_str().cmp(other.as_str()));
        operations.dedup();
        let constraints = request.constraints.as_ref();
        let pairs = |pairs: Option<&EncryptionContext>| pairs.filter(|pairs| !pairs.is_empty()).cloned();
        Self {
            name: request.name.clone(),
            grantee: request.grantee_principal.clone().unwrap_or_default(),
            grantee_id: None,
            retiring: request.retiring_principal.clone(),
            retiring_id: None,
            operations,
            constraints: Constraints {
                subset: pairs(constraints.and_then(|all| all.encryption_context_subset.as_ref())),
                equals: pairs(constraints.and_then(|all| all.encryption_context_equals.as_ref())),
            },
        }
    }

    /// The same for the principals that there are now.
    pub(crate) async fn bound(self, call: &Call<'_>) -> Result<Self, KmsError> {
        let grantee_id = unique_id(call, &self.grantee).await?;
        let retiring_id = match &self.retiring {
            Some(retiring) => unique_id(call, retiring).await?,
            None => None,
        };
        Ok(Self { grantee_id, retiring_id, ..self })
    }

    fn is_grantee(&self, asked: &Asked<'_>) -> bool {
        asked.principals.contains(&self.grantee) && self.grantee_id.as_ref() == asked.id
    }

    fn may_retire(&self, asked: &Asked<'_>) -> bool {
        let is_named = self.retiring.as_ref().is_some_and(|retiring| asked.principals.contains(retiring));
        is_named && self.retiring_id.as_ref() == asked.id
    }

    fn allows(&self, operation: &GrantOperation) -> bool {
        self.operations.contains(operation)
    }
}

/// The unique id of the principal that an ARN names; an account has none.
async fn unique_id(call: &Call<'_>, arn: &str) -> Result<Option<UniqueId>, KmsError> {
    let no_such = || KmsError::no_such_principal(arn);
    let named = Named::parse(arn, &call.scope.partition).ok_or_else(no_such)?;
    let mut ids = UniqueIds::new();
    if !named.note_unique_id(call, &mut ids).await? {
        return Err(no_such());
    }
    Ok(ids.into_values().next())
}

impl Constraints {
    /// Whether a request with this encryption context meets them.
    fn hold(&self, context: &EncryptionContext) -> bool {
        self.subset.as_ref().is_none_or(|pairs| is_subset(pairs, context))
            && self.equals.as_ref().is_none_or(|pairs| pairs == context)
    }

    /// Whether every request that meets `other` meets these too.
    fn hold_wherever(&self, other: &Self) -> bool {
        let all_have = |pairs: &EncryptionContext| {
            [&other.subset, &other.equals].into_iter().flatten().any(|theirs| is_subset(pairs, theirs))
        };
        self.subset.as_ref().is_none_or(all_have)
            && self.equals.as_ref().is_none_or(|pairs| other.equals.as_ref() == Some(pairs))
    }
}

impl GrantRecord {
    /// The grant as AWS lists it.
    pub(crate) fn entry(&self, key_arn: &KeyArn, id: &str) -> GrantListEntry {
        let mut entry = GrantListEntry::new(key_arn.to_string(), id);
        entry.name.clone_from(&self.terms.name);
        entry.creation_date = Some(self.created);
        entry.grantee_principal = Some(self.terms.grantee.clone());
        entry.retiring_principal.clone_from(&self.terms.retiring);
        entry.issuing_account = Some(self.issuing_account.clone());
        entry.operations = Some(self.terms.operations.clone());
        let Constraints { subset, equals } = &self.terms.constraints;
        if subset.is_some() || equals.is_some() {
            let mut constraints = GrantConstraints::new();
            constraints.encryption_context_subset.clone_from(subset);
            constraints.encryption_context_equals.clone_from(equals);
            entry.constraints = Some(constraints);
        }
        entry
    }
}

/// What a request tells a grant that shall allow it.
#[derive(Debug, Clone, Copy)]
pub(crate) enum GrantUse<'r> {
    /// Nothing: no constraint applies to it.
    Plain,
    /// The encryption context.
    Context(Option<&'r EncryptionContext>),
    /// The grant that it wants to make in turn.
    Delegates(&'r CreateGrantRequest),
}

/// What a grant is asked to allow on a key.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Asked<'a> {
    /// Whom: every ARN by which a grant can name the caller.
    pub(crate) principals: &'a [String],
    /// The caller's unique id, if it has one.
    pub(crate) id: Option<&'a UniqueId>,
    /// `kms:Decrypt`.
    pub(crate) action: &'a str,
    /// What the request tells.
    pub(crate) of: GrantUse<'a>,
    /// For RetireGrant, the grant to be retired.
    pub(crate) about: Option<&'a GrantRecord>,
}

/// Whether a grant on the key allows it. The call is where the key is.
pub(crate) async fn allows(call: &Call<'_>, key_id: &KeyId, asked: &Asked<'_>) -> Result<bool, RecordError> {
    let operation = GrantOperation::from(asked.action.strip_prefix("kms:").unwrap_or(asked.action));
    if !GrantOperation::ALL.contains(&operation) {
        return Ok(false);
    }
    if let Some(GrantRecord { terms, .. }) = asked.about {
        return Ok(terms.is_grantee(asked) && terms.allows(&operation) || terms.may_retire(asked));
    }
    for principal in asked.principals {
        let prefix = grants_to(call, key_id, principal);
        let mut after = None;
        loop {
            let page: Vec<Stored<GrantRecord>> =
                call.barrier.range(&prefix, after.as_deref(), PAGE_LEN).await?;
            let Some(last) = page.last() else { break };
            after = Some(last.place().name().to_owned());
            if page.iter().any(|stored| fits(&stored.record.terms, &operation, asked)) {
                return Ok(true);
            }
        }
    }
    Ok(false)
}

/// Whether a grant with these terms allows it.
fn fits(terms: &Terms, operation: &GrantOperation, asked: &Asked<'_>) -> bool {
    terms.is_grantee(asked)
        && terms.allows(operation)
        && match asked.of {
            GrantUse::Plain => true,
            GrantUse::Context(context) => {
                let none = EncryptionContext::empty();
                terms.constraints.hold(context.unwrap_or(&none))
            }
            GrantUse::Delegates(request) => {
                let asked = Terms::of(request);
                asked.operations.iter().all(|operation| terms.allows(operation))
                    && terms.constraints.hold_wherever(&asked.constraints)
            }
        }
}

/// The operations that a grant on a key of this kind can allow.
pub(crate) fn operations_of(key_spec: &KeySpec) -> &'static [GrantOperation] {
    match key_spec {
        KeySpec::SymmetricDefault => SYMMETRIC_OPERATIONS,
        _ => &[],
    }
}

/// The grant `id` of a key.
pub(crate) async fn find(
    call: &Call<'_>,
    key_id: &KeyId,
    id: &GrantId,
) -> Result<Option<Stored<GrantRecord>>, RecordError> {
    call.barrier.get(&Place::grant(call.scope, key_id, id.as_str())).await
}

/// The grant that has the name and the terms, if it has a name.
pub(crate) async fn find_named(
    call: &Call<'_>,
    key_id: &KeyId,
    terms: &Terms,
) -> Result<Option<GrantId>, RecordError> {
    let Some(place) = name_place(call, key_id, terms)? else { return Ok(None) };
    Ok(call.barrier.get::<GrantName>(&place).await?.map(|stored| stored.record.id))
}

/// Adds to `changes` a new grant on `key`. Gives its id.
pub(crate) async fn create(
    call: &Call<'_>,
    changes: &mut Changes<'_>,
    key: &Key,
    record: &GrantRecord,
) -> Result<GrantId, Fault> {
    let id = GrantId::random()?;
    changes.unchanged(&key.stored);
    let limit_exceeded = |message| Fault::Answer(KmsError::new(ErrorKind::LimitExceeded, message));
    let count_place = Place::key_grants(call.scope, &key.id);
    let count = call.barrier.get::<KeyGrants>(&count_place).await?;
    // After the count: a grant that comes later changes that.
    let to_grantee = grants_to(call, &key.id, &record.terms.grantee);
    let given = call.barrier.range::<GrantRecord>(&to_grantee, None, GRANTS_PER_GRANTEE_MAX).await?;
    if given.len() >= GRANTS_PER_GRANTEE_MAX {
        return Err(limit_exceeded(format!(
            "{} has as many grants to {} as a KMS key can have to one principal: {GRANTS_PER_GRANTEE_MAX}.",
            key.arn, record.terms.grantee
        )));
    }
    match count {
        Some(stored) if stored.record.count >= GRANTS_PER_KEY_MAX => {
            return Err(limit_exceeded(format!(
                "{} has as many grants as a KMS key can have: {GRANTS_PER_KEY_MAX}.",
                key.arn
            )));
        }
        Some(stored) => changes.replace(&stored, &KeyGrants { count: stored.record.count + 1 })?,
        None => changes.create(count_place, &KeyGrants { count: 1 })?,
    }
    for place in record_places(call, &key.id, &record.terms, &id) {
        changes.create(place, record)?;
    }
    if let Some(place) = name_place(call, &key.id, &record.terms)? {
        changes.create(place, &GrantName { id: id.clone() })?;
    }
    Ok(id)
}

/// Adds to `changes` what takes a grant away, but for the count.
pub(crate) async fn erase(
    call: &Call<'_>,
    changes: &mut Changes<'_>,
    key_id: &KeyId,
    stored: &Stored<GrantRecord>,
) -> Result<(), RecordError> {
    let id = GrantId(stored.place().name().to_owned());
    let terms = &stored.record.terms;
    for place in record_places(call, key_id, terms, &id) {
        let copy = call.barrier.get::<GrantRecord>(&place).await?.ok_or(RecordError::Incomplete)?;
        changes.remove(&copy);
    }
    if let Some(place) = name_place(call, key_id, terms)? {
        let name = call.barrier.get::<GrantName>(&place).await?.ok_or(RecordError::Incomplete)?;
        changes.remove(&name);
    }
    Ok(())
}

/// Adds to `changes` what takes a grant away from a key that stays.
pub(crate) async fn remove(
    call: &Call<'_>,
    changes: &mut Changes<'_>,
    key_id: &KeyId,
    stored: &Stored<GrantRecord>,
) -> Result<(), Fault> {
    changes.unchanged(stored);
    let place = Place::key_grants(call.scope, key_id);
    // Others may have taken the grant away between two reads.
    let count = call.barrier.get::<KeyGrants>(&place).await?.ok_or(Fault::Conflict)?;
    changes.replace(&count, &KeyGrants { count: count.record.count.saturating_sub(1) })?;
    match erase(call, changes, key_id, stored).await {
        Err(RecordError::Incomplete) => Err(Fault::Conflict),
        other => Ok(other?),
    }
}

/// A new token for a grant.
pub(crate) fn token(call: &Call<'_>, key_arn: &KeyArn, id: &GrantId) -> Result<String, RecordError> {
    let mut bytes = vec![TOKEN_VERSION];
    bytes.extend_from_slice(&rand::array::<16>()?);
    bytes.extend_from_slice(&hex::decode(id.as_str()).map_err(|_| RecordError::Damaged)?);
    bytes.extend_from_slice(key_arn.to_string().as_bytes());
    let mac = call.barrier.grant_token_key().sign(&bytes);
    bytes.extend_from_slice(mac.as_ref());
    Ok(BASE64.encode(bytes))
}

/// The grant that a token was made for: key ARN and id. Whether it is still there is not asked.
pub(crate) fn open_token(call: &Call<'_>, token: &str) -> Result<(String, GrantId), KmsError> {
    let open = || {
        let bytes = BASE64.decode(token).ok()?;
        let (signed, mac) = bytes.split_last_chunk::<MAC_LEN>()?;
        let expected = call.barrier.grant_token_key().sign(signed);
        if !keyfold_crypto::ct_eq(mac, expected.as_ref()) {
            return None;
        }
        let (head, arn) = signed.split_first_chunk::<TOKEN_HEAD_LEN>()?;
        let (version, id) = (head.first()?, head.get(17..)?);
        let arn = String::from_utf8(arn.into()).ok()?;
        (*version == TOKEN_VERSION).then(|| (arn, GrantId(hex::encode(id))))
    };
    open().ok_or_else(|| {
        let message = "The request was rejected because the specified grant token is not valid.";
        KmsError::new(ErrorKind::InvalidGrantToken, message)
    })
}

/// What the places of the grants of a key to one principal start with.
pub(crate) fn grants_to(call: &Call<'_>, key_id: &KeyId, principal: &str) -> String {
    Place::grants_to(call.scope, key_id, &call.barrier.index(call.scope, "grantee", principal))
}

/// What the places of the grants that a principal may retire start with.
pub(crate) fn retirable_by(call: &Call<'_>, principal: &str) -> String {
    Place::retirable_by(call.scope, &call.barrier.index(call.scope, "retiring", principal))
}

/// All places that have a grant's record.
fn record_places(call: &Call<'_>, key_id: &KeyId, terms: &Terms, id: &GrantId) -> Vec<Place> {
    let mut places = vec![
        Place::grant(call.scope, key_id, id.as_str()),
        Place::below(&grants_to(call, key_id, &terms.grantee), id.as_str()),
    ];
    if let Some(retiring) = &terms.retiring {
        places.push(Place::below(&retirable_by(call, retiring), &format!("{key_id}/{}", id.as_str())));
    }
    places
}

fn name_place(call: &Call<'_>, key_id: &KeyId, terms: &Terms) -> Result<Option<Place>, RecordError> {
    if terms.name.is_none() {
        return Ok(None);
    }
    // Terms have one JSON: members in order of declaration, operations and pairs sorted.
    let terms = serde_json::to_string(terms).map_err(|_| RecordError::Damaged)?;
    let tag = call.barrier.index(call.scope, "grant name", &terms);
    Ok(Some(Place::grant_name(call.scope, key_id, &tag)))
}

fn is_subset(pairs: &EncryptionContext, of: &EncryptionContext) -> bool {
    pairs.iter().all(|(name, value)| of.get(name) == Some(value))
}

/// Text that can't be the id of a grant.
fn invalid_grant_id() -> KmsError {
    KmsError::new(
        ErrorKind::InvalidGrantId,
        "The request was rejected because the specified GrantId is not valid.",
    )
}

const SYMMETRIC_OPERATIONS: &[GrantOperation] = &[
    GrantOperation::Decrypt,
    GrantOperation::Encrypt,
    GrantOperation::GenerateDataKey,
    GrantOperation::GenerateDataKeyWithoutPlaintext,
    GrantOperation::ReEncryptFrom,
    GrantOperation::ReEncryptTo,
    GrantOperation::CreateGrant,
    GrantOperation::RetireGrant,
    GrantOperation::DescribeKey,
    GrantOperation::GenerateDataKeyPair,
    GrantOperation::GenerateDataKeyPairWithoutPlaintext,
];
const TOKEN_VERSION: u8 = 1;
const TOKEN_HEAD_LEN: usize = 1 + 16 + 32;
const MAC_LEN: usize = 32;
/// Grants read at once.
const PAGE_LEN: usize = 256;

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use keyfold_protocol::KmsExt as _;
    use keyfold_protocol::operations::RevokeGrantRequest;

    use super::*;
    use crate::{Embedded, RootOfTrust, SystemClock};

    fn constraints(subset: &[(&str, &str)], equals: &[(&str, &str)]) -> Constraints {
        let context = |pairs: &[(&str, &str)]| {
            (!pairs.is_empty()).then(|| pairs.iter().copied().collect::<EncryptionContext>())
        };
        Constraints { subset: context(subset), equals: context(equals) }
    }

    #[test]
    fn a_key_has_so_many_grants_and_no_more() {
        let home = tempfile::tempdir().unwrap();
        let clock = Arc::new(SystemClock);
        let open = Embedded::open_or_create(home.path(), &RootOfTrust::KeyFile, clock);
        let kms = pollster::block_on(open).unwrap();
        let key_arn = pollster::block_on(kms.ensure_default_key()).unwrap().arn;
        let barrier = kms.service().barrier();
        let place = Place::key_grants(kms.service().scope(), &key_arn.resource_id().parse().unwrap());
        let mut changes = barrier.changes();
        changes.create(place.clone(), &KeyGrants { count: GRANTS_PER_KEY_MAX - 1 }).unwrap();
        pollster::block_on(changes.commit()).unwrap();
        let grant = || {
            let mut request = CreateGrantRequest::new(key_arn.to_string(), vec![GrantOperation::Decrypt]);
            request.grantee_principal = Some("arn:aws:iam::000000000000:root".into());
            pollster::block_on(kms.send(request))
        };
        let count = || pollster::block_on(barrier.get::<KeyGrants>(&place)).unwrap().unwrap().record.count;
        let last = grant().unwrap();
        let error = grant().unwrap_err();
        assert_eq!(error.kind(), ErrorKind::LimitExceeded);
        let message = format!("{key_arn} has as many grants as a KMS key can have: 50000.");
        assert_eq!((error.message(), count()), (Some(&*message), 50_000));
        let revoke = RevokeGrantRequest::new(key_arn.to_string(), last.grant_id);
        pollster::block_on(kms.send(revoke)).unwrap();
        assert_eq!(count(), 49_999);
        grant().unwrap();
        assert_eq!((grant().is_err(), count()), (true, 50_000));
    }

    #[test]
    fn a_key_has_so_many_grants_to_one_grantee_and_no_more() {
        let home = tempfile::tempdir().unwrap();
        let clock = Arc::new(SystemClock);
        let open = Embedded::open_or_create(home.path(), &RootOfTrust::KeyFile, clock);
        let kms = pollster::block_on(open).unwrap();
        let service = kms.service();
        for name in ["alice", "bob"] {
            let name = name.parse().unwrap();
            pollster::block_on(service.create_user(&service.scope().account, &name)).unwrap();
        }
        let key_arn = pollster::block_on(kms.ensure_default_key()).unwrap().arn;
        let arn = |name: &str| format!("arn:aws:iam::000000000000:user/{name}");
        let grant = |name: &str| {
            let mut request = CreateGrantRequest::new(key_arn.to_string(), vec![GrantOperation::Decrypt]);
            request.grantee_principal = Some(arn(name));
            pollster::block_on(kms.send(request))
        };
        let first = grant("alice").unwrap();
        let (key_id, barrier) = (key_arn.resource_id().parse().unwrap(), service.barrier());
        let call = service.call_in(service.scope(), service.owner().principal);
        let id = GrantId::parse(&first.grant_id).unwrap();
        let record = pollster::block_on(find(&call, &key_id, &id)).unwrap().unwrap().record;
        let prefix = grants_to(&call, &key_id, &arn("alice"));
        let more: Vec<_> = (2..GRANTS_PER_GRANTEE_MAX).map(|_| GrantId::random().unwrap()).collect();
        for ids in more.chunks(100) {
            let mut changes = barrier.changes();
            ids.iter().for_each(|id| changes.create(Place::below(&prefix, id.as_str()), &record).unwrap());
            pollster::block_on(changes.commit()).unwrap();
        }
        grant("alice").unwrap();
        let error = grant("alice").unwrap_err();
        let message = format!(
            "{key_arn} has as many grants to {} as a KMS key can have to one principal: 500.",
            arn("alice")
        );
        assert_eq!((error.kind(), error.message()), (ErrorKind::LimitExceeded, Some(&*message)));
        grant("bob").unwrap();
        let revoke = RevokeGrantRequest::new(key_arn.to_string(), first.grant_id);
        pollster::block_on(kms.send(revoke)).unwrap();
        grant("alice").unwrap();
        assert!(grant("alice").is_err());
    }

    #[test]
    fn a_derived_grant_is_as_strict_or_stricter() {
        let (a, ab, ac) = ([("a", "1")], [("a", "1"), ("b", "2")], [("a", "1"), ("c", "3")]);
        let cases = [
            (constraints(&[], &[]), constraints(&[], &[]), true),
            (constraints(&a, &[]), constraints(&[], &[]), false),
            (constraints(&a, &[]), constraints(&a, &[]), true),
            (constraints(&a, &[]), constraints(&ab, &[]), true),
            (constraints(&a, &[]), constraints(&[], &ab), true),
            (constraints(&ab, &[]), constraints(&a, &[]), false),
            (constraints(&ab, &[]), constraints(&ac, &[]), false),
            (constraints(&[], &ab), constraints(&ab, &[]), false),
            (constraints(&[], &ab), constraints(&[], &a), false),
            (constraints(&[], &ab), constraints(&[], &ab), true),
            (constraints(&[], &ab), constraints(&a, &ab), true),
        ];
        for (own, other, expected) in cases {
            assert_eq!(own.hold_wherever(&other), expected, "{own:?} {other:?}");
        }
    }
}
