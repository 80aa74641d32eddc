//! `credential_process`: a command that prints credentials as JSON.
//!
//! The shell runs it, as the Rust, Go and JavaScript SDKs have it; what it says on standard error is for the user. The
//! format is that of the AWS SDKs and Tools Reference Guide, "Process credential provider".

use std::process::Stdio;
use std::time::Duration;

use tokio::io::AsyncReadExt as _;
use tokio::process::Command;
use zeroize::Zeroizing;

use super::document::Document;
use super::{Asking, Credentials};
use crate::error::{Cause, CredentialsError, Place, ProcessFault};

/// The command of a profile.
pub(crate) struct Process {
    pub(super) profile: Box<str>,
    pub(super) command: Zeroizing<String>,
}

impl Process {
    pub(super) async fn fetch(&self, _: &Asking<'_>) -> Result<Credentials, CredentialsError> {
        let fault = |what| CredentialsError::Process { profile: self.profile.clone(), what };
        let output = match tokio::time::timeout(TIMEOUT, self.run()).await {
            Ok(output) => output.map_err(fault)?,
            Err(_) => return Err(fault(ProcessFault::Timeout(TIMEOUT.as_secs()))),
        };
        let document = Document::parse(&output).filter(|document| document.version == Some(1));
        let document = document.ok_or_else(|| fault(ProcessFault::Output))?;
        document.credentials(&Place::Profile(self.profile.clone()))
    }

    /// Runs the command, and gives what it printed.
    async fn run(&self) -> Result<Zeroizing<Vec<u8>>, ProcessFault> {
        let not_run = |error| ProcessFault::NotRun(Cause::new(error));
        let mut command = Command::new("sh");
        command.args(["-c", &self.command]).stdin(Stdio::null()).stdout(Stdio::piped()).kill_on_drop(true);
        let mut child = command.spawn().map_err(not_run)?;
        let mut output = Zeroizing::new(Vec::with_capacity(OUTPUT_LEN_MAX + 1));
        if let Some(stdout) = child.stdout.take() {
            stdout.take(OUTPUT_LEN_MAX as u64 + 1).read_to_end(&mut output).await.map_err(not_run)?;
        }
        if output.len() > OUTPUT_LEN_MAX {
            return Err(ProcessFault::Output);
        }
        let status = child.wait().await.map_err(not_run)?;
        if status.success() { Ok(output) } else { Err(ProcessFault::Failed(status)) }
    }
}

/// A command line can have a secret in it.
impl std::fmt::Debug for Process {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Process(of the profile {})", self.profile)
    }
}

/// A user may have to type something.
const TIMEOUT: Duration = Duration::from_secs(60);
const OUTPUT_LEN_MAX: usize = 64 * 1024;
