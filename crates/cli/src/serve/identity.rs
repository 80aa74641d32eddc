//! The server's certificate, and the CA that clients are told to trust, in the folder `tls` of the key store.
//!
//! ```text
//! home/tls/
//!   server.key   mode 0600    the server's private key
//!   server.pem                its certificate
//!   ca.pem                    the certificate of the CA, written last: if it is there, so is the rest
//! ```

use std::fs::{DirBuilder, File, Permissions};
use std::io::{self, Write as _};
use std::os::unix::fs::{DirBuilderExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};

use keyfold_kms::{Clock as _, SystemClock};
use keyfold_server::LocalCa;

use crate::console::shown;
use crate::failure::{Code, Failure, with_causes};

/// The certificate of the server.
pub(super) fn certificate(home: &Path) -> PathBuf {
    folder(home).join("server.pem")
}

/// Its private key.
pub(super) fn key(home: &Path) -> PathBuf {
    folder(home).join("server.key")
}

/// Makes CA and certificate for these names beside the usual ones, if there are none. Gives the CA's file, and whether
/// it was made just now.
pub(crate) fn make_identity(home: &Path, names: &[String]) -> Result<(PathBuf, bool), Failure> {
    let ca = folder(home).join("ca.pem");
    if ca.exists() {
        return Ok((ca, false));
    }
    let names: Vec<String> =
        LOOPBACK.iter().map(|name| (*name).to_owned()).chain(names.iter().cloned()).collect();
    let now_s = SystemClock.now().epoch_ms() / 1000;
    let made = LocalCa::create(now_s, &names).map_err(|error| {
        Failure::new(Code::Other, with_causes(&error))
            .hint("is each --host-name the name of a host, or an address?")
    })?;
    let folder = folder(home);
    let written = || -> io::Result<()> {
        DirBuilder::new().recursive(true).mode(0o700).create(&folder)?;
        put(&key(home), &made.server_key_pem, 0o600)?;
        put(&certificate(home), &made.server_certificate_pem, 0o644)?;
        put(&ca, &made.ca_certificate_pem, 0o644)?;
        File::open(&folder)?.sync_all()?;
        File::open(home)?.sync_all()
    };
    written().map_err(|error| Failure::io(&format!("can't write to {}", shown(&folder)), &error))?;
    Ok((ca, true))
}

fn folder(home: &Path) -> PathBuf {
    home.join("tls")
}

/// Writes a file whole, or not at all.
fn put(path: &Path, text: &str, mode: u32) -> io::Result<()> {
    let mut file = tempfile::Builder::new()
        .permissions(Permissions::from_mode(mode))
        .tempfile_in(path.parent().unwrap_or(Path::new(".")))?;
    file.write_all(text.as_bytes())?;
    file.as_file().sync_all()?;
    file.persist(path)?;
    Ok(())
}

/// The names by which a machine calls itself.
const LOOPBACK: [&str; 3] = ["localhost", "127.0.0.1", "::1"];
