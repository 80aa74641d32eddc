//! A disk that loses power: ext4 in a file, mounted, and shut down by the file system itself without writing its log
//! (`EXT4_IOC_SHUTDOWN`). What was not synced is gone then, as it is when a machine loses power; what a drive does
//! with what it was told to sync is not part of it.

use std::fs::File;
use std::io::{BufRead as _, BufReader, Write as _};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};

use tempfile::TempDir;

/// A disk of its own, mounted.
pub(crate) struct Disk {
    folder: TempDir,
}

impl Disk {
    /// Makes one. Needs root, a free loop device, `mkfs.ext4` and `python3`; where they are not there, which no setup
    /// of this project can change, says so loudly and gives nothing.
    #[allow(clippy::print_stderr, reason = "a skipped test must be seen")]
    pub(crate) fn new() -> Option<Self> {
        let disk = Self { folder: tempfile::tempdir().unwrap() };
        File::create(disk.image()).unwrap().set_len(DISK_LEN).unwrap();
        std::fs::create_dir(disk.path()).unwrap();
        let made = run("mkfs.ext4", &["-q".as_ref(), "-F".as_ref(), &disk.image()])
            .and_then(|()| disk.mount())
            .and_then(|()| run("python3", &["-c".as_ref(), "import fcntl".as_ref()]));
        match made {
            Ok(()) => Some(disk),
            Err(problem) => {
                eprintln!("SKIPPED: power cuts need root, loop devices, mkfs.ext4 and python3: {problem}");
                None
            }
        }
    }

    /// Where it is mounted.
    pub(crate) fn path(&self) -> PathBuf {
        self.folder.path().join("disk")
    }

    /// Gets ready, so that the cut itself takes no time.
    pub(crate) fn prepare_cut(&self) -> Cut {
        let mut process = Command::new("python3")
            .args(["-c", CUT])
            .arg(self.path())
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut said = BufReader::new(process.stdout.take().unwrap());
        let mut line = String::new();
        said.read_line(&mut line).unwrap();
        assert_eq!(line, "ready\n");
        Cut(process)
    }

    /// What happens when power is back. Nobody may use the disk at this moment.
    pub(crate) fn restore(&self) {
        run("umount", &[&self.path()]).unwrap();
        self.mount().unwrap();
    }

    fn image(&self) -> PathBuf {
        self.folder.path().join("image")
    }

    fn mount(&self) -> Result<(), String> {
        run("mount", &["-o".as_ref(), "loop".as_ref(), &self.image(), &self.path()])
    }
}

impl Drop for Disk {
    fn drop(&mut self) {
        // Not mounted, or used by a process that a failed test has left: the folder stays then.
        let _ = run("umount", &[&self.path()]);
    }
}

/// A power cut that waits for its moment.
pub(crate) struct Cut(Child);

impl Cut {
    /// Now.
    pub(crate) fn now(mut self) {
        self.0.stdin.take().unwrap().write_all(b"x").unwrap();
        assert!(self.0.wait().unwrap().success(), "the power was not cut");
    }
}

fn run(program: &str, arguments: &[&Path]) -> Result<(), String> {
    let Output { status, stderr, .. } =
        Command::new(program).args(arguments).output().map_err(|error| format!("{program}: {error}"))?;
    if status.success() { Ok(()) } else { Err(format!("{program}: {}", String::from_utf8_lossy(&stderr))) }
}

/// `EXT4_IOC_SHUTDOWN` with `EXT4_GOING_FLAGS_NOLOGFLUSH` (Linux, `fs/ext4/ext4.h`).
const CUT: &str = "
import fcntl, os, sys
disk = os.open(sys.argv[1], os.O_RDONLY)
print('ready', flush=True)
sys.stdin.read(1)
fcntl.ioctl(disk, 0x8004587D, (2).to_bytes(4, 'little'))
";
const DISK_LEN: u64 = 1 << 30;
