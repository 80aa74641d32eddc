//! How things fail: an exit code, one line that says what happened, and a hint where there is a next step.
//!
//! All errors of the libraries are turned into words here, and nowhere else. The exit codes are an interface:
//! scripts branch on them, so a number never changes its meaning.

use std::error::Error;
use std::io;
use std::process::ExitCode;

use keyfold::{DecryptError, EncryptError, FailedUnwrap, KeyringError, NoUsableKey};
use keyfold_client::{Answered, ConfigError, CredentialsError, RequestError};
use keyfold_protocol::{ErrorKind, KmsError};

/// The exit codes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Code {
    Other = 1,
    Usage = 2,
    NotAuthentic = 3,
    NoUsableKey = 4,
    Refused = 5,
    Files = 6,
    Partial = 7,
    KeyService = 8,
}

/// What `--help` says about exit codes.
pub(crate) const CODES_HELP: &str = "\
Exit codes:
  0  done
  1  something else failed
  2  the command line is wrong
  3  not authentic, damaged, or not a message at all
  4  no usable key, or no key store
  5  refused: by a policy, a limit, or the encryption context that was asked for
  6  a file could not be read or written, or one is in the way
  7  some of several files failed, the others are done
  8  the key service refused or failed";

/// Why a command, or one file of it, failed.
#[derive(Debug, Clone)]
pub(crate) struct Failure {
    pub(crate) code: Code,
    pub(crate) what: String,
    pub(crate) hint: Option<String>,
    /// Not the fault of one file: no other would fare better.
    pub(crate) is_of_all: bool,
}

impl Failure {
    pub(crate) fn new(code: Code, what: impl Into<String>) -> Self {
        Self { code, what: what.into(), hint: None, is_of_all: false }
    }

    pub(crate) fn usage(what: impl Into<String>) -> Self {
        Self::new(Code::Usage, what)
    }

    /// A file operation that failed: `doing` says which, as in "can't read it".
    pub(crate) fn io(doing: &str, error: &io::Error) -> Self {
        if error.get_ref().is_some_and(|inner| inner.is::<NotBase64>()) {
            return Self::new(Code::NotAuthentic, NotBase64.to_string())
                .hint("leave --decode away if the input is binary");
        }
        Self::new(Code::Files, format!("{doing}: {}", io_text(error)))
    }

    #[must_use]
    pub(crate) fn hint(self, hint: impl Into<String>) -> Self {
        Self { hint: Some(hint.into()), ..self }
    }

    /// With `hint`, unless it has one.
    #[must_use]
    pub(crate) fn or_hint(self, hint: impl FnOnce() -> String) -> Self {
        if self.hint.is_some() { self } else { self.hint(hint()) }
    }

    #[must_use]
    pub(crate) fn of_all(self) -> Self {
        Self { is_of_all: true, ..self }
    }
}

impl From<Code> for ExitCode {
    fn from(code: Code) -> Self {
        Self::from(code as u8)
    }
}

impl From<EncryptError> for Failure {
    fn from(error: EncryptError) -> Self {
        let what = error.to_string();
        match error {
            EncryptError::ReservedContextKey { .. } | EncryptError::ContextTooLong => Self::usage(what),
            EncryptError::BodyTooLong => Self::new(Code::Refused, what)
                .hint("a message has at most 2^32 - 1 frames: try a larger --frame-length"),
            EncryptError::SuiteRefused { suite, .. } if suite.is_committing() => {
                Self::new(Code::Refused, what)
                    .hint("--commitment-policy require-encrypt-require-decrypt writes with this suite")
            }
            EncryptError::SuiteRefused { .. } => Self::new(Code::Refused, what)
                .hint("--commitment-policy forbid-encrypt-allow-decrypt writes with this suite"),
            EncryptError::LimitExceeded(_) => {
                Self::new(Code::Refused, what).hint("--max-encrypted-data-keys accepts more")
            }
            EncryptError::Keyring { keyring, error: KeyringError::Kms(error) } => {
                let failure = Self::from(error);
                Self { what: format!("{keyring}: {}", failure.what), ..failure }
            }
            EncryptError::Keyring { .. } => Self::new(Code::NoUsableKey, what),
            EncryptError::Io(error) => Self::io("reading or writing failed", &error),
            _ => Self::new(Code::Other, what),
        }
    }
}

impl From<DecryptError> for Failure {
    fn from(error: DecryptError) -> Self {
        let what = error.to_string();
        match error {
            DecryptError::Malformed(keyfold::Malformed::Base64) => {
                Self::new(Code::NotAuthentic, what).hint("try again with --decode")
            }
            // What else is in a file is no version.
            DecryptError::Malformed(keyfold::Malformed::Version(_)) => {
                Self::new(Code::NotAuthentic, "not a message: it does not begin like one")
            }
            DecryptError::Malformed(_) | DecryptError::Truncated(_) | DecryptError::NotAuthentic(_) => {
                Self::new(Code::NotAuthentic, what)
            }
            DecryptError::NoUsableKey(error) => Self::from(&error),
            DecryptError::ContextMismatch { .. } => Self::new(Code::Refused, what),
            DecryptError::SuiteRefused { .. } => Self::new(Code::Refused, what)
                .hint("if you trust where it comes from: --commitment-policy require-encrypt-allow-decrypt"),
            DecryptError::SignedRefused { .. } => Self::new(Code::Refused, what)
                .hint("leave --only-unsigned away to verify the signature instead"),
            DecryptError::LimitExceeded(limit) => Self::new(Code::Refused, what).hint(match limit {
                keyfold::LimitExceeded::FrameLen { .. } => {
                    "--max-frame-length accepts more; it is held in memory"
                }
                keyfold::LimitExceeded::BodyLen { .. } => "--max-body-length accepts more",
                _ => "--max-encrypted-data-keys accepts more; each may cost a call to the key service",
            }),
            DecryptError::Io(error) => Self::io("reading or writing failed", &error),
            _ => Self::new(Code::Other, what),
        }
    }
}

impl From<&NoUsableKey> for Failure {
    /// The key service's own trouble, and a key that it has and does not let be used, count as such: the key may be
    /// usable later.
    fn from(error: &NoUsableKey) -> Self {
        let answers = error.failures.iter().filter_map(|failure| match &failure.error {
            KeyringError::Kms(error) => Some(error),
            _ => None,
        });
        let mut failure = Self::new(Code::NoUsableKey, error.to_string());
        failure.hint = error.failures.iter().find_map(hint_on_wrong_key).map(str::to_owned);
        for answer in answers {
            match answer.kind() {
                ErrorKind::KmsInternal | ErrorKind::DependencyTimeout | ErrorKind::Other => {
                    return Self::from(answer);
                }
                ErrorKind::AccessDenied
                | ErrorKind::InvalidCiphertext
                | ErrorKind::IncorrectKey
                | ErrorKind::NotFound => {}
                kind => {
                    failure.code = Code::KeyService;
                    failure.hint = match kind {
                        ErrorKind::Disabled => Some("keyfold keys enable KEY".to_owned()),
                        ErrorKind::KmsInvalidState => Some(
                            "keyfold keys describe KEY tells its state, cancel-deletion may save it"
                                .to_owned(),
                        ),
                        _ => failure.hint,
                    };
                }
            }
        }
        failure
    }
}

/// What to try when the key that the message names was there and did not open it.
fn hint_on_wrong_key(failure: &FailedUnwrap) -> Option<&'static str> {
    match &failure.error {
        KeyringError::NotAuthentic if failure.keyring.starts_with("raw-rsa") => {
            Some("it may have another --rsa-padding or be for another key of this name, or have been changed")
        }
        KeyringError::NotAuthentic => {
            Some("another key of this name may have encrypted it, or it may have been changed")
        }
        KeyringError::Kms(error) if error.kind() == ErrorKind::InvalidCiphertext => {
            Some("the message may have been changed, for instance its encryption context")
        }
        _ => None,
    }
}

impl From<KmsError> for Failure {
    fn from(error: KmsError) -> Self {
        Self::from(&error)
    }
}

impl From<&KmsError> for Failure {
    /// The service's words, and behind them the cause, which only an embedded service tells, or the number of the
    /// request, by which the log of a service elsewhere has it.
    fn from(error: &KmsError) -> Self {
        let source = error.source();
        let answered = source.and_then(|source| source.downcast_ref::<Answered>());
        let failure = Self::new(
            Code::KeyService,
            match answered {
                Some(answered) => format!("{error} ({answered})"),
                None => with_causes(error),
            },
        );
        let hint = match error.kind() {
            ErrorKind::NotFound
                if answered.is_none()
                    && error.message().is_some_and(|text| text.starts_with("Invalid arn ")) =>
            {
                Some("this program has the keys of its key store, none of AWS")
            }
            ErrorKind::NotFound => Some("keyfold keys list and keyfold aliases list show what there is"),
            ErrorKind::Disabled => Some("keyfold keys enable KEY"),
            ErrorKind::DependencyTimeout => Some("try again"),
            ErrorKind::Other => error.name().map_or_else(
                || source.and_then(|source| source.downcast_ref()).and_then(hint_on_request),
                hint_on_name,
            ),
            _ => None,
        };
        let is_of_all = unanswered(error).is_some();
        Self { hint: hint.map(str::to_owned), is_of_all, ..failure }
    }
}

/// Why a request has no answer of a key service, where another one like it would have none either.
pub(crate) fn unanswered(error: &KmsError) -> Option<&RequestError> {
    let error = error.source()?.downcast_ref()?;
    let is_of_one_request = matches!(error, RequestError::Request(_) | RequestError::TooLong { .. });
    (!is_of_one_request).then_some(error)
}

/// What to try when a request has no answer.
fn hint_on_request(error: &RequestError) -> Option<&'static str> {
    match error {
        RequestError::Connect { .. } => Some("is it running? keyfold serve starts a key service"),
        RequestError::Untrusted { .. } => {
            Some("--ca-bundle FILE, or AWS_CA_BUNDLE, names the CA certificate to trust")
        }
        RequestError::Timeout { .. } | RequestError::Broken { .. } => Some("try again"),
        RequestError::Credentials(error) => hint_on_credentials(error),
        _ => None,
    }
}

/// What to try after an error that is not the key service's own.
fn hint_on_name(name: &str) -> Option<&'static str> {
    match name {
        "UnrecognizedClientException"
        | "InvalidClientTokenId"
        | "InvalidSignatureException"
        | "SignatureDoesNotMatch" => {
            Some("the service does not know this access key, or it has another secret")
        }
        "ExpiredTokenException" | "ExpiredToken" => Some("get new credentials: this session has ended"),
        "ThrottlingException" | "ServiceUnavailableException" => Some("try again"),
        _ => None,
    }
}

fn hint_on_credentials(error: &CredentialsError) -> Option<&'static str> {
    match error {
        CredentialsError::None { .. } => {
            Some("set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or name a profile with --profile")
        }
        CredentialsError::Profile { what: keyfold_client::ProfileFault::Unsupported(_), .. } => {
            Some("credential_process = aws configure export-credentials --profile NAME, in another profile")
        }
        _ => None,
    }
}

impl From<ConfigError> for Failure {
    fn from(error: ConfigError) -> Self {
        let code = match &error {
            ConfigError::File { .. } => Code::Files,
            ConfigError::NoRoots | ConfigError::Tls(_) => Code::Other,
            // As where no instance turns out to have any.
            ConfigError::Credentials(CredentialsError::None { .. }) => Code::KeyService,
            _ => Code::Usage,
        };
        let hint = match &error {
            ConfigError::NoRegion => Some("--region REGION, AWS_REGION, or region in the profile"),
            ConfigError::NotAwsRegion { .. } => {
                Some("--region REGION names another; --endpoint-url URL a key service that is not of AWS")
            }
            ConfigError::NoSuchProfile { .. } => Some("the files are ~/.aws/config and ~/.aws/credentials"),
            ConfigError::Credentials(error) => hint_on_credentials(error),
            _ => None,
        };
        let failure = Self::new(code, with_causes(&error));
        Self { hint: hint.map(str::to_owned), ..failure }
    }
}

/// Text that is not base64, found while reading; travels inside an [`io::Error`].
#[derive(Debug, Clone, Copy)]
pub(crate) struct NotBase64;

impl std::fmt::Display for NotBase64 {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("the input is not base64")
    }
}

impl Error for NotBase64 {}

/// An error and what caused it, in one line.
pub(crate) fn with_causes(error: &dyn Error) -> String {
    let own_text = |error: &(dyn Error + 'static)| match error.downcast_ref::<io::Error>() {
        Some(error) => io_text(error),
        None => error.to_string(),
    };
    let mut text = error.to_string();
    let mut next = error.source();
    while let Some(cause) = next {
        let cause_text = own_text(cause);
        // A transparent error repeats its cause.
        if !text.ends_with(&cause_text) {
            text = format!("{text}: {cause_text}");
        }
        next = cause.source();
    }
    text
}

/// What the system said, without the number that Rust adds.
pub(crate) fn io_text(error: &io::Error) -> String {
    let text = error.to_string();
    match text.split_once(" (os error") {
        Some((text, _)) => text.to_lowercase(),
        None => text,
    }
}
