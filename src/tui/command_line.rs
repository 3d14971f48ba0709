//! The command line that does what the screen is about to do.

use crate::engine::{Command, Store, SyncOptions};
use crate::tui::action::Pane;
use crate::tui::flows::travel;
use crate::tui::ui::Ui;

/// The command line for the pane in focus, or for the popup above it.
pub fn command_line(ui: &Ui, store: &Store) -> Option<String> {
    if let Some(popup) = ui.popups.last() {
        return popup.command_line(store);
    }
    let mapping = || ui.mappings.selected.clone();
    let command = match ui.focus {
        Pane::Repositories => {
            Command::CheckRepository { repository: ui.repositories.selected.clone()? }
        }
        Pane::Commits => Command::Show {
            repository: None,
            revision: ui.commits.selected.as_ref()?.get(..7)?.to_owned(),
        },
        Pane::Diff => {
            let revision = travel::destination(ui, store).map(|to| to.revision.short().to_owned());
            Command::Plan { mapping: mapping()?, revision, options: SyncOptions::default() }
        }
        Pane::Mappings | Pane::Sync
            if !ui.read_only
                && ui.selected_mapping(store).is_some_and(|v| !v.mapping.connected) =>
        {
            Command::Connect { mapping: mapping()?, connected: true }
        }
        Pane::Mappings | Pane::Sync if ui.read_only => {
            Command::Observe { mapping: mapping()?, fetch: false }
        }
        Pane::Mappings | Pane::Sync => Command::Sync {
            mapping: mapping()?,
            revision: None,
            confirmed: String::new(),
            options: SyncOptions::default(),
        },
    };
    Some(command.line())
}
