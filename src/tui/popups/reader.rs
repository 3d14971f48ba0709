//! A text to read: a commit with its patch, everything known of a selection, an error in full.

use crate::domain::repository::Signature;
use crate::domain::{Belief, Commit, CommitDetails, Revision, Verdict};
use crate::engine::{Command, Wish};
use crate::tui::action::{Action, Motion, Pane};
use crate::tui::effect::{Effect, Purpose};
use crate::tui::flows::Step;
use crate::tui::keymap::Keymap;
use crate::tui::look::Look;
use crate::tui::popups::{Reaction, keys, paint_frame, place};
use crate::tui::style::Role;
use crate::tui::widgets::area::{padded, row};
use crate::tui::widgets::frame::Frame;
use crate::tui::widgets::text::{cells, safe, wrap_hanging};
use crossterm::event::{KeyCode, KeyEvent};
use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::text::Line;

/// State of the reader.
#[derive(Debug)]
pub struct Reader {
    title: String,
    lines: Vec<(Role, String)>,
    /// The lines for a width: (role, text).
    wrapped: Vec<(Role, String)>,
    width: usize,
    offset: usize,
    page: usize,
    /// The mapping that it describes.
    pub mapping: Option<String>,
    /// The command line that prints the same.
    pub command_line: Option<String>,
    /// What `R` undoes.
    undo: Option<(Box<Commit>, Box<Wish>)>,
    /// The two forms of a commit's diff, between which `r` goes back and forth.
    forms: Option<Forms>,
}

/// A diff of files, and of the objects that they make.
#[derive(Debug)]
struct Forms {
    repository: Option<String>,
    revision: Revision,
    /// Lines above the diff.
    head: usize,
    files: Vec<(Role, String)>,
    objects: Objects,
    is_rendered: bool,
}

/// What is known of the objects.
#[derive(Debug, PartialEq)]
enum Objects {
    Unasked,
    Asked,
    Known(Vec<(Role, String)>),
}

impl Reader {
    /// Sentences, each with its meaning. They may be foreign text.
    pub fn sentences(title: String, sentences: &[(Role, String)]) -> Self {
        let (lines, wrapped) = (lines(sentences), Vec::new());
        let (mapping, command_line, undo, forms) = (None, None, None, None);
        let (width, offset, page) = (0, 0, 1);
        Self { title, lines, wrapped, width, offset, page, mapping, command_line, undo, forms }
    }

    /// The same text, with the command line that prints it.
    #[must_use]
    pub fn with_command_line(self, line: String) -> Self {
        Self { command_line: Some(line), ..self }
    }

    /// The same text, as the description of a mapping.
    #[must_use]
    pub fn of_mapping(self, name: String) -> Self {
        Self { mapping: Some(name), ..self }
    }

    /// Another text in the same place.
    pub fn renew(&mut self, sentences: &[(Role, String)]) {
        self.lines = lines(sentences);
        self.wrapped.clear();
    }

    /// A commit of a repository with its message, files and patch, what git says of its signature, and what undoing it
    /// means.
    pub fn commit(
        details: &CommitDetails,
        verdict: Option<&Verdict>,
        repository: Option<String>,
        undo: Option<Wish>,
    ) -> Self {
        let commit = &details.commit;
        let mut sentences = vec![
            (Role::Strong, format!("commit {}", commit.revision)),
            (Role::Muted, format!("author {} <{}>", commit.author, commit.email)),
        ];
        sentences.extend(
            commit
                .committer
                .as_ref()
                .map(|who| (Role::Muted, format!("committer {} <{}>", who.name, who.email))),
        );
        sentences.extend([(
            Role::Muted,
            format!("date   {}", commit.time.strftime("%Y-%m-%d %H:%M:%S UTC")),
        )]);
        sentences.extend(signature(commit, verdict));
        sentences.push((Role::Muted, String::from(" ")));
        sentences.extend(commit.message.lines().map(|line| (Role::Text, format!("    {line}"))));
        sentences.push((Role::Muted, String::from(" ")));
        for file in &details.files {
            let counts = format!("+{} -{}", file.added, file.removed);
            sentences.push((Role::Text, format!("{counts:>10}  {}", file.path)));
        }
        sentences.push((Role::Muted, String::from(" ")));
        let head = lines(&sentences).len();
        sentences.extend(patch(&details.patch));
        if details.truncated {
            sentences.push((Role::Drift, "The patch is longer; the rest was left out.".to_owned()));
        }
        let files = lines(&sentences).split_off(head);
        let forms = Forms {
            repository,
            revision: commit.revision.clone(),
            head,
            files,
            objects: Objects::Unasked,
            is_rendered: false,
        };
        let revision = commit.revision.short().to_owned();
        let line = Command::Show { repository: None, revision: revision.clone() }.line();
        let title = format!("{revision} {}", commit.title());
        let undo = undo.map(|wish| (Box::new(commit.clone()), Box::new(wish)));
        let forms = Some(forms);
        Self { command_line: Some(line), undo, forms, ..Self::sentences(title, &sentences) }
    }

    /// What the commit makes of objects arrived; it is shown, as it was asked for. Why it did not arrive is shown as well,
    /// and asked for anew the next time.
    pub fn rendered(&mut self, revision: &Revision, sentences: &[(Role, String)], is_known: bool) {
        if let Some(forms) = self.forms.as_mut().filter(|forms| forms.revision == *revision)
            && forms.objects == Objects::Asked
        {
            forms.objects = Objects::Known(lines(sentences));
            self.turn();
            if let Some(forms) = self.forms.as_mut().filter(|_| !is_known) {
                forms.objects = Objects::Unasked;
            }
        }
    }

    /// Shows the other form of the diff; asks for it where it is not known.
    fn turn(&mut self) -> Option<Effect> {
        let forms = self.forms.as_mut()?;
        let (revision, short) = (forms.revision.to_string(), forms.revision.short().to_owned());
        let repository = forms.repository.clone();
        let command =
            |revision| Command::RenderCommit { repository, revision, mappings: Vec::new() };
        let shown = match (&forms.objects, forms.is_rendered) {
            (Objects::Known(objects), false) => objects,
            (_, true) => &forms.files,
            (Objects::Asked, false) => return None,
            (Objects::Unasked, false) => {
                forms.objects = Objects::Asked;
                let purpose = Purpose::Rendered { revision: forms.revision.clone() };
                return Some(Effect::Run(command(revision), purpose));
            }
        };
        self.lines.truncate(forms.head);
        self.lines.extend(shown.iter().cloned());
        forms.is_rendered = !forms.is_rendered;
        self.command_line = Some(if forms.is_rendered {
            command(short).line()
        } else {
            Command::Show { repository: None, revision: short }.line()
        });
        self.wrapped.clear();
        // The diff comes into sight, not the message above it.
        self.offset = self.offset.min(forms.head);
        None
    }

    /// Scrolls, copies, or closes.
    pub fn key(&mut self, key: KeyEvent) -> Reaction {
        match key.code {
            KeyCode::Char('q') | KeyCode::Esc | KeyCode::Enter => return Reaction::Close,
            KeyCode::Char('R') => {
                if let Some((commit, wish)) = self.undo.take() {
                    return Reaction::Go(Step::Undo { commit, wish });
                }
            }
            KeyCode::Char('r') => return Reaction::Run(self.turn().into_iter().collect()),
            KeyCode::Char('y') => {
                let copy = self.command_line.clone().map(Effect::Copy);
                return Reaction::Run(copy.into_iter().collect());
            }
            _ => {}
        }
        if let Some(Action::Move(motion)) = Keymap::default().action(Pane::Diff, key) {
            self.scroll(motion);
        }
        Reaction::Stay
    }

    fn scroll(&mut self, motion: Motion) {
        let last = self.wrapped.len().saturating_sub(self.page) + 1;
        self.offset = motion.apply(self.offset, last, self.page);
    }

    /// Wraps the text and computes what is visible.
    pub fn fit(&mut self, screen: Rect) {
        let width = (area_width(screen)).saturating_sub(4) as usize;
        if self.width != width || self.wrapped.is_empty() {
            self.width = width;
            self.wrapped = Vec::new();
            for (role, line) in &self.lines {
                if cells(line) <= width {
                    self.wrapped.push((*role, line.clone()));
                } else {
                    self.wrapped
                        .extend(wrap_hanging(line, width).into_iter().map(|line| (*role, line)));
                }
            }
        }
        self.page = Frame::inner(self.area(screen)).height as usize;
        self.offset = self.offset.min(self.wrapped.len().saturating_sub(self.page));
    }

    fn area(&self, screen: Rect) -> Rect {
        place(screen, area_width(screen), self.wrapped.len() as u16 + 2)
    }

    /// Paints the text.
    pub fn view(&self, buffer: &mut Buffer, screen: Rect, look: &Look) {
        let mut hints = vec![("j k", "scroll")];
        if self.command_line.is_some() {
            hints.push(("y", "copy command"));
        }
        if let Some(forms) = &self.forms {
            hints.push(match (&forms.objects, forms.is_rendered) {
                (Objects::Asked, _) => ("r", "rendering"),
                (_, true) => ("r", "files"),
                (_, false) => ("r", "rendered"),
            });
        }
        if self.undo.is_some() {
            hints.push(("R", "revert"));
        }
        hints.push(("Esc", "close"));
        let frame = Frame {
            title: Line::from(look.span(Role::TitleFocus, safe(&self.title).into_owned())),
            foot: keys(look, &hints),
            scroll: (self.offset, self.wrapped.len(), self.page),
            ..Frame::default()
        };
        let inner = padded(paint_frame(buffer, self.area(screen), look, frame));
        for (index, (role, line)) in
            self.wrapped.iter().skip(self.offset).take(inner.height as usize).enumerate()
        {
            let place = row(inner, index);
            buffer.set_stringn(place.x, place.y, line, place.width as usize, look.theme[*role]);
        }
    }
}

fn lines(sentences: &[(Role, String)]) -> Vec<(Role, String)> {
    let safe_line = |role: Role| move |line: &str| (role, safe(line).into_owned());
    sentences.iter().flat_map(|(role, text)| text.lines().map(safe_line(*role))).collect()
}

/// What is known of the signature of a commit, where it has one.
fn signature(commit: &Commit, verdict: Option<&Verdict>) -> Option<(Role, String)> {
    if commit.signature == Signature::None {
        return None;
    }
    let role = match verdict.map(|verdict| verdict.state) {
        Some(Belief::Verified) => Role::Good,
        Some(Belief::Untrusted) => Role::Drift,
        Some(Belief::Bad) => Role::Bad,
        None | Some(Belief::Unchecked) => Role::Muted,
    };
    let said = verdict.map_or_else(|| "not checked".to_owned(), Verdict::sentence);
    Some((role, format!("signature: {said}")))
}

fn area_width(screen: Rect) -> u16 {
    screen.width.saturating_sub(4).min(110)
}

/// The lines of a unified diff with their meanings.
pub fn patch(text: &str) -> Vec<(Role, String)> {
    text.lines()
        .map(|line| {
            let role = match line.as_bytes() {
                [b'+', b'+', b'+', ..] | [b'-', b'-', b'-', ..] => Role::Muted,
                [b'+', ..] => Role::Added,
                [b'-', ..] => Role::Removed,
                [b'@', b'@', ..] => Role::Busy,
                [b'd', b'i', b'f', b'f', ..] => Role::Strong,
                _ => Role::Text,
            };
            // An empty line is a line, too.
            (role, if line.is_empty() { " ".to_owned() } else { line.to_owned() })
        })
        .collect()
}
