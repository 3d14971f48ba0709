//! What is known of the objects that a commit changes before it is made: what the API server says, and whose they are.

/// The outcome of a dry run of each object that would be another one, or a new one.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Tried {
    /// Objects that the server would not take, each with file, line, and the server's words (foreign text).
    pub refused: Vec<String>,
    /// Why some or all could not be tried, a sentence each (may hold foreign text).
    pub untold: Vec<String>,
    /// Other mappings that are made from the same files, each with how many of its objects change: `cart (2 objects)`.
    pub also: Vec<String>,
}
