//! How many connections there may be, in total and from one peer.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, PoisonError};

/// The connections that there are.
#[derive(Debug)]
pub(crate) struct Connections {
    total_max: u32,
    per_peer_max: u32,
    open: Mutex<Open>,
}

#[derive(Debug, Default)]
struct Open {
    total: u32,
    by_peer: HashMap<IpAddr, u32>,
}

/// The right to one connection, until dropped.
#[derive(Debug)]
pub(crate) struct Connected {
    connections: Arc<Connections>,
    peer: IpAddr,
}

impl Connections {
    pub(crate) fn new(total_max: u32, per_peer_max: u32) -> Arc<Self> {
        Arc::new(Self { total_max, per_peer_max, open: Mutex::default() })
    }

    /// Counts a connection, if there may be one more.
    pub(crate) fn admit(self: &Arc<Self>, address: IpAddr) -> Option<Connected> {
        let peer = peer(address);
        let mut open = self.open.lock().unwrap_or_else(PoisonError::into_inner);
        let of_peer = open.by_peer.get(&peer).copied().unwrap_or(0);
        if open.total >= self.total_max || of_peer >= self.per_peer_max {
            return None;
        }
        open.total += 1;
        open.by_peer.insert(peer, of_peer + 1);
        Some(Connected { connections: Arc::clone(self), peer })
    }

    /// How many there are.
    pub(crate) fn count(&self) -> u32 {
        self.open.lock().unwrap_or_else(PoisonError::into_inner).total
    }
}

impl Drop for Connected {
    fn drop(&mut self) {
        let mut open = self.connections.open.lock().unwrap_or_else(PoisonError::into_inner);
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
        let connections = Connections::new(3, 2);
        let from = |address: &str| connections.admit(address.parse().unwrap());
        let first = from("2001:db8::1").unwrap();
        let _second = from("2001:db8::ffff:2").unwrap();
        assert!(from("2001:db8::3").is_none(), "the same /64");
        let third = from("192.0.2.1").unwrap();
        assert!(from("192.0.2.2").is_none(), "full");
        drop(third);
        drop(first);
        assert!(from("2001:db8::3").is_some());
        assert_eq!(connections.count(), 1);
        assert_eq!(connections.open.lock().unwrap().by_peer.len(), 1, "nothing is left of the others");
    }
}
