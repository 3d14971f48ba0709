//! Whether commits are signed, and with what.

/// How commits are signed.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum Signing {
    /// As the user's own Git does: `commit.gpgSign`, `gpg.format` and `user.signingKey`.
    #[default]
    AsGit,
    /// Never.
    Off,
    /// Always.
    With {
        /// Kind of signature.
        format: SignatureFormat,
        /// File of a key of ssh, or the id of a key of gpg; the user's own Git says which where it is absent.
        key: Option<String>,
    },
}

/// A kind of signature that Git knows (`gpg.format` in git-config(1)).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SignatureFormat {
    /// By `ssh-keygen`.
    Ssh,
    /// By `gpg`.
    OpenPgp,
}
