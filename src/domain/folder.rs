//! Folders of a repository, and what lies in them.

/// Whether a path is another one, or inside it. The root, which is empty, has everything inside.
pub fn is_within(path: &str, above: &str) -> bool {
    above.is_empty()
        || path.strip_prefix(above).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
}

#[cfg(test)]
mod tests {
    use super::is_within;

    #[test]
    fn a_name_that_only_begins_alike_is_no_folder_above() {
        for (path, above, expected) in [
            ("a/b", "", true),
            ("a/b", "a", true),
            ("a", "a", true),
            ("ab/c", "a", false),
            ("a", "a/b", false),
        ] {
            assert_eq!(is_within(path, above), expected, "{path} in {above}");
        }
    }
}
