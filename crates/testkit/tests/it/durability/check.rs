//! Whether the service still has what it has acknowledged, all of it and nothing half.

use std::collections::{BTreeMap, BTreeSet};
use std::io;

use keyfold_testkit::load::{Answer, Connection};
use serde_json::{Value, json};

use super::share::{Key, PENDING, ROOT, Share, sid};

/// Asks, on a connection of its own.
pub(crate) struct Checker(pub(crate) Connection);

/// What is wrong.
pub(crate) type Finding = String;

impl Checker {
    /// The keys that there are. Each that was acknowledged must be; of others there may be one for each CreateKey in
    /// flight, which then belongs to who asked for it.
    pub(crate) async fn keys(&mut self, shares: &mut [Share]) -> Result<(), Finding> {
        let found = self.pages("ListKeys", json!({"Limit": 1000}), "Keys").await?;
        let found: BTreeSet<&str> = found.iter().filter_map(|entry| entry["KeyId"].as_str()).collect();
        for share in &*shares {
            if let Some(lost) = share.keys.keys().find(|id| !found.contains(id.as_str())) {
                return Err(format!("the key {lost} is lost"));
            }
        }
        let known: BTreeSet<String> = shares.iter().flat_map(|share| share.keys.keys().cloned()).collect();
        for id in found.into_iter().filter(|id| !known.contains(*id)) {
            let answer = self.ask("DescribeKey", json!({"KeyId": id})).await?;
            let description = answer["KeyMetadata"]["Description"].as_str().unwrap_or_default();
            let in_flight = shares.iter_mut().find_map(|share| {
                let change = share.in_flight.clone().filter(|change| change.operation == "CreateKey")?;
                (change.body["Description"] == description).then_some((share, change))
            });
            let Some((share, change)) = in_flight else {
                return Err(format!("nobody has asked for the key {id}, {description:?}"));
            };
            share.in_flight = None;
            share.found[1] += 1;
            share.adopt(id.to_owned(), Key::made(&change.body));
        }
        for share in shares {
            let is_undone = share.in_flight.take_if(|change| change.operation == "CreateKey").is_some();
            share.found[0] += u64::from(is_undone);
        }
        Ok(())
    }

    /// Everything about a share's keys that was changed since the last time.
    pub(crate) async fn share(&mut self, share: &mut Share) -> Result<(), Finding> {
        let in_flight = share.in_flight.take();
        let before = in_flight.as_ref().map(|change| share.of(change)).unwrap_or_default();
        let mut actual = BTreeMap::new();
        for id in before.keys() {
            actual.insert(id.clone(), self.key(id, &share.keys[id]).await?);
        }
        if let Some(change) = in_flight {
            let mut after = before.clone();
            change.apply(&mut after, &Value::Null);
            let [is_before, is_after] = [&before, &after].map(|expected| agree(expected, &actual));
            if is_before != is_after {
                share.found[usize::from(is_after)] += 1;
            }
            if !is_before && !is_after {
                return Err(format!(
                    "{} was in flight\nbefore: {before:?}\nafter: {after:?}\nfound: {actual:?}",
                    change.body
                ));
            }
            if ["CreateGrant", "RevokeGrant"].contains(&change.operation) {
                self.retirable(&actual).await?;
            }
        }
        for id in std::mem::take(&mut share.touched) {
            if !actual.contains_key(&id) {
                let found = self.key(&id, &share.keys[&id]).await?;
                let expected = [(id.clone(), share.keys[&id].clone())].into();
                let found = [(id, found)].into();
                if !agree(&expected, &found) {
                    return Err(format!("\nacknowledged: {expected:?}\nfound: {found:?}"));
                }
                actual.extend(found);
            }
        }
        for (id, key) in &mut actual {
            self.ciphertexts(id, key).await?;
        }
        share.keys.extend(actual);
        Ok(())
    }

    /// Every key and ciphertext, whatever was checked before. Keys that can't be used are made usable.
    pub(crate) async fn everything(&mut self, share: &mut Share) -> Result<(), Finding> {
        share.touched = share.keys.keys().cloned().collect();
        self.share(share).await?;
        for (id, key) in &mut share.keys {
            if key.state == PENDING {
                self.ask("CancelKeyDeletion", json!({"KeyId": id})).await?;
            }
            if key.state != "Enabled" {
                self.ask("EnableKey", json!({"KeyId": id})).await?;
                key.state = "Enabled";
            }
            key.ciphertexts.iter_mut().for_each(|ciphertext| ciphertext.is_checked = false);
            self.ciphertexts(id, key).await?;
        }
        self.retirable(&share.keys).await
    }

    /// What the service has of a key; ciphertexts are the client's.
    async fn key(&mut self, id: &str, known: &Key) -> Result<Key, Finding> {
        let of_key = json!({"KeyId": id});
        let described = self.ask("DescribeKey", of_key.clone()).await?;
        let metadata = &described["KeyMetadata"];
        let mut key = known.clone();
        key.description = text(&metadata["Description"]);
        key.state = ["Enabled", "Disabled", PENDING]
            .into_iter()
            .find(|state| metadata["KeyState"] == *state)
            .ok_or_else(|| format!("{id}: {metadata}"))?;
        key.policy = sid(&self.ask("GetKeyPolicy", of_key.clone()).await?["Policy"]);
        let tags = self.pages("ListResourceTags", of_key.clone(), "Tags").await?;
        key.tags = tags.iter().map(|tag| (text(&tag["TagKey"]), text(&tag["TagValue"]))).collect();

        let aliases = self.pages("ListAliases", of_key.clone(), "Aliases").await?;
        key.aliases = aliases.iter().map(|alias| text(&alias["AliasName"])).collect();
        // Each name must lead here, and one that was taken away must not.
        for name in key.aliases.iter().chain(&known.aliases) {
            let answer = self.call("DescribeKey", json!({"KeyId": name})).await?;
            let leads_here = answer.json()["KeyMetadata"]["KeyId"] == id;
            if leads_here != key.aliases.contains(name) || !(answer.is_ok() || answer.error() == NOT_FOUND) {
                return Err(format!("{id} has {:?}, but {name}: {}", key.aliases, answer.json()));
            }
        }

        key.grants = by_name(&self.pages("ListGrants", of_key.clone(), "Grants").await?);
        let of_grantee = json!({"KeyId": id, "GranteePrincipal": ROOT});
        let by_grantee = by_name(&self.pages("ListGrants", of_grantee, "Grants").await?);
        if by_grantee != key.grants {
            return Err(format!("{id}: grants {:?}, by grantee {by_grantee:?}", key.grants));
        }

        if key.state != PENDING {
            let status = self.ask("GetKeyRotationStatus", of_key).await?;
            key.rotation_days = status["RotationPeriodInDays"].as_u64();
            if status["KeyRotationEnabled"] != key.rotation_days.is_some() {
                return Err(format!("{id}: {status}"));
            }
        }
        let of_all = json!({"KeyId": id, "IncludeKeyMaterial": "ALL_KEY_MATERIAL"});
        let materials = self.pages("ListKeyRotations", of_all, "Rotations").await?;
        key.materials = materials.len();
        let current = materials.last().map(|material| &material["KeyMaterialId"]);
        if current != Some(&metadata["CurrentKeyMaterialId"]) {
            return Err(format!("{id}: {metadata}, and {materials:?}"));
        }
        Ok(key)
    }

    /// Whether the grants are found by who may retire them, too.
    async fn retirable(&mut self, keys: &BTreeMap<String, Key>) -> Result<(), Finding> {
        let of_root = json!({"RetiringPrincipal": ROOT, "Limit": 100});
        let found = self.pages("ListRetirableGrants", of_root, "Grants").await?;
        for (id, key) in keys {
            let of_key: Vec<_> = found
                .iter()
                .filter(|grant| grant["KeyId"].as_str().is_some_and(|arn| arn.ends_with(id)))
                .cloned()
                .collect();
            if by_name(&of_key) != key.grants {
                return Err(format!("{id}: grants {:?}, to be retired {of_key:?}", key.grants));
            }
        }
        Ok(())
    }

    /// Whether what was encrypted decrypts. With a key that can't be used it is asked again when it can.
    async fn ciphertexts(&mut self, id: &str, key: &mut Key) -> Result<(), Finding> {
        if key.state != "Enabled" {
            return Ok(());
        }
        for ciphertext in key.ciphertexts.iter_mut().filter(|ciphertext| !ciphertext.is_checked) {
            let request = json!({"CiphertextBlob": ciphertext.blob, "EncryptionContext": {"a": "b"}});
            let answer = self.ask("Decrypt", request).await?;
            if answer["Plaintext"] != ciphertext.plaintext.as_str() {
                return Err(format!("{id}: a ciphertext decrypts to something else"));
            }
            ciphertext.is_checked = true;
        }
        // A key that was made is a key that works.
        if key.ciphertexts.is_empty() {
            self.ask("GenerateDataKey", json!({"KeyId": id, "KeySpec": "AES_256"})).await?;
        }
        Ok(())
    }

    async fn pages(&mut self, operation: &str, mut body: Value, member: &str) -> Result<Vec<Value>, Finding> {
        let mut all = Vec::new();
        loop {
            let mut page = self.ask(operation, body.clone()).await?;
            let entries = page[member].as_array_mut().ok_or_else(|| format!("{operation}: no {member}"))?;
            all.append(entries);
            if page["Truncated"] != true {
                return Ok(all);
            }
            body["Marker"] = page["NextMarker"].take();
        }
    }

    async fn ask(&mut self, operation: &str, body: Value) -> Result<Value, Finding> {
        let answer = self.call(operation, body.clone()).await?;
        if answer.is_ok() { Ok(answer.json()) } else { Err(format!("{operation} {body}: {}", answer.json())) }
    }

    async fn call(&mut self, operation: &str, body: Value) -> Result<Answer, Finding> {
        let answer: io::Result<Answer> = self.0.call(operation, body.to_string().into()).await;
        answer.map_err(|error| format!("{operation}: {error}"))
    }
}

/// Whether the service has what it should. An id of a grant that never arrived may be any; the days of rotation can't
/// be seen while a key waits for its deletion.
fn agree(expected: &BTreeMap<String, Key>, actual: &BTreeMap<String, Key>) -> bool {
    expected.iter().all(|(id, expected)| {
        let (mut expected, actual) = (expected.clone(), &actual[id]);
        for (name, grant) in &mut expected.grants {
            if grant.is_none() {
                grant.clone_from(actual.grants.get(name).unwrap_or(&None));
            }
        }
        expected.ciphertexts.clone_from(&actual.ciphertexts);
        expected == *actual
    })
}

fn by_name(grants: &[Value]) -> BTreeMap<String, Option<String>> {
    grants.iter().map(|grant| (text(&grant["Name"]), Some(text(&grant["GrantId"])))).collect()
}

fn text(value: &Value) -> String {
    value.as_str().unwrap_or_default().to_owned()
}

const NOT_FOUND: &str = "NotFoundException";
