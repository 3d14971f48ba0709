//! Documents of a YAML or JSON file, read as `kubectl` reads them, with their lines.

mod compose;
mod document;
mod hidden;
mod json;
mod line;
mod node;
mod scalar;

pub use document::{Document, YamlError, documents};
pub use hidden::{Visible, secret_lines};
pub use line::{Lines, line_of};
