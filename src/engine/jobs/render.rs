//! Renders a mapping at a revision, or what it would be with some edits, once for everything that goes into it.

use crate::domain::folder::is_within;
use crate::domain::{Decryption, FileEdit, Manifest, Mapping, Revision, Secret, hook};
use crate::engine::Failure;
use crate::engine::error::Stop;
use crate::engine::jobs::Context;
use crate::engine::world::{Rendered, Taken};
use crate::git::{FILE_LIMIT, GitError, Repository, TreeFileKind};
use crate::render::{
    self, Capabilities, Gathered, Inputs, Key, Kind, Listing, RenderError, Request, Skipped,
    SourceFile, Unread, Why,
};
use std::collections::BTreeMap;
use std::sync::Arc;

/// Why there are no manifests.
pub(super) enum Unrendered {
    /// The tree does not render, or cannot be read.
    Tree(Stop),
    /// The chart asks for a cluster that cannot be seen.
    Cluster(Failure),
}

impl From<Unrendered> for Stop {
    fn from(unrendered: Unrendered) -> Self {
        match unrendered {
            Unrendered::Tree(stop) => stop,
            Unrendered::Cluster(failure) => Self::Failed(failure),
        }
    }
}

impl From<Stop> for Unrendered {
    fn from(stop: Stop) -> Self {
        Self::Tree(stop)
    }
}

impl From<Failure> for Unrendered {
    fn from(failure: Failure) -> Self {
        Self::Tree(failure.into())
    }
}

/// The manifests of a mapping at a revision, or nothing where the revision has no such path. A revision never changes,
/// so each is rendered once for each cluster, program and parameter; but what it reads from elsewhere may change.
pub(super) async fn render(
    ctx: &Context,
    mapping: &Mapping,
    revision: &Revision,
) -> Result<Option<Rendered>, Unrendered> {
    let mut gathered = None;
    let taken = if let Some(taken) = ctx.world.taken(&mapping.name, revision) {
        taken
    } else {
        let Some(taken) = gather(ctx, mapping, revision).await? else { return Ok(None) };
        let kept = keep(ctx, mapping, revision, &taken);
        gathered = Some(taken);
        kept
    };
    let kind = taken.kind;
    // What no commit pins may have moved since.
    let is_fresh = taken.remote.is_empty() || ctx.world.remote.is_fresh(mapping, revision);
    let cluster = match kind {
        Kind::Helm => capabilities(ctx, mapping).await.map_err(Unrendered::Cluster)?,
        Kind::Plain | Kind::Kustomize => None,
    };
    let remote = &ctx.world.repository(&mapping.repository)?.remote;
    let key = Key::of(&Inputs {
        repository: (&remote.name, &remote.url),
        revision,
        path: &mapping.path,
        release: &mapping.name,
        namespace: &mapping.target.namespace,
        rendering: &mapping.rendering,
        kind,
        programs: &ctx.world.tools.stamps(kind),
        cluster: cluster.as_ref(),
    });
    if let Some(kept) = ctx.world.rendered(&key).filter(|_| is_fresh) {
        return Ok(Some(kept));
    }
    let gathered = match gathered {
        Some(gathered) => gathered,
        None => match gather(ctx, mapping, revision).await? {
            Some(gathered) => gathered,
            None => return Ok(None),
        },
    };
    let is_remote = !gathered.remote().is_empty();
    let mut manifests = build(ctx, mapping, gathered, cluster).await?;
    // Who looks for members takes the front, and copies nothing.
    manifests.sort_by_key(|one| hook::is_hook(&one.object));
    let manifests = Arc::new(manifests);
    ctx.world.keep_rendered(key, kind, &manifests);
    if is_remote {
        ctx.world.remote.note(mapping, revision);
    }
    Ok(Some(manifests))
}

fn keep(ctx: &Context, mapping: &Mapping, revision: &Revision, gathered: &Gathered) -> Taken {
    let (paths, remote) = (gathered.paths().into(), gathered.remote().into());
    let skipped = gathered.skipped().into();
    let taken = Taken { kind: gathered.kind, paths, remote, skipped };
    ctx.world.keep_taken(&mapping.name, revision, taken.clone());
    taken
}

/// The files and folders of the repository that a mapping is made from at a revision: its own path, and the bases,
/// components and values that it names. The own path alone where they cannot be told.
pub(super) async fn sources(ctx: &Context, mapping: &Mapping, revision: &Revision) -> Vec<String> {
    let mut paths = vec![mapping.path.clone()];
    let taken = match ctx.world.taken(&mapping.name, revision) {
        Some(taken) => Some(taken),
        None => match gather(ctx, mapping, revision).await {
            Ok(Some(gathered)) => Some(keep(ctx, mapping, revision, &gathered)),
            Ok(None) | Err(_) => None,
        },
    };
    let others = taken.iter().flat_map(|taken| taken.paths.iter());
    paths.extend(others.filter(|path| **path != mapping.path).cloned());
    paths
}

/// What a mapping reads from elsewhere at a revision, and the revision does not pin.
pub(super) async fn unpinned(
    ctx: &Context,
    mapping: &Mapping,
    revision: &Revision,
) -> Result<Arc<[String]>, Stop> {
    Ok(taken(ctx, mapping, revision).await?.map(|taken| taken.remote).unwrap_or_default())
}

/// The folders of a mapping at a revision that are not read.
pub(super) async fn skipped(
    ctx: &Context,
    mapping: &Mapping,
    revision: &Revision,
) -> Result<Arc<[Skipped]>, Stop> {
    Ok(taken(ctx, mapping, revision).await?.map(|taken| taken.skipped).unwrap_or_default())
}

/// What a mapping is made from at a revision; nothing where the revision has no such path.
async fn taken(
    ctx: &Context,
    mapping: &Mapping,
    revision: &Revision,
) -> Result<Option<Taken>, Stop> {
    if let Some(taken) = ctx.world.taken(&mapping.name, revision) {
        return Ok(Some(taken));
    }
    let gathered = gather(ctx, mapping, revision).await?;
    Ok(gathered.map(|gathered| keep(ctx, mapping, revision, &gathered)))
}

/// What a mapping would be at the head with some edits, pending commits included. A cluster that cannot be seen keeps
/// nobody from editing: charts are rendered without it then.
pub(super) async fn edited(
    ctx: &Context,
    mapping: &Mapping,
    edits: Vec<FileEdit>,
) -> Result<Vec<Manifest>, Failure> {
    let (path, rendering) = (mapping.path.clone(), mapping.rendering.clone());
    let gathered = ctx
        .world
        .git(&mapping.repository, move |git| {
            let head = git.head();
            let commit = head.as_ref().map(|revision| Committed { git, revision });
            let edited = Edited { commit, edits: &edits };
            Ok(Gathered::take(&edited, &path, &rendering))
        })
        .await;
    let failed = |stop: Stop| match stop {
        Stop::Failed(failure) => failure,
        Stop::Refused(_) | Stop::Cancelled => Failure::new("rendering was stopped"),
    };
    let gathered = gathered.map_err(failed)?.map_err(Failure::from)?;
    let cluster = match gathered.kind {
        Kind::Helm => capabilities(ctx, mapping).await.unwrap_or_default(),
        Kind::Plain | Kind::Kustomize => None,
    };
    build(ctx, mapping, gathered, cluster).await.map_err(failed)
}

/// The files that a mapping is made from at the head, pending commits included, with the head.
pub(super) async fn gathered(
    ctx: &Context,
    mapping: &Mapping,
) -> Result<(Gathered, Option<Revision>), Stop> {
    let (path, rendering) = (mapping.path.clone(), mapping.rendering.clone());
    let read = ctx.world.git(&mapping.repository, move |git| {
        let head = git.head();
        let commit = head.as_ref().map(|revision| Committed { git, revision });
        let edited = Edited { commit, edits: &[] };
        Ok((Gathered::take(&edited, &path, &rendering), head.clone()))
    });
    let (gathered, head) = read.await?;
    Ok((gathered.map_err(Failure::from)?, head))
}

/// What the render of a mapping at a revision reads; nothing where the revision has no such path.
pub(super) async fn gather(
    ctx: &Context,
    mapping: &Mapping,
    revision: &Revision,
) -> Result<Option<Gathered>, Stop> {
    let (at, path, rendering) = (revision.clone(), mapping.path.clone(), mapping.rendering.clone());
    let gathered = ctx.world.git(&mapping.repository, move |git| {
        let commit = Committed { git, revision: &at };
        match git.tree(&at, &path) {
            Err(GitError::PathMissing { .. }) => Ok(None),
            _ => Ok(Some(Gathered::take(&commit, &path, &rendering))),
        }
    });
    Ok(gathered.await?.transpose().map_err(Failure::from)?)
}

/// [`render`] to be read, not to be synced: charts are rendered without a cluster that cannot be seen.
pub(super) async fn unseen(
    ctx: &Context,
    mapping: &Mapping,
    revision: &Revision,
) -> Result<Option<Rendered>, Stop> {
    match render(ctx, mapping, revision).await {
        Ok(rendered) => return Ok(rendered),
        Err(Unrendered::Tree(stop)) => return Err(stop),
        Err(Unrendered::Cluster(_)) => {}
    }
    let Some(gathered) = gather(ctx, mapping, revision).await? else { return Ok(None) };
    let mut manifests = build(ctx, mapping, gathered, None).await?;
    manifests.sort_by_key(|one| hook::is_hook(&one.object));
    Ok(Some(Arc::new(manifests)))
}

/// What a mapping is rendered from at a revision, with what a chart is told of a cluster that can be seen; nothing where
/// the revision has no such path.
pub(super) async fn materials(
    ctx: &Context,
    mapping: &Mapping,
    revision: &Revision,
) -> Result<Option<(Gathered, Option<Capabilities>)>, Stop> {
    let Some(gathered) = gather(ctx, mapping, revision).await? else { return Ok(None) };
    let cluster = match gathered.kind {
        Kind::Helm => capabilities(ctx, mapping).await.unwrap_or_default(),
        Kind::Plain | Kind::Kustomize => None,
    };
    Ok(Some((gathered, cluster)))
}

/// The key of SOPS that a mapping names, if it names one.
pub(super) async fn age_key(ctx: &Context, mapping: &Mapping) -> Result<Option<Secret>, Stop> {
    let Decryption::Age(reference) = &mapping.rendering.decryption else { return Ok(None) };
    let reference = reference.clone();
    let read = ctx.secret("looking up a key", move |secrets| secrets.read(&reference)).await?;
    let read = read.map_err(|error| {
        Failure::usage(format!("the age key cannot be had: {error}"))
            .hint(format!("`gitdeck config explain {}` shows where it is named", mapping.name))
    })?;
    Ok(Some(read))
}

/// The manifests of what was gathered, as it was or with other contents.
pub(super) async fn build(
    ctx: &Context,
    mapping: &Mapping,
    gathered: Gathered,
    cluster: Option<Capabilities>,
) -> Result<Vec<Manifest>, Stop> {
    // Only who has something to decrypt needs the key.
    let age_key = if gathered.mentions_sops() { age_key(ctx, mapping).await? } else { None };
    let request = Request {
        gathered,
        rendering: mapping.rendering.clone(),
        release: mapping.name.clone(),
        namespace: mapping.target.namespace.clone(),
        cluster,
        age_key,
    };
    Ok(render::render(request, &ctx.world.tools).await.map_err(Failure::from)?)
}

/// What the templates of a chart are told of the cluster; nothing where the configuration says it.
async fn capabilities(ctx: &Context, mapping: &Mapping) -> Result<Option<Capabilities>, Failure> {
    if mapping.rendering.helm.kube_version.is_some() {
        return Ok(None);
    }
    let context = &mapping.target.context;
    let cluster = ctx.world.cluster(context).await?;
    let served = cluster.served().await?;
    if let Some((_, reason)) = served.failed.first_key_value() {
        // A template that finds an API missing leaves out what needs it, and what is left out would be deleted.
        return Err(Failure::new(format!(
            "the chart may ask which APIs the cluster serves, and not all answer: {reason}"
        ))
        .hint("mend the API, or set helm.kube_version and helm.api_versions for this mapping"));
    }
    let kube_version = if let Some(version) = ctx.world.version(context) {
        version
    } else {
        let version = cluster.version().await?;
        ctx.world.keep_version(context, &version);
        version
    };
    Ok(Some(Capabilities { kube_version, api_versions: served.versions }))
}

/// The files of a commit.
struct Committed<'a> {
    git: &'a Repository,
    revision: &'a Revision,
}

impl render::Tree for Committed<'_> {
    fn below(&self, path: &str) -> Result<Option<Listing>, RenderError> {
        let found = match self.git.tree(self.revision, path) {
            Ok(found) => found,
            Err(GitError::PathMissing { .. }) => return Ok(None),
            Err(error) => {
                let (file, message) = (path.to_owned(), error.to_string());
                return Err(RenderError::Unreadable { file, message });
            }
        };
        let mut listing = Listing::default();
        for file in found {
            let read = match file.kind {
                TreeFileKind::File => Ok(file.content),
                TreeFileKind::LfsPointer => Err(Why::Pointer),
                TreeFileKind::TooLarge { size } => {
                    Err(Why::TooLarge { bytes: size, limit: FILE_LIMIT })
                }
                TreeFileKind::Submodule => Err(Why::Submodule),
                TreeFileKind::Symlink => self.linked(&file.path, &file.content),
            };
            let path = file.path;
            match read {
                Ok(content) => listing.files.push(SourceFile { path, content }),
                Err(why) => listing.unread.push(Unread { path, why }),
            }
        }
        Ok(Some(listing))
    }
}

impl Committed<'_> {
    /// The content of the file that a symbolic link leads to.
    fn linked(&self, link: &str, target: &[u8]) -> Result<Vec<u8>, Why> {
        let target = render::link_target(link, target).ok_or(Why::Link)?;
        self.git.file(self.revision, &target).map_err(|_| {
            let is_folder = self.git.is_folder(self.revision, &target);
            if is_folder.unwrap_or_default() { Why::FolderLink } else { Why::Link }
        })
    }
}

/// The files of a commit, or of none, with edits that were not committed yet.
struct Edited<'a> {
    commit: Option<Committed<'a>>,
    edits: &'a [FileEdit],
}

impl render::Tree for Edited<'_> {
    fn below(&self, path: &str) -> Result<Option<Listing>, RenderError> {
        let found = match &self.commit {
            Some(commit) => commit.below(path)?.unwrap_or_default(),
            None => Listing::default(),
        };
        let mut files: BTreeMap<String, SourceFile> =
            found.files.into_iter().map(|file| (file.path.clone(), file)).collect();
        for edit in self.edits.iter().filter(|edit| is_within(&edit.path, path)) {
            match &edit.content {
                Some(content) => {
                    let (path, content) = (edit.path.clone(), content.clone());
                    files.insert(path.clone(), SourceFile { path, content });
                }
                None => drop(files.remove(&edit.path)),
            }
        }
        let mut unread = found.unread;
        unread.retain(|one| !self.edits.iter().any(|edit| edit.path == one.path));
        let listing = Listing { files: files.into_values().collect(), unread };
        let is_nothing = listing.files.is_empty() && listing.unread.is_empty();
        Ok((!is_nothing).then_some(listing))
    }
}
