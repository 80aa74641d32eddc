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
mod inspect;
mod metadata;
mod progress;
mod serve;
mod store;
mod wrapping;

use std::process::ExitCode;

use clap::{CommandFactory as _, Parser as _};

use args::{Cli, Command};
use console::Console;
use failure::Failure;
use store::KeyStore;

fn main() -> ExitCode {
    let cli = Cli::parse();
    let console = Console { quiet: cli.global.quiet, verbose: cli.global.verbose };
    run(&cli, console).unwrap_or_else(|failure| {
        console.failure(None, &failure);
        failure.code.into()
    })
}

/// Performs the command. Failures of single files have been reported and are in the exit code.
fn run(cli: &Cli, console: Console) -> Result<ExitCode, Failure> {
    let store = KeyStore::new(&cli.global);
    match &cli.command {
        Command::Encrypt(args) => return crypt::encrypt(args, &store, console),
        Command::Decrypt(args) => return crypt::decrypt(args, &store, console),
        Command::Inspect(args) => return inspect::inspect(args, console),
        Command::Keys(command) => admin::keys(command, &store, console)?,
        Command::Aliases(command) => admin::aliases(command, &store)?,
        Command::Init(args) => admin::init(args, &store, console)?,
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
