//! One JSON line about each message, as the official command line writes it: the same names, shapes and order.
//!
//! Unlike there, a line is written only once the message is whole and every byte of it has verified.

use std::collections::BTreeMap;
use std::fs::{self, File, OpenOptions};
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};

use base64::{Engine as _, engine::general_purpose::STANDARD as BASE64};
use keyfold::EncryptionContext;
use keyfold::message::{Content, Header, Version};
use serde::Serialize;
use serde_json::ser::{Formatter, Serializer};

use crate::console::{answer, shown};
use crate::failure::{Code, Failure};
use crate::files::{Destination, Direction, Identity, Job, Source};

/// Where the lines go.
#[derive(Debug)]
pub(crate) enum MetadataSink {
    Stdout,
    File(MetadataFile),
}

/// A file to append to. It is open before the work begins, so that it can't turn out only then that it can't be.
#[derive(Debug)]
pub(crate) struct MetadataFile {
    path: PathBuf,
    file: File,
    /// It was not there.
    is_new: bool,
}

/// Pairs and keys that were asked for and that the message does not have.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct ContextMismatch {
    pub(crate) missing_keys: Vec<String>,
    pub(crate) missing_pairs: Vec<(String, String)>,
}

impl MetadataSink {
    /// The sink that `--metadata` names. Standard output can be had once only.
    pub(crate) fn new(path: &Path, data_goes_to_stdout: bool) -> Result<Self, Failure> {
        if path.as_os_str() != "-" {
            return MetadataFile::open(path).map(Self::File).map_err(|error| cannot_append(path, &error));
        }
        if data_goes_to_stdout {
            return Err(Failure::usage("data and metadata can't both go to standard output"));
        }
        Ok(Self::Stdout)
    }

    /// Refuses a job that reads or writes the metadata file.
    pub(crate) fn check(&self, job: &Job, input: Option<Identity>) -> Result<(), Failure> {
        let Self::File(MetadataFile { path, .. }) = self else { return Ok(()) };
        let is_output = match &job.destination {
            Destination::File(output) => absolute(output) == absolute(path),
            Destination::Stdout => false,
        };
        if is_output || (input.is_some() && Identity::at(path) == input) {
            return Err(Failure::new(Code::Files, "the metadata file can't be input or output, too"));
        }
        Ok(())
    }

    /// Appends the line about one message.
    pub(crate) fn write(
        &self,
        job: &Job,
        direction: Direction,
        header: &Header,
        mismatch: Option<&ContextMismatch>,
    ) -> Result<(), Failure> {
        let line = line(job, direction, header, mismatch)?;
        match self {
            Self::Stdout => answer(&line),
            Self::File(MetadataFile { path, file, .. }) => {
                // In one piece, so that lines of several processes do not mix.
                let appended = { file }.write_all(format!("{line}\n").as_bytes());
                appended.map_err(|error| match (mismatch, &job.destination) {
                    (None, Destination::File(output)) => Failure::io(
                        &format!("{} is written, but not its metadata to {}", shown(output), shown(path)),
                        &error,
                    ),
                    _ => cannot_append(path, &error),
                })
            }
        }
    }
}

impl MetadataFile {
    fn open(path: &Path) -> io::Result<Self> {
        let open = |is_new| -> io::Result<Self> {
            let file = OpenOptions::new().append(true).create(true).create_new(is_new).open(path)?;
            Ok(Self { path: path.to_owned(), file, is_new })
        };
        match open(true) {
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => open(false),
            opened => opened,
        }
    }
}

impl Drop for MetadataFile {
    /// Takes a new file away again if no message got so far.
    fn drop(&mut self) {
        if self.is_new && self.file.metadata().is_ok_and(|metadata| metadata.len() == 0) {
            let _ = fs::remove_file(&self.path);
        }
    }
}

fn cannot_append(path: &Path, error: &io::Error) -> Failure {
    Failure::io(&format!("can't append metadata to {}", shown(path)), error)
}

impl ContextMismatch {
    /// What of `pairs` and `keys` is not in the header.
    pub(crate) fn find(header: &Header, pairs: &EncryptionContext, keys: &[String]) -> Option<Self> {
        let stored = header.context();
        let missing_pairs = pairs.iter().filter(|(key, value)| stored.get(key) != Some(*value));
        let missing_keys = keys.iter().filter(|key| stored.get(key).is_none());
        let found = Self {
            missing_keys: missing_keys.cloned().collect(),
            missing_pairs: missing_pairs.map(|(key, value)| (key.to_owned(), value.to_owned())).collect(),
        };
        (found != Self::default()).then_some(found)
    }

    pub(crate) fn failure(&self) -> Failure {
        let pairs = self.missing_pairs.iter().map(|(key, value)| format!("{key:?}={value:?}"));
        let keys = self.missing_keys.iter().map(|key| format!("{key:?}"));
        let missing: Vec<String> = pairs.chain(keys).collect();
        let what = format!("its encryption context does not have {}", missing.join(", "));
        Failure::new(Code::Refused, what).hint("keyfold inspect FILE shows what it has")
    }
}

/// Members of all objects stand in alphabetical order.
#[derive(Serialize)]
struct Line<'a> {
    header: HeaderObject<'a>,
    #[serde(skip_serializing_if = "Option::is_none")]
    header_auth: Option<HeaderAuth>,
    input: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    missing_encryption_context_keys: Option<&'a [String]>,
    #[serde(skip_serializing_if = "Option::is_none")]
    missing_encryption_context_pairs: Option<&'a [(String, String)]>,
    mode: &'static str,
    output: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    skipped: Option<bool>,
}

#[derive(Serialize)]
struct HeaderObject<'a> {
    algorithm: &'static str,
    commitment_key: Option<String>,
    content_type: u8,
    encrypted_data_keys: Vec<EncryptedDataKeyObject>,
    encryption_context: BTreeMap<&'a str, &'a str>,
    frame_length: u32,
    header_iv_length: Option<u8>,
    message_id: String,
    r#type: Option<u8>,
    version: &'static str,
}

#[derive(Serialize)]
struct EncryptedDataKeyObject {
    encrypted_data_key: String,
    key_provider: KeyProvider,
}

#[derive(Serialize)]
struct KeyProvider {
    key_info: String,
    provider_id: String,
}

#[derive(Serialize)]
struct HeaderAuth {
    iv: String,
    tag: String,
}

fn line(
    job: &Job,
    direction: Direction,
    header: &Header,
    mismatch: Option<&ContextMismatch>,
) -> Result<String, Failure> {
    let (iv, tag) = header.authentication();
    let line = Line {
        header: HeaderObject::from(header),
        header_auth: (direction == Direction::Decrypt)
            .then(|| HeaderAuth { iv: BASE64.encode(iv), tag: BASE64.encode(tag) }),
        input: match &job.source {
            Source::Stdin => "<stdin>".to_owned(),
            Source::File(path) => absolute(path),
        },
        missing_encryption_context_keys: mismatch.map(|mismatch| &mismatch.missing_keys[..]),
        missing_encryption_context_pairs: mismatch.map(|mismatch| &mismatch.missing_pairs[..]),
        mode: match direction {
            Direction::Encrypt => "encrypt",
            Direction::Decrypt => "decrypt",
        },
        output: match &job.destination {
            Destination::Stdout => "<stdout>".to_owned(),
            Destination::File(path) => absolute(path),
        },
        reason: mismatch.map(|_| "Missing encryption context key or value"),
        skipped: mismatch.map(|_| true),
    };
    let mut text = Vec::new();
    let written = line.serialize(&mut Serializer::with_formatter(&mut text, PythonStyle));
    written.map_err(|error| Failure::new(Code::Other, error.to_string()))?;
    Ok(String::from_utf8_lossy(&text).into_owned())
}

impl<'a> From<&'a Header> for HeaderObject<'a> {
    fn from(header: &'a Header) -> Self {
        let mut edks: Vec<_> = header.encrypted_data_keys().iter().collect();
        edks.sort_by(|a, b| (&a.provider_id, &a.provider_info).cmp(&(&b.provider_id, &b.provider_info)));
        let is_v1 = header.version() == Version::V1;
        let (content_type, frame_length) = match header.content() {
            Content::Framed(length) => (2, length.get()),
            Content::NonFramed => (1, 0),
        };
        Self {
            algorithm: header.suite().name(),
            commitment_key: header.commitment().map(|commitment| BASE64.encode(commitment)),
            content_type,
            encrypted_data_keys: edks
                .into_iter()
                .map(|edk| EncryptedDataKeyObject {
                    encrypted_data_key: BASE64.encode(&edk.ciphertext),
                    key_provider: KeyProvider {
                        key_info: BASE64.encode(&edk.provider_info),
                        provider_id: BASE64.encode(&edk.provider_id),
                    },
                })
                .collect(),
            encryption_context: header.context().iter().collect(),
            frame_length,
            header_iv_length: is_v1.then_some(12),
            message_id: BASE64.encode(header.message_id()),
            r#type: is_v1.then_some(128),
            version: if is_v1 { "1.0" } else { "2.0" },
        }
    }
}

/// Spaces and escapes as Python's `json` has them, so that lines are equal to the byte.
struct PythonStyle;

impl Formatter for PythonStyle {
    fn begin_array_value<W: ?Sized + io::Write>(&mut self, writer: &mut W, first: bool) -> io::Result<()> {
        if first { Ok(()) } else { writer.write_all(b", ") }
    }

    fn begin_object_key<W: ?Sized + io::Write>(&mut self, writer: &mut W, first: bool) -> io::Result<()> {
        if first { Ok(()) } else { writer.write_all(b", ") }
    }

    fn begin_object_value<W: ?Sized + io::Write>(&mut self, writer: &mut W) -> io::Result<()> {
        writer.write_all(b": ")
    }

    fn write_string_fragment<W: ?Sized + io::Write>(
        &mut self,
        writer: &mut W,
        fragment: &str,
    ) -> io::Result<()> {
        for c in fragment.chars() {
            if c.is_ascii() && c != '\x7f' {
                write!(writer, "{c}")?;
                continue;
            }
            for unit in c.encode_utf16(&mut [0; 2]) {
                write!(writer, "\\u{unit:04x}")?;
            }
        }
        Ok(())
    }
}

fn absolute(path: &Path) -> String {
    std::path::absolute(path).unwrap_or_else(|_| path.to_owned()).to_string_lossy().into_owned()
}
