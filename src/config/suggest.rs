//! "Did you mean": the nearest known word to one that is not known.

/// The candidate that a typing mistake would most likely come from, if any is near enough.
pub fn nearest<'a>(word: &str, candidates: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    candidates
        .into_iter()
        .map(|candidate| (strsim::jaro_winkler(word, candidate), candidate))
        .filter(|(likeness, _)| *likeness > 0.75)
        .max_by(|a, b| a.0.total_cmp(&b.0))
        .map(|(_, candidate)| candidate)
}

/// The question to add to an error, or nothing.
pub fn hint<'a>(word: &str, candidates: impl IntoIterator<Item = &'a str>) -> String {
    nearest(word, candidates)
        .map(|candidate| format!("; did you mean `{candidate}`?"))
        .unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_near_words_are_suggested() {
        assert_eq!(nearest("chekout", ["checkout", "cart"]), Some("checkout"));
        assert_eq!(nearest("zebra", ["checkout", "cart"]), None);
        assert_eq!(hint("polling", ["polling_interval"]), "; did you mean `polling_interval`?");
    }
}
