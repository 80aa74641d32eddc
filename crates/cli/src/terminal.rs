//! The terminal, where something is shown to a person alone and read back: not standard output, which may be a file.

use std::fs::{File, OpenOptions};
use std::io::{self, IsTerminal as _, Read as _, Write as _};

use zeroize::Zeroizing;

use crate::failure::{Code, Failure};

/// The terminal that the user sits at.
#[derive(Debug)]
pub(crate) struct Terminal(File);

impl Terminal {
    /// The terminal, if somebody sits there: standard input and standard error both are one.
    pub(crate) fn attended() -> Option<Self> {
        if !io::stdin().is_terminal() || !io::stderr().is_terminal() {
            return None;
        }
        OpenOptions::new().read(true).write(true).open("/dev/tty").ok().map(Self)
    }

    /// Shows `text`, which is this program's own: nothing is made printable here.
    pub(crate) fn show(&mut self, text: &str) -> Result<(), Failure> {
        self.0.write_all(text.as_bytes()).map_err(|error| failed(&error))
    }

    /// Takes what is to be seen off the screen, and out of what can be scrolled back to where the terminal can.
    pub(crate) fn clear(&mut self) -> Result<(), Failure> {
        self.show("\x1b[H\x1b[2J\x1b[3J")
    }

    /// Asks for a line.
    pub(crate) fn ask(&mut self, prompt: &str) -> Result<Zeroizing<String>, Failure> {
        self.show(prompt)?;
        // A terminal gives a line at a time; so nothing stays in a buffer that is not wiped.
        let mut line = Zeroizing::new([0; LINE_LEN_MAX]);
        let len = self.0.read(&mut line[..]).map_err(|error| failed(&error))?;
        let text = line.get(..len).and_then(|line| std::str::from_utf8(line).ok());
        match text {
            Some("") => Err(Failure::new(Code::Other, "the input has ended")),
            Some(text) => Ok(Zeroizing::new(text.trim().to_owned())),
            None => Ok(Zeroizing::new(String::new())),
        }
    }
}

fn failed(error: &io::Error) -> Failure {
    Failure::io("can't use the terminal", error)
}

/// What Linux lets a terminal's line be long.
const LINE_LEN_MAX: usize = 4096;
