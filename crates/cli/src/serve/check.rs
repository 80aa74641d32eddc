//! `serve --check`: asks the server that runs on this machine whether it is ready, as its `/readyz` tells.
//!
//! For health checks where there is nothing else to ask with, as in a container that has this program only.

use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

use crate::console::{answer, printable};
use crate::failure::{Code, Failure, io_text};

/// Succeeds if it is ready.
pub(super) fn check(admin: SocketAddr) -> Result<(), Failure> {
    let text = ask(admin).map_err(|error| {
        Failure::new(Code::KeyService, format!("no server answers at {admin}: {}", io_text(&error)))
            .hint("--admin-listen says where its health and metrics are")
    })?;
    let (head, body) = text.split_once("\r\n\r\n").unwrap_or((&text, ""));
    let body = printable(body.trim_end());
    match head.split(' ').nth(1) {
        Some("200") => answer("ready"),
        Some("503") => Err(Failure::new(Code::KeyService, format!("not ready: {body}"))),
        _ => Err(Failure::new(Code::KeyService, format!("what answers at {admin} is no Keyfold server"))),
    }
}

fn ask(admin: SocketAddr) -> std::io::Result<String> {
    let mut stream = TcpStream::connect_timeout(&admin, TIME_MAX)?;
    stream.set_read_timeout(Some(TIME_MAX))?;
    stream.set_write_timeout(Some(TIME_MAX))?;
    write!(stream, "GET /readyz HTTP/1.1\r\nhost: {admin}\r\nconnection: close\r\n\r\n")?;
    let mut answered = Vec::new();
    stream.take(ANSWER_LEN_MAX).read_to_end(&mut answered)?;
    Ok(String::from_utf8_lossy(&answered).into_owned())
}

/// More than the server itself waits for its store.
const TIME_MAX: Duration = Duration::from_secs(8);
const ANSWER_LEN_MAX: u64 = 4096;
