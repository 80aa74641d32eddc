//! From the command line's files to jobs: globs, directories, and the name of each output.
//!
//! Jobs come one at a time, so a tree of any size needs the memory of its largest directory. The listing of a
//! directory is read before its first file is processed: what is written beside the files is not taken for one.

use std::collections::HashSet;
use std::ffi::{OsStr, OsString};
use std::fs;
use std::os::unix::ffi::{OsStrExt as _, OsStringExt as _};
use std::path::{Path, PathBuf};

use walkdir::{DirEntry, WalkDir};

use super::output::mirror_directories;
use super::{Identity, Source, directory_of, glob};
use crate::args::FileArgs;
use crate::console::{Console, shown};
use crate::failure::{Code, Failure};

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Direction {
    Encrypt,
    Decrypt,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Destination {
    Stdout,
    File(PathBuf),
}

/// One input and its output.
#[derive(Debug)]
pub(crate) struct Job {
    pub(crate) source: Source,
    pub(crate) destination: Destination,
}

/// What became of the jobs.
#[derive(Debug, Default)]
pub(crate) struct Outcome {
    done: u64,
    failed: u64,
    first_failure: Option<Code>,
    /// What ended the run early.
    stopped_by: Option<Code>,
}

/// What a command is to do with which files.
#[derive(Debug)]
pub(crate) struct Plan<'a> {
    direction: Direction,
    suffix: &'a OsStr,
    recursive: bool,
    inputs: Vec<PathBuf>,
    metadata: Option<&'a Path>,
    placement: Placement,
}

#[derive(Debug)]
enum Placement {
    Stdout,
    Beside,
    File(PathBuf),
    Directory(PathBuf),
}

impl Outcome {
    /// `None` if all went well.
    pub(crate) fn code(&self) -> Option<Code> {
        let partial = (self.done > 0 && self.failed > 0).then_some(Code::Partial);
        self.stopped_by.or(partial).or(self.first_failure)
    }

    fn record(&mut self, result: Result<(), Failure>, subject: &str, console: Console) {
        match result {
            Ok(()) => self.done += 1,
            Err(failure) if failure.is_of_all => {
                self.stopped_by = Some(failure.code);
                console.failure(None, &failure);
            }
            Err(failure) => {
                self.failed += 1;
                self.first_failure.get_or_insert(failure.code);
                console.failure(Some(subject), &failure);
            }
        }
    }
}

impl<'a> Plan<'a> {
    pub(crate) fn new(args: &'a FileArgs, direction: Direction) -> Result<Self, Failure> {
        let inputs = expand(&args.inputs);
        let has_directory = inputs.iter().any(|input| input.is_dir());
        let several = inputs.len() > 1 || (has_directory && args.recursive);
        if several && inputs.iter().any(|input| input == "-") {
            return Err(Failure::usage("standard input goes alone"));
        }
        let placement = placement(args, &inputs, several)?;
        if args.suffix.is_empty() && matches!(placement, Placement::Beside) {
            return Err(Failure::usage("without a suffix, input and output would be the same file")
                .hint("name another place with -o"));
        }
        if args.suffix.contains('/') {
            return Err(Failure::usage("a suffix has no / in it"));
        }
        let suffix = OsStr::new(&args.suffix);
        let metadata = args.metadata.as_deref();
        Ok(Self { direction, suffix, recursive: args.recursive, inputs, metadata, placement })
    }

    /// Whether data goes to standard output.
    pub(crate) fn writes_stdout(&self) -> bool {
        matches!(self.placement, Placement::Stdout)
    }

    /// Does all jobs, reports those that fail, and says how it went.
    pub(crate) fn run(
        &self,
        console: Console,
        mut process: impl FnMut(&Job) -> Result<(), Failure>,
    ) -> Outcome {
        let mut outcome = Outcome::default();
        let mut taken = HashSet::new();
        for input in &self.inputs {
            if outcome.stopped_by.is_some() {
                break;
            }
            if self.recursive && input.is_dir() {
                self.walk(input, console, &mut taken, &mut outcome, &mut process);
                continue;
            }
            let source = Source::new(input);
            let subject = source.shown();
            // What it is goes before what it is called.
            let destination = source.check().and_then(|()| self.destination(&source, None));
            let result = destination.and_then(|destination| {
                let job = Job { source, destination };
                self.claim(&mut taken, &job)?;
                process(&job)
            });
            outcome.record(result, &subject, console);
        }
        outcome
    }

    fn walk(
        &self,
        root: &Path,
        console: Console,
        taken: &mut HashSet<PathBuf>,
        outcome: &mut Outcome,
        process: &mut impl FnMut(&Job) -> Result<(), Failure>,
    ) {
        // An output directory inside the tree is not part of the input.
        let output = match &self.placement {
            Placement::Directory(output) => {
                Identity::at(output).filter(|output| Some(*output) != Identity::at(root))
            }
            _ => None,
        };
        // Nor is the file that the metadata goes to.
        let metadata = self.metadata.and_then(Identity::at);
        let is_output = |entry: &DirEntry| {
            let it = if entry.file_type().is_dir() { output } else { metadata };
            it.is_some() && Identity::at(entry.path()) == it
        };
        let mut skipped: u64 = 0;
        for entry in
            WalkDir::new(root).sort_by_file_name().into_iter().filter_entry(|entry| !is_output(entry))
        {
            let entry = match entry {
                Ok(entry) => entry,
                Err(error) => {
                    let subject = error.path().map_or_else(|| shown(root), shown);
                    let failure = Failure::new(Code::Files, "can't read the directory");
                    let failure = match error.io_error() {
                        Some(error) => Failure::io("can't read it", error),
                        None => failure,
                    };
                    outcome.record(Err(failure), &subject, console);
                    continue;
                }
            };
            // The input itself may be a link to its directory.
            if entry.file_type().is_dir() || entry.depth() == 0 {
                continue;
            }
            if !entry.file_type().is_file() {
                console.note(&format!("{}: skipped, it is not a regular file", shown(entry.path())));
                continue;
            }
            if self.skips(entry.file_name()) {
                skipped += 1;
                console.detail(&format!("{}: skipped for its name", shown(entry.path())));
                continue;
            }
            let result = self.process_entry(root, entry.path(), taken, process);
            outcome.record(result, &shown(entry.path()), console);
            if outcome.stopped_by.is_some() {
                return;
            }
        }
        if skipped > 0 {
            let (files, suffix) =
                (if skipped == 1 { "file" } else { "files" }, self.suffix.to_string_lossy());
            let (root, not) =
                (shown(root), if self.direction == Direction::Decrypt { "does not end" } else { "ends" });
            console.note(&format!("{root}: skipped {skipped} {files} whose name {not} with {suffix}"));
        }
    }

    fn process_entry(
        &self,
        root: &Path,
        path: &Path,
        taken: &mut HashSet<PathBuf>,
        process: &mut impl FnMut(&Job) -> Result<(), Failure>,
    ) -> Result<(), Failure> {
        let source = Source::File(path.to_owned());
        let destination = self.destination(&source, Some(root))?;
        let job = Job { source, destination };
        self.claim(taken, &job)?;
        let made = match &job.destination {
            Destination::File(target) => mirror_directories(directory_of(target), directory_of(path))
                .map_err(|error| {
                    Failure::io(&format!("can't make the directory {}", shown(directory_of(target))), &error)
                })?,
            Destination::Stdout => Vec::new(),
        };
        process(&job).inspect_err(|_| {
            // Those that hold other files stay, since they can't be removed.
            for directory in &made {
                let _ = fs::remove_dir(directory);
            }
        })
    }

    /// Two inputs of one run must not write one file, not even with `--force`.
    fn claim(&self, taken: &mut HashSet<PathBuf>, job: &Job) -> Result<(), Failure> {
        match &job.destination {
            Destination::File(target) if self.inputs.len() > 1 && !taken.insert(target.clone()) => {
                let what = format!("{} has just been written for another input", shown(target));
                Err(Failure::new(Code::Files, what))
            }
            _ => Ok(()),
        }
    }

    /// Files of a tree that are not meant: encrypted ones when encrypting in place, others when decrypting.
    fn skips(&self, name: &OsStr) -> bool {
        let has_suffix = name.as_bytes().ends_with(self.suffix.as_bytes());
        match self.direction {
            Direction::Encrypt => has_suffix && matches!(self.placement, Placement::Beside),
            Direction::Decrypt => !has_suffix,
        }
    }

    fn destination(&self, source: &Source, root: Option<&Path>) -> Result<Destination, Failure> {
        let path = match (&self.placement, source) {
            (Placement::Stdout, _) => return Ok(Destination::Stdout),
            (Placement::File(output), _) => return Ok(Destination::File(output.clone())),
            (_, Source::Stdin) => {
                return Err(
                    Failure::usage("standard input has no name to make one from").hint("-o FILE, or -o -")
                );
            }
            (_, Source::File(path)) => path,
        };
        let name = path.file_name().ok_or_else(|| Failure::usage("is not a file name"))?;
        let name = self.output_name(name)?;
        Ok(Destination::File(match (&self.placement, root) {
            (Placement::Directory(output), Some(root)) => {
                output.join(path.strip_prefix(root).unwrap_or(path)).with_file_name(name)
            }
            (Placement::Directory(output), None) => output.join(name),
            _ => path.with_file_name(name),
        }))
    }

    fn output_name(&self, name: &OsStr) -> Result<OsString, Failure> {
        let (name, suffix) = (name.as_bytes(), self.suffix.as_bytes());
        match self.direction {
            Direction::Encrypt => Ok(OsString::from_vec([name, suffix].concat())),
            Direction::Decrypt => match name.strip_suffix(suffix) {
                Some(stem) if !stem.is_empty() => Ok(OsStr::from_bytes(stem).to_owned()),
                _ => Err(Failure::usage(format!(
                    "its name does not end with {}",
                    self.suffix.to_string_lossy()
                ))
                .hint("name the output with -o FILE, or the ending with --suffix")),
            },
        }
    }
}

fn placement(args: &FileArgs, inputs: &[PathBuf], several: bool) -> Result<Placement, Failure> {
    let Some(output) = &args.output else {
        let is_stdin = inputs.iter().any(|input| input == "-");
        return Ok(if is_stdin { Placement::Stdout } else { Placement::Beside });
    };
    if output == "-" {
        return if several {
            Err(Failure::usage("several files can't go to standard output"))
        } else {
            Ok(Placement::Stdout)
        };
    }
    let named_directory = output.as_os_str().as_bytes().ends_with(b"/");
    if output.is_dir() {
        return Ok(Placement::Directory(output.clone()));
    }
    if several && args.recursive {
        return Ok(Placement::Directory(output.clone()));
    }
    if several || named_directory {
        let what = format!("{} is not a directory", shown(output));
        return Err(Failure::usage(what).hint(match several {
            true => "several files need a directory that exists",
            false => "what ends with / is a directory, and has to exist: mkdir makes it",
        }));
    }
    Ok(Placement::File(output.clone()))
}

/// Replaces patterns that the shell left alone by what they match. What matches nothing stays, and fails as a file
/// that is not there.
fn expand(inputs: &[PathBuf]) -> Vec<PathBuf> {
    let expand_one = |input: &PathBuf| {
        let is_left = glob::is_pattern(input) && fs::symlink_metadata(input).is_err();
        let matches = if is_left { glob::matches(input) } else { Vec::new() };
        if matches.is_empty() { vec![input.clone()] } else { matches }
    };
    inputs.iter().flat_map(expand_one).collect()
}
