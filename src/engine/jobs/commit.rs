//! Commit edits on top of the branch.

use crate::domain::template::Occasion;
use crate::domain::{Author, Commit, FileEdit, Mapping, Revision};
use crate::engine::error::Stop;
use crate::engine::jobs::look::look;
use crate::engine::jobs::wording::About;
use crate::engine::jobs::{Context, depends, draft, log, offer, push, record, sync};
use crate::engine::journal::{AUTO, Intent};
use crate::engine::{Alteration, Branch, Command, Event, Failure, Subject, SyncOptions};
use crate::git::{self, CommitRequest};
use jiff::Timestamp;

/// Trailer that names the mapping of a commit.
pub(super) const MAPPING_TRAILER: &str = "Gitdeck-Mapping";
/// Trailer that names the journal's entry: it tells after a kill whether the commit was made.
pub(super) const OPERATION_TRAILER: &str = "Gitdeck-Operation";

/// Trailer that tells a recording of live changes.
const SOURCE_TRAILER: &str = "Gitdeck-Source";
/// Trailer that names who set the live values, one for each.
const MANAGER_TRAILER: &str = "Gitdeck-Field-Manager";
/// Trailer with the UID of the cluster that was recorded.
const CLUSTER_TRAILER: &str = "Gitdeck-Cluster";
/// In place of a manager that cannot be told.
const UNKNOWN: &str = "unknown";

/// Whether a message is that of a recording.
pub(super) fn is_recording(message: &str) -> bool {
    has_trailer(message, SOURCE_TRAILER, "cluster")
}

/// Whether a message is that of a recording of this mapping.
pub(super) fn is_recording_of(message: &str, mapping: &str) -> bool {
    is_recording(message) && has_trailer(message, MAPPING_TRAILER, mapping)
}

/// Whether a message is that of a recording of the cluster with this UID.
pub(super) fn is_recording_on(message: &str, cluster: &str) -> bool {
    is_recording(message) && has_trailer(message, CLUSTER_TRAILER, cluster)
}

/// The mapping of a recording.
pub(super) fn recorded_mapping(message: &str) -> Option<&str> {
    let found = trailers(message).find(|(key, _)| *key == MAPPING_TRAILER);
    found.map(|(_, name)| name).filter(|_| is_recording(message))
}

fn has_trailer(message: &str, key: &str, value: &str) -> bool {
    trailers(message).any(|one| one == (key, value))
}

fn trailers(message: &str) -> impl Iterator<Item = (&str, &str)> {
    let last = message.trim_end().rsplit("\n\n").next().unwrap_or_default();
    last.lines().filter_map(|line| line.split_once(": "))
}

/// Who made the live changes that a commit records.
pub(super) struct Live {
    /// Field managers (foreign text), each once.
    pub managers: Vec<String>,
    /// UID of the cluster.
    pub cluster: String,
}

impl Live {
    fn trailers(&self) -> Vec<(String, String)> {
        let mut trailers = vec![
            (SOURCE_TRAILER.to_owned(), "cluster".to_owned()),
            (CLUSTER_TRAILER.to_owned(), self.cluster.clone()),
        ];
        let clean = |name: &String| {
            let name: String = name.chars().filter(|c| !c.is_control()).collect();
            Some(name.trim().to_owned()).filter(|name| !name.is_empty())
        };
        let mut names: Vec<String> = self.managers.iter().filter_map(clean).collect();
        if names.is_empty() {
            names.push(UNKNOWN.to_owned());
        }
        trailers.extend(names.into_iter().map(|name| (MANAGER_TRAILER.to_owned(), name)));
        trailers
    }
}

/// What to commit.
pub(super) struct Request {
    pub mapping: String,
    pub edits: Vec<FileEdit>,
    pub message: Option<String>,
    pub base: Option<Revision>,
    pub push: bool,
    /// A branch of its own that it is pushed to instead.
    pub branch: Option<Branch>,
    pub of: Option<Box<Alteration>>,
    /// Whether the server tries what changes.
    pub validate: bool,
    /// Where it records live changes, unasked.
    pub live: Option<Live>,
}

impl Request {
    /// These edits, for the outbox, under the default message.
    pub fn of(mapping: String, edits: Vec<FileEdit>) -> Self {
        Self {
            mapping,
            edits,
            message: None,
            base: None,
            push: false,
            branch: None,
            of: None,
            validate: true,
            live: None,
        }
    }

    fn about(&self) -> About {
        let occasion = match (&self.live, self.of.as_deref()) {
            (Some(_), _) => Occasion::Record,
            (None, Some(alteration)) => alteration.occasion(),
            (None, None) => Occasion::Commit,
        };
        let managers = self.live.as_ref().map(|live| live.managers.clone()).unwrap_or_default();
        About { occasion, managers }
    }
}

/// Validates, commits, and pushes where asked.
pub(super) async fn run(ctx: &Context, request: Request) -> Result<String, Stop> {
    carry(ctx, ctx.world.mapping(&request.mapping)?, request).await
}

/// [`run`] for a mapping that need not be configured.
pub(super) async fn carry(
    ctx: &Context,
    mapping: &Mapping,
    request: Request,
) -> Result<String, Stop> {
    let author = author(ctx)?;
    let about = request.about();
    let drafted =
        draft::draft(ctx, mapping, request.edits.clone(), (&about, request.validate)).await?;
    if let Some(fault) = drafted.faults.first() {
        return Err(Failure::new(format!("nothing was committed: {fault}"))
            .hint("mend the file; a commit that does not render would stop the next sync")
            .into());
    }
    let tried = drafted.tried;
    if let Some(refused) = tried.refused.first() {
        let more = match tried.refused.len() - 1 {
            0 => String::new(),
            more => format!(", and {more} more"),
        };
        return Err(Failure::new(format!(
            "nothing was committed: the server would refuse {refused}{more}"
        ))
        .hint("mend the file; `--no-validate` commits it all the same")
        .into());
    }
    if !tried.also.is_empty() {
        ctx.emit(Event::AlsoChanges { mapping: mapping.name.clone(), also: tried.also }).await;
    }
    if !tried.untold.is_empty() {
        ctx.emit(Event::Untried { mapping: mapping.name.clone(), why: tried.untold }).await;
    }
    let message = request.message.clone().unwrap_or(drafted.message);
    let draft = Draft { committer: committer(ctx, &author), author, message };
    if let Some(branch) = &request.branch {
        return offer::run(ctx, mapping, &request, (branch, draft)).await;
    }
    let commit = made(ctx, mapping, &request, draft).await?;
    let short = commit.revision.short().to_owned();
    ctx.emit(Event::Committed {
        repository: mapping.repository.clone(),
        mapping: mapping.name.clone(),
        commit: commit.clone(),
    })
    .await;
    push::tell_pending(ctx, &mapping.repository).await?;
    reload_log(ctx, &mapping.repository).await?;
    if request.push {
        let pushed = push::run(ctx, &mapping.repository).await?;
        if matches!(request.of.as_deref(), Some(Alteration::Adopt { .. })) {
            note_adopted(ctx, mapping).await;
        }
        return Ok(pushed);
    }
    Ok(format!("committed {short} {}; it waits for a push", commit.title()))
}

/// What was adopted is what is live: where nothing is left to do, the mapping is at the commit. Where that cannot be
/// noted, the next sync does it.
async fn note_adopted(ctx: &Context, mapping: &Mapping) {
    if mapping.is_recorded() {
        record::note_where_level(ctx, mapping).await;
        return;
    }
    let options = SyncOptions::default();
    let looked = Box::pin(look(ctx, mapping, None, &options, depends::Sight::Fresh)).await;
    let Ok(seen) = looked else { return };
    let plan = seen.plan;
    if plan.is_empty() && plan.hooks_run() == 0 && !plan.is_refused() {
        let name = mapping.name.clone();
        let request = sync::Request::confirmed(name, None, plan.digest, options);
        if let Err(stop) = Box::pin(sync::run(ctx, request)).await {
            tracing::info!(mapping = mapping.name, ?stop, "an adopted commit was not noted");
        }
    }
}

/// Who commits, and what is said.
pub(super) struct Draft {
    pub author: Author,
    pub committer: Author,
    pub message: String,
}

impl Draft {
    /// The commit that this entry of the journal makes.
    pub fn request(
        self,
        mapping: &Mapping,
        (request, first): (&Request, bool),
        id: u64,
    ) -> CommitRequest {
        CommitRequest {
            edits: request.edits.clone(),
            message: self.message,
            committer: self.committer,
            author: self.author,
            first,
            trailers: [
                (MAPPING_TRAILER.to_owned(), mapping.name.clone()),
                (OPERATION_TRAILER.to_owned(), id.to_string()),
            ]
            .into_iter()
            .chain(request.live.iter().flat_map(Live::trailers))
            .collect(),
            expected_base: request.base.clone(),
        }
    }
}

/// The command line that makes the commit.
pub(super) fn line(mapping: &Mapping, request: &Request) -> String {
    let of = match &request.live {
        // The same by hand.
        Some(_) => Some(Box::new(Alteration::Adopt { picks: Vec::new(), into: None })),
        None => request.of.clone(),
    };
    let command = Command::Commit {
        mapping: mapping.name.clone(),
        edits: request.edits.clone(),
        message: request.message.clone(),
        base: None,
        push: request.push,
        branch: request.branch.clone(),
        of,
        validate: request.validate || request.live.is_some(),
    };
    command.line_below(&mapping.path)
}

async fn made(
    ctx: &Context,
    mapping: &Mapping,
    request: &Request,
    draft: Draft,
) -> Result<Commit, Stop> {
    let intent = Intent::Commit {
        mapping: mapping.name.clone(),
        repository: mapping.repository.clone(),
        paths: request.edits.iter().map(|edit| edit.path.clone()).collect(),
        owner: request.live.as_ref().map(|_| AUTO.to_owned()),
    };
    let line = line(mapping, request);
    let journal = &ctx.world.journal;
    let id = journal.begin(intent, &line, Timestamp::now()).map_err(Failure::from)?;
    journal.before(id, 1, 1, "commit").map_err(Failure::from)?;
    // Only who just saw that there is nothing begins a history.
    let first = ctx.world.is_empty(&mapping.repository);
    let commit = draft.request(mapping, (request, first), id);
    let made = ctx.world.git(&mapping.repository, move |git| git.commit(&commit)).await;
    match &made {
        Ok(commit) => {
            journal.after(id, (1, 1), "commit", None).map_err(Failure::from)?;
            let message = format!("committed {}", commit.revision.short());
            journal.end(id, "done", Some(&message), Timestamp::now()).map_err(Failure::from)?;
        }
        Err(stop) => {
            let message = match stop {
                Stop::Failed(failure) => failure.message.clone(),
                _ => "stopped".to_owned(),
            };
            journal.end(id, "failed", Some(&message), Timestamp::now()).map_err(Failure::from)?;
        }
    }
    made
}

/// Who writes the commit.
pub(super) fn author(ctx: &Context) -> Result<Author, Failure> {
    ctx.world.settings.author.clone().or_else(git::configured_author).ok_or_else(|| {
        Failure::usage("no author is configured, so nothing can be committed")
            .hint("set `[author] name` and `email` in the configuration, or `git config --global user.name` and `user.email`")
    })
}

/// Who makes the commit: whoever is configured, else its author.
pub(super) fn committer(ctx: &Context, author: &Author) -> Author {
    ctx.world.settings.committer.clone().unwrap_or_else(|| author.clone())
}

/// Reads the first page of the repository's log again, so that the new commit is on the screen.
pub(super) async fn reload_log(ctx: &Context, repository: &str) -> Result<(), Stop> {
    let page = log::Page { from: None, skip: 0, limit: 50, path: None };
    log::run(ctx, Subject::Repository(repository.to_owned()), page).await.map(|_| ())
}
