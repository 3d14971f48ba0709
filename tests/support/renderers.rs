//! The programs that render, and trees in memory to render with them. `.ci/renderers` builds the programs.

use super::skipped;
use gitdeck::domain::{Manifest, Rendering, Secret};
use gitdeck::render::{
    Capabilities, Gathered, Listing, RenderError, Request, SourceFile, Tools, Tree, render,
};
use std::collections::BTreeMap;
use std::ffi::OsString;
use std::fs;
use std::path::{Path, PathBuf};
use tempfile::TempDir;

/// `kustomize`, `helm`, `sops` and `age-keygen`, on this search path; or nothing, said on standard error. Where
/// `GITDECK_REQUIRE_CONTROL_PLANE` is set, as in CI, their absence is a failure.
pub fn search_path() -> Option<OsString> {
    let assets = std::env::var_os("KUBEBUILDER_ASSETS").map(PathBuf::from);
    let path = std::env::var_os("PATH").unwrap_or_default();
    let folders: Vec<PathBuf> = assets.into_iter().chain(std::env::split_paths(&path)).collect();
    let has = |name: &&str| folders.iter().any(|folder| folder.join(name).is_file());
    if let Some(missing) = ["kustomize", "helm", "sops", "age-keygen"].iter().find(|n| !has(n)) {
        let required = std::env::var_os("GITDECK_REQUIRE_CONTROL_PLANE").is_some();
        assert!(!required, "there is no {missing}; .ci/renderers builds it");
        skipped(&format!("there is no {missing}, neither in KUBEBUILDER_ASSETS nor on PATH"));
        return None;
    }
    Some(std::env::join_paths(folders).expect("folders"))
}

/// Programs with a folder of their own to work in.
pub struct Bench {
    pub tools: Tools,
    folder: TempDir,
}

impl Bench {
    /// The real programs.
    pub fn real() -> Option<Self> {
        search_path().map(Self::on)
    }

    /// The programs of a search path.
    pub fn on(search: OsString) -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        Self { tools: Tools::new(search, folder.path().join("renders")), folder }
    }

    /// A program that is a shell script, alone with the system's own. Renamed into place: a thread that forks while the
    /// file is open for writing would keep it from being run.
    pub fn fake(name: &str, script: &str) -> Self {
        use std::os::unix::fs::PermissionsExt;
        let bench = Self::on(OsString::new());
        let programs = bench.folder.path().join("bin");
        fs::create_dir(&programs).expect("a folder");
        let source = programs.join("script");
        fs::write(&source, format!("#!/bin/sh\n{script}\n")).expect("a script");
        fs::set_permissions(&source, fs::Permissions::from_mode(0o755)).expect("permissions");
        let copied = std::process::Command::new("cp")
            .arg("-p")
            .arg(&source)
            .arg(programs.join(name))
            .status();
        assert!(copied.expect("cp").success());
        let search = std::env::join_paths([&programs, Path::new("/usr/bin"), Path::new("/bin")]);
        let tools = Tools::new(search.expect("folders"), bench.tools.scratch.clone());
        Self { tools, folder: bench.folder }
    }

    /// Folders of renders that were not removed.
    pub fn leftovers(&self) -> usize {
        fs::read_dir(&self.tools.scratch).map_or(0, Iterator::count)
    }

    /// A folder beside those of the renders.
    pub fn folder(&self) -> &Path {
        self.folder.path()
    }
}

/// Files in memory.
#[derive(Clone, Default)]
pub struct Files(BTreeMap<String, Vec<u8>>);

impl Files {
    /// Files by path.
    pub fn of(files: &[(&str, &str)]) -> Self {
        Self(files.iter().map(|(path, text)| ((*path).into(), (*text).into())).collect())
    }

    /// A folder of this machine.
    pub fn read(root: &Path) -> Self {
        let mut found = BTreeMap::new();
        let mut open = vec![root.to_owned()];
        while let Some(folder) = open.pop() {
            for entry in fs::read_dir(folder).expect("a folder").flatten() {
                let path = entry.path();
                if path.is_dir() {
                    open.push(path);
                } else {
                    let name = path.strip_prefix(root).expect("below the root");
                    let content = fs::read(&path).expect("a file");
                    found.insert(name.to_str().expect("a name").to_owned(), content);
                }
            }
        }
        Self(found)
    }

    /// Writes them below a folder.
    pub fn write(&self, root: &Path) {
        for (path, content) in &self.0 {
            let path = root.join(path);
            fs::create_dir_all(path.parent().expect("a folder")).expect("a folder");
            fs::write(path, content).expect("a file");
        }
    }

    /// The same with another file, or without it.
    pub fn with(mut self, path: &str, content: Option<&str>) -> Self {
        match content {
            Some(content) => self.0.insert(path.to_owned(), content.into()),
            None => self.0.remove(path),
        };
        self
    }
}

impl Tree for Files {
    fn below(&self, path: &str) -> Result<Option<Listing>, RenderError> {
        let is_below = |file: &str| {
            path.is_empty()
                || file.strip_prefix(path).is_some_and(|r| r.is_empty() || r.starts_with('/'))
        };
        let found = self.0.iter().filter(|(file, _)| is_below(file));
        let files: Vec<SourceFile> = found
            .map(|(path, content)| SourceFile { path: path.clone(), content: content.clone() })
            .collect();
        let listing = Listing { files, ..Listing::default() };
        Ok((!listing.files.is_empty()).then_some(listing))
    }
}

/// What a mapping called `shop` in the namespace `shop` renders to, from a path of some files.
pub async fn rendered(
    bench: &Bench,
    files: &Files,
    path: &str,
    rendering: &Rendering,
) -> Result<Vec<Manifest>, RenderError> {
    rendered_with(bench, files, path, rendering, (None, None)).await
}

/// [`rendered`], with a cluster and an age key.
pub async fn rendered_with(
    bench: &Bench,
    files: &Files,
    path: &str,
    rendering: &Rendering,
    (cluster, age_key): (Option<Capabilities>, Option<Secret>),
) -> Result<Vec<Manifest>, RenderError> {
    let request = Request {
        gathered: Gathered::take(files, path, rendering)?,
        rendering: rendering.clone(),
        release: "shop".to_owned(),
        namespace: "shop".to_owned(),
        cluster,
        age_key,
    };
    let result = render(request, &bench.tools).await;
    assert_eq!(bench.leftovers(), 0, "a render left its folder behind");
    result
}
