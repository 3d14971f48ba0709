//! Pane 3: the log of the selected repository or mapping.

use crate::domain::repository::Signature;
use crate::domain::{Belief, Commit, SyncState, Verdict};
use crate::engine::store::Log;
use crate::engine::{Store, Subject};
use crate::tui::action::{Motion, Pane};
use crate::tui::look::Look;
use crate::tui::panes::{Rows, Scene, Titles, paint_empty, paint_frame};
use crate::tui::style::Role;
use crate::tui::widgets::table::{Column, Emphasis, cells_area, emphasise, paint_cells, widths};
use crate::tui::widgets::text::{cells, safe};
use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::text::Line;

/// What the pane remembers.
#[derive(Debug, Clone, Default)]
pub struct State {
    /// Rows, newest first.
    pub rows: Rows,
    /// Revision of the selected commit.
    pub selected: Option<String>,
    /// Whose log it is.
    pub subject: Option<Subject>,
    /// The commit at which a range begins or ends; the other end is under the cursor.
    pub mark: Option<String>,
}

impl State {
    /// Takes over what the store knows now; the selection stays with its commit, or at the newest one.
    pub fn refresh(&mut self, store: &Store, subject: Option<Subject>) {
        if self.subject != subject {
            self.subject = subject;
            self.selected = None;
            self.mark = None;
            self.rows.selected = 0;
            self.rows.offset = 0;
        }
        let log = self.log(store);
        let passing = log.commits.iter().enumerate().filter(|(_, commit)| {
            self.rows.passes(&[commit.revision.as_str(), &commit.author, commit.title()])
        });
        let visible: Vec<usize> = passing.map(|(index, _)| index).collect();
        let at_newest = self.rows.selected == 0;
        let position = self.selected.as_ref().and_then(|revision| {
            visible.iter().position(|index| log.commits[*index].revision.as_str() == revision)
        });
        self.rows.visible = visible;
        if !at_newest {
            self.rows.selected = position.unwrap_or(0);
        }
        self.remember(store);
    }

    /// Moves the selection.
    pub fn step(&mut self, motion: Motion, store: &Store) {
        self.rows.selected =
            motion.apply(self.rows.selected, self.rows.visible.len(), self.rows.page);
        self.remember(store);
    }

    /// Selects the row at a line of the pane.
    pub fn click(&mut self, line: usize, store: &Store) {
        self.rows.selected =
            (self.rows.offset + line).min(self.rows.visible.len().saturating_sub(1));
        self.remember(store);
    }

    /// The selected commit.
    pub fn commit<'a>(&self, store: &'a Store) -> Option<&'a Commit> {
        self.rows.current().and_then(|index| self.log(store).commits.get(index))
    }

    /// Marks the selected commit as one end of a range, or takes the mark away.
    pub fn mark(&mut self) {
        self.mark = if self.mark.is_some() { None } else { self.selected.clone() };
    }

    /// The marked range by its place in the log, the newest first; nothing where no commit is marked.
    fn range(&self, store: &Store) -> Option<(usize, usize)> {
        let (mark, cursor) = (self.mark.as_ref()?, self.rows.current()?);
        let commits = &self.log(store).commits;
        let mark = commits.iter().position(|commit| commit.revision.as_str() == mark)?;
        Some((mark.min(cursor), mark.max(cursor)))
    }

    /// The newest and the oldest commit of the marked range, where it has more than one.
    pub fn ends<'a>(&self, store: &'a Store) -> Option<[&'a Commit; 2]> {
        let (newest, oldest) = self.range(store).filter(|(newest, oldest)| newest != oldest)?;
        let commits = &self.log(store).commits;
        Some([commits.get(newest)?, commits.get(oldest)?])
    }

    /// Whether the end of what is loaded is near, and there is more.
    pub fn wants_more(&self, store: &Store) -> bool {
        let log = self.log(store);
        log.more && self.rows.selected + 2 * self.rows.page.max(1) >= self.rows.visible.len()
    }

    fn remember(&mut self, store: &Store) {
        self.selected = self.commit(store).map(|commit| commit.revision.as_str().to_owned());
    }

    fn log<'a>(&self, store: &'a Store) -> &'a Log {
        static NONE: Log = Log { commits: Vec::new(), more: false, loaded: false };
        self.subject.as_ref().and_then(|subject| store.log(subject)).unwrap_or(&NONE)
    }
}

/// Paints the pane.
pub fn view(buffer: &mut Buffer, area: Rect, scene: &Scene) {
    let Scene { ui, store, look } = *scene;
    let state = &ui.commits;
    let log = state.log(store);
    let more = if log.more { "+" } else { "" };
    let mut corner =
        if log.loaded { format!("{}{more}", log.commits.len()) } else { String::new() };
    let range = state.range(store);
    if let Some((newest, oldest)) = range {
        corner = format!("{} marked", oldest - newest + 1);
    }
    let titles = Titles {
        subject: state.subject.as_ref().map(|s| s.name().to_owned()).unwrap_or_default(),
        corner: Line::from(look.span(Role::Muted, corner)),
        scroll: state.rows.scroll(),
    };
    let inner = paint_frame(buffer, area, scene, Pane::Commits, titles);
    if let Some(text) = why_empty(state, log, look) {
        paint_empty(buffer, inner, look, &[(Role::Muted, text)]);
        return;
    }
    let widths = widths(&COLUMNS, cells_area(inner, 0).width as usize);
    let rows = state.rows.visible.iter().skip(state.rows.offset).take(inner.height as usize);
    let deployed = deployed(state, log, scene);
    for (line, index) in rows.enumerate() {
        let commit = &log.commits[*index];
        let marked = range.is_some_and(|(newest, oldest)| (newest..=oldest).contains(index));
        let sign = sign(commit, marked, deployed == Some(*index), look);
        let seal = seal(commit, store.verdicts.get(&commit.revision), look);
        let cells = cells_of(commit, sign, seal, widths[2], look);
        paint_cells(buffer, cells_area(inner, line), cells, &widths, look);
        let selected = state.rows.offset + line == state.rows.selected;
        let emphasis = Emphasis::of(selected, ui.focus == Pane::Commits);
        emphasise(buffer, inner, line, emphasis, look);
    }
}

/// The title is worth more than the author: it grows first.
const COLUMNS: [Column; 4] = [
    Column { title: "REVISION", least: 9, ideal: 9, rank: 0 },
    Column { title: "AGE", least: 3, ideal: 3, rank: 2 },
    Column { title: "AUTHOR", least: 3, ideal: 12, rank: 5 },
    Column { title: "TITLE", least: 8, ideal: 48, rank: 4 },
];

fn why_empty(state: &State, log: &Log, look: &Look) -> Option<String> {
    if !state.rows.visible.is_empty() {
        return None;
    }
    Some(match &state.subject {
        None => "Select a repository or a mapping.".to_owned(),
        Some(_) if !log.loaded => format!("loading{}", look.glyphs.dots),
        Some(_) if !log.commits.is_empty() => {
            "No loaded commit matches the filter. Esc clears it.".to_owned()
        }
        Some(Subject::Mapping(_)) => "No commit touches this path.".to_owned(),
        Some(Subject::Repository(_)) => "The branch has no commits.".to_owned(),
    })
}

/// The newest commit that runs: the synced one or, where that one left the path alone, the newest below it in the log of
/// the mapping, which as many commits lead as the mapping is behind.
fn deployed(state: &State, log: &Log, scene: &Scene) -> Option<usize> {
    let status = &scene.ui.selected_mapping(scene.store)?.status;
    let synced = status.synced_revision.as_ref()?;
    if let Some(index) = log.commits.iter().position(|commit| commit.revision == *synced) {
        return Some(index);
    }
    let known = !matches!(status.sync, SyncState::Error | SyncState::Unknown);
    let of_mapping = matches!(state.subject, Some(Subject::Mapping(_)));
    let waiting = log.commits.iter().take_while(|commit| commit.pending).count();
    (known && of_mapping).then_some(waiting + status.behind)
}

/// An author in the cells that are left: the name, else its initials, else how it begins.
fn author(name: &str, room: usize) -> String {
    if room >= 8 || cells(name) <= room {
        return name.to_owned();
    }
    let initials: String =
        name.split_whitespace().filter_map(|word| word.chars().next()).take(2).collect();
    if initials.chars().count() > 1 { initials } else { name.chars().take(room).collect() }
}

/// The sign before a commit: part of a range, in the outbox, or what runs.
fn sign(commit: &Commit, marked: bool, deployed: bool, look: &Look) -> (&'static str, Role) {
    if marked {
        (look.glyphs.mark, Role::Marked)
    } else if commit.pending {
        ("^", Role::Behind)
    } else if deployed {
        (look.glyphs.good, Role::Good)
    } else {
        (" ", Role::Muted)
    }
}

fn cells_of(
    commit: &Commit,
    (sign, role): (&str, Role),
    seal: Option<(Role, String)>,
    room: usize,
    look: &Look,
) -> Vec<Line<'static>> {
    let revision = vec![
        look.span(role, format!("{sign} ")),
        look.span(Role::Text, commit.revision.short().to_owned()),
    ];
    let role = if commit.by_gitdeck { Role::Busy } else { Role::Muted };
    let author = look.span(role, author(&safe(&commit.author), room));
    vec![
        Line::from(revision),
        Line::from(look.span(Role::Muted, format!("{:>3}", look.age(commit.time)))),
        Line::from(author),
        title(commit, seal, look),
    ]
}

/// What stands for the signature of a commit: never green before git said so, and in words where it is false.
fn seal(commit: &Commit, verdict: Option<&Verdict>, look: &Look) -> Option<(Role, String)> {
    if commit.signature == Signature::None {
        return None;
    }
    let glyphs = look.glyphs;
    let (role, glyph) = match verdict.map(|verdict| verdict.state) {
        None | Some(Belief::Unchecked) => (Role::Muted, glyphs.sealed),
        Some(Belief::Verified) => (Role::Good, glyphs.signed),
        Some(Belief::Untrusted) => (Role::Drift, glyphs.stranger),
        Some(Belief::Bad) => {
            return Some((Role::Bad, format!("{} {}", glyphs.bad, Belief::Bad.word())));
        }
    };
    Some((role, glyph.to_owned()))
}

fn title(commit: &Commit, seal: Option<(Role, String)>, look: &Look) -> Line<'static> {
    let mut spans = Vec::new();
    spans.extend(seal.map(|(role, seal)| look.span(role, format!("{seal} "))));
    spans.push(look.span(Role::Text, safe(commit.title()).into_owned()));
    Line::from(spans)
}

#[cfg(test)]
mod tests {
    use super::author;

    #[test]
    fn a_long_name_becomes_its_initials() {
        assert_eq!(author("Ana Torres", 12), "Ana Torres");
        assert_eq!(author("Ana Torres", 4), "AT");
        assert_eq!(author("ana", 4), "ana");
        assert_eq!(author("release.bot", 2), "re");
    }
}
