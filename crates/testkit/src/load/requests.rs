//! Requests to send many of: what they need is made first, on a service that is there for it.

use std::io;
use std::sync::Arc;

use bytes::Bytes;
use serde_json::{Value, json};

use super::{Connection, Job, Target};

/// Keys of their own, and requests on them.
#[derive(Debug)]
pub struct Requests {
    keys: Vec<Prepared>,
}

#[derive(Debug)]
struct Prepared {
    id: String,
    generate: Bytes,
    encrypt: Bytes,
    decrypt: Bytes,
}

impl Requests {
    /// Makes keys, and a ciphertext under each.
    ///
    /// # Errors
    /// Where the service does not.
    pub async fn prepare(target: &Target) -> io::Result<Arc<Self>> {
        let mut connection = Connection::open(target).await?;
        let mut keys = Vec::with_capacity(KEYS);
        for _ in 0..KEYS {
            let made = ask(&mut connection, "CreateKey", &json!({"Description": "load"})).await?;
            let id = made["KeyMetadata"]["KeyId"].as_str().unwrap_or_default().to_owned();
            let context = json!({"tenant": "acme", "purpose": "load"});
            let generate = json!({"KeyId": id, "KeySpec": "AES_256", "EncryptionContext": context});
            let encrypt = json!({"KeyId": id, "Plaintext": PLAINTEXT, "EncryptionContext": context});
            let encrypted = ask(&mut connection, "Encrypt", &encrypt).await?;
            let blob = &encrypted["CiphertextBlob"];
            let decrypt = json!({"KeyId": id, "CiphertextBlob": blob, "EncryptionContext": context});
            let bytes = |value: Value| Bytes::from(value.to_string());
            keys.push(Prepared {
                id,
                generate: bytes(generate),
                encrypt: bytes(encrypt),
                decrypt: bytes(decrypt),
            });
        }
        Ok(Arc::new(Self { keys }))
    }

    /// Nothing but this operation, on one key after another. One of [`MEASURED`].
    #[must_use]
    pub fn only(self: &Arc<Self>, operation: &'static str) -> Job {
        let requests = Arc::clone(self);
        Arc::new(move |number| {
            let key = requests.key(number);
            let body = match operation {
                "GenerateDataKey" => key.generate.clone(),
                "Encrypt" => key.encrypt.clone(),
                "Decrypt" => key.decrypt.clone(),
                _ => Bytes::from_static(b"{}"),
            };
            (operation, body)
        })
    }

    /// What a busy service is asked: of a hundred requests 35 GenerateDataKey, 40 Decrypt, 15 Encrypt, 6 DescribeKey,
    /// and 4 that wait for the disk.
    #[must_use]
    pub fn mixed(self: &Arc<Self>) -> Job {
        let requests = Arc::clone(self);
        Arc::new(move |number| {
            let key = requests.key(number / 100 + number);
            let on_key = |mut body: Value| {
                body["KeyId"] = json!(key.id);
                Bytes::from(body.to_string())
            };
            // A stride that shares no factor with 100 spreads the kinds.
            match number.wrapping_mul(37) % 100 {
                0..35 => ("GenerateDataKey", key.generate.clone()),
                35..75 => ("Decrypt", key.decrypt.clone()),
                75..90 => ("Encrypt", key.encrypt.clone()),
                90..96 => ("DescribeKey", on_key(json!({}))),
                96 | 97 => {
                    let tags = json!([{"TagKey": "number", "TagValue": number.to_string()}]);
                    ("TagResource", on_key(json!({"Tags": tags})))
                }
                98 => ("UpdateKeyDescription", on_key(json!({"Description": number.to_string()}))),
                _ => ("CreateKey", Bytes::from_static(b"{}")),
            }
        })
    }

    #[allow(clippy::cast_possible_truncation, reason = "a remainder of a small number")]
    fn key(&self, number: u64) -> &Prepared {
        &self.keys[(number % self.keys.len() as u64) as usize]
    }
}

async fn ask(connection: &mut Connection, operation: &str, body: &Value) -> io::Result<Value> {
    let answer = connection.call(operation, body.to_string().into()).await?;
    if answer.is_ok() { Ok(answer.json()) } else { Err(io::Error::other(answer.json().to_string())) }
}

/// The operations that are measured one by one.
pub const MEASURED: [&str; 4] = ["GenerateDataKey", "Decrypt", "Encrypt", "CreateKey"];
const KEYS: usize = 16;
/// 32 bytes in base64, the length of a data key.
const PLAINTEXT: &str = "QUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUE=";
