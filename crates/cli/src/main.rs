//! Keyfold. 
fn main() {}
