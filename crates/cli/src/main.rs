//! The `keyfold` command line: arguments, files, terminal, exit codes.
//!
//! It adds nothing to the message format (`keyfold`) and nothing to keys (`keyfold-kms`): it is where the two meet
//! the user's files. It is also the only part of Keyfold that prints, reads the environment, or knows where the
//! user's key store is. The reference for users is `docs/cli.md`.

mod admin;
mod args;
mod base64;
mod console;
mod crypt;
mod env;
mod failure;
mod files;
mod init;
mod inspect;
mod lockdown;
mod metadata;
mod progress;
mod recovery;
mod serve;
mod service;
mod store;
mod terminal;
mod wrapping;

use std::process::ExitCode;

use clap::{CommandFactory as _, Parser as _};

use args::{Cli, Command};
use console::Console;
use failure::Failure;
use service::{KeyService, refuse_remote};
use store::KeyStore;

fn main() -> ExitCode {
    let cli = Cli::parse();
    let console = Console { quiet: cli.global.quiet, verbose: cli.global.verbose };
    lockdown::harden_process().and_then(|()| run(&cli, console)).unwrap_or_else(|failure| {
        console.failure(None, &failure);
        failure.code.into()
    })
}

/// Performs the command. Failures of single files have been reported and are in the exit code.
fn run(cli: &Cli, console: Console) -> Result<ExitCode, Failure> {
    if let Some(name) = only_local(&cli.command) {
        refuse_remote(name, &cli.global)?;
    }
    let service = || KeyService::new(&cli.global);
    let store = KeyStore::new(&cli.global);
    match &cli.command {
        Command::Encrypt(args) => return crypt::encrypt(args, &service()?, console),
        Command::Decrypt(args) => return crypt::decrypt(args, &service()?, console),
        Command::Inspect(args) => return inspect::inspect(args, console),
        Command::Keys(command) => admin::keys(command, &service()?, console)?,
        Command::Aliases(command) => admin::aliases(command, &service()?, console)?,
        Command::Init(args) => init::init(args, &store, console)?,
        Command::Recovery(command) => recovery::recovery(command, &store, console)?,
        Command::Serve(args) => serve::serve(args, &cli.global, console)?,
        Command::Principals(command) => admin::principals(command, &store)?,
        Command::Completions { shell } => {
            let mut script = Vec::new();
            clap_complete::generate(*shell, &mut Cli::command(), "keyfold", &mut script);
            console::answer(String::from_utf8_lossy(&script).trim_end())?;
        }
    }
    Ok(ExitCode::SUCCESS)
}

/// The name of a command that is about the key store on this machine and nothing else.
fn only_local(command: &Command) -> Option<&'static str> {
    match command {
        Command::Init(_) => Some("init"),
        Command::Recovery(_) => Some("recovery"),
        Command::Serve(_) => Some("serve"),
        Command::Principals(_) => Some("principals"),
        _ => None,
    }
}
