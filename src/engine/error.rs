//! Faults of every boundary as one `Failure`, with the hint of what to do next added in this one place.

use crate::cluster::ClusterError;
use crate::domain::Refusal;
use crate::domain::text::without_users;
use crate::engine::{Failure, Outcome};
use crate::git::GitError;
use crate::render::RenderError;

impl Failure {
    /// A fault of the work itself.
    pub fn new(message: impl Into<String>) -> Self {
        Self { message: message.into(), hint: None, usage: false }
    }

    /// A fault of usage or configuration.
    pub fn usage(message: impl Into<String>) -> Self {
        Self { message: message.into(), hint: None, usage: true }
    }

    /// Adds what to do next.
    #[must_use]
    pub fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }

    /// A name that is not configured, with the nearest one that is.
    pub fn unknown<'a>(what: &str, name: &str, known: impl Iterator<Item = &'a String>) -> Self {
        let nearest = known
            .map(|candidate| (distance(name, candidate), candidate))
            .min()
            .filter(|(distance, _)| *distance <= name.chars().count().div_ceil(3).max(1));
        let failure = Self::usage(format!("there is no {what} `{name}`"));
        match nearest {
            Some((_, candidate)) => failure.hint(format!("did you mean `{candidate}`?")),
            None => failure.hint(format!("`gitdeck {what} list` shows what is configured")),
        }
    }
}

impl std::fmt::Display for Failure {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.message)?;
        match &self.hint {
            Some(hint) => write!(f, " ({hint})"),
            None => Ok(()),
        }
    }
}

/// What ends a job before its work is done.
#[derive(Debug)]
pub(crate) enum Stop {
    /// A fault.
    Failed(Failure),
    /// A guard.
    Refused(Vec<Refusal>),
    /// Somebody asked.
    Cancelled,
}

impl From<Failure> for Stop {
    fn from(failure: Failure) -> Self {
        Self::Failed(failure)
    }
}

impl From<Stop> for Outcome {
    fn from(stop: Stop) -> Self {
        match stop {
            Stop::Failed(failure) => Self::Failed(failure),
            Stop::Refused(refusals) => Self::Refused(refusals),
            Stop::Cancelled => Self::Cancelled,
        }
    }
}

// The messages of these boundaries say what failed, on what, and what to do next.
impl From<GitError> for Failure {
    fn from(error: GitError) -> Self {
        // The words of transports and servers may repeat an address that the user's Git rewrote.
        let message = without_users(&error.to_string()).into_owned();
        let usage = matches!(
            error,
            GitError::UnknownRevision { .. }
                | GitError::BranchTaken { .. }
                | GitError::BranchName { .. }
        );
        let hint = match &error {
            GitError::HostUnknown { fingerprint, .. } => Some(format!(
                "`gitdeck repo check REPOSITORY --host-key {fingerprint}` accepts it; so does `A` in the console"
            )),
            _ => None,
        };
        Self { hint, usage, ..Self::new(message) }
    }
}

impl From<ClusterError> for Failure {
    fn from(error: ClusterError) -> Self {
        Self { usage: matches!(error, ClusterError::Access { .. }), ..Self::new(error.to_string()) }
    }
}

impl From<RenderError> for Failure {
    fn from(error: RenderError) -> Self {
        Self::new(error.to_string())
    }
}

impl From<GitError> for Stop {
    fn from(error: GitError) -> Self {
        match error {
            GitError::Stopped => Self::Cancelled,
            error => Self::Failed(error.into()),
        }
    }
}

impl From<ClusterError> for Stop {
    fn from(error: ClusterError) -> Self {
        match error {
            ClusterError::Refused { refusals, .. } => Self::Refused(refusals),
            ClusterError::Moved { objects } => {
                Self::Refused(vec![Refusal::Moved { what: objects.join("; ") }])
            }
            error => Self::Failed(error.into()),
        }
    }
}

impl From<std::io::Error> for Failure {
    fn from(error: std::io::Error) -> Self {
        let hint = match error.kind() {
            std::io::ErrorKind::StorageFull
            | std::io::ErrorKind::QuotaExceeded
            | std::io::ErrorKind::FileTooLarge => {
                Some("free space in the data directory, then try again".to_owned())
            }
            std::io::ErrorKind::PermissionDenied => {
                Some("`gitdeck doctor` shows which directory cannot be written".to_owned())
            }
            _ => None,
        };
        Self { message: format!("the disk refused: {error}"), hint, usage: false }
    }
}

// Levenshtein distance; names are short.
fn distance(a: &str, b: &str) -> usize {
    let b: Vec<char> = b.chars().collect();
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, x) in a.chars().enumerate() {
        let mut diagonal = row[0];
        row[0] = i + 1;
        for (j, y) in b.iter().enumerate() {
            let replaced = diagonal + usize::from(x != *y);
            diagonal = row[j + 1];
            row[j + 1] = replaced.min(diagonal + 1).min(row[j] + 1);
        }
    }
    row[b.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_near_name_is_suggested_and_a_far_one_is_not() {
        let known = ["checkout".to_owned(), "cart".to_owned()];
        assert_eq!(
            Failure::unknown("mapping", "chekout", known.iter()).hint.unwrap(),
            "did you mean `checkout`?"
        );
        assert!(
            Failure::unknown("mapping", "zzz", known.iter()).hint.unwrap().contains("mapping list")
        );
    }
}
