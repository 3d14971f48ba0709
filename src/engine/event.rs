//! The closed list of facts, in the past tense. Only [`crate::engine::Store::apply`] turns them into state.

use crate::config::Settings;
use crate::domain::revert::{RevertConflict, RevertDraft};
use crate::domain::{
    Blame, Commit, CommitDetails, HostKey, MappingStatus, ObjectRef, Plan, PushOutcome, Refusal,
    RenderedCommit, Revision, Rewrite, Stall, Verdict,
};
use crate::engine::export::Export;
use crate::engine::outlook::Outlook;
use crate::engine::{JobId, Proposal, Subject, Tried};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use std::path::PathBuf;
use std::sync::Arc;

/// How far a job is.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Progress {
    /// Units done.
    pub done: u64,
    /// Units in all, where known.
    pub total: Option<u64>,
    /// What is counted: `objects`, `bytes`, `steps`.
    pub unit: &'static str,
    /// What is being done now (may hold foreign text).
    pub what: String,
}

/// Why a job failed; it says what failed, on what, and what to do next.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Failure {
    /// What failed and on which object (may hold foreign text; never a secret).
    pub message: String,
    /// What to do next.
    pub hint: Option<String>,
    /// Whether it is a fault of usage or configuration, which ends with exit code 2.
    pub usage: bool,
}

/// How a job ended.
#[derive(Debug, Clone, PartialEq)]
pub enum Outcome {
    /// It did what it was asked for; one sentence for the activity line.
    Done(String),
    /// It failed.
    Failed(Failure),
    /// A guard stands in the way.
    Refused(Vec<Refusal>),
    /// Somebody stopped it; what was done before stays done.
    Cancelled,
}

/// What is known of a repository.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct RepositoryState {
    /// Last fetched tip of the branch.
    pub tip: Option<Revision>,
    /// Last successful fetch.
    pub fetched_at: Option<Timestamp>,
    /// Why the last fetch failed, if it did.
    pub error: Option<Failure>,
    /// Commits that wait for a push.
    pub pending: usize,
    /// Set when the branch was rewritten upstream: the old tip.
    pub rewritten_from: Option<Revision>,
    /// Set when ssh does not know the host of the last fetch, or one on the way to it.
    #[serde(default)]
    pub unknown_host: Option<HostKey>,
    /// Whether the last fetch failed because the server refused the credential.
    #[serde(default)]
    pub refused: bool,
    /// Whether the last fetch found a repository without any branch: the next commit is its first.
    #[serde(default)]
    pub empty: bool,
}

/// Whether a cluster can be seen.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", tag = "state")]
pub enum ClusterState {
    /// Not asked yet.
    Unknown,
    /// Connecting, or loading the first lists.
    Syncing,
    /// Watches are live.
    Live {
        /// Server version, `v1.36.2`.
        version: String,
        /// Round-trip time of the last small request, in milliseconds.
        latency_ms: u64,
    },
    /// What is shown is old.
    Stale {
        /// Since when.
        since: Timestamp,
        /// Why (may hold foreign text).
        reason: String,
    },
}

/// What a file of a mapping is where it is not text that can be edited.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NotText {
    /// Bytes that are no UTF-8.
    Binary,
    /// A pointer of Git LFS.
    Pointer,
    /// A symbolic link.
    Link,
    /// A commit of another repository.
    Submodule,
    /// More than is read.
    TooLarge,
}

impl NotText {
    /// For a narrow column.
    pub fn word(self) -> &'static str {
        match self {
            Self::Binary => "not text",
            Self::Pointer => "LFS pointer",
            Self::Link => "link",
            Self::Submodule => "submodule",
            Self::TooLarge => "too large",
        }
    }

    /// Why it is not opened, after the name of the file.
    pub fn refusal(self) -> &'static str {
        match self {
            Self::Binary => "is not text: edit it with git",
            Self::Pointer => "is an LFS pointer: edit it with git",
            Self::Link => "is a symbolic link: edit its target",
            Self::Submodule => "is a submodule: edit its own repository",
            Self::TooLarge => "is too large: edit it with git",
        }
    }
}

/// One file of a mapping.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FileText {
    /// Path from the root of the repository (foreign text).
    pub path: String,
    /// Content, where it is text that can be edited.
    pub text: Result<String, NotText>,
}

/// A journal entry in words.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct JournalEntry {
    /// Id; `activity --continue ID`.
    pub id: u64,
    /// When it began.
    pub at: Timestamp,
    /// What was to be done: `sync`, `commit`, `offer`, `revert`, `push`, `accept`, `suspend`, `resume`, `stop-healing`,
    /// `regression` (noticed, not done).
    pub what: String,
    /// Mapping or repository.
    pub subject: String,
    /// The command line.
    pub line: String,
    /// `auto` where nobody asked for it; absent where somebody did.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub owner: Option<String>,
    /// Steps done and steps in all.
    pub steps: (usize, usize),
    /// `done`, `failed`, `running`, `interrupted`, `discarded`.
    pub state: String,
    /// Result or error in one sentence (may hold foreign text).
    pub message: Option<String>,
}

/// Result of one step of a sync.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum StepResult {
    /// It is about to be sent.
    Started,
    /// The server accepted it.
    Done,
    /// The server refused it, or it could not be sent.
    Failed(String),
    /// It was not tried, because something it depends on failed.
    Skipped(String),
}

/// A fact.
#[derive(Debug, Clone, PartialEq)]
pub enum Event {
    /// A job began.
    JobStarted {
        /// Job.
        job: JobId,
        /// What it does, in words: `sync checkout`.
        title: String,
        /// The command line that does the same.
        line: String,
        /// Whether it changes Git or a cluster.
        writes: bool,
        /// When.
        at: Timestamp,
    },
    /// A job went on.
    JobProgressed {
        /// Job.
        job: JobId,
        /// How far it is.
        progress: Progress,
    },
    /// A job ended.
    JobEnded {
        /// Job.
        job: JobId,
        /// How.
        outcome: Outcome,
        /// When.
        at: Timestamp,
    },
    /// The configuration was read again, and is another one.
    Configured {
        /// What is in force now.
        settings: Arc<Settings>,
        /// How it differs from what was, in words.
        what: String,
        /// Whether contexts may be other clusters than they were.
        clusters: bool,
    },
    /// The configuration was read again and cannot be used; what was in force stays so.
    Misconfigured {
        /// What is wrong with it.
        failure: Failure,
    },
    /// A secret was wanted from the vault, which does not open by itself.
    VaultLocked {
        /// What a person has to type.
        wanted: String,
    },
    /// The vault was opened.
    VaultOpened,
    /// A repository was fetched or could not be.
    RepositoryObserved {
        /// Repository.
        name: String,
        /// What is known now.
        state: RepositoryState,
    },
    /// A branch was compared with what is followed of it.
    RewriteLoaded {
        /// Repository.
        repository: String,
        /// How it was rewritten; nothing where it was not.
        rewrite: Option<Rewrite>,
    },
    /// The checks of a repository ran.
    RepositoryChecked {
        /// Repository.
        name: String,
        /// Name of each check, whether it passed, and what to do where it did not.
        checks: Vec<(String, bool, String)>,
    },
    /// A page of a log arrived.
    LogLoaded {
        /// What it is the log of.
        subject: Subject,
        /// Commits before this page.
        skip: usize,
        /// The page.
        commits: Vec<Commit>,
        /// Whether there are more.
        more: bool,
    },
    /// A commit arrived.
    CommitLoaded {
        /// Repository.
        repository: String,
        /// The commit with its diff.
        details: Arc<CommitDetails>,
    },
    /// Git was asked about signatures.
    Verified {
        /// What it says of each signed commit.
        verdicts: Vec<(Revision, Verdict)>,
    },
    /// A commit was rendered, with what was there before it.
    CommitRendered {
        /// What it makes of mappings.
        rendered: Arc<RenderedCommit>,
    },
    /// It was found out who set each field of desired objects. It says of which mapping.
    Blamed {
        /// Objects with their fields.
        blame: Arc<Blame>,
    },
    /// The files of a mapping arrived.
    FilesLoaded {
        /// Mapping.
        mapping: String,
        /// Revision they were read at; nothing in an empty repository.
        revision: Option<Revision>,
        /// Files in path order.
        files: Arc<Vec<FileText>>,
    },
    /// A mapping was looked at.
    MappingObserved {
        /// Its state.
        status: Box<MappingStatus>,
    },
    /// A mapping was planned.
    Planned {
        /// The plan.
        plan: Arc<Plan>,
        /// When.
        at: Timestamp,
    },
    /// A step of a sync began or ended.
    StepTaken {
        /// Mapping.
        mapping: String,
        /// The object.
        object: ObjectRef,
        /// `create`, `update`, `delete`, ...
        verb: String,
        /// What came of it.
        result: StepResult,
    },
    /// A mapping was healthy and is not any more.
    Regressed {
        /// Mapping.
        mapping: String,
        /// What it was and is, and who is suspected first (foreign text, harmless).
        message: String,
        /// When it was noticed.
        at: Timestamp,
    },
    /// Something that was applied does not come up.
    Stalled {
        /// Mapping.
        mapping: String,
        /// What, and why.
        stall: Arc<Stall>,
    },
    /// A sync was carried out completely.
    Synced {
        /// Mapping.
        mapping: String,
        /// Revision.
        revision: Revision,
        /// When.
        at: Timestamp,
    },
    /// Edits were validated and a commit drafted.
    Drafted {
        /// Mapping.
        mapping: String,
        /// Default message.
        message: String,
        /// Unified diff of what would be committed.
        diff: String,
        /// Faults that the edits have, each with file and line; empty when the commit may go on.
        faults: Vec<String>,
        /// What the server says of what changes.
        tried: Tried,
    },
    /// A commit is made that changes objects of other mappings, too.
    AlsoChanges {
        /// Mapping.
        mapping: String,
        /// The others, as [`Tried::also`] names them.
        also: Vec<String>,
    },
    /// A commit is made although the server was not asked about all of it.
    Untried {
        /// Mapping.
        mapping: String,
        /// Why not, a sentence each (may hold foreign text).
        why: Vec<String>,
    },
    /// Live objects were read and written down as they would be committed.
    Exported {
        /// The job that read them.
        job: JobId,
        /// The export.
        export: Arc<Export>,
    },
    /// What a new mapping, or another place of one, would mean was found out.
    Foreseen {
        /// The job that looked.
        job: JobId,
        /// What it would mean.
        outlook: Arc<Outlook>,
    },
    /// A mapping was written into the configuration.
    Placed {
        /// Mapping.
        mapping: String,
        /// The file.
        file: PathBuf,
    },
    /// The paths of a repository arrived.
    PathsListed {
        /// Repository.
        repository: String,
        /// Folders with a `/` at their end, and files (foreign text).
        paths: Arc<Vec<String>>,
    },
    /// The edits that make a change were found; a draft of their commit follows, where there are any.
    Proposed {
        /// Mapping.
        mapping: String,
        /// The edits, and what was left out.
        proposal: Arc<Proposal>,
    },
    /// A commit was made; it waits in the outbox.
    Committed {
        /// Repository.
        repository: String,
        /// Mapping.
        mapping: String,
        /// The commit.
        commit: Commit,
    },
    /// A commit was made and pushed to a branch of its own.
    Offered {
        /// Mapping.
        mapping: String,
        /// The commit.
        commit: Commit,
        /// The branch.
        branch: String,
        /// Where a pull request is opened, where that can be told (may hold foreign text).
        address: Option<String>,
        /// What the server said to the push (foreign text).
        said: String,
    },
    /// A mapping was planned at a commit that may never be synced. The plan says of which mapping and commit it is.
    Previewed {
        /// The job that planned it.
        job: JobId,
        /// The plan.
        plan: Arc<Plan>,
        /// When.
        at: Timestamp,
    },
    /// A revert was drafted.
    RevertDrafted {
        /// The job that drafted it.
        job: JobId,
        /// What its commit would be.
        draft: Arc<RevertDraft>,
    },
    /// A revert could not be drafted: what it would undo was changed again.
    RevertConflicted {
        /// The job that tried.
        job: JobId,
        /// File by file.
        conflicts: Arc<Vec<RevertConflict>>,
    },
    /// A push ended.
    Pushed {
        /// Repository.
        repository: String,
        /// How.
        outcome: PushOutcome,
    },
    /// A cluster was reached or lost.
    ClusterObserved {
        /// Context.
        context: String,
        /// Its state.
        state: ClusterState,
    },
    /// The checks of a cluster ran.
    ClusterChecked {
        /// Context.
        context: String,
        /// Name of each check, whether it passed, and what to do where it did not.
        checks: Vec<(String, bool, String)>,
    },
    /// The journal was read: what was done, and what a killed process left.
    JournalLoaded {
        /// Entries, newest first.
        entries: Vec<JournalEntry>,
    },
}
