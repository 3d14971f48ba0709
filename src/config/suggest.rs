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

/// The candidates that are most like a word, the likeliest first, at most so many.
pub fn likeliest<'a>(
    word: &str,
    candidates: impl IntoIterator<Item = &'a str>,
    most: usize,
) -> Vec<&'a str> {
    let likeness = |candidate: &'a str| (strsim::jaro_winkler(word, candidate), candidate);
    let mut all: Vec<_> = candidates.into_iter().map(likeness).collect();
    all.retain(|(likeness, _)| *likeness > 0.75);
    all.sort_by(|a, b| b.0.total_cmp(&a.0));
    all.into_iter().take(most).map(|(_, candidate)| candidate).collect()
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
