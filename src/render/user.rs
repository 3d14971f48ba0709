//! What `sops` gets of the user's own environment, where a mapping lets it use that: what it finds keys by, nothing else.

use std::ffi::OsString;

/// Variables by name: home and session, the programs that ask for its passphrases, and the way to a key service.
const NAMED: [&str; 25] = [
    "HOME",
    "USER",
    "LOGNAME",
    "TMPDIR",
    "LANG",
    "LC_ALL",
    "LC_CTYPE",
    "TERM",
    "XDG_CONFIG_HOME",
    "XDG_RUNTIME_DIR",
    "GNUPGHOME",
    "GPG_TTY",
    "GPG_AGENT_INFO",
    "PINENTRY_USER_DATA",
    "DISPLAY",
    "WAYLAND_DISPLAY",
    "DBUS_SESSION_BUS_ADDRESS",
    "SSL_CERT_FILE",
    "SSL_CERT_DIR",
    "GCE_METADATA_HOST",
    "CLOUDSDK_CONFIG",
    "IDENTITY_ENDPOINT",
    "IDENTITY_HEADER",
    "MSI_ENDPOINT",
    "MSI_SECRET",
];

/// Beginnings of names: SOPS itself, age, and the clouds and vaults that hold keys, as their libraries name them.
const BEGINNINGS: [&str; 7] =
    ["SOPS_", "AGE_", "AWS_", "AZURE_", "GOOGLE_", "VAULT_", "HUAWEICLOUD_"];

/// Proxies, which are written in either case.
const PROXIES: [&str; 4] = ["HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY", "ALL_PROXY"];

/// Whether `sops` gets a variable.
fn is_needed(name: &str) -> bool {
    NAMED.contains(&name)
        || BEGINNINGS.iter().any(|beginning| name.starts_with(beginning))
        || PROXIES.iter().any(|proxy| name.eq_ignore_ascii_case(proxy))
}

/// What of an environment `sops` gets, beside its search path.
pub(super) fn needed(
    all: impl Iterator<Item = (OsString, OsString)>,
) -> impl Iterator<Item = (OsString, OsString)> {
    all.filter(|(name, _)| name.to_str().is_some_and(is_needed))
}

#[cfg(test)]
mod tests {
    use super::needed;

    #[test]
    fn keys_are_found_and_other_credentials_are_not_handed_on() {
        let given = [
            "HOME",
            "GNUPGHOME",
            "SOPS_AGE_KEY_FILE",
            "AWS_PROFILE",
            "AZURE_CLIENT_SECRET",
            "GOOGLE_APPLICATION_CREDENTIALS",
            "VAULT_TOKEN",
            "https_proxy",
            "NO_PROXY",
        ];
        let kept = [
            "GITHUB_TOKEN",
            "KUBECONFIG",
            "GIT_TOKEN",
            "SSH_AUTH_SOCK",
            "GITDECK_VAULT_PASSPHRASE_FILE",
            "LD_PRELOAD",
            "MY_AWS_SECRET",
            "PATH",
            "HOMEBREW_GITHUB_API_TOKEN",
            "home",
        ];
        let all = given.iter().chain(&kept).map(|name| ((*name).into(), "x".into()));
        let names: Vec<_> = needed(all).map(|(name, _)| name).collect();
        assert_eq!(names, given);
    }
}
