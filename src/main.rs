//! gitdeck
fn main() {}
