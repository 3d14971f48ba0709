//! Decides what renders a path, and takes the files that this needs out of the tree.

use super::collect::manifest_files;
use super::kustomization::{Kustomization, kustomizations};
use super::tree::{folder_of, join, relative, resolve};
use super::{RenderError, SourceFile, Tree, Unread, helm};
use crate::domain::{RenderKind, Rendering};
use std::collections::{BTreeMap, BTreeSet};

/// Kustomizations that one build may reach.
const MOST_KUSTOMIZATIONS: usize = 1_000;
/// Bytes that one render may read.
const MOST_BYTES: usize = 256 << 20;

/// What renders a tree.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Kind {
    /// Nothing but this program.
    Plain,
    /// `kustomize build`.
    Kustomize,
    /// `helm template`.
    Helm,
}

/// Everything of a commit that one render reads.
#[derive(Debug, Clone)]
pub struct Gathered {
    /// What renders it.
    pub kind: Kind,
    /// The mapping's path.
    pub(super) root: String,
    /// By path.
    pub(super) files: BTreeMap<String, SourceFile>,
    /// What was listed and not read, by path.
    pub(super) unread: BTreeMap<String, Unread>,
    /// Files that generators, charts and substitution read as values; where SOPS encrypted them, they are decrypted
    /// before the render.
    pub(super) sources: BTreeSet<String>,
    /// Paths that were taken as a whole.
    taken: BTreeSet<String>,
    /// What comes from elsewhere and is pinned by nothing.
    pub(super) remote: BTreeSet<String>,
    /// Whether charts beside this one have to be packed into it first.
    pub(super) dependencies: bool,
}

impl Gathered {
    /// Takes what the render of `root` needs. Whatever would come from the network is refused here, before anything
    /// is run, unless `allow_remote`.
    pub fn take(tree: &dyn Tree, root: &str, rendering: &Rendering) -> Result<Self, RenderError> {
        let root = root.trim_matches('/').to_owned();
        let mut gathered = Self {
            kind: Kind::Plain,
            root,
            files: BTreeMap::new(),
            unread: BTreeMap::new(),
            sources: BTreeSet::new(),
            taken: BTreeSet::new(),
            remote: BTreeSet::new(),
            dependencies: false,
        };
        let path = gathered.root.clone();
        if !gathered.add(tree, &path)? {
            return Err(RenderError::Missing {
                file: path,
                named_by: "the mapping's path".to_owned(),
            });
        }
        gathered.kind = gathered.detect(rendering.kind)?;
        gathered.refuse_unread()?;
        match gathered.kind {
            Kind::Plain => {}
            Kind::Kustomize => gathered.follow(tree, rendering.allow_remote)?,
            Kind::Helm => helm::gather(&mut gathered, tree, rendering)?,
        }
        for source in &rendering.substitution.from {
            let named_by = "substitute_from";
            match gathered.source(tree, &source.file, named_by) {
                Err(RenderError::Missing { .. }) if source.optional => {}
                taken => drop(taken?),
            }
        }
        Ok(gathered)
    }

    /// The files and folders of the repository that went in, without those below another.
    pub fn paths(&self) -> Vec<String> {
        let is_below = |path: &String| {
            self.taken.iter().any(|other| other != path && relative(path, other).is_some())
        };
        self.taken.iter().filter(|path| !is_below(path)).cloned().collect()
    }

    /// What the render reads from elsewhere that may change while the commit stays: bases and files without a whole commit
    /// id in their address, and charts without a lock file.
    pub fn remote(&self) -> Vec<String> {
        self.remote.iter().cloned().collect()
    }

    /// The mapping's path.
    pub fn root(&self) -> &str {
        &self.root
    }

    /// The bytes of a file, by its path from the root of the repository.
    pub fn content(&self, path: &str) -> Option<&[u8]> {
        self.files.get(path).map(|file| file.content.as_slice())
    }

    /// The same with another content of a file that is there.
    #[must_use]
    pub fn with(&self, path: &str, content: Vec<u8>) -> Self {
        let mut other = self.clone();
        if let Some(file) = other.files.get_mut(path) {
            file.content = content;
        }
        other
    }

    /// The file that a reference names: relative to a folder, or with a leading `/` to the repository.
    pub fn named(folder: &str, reference: &str) -> Option<String> {
        resolve(folder, reference)
    }

    /// The file that a reference names beside another path of the repository, as `helm.values` of a mapping do.
    pub fn beside(&self, path: &str, reference: &str) -> Option<String> {
        let is_file = self.files.contains_key(path);
        resolve(if is_file { folder_of(path) } else { path }, reference)
    }

    /// The kustomization of the mapping's path.
    pub fn top(&self) -> Option<&str> {
        self.kustomization(&self.root).map(|file| file.path.as_str())
    }

    /// The files with the values of a chart, the later ones win. A chart may have none of its own.
    pub fn values(&self, rendering: &Rendering) -> Vec<String> {
        let own = join(&self.root, "values.yaml");
        let own = self.files.contains_key(&own).then_some(own);
        own.into_iter()
            .chain(rendering.helm.values.iter().filter_map(|file| self.path_of(file)))
            .collect()
    }

    /// Whether a file may be encrypted with SOPS.
    pub fn mentions_sops(&self) -> bool {
        let mark = |content: &[u8]| content.windows(4).any(|window| window == b"sops");
        self.files.values().any(|file| mark(&file.content))
    }

    /// Whether values come from files that SOPS encrypted: they may be anywhere in what is rendered.
    pub fn has_sealed_values(&self) -> bool {
        let files = self.sources.iter().filter_map(|path| self.files.get(path));
        files.into_iter().any(|file| super::sops::format(file).is_some())
    }

    /// The files, in path order.
    pub(super) fn list(&self) -> Vec<SourceFile> {
        self.files.values().cloned().collect()
    }

    /// Takes a path of the tree; whether there is one.
    pub(super) fn add(&mut self, tree: &dyn Tree, path: &str) -> Result<bool, RenderError> {
        let Some(listing) = tree.below(path)? else { return Ok(false) };
        self.files.extend(listing.files.into_iter().map(|file| (file.path.clone(), file)));
        self.unread.extend(listing.unread.into_iter().map(|one| (one.path.clone(), one)));
        self.taken.insert(path.to_owned());
        let bytes: usize = self.files.values().map(|file| file.content.len()).sum();
        if bytes > MOST_BYTES {
            let file = path.to_owned();
            return Err(RenderError::TooLarge { file, bytes, limit: MOST_BYTES });
        }
        Ok(true)
    }

    /// Takes a file with values, relative to the mapping's path.
    pub(super) fn source(
        &mut self,
        tree: &dyn Tree,
        file: &str,
        named_by: &str,
    ) -> Result<String, RenderError> {
        let missing =
            || RenderError::Missing { file: file.to_owned(), named_by: named_by.to_owned() };
        let path = self.path_of(file).ok_or_else(missing)?;
        if !self.files.contains_key(&path) {
            self.add(tree, &path)?;
        }
        if !self.files.contains_key(&path) {
            self.refuse_unread_at(&path)?;
            return Err(missing());
        }
        self.sources.insert(path.clone());
        Ok(path)
    }

    /// A path that is written relative to the mapping's.
    pub(super) fn path_of(&self, file: &str) -> Option<String> {
        self.beside(&self.root, file)
    }

    fn detect(&self, wanted: RenderKind) -> Result<Kind, RenderError> {
        let has = |name: &str| self.files.contains_key(&join(&self.root, name));
        match wanted {
            RenderKind::Plain => return Ok(Kind::Plain),
            RenderKind::Kustomize => return Ok(Kind::Kustomize),
            RenderKind::Helm => return Ok(Kind::Helm),
            RenderKind::Auto => {}
        }
        if has("Chart.yaml") {
            return Ok(Kind::Helm);
        }
        if self.kustomization(&self.root).is_none() {
            return Ok(Kind::Plain);
        }
        // What only lists plain files needs no program.
        match manifest_files(&self.root, &self.list()) {
            Ok(_) => Ok(Kind::Plain),
            Err(
                RenderError::NeedsKustomize { .. }
                | RenderError::NeedsHelm { .. }
                | RenderError::Missing { .. },
            ) => Ok(Kind::Kustomize),
            Err(error) => Err(error),
        }
    }

    /// The kustomization of a folder.
    pub(super) fn kustomization(&self, folder: &str) -> Option<&SourceFile> {
        kustomizations(folder).iter().find_map(|file| self.files.get(file))
    }

    /// Reads every kustomization that a build reaches, and takes the folders that they name.
    fn follow(&mut self, tree: &dyn Tree, allow_remote: bool) -> Result<(), RenderError> {
        let mut open = vec![self.root.clone()];
        let mut seen = BTreeSet::new();
        while let Some(folder) = open.pop() {
            if !seen.insert(folder.clone()) || seen.len() > MOST_KUSTOMIZATIONS {
                continue;
            }
            let Some(file) = self.kustomization(&folder) else {
                self.refuse_unread_at(&folder)?;
                continue;
            };
            let (found, path) = (Kustomization::read(file)?, file.path.clone());
            match found.forbidden() {
                Some(error) if !allow_remote => return Err(error),
                Some(RenderError::Remote { reference, .. }) => self.loads(&reference),
                Some(_) => self.loads(&path),
                None => {}
            }
            for reference in &found.inputs {
                let inside = resolve(&folder, reference).filter(|_| !reference.starts_with('/'));
                if let Some(path) = inside
                    && self.reach(tree, &path)?
                {
                    open.push(path);
                } else if !allow_remote {
                    return Err(found.unreachable(reference));
                } else {
                    self.loads(reference);
                }
            }
            let named = found.named().into_iter().filter_map(|file| resolve(&folder, &file));
            named.into_iter().try_for_each(|file| self.refuse_unread_at(&file))?;
            let sources = found.sources.iter().filter_map(|source| resolve(&folder, source));
            self.sources.extend(sources);
        }
        Ok(())
    }

    /// Notes what comes from elsewhere, unless a whole commit id pins it.
    fn loads(&mut self, reference: &str) {
        let is_id = |text: &str| text.len() == 40 && text.chars().all(|c| c.is_ascii_hexdigit());
        let query = reference.split_once('?').map_or("", |(_, query)| query);
        let mut keys = query.split('&').filter_map(|pair| pair.split_once('='));
        if !keys.any(|(key, value)| matches!(key, "ref" | "version") && is_id(value)) {
            self.remote.insert(reference.to_owned());
        }
    }

    /// Whether a path is there, after it was taken where it was not yet.
    fn reach(&mut self, tree: &dyn Tree, path: &str) -> Result<bool, RenderError> {
        // Of a folder that was not taken as a whole a part may be there.
        let is_taken = |taken: &String| taken == path || relative(path, taken).is_some();
        if !self.taken.iter().any(is_taken) {
            self.add(tree, path)?;
        }
        self.refuse_unread_at(path)?;
        let mut below = self.files.range(path.to_owned()..);
        Ok(below.any(|(file, _)| file == path || relative(file, path).is_some()))
    }
}

#[cfg(test)]
mod tests {
    use super::Gathered;
    use crate::domain::Rendering;
    use crate::render::{Listing, RenderError, SourceFile, Tree};

    /// One tree, whatever is asked.
    struct Fixed(Listing);

    impl Tree for Fixed {
        fn below(&self, _: &str) -> Result<Option<Listing>, RenderError> {
            Ok(Some(self.0.clone()))
        }
    }

    /// What of a kustomization with these resources nothing pins.
    fn unpinned(resources: &str, name: &str) -> Vec<String> {
        let content = format!("resources: [{resources}]\ndependencies: [{resources}]\n").into();
        let file = SourceFile { path: format!("a/{name}"), content };
        let files = vec![file, SourceFile { path: "a/x.yaml".into(), content: Vec::new() }];
        let tree = Fixed(Listing { files, ..Listing::default() });
        let rendering = Rendering { allow_remote: true, ..Rendering::default() };
        Gathered::take(&tree, "a", &rendering).unwrap().remote()
    }

    #[test]
    fn only_a_whole_commit_id_pins_what_comes_from_elsewhere() {
        let id = "0123456789abcdef0123456789abcdef01234567";
        for (reference, pinned) in [
            ("x.yaml", true),
            ("https://h/r//b", false),
            ("https://h/r//b?ref=main", false),
            ("https://h/r//b?ref=v1.0.0&timeout=9s", false),
            ("https://h/r//b?ref=01234567", false),
            (&format!("https://h/r//b?timeout=9s&ref={id}"), true),
            (&format!("https://h/{id}/b.yaml"), false),
        ] {
            let found = unpinned(&format!("'{reference}'"), "kustomization.yaml");
            assert_eq!(found.is_empty(), pinned, "{reference}: {found:?}");
        }
        let chart = "{name: db, repository: 'https://charts'}";
        assert_eq!(unpinned(chart, "Chart.yaml"), ["https://charts db"]);
    }
}
