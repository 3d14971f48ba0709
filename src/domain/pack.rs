//! Text in little room: deflated against a sample of its like.
//!
//! Objects of one kind share most of their text (field names, managers, labels), so that a sample of the kind as the
//! dictionary (RFC 1950, section 2.2) makes a third of what deflate alone makes of one object.

use flate2::{Compress, Compression, Decompress, FlushCompress, FlushDecompress, Status};
use std::cell::RefCell;

/// Bytes in front of the deflated text: its length.
const HEAD: usize = 4;

thread_local! {
    // Objects are small: the best level takes hardly longer than the fastest one, and a tenth less room.
    // A compressor is a quarter of a mebibyte; making one for each object would cost more than its work.
    static COMPRESS: RefCell<Compress> = RefCell::new(Compress::new(Compression::best(), false));
    static DECOMPRESS: RefCell<Decompress> = RefCell::new(Decompress::new(false));
}

/// Packs bytes; nothing where that would not make them smaller. `sample` is needed again to unpack.
pub fn pack(text: &[u8], sample: &[u8]) -> Option<Vec<u8>> {
    let length = u32::try_from(text.len()).ok()?.to_le_bytes();
    COMPRESS.with_borrow_mut(|compress| {
        compress.reset();
        if !sample.is_empty() {
            compress.set_dictionary(sample).ok()?;
        }
        let mut packed = Vec::with_capacity(text.len());
        packed.extend_from_slice(&length);
        let status = compress.compress_vec(text, &mut packed, FlushCompress::Finish).ok()?;
        (status == Status::StreamEnd && packed.len() < text.len()).then_some(packed)
    })
}

/// What was packed; nothing where that is not what it is, or the sample is another one.
pub fn unpack(packed: &[u8], sample: &[u8]) -> Option<Vec<u8>> {
    let (head, body) = packed.split_first_chunk::<HEAD>()?;
    let length = usize::try_from(u32::from_le_bytes(*head)).ok()?;
    DECOMPRESS.with_borrow_mut(|decompress| {
        decompress.reset(false);
        if !sample.is_empty() {
            decompress.set_dictionary(sample).ok()?;
        }
        let mut text = Vec::with_capacity(length);
        decompress.decompress_vec(body, &mut text, FlushDecompress::Finish).ok()?;
        (text.len() == length).then_some(text)
    })
}

#[cfg(test)]
mod tests {
    use super::{pack, unpack};
    use proptest::prelude::*;

    #[test]
    fn an_object_packed_against_its_like_takes_a_fraction() {
        let object = |name: &str, image: &str| {
            format!(
                r#"{{"metadata":{{"name":"{name}","managedFields":[{{"manager":"gitdeck","operation":"Apply"}}]}},
                "spec":{{"containers":[{{"name":"app","image":"{image}"}}]}}}}"#
            )
        };
        let (sample, text) = (object("cart", "cart:1"), object("search", "search:7"));
        let packed = pack(text.as_bytes(), sample.as_bytes()).unwrap();
        assert!(packed.len() * 3 < text.len(), "{} of {}", packed.len(), text.len());
        assert_eq!(unpack(&packed, sample.as_bytes()).unwrap(), text.as_bytes());
        assert_ne!(unpack(&packed, b"").unwrap_or_default(), text.as_bytes());
    }

    #[test]
    fn what_does_not_shrink_stays_as_it_is() {
        assert!(pack(b"7", b"").is_none());
    }

    proptest! {
        #[test]
        fn what_is_packed_comes_back(text in ".{0,2000}", sample in ".{0,500}") {
            if let Some(packed) = pack(text.as_bytes(), sample.as_bytes()) {
                prop_assert_eq!(unpack(&packed, sample.as_bytes()).unwrap(), text.as_bytes());
            }
        }
    }
}
