//! ssh against a real sshd: keys, the agent, and host keys.

use super::world::{World, head, remote_at, request, settle};
use crate::support::git_ssh::GitSsh;
use crate::support::missing;
use gitdeck::domain::{Credential, PushOutcome, Secret};
use gitdeck::git::{Fetched, Flow, GitError, Repository, check, trust};
use std::fs;
use std::process::{Command, Stdio};

/// A world behind a server whose host key is known; nothing where there is no sshd.
fn served() -> Option<(World, GitSsh, Repository)> {
    let world = World::new();
    match GitSsh::start(world.path()) {
        Ok(server) => {
            fs::write(world.path().join("known_hosts"), server.known_host()).unwrap();
            let remote = remote_at(&server.url(&world.origin()));
            let repository = Repository::open(&world.places(), &remote).unwrap();
            Some((world, server, repository))
        }
        Err(why) => {
            missing(&format!("ssh: {why}"));
            None
        }
    }
}

fn key(private: &str, passphrase: Option<&str>) -> Credential {
    Credential::SshKey {
        username: None,
        private_key: Secret::new(private),
        passphrase: passphrase.map(Secret::new),
    }
}

fn client(server: &GitSsh) -> Credential {
    key(&fs::read_to_string(server.file("client")).unwrap(), None)
}

fn fetch(repository: &Repository, credential: &Credential) -> Result<Fetched, GitError> {
    repository.fetch(credential, &mut |_| Flow::Continue)
}

#[test]
fn fetch_commit_and_push_with_a_key() {
    let Some((world, server, repository)) = served() else { return };
    let credential = client(&server);
    fetch(&repository, &credential).unwrap();
    assert_eq!(repository.file(&head(&repository), "README").unwrap(), b"hello\n");
    repository.commit(&request("mine", &[("apps/web.yaml", "replicas: 2\n")])).unwrap();
    world.publish("theirs", &[("README", "theirs\n")]);
    let outcome = repository.push(&credential, &mut |_| Flow::Continue).unwrap();
    assert!(matches!(outcome, PushOutcome::Pushed { .. }), "{outcome:?}");
    assert_eq!(world.titles(), ["mine", "theirs", "begin"]);
}

#[test]
fn a_declining_hook_is_heard_over_ssh() {
    let Some((world, server, repository)) = served() else { return };
    world.hook("pre-receive", "echo policy 7 >&2; exit 1");
    let credential = client(&server);
    fetch(&repository, &credential).unwrap();
    repository.commit(&request("mine", &[("README", "2\n")])).unwrap();
    let outcome = repository.push(&credential, &mut |_| Flow::Continue).unwrap();
    assert!(
        matches!(&outcome, PushOutcome::Refused { reason } if reason.contains("policy 7")),
        "{outcome:?}"
    );
}

#[test]
fn keys_of_several_kinds_and_with_a_passphrase() {
    let Some((_world, server, repository)) = served() else { return };
    for (name, kind, passphrase) in
        [("rsa", "rsa", ""), ("ecdsa", "ecdsa", ""), ("locked", "ed25519", "open sesame")]
    {
        let private = server.key(name, kind, passphrase);
        let credential = key(&private, (!passphrase.is_empty()).then_some(passphrase));
        fetch(&repository, &credential).unwrap_or_else(|error| panic!("{name}: {error}"));
    }
    let error = fetch(
        &repository,
        &key(&fs::read_to_string(server.file("locked")).unwrap(), Some("hunter2")),
    )
    .unwrap_err();
    assert!(matches!(error, GitError::Authentication { .. }), "{error:?}");
    assert!(!format!("{error:?}").contains("hunter2"), "{error:?}");
}

#[test]
fn a_key_that_is_not_accepted_is_offered_once() {
    let Some((_world, server, repository)) = served() else { return };
    let error = fetch(&repository, &key(&server.stranger("stranger"), None)).unwrap_err();
    assert!(matches!(error, GitError::Authentication { .. }), "{error:?}");
    assert!(error.to_string().contains("the ssh key"), "{error}");
}

#[test]
fn an_unknown_host_is_refused_with_its_fingerprint() {
    let Some((world, server, repository)) = served() else { return };
    let known = world.path().join("known_hosts");
    fs::remove_file(&known).unwrap();
    let error = fetch(&repository, &client(&server)).unwrap_err();
    let GitError::HostUnknown { fingerprint, kind, .. } = &error else { panic!("{error:?}") };
    assert_eq!(*fingerprint, server.fingerprint("host_ed25519"));
    assert_eq!(kind, "ED25519");
    assert!(error.to_string().contains(fingerprint.as_str()), "{error}");
    assert!(!known.exists(), "nothing is accepted by itself");
    let remote = remote_at(&server.url(&world.origin()));
    let (places, credential) = (world.places(), client(&server));
    server.stranger("other");
    let other = server.fingerprint("other");
    assert!(matches!(
        trust(&places, &remote, &credential, &other),
        Err(GitError::HostUnknown { .. })
    ));
    assert!(!known.exists(), "another key was accepted");
    trust(&places, &remote, &credential, fingerprint).unwrap();
    let written = fs::read_to_string(&known).unwrap();
    assert!(written.contains(server.known_host().split_whitespace().nth(2).unwrap()), "{written}");
    fetch(&repository, &credential).unwrap();
}

#[test]
fn the_command_line_names_the_fingerprint_and_accepts_it_when_told() {
    let Some((world, server, _)) = served() else { return };
    fs::remove_file(world.path().join("known_hosts")).unwrap();
    let config = world.path().join("config.toml");
    let text = format!(
        "[repositories.apps]\nurl = \"{}\"\nprivate_key = \"file:{}\"\n",
        server.url(&world.origin()),
        server.file("client").display()
    );
    fs::write(&config, text).unwrap();
    fs::set_permissions(&config, std::os::unix::fs::PermissionsExt::from_mode(0o600)).unwrap();
    let run = |arguments: &[&str]| {
        let mut command = Command::new(env!("CARGO_BIN_EXE_gitdeck"));
        let output = settle(&mut command, &world.places())
            .arg("--config")
            .arg(&config)
            .args(["repo", "check", "apps"])
            .args(arguments)
            .env("GITDECK_KNOWN_HOSTS", world.path().join("known_hosts"))
            .env("GITDECK_CACHE_DIR", world.path().join("cache"))
            .env("GITDECK_DATA_DIR", world.path().join("data"))
            .stdin(Stdio::null())
            .output()
            .unwrap();
        let said = [output.stdout, output.stderr].concat();
        (output.status.code(), String::from_utf8_lossy(&said).into_owned())
    };
    let fingerprint = server.fingerprint("host_ed25519");
    let (code, said) = run(&[]);
    assert_eq!(code, Some(3), "{said}");
    let way = format!("gitdeck repo check REPOSITORY --host-key {fingerprint}");
    assert!(said.contains("is not known") && said.contains(&way), "{said}");
    let (code, said) = run(&["--host-key", "SHA256:of-somebody-else"]);
    assert!(code != Some(0) && !world.path().join("known_hosts").exists(), "{said}");
    let (code, said) = run(&["--host-key", &fingerprint]);
    assert_eq!(code, Some(0), "{said}");
    let (code, said) = run(&[]);
    assert_eq!(code, Some(0), "{said}");
}

#[test]
fn a_changed_host_key_is_a_hard_stop() {
    let Some((world, server, repository)) = served() else { return };
    server.stranger("impostor");
    fs::write(world.path().join("known_hosts"), server.known_as("impostor")).unwrap();
    let error = fetch(&repository, &client(&server)).unwrap_err();
    let GitError::HostChanged { presented, expected, place, .. } = &error else {
        panic!("{error:?}")
    };
    assert_eq!(*presented, server.fingerprint("host_ed25519"));
    assert_eq!(*expected, server.fingerprint("impostor"));
    assert!(place.ends_with("known_hosts:1"), "{place}");
    assert!(!server.log().contains("Accepted publickey"), "nobody logged in");
    let remote = remote_at(&server.url(&world.origin()));
    let found = check(&world.places(), &remote, &client(&server));
    assert!(matches!(found.problems[0], GitError::HostChanged { .. }), "{found:?}");
}

#[test]
fn a_missing_repository_and_a_dead_server_are_unreachable() {
    let Some((world, server, repository)) = served() else { return };
    let credential = client(&server);
    let missing = remote_at(&server.url(&world.path().join("none.git")));
    let error =
        fetch(&Repository::open(&world.places(), &missing).unwrap(), &credential).unwrap_err();
    assert!(matches!(error, GitError::Unreachable { .. }), "{error:?}");
    drop(server);
    let error = fetch(&repository, &credential).unwrap_err();
    assert!(matches!(error, GitError::Unreachable { .. }), "{error:?}");
}
