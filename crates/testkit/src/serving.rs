//! The real binary as a service, for tests and benchmarks of what a client sees.
//!
//! Built on first use with the profile of whoever asks, and listening on a free port of the loopback. Here only its
//! process is handled: what to say to it is the caller's.

use std::fs;
use std::io::{BufRead as _, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::thread::{self, JoinHandle};

use crate::workspace_root;

/// `keyfold serve` in a process of its own, which accepts connections; killed when dropped.
#[derive(Debug)]
pub struct Serving {
    process: Child,
    lines: Vec<String>,
    log: Arc<Mutex<String>>,
    log_reader: Option<JoinHandle<()>>,
}

impl Serving {
    /// `keyfold serve --dev`: makes what is missing in the folder `home`, and a new access key.
    ///
    /// # Panics
    /// Where it does not start.
    #[must_use]
    pub fn dev(home: &Path) -> Self {
        Self::start(home, &["--dev"])
    }

    /// `keyfold serve`, with more arguments of `serve`.
    ///
    /// # Panics
    /// Where it does not start.
    #[must_use]
    pub fn start(home: &Path, arguments: &[&str]) -> Self {
        let mut command = keyfold(home);
        command.args(["serve", "--listen", "127.0.0.1:0"]).args(arguments);
        // There is one such port, and there are many tests.
        if !arguments.contains(&"--dev") && !arguments.contains(&"--admin-listen") {
            command.arg("--no-admin");
        }
        Self::spawn(command)
    }

    /// Any command line that serves: for other environments, listeners and file descriptors.
    ///
    /// # Panics
    /// Where it does not start; with its log.
    #[must_use]
    pub fn spawn(mut command: Command) -> Self {
        let mut process = started(command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn());
        let log = Arc::new(Mutex::new(String::new()));
        let log_reader = process.stderr.take().map(|stderr| {
            let log = Arc::clone(&log);
            // A pipe that nobody empties would stop the server.
            thread::spawn(move || {
                for line in BufReader::new(stderr).lines().map_while(Result::ok) {
                    let mut log = log.lock().unwrap_or_else(PoisonError::into_inner);
                    log.push_str(&line);
                    log.push('\n');
                }
            })
        });
        let stdout = process.stdout.take();
        let mut serving = Self { process, lines: Vec::new(), log, log_reader };
        // What it says is written at once, when connections are accepted.
        for line in stdout.into_iter().flat_map(|stdout| BufReader::new(stdout).lines().map_while(Result::ok))
        {
            serving.lines.push(line);
            if serving.has_said_all() {
                return serving;
            }
        }
        let status = serving.wait();
        panic!("it serves nothing: {status}: {}", serving.log())
    }

    /// Where the API is, such as `https://127.0.0.1:40123`.
    ///
    /// # Panics
    /// Where it did not say so.
    #[must_use]
    pub fn endpoint(&self) -> &str {
        let said = self.lines.iter().find_map(|line| {
            let plain = line.strip_prefix("serving on ").and_then(|rest| rest.split([',', ' ']).next());
            plain.or_else(|| line.strip_prefix("export AWS_ENDPOINT_URL_KMS="))
        });
        let Some(endpoint) = said else { panic!("no endpoint: {:?}", self.lines) };
        endpoint
    }

    /// What `--dev` tells the shell to export.
    pub fn exports(&self) -> impl Iterator<Item = (&str, &str)> {
        self.lines.iter().filter_map(|line| line.strip_prefix("export ")?.split_once('='))
    }

    /// One of the exports.
    ///
    /// # Panics
    /// Where there is no such one.
    #[must_use]
    pub fn export(&self, name: &str) -> &str {
        let found = self.exports().find(|(found, _)| *found == name);
        let Some((_, value)) = found else { panic!("no {name}: {:?}", self.lines) };
        value
    }

    /// All that it printed when it was ready.
    #[must_use]
    pub fn lines(&self) -> &[String] {
        &self.lines
    }

    /// Its log so far.
    #[must_use]
    pub fn log(&self) -> String {
        self.log.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// The id of its process.
    #[must_use]
    pub fn id(&self) -> u32 {
        self.process.id()
    }

    /// The memory that it holds, in KiB (`VmRSS`).
    ///
    /// # Panics
    /// Where the kernel does not say.
    #[must_use]
    #[allow(clippy::disallowed_methods, reason = "a file of the kernel")]
    pub fn resident_kib(&self) -> u64 {
        let status = started(fs::read_to_string(format!("/proc/{}/status", self.id())));
        let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
        let number = line.and_then(|line| line.split_whitespace().next()?.parse().ok());
        let Some(number) = number else { panic!("no VmRSS: {status}") };
        number
    }

    /// Asks it to end (SIGTERM), which it has to do well; gives its log.
    ///
    /// # Panics
    /// If it ends badly.
    #[must_use]
    pub fn end(mut self) -> String {
        self.terminate();
        let status = self.wait();
        let log = self.log();
        assert!(status.success(), "{status}: {log}");
        log
    }

    /// Asks it to end, and does not wait.
    ///
    /// # Panics
    /// If there is no such process any more.
    pub fn terminate(&self) {
        let sent = started(Command::new("kill").args(["-TERM", &self.id().to_string()]).status());
        assert!(sent.success(), "kill: {sent}");
    }

    /// Ends it with no chance to do anything (SIGKILL); gives its log.
    ///
    /// # Panics
    /// Where it can't be killed.
    #[must_use]
    pub fn kill(mut self) -> String {
        started(self.process.kill());
        self.wait();
        self.log()
    }

    /// Waits until it has ended, and its log is complete.
    ///
    /// # Panics
    /// If it can't be waited for.
    pub fn wait(&mut self) -> ExitStatus {
        let status = started(self.process.wait());
        if let Some(reader) = self.log_reader.take() {
            assert!(reader.join().is_ok(), "the log can't be read");
        }
        status
    }

    fn has_said_all(&self) -> bool {
        let said = |start| self.lines.iter().any(|line| line.starts_with(start));
        let has_tls = said("export AWS_ENDPOINT_URL_KMS=https:");
        said("serving on ") || said("export AWS_CA_BUNDLE=") || said("export AWS_DEFAULT_REGION=") && !has_tls
    }
}

impl Drop for Serving {
    fn drop(&mut self) {
        // A test that failed leaves no process behind. Where it has ended already this does nothing.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// `keyfold --home HOME`, ready for a command, in an empty environment.
#[must_use]
pub fn keyfold(home: &Path) -> Command {
    let mut command = Command::new(binary());
    command.env_clear().arg("--home").arg(home);
    command
}

/// The program `keyfold`: the file that `KEYFOLD_TEST_PROGRAM` names, or else built once per run, where cargo does
/// nothing if it is fresh.
///
/// # Panics
/// Where it can't be built.
#[must_use]
#[allow(clippy::disallowed_methods, reason = "which program is tested is for who runs the tests to say")]
pub fn binary() -> &'static Path {
    static BINARY: OnceLock<PathBuf> = OnceLock::new();
    BINARY.get_or_init(|| {
        if let Some(program) = std::env::var_os("KEYFOLD_TEST_PROGRAM") {
            return program.into();
        }
        // target/PROFILE/deps/this-test, target/PROFILE/examples/this-example or target/PROFILE/this-program
        let this = started(std::env::current_exe());
        let is_profile = |path: &&Path| path.ends_with("debug") || path.ends_with("release");
        let Some(profile) = this.ancestors().find(is_profile) else { panic!("{}", this.display()) };
        let mut build = Command::new(env!("CARGO"));
        build.args(["build", "--quiet", "--package", "keyfold-cli"]).current_dir(workspace_root());
        if profile.ends_with("release") {
            build.arg("--release");
        }
        assert!(started(build.status()).success(), "keyfold can't be built");
        profile.join("keyfold")
    })
}

/// A test that meets an unexpected error fails.
fn started<T>(result: std::io::Result<T>) -> T {
    result.unwrap_or_else(|error| panic!("{error}"))
}
