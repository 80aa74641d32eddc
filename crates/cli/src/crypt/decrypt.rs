//! `decrypt`.

use std::io::{self, Read, Write};
use std::process::ExitCode;

use keyfold::message::{Decryptor, Header, HeaderReader, UnverifiedHeader};
use keyfold::{Client, DecryptError, EncryptionContext, Limits, Part};
use pollster::block_on;
use zeroize::Zeroizing;

use super::{BUFFER_LEN, Done, Run, Transform, cannot_write, read};
use crate::args::{DecryptArgs, policy};
use crate::console::Console;
use crate::failure::{Code, Failure};
use crate::files::{Direction, Plan};
use crate::metadata::{ContextMismatch, MetadataSink};
use crate::progress::Progress;
use crate::service::KeyService;
use crate::wrapping::{Attempt, DecryptingKeys};

/// Decrypts the files of `args`. Failures have been reported when it returns.
pub(crate) fn decrypt(
    args: &DecryptArgs,
    service: &KeyService,
    console: Console,
) -> Result<ExitCode, Failure> {
    let plan = Plan::new(&args.files, Direction::Decrypt)?;
    let metadata = args.files.metadata.as_deref();
    let metadata = metadata.map(|path| MetadataSink::new(path, plan.writes_stdout())).transpose()?;
    let transform = Decrypt {
        demand: Demand::new(&args.context)?,
        keys: DecryptingKeys::new(args, service, console)?,
        limits: limits(args),
        reports_mismatch: metadata.is_some(),
        args,
    };
    let run = Run {
        console,
        progress: Progress::new(console),
        files: &args.files,
        encoding: &args.encoding,
        metadata,
        transform,
        is_prepared: false,
    };
    Ok(run.all(&plan))
}

struct Decrypt<'a> {
    args: &'a DecryptArgs,
    demand: Demand,
    keys: DecryptingKeys<'a>,
    limits: Limits,
    /// Whether a message with another context is to be verified all the same, for its metadata.
    reports_mismatch: bool,
}

/// What the encryption context of a message must have.
struct Demand {
    pairs: EncryptionContext,
    keys: Vec<String>,
}

impl Transform for Decrypt<'_> {
    const DIRECTION: Direction = Direction::Decrypt;

    fn prepare(&mut self) -> Result<(), Failure> {
        self.keys.prepare()
    }

    fn transform(&self, input: &mut dyn Read, output: &mut dyn Write) -> Result<Done, Failure> {
        let mut buffer = vec![0; BUFFER_LEN];
        let mut reader = HeaderReader::new(self.limits);
        let (header, mut len, mut start) = loop {
            let len = read(input, &mut buffer)?;
            if len == 0 {
                return Err(DecryptError::Truncated(Part::Header).into());
            }
            let mut rest = &buffer[..len];
            if let Some(header) = reader.push(&mut rest)? {
                break (header, len, len - rest.len());
            }
        };
        let (mut decryptor, mismatch) = self.open(&header)?;
        let mut sink = io::sink();
        let output = if mismatch.is_some() { &mut sink as &mut dyn Write } else { output };
        let mut plaintext = Zeroizing::new(Vec::new());
        while len > 0 {
            decryptor.update(&buffer[start..len], &mut plaintext)?;
            output.write_all(&plaintext).map_err(|error| cannot_write(&error))?;
            plaintext.clear();
            (start, len) = (0, read(input, &mut buffer)?);
        }
        Ok(Done { header: Header::clone(&*decryptor.finish()?), mismatch })
    }
}

impl Decrypt<'_> {
    /// Unwraps the data key and verifies the header; and says whether the message is another than was asked for.
    fn open(&self, header: &UnverifiedHeader) -> Result<(Decryptor, Option<ContextMismatch>), Failure> {
        let Demand { pairs, keys } = &self.demand;
        let mismatch = ContextMismatch::find(header, pairs, keys);
        // A pair that the message does not store may have been authenticated all the same: the keys will tell.
        let is_certain = |mismatch: &ContextMismatch| {
            let differs = |(key, _): &(String, String)| header.context().get(key).is_some();
            !mismatch.missing_keys.is_empty() || mismatch.missing_pairs.iter().any(differs)
        };
        let failure = match mismatch {
            Some(mismatch) if is_certain(&mismatch) => return self.open_mismatched(header, mismatch),
            mismatch => match (self.open_with(header, pairs), mismatch) {
                (Ok(decryptor), _) => return Ok((decryptor, None)),
                (Err(failure), None) => failure,
                (Err(failure), Some(mismatch)) => match failure.code {
                    Code::NoUsableKey | Code::NotAuthentic => return self.open_mismatched(header, mismatch),
                    _ => failure,
                },
            },
        };
        Err(failure)
    }

    /// The message is refused in any case; whether it is authentic matters to the metadata only.
    fn open_mismatched(
        &self,
        header: &UnverifiedHeader,
        mismatch: ContextMismatch,
    ) -> Result<(Decryptor, Option<ContextMismatch>), Failure> {
        if !self.reports_mismatch {
            return Err(mismatch.failure());
        }
        Ok((self.open_with(header, &EncryptionContext::empty())?, Some(mismatch)))
    }

    fn open_with(
        &self,
        header: &UnverifiedHeader,
        demanded: &EncryptionContext,
    ) -> Result<Decryptor, Failure> {
        let mut failure = Failure::new(Code::NoUsableKey, "no key was tried");
        for attempt in self.keys.attempts(header) {
            let opened = self.client(attempt).and_then(|client| {
                block_on(client.decryptor(header.clone(), demanded)).map_err(Failure::from)
            });
            match opened {
                Ok(decryptor) => return Ok(decryptor),
                Err(error) if error.code == Code::NoUsableKey => {
                    failure = error.or_hint(|| self.keys.hint(header))
                }
                Err(error) => {
                    failure = error;
                    break;
                }
            }
        }
        Err(self.keys.with_other_ways(failure))
    }

    fn client(&self, attempt: Attempt) -> Result<Client, Failure> {
        let client = Client::new(self.keys.keyring(attempt)?)
            .commitment_policy(policy(&self.args.commitment_policy))
            .limits(self.limits);
        Ok(if self.args.only_unsigned { client.only_unsigned() } else { client })
    }
}

impl Demand {
    fn new(options: &[String]) -> Result<Self, Failure> {
        let mut demand = Self { pairs: EncryptionContext::empty(), keys: Vec::new() };
        for option in options {
            match option.split_once('=') {
                None => demand.keys.push(option.clone()),
                Some((key, value)) => {
                    if demand.pairs.insert(key, value).is_some() {
                        return Err(Failure::usage(format!("-c {option}: the key {key:?} is there twice")));
                    }
                }
            }
        }
        demand.keys.sort();
        Ok(demand)
    }
}

fn limits(args: &DecryptArgs) -> Limits {
    let mut limits = Limits::default();
    if let Some(count) = args.max_encrypted_data_keys {
        limits.encrypted_data_keys = count;
        // Who accepts more keys accepts the header that they need.
        limits.header_len += usize::from(count) * HEADER_LEN_PER_KEY;
    }
    if let Some(len) = args.max_frame_length {
        limits.frame_len = len;
    }
    if let Some(len) = args.max_body_length {
        limits.body_len = len;
    }
    limits
}

/// Far above what any key provider writes.
const HEADER_LEN_PER_KEY: usize = 2048;
