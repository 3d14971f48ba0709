//! Amounts of resources (`100m`, `1Gi`) and their canonical form.

use serde_json::Value;

/// The suffixes of powers of 1000, from nano up; the index of the empty one is [`UNIT`].
const DECIMAL: [&str; 10] = ["n", "u", "m", "", "k", "M", "G", "T", "P", "E"];
const UNIT: i32 = 3;
/// The suffixes of powers of 1024.
const BINARY: [&str; 6] = ["Ki", "Mi", "Gi", "Ti", "Pi", "Ei"];

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Format {
    Decimal,
    Binary,
    Exponent,
}

/// A parsed amount in billionths, the finest that the server keeps; finer ones are rounded up.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Amount {
    nano: i128,
    format: Format,
}

/// The canonical form of an amount; `None` where the value is none, or already canonical.
/// The rules are those of <https://kubernetes.io/docs/reference/kubernetes-api/common-definitions/quantity/>.
pub fn canonical(value: &Value) -> Option<String> {
    let text = match value {
        Value::String(text) => text.trim().to_owned(),
        Value::Number(number) => number.to_string(),
        _ => return None,
    };
    let written = parse(&text)?.written();
    (value.as_str() != Some(written.as_str())).then_some(written)
}

/// Whether the text is an amount.
pub fn is_amount(text: &str) -> bool {
    parse(text).is_some()
}

/// Compares two amounts; `None` where one is none.
pub fn compare(left: &str, right: &str) -> Option<std::cmp::Ordering> {
    Some(parse(left)?.nano.cmp(&parse(right)?.nano))
}

fn parse(text: &str) -> Option<Amount> {
    let split = text
        .find(|letter: char| !matches!(letter, '0'..='9' | '.' | '+' | '-'))
        .unwrap_or(text.len());
    let (number, suffix) = text.split_at(split);
    let (negative, digits) = match number.as_bytes().first()? {
        b'-' => (true, &number[1..]),
        b'+' => (false, &number[1..]),
        _ => (false, number),
    };
    let (whole, fraction) = digits.split_once('.').unwrap_or((digits, ""));
    let plain = |part: &str| part.bytes().all(|byte| byte.is_ascii_digit());
    if !plain(whole) || !plain(fraction) || (whole.is_empty() && fraction.is_empty()) {
        return None;
    }
    let (factor, exponent, format) = scale(suffix)?;
    let mantissa: i128 = format!("{whole}{fraction}").parse().ok()?;
    let power = exponent + 9 - i32::try_from(fraction.len()).ok()?;
    let scaled = mantissa.checked_mul(factor)?;
    let nano = if power >= 0 {
        scaled.checked_mul(10_i128.checked_pow(power.unsigned_abs())?)?
    } else {
        let divisor = 10_i128.checked_pow(power.unsigned_abs())?;
        (scaled + divisor - 1) / divisor
    };
    // A fraction of a binary unit that is no whole number is written in decimal.
    let format = if format == Format::Binary && nano % 1_000_000_000 != 0 {
        Format::Decimal
    } else {
        format
    };
    Some(Amount { nano: if negative { -nano } else { nano }, format })
}

/// What a suffix multiplies by: a factor, a power of ten, and how the result is written.
fn scale(suffix: &str) -> Option<(i128, i32, Format)> {
    if let Some(power) = DECIMAL.iter().position(|known| *known == suffix) {
        return Some((1, (i32::try_from(power).ok()? - UNIT) * 3, Format::Decimal));
    }
    if let Some(power) = BINARY.iter().position(|known| *known == suffix) {
        return Some((1024_i128.pow(u32::try_from(power).ok()? + 1), 0, Format::Binary));
    }
    let exponent = suffix.strip_prefix(['e', 'E'])?.parse().ok()?;
    Some((1, exponent, Format::Exponent))
}

impl Amount {
    fn written(self) -> String {
        if self.nano == 0 {
            return "0".to_owned();
        }
        let whole = 1_000_000_000_i128;
        if self.format == Format::Binary && self.nano.abs() >= 1024 * whole {
            let mut number = self.nano / whole;
            let mut power = 0;
            while number % 1024 == 0 && power < BINARY.len() {
                number /= 1024;
                power += 1;
            }
            let suffix = if power == 0 { "" } else { BINARY[power - 1] };
            return format!("{number}{suffix}");
        }
        let (mut number, mut power) = (self.nano, 0_usize);
        while number % 1000 == 0 && power + 1 < DECIMAL.len() {
            number /= 1000;
            power += 1;
        }
        match (self.format, DECIMAL[power]) {
            (Format::Exponent, suffix) if !suffix.is_empty() => {
                format!("{number}e{}", (i32::try_from(power).unwrap_or_default() - UNIT) * 3)
            }
            (_, suffix) => format!("{number}{suffix}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn amounts_are_written_canonically() {
        let table = [
            ("1000m", "1"),
            ("0.1", "100m"),
            ("1024Mi", "1Gi"),
            ("0.5Gi", "512Mi"),
            ("1500m", "1500m"),
            ("100m", "100m"),
            ("1Gi", "1Gi"),
            ("1000Ki", "1000Ki"),
            ("1000k", "1M"),
            ("1e3", "1e3"),
            ("12e6", "12e6"),
            ("0", "0"),
            ("0Mi", "0"),
            ("1.5", "1500m"),
            ("1.5Gi", "1536Mi"),
            ("-1", "-1"),
            ("128974848", "128974848"),
            ("129e6", "129e6"),
            ("0.0000000001", "1n"),
            ("1023Ki", "1023Ki"),
            ("+5", "5"),
            ("512", "512"),
        ];
        for (given, expected) in table {
            let written = canonical(&json!(given)).unwrap_or_else(|| given.to_owned());
            assert_eq!(written, expected, "{given}");
        }
        assert_eq!(canonical(&json!(2)), Some("2".to_owned()));
        for nonsense in ["lots", "", "1.2.3", "5x"] {
            assert_eq!(canonical(&json!(nonsense)), None);
        }
    }
}
