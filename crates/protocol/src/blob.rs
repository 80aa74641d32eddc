//! Byte strings in JSON: standard base64 with padding, as the JSON 1.1 protocol of AWS has them.
//!
//! To be named in `#[serde(with = "…")]`. Not a general base64 library; strict, so that one byte string has
//! one spelling.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde::{Deserialize, Deserializer, Serializer, de};

pub(crate) fn serialize<S: Serializer>(bytes: &[u8], serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(&STANDARD.encode(bytes))
}

pub(crate) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<u8>, D::Error> {
    let text = String::deserialize(deserializer)?;
    STANDARD.decode(text).map_err(|_| de::Error::custom("not base64"))
}

/// The same for secrets: the texts on the way are wiped.
pub(crate) mod secret {
    use keyfold_crypto::SecretBytes;
    use zeroize::Zeroizing;

    use super::{Deserialize, Deserializer, Engine, STANDARD, Serializer, de};

    pub(crate) fn serialize<S: Serializer>(secret: &SecretBytes, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&Zeroizing::new(STANDARD.encode(secret.expose())))
    }

    pub(crate) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<SecretBytes, D::Error> {
        let text = Zeroizing::new(String::deserialize(deserializer)?);
        // The estimate is an upper bound, so decoding never reallocates and leaves no copy behind.
        let mut bytes = Zeroizing::new(vec![0; base64::decoded_len_estimate(text.len())]);
        let len = STANDARD
            .decode_slice(text.as_bytes(), &mut bytes)
            .map_err(|_| de::Error::custom("not base64"))?;
        Ok(SecretBytes::copied_from(&bytes[..len]))
    }
}

/// The same for an optional member (`None` when absent).
pub(crate) mod optional {
    use super::{Deserialize, Deserializer, Serializer};

    pub(crate) fn serialize<S: Serializer>(
        bytes: &Option<Vec<u8>>,
        serializer: S,
    ) -> Result<S::Ok, S::Error> {
        match bytes {
            Some(bytes) => super::serialize(bytes, serializer),
            None => serializer.serialize_none(),
        }
    }

    pub(crate) fn deserialize<'de, D: Deserializer<'de>>(
        deserializer: D,
    ) -> Result<Option<Vec<u8>>, D::Error> {
        #[derive(Deserialize)]
        struct Blob(#[serde(with = "super")] Vec<u8>);
        Ok(Option::<Blob>::deserialize(deserializer)?.map(|blob| blob.0))
    }
}
