//! The barrier: the only owner of the store. Records go through it sealed and come back opened.
//!
//! A stored value, version 1; integers are big-endian:
//!
//! ```text
//!  offset  size
//!       0     1   format version = 1
//!       1     4   generation of the domain key = 1
//!       5     8   record version: 1 when made, one more with each change
//!      13    16   derivation value, random
//!      29     n   AES-256-GCM ciphertext of the record
//!    29+n    16   tag
//! ```
//!
//! The key is derived from the domain key with the 29 bytes before the ciphertext as context ([`crate::sealing`]).
//! Additional data are these 29 bytes and the row key, and the row key spells out record type, account, Region,
//! key id and material id ([`Place`]). So a row that was copied to another place, or whose version was edited,
//! does not open. What does open is an older state of the same row put back, or of the whole file: that needs a
//! memory outside the store, and is not detected here.
//!
//! The truth about row keys is in [`Place`]; `docs/format/store.md` has the same drawing.

use std::fmt;
use std::sync::Arc;

use keyfold_crypto::digest::Hash;
use keyfold_crypto::hmac::HmacKey;
use keyfold_crypto::{CryptoError, SecretBytes, rand};
use keyfold_locked::{Locked, Protection};
use keyfold_protocol::{AccountId, AliasName, KeyId, KeyMaterialId, KmsError};

use super::shares::{Share, ShareError};
use super::{Root, RootError, locked_key, shares};
use crate::call::Scope;
use crate::error::{Fault, RecordError, ServiceError};
use crate::principals::AccessKeyId;
use crate::sealing::{self, DERIVATION_LEN, KEY_LEN};
use crate::store::{Condition, Outcome, Revision, Row, Store, StoreError, Transaction, Write};

/// What can be kept behind the barrier.
pub(crate) trait Record: Sized {
    /// The bytes to seal.
    fn encode(&self) -> Result<SecretBytes, RecordError>;
    /// The record again; `None` if these are no bytes of such a record.
    fn decode(bytes: &SecretBytes) -> Option<Self>;
}

/// A record as it is in the store, with what is needed to change it.
#[derive(Debug)]
pub(crate) struct Stored<R> {
    place: Place,
    revision: Revision,
    version: u64,
    /// The record itself.
    pub(crate) record: R,
}

/// Where a record is: its row key, `type/…`. No text of a user is in it; names of aliases, users and grants, and
/// the principals of grants, appear as an HMAC.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Place(String);

impl Place {
    /// Which account and Region this store was made for.
    pub(crate) fn home() -> Self {
        Self("home".to_owned())
    }

    /// A KMS key.
    pub(crate) fn key(scope: &Scope, key_id: &KeyId) -> Self {
        Self(format!("{}{key_id}", Self::keys(scope)))
    }

    /// What the places of all keys start with.
    pub(crate) fn keys(scope: &Scope) -> String {
        format!("{}{}/", Self::keys_of(&scope.account), scope.region)
    }

    /// What the places of all keys of an account start with; the Region follows.
    pub(crate) fn keys_of(account: &AccountId) -> String {
        format!("key/{account}/")
    }

    /// A version of the material of a key.
    pub(crate) fn material(scope: &Scope, key_id: &KeyId, material_id: &KeyMaterialId) -> Self {
        Self(format!("{}{material_id}", Self::materials(scope, key_id)))
    }

    /// What the places of all versions of a key's material start with.
    pub(crate) fn materials(scope: &Scope, key_id: &KeyId) -> String {
        format!("material/{}/{}/{key_id}/", scope.account, scope.region)
    }

    /// The note that a key is being erased.
    pub(crate) fn erasing(scope: &Scope, key_id: &KeyId) -> Self {
        Self(format!("{}{}/{}/{key_id}", Self::all_erasing(), scope.account, scope.region))
    }

    /// What the places of all such notes start with.
    pub(crate) fn all_erasing() -> String {
        "erasing/".to_owned()
    }

    /// What the workers have seen of time.
    pub(crate) fn worker_count() -> Self {
        Self("worker".to_owned())
    }

    /// The names that a key has.
    pub(crate) fn key_aliases(scope: &Scope, key_id: &KeyId) -> Self {
        Self(format!("key-aliases/{}/{}/{key_id}", scope.account, scope.region))
    }

    /// What the places of all aliases start with.
    pub(crate) fn aliases(scope: &Scope) -> String {
        format!("alias/{}/{}/", scope.account, scope.region)
    }

    /// The tags of a key.
    pub(crate) fn key_tags(scope: &Scope, key_id: &KeyId) -> Self {
        Self(format!("key-tags/{}/{}/{key_id}", scope.account, scope.region))
    }

    /// An entry in the history of a key's material.
    pub(crate) fn rotation(scope: &Scope, key_id: &KeyId, number: u32) -> Self {
        Self(format!("{}{number:010}", Self::rotations(scope, key_id)))
    }

    /// What the places of the history of a key's material start with.
    pub(crate) fn rotations(scope: &Scope, key_id: &KeyId) -> String {
        format!("rotation/{}/{}/{key_id}/", scope.account, scope.region)
    }

    /// What the places of all accounts start with.
    pub(crate) const ACCOUNTS: &'static str = "account/";

    /// An account.
    pub(crate) fn account(account: &AccountId) -> Self {
        Self(format!("{}{account}", Self::ACCOUNTS))
    }

    /// What the places of all users of an account start with.
    pub(crate) fn users(account: &AccountId) -> String {
        format!("user/{account}/")
    }

    /// What the places of all roles of an account start with.
    pub(crate) fn roles(account: &AccountId) -> String {
        format!("role/{account}/")
    }

    /// An access key.
    pub(crate) fn access_key(id: &AccessKeyId) -> Self {
        Self(format!("access-key/{id}"))
    }

    /// The policy of a key.
    pub(crate) fn key_policy(scope: &Scope, key_id: &KeyId) -> Self {
        Self(format!("key-policy/{}/{}/{key_id}", scope.account, scope.region))
    }

    /// The last part of the row key.
    pub(crate) fn name(&self) -> &str {
        self.0.rsplit('/').next().unwrap_or_default()
    }

    /// A grant.
    pub(crate) fn grant(scope: &Scope, key_id: &KeyId, grant_id: &str) -> Self {
        Self(format!("{}{grant_id}", Self::grants(scope, key_id)))
    }

    /// What the places of all grants of a key start with.
    pub(crate) fn grants(scope: &Scope, key_id: &KeyId) -> String {
        format!("grant/{}/{}/{key_id}/", scope.account, scope.region)
    }

    /// What the places of the grants of a key to one principal start with, whom `tag` stands for.
    pub(crate) fn grants_to(scope: &Scope, key_id: &KeyId, tag: &str) -> String {
        format!("grantee/{}/{}/{key_id}/{tag}/", scope.account, scope.region)
    }

    /// What the places of the grants start with that one principal may retire, whom `tag` stands for.
    pub(crate) fn retirable_by(scope: &Scope, tag: &str) -> String {
        format!("retirable/{}/{}/{tag}/", scope.account, scope.region)
    }

    /// Which grant of a key has the name and the terms that `tag` stands for.
    pub(crate) fn grant_name(scope: &Scope, key_id: &KeyId, tag: &str) -> Self {
        Self(format!("grant-name/{}/{}/{key_id}/{tag}", scope.account, scope.region))
    }

    /// How many grants a key has.
    pub(crate) fn key_grants(scope: &Scope, key_id: &KeyId) -> Self {
        Self(format!("key-grants/{}/{}/{key_id}", scope.account, scope.region))
    }

    /// The place of this name below one of the prefixes above.
    pub(crate) fn below(prefix: &str, name: &str) -> Self {
        Self(format!("{prefix}{name}"))
    }

    /// When a key was last used.
    pub(crate) fn usage(scope: &Scope, key_id: &KeyId) -> Self {
        Self(format!("usage/{}/{}/{key_id}", scope.account, scope.region))
    }

    /// The whole row key.
    pub(crate) fn as_str(&self) -> &str {
        &self.0
    }

    /// That a recovery copy was made.
    pub(crate) fn recovery() -> Self {
        Self("recovery".to_owned())
    }

    /// The condition that here is what was found, or still nothing.
    pub(crate) fn as_found<R>(&self, found: Option<&Stored<R>>) -> Condition {
        Condition { key: self.as_bytes().into(), revision: found.map(|stored| stored.revision) }
    }

    fn domain_key() -> Self {
        Self("domain/1".to_owned())
    }

    fn as_bytes(&self) -> &[u8] {
        self.0.as_bytes()
    }
}

/// The keys of an opened store, and the store.
pub(crate) struct Barrier {
    domain_key: Locked<KEY_LEN>,
    index_key: Locked<KEY_LEN>,
    marker_key: Locked<KEY_LEN>,
    grant_token_key: Locked<KEY_LEN>,
    session_token_key: Locked<KEY_LEN>,
    store: Arc<dyn Store>,
}

impl Barrier {
    /// Opens the barrier of `store`; `None` if it has no domain key yet, so nothing was ever put into it.
    pub(crate) async fn open(store: Arc<dyn Store>, root: &dyn Root) -> Result<Option<Self>, ServiceError> {
        let place = Place::domain_key();
        let Some(row) = store.get(place.as_bytes()).await? else {
            return Ok(None);
        };
        let domain_key = root.unseal(&row.value, &domain_aad(&place))?;
        Ok(Some(Self::new(locked_copy(&domain_key)?, store)?))
    }

    /// Opens the barrier of `store` with the domain key from `shares`. Whether it is the store's shows when a record
    /// is read.
    pub(crate) fn recovered(store: Arc<dyn Store>, shares: &[Share]) -> Result<Self, ServiceError> {
        Ok(Self::new(shares::combine(shares)?, store)?)
    }

    /// Seals the domain key under another root, which from now on is the one that opens the store. It need not be there
    /// under the old one.
    pub(crate) async fn change_root(&self, root: &dyn Root) -> Result<(), ServiceError> {
        let place = Place::domain_key();
        let revision = self.store.get(place.as_bytes()).await?.map(|row| row.revision);
        let domain_key = SecretBytes::copied_from(self.domain_key.expose());
        let sealed = root.seal(&domain_key, &domain_aad(&place))?;
        let mut changes = self.changes();
        changes.put(place.as_bytes(), revision, sealed);
        match self.store.commit(changes.transaction).await? {
            Outcome::Committed(_) => Ok(()),
            Outcome::Conflict => Err(RecordError::Contention.into()),
        }
    }

    /// New shares of the domain key.
    pub(crate) fn share(&self) -> Result<Vec<Share>, ShareError> {
        shares::split(self.domain_key.expose())
    }

    /// Whether `shares` give the domain key.
    pub(crate) fn is_shared_by(&self, shares: &[Share]) -> Result<bool, ShareError> {
        Ok(keyfold_crypto::ct_eq(shares::combine(shares)?.expose(), self.domain_key.expose()))
    }

    /// What the memory is like that the keys are in.
    pub(crate) fn protection(&self) -> Protection {
        self.domain_key.protection()
    }

    /// Gives a new store its domain key, and in the same commit its first record. Does nothing if another was
    /// faster; either way the store is ready to be opened.
    pub(crate) async fn initialise<R: Record>(
        store: Arc<dyn Store>,
        root: &dyn Root,
        place: Place,
        record: &R,
    ) -> Result<(), ServiceError> {
        let domain_key = SecretBytes::random(KEY_LEN).map_err(RootError::from)?;
        let domain_place = Place::domain_key();
        let sealed = root.seal(&domain_key, &domain_aad(&domain_place))?;
        let barrier = Self::new(locked_copy(&domain_key)?, store)?;
        let mut changes = barrier.changes();
        changes.put(domain_place.as_bytes(), None, sealed);
        changes.create(place, record)?;
        barrier.store.commit(changes.transaction).await?;
        Ok(())
    }

    fn new(domain_key: Locked<KEY_LEN>, store: Arc<dyn Store>) -> Result<Self, RootError> {
        let derived = |label: &[u8]| {
            locked_key(|key| {
                sealing::derive_into(domain_key.expose(), label, b"", key).map_err(RootError::from)
            })
        };
        // Under the first generation for ever: what was found by its index must be found after a rotation too.
        let index_key = derived(INDEX_LABEL)?;
        let (marker_key, grant_token_key) = (derived(MARKER_LABEL)?, derived(GRANT_TOKEN_LABEL)?);
        let session_token_key = derived(SESSION_TOKEN_LABEL)?;
        Ok(Self { index_key, marker_key, grant_token_key, session_token_key, domain_key, store })
    }

    /// The place of an alias: its name under the index key, together with account and Region, so that equal names
    /// of two accounts do not look equal.
    pub(crate) fn alias_place(&self, scope: &Scope, name: &AliasName) -> Place {
        let tag = self.index_key().sign(format!("{}/{}/{name}", scope.account, scope.region).as_bytes());
        Place(format!("{}{}", Place::aliases(scope), hex::encode(tag)))
    }

    /// The place of a user or role (`kind`): its name under the index key, in lower case, since names that differ in
    /// case only are the same. No alias has such a text: those start with an account.
    pub(crate) fn identity_place(&self, account: &AccountId, kind: &str, name: &str) -> Place {
        let name = name.to_ascii_lowercase();
        let tag = self.index_key().sign(format!("{kind}/{account}/{name}").as_bytes());
        Place(format!("{kind}/{account}/{}", hex::encode(tag)))
    }

    /// What stands for a text of a user in a place: its HMAC under the index key, together with what kind of text it
    /// is, account and Region. No alias name has a line feed, so none looks like another kind.
    pub(crate) fn index(&self, scope: &Scope, kind: &str, text: &str) -> String {
        let text = format!("{kind}\n{}/{}\n{text}", scope.account, scope.region);
        hex::encode(self.index_key().sign(text.as_bytes()))
    }

    /// The key that grant tokens are authenticated with.
    pub(crate) fn grant_token_key(&self) -> HmacKey {
        hmac_key(&self.grant_token_key)
    }

    /// The key that session tokens are sealed under.
    pub(crate) fn session_token_key(&self) -> &[u8; KEY_LEN] {
        self.session_token_key.expose()
    }

    /// The key that page markers are authenticated with.
    pub(crate) fn marker_key(&self) -> HmacKey {
        hmac_key(&self.marker_key)
    }

    fn index_key(&self) -> HmacKey {
        hmac_key(&self.index_key)
    }

    /// The record at `place`.
    pub(crate) async fn get<R: Record>(&self, place: &Place) -> Result<Option<Stored<R>>, RecordError> {
        self.store.get(place.as_bytes()).await?.map(|row| self.unseal(row)).transpose()
    }

    /// The first `limit` records whose places start with `prefix` and come after the one named `after`.
    pub(crate) async fn range<R: Record>(
        &self,
        prefix: &str,
        after: Option<&str>,
        limit: usize,
    ) -> Result<Vec<Stored<R>>, RecordError> {
        let after = after.map(|name| format!("{prefix}{name}"));
        let rows = self.store.range(prefix.as_bytes(), after.as_deref().map(str::as_bytes), limit).await?;
        rows.into_iter().map(|row| self.unseal(row)).collect()
    }

    /// Puts `record` at `place`, in the stead of what was there. Of several that do this at the same moment, one wins.
    pub(crate) async fn put_latest<R: Record>(&self, place: Place, record: &R) -> Result<(), RecordError> {
        let stored = self.get::<R>(&place).await?;
        let mut changes = self.changes();
        match &stored {
            Some(stored) => changes.replace(stored, record)?,
            None => changes.create(place, record)?,
        }
        self.store.commit(changes.transaction).await?;
        Ok(())
    }

    /// Nothing yet; to be filled with changes that happen together.
    pub(crate) fn changes(&self) -> Changes<'_> {
        Changes { barrier: self, transaction: Transaction::default() }
    }

    fn seal<R: Record>(&self, place: &Place, version: u64, record: &R) -> Result<Vec<u8>, RecordError> {
        let plaintext = record.encode()?;
        let mut value = Vec::with_capacity(HEADER_LEN + plaintext.len() + sealing::OVERHEAD);
        value.push(FORMAT_VERSION);
        value.extend_from_slice(&DOMAIN_GENERATION.to_be_bytes());
        value.extend_from_slice(&version.to_be_bytes());
        value.extend_from_slice(&rand::array::<DERIVATION_LEN>()?);
        let header = value.clone();
        let aad = record_aad(&header, place.as_bytes());
        sealing::seal(self.domain_key.expose(), RECORD_LABEL, &header, &aad, plaintext.expose(), &mut value)?;
        Ok(value)
    }

    fn unseal<R: Record>(&self, row: Row) -> Result<Stored<R>, RecordError> {
        let place = String::from_utf8(row.key).map(Place).map_err(|_| RecordError::Damaged)?;
        let (header, sealed) = row.value.split_first_chunk::<HEADER_LEN>().ok_or(RecordError::Damaged)?;
        let [format, g0, g1, g2, g3, v0, v1, v2, v3, v4, v5, v6, v7, ..] = *header;
        if format != FORMAT_VERSION || u32::from_be_bytes([g0, g1, g2, g3]) != DOMAIN_GENERATION {
            return Err(RecordError::Damaged);
        }
        let aad = record_aad(header, place.as_bytes());
        let plaintext = sealing::open(self.domain_key.expose(), RECORD_LABEL, header, &aad, sealed)
            .map_err(|_| RecordError::Damaged)?;
        let record = R::decode(&plaintext).ok_or(RecordError::Damaged)?;
        let version = u64::from_be_bytes([v0, v1, v2, v3, v4, v5, v6, v7]);
        Ok(Stored { place, revision: row.revision, version, record })
    }
}

impl fmt::Debug for Barrier {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Barrier").field("store", &self.store).finish_non_exhaustive()
    }
}

impl<R> Stored<R> {
    /// Where the record is.
    pub(crate) fn place(&self) -> &Place {
        &self.place
    }
}

/// Changes that happen together or not at all, and only if nothing they rest on has changed meanwhile.
#[derive(Debug)]
pub(crate) struct Changes<'b> {
    barrier: &'b Barrier,
    transaction: Transaction,
}

impl Changes<'_> {
    /// Makes a record where there must be none.
    pub(crate) fn create<R: Record>(&mut self, place: Place, record: &R) -> Result<(), RecordError> {
        let value = self.barrier.seal(&place, 1, record)?;
        self.put(place.as_bytes(), None, value);
        Ok(())
    }

    /// Replaces `stored`, which must not have changed, by `record`.
    pub(crate) fn replace<R: Record>(&mut self, stored: &Stored<R>, record: &R) -> Result<(), RecordError> {
        let value = self.barrier.seal(&stored.place, stored.version.saturating_add(1), record)?;
        self.put(stored.place.as_bytes(), Some(stored.revision), value);
        Ok(())
    }

    /// Removes `stored`, which must not have changed.
    pub(crate) fn remove<R>(&mut self, stored: &Stored<R>) {
        self.unchanged(stored);
        self.transaction.writes.push(Write::Delete { key: stored.place.as_bytes().into() });
    }

    /// `stored` must not have changed.
    pub(crate) fn unchanged<R>(&mut self, stored: &Stored<R>) {
        self.only_if(stored.place.as_found(Some(stored)));
    }

    /// `condition` must hold.
    pub(crate) fn only_if(&mut self, condition: Condition) {
        self.transaction.conditions.push(condition);
    }

    /// Makes the changes.
    pub(crate) async fn commit(self) -> Result<(), Fault> {
        match self.barrier.store.commit(self.transaction).await {
            Ok(Outcome::Committed(_)) => Ok(()),
            Ok(Outcome::Conflict) => Err(Fault::Conflict),
            Err(error) => Err(Fault::Answer(KmsError::from(RecordError::from(error)))),
        }
    }

    fn put(&mut self, key: &[u8], revision: Option<Revision>, value: Vec<u8>) {
        self.transaction.conditions.push(Condition { key: key.into(), revision });
        self.transaction.writes.push(Write::Put { key: key.into(), value });
    }
}

impl From<CryptoError> for RecordError {
    fn from(_: CryptoError) -> Self {
        Self::Crypto
    }
}

impl From<StoreError> for RecordError {
    fn from(error: StoreError) -> Self {
        Self::Store(error)
    }
}

/// A key for as long as it is used: the library's own form of it is in memory like any other.
fn hmac_key(key: &Locked<KEY_LEN>) -> HmacKey {
    HmacKey::new(Hash::Sha256, key.expose())
}

/// A key of the right length in memory of its own.
fn locked_copy(key: &SecretBytes) -> Result<Locked<KEY_LEN>, RootError> {
    locked_key(|copy| {
        // Into place: `try_into` would leave another copy on the stack.
        if key.len() != copy.len() {
            return Err(RootError::Wrong);
        }
        copy.copy_from_slice(key.expose());
        Ok(())
    })
}

fn domain_aad(place: &Place) -> Vec<u8> {
    [DOMAIN_AAD_PREFIX, place.as_bytes()].concat()
}

/// The header has a fixed length and the row key is the rest, so no two pairs give the same bytes.
fn record_aad(header: &[u8], row_key: &[u8]) -> Vec<u8> {
    [header, row_key].concat()
}

const FORMAT_VERSION: u8 = 1;
const DOMAIN_GENERATION: u32 = 1;
const HEADER_LEN: usize = 1 + 4 + 8 + DERIVATION_LEN;
const RECORD_LABEL: &[u8] = b"keyfold record v1";
const INDEX_LABEL: &[u8] = b"keyfold alias index v1";
const MARKER_LABEL: &[u8] = b"keyfold page marker v1";
const GRANT_TOKEN_LABEL: &[u8] = b"keyfold grant token v1";
const SESSION_TOKEN_LABEL: &[u8] = b"keyfold session token v1";
const DOMAIN_AAD_PREFIX: &[u8] = b"keyfold domain key v1 ";
