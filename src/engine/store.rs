//! What is known of the world. Written only by [`Store::apply`]; read by every face.

use crate::config::Settings;
use crate::domain::RenderedCommit;
use crate::domain::revert::RevertDraft;
use crate::domain::{
    Blame, Commit, CommitDetails, Health, Mapping, MappingStatus, ObjectRef, Plan, Remote,
    Revision, Rewrite, Stall, SyncState, Verdict,
};
use crate::engine::event::{ClusterState, FileText, JournalEntry, RepositoryState, StepResult};
use crate::engine::{Event, JobId, Outcome, Progress, Proposal, Subject, Tried};
use indexmap::IndexMap;
use jiff::Timestamp;
use std::collections::{BTreeMap, HashMap, VecDeque};
use std::sync::Arc;

/// Ended jobs that are remembered for the activity line and its list.
const REMEMBERED_JOBS: usize = 200;

/// One page after the other of a log.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Log {
    /// Commits from the start.
    pub commits: Vec<Commit>,
    /// Whether there are more.
    pub more: bool,
    /// Whether the first page has arrived.
    pub loaded: bool,
}

/// A repository with what is known of it.
#[derive(Debug, Clone, PartialEq)]
pub struct RepositoryView {
    /// Address and branch.
    pub remote: Remote,
    /// Method of access in words.
    pub method: &'static str,
    /// Fetch state.
    pub state: RepositoryState,
    /// Its log.
    pub log: Log,
    /// Its paths, as they were listed last.
    pub paths: Option<Arc<Vec<String>>>,
    /// How the branch was rewritten, as of the last comparison.
    pub rewrite: Option<Rewrite>,
    /// Last result of `repo check`.
    pub checks: Vec<(String, bool, String)>,
}

/// A step of the running or last sync.
#[derive(Debug, Clone, PartialEq)]
pub struct StepView {
    /// The object.
    pub object: ObjectRef,
    /// `create`, `update`, `delete`, ...
    pub verb: String,
    /// What came of it.
    pub result: StepResult,
}

/// A draft of a commit.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Draft {
    /// Default message.
    pub message: String,
    /// Unified diff.
    pub diff: String,
    /// Faults; empty when the commit may go on.
    pub faults: Vec<String>,
    /// What the server says of what changes.
    pub tried: Tried,
}

/// A mapping with what is known of it.
#[derive(Debug, Clone, PartialEq)]
pub struct MappingView {
    /// Its settings.
    pub mapping: Mapping,
    /// Its state; `Unknown` before it was looked at.
    pub status: MappingStatus,
    /// Last plan, and when it was made.
    pub plan: Option<(Arc<Plan>, Timestamp)>,
    /// Last plan of a commit that may never be synced, and when it was made.
    pub preview: Option<(Arc<Plan>, Timestamp)>,
    /// Path-limited log.
    pub log: Log,
    /// Who set each field of the objects that were asked about last.
    pub blame: Option<Arc<Blame>>,
    /// Files at the head.
    pub files: Option<(Option<Revision>, Arc<Vec<FileText>>)>,
    /// Steps of the running or last sync, in order of their start.
    pub steps: Vec<StepView>,
    /// What did not come up after the last sync, until it is healthy or synced again.
    pub stall: Option<Arc<Stall>>,
    /// Draft of a commit.
    pub draft: Option<Draft>,
    /// Edits that were asked for last.
    pub proposal: Option<Arc<Proposal>>,
}

/// A job, running or ended.
#[derive(Debug, Clone, PartialEq)]
pub struct JobView {
    /// Identity.
    pub id: JobId,
    /// What it does.
    pub title: String,
    /// The command line that does the same.
    pub line: String,
    /// Whether it changes Git or a cluster.
    pub writes: bool,
    /// When it began.
    pub started_at: Timestamp,
    /// How far it is.
    pub progress: Progress,
    /// How and when it ended.
    pub ended: Option<(Outcome, Timestamp)>,
}

/// The known world.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Store {
    /// Repositories in the order of the configuration.
    pub repositories: IndexMap<String, RepositoryView>,
    /// Mappings in the order of the configuration.
    pub mappings: IndexMap<String, MappingView>,
    /// Clusters by context.
    pub clusters: BTreeMap<String, ClusterState>,
    /// Last results of the checks of clusters, by context.
    pub cluster_checks: BTreeMap<String, Vec<(String, bool, String)>>,
    /// What a person has to type before the vault opens, since a secret of it was wanted.
    pub vault: Option<String>,
    /// Jobs, oldest first.
    pub jobs: VecDeque<JobView>,
    /// Commits that were opened, by revision.
    pub commits: IndexMap<Revision, Arc<CommitDetails>>,
    /// What git says of signatures, as far as it was asked.
    pub verdicts: HashMap<Revision, Verdict>,
    /// What the commit makes of mappings that was asked about last.
    pub rendered: Option<Arc<RenderedCommit>>,
    /// The journal, newest first.
    pub journal: Vec<JournalEntry>,
    /// The revert that was drafted last.
    pub revert: Option<Arc<RevertDraft>>,
}

impl Store {
    /// An empty world: everything that is configured, nothing observed.
    pub fn new(settings: &Settings) -> Self {
        let repositories = settings.repositories.iter().map(|(name, repository)| {
            (
                name.clone(),
                RepositoryView {
                    remote: repository.remote.clone(),
                    method: repository.authentication.word(),
                    state: RepositoryState::default(),
                    log: Log::default(),
                    paths: None,
                    rewrite: None,
                    checks: Vec::new(),
                },
            )
        });
        let mappings = settings
            .mappings
            .iter()
            .map(|(name, mapping)| (name.clone(), MappingView::new(mapping.clone())));
        let clusters = settings
            .connected()
            .map(|m| (m.target.context.clone(), ClusterState::Unknown))
            .collect();
        Self {
            repositories: repositories.collect(),
            mappings: mappings.collect(),
            clusters,
            ..Self::default()
        }
    }

    /// Takes in one fact. The only function that changes the store.
    pub fn apply(&mut self, event: Event) {
        match event {
            Event::JobStarted { .. } | Event::JobProgressed { .. } | Event::JobEnded { .. } => {
                self.apply_job(event);
            }
            Event::RepositoryObserved { .. }
            | Event::RepositoryChecked { .. }
            | Event::RewriteLoaded { .. }
            | Event::PathsListed { .. }
            | Event::LogLoaded { .. }
            | Event::CommitLoaded { .. }
            | Event::CommitRendered { .. }
            | Event::Committed { .. }
            | Event::Pushed { .. } => self.apply_git(event),
            Event::ClusterObserved { context, state } => {
                // Of one that was left, nothing is to be known any more.
                if let Some(known) = self.clusters.get_mut(&context) {
                    *known = state;
                }
            }
            Event::ClusterChecked { context, checks } => {
                self.cluster_checks.insert(context, checks);
            }
            Event::Configured { settings, clusters, .. } => self.configure(&settings, clusters),
            Event::Verified { verdicts } => self.verdicts.extend(verdicts),
            Event::VaultLocked { wanted } => self.vault = Some(wanted),
            Event::VaultOpened => self.vault = None,
            Event::JournalLoaded { entries } => self.journal = entries,
            Event::RevertDrafted { draft, .. } => self.revert = Some(draft),
            event => self.apply_mapping(event),
        }
    }

    /// Jobs that run now, oldest first.
    pub fn running(&self) -> impl Iterator<Item = &JobView> {
        self.jobs.iter().filter(|job| job.ended.is_none())
    }

    /// The job that ended last.
    pub fn last_ended(&self) -> Option<&JobView> {
        self.jobs
            .iter()
            .filter(|job| job.ended.is_some())
            .max_by_key(|job| job.ended.as_ref().map(|(_, at)| *at))
    }

    /// The log of a repository or mapping.
    pub fn log(&self, subject: &Subject) -> Option<&Log> {
        match subject {
            Subject::Repository(name) => self.repositories.get(name).map(|view| &view.log),
            Subject::Mapping(name) => self.mappings.get(name).map(|view| &view.log),
        }
    }

    fn apply_job(&mut self, event: Event) {
        match event {
            Event::JobStarted { job, title, line, writes, at } => {
                self.jobs.push_back(JobView {
                    id: job,
                    title,
                    line,
                    writes,
                    started_at: at,
                    progress: Progress::default(),
                    ended: None,
                });
                self.forget_old_jobs();
            }
            Event::JobProgressed { job, progress } => {
                if let Some(view) = self.jobs.iter_mut().rev().find(|view| view.id == job) {
                    view.progress = progress;
                }
            }
            Event::JobEnded { job, outcome, at } => {
                if let Some(view) = self.jobs.iter_mut().rev().find(|view| view.id == job) {
                    view.ended = Some((outcome, at));
                }
            }
            _ => {}
        }
    }

    fn forget_old_jobs(&mut self) {
        while self.jobs.len() > REMEMBERED_JOBS {
            let Some(index) = self.jobs.iter().position(|job| job.ended.is_some()) else { return };
            self.jobs.remove(index);
        }
    }

    fn apply_git(&mut self, event: Event) {
        match event {
            Event::RepositoryObserved { name, state } => {
                if let Some(view) = self.repositories.get_mut(&name) {
                    view.state = state;
                }
            }
            Event::RewriteLoaded { repository, rewrite } => {
                if let Some(view) = self.repositories.get_mut(&repository) {
                    view.rewrite = rewrite;
                }
            }
            Event::PathsListed { repository, paths } => {
                if let Some(view) = self.repositories.get_mut(&repository) {
                    view.paths = Some(paths);
                }
            }
            Event::RepositoryChecked { name, checks } => {
                if let Some(view) = self.repositories.get_mut(&name) {
                    view.checks = checks;
                }
            }
            Event::LogLoaded { subject, skip, commits, more } => {
                let log = match &subject {
                    Subject::Repository(name) => {
                        self.repositories.get_mut(name).map(|view| &mut view.log)
                    }
                    Subject::Mapping(name) => self.mappings.get_mut(name).map(|view| &mut view.log),
                };
                if let Some(log) = log {
                    log.commits.truncate(skip);
                    log.commits.extend(commits);
                    log.more = more;
                    log.loaded = true;
                }
            }
            Event::CommitLoaded { details, .. } => {
                self.commits.insert(details.commit.revision.clone(), details);
            }
            Event::CommitRendered { rendered } => self.rendered = Some(rendered),
            Event::Committed { mapping, .. } => {
                if let Some(view) = self.mappings.get_mut(&mapping) {
                    view.draft = None;
                }
            }
            _ => {}
        }
    }

    /// Takes in a look; not one that began before the mapping became another one.
    fn see(&mut self, status: MappingStatus) {
        let is_it = |view: &&mut MappingView| {
            let own = &view.mapping;
            (&own.repository, &own.path, &own.target)
                == (&status.repository, &status.path, &status.target)
        };
        if let Some(view) = self.mappings.get_mut(&status.name).filter(is_it) {
            if matches!(status.health, Health::Healthy | Health::Suspended) {
                view.stall = None;
            }
            view.status = remember(&view.status, status);
        }
    }

    fn apply_mapping(&mut self, event: Event) {
        match event {
            Event::MappingObserved { status } => self.see(*status),
            Event::Planned { plan, at } => {
                if let Some(view) = self.mappings.get_mut(&plan.mapping) {
                    // What would be at another commit was said of a world that is another one by now.
                    if view.plan.as_ref().is_none_or(|(known, _)| known.digest != plan.digest) {
                        view.preview = None;
                    }
                    view.plan = Some((plan, at));
                }
            }
            Event::Previewed { plan, at, .. } => {
                if let Some(view) = self.mappings.get_mut(&plan.mapping) {
                    view.preview = Some((plan, at));
                }
            }
            Event::FilesLoaded { mapping, revision, files } => {
                if let Some(view) = self.mappings.get_mut(&mapping) {
                    view.files = Some((revision, files));
                }
            }
            Event::StepTaken { mapping, object, verb, result } => {
                if let Some(view) = self.mappings.get_mut(&mapping) {
                    view.take_step(StepView { object, verb, result });
                }
            }
            Event::Stalled { mapping, stall } => {
                if let Some(view) = self.mappings.get_mut(&mapping) {
                    view.stall = Some(stall);
                }
            }
            Event::Synced { mapping, revision, .. } => {
                if let Some(view) = self.mappings.get_mut(&mapping) {
                    view.stall = None;
                    view.status.synced_revision = Some(revision);
                }
            }
            Event::Drafted { mapping, message, diff, faults, tried } => {
                if let Some(view) = self.mappings.get_mut(&mapping) {
                    view.draft = Some(Draft { message, diff, faults, tried });
                }
            }
            Event::Blamed { blame } => {
                if let Some(view) = self.mappings.get_mut(&blame.mapping) {
                    view.blame = Some(blame);
                }
            }
            Event::Proposed { mapping, proposal } => {
                if let Some(view) = self.mappings.get_mut(&mapping) {
                    view.proposal = Some(proposal);
                }
            }
            _ => {}
        }
    }
}

/// A look that saw nothing of the cluster says so; what was seen before is kept, with the time when it was seen.
fn remember(known: &MappingStatus, seen: MappingStatus) -> MappingStatus {
    let nothing_seen = seen.synced_revision.is_none()
        && seen.suspension.is_none()
        && seen.objects.total == 0
        && seen.health == Health::Unknown;
    match seen.sync {
        SyncState::Unknown if nothing_seen && known.observed_at.is_some() => MappingStatus {
            sync: seen.sync,
            message: seen.message,
            desired_revision: seen.desired_revision.or_else(|| known.desired_revision.clone()),
            ..known.clone()
        },
        _ => seen,
    }
}

impl MappingView {
    /// A mapping that was not looked at yet.
    pub fn new(mapping: Mapping) -> Self {
        let status = MappingStatus::unseen(&mapping);
        Self {
            mapping,
            status,
            plan: None,
            preview: None,
            log: Log::default(),
            blame: None,
            files: None,
            steps: Vec::new(),
            stall: None,
            draft: None,
            proposal: None,
        }
    }

    /// A start of a step after everything before it ended begins a new list.
    fn take_step(&mut self, step: StepView) {
        let open = self.steps.iter().any(|s| s.result == StepResult::Started);
        if let Some(known) = self.steps.iter_mut().rev().find(|s| {
            s.object == step.object && s.verb == step.verb && s.result == StepResult::Started
        }) {
            *known = step;
        } else {
            let again = self.steps.iter().any(|s| s.object == step.object && s.verb == step.verb);
            if again && !open {
                self.steps.clear();
            }
            self.steps.push(step);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::remember;
    use crate::domain::fixture::mapping;
    use crate::domain::{Health, MappingStatus, ObjectCount, Revision, SyncState};
    use jiff::Timestamp;

    fn status() -> MappingStatus {
        MappingStatus {
            message: Some("cannot reach it".into()),
            observed_at: Some(Timestamp::from_second(90).unwrap()),
            ..MappingStatus::unseen(&mapping("checkout"))
        }
    }

    #[test]
    fn a_look_that_saw_nothing_keeps_what_was_seen_with_its_time() {
        let seen_at = Timestamp::from_second(60).unwrap();
        let known = MappingStatus {
            sync: SyncState::Drifted,
            health: Health::Degraded,
            synced_revision: Some(Revision::new("a".repeat(40))),
            objects: ObjectCount { total: 3, differing: 1 },
            message: None,
            observed_at: Some(seen_at),
            ..status()
        };
        let kept = remember(&known, status());
        assert_eq!((kept.sync, kept.health), (SyncState::Unknown, Health::Degraded));
        assert_eq!(kept.message.as_deref(), Some("cannot reach it"));
        assert_eq!((kept.objects, kept.observed_at), (known.objects, Some(seen_at)));
        assert_eq!(kept.synced_revision, known.synced_revision);
    }

    #[test]
    fn what_was_never_seen_is_not_made_up() {
        let never = MappingStatus { observed_at: None, ..status() };
        assert_eq!(remember(&never, status()), status());
        let gone = MappingStatus { sync: SyncState::OutOfSync, ..status() };
        assert_eq!(remember(&status(), gone.clone()), gone);
    }
}
