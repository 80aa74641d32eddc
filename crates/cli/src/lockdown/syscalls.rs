//! seccomp (`seccomp(2)`): system calls that a key service never makes, and that whoever takes it over would.
//!
//! They fail with `EPERM`. It is a list of what is forbidden, not of what is allowed: the runtime and the libraries may
//! change what they use.

use std::collections::BTreeMap;
use std::env::consts::ARCH;

use nix::libc;
use seccompiler::{
    BackendError, BpfProgram, Error, SeccompAction, SeccompCmpArgLen, SeccompCmpOp, SeccompCondition,
    SeccompFilter, SeccompRule, TargetArch,
};

/// Forbids them to this thread and those that it starts. Gives how many, or 0 where this is not built for the
/// processor.
pub(super) fn restrict() -> Result<usize, Error> {
    let Ok(arch) = TargetArch::try_from(ARCH) else { return Ok(0) };
    let count = FORBIDDEN.len();
    let program: BpfProgram = filter(arch).and_then(TryInto::try_into)?;
    // Also sets no_new_privs, without which the kernel takes no filter.
    seccompiler::apply_filter(&program)?;
    Ok(count)
}

fn filter(arch: TargetArch) -> Result<SeccompFilter, BackendError> {
    let mut rules: BTreeMap<i64, Vec<SeccompRule>> =
        FORBIDDEN.iter().map(|call| (*call, Vec::new())).collect();
    // Making the process dumpable again, and nothing else of prctl.
    let set_dumpable = u64::try_from(libc::PR_SET_DUMPABLE).unwrap_or_default();
    let condition = SeccompCondition::new(0, SeccompCmpArgLen::Dword, SeccompCmpOp::Eq, set_dumpable)?;
    rules.insert(libc::SYS_prctl, vec![SeccompRule::new(vec![condition])?]);
    let denied = SeccompAction::Errno(u32::try_from(libc::EPERM).unwrap_or(1));
    SeccompFilter::new(rules, SeccompAction::Allow, denied, arch)
}

#[rustfmt::skip]
const FORBIDDEN: &[i64] = &[
    // Other programs.
    libc::SYS_execve, libc::SYS_execveat,
    // Other processes: their memory, their descriptors.
    libc::SYS_ptrace, libc::SYS_process_vm_readv, libc::SYS_process_vm_writev, libc::SYS_pidfd_getfd, libc::SYS_kcmp,
    libc::SYS_process_madvise,
    // Ways around this filter, and around file permissions.
    libc::SYS_io_uring_setup, libc::SYS_io_uring_enter, libc::SYS_io_uring_register,
    libc::SYS_open_by_handle_at, libc::SYS_name_to_handle_at,
    // Other users, other views of the system.
    libc::SYS_setuid, libc::SYS_setgid, libc::SYS_setreuid, libc::SYS_setregid, libc::SYS_setresuid,
    libc::SYS_setresgid, libc::SYS_setgroups, libc::SYS_capset, libc::SYS_unshare, libc::SYS_setns, libc::SYS_chroot,
    libc::SYS_pivot_root, libc::SYS_mount, libc::SYS_umount2, libc::SYS_move_mount, libc::SYS_open_tree,
    libc::SYS_fsopen, libc::SYS_fsconfig, libc::SYS_fsmount, libc::SYS_fspick, libc::SYS_mount_setattr,
    libc::SYS_mknodat, libc::SYS_personality,
    // The kernel: its code, its tracing, its keys, its clock.
    libc::SYS_init_module, libc::SYS_finit_module, libc::SYS_delete_module, libc::SYS_kexec_load, libc::SYS_bpf,
    libc::SYS_perf_event_open, libc::SYS_userfaultfd, libc::SYS_keyctl, libc::SYS_add_key, libc::SYS_request_key,
    libc::SYS_clock_settime, libc::SYS_settimeofday, libc::SYS_adjtimex, libc::SYS_clock_adjtime,
    libc::SYS_sethostname, libc::SYS_setdomainname, libc::SYS_syslog, libc::SYS_acct, libc::SYS_quotactl,
    libc::SYS_swapon, libc::SYS_swapoff, libc::SYS_reboot,
];

#[cfg(test)]
mod tests {
    use std::process::Command;
    use std::thread;

    use super::*;

    #[test]
    fn what_is_forbidden_fails_and_the_rest_works() {
        assert!(Command::new("true").status().unwrap().success(), "the control");
        thread::spawn(|| {
            if restrict().unwrap() == 0 {
                eprintln!("SKIPPED: no seccomp filters for this processor");
                return;
            }
            let denied = Command::new("true").status().unwrap_err();
            assert_eq!(denied.raw_os_error(), Some(libc::EPERM), "{denied}");
            assert_eq!(nix::sys::prctl::set_dumpable(true), Err(nix::Error::EPERM));
            assert_eq!(nix::sys::prctl::get_no_new_privs(), Ok(true));
            // A thread started inside is inside, and files, sockets and memory are as ever.
            thread::spawn(|| {
                assert!(Command::new("true").status().is_err());
                std::fs::read("/proc/self/status").unwrap();
                std::net::TcpListener::bind("127.0.0.1:0").unwrap();
                drop(vec![1_u8; 64 << 20]);
            })
            .join()
            .unwrap();
        })
        .join()
        .unwrap();
        assert!(Command::new("true").status().unwrap().success(), "only the thread is restricted");
    }
}
