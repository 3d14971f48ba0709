//! Mappings that are ill of the same thing, grouped: "14 mappings, one image".

use crate::domain::suspect::{Deed, Rank};
use crate::domain::{Health, MappingStatus, Revision, Stall, SyncState};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// What several mappings can have in common.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", tag = "cause", content = "subject")]
pub enum Cause {
    /// A cluster that cannot be seen: its context.
    Cluster(String),
    /// A repository that cannot be fetched: its name.
    Repository(String),
    /// A mapping that is not ready: its name.
    Dependency(String),
    /// An admission webhook that refuses: its name (foreign text).
    Webhook(String),
    /// An image that does not run: its name (foreign text).
    Image(String),
    /// A commit that is suspected first.
    Commit(Revision),
    /// The same words, but for names and numbers (foreign text).
    Fault(String),
}

impl Cause {
    /// `image registry.example.com/web:2`. Foreign text.
    pub fn words(&self) -> String {
        match self {
            Self::Cluster(context) => format!("cluster {context} cannot be seen"),
            Self::Repository(name) => format!("repository {name} cannot be fetched"),
            Self::Dependency(name) => format!("{name} is not ready"),
            Self::Webhook(name) => format!("admission webhook {name} refuses"),
            Self::Image(name) => format!("image {name}"),
            Self::Commit(revision) => format!("commit {}", revision.short()),
            Self::Fault(_) => "the same fault".to_owned(),
        }
    }
}

/// What is known of a mapping that may be ill.
#[derive(Debug, Clone, Copy)]
pub struct Symptom<'a> {
    /// Its state.
    pub status: &'a MappingStatus,
    /// What does not come up, where somebody waited for it.
    pub stall: Option<&'a Stall>,
    /// Why its repository cannot be fetched, if so.
    pub unfetched: Option<&'a str>,
    /// Why its cluster cannot be seen, if so.
    pub lost: Option<&'a str>,
}

/// Mappings with one cause.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Group {
    /// The cause.
    #[serde(flatten)]
    pub cause: Cause,
    /// The mappings, by name.
    pub mappings: Vec<String>,
    /// What the first of them says (foreign text).
    pub message: String,
    /// The commit that is suspected first by all of them; absent where there is none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub commit: Option<Revision>,
}

impl Group {
    /// `3 mappings: image web:2`; of one alone `web: image web:2`. Foreign text.
    pub fn head(&self) -> String {
        match (&self.mappings[..], &self.cause) {
            ([one], Cause::Fault(_)) => format!("{one}: a fault of its own"),
            ([one], cause) => format!("{one}: {}", cause.words()),
            (many, cause) => format!("{} mappings: {}", many.len(), cause.words()),
        }
    }

    /// The names, where the head does not tell them. Foreign text.
    pub fn names(&self) -> Option<String> {
        (self.mappings.len() > 1).then(|| self.mappings.join(", "))
    }

    /// The commit that is suspected first, where it is not the cause itself.
    pub fn since(&self) -> Option<&Revision> {
        self.commit.as_ref().filter(|_| !matches!(self.cause, Cause::Commit(_)))
    }
}

/// Groups what is ill. Where a mapping has several possible causes, the one that explains most mappings counts, and of
/// equals the more certain one. The largest group comes first.
pub fn group(symptoms: &[Symptom<'_>]) -> Vec<Group> {
    let found: Vec<(&Symptom<'_>, Vec<(Cause, String)>)> = symptoms
        .iter()
        .map(|symptom| (symptom, causes(symptom)))
        .filter(|(_, causes)| !causes.is_empty())
        .collect();
    let mut counts: BTreeMap<Cause, usize> = BTreeMap::new();
    for (cause, _) in found.iter().flat_map(|(_, causes)| causes) {
        *counts.entry(cause.clone()).or_default() += 1;
    }
    let mut groups: BTreeMap<Cause, (Group, Vec<Option<Revision>>)> = BTreeMap::new();
    for (symptom, causes) in found {
        let count = |cause: &Cause| counts.get(cause).copied().unwrap_or(0);
        // The first of the most: `max_by_key` would take the last.
        let chosen = causes.into_iter().rev().max_by_key(|(cause, _)| count(cause));
        let Some((cause, message)) = chosen else { continue };
        let new = || {
            let group = Group { cause: cause.clone(), mappings: Vec::new(), message, commit: None };
            (group, Vec::new())
        };
        let (group, commits) = groups.entry(cause.clone()).or_insert_with(new);
        group.mappings.push(symptom.status.name.clone());
        commits.push(suspected(symptom.status).cloned());
    }
    let mut groups: Vec<Group> = groups
        .into_values()
        .map(|(mut group, commits)| {
            group.mappings.sort();
            let first = commits.first().cloned().flatten();
            group.commit =
                first.filter(|one| commits.iter().all(|other| other.as_ref() == Some(one)));
            group
        })
        .collect();
    groups.sort_by_key(|group| std::cmp::Reverse(group.mappings.len()));
    groups
}

/// The possible causes of one mapping with its own words, the most certain first; none where it is well.
fn causes(symptom: &Symptom<'_>) -> Vec<(Cause, String)> {
    let status = symptom.status;
    let said = status.message.clone().unwrap_or_default();
    let mut causes = Vec::new();
    // A mapping is unknown, with a reason, where its cluster did not answer.
    let silent = status.message.as_deref().filter(|_| status.sync == SyncState::Unknown);
    if let Some(why) = symptom.lost.or(silent) {
        causes.push((Cause::Cluster(status.target.context.clone()), why.to_owned()));
    }
    if let Some(why) = symptom.unfetched {
        causes.push((Cause::Repository(status.repository.clone()), why.to_owned()));
    }
    if let Some(wait) = status.waits.first() {
        causes.push((Cause::Dependency(wait.mapping.clone()), wait.to_string()));
    }
    let ill = matches!(status.sync, SyncState::Error) || status.health == Health::Degraded;
    if !(ill || symptom.stall.is_some()) {
        return causes;
    }
    let words = symptom.stall.map_or_else(|| said.clone(), Stall::words);
    if let Some(name) = quoted_after(&words, "admission webhook \"") {
        causes.push((Cause::Webhook(name), words.clone()));
    }
    if let Some(name) = quoted_after(&words, "image \"") {
        causes.push((Cause::Image(name), words.clone()));
    }
    if let Some(revision) = suspected(status) {
        causes.push((Cause::Commit(revision.clone()), words.clone()));
    }
    if causes.is_empty() {
        causes.push((Cause::Fault(class(&words, status)), words));
    }
    causes
}

/// The commit that is suspected first, where it is near to what fails.
fn suspected(status: &MappingStatus) -> Option<&Revision> {
    let first = status.suspects.first().filter(|one| one.rank <= Rank::File)?;
    match &first.deed {
        Deed::Commit { revision, .. } => Some(revision),
        Deed::Change { .. } => None,
    }
}

fn quoted_after(text: &str, before: &str) -> Option<String> {
    let (_, rest) = text.split_once(before)?;
    rest.split_once('"').map(|(name, _)| name.to_owned())
}

/// A text without what is of this mapping alone: its name, its path, quoted words, numbers and ids.
fn class(text: &str, status: &MappingStatus) -> String {
    let own = |word: &str| {
        word.contains(&status.name) || (!status.path.is_empty() && word.contains(&status.path))
    };
    let number = |word: &str| word.chars().any(|c| c.is_ascii_digit());
    let words = text.split_whitespace().map(|word| {
        if own(word) || number(word) || word.starts_with(['"', '`', '\'']) { "*" } else { word }
    });
    words.collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
#[path = "cause_tests.rs"]
mod tests;
