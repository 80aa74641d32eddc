//! `encrypt` and `decrypt`: what the two have in common is how bytes get from one file to another.
//!
//! ```text
//! source → progress → [base64 decoding] → transform → [base64 encoding] → new file, or standard output
//! ```

mod decrypt;
mod encrypt;

pub(crate) use decrypt::decrypt;
pub(crate) use encrypt::encrypt;

use std::io::{self, Read, Seek as _, Write};
use std::path::PathBuf;
use std::process::ExitCode;

use keyfold::message::Header;
use tempfile::{SpooledTempFile, spooled_tempfile_in};

use crate::args::{EncodingArgs, FileArgs};
use crate::base64::{Decoder, Encoder};
use crate::console::{self, Console, shown};
use crate::env;
use crate::failure::{Failure, io_text};
use crate::files::{Destination, Direction, Job, NewFile, Plan, Sourced};
use crate::metadata::{ContextMismatch, MetadataSink};
use crate::progress::Progress;

/// What turns the bytes of one file into those of another.
trait Transform {
    const DIRECTION: Direction;

    /// Gets ready for the first file. If it fails, it would for every file.
    fn prepare(&mut self) -> Result<(), Failure>;

    /// Turns all of `input` into `output`. What was written before an error is not to be used.
    fn transform(&self, input: &mut dyn Read, output: &mut dyn Write) -> Result<Done, Failure>;
}

/// A message that was written, or has been verified.
struct Done {
    header: Header,
    /// The message is authentic, but not the one that was asked for: nothing was written.
    mismatch: Option<ContextMismatch>,
}

/// A command on files, in progress.
struct Run<'a, T> {
    console: Console,
    progress: Progress,
    files: &'a FileArgs,
    encoding: &'a EncodingArgs,
    metadata: Option<MetadataSink>,
    transform: T,
    is_prepared: bool,
}

impl<T: Transform> Run<'_, T> {
    fn all(mut self, plan: &Plan<'_>) -> ExitCode {
        let outcome = plan.run(self.console, |job| self.one(job));
        outcome.code().map_or(ExitCode::SUCCESS, ExitCode::from)
    }

    fn one(&mut self, job: &Job) -> Result<(), Failure> {
        let source = job.source.open()?;
        if let Some(metadata) = &self.metadata {
            metadata.check(job, source.identity)?;
        }
        let done = match &job.destination {
            Destination::File(target) => {
                let mut file = NewFile::create(target, self.files.force, source.identity)?;
                self.prepare()?;
                let mode = source.mode;
                let done = self.through(job, source, file.writer())?;
                self.refuse_mismatch(job, &done)?;
                file.publish(mode)?;
                self.console.detail(&format!("{} -> {}", job.source.shown(), shown(target)));
                done
            }
            Destination::Stdout => {
                self.prepare()?;
                self.to_stdout(job, source)?
            }
        };
        match &self.metadata {
            Some(metadata) => metadata.write(job, T::DIRECTION, &done.header, None),
            None => Ok(()),
        }
    }

    fn prepare(&mut self) -> Result<(), Failure> {
        if !self.is_prepared {
            self.transform.prepare().map_err(Failure::of_all)?;
            self.is_prepared = true;
        }
        Ok(())
    }

    /// An unfinished message can be told from a whole one, so it may go straight out. Plaintext can't: it waits, in
    /// memory or in a file without a name, for its verification.
    fn to_stdout(&self, job: &Job, source: Sourced) -> Result<Done, Failure> {
        let mut stdout = io::stdout().lock();
        if T::DIRECTION == Direction::Encrypt {
            let done = self.through(job, source, &mut stdout)?;
            stdout.flush().map_err(|error| cannot_write(&error))?;
            return Ok(done);
        }
        let mut waiting = Waiting::new();
        let done = self.through(job, source, &mut waiting)?;
        self.refuse_mismatch(job, &done)?;
        let Waiting { mut file, .. } = waiting;
        file.rewind().map_err(|error| Failure::io("can't read the temporary file", &error))?;
        io::copy(&mut file, &mut stdout)
            .and_then(|_| stdout.flush())
            .map_err(|error| console::cannot_write(&error))?;
        Ok(done)
    }

    fn through(&self, job: &Job, source: Sourced, output: &mut dyn Write) -> Result<Done, Failure> {
        let watched = self.progress.watch(source.reader, &job.source.shown(), source.len);
        let mut input: Box<dyn Read + '_> =
            if self.encoding.decode { Box::new(Decoder::new(watched)) } else { Box::new(watched) };
        if !self.encoding.encode {
            return self.transform.transform(&mut input, output);
        }
        let mut encoder = Encoder::new(output);
        let done = self.transform.transform(&mut input, &mut encoder)?;
        encoder.finish().map_err(|error| cannot_write(&error))?;
        Ok(done)
    }

    /// Fails if the message is not the one that was asked for, and says so in the metadata.
    fn refuse_mismatch(&self, job: &Job, done: &Done) -> Result<(), Failure> {
        let Some(mismatch) = &done.mismatch else { return Ok(()) };
        if let Some(metadata) = &self.metadata {
            metadata.write(job, T::DIRECTION, &done.header, Some(mismatch))?;
        }
        Err(mismatch.failure())
    }
}

/// Plaintext that waits. That it can't has nothing to do with where it is to go.
struct Waiting {
    file: SpooledTempFile,
    directory: PathBuf,
}

impl Waiting {
    fn new() -> Self {
        let directory = env::temporary_directory();
        Self { file: spooled_tempfile_in(SPOOLED_IN_MEMORY_LEN_MAX, &directory), directory }
    }
}

impl Write for Waiting {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.file.write(bytes).map_err(|error| {
            let directory = shown(&self.directory);
            let what = format!("the temporary directory {directory} ($TMPDIR): {}", io_text(&error));
            io::Error::new(error.kind(), what)
        })
    }

    fn flush(&mut self) -> io::Result<()> {
        self.file.flush()
    }
}

fn cannot_read(error: &io::Error) -> Failure {
    Failure::io("can't read it", error)
}

/// A pipe can only be standard output.
fn cannot_write(error: &io::Error) -> Failure {
    if error.kind() == io::ErrorKind::BrokenPipe {
        return console::cannot_write(error);
    }
    Failure::io("can't write the output", error)
}

/// Reads what there is, as much as fits. Zero means the end.
fn read(input: &mut dyn Read, buffer: &mut [u8]) -> Result<usize, Failure> {
    loop {
        match input.read(buffer) {
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            read => return read.map_err(|error| cannot_read(&error)),
        }
    }
}

/// How much is read at a time.
const BUFFER_LEN: usize = 256 * 1024;
/// Up to this length, plaintext for standard output waits in memory.
const SPOOLED_IN_MEMORY_LEN_MAX: usize = 1024 * 1024;
