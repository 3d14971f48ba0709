//! What the tests share.

pub mod paths;
