//! Text from outside, made harmless before it is drawn or printed.

use std::borrow::Cow;
use std::fmt::Write;

/// Makes foreign text safe for one terminal line: control characters, escape sequences, bidirectional overrides,
/// invisible and tag characters become visible (`^[`, `<U+202E>`). Tabs become one space, line ends `␤`.
///
/// Plain text is returned as it is, without a copy.
pub fn harmless(text: &str) -> Cow<'_, str> {
    if !text.chars().any(needs_escape) {
        return Cow::Borrowed(text);
    }
    let mut out = String::with_capacity(text.len() + 16);
    for c in text.chars() {
        escape_into(&mut out, c);
    }
    Cow::Owned(out)
}

/// [`harmless`] for text of several lines: line ends stay, everything else is treated alike.
pub fn harmless_lines(text: &str) -> String {
    text.lines().map(harmless).collect::<Vec<_>>().join("\n")
}

/// The text without what stands before the host of web addresses in it: it may be a token, or a user with a password.
pub fn without_users(text: &str) -> Cow<'_, str> {
    let mut out = String::new();
    let mut rest = text;
    while let Some(at) = rest.find("://") {
        let (before, after) = rest.split_at(at + 3);
        let end = after.find(|c: char| c.is_whitespace() || "/?#'\"`<>".contains(c));
        let authority = &after[..end.unwrap_or(after.len())];
        out.push_str(before);
        rest = after;
        let scheme = before[..at].rsplit(|c: char| !c.is_ascii_alphanumeric()).next();
        let is_web = scheme.is_some_and(|scheme| {
            scheme.eq_ignore_ascii_case("https") || scheme.eq_ignore_ascii_case("http")
        });
        if let Some(user) = authority.rfind('@').filter(|_| is_web) {
            out.push_str("***");
            rest = &after[user..];
        }
    }
    if out.is_empty() {
        return Cow::Borrowed(text);
    }
    out.push_str(rest);
    Cow::Owned(out)
}

fn escape_into(out: &mut String, c: char) {
    match c {
        '\t' => out.push(' '),
        '\n' => out.push('␤'),
        c if (c as u32) < 0x20 => {
            out.push('^');
            out.push(char::from(c as u8 + 0x40));
        }
        '\u{7f}' => out.push_str("^?"),
        c if needs_escape(c) => {
            // Writing to a String cannot fail.
            let _ = write!(out, "<U+{:04X}>", c as u32);
        }
        c => out.push(c),
    }
}

fn needs_escape(c: char) -> bool {
    c.is_control()
        || matches!(c as u32,
            0x00AD | 0x034F | 0x061C | 0x115F..=0x1160 | 0x17B4..=0x17B5 | 0x180B..=0x180F
            | 0x200B..=0x200F | 0x2028..=0x202E | 0x2060..=0x206F | 0x3164 | 0xFEFF | 0xFFA0
            | 0xFFF0..=0xFFFB | 0xE0000..=0xE0FFF)
}

#[cfg(test)]
mod tests {
    use super::{harmless, harmless_lines, without_users};
    use std::borrow::Cow;

    #[test]
    fn plain_text_is_borrowed() {
        assert!(matches!(harmless("fix: Größe 変更"), Cow::Borrowed(_)));
    }

    #[test]
    fn escapes_become_visible() {
        assert_eq!(harmless("\u{1b}]52;c;AAAA\u{7}"), "^[]52;c;AAAA^G");
        assert_eq!(harmless("D\u{202e}txt.exe"), "D<U+202E>txt.exe");
        assert_eq!(harmless("\u{9b}31m\u{7f}"), "<U+009B>31m^?");
        assert_eq!(harmless("a\u{e0041}b\r\n"), "a<U+E0041>b^M␤");
    }

    #[test]
    fn users_of_web_addresses_are_hidden() {
        assert_eq!(
            without_users("at 'HTTPS://t@h/a', http://b:p@h:1, ssh://git@h/a and https://h/@x"),
            "at 'HTTPS://***@h/a', http://***@h:1, ssh://git@h/a and https://h/@x"
        );
        assert!(matches!(without_users("nothing @ all"), Cow::Borrowed(_)));
    }

    #[test]
    fn lines_stay_lines() {
        assert_eq!(harmless_lines("a\n\u{1b}b\n"), "a\n^[b");
    }

    proptest::proptest! {
        #[test]
        fn nothing_dangerous_is_left(text in "\\PC*|[\\x00-\\x9f\u{2000}-\u{2070}]*") {
            let safe = harmless(&text);
            proptest::prop_assert!(!safe.chars().any(super::needs_escape));
        }
    }
}
