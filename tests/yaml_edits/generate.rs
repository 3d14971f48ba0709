//! Random files in every style that people write, with the bytes of each scalar known from the writing.

use std::ops::Range;

/// A small generator of numbers: the same seed gives the same file on every machine.
pub struct Dice(u64);

impl Dice {
    pub fn new(seed: u64) -> Self {
        let mut dice = Self(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) ^ 0x2545_f491_4f6c_dd1d);
        dice.below(2);
        dice
    }

    /// A number below `limit`.
    pub fn below(&mut self, limit: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        ((mixed ^ (mixed >> 31)) % limit as u64) as usize
    }

    pub fn one_in(&mut self, n: usize) -> bool {
        self.below(n) == 0
    }

    pub fn pick<'a, T: ?Sized>(&mut self, from: &[&'a T]) -> &'a T {
        from[self.below(from.len())]
    }
}

/// One step down to a value.
#[derive(Debug, Clone, PartialEq)]
pub enum Down {
    Key(String),
    Index(usize),
}

/// A scalar that was written.
#[derive(Debug, Clone)]
pub struct Written {
    pub document: usize,
    pub route: Vec<Down>,
    /// Its bytes, quotes included; of block text from its header to its last line.
    pub range: Range<usize>,
}

/// A merge key that was written.
#[derive(Debug, Clone)]
pub struct Merge {
    pub document: usize,
    /// The map that has it, and the keys that this has itself.
    pub route: Vec<Down>,
    pub own: Vec<&'static str>,
    /// The map that it brings in.
    pub from: Vec<Down>,
}

/// A random file.
pub struct File {
    pub text: String,
    pub scalars: Vec<Written>,
    pub merges: Vec<Merge>,
    /// Maps with an anchor, by its name.
    maps: Vec<(String, Vec<Down>)>,
    dice: Dice,
    eol: &'static str,
    route: Vec<Down>,
    document: usize,
    anchors: Vec<String>,
    count: usize,
}

const WORDS: &[&str] = &[
    "a",
    "app",
    "1",
    "80",
    "0.5",
    "true",
    "null",
    "web server",
    "nginx:1.25",
    "x/y",
    "100m",
    "é",
    "~",
    "-1",
    "a-b",
];
const QUOTED: &[&str] = &["", "yes", "a: b", "# no", "1", "x y", "{}", "*a", "é ü", "- x", "n"];
const KEYS: &[&str] =
    &["name", "image", "replicas", "env", "labels", "x", "y-z", "data", "a.b/c", "über"];

impl File {
    /// Writes the file of a seed.
    pub fn of(seed: u64) -> Self {
        let mut dice = Dice::new(seed);
        let eol = if dice.one_in(5) { "\r\n" } else { "\n" };
        let mut file = Self {
            text: String::new(),
            scalars: Vec::new(),
            merges: Vec::new(),
            maps: Vec::new(),
            dice,
            eol,
            route: Vec::new(),
            document: 0,
            anchors: Vec::new(),
            count: 0,
        };
        if file.dice.one_in(8) {
            file.text.push('\u{feff}');
        }
        let documents = 1 + file.dice.below(3);
        for document in 0..documents {
            file.document = document;
            file.anchors.clear();
            file.maps.clear();
            if document > 0 || file.dice.one_in(3) {
                file.text.push_str("---");
                file.end_line();
            }
            file.comment_line(0);
            if file.dice.one_in(6) {
                file.list(0, 0);
            } else {
                file.map(0, 0);
            }
            if file.dice.one_in(6) {
                file.text.push_str("...");
                file.end_line();
            }
        }
        if file.dice.one_in(6)
            && file.text.ends_with(eol)
            && !file.text.ends_with(&format!("{eol}{eol}"))
        {
            file.text.truncate(file.text.len() - eol.len());
        }
        let length = file.text.len();
        for scalar in &mut file.scalars {
            scalar.range.end = scalar.range.end.min(length);
        }
        file
    }

    fn put(&mut self, text: String) {
        self.text.push_str(&text);
    }

    fn end_line(&mut self) {
        if self.dice.one_in(6) {
            self.count += 1;
            self.put(format!(" # c{}", self.count));
        }
        self.text.push_str(self.eol);
    }

    fn comment_line(&mut self, column: usize) {
        if self.dice.one_in(6) {
            self.count += 1;
            self.put(format!("{}# c{}{}", " ".repeat(column), self.count, self.eol));
        }
        if self.dice.one_in(12) {
            // Empty lines belong to text that keeps them.
            let kept = self.scalars.last_mut().filter(|last| {
                self.text[last.range.clone()].starts_with("|+")
                    && self.text[last.range.end..].trim().is_empty()
            });
            if let Some(last) = kept {
                last.range.end = self.text.len();
            }
            self.text.push_str(self.eol);
        }
    }

    fn keys(&mut self) -> Vec<&'static str> {
        let mut keys = Vec::new();
        for _ in 0..=self.dice.below(4) {
            let key = self.dice.pick(KEYS);
            if !keys.contains(&key) {
                keys.push(key);
            }
        }
        keys
    }

    /// A map whose first key is written where the text is, its others at the column.
    fn map(&mut self, column: usize, depth: usize) {
        let keys = self.keys();
        for (index, key) in keys.iter().enumerate() {
            if index > 0 {
                self.comment_line(column);
                self.text.push_str(&" ".repeat(column));
            }
            let quoted = self.dice.one_in(10);
            self.put(if quoted { format!("'{key}':") } else { format!("{key}:") });
            self.route.push(Down::Key((*key).to_owned()));
            self.below(column, depth, true);
            self.route.pop();
        }
        if !self.maps.is_empty() && self.dice.one_in(3) {
            let (name, from) = self.maps[self.dice.below(self.maps.len())].clone();
            self.comment_line(column);
            self.put(format!("{}<<: *{name}", " ".repeat(column)));
            self.end_line();
            let (document, route) = (self.document, self.route.clone());
            self.merges.push(Merge { document, route, own: keys, from });
        }
    }

    fn list(&mut self, column: usize, depth: usize) {
        for index in 0..=self.dice.below(3) {
            if index > 0 {
                self.comment_line(column);
                self.text.push_str(&" ".repeat(column));
            }
            self.text.push('-');
            self.route.push(Down::Index(index));
            self.below(column, depth, false);
            self.route.pop();
        }
    }

    /// What follows a colon or a dash, with the end of the line.
    fn below(&mut self, column: usize, depth: usize, keyed: bool) {
        let kind = if depth > 3 { self.dice.below(7) } else { self.dice.below(13) };
        let step = 1 + self.dice.below(4);
        match kind {
            0 => self.end_line(),
            1 if !self.anchors.is_empty() => {
                let alias = self.anchors[self.dice.below(self.anchors.len())].clone();
                self.put(format!(" *{alias}"));
                self.end_line();
            }
            2 => self.block_text(column, step),
            3 => {
                self.text.push(' ');
                self.flow(depth);
                self.end_line();
            }
            1 | 4..=6 => {
                self.text.push_str(&" ".repeat(1 + self.dice.below(2)));
                let anchor = self.anchor();
                self.scalar(false);
                self.anchors.extend(anchor);
                self.end_line();
            }
            7..=9 if !keyed => {
                self.text.push_str(&" ".repeat(step));
                if self.dice.one_in(4) {
                    self.list(column + 1 + step, depth + 1);
                } else {
                    self.map(column + 1 + step, depth + 1);
                }
            }
            7..=9 => {
                self.text.push(' ');
                let anchor = self.anchor();
                if anchor.is_none() {
                    self.text.pop();
                }
                self.end_line();
                self.comment_line(column + step);
                self.text.push_str(&" ".repeat(column + step));
                self.map(column + step, depth + 1);
                self.maps.extend(anchor.iter().map(|name| (name.clone(), self.route.clone())));
                self.anchors.extend(anchor);
            }
            _ => {
                let step = if keyed && self.dice.one_in(2) { 0 } else { step };
                self.end_line();
                self.text.push_str(&" ".repeat(column + step));
                self.list(column + step, depth + 1);
            }
        }
    }

    fn anchor(&mut self) -> Option<String> {
        if !self.dice.one_in(8) {
            return None;
        }
        let name = format!("k{}", self.anchors.len() + self.count);
        self.count += 1;
        self.put(format!("&{name} "));
        Some(name)
    }

    fn written(&mut self, start: usize) {
        let range = start..self.text.len();
        self.scalars.push(Written { document: self.document, route: self.route.clone(), range });
    }

    fn scalar(&mut self, flow: bool) {
        let start = self.text.len();
        match self.dice.below(4) {
            0 => {
                let text = self.dice.pick(QUOTED).replace('\'', "''");
                self.put(format!("'{text}'"));
            }
            1 => {
                let text = self.dice.pick(QUOTED);
                let tail = self.dice.pick(&["", "\\n", "\\t", "\\\"", "\\\\"]);
                self.put(format!("\"{text}{tail}\""));
            }
            _ => {
                let word = self.dice.pick(WORDS);
                self.text.push_str(if flow && word.contains(':') { "plain" } else { word });
            }
        }
        self.written(start);
    }

    fn flow(&mut self, depth: usize) {
        let count = self.dice.below(4);
        let space = self.dice.pick(&["", " "]);
        let is_map = self.dice.one_in(2);
        self.text.push_str(if is_map { "{" } else { "[" });
        self.text.push_str(space);
        for index in 0..count {
            if index > 0 {
                self.text.push_str(", ");
            }
            if is_map {
                let key = KEYS[(index * 3 + depth) % KEYS.len()];
                self.put(format!("{key}: "));
                self.route.push(Down::Key(key.to_owned()));
            } else {
                self.route.push(Down::Index(index));
            }
            if depth < 4 && self.dice.one_in(4) {
                self.flow(depth + 1);
            } else {
                self.scalar(true);
            }
            self.route.pop();
        }
        self.text.push_str(space);
        self.text.push_str(if is_map { "}" } else { "]" });
    }

    fn block_text(&mut self, column: usize, step: usize) {
        self.text.push(' ');
        let start = self.text.len();
        let header = self.dice.pick(&["|", "|-", "|+", ">", ">-"]);
        self.text.push_str(header);
        let lines = 1 + self.dice.below(3);
        for line in 0..lines {
            self.text.push_str(self.eol);
            if line > 0 && self.dice.one_in(4) {
                self.text.push_str(self.eol);
            }
            let word = self.dice.pick(&["one", "two # no comment", "three: 3", "- four", "é"]);
            let more = if line > 0 && self.dice.one_in(4) { 2 } else { 0 };
            self.put(format!("{}{word}", " ".repeat(column + step + more)));
        }
        self.written(start);
        self.text.push_str(self.eol);
        if self.dice.one_in(6) {
            self.text.push_str(self.eol);
            if header == "|+" {
                let end = self.text.len() - self.eol.len();
                if let Some(last) = self.scalars.last_mut() {
                    last.range.end = end;
                }
            }
        }
    }
}
