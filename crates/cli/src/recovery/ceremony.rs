//! Shares on the terminal: shown one at a time, and typed back.

use keyfold_kms::root::shares::{COUNT, Share, TEXT_LEN, THRESHOLD};
use zeroize::Zeroizing;

use crate::failure::Failure;
use crate::terminal::Terminal;

/// Shows each share alone on the screen, until the user has written it down.
pub(super) fn show(terminal: &mut Terminal, shares: &[Share]) -> Result<(), Failure> {
    let set = super::set(shares);
    terminal.show(&format!(
        "\nThe recovery copy of this key store: {COUNT} shares, of which any {THRESHOLD} open it when its root of trust is\n\
         lost, and fewer say nothing. Each is shown once. Write each on a paper of its own, with its number\n\
         and the set, {set}. Keep the papers in different places, none of them beside the key store.\n\
         Afterwards {THRESHOLD} of them have to be typed back.\n\n"
    ))?;
    terminal.ask("Is nobody looking over your shoulder? Enter shows the first. ")?;
    for share in shares {
        terminal.clear()?;
        terminal.show_secret(&page(share)?)?;
        terminal.ask("\nEnter when it is on paper. ")?;
    }
    terminal.clear()
}

/// Has the user type shares of this set back, until there are enough.
pub(super) fn typed_back(terminal: &mut Terminal, shares: &[Share]) -> Result<Vec<Share>, Failure> {
    let set = super::set(shares);
    terminal.show(&format!("Type {THRESHOLD} of the shares back, in any order, to prove these papers.\n"))?;
    collect(terminal, usize::from(THRESHOLD), Some(&set))
}

/// Has the user type as many shares as the first one says are needed.
pub(super) fn typed(terminal: &mut Terminal) -> Result<Vec<Share>, Failure> {
    terminal
        .show("Type the recovery shares, in any order. Capitals, spaces and line ends do not matter.\n")?;
    collect(terminal, 1, None)
}

/// Reads shares until there are as many as are needed, at least `needed`; of `set`, if one is given, else of the set of
/// the first one. What is wrong is said at once, and asked for again.
fn collect(terminal: &mut Terminal, needed: usize, set: Option<&str>) -> Result<Vec<Share>, Failure> {
    let mut shares: Vec<Share> = Vec::new();
    let mut needed = needed;
    // Shown with the next question, since what is typed before that is forgotten.
    let mut said = String::new();
    while shares.len() < needed {
        let which = match (set, shares.len()) {
            // How many are needed is written in the first one.
            (None, 0) => "The first share".to_owned(),
            (_, given) => format!("Share {} of {needed}", given + 1),
        };
        let text = text(terminal, &format!("{said}\n{which}:\n"))?;
        let share = match Share::parse(&text) {
            Ok(share) => share,
            Err(error) => {
                said = format!("  {error}. Once more.\n");
                continue;
            }
        };
        let expected = set.map(str::to_owned).or_else(|| shares.first().map(Share::set));
        if expected.is_some_and(|expected| share.set() != expected) {
            said = format!("  This share is of another set, {}.\n", share.set());
            continue;
        }
        if shares.iter().any(|earlier| earlier.index() == share.index()) {
            said = format!("  Share {} was typed already.\n", share.index());
            continue;
        }
        said = format!("  That is share {}.\n", share.index());
        needed = needed.max(usize::from(share.threshold()));
        shares.push(share);
    }
    terminal.clear()?;
    Ok(shares)
}

/// Reads one share, on one line or several, until it has all its characters. An empty line begins anew.
fn text(terminal: &mut Terminal, question: &str) -> Result<Zeroizing<String>, Failure> {
    // Room for all of it, so that growing leaves no copy behind.
    let mut text = Zeroizing::new(String::with_capacity(8 * TEXT_LEN));
    let mut line = terminal.ask_secret(&format!("{question}> "))?;
    loop {
        if line.is_empty() {
            text.clear();
        } else if text.len() + line.len() > text.capacity() {
            return Ok(line);
        } else {
            text.push_str(&line);
            if text.chars().filter(|c| !c.is_whitespace() && *c != '-').count() >= TEXT_LEN {
                return Ok(text);
            }
        }
        line = terminal.ask_on("> ")?;
    }
}

/// A share for paper.
fn page(share: &Share) -> Result<Zeroizing<String>, Failure> {
    let text = share.text().map_err(|error| Failure::from(&error))?;
    let mut page = Zeroizing::new(String::with_capacity(1024));
    page.push_str(&format!("Recovery share {} of {COUNT}, set {}\n", share.index(), share.set()));
    for (i, group) in text.split(' ').enumerate() {
        page.push_str(if i % 5 == 0 { "\n    " } else { " " });
        page.push_str(group);
    }
    page.push('\n');
    Ok(page)
}
