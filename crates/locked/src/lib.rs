//! Memory for the few keys that live as long as the process: the root of trust while it is open, and the keys that the
//! store is sealed with.
//!
//! | [`Protection`] | how | swap | core dump | `/proc/PID/mem`, `ptrace`, also by root |
//! |---|---|---|---|---|
//! | `Secret` | `memfd_secret(2)`, Linux 5.14 and later | never | never | not readable |
//! | `Locked` | anonymous, `mlock(2)`, left out of dumps | never | never | readable |
//! | `Plain` | anonymous, left out of dumps where the system can | may be | may be | readable |
//!
//! Which of them a value got is known ([`Locked::protection`]); it is never a reason to fail. Each value has pages of
//! its own, so this is not for secrets that come and go with requests: those are `keyfold_crypto::SecretBytes`, which
//! are wiped as soon as they have been used. What protects neither: someone who runs code inside the process, and the
//! copies that a user of [`Locked::expose`] makes.
//!
//! The only crate of the workspace with `unsafe` in it, which is all in the module `pages`.

mod pages;

use std::fmt;
use std::io;

use pages::Pages;

/// How well a value is kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Protection {
    /// In memory that the kernel itself does not map.
    Secret,
    /// In memory that is never swapped out.
    Locked,
    /// In memory like any other.
    Plain,
}

/// Exactly `N` secret bytes, wiped on drop; they do not print, are not cloned and not compared.
pub struct Locked<const N: usize>(Pages<N>);

impl<const N: usize> Locked<N> {
    /// `N` zero bytes, to be filled in place, in the best memory that the system gives.
    ///
    /// # Errors
    /// If there is no memory at all, or `N` is 0.
    pub fn zeroed() -> io::Result<Self> {
        Pages::new().map(Self)
    }

    /// The bytes themselves. Search for this name to find every place where a secret is in the open.
    #[must_use]
    pub fn expose(&self) -> &[u8; N] {
        self.0.bytes()
    }

    /// The same, to be written.
    #[must_use]
    pub fn expose_mut(&mut self) -> &mut [u8; N] {
        self.0.bytes_mut()
    }

    /// How well they are kept.
    #[must_use]
    pub fn protection(&self) -> Protection {
        self.0.protection()
    }
}

impl<const N: usize> fmt::Debug for Locked<N> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Locked({N} bytes)")
    }
}

#[cfg(test)]
mod tests {
    use std::fs::File;
    use std::os::unix::fs::FileExt as _;

    use super::*;

    #[test]
    fn values_are_kept_and_do_not_print() {
        let mut value = Locked::<16>::zeroed().unwrap();
        assert_eq!(value.expose(), &[0; 16]);
        value.expose_mut().copy_from_slice(b"sixteen bytes ok");
        assert_eq!(value.expose(), b"sixteen bytes ok");
        assert_eq!(format!("{value:?}"), "Locked(16 bytes)");
        assert!(Locked::<0>::zeroed().is_err());
    }

    #[test]
    fn values_go_from_thread_to_thread() {
        let mut value = Locked::<32>::zeroed().unwrap();
        value.expose_mut().fill(7);
        let value = std::thread::spawn(move || {
            assert_eq!(value.expose(), &[7; 32]);
            value
        });
        assert_eq!(value.join().unwrap().expose(), &[7; 32]);
    }

    /// What `/proc/self/mem` has at an address; with the same rights as a debugger of this process.
    fn peeked(address: usize) -> io::Result<[u8; 32]> {
        let mut bytes = [0; 32];
        File::open("/proc/self/mem")?.read_exact_at(&mut bytes, address as u64)?;
        Ok(bytes)
    }

    #[test]
    #[cfg(target_os = "linux")]
    fn each_protection_is_what_it_says() {
        for (protection, pages) in Pages::<32>::of_each_kind() {
            let mut pages = match pages {
                Ok(pages) => pages,
                Err(error) => {
                    eprintln!("skipped: this system has no {protection:?} memory: {error}");
                    continue;
                }
            };
            assert_eq!(pages.protection(), protection);
            pages.bytes_mut().copy_from_slice(&[0xa5; 32]);
            let address = pages.bytes().as_ptr().addr();
            let seen = peeked(address);
            match protection {
                Protection::Secret => assert!(seen.is_err(), "a debugger reads secret memory"),
                // The control: the look is able to see.
                Protection::Locked | Protection::Plain => assert_eq!(seen.unwrap(), [0xa5; 32]),
            }
            let maps = std::fs::read_to_string("/proc/self/smaps").unwrap();
            let start = format!("{:08x}-", address);
            let (_, mapping) = maps.split_once(&start).unwrap();
            let flags = mapping.lines().find_map(|line| line.strip_prefix("VmFlags:")).unwrap();
            let has = |flag: &str| flags.split_whitespace().any(|found| found == flag);
            assert!(has("dd"), "{protection:?} is left out of dumps: {flags}");
            assert_eq!(has("lo"), protection != Protection::Plain, "{protection:?}: {flags}");
            drop(pages);
            assert_ne!(peeked(address).ok(), Some([0xa5; 32]), "{protection:?} is gone");
        }
    }
}
