//! The paths that a Rust file names, read from its tokens: comments and strings aside, `use` groups expanded.

/// One path in a file.
pub struct Occurrence {
    /// `["crate", "git", "Mirror"]`; a `super::` chain that leaves the file's folder is resolved to `crate`.
    pub segments: Vec<String>,
    /// Counted from 1.
    pub line: usize,
    /// Below an item marked `#[cfg(test)]`.
    pub in_test: bool,
    /// The path is in a `use`, or has more than one segment: a plain name is a variable, not a crate.
    pub names_module: bool,
}

impl Occurrence {
    /// Whether the first segment can be another crate.
    pub fn is_foreign(&self) -> bool {
        self.names_module
            && self
                .segments
                .first()
                .is_some_and(|first| !matches!(first.as_str(), "crate" | "self" | "super"))
    }
}

struct Token {
    text: String,
    line: usize,
}

/// What an open brace belongs to.
struct Frame {
    module: bool,
    test: bool,
}

/// Every path of `text`, a file at `module` below the crate's root.
pub fn paths(text: &str, module: &[&str]) -> Vec<Occurrence> {
    let tokens = tokens(text);
    let mut walk = Walk {
        tokens: &tokens,
        at: 0,
        module,
        frames: Vec::new(),
        pending_test: false,
        found: Vec::new(),
    };
    walk.file();
    walk.found
}

struct Walk<'a> {
    tokens: &'a [Token],
    at: usize,
    module: &'a [&'a str],
    frames: Vec<Frame>,
    pending_test: bool,
    found: Vec<Occurrence>,
}

impl Walk<'_> {
    fn text(&self, at: usize) -> &str {
        self.tokens.get(at).map_or("", |token| token.text.as_str())
    }

    fn file(&mut self) {
        while self.at < self.tokens.len() {
            match self.text(self.at) {
                "{" => {
                    let module = self.at >= 2 && self.text(self.at - 2) == "mod";
                    let test = std::mem::take(&mut self.pending_test);
                    self.frames.push(Frame { module, test });
                    self.at += 1;
                }
                "}" => {
                    self.frames.pop();
                    self.at += 1;
                }
                ";" => {
                    self.pending_test = false;
                    self.at += 1;
                }
                "use" => {
                    self.at += 1;
                    self.tree(&[], true);
                }
                "cfg" if self.text(self.at + 1) == "(" => {
                    self.at += 1;
                    self.condition();
                }
                word if is_word(word) => self.tree(&[], false),
                _ => self.at += 1,
            }
        }
    }

    /// `cfg(…)`: remembers whether it asks for `test`.
    fn condition(&mut self) {
        let mut depth = 0;
        while self.at < self.tokens.len() {
            match self.text(self.at) {
                "(" => depth += 1,
                ")" => depth -= 1,
                "test" if self.text(self.at.wrapping_sub(2)) != "not" => self.pending_test = true,
                _ => {}
            }
            self.at += 1;
            if depth == 0 {
                return;
            }
        }
    }

    /// One path or one `use` tree below `prefix`.
    fn tree(&mut self, prefix: &[String], import: bool) {
        let mut segments = prefix.to_vec();
        let line = self.tokens.get(self.at).map_or(0, |token| token.line);
        if self.text(self.at) == "::" {
            self.at += 1;
        }
        loop {
            match self.text(self.at) {
                "{" if import => {
                    self.group(&segments);
                    return;
                }
                "*" if import => {
                    segments.push("*".into());
                    self.at += 1;
                }
                word if is_word(word) => {
                    segments.push(word.into());
                    self.at += 1;
                }
                _ => break,
            }
            let goes_on = self.text(self.at) == "::"
                && (is_word(self.text(self.at + 1))
                    || (import && matches!(self.text(self.at + 1), "{" | "*")));
            if !goes_on {
                break;
            }
            self.at += 1;
        }
        if import && self.text(self.at) == "as" {
            self.at += 2;
        }
        let names_module = import || segments.len() > 1;
        let in_test = self.frames.iter().any(|frame| frame.test);
        let segments = self.resolve(segments);
        if !segments.is_empty() {
            self.found.push(Occurrence { segments, line, in_test, names_module });
        }
    }

    fn group(&mut self, prefix: &[String]) {
        self.at += 1;
        while self.at < self.tokens.len() {
            match self.text(self.at) {
                "}" => {
                    self.at += 1;
                    return;
                }
                "," => self.at += 1,
                _ => {
                    let before = self.at;
                    self.tree(prefix, true);
                    self.at = self.at.max(before + 1);
                }
            }
        }
    }

    /// A `super::` chain that reaches the crate's root, as a path from there; others stay as they are.
    fn resolve(&self, segments: Vec<String>) -> Vec<String> {
        let skip = usize::from(segments.first().is_some_and(|first| first == "self"));
        let ups = segments[skip..].iter().take_while(|segment| *segment == "super").count();
        let depth = self.module.len() + self.frames.iter().filter(|frame| frame.module).count();
        if ups == 0 || ups < depth {
            return segments;
        }
        std::iter::once("crate".to_string()).chain(segments.into_iter().skip(skip + ups)).collect()
    }
}

fn is_word(text: &str) -> bool {
    text.starts_with(|first: char| first.is_alphabetic() || first == '_')
}

/// Words, `::` and single signs. Comments, strings, characters and lifetimes are left out.
fn tokens(text: &str) -> Vec<Token> {
    let chars: Vec<char> = text.chars().collect();
    let mut found = Vec::new();
    let (mut at, mut line) = (0, 1);
    while at < chars.len() {
        let rest = &chars[at..];
        let word = rest.iter().take_while(|sign| sign.is_alphanumeric() || **sign == '_').count();
        let length = if let Some(skipped) = silent(rest) {
            skipped
        } else if word > 0 {
            found.push(Token { text: rest[..word].iter().collect(), line });
            word
        } else if rest.starts_with(&[':', ':']) {
            found.push(Token { text: "::".into(), line });
            2
        } else {
            if !rest[0].is_whitespace() {
                found.push(Token { text: rest[0].into(), line });
            }
            1
        };
        line += rest[..length].iter().filter(|sign| **sign == '\n').count();
        at += length;
    }
    found
}

/// The length of a comment, a literal or a lifetime at the start of `rest`.
fn silent(rest: &[char]) -> Option<usize> {
    let until = |pattern: &[char], from: usize| {
        (from..rest.len())
            .find(|at| rest[*at..].starts_with(pattern))
            .map_or(rest.len(), |at| at + pattern.len())
    };
    match rest {
        ['/', '/', ..] => Some(rest.iter().position(|sign| *sign == '\n').unwrap_or(rest.len())),
        ['/', '*', ..] => Some(block_comment(rest)),
        ['"', ..] => Some(quoted(rest)),
        ['b', '"', ..] => Some(1 + quoted(&rest[1..])),
        ['r', tail @ ..] | ['b', 'r', tail @ ..] => {
            let hashes = tail.iter().take_while(|sign| **sign == '#').count();
            if tail.get(hashes) != Some(&'"') {
                return None;
            }
            let close: Vec<char> =
                std::iter::once('"').chain(std::iter::repeat_n('#', hashes)).collect();
            Some(until(&close, rest.len() - tail.len() + hashes + 1))
        }
        ['\'', '\\', _, ..] => Some(until(&['\''], 3)),
        ['\'', _, '\'', ..] => Some(3),
        ['\'', ..] => Some(
            1 + rest[1..].iter().take_while(|sign| sign.is_alphanumeric() || **sign == '_').count(),
        ),
        _ => None,
    }
}

fn block_comment(rest: &[char]) -> usize {
    let (mut at, mut depth) = (0, 0);
    while at < rest.len() {
        if rest[at..].starts_with(&['/', '*']) {
            depth += 1;
            at += 2;
        } else if rest[at..].starts_with(&['*', '/']) {
            depth -= 1;
            at += 2;
            if depth == 0 {
                return at;
            }
        } else {
            at += 1;
        }
    }
    at
}

fn quoted(rest: &[char]) -> usize {
    let mut at = 1;
    while at < rest.len() && rest[at] != '"' {
        at += if rest[at] == '\\' { 2 } else { 1 };
    }
    (at + 1).min(rest.len())
}
