//! The project's one task runner. `cargo xtask check` is what CI runs, step by step, and what to run before a
//! change goes in. It only starts other programs; what they check is written in their own configuration
//! (`Cargo.toml`, `clippy.toml`, `rustfmt.toml`, `deny.toml`).
#![allow(clippy::print_stdout, clippy::print_stderr, reason = "a task runner talks to the terminal")]

mod bench;

use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};

/// The cargo-deny that reads `deny.toml`, installed by `cargo xtask tools`.
const CARGO_DENY_VERSION: &str = "0.20.2";

const USAGE: &str = "\
usage: cargo xtask <task>

  check        everything CI checks; stops at the first step that fails
  bench        whole messages beside their primitives, as ratios (about ten minutes)
  bench-service  `keyfold serve` beside a service that does nothing, as ratios (about seven minutes)
  fuzz [N]     each fuzz target for N seconds (60); needs a nightly toolchain and cargo-fuzz
  advisories   known vulnerabilities alone; fails when the database cannot be fetched
  tools        installs what `check` needs beyond the toolchain (cargo-deny) into target/tools";

/// One program to run: its name in the output, its command line, and what it finds in its environment.
struct Step {
    name: &'static str,
    line: &'static str,
    env: &'static [(&'static str, &'static str)],
}

const CHECK: &[Step] = &[
    Step { name: "tests and doctests", line: "cargo test --workspace", env: &[] },
    Step { name: "formatting", line: "cargo fmt --all --check", env: &[] },
    Step { name: "lints", line: "cargo clippy --workspace --all-targets -- -D warnings", env: &[] },
    Step {
        name: "documentation",
        line: "cargo doc --workspace --no-deps",
        env: &[("RUSTDOCFLAGS", "-D warnings")],
    },
    Step {
        name: "licences, bans and sources",
        line: "cargo-deny --locked check licenses bans sources",
        env: &[],
    },
];

const FETCH_ADVISORIES: Step = Step {
    name: "advisory database",
    line: "cargo-deny --locked fetch db",
    env: &[("GIT_TERMINAL_PROMPT", "0")],
};

const ADVISORIES: Step = Step {
    name: "advisories",
    line: "cargo-deny --locked check advisories",
    env: &[("GIT_TERMINAL_PROMPT", "0")],
};

const BENCH: Step =
    Step { name: "benchmark", line: "cargo bench --package keyfold-testkit --bench messages", env: &[] };

const BENCH_SERVICE: Step = Step {
    name: "benchmark of the service",
    line: "cargo run --release --package keyfold-testkit --bin service_bench",
    env: &[],
};

const FUZZ: Step = Step { name: "fuzzing", line: "cargo +nightly fuzz run", env: &[] };

// Built once and run for a second: compile time counts, speed does not.
const INSTALL_CARGO_DENY: Step = Step {
    name: "cargo-deny",
    line: "cargo install cargo-deny --locked --root target/tools --target-dir target/tools/build --version",
    env: &[
        ("CARGO_PROFILE_RELEASE_OPT_LEVEL", "0"),
        ("CARGO_PROFILE_RELEASE_LTO", "off"),
        ("CARGO_PROFILE_RELEASE_CODEGEN_UNITS", "16"),
        ("CARGO_PROFILE_RELEASE_DEBUG", "0"),
    ],
};

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let result = match arguments[..] {
        ["check"] => check(),
        ["advisories"] => FETCH_ADVISORIES.run().and_then(|()| ADVISORIES.run()),
        ["tools"] => tools(),
        ["bench"] => BENCH.run().and_then(|()| bench::report(root())),
        ["bench-service", ref options @ ..] => BENCH_SERVICE.run_with(&[&["--"], options].concat()),
        ["fuzz"] => fuzz("60"),
        ["fuzz", seconds] => fuzz(seconds),
        ["help" | "-h" | "--help"] => {
            println!("{USAGE}");
            return ExitCode::SUCCESS;
        }
        _ => {
            eprintln!("{USAGE}");
            return ExitCode::from(2);
        }
    };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(problem) => {
            eprintln!("\nxtask: FAILED: {problem}");
            ExitCode::FAILURE
        }
    }
}

fn check() -> Result<(), String> {
    for step in CHECK {
        step.run()?;
    }
    // Being offline is no fault of the tree, so it fails nothing, but it may not pass for a check either.
    match FETCH_ADVISORIES.run() {
        Ok(()) => ADVISORIES.run()?,
        Err(problem) => {
            println!("\nxtask: WARNING: advisories were NOT checked: {problem}");
            println!(
                "xtask: everything else passed; run `cargo xtask advisories` where the network allows it"
            );
            return Ok(());
        }
    }
    println!("\nxtask: everything passed");
    Ok(())
}

/// Runs each target on a corpus of its own, which starts from the seeds in the tree.
fn fuzz(seconds: &str) -> Result<(), String> {
    for target in ["header", "body_stream", "ciphertext_blob"] {
        let corpus = root().join("fuzz/corpus").join(target);
        std::fs::create_dir_all(&corpus).map_err(|error| format!("{}: {error}", corpus.display()))?;
        let (corpus, seeds) = (format!("fuzz/corpus/{target}"), format!("fuzz/seeds/{target}"));
        let limit = format!("-max_total_time={seconds}");
        FUZZ.run_with(&[target, &corpus, &seeds, "--", &limit, "-rss_limit_mb=512", "-timeout=5"])?;
    }
    Ok(())
}

fn tools() -> Result<(), String> {
    let installed = Command::new(program("cargo-deny")).arg("--version").output();
    let version = format!("cargo-deny {CARGO_DENY_VERSION}");
    if installed.is_ok_and(|output| String::from_utf8_lossy(&output.stdout).trim() == version) {
        println!("xtask: {version} is there");
        return Ok(());
    }
    INSTALL_CARGO_DENY.run_with(&[CARGO_DENY_VERSION])?;
    let build = root().join("target/tools/build");
    std::fs::remove_dir_all(&build).map_err(|error| format!("cannot remove {}: {error}", build.display()))
}

impl Step {
    fn run(&self) -> Result<(), String> {
        self.run_with(&[])
    }

    /// Runs the step in the workspace root, its output going where ours goes.
    fn run_with(&self, more: &[&str]) -> Result<(), String> {
        println!("\nxtask: {} ({})", self.name, self.line);
        let mut words = self.line.split_whitespace();
        let name = words.next().unwrap_or_default();
        let status = Command::new(program(name))
            .args(words)
            .args(more)
            .envs(self.env.iter().copied())
            .current_dir(root())
            .status()
            .map_err(|error| {
                format!("{}: cannot run {name}: {error}. Is it installed? `cargo xtask tools`", self.name)
            })?;
        if status.success() { Ok(()) } else { Err(format!("{}: `{}`: {status}", self.name, self.line)) }
    }
}

/// Our own installation of a tool when there is one, else whatever the search path has.
fn program(name: &str) -> PathBuf {
    let own = root().join("target/tools/bin").join(name);
    if own.exists() { own } else { name.into() }
}

fn root() -> &'static Path {
    Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/.."))
}
