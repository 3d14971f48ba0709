//! Exit codes, as in `diff(1)` and beyond; of several, the worst counts.

/// How a command ended. The order is that of badness, which is not that of the numbers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default)]
pub enum Exit {
    /// Fine, or no difference.
    #[default]
    Fine,
    /// Differences were found.
    Differences,
    /// A guard refused.
    Refused,
    /// The operation failed.
    Failed,
    /// Usage or configuration.
    Usage,
    /// Interrupted.
    Interrupted,
}

impl Exit {
    /// The number for the system.
    pub fn code(self) -> u8 {
        match self {
            Self::Fine => 0,
            Self::Differences => 1,
            Self::Usage => 2,
            Self::Failed => 3,
            Self::Refused => 4,
            Self::Interrupted => 130,
        }
    }

    /// The worse of two.
    #[must_use]
    pub fn and(self, other: Self) -> Self {
        self.max(other)
    }
}

impl From<Exit> for std::process::ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(exit.code())
    }
}

#[cfg(test)]
mod tests {
    use super::Exit;

    #[test]
    fn the_worst_wins() {
        let order = [
            Exit::Fine,
            Exit::Differences,
            Exit::Refused,
            Exit::Failed,
            Exit::Usage,
            Exit::Interrupted,
        ];
        assert_eq!(order.map(Exit::code), [0, 1, 4, 3, 2, 130]);
        for pair in order.windows(2) {
            assert_eq!(pair[0].and(pair[1]), pair[1]);
            assert_eq!(pair[1].and(pair[0]), pair[1]);
        }
    }
}
