//! The editor: line numbers, undo, search; it has its own keys.

use crate::tui::effect::Effect;
use crate::tui::flows::{Edited, Step};
use crate::tui::look::Look;
use crate::tui::popups::confirm::{Choice, Confirm, Question};
use crate::tui::popups::{Popup, Reaction, keys, paint_frame};
use crate::tui::style::Role;
use crate::tui::widgets::area::row;
use crate::tui::widgets::field::Field;
use crate::tui::widgets::frame::Frame;
use crate::tui::widgets::scroll::follow;
use crate::tui::widgets::text::{cells, safe};
use crate::tui::widgets::yaml::highlight;
use crossterm::event::{KeyCode, KeyEvent, KeyModifiers};
use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::style::Modifier;
use ratatui::text::Line;
use tui_textarea::{CursorMove, DataCursor, TextArea};

/// Columns that the cursor keeps where no jump reaches.
const KEPT_COLUMNS: usize = 1_000;

/// State of the editor.
#[derive(Debug)]
pub struct Editor {
    /// The file as it was read.
    original: Edited,
    area: TextArea<'static>,
    /// Line end of the whole file; a file that mixes them keeps its carriage returns as text.
    line_end: &'static str,
    /// Whether it is another text than the file; found out where something changes, not in each frame.
    changed: bool,
    /// What is searched for, while it is typed.
    search: Option<Field>,
    top: usize,
    left: usize,
    page: usize,
}

impl Editor {
    /// Opens a file, with what was edited in it before.
    pub fn new(original: Edited, edited: Option<String>) -> Self {
        let text = edited.unwrap_or_else(|| original.content.clone());
        let carriage_returns = text.matches("\r\n").count();
        let uniform = carriage_returns > 0 && carriage_returns == text.matches('\n').count();
        let line_end = if uniform { "\r\n" } else { "\n" };
        let mut area = TextArea::new(text.split(line_end).map(str::to_owned).collect());
        area.set_tab_length(2);
        area.set_max_histories(10_000);
        let changed = text != original.content;
        Self { original, area, line_end, changed, search: None, top: 0, left: 0, page: 1 }
    }

    /// Mapping of the file.
    pub fn mapping(&self) -> &str {
        &self.original.mapping
    }

    fn content(&self) -> String {
        self.area.lines().join(self.line_end)
    }

    fn compare(&mut self) {
        let lines = self.area.lines();
        let mut original = self.original.content.split(self.line_end);
        let is_same = lines.iter().all(|line| original.next() == Some(line.as_str()));
        self.changed = !is_same || original.next().is_some();
    }

    fn edited(&self) -> Edited {
        Edited { content: self.content(), ..self.original.clone() }
    }

    /// Edits, searches, goes on to the commit, or leaves.
    pub fn key(&mut self, key: KeyEvent) -> Reaction {
        if self.search.is_some() {
            self.search_key(key);
            return Reaction::Stay;
        }
        let control = key.modifiers.contains(KeyModifiers::CONTROL);
        let is_modified = match key.code {
            KeyCode::Char('s') if control => return self.commit(),
            KeyCode::Char('o') if control => {
                let (path, text) = (self.original.path.clone(), self.content());
                return Reaction::Run(vec![Effect::Outside { path, text }]);
            }
            KeyCode::Esc => return self.leave(),
            KeyCode::Char('z') if control => self.area.undo(),
            KeyCode::Char('y') if control => self.area.redo(),
            KeyCode::Enter => self.insert_line(),
            _ if self.look_around(key.code, control) => false,
            _ => self.area.input(key),
        };
        if is_modified {
            self.compare();
        }
        Reaction::Stay
    }

    /// Moves or searches, where the key is for that.
    fn look_around(&mut self, code: KeyCode, control: bool) -> bool {
        match code {
            KeyCode::Char('f') if control => self.search = Some(Field::default()),
            KeyCode::Char('n') if control => drop(self.area.search_forward(false)),
            KeyCode::Char('p') if control => drop(self.area.search_back(false)),
            KeyCode::PageDown => self.move_lines(self.page as isize),
            KeyCode::PageUp => self.move_lines(-(self.page as isize)),
            KeyCode::Home if control => self.area.move_cursor(CursorMove::Top),
            KeyCode::End if control => self.area.move_cursor(CursorMove::Bottom),
            _ => return false,
        }
        true
    }

    /// Takes what the user's own editor made of the text; it can be undone as one step.
    pub fn take(&mut self, text: &str) {
        if text == self.content() {
            return;
        }
        let text = if self.line_end == "\n" { text.to_owned() } else { text.replace("\r\n", "\n") };
        let DataCursor(row, column) = self.area.cursor();
        // The widget's own way to select everything ends at line 65,536.
        self.area.move_cursor(CursorMove::Top);
        self.area.move_cursor(CursorMove::Head);
        self.area.start_selection();
        self.area.move_cursor(CursorMove::Bottom);
        self.area.move_cursor(CursorMove::End);
        self.area.insert_str(text);
        self.go_to(row, column);
        self.compare();
    }

    fn commit(&mut self) -> Reaction {
        if !self.changed {
            return Reaction::Stay;
        }
        Reaction::GoOver(Step::Draft(self.edited()))
    }

    fn leave(&self) -> Reaction {
        if !self.changed {
            let Edited { mapping, path, .. } = self.original.clone();
            return Reaction::Go(Step::Forget { mapping, path });
        }
        let path = safe(&self.original.path).into_owned();
        let Edited { mapping, path: raw, .. } = self.original.clone();
        let forget = Step::Forget { mapping, path: raw };
        let body = vec![(Role::Text, format!("  {path} was changed and not committed."))];
        let confirm = Question {
            accept: Some(Step::Keep(self.edited())),
            accept_label: "keep it for later (c commits)".to_owned(),
            decline_label: "go on editing".to_owned(),
            choices: vec![Choice { key: 'd', label: "throw it away".to_owned(), step: forget }],
            ..Question::new("Leave the editor?".to_owned(), body)
        };
        Reaction::Open(Popup::Confirm(Box::new(Confirm::new(confirm))))
    }

    /// A new line begins under the first letter of the one before.
    fn insert_line(&mut self) -> bool {
        let DataCursor(row, column) = self.area.cursor();
        let indent: String = self.area.lines().get(row).map_or_else(String::new, |line| {
            line.chars().take(column).take_while(|c| *c == ' ').collect()
        });
        self.area.insert_newline();
        self.area.insert_str(indent);
        true
    }

    fn move_lines(&mut self, by: isize) {
        let DataCursor(row, column) = self.area.cursor();
        let last = self.area.lines().len().saturating_sub(1);
        self.go_to(row.saturating_add_signed(by).min(last), column);
    }

    /// Moves the cursor. Beyond the lines that a jump can name it goes step by step.
    fn go_to(&mut self, row: usize, column: usize) {
        let row = row.min(self.area.lines().len().saturating_sub(1));
        let near = |number: usize| u16::try_from(number).unwrap_or(u16::MAX);
        let farthest = usize::from(u16::MAX);
        if row <= farthest {
            return self.area.move_cursor(CursorMove::Jump(near(row), near(column)));
        }
        if self.area.cursor().0.abs_diff(row) > row - farthest {
            self.area.move_cursor(CursorMove::Jump(u16::MAX, 0));
        }
        self.area.move_cursor(CursorMove::Head);
        for _ in self.area.cursor().0..row {
            self.area.move_cursor(CursorMove::Down);
        }
        for _ in row..self.area.cursor().0 {
            self.area.move_cursor(CursorMove::Up);
        }
        let letters = self.area.lines().get(row).map_or(0, |line| line.chars().count());
        for _ in 0..column.min(letters).min(KEPT_COLUMNS) {
            self.area.move_cursor(CursorMove::Forward);
        }
    }

    fn search_key(&mut self, key: KeyEvent) {
        let Some(field) = &mut self.search else { return };
        match key.code {
            KeyCode::Esc => self.search = None,
            KeyCode::Enter | KeyCode::Down => {
                self.area.search_forward(false);
                if key.code == KeyCode::Enter {
                    self.search = None;
                }
            }
            KeyCode::Up => {
                self.area.search_back(false);
            }
            _ => {
                if field.key(key) {
                    // Letters are searched as they are; escaped, every pattern is valid.
                    let _ = self.area.set_search_pattern(escaped(field.text()));
                    self.area.search_forward(true);
                }
            }
        }
    }

    /// Inserts pasted text as it is; line ends become those of the file.
    pub fn paste(&mut self, text: &str) {
        if let Some(field) = &mut self.search {
            return field.paste(text);
        }
        self.area.insert_str(text.replace("\r\n", "\n").replace('\r', "\n"));
        self.compare();
    }

    /// Scrolls so that the cursor is visible.
    pub fn fit(&mut self, screen: Rect) {
        let inner = Frame::inner(place(screen));
        self.page = (inner.height as usize).saturating_sub(1).max(1);
        let DataCursor(row, column) = self.area.cursor();
        self.top = follow(self.top, row, self.area.lines().len(), self.page);
        let width = (inner.width as usize).saturating_sub(self.number_width() + 1).max(1);
        let before: String = self
            .area
            .lines()
            .get(row)
            .map_or_else(String::new, |line| line.chars().take(column).collect());
        let at = cells(&safe(&before));
        if at < self.left {
            self.left = at;
        } else if at + 1 > self.left + width {
            self.left = at + 1 - width;
        }
    }

    fn number_width(&self) -> usize {
        self.area.lines().len().to_string().len().max(3)
    }

    /// Paints the editor over the whole screen.
    pub fn view(&self, buffer: &mut Buffer, screen: Rect, look: &Look) {
        let mut title = vec![look.span(Role::TitleFocus, safe(&self.original.path).into_owned())];
        if self.changed {
            title.push(look.span(Role::Drift, "  changed"));
        }
        let DataCursor(row_at, column_at) = self.area.cursor();
        let position = format!("line {} column {}", row_at + 1, column_at + 1);
        let frame = Frame {
            title: Line::from(title),
            corner: Line::from(look.span(Role::Muted, position)),
            scroll: (self.top, self.area.lines().len(), self.page),
            ..Frame::default()
        };
        let inner = paint_frame(buffer, place(screen), look, frame);
        for index in 0..self.page.min(inner.height as usize) {
            self.view_line(buffer, row(inner, index), self.top + index, look);
        }
        let foot = row(inner, inner.height.saturating_sub(1) as usize);
        let Some(field) = &self.search else {
            let commit = if self.changed { "commit" } else { "nothing to commit" };
            let hints = [
                ("Ctrl-S", commit),
                ("Ctrl-Z/Y", "undo, redo"),
                ("Ctrl-F", "search"),
                ("Ctrl-O", "$EDITOR"),
                ("Esc", "leave"),
            ];
            let place = Rect { x: foot.x + 1, width: foot.width.saturating_sub(1), ..foot };
            buffer.set_line(place.x, place.y, &keys(look, &hints), place.width);
            return;
        };
        buffer.set_stringn(foot.x, foot.y, " search ", foot.width as usize, look.theme[Role::Key]);
        let place = Rect { x: foot.x + 8, width: foot.width.saturating_sub(9).min(50), ..foot };
        field.paint(buffer, place, look);
    }

    fn view_line(&self, buffer: &mut Buffer, place: Rect, index: usize, look: &Look) {
        let Some(line) = self.area.lines().get(index) else { return };
        let digits = self.number_width();
        let DataCursor(row, column) = self.area.cursor();
        let number = format!("{:>digits$} ", index + 1);
        let role = if index == row { Role::Strong } else { Role::Muted };
        buffer.set_stringn(place.x, place.y, number, place.width as usize, look.theme[role]);
        let x = place.x + (digits as u16 + 1).min(place.width);
        let room = place.right().saturating_sub(x) as usize;
        let mut at = 0;
        let mut paint = |text: &str, style| {
            for grapheme in unicode_segmentation::UnicodeSegmentation::graphemes(text, true) {
                let wide = cells(grapheme);
                if at >= self.left && at + wide <= self.left + room {
                    let x = x + (at - self.left) as u16;
                    buffer.set_stringn(x, place.y, grapheme, wide, style);
                }
                at += wide;
            }
        };
        for (role, part) in highlight(line) {
            paint(&safe(part), look.theme[role]);
        }
        self.mark_matches(buffer, Rect { x, width: room as u16, ..place }, line, look);
        if index == row && self.search.is_none() {
            let before: String = line.chars().take(column).collect();
            let at = cells(&safe(&before));
            if at >= self.left && at < self.left + room {
                let x = x + (at - self.left) as u16;
                if let Some(cell) = buffer.cell_mut((x, place.y)) {
                    cell.modifier.insert(Modifier::REVERSED);
                }
            }
        }
    }

    fn mark_matches(&self, buffer: &mut Buffer, place: Rect, line: &str, look: &Look) {
        let Some(pattern) = self.area.search_pattern() else { return };
        for found in pattern.find_iter(line) {
            let start = cells(&safe(&line[..found.start()]));
            let end = start + cells(&safe(found.as_str()));
            for at in start.max(self.left)..end.min(self.left + place.width as usize) {
                let x = place.x + (at - self.left) as u16;
                if let Some(cell) = buffer.cell_mut((x, place.y)) {
                    cell.set_style(look.theme[Role::Match]);
                }
            }
        }
    }
}

/// The editor leaves only the header free.
fn place(screen: Rect) -> Rect {
    if screen.height < 4 {
        return screen;
    }
    Rect { y: screen.y + 1, height: screen.height - 2, ..screen }
}

/// Letters that mean something in a pattern, taken as letters.
fn escaped(text: &str) -> String {
    let mut out = String::with_capacity(text.len() * 2);
    for c in text.chars() {
        if c.is_ascii_punctuation() {
            out.push('\\');
        }
        out.push(c);
    }
    out
}

#[cfg(test)]
mod tests {
    use super::Editor;
    use crate::tui::flows::{Edited, Step};
    use crate::tui::popups::Reaction;
    use crossterm::event::{KeyCode, KeyEvent, KeyModifiers};

    fn editor(content: &str) -> Editor {
        let original = Edited {
            mapping: "cart".into(),
            base: None,
            path: "cart.yaml".into(),
            content: content.into(),
        };
        Editor::new(original, None)
    }

    fn press(editor: &mut Editor, code: KeyCode) -> Reaction {
        editor.key(KeyEvent::new(code, KeyModifiers::NONE))
    }

    fn control(editor: &mut Editor, c: char) -> Reaction {
        editor.key(KeyEvent::new(KeyCode::Char(c), KeyModifiers::CONTROL))
    }

    #[test]
    fn what_comes_from_outside_is_one_step_and_keeps_line_ends() {
        for (before, outside, after) in [
            ("a: 1\nb: 2\n", "a: 1\nb: 3\nc: 4\n", "a: 1\nb: 3\nc: 4\n"),
            ("a: 1\r\nb: 2\r\n", "a: 1\r\nb: 3\r\n", "a: 1\r\nb: 3\r\n"),
            ("a: 1\nb: 2\n", "", ""),
        ] {
            let mut editor = editor(before);
            press(&mut editor, KeyCode::Down);
            assert!(matches!(control(&mut editor, 'o'), Reaction::Run(_)));
            editor.take(outside);
            assert_eq!(editor.content(), after);
            while editor.content() != before && editor.area.undo() {}
            assert_eq!(editor.content(), before);
        }
    }

    #[test]
    fn what_comes_from_outside_leaves_the_cursor_far_down() {
        let text = "a: 1\n".repeat(100_000);
        let mut editor = editor(&text);
        editor.go_to(99_000, 2);
        let outside = text.replacen("a: 1", "a: 2", 1);
        editor.take(&outside);
        assert!(editor.content() == outside);
        assert_eq!(editor.area.cursor(), tui_textarea::DataCursor(99_000, 2));
        assert!(editor.changed);
        editor.take(&text);
        assert!(!editor.changed);
        editor.go_to(200_000, 9);
        assert_eq!(editor.area.cursor(), tui_textarea::DataCursor(100_000, 0));
    }

    #[test]
    fn what_is_not_touched_stays_byte_for_byte() {
        for content in ["a: 1\r\nb: 2\r\n", "a: 1\nb: 2", "a: 1\r\nb: 2\n", "", "\n\n", "\ta"] {
            assert_eq!(editor(content).content(), content);
        }
        let mut editor = editor("a: 1\r\nb: 2\r\n");
        press(&mut editor, KeyCode::Char('#'));
        assert_eq!(editor.content(), "#a: 1\r\nb: 2\r\n");
    }

    #[test]
    fn undo_and_redo() {
        let mut editor = editor("a");
        press(&mut editor, KeyCode::Char('x'));
        control(&mut editor, 'z');
        assert_eq!(editor.content(), "a");
        control(&mut editor, 'y');
        assert_eq!(editor.content(), "xa");
    }

    #[test]
    fn only_a_change_goes_on_to_a_commit() {
        let mut editor = editor("a");
        assert!(matches!(control(&mut editor, 's'), Reaction::Stay));
        press(&mut editor, KeyCode::Char('x'));
        assert!(matches!(control(&mut editor, 's'), Reaction::GoOver(Step::Draft(_))));
    }

    #[test]
    fn leaving_asks_when_something_changed() {
        let mut editor = editor("a");
        assert!(matches!(press(&mut editor, KeyCode::Esc), Reaction::Go(Step::Forget { .. })));
        press(&mut editor, KeyCode::Char('x'));
        assert!(matches!(press(&mut editor, KeyCode::Esc), Reaction::Open(_)));
    }

    #[test]
    fn search_takes_letters_as_they_are() {
        let mut editor = editor("axb\na.b\n");
        control(&mut editor, 'f');
        for c in "a.b".chars() {
            press(&mut editor, KeyCode::Char(c));
        }
        assert_eq!(editor.area.cursor(), tui_textarea::DataCursor(1, 0));
    }
}
