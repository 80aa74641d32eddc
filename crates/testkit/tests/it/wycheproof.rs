//! The Wycheproof vectors through `keyfold-crypto`.
