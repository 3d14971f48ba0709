//! What the console wishes for, as data; the loop carries it out.

use crate::domain::Revision;
use crate::engine::{Command, JobId};

/// Why a command was sent, so that its end can be followed up.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Purpose {
    /// Nothing follows; the activity line tells how it ended.
    Inform,
    /// The plan is to be confirmed.
    Confirm {
        /// Mapping.
        mapping: String,
    },
    /// The files are to be chosen from.
    Choose {
        /// Mapping.
        mapping: String,
    },
    /// The draft fills the commit form.
    Draft {
        /// Mapping.
        mapping: String,
    },
    /// The edits that a change comes to fill a commit form.
    Propose {
        /// Mapping.
        mapping: String,
    },
    /// The commit form waits for the commit.
    Commit {
        /// Mapping.
        mapping: String,
        /// Whether it is pushed right after.
        push: bool,
    },
    /// What keeps the sync from its work is shown.
    Sync {
        /// Mapping.
        mapping: String,
    },
    /// The outcome of the push is shown.
    Push {
        /// Repository.
        repository: String,
    },
    /// How a branch was rewritten is asked about.
    Accept {
        /// Repository.
        repository: String,
    },
    /// What was typed did, or did not, open the vault.
    Unlock,
    /// A step on the way to the question before a revert: the draft, or what it would do to a mapping.
    Undo,
    /// What came of a revert is shown.
    Reverted {
        /// What it was about.
        subject: String,
        /// The commit that undoes.
        draft: Revision,
    },
    /// The paths of a repository are to be chosen from.
    Import {
        /// Repository.
        repository: String,
    },
    /// What the place of a mapping would mean is asked about.
    Foresee,
    /// What came of the place of a mapping is told.
    Place {
        /// Mapping.
        mapping: String,
    },
    /// What the cluster says of a mapping that does not come up goes into its description, while that is open.
    Diagnose {
        /// Mapping.
        mapping: String,
    },
    /// What was exported is to be looked at.
    Export,
    /// The form waits until what was exported is committed, and mapped.
    Track {
        /// The new mapping.
        mapping: String,
        /// Its repository.
        repository: String,
        /// Whether it is pushed right after.
        push: bool,
    },
    /// The plan of the commit under the cursor.
    Preview,
    /// What git says of the signatures in sight.
    Verify,
    /// The log of the selection.
    Log,
    /// The commit is to be read.
    Show {
        /// Repository, where it is known.
        repository: Option<String>,
        /// Revision that was asked for.
        revision: String,
    },
    /// What a commit makes of objects is to be read in the text that shows the commit.
    Rendered {
        /// The commit.
        revision: Revision,
    },
    /// Who set each field is to be read.
    Blame {
        /// Mapping.
        mapping: String,
    },
    /// The checks of a repository are to be read.
    Check {
        /// Repository.
        repository: String,
    },
}

/// A wish.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Effect {
    /// Send a command to the engine.
    Run(Command, Purpose),
    /// Cancel a job.
    Cancel(JobId),
    /// Put a text on the clipboard of the terminal (OSC 52).
    Copy(String),
    /// Make somebody look who does not (bell, or the desktop's notification, as configured).
    Notify(String),
    /// Discard the input that was typed before the prompt that opened just now could be seen.
    DrainInput,
    /// Give the terminal to the user's own editor, with a text.
    Outside {
        /// Path of the file that the text is of.
        path: String,
        /// What is there now.
        text: String,
    },
    /// Stop as the shell's job control does.
    Stop,
    /// Leave the loop.
    Quit,
}

impl Effect {
    /// Sends a command that nothing follows.
    pub fn inform(command: Command) -> Self {
        Self::Run(command, Purpose::Inform)
    }
}
