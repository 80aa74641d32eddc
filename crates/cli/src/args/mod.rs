//! The command line: commands, options, help. What options mean is decided where they are used.

mod admin;
mod crypt;
mod principals;
mod remote;
mod serve;

use std::path::PathBuf;

use clap::builder::Styles;
use clap::{Args, Parser, Subcommand};
use clap_complete::Shell;

pub(crate) use admin::{AliasesCommand, InitArgs, KeysCommand, RecoveryCommand};
pub(crate) use crypt::{
    DecryptArgs, EncodingArgs, EncryptArgs, FileArgs, InspectArgs, WrappingKeyArgs, policy,
};
pub(crate) use principals::{AccountArgs, IdentityArgs, PrincipalsCommand, RoleArgs, UserArgs};
pub(crate) use remote::RemoteArgs;
pub(crate) use serve::{ADMIN_LISTEN, LogForm, ServeArgs, TlsVersion};

use crate::failure::CODES_HELP;

/// Envelope encryption of files, in the message format of the AWS Encryption SDK.
///
/// With nothing configured, keys are kept in a key store on this machine, which `encrypt` creates when it is
/// first used. With --endpoint-url or --aws they are in a key service elsewhere.
#[derive(Debug, Parser)]
#[command(
    name = "keyfold",
    version,
    styles = Styles::plain(),
    subcommand_required = true,
    arg_required_else_help = true,
    infer_long_args = false,
    after_help = format!("{CODES_HELP}\n\n{EXAMPLES}"),
)]
pub(crate) struct Cli {
    #[command(flatten)]
    pub(crate) global: GlobalArgs,
    #[command(subcommand)]
    pub(crate) command: Command,
}

const EXAMPLES: &str = "\
Examples:
  keyfold encrypt report.pdf              writes report.pdf.encrypted
  keyfold decrypt report.pdf.encrypted    brings report.pdf back";

/// Options of every command.
#[derive(Debug, Args)]
pub(crate) struct GlobalArgs {
    /// Directory of the key store [environment: KEYFOLD_HOME] [default: $XDG_DATA_HOME/keyfold, else
    /// ~/.local/share/keyfold]
    #[arg(long, value_name = "DIR", global = true, help_heading = "Global options")]
    pub(crate) home: Option<PathBuf>,
    /// File whose first line is the passphrase of the key store, if it has one [environment:
    /// KEYFOLD_PASSPHRASE_FILE] [default: ask on the terminal]
    #[arg(long, value_name = "FILE", global = true, help_heading = "Global options")]
    pub(crate) passphrase_file: Option<PathBuf>,
    /// Say nothing but errors and that a key store was created, and show no progress
    #[arg(short, long, global = true, help_heading = "Global options")]
    pub(crate) quiet: bool,
    /// Say what is done
    #[arg(short, long, global = true, conflicts_with = "quiet", help_heading = "Global options")]
    pub(crate) verbose: bool,
    #[command(flatten)]
    pub(crate) remote: RemoteArgs,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Encrypt files
    Encrypt(EncryptArgs),
    /// Decrypt files
    Decrypt(DecryptArgs),
    /// Show what the header of a message says, without any key
    Inspect(InspectArgs),
    /// Create and administer keys
    #[command(subcommand, arg_required_else_help = true, after_help = KEYS_EXAMPLES)]
    Keys(KeysCommand),
    /// Give keys names
    #[command(subcommand, arg_required_else_help = true, after_help = ALIASES_EXAMPLES)]
    Aliases(AliasesCommand),
    /// Create the key store
    Init(InitArgs),
    /// Make and use recovery shares: paper that opens the key store when its root of trust is lost
    #[command(subcommand, arg_required_else_help = true, after_help = RECOVERY_EXAMPLES)]
    Recovery(RecoveryCommand),
    /// Run the key service, for AWS SDKs to use
    Serve(ServeArgs),
    /// Administer who may use the key service
    #[command(subcommand, arg_required_else_help = true, after_help = PRINCIPALS_EXAMPLES)]
    Principals(PrincipalsCommand),
    /// Print a completion script for a shell
    #[command(after_help = COMPLETIONS_EXAMPLES)]
    Completions {
        /// The shell
        shell: Shell,
    },
}

const KEYS_EXAMPLES: &str = "\
Examples:
  keyfold keys create --alias alias/backup
  keyfold keys list";

const ALIASES_EXAMPLES: &str = "\
Examples:
  keyfold aliases create alias/backup 1234abcd-12ab-34cd-56ef-1234567890ab
  keyfold aliases list";

const RECOVERY_EXAMPLES: &str = "\
Examples:
  keyfold recovery create
  keyfold recovery restore";

const PRINCIPALS_EXAMPLES: &str = "\
Examples:
  keyfold principals create-user alice
  keyfold principals create-access-key alice";

const COMPLETIONS_EXAMPLES: &str = "\
Examples:
  mkdir -p ~/.local/share/bash-completion/completions
  keyfold completions bash > ~/.local/share/bash-completion/completions/keyfold
  mkdir -p ~/.zfunc
  keyfold completions zsh > ~/.zfunc/_keyfold

zsh looks there if ~/.zshrc has, before compinit: fpath+=(~/.zfunc)";
