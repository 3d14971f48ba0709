//! What takes several steps: a sync from its key to its confirmation, an edit from its file to its commit.

pub mod accept;
pub mod adopt;
pub mod blame;
pub mod confirm_sync;
pub mod connect;
pub mod diagnose;
pub mod edit;
pub mod ended;
pub mod export;
pub mod guide;
pub mod leave;
pub mod place;
pub mod revert;
pub mod sync;
pub mod travel;
pub mod trust;
pub mod unlock;
pub mod verify;
pub mod write;

pub use sync::SyncFlow;

use crate::config::edit::NewMapping;
use crate::config::guide::{Answers, Level};
use crate::domain::{Commit, Revision, Secret};
use crate::engine::export::ExportWish;
use crate::engine::outlook::Placing;
use crate::engine::{Alteration, Store, SyncOptions, Wish};
use crate::tui::effect::Effect;
use crate::tui::ui::Ui;
use jiff::Timestamp;

/// What a popup wants to go on with after it closed. Data, not a closure.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Step {
    /// Carry out effects.
    Run(Vec<Effect>),
    /// Plan mappings (again) with these options and ask for confirmation.
    Plan(Vec<(String, SyncOptions)>),
    /// Open the vault with what was typed.
    Unlock(Secret),
    /// Open a file in the editor.
    Edit {
        /// Mapping.
        mapping: String,
        /// Path from the root of the repository.
        path: String,
    },
    /// Keep what was edited, and draft the commit.
    Draft(Edited),
    /// Delete a file with the next commit, and draft it.
    Delete {
        /// Mapping.
        mapping: String,
        /// Path from the root of the repository.
        path: String,
    },
    /// Keep what was edited for later.
    Keep(Edited),
    /// Forget what was edited in a file.
    Forget {
        /// Mapping.
        mapping: String,
        /// Path from the root of the repository.
        path: String,
    },
    /// Find out which edits make a change.
    Propose {
        /// Mapping.
        mapping: String,
        /// What shall change.
        alteration: Alteration,
    },
    /// Undo a commit that was read.
    Undo {
        /// The commit.
        commit: Box<Commit>,
        /// What undoing it means.
        wish: Box<Wish>,
    },
    /// Draft a revert, and ask about it.
    Revert(Box<Wish>),
    /// Make a mapping of a path of a repository.
    Import {
        /// Repository.
        repository: String,
        /// Path from its root.
        path: String,
    },
    /// Look at what a place of a mapping would mean.
    Foresee(Box<Placing>),
    /// The same, with what a sync may do.
    ForeseeWith(Box<(Placing, SyncOptions)>),
    /// Read what is to be exported.
    Export(Box<(NewMapping, ExportWish)>),
    /// Open the guide of a level.
    Guide(Level),
    /// Show what the answers of a guide come to.
    Guided(Box<(Level, Answers)>),
    /// Suspend a mapping.
    Suspend {
        /// Mapping.
        mapping: String,
        /// Why; empty for no reason.
        reason: String,
        /// When it ends by itself.
        until: Option<Timestamp>,
    },
    /// Leave the console; what writes stops after its current step.
    Quit,
}

/// An edited file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Edited {
    /// Mapping.
    pub mapping: String,
    /// Revision that the file was read at.
    pub base: Option<Revision>,
    /// Path from the root of the repository.
    pub path: String,
    /// New content.
    pub content: String,
}

/// Goes on with a step.
pub fn go_on(ui: &mut Ui, store: &Store, step: Step) -> Vec<Effect> {
    match step {
        Step::Run(effects) => effects,
        Step::Plan(mappings) => sync::start(ui, mappings),
        Step::Edit { mapping, path } => {
            edit::open(ui, store, &mapping, &path);
            Vec::new()
        }
        Step::Draft(edited) => edit::draft(ui, edited),
        Step::Delete { mapping, path } => edit::delete(ui, store, &mapping, path),
        Step::Keep(edited) => {
            edit::keep(ui, edited);
            Vec::new()
        }
        Step::Forget { mapping, path } => {
            edit::forget(ui, &mapping, &path);
            Vec::new()
        }
        Step::Propose { mapping, alteration } => adopt::propose(ui, mapping, alteration),
        Step::Undo { commit, wish } => revert::begin_with(ui, Some(&commit), *wish),
        Step::Revert(wish) => revert::draft(ui, *wish),
        Step::Import { repository, path } => {
            place::import(ui, store, &repository, &path);
            Vec::new()
        }
        Step::Foresee(placing) => place::foresee(ui, *placing, SyncOptions::default()),
        Step::ForeseeWith(wish) => place::foresee(ui, wish.0, wish.1),
        Step::Export(wished) => export::look(ui, *wished),
        Step::Guide(level) => {
            guide::begin(ui, store, level);
            Vec::new()
        }
        Step::Guided(answered) => {
            guide::answered(ui, answered.0, &answered.1);
            Vec::new()
        }
        Step::Suspend { mapping, reason, until } => write::suspend_for(mapping, &reason, until),
        Step::Unlock(typed) => unlock::send(typed),
        Step::Quit => leave::quit(store),
    }
}
