//! `inspect`: what a header says, to anyone. It touches no key and no key store, and nothing it shows has been
//! authenticated.
//!
//! The members of the JSON object are an interface: they are added to, and never change their meaning.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::io::Read;
use std::process::ExitCode;

use base64::{Engine as _, engine::general_purpose::STANDARD as BASE64};
use keyfold::message::{Content, Header, HeaderReader, UnverifiedHeader, Version};
use keyfold::{DecryptError, Limits, Part};
use serde::Serialize;

use crate::args::InspectArgs;
use crate::base64::Decoder;
use crate::console::{Console, answer, printable_json};
use crate::failure::{Code, Failure};
use crate::files::Source;

/// Shows the headers of the files of `args`. Failures have been reported when it returns.
pub(crate) fn inspect(args: &InspectArgs, console: Console) -> Result<ExitCode, Failure> {
    let (mut done, mut first_failure) = (0, None);
    for path in &args.files {
        let source = Source::new(path);
        let name = source.shown();
        match header(&source, args.decode) {
            Ok(header) if args.json => answer(&json(&path.to_string_lossy(), &header)?)?,
            Ok(header) => answer(text(&name, &header).trim_end())?,
            Err(failure) => {
                console.failure(Some(&name), &failure);
                first_failure.get_or_insert(failure.code);
                continue;
            }
        }
        done += 1;
    }
    Ok(match first_failure {
        Some(_) if done > 0 => Code::Partial.into(),
        Some(code) => code.into(),
        None => ExitCode::SUCCESS,
    })
}

fn header(source: &Source, decode: bool) -> Result<UnverifiedHeader, Failure> {
    let file = source.open()?.reader;
    let mut input: Box<dyn Read> = if decode { Box::new(Decoder::new(file)) } else { file };
    let mut limits = Limits::default();
    limits.encrypted_data_keys = u16::MAX;
    limits.header_len = HEADER_LEN_MAX;
    limits.frame_len = u64::MAX;
    let mut reader = HeaderReader::new(limits);
    let mut buffer = vec![0; BUFFER_LEN];
    loop {
        let len = input.read(&mut buffer).map_err(|error| Failure::io("can't read it", &error))?;
        if len == 0 {
            return Err(DecryptError::Truncated(Part::Header).into());
        }
        match reader.push(&mut &buffer[..len]) {
            Ok(Some(header)) => return Ok(header),
            Ok(None) => {}
            // No option changes these limits.
            Err(error @ DecryptError::LimitExceeded(_)) => {
                return Err(Failure { hint: None, ..error.into() });
            }
            Err(error) => return Err(error.into()),
        }
    }
}

#[derive(Serialize)]
struct Message<'a> {
    file: &'a str,
    /// Always false: it takes a key to know.
    authenticated: bool,
    version: &'static str,
    suite: SuiteObject,
    message_id: String,
    content_type: &'static str,
    /// `null` without frames.
    frame_length: Option<u32>,
    encryption_context: BTreeMap<&'a str, &'a str>,
    encrypted_data_keys: Vec<EncryptedDataKeyObject<'a>>,
    commitment: Option<String>,
}

#[derive(Serialize)]
struct SuiteObject {
    id: String,
    name: &'static str,
    committing: bool,
    signed: bool,
}

#[derive(Serialize)]
struct EncryptedDataKeyObject<'a> {
    provider_id: &'a str,
    provider_info: String,
    /// Provider and key, for people.
    key: String,
    ciphertext: String,
}

fn json(name: &str, header: &Header) -> Result<String, Failure> {
    let suite = header.suite();
    let message = Message {
        file: name,
        authenticated: false,
        version: version(header),
        suite: SuiteObject {
            id: format!("{:04x}", suite.id()),
            name: suite.name(),
            committing: suite.is_committing(),
            signed: suite.is_signing(),
        },
        message_id: BASE64.encode(header.message_id()),
        content_type: match header.content() {
            Content::Framed(_) => "framed",
            Content::NonFramed => "non-framed",
        },
        frame_length: match header.content() {
            Content::Framed(length) => Some(length.get()),
            Content::NonFramed => None,
        },
        encryption_context: header.context().iter().collect(),
        encrypted_data_keys: header
            .encrypted_data_keys()
            .iter()
            .map(|edk| EncryptedDataKeyObject {
                provider_id: &edk.provider_id,
                provider_info: BASE64.encode(&edk.provider_info),
                key: edk.to_string(),
                ciphertext: BASE64.encode(&edk.ciphertext),
            })
            .collect(),
        commitment: header.commitment().map(|commitment| BASE64.encode(commitment)),
    };
    let json = serde_json::to_string(&message);
    json.map(|json| printable_json(&json)).map_err(|error| Failure::new(Code::Other, error.to_string()))
}

fn text(name: &str, header: &Header) -> String {
    let suite = header.suite();
    let yes_or_no = |yes| if yes { "yes" } else { "no" };
    let mut text = format!("{name}\n");
    let mut line = |label: &str, value: &str| {
        let _ = writeln!(text, "  {label:<20} {value}");
    };
    line("message version", version(header));
    line("suite", &suite.to_string());
    line("key commitment", yes_or_no(suite.is_committing()));
    line("signed", yes_or_no(suite.is_signing()));
    line("message id", &BASE64.encode(header.message_id()));
    match header.content() {
        Content::Framed(length) => line("frame length", &length.get().to_string()),
        Content::NonFramed => line("frame length", "none, the body is in one piece"),
    }
    let mut label = "encryption context";
    for (key, value) in header.context().iter() {
        line(label, &format!("{} = {}", key.escape_debug(), value.escape_debug()));
        label = "";
    }
    if header.context().is_empty() {
        line(label, "empty");
    }
    let mut label = "encrypted data keys";
    for edk in header.encrypted_data_keys() {
        line(label, &edk.to_string());
        label = "";
    }
    line("", "none of this has been authenticated");
    text
}

fn version(header: &Header) -> &'static str {
    match header.version() {
        Version::V1 => "1.0",
        Version::V2 => "2.0",
    }
}

/// Bounds the memory for a header that lies; 65,535 data keys of AWS KMS need less.
const HEADER_LEN_MAX: usize = 64 * 1024 * 1024;
const BUFFER_LEN: usize = 64 * 1024;
