//! The terminal, where something is shown to a person alone and read back: not standard output, which may be a file.
//!
//! What is secret goes off the screen again however the program ends: when the [`Terminal`] is dropped, and when a
//! signal tells the process to end. Only `kill -9` leaves it there.

use std::fs::{File, OpenOptions};
use std::io::{self, IsTerminal as _, Read as _, Write as _};
use std::sync::{Mutex, MutexGuard, Once, PoisonError};
use std::thread;

use rustix::termios::{QueueSelector, tcflush};
use signal_hook::consts::{SIGHUP, SIGINT, SIGQUIT, SIGTERM};
use signal_hook::iterator::Signals;
use signal_hook::low_level::emulate_default_handler;
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

    /// Shows what nobody else is to see, until the screen is cleared.
    pub(crate) fn show_secret(&mut self, text: &str) -> Result<(), Failure> {
        // Held while it is shown, so that a signal clears the screen after that and not in the middle.
        let _screen = self.with_secret()?;
        self.show(text)
    }

    /// Takes what is to be seen off the screen, and out of what can be scrolled back to where the terminal can.
    pub(crate) fn clear(&mut self) -> Result<(), Failure> {
        let mut screen = screen_with_secret();
        self.show(CLEAR)?;
        *screen = None;
        Ok(())
    }

    /// Asks for a line. What was typed before the question is no answer to it, and is forgotten.
    pub(crate) fn ask(&mut self, prompt: &str) -> Result<Zeroizing<String>, Failure> {
        tcflush(&self.0, QueueSelector::IFlush).map_err(|error| failed(&error.into()))?;
        self.ask_on(prompt)
    }

    /// Asks for a line that nobody else is to see. It is seen while it is typed, until the screen is cleared.
    pub(crate) fn ask_secret(&mut self, prompt: &str) -> Result<Zeroizing<String>, Failure> {
        drop(self.with_secret()?);
        self.ask(prompt)
    }

    /// Asks for the next line of an answer that has several. It may have been typed already.
    pub(crate) fn ask_on(&mut self, prompt: &str) -> Result<Zeroizing<String>, Failure> {
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

    /// From now on the screen has to be cleared before the process ends.
    fn with_secret(&self) -> Result<MutexGuard<'static, Option<File>>, Failure> {
        WATCH.call_once(watch);
        let mut screen = screen_with_secret();
        if screen.is_none() {
            *screen = Some(self.0.try_clone().map_err(|error| failed(&error))?);
        }
        Ok(screen)
    }
}

impl Drop for Terminal {
    fn drop(&mut self) {
        let has_secret = screen_with_secret().is_some();
        if has_secret {
            // The terminal may be gone, and nobody is left to tell.
            let _ = self.clear();
        }
    }
}

/// The screen, while there is something secret on it. A process has one terminal.
static SCREEN_WITH_SECRET: Mutex<Option<File>> = Mutex::new(None);
static WATCH: Once = Once::new();

fn screen_with_secret() -> MutexGuard<'static, Option<File>> {
    SCREEN_WITH_SECRET.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Without a handler signals still end the process, and only the screen stays as it is. No command that shows secrets
/// has temporary files with a name, whose signals are handled, too.
fn watch() {
    let Ok(mut signals) = Signals::new([SIGHUP, SIGINT, SIGQUIT, SIGTERM]) else { return };
    thread::spawn(move || {
        for signal in signals.forever() {
            // Held to the end: nothing secret is shown now.
            let mut screen = screen_with_secret();
            if let Some(screen) = screen.as_mut() {
                let _ = screen.write_all(CLEAR.as_bytes());
            }
            let _ = emulate_default_handler(signal);
        }
    });
}

fn failed(error: &io::Error) -> Failure {
    Failure::io("can't use the terminal", error)
}

/// To the upper left corner; no screen; nothing to scroll back to. Source: ECMA-48 (CUP, ED), and xterm for the last.
const CLEAR: &str = "\x1b[H\x1b[2J\x1b[3J";
/// What Linux lets a terminal's line be long.
const LINE_LEN_MAX: usize = 4096;
