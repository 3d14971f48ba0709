//! Splits a file into its documents and reads each.

use super::compose::compose;
use super::json::Strict;
use serde_json::Value;
use thiserror::Error;

/// One document that is not empty.
#[derive(Debug, Clone, PartialEq)]
pub struct Document {
    /// Position in the file, from 0; empty documents count.
    pub index: usize,
    /// Line on which its content begins, from 1.
    pub line: usize,
    /// Lines on which the entries of its list `items` begin, if it has one; nothing for JSON.
    pub item_lines: Vec<usize>,
    /// The content.
    pub value: Value,
}

/// A file cannot be read; the place and the fault. The message holds no values of the file, only keys.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("line {line}: {message}")]
pub struct YamlError {
    /// Line, from 1.
    pub line: usize,
    /// What is wrong.
    pub message: String,
}

/// Reads all documents of a YAML or JSON file. Empty documents (nothing, comments only, `null`) are left out; a
/// byte order mark is skipped; CRLF is a line end. Scalars are read as `kubectl` reads them.
pub fn documents(content: &[u8]) -> Result<Vec<Document>, YamlError> {
    let text = text(content)?;
    if text.trim_start().starts_with('{') {
        match json_documents(text) {
            Ok(documents) => return Ok(documents),
            // YAML in flow style begins alike; when it is neither, the reader that came further knows better.
            Err(json) => {
                return yaml_documents(text)
                    .map_err(|yaml| if yaml.line > json.line { yaml } else { json });
            }
        }
    }
    yaml_documents(text)
}

/// The text of a file without its byte order mark.
pub(super) fn text(content: &[u8]) -> Result<&str, YamlError> {
    let line_at = |end: usize| 1 + content.iter().take(end).filter(|byte| **byte == b'\n').count();
    let text = std::str::from_utf8(content).map_err(|error| YamlError {
        line: line_at(error.valid_up_to()),
        message: "the file is not UTF-8 text".to_owned(),
    })?;
    if let Some(position) = content.iter().position(|byte| *byte == 0) {
        return Err(YamlError {
            line: line_at(position),
            message: "the file holds a NUL character".to_owned(),
        });
    }
    Ok(text.strip_prefix('\u{feff}').unwrap_or(text))
}

fn yaml_documents(text: &str) -> Result<Vec<Document>, YamlError> {
    let documents = compose(text)?.into_iter().enumerate();
    let read = documents.map(|(index, node)| Document {
        index,
        line: node.first,
        item_lines: node.item_lines(),
        value: node.into_value(),
    });
    Ok(read.filter(|document| !document.value.is_null()).collect())
}

fn json_documents(text: &str) -> Result<Vec<Document>, YamlError> {
    let mut stream = serde_json::Deserializer::from_str(text).into_iter::<Strict>();
    let mut documents = Vec::new();
    let mut line = 1;
    let mut counted = 0;
    loop {
        let gap = text[counted..].len() - text[counted..].trim_start().len();
        let start = counted + gap;
        line += text[counted..start].matches('\n').count();
        match stream.next() {
            None => return Ok(documents),
            Some(Ok(Strict(value))) => {
                documents.push(Document {
                    index: documents.len(),
                    line,
                    item_lines: Vec::new(),
                    value,
                });
                counted = stream.byte_offset();
                line += text[start..counted].matches('\n').count();
            }
            Some(Err(error)) => {
                let message = error.to_string();
                let message = message.split(" at line ").next().unwrap_or_default().to_owned();
                return Err(YamlError { line: error.line().max(1), message });
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{Document, documents};
    use serde_json::json;

    fn read(text: &str) -> Vec<Document> {
        documents(text.as_bytes()).unwrap()
    }

    fn fault(text: &str) -> (usize, String) {
        let error = documents(text.as_bytes()).unwrap_err();
        (error.line, error.message)
    }

    #[test]
    fn documents_keep_index_and_line() {
        let text = "# only a comment\n---\n---\n# more\na: 1\n---\n\n---\nb: 2\n...\n";
        let found: Vec<_> = read(text).into_iter().map(|d| (d.line, d.value)).collect();
        assert_eq!(found, [(5, json!({"a": 1})), (9, json!({"b": 2}))]);
        assert_eq!(read("").len(), 0);
        assert_eq!(read("# nothing\n").len(), 0);
        assert_eq!(read("---\n").len(), 0);
    }

    #[test]
    fn carriage_returns_and_byte_order_marks_do_not_matter() {
        let found = read("\u{feff}---\r\na: x\r\n---\r\nb:\r\n- z\r\n");
        assert_eq!(found[0].value, json!({"a": "x"}));
        assert_eq!((found[1].line, &found[1].value), (4, &json!({"b": ["z"]})));
    }

    #[test]
    fn anchors_and_merge_keys_are_expanded() {
        let text = "base: &b {x: 1, y2: 2}\nuse:\n  <<: *b\n  x: 3\nlist: [*b]\n";
        assert_eq!(
            read(text)[0].value,
            json!({"base": {"x": 1, "y2": 2}, "use": {"x": 3, "y2": 2}, "list": [{"x": 1, "y2": 2}]})
        );
    }

    #[test]
    fn expansion_bombs_are_refused() {
        use std::fmt::Write;
        let mut bomb = "a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n".to_owned();
        for level in 1..9 {
            let below = format!("*a{}, ", level - 1).repeat(10);
            writeln!(bomb, "a{level}: &a{level} [{below}]").unwrap();
        }
        assert!(fault(&bomb).1.contains("too many"));
        assert!(documents("- ".repeat(5000).as_bytes()).is_err());
        assert!(documents("[".repeat(5000).as_bytes()).is_err());
    }

    #[test]
    fn faults_name_their_line() {
        assert_eq!(fault("a: 1\nb: 2\na: 3\n"), (3, "the key \"a\" is written twice".to_owned()));
        assert_eq!(fault("a: 1\n---\nb: [1\nc: 2\n").0, 4);
        assert_eq!(fault("a: 1\nb: \"x\0y\"\n").0, 2);
        assert_eq!(fault("a: &x [*x]\n").0, 1);
        assert_eq!(fault("{\"a\": 1,\n \"a\": 2}").0, 2);
        assert_eq!(documents(b"a: 1\nb: \xff\n").unwrap_err().line, 2);
        assert_eq!(documents(b"a: \"\\0\"\n").unwrap_err().line, 1);
    }

    #[test]
    fn json_is_read_as_json() {
        let found = read("\n{\"a\": \"\\ud83d\\ude00 \\/\", \"b\": 1e3}\n{\"c\": [1.5]}\n");
        assert_eq!((found[0].line, &found[0].value), (2, &json!({"a": "😀 /", "b": 1000})));
        assert_eq!((found[1].line, &found[1].value), (3, &json!({"c": [1.5]})));
        assert_eq!(read("{a: yes, b: [x]}\n")[0].value, json!({"a": true, "b": ["x"]}));
    }

    proptest::proptest! {
        #[test]
        fn no_text_panics(text in "[-a-c:{}\\[\\]&*!|>'\"#%@,. \n\t0-9]{0,60}") {
            let _ = documents(text.as_bytes());
        }

        #[test]
        fn written_json_is_read_back(keys in proptest::collection::btree_map("[a-z]{1,5}", "\\PC{0,12}", 0..5)) {
            let value = serde_json::to_value(&keys).unwrap();
            let found = read(&value.to_string());
            proptest::prop_assert_eq!(&found[0].value, &value);
        }
    }
}
