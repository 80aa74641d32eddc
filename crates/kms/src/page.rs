//! Pages of a list: how many entries, and where the next page starts.
//!
//! A marker is opaque to callers: base64url of a MAC (16 bytes) and the name after which to go on. The MAC binds
//! it to the list that it was given for, so a made-up marker, or one of another list or account, is no marker. It
//! is not a secret and does not expire.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD as BASE64;
use keyfold_protocol::{ErrorKind, KmsError};

use crate::call::Call;
use crate::error::RecordError;
use crate::root::barrier::{Record, Stored};

/// What one page shall have.
#[derive(Debug)]
pub(crate) struct Page {
    limit: usize,
    /// The name of the last entry of the page before.
    after: Option<String>,
    list: String,
}

/// The entries of a page, and the marker of the next, if there is one.
pub(crate) type Entries<T> = (Vec<T>, Option<String>);

impl Page {
    /// The page of `list` (any text that tells it from other lists of this account and Region) that was asked for.
    pub(crate) fn new(
        call: &Call<'_>,
        list: String,
        limit: Option<i32>,
        limit_default: usize,
        marker: Option<&String>,
    ) -> Result<Self, KmsError> {
        let limit = limit.and_then(|limit| usize::try_from(limit).ok()).unwrap_or(limit_default);
        let after = match marker {
            Some(marker) => Some(open(call, &list, marker).ok_or_else(invalid_marker)?),
            None => None,
        };
        Ok(Self { limit, after, list })
    }

    /// The same page of the list that begins after `name`.
    pub(crate) fn starting_after(self, name: &str) -> Self {
        Self { after: self.after.or_else(|| Some(name.to_owned())), ..self }
    }

    /// This page of the records whose places start with `prefix`.
    pub(crate) async fn read<R: Record>(
        &self,
        call: &Call<'_>,
        prefix: &str,
    ) -> Result<Entries<Stored<R>>, RecordError> {
        let mut found = call.barrier.range(prefix, self.after.as_deref(), self.limit + 1).await?;
        let next = self.cut(call, &mut found, |stored: &Stored<R>| {
            stored.place().as_str().strip_prefix(prefix).unwrap_or_default()
        });
        Ok((found, next))
    }

    /// This page of entries that are sorted by `name`.
    pub(crate) fn of_sorted<T>(
        &self,
        call: &Call<'_>,
        entries: impl IntoIterator<Item = T>,
        name: impl Fn(&T) -> &str,
    ) -> Entries<T> {
        let is_after = |entry: &T| self.after.as_deref().is_none_or(|after| name(entry) > after);
        let mut found: Vec<_> = entries.into_iter().filter(is_after).take(self.limit + 1).collect();
        let next = self.cut(call, &mut found, &name);
        (found, next)
    }

    /// Takes the entries of this page from `found`, which has one more if there is a next page.
    fn cut<T>(&self, call: &Call<'_>, found: &mut Vec<T>, name: impl Fn(&T) -> &str) -> Option<String> {
        if found.len() <= self.limit {
            return None;
        }
        found.truncate(self.limit);
        found.last().map(|last| seal(call, &self.list, name(last)))
    }
}

fn seal(call: &Call<'_>, list: &str, name: &str) -> String {
    BASE64.encode([&mac(call, list, name), name.as_bytes()].concat())
}

fn open(call: &Call<'_>, list: &str, marker: &str) -> Option<String> {
    if marker.len() > MARKER_LEN_MAX {
        return None;
    }
    let bytes = BASE64.decode(marker).ok()?;
    let (found, name) = bytes.split_first_chunk::<MAC_LEN>()?;
    let name = std::str::from_utf8(name).ok()?;
    keyfold_crypto::ct_eq(found, &mac(call, list, name)).then(|| name.to_owned())
}

fn mac(call: &Call<'_>, list: &str, name: &str) -> Vec<u8> {
    // Neither accounts, Regions nor lists have a line feed in them.
    let text = format!("{}\n{}\n{list}\n{name}", call.scope.account, call.scope.region);
    call.barrier.marker_key().sign(text.as_bytes()).as_ref()[..MAC_LEN].to_vec()
}

fn invalid_marker() -> KmsError {
    KmsError::new(ErrorKind::InvalidMarker, "The marker is not one that this list has answered.")
}

const MAC_LEN: usize = 16;
/// Service model: `MarkerType`. The longest name, a tag key of 512 bytes, makes one of 704.
const MARKER_LEN_MAX: usize = 1024;
