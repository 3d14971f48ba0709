//! `gitdeck log`.

use crate::cli::exit::Exit;
use crate::cli::fault::Fault;
use crate::cli::print;
use crate::cli::select;
use crate::cli::session::Work;
use crate::domain::Commit;
use crate::engine::{Command, Event, Subject};
use clap::Args;
use jiff::Timestamp;
use serde::Serialize;

/// Show the commits of a repository, or of a mapping's path
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
            exit = exit.and(work.settle(subject.name(), outcome));
            let repository = repositories.get(index).cloned().unwrap_or_default();
            let loaded = ran.events.iter().filter_map(|event| match event {
                Event::LogLoaded { subject: of, commits, .. } if of == subject => Some(commits),
                _ => None,
            });
            commits.extend(
                loaded
                    .flatten()
                    .map(|commit| Entry { repository: repository.clone(), commit: commit.clone() }),
            );
        }
        if subjects.len() > 1 {
            commits.sort_by_key(|entry| std::cmp::Reverse(entry.commit.time));
            commits.truncate(self.limit);
        }
        if work.out.is_human() {
            let list: Vec<Commit> = commits.into_iter().map(|entry| entry.commit).collect();
            let text = print::commit::print_log(work.out.paint, &list, Timestamp::now());
            work.out.text(&text);
        } else {
            work.out.document(&Document { commits });
        }
        Ok(exit)
    }
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
