//! A mapping to be made, or to be put elsewhere: its fields, one below the other.

use crate::config::change::MappingChange;
use crate::config::edit::NewMapping;
use crate::domain::{Mapping, Source};
use crate::engine::outlook::Placing;
use crate::tui::flows::Step;
use crate::tui::look::Look;
use crate::tui::popups::Reaction;
use crate::tui::popups::fields::{Around, Fields, Pressed};
use crate::tui::style::Role;
use crate::tui::widgets::text::safe;
use crossterm::event::KeyEvent;
use ratatui::buffer::Buffer;
use ratatui::layout::Rect;

const LABELS: [&str; 7] =
    ["name", "repository", "path", "project", "context", "namespace", "source"];
const NAME: usize = 0;
const SOURCE: usize = 6;

/// State of the form.
#[derive(Debug)]
pub struct PlaceForm {
    /// The mapping as it is; nothing where it is new.
    before: Option<Box<Mapping>>,
    fields: Fields,
}

impl PlaceForm {
    /// A new mapping of a path, with what is known of it filled in.
    pub fn import(repository: &str, path: &str, target: (&str, &str)) -> Self {
        let last = path.rsplit('/').next().unwrap_or(path);
        let name = last.trim_end_matches(".yaml").trim_end_matches(".yml");
        let shown = if path.is_empty() { "." } else { path };
        let texts = [name, repository, shown, "", target.0, target.1, "git"];
        Self { before: None, fields: Fields::new(&LABELS, texts.map(str::to_owned).to_vec(), NAME) }
    }

    /// A new mapping of which all is said already.
    pub fn filled(new: &NewMapping) -> Self {
        let side = if new.source == Some(Source::Cluster) { "cluster" } else { "git" };
        let text = |text: &Option<String>| text.clone().unwrap_or_default();
        let texts = [
            new.name.clone(),
            text(&new.repository),
            text(&new.path),
            text(&new.project),
            text(&new.context),
            text(&new.namespace),
            side.to_owned(),
        ];
        // The guide was where it was typed.
        Self { before: None, fields: Fields::new(&LABELS, texts.to_vec(), NAME).typed() }
    }

    /// Another place of a mapping; what stays empty stays as it is.
    pub fn change(mapping: &Mapping) -> Self {
        let given = LABELS.map(|_| String::new()).to_vec();
        let fields = Fields::new(&LABELS, given, NAME + 1);
        Self { before: Some(Box::new(mapping.clone())), fields }
    }

    /// Whose place it is.
    pub fn name(&self) -> &str {
        self.before.as_ref().map_or(self.fields.text(NAME), |before| &before.name)
    }

    /// It was looked at and cannot be: why.
    pub fn failed(&mut self, why: String) {
        self.fields.say(Role::Bad, why);
    }

    /// Types, moves, looks at it, or closes.
    pub fn key(&mut self, key: KeyEvent) -> Reaction {
        match self.fields.key(key) {
            Pressed::Inside => Reaction::Stay,
            Pressed::Leave => Reaction::Close,
            Pressed::Enter => match self.placing() {
                Ok(placing) => {
                    self.fields.say(Role::Muted, "looking at what it would mean");
                    Reaction::GoOver(Step::Foresee(Box::new(placing)))
                }
                Err(why) => {
                    self.failed(why);
                    Reaction::Stay
                }
            },
        }
    }

    /// Types pasted text.
    pub fn paste(&mut self, text: &str) {
        self.fields.paste(text);
    }

    /// What is asked for, or why it cannot be.
    fn placing(&self) -> Result<Placing, String> {
        let text = |index| self.fields.some(index);
        let source = source(self.fields.text(SOURCE))?;
        let [name, repository, path, project, context, namespace] = [0, 1, 2, 3, 4, 5].map(text);
        if let Some(before) = &self.before {
            let name = before.name.clone();
            let change =
                MappingChange { name, repository, path, project, context, namespace, source };
            if change.is_empty() {
                return Err("fill in what shall be another one".to_owned());
            }
            return Ok(Placing::Changed(change));
        }
        let name = name.ok_or("a mapping has a name")?;
        // What is so where nothing is written need not be written.
        let source = source.filter(|source| *source != Source::Git);
        let new = NewMapping {
            name,
            repository,
            path,
            project,
            context,
            namespace,
            engine: None,
            source,
        };
        Ok(Placing::New(new))
    }

    /// Whether this is what it asks for now.
    pub fn asks(&self, placing: &Placing) -> bool {
        self.placing().is_ok_and(|own| own == *placing)
    }

    /// The command line that shows the same.
    pub fn command_line(&self) -> Option<String> {
        self.placing().ok().map(|placing| placing.line())
    }

    /// What a field says now, where it is left empty.
    fn now(&self, index: usize) -> String {
        let Some(before) = &self.before else { return String::new() };
        match index {
            1 => before.repository.clone(),
            2 if before.path.is_empty() => ".".to_owned(),
            2 => before.path.clone(),
            3 => before.project.clone().unwrap_or_default(),
            4 => before.target.context.clone(),
            5 => before.target.namespace.clone(),
            SOURCE if before.is_recorded() => "cluster".to_owned(),
            SOURCE => "git".to_owned(),
            _ => String::new(),
        }
    }

    /// Paints the form.
    pub fn view(&self, buffer: &mut Buffer, screen: Rect, look: &Look) {
        let title = match &self.before {
            Some(before) => format!("Another place for {}", safe(&before.name)),
            None => "Import a mapping".to_owned(),
        };
        let about = match self.before {
            Some(_) => "What is left empty stays as it is. Nothing is written before you confirm.",
            None => "A path is below the project's prefix. Nothing is written before you confirm.",
        };
        let around = Around { title, about, enter: "show what it means" };
        self.fields.view((buffer, screen, look), &around, |index| self.now(index));
    }
}

/// Which side wins, as it was typed; nothing where nothing was.
pub fn source(text: &str) -> Result<Option<Source>, String> {
    match text.trim() {
        "" => Ok(None),
        "git" => Ok(Some(Source::Git)),
        "cluster" => Ok(Some(Source::Cluster)),
        other => Err(format!("source is git or cluster, not {}", safe(other))),
    }
}
