//! `gitdeck edit`.

use super::commit::{path_in, tell_also, tell_made};
use super::landing::{Landing, show};
use crate::cli::exit::Exit;
use crate::cli::fault::Fault;
use crate::cli::prompt::Answer;
use crate::cli::select;
use crate::cli::session::Work;
use crate::domain::text::harmless;
use crate::domain::{FileEdit, Mapping, Revision};
use crate::engine::outside::Outside;
use crate::engine::{Command, Event, Outcome, Tried};
use clap::Args;
use serde::Serialize;

/// Edit a file of a mapping in your own editor, and commit that
///
/// The editor ($VISUAL, $EDITOR, else vi) gets a private copy of the file as it is at the head. What comes back has to render,
/// and the API server has to take it; else editing can go on. Then the difference is shown, and somebody is asked. Where nothing was
/// changed nothing is done, and what was typed is never lost: where it becomes no commit, its file is kept and named.
#[derive(Debug, Args)]
pub struct Edit {
    /// Mapping
    #[arg(value_name = "MAPPING")]
    mapping: String,
    /// File below the mapping's path; one that is not there yet is made. A terminal asks where there are several
    #[arg(value_name = "FILE")]
    file: Option<String>,
    /// Commit also what the API server would refuse
    #[arg(long)]
    no_validate: bool,
    /// What becomes of it
    #[command(flatten)]
    landing: Landing,
}

/// The document of a dry run.
#[derive(Debug, Serialize)]
struct Document<'a> {
    repository: &'a str,
    mapping: &'a str,
    message: &'a str,
    diff: &'a str,
    also: &'a [String],
}

/// A file as it was, and where it is edited.
struct Sheet {
    path: String,
    /// Nothing in an empty repository.
    base: Option<Revision>,
    before: String,
    outside: Outside,
}

/// What became of what was typed.
enum Ended {
    /// It is in Git, or there is nothing to keep.
    Settled(Exit),
    /// It is nowhere but in the file.
    Left(Exit),
}

/// What the engine says of the text.
struct Drafted {
    message: String,
    diff: String,
    faults: Vec<String>,
    tried: Tried,
}

impl Edit {
    /// Hands the file out, takes it back, shows, asks, commits.
    pub(crate) async fn run(&self, work: &mut Work<'_>) -> Result<Exit, Fault> {
        let mapping = select::mapping(&work.settings, &self.mapping)?.clone();
        self.landing.refuse_silence(work)?;
        let fetched = work.fetch(std::slice::from_ref(&mapping.name)).await;
        let sheet = match self.sheet(work, &mapping).await? {
            Ok(sheet) => sheet,
            Err(exit) => return Ok(exit),
        };
        let ended = self.rounds(work, &mapping, &sheet).await;
        if matches!(ended, Ok(Ended::Settled(_))) || sheet.is_untouched() {
            drop(sheet);
        } else {
            let kept = sheet.outside.keep();
            work.out
                .note(&format!("what you typed is in {}", harmless(&kept.display().to_string())));
        }
        match ended? {
            Ended::Settled(Exit::Fine) => Ok(fetched),
            Ended::Settled(exit) | Ended::Left(exit) => Ok(exit),
        }
    }

    /// The file, on its way to the editor.
    async fn sheet(
        &self,
        work: &mut Work<'_>,
        mapping: &Mapping,
    ) -> Result<Result<Sheet, Exit>, Fault> {
        let (outcome, events) =
            work.run_one(Command::Files { mapping: mapping.name.clone() }).await;
        let loaded = events.into_iter().find_map(|event| match event {
            Event::FilesLoaded { revision, files, .. } => Some((revision, files)),
            _ => None,
        });
        let Some((base, files)) = loaded.filter(|_| matches!(outcome, Outcome::Done(_))) else {
            return Ok(Err(work.settle(&mapping.name, &outcome)));
        };
        let editable = files.iter().filter(|file| file.text.is_ok());
        let paths: Vec<&str> = editable.map(|file| file.path.as_str()).collect();
        let path = match &self.file {
            Some(file) => path_in(mapping, file)?,
            None => chosen(work, &paths).await?,
        };
        let found = files.iter().find(|file| file.path == path);
        let before = match found {
            Some(file) => file
                .text
                .clone()
                .map_err(|why| Fault::usage(format!("{} {}", harmless(&path), why.refusal())))?,
            None => String::new(),
        };
        if found.is_none() {
            work.out.note(&format!("{} is not there yet", harmless(&path)));
        }
        let outside = Outside::new(&path, &before)
            .map_err(|error| Fault::failed(format!("no private copy can be made: {error}")))?;
        Ok(Ok(Sheet { path, base, before, outside }))
    }

    /// Editor, check, and again where that is wanted.
    async fn rounds(
        &self,
        work: &mut Work<'_>,
        mapping: &Mapping,
        sheet: &Sheet,
    ) -> Result<Ended, Fault> {
        loop {
            let text = match edited(work, sheet).await {
                Ok(text) => text,
                Err(why) => {
                    work.out.fault(&Fault::failed(why));
                    if self.goes_on(work).await? {
                        continue;
                    }
                    return Ok(Ended::Left(Exit::Failed));
                }
            };
            if text == sheet.before {
                work.out.note("nothing was changed");
                return Ok(Ended::Settled(Exit::Fine));
            }
            let edits =
                vec![FileEdit { path: sheet.path.clone(), content: Some(text.into_bytes()) }];
            let draft = Command::Draft { mapping: mapping.name.clone(), edits: edits.clone() };
            let (outcome, events) = work.run_one(draft).await;
            let Some(drafted) = drafted(events) else {
                return Ok(Ended::Left(work.settle(&mapping.name, &outcome)));
            };
            let refused = if self.no_validate { &[][..] } else { &drafted.tried.refused };
            let refused = refused.iter().map(|why| format!("the server would refuse {why}"));
            let faults: Vec<String> = drafted.faults.iter().cloned().chain(refused).collect();
            if faults.is_empty() {
                return self.land(work, mapping, (sheet, edits), &drafted).await;
            }
            for fault in faults {
                work.out.fault(&Fault::failed(format!("{}: {fault}", mapping.name)));
            }
            if !self.goes_on(work).await? {
                return Ok(Ended::Left(Exit::Failed));
            }
        }
    }

    async fn goes_on(&self, work: &mut Work<'_>) -> Result<bool, Fault> {
        Ok(work.out.can_ask && work.ask("Go on editing?").await? == Answer::Yes)
    }

    async fn land(
        &self,
        work: &mut Work<'_>,
        mapping: &Mapping,
        (sheet, edits): (&Sheet, Vec<FileEdit>),
        drafted: &Drafted,
    ) -> Result<Ended, Fault> {
        let message = self.landing.said(&drafted.message);
        let also = &drafted.tried.also;
        tell_also(work, also);
        if self.landing.dry_run {
            let (repository, name) = (mapping.repository.as_str(), mapping.name.as_str());
            let document =
                Document { repository, mapping: name, message, diff: &drafted.diff, also };
            show(work, &drafted.diff, message, &document);
            return Ok(Ended::Left(Exit::Fine));
        }
        let drafted_as = (drafted.diff.as_str(), drafted.message.as_str());
        let Some(place) = self.landing.ask(work, &mapping.repository, drafted_as).await? else {
            work.out.note("nothing was committed");
            return Ok(Ended::Left(Exit::Fine));
        };
        let command = Command::Commit {
            mapping: mapping.name.clone(),
            edits,
            message: self.landing.message.clone(),
            base: sheet.base.clone(),
            push: place.is_push(),
            branch: place.branch(),
            of: None,
            validate: !self.no_validate,
        };
        let (outcome, events) = work.run_one(command).await;
        let exit = tell_made(work, mapping, (&outcome, &events), place.is_push());
        let is_made =
            |event: &Event| matches!(event, Event::Committed { .. } | Event::Offered { .. });
        let made = events.iter().any(is_made);
        Ok(if made { Ended::Settled(exit) } else { Ended::Left(exit) })
    }
}

impl Sheet {
    fn is_untouched(&self) -> bool {
        self.outside.read().is_ok_and(|text| text == self.before)
    }
}

/// The file that is meant, where none was named.
async fn chosen(work: &mut Work<'_>, paths: &[&str]) -> Result<String, Fault> {
    match paths {
        [] => Err(Fault::usage("the mapping has no file yet").hint("name the FILE that is made")),
        [one] => Ok((*one).to_owned()),
        several if !work.out.can_ask => {
            let names = several.join(", ");
            Err(Fault::usage(format!("several files could be meant: {}", harmless(&names)))
                .hint("name one of them below the mapping's path"))
        }
        several => {
            for (number, path) in (1..).zip(several) {
                work.out.note(&format!("{number:>3}  {}", harmless(path)));
            }
            let answer = work.answer("Which file? ").await?;
            let number = answer.parse::<usize>().ok().and_then(|number| number.checked_sub(1));
            let found = number.and_then(|at| several.get(at).copied());
            let found = found.or_else(|| {
                several.iter().copied().find(|path| {
                    *path == answer || path.ends_with(&format!("/{answer}")) && !answer.is_empty()
                })
            });
            found.map(str::to_owned).ok_or_else(|| {
                Fault::usage(format!("`{}` is none of them", harmless(&answer)))
                    .hint("type the number before a file")
            })
        }
    }
}

/// What the editor left behind, or why that is nothing to go on with.
async fn edited(work: &mut Work<'_>, sheet: &Sheet) -> Result<String, String> {
    let editor = sheet.outside.editor();
    let failed = |error: std::io::Error| {
        format!("{editor} cannot be started: {error}; $VISUAL or $EDITOR names another one")
    };
    let mut child = sheet.outside.start().map_err(failed)?;
    let status = work.lend(child.wait()).await.map_err(failed)?;
    if !status.success() {
        return Err(format!("{editor} ended with {status}"));
    }
    sheet.outside.read()
}

fn drafted(events: Vec<Event>) -> Option<Drafted> {
    events.into_iter().find_map(|event| match event {
        Event::Drafted { message, diff, faults, tried, .. } => {
            Some(Drafted { message, diff, faults, tried })
        }
        _ => None,
    })
}
