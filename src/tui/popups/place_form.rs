//! A mapping to be made, or to be put elsewhere: its fields, one below the other.

use crate::config::change::MappingChange;
use crate::config::edit::NewMapping;
use crate::domain::{Mapping, Source};
use crate::engine::outlook::Placing;
use crate::tui::flows::Step;
use crate::tui::look::Look;
use crate::tui::popups::{Reaction, keys, paint_frame, place};
use crate::tui::style::Role;
use crate::tui::widgets::area::{padded, row};
use crate::tui::widgets::field::Field;
use crate::tui::widgets::frame::Frame;
use crate::tui::widgets::text::{safe, wrap};
use crossterm::event::{KeyCode, KeyEvent};
use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::text::Line;

const WIDTH: u16 = 84;
/// Cells of a label.
const LABEL: u16 = 12;

const LABELS: [&str; 7] =
    ["name", "repository", "path", "project", "context", "namespace", "source"];
const NAME: usize = 0;
const SOURCE: usize = 6;

/// State of the form.
#[derive(Debug)]
pub struct PlaceForm {
    /// The mapping as it is; nothing where it is new.
    before: Option<Box<Mapping>>,
    fields: [Field; 7],
    at: usize,
    /// What is wrong, or under way.
    said: Option<(Role, String)>,
    /// The fields as they were before anybody typed.
    given: [String; 7],
    /// Whether `Esc` was pressed once on what was typed.
    leaving: bool,
}

impl PlaceForm {
    /// A new mapping of a path, with what is known of it filled in.
    pub fn import(repository: &str, path: &str, target: (&str, &str)) -> Self {
        let last = path.rsplit('/').next().unwrap_or(path);
        let name = last.trim_end_matches(".yaml").trim_end_matches(".yml");
        let shown = if path.is_empty() { "." } else { path };
        let texts = [name, repository, shown, "", target.0, target.1, "git"];
        Self::of(None, texts.map(str::to_owned), NAME)
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
        Self { given: Default::default(), ..Self::of(None, texts, NAME) }
    }

    /// Another place of a mapping; what stays empty stays as it is.
    pub fn change(mapping: &Mapping) -> Self {
        Self::of(Some(Box::new(mapping.clone())), LABELS.map(|_| String::new()), 1)
    }

    fn of(before: Option<Box<Mapping>>, given: [String; 7], at: usize) -> Self {
        let fields = given.clone().map(Field::new);
        Self { before, fields, at, said: None, given, leaving: false }
    }

    /// Whose place it is.
    pub fn name(&self) -> &str {
        self.before.as_ref().map_or(self.fields[NAME].text(), |before| &before.name)
    }

    /// It was looked at and cannot be: why.
    pub fn failed(&mut self, why: String) {
        self.said = Some((Role::Bad, why));
    }

    fn first(&self) -> usize {
        usize::from(self.before.is_some())
    }

    /// Types, moves, looks at it, or closes.
    pub fn key(&mut self, key: KeyEvent) -> Reaction {
        let (first, last) = (self.first(), SOURCE);
        let was_leaving = std::mem::take(&mut self.leaving);
        match key.code {
            KeyCode::Esc => {
                let typed =
                    self.fields.iter().zip(&self.given).any(|(field, given)| field.text() != given);
                if was_leaving || !typed {
                    return Reaction::Close;
                }
                self.leaving = true;
                let asked = "Esc again drops what was typed; any other key goes on";
                self.said = Some((Role::Drift, asked.to_owned()));
            }
            KeyCode::Tab | KeyCode::Down => {
                self.at = if self.at == last { first } else { self.at + 1 };
            }
            KeyCode::BackTab | KeyCode::Up => {
                self.at = if self.at == first { last } else { self.at - 1 };
            }
            KeyCode::Enter => match self.placing() {
                Ok(placing) => {
                    self.said = Some((Role::Muted, "looking at what it would mean".to_owned()));
                    return Reaction::GoOver(Step::Foresee(Box::new(placing)));
                }
                Err(why) => self.said = Some((Role::Bad, why)),
            },
            _ => {
                if self.fields[self.at].key(key) {
                    self.said = None;
                }
            }
        }
        Reaction::Stay
    }

    /// Types pasted text.
    pub fn paste(&mut self, text: &str) {
        self.fields[self.at].paste(text);
    }

    /// What is asked for, or why it cannot be.
    fn placing(&self) -> Result<Placing, String> {
        let text = |index: usize| {
            let text = self.fields[index].text().trim();
            (!text.is_empty()).then(|| text.to_owned())
        };
        let source = match self.fields[SOURCE].text().trim() {
            "" => None,
            "git" => Some(Source::Git),
            "cluster" => Some(Source::Cluster),
            other => return Err(format!("source is git or cluster, not {}", safe(other))),
        };
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
        let width = WIDTH.min(screen.width).saturating_sub(4) as usize;
        let said = self.said.as_ref().map(|(role, text)| (*role, wrap(&safe(text), width)));
        let lines = said.as_ref().map_or(0, |(_, lines)| lines.len().min(6));
        let (first, rows) = (self.first(), LABELS.len() - self.first());
        let area = place(screen, WIDTH, (rows + lines + 5) as u16);
        let title = match &self.before {
            Some(before) => format!("Another place for {}", safe(&before.name)),
            None => "Import a mapping".to_owned(),
        };
        let frame = Frame {
            title: Line::from(look.span(Role::TitleFocus, title)),
            foot: keys(
                look,
                &[("Tab", "next"), ("Enter", "show what it means"), ("Esc", "cancel")],
            ),
            ..Frame::default()
        };
        let inner = padded(paint_frame(buffer, area, look, frame));
        let about = match self.before {
            Some(_) => "What is left empty stays as it is. Nothing is written before you confirm.",
            None => "A path is below the project's prefix. Nothing is written before you confirm.",
        };
        let top = row(inner, 0);
        buffer.set_stringn(top.x, top.y, about, top.width as usize, look.theme[Role::Muted]);
        for (index, label) in LABELS.iter().enumerate().skip(first) {
            let line = row(inner, index - first + 2);
            let role = if index == self.at { Role::Strong } else { Role::Text };
            buffer.set_stringn(line.x, line.y, label, LABEL as usize, look.theme[role]);
            let x = line.x + LABEL.min(line.width);
            let field = Rect { x, width: line.right().saturating_sub(x), ..line };
            if index == self.at {
                self.fields[index].paint(buffer, field, look);
                continue;
            }
            let typed = self.fields[index].text();
            let (role, text) = if typed.is_empty() {
                (Role::Muted, self.now(index))
            } else {
                (Role::Text, typed.to_owned())
            };
            let width = field.width as usize;
            buffer.set_stringn(field.x, field.y, safe(&text), width, look.theme[role]);
        }
        for (index, (role, line)) in said
            .iter()
            .flat_map(|(role, lines)| lines.iter().map(|line| (*role, line)))
            .take(lines)
            .enumerate()
        {
            let place = row(inner, rows + 3 + index);
            buffer.set_stringn(place.x, place.y, line, place.width as usize, look.theme[role]);
        }
    }
}
