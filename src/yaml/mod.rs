//! Documents of a YAML or JSON file, read as `kubectl` reads them, with their lines; and changes of single values.

mod compose;
mod document;
mod edit;
mod hidden;
mod json;
mod line;
mod node;
mod scalar;

pub use document::{Document, YamlError, documents};
pub use edit::{Change, EditError, Place, document, edit, file_of, value_at, written};
pub use hidden::{Visible, secret_lines};
pub use line::{Lines, line_of};
