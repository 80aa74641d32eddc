//! Becoming another user, for ever.

use nix::unistd::{Gid, Group, Uid, User, getgroups, setgid, setgroups, setuid};

use super::not_dumpable;
use crate::failure::{Code, Failure};

/// Becomes the user of `NAME` or `NAME:GROUP`, with that group or else its own and no other. Root only; does nothing if
/// the process is that user already.
pub(crate) fn drop_privileges(name: &str) -> Result<(), Failure> {
    let (user, group) = match name.split_once(':') {
        Some((user, group)) => (user, Some(group)),
        None => (name, None),
    };
    let unknown = |what: &str| Failure::usage(format!("--user {name}: there is no {what}"));
    let user = User::from_name(user).ok().flatten().ok_or_else(|| unknown(&format!("user {user}")))?;
    let gid = match group {
        None => user.gid,
        Some(group) => {
            Group::from_name(group).ok().flatten().ok_or_else(|| unknown(&format!("group {group}")))?.gid
        }
    };
    if user.uid.is_root() {
        return Err(Failure::usage(format!("--user {name}: that is root")));
    }
    if Uid::effective() == user.uid {
        return Ok(());
    }
    if !Uid::effective().is_root() {
        return Err(Failure::usage(format!("--user {name}: only root can become another user")));
    }
    let failed = |error| Failure::new(Code::Other, format!("can't become the user {name}: {error}"));
    become_user(user.uid, gid).map_err(failed)?;
    if setuid(Uid::from_raw(0)).is_ok() || getgroups().map_err(failed)? != [gid] {
        return Err(Failure::new(Code::Other, format!("can't become the user {name} for good")));
    }
    Ok(())
}

/// Groups first: a user may not change them.
fn become_user(uid: Uid, gid: Gid) -> nix::Result<()> {
    setgroups(&[gid])?;
    setgid(gid)?;
    setuid(uid)?;
    not_dumpable()
}

/// Whether the process is root.
pub(crate) fn is_root() -> bool {
    Uid::effective().is_root()
}
