//! One line of YAML in colours; a guess that is right for what people write.

use crate::tui::style::Role;

/// The parts of a line with their meanings, in order; together they are the line.
pub fn highlight(line: &str) -> Vec<(Role, &str)> {
    let mut parts = Vec::new();
    let indent = line.len() - line.trim_start().len();
    let (lead, mut rest) = line.split_at(indent);
    if !lead.is_empty() {
        parts.push((Role::Text, lead));
    }
    if rest.starts_with('#') {
        parts.push((Role::SyntaxComment, rest));
        return parts;
    }
    while let Some(after) = rest.strip_prefix("- ") {
        parts.push((Role::Muted, &rest[..2]));
        rest = after;
    }
    if rest.starts_with("---") || rest == "-" || rest == "..." {
        parts.push((Role::Muted, rest));
        return parts;
    }
    if let Some(colon) = key_end(rest) {
        parts.push((Role::SyntaxKey, &rest[..colon]));
        parts.push((Role::Muted, &rest[colon..=colon]));
        rest = &rest[colon + 1..];
    }
    let (value, comment) = rest.split_at(comment_start(rest));
    if !value.is_empty() {
        parts.push((value_role(value.trim()), value));
    }
    if !comment.is_empty() {
        parts.push((Role::SyntaxComment, comment));
    }
    parts
}

/// Where a key ends: a colon at the end of the line or before a space, outside quotes.
fn key_end(text: &str) -> Option<usize> {
    let bytes = text.as_bytes();
    let mut quote = None;
    for (index, byte) in bytes.iter().enumerate() {
        match (quote, byte) {
            (Some(open), byte) if open == *byte => quote = None,
            (None, b'"' | b'\'') if index == 0 => quote = Some(*byte),
            (None, b':') if matches!(bytes.get(index + 1), None | Some(b' ')) => {
                return Some(index);
            }
            (None, b'#' | b'{' | b'[') => return None,
            (Some(_) | None, _) => {}
        }
    }
    None
}

/// Where a comment starts: a number sign after a space, outside quotes.
fn comment_start(text: &str) -> usize {
    let bytes = text.as_bytes();
    let mut quote = None;
    for (index, byte) in bytes.iter().enumerate() {
        match (quote, byte) {
            (Some(open), byte) if open == *byte => quote = None,
            (None, b'"' | b'\'') => quote = Some(*byte),
            (None, b'#') if index > 0 && bytes[index - 1] == b' ' => return index,
            (Some(_) | None, _) => {}
        }
    }
    text.len()
}

fn value_role(value: &str) -> Role {
    match value {
        "true" | "false" | "null" | "~" | "yes" | "no" | "on" | "off" => Role::SyntaxNumber,
        value if value.parse::<f64>().is_ok() => Role::SyntaxNumber,
        "" | "|" | ">" | "|-" | ">-" | "{}" | "[]" => Role::Muted,
        _ => Role::SyntaxText,
    }
}

#[cfg(test)]
mod tests {
    use super::highlight;
    use crate::tui::style::Role;

    #[test]
    fn keys_values_and_comments() {
        assert_eq!(
            highlight("  - image: shop/cart:1.4 # pinned"),
            [
                (Role::Text, "  "),
                (Role::Muted, "- "),
                (Role::SyntaxKey, "image"),
                (Role::Muted, ":"),
                (Role::SyntaxText, " shop/cart:1.4 "),
                (Role::SyntaxComment, "# pinned"),
            ]
        );
        assert_eq!(highlight("replicas: 3").last(), Some(&(Role::SyntaxNumber, " 3")));
    }

    proptest::proptest! {
        #[test]
        fn nothing_is_lost(line in "\\PC{0,40}|[-:# '\"a]{0,20}") {
            let together: String = highlight(&line).iter().map(|(_, part)| *part).collect();
            proptest::prop_assert_eq!(together, line);
        }
    }
}
