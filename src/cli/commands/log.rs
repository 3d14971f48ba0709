//! `gitdeck log`.

use crate::cli::exit::Exit;
use crate::cli::fault::Fault;
use crate::cli::print;
use crate::cli::select;
use crate::cli::session::Work;
use crate::domain::Commit;
use crate::engine::{Command, Event, Outcome, Subject};
use clap::Args;
use jiff::Timestamp;
use serde::Serialize;
use std::collections::BTreeMap;
use std::time::Duration;

/// Show the commits of a repository, or of a mapping's path
///
/// Your own git checks each signature: `verified`, `untrusted key`, `bad signature` or `signature not
/// checked`; `show` says why.
#[derive(Debug, Args)]
pub struct Log {
    /// A mapping or a repository; every repository where nothing is named
    #[arg(value_name = "MAPPING|REPOSITORY")]
    subject: Option<String>,
    /// At most this many commits
    #[arg(short = 'n', value_name = "N", default_value_t = 20)]
    limit: usize,
    /// Only commits that touch this path; of a mapping, below its path
    #[arg(long, value_name = "PATH")]
    path: Option<String>,
    /// Do not check signatures, only say where there is one
    #[arg(long)]
    no_verify: bool,
}

/// The document.
#[derive(Debug, Serialize)]
struct Document {
    commits: Vec<Entry>,
}

/// A commit with the repository that it is in.
#[derive(Debug, Serialize)]
struct Entry {
    repository: String,
    #[serde(flatten)]
    commit: Commit,
    #[serde(skip_serializing_if = "Option::is_none")]
    verdict: Option<crate::domain::Verdict>,
}

impl Log {
    /// Fetches and lists.
    pub(crate) async fn run(&self, work: &mut Work<'_>) -> Result<Exit, Fault> {
        let subjects: Vec<Subject> = match &self.subject {
            Some(name) => vec![select::subject(&work.settings, name)?],
            None => work.settings.repositories.keys().cloned().map(Subject::Repository).collect(),
        };
        let repositories: Vec<String> =
            subjects.iter().map(|subject| work.repository_of(subject)).collect();
        let mut exit = work.fetch_repositories(&repositories).await;
        let page = |subject: &Subject| Command::Log {
            subject: subject.clone(),
            from: None,
            skip: 0,
            limit: self.limit,
            path: self.path.clone(),
        };
        let ran = work.run(subjects.iter().map(page).collect()).await;
        let mut commits = Vec::new();
        for (index, (subject, outcome)) in subjects.iter().zip(&ran.outcomes).enumerate() {
            let repository = repositories.get(index).cloned().unwrap_or_default();
            let view = work.store.repositories.get(&repository);
            let said =
                view.filter(|view| !view.state.empty).and_then(|view| view.state.error.clone());
            let said = said.map(Outcome::Failed);
            // That nothing could be fetched was said already.
            if said.as_ref() != Some(outcome) {
                exit = exit.and(work.settle(subject.name(), outcome));
            }
            let loaded = ran.events.iter().filter_map(|event| match event {
                Event::LogLoaded { subject: of, commits, .. } if of == subject => Some(commits),
                _ => None,
            });
            commits.extend(loaded.flatten().map(|commit| Entry {
                repository: repository.clone(),
                commit: commit.clone(),
                verdict: None,
            }));
        }
        if subjects.len() > 1 {
            commits.sort_by_key(|entry| std::cmp::Reverse(entry.commit.time));
            commits.truncate(self.limit);
        }
        let mut verdicts = if self.no_verify {
            print::commit::Verdicts::new()
        } else {
            verdicts(work, &commits).await
        };
        if work.out.is_human() {
            let list: Vec<Commit> = commits.into_iter().map(|entry| entry.commit).collect();
            let text = print::commit::print_log(work.out.paint, &list, &verdicts, Timestamp::now());
            work.out.text(&text);
        } else {
            for entry in &mut commits {
                entry.verdict = verdicts.remove(&entry.commit.revision);
            }
            work.out.document(&Document { commits });
        }
        Ok(exit)
    }
}

/// What git says of the signed commits.
async fn verdicts(work: &mut Work<'_>, commits: &[Entry]) -> print::commit::Verdicts {
    let mut signed: BTreeMap<String, Vec<crate::domain::Revision>> = BTreeMap::new();
    let none = crate::domain::repository::Signature::None;
    for entry in commits.iter().filter(|entry| entry.commit.signature != none) {
        signed.entry(entry.repository.clone()).or_default().push(entry.commit.revision.clone());
    }
    let verify =
        |(repository, revisions)| Command::Verify { repository, revisions, rest: Duration::ZERO };
    let ran = work.run(signed.into_iter().map(verify).collect()).await;
    let verdicts = ran.events.into_iter().filter_map(|event| match event {
        Event::Verified { verdicts } => Some(verdicts),
        _ => None,
    });
    verdicts.flatten().collect()
}

impl Work<'_> {
    /// The repository behind a subject.
    pub(crate) fn repository_of(&self, subject: &Subject) -> String {
        match subject {
            Subject::Repository(name) => name.clone(),
            Subject::Mapping(name) => {
                let mapping = self.settings.mappings.get(name);
                mapping.map_or(String::new(), |mapping| mapping.repository.clone())
            }
        }
    }

    /// Fetches the repositories of mappings, each once.
    pub(crate) async fn fetch(&mut self, mappings: &[String]) -> Exit {
        let known = &self.settings.mappings;
        let of = |name: &String| known.get(name).map(|mapping| mapping.repository.clone());
        // Whatever they depend on is looked at as well.
        let on = mappings.iter().filter_map(|name| known.get(name)).flat_map(|one| &one.depends_on);
        let repositories: Vec<String> = mappings.iter().chain(on).filter_map(of).collect();
        self.fetch_repositories(&repositories).await
    }

    /// Fetches repositories, each once.
    pub(crate) async fn fetch_repositories(&mut self, names: &[String]) -> Exit {
        let mut distinct: Vec<String> = names.to_vec();
        distinct.sort();
        distinct.dedup();
        let fetch = |name: &String| Command::Fetch { repository: name.clone(), observe: false };
        let ran = self.run(distinct.iter().map(fetch).collect()).await;
        let mut exit = Exit::Fine;
        for (name, outcome) in distinct.iter().zip(&ran.outcomes) {
            exit = exit.and(self.settle(name, outcome));
        }
        exit
    }
}
