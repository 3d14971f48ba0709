//! `gitdeck commit`.

use super::landing::{Destination, Place};
use crate::cli::exit::Exit;
use crate::cli::fault::Fault;
use crate::cli::print;
use crate::cli::prompt::Answer;
use crate::cli::select;
use crate::cli::session::Work;
use crate::domain::text::harmless;
use crate::domain::{Commit as Made, FileEdit, Mapping, PushOutcome, Revision};
use crate::engine::{Command, Event, Outcome};
use clap::Args;
use serde::Serialize;
use std::io::Read;

/// Commit files of a mapping on top of the branch, without a work tree
///
/// The result has to render: a commit with a malformed manifest is refused with file and line. Objects that change are tried
/// on the API server by a dry run; one that is not valid there is refused with its fields, unless --no-validate says
/// otherwise. So are those of other mappings that are made from the same files; they are named, and one that would no longer
/// render refuses the commit. A cluster that cannot be reached, or forbids it, is said and holds nothing up. Without --push or
/// --no-push a terminal asks; elsewhere one of both is wanted. What is not pushed waits in the outbox for `gitdeck push`.
#[derive(Debug, Args)]
pub struct Commit {
    /// Mapping
    #[arg(value_name = "MAPPING")]
    mapping: String,
    /// Message; the default one says what changes
    #[arg(short, long, value_name = "TEXT")]
    message: Option<String>,
    /// A file of the mapping and the local file that holds its new content, `-` for standard input
    #[arg(long = "file", value_name = "FILE=LOCAL", required_unless_present = "deleted", value_parser = pair)]
    files: Vec<(String, String)>,
    /// A file of the mapping that goes away
    #[arg(long = "delete", value_name = "FILE")]
    deleted: Vec<String>,
    /// Commit also what the API server would refuse
    #[arg(long)]
    no_validate: bool,
    /// Where the commit goes
    #[command(flatten)]
    destination: Destination,
}

fn pair(text: &str) -> Result<(String, String), String> {
    match text.split_once('=') {
        Some((file, local)) if !file.is_empty() && !local.is_empty() => {
            Ok((file.to_owned(), local.to_owned()))
        }
        _ => Err("FILE=LOCAL, a path below the mapping's and a local file".to_owned()),
    }
}

/// The document.
#[derive(Debug, Serialize)]
struct Document<'a> {
    commit: Option<&'a Made>,
    repository: &'a str,
    mapping: &'a str,
    push: Option<&'a PushOutcome>,
    #[serde(skip_serializing_if = "Option::is_none")]
    branch: Option<Offered<'a>>,
    #[serde(skip_serializing_if = "<[String]>::is_empty")]
    untried: &'a [String],
    #[serde(skip_serializing_if = "<[String]>::is_empty")]
    also: &'a [String],
}

/// A branch of its own.
#[derive(Debug, Serialize)]
pub(super) struct Offered<'a> {
    name: &'a str,
    address: Option<&'a str>,
    said: &'a str,
}

impl<'a> Offered<'a> {
    /// What an event says of it.
    pub(super) fn of(event: &'a Event) -> Option<Self> {
        let Event::Offered { branch, address, said, .. } = event else { return None };
        Some(Self { name: branch, address: address.as_deref(), said })
    }
}

impl Commit {
    /// Validates, commits, and pushes where wanted.
    pub(crate) async fn run(&self, work: &mut Work<'_>) -> Result<Exit, Fault> {
        let mapping = select::mapping(&work.settings, &self.mapping)?.clone();
        let edits = self.edits(&mapping)?;
        let fetched = work.fetch(std::slice::from_ref(&self.mapping)).await;
        let place = self.place(work, &mapping, &edits).await?;
        let command = Command::Commit {
            mapping: mapping.name.clone(),
            edits,
            message: self.message.clone(),
            base: None,
            push: place.is_push(),
            branch: place.branch(),
            of: None,
            validate: !self.no_validate,
        };
        let push = place.is_push();
        let (outcome, events) = work.run_one(command).await;
        if self.destination.chosen().is_some() {
            events.iter().filter_map(also).for_each(|also| tell_also(work, also));
        }
        let exit = tell_made(work, &mapping, (&outcome, &events), push);
        // A commit on what was fetched last is sound; the push looks at the remote again.
        Ok(if exit == Exit::Fine && !push { exit.and(fetched) } else { exit })
    }

    fn edits(&self, mapping: &Mapping) -> Result<Vec<FileEdit>, Fault> {
        let mut edits: Vec<FileEdit> = Vec::new();
        let files = self.files.iter().map(|(file, local)| (file, Some(local)));
        for (file, local) in files.chain(self.deleted.iter().map(|file| (file, None))) {
            let path = path_in(mapping, file)?;
            if edits.iter().any(|edit| edit.path == path) {
                return Err(Fault::usage(format!("`{file}` is given twice")));
            }
            edits.push(FileEdit { path, content: local.map(|local| read(local)).transpose()? });
        }
        Ok(edits)
    }

    /// Shows what would be committed and asks, where neither flag says it.
    async fn place(
        &self,
        work: &mut Work<'_>,
        mapping: &Mapping,
        edits: &[FileEdit],
    ) -> Result<Place, Fault> {
        if let Some(place) = self.destination.chosen() {
            return Ok(place);
        }
        if !work.out.can_ask {
            return Err(Fault::usage("nobody is here to ask whether the commit is pushed")
                .hint("say --push, --no-push to leave it in the outbox, or --branch NAME"));
        }
        let draft = Command::Draft { mapping: mapping.name.clone(), edits: edits.to_vec() };
        let (_, events) = work.run_one(draft).await;
        for event in &events {
            if let Event::Drafted { diff, tried, .. } = event {
                let text = print::commit::patch(work.out.note_paint, diff);
                work.out.note_painted(&text);
                tell_also(work, &tried.also);
            }
        }
        let question = format!("Commit and push to {}?", mapping.repository);
        let pushes = work.ask(&question).await? == Answer::Yes;
        Ok(if pushes { Place::Push } else { Place::Outbox })
    }
}

/// Runs the command that commits, and says where the commit went.
pub(super) async fn made(
    work: &mut Work<'_>,
    mapping: &Mapping,
    command: Command,
    push: bool,
) -> Exit {
    let (outcome, events) = work.run_one(command).await;
    tell_made(work, mapping, (&outcome, &events), push)
}

/// Says where a commit went.
pub(super) fn tell_made(
    work: &mut Work<'_>,
    mapping: &Mapping,
    (outcome, events): (&Outcome, &[Event]),
    push: bool,
) -> Exit {
    for why in events.iter().filter_map(untried).flatten() {
        work.out.note(&format!("not tried on the server: {}", harmless(why)));
    }
    let exit = work.settle(&mapping.name, outcome);
    let made = events.iter().find_map(|event| match event {
        Event::Committed { commit, .. } | Event::Offered { commit, .. } => Some(commit),
        _ => None,
    });
    let branch = events.iter().find_map(Offered::of);
    let pushed = events.iter().find_map(|event| match event {
        Event::Pushed { outcome, .. } => Some(outcome),
        _ => None,
    });
    if !work.out.is_human() {
        let (repository, name) = (mapping.repository.as_str(), mapping.name.as_str());
        let untried = events.iter().find_map(untried).map_or(&[][..], Vec::as_slice);
        let also = events.iter().find_map(also).map_or(&[][..], Vec::as_slice);
        let document = Document {
            commit: made,
            repository,
            mapping: name,
            push: pushed,
            branch,
            untried,
            also,
        };
        work.out.document(&document);
    } else if let Some(commit) = made {
        let revision = work.out.paint.name(arrived(commit, pushed).short());
        work.out.line(&format!("committed {revision} {}", harmless(commit.title())));
        if let Some(offered) = branch {
            tell_offered(work, &offered);
        } else if let Outcome::Done(message) = outcome
            && push
        {
            work.out.line(&harmless(message));
        } else {
            let repository = &mapping.repository;
            work.out
                .note(&format!("it waits in the outbox; `gitdeck push {repository}` pushes it"));
        }
    }
    exit
}

/// Names the other mappings whose objects a commit changes.
pub(super) fn tell_also(work: &mut Work<'_>, also: &[String]) {
    for other in also {
        work.out.note(&format!("also changes {}", harmless(other)));
    }
}

fn also(event: &Event) -> Option<&Vec<String>> {
    match event {
        Event::AlsoChanges { also, .. } => Some(also),
        _ => None,
    }
}

fn untried(event: &Event) -> Option<&Vec<String>> {
    match event {
        Event::Untried { why, .. } => Some(why),
        _ => None,
    }
}

/// Says on which branch a commit is, and where a pull request is opened.
pub(super) fn tell_offered(work: &mut Work<'_>, offered: &Offered<'_>) {
    work.out.line(&format!("pushed to the new branch {}", harmless(offered.name)));
    for line in offered.said.lines() {
        work.out.note(&format!("server: {}", harmless(line)));
    }
    match offered.address {
        Some(address) => work.out.line(&format!("open a pull request: {}", harmless(address))),
        None => work.out.note("the host's own page opens a pull request of it"),
    }
}

/// The id that a commit has now: a push that others were faster than makes it again.
fn arrived<'a>(commit: &'a Made, pushed: Option<&'a PushOutcome>) -> &'a Revision {
    let rebuilt = match pushed {
        Some(PushOutcome::Pushed { rebuilt, .. }) => rebuilt.as_slice(),
        _ => &[],
    };
    let again = rebuilt.iter().find(|(old, _)| *old == commit.revision);
    again.map_or(&commit.revision, |(_, new)| new)
}

/// The path from the root of the repository. A mapping that is one file has only that file.
pub(super) fn path_in(mapping: &Mapping, file: &str) -> Result<String, Fault> {
    let outside = || Fault::usage(format!("`{file}` is not below the mapping's path"));
    let mut segments: Vec<&str> = Vec::new();
    for segment in file.split('/') {
        match segment {
            "" | "." => {}
            ".." => return Err(outside()),
            segment => segments.push(segment),
        }
    }
    if file.starts_with('/') {
        return Err(outside());
    }
    let name = mapping.path.rsplit('/').next().unwrap_or_default();
    let is_file = [".yaml", ".yml", ".json"].iter().any(|end| name.ends_with(end));
    if is_file {
        return if segments.is_empty() || segments == [name] {
            Ok(mapping.path.clone())
        } else {
            Err(Fault::usage(format!("mapping `{}` is the one file {name}", mapping.name)))
        };
    }
    if segments.is_empty() {
        return Err(outside());
    }
    let below = segments.join("/");
    Ok(if mapping.path.is_empty() { below } else { format!("{}/{below}", mapping.path) })
}

fn read(local: &str) -> Result<Vec<u8>, Fault> {
    let read = if local == "-" {
        let mut content = Vec::new();
        std::io::stdin().lock().read_to_end(&mut content).map(|_| content)
    } else {
        std::fs::read(local)
    };
    read.map_err(|error| Fault::usage(format!("{local} cannot be read: {error}")))
}
