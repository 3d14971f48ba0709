//! What the API server says of the objects that a commit changes, before it is made.

/// The outcome of a dry run of each object that would be another one, or a new one.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Tried {
    /// Objects that the server would not take, each with file, line, and the server's words (foreign text).
    pub refused: Vec<String>,
    /// Why some or all could not be tried, a sentence each (may hold foreign text).
    pub untold: Vec<String>,
}
