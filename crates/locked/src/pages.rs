//! The mapping of one value: taken, locked, wiped and given back. All unsafe code of the workspace is here.
//!
//! Each `unsafe` block is one call, with the reason why it is sound. They rest on one invariant: [`Pages::address`] is
//! the start of a mapping that this value made, of at least `N` bytes, readable and writable, that nobody else knows
//! of and that is unmapped in `drop` only.

use std::ffi::c_void;
use std::io;
use std::num::NonZeroUsize;
use std::ptr::NonNull;

use nix::sys::mman::{MapFlags, MmapAdvise, ProtFlags, madvise, mlock, mmap_anonymous, munmap};
use zeroize::Zeroize as _;

use crate::Protection;

/// A mapping that holds `N` bytes, and nothing else.
pub(crate) struct Pages<const N: usize> {
    address: NonNull<c_void>,
    protection: Protection,
}

impl<const N: usize> Pages<N> {
    /// `N` zero bytes in the best memory that there is.
    pub(crate) fn new() -> io::Result<Self> {
        Self::secret().or_else(|_| Self::locked()).or_else(|_| Self::plain())
    }

    /// Memory that the kernel takes out of its own map.
    #[cfg(target_os = "linux")]
    fn secret() -> io::Result<Self> {
        use std::fs::File;
        use std::os::fd::{FromRawFd as _, OwnedFd};

        use nix::libc;
        use nix::sys::mman::mmap;

        // SAFETY: the call takes flags, reads and writes no memory of ours, and gives a new descriptor or -1.
        #[allow(unsafe_code, reason = "memfd_secret(2) has no function in any library")]
        let fd = unsafe { libc::syscall(libc::SYS_memfd_secret, libc::O_CLOEXEC) };
        if fd < 0 {
            return Err(io::Error::last_os_error());
        }
        let fd = i32::try_from(fd).map_err(io::Error::other)?;
        // SAFETY: the descriptor is new, so it is open and nobody else's.
        #[allow(unsafe_code, reason = "a number becomes the descriptor that it is")]
        let fd = unsafe { OwnedFd::from_raw_fd(fd) };
        let file = File::from(fd);
        file.set_len(N as u64)?;
        let (access, flags) = (ProtFlags::PROT_READ | ProtFlags::PROT_WRITE, MapFlags::MAP_SHARED);
        // SAFETY: no address is asked for, so no mapping of anybody is touched. The file has `N` bytes; it is closed
        // at the end of this function and nobody else has it, so it does not shrink under the mapping.
        #[allow(unsafe_code, reason = "mapping memory")]
        let address = unsafe { mmap(None, Self::len()?, access, flags, &file, 0) }?;
        Ok(Self { address, protection: Protection::Secret })
    }

    #[cfg(not(target_os = "linux"))]
    fn secret() -> io::Result<Self> {
        Err(io::ErrorKind::Unsupported.into())
    }

    /// Memory that is never swapped out.
    fn locked() -> io::Result<Self> {
        let mut pages = Self::plain()?;
        // SAFETY: `address` begins a mapping of at least `N` bytes of ours; locking changes none of them.
        #[allow(unsafe_code, reason = "locking memory")]
        unsafe { mlock(pages.address, N) }?;
        pages.protection = Protection::Locked;
        Ok(pages)
    }

    /// Memory as it comes, but not in core dumps where the system has a say in it, nor in a child.
    fn plain() -> io::Result<Self> {
        let (access, flags) = (ProtFlags::PROT_READ | ProtFlags::PROT_WRITE, MapFlags::MAP_PRIVATE);
        // SAFETY: no address is asked for, so no mapping of anybody is touched.
        #[allow(unsafe_code, reason = "mapping memory")]
        let address = unsafe { mmap_anonymous(None, Self::len()?, access, flags) }?;
        let pages = Self { address, protection: Protection::Plain };
        #[cfg(target_os = "linux")]
        for advice in [MmapAdvise::MADV_DONTDUMP, MmapAdvise::MADV_DONTFORK] {
            // SAFETY: `address` begins a mapping of at least `N` bytes of ours; neither advice changes its content in
            // this process.
            #[allow(unsafe_code, reason = "advice on memory")]
            let advised = unsafe { madvise(pages.address, N, advice) };
            // A system that can't has the memory all the same.
            let _ = advised;
        }
        Ok(pages)
    }

    pub(crate) fn bytes(&self) -> &[u8; N] {
        // SAFETY: `address` begins a mapping of ours of at least `N` bytes, all initialised since mappings begin as
        // zeros; an array of bytes has no alignment. It lives as long as `self`, and while `self` is borrowed nobody
        // writes.
        #[allow(unsafe_code, reason = "reading the mapping")]
        unsafe {
            self.address.cast().as_ref()
        }
    }

    pub(crate) fn bytes_mut(&mut self) -> &mut [u8; N] {
        // SAFETY: as in `bytes`; `self` is borrowed for this reference alone.
        #[allow(unsafe_code, reason = "writing the mapping")]
        unsafe {
            self.address.cast().as_mut()
        }
    }

    pub(crate) fn protection(&self) -> Protection {
        self.protection
    }

    /// The length to map, which the kernel rounds up to whole pages.
    fn len() -> io::Result<NonZeroUsize> {
        NonZeroUsize::new(N).ok_or_else(|| io::ErrorKind::InvalidInput.into())
    }

    /// One of each kind, or why there is none.
    #[cfg(test)]
    pub(crate) fn of_each_kind() -> [(Protection, io::Result<Self>); 3] {
        [
            (Protection::Secret, Self::secret()),
            (Protection::Locked, Self::locked()),
            (Protection::Plain, Self::plain()),
        ]
    }
}

impl<const N: usize> Drop for Pages<N> {
    fn drop(&mut self) {
        self.bytes_mut().zeroize();
        // SAFETY: `address` begins a mapping of `N` bytes, rounded up to whole pages, that `self` made; `self` is
        // going, so no reference into it is left.
        #[allow(unsafe_code, reason = "giving the mapping back")]
        let unmapped = unsafe { munmap(self.address, N) };
        // It is wiped; that it could stay mapped is no danger.
        let _ = unmapped;
    }
}

// SAFETY: a mapping belongs to the process, not to a thread, and `Pages` is its only owner.
#[allow(unsafe_code, reason = "the pointer owns what it points to")]
unsafe impl<const N: usize> Send for Pages<N> {}

// SAFETY: with a shared reference the bytes can only be read.
#[allow(unsafe_code, reason = "the pointer owns what it points to")]
unsafe impl<const N: usize> Sync for Pages<N> {}
