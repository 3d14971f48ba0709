//! The first line: where one is, how many mappings are how, and how old it all is.

use crate::domain::{Health, SyncState};
use crate::engine::Store;
use crate::engine::event::ClusterState;
use crate::tui::look::Look;
use crate::tui::panes::Scene;
use crate::tui::style::Role;
use crate::tui::widgets::text::{cells, clip_line, safe};
use crate::tui::words::{health_role, sync_role, sync_state};
use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::text::{Line, Span};

/// Paints the line. Where there is little room, what matters least is left out as a whole.
pub fn view(buffer: &mut Buffer, area: Rect, scene: &Scene) {
    let Scene { ui, store, look } = *scene;
    let context = ui
        .selected_mapping(store)
        .map(|view| view.mapping.target.context.clone())
        .or_else(|| store.clusters.keys().next().cloned())
        .unwrap_or_default();
    let cluster = store.clusters.get(&context);
    let right = facts(scene, cluster);
    // On a narrow screen every cell is worth more to the counts than to the name of the program.
    let name = if ui.layout.wide { " gitdeck  " } else { " " };
    let mut left = vec![look.span(Role::TitleFocus, name)];
    left.push(look.span(Role::Strong, safe(&context).into_owned()));
    if let (true, Some(ClusterState::Live { version, .. })) = (ui.layout.wide, cluster) {
        left.push(look.span(Role::Muted, format!(" {}", safe(release(version)))));
    }
    if ui.read_only {
        left.push(look.span(Role::Suspended, "  read-only"));
    }
    left.push(Span::raw("   "));
    let right_width = cells(&right.to_string());
    let used: usize = left.iter().map(Span::width).sum();
    let room = (area.width as usize).saturating_sub(used + right_width);
    left.extend(tally(store, look, room));
    let left = clip_line(Line::from(left), area.width as usize, look.glyphs.ellipsis);
    buffer.set_line(area.x, area.y, &left, area.width);
    let x = area.right().saturating_sub(right_width as u16).max(area.x);
    buffer.set_line(x, area.y, &right, area.width);
}

/// A version without its build: `v1.36.2+k3s1` is `v1.36.2`.
fn release(version: &str) -> &str {
    version.split('+').next().unwrap_or(version)
}

/// Number of mappings in each state, and of those that are not healthy: as many as fit, the worst of them surely.
fn tally(store: &Store, look: &Look, room: usize) -> Vec<Span<'static>> {
    let sync = |rank: u8, state: SyncState| {
        let number = store.mappings.values().filter(|view| view.status.sync == state).count();
        let text = format!("{} {number} {}  ", look.glyphs.sync(state), sync_state(state));
        (rank, number, look.span(sync_role(state), text))
    };
    let health = |rank: u8, health: Health| {
        let number = store.mappings.values().filter(|view| view.status.health == health).count();
        let text = format!("{} {number} {}  ", look.glyphs.health(health), health.word());
        (rank, number, look.span(health_role(health), text))
    };
    let mut all = vec![
        sync(5, SyncState::Synced),
        sync(2, SyncState::Drifted),
        sync(3, SyncState::OutOfSync),
        sync(0, SyncState::Error),
        sync(7, SyncState::Suspended),
        sync(8, SyncState::Disconnected),
        sync(4, SyncState::Unknown),
        health(1, Health::Degraded),
        health(6, Health::Progressing),
    ];
    all.retain(|(_, number, _)| *number > 0);
    while all.iter().map(|(_, _, span)| span.width()).sum::<usize>() > room {
        let least = all.iter().map(|(rank, ..)| *rank).max();
        all.retain(|(rank, ..)| Some(*rank) != least);
    }
    all.into_iter().map(|(_, _, span)| span).collect()
}

/// `git 12s  cluster live  41 ms`: the age of what one sees.
fn facts(scene: &Scene, cluster: Option<&ClusterState>) -> Line<'static> {
    let Scene { ui, store, look } = *scene;
    let mut spans = Vec::new();
    let fetched = ui
        .selected_repository(store)
        .and_then(|name| store.repositories.get(&name))
        .and_then(|view| view.state.fetched_at);
    let git =
        fetched.map_or_else(|| "git not fetched".to_owned(), |at| format!("git {}", look.age(at)));
    spans.push(look.span(Role::Muted, git + "  "));
    match cluster {
        Some(ClusterState::Live { latency_ms, .. }) => {
            spans.push(look.span(Role::Good, "cluster live"));
            if ui.layout.wide {
                spans.push(
                    look.span(Role::Muted, format!("  {} {latency_ms} ms", look.glyphs.latency)),
                );
            }
        }
        Some(ClusterState::Syncing) => spans.push(look.span(Role::Busy, "cluster loading")),
        Some(ClusterState::Stale { since, .. }) => {
            spans.push(look.span(Role::Bad, format!("cluster lost {}", look.age(*since))));
        }
        Some(ClusterState::Unknown) | None => {
            spans.push(look.span(Role::Unknown, "cluster not asked"));
        }
    }
    spans.push(Span::raw(" "));
    Line::from(spans)
}
