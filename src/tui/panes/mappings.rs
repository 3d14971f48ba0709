//! Pane 2: mappings with their sync state and health.

use crate::domain::{Health, MappingStatus, SyncState};
use crate::engine::Store;
use crate::engine::event::{ClusterState, StepResult};
use crate::engine::store::MappingView;
use crate::tui::action::{Motion, Pane};
use crate::tui::look::Look;
use crate::tui::panes::{Rows, Scene, Titles, paint_empty, paint_frame};
use crate::tui::style::Role;
use crate::tui::widgets::area::split_top;
use crate::tui::widgets::table::{
    Column, Emphasis, cells_area, emphasise, paint_cells, paint_head, widths,
};
use crate::tui::widgets::text::{cells, clip_start, safe};
use crate::tui::words::{health_role, sync, sync_role, sync_state};
use jiff::Timestamp;
use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::text::Line;
use std::collections::BTreeSet;

/// Cells of a suspension with the time that is left of it, `susp. -59m`.
const HELD: usize = 10;

/// What the pane remembers.
#[derive(Debug, Clone, Default)]
pub struct State {
    /// Rows, worst state first.
    pub rows: Rows,
    /// Name of the selected mapping.
    pub selected: Option<String>,
    /// Names of the marked mappings.
    pub marked: BTreeSet<String>,
    /// Mappings of the selected repository, before the filter.
    of_repository: usize,
    /// Widest cell of each column, so that columns do not jump while one scrolls.
    widest: [usize; 5],
    /// Whether some cluster is out of sight.
    out_of_sight: bool,
}

impl State {
    /// Takes over what the store knows now; the selection stays with its name.
    pub fn refresh(&mut self, store: &Store, repository: Option<&str>) {
        let mut shown: Vec<(u8, usize)> = Vec::new();
        self.marked.retain(|name| store.mappings.contains_key(name));
        self.of_repository = 0;
        self.widest = [0; 5];
        let live = |state: &ClusterState| matches!(state, ClusterState::Live { .. });
        self.out_of_sight = store.clusters.values().any(|state| !live(state));
        for (index, (name, view)) in store.mappings.iter().enumerate() {
            let mapping = &view.mapping;
            if repository.is_some_and(|repository| mapping.repository != repository) {
                continue;
            }
            self.of_repository += 1;
            let state = sync_state(view.status.sync);
            let target = &mapping.target;
            let project = mapping.project.as_deref().unwrap_or_default();
            let health = view.status.health.word();
            let texts =
                [name, &mapping.path, &target.context, &target.namespace, project, state, health];
            if self.rows.passes(&texts) {
                shown.push((attention(&view.status), index));
                let wide = [
                    cells(name) + 2,
                    cells(&mapping.path),
                    cells(&target.context) + cells(&target.namespace) + 1,
                    if ends(view).is_some() { HELD } else { cells(&sync(&view.status)) },
                    health.len() + 2,
                ];
                for (widest, wide) in self.widest.iter_mut().zip(wide) {
                    *widest = (*widest).max(wide);
                }
            }
        }
        shown.sort_unstable();
        self.rows.visible = shown.into_iter().map(|(_, index)| index).collect();
        let wanted = self.selected.as_ref().and_then(|name| store.mappings.get_index_of(name));
        let position =
            wanted.and_then(|wanted| self.rows.visible.iter().position(|i| *i == wanted));
        self.rows.selected =
            position.unwrap_or(self.rows.selected.min(self.rows.visible.len().saturating_sub(1)));
        self.remember(store);
    }

    /// Moves the selection.
    pub fn step(&mut self, motion: Motion, store: &Store) {
        self.rows.selected =
            motion.apply(self.rows.selected, self.rows.visible.len(), self.rows.page);
        self.remember(store);
    }

    /// Selects the row at a line of the pane; the first line is the heading.
    pub fn click(&mut self, line: usize, store: &Store) {
        let row = self.rows.offset + line.saturating_sub(1);
        self.rows.selected = row.min(self.rows.visible.len().saturating_sub(1));
        self.remember(store);
    }

    /// Marks the selected mapping, or takes its mark away, and goes on to the next.
    pub fn mark(&mut self, store: &Store) {
        if let Some(name) = &self.selected
            && !self.marked.remove(name)
        {
            self.marked.insert(name.clone());
        }
        self.step(Motion::Down, store);
    }

    fn remember(&mut self, store: &Store) {
        self.selected = self
            .rows
            .current()
            .and_then(|index| store.mappings.get_index(index))
            .map(|(name, _)| name.clone());
    }
}

/// Paints the pane.
pub fn view(buffer: &mut Buffer, area: Rect, scene: &Scene) {
    let Scene { ui, store, look } = *scene;
    let state = &ui.mappings;
    let titles = Titles {
        subject: ui.repositories.selected.clone().unwrap_or_default(),
        corner: Line::from(look.span(Role::Muted, corner(state))),
        scroll: state.rows.scroll(),
    };
    let inner = paint_frame(buffer, area, scene, Pane::Mappings, titles);
    if let Some(text) = why_empty(store, state) {
        paint_empty(buffer, inner, look, &[(Role::Muted, text)]);
        return;
    }
    let columns = columns(state);
    let (head, body) = split_top(inner, 1);
    let widths = widths(&columns, cells_area(body, 0).width as usize);
    paint_head(buffer, cells_area(head, 0), &columns, &widths, look);
    let rows = state.rows.visible.iter().skip(state.rows.offset).take(body.height as usize);
    for (line, index) in rows.enumerate() {
        let Some((name, view)) = store.mappings.get_index(*index) else { continue };
        let cells = cells_of(name, view, scene, widths[1]);
        paint_cells(buffer, cells_area(body, line), cells, &widths, look);
        let selected = state.rows.offset + line == state.rows.selected;
        let emphasis = Emphasis::of(selected, ui.focus == Pane::Mappings);
        emphasise(buffer, body, line, emphasis, look);
    }
}

fn corner(state: &State) -> String {
    let mut corner = format!("{} of {}", state.rows.visible.len(), state.of_repository);
    if !state.marked.is_empty() {
        corner = format!("{} marked, {corner}", state.marked.len());
    }
    corner + ", by state"
}

fn why_empty(store: &Store, state: &State) -> Option<String> {
    if !state.rows.visible.is_empty() {
        return None;
    }
    Some(if store.mappings.is_empty() {
        "No mapping is configured. `gitdeck mapping add NAME` ties a path of a repository to a namespace."
            .to_owned()
    } else if state.of_repository == 0 {
        "No mapping uses this repository.".to_owned()
    } else {
        format!("None of {} mappings matches the filter. Esc clears it.", state.of_repository)
    })
}

/// The path shrinks first; then target and revision go. A long name shortens before what it waits for does. What moves (syncing 3/12, an age) has room from the start.
fn columns(state: &State) -> [Column; 6] {
    let [name, path, target, sync, health] = state.widest;
    let sync = sync.max(11);
    // Where a cluster is out of sight, an age stands beside the health.
    let health = health.max(13) + if state.out_of_sight { 5 } else { 0 };
    [
        Column { title: "  NAME", least: name.min(20), ideal: name.clamp(8, 32), rank: 1 },
        Column { title: "PATH", least: path.min(12), ideal: path.clamp(4, 48), rank: 5 },
        Column { title: "TARGET", least: target.min(12), ideal: target.clamp(6, 32), rank: 4 },
        Column { title: "REVISION", least: 8, ideal: 8, rank: 3 },
        Column { title: "SYNC", least: sync.min(20), ideal: sync.min(24), rank: 0 },
        Column { title: "HEALTH", least: health, ideal: health, rank: 2 },
    ]
}

fn cells_of(name: &str, view: &MappingView, scene: &Scene, path: usize) -> Vec<Line<'static>> {
    let Scene { ui, look, .. } = *scene;
    let (status, mapping) = (&view.status, &view.mapping);
    let role = sync_role(status.sync);
    let marked = ui.mappings.marked.contains(name);
    let sign = if marked { look.glyphs.mark } else { look.glyphs.mapping(status) };
    let sign_role = if marked { Role::Marked } else { role };
    let name = vec![
        look.span(sign_role, format!("{sign} ")),
        look.span(if marked { Role::Marked } else { Role::Strong }, safe(name).into_owned()),
    ];
    let target = format!("{}/{}", mapping.target.context, mapping.target.namespace);
    let revision = status.synced_revision.as_ref().or(status.desired_revision.as_ref());
    let revision = revision.map_or_else(String::new, |revision| revision.short().to_owned());
    vec![
        Line::from(name),
        Line::from(look.span(
            Role::Muted,
            clip_start(&safe(&mapping.path), path, look.glyphs.ellipsis).into_owned(),
        )),
        Line::from(look.span(Role::Text, safe(&target).into_owned())),
        Line::from(look.span(Role::Muted, revision)),
        sync_cell(view, look),
        health_cell(view, scene),
    ]
}

/// How much a mapping wants to be looked at, most first: what fails or does not run comes before what differs, and what
/// somebody suspended on purpose after that.
fn attention(status: &MappingStatus) -> u8 {
    match (status.sync, status.health) {
        (SyncState::Disconnected, _) => 7,
        (SyncState::Error, _) => 0,
        (_, Health::Degraded) => 1,
        (SyncState::Unknown, _) => 2,
        (SyncState::Drifted, _) => 3,
        (SyncState::OutOfSync, _) => 4,
        (SyncState::Suspended, _) => 5,
        (SyncState::Synced, _) => 6,
    }
}

/// The sync state; while a sync runs, how far it is.
fn sync_cell(view: &MappingView, look: &Look) -> Line<'static> {
    let running = view.steps.iter().any(|step| step.result == StepResult::Started);
    if running {
        let done = view.steps.iter().filter(|step| step.result != StepResult::Started).count();
        let total = view.plan.as_ref().map_or(0, |(plan, _)| plan.operations.len());
        let total = total.max(view.steps.len());
        return Line::from(look.span(Role::Busy, format!("syncing {done}/{total}")));
    }
    let role = sync_role(view.status.sync);
    // Both have to fit beside the other columns; the details say it in words.
    let words = match ends(view).filter(|until| *until > look.now) {
        Some(until) => format!("susp. -{}", look.left(until)),
        None => sync(&view.status),
    };
    Line::from(look.span(role, words))
}

/// When the suspension that is shown ends by itself.
fn ends(view: &MappingView) -> Option<Timestamp> {
    let shown = view.status.sync == SyncState::Suspended;
    view.status.suspension.as_ref().filter(|_| shown).and_then(|suspension| suspension.until)
}

/// Health with its age where the cluster cannot be seen any more.
fn health_cell(view: &MappingView, scene: &Scene) -> Line<'static> {
    let Scene { store, look, .. } = *scene;
    let (status, context) = (&view.status, &view.mapping.target.context);
    let live = matches!(store.clusters.get(context), Some(ClusterState::Live { .. }));
    if status.sync == SyncState::Disconnected {
        return Line::default();
    }
    let Some(seen) = status.observed_at else {
        return Line::from(look.span(Role::Muted, format!("{} loading", look.glyphs.unknown)));
    };
    let word = format!("{} {}", look.glyphs.health(status.health), status.health.word());
    if live {
        return Line::from(look.span(health_role(status.health), word));
    }
    Line::from(look.span(Role::Unknown, format!("{word} {}", look.age(seen))))
}
