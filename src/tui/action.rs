//! What a key can ask for, as data.

/// The five panes, in the order of their numbers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub enum Pane {
    /// Repositories with their fetch state.
    Repositories,
    /// Mappings with their sync state and health.
    #[default]
    Mappings,
    /// Log of the selected repository or mapping.
    Commits,
    /// What a sync of the selected mapping would change.
    Diff,
    /// Plan, progress, health and resources of the selected mapping.
    Sync,
}

impl Pane {
    /// All of them, in the order of their numbers.
    pub const ALL: [Self; 5] =
        [Self::Repositories, Self::Mappings, Self::Commits, Self::Diff, Self::Sync];

    /// Its number on the screen, from 1.
    pub fn number(self) -> usize {
        self as usize + 1
    }

    /// Its name on the screen.
    pub fn title(self) -> &'static str {
        match self {
            Self::Repositories => "Repositories",
            Self::Mappings => "Mappings",
            Self::Commits => "Commits",
            Self::Diff => "Diff",
            Self::Sync => "Sync",
        }
    }

    /// Whether it lists things to choose from (the others show details).
    pub fn is_list(self) -> bool {
        matches!(self, Self::Repositories | Self::Mappings | Self::Commits)
    }

    /// The pane after (or before) it, round and round.
    #[must_use]
    pub fn step(self, by: isize) -> Self {
        let count = Self::ALL.len() as isize;
        Self::ALL[(self as isize + by).rem_euclid(count) as usize]
    }
}

/// A way to move inside a list or a text.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Motion {
    /// One row up.
    Up,
    /// One row down.
    Down,
    /// First row.
    Top,
    /// Last row.
    Bottom,
    /// Half a page up.
    HalfUp,
    /// Half a page down.
    HalfDown,
    /// A page up.
    PageUp,
    /// A page down.
    PageDown,
}

impl Motion {
    /// Where the motion leads from `at` in a list of `count` rows of which `page` are visible.
    pub fn apply(self, at: usize, count: usize, page: usize) -> usize {
        let last = count.saturating_sub(1);
        let page = page.max(1);
        let half = (page / 2).max(1);
        match self {
            Self::Up => at.saturating_sub(1),
            Self::Down => at.saturating_add(1).min(last),
            Self::Top => 0,
            Self::Bottom => last,
            Self::HalfUp => at.saturating_sub(half),
            Self::HalfDown => at.saturating_add(half).min(last),
            Self::PageUp => at.saturating_sub(page),
            Self::PageDown => at.saturating_add(page).min(last),
        }
    }
}

/// What a key, a click or the palette asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Action {
    /// Move inside the pane in focus.
    Move(Motion),
    /// Put the focus on a pane.
    Focus(Pane),
    /// Focus the next pane.
    NextPane,
    /// Focus the previous pane.
    PreviousPane,
    /// Open what is selected.
    Open,
    /// One pane on the whole screen, and back.
    Zoom,
    /// One step back: filter, marks, zoom, focus.
    Back,
    /// Filter the list in focus.
    Filter,
    /// The list of every action.
    Palette,
    /// The keys.
    Help,
    /// Mark or unmark the selected mapping, or one end of a range of commits.
    Mark,
    /// Fetch and observe anew.
    Refresh,
    /// Copy the command line that is shown.
    Copy,
    /// Leave the console.
    Quit,
    /// Show what differs.
    Diff,
    /// Show everything known of what is selected.
    Describe,
    /// The list of running and ended work.
    Activity,
    /// What several mappings are ill of.
    Causes,
    /// Show which commit set each field of an object, or of all of the selected mapping.
    Blame,
    /// Fold or unfold the object under the cursor.
    Fold,
    /// Fold or unfold every object.
    FoldAll,
    /// List what a plan left out, or count it again.
    LeftOut,
    /// Test a repository's connection.
    Check,
    /// Edit a file of the selected mapping.
    Edit,
    /// Commit what was edited.
    Commit,
    /// Push what waits.
    Push,
    /// Drop the selected commit, which waits for a push.
    Drop,
    /// Follow a branch that was rewritten on the remote.
    Accept,
    /// Plan, ask, apply.
    Sync,
    /// Type what opens the vault.
    Unlock,
    /// Undo the selected commit by a new one, or the newest of the selected mapping.
    Revert,
    /// Take live values back into Git.
    Adopt,
    /// Give an image of the selected mapping another version.
    SetImage,
    /// Set a value in a file of the selected mapping.
    SetValue,
    /// Suspend or resume the selected mapping.
    Suspend,
    /// Disconnect the selected mapping, or connect it again.
    Connect,
    /// Make a mapping of a path of the selected repository.
    Import,
    /// Write down what runs in a namespace, and map it.
    Export,
    /// Put the selected mapping elsewhere.
    Place,
    /// Ask what is to be configured, question by question.
    Guide,
    /// Stop the program as the shell's job control does.
    Stop,
}

#[cfg(test)]
mod tests {
    use super::{Motion, Pane};

    #[test]
    fn motions_stay_inside() {
        assert_eq!(Motion::Down.apply(0, 0, 0), 0);
        assert_eq!(Motion::Down.apply(9, 10, 4), 9);
        assert_eq!(Motion::HalfDown.apply(1, 10, 4), 3);
        assert_eq!(Motion::PageUp.apply(3, 10, 4), 0);
        assert_eq!(Motion::Bottom.apply(0, 10, 4), 9);
    }

    #[test]
    fn panes_go_round() {
        assert_eq!(Pane::Sync.step(1), Pane::Repositories);
        assert_eq!(Pane::Repositories.step(-1), Pane::Sync);
    }
}
