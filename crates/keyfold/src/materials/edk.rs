use std::fmt;

/// An encrypted data key: a copy of the message's data key, wrapped by one key of one provider.
///
/// Source: specification, `framework/structures.md`. Each field has at most 65,535 bytes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EncryptedDataKey {
    /// The kind of key provider (`aws-kms`), or the namespace of a raw key.
    pub provider_id: String,
    /// Which of the provider's keys: a key ARN, a raw key's name. What exactly is the provider's business.
    pub provider_info: Vec<u8>,
    /// The wrapped data key.
    pub ciphertext: Vec<u8>,
}

/// How many characters of a provider's information are shown.
const SHOWN_LEN_MAX: usize = 256;

impl fmt::Display for EncryptedDataKey {
    /// `aws-kms arn:…`, `acme/2026`: for people. Whoever made the message chose these bytes, so control
    /// characters are escaped and long ones cut.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let separator = if self.provider_id.starts_with("aws-kms") { ' ' } else { '/' };
        let info = self.raw_aes_key_name().unwrap_or(&self.provider_info);
        let shown = match std::str::from_utf8(info) {
            Ok(text) => text.escape_debug().take(SHOWN_LEN_MAX).collect::<String>(),
            Err(_) => format!("({} bytes)", info.len()),
        };
        let provider: String = self.provider_id.escape_debug().take(SHOWN_LEN_MAX).collect();
        write!(f, "{provider}{separator}{shown}")
    }
}

impl EncryptedDataKey {
    /// The key name, if the provider information is laid out as raw AES keyrings do: name, tag length in
    /// bits(4), IV length(4), IV(12).
    pub(crate) fn raw_aes_key_name(&self) -> Option<&[u8]> {
        const LENGTHS: [u8; 8] = [0, 0, 0, 128, 0, 0, 0, 12];
        let (rest, _iv) = self.provider_info.split_last_chunk::<12>()?;
        rest.strip_suffix(&LENGTHS)
    }
}
