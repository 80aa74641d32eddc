//! What a client accepts from a message before it trusts it.

/// Limits on a message that is read, and on the encrypted data keys of one that is written.
///
/// They are checked as soon as the number is known: before anything is allocated for it, and before any
/// keyring or key service is asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct Limits {
    /// Encrypted data keys of one message. Default 64; the format allows 65,535. Each may cost a call to a
    /// key service.
    pub encrypted_data_keys: u16,
    /// Bytes of header. Default 1 MiB; 64 encrypted data keys of AWS KMS and the longest context need less
    /// than half of it.
    pub header_len: usize,
    /// Bytes of plaintext in one frame, or in the body of a message without frames: what must be in memory at
    /// once. Default 64 MiB; the format allows 4 GiB - 1 for a frame and 64 GiB - 32 without frames.
    pub frame_len: u64,
    /// Bytes of plaintext in the whole message. Default unlimited, since memory does not depend on it.
    pub body_len: u64,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            encrypted_data_keys: 64,
            header_len: 1024 * 1024,
            frame_len: 64 * 1024 * 1024,
            body_len: u64::MAX,
        }
    }
}

/// Which of the [`Limits`] was exceeded.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum LimitExceeded {
    /// More encrypted data keys than accepted.
    #[error("the message has {count} encrypted data keys; at most {limit} are accepted")]
    EncryptedDataKeys {
        /// What the message has.
        count: u16,
        /// [`Limits::encrypted_data_keys`].
        limit: u16,
    },
    /// A longer header than accepted.
    #[error("the header is longer than the {limit} bytes that are accepted")]
    HeaderLen {
        /// [`Limits::header_len`].
        limit: usize,
    },
    /// A longer frame, or body without frames, than accepted.
    #[error("the message declares {len} bytes in one piece; at most {limit} are accepted")]
    FrameLen {
        /// What the message declares.
        len: u64,
        /// [`Limits::frame_len`].
        limit: u64,
    },
    /// A longer body than accepted.
    #[error("the plaintext is longer than the {limit} bytes that are accepted")]
    BodyLen {
        /// [`Limits::body_len`].
        limit: u64,
    },
}
