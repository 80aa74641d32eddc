//! `encrypt`.

use std::io::{self, IsTerminal as _, Read, Write};
use std::process::ExitCode;

use keyfold::message::Encryptor;
use keyfold::{Client, EncryptError, EncryptionContext, Limits};
use pollster::block_on;
use zeroize::Zeroizing;

use super::{BUFFER_LEN, Done, Run, Transform, cannot_write, read};
use crate::args::{EncryptArgs, policy};
use crate::console::Console;
use crate::failure::{Code, Failure};
use crate::files::{Direction, Plan};
use crate::metadata::MetadataSink;
use crate::progress::Progress;
use crate::service::KeyService;
use crate::wrapping::EncryptingKeys;

/// Encrypts the files of `args`. Failures have been reported when it returns.
pub(crate) fn encrypt(
    args: &EncryptArgs,
    service: &KeyService,
    console: Console,
) -> Result<ExitCode, Failure> {
    let plan = Plan::new(&args.files, Direction::Encrypt)?;
    if plan.writes_stdout()
        && args.files.output.is_none()
        && !args.encoding.encode
        && io::stdout().is_terminal()
    {
        return Err(Failure::usage("a message is not text for a terminal")
            .hint("-o FILE writes it to a file, --encode makes it text, -o - insists"));
    }
    let metadata = args.files.metadata.as_deref();
    let metadata = metadata.map(|path| MetadataSink::new(path, plan.writes_stdout())).transpose()?;
    let transform = Encrypt {
        args,
        service,
        console,
        context: context(&args.context)?,
        keys: EncryptingKeys::new(&args.keys, service)?,
        client: None,
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

struct Encrypt<'a> {
    args: &'a EncryptArgs,
    service: &'a KeyService,
    console: Console,
    context: EncryptionContext,
    keys: EncryptingKeys<'a>,
    client: Option<Client>,
}

impl Transform for Encrypt<'_> {
    const DIRECTION: Direction = Direction::Encrypt;

    fn prepare(&mut self) -> Result<(), Failure> {
        let policy = policy(&self.args.commitment_policy);
        if let Some(suite) = self.args.suite.filter(|suite| !policy.allows_encrypt(*suite)) {
            // Before a store is made for nothing.
            return Err(EncryptError::SuiteRefused { policy, suite }.into());
        }
        let keyring = self.keys.keyring(self.service, self.console)?;
        let mut limits = Limits::default();
        if let Some(count) = self.args.max_encrypted_data_keys {
            limits.encrypted_data_keys = count;
        }
        let mut client = Client::new(keyring).commitment_policy(policy).limits(limits);
        if let Some(suite) = self.args.suite {
            client = client.suite(suite);
        }
        if let Some(frame_length) = self.args.frame_length {
            let (len, len_max) = (u64::from(frame_length.get()), Limits::default().frame_len);
            if len > len_max {
                self.console.note(&format!(
                    "frames longer than {len_max} bytes are refused unless decrypted with --max-frame-length {len}"
                ));
            }
            client = client.frame_length(frame_length);
        }
        if self.args.non_framed {
            client = client.non_framed();
        }
        self.client = Some(client);
        Ok(())
    }

    fn transform(&self, input: &mut dyn Read, output: &mut dyn Write) -> Result<Done, Failure> {
        let client = self.client.as_ref().ok_or_else(|| Failure::new(Code::Other, "not prepared"))?;
        let mut message = Vec::new();
        // What fails here are keys and settings, not this file.
        let encryptor = block_on(client.encryptor(&self.context, &mut message));
        let mut encryptor: Encryptor = encryptor.map_err(|error| Failure::from(error).of_all())?;
        let mut plaintext = Zeroizing::new(vec![0; BUFFER_LEN]);
        let mut plaintext_len: u64 = 0;
        loop {
            output.write_all(&message).map_err(|error| cannot_write(&error))?;
            message.clear();
            match read(input, &mut plaintext)? {
                0 => break,
                len => {
                    plaintext_len += len as u64;
                    encryptor.update(&plaintext[..len], &mut message)?;
                }
            }
        }
        let header = encryptor.finish(&mut message)?;
        output.write_all(&message).map_err(|error| cannot_write(&error))?;
        if self.args.non_framed && plaintext_len > Limits::default().frame_len {
            let option = format!("--max-frame-length {plaintext_len}");
            self.console.note(&format!("a message this long without frames is decrypted with {option}"));
        }
        Ok(Done { header, mismatch: None })
    }
}

fn context(options: &[String]) -> Result<EncryptionContext, Failure> {
    let mut context = EncryptionContext::empty();
    for option in options {
        let Some((key, value)) = option.split_once('=') else {
            return Err(Failure::usage(format!("-c {option}: it must look like KEY=VALUE")));
        };
        if context.insert(key, value).is_some() {
            return Err(Failure::usage(format!("-c {option}: the key {key:?} is there twice")));
        }
    }
    Ok(context)
}
