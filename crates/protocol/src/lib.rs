//! Keyfold.
