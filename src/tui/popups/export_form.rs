//! What runs in a namespace, to become a file of a repository and a mapping of it.

use crate::config::edit::NewMapping;
use crate::domain::Source;
use crate::domain::export::Selection;
use crate::engine::export::ExportWish;
use crate::tui::flows::Step;
use crate::tui::look::Look;
use crate::tui::popups::Reaction;
use crate::tui::popups::fields::{Around, Fields, Pressed};
use crate::tui::popups::place_form::source;
use crate::tui::style::Role;
use crossterm::event::KeyEvent;
use ratatui::buffer::Buffer;
use ratatui::layout::Rect;

const LABELS: [&str; 10] = [
    "name",
    "objects",
    "labels",
    "context",
    "namespace",
    "repository",
    "path",
    "file",
    "project",
    "source",
];
const NAME: usize = 0;
const OBJECTS: usize = 1;
const SELECTOR: usize = 2;
const PATH: usize = 6;
const FILE: usize = 7;
const PROJECT: usize = 8;
const SOURCE: usize = 9;

/// State of the form.
#[derive(Debug)]
pub struct ExportForm {
    fields: Fields,
}

impl ExportForm {
    /// A form with where it most likely comes from and goes to.
    pub fn new(repository: &str, target: (&str, &str)) -> Self {
        let mut given = LABELS.map(|_| String::new()).to_vec();
        for (index, text) in [(3, target.0), (4, target.1), (5, repository), (SOURCE, "git")] {
            text.clone_into(&mut given[index]);
        }
        Self { fields: Fields::new(&LABELS, given, NAME) }
    }

    /// It was read and cannot be exported: why.
    pub fn failed(&mut self, why: String) {
        self.fields.say(Role::Bad, why);
    }

    /// It was read, and is shown.
    pub fn shown(&mut self) {
        self.fields.hush();
    }

    /// Types, moves, reads what is there, or closes.
    pub fn key(&mut self, key: KeyEvent) -> Reaction {
        match self.fields.key(key) {
            Pressed::Inside => Reaction::Stay,
            Pressed::Leave => Reaction::Close,
            Pressed::Enter => match self.wished() {
                Ok(wished) => {
                    self.fields.say(Role::Muted, "reading what is there");
                    Reaction::GoOver(Step::Export(Box::new(wished)))
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
    fn wished(&self) -> Result<(NewMapping, ExportWish), String> {
        let text = |index| self.fields.some(index);
        let name = text(NAME).ok_or("a mapping has a name")?;
        let path =
            text(PATH).ok_or("name a path: the folder of the mapping, where nothing is yet")?;
        let file = text(FILE).unwrap_or_else(|| format!("{name}.yaml"));
        let objects = text(OBJECTS).unwrap_or_default();
        let names = objects.split([' ', ',']).filter(|one| !one.is_empty()).map(str::to_owned);
        let selection = Selection { names: names.collect(), selector: text(SELECTOR) };
        let wish = ExportWish { selection, file };
        wish.check().map_err(|failure| match failure.hint {
            Some(hint) => format!("{}; {hint}", failure.message),
            None => failure.message,
        })?;
        // What is so where nothing is written need not be written.
        let source = source(self.fields.text(SOURCE))?.filter(|source| *source != Source::Git);
        let [context, namespace, repository] = [3, 4, 5].map(text);
        let project = text(PROJECT);
        let new = NewMapping {
            name,
            repository,
            path: Some(path),
            project,
            context,
            namespace,
            engine: None,
            source,
        };
        Ok((new, wish))
    }

    /// Whether this is what it asks for now.
    pub fn asks(&self, wished: &(NewMapping, ExportWish)) -> bool {
        self.wished().is_ok_and(|own| own == *wished)
    }

    /// The command line that shows the same.
    pub fn command_line(&self) -> Option<String> {
        self.wished().ok().map(|(new, wish)| format!("{} --dry-run", wish.line(&new)))
    }

    /// What holds where a field is left empty.
    fn otherwise(&self, index: usize) -> String {
        match index {
            OBJECTS => "all in the namespace, or Kind/name Kind/name".to_owned(),
            SELECTOR => "any, or app=web".to_owned(),
            FILE => self.fields.some(NAME).map_or(String::new(), |name| format!("{name}.yaml")),
            PROJECT => "none".to_owned(),
            _ => String::new(),
        }
    }

    /// Paints the form.
    pub fn view(&self, buffer: &mut Buffer, screen: Rect, look: &Look) {
        let around = Around {
            title: "Export what runs".to_owned(),
            about: "Nothing is written before you confirm; the cluster is left as it is.",
            enter: "show what it is",
        };
        self.fields.view((buffer, screen, look), &around, |index| self.otherwise(index));
    }
}
