//! Request bodies in Kubernetes' protobuf form, which the typed clients inside kubectl send.
//!
//! `messages.json` lists, for every kind that such a client may send, the field numbers of its messages with the
//! JSON name and the type of each field, as `generated.proto` and the struct tags of `k8s.io/api` 0.36 give them:
//! `*` a list, `%` a map, `!` written even when zero, an empty name for what is inlined; `s` text, `b` bytes,
//! `i` integer, `d` double, `?` boolean, `@` types with a JSON form of their own.

use std::{collections::HashMap, sync::LazyLock};

use base64::{Engine as _, engine::general_purpose::STANDARD};
use jiff::Timestamp;
use serde::Deserialize;
use serde_json::{Map, Value, json};

/// First bytes of every such body.
const MAGIC: &[u8] = b"k8s\0";
/// Messages do not nest deeper; hostile ones do.
const DEPTH: usize = 64;

#[derive(Deserialize)]
struct Messages {
    kinds: HashMap<String, String>,
    messages: HashMap<String, HashMap<String, String>>,
}

/// `None` only if the generated file were broken, which a test excludes.
static MESSAGES: LazyLock<Option<Messages>> =
    LazyLock::new(|| serde_json::from_str(include_str!("messages.json")).ok());

/// Reads an object; the error says what is wrong with the bytes.
pub fn decode(body: &[u8]) -> Result<Value, String> {
    let envelope =
        body.strip_prefix(MAGIC).ok_or("the body does not begin as Kubernetes protobuf")?;
    let (mut version, mut kind, mut raw) = (String::new(), String::new(), &[][..]);
    for field in Fields(envelope) {
        match field? {
            (1, Wire::Bytes(identity)) => {
                for field in Fields(identity) {
                    match field? {
                        (1, Wire::Bytes(bytes)) => version = text(bytes),
                        (2, Wire::Bytes(bytes)) => kind = text(bytes),
                        _ => {}
                    }
                }
            }
            (2, Wire::Bytes(bytes)) => raw = bytes,
            _ => {}
        }
    }
    let messages = MESSAGES.as_ref().ok_or("the table of messages is unreadable")?;
    let name = messages
        .kinds
        .get(&format!("{version}/{kind}"))
        .or_else(|| messages.kinds.get(&kind))
        .ok_or_else(|| format!("no kind \"{kind}\" is registered for version \"{version}\""))?;
    let mut object = Map::new();
    object.insert("kind".into(), json!(kind));
    object.insert("apiVersion".into(), json!(version));
    read(messages, name, raw, &mut object, DEPTH)?;
    Ok(Value::Object(object))
}

enum Wire<'a> {
    Number(u64),
    Bytes(&'a [u8]),
}

/// The fields of a message, by number.
struct Fields<'a>(&'a [u8]);

impl<'a> Iterator for Fields<'a> {
    type Item = Result<(u64, Wire<'a>), String>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.0.is_empty() {
            return None;
        }
        let field = self.field();
        if field.is_err() {
            self.0 = &[];
        }
        Some(field)
    }
}

impl<'a> Fields<'a> {
    fn field(&mut self) -> Result<(u64, Wire<'a>), String> {
        let tag = self.varint()?;
        let wire = match tag & 7 {
            0 => Wire::Number(self.varint()?),
            1 => Wire::Number(u64::from_le_bytes(
                self.take(8)?.try_into().map_err(|_| "short field")?,
            )),
            2 => {
                let length = usize::try_from(self.varint()?).map_err(|_| "a field is too long")?;
                Wire::Bytes(self.take(length)?)
            }
            5 => Wire::Number(
                u32::from_le_bytes(self.take(4)?.try_into().map_err(|_| "short field")?).into(),
            ),
            other => return Err(format!("wire type {other} is unknown")),
        };
        Ok((tag >> 3, wire))
    }

    fn take(&mut self, length: usize) -> Result<&'a [u8], String> {
        let (taken, rest) =
            self.0.split_at_checked(length).ok_or("the body ends within a field")?;
        self.0 = rest;
        Ok(taken)
    }

    fn varint(&mut self) -> Result<u64, String> {
        let mut value = 0_u64;
        for shift in (0..64).step_by(7) {
            let byte = *self.take(1)?.first().ok_or("the body ends within a number")?;
            value |= u64::from(byte & 0x7f) << shift;
            if byte & 0x80 == 0 {
                return Ok(value);
            }
        }
        Err("a number is too long".to_owned())
    }
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

fn read(
    messages: &Messages,
    name: &str,
    bytes: &[u8],
    object: &mut Map<String, Value>,
    depth: usize,
) -> Result<(), String> {
    let depth = depth.checked_sub(1).ok_or("the message is nested too deeply")?;
    let message =
        messages.messages.get(name).ok_or_else(|| format!("the message {name} is unknown"))?;
    for field in Fields(bytes) {
        let (number, wire) = field?;
        // Fields of newer clients are dropped, as the real server does.
        let Some((field, kind)) =
            message.get(&number.to_string()).and_then(|entry| entry.split_once(' '))
        else {
            continue;
        };
        if let Some(field) = field.strip_suffix('*') {
            append(object, field.trim_end_matches('!'), value(messages, kind, &wire, depth)?);
        } else if let Some(field) = field.strip_suffix('%') {
            let (key, entry) = pair(messages, kind, &wire, depth)?;
            let map = object.entry(field.trim_end_matches('!')).or_insert_with(|| json!({}));
            map[key] = entry;
        } else if field.is_empty() {
            if let Wire::Bytes(bytes) = wire {
                read(messages, kind, bytes, object, depth)?;
            }
        } else {
            let found = value(messages, kind, &wire, depth)?;
            let (field, kept) =
                field.strip_suffix('!').map_or((field, false), |field| (field, true));
            if !found.is_null() && (kept || !is_zero(&found)) {
                object.insert(field.to_owned(), found);
            }
        }
    }
    Ok(())
}

fn append(object: &mut Map<String, Value>, field: &str, item: Value) {
    if let Value::Array(items) = object.entry(field).or_insert_with(|| json!([])) {
        items.push(item);
    }
}

fn is_zero(value: &Value) -> bool {
    match value {
        Value::String(text) => text.is_empty(),
        Value::Number(number) => number.as_f64() == Some(0.0),
        Value::Bool(set) => !set,
        _ => false,
    }
}

fn pair(
    messages: &Messages,
    kind: &str,
    wire: &Wire<'_>,
    depth: usize,
) -> Result<(String, Value), String> {
    let Wire::Bytes(bytes) = wire else { return Err("an entry of a map is no message".to_owned()) };
    let empty = match kind {
        "s" | "b" | "@quantity" => json!(""),
        "@list" => json!([]),
        _ => json!({}),
    };
    let (mut key, mut entry) = (String::new(), empty);
    for field in Fields(bytes) {
        match field? {
            (1, Wire::Bytes(bytes)) => key = text(bytes),
            (2, wire) => entry = value(messages, kind, &wire, depth)?,
            _ => {}
        }
    }
    Ok((key, entry))
}

fn value(messages: &Messages, kind: &str, wire: &Wire<'_>, depth: usize) -> Result<Value, String> {
    Ok(match (kind, wire) {
        ("s", Wire::Bytes(bytes)) => json!(text(bytes)),
        ("b", Wire::Bytes(bytes)) => json!(STANDARD.encode(bytes)),
        // Negative numbers are two's complement.
        ("i", Wire::Number(number)) => json!(number.cast_signed()),
        ("?", Wire::Number(number)) => json!(*number != 0),
        ("d", Wire::Number(number)) => json!(f64::from_bits(*number)),
        (special, Wire::Bytes(bytes)) if special.starts_with('@') => self::special(special, bytes)?,
        (message, Wire::Bytes(bytes)) => {
            let mut object = Map::new();
            read(messages, message, bytes, &mut object, depth)?;
            Value::Object(object)
        }
        _ => return Err("a field has the wrong type".to_owned()),
    })
}

/// Types whose JSON form is not that of their message.
fn special(kind: &str, bytes: &[u8]) -> Result<Value, String> {
    let (mut numbers, mut texts) = ([0_u64; 4], Vec::new());
    for field in Fields(bytes) {
        match field? {
            (number @ 1..=3, Wire::Number(found)) => numbers[number as usize] = found,
            (_, Wire::Bytes(bytes)) => texts.push(bytes),
            _ => {}
        }
    }
    let first = texts.first().copied().unwrap_or_default();
    let moment = |digits: i16| {
        let (seconds, nanoseconds) = (numbers[1].cast_signed(), numbers[2] as i32);
        let time = Timestamp::new(seconds, nanoseconds).map_err(|error| error.to_string())?;
        Ok::<_, String>(json!(if digits == 0 {
            super::identity::seconds(time)
        } else {
            time.strftime("%Y-%m-%dT%H:%M:%S%.6fZ").to_string()
        }))
    };
    Ok(match kind {
        // A time that is not set has no fields.
        "@time" | "@micro" if bytes.is_empty() => Value::Null,
        "@time" => moment(0)?,
        "@micro" => moment(6)?,
        "@intstr" if numbers[1] == 1 => json!(text(first)),
        "@intstr" => json!(numbers[2].cast_signed()),
        "@quantity" => json!(text(first)),
        "@list" => texts.into_iter().map(text).collect(),
        "@raw" if first.is_empty() => Value::Null,
        "@raw" => serde_json::from_slice(first).map_err(|error| error.to_string())?,
        _ => Value::Null,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn message(fields: &[(u8, &[u8])]) -> Vec<u8> {
        let mut bytes = Vec::new();
        for (number, content) in fields {
            bytes.push(number << 3 | 2);
            bytes.push(u8::try_from(content.len()).unwrap());
            bytes.extend_from_slice(content);
        }
        bytes
    }

    fn envelope(version: &[u8], kind: &[u8], raw: &[u8]) -> Vec<u8> {
        let identity = message(&[(1, version), (2, kind)]);
        [MAGIC, &message(&[(1, &identity), (2, raw)])].concat()
    }

    #[test]
    fn every_field_has_a_known_type() {
        let messages = MESSAGES.as_ref().unwrap();
        assert!(messages.kinds.values().all(|name| messages.messages.contains_key(name)));
        for (name, fields) in &messages.messages {
            for entry in fields.values() {
                let (_, kind) = entry.split_once(' ').unwrap();
                let known = matches!(kind, "s" | "b" | "i" | "?" | "d") || kind.starts_with('@');
                assert!(known || messages.messages.contains_key(kind), "{name}: {entry}");
            }
        }
    }

    #[test]
    fn an_object_is_read() {
        let label = message(&[(1, b"app"), (2, b"web")]);
        let metadata = message(&[(1, b"shop"), (3, b""), (8, b""), (11, &label)]);
        let body = envelope(b"v1", b"Namespace", &message(&[(1, &metadata), (2, b"")]));
        assert_eq!(
            decode(&body).unwrap(),
            json!({
                "kind": "Namespace", "apiVersion": "v1",
                "metadata": {"name": "shop", "labels": {"app": "web"}}, "spec": {},
            })
        );
    }

    #[test]
    fn broken_bytes_are_refused() {
        let body = envelope(b"v1", b"Namespace", &[0x0a, 0x20, 0x01]);
        assert!(decode(&body).is_err());
        assert!(decode(b"{}").is_err());
        assert!(decode(&envelope(b"v9", b"Nothing", b"")).is_err());
    }
}
