//! Options of `encrypt`, `decrypt` and `inspect`.

use std::path::PathBuf;

use clap::builder::PossibleValuesParser;
use clap::{Args, ValueEnum};
use keyfold::message::FrameLength;
use keyfold::{CommitmentPolicy, Suite};
use keyfold_crypto::ecdh::Curve;
use keyfold_crypto::rsa::RsaPadding;
use keyfold_protocol::{AccountId, Partition};

#[derive(Debug, Args)]
#[command(after_help = "\
Without a key, files are encrypted under alias/default of the key store, which is created if need be. A key service
elsewhere has no default.
Of several keys, each one can decrypt: KMS keys first, then AES, RSA and ECDH keys; the first makes the data key.

Examples:
  keyfold encrypt report.pdf -c project=apollo
  keyfold encrypt -r photos -o backup --aes-key acme/2026=aes.key")]
pub(crate) struct EncryptArgs {
    #[command(flatten)]
    pub(crate) files: FileArgs,
    #[command(flatten)]
    pub(crate) keys: WrappingKeyArgs,
    #[command(flatten)]
    pub(crate) encoding: EncodingArgs,
    /// A pair of the encryption context: shown to everyone, changed by no one; may be repeated
    #[arg(short = 'c', long = "encryption-context", value_name = "KEY=VALUE")]
    pub(crate) context: Vec<String>,
    /// Bytes of plaintext in a frame, 1 to 4294967295 [default: 4096]
    #[arg(long, value_name = "BYTES", value_parser = frame_length, conflicts_with = "non_framed")]
    pub(crate) frame_length: Option<FrameLength>,
    /// Write a message without frames, for readers that know nothing else; the whole file is held in memory
    #[arg(long)]
    pub(crate) non_framed: bool,
    /// Algorithm suite, by id or name, as in 0478 (not signed) or 0578 (signed) [default: 0578]
    #[arg(long, value_name = "SUITE", value_parser = suite)]
    pub(crate) suite: Option<Suite>,
    /// Which suites may be written, and read
    #[arg(long, value_name = "POLICY", value_parser = policies(), default_value = CommitmentPolicy::default().name())]
    pub(crate) commitment_policy: String,
    /// Most encrypted data keys in a message [default: 64]
    #[arg(long, value_name = "COUNT", value_parser = clap::value_parser!(u16).range(1..))]
    pub(crate) max_encrypted_data_keys: Option<u16>,
}

#[derive(Debug, Args)]
#[command(after_help = "\
Without --key, the message says which key of the key store it needs. Raw keys that are given are tried first.
A key service elsewhere is asked for the keys that --key or --discovery-account allow, and for no others.
Plaintext is let out, also to standard output, only when all of the message has been verified.

Examples:
  keyfold decrypt report.pdf.encrypted -c project=apollo
  keyfold decrypt --aes-key acme/2026=aes.key -o - - < report.encrypted | less")]
pub(crate) struct DecryptArgs {
    #[command(flatten)]
    pub(crate) files: FileArgs,
    #[command(flatten)]
    pub(crate) keys: WrappingKeyArgs,
    #[command(flatten)]
    pub(crate) encoding: EncodingArgs,
    /// Decrypt with whatever key of this account a message names, in the Region that is set; for a key service
    /// elsewhere; may be repeated
    #[arg(long, value_name = "ACCOUNT", value_parser = account, conflicts_with = "keys", help_heading = "Keys")]
    pub(crate) discovery_account: Vec<AccountId>,
    /// Partition of those accounts
    #[arg(long, value_name = "PARTITION", value_parser = partition, default_value = "aws", requires = "discovery_account", help_heading = "Keys")]
    pub(crate) discovery_partition: Partition,
    /// A pair that the encryption context must have, or a key that it must have; may be repeated
    #[arg(short = 'c', long = "encryption-context", value_name = "KEY[=VALUE]")]
    pub(crate) context: Vec<String>,
    /// Refuse signed messages, right after their header
    #[arg(long)]
    pub(crate) only_unsigned: bool,
    /// Which suites may be read
    #[arg(long, value_name = "POLICY", value_parser = policies(), default_value = CommitmentPolicy::default().name())]
    pub(crate) commitment_policy: String,
    /// Most encrypted data keys in a message [default: 64]
    #[arg(long, value_name = "COUNT", value_parser = clap::value_parser!(u16).range(1..))]
    pub(crate) max_encrypted_data_keys: Option<u16>,
    /// Most bytes in a frame, or in a body without frames, which are held in memory [default: 67108864]
    #[arg(long, value_name = "BYTES")]
    pub(crate) max_frame_length: Option<u64>,
    /// Most bytes of plaintext in a message [default: unlimited]
    #[arg(long, value_name = "BYTES")]
    pub(crate) max_body_length: Option<u64>,
}

#[derive(Debug, Args)]
#[command(after_help = "\
Nothing that a header says is authenticated before the message is decrypted. The key store is not touched.

Examples:
  keyfold inspect report.pdf.encrypted
  keyfold inspect --json *.encrypted | jq .encryption_context")]
pub(crate) struct InspectArgs {
    /// Files to look at; - is standard input
    #[arg(required = true, value_name = "FILE")]
    pub(crate) files: Vec<PathBuf>,
    /// Print one JSON object per file and line
    #[arg(long)]
    pub(crate) json: bool,
    /// The input is base64
    #[arg(long)]
    pub(crate) decode: bool,
}

/// Which files, and where to.
#[derive(Debug, Args)]
pub(crate) struct FileArgs {
    /// Files, globs, directories with -r; - is standard input
    #[arg(required = true, value_name = "FILE")]
    pub(crate) inputs: Vec<PathBuf>,
    /// Where to write: a file, a directory, or - for standard output [default: beside each file]
    #[arg(short, long, value_name = "FILE|DIR|-")]
    pub(crate) output: Option<PathBuf>,
    /// Take the files of directories, in all their depth
    #[arg(short, long)]
    pub(crate) recursive: bool,
    /// Replace files that exist
    #[arg(short, long)]
    pub(crate) force: bool,
    /// What the names of encrypted files end with; may be empty if -o is given
    #[arg(long, value_name = "SUFFIX", default_value = ".encrypted")]
    pub(crate) suffix: String,
    /// Append one JSON line about each message, when it is whole and verified; - is standard output
    #[arg(long, value_name = "FILE|-")]
    pub(crate) metadata: Option<PathBuf>,
}

/// Text instead of bytes.
#[derive(Debug, Args)]
pub(crate) struct EncodingArgs {
    /// Write base64
    #[arg(long)]
    pub(crate) encode: bool,
    /// Read base64; white space in it is skipped
    #[arg(long)]
    pub(crate) decode: bool,
}

/// The keys that wrap data keys.
#[derive(Debug, Args)]
pub(crate) struct WrappingKeyArgs {
    /// KMS key, by key id, key ARN, alias name or alias ARN; may be repeated
    #[arg(long = "key", value_name = "KEY", help_heading = "Keys")]
    pub(crate) keys: Vec<String>,
    /// AES key from a file: its 16, 24 or 32 bytes, or those in hexadecimal or base64; may be repeated
    #[arg(long, value_name = "NAMESPACE/NAME=FILE", help_heading = "Keys")]
    pub(crate) aes_key: Vec<String>,
    /// RSA public key, to encrypt; may be repeated
    #[arg(long, value_name = "NAMESPACE/NAME=PEM", help_heading = "Keys")]
    pub(crate) rsa_public: Vec<String>,
    /// RSA private key, to decrypt; may be repeated
    #[arg(long, value_name = "NAMESPACE/NAME=PEM", help_heading = "Keys")]
    pub(crate) rsa_private: Vec<String>,
    /// Padding of all RSA keys
    #[arg(long, value_enum, default_value_t = RsaPaddingArg::OaepSha256, help_heading = "Keys")]
    pub(crate) rsa_padding: RsaPaddingArg,
    /// My ECDH private key: to decrypt what was sent to it, or, with --ecdh-public, for both directions
    #[arg(long, value_name = "PEM", help_heading = "Keys")]
    pub(crate) ecdh_private: Option<PathBuf>,
    /// The other party's ECDH public key: to encrypt to it, from a fresh key unless --ecdh-private is given
    #[arg(long, value_name = "PEM", help_heading = "Keys")]
    pub(crate) ecdh_public: Option<PathBuf>,
    /// Curve of the ECDH keys [default: found out from them]
    #[arg(long, value_enum, help_heading = "Keys")]
    pub(crate) ecdh_curve: Option<CurveArg>,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
pub(crate) enum RsaPaddingArg {
    Pkcs1,
    OaepSha1,
    OaepSha256,
    OaepSha384,
    OaepSha512,
}

impl From<RsaPaddingArg> for RsaPadding {
    fn from(padding: RsaPaddingArg) -> Self {
        match padding {
            RsaPaddingArg::Pkcs1 => Self::Pkcs1,
            RsaPaddingArg::OaepSha1 => Self::OaepSha1,
            RsaPaddingArg::OaepSha256 => Self::OaepSha256,
            RsaPaddingArg::OaepSha384 => Self::OaepSha384,
            RsaPaddingArg::OaepSha512 => Self::OaepSha512,
        }
    }
}

#[derive(Debug, Clone, Copy, ValueEnum)]
pub(crate) enum CurveArg {
    P256,
    P384,
    P521,
}

impl From<CurveArg> for Curve {
    fn from(curve: CurveArg) -> Self {
        match curve {
            CurveArg::P256 => Self::P256,
            CurveArg::P384 => Self::P384,
            CurveArg::P521 => Self::P521,
        }
    }
}

/// The policy of this name, which the parser has checked.
pub(crate) fn policy(name: &str) -> CommitmentPolicy {
    CommitmentPolicy::ALL.into_iter().find(|policy| policy.name() == name).unwrap_or_default()
}

fn account(text: &str) -> Result<AccountId, String> {
    text.parse().map_err(|_| "an account has 12 digits".to_owned())
}

fn partition(text: &str) -> Result<Partition, String> {
    text.parse().map_err(|_| "a partition is aws, aws-cn, aws-us-gov or the like".to_owned())
}

fn policies() -> PossibleValuesParser {
    PossibleValuesParser::new(CommitmentPolicy::ALL.map(CommitmentPolicy::name))
}

fn frame_length(text: &str) -> Result<FrameLength, String> {
    let len: u32 = text.parse().map_err(|_| "a frame has 1 to 4294967295 bytes".to_owned())?;
    FrameLength::new(len).ok_or_else(|| "a frame has at least 1 byte; see --non-framed".to_owned())
}

fn suite(text: &str) -> Result<Suite, String> {
    let id = text.strip_prefix("0x").or_else(|| text.strip_prefix("0X")).unwrap_or(text);
    Suite::from_name(id).ok_or_else(|| {
        let known: Vec<String> = Suite::ALL.iter().map(|suite| format!("\n  {suite}")).collect();
        format!("there is no such suite; these are:{}", known.concat())
    })
}
