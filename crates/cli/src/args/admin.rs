//! Options of `keys`, `aliases`, `init` and `recovery`.

use std::path::PathBuf;

use clap::{Args, Subcommand};

#[derive(Debug, Args)]
#[command(after_help = "\
Made are the store, its root of trust, the key alias/default, a CA and a certificate for `keyfold serve`, and the
user admin, whose access key is shown now and never again. What is there already is left as it is.
Losing the root of trust loses every key. So first, on a terminal, five recovery shares are shown to be written down,
any three of which open the store again, and three have to be typed back. Without a terminal no share is made, and it
is said so.

Examples:
  keyfold init
  keyfold init --passphrase --home /srv/keys --host-name keys.example.org")]
pub(crate) struct InitArgs {
    /// Seal the store with a passphrase, asked for on the terminal, instead of a key file beside it;
    /// --passphrase-file implies it
    #[arg(long)]
    pub(crate) passphrase: bool,
    /// Name or address of this machine for the certificate, beside localhost; may be repeated
    #[arg(long, value_name = "NAME")]
    pub(crate) host_name: Vec<String>,
    /// Write the recovery shares to files in this directory, which is made; they are not sealed
    #[arg(long, value_name = "DIR")]
    pub(crate) recovery_out: Option<PathBuf>,
    /// Make no recovery shares now
    #[arg(long, conflicts_with = "recovery_out")]
    pub(crate) no_recovery: bool,
}

#[derive(Debug, Subcommand)]
pub(crate) enum RecoveryCommand {
    /// Make a new set of five recovery shares; earlier sets stay good
    #[command(after_help = "\
The shares are shown on the terminal one at a time, and three have to be typed back.

Examples:
  keyfold recovery create
  keyfold recovery create --out /media/stick --home /srv/keys")]
    Create {
        /// Write them to files in this directory instead, which is made; they are not sealed
        #[arg(long, value_name = "DIR")]
        out: Option<PathBuf>,
    },
    /// Prove that recovery shares open the key store, as they will have to when its root of trust is lost
    #[command(after_help = "\
Examples:
  keyfold recovery check
  keyfold recovery check share-1.txt share-2.txt share-5.txt")]
    Check {
        /// Files with one share each [default: ask on the terminal]
        #[arg(value_name = "FILE")]
        files: Vec<PathBuf>,
    },
    /// Give a key store whose root of trust is lost a new one
    #[command(after_help = "\
The shares must open the key store before anything is written. The new root of trust is a key file, or with
--passphrase or --passphrase-file a passphrase.

Examples:
  keyfold recovery restore
  keyfold recovery restore --passphrase --replace share-1.txt share-2.txt share-5.txt")]
    Restore {
        /// Files with one share each [default: ask on the terminal]
        #[arg(value_name = "FILE")]
        files: Vec<PathBuf>,
        /// Make the new root of trust a passphrase, asked for on the terminal
        #[arg(long)]
        passphrase: bool,
        /// If there is a root of trust, put it aside under another name
        #[arg(long)]
        replace: bool,
    },
}

/// Which key, and how to answer.
#[derive(Debug, Args)]
pub(crate) struct KeyArgs {
    /// Key id or key ARN
    #[arg(value_name = "KEY")]
    pub(crate) key: String,
    #[command(flatten)]
    pub(crate) format: FormatArgs,
}

#[derive(Debug, Args)]
pub(crate) struct FormatArgs {
    /// Answer in the JSON that AWS KMS answers with
    #[arg(long)]
    pub(crate) json: bool,
}

#[derive(Debug, Subcommand)]
pub(crate) enum KeysCommand {
    /// Create a key for symmetric encryption
    #[command(after_help = "\
Examples:
  keyfold keys create --alias alias/backup --description 'nightly backups'
  keyfold keys create --json")]
    Create {
        /// Free text
        #[arg(long, value_name = "TEXT")]
        description: Option<String>,
        /// Give the key this name at once, with the prefix alias/
        #[arg(long, value_name = "ALIAS")]
        alias: Option<String>,
        #[command(flatten)]
        format: FormatArgs,
    },
    /// List all keys
    #[command(after_help = "\
Examples:
  keyfold keys list
  keyfold keys list --json | jq -r .Keys[].KeyArn")]
    List {
        #[command(flatten)]
        format: FormatArgs,
    },
    /// Show all about a key
    #[command(after_help = "\
An alias name or alias ARN will do here, too.

Examples:
  keyfold keys describe alias/default
  keyfold keys describe 1234abcd-12ab-34cd-56ef-1234567890ab --json")]
    Describe(KeyArgs),
    /// Let a disabled key be used again
    #[command(after_help = "\
Examples:
  keyfold keys enable 1234abcd-12ab-34cd-56ef-1234567890ab
  keyfold keys enable arn:aws:kms:local:000000000000:key/1234abcd-12ab-34cd-56ef-1234567890ab")]
    Enable(KeyArgs),
    /// Stop all use of a key, decryption included, until it is enabled again
    #[command(after_help = "\
Examples:
  keyfold keys disable 1234abcd-12ab-34cd-56ef-1234567890ab
  keyfold keys disable arn:aws:kms:local:000000000000:key/1234abcd-12ab-34cd-56ef-1234567890ab")]
    Disable(KeyArgs),
    /// Give a key new material to encrypt with; what was encrypted before still decrypts
    #[command(after_help = "\
Examples:
  keyfold keys rotate 1234abcd-12ab-34cd-56ef-1234567890ab
  keyfold keys rotate 1234abcd-12ab-34cd-56ef-1234567890ab --json")]
    Rotate(KeyArgs),
    /// Have a key deleted after a waiting time; what it encrypted can then never be decrypted
    #[command(after_help = "\
From now on the key does nothing, and after the date nothing brings it back. Its material is not destroyed by that: it
stays in the key store until a key service that stays up has seen the whole waiting time pass, and in every backup.

Examples:
  keyfold keys schedule-deletion 1234abcd-12ab-34cd-56ef-1234567890ab
  keyfold keys schedule-deletion 1234abcd-12ab-34cd-56ef-1234567890ab --days 7")]
    ScheduleDeletion {
        #[command(flatten)]
        key: KeyArgs,
        /// Days to wait, 7 to 30 [default: 30]
        #[arg(long, value_name = "DAYS")]
        days: Option<i32>,
    },
    /// Take back a scheduled deletion; the key is then disabled
    #[command(after_help = "\
Examples:
  keyfold keys cancel-deletion 1234abcd-12ab-34cd-56ef-1234567890ab
  keyfold keys cancel-deletion 1234abcd-12ab-34cd-56ef-1234567890ab --json")]
    CancelDeletion(KeyArgs),
}

#[derive(Debug, Subcommand)]
pub(crate) enum AliasesCommand {
    /// Give a key a name
    #[command(after_help = "\
Examples:
  keyfold aliases create alias/backup 1234abcd-12ab-34cd-56ef-1234567890ab
  keyfold aliases create alias/team/photos arn:aws:kms:local:000000000000:key/1234abcd-12ab-34cd-56ef-1234567890ab")]
    Create(AliasTargetArgs),
    /// List all names, or those of one key
    #[command(after_help = "\
Examples:
  keyfold aliases list
  keyfold aliases list --key 1234abcd-12ab-34cd-56ef-1234567890ab --json")]
    List {
        /// Only the names of this key, by key id or key ARN
        #[arg(long, value_name = "KEY")]
        key: Option<String>,
        #[command(flatten)]
        format: FormatArgs,
    },
    /// Move a name to another key; what was encrypted under the name still needs the old key
    #[command(after_help = "\
Examples:
  keyfold aliases update alias/default 1234abcd-12ab-34cd-56ef-1234567890ab
  keyfold aliases update alias/backup 1234abcd-12ab-34cd-56ef-1234567890ab --json")]
    Update(AliasTargetArgs),
    /// Take a name away; the key stays
    #[command(after_help = "\
Examples:
  keyfold aliases delete alias/backup
  keyfold aliases delete alias/team/photos --json")]
    Delete {
        /// The name, with the prefix alias/
        alias: String,
        #[command(flatten)]
        format: FormatArgs,
    },
}

/// A name and the key that it is for.
#[derive(Debug, Args)]
pub(crate) struct AliasTargetArgs {
    /// The name, with the prefix alias/
    pub(crate) alias: String,
    /// Key id or key ARN
    #[arg(value_name = "KEY")]
    pub(crate) key: String,
    #[command(flatten)]
    pub(crate) format: FormatArgs,
}
