//! Options of `principals`.

use std::path::PathBuf;

use clap::{Args, Subcommand};

use super::admin::FormatArgs;

/// Which account.
#[derive(Debug, Args)]
pub(crate) struct AccountArgs {
    /// The account, 12 digits [default: the one that the key store was made for]
    #[arg(long, value_name = "ACCOUNT")]
    pub(crate) account: Option<String>,
}

/// Which user.
#[derive(Debug, Args)]
pub(crate) struct UserArgs {
    /// Name of the user
    pub(crate) user: String,
    #[command(flatten)]
    pub(crate) account: AccountArgs,
}

#[derive(Debug, Subcommand)]
pub(crate) enum PrincipalsCommand {
    /// Add an account: keys of its own, users of its own
    #[command(after_help = "\
Examples:
  keyfold principals create-account 111122223333
  keyfold principals create-user alice --account 111122223333")]
    CreateAccount {
        /// 12 digits
        account: String,
    },
    /// Add a user, who may do nothing yet
    #[command(after_help = "\
Examples:
  keyfold principals create-user alice
  keyfold principals create-user backup --account 111122223333")]
    CreateUser(UserArgs),
    /// Remove a user with its access keys and policies
    #[command(after_help = "\
Examples:
  keyfold principals delete-user alice
  keyfold principals delete-user backup --account 111122223333")]
    DeleteUser(UserArgs),
    /// List accounts, users, their access keys and policies
    #[command(after_help = "\
Examples:
  keyfold principals list
  keyfold principals list --json")]
    List {
        #[command(flatten)]
        format: FormatArgs,
    },
    /// Make an access key for a user, two at most; its secret is shown now and never again
    #[command(after_help = "\
Examples:
  keyfold principals create-access-key alice
  keyfold principals create-access-key alice --json")]
    CreateAccessKey {
        #[command(flatten)]
        user: UserArgs,
        #[command(flatten)]
        format: FormatArgs,
    },
    /// Refuse requests that are signed with an access key, until it is enabled again
    #[command(after_help = "\
Examples:
  keyfold principals disable-access-key AKIAABCDEFGHIJKLMNOP
  keyfold principals enable-access-key AKIAABCDEFGHIJKLMNOP")]
    DisableAccessKey {
        /// Its id
        id: String,
    },
    /// Accept an access key again
    #[command(after_help = "\
Examples:
  keyfold principals disable-access-key AKIAABCDEFGHIJKLMNOP
  keyfold principals enable-access-key AKIAABCDEFGHIJKLMNOP")]
    EnableAccessKey {
        /// Its id
        id: String,
    },
    /// Remove an access key
    #[command(after_help = "\
Examples:
  keyfold principals delete-access-key AKIAABCDEFGHIJKLMNOP
  keyfold principals delete-access-key AKIAQRSTUVWXYZ234567")]
    DeleteAccessKey {
        /// Its id
        id: String,
    },
    /// Attach a policy to a user, in place of the one of that name
    #[command(after_help = "\
A policy is a JSON document in the language of AWS IAM.

Examples:
  keyfold principals put-policy alice read-only policy.json
  keyfold principals put-policy alice read-only - < policy.json")]
    PutPolicy {
        #[command(flatten)]
        user: UserArgs,
        /// Name of the policy
        policy: String,
        /// The document; - is standard input
        #[arg(value_name = "FILE|-")]
        document: PathBuf,
    },
    /// Print a policy of a user
    #[command(after_help = "\
Examples:
  keyfold principals get-policy alice read-only
  keyfold principals get-policy backup all --account 111122223333")]
    GetPolicy {
        #[command(flatten)]
        user: UserArgs,
        /// Name of the policy
        policy: String,
    },
    /// Remove a policy from a user
    #[command(after_help = "\
Examples:
  keyfold principals delete-policy alice read-only
  keyfold principals delete-policy backup all --account 111122223333")]
    DeletePolicy {
        #[command(flatten)]
        user: UserArgs,
        /// Name of the policy
        policy: String,
    },
}
