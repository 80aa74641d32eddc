//! `recovery`: shares of the key store on paper, for the day when its root of trust is lost.
//!
//! What a share is and what it opens is `keyfold_kms::root::shares`; here shares are shown to people, typed back, and
//! kept in files.

mod ceremony;
mod files;

use std::path::{Path, PathBuf};

use keyfold_kms::root::shares::{Share, ShareError};
use keyfold_kms::{Embedded, OpenError, ServiceError};
use pollster::block_on;

use crate::args::RecoveryCommand;
use crate::console::{Console, answer, shown};
use crate::failure::{Code, Failure, with_causes};
use crate::store::{KeyStore, OpenStore, open_failure};
use crate::terminal::Terminal;

/// Makes shares, or uses them.
pub(crate) fn recovery(command: &RecoveryCommand, store: &KeyStore, console: Console) -> Result<(), Failure> {
    match command {
        RecoveryCommand::Create { out } => create(&store.open()?, out.as_deref(), console),
        RecoveryCommand::Check { files } => {
            let opened = store.open()?;
            let shares = given(files)?;
            prove(&opened, &shares)?;
            answer("these recovery shares open the key store")
        }
        RecoveryCommand::Restore { files, passphrase, replace } => {
            restore(store, files, *passphrase, *replace)
        }
    }
}

/// The recovery copy that `init` ends with: on the terminal, in files, or, loudly, none.
pub(crate) fn at_init(
    opened: &OpenStore,
    out: Option<&Path>,
    declined: bool,
    console: Console,
) -> Result<(), Failure> {
    if block_on(opened.service().recovery_copy()).map_err(|error| failed(&error.into()))?.is_some() {
        return match out {
            Some(directory) => Err(Failure::usage(format!(
                "this key store has a recovery copy already, so --recovery-out writes none to {}",
                shown(directory)
            ))
            .hint("keyfold recovery create --out DIR makes another one")),
            None => Ok(()),
        };
    }
    match (out, Terminal::attended()) {
        (None, None) => console.notice(NO_COPY),
        (None, Some(_)) if declined => console.notice(NO_COPY),
        _ => create(opened, out, console)?,
    }
    Ok(())
}

fn create(opened: &OpenStore, out: Option<&Path>, console: Console) -> Result<(), Failure> {
    let shares = opened.service().recovery_shares().map_err(|error| failed(&error.into()))?;
    if let Some(directory) = out {
        files::write(directory, &shares)?;
        // From the disk, as whoever needs them will.
        let written: Result<Vec<_>, _> =
            shares.iter().map(|share| files::read(&directory.join(files::name(share)))).collect();
        prove(opened, &written?)?;
        console.notice(&format!(
            "{} recovery shares are in {}, in the clear: take each to another place, and none of them to where the \
             key store is",
            shares.len(),
            shown(directory)
        ));
        return Ok(());
    }
    let Some(mut terminal) = Terminal::attended() else {
        return Err(Failure::usage("recovery shares are shown on a terminal, and there is none")
            .hint("--out DIR writes them to files"));
    };
    ceremony::show(&mut terminal, &shares)?;
    let typed = ceremony::typed_back(&mut terminal, &shares)?;
    prove(opened, &typed)?;
    let (proven, others): (Vec<&Share>, Vec<&Share>) =
        shares.iter().partition(|share| typed.iter().any(|typed| typed.index() == share.index()));
    answer(&format!(
        "recovery shares {} of set {} are proven: they open this key store\n\
         recovery shares {} were not typed back; keyfold recovery check proves them, together with one of the others",
        numbers(&proven),
        set(&shares),
        numbers(&others)
    ))
}

/// The numbers of shares: `1, 4, 5`.
fn numbers(shares: &[&Share]) -> String {
    shares.iter().map(|share| share.index().to_string()).collect::<Vec<_>>().join(", ")
}

fn restore(store: &KeyStore, files: &[PathBuf], passphrase: bool, replace: bool) -> Result<(), Failure> {
    let home = store.home()?;
    if !replace && store.exists()? {
        return Err(refused(&OpenError::RootPresent { home: home.to_owned() }));
    }
    let shares = given(files)?;
    let root = store.new_root(passphrase)?;
    let kept =
        block_on(Embedded::restore_root(home, &shares, &root, replace)).map_err(|error| refused(&error))?;
    for old in kept {
        answer(&format!(
            "the root of trust before is kept as {}; it opens nothing any more but old copies of the key store",
            shown(&old)
        ))?;
    }
    answer(&format!("the key store {} has a new root of trust", shown(home)))
}

/// The shares in `files`, or as they are typed.
fn given(files: &[PathBuf]) -> Result<Vec<Share>, Failure> {
    if !files.is_empty() {
        return files.iter().map(|path| files::read(path)).collect();
    }
    let Some(mut terminal) = Terminal::attended() else {
        return Err(Failure::usage("recovery shares are asked for on a terminal, and there is none")
            .hint("give the files that they are in"));
    };
    ceremony::typed(&mut terminal)
}

fn prove(opened: &OpenStore, shares: &[Share]) -> Result<(), Failure> {
    block_on(opened.service().prove_recovery(shares)).map_err(|error| failed(&error))
}

fn set(shares: &[Share]) -> String {
    shares.first().map(Share::set).unwrap_or_default()
}

fn failed(error: &ServiceError) -> Failure {
    match error {
        ServiceError::Shares(error) => Failure::from(error),
        error => Failure::new(Code::KeyService, with_causes(error)),
    }
}

fn refused(error: &OpenError) -> Failure {
    match error {
        OpenError::Shares(error) => Failure::from(error),
        OpenError::RootPresent { .. } => Failure::new(Code::KeyService, error.to_string())
            .hint("if it does not open the key store any more, --replace puts another one in its place"),
        error => open_failure(error),
    }
}

impl From<&ShareError> for Failure {
    fn from(error: &ShareError) -> Self {
        let failure = Self::new(Code::NoUsableKey, error.to_string());
        match error {
            ShareError::WrongStore => {
                failure.hint("are they of this key store, and is --home the right one?")
            }
            ShareError::MixedSets { .. } => failure.hint("take shares that name the same set"),
            ShareError::TooFew { .. } => failure.hint("all of one set, each another one"),
            _ => failure,
        }
    }
}

/// Not even `-q` silences this: whoever loses the root of trust loses every key.
const NO_COPY: &str = "NO RECOVERY COPY of the root of trust was made. Whoever loses the root of trust loses every key. \
                       keyfold recovery create makes one";
