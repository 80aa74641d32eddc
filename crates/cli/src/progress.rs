//! The progress bar: on a terminal, for work that takes more than a second, on standard error.

use std::cell::RefCell;
use std::io::{self, IsTerminal as _, Read};
use std::time::{Duration, Instant};

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

use crate::console::Console;

/// Watches the files of one command.
#[derive(Debug)]
pub(crate) struct Progress {
    is_shown: bool,
    start: Instant,
    bar: RefCell<Option<ProgressBar>>,
}

impl Progress {
    pub(crate) fn new(console: Console) -> Self {
        let is_shown = !console.quiet && io::stderr().is_terminal();
        Self { is_shown, start: now(), bar: RefCell::default() }
    }

    /// A reader that moves the bar as `reader` is read. Dropping it takes the bar away.
    pub(crate) fn watch<R: Read>(&self, reader: R, name: &str, len: Option<u64>) -> Watched<'_, R> {
        Watched { progress: self, reader, name: name.to_owned(), len, read: 0 }
    }

    fn advance(&self, name: &str, len: Option<u64>, read: u64) {
        if !self.is_shown || now().duration_since(self.start) < DELAY {
            return;
        }
        let mut bar = self.bar.borrow_mut();
        let bar = bar.get_or_insert_with(|| {
            let bar = ProgressBar::with_draw_target(len, ProgressDrawTarget::stderr());
            // The file started before its bar: the rate is that of the whole time.
            bar.set_style(style(len.is_some()));
            bar.set_message(name.to_owned());
            bar.set_position(read);
            bar.reset_eta();
            bar
        });
        bar.set_position(read);
    }

    fn clear(&self) {
        if let Some(bar) = self.bar.borrow_mut().take() {
            bar.finish_and_clear();
        }
    }
}

/// See [`Progress::watch`].
#[derive(Debug)]
pub(crate) struct Watched<'a, R> {
    progress: &'a Progress,
    reader: R,
    name: String,
    len: Option<u64>,
    read: u64,
}

impl<R: Read> Read for Watched<'_, R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let len = self.reader.read(buffer)?;
        self.read += len as u64;
        self.progress.advance(&self.name, self.len, self.read);
        Ok(len)
    }
}

impl<R> Drop for Watched<'_, R> {
    fn drop(&mut self) {
        self.progress.clear();
    }
}

fn style(has_len: bool) -> ProgressStyle {
    let template = if has_len {
        "{msg}  {wide_bar} {bytes}/{total_bytes}  {binary_bytes_per_sec}  {eta} left"
    } else {
        "{msg}  {bytes}  {binary_bytes_per_sec}  {elapsed}"
    };
    ProgressStyle::with_template(template).unwrap_or_else(|_| ProgressStyle::default_bar())
}

#[expect(clippy::disallowed_methods, reason = "how long something has been going is all that is asked here")]
fn now() -> Instant {
    Instant::now()
}

const DELAY: Duration = Duration::from_secs(1);
