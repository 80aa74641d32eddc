//! What one client has of the service according to the answers that it got, and what it asks for next.
//!
//! Clients touch no keys of others, so what must be there is known exactly: all that was acknowledged, and the one
//! change that was in flight, as a whole or not at all.

use std::collections::{BTreeMap, BTreeSet};

use fastrand::Rng;
use serde_json::{Value, json};

/// A client's part of the keys.
#[derive(Debug)]
pub(crate) struct Share {
    pub(crate) name: String,
    pub(crate) keys: BTreeMap<String, Key>,
    /// Keys with changes that were not checked yet.
    pub(crate) touched: BTreeSet<String>,
    pub(crate) in_flight: Option<Change>,
    pub(crate) acknowledged: u64,
    /// How changes in flight were found: not done, and done.
    pub(crate) found: [u64; 2],
    /// Keys in the order they were made.
    made: Vec<String>,
    numbers: u64,
    rng: Rng,
}

/// A key with everything that hangs on it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Key {
    /// Unique; from it, who made the key.
    pub(crate) description: String,
    pub(crate) state: &'static str,
    /// The name of the one statement of its policy.
    pub(crate) policy: String,
    pub(crate) tags: BTreeMap<String, String>,
    pub(crate) aliases: BTreeSet<String>,
    /// By their names.
    pub(crate) grants: BTreeMap<String, GrantId>,
    pub(crate) rotation_days: Option<u64>,
    pub(crate) materials: usize,
    pub(crate) ciphertexts: Vec<Ciphertext>,
}

/// The id of a grant; nothing if the answer with it never came.
pub(crate) type GrantId = Option<String>;

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Ciphertext {
    pub(crate) blob: String,
    pub(crate) plaintext: String,
    pub(crate) is_checked: bool,
}

/// A request that changes something, or makes a ciphertext.
#[derive(Debug, Clone)]
pub(crate) struct Change {
    pub(crate) operation: &'static str,
    pub(crate) body: Value,
    /// The keys that it is about; none for one that it makes.
    pub(crate) keys: Vec<String>,
}

impl Share {
    pub(crate) fn new(name: String, seed: u64) -> Self {
        Self {
            name,
            keys: BTreeMap::new(),
            touched: BTreeSet::new(),
            in_flight: None,
            acknowledged: 0,
            found: [0, 0],
            made: Vec::new(),
            numbers: 0,
            rng: Rng::with_seed(seed),
        }
    }

    /// What to ask next, on one of the newest keys; older ones rest, and must stay as they are.
    pub(crate) fn next(&mut self) -> Change {
        self.numbers += 1;
        let unique = format!("{}-{}", self.name, self.numbers);
        let in_play = &self.made[self.made.len().saturating_sub(IN_PLAY)..];
        if in_play.len() < 2 || self.rng.u8(..100) < 6 {
            let body = json!({
                "Description": unique,
                "Policy": policy(&unique),
                "Tags": [{"TagKey": "made-by", "TagValue": self.name}],
            });
            return Change { operation: "CreateKey", body, keys: Vec::new() };
        }
        let id = in_play[self.rng.usize(..in_play.len())].clone();
        let other = in_play[self.rng.usize(..in_play.len())].clone();
        let key = &self.keys[&id];
        let on_key = |operation, mut body: Value| {
            body["KeyId"] = json!(id);
            Change { operation, body, keys: vec![id.clone()] }
        };
        if key.state == PENDING {
            return on_key("CancelKeyDeletion", json!({}));
        }
        if key.state == DISABLED {
            return on_key("EnableKey", json!({}));
        }
        match self.rng.u8(..15) {
            0 | 1 => {
                on_key("Encrypt", json!({"Plaintext": base64(&unique), "EncryptionContext": {"a": "b"}}))
            }
            2 => {
                let body = json!({"AliasName": format!("alias/{unique}"), "TargetKeyId": id});
                Change { operation: "CreateAlias", body, keys: vec![id] }
            }
            3 if !key.aliases.is_empty() && self.keys[&other].state != PENDING => {
                let body = json!({"AliasName": key.aliases.first(), "TargetKeyId": other});
                Change { operation: "UpdateAlias", body, keys: vec![id, other] }
            }
            4 if !key.aliases.is_empty() => {
                let body = json!({"AliasName": key.aliases.first()});
                Change { operation: "DeleteAlias", body, keys: vec![id] }
            }
            5 | 6 if key.grants.len() < 3 => {
                let body = json!({
                    "Name": unique, "Operations": ["Encrypt", "Decrypt"],
                    "GranteePrincipal": ROOT, "RetiringPrincipal": ROOT,
                });
                on_key("CreateGrant", body)
            }
            7 if let Some(Some(grant)) = key.grants.values().next() => {
                on_key("RevokeGrant", json!({"GrantId": grant}))
            }
            8 => on_key("PutKeyPolicy", json!({"Policy": policy(&unique)})),
            9 => on_key("TagResource", json!({"Tags": [{"TagKey": "last", "TagValue": unique}]})),
            10 if key.rotation_days.is_none() => {
                on_key("EnableKeyRotation", json!({"RotationPeriodInDays": self.rng.u64(90..=2560)}))
            }
            10 => on_key("DisableKeyRotation", json!({})),
            11 | 12 if key.materials < MATERIALS_MAX => on_key("RotateKeyOnDemand", json!({})),
            13 => on_key("ScheduleKeyDeletion", json!({"PendingWindowInDays": 7})),
            14 => on_key("DisableKey", json!({})),
            _ => on_key("UntagResource", json!({"TagKeys": ["last"]})),
        }
    }

    /// Notes that a change was acknowledged.
    pub(crate) fn acknowledge(&mut self, change: &Change, answer: &Value) {
        self.acknowledged += 1;
        if change.operation == "CreateKey" {
            let id = answer["KeyMetadata"]["KeyId"].as_str().unwrap().to_owned();
            self.adopt(id, Key::made(&change.body));
            return;
        }
        let mut keys = self.of(change);
        change.apply(&mut keys, answer);
        self.touched.extend(change.keys.iter().cloned());
        self.keys.extend(keys);
    }

    /// Takes in a key that was made.
    pub(crate) fn adopt(&mut self, id: String, key: Key) {
        self.touched.insert(id.clone());
        self.made.push(id.clone());
        self.keys.insert(id, key);
    }

    /// The keys that a change is about.
    pub(crate) fn of(&self, change: &Change) -> BTreeMap<String, Key> {
        change.keys.iter().map(|id| (id.clone(), self.keys[id].clone())).collect()
    }
}

impl Key {
    /// What CreateKey makes.
    pub(crate) fn made(request: &Value) -> Self {
        let text = |value: &Value| value.as_str().unwrap().to_owned();
        Self {
            description: text(&request["Description"]),
            state: "Enabled",
            // Each is made with a policy that bears its name.
            policy: text(&request["Description"]),
            tags: [("made-by".to_owned(), text(&request["Tags"][0]["TagValue"]))].into(),
            aliases: BTreeSet::new(),
            grants: BTreeMap::new(),
            rotation_days: None,
            materials: 1,
            ciphertexts: Vec::new(),
        }
    }
}

impl Change {
    /// Does to the keys that it is about what the service does; `answer` is `Null` if there was none.
    pub(crate) fn apply(&self, keys: &mut BTreeMap<String, Key>, answer: &Value) {
        let text = |value: &Value| value.as_str().unwrap().to_owned();
        let target = self.keys.last().and_then(|id| keys.get_mut(id));
        let key = target.unwrap();
        match self.operation {
            "Encrypt" => key.ciphertexts.extend(answer["CiphertextBlob"].as_str().map(|blob| Ciphertext {
                blob: blob.to_owned(),
                plaintext: text(&self.body["Plaintext"]),
                is_checked: false,
            })),
            "CreateAlias" => drop(key.aliases.insert(text(&self.body["AliasName"]))),
            "UpdateAlias" => {
                let name = text(&self.body["AliasName"]);
                keys.get_mut(&self.keys[0]).unwrap().aliases.remove(&name);
                keys.get_mut(&self.keys[1]).unwrap().aliases.insert(name);
            }
            "DeleteAlias" => drop(key.aliases.remove(&text(&self.body["AliasName"]))),
            "CreateGrant" => {
                let id = answer["GrantId"].as_str().map(str::to_owned);
                key.grants.insert(text(&self.body["Name"]), id);
            }
            "RevokeGrant" => key.grants.retain(|_, id| id.as_deref() != self.body["GrantId"].as_str()),
            "PutKeyPolicy" => key.policy = sid(&self.body["Policy"]),
            "TagResource" => {
                drop(key.tags.insert("last".to_owned(), text(&self.body["Tags"][0]["TagValue"])));
            }
            "UntagResource" => drop(key.tags.remove("last")),
            "EnableKeyRotation" => key.rotation_days = self.body["RotationPeriodInDays"].as_u64(),
            "DisableKeyRotation" => key.rotation_days = None,
            "RotateKeyOnDemand" => key.materials += 1,
            "ScheduleKeyDeletion" => key.state = PENDING,
            "CancelKeyDeletion" | "DisableKey" => key.state = DISABLED,
            "EnableKey" => key.state = "Enabled",
            other => panic!("{other}"),
        }
    }
}

/// A policy that leaves everything to the policies of users, and has a name.
fn policy(sid: &str) -> String {
    json!({
        "Version": "2012-10-17",
        "Statement": [{
            "Sid": sid, "Effect": "Allow", "Principal": {"AWS": ROOT},
            "Action": "kms:*", "Resource": "*",
        }],
    })
    .to_string()
}

/// The name in such a policy.
pub(crate) fn sid(policy: &Value) -> String {
    let policy: Value = serde_json::from_str(policy.as_str().unwrap()).unwrap();
    policy["Statement"][0]["Sid"].as_str().unwrap().to_owned()
}

fn base64(text: &str) -> String {
    base64::Engine::encode(&base64::engine::general_purpose::STANDARD, text)
}

/// The account of a store made by `keyfold init`.
pub(crate) const ROOT: &str = "arn:aws:iam::000000000000:root";
pub(crate) const PENDING: &str = "PendingDeletion";
pub(crate) const DISABLED: &str = "Disabled";
const IN_PLAY: usize = 8;
/// AWS allows 25 rotations on demand.
const MATERIALS_MAX: usize = 20;
