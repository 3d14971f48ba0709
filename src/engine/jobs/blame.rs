//! Who set each field of a mapping's desired objects.

use crate::domain::blame::leaves;
use crate::domain::{
    Blame, BlamedField, BlamedObject, Commit, Manifest, Mapping, ObjectRef, Revision,
};
use crate::engine::error::Stop;
use crate::engine::jobs::adopt::names;
use crate::engine::jobs::trial::{Bench, Makers};
use crate::engine::jobs::{Context, attribute, look, render, shown};
use crate::engine::{Event, Failure};
use crate::render::{Gathered, Kind, Spot, Trace, Tracer};
use serde_json::Value;
use std::collections::HashMap;
use std::sync::Arc;

/// What may be said of an object whose file is encrypted.
const IDENTITY: [&str; 4] = ["/apiVersion", "/kind", "/metadata/name", "/metadata/namespace"];

/// Blames objects at a revision, the fetched tip where nothing is given.
pub(super) async fn run(
    ctx: &Context,
    name: &str,
    revision: Option<&str>,
    objects: &[String],
) -> Result<String, Stop> {
    let mapping = ctx.world.mapping(name)?;
    let revision = look::desired_revision(ctx, mapping, revision).await?;
    let missing = || {
        Failure::usage(format!("{} has no {}", revision.short(), mapping.path))
            .hint(format!("`gitdeck log {name}` lists the commits of the path"))
    };
    let rendered = render::unseen(ctx, mapping, &revision).await?.ok_or_else(missing)?;
    let asked = chosen(mapping, &rendered, objects)?;
    let materials = render::materials(ctx, mapping, &revision).await?;
    let (gathered, cluster) = materials.ok_or_else(missing)?;
    let makers = match gathered.kind {
        Kind::Helm => {
            let (gathered, cluster) = (&gathered, cluster.as_ref());
            let (manifests, asked) = (rendered.as_slice(), asked.as_slice());
            Bench { ctx, mapping, gathered, cluster, manifests, asked }.makers().await
        }
        Kind::Plain | Kind::Kustomize => Makers::new(),
    };
    let mut blamed = Vec::new();
    let mut known = Known {
        ctx,
        mapping,
        revision: &revision,
        gathered: &gathered,
        files: HashMap::new(),
        commits: HashMap::new(),
    };
    let mut tracer = Tracer::new(&gathered);
    let files = asked.iter().map(|at| rendered[*at].origin.file.clone()).collect();
    let sealed = shown::sealed(ctx, mapping, (&revision, &gathered), files).await?;
    for at in asked {
        let manifest = &rendered[at];
        let mut fields = Vec::new();
        for (path, value) in leaves(&manifest.object) {
            let trace = match makers.get(&(at, path.to_string())) {
                Some(spots) => Trace::Said(spots.clone()),
                None => tracer.trace(manifest, &path, value),
            };
            let mut field = BlamedField::of(&manifest.object, &path, value);
            if sealed.contains(&manifest.origin.file) && !IDENTITY.contains(&field.path.as_str()) {
                (field.value, field.redacted) = (Value::Null, true);
            }
            fields.push(known.signed(field, trace).await?);
        }
        let (object, file) = (manifest.reference.clone(), manifest.origin.file.clone());
        blamed.push(BlamedObject { object, file, fields });
    }
    let (mapping, count) = (name.to_owned(), blamed.len());
    let short = revision.short().to_owned();
    let blame = Arc::new(Blame { mapping, revision, objects: blamed });
    ctx.emit(Event::Blamed { blame }).await;
    Ok(match count {
        1 => format!("1 object of {name} at {short}"),
        many => format!("{many} objects of {name} at {short}"),
    })
}

/// The name that an object has in the cluster where it has no namespace of its own and needs one.
fn placed(mapping: &Mapping, manifest: &Manifest) -> ObjectRef {
    let mut reference = manifest.reference.clone();
    reference.namespace.get_or_insert_with(|| mapping.target.namespace.clone());
    reference
}

/// The places of the objects that were named; all of them where none was.
fn chosen(
    mapping: &Mapping,
    manifests: &[Manifest],
    objects: &[String],
) -> Result<Vec<usize>, Failure> {
    if objects.is_empty() {
        return Ok((0..manifests.len()).collect());
    }
    let mut chosen = Vec::new();
    for text in objects {
        let found = manifests
            .iter()
            .enumerate()
            .filter(|(_, one)| names(text, &one.reference) || names(text, &placed(mapping, one)));
        let found: Vec<usize> = found.map(|(at, _)| at).collect();
        if found.is_empty() {
            let all: Vec<String> = manifests
                .iter()
                .map(|one| format!("{}/{}", one.reference.kind, one.reference.name))
                .collect();
            return Err(Failure::usage(format!(
                "{} has no object \"{text}\" in Git",
                mapping.name
            ))
            .hint(format!("it has {}", all.join(", "))));
        }
        chosen.extend(found);
    }
    chosen.sort_unstable();
    chosen.dedup();
    Ok(chosen)
}

/// What was read of files and commits so far.
struct Known<'a> {
    ctx: &'a Context,
    mapping: &'a Mapping,
    revision: &'a Revision,
    gathered: &'a Gathered,
    /// The commit of each line; nothing where the file is not what the render read, as behind a symbolic link.
    files: HashMap<String, Option<Arc<Vec<Revision>>>>,
    commits: HashMap<Revision, Commit>,
}

impl Known<'_> {
    /// Fills in who set a value. Of several lines that of the youngest commit counts: since then it is what it is.
    async fn signed(&mut self, mut field: BlamedField, trace: Trace) -> Result<BlamedField, Stop> {
        let spots = match trace {
            Trace::Said(spots) => spots,
            Trace::Computed { by, file } => {
                field.computed = Some(by);
                field.file = file;
                return Ok(field);
            }
        };
        let mut said: Vec<(Revision, &Spot)> = Vec::new();
        for spot in &spots {
            let Some(authors) = self.lines(&spot.file).await? else { continue };
            let own = spot.lines.clone().filter_map(|line| authors.get(line.saturating_sub(1)));
            said.extend(own.map(|by| (by.clone(), spot)));
        }
        said.dedup();
        let Some(by) = self.youngest(said.iter().map(|(by, _)| by.clone()).collect()).await? else {
            field.computed = Some("a file whose lines Git does not tell".to_owned());
            return Ok(field);
        };
        // A text of several lines begins where its key is.
        let place = said.iter().find(|(revision, _)| *revision == by).map(|(_, spot)| spot);
        field.file = place.map(|spot| spot.file.clone());
        field.line = place.map(|spot| *spot.lines.start());
        let commit = self.commit(by).await?;
        field.title = Some(commit.title().to_owned());
        field.author = Some(commit.author);
        field.time = Some(commit.time);
        field.commit = Some(commit.revision);
        Ok(field)
    }

    async fn lines(&mut self, file: &str) -> Result<Option<Arc<Vec<Revision>>>, Stop> {
        if let Some(known) = self.files.get(file) {
            return Ok(known.clone());
        }
        self.ctx.check()?;
        let read = attribute::lines(self.ctx, self.mapping, self.revision, file).await;
        let lines = match read {
            Ok((content, lines)) => {
                (self.gathered.content(file) == Some(content.as_slice())).then_some(lines)
            }
            Err(Stop::Cancelled) => return Err(Stop::Cancelled),
            Err(_) => None,
        };
        self.files.insert(file.to_owned(), lines.clone());
        Ok(lines)
    }

    async fn youngest(&self, revisions: Vec<Revision>) -> Result<Option<Revision>, Stop> {
        if let [one] = revisions.as_slice() {
            return Ok(Some(one.clone()));
        }
        self.ctx.world.git(&self.mapping.repository, move |git| git.youngest(&revisions)).await
    }

    async fn commit(&mut self, revision: Revision) -> Result<Commit, Stop> {
        if let Some(known) = self.commits.get(&revision) {
            return Ok(known.clone());
        }
        let at = revision.clone();
        let commit = self.ctx.world.git(&self.mapping.repository, move |git| git.described(&at));
        let commit = commit.await?;
        self.commits.insert(revision, commit.clone());
        Ok(commit)
    }
}
