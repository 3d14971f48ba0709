//! The closed list of requests.

use crate::config::edit::NewMapping;
use crate::config::guide::{Level, TableEdit};
use crate::domain::automation::{Drifted, Fight};
use crate::domain::{FileEdit, Revision, Secret};
use crate::engine::Alteration;
use crate::engine::export::ExportWish;
use crate::engine::line::{push, push_destination, push_sync};
pub(super) use crate::engine::line::{push_options, quoted};
pub use crate::engine::options::{Branch, Subject, SyncOptions};
use crate::engine::outlook::{Foresight, Placement};
use crate::engine::revert::{Confirmed, Wish};
use jiff::Timestamp;
use std::fmt::Write;
use std::time::Duration;

/// One request to the engine. Every command becomes one job, which ends with `Event::JobEnded`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Command {
    /// Keep everything observed: poll repositories, watch clusters. Ends only when cancelled.
    Watch,
    /// Fetch one repository.
    Fetch {
        /// Repository.
        repository: String,
        /// Whether its mappings are observed afterwards.
        observe: bool,
    },
    /// Test one repository: reachable, authenticated, branch, may push.
    CheckRepository {
        /// Repository.
        repository: String,
    },
    /// Test one cluster: reachable, and the rights that its mappings need.
    CheckCluster {
        /// Context.
        context: String,
    },
    /// Connect to a cluster and learn what it serves, ahead of a plan and beside the fetch. What fails is said by the
    /// plan.
    Reach {
        /// Context.
        context: String,
    },
    /// Load one page of a log.
    Log {
        /// Repository or mapping.
        subject: Subject,
        /// Start; the head where nothing is given.
        from: Option<String>,
        /// Commits to skip.
        skip: usize,
        /// Commits to load.
        limit: usize,
        /// Only commits that touch this path (below the mapping's path for a mapping).
        path: Option<String>,
    },
    /// Load one commit with its diff.
    Show {
        /// Repository; where nothing is given, the first that has the revision.
        repository: Option<String>,
        /// Revision, short or full.
        revision: String,
    },
    /// Find out what git says of the signatures of commits.
    Verify {
        /// Repository.
        repository: String,
        /// Commits.
        revisions: Vec<Revision>,
        /// How long to wait before the work begins, for whoever may move on.
        rest: Duration,
    },
    /// Compare what mappings render to at a commit and before it.
    RenderCommit {
        /// Repository; where nothing is given, that of the mappings, or the first that has the revision.
        repository: Option<String>,
        /// Revision, short or full.
        revision: String,
        /// Mappings; those that the commit touches where nothing is given.
        mappings: Vec<String>,
    },
    /// Find out who set each field of a mapping's desired objects.
    Blame {
        /// Mapping.
        mapping: String,
        /// Revision; the tip of the branch where nothing is given.
        revision: Option<String>,
        /// Objects as `Kind/name` or `Kind/namespace/name`; all of them where nothing is given.
        objects: Vec<String>,
    },
    /// List the files of a mapping with their content at the head.
    Files {
        /// Mapping.
        mapping: String,
    },
    /// Observe a mapping: status, plan and health, from live data.
    Observe {
        /// Mapping.
        mapping: String,
        /// Whether its repository is fetched first.
        fetch: bool,
    },
    /// Find out why a mapping does not come up: which of its pods fails, with its events and the end of its log.
    Diagnose {
        /// Mapping.
        mapping: String,
    },
    /// Plan one mapping.
    Plan {
        /// Mapping.
        mapping: String,
        /// Revision; the tip of the branch where nothing is given.
        revision: Option<String>,
        /// What the sync may do.
        options: SyncOptions,
    },
    /// Plan one mapping at a commit that may never be synced, beside its plan of the tip.
    Preview {
        /// Mapping.
        mapping: String,
        /// The commit.
        revision: Revision,
        /// How long to wait before the work begins, for whoever may move on.
        rest: Duration,
    },
    /// Carry out a plan that somebody confirmed.
    Sync {
        /// Mapping.
        mapping: String,
        /// Revision; the tip of the branch where nothing is given.
        revision: Option<String>,
        /// Digest of the confirmed plan. The engine plans again and refuses when the result is another one.
        confirmed: String,
        /// What the sync may do.
        options: SyncOptions,
    },
    /// Carry out a plan that the settings ask for; only the engine itself sends it.
    AutoSync {
        /// Mapping.
        mapping: String,
        /// Revision; the tip of the branch where nothing is given.
        revision: Option<String>,
        /// Digest of the plan that was weighed.
        confirmed: String,
        /// Drift that it corrects; none where it brings a commit.
        corrects: Vec<Drifted>,
        /// When anybody acted on the mapping last, as far as it was known.
        last_at: Option<Timestamp>,
    },
    /// Commit what is live, where the settings ask for that; only the engine itself sends it.
    Record {
        /// Mapping.
        mapping: String,
        /// When anybody acted on the mapping last, as far as it was known.
        last_at: Option<Timestamp>,
    },
    /// Find out what live objects are in a file of a repository.
    Export {
        /// The mapping that it shall become.
        new: Box<NewMapping>,
        /// What, and where to.
        wish: ExportWish,
    },
    /// Commit what was exported, and write the mapping into the configuration.
    Track {
        /// The mapping that it shall become.
        new: Box<NewMapping>,
        /// What was asked for.
        wish: ExportWish,
        /// The file.
        edits: Vec<FileEdit>,
        /// Message.
        message: String,
        /// Revision that the export was made on.
        base: Option<Revision>,
        /// Push right after.
        push: bool,
        /// Push to a branch of its own instead.
        branch: Option<Branch>,
    },
    /// List the paths of a repository at its head.
    Paths {
        /// Repository.
        repository: String,
    },
    /// Find out what a new mapping, or another place of one, would mean.
    Foresee(Box<Foresight>),
    /// Write it into the configuration, and sync it where that was confirmed.
    Place(Box<Placement>),
    /// Correct drift no more, because somebody else rewrites it each time; only the engine itself sends it.
    StopHealing {
        /// Mapping.
        mapping: String,
        /// Who fights about what.
        fight: Box<Fight>,
    },
    /// Validate edits, and draft the default message and the diff of a commit.
    Draft {
        /// Mapping.
        mapping: String,
        /// New contents.
        edits: Vec<FileEdit>,
    },
    /// Find out which edits make a change, and draft their commit.
    Propose {
        /// Mapping.
        mapping: String,
        /// What shall change.
        alteration: Alteration,
    },
    /// Commit edits on top of the branch.
    Commit {
        /// Mapping.
        mapping: String,
        /// New contents.
        edits: Vec<FileEdit>,
        /// Message; the default one where nothing is given.
        message: Option<String>,
        /// Revision that the edits were made on. A change of the same files since is a conflict.
        base: Option<Revision>,
        /// Push right after.
        push: bool,
        /// Push to a branch of its own instead.
        branch: Option<Branch>,
        /// What the edits were made for, where gitdeck made them.
        of: Option<Box<Alteration>>,
        /// Whether the API server tries what changes first; what it refuses is not committed then.
        validate: bool,
    },
    /// Draft the commit that undoes others, and tell what it would be.
    DraftRevert {
        /// What is undone, and where.
        wish: Box<Wish>,
    },
    /// Commit a draft, push it and sync it, as far as it was confirmed.
    Revert {
        /// What was drafted.
        wish: Box<Wish>,
        /// What was confirmed of it.
        confirmed: Box<Confirmed>,
    },
    /// Push what waits in the outbox of a repository.
    Push {
        /// Repository.
        repository: String,
    },
    /// Drop a commit that waits for a push; later ones are made again without it.
    Drop {
        /// Repository.
        repository: String,
        /// The commit, in any form that names it.
        revision: String,
    },
    /// Fetch, and compare a branch that was rewritten on the remote with what is followed.
    Compare {
        /// Repository.
        repository: String,
    },
    /// Follow a branch that was rewritten on the remote.
    Accept {
        /// Repository.
        repository: String,
        /// The new tip that somebody confirmed.
        tip: Revision,
    },
    /// Let ssh know the key of the host of a repository, which somebody compared and accepted; then fetch.
    Trust {
        /// Repository.
        repository: String,
        /// Fingerprint of the key, as ssh shows it.
        fingerprint: String,
    },
    /// Open the vault with what a person typed.
    Unlock {
        /// The passphrase of the vault, or of the key that it is sealed for.
        passphrase: Secret,
    },
    /// Leave a mapping alone.
    Suspend {
        /// Mapping.
        mapping: String,
        /// Why.
        reason: Option<String>,
        /// When it ends by itself.
        until: Option<Timestamp>,
    },
    /// End a suspension.
    Resume {
        /// Mapping.
        mapping: String,
    },
    /// Leave a mapping alone in the configuration, or look after it again.
    Connect {
        /// Mapping.
        mapping: String,
        /// Whether it is looked after.
        connected: bool,
    },
    /// Write what the answers of a guide come to.
    Guide {
        /// What the guide was about.
        level: Level,
        /// Tables with their keys.
        edits: Vec<TableEdit>,
    },
    /// Load the journal.
    Activity,
    /// Finish what a killed process left.
    Continue {
        /// Id of the journal's entry.
        entry: u64,
    },
    /// Drop what a killed process left; unpushed commits stay where they are.
    Discard {
        /// Id of the journal's entry.
        entry: u64,
    },
}

impl Command {
    /// [`Command::line`] of a command about a mapping at this path: files are named below it, as the command line wants
    /// them, and their new contents are looked for under the same names.
    pub fn line_below(&self, path: &str) -> String {
        let mut command = self.clone();
        if let Self::Commit { edits, .. } = &mut command {
            for edit in edits {
                let below = edit.path.strip_prefix(path).map(|below| below.trim_start_matches('/'));
                edit.path = match below {
                    // The mapping is this one file.
                    Some("") => path.rsplit('/').next().unwrap_or(path).to_owned(),
                    Some(below) => below.to_owned(),
                    None => edit.path.clone(),
                };
            }
        }
        command.line()
    }

    /// [`Command::line`] with a message of somebody's own.
    pub fn line_saying(&self, message: &str) -> String {
        format!("{} -m {}", self.line(), quoted(message))
    }

    /// The command line that does the same.
    pub fn line(&self) -> String {
        let mut line = String::from("gitdeck ");
        match self {
            Self::Watch => line.push_str("status"),
            Self::Fetch { repository, .. } | Self::CheckRepository { repository } => {
                push(&mut line, "repo check", repository);
            }
            Self::CheckCluster { .. } | Self::Reach { .. } => line.push_str("doctor"),
            Self::Unlock { .. } => line.push_str("secret list"),
            Self::Log { subject, .. } => push(&mut line, "log", subject.name()),
            Self::Show { revision, .. } => push(&mut line, "show", revision),
            Self::Verify { repository, .. } => push(&mut line, "log", repository),
            Self::RenderCommit { .. } | Self::Blame { .. } => self.push_reading(&mut line),
            Self::Files { mapping } => push(&mut line, "mapping show", mapping),
            Self::Observe { mapping, .. }
            | Self::Diagnose { mapping }
            | Self::StopHealing { mapping, .. } => push(&mut line, "status", mapping),
            Self::Plan { mapping, revision, options } => {
                push(&mut line, "plan", mapping);
                push_sync(&mut line, revision.as_deref(), options);
            }
            Self::Preview { mapping, revision, .. } => {
                push(&mut line, "plan", mapping);
                push_sync(&mut line, Some(revision.short()), &SyncOptions::default());
            }
            Self::Sync { .. } | Self::AutoSync { .. } => self.push_syncing(&mut line),
            Self::DraftRevert { wish } => wish.push(&mut line, None),
            Self::Revert { wish, confirmed } => wish.push(&mut line, Some(confirmed)),
            Self::Record { mapping, .. } => push(&mut line, "adopt", mapping),
            Self::Export { new, wish } => line = format!("{} --dry-run", wish.line(new)),
            Self::Track { .. } => self.push_tracking(&mut line),
            Self::Paths { repository } => push(&mut line, "repo show", repository),
            Self::Foresee(one) => line = format!("{} --dry-run", one.placing.line()),
            Self::Place(one) => line = one.line(),
            Self::Draft { mapping, .. } => push(&mut line, "commit", mapping),
            Self::Propose { mapping, alteration } => {
                line = format!("{} --dry-run", alteration.line(mapping));
            }
            Self::Commit { .. } => self.push_commit(&mut line),
            Self::Push { repository } => push(&mut line, "push", repository),
            Self::Drop { repository, revision } => {
                push(&mut line, "push", repository);
                push(&mut line, " --drop", revision);
            }
            Self::Compare { repository } | Self::Accept { repository, .. } => {
                push(&mut line, "repo accept", repository);
            }
            Self::Trust { repository, fingerprint } => {
                push(&mut line, "repo check", repository);
                push(&mut line, " --host-key", fingerprint);
            }
            Self::Suspend { .. } => self.push_suspending(&mut line),
            Self::Resume { mapping } => push(&mut line, "resume", mapping),
            Self::Connect { .. } | Self::Guide { .. } => self.push_configuring(&mut line),
            Self::Activity => line.push_str("activity"),
            Self::Continue { entry } => push(&mut line, "activity --continue", &entry.to_string()),
            Self::Discard { entry } => push(&mut line, "activity --discard", &entry.to_string()),
        }
        line
    }
}

impl Command {
    fn push_commit(&self, line: &mut String) {
        let Self::Commit { mapping, edits, message, push: with_push, branch, of, validate, .. } =
            self
        else {
            return;
        };
        match of {
            Some(alteration) => *line = alteration.line(mapping),
            None => push(line, "commit", mapping),
        }
        for edit in edits.iter().filter(|_| of.is_none()) {
            let path = quoted(&edit.path);
            let _ = match edit.content {
                Some(_) => write!(line, " --file {path}={path}"),
                None => write!(line, " --delete {path}"),
            };
        }
        if let Some(message) = message {
            let _ = write!(line, " -m {}", quoted(message));
        }
        if !validate {
            line.push_str(" --no-validate");
        }
        push_destination(line, branch.as_ref(), *with_push);
    }

    fn push_tracking(&self, line: &mut String) {
        let Self::Track { new, wish, push, branch, .. } = self else { return };
        *line = wish.line(new);
        push_destination(line, branch.as_ref(), *push);
    }

    fn push_reading(&self, line: &mut String) {
        let (verb, subject, words) = match self {
            Self::RenderCommit { revision, mappings, .. } => ("show", revision, mappings),
            Self::Blame { mapping, objects, .. } => ("blame", mapping, objects),
            _ => return,
        };
        push(line, verb, subject);
        for word in words {
            push(line, "", word);
        }
        match self {
            Self::Blame { revision: Some(at), .. } => push(line, " --revision", at),
            Self::RenderCommit { .. } => line.push_str(" --rendered"),
            _ => {}
        }
    }

    fn push_configuring(&self, line: &mut String) {
        match self {
            Self::Connect { mapping, connected: true } => push(line, "mapping connect", mapping),
            Self::Connect { mapping, .. } => push(line, "mapping disconnect", mapping),
            Self::Guide { level, .. } => push(line, "guide", level.word()),
            _ => {}
        }
    }

    fn push_suspending(&self, line: &mut String) {
        let Self::Suspend { mapping, reason, until } = self else { return };
        push(line, "suspend", mapping);
        if let Some(reason) = reason {
            let _ = write!(line, " --reason {}", quoted(reason));
        }
        let _ = until.map(|until| write!(line, " --until {until}"));
    }

    fn push_syncing(&self, line: &mut String) {
        match self {
            Self::Sync { mapping, revision, options, .. } => {
                push(line, "sync", mapping);
                push_sync(line, revision.as_deref(), options);
            }
            Self::AutoSync { mapping, revision, .. } => {
                push(line, "sync", mapping);
                push_sync(line, revision.as_deref(), &SyncOptions::default());
            }
            _ => {}
        }
    }
}
