//! A question before something is written or lost, with what has to be typed first.

use crate::engine::Command;
use crate::tui::action::{Action, Motion, Pane};
use crate::tui::effect::Effect;
use crate::tui::flows::Step;
use crate::tui::keymap::Keymap;
use crate::tui::look::Look;
use crate::tui::popups::{Reaction, keys, paint_frame, place};
use crate::tui::style::Role;
use crate::tui::widgets::area::{padded, row, split_top};
use crate::tui::widgets::field::Field;
use crate::tui::widgets::frame::Frame;
use crate::tui::widgets::text::{cells, clip, safe, wrap_hanging};
use crossterm::event::{KeyCode, KeyEvent, KeyModifiers};
use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::text::Line;

/// Widest question.
const WIDTH: u16 = 92;

/// Something that has to be typed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Challenge {
    /// What is asked for.
    pub ask: String,
    /// What has to be typed.
    pub expect: String,
}

/// Another answer than yes and no.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Choice {
    /// Its key.
    pub key: char,
    /// What it does.
    pub label: String,
    /// What goes on with it.
    pub step: Step,
}

/// A question with its answers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Question {
    /// The question in short.
    pub title: String,
    /// What there is to know, line by line.
    pub body: Vec<(Role, String)>,
    /// What has to be typed, one after the other.
    pub challenges: Vec<Challenge>,
    /// Other answers.
    pub choices: Vec<Choice>,
    /// What yes does; nothing where yes is not possible.
    pub accept: Option<Step>,
    /// What yes is called.
    pub accept_label: String,
    /// What no is called.
    pub decline_label: String,
    /// Whether yes writes: such a question takes no key before it was painted.
    pub writes: bool,
    /// Whether `y` copies the command line instead of meaning yes.
    pub copies: bool,
}

impl Question {
    /// A question without a yes.
    pub fn new(title: String, body: Vec<(Role, String)>) -> Self {
        Self {
            title,
            body,
            challenges: Vec::new(),
            choices: Vec::new(),
            accept: None,
            accept_label: "yes".to_owned(),
            decline_label: "cancel".to_owned(),
            writes: false,
            copies: false,
        }
    }
}

/// A question on the screen.
#[derive(Debug)]
pub struct Confirm {
    question: Question,
    field: Field,
    wrong: bool,
    lines: Vec<(Role, String)>,
    offset: usize,
    page: usize,
    painted: bool,
}

impl Confirm {
    /// Asks a question.
    pub fn new(question: Question) -> Self {
        Self {
            question,
            field: Field::default(),
            wrong: false,
            lines: Vec::new(),
            offset: 0,
            page: 1,
            painted: false,
        }
    }

    /// Answers, types, or scrolls.
    pub fn key(&mut self, key: KeyEvent) -> Reaction {
        if self.question.writes && !self.painted {
            return Reaction::Stay;
        }
        if key.code == KeyCode::Esc {
            return Reaction::Close;
        }
        if let Some(motion) = scroll_of(key) {
            self.scroll(motion);
            return Reaction::Stay;
        }
        if self.question.accept.is_some() && !self.question.challenges.is_empty() {
            return self.challenge_key(key);
        }
        match key.code {
            KeyCode::Char('y') if self.question.copies => {
                let copy = self.command_line().map(Effect::Copy);
                Reaction::Run(copy.into_iter().collect())
            }
            KeyCode::Enter | KeyCode::Char('y') => match &self.question.accept {
                Some(step) => Reaction::Go(step.clone()),
                None => Reaction::Stay,
            },
            KeyCode::Char('n' | 'q') => Reaction::Close,
            KeyCode::Char(c) => {
                let choice = self.question.choices.iter().find(|choice| choice.key == c);
                if let Some(choice) = choice {
                    return Reaction::Go(choice.step.clone());
                }
                if let Some(Action::Move(motion)) = Keymap::default().action(Pane::Diff, key) {
                    self.scroll(motion);
                }
                Reaction::Stay
            }
            _ => Reaction::Stay,
        }
    }

    fn challenge_key(&mut self, key: KeyEvent) -> Reaction {
        if key.code == KeyCode::Enter {
            let right = self
                .question
                .challenges
                .first()
                .is_some_and(|c| c.expect == self.field.text().trim());
            self.field = Field::default();
            self.wrong = !right;
            if right {
                self.question.challenges.remove(0);
            }
            if right && self.question.challenges.is_empty() {
                return self.question.accept.clone().map_or(Reaction::Close, Reaction::Go);
            }
            return Reaction::Stay;
        }
        // A letter alone is typed.
        let other = match (key.code, key.modifiers) {
            (KeyCode::Char(c), KeyModifiers::CONTROL) => Some(c),
            // What a terminal sends for Ctrl-I.
            (KeyCode::Tab, _) => Some('i'),
            _ => None,
        };
        if let Some(c) = other
            && let Some(at) = self.question.choices.iter().position(|choice| choice.key == c)
        {
            return self.choose(at);
        }
        if self.field.key(key) {
            self.wrong = false;
        }
        Reaction::Stay
    }

    /// Another answer, where something has to be typed: what writes changes places with yes, so that it is typed for, too.
    fn choose(&mut self, at: usize) -> Reaction {
        let Question { choices, accept, accept_label, .. } = &mut self.question;
        let choice = &mut choices[at];
        match (&choice.step, accept) {
            (Step::Run(_), Some(accept)) => {
                std::mem::swap(accept, &mut choice.step);
                std::mem::swap(accept_label, &mut choice.label);
                Reaction::Stay
            }
            (step, _) => Reaction::Go(step.clone()),
        }
    }

    /// Types pasted text where something has to be typed.
    pub fn paste(&mut self, text: &str) {
        if self.question.accept.is_some() && !self.question.challenges.is_empty() && self.painted {
            self.field.paste(text);
        }
    }

    fn scroll(&mut self, motion: Motion) {
        let last = self.lines.len().saturating_sub(self.page) + 1;
        self.offset = motion.apply(self.offset, last, self.page);
    }

    /// Whether `y` copies the command line now.
    pub fn copies(&self) -> bool {
        self.question.copies
            && self.question.accept.is_some()
            && self.question.challenges.is_empty()
    }

    /// The command lines of what yes sends.
    pub fn command_line(&self) -> Option<String> {
        let Some(Step::Run(effects)) = &self.question.accept else { return None };
        let lines = effects.iter().filter_map(|effect| match effect {
            Effect::Run(command, _) => Some(Command::line(command)),
            _ => None,
        });
        Some(lines.collect::<Vec<_>>().join(" && ")).filter(|line| !line.is_empty())
    }

    /// Wraps the lines and computes what is visible.
    pub fn fit(&mut self, screen: Rect) {
        let width = WIDTH.min(screen.width).saturating_sub(4) as usize;
        self.lines = Vec::new();
        for (role, text) in &self.question.body {
            self.lines.extend(wrap_hanging(text, width).into_iter().map(|line| (*role, line)));
        }
        while self.lines.last().is_some_and(|(_, line)| line.trim().is_empty()) {
            self.lines.pop();
        }
        self.page = self.parts(screen).0.height as usize;
        self.offset = self.offset.min(self.lines.len().saturating_sub(self.page));
        self.painted = true;
    }

    /// The area of the body and that of the answer.
    fn parts(&self, screen: Rect) -> (Rect, Rect) {
        let inner = padded(Frame::inner(self.area(screen)));
        split_top(inner, inner.height.saturating_sub(self.answer_height()))
    }

    fn answer_height(&self) -> u16 {
        if self.question.accept.is_some() && !self.question.challenges.is_empty() { 4 } else { 2 }
    }

    fn area(&self, screen: Rect) -> Rect {
        place(screen, WIDTH, self.lines.len() as u16 + self.answer_height() + 2)
    }

    /// Paints the question.
    pub fn view(&self, buffer: &mut Buffer, screen: Rect, look: &Look) {
        let scrolled = self.lines.len() > self.page;
        let frame = Frame {
            title: Line::from(look.span(Role::TitleFocus, safe(&self.question.title).into_owned())),
            foot: if scrolled { keys(look, &[("PgUp PgDn", "scroll")]) } else { Line::default() },
            scroll: (self.offset, self.lines.len(), self.page),
            ..Frame::default()
        };
        paint_frame(buffer, self.area(screen), look, frame);
        let (body, answer) = self.parts(screen);
        for (index, (role, line)) in
            self.lines.iter().skip(self.offset).take(body.height as usize).enumerate()
        {
            let place = row(body, index);
            buffer.set_stringn(place.x, place.y, line, place.width as usize, look.theme[*role]);
        }
        self.view_answer(buffer, answer, look);
    }

    fn view_answer(&self, buffer: &mut Buffer, area: Rect, look: &Look) {
        let mut answers: Vec<(String, &str)> = Vec::new();
        let challenge = self.question.challenges.first().filter(|_| self.question.accept.is_some());
        if let Some(challenge) = challenge {
            let ask = row(area, 1);
            let text = clip(&challenge.ask, ask.width as usize, look.glyphs.ellipsis);
            buffer.set_stringn(ask.x, ask.y, text, ask.width as usize, look.theme[Role::Strong]);
            let field = row(area, 2);
            let width = (cells(&challenge.expect) as u16 + 12).clamp(20, 60).min(field.width);
            self.field.paint(buffer, Rect { width, ..field }, look);
            if self.wrong {
                let room = field.width.saturating_sub(width + 2) as usize;
                let style = look.theme[Role::Bad];
                buffer.set_stringn(
                    field.x + width + 2,
                    field.y,
                    "that is something else",
                    room,
                    style,
                );
            }
            answers.push(("Enter".to_owned(), &self.question.accept_label));
        } else {
            if self.question.accept.is_some() {
                answers.push(("Enter".to_owned(), &self.question.accept_label));
            }
            answers.extend(
                self.question.choices.iter().map(|c| (c.key.to_string(), c.label.as_str())),
            );
        }
        answers.push(("Esc".to_owned(), &self.question.decline_label));
        let choices = self.question.choices.iter().filter(|_| challenge.is_some());
        answers
            .extend(choices.map(|c| (format!("Ctrl-{}", c.key.to_uppercase()), c.label.as_str())));
        let borrowed: Vec<(&str, &str)> = answers.iter().map(|(k, l)| (k.as_str(), *l)).collect();
        let place = row(area, area.height.saturating_sub(1) as usize);
        buffer.set_line(place.x, place.y, &keys(look, &borrowed), place.width);
    }
}

/// Keys that scroll also while one types.
fn scroll_of(key: KeyEvent) -> Option<Motion> {
    match key.code {
        KeyCode::PageUp => Some(Motion::PageUp),
        KeyCode::PageDown => Some(Motion::PageDown),
        KeyCode::Up => Some(Motion::Up),
        KeyCode::Down => Some(Motion::Down),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::{Challenge, Choice, Confirm, Question};
    use crate::tui::flows::Step;
    use crate::tui::popups::Reaction;
    use crossterm::event::{KeyCode, KeyEvent, KeyModifiers};
    use ratatui::layout::Rect;

    fn press(confirm: &mut Confirm, code: KeyCode) -> Reaction {
        confirm.key(KeyEvent::new(code, KeyModifiers::NONE))
    }

    fn question() -> Confirm {
        Confirm::new(Question {
            accept: Some(Step::Quit),
            writes: true,
            ..Question::new("Sure?".into(), vec![])
        })
    }

    #[test]
    fn a_question_that_was_not_seen_takes_no_key() {
        let mut confirm = question();
        assert!(matches!(press(&mut confirm, KeyCode::Enter), Reaction::Stay));
        confirm.fit(Rect::new(0, 0, 80, 24));
        assert!(matches!(press(&mut confirm, KeyCode::Enter), Reaction::Go(Step::Quit)));
    }

    #[test]
    fn what_has_to_be_typed_has_to_be_typed() {
        let mut confirm = question();
        confirm.question.challenges =
            vec![Challenge { ask: "Name:".into(), expect: "cart".into() }];
        confirm.fit(Rect::new(0, 0, 80, 24));
        assert!(matches!(press(&mut confirm, KeyCode::Enter), Reaction::Stay));
        for c in "cart".chars() {
            assert!(matches!(press(&mut confirm, KeyCode::Char(c)), Reaction::Stay));
        }
        assert!(matches!(press(&mut confirm, KeyCode::Enter), Reaction::Go(Step::Quit)));
    }

    #[test]
    fn another_answer_that_writes_is_typed_for_as_well() {
        let mut confirm = question();
        confirm.question.challenges = vec![Challenge { ask: "Name:".into(), expect: "c".into() }];
        let choice = |key, step| Choice { key, label: "other".into(), step };
        confirm.question.choices =
            vec![choice('c', Step::Run(Vec::new())), choice('i', Step::Plan(Vec::new()))];
        confirm.fit(Rect::new(0, 0, 80, 24));
        // What only looks goes on at once; a terminal sends Tab for Ctrl-I.
        assert!(matches!(press(&mut confirm, KeyCode::Tab), Reaction::Go(Step::Plan(_))));
        let key = KeyEvent::new(KeyCode::Char('c'), KeyModifiers::CONTROL);
        assert!(matches!(confirm.key(key), Reaction::Stay));
        assert!(matches!(press(&mut confirm, KeyCode::Enter), Reaction::Stay));
        assert!(matches!(press(&mut confirm, KeyCode::Char('c')), Reaction::Stay));
        assert!(matches!(press(&mut confirm, KeyCode::Enter), Reaction::Go(Step::Run(_))));
        // The first answer is there still.
        assert!(matches!(confirm.question.choices[0].step, Step::Quit));
    }

    #[test]
    fn without_a_yes_only_no_is_left() {
        let mut confirm = question();
        confirm.question.accept = None;
        confirm.fit(Rect::new(0, 0, 80, 24));
        assert!(matches!(press(&mut confirm, KeyCode::Enter), Reaction::Stay));
        assert!(matches!(press(&mut confirm, KeyCode::Esc), Reaction::Close));
    }
}
