//! What of a tree was not read, and where that keeps it from being rendered: left out silently it would read as deleted.

use super::collect::{is_manifest, manifest_files};
use super::helmignore::Rules;
use super::kustomization::{is_kustomization, kustomizations};
use super::tree::{folder_of, join, relative};
use super::{Gathered, Kind, RenderError};

/// An entry of a tree that was not read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Unread {
    /// Path from the root of the repository.
    pub path: String,
    /// Why.
    pub why: Why,
}

/// A folder of a plain tree that was not read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Skipped {
    /// Path from the root of the repository.
    pub path: String,
    /// What it is: `a submodule`.
    pub what: &'static str,
    /// Why nothing is rendered where something was in it, with the path.
    pub refusal: String,
}

/// Why an entry was not read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Why {
    /// A file with more bytes than are read.
    TooLarge {
        /// Its size.
        bytes: usize,
        /// The limit.
        limit: usize,
    },
    /// A file whose content lies in Git LFS.
    Pointer,
    /// A commit of another repository, in place of a folder.
    Submodule,
    /// A symbolic link to a folder of the tree.
    FolderLink,
    /// A symbolic link that leads to no file of the tree that can be read.
    Link,
}

impl Unread {
    /// The refusal of what needs it.
    fn refusal(&self) -> RenderError {
        let file = self.path.clone();
        let message = match self.why {
            Why::TooLarge { bytes, limit } => return RenderError::TooLarge { file, bytes, limit },
            Why::Pointer => return RenderError::LargeFilePointer { file },
            Why::Submodule => {
                "a submodule, which is never entered: what was there would be deleted; commit the files themselves, map another \
                 folder, or name in a kustomization.yaml what is to be read"
            }
            Why::FolderLink => {
                "a symbolic link to a folder, which is not followed: what was there would be deleted; commit the files themselves, \
                 or name in a kustomization.yaml what is to be read"
            }
            Why::Link => {
                "a symbolic link that leads to no file of the repository; commit the file itself"
            }
        };
        RenderError::Unreadable { file, message: message.to_owned() }
    }

    /// Whether it may hold or choose manifests by its name.
    fn may_hold_manifests(&self) -> bool {
        let name = self.path.rsplit('/').next().unwrap_or_default();
        !self.may_be_a_folder() && (is_manifest(name) || is_kustomization(name))
    }

    /// Whether it stands where a folder of manifests may have been.
    fn may_be_a_folder(&self) -> bool {
        match self.why {
            Why::Submodule | Why::FolderLink => true,
            Why::Link => !self.path.rsplit('/').next().unwrap_or_default().contains('.'),
            Why::TooLarge { .. } | Why::Pointer => false,
        }
    }

    /// Whether it is a folder for who reads the tree with its links.
    fn is_folder(&self) -> bool {
        matches!(self.why, Why::Submodule | Why::FolderLink)
    }
}

impl Gathered {
    /// Refuses the mapping's path where a part of it that counts was not read.
    pub(super) fn refuse_unread(&self) -> Result<(), RenderError> {
        let counts = |one: &&Unread| match self.kind {
            _ if one.path == self.root => true,
            Kind::Plain => one.may_hold_manifests() && self.is_walked(&one.path),
            // A chart takes whatever is there and is not ignored; a kustomization names its files.
            Kind::Helm => !self.is_ignored(one, &self.root),
            Kind::Kustomize => false,
        };
        if let Some(one) = self.unread.values().find(counts) {
            return Err(one.refusal());
        }
        // Of a plain tree a kustomization may name its files.
        if self.kind == Kind::Plain
            && !self.unread.is_empty()
            && let Err(RenderError::Missing { file, .. }) = manifest_files(&self.root, &self.list())
        {
            self.refuse_unread_at(&file)?;
        }
        Ok(())
    }

    /// Folders of a plain tree that were not read. Whoever renders goes on without them: whether something leaves thereby
    /// only the one knows who knows what was there.
    pub fn skipped(&self) -> Vec<Skipped> {
        let counts = |one: &&Unread| {
            let is_plain = self.kind == Kind::Plain && one.path != self.root;
            is_plain && one.may_be_a_folder() && self.is_walked(&one.path)
        };
        let found = self.unread.values().filter(counts);
        let skipped = found.map(|one| Skipped {
            path: one.path.clone(),
            what: match one.why {
                Why::Submodule => "a submodule",
                Why::FolderLink => "a symbolic link to a folder",
                _ => "a symbolic link that leads nowhere",
            },
            refusal: one.refusal().to_string(),
        });
        skipped.collect()
    }

    /// Whether the chart in a folder says that Helm is not to read it.
    fn is_ignored(&self, one: &Unread, chart: &str) -> bool {
        let rules = self.files.get(&join(chart, ".helmignore"));
        let rules = rules.and_then(|file| std::str::from_utf8(&file.content).ok());
        let path = relative(&one.path, chart);
        path.zip(rules)
            .is_some_and(|(path, rules)| Rules::read(rules).ignore(path, one.is_folder()))
    }

    /// Refuses a folder that a chart takes as a whole.
    pub(super) fn refuse_unread_below(&self, folder: &str) -> Result<(), RenderError> {
        let is_in = |one: &&Unread| one.path == folder || relative(&one.path, folder).is_some();
        let mut found = self.unread.values().filter(is_in);
        found.find(|one| !self.is_ignored(one, folder)).map_or(Ok(()), |one| Err(one.refusal()))
    }

    /// Refuses a path that something names, where it, a folder above it or its kustomization was not read.
    pub(super) fn refuse_unread_at(&self, path: &str) -> Result<(), RenderError> {
        let above = path.match_indices('/').map(|(at, _)| &path[..at]);
        let mut found = above.chain([path]).filter_map(|path| self.unread.get(path));
        let mut chosen = kustomizations(path).into_iter().filter_map(|file| self.unread.get(&file));
        found.next().or_else(|| chosen.next()).map_or(Ok(()), |one| Err(one.refusal()))
    }

    /// Whether everything in the folder of a path is read, since no kustomization on the way there chooses.
    fn is_walked(&self, path: &str) -> bool {
        let mut folder = path;
        while folder != self.root && !folder.is_empty() {
            folder = folder_of(folder);
            if self.kustomization(folder).is_some() {
                return false;
            }
        }
        true
    }
}

#[cfg(test)]
mod tests {
    use super::{Unread, Why};
    use crate::domain::Rendering;
    use crate::render::{Gathered, Listing, RenderError, SourceFile, Tree};

    /// One tree, whatever is asked.
    struct Fixed(Listing);

    impl Tree for Fixed {
        fn below(&self, path: &str) -> Result<Option<Listing>, RenderError> {
            let is_in = |one: &str| one == path || one.starts_with(&format!("{path}/"));
            let mut found = self.0.clone();
            found.files.retain(|file| is_in(&file.path));
            found.unread.retain(|one| is_in(&one.path));
            Ok((!found.files.is_empty() || !found.unread.is_empty()).then_some(found))
        }
    }

    /// What becomes of a tree of files with their contents and one entry that was not read.
    fn taken(files: &[(&str, &str)], path: &str, why: Why) -> Result<(), String> {
        gathered(files, path, why).map(drop)
    }

    fn gathered(files: &[(&str, &str)], path: &str, why: Why) -> Result<Gathered, String> {
        let file = |(path, content): &(&str, &str)| SourceFile {
            path: (*path).into(),
            content: (*content).into(),
        };
        let unread = vec![Unread { path: path.into(), why }];
        let listing = Listing { files: files.iter().map(file).collect(), unread };
        let taken = Gathered::take(&Fixed(listing), "a", &Rendering::default());
        taken.map_err(|error| error.to_string())
    }

    const TOO_LARGE: Why = Why::TooLarge { bytes: 17 << 20, limit: 16 << 20 };
    const PLAIN: (&str, &str) = ("a/x.yaml", "");
    const CHART: (&str, &str) = ("a/Chart.yaml", "name: c\n");

    #[test]
    fn what_a_render_reads_is_refused_by_name() {
        let listing = ("a/kustomization.yaml", "resources: [b.yaml]\n");
        let named = ("a/kustomization.yaml", "resources: [b]\n");
        let base = ("a/kustomization.yaml", "namePrefix: x-\nresources: [./b]\n");
        let maps =
            ("a/kustomization.yaml", "configMapGenerator: [{name: m, files: [k=b/f.txt]}]\n");
        let envs = ("a/kustomization.yaml", "secretGenerator: [{name: m, envs: [f.env]}]\n");
        let patch = ("a/kustomization.yaml", "patches: [{path: p.txt}]\n");
        let beside = ("a/Chart.yaml", "dependencies: [{name: d, repository: 'file://d'}]\n");
        for (files, path, why) in [
            (&[PLAIN][..], "a/b.yaml", TOO_LARGE),
            (&[PLAIN], "a/b/c.json", Why::Pointer),
            (&[PLAIN], "a/b/Kustomization", Why::Pointer),
            (&[PLAIN], "a/b.yaml", Why::Link),
            (&[], "a", Why::Pointer),
            (&[], "a", Why::Submodule),
            (&[], "a", Why::Link),
            (&[CHART], "a/charts/d", Why::Submodule),
            (&[CHART], "a/templates", Why::FolderLink),
            (&[beside], "a/d", Why::Submodule),
            (&[named], "a/b", Why::Submodule),
            (&[named], "a/b", Why::FolderLink),
            (&[maps], "a/b", Why::Submodule),
            (&[CHART], "a/big.tgz", TOO_LARGE),
            (&[CHART], "a/files/logo", Why::Pointer),
            (&[CHART], "a/templates/l.tpl", Why::Link),
            (&[beside], "a/d/templates/l.tpl", Why::Link),
            (&[listing], "a/b.yaml", Why::Pointer),
            (&[base, ("a/b/x.yaml", "")], "a/b/kustomization.yml", Why::Pointer),
            (&[maps], "a/b/f.txt", Why::Pointer),
            (&[envs], "a/f.env", Why::Pointer),
            (&[patch], "a/p.txt", TOO_LARGE),
        ] {
            let error = taken(files, path, why).unwrap_err();
            assert!(error.starts_with(path), "{path}: {error}");
        }
    }

    #[test]
    fn folders_of_a_plain_tree_are_named_and_nothing_more() {
        for (path, why) in
            [("a/sub", Why::Submodule), ("a/b/sub", Why::FolderLink), ("a/sub", Why::Link)]
        {
            let gathered = gathered(&[PLAIN], path, why).unwrap();
            let skipped = gathered.skipped();
            assert_eq!(skipped.len(), 1, "{path}");
            assert!(skipped[0].path == path && skipped[0].refusal.starts_with(path));
        }
        let listing = ("a/kustomization.yaml", "resources: [x.yaml]\n");
        for (files, path, why) in [
            (&[PLAIN][..], "b", Why::Submodule),
            (&[PLAIN], "a/notes.md", Why::Link),
            (&[listing, PLAIN], "a/sub", Why::Submodule),
        ] {
            assert_eq!(gathered(files, path, why).unwrap().skipped(), [], "{path}");
        }
    }

    #[test]
    fn what_a_chart_ignores_keeps_nobody_from_rendering() {
        let ignored = ("a/.helmignore", "media/\n*.mp4\nvendor/\n");
        let beside = ("a/Chart.yaml", "dependencies: [{name: d, repository: 'file://d'}]\n");
        let below = ("a/d/.helmignore", "*.mp4\n");
        for (files, path, why, passes) in [
            (&[CHART, ignored][..], "a/media/x/logo.png", Why::Pointer, true),
            (&[CHART, ignored], "a/film.mp4", TOO_LARGE, true),
            (&[CHART, ignored], "a/vendor", Why::Submodule, true),
            (&[CHART, ignored], "a/files/logo.png", Why::Pointer, false),
            (&[CHART, ignored], "a/templates/l.tpl", Why::Link, false),
            (&[beside, ("a/.helmignore", "d/\n"), below], "a/d/film.mp4", Why::Pointer, true),
            (&[beside, ("a/.helmignore", "d/\n"), below], "a/d/logo.png", Why::Pointer, false),
        ] {
            assert_eq!(taken(files, path, why).is_ok(), passes, "{path}");
        }
    }

    #[test]
    fn what_no_render_reads_keeps_nobody_from_rendering() {
        let listing = ("a/kustomization.yaml", "resources: [x.yaml]\n");
        let build = ("a/kustomization.yaml", "namePrefix: x-\nresources: [x.yaml]\n");
        for (files, path, why) in [
            (&[PLAIN][..], "a/video.mp4", TOO_LARGE),
            (&[PLAIN], "a/logo.png", Why::Pointer),
            (&[PLAIN], "a/notes.md", Why::Link),
            (&[PLAIN], "b/x.yaml", Why::Pointer),
            (&[PLAIN], "b", Why::Submodule),
            (&[CHART], "b", Why::Submodule),
            (&[listing, PLAIN], "a/sub", Why::Submodule),
            (&[build, PLAIN], "a/sub", Why::Submodule),
            (&[build, PLAIN], "a/sub", Why::FolderLink),
            (&[CHART], "b/big.tgz", TOO_LARGE),
            (&[listing, PLAIN], "a/b.yaml", Why::Pointer),
            (&[build, PLAIN], "a/b.yaml", Why::Pointer),
            (&[build, PLAIN], "a/video.mp4", TOO_LARGE),
        ] {
            assert_eq!(taken(files, path, why), Ok(()), "{path}");
        }
    }
}
