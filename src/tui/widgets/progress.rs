//! A bar that says how far something is.

use crate::tui::glyphs::Glyphs;

/// A bar of `width` cells, filled by `done` of `total`; its full and its empty part.
pub fn bar(done: u64, total: u64, width: usize, glyphs: &Glyphs) -> (String, String) {
    let total = total.max(1);
    let full = (done.min(total) as usize * width) / total as usize;
    (glyphs.full.repeat(full), glyphs.empty.repeat(width - full))
}

#[cfg(test)]
mod tests {
    use super::bar;
    use crate::tui::glyphs::ASCII;

    #[test]
    fn a_bar_is_never_longer_than_its_place() {
        assert_eq!(bar(3, 12, 8, &ASCII), ("##".to_owned(), "------".to_owned()));
        assert_eq!(bar(99, 12, 4, &ASCII), ("####".to_owned(), String::new()));
        assert_eq!(bar(0, 0, 4, &ASCII), (String::new(), "----".to_owned()));
    }
}
