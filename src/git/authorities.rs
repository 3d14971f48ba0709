//! Settings of libgit2 that hold for the whole process: certificate authorities and time limits.

use super::address::Address;
use super::{GitError, Places};
use std::collections::HashSet;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, Once, PoisonError};

/// Milliseconds to wait for a connection.
const CONNECT_LIMIT: i32 = 15_000;
/// Milliseconds to wait for the next byte of a server.
const SILENCE_LIMIT: i32 = 60_000;

/// Sets the time limits, once.
pub(super) fn set_limits() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        // Two integers inside libgit2, written before any connection of ours exists.
        #[expect(unsafe_code, reason = "libgit2 has no other way to set its time limits")]
        let result = unsafe {
            git2::opts::set_server_connect_timeout_in_milliseconds(CONNECT_LIMIT)
                .and_then(|()| git2::opts::set_server_timeout_in_milliseconds(SILENCE_LIMIT))
        };
        if let Err(error) = result {
            tracing::warn!(error = error.message(), "time limits of Git connections cannot be set");
        }
    });
}

/// Trusts the authorities that the user's Git would trust for this address, beside those of the system.
///
/// OpenSSL adds them to the store of the process, so that each file is loaded once. `SSL_CERT_FILE` and
/// `SSL_CERT_DIR` are honoured by OpenSSL itself. Verification cannot be turned off: `http.sslVerify` is ignored.
pub(super) fn trust(
    places: &Places,
    config: &git2::Config,
    address: &Address,
) -> Result<(), GitError> {
    static LOADED: Mutex<Option<HashSet<PathBuf>>> = Mutex::new(None);
    let mut files = places.authorities.clone();
    files.extend(configured(config, &address.to_string()));
    let mut loaded = LOADED.lock().unwrap_or_else(PoisonError::into_inner);
    let loaded = loaded.get_or_insert_with(HashSet::new);
    for file in files {
        if loaded.contains(&file) {
            continue;
        }
        load(&file)?;
        loaded.insert(file);
    }
    Ok(())
}

fn load(file: &Path) -> Result<(), GitError> {
    // Reading it ourselves gives an error that names the file.
    std::fs::File::open(file).map_err(|error| GitError::storage(file, error))?;
    // Calls are serialised by the caller's lock, and OpenSSL's certificate store has a lock of its own for the
    // connections that read it meanwhile.
    #[expect(unsafe_code, reason = "libgit2 has no other way to add an authority")]
    let result = unsafe { git2::opts::set_ssl_cert_file(file) };
    result.map_err(|error| GitError::storage(file, error.message()))
}

/// `http.sslCAInfo` and `http.URL.sslCAInfo` of the user's Git configuration.
fn configured(config: &git2::Config, address: &str) -> Vec<PathBuf> {
    let mut files = Vec::new();
    let Ok(mut entries) = config.entries(Some("^http\\..*sslcainfo$")) else { return files };
    while let Some(Ok(entry)) = entries.next() {
        let name = entry.name().unwrap_or_default();
        let scope =
            name.trim_start_matches("http.").trim_end_matches("sslcainfo").trim_end_matches('.');
        let meant = scope.is_empty() || covers(scope, address);
        if let (true, Ok(value)) = (meant, entry.value()) {
            files.push(expanded(value));
        }
    }
    files
}

/// Whether a configured URL is the address or a parent of it, part by part.
fn covers(scope: &str, address: &str) -> bool {
    let scope = scope.trim_end_matches('/');
    address.strip_prefix(scope).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
}

fn expanded(value: &str) -> PathBuf {
    match (value.strip_prefix("~/"), directories::BaseDirs::new()) {
        (Some(rest), Some(directories)) => directories.home_dir().join(rest),
        _ => PathBuf::from(value),
    }
}

#[cfg(test)]
mod tests {
    use super::configured;
    use std::path::PathBuf;

    #[test]
    fn authorities_are_read_for_the_address() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("config");
        std::fs::write(
            &file,
            "[http]\nsslCAInfo = /all.pem\n[http \"https://git.example.com/\"]\nsslCAInfo = /one.pem\n\
             [http \"https://git.example\"]\nsslCAInfo = /other.pem\n",
        )
        .unwrap();
        let config = git2::Config::open(&file).unwrap();
        assert_eq!(
            configured(&config, "https://git.example.com/a/b"),
            [PathBuf::from("/all.pem"), PathBuf::from("/one.pem")]
        );
    }
}
