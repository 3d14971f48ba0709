//! A commit being written: message, what will be committed, and what to do.

use crate::config::edit::NewMapping;
use crate::engine::export::{Export, ExportWish};
use crate::engine::store::Draft;
use crate::engine::{Branch, Command, Tried};
use crate::tui::action::{Action, Motion, Pane};
use crate::tui::effect::{Effect, Purpose};
use crate::tui::keymap::Keymap;
use crate::tui::look::Look;
use crate::tui::popups::reader::patch;
use crate::tui::popups::{Reaction, keys, paint_frame};
use crate::tui::style::Role;
use crate::tui::ui::Edits;
use crate::tui::widgets::area::{padded, row, split_top};
use crate::tui::widgets::frame::Frame;
use crate::tui::widgets::text::{cells, clip, safe, wrap};
use crate::tui::words::count;
use crossterm::event::{KeyCode, KeyEvent, KeyModifiers};
use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::style::Modifier;
use ratatui::text::{Line, Span};
use tui_textarea::{DataCursor, TextArea};

/// Cells of a line in the narrowest form.
const LEAST: usize = 72;
/// Lines of the message that are visible.
const MESSAGE: u16 = 5;

/// Where the keys go.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Focus {
    Message,
    Actions,
    Diff,
}

/// Where the commit goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Place {
    Outbox,
    Push,
    Branch,
}

impl Place {
    /// All of them with their buttons.
    const ALL: [(Self, &'static str); 3] = [
        (Self::Outbox, " commit "),
        (Self::Push, " commit and push "),
        (Self::Branch, " push a new branch "),
    ];
}

/// How far the form is.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Stage {
    /// The draft is on its way.
    Drafting,
    /// The form can be sent.
    Ready,
    /// The commit is being made.
    Committing,
    /// Something failed.
    Failed(String),
}

/// State of the form.
#[derive(Debug)]
pub struct CommitForm {
    /// Mapping.
    pub mapping: String,
    edits: Edits,
    /// What is exported, where it is that, and the repository that it goes to.
    tracks: Option<Box<(NewMapping, ExportWish, String)>>,
    message: TextArea<'static>,
    /// The message that the engine drafted; sent as nothing when it was not changed.
    default: String,
    diff: Vec<(Role, String)>,
    faults: Vec<String>,
    /// What the server says of what changes.
    tried: Tried,
    /// Whether what the server refuses is committed all the same.
    anyway: bool,
    /// What the edits leave out.
    left: Vec<String>,
    stage: Stage,
    focus: Focus,
    /// The button that is chosen.
    place: Place,
    offset: usize,
    page: usize,
}

impl CommitForm {
    /// A form whose draft is on its way.
    pub fn new(mapping: &str, edits: Edits) -> Self {
        Self {
            mapping: mapping.to_owned(),
            edits,
            tracks: None,
            message: TextArea::default(),
            default: String::new(),
            diff: Vec::new(),
            faults: Vec::new(),
            tried: Tried::default(),
            anyway: false,
            left: Vec::new(),
            stage: Stage::Drafting,
            focus: Focus::Actions,
            place: Place::Outbox,
            offset: 0,
            page: 1,
        }
    }

    /// A form for edits that leave something out, a sentence each.
    pub fn leaving(mapping: &str, edits: Edits, left: Vec<String>) -> Self {
        Self { left, ..Self::new(mapping, edits) }
    }

    /// A form for what was exported: what is committed and what is left out stands above the difference.
    pub fn tracking(new: NewMapping, wish: ExportWish, export: &Export) -> Self {
        let edits =
            Edits { base: export.base.clone(), files: export.edits.clone(), ..Edits::default() };
        let mut form = Self::new(&new.name, edits);
        form.tracks = Some(Box::new((new, wish, export.repository.clone())));
        let (message, diff) = (export.message.clone(), export.diff.clone());
        form.drafted(&Draft { message, diff, faults: Vec::new(), tried: Tried::default() });
        let kept =
            format!("{}: {}", count(export.objects.len(), "object"), export.objects.join(", "));
        let said = std::iter::once((Role::Strong, kept));
        let left = export.left.iter().map(|one| (Role::Drift, format!("left out: {one}")));
        let lines = said.chain(left).flat_map(|(role, text)| {
            wrap(&safe(&text), LEAST).into_iter().map(move |line| (role, line))
        });
        let above: Vec<(Role, String)> = lines.chain([(Role::Text, String::new())]).collect();
        form.diff.splice(..0, above);
        if !export.left.is_empty() {
            form.left =
                vec![format!("{}, named above the difference", count(export.left.len(), "thing"))];
        }
        form
    }

    /// The command that the form would send; the line that does the same is made from it.
    pub fn command_line(&self) -> Option<String> {
        let command = self.command();
        let text = self.text();
        match &self.tracks {
            Some(_) if text != self.default.trim() => Some(command.line_saying(&text)),
            Some(_) => Some(command.line()),
            None => self.edits.of.is_some().then(|| command.line()),
        }
    }

    /// Whether `y` copies that line now.
    pub fn copies(&self) -> bool {
        self.focus == Focus::Actions && (self.edits.of.is_some() || self.tracks.is_some())
    }

    /// The draft arrived.
    pub fn drafted(&mut self, draft: &Draft) {
        if self.text().is_empty() {
            self.message = TextArea::new(draft.message.lines().map(str::to_owned).collect());
        }
        self.default.clone_from(&draft.message);
        self.diff = patch(&draft.diff);
        self.faults.clone_from(&draft.faults);
        self.tried.clone_from(&draft.tried);
        self.anyway = false;
        self.stage = Stage::Ready;
    }

    /// Draft or commit failed.
    pub fn failed(&mut self, why: String) {
        self.stage = Stage::Failed(why);
    }

    fn text(&self) -> String {
        self.message.lines().join("\n").trim().to_owned()
    }

    /// Types, moves between the parts, commits, or goes back to the editor.
    pub fn key(&mut self, key: KeyEvent) -> Reaction {
        let control = key.modifiers.contains(KeyModifiers::CONTROL);
        if self.stage == Stage::Committing {
            return Reaction::Stay;
        }
        match key.code {
            KeyCode::Esc => return Reaction::Close,
            KeyCode::BackTab => self.step(-1),
            KeyCode::Tab => self.step(1),
            KeyCode::Char('s') if control => return self.commit(),
            _ => return self.part_key(key),
        }
        Reaction::Stay
    }

    fn part_key(&mut self, key: KeyEvent) -> Reaction {
        match self.focus {
            Focus::Message => {
                match (key.code, key.modifiers.contains(KeyModifiers::CONTROL)) {
                    (KeyCode::Char('z'), true) => self.message.undo(),
                    (KeyCode::Char('y'), true) => self.message.redo(),
                    _ => self.message.input(key),
                };
            }
            Focus::Actions => match key.code {
                KeyCode::Enter => return self.commit(),
                KeyCode::Right | KeyCode::Char('l') => self.choose(1),
                KeyCode::Left | KeyCode::Char('h') => self.choose(Place::ALL.len() - 1),
                KeyCode::Char('y') => {
                    if let Some(line) = self.command_line() {
                        return Reaction::Run(vec![Effect::Copy(line)]);
                    }
                }
                KeyCode::Char('!') if !self.tried.refused.is_empty() => self.anyway = !self.anyway,
                KeyCode::Up | KeyCode::Char('k') => self.step(-1),
                KeyCode::Down | KeyCode::Char('j') => self.step(1),
                KeyCode::PageDown => self.scroll(Motion::PageDown),
                KeyCode::PageUp => self.scroll(Motion::PageUp),
                _ => {}
            },
            Focus::Diff => {
                if let Some(Action::Move(motion)) = Keymap::default().action(Pane::Diff, key) {
                    self.scroll(motion);
                }
            }
        }
        Reaction::Stay
    }

    fn step(&mut self, by: isize) {
        const ORDER: [Focus; 3] = [Focus::Message, Focus::Actions, Focus::Diff];
        let at = ORDER.iter().position(|focus| *focus == self.focus).unwrap_or(0);
        self.focus = ORDER[(at as isize + by).rem_euclid(3) as usize];
    }

    fn choose(&mut self, by: usize) {
        let at = Place::ALL.iter().position(|(place, _)| *place == self.place).unwrap_or(0);
        self.place = Place::ALL[(at + by) % Place::ALL.len()].0;
    }

    fn scroll(&mut self, motion: Motion) {
        let last = self.diff.len().saturating_sub(self.page) + 1;
        self.offset = motion.apply(self.offset, last, self.page);
    }

    fn can_commit(&self) -> bool {
        self.faults.is_empty()
            && (self.tried.refused.is_empty() || self.anyway)
            && matches!(self.stage, Stage::Ready | Stage::Failed(_))
            && !self.default.is_empty()
            && !self.text().is_empty()
    }

    fn commit(&mut self) -> Reaction {
        if !self.can_commit() {
            return Reaction::Stay;
        }
        let command = self.command();
        self.stage = Stage::Committing;
        let (mapping, push) = (self.mapping.clone(), self.place == Place::Push);
        let purpose = match &self.tracks {
            Some(tracks) => Purpose::Track { mapping, repository: tracks.2.clone(), push },
            None => Purpose::Commit { mapping, push },
        };
        Reaction::Run(vec![Effect::Run(command, purpose)])
    }

    fn command(&self) -> Command {
        let text = self.text();
        let branch = (self.place == Place::Branch).then_some(Branch::Generated);
        if let Some(tracks) = &self.tracks {
            let (new, wish, _) = tracks.as_ref().clone();
            return Command::Track {
                new: Box::new(new),
                wish,
                edits: self.edits.files.clone(),
                message: text,
                base: self.edits.base.clone(),
                push: self.place == Place::Push,
                branch,
            };
        }
        Command::Commit {
            mapping: self.mapping.clone(),
            edits: self.edits.files.clone(),
            message: (text != self.default.trim()).then_some(text),
            base: self.edits.base.clone(),
            push: self.place == Place::Push,
            branch,
            of: self.edits.of.clone(),
            validate: !self.anyway,
        }
    }

    /// Inserts pasted text into the message.
    pub fn paste(&mut self, text: &str) {
        if self.focus == Focus::Message {
            self.message.insert_str(text.replace("\r\n", "\n").replace('\r', "\n"));
        }
    }

    /// Computes what is visible.
    pub fn fit(&mut self, screen: Rect) {
        let (_, _, diff) = parts(screen, self.remarks(screen).len());
        self.page = diff.height as usize;
        self.offset = self.offset.min(self.diff.len().saturating_sub(self.page));
    }

    /// What stands between message and buttons: faults and failures, at the field they belong to.
    fn remarks(&self, screen: Rect) -> Vec<(Role, String)> {
        let width = padded(Frame::inner(place(screen))).width as usize;
        let mut remarks = Vec::new();
        for fault in &self.faults {
            let fault = safe(fault);
            remarks.extend(wrap(&fault, width).into_iter().map(|line| (Role::Bad, line)));
        }
        for refused in &self.tried.refused {
            let refused = format!("the server refuses {}", safe(refused));
            remarks.extend(wrap(&refused, width).into_iter().map(|line| (Role::Bad, line)));
        }
        for why in &self.tried.untold {
            let why = format!("not tried on the server: {}", safe(why));
            remarks.extend(wrap(&why, width).into_iter().map(|line| (Role::Drift, line)));
        }
        for also in &self.tried.also {
            let also = format!("also changes {}", safe(also));
            remarks.extend(wrap(&also, width).into_iter().map(|line| (Role::Drift, line)));
        }
        for left in &self.left {
            let left = format!("left out: {}", safe(left));
            remarks.extend(wrap(&left, width).into_iter().map(|line| (Role::Drift, line)));
        }
        if let Stage::Failed(why) = &self.stage {
            let why = safe(why);
            remarks.extend(wrap(&why, width).into_iter().map(|line| (Role::Bad, line)));
        }
        if self.stage == Stage::Ready && self.text().is_empty() {
            remarks.push((Role::Bad, "a commit needs a message".to_owned()));
        }
        remarks.truncate(6);
        remarks
    }

    fn hints(&self) -> &'static [(&'static str, &'static str)] {
        match self.focus {
            Focus::Message => &[("Ctrl-S", "do it"), ("Tab", "next part"), ("Esc", "back")],
            Focus::Actions if !self.tried.refused.is_empty() => {
                &[("Enter", "do it"), ("!", "in spite of the server"), ("Esc", "back")]
            }
            Focus::Actions => {
                &[("Enter", "do it"), ("h l", "choose"), ("Tab", "next part"), ("Esc", "back")]
            }
            Focus::Diff => &[("j k", "scroll"), ("Tab", "next part"), ("Esc", "back")],
        }
    }

    /// Paints the form.
    pub fn view(&self, buffer: &mut Buffer, screen: Rect, look: &Look) {
        let files = count(self.edits.files.len(), "file");
        let title = match &self.tracks {
            Some(tracks) => {
                format!("Export to {}, mapped as {}", safe(&tracks.2), safe(&self.mapping))
            }
            None => format!("Commit to {}", safe(&self.mapping)),
        };
        let frame = Frame {
            title: Line::from(look.span(Role::TitleFocus, title)),
            corner: Line::from(look.span(Role::Muted, files)),
            foot: keys(look, self.hints()),
            scroll: (self.offset, self.diff.len(), self.page),
            ..Frame::default()
        };
        paint_frame(buffer, place(screen), look, frame);
        let remarks = self.remarks(screen);
        let (message, actions, diff) = parts(screen, remarks.len());
        self.view_message(buffer, message, look);
        for (index, (role, line)) in remarks.iter().enumerate() {
            let place = row(actions, index);
            buffer.set_stringn(place.x, place.y, line, place.width as usize, look.theme[*role]);
        }
        self.view_actions(buffer, row(actions, remarks.len()), look);
        for (index, (role, line)) in
            self.diff.iter().skip(self.offset).take(diff.height as usize).enumerate()
        {
            let place = row(diff, index);
            let line = safe(line);
            let line = clip(&line, place.width as usize, look.glyphs.ellipsis);
            buffer.set_stringn(place.x, place.y, line, place.width as usize, look.theme[*role]);
        }
        if self.stage == Stage::Drafting {
            let text = format!("{} checking the edits{}", look.spinner(), look.glyphs.dots);
            buffer.set_stringn(diff.x, diff.y, text, diff.width as usize, look.theme[Role::Busy]);
        }
    }

    fn view_message(&self, buffer: &mut Buffer, area: Rect, look: &Look) {
        let (head, body) = split_top(area, 1);
        let role = if self.focus == Focus::Message { Role::TitleFocus } else { Role::Muted };
        let word =
            if self.text() == self.default.trim() { "Message (the default)" } else { "Message" };
        buffer.set_stringn(head.x, head.y, word, head.width as usize, look.theme[role]);
        buffer.set_style(body, look.theme[Role::Field]);
        let DataCursor(line_at, column_at) = self.message.cursor();
        let top = line_at.saturating_sub((body.height as usize).saturating_sub(1));
        for index in 0..body.height as usize {
            let Some(line) = self.message.lines().get(top + index) else { break };
            let place = row(body, index);
            let at =
                if top + index == line_at { cells(&safe(&prefix(line, column_at))) } else { 0 };
            // A long line shows the part around the cursor.
            let skip = at.saturating_sub((place.width as usize).saturating_sub(1));
            let shown: String = skip_cells(&safe(line), skip);
            buffer.set_stringn(
                place.x,
                place.y,
                shown,
                place.width as usize,
                look.theme[Role::Field],
            );
            if top + index == line_at && self.focus == Focus::Message {
                let x = place.x + (at - skip) as u16;
                if let Some(cell) = buffer.cell_mut((x, place.y)).filter(|_| x < place.right()) {
                    cell.modifier.insert(Modifier::REVERSED);
                }
            }
        }
    }

    fn view_actions(&self, buffer: &mut Buffer, place: Rect, look: &Look) {
        let ready = self.can_commit();
        let mut spans = Vec::new();
        for (place, label) in Place::ALL {
            let chosen = self.place == place;
            let role = match (ready, chosen, self.focus == Focus::Actions) {
                (false, ..) => Role::Muted,
                (true, true, true) => Role::Selection,
                (true, true, false) => Role::Strong,
                (true, false, _) => Role::Text,
            };
            let (open, close) = if chosen { ("[", "]") } else { (" ", " ") };
            spans.push(look.span(role, format!("{open}{label}{close}")));
            spans.push(Span::raw("  "));
        }
        let remark = match &self.stage {
            Stage::Committing => format!("{} committing{}", look.spinner(), look.glyphs.dots),
            _ if !self.faults.is_empty() => {
                format!("{}: go back and mend them", count(self.faults.len(), "fault"))
            }
            _ if self.anyway => "in spite of the server".to_owned(),
            _ if !self.tried.refused.is_empty() => "mend it, or ! commits all the same".to_owned(),
            _ => String::new(),
        };
        spans.push(look.span(Role::Busy, remark));
        buffer.set_line(place.x, place.y, &Line::from(spans), place.width);
    }
}

fn prefix(line: &str, characters: usize) -> String {
    line.chars().take(characters).collect()
}

fn skip_cells(text: &str, skip: usize) -> String {
    let mut left = skip;
    text.chars()
        .skip_while(|c| {
            let wide = unicode_width::UnicodeWidthChar::width(*c).unwrap_or(0);
            let hidden = left > 0;
            left = left.saturating_sub(wide);
            hidden
        })
        .collect()
}

fn place(screen: Rect) -> Rect {
    crate::tui::popups::place(screen, screen.width.min(140), screen.height)
}

/// Message, remarks with buttons, and diff.
fn parts(screen: Rect, remarks: usize) -> (Rect, Rect, Rect) {
    let inner = padded(Frame::inner(place(screen)));
    let (message, rest) = split_top(inner, MESSAGE);
    let (_, rest) = split_top(rest, 1);
    let (actions, rest) = split_top(rest, remarks as u16 + 1);
    let (_, diff) = split_top(rest, 1);
    (message, actions, diff)
}
