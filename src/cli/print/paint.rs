//! Colours of the command line. Every word stands for itself; colour only helps the eye.

/// Colours, or none.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Paint {
    /// Whether colours are wanted.
    pub on: bool,
}

impl Paint {
    /// Fine.
    pub fn good(self, text: &str) -> String {
        self.with("32", text)
    }

    /// Needs a look.
    pub fn warn(self, text: &str) -> String {
        self.with("33", text)
    }

    /// Wrong.
    pub fn bad(self, text: &str) -> String {
        self.with("31", text)
    }

    /// A name or a revision.
    pub fn name(self, text: &str) -> String {
        self.with("36", text)
    }

    /// A heading.
    pub fn head(self, text: &str) -> String {
        self.with("1", text)
    }

    /// Beside the point.
    pub fn dim(self, text: &str) -> String {
        self.with("2", text)
    }

    fn with(self, code: &str, text: &str) -> String {
        if self.on && !text.is_empty() {
            format!("\u{1b}[{code}m{text}\u{1b}[0m")
        } else {
            text.to_owned()
        }
    }
}
