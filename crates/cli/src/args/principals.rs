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

/// Which role.
#[derive(Debug, Args)]
pub(crate) struct RoleArgs {
    /// Name of the role
    pub(crate) role: String,
    #[command(flatten)]
    pub(crate) account: AccountArgs,
}

/// Which user or role.
#[derive(Debug, Args)]
pub(crate) struct IdentityArgs {
    /// Name of the user; with --role, of the role
    pub(crate) name: String,
    /// NAME is a role
    #[arg(long)]
    pub(crate) role: bool,
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
    /// Remove a user with its access keys and policies; one of the same name made later is another user
    #[command(after_help = "\
Examples:
  keyfold principals delete-user alice
  keyfold principals delete-user backup --account 111122223333")]
    DeleteUser(UserArgs),
    /// Add a role, which may do nothing yet
    #[command(after_help = "\
A role has policies and no access keys: who takes it on signs with the credentials of a session. Key policies and
grants that name the role mean all of its sessions.

Examples:
  keyfold principals create-role deploy
  keyfold principals create-role deploy --account 111122223333")]
    CreateRole(RoleArgs),
    /// Remove a role with its policies; its sessions end at once
    #[command(after_help = "\
Examples:
  keyfold principals delete-role deploy
  keyfold principals delete-role deploy --account 111122223333")]
    DeleteRole(RoleArgs),
    /// Make temporary credentials for a session of a role; they are shown now and never again
    #[command(after_help = "\
The session ends after its duration, or with its role.

Examples:
  keyfold principals create-session deploy --session-name nightly
  keyfold principals create-session deploy --session-name nightly --duration 900 --json")]
    CreateSession {
        #[command(flatten)]
        role: RoleArgs,
        /// What the session is called in messages, logs and policies, 2 to 64 characters
        #[arg(long, value_name = "NAME")]
        session_name: String,
        /// How long it lasts, 900 to 43200 seconds
        #[arg(long, value_name = "SECONDS", default_value_t = 3600)]
        duration: u32,
        #[command(flatten)]
        format: FormatArgs,
    },
    /// List accounts, users and roles, their access keys and policies
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
    /// Attach a policy to a user or role, in place of the one of that name
    #[command(after_help = "\
A policy is a JSON document in the language of AWS IAM.

Examples:
  keyfold principals put-policy alice read-only policy.json
  keyfold principals put-policy --role deploy read-only - < policy.json")]
    PutPolicy {
        #[command(flatten)]
        identity: IdentityArgs,
        /// Name of the policy
        policy: String,
        /// The document; - is standard input
        #[arg(value_name = "FILE|-")]
        document: PathBuf,
    },
    /// Print a policy of a user or role
    #[command(after_help = "\
Examples:
  keyfold principals get-policy alice read-only
  keyfold principals get-policy --role deploy all --account 111122223333")]
    GetPolicy {
        #[command(flatten)]
        identity: IdentityArgs,
        /// Name of the policy
        policy: String,
    },
    /// Remove a policy from a user or role
    #[command(after_help = "\
Examples:
  keyfold principals delete-policy alice read-only
  keyfold principals delete-policy --role deploy all --account 111122223333")]
    DeletePolicy {
        #[command(flatten)]
        identity: IdentityArgs,
        /// Name of the policy
        policy: String,
    },
}
