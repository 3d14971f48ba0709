//! Plain scalars as `kubectl` reads them: YAML 1.1 with its booleans and octals, as in `sigs.k8s.io/yaml`.

use base64::{Engine, engine::general_purpose::STANDARD};
use serde_json::{Number, Value};

/// Reads an untagged plain scalar. Infinity and NaN are errors: JSON has none.
pub(super) fn read_plain(text: &str) -> Result<Value, String> {
    match text {
        "" | "~" | "null" | "Null" | "NULL" => return Ok(Value::Null),
        "y" | "Y" | "yes" | "Yes" | "YES" | "true" | "True" | "TRUE" | "on" | "On" | "ON" => {
            return Ok(Value::Bool(true));
        }
        "n" | "N" | "no" | "No" | "NO" | "false" | "False" | "FALSE" | "off" | "Off" | "OFF" => {
            return Ok(Value::Bool(false));
        }
        ".nan" | ".NaN" | ".NAN" => {
            return Err("not a number (.nan) cannot be written in JSON".to_owned());
        }
        _ => {}
    }
    if matches!(text.trim_start_matches(['+', '-']), ".inf" | ".Inf" | ".INF") {
        return Err("infinity (.inf) cannot be written in JSON".to_owned());
    }
    if !text.starts_with(|c: char| c.is_ascii_digit() || matches!(c, '+' | '-' | '.')) {
        return Ok(Value::String(text.to_owned()));
    }
    Ok(read_number(text).map_or_else(|| Value::String(text.to_owned()), Value::Number))
}

/// Reads a scalar with an explicit tag of the core schema (`!!int`, ...).
pub(super) fn read_tagged(tag: &str, text: &str) -> Result<Value, String> {
    match tag {
        "str" => Ok(Value::String(text.to_owned())),
        "binary" => {
            let compact: String = text.split_whitespace().collect();
            let bytes =
                STANDARD.decode(compact).map_err(|_| "!!binary is not valid base64".to_owned())?;
            String::from_utf8(bytes)
                .map(Value::String)
                .map_err(|_| "!!binary holds bytes that are no text".to_owned())
        }
        _ => {
            let value = read_plain(text)?;
            let fits = match tag {
                "int" => value.is_i64() || value.is_u64(),
                "float" => value.is_number(),
                "bool" => value.is_boolean(),
                "null" => value.is_null(),
                _ => true,
            };
            if fits { Ok(value) } else { Err(format!("the value does not fit its tag !!{tag}")) }
        }
    }
}

/// The key of a map that a scalar makes; null is no key.
pub(super) fn key(value: Value) -> Result<String, String> {
    match value {
        Value::String(text) => Ok(text),
        Value::Bool(truth) => Ok(truth.to_string()),
        Value::Number(number) if number.is_f64() => {
            Ok(number.as_f64().unwrap_or_default().to_string())
        }
        Value::Number(number) => Ok(number.to_string()),
        _ => Err("a key is missing or null".to_owned()),
    }
}

fn read_number(text: &str) -> Option<Number> {
    let plain: String = text.chars().filter(|c| *c != '_').collect();
    if let Some(number) = read_integer(&plain) {
        return Some(number);
    }
    if !is_float(&plain) {
        return None;
    }
    let float: f64 = plain.parse().ok()?;
    // Beyond this the JSON form of the float has an exponent or leaves 64 bits, and it stays a float.
    const LIMIT: f64 = 9_007_199_254_740_992.0 * 1024.0;
    if float.fract() == 0.0 && float.abs() < LIMIT {
        Some(Number::from(float as i64))
    } else {
        Number::from_f64(float)
    }
}

/// Go's `strconv.ParseInt(text, 0, 64)` and `ParseUint`: `0x`, `0b`, `0o` and a leading zero choose the base.
fn read_integer(plain: &str) -> Option<Number> {
    let (negative, digits) = match plain.as_bytes().first()? {
        b'-' => (true, &plain[1..]),
        b'+' => (false, &plain[1..]),
        _ => (false, plain),
    };
    let (base, digits) = match digits.as_bytes() {
        [b'0', b'x' | b'X', ..] => (16, &digits[2..]),
        [b'0', b'b' | b'B', ..] => (2, &digits[2..]),
        [b'0', b'o' | b'O', ..] => (8, &digits[2..]),
        [b'0', _, ..] => (8, &digits[1..]),
        _ => (10, digits),
    };
    if digits.is_empty() || !digits.bytes().all(|byte| byte.is_ascii_alphanumeric()) {
        return None;
    }
    let magnitude = u64::from_str_radix(digits, base).ok()?;
    if negative {
        let value = i64::try_from(-i128::from(magnitude)).ok()?;
        return Some(Number::from(value));
    }
    // What leaves 63 bits is a float to the API server.
    i64::try_from(magnitude)
        .map_or_else(|_| Number::from_f64(magnitude as f64), |value| Some(Number::from(value)))
}

/// `[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?`
fn is_float(plain: &str) -> bool {
    let unsigned = plain.strip_prefix(['-', '+']).unwrap_or(plain);
    let (mantissa, exponent) = match unsigned.split_once(['e', 'E']) {
        Some((mantissa, exponent)) => (mantissa, Some(exponent)),
        None => (unsigned, None),
    };
    let digits = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
    let mantissa_fits = match mantissa.split_once('.') {
        Some((whole, fraction)) => {
            digits(whole) && digits(fraction) && !(whole.is_empty() && fraction.is_empty())
        }
        None => !mantissa.is_empty() && digits(mantissa),
    };
    let exponent_fits = exponent.is_none_or(|text| {
        let unsigned = text.strip_prefix(['-', '+']).unwrap_or(text);
        !unsigned.is_empty() && digits(unsigned)
    });
    mantissa_fits && exponent_fits
}

#[cfg(test)]
mod tests {
    use super::{key, read_plain, read_tagged};
    use serde_json::{Value, json};

    #[test]
    fn plain_scalars_are_read_as_kubectl_reads_them() {
        for (text, value) in [
            ("yes", json!(true)),
            ("y", json!(true)),
            ("On", json!(true)),
            ("off", json!(false)),
            ("n", json!(false)),
            ("~", Value::Null),
            ("", Value::Null),
            ("0644", json!(420)),
            ("-0644", json!(-420)),
            ("0o644", json!(420)),
            ("0x1F", json!(31)),
            ("0b101", json!(5)),
            ("09", json!(9)),
            ("1e3", json!(1000)),
            ("1_000", json!(1000)),
            ("+7", json!(7)),
            ("1.0", json!(1)),
            ("1.5", json!(1.5)),
            (".5", json!(0.5)),
            ("18446744073709551615", json!(18_446_744_073_709_551_615_f64)),
            ("-9223372036854775808", json!(i64::MIN)),
            ("1.2.3", json!("1.2.3")),
            ("100m", json!("100m")),
            ("1e", json!("1e")),
            ("0x", json!("0x")),
            ("-", json!("-")),
            (".", json!(".")),
            ("2001-01-01", json!("2001-01-01")),
            ("12:30:45", json!("12:30:45")),
            ("tRue", json!("tRue")),
        ] {
            assert_eq!(read_plain(text), Ok(value), "{text}");
        }
        assert!(read_plain(".inf").is_err());
        assert!(read_plain("-.Inf").is_err());
        assert!(read_plain(".nan").is_err());
    }

    #[test]
    fn tags_decide() {
        assert_eq!(read_tagged("str", "yes"), Ok(json!("yes")));
        assert_eq!(read_tagged("int", "010"), Ok(json!(8)));
        assert!(read_tagged("int", "x").is_err());
        assert_eq!(read_tagged("binary", "aGk="), Ok(json!("hi")));
    }

    #[test]
    fn keys_are_spelled_as_json_keys() {
        assert_eq!(key(read_plain("n").unwrap()), Ok("false".to_owned()));
        assert_eq!(key(read_plain("010").unwrap()), Ok("8".to_owned()));
        assert!(key(Value::Null).is_err());
    }
}
