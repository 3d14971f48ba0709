//! What of a tree was not read, and where that keeps it from being rendered: left out silently it would read as deleted.

use super::collect::{is_manifest, manifest_files};
use super::kustomization::{is_kustomization, kustomizations};
use super::tree::{folder_of, relative};
use super::{Gathered, Kind, RenderError};

/// An entry of a tree that was not read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Unread {
    /// Path from the root of the repository.
    pub path: String,
    /// Why.
    pub why: Why,
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

    /// Whether it may hold or choose manifests, or be a folder of them, by its name.
    fn may_hold_manifests(&self) -> bool {
        let name = self.path.rsplit('/').next().unwrap_or_default();
        match self.why {
            Why::Submodule | Why::FolderLink => true,
            Why::Link if !name.contains('.') => true,
            _ => is_manifest(name) || is_kustomization(name),
        }
    }
}

impl Gathered {
    /// Refuses the mapping's path where a part of it that counts was not read.
    pub(super) fn refuse_unread(&self) -> Result<(), RenderError> {
        let counts = |one: &&Unread| match self.kind {
            _ if one.path == self.root => true,
            Kind::Plain => one.may_hold_manifests() && self.is_walked(&one.path),
            // A chart takes whatever is there; a kustomization names its files.
            Kind::Helm => true,
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

    /// Refuses a folder that a chart takes as a whole.
    pub(super) fn refuse_unread_below(&self, folder: &str) -> Result<(), RenderError> {
        let is_in = |one: &&Unread| one.path == folder || relative(&one.path, folder).is_some();
        self.unread.values().find(is_in).map_or(Ok(()), |one| Err(one.refusal()))
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
        let file = |(path, content): &(&str, &str)| SourceFile {
            path: (*path).into(),
            content: (*content).into(),
        };
        let unread = vec![Unread { path: path.into(), why }];
        let listing = Listing { files: files.iter().map(file).collect(), unread };
        let taken = Gathered::take(&Fixed(listing), "a", &Rendering::default());
        taken.map(drop).map_err(|error| error.to_string())
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
            (&[PLAIN], "a/sub", Why::Submodule),
            (&[PLAIN], "a/b/sub", Why::FolderLink),
            (&[PLAIN], "a/sub", Why::Link),
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
