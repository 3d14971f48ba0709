//! What git says of the signature of a commit.

use serde::{Deserialize, Serialize};

/// How far a signature can be believed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Belief {
    /// Somebody whom git trusts here signed what the commit says.
    Verified,
    /// It is a signature, by a key that is not known or not trusted here, or whose time is over.
    Untrusted,
    /// It is for something else, or no signature at all.
    Bad,
    /// It could not be checked.
    Unchecked,
}

impl Belief {
    /// For a narrow column.
    pub fn word(self) -> &'static str {
        match self {
            Self::Verified => "verified",
            Self::Untrusted => "untrusted key",
            Self::Bad => "bad signature",
            Self::Unchecked => "signature not checked",
        }
    }

    /// After the word `signature`.
    fn adjective(self) -> &'static str {
        match self {
            Self::Verified => "verified",
            Self::Untrusted => "untrusted",
            Self::Bad => "bad",
            Self::Unchecked => "not checked",
        }
    }
}

/// What git says of one signature.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Verdict {
    /// How far it can be believed.
    pub state: Belief,
    /// Who signed: the principal of ssh, the user id of `OpenPGP` (foreign text). Of what is not verified, whoever the key
    /// says that it is of.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub signer: Option<String>,
    /// The key: the fingerprint of ssh, the id of `OpenPGP`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub key: Option<String>,
    /// Why it is not verified (may hold foreign text).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub why: Option<String>,
}

impl Verdict {
    /// A signature that is not verified, of which nothing else is known.
    pub fn without(state: Belief, why: impl Into<String>) -> Self {
        Self { state, signer: None, key: None, why: Some(why.into()) }
    }

    /// All that is known, to follow `signature:` (may hold foreign text).
    pub fn sentence(&self) -> String {
        let key = self.key.as_ref().map_or(String::new(), |key| format!(", key {key}"));
        let rest = if self.state == Belief::Verified {
            let by = self.signer.as_ref().map_or(String::new(), |by| format!(", by {by}"));
            format!("{by}{key}")
        } else {
            let why = self.why.as_ref().map_or(String::new(), |why| format!(": {why}"));
            format!("{why}{key}")
        };
        format!("{}{rest}", self.state.adjective())
    }
}

#[cfg(test)]
mod tests {
    use super::{Belief, Verdict};

    #[test]
    fn a_sentence_names_who_signed_only_where_that_is_sure() {
        let mut verdict = Verdict {
            state: Belief::Verified,
            signer: Some("ana@example.com".into()),
            key: Some("SHA256:abc".into()),
            why: None,
        };
        assert_eq!(verdict.sentence(), "verified, by ana@example.com, key SHA256:abc");
        verdict.state = Belief::Untrusted;
        verdict.why = Some("none of the allowed signers signed it".into());
        let said = verdict.sentence();
        assert_eq!(said, "untrusted: none of the allowed signers signed it, key SHA256:abc");
        assert_eq!(Verdict::without(Belief::Bad, "no form").sentence(), "bad: no form");
    }
}
