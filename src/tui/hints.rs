//! The last line: keys that make sense now, and the command line that does the same.

use crate::tui::action::{Action, Pane};
use crate::tui::command_line::command_line;
use crate::tui::keymap::Binding;
use crate::tui::panes::Scene;
use crate::tui::popups::Popup;
use crate::tui::style::Role;
use crate::tui::widgets::text::{cells, clip, safe};
use crate::tui::words::shortened;
use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::text::{Line, Span};

/// Paints the line.
pub fn view(buffer: &mut Buffer, area: Rect, scene: &Scene) {
    let Scene { ui, store, look } = *scene;
    let total = area.width as usize;
    let mut right = Vec::new();
    if let Some(command) = command_line(ui, store) {
        let command = shortened(&safe(&command));
        let command = clip(&command, total / 2, look.glyphs.ellipsis).into_owned();
        right.push(look.span(Role::Muted, command));
        if ui.popups.last().is_none_or(Popup::copies) {
            right.push(look.span(Role::Key, "  y"));
            right.push(look.span(Role::Muted, " copy"));
        }
        right.push(Span::raw(" "));
    }
    let right = Line::from(right);
    let mut left = vec![Span::raw(" ")];
    let mut hints: Vec<(String, &str)> =
        ui.keymap.bindings().filter_map(|binding| hint(binding, scene)).collect();
    // The way to all other keys is always there.
    let help = hints.iter().position(|(key, _)| key == "?").map(|index| hints.remove(index));
    let width = |(key, word): &(String, &str)| cells(key) + cells(word) + 3;
    let mut room = total.saturating_sub(right.width() + 2 + help.as_ref().map_or(0, width));
    for hint in hints
        .into_iter()
        .filter(|hint| {
            let fits = width(hint) <= room;
            room = if fits { room - width(hint) } else { 0 };
            fits
        })
        .chain(help)
    {
        left.push(look.span(Role::Key, hint.0));
        left.push(look.span(Role::Muted, format!(" {}  ", hint.1)));
    }
    buffer.set_line(area.x, area.y, &Line::from(left), area.width);
    let x = area.right().saturating_sub(right.width() as u16);
    buffer.set_line(x, area.y, &right, area.width);
}

/// The hint of a key, where it makes sense now.
fn hint(binding: &'static Binding, scene: &Scene) -> Option<(String, &'static str)> {
    let Scene { ui, store, .. } = *scene;
    // A popup has its own keys and says them itself.
    if !ui.popups.is_empty() {
        return None;
    }
    let key = binding.keys.first().filter(|_| binding.hinted && binding.holds_in(ui.focus))?;
    let mapping = ui.selected_mapping(store);
    let word = match binding.action {
        Action::Commit if ui.edits.is_empty() => "",
        Action::Push => {
            let name = ui.selected_repository(store)?;
            let waits = store.repositories.get(&name).is_some_and(|view| view.state.pending > 0);
            if waits { binding.name } else { "" }
        }
        Action::Drop if ui.commits.commit(store).is_none_or(|commit| !commit.pending) => "",
        Action::Accept => {
            let name = ui.selected_repository(store)?;
            let state = store.repositories.get(&name).map(|view| &view.state);
            let asks =
                state.is_some_and(|s| s.rewritten_from.is_some() || s.unknown_host.is_some());
            if asks { binding.name } else { "" }
        }
        Action::Unlock if store.vault.is_none() => "",
        Action::Revert if ui.focus != Pane::Commits || ui.commits.commit(store).is_none() => "",
        Action::Suspend if mapping.is_some_and(|v| v.status.is_stopped()) => "resume",
        Action::Adopt
            if mapping
                .and_then(|view| view.plan.as_ref())
                .is_none_or(|(plan, _)| plan.operations.is_empty()) =>
        {
            ""
        }
        Action::Sync | Action::Edit | Action::Suspend | Action::Diff | Action::Mark
            if mapping.is_none() =>
        {
            ""
        }
        _ => binding.name,
    };
    (!word.is_empty()).then(|| (key.label(), word))
}
