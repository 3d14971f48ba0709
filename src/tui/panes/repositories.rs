//! Pane 1: repositories with their fetch state.

use crate::engine::Store;
use crate::engine::store::RepositoryView;
use crate::tui::action::{Motion, Pane};
use crate::tui::look::Look;
use crate::tui::panes::{Rows, Scene, Titles, paint_empty, paint_frame};
use crate::tui::style::Role;
use crate::tui::widgets::table::{Column, Emphasis, cells_area, emphasise, paint_cells, widths};
use crate::tui::widgets::text::{cells, safe};
use crate::tui::words::count;
use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::text::Line;

/// The position that stands for all repositories together.
const ALL: usize = usize::MAX;

/// What the pane remembers.
#[derive(Debug, Clone, Default)]
pub struct State {
    /// Rows; the first stands for all repositories.
    pub rows: Rows,
    /// Name of the selected repository; nothing for all of them.
    pub selected: Option<String>,
}

impl State {
    /// Takes over what the store knows now; the selection stays with its name.
    pub fn refresh(&mut self, store: &Store) {
        let named = store.repositories.iter().enumerate().filter(|(_, (name, view))| {
            self.rows.passes(&[name, &view.remote.url, &view.remote.branch])
        });
        let mut visible: Vec<usize> = named.map(|(index, _)| index).collect();
        if self.rows.filter.text().is_empty() && store.repositories.len() != 1 {
            visible.insert(0, ALL);
        }
        let wanted = self.selected.as_ref().and_then(|name| store.repositories.get_index_of(name));
        let wanted = wanted.unwrap_or(ALL);
        self.rows.selected = visible.iter().position(|index| *index == wanted).unwrap_or(0);
        self.rows.visible = visible;
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

    fn remember(&mut self, store: &Store) {
        self.selected = self
            .rows
            .current()
            .and_then(|index| store.repositories.get_index(index))
            .map(|(name, _)| name.clone());
    }
}

/// Paints the pane.
pub fn view(buffer: &mut Buffer, area: Rect, scene: &Scene) {
    let Scene { ui, store, look } = *scene;
    let state = &ui.repositories;
    let corner = count(store.repositories.len(), "repository");
    let titles = Titles {
        subject: String::new(),
        corner: Line::from(look.span(Role::Muted, corner)),
        scroll: state.rows.scroll(),
    };
    let inner = paint_frame(buffer, area, scene, Pane::Repositories, titles);
    if store.repositories.is_empty() {
        let text = "No repository is configured. `gitdeck repo add NAME URL` adds one.".to_owned();
        paint_empty(buffer, inner, look, &[(Role::Muted, text)]);
        return;
    }
    let room = cells_area(inner, 0).width as usize;
    let widths = widths(&columns(store), room);
    let rows = state.rows.visible.iter().skip(state.rows.offset).take(inner.height as usize);
    for (line, index) in rows.enumerate() {
        let place = cells_area(inner, line);
        match store.repositories.get_index(*index) {
            None => paint_cells(buffer, place, vec![all_line(store, look)], &[room], look),
            Some((name, repository)) if repository.state.error.is_some() => {
                let cells = vec![name_cell(name, repository, look), remark(repository, look)];
                paint_cells(buffer, place, cells, &[widths[0], room], look);
            }
            Some((name, repository)) => {
                paint_cells(buffer, place, cells_of(name, repository, look), &widths, look);
            }
        }
        let selected = state.rows.offset + line == state.rows.selected;
        let focused = ui.focus == Pane::Repositories;
        emphasise(buffer, inner, line, Emphasis::of(selected, focused), look);
    }
}

fn columns(store: &Store) -> [Column; 4] {
    let name = store.repositories.keys().map(|name| cells(name)).max().unwrap_or(0) + 2;
    let branch = store.repositories.values().map(|view| cells(&view.remote.branch)).max();
    let branch = branch.unwrap_or(0);
    [
        Column { title: "NAME", least: name.min(12), ideal: name.clamp(8, 26), rank: 0 },
        Column { title: "BRANCH", least: branch.min(6), ideal: branch.min(14), rank: 2 },
        Column { title: "AGE", least: 4, ideal: 4, rank: 1 },
        Column { title: "", least: 6, ideal: 60, rank: 3 },
    ]
}

fn all_line(store: &Store, look: &Look) -> Line<'static> {
    let mappings = count(store.mappings.len(), "mapping");
    Line::from(vec![look.span(Role::Text, "  all  "), look.span(Role::Muted, mappings)])
}

fn name_cell(name: &str, repository: &RepositoryView, look: &Look) -> Line<'static> {
    let state = &repository.state;
    let (glyph, role) = if state.error.is_some() {
        (look.glyphs.bad, Role::Bad)
    } else if state.rewritten_from.is_some() {
        (look.glyphs.drift, Role::Drift)
    } else if state.fetched_at.is_some() {
        (look.glyphs.good, Role::Good)
    } else {
        (look.glyphs.unknown, Role::Unknown)
    };
    Line::from(vec![
        look.span(role, format!("{glyph} ")),
        look.span(Role::Strong, safe(name).into_owned()),
    ])
}

fn cells_of(name: &str, repository: &RepositoryView, look: &Look) -> Vec<Line<'static>> {
    let fetched = repository.state.fetched_at;
    let age = fetched.map_or_else(String::new, |then| look.age(then));
    vec![
        name_cell(name, repository, look),
        Line::from(look.span(Role::Text, safe(&repository.remote.branch).into_owned())),
        Line::from(look.span(Role::Muted, format!("{age:>4}"))),
        remark(repository, look),
    ]
}

/// What there is to say about a repository: the worst first.
fn remark(repository: &RepositoryView, look: &Look) -> Line<'static> {
    let state = &repository.state;
    Line::from(if state.refused {
        look.span(Role::Bad, "credential refused")
    } else if let Some(failure) = &state.error {
        look.span(Role::Bad, safe(&failure.message).into_owned())
    } else if state.rewritten_from.is_some() {
        look.span(Role::Drift, "rewritten upstream")
    } else if state.pending > 0 {
        look.span(Role::Behind, format!("^{} push", state.pending))
    } else if state.fetched_at.is_none() {
        look.span(Role::Muted, "loading")
    } else {
        look.span(Role::Muted, safe(provider(&repository.remote.url)).into_owned())
    })
}

/// The service behind an address, as people call it; its host where it is none of the known ones.
fn provider(url: &str) -> &str {
    let host = host(url);
    let known = [
        ("github", "GitHub"),
        ("gitlab", "GitLab"),
        ("bitbucket", "Bitbucket"),
        ("azure", "Azure"),
        ("codeberg", "Codeberg"),
        ("gitea", "Gitea"),
        ("forgejo", "Forgejo"),
        ("codecommit", "CodeCommit"),
    ];
    known.iter().find(|(part, _)| host.contains(part)).map_or(host, |(_, name)| name)
}

/// The host of an address, or `local`.
fn host(url: &str) -> &str {
    if url.starts_with("file:") || url.starts_with('/') {
        return "local";
    }
    let rest = url.split_once("://").map_or(url, |(_, rest)| rest);
    let rest = rest.split_once('@').map_or(rest, |(_, rest)| rest);
    rest.split(['/', ':']).next().unwrap_or(rest)
}

#[cfg(test)]
mod tests {
    use super::{host, provider};

    #[test]
    fn hosts() {
        assert_eq!(host("https://git.example.com/a/b.git"), "git.example.com");
        assert_eq!(host("git@example.com:a/b.git"), "example.com");
        assert_eq!(host("ssh://git@example.com:2222/a"), "example.com");
        assert_eq!(host("file:///srv/git/a"), "local");
        assert_eq!(provider("https://github.com/acme/fleet.git"), "GitHub");
    }
}
