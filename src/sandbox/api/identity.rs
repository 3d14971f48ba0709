//! What every stored object gets from the server: uid, times, generated names.

use jiff::Timestamp;

/// Now, as objects carry it: RFC 3339 in UTC with whole seconds.
pub fn now() -> String {
    seconds(Timestamp::now())
}

/// A moment in that form.
pub fn seconds(time: Timestamp) -> String {
    time.strftime("%Y-%m-%dT%H:%M:%SZ").to_string()
}

/// A random version 4 UUID.
pub fn uid() -> String {
    let mut bytes = random::<16>();
    bytes[6] = (bytes[6] & 0x0f) | 0x40;
    bytes[8] = (bytes[8] & 0x3f) | 0x80;
    let mut text = String::with_capacity(36);
    for (position, byte) in bytes.iter().enumerate() {
        if matches!(position, 4 | 6 | 8 | 10) {
            text.push('-');
        }
        for digit in [byte >> 4, byte & 0x0f] {
            text.push(char::from_digit(digit.into(), 16).unwrap_or('0'));
        }
    }
    text
}

/// Five letters and digits that make no words, as generated names end.
pub fn suffix() -> String {
    const LETTERS: &[u8] = b"bcdfghjklmnpqrstvwxz2456789";
    random::<5>().iter().map(|byte| LETTERS[usize::from(*byte) % LETTERS.len()] as char).collect()
}

/// A bearer token; empty, which lets nobody in, if the random source fails.
pub fn token() -> String {
    use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
    let mut bytes = [0; 24];
    match openssl::rand::rand_bytes(&mut bytes) {
        Ok(()) => URL_SAFE_NO_PAD.encode(bytes),
        Err(_) => String::new(),
    }
}

/// Random bytes. Should the random source fail, the clock stands in: names are no secret.
fn random<const N: usize>() -> [u8; N] {
    let mut bytes = [0; N];
    if openssl::rand::rand_bytes(&mut bytes).is_err() {
        let clock = Timestamp::now().as_nanosecond().to_le_bytes();
        bytes.iter_mut().zip(clock.iter().cycle()).for_each(|(byte, tick)| *byte = *tick);
    }
    bytes
}
