//! What the user sees besides data: notes, errors, and the answers of administrative commands.
//!
//! The only module that writes to the terminal, but for the progress bar and what is shown to a person alone
//! ([`crate::terminal`]). Notes and errors go to standard error,
//! so that standard output can be data.

use std::io::{self, Write as _};
use std::path::Path;

use signal_hook::consts::SIGPIPE;
use signal_hook::low_level::emulate_default_handler;

use crate::failure::{Code, Failure};

/// How much is said.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Console {
    pub(crate) quiet: bool,
    pub(crate) verbose: bool,
}

impl Console {
    /// Something that the user should know; `-q` silences it.
    pub(crate) fn note(self, text: &str) {
        if !self.quiet {
            stderr_line(&format!("keyfold: {text}"));
        }
    }

    /// Something that must not happen unnoticed, not even with `-q`.
    pub(crate) fn notice(self, text: &str) {
        stderr_line(&format!("keyfold: {text}"));
    }

    /// Something that the user asked to see with `-v`.
    pub(crate) fn detail(self, text: &str) {
        if self.verbose && !self.quiet {
            stderr_line(&format!("keyfold: {text}"));
        }
    }

    /// A failure, of a file or of all.
    pub(crate) fn failure(self, subject: Option<&str>, failure: &Failure) {
        match subject {
            Some(subject) => stderr_line(&format!("keyfold: {subject}: {}", failure.what)),
            None => stderr_line(&format!("keyfold: {}", failure.what)),
        }
        if let Some(hint) = &failure.hint {
            stderr_line(&format!("  hint: {hint}"));
        }
    }
}

/// Prints the answer of a command.
pub(crate) fn answer(text: &str) -> Result<(), Failure> {
    let mut stdout = io::stdout().lock();
    let written = stdout.write_all(text.as_bytes()).and_then(|()| stdout.write_all(b"\n"));
    written.and_then(|()| stdout.flush()).map_err(|error| cannot_write(&error))
}

/// Ends the process, as the system would, if nobody reads standard output any more: that is no failure.
pub(crate) fn cannot_write(error: &io::Error) -> Failure {
    if error.kind() == io::ErrorKind::BrokenPipe {
        // Does not return, unless the signal can't be raised.
        let _ = emulate_default_handler(SIGPIPE);
    }
    Failure::io("can't write to standard output", error)
}

/// Prints a value as indented JSON.
pub(crate) fn answer_json(value: &impl serde::Serialize) -> Result<(), Failure> {
    let text = serde_json::to_string_pretty(value);
    answer(&printable_json(&text.map_err(|error| Failure::new(Code::Other, error.to_string()))?))
}

/// JSON with the same meaning, and without what could draw on a terminal.
pub(crate) fn printable_json(json: &str) -> String {
    // All of these stand inside strings, and all are short enough for one escape; line ends stand between them.
    let escape = |c| match is_printable(c) || c == '\n' {
        true => String::from(c),
        false => format!("\\u{:04x}", u32::from(c)),
    };
    json.chars().map(escape).collect()
}

/// A path for people.
pub(crate) fn shown(path: &Path) -> String {
    printable(&path.to_string_lossy())
}

/// `text` without what could draw on a terminal or turn a line around. Errors quote what others have chosen: file
/// names, and the key names in messages.
pub(crate) fn printable(text: &str) -> String {
    let escape = |c: char| if is_printable(c) { String::from(c) } else { c.escape_unicode().collect() };
    text.chars().map(escape).collect()
}

/// Neither a control character nor an invisible one that formats its neighbours.
fn is_printable(c: char) -> bool {
    !c.is_control()
        && !matches!(c, '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{feff}')
}

/// Nothing is left to do about a standard error that can't be written.
fn stderr_line(text: &str) {
    let _ = io::stderr().lock().write_all(format!("{}\n", printable(text)).as_bytes());
}
