//! A credential in words: its kind, where it is kept and whose it is, never its value.

use crate::domain::{Credential, Secret};

/// Names a credential for an error. `login` is the user of an ssh address; that of an https address may be a token.
pub(super) fn credential(credential: &Credential, ssh: bool, login: Option<&str>) -> String {
    let (what, secret, user) = match credential {
        Credential::Basic { username, password } => {
            ("the password (or token)", Some(password), Some(username.as_str()))
        }
        Credential::SshKey { username, private_key, .. } => {
            ("the ssh key", Some(private_key), username.as_deref().or(login))
        }
        Credential::SshAgent { username } => {
            ("the keys of the ssh-agent", None, username.as_deref().or(login))
        }
        Credential::GitCredential { username } if !ssh => {
            ("the credential of git's helpers (git-credential)", None, username.as_deref())
        }
        Credential::Anonymous if !ssh => ("access without a credential", None, None),
        _ => ("the keys of the ssh-agent", None, login),
    };
    let place = secret.and_then(Secret::place).map(|place| format!(" {place}")).unwrap_or_default();
    let user = user.filter(|user| !user.is_empty());
    let user = user.map(|user| format!(" of the user {user}")).unwrap_or_default();
    format!("{what}{place}{user}")
}

#[cfg(test)]
mod tests {
    use super::credential;
    use crate::domain::{Credential, Secret};

    #[test]
    fn the_reference_and_the_user_are_named_and_the_value_is_not() {
        let place = "vault:forge".parse().unwrap();
        let secret = Secret::new("hunter2").found_at(&place);
        let basic = Credential::Basic { username: "ada".into(), password: secret.clone() };
        assert_eq!(
            credential(&basic, false, None),
            "the password (or token) vault:forge of the user ada"
        );
        let key = Credential::SshKey { username: None, private_key: secret, passphrase: None };
        assert_eq!(credential(&key, true, Some("git")), "the ssh key vault:forge of the user git");
        let agent = Credential::SshAgent { username: Some("deploy".into()) };
        assert_eq!(
            credential(&agent, true, Some("git")),
            "the keys of the ssh-agent of the user deploy"
        );
        let helpers = Credential::GitCredential { username: Some("ada".into()) };
        assert_eq!(
            credential(&helpers, false, None),
            "the credential of git's helpers (git-credential) of the user ada"
        );
        assert_eq!(credential(&Credential::Anonymous, false, None), "access without a credential");
    }
}
