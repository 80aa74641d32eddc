//! How many there may be of something, in total and from one peer: connections, and requests that have proven nothing.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, PoisonError};

/// Those that there are.
#[derive(Debug)]
pub(crate) struct Peers {
    total_max: u32,
    per_peer_max: u32,
    open: Mutex<Open>,
}

#[derive(Debug, Default)]
struct Open {
    total: u32,
    by_peer: HashMap<IpAddr, u32>,
}

/// The right to one, until dropped.
#[derive(Debug)]
pub(crate) struct Counted {
    peers: Arc<Peers>,
    peer: IpAddr,
}

impl Peers {
    pub(crate) fn new(total_max: u32, per_peer_max: u32) -> Arc<Self> {
        Arc::new(Self { total_max, per_peer_max, open: Mutex::default() })
    }

    /// Counts one, if there may be one more.
    pub(crate) fn admit(self: &Arc<Self>, address: IpAddr) -> Option<Counted> {
        let peer = peer(address);
        let mut open = self.open.lock().unwrap_or_else(PoisonError::into_inner);
        let of_peer = open.by_peer.get(&peer).copied().unwrap_or(0);
        if open.total >= self.total_max || of_peer >= self.per_peer_max {
            return None;
        }
        open.total += 1;
        open.by_peer.insert(peer, of_peer + 1);
        Some(Counted { peers: Arc::clone(self), peer })
    }

    /// How many there are.
    pub(crate) fn count(&self) -> u32 {
        self.open.lock().unwrap_or_else(PoisonError::into_inner).total
    }
}

impl Drop for Counted {
    fn drop(&mut self) {
        let mut open = self.peers.open.lock().unwrap_or_else(PoisonError::into_inner);
        open.total -= 1;
        if let Some(of_peer) = open.by_peer.get_mut(&self.peer) {
            *of_peer -= 1;
            if *of_peer == 0 {
                open.by_peer.remove(&self.peer);
            }
        }
    }
}

/// Whom an address counts for: one host has a whole /64 of IPv6 to choose from.
fn peer(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V6(address) => {
            let mut segments = address.segments();
            segments[4..].fill(0);
            IpAddr::V6(segments.into())
        }
        address => address,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counted_in_total_and_by_peer() {
        let peers = Peers::new(3, 2);
        let from = |address: &str| peers.admit(address.parse().unwrap());
        let first = from("2001:db8::1").unwrap();
        let _second = from("2001:db8::ffff:2").unwrap();
        assert!(from("2001:db8::3").is_none(), "the same /64");
        let third = from("192.0.2.1").unwrap();
        assert!(from("192.0.2.2").is_none(), "full");
        drop(third);
        drop(first);
        assert!(from("2001:db8::3").is_some());
        assert_eq!(peers.count(), 1);
        assert_eq!(peers.open.lock().unwrap().by_peer.len(), 1, "nothing is left of the others");
    }
}
