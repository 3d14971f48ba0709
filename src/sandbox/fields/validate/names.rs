//! The forms of names, as the server words them.

const SUBDOMAIN: &str = "a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, '-' or '.', \
    and must start and end with an alphanumeric character (e.g. 'example.com', regex used for validation is \
    '[a-z0-9]([-a-z0-9]*[a-z0-9])?(\\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*')";
const LABEL: &str = "a lowercase RFC 1123 label must consist of lower case alphanumeric characters or '-', and must \
    start and end with an alphanumeric character (e.g. 'my-name',  or '123-abc', regex used for validation is \
    '[a-z0-9]([-a-z0-9]*[a-z0-9])?')";
const QUALIFIED: &str = "name part must consist of alphanumeric characters, '-', '_' or '.', and must start and end with \
    an alphanumeric character (e.g. 'MyName',  or 'my.name',  or '123-abc', regex used for validation is \
    '([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]')";
const VALUE: &str = "a valid label must be an empty string or consist of alphanumeric characters, '-', '_' or '.', and \
    must start and end with an alphanumeric character (e.g. 'MyValue',  or 'my_value',  or '12345', regex used for \
    validation is '(([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9])?')";
const CONFIG_KEY: &str = "a valid config key must consist of alphanumeric characters, '-', '_' or '.' (e.g. 'key.name',  \
    or 'KEY_NAME',  or 'key-name', regex used for validation is '[-._a-zA-Z0-9]+')";

fn word(text: &str, inner: impl Fn(u8) -> bool, edge: impl Fn(u8) -> bool) -> bool {
    let bytes = text.as_bytes();
    let ends = bytes.first().is_some_and(|byte| edge(*byte))
        && bytes.last().is_some_and(|byte| edge(*byte));
    ends && bytes.iter().all(|byte| inner(*byte))
}

fn lower(byte: u8) -> bool {
    byte.is_ascii_lowercase() || byte.is_ascii_digit()
}

fn is_label(text: &str) -> bool {
    word(text, |byte| lower(byte) || byte == b'-', lower)
}

/// A name of a host, as most objects have it (RFC 1123).
pub fn subdomain(text: &str) -> Vec<&'static str> {
    let mut faults = Vec::new();
    if text.len() > 253 {
        faults.push("must be no more than 253 characters");
    }
    if !text.split('.').all(is_label) {
        faults.push(SUBDOMAIN);
    }
    faults
}

/// One part of such a name.
pub fn label(text: &str) -> Vec<&'static str> {
    let mut faults = Vec::new();
    if text.len() > 63 {
        faults.push("must be no more than 63 characters");
    }
    if !is_label(text) {
        faults.push(LABEL);
    }
    faults
}

/// The key of a label or an annotation: `example.com/name` or `name`.
pub fn qualified(text: &str) -> Vec<&'static str> {
    let (prefix, name) =
        text.split_once('/').map_or((None, text), |(prefix, name)| (Some(prefix), name));
    let mut faults = Vec::new();
    if let Some(prefix) = prefix {
        if prefix.is_empty() {
            faults.push("prefix part must be non-empty");
        } else if !subdomain(prefix).is_empty() {
            faults.push("prefix part a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, '-' or '.', and must start and end with an alphanumeric character (e.g. 'example.com', regex used for validation is '[a-z0-9]([-a-z0-9]*[a-z0-9])?(\\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*')");
        }
    }
    if name.is_empty() {
        faults.push("name part must be non-empty");
    } else if name.len() > 63 {
        faults.push("name part must be no more than 63 characters");
    }
    if !loose(name) {
        faults.push(QUALIFIED);
    }
    faults
}

fn loose(text: &str) -> bool {
    let edge = |byte: u8| byte.is_ascii_alphanumeric();
    word(text, |byte| edge(byte) || matches!(byte, b'-' | b'_' | b'.'), edge)
}

/// The value of a label.
pub fn label_value(text: &str) -> Vec<&'static str> {
    let mut faults = Vec::new();
    if text.len() > 63 {
        faults.push("must be no more than 63 characters");
    }
    if !text.is_empty() && !loose(text) {
        faults.push(VALUE);
    }
    faults
}

/// A key of a `ConfigMap` or a Secret.
pub fn config_key(text: &str) -> Vec<&'static str> {
    let fits = !text.is_empty()
        && text
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.'));
    match text {
        "." => vec!["must not be '.'"],
        ".." => vec!["must not be '..'"],
        _ if !fits => vec![CONFIG_KEY],
        _ => Vec::new(),
    }
}

/// The name of a port (IANA service name).
pub fn port(text: &str) -> Vec<&'static str> {
    let mut faults = Vec::new();
    if text.len() > 15 {
        faults.push("must be no more than 15 characters");
    }
    if !text.bytes().all(|byte| lower(byte) || byte == b'-') {
        faults.push("must contain only alpha-numeric characters (a-z, 0-9), and hyphens (-)");
    }
    if !text.bytes().any(|byte| byte.is_ascii_lowercase()) {
        faults.push("must contain at least one letter (a-z)");
    }
    if text.contains("--") {
        faults.push("must not contain consecutive hyphens");
    }
    if text.starts_with('-') || text.ends_with('-') {
        faults.push("must not begin or end with a hyphen");
    }
    faults
}
