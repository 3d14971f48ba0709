//! The files of a commit as a render asks for them, and references between them.

use super::{RenderError, SourceFile, Unread};

/// Where the files of a render come from. Nothing is ever read from a work tree.
pub trait Tree {
    /// Every file below a folder, or the one file, by path from the root of the repository; nothing where there is
    /// neither. Symbolic links to files of the tree are resolved, others are only named, as submodules are.
    fn below(&self, path: &str) -> Result<Option<Listing>, RenderError>;
}

/// The files below a path.
#[derive(Debug, Clone, Default)]
pub struct Listing {
    /// In path order.
    pub files: Vec<SourceFile>,
    /// What is there as well and was not read.
    pub unread: Vec<Unread>,
}

/// The path that `reference` names when it is written in `folder`. A leading `/` is the root of the repository.
/// Nothing where it leads out of the repository, and for what is no path at all.
pub(super) fn resolve(folder: &str, reference: &str) -> Option<String> {
    if reference.contains("://") || reference.contains(['\n', '\0']) {
        return None;
    }
    let folder = if reference.starts_with('/') { "" } else { folder };
    let mut steps: Vec<&str> = folder.split('/').filter(|step| !step.is_empty()).collect();
    for step in reference.split('/') {
        match step {
            "" | "." => {}
            ".." => drop(steps.pop()?),
            step => steps.push(step),
        }
    }
    Some(steps.join("/"))
}

/// The file of the tree that a symbolic link names; nothing where it leads out of the tree.
pub fn link_target(link: &str, target: &[u8]) -> Option<String> {
    let target = std::str::from_utf8(target).ok()?;
    if target.starts_with('/') { None } else { resolve(folder_of(link), target) }
}

/// The folder of a file; empty for the root of the repository.
pub(super) fn folder_of(file: &str) -> &str {
    file.rsplit_once('/').map_or("", |(folder, _)| folder)
}

/// What follows `folder/` in a path below it.
pub(super) fn relative<'a>(path: &'a str, folder: &str) -> Option<&'a str> {
    if folder.is_empty() { Some(path) } else { path.strip_prefix(folder)?.strip_prefix('/') }
}

/// A path below a folder.
pub(super) fn join(folder: &str, child: &str) -> String {
    if folder.is_empty() { child.to_owned() } else { format!("{folder}/{child}") }
}

#[cfg(test)]
mod tests {
    use super::resolve;

    #[test]
    fn references_stay_in_the_repository() {
        for (folder, reference, expected) in [
            ("apps/x", "../base", Some("apps/base")),
            ("apps/x", "./a/../b.yaml", Some("apps/x/b.yaml")),
            ("apps/x", "/values/a.yaml", Some("values/a.yaml")),
            ("", "a", Some("a")),
            ("apps/x", "../..", Some("")),
            ("apps/x", "../../../etc/passwd", None),
            ("apps", "https://example.com/a", None),
        ] {
            assert_eq!(resolve(folder, reference).as_deref(), expected, "{folder} {reference}");
        }
    }
}
