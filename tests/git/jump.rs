//! A jump host: two real sshd, reached as the user's `~/.ssh/config` says.

use super::world::{World, head, remote_at, request};
use crate::support::git_ssh::{GitSsh, user};
use crate::support::missing;
use gitdeck::domain::{Credential, PushOutcome, Secret};
use gitdeck::git::{Flow, GitError, Repository, trust};
use std::fs;
use std::path::PathBuf;

/// A world whose server is reached through another one only.
struct Behind {
    world: World,
    jump: GitSsh,
    target: GitSsh,
}

impl Behind {
    /// Nothing where there is no sshd.
    fn start() -> Option<Self> {
        let world = World::new();
        let (first, second) = (world.path().join("first"), world.path().join("second"));
        match GitSsh::start(&first).and_then(|jump| Ok((jump, GitSsh::start(&second)?))) {
            Ok((jump, target)) => {
                let behind = Self { world, jump, target };
                let places = behind.world.places();
                assert!(places.known_hosts.is_some());
                fs::write(behind.config(), behind.settings()).unwrap();
                Some(behind)
            }
            Err(why) => {
                missing(&format!("ssh: {why}"));
                None
            }
        }
    }

    fn config(&self) -> PathBuf {
        self.world.path().join("home/ssh_config")
    }

    fn jump_known(&self) -> PathBuf {
        self.world.path().join("jump_known_hosts")
    }

    fn settings(&self) -> String {
        format!(
            "Host bastion\n  HostName 127.0.0.1\n  Port {}\n  User {user}\n  IdentityFile {}\n  \
             UserKnownHostsFile {}\n  GlobalKnownHostsFile /dev/null\n  IdentityAgent none\n\
             Host forge\n  HostName 127.0.0.1\n  Port {}\n  User {user}\n  ProxyJump bastion\n",
            self.jump.port(),
            self.jump.file("client").display(),
            self.jump_known().display(),
            self.target.port(),
            user = user(),
        )
    }

    fn repository(&self) -> Repository {
        Repository::open(&self.world.places(), &self.remote()).unwrap()
    }

    fn remote(&self) -> gitdeck::domain::Remote {
        remote_at(&format!("forge:{}", self.world.origin().display()))
    }

    fn credential(&self) -> Credential {
        Credential::SshKey {
            username: None,
            private_key: Secret::new(fs::read_to_string(self.target.file("client")).unwrap()),
            passphrase: None,
        }
    }

    fn fetch(&self) -> Result<gitdeck::git::Fetched, GitError> {
        self.repository().fetch(&self.credential(), &mut |_| Flow::Continue)
    }
}

#[test]
fn a_repository_behind_a_jump_host_is_used_as_ssh_is_set_up() {
    let Some(behind) = Behind::start() else { return };
    fs::write(behind.jump_known(), behind.jump.known_host()).unwrap();
    fs::write(behind.world.path().join("known_hosts"), behind.target.known_host()).unwrap();
    behind.fetch().unwrap();
    let repository = behind.repository();
    assert_eq!(repository.file(&head(&repository), "README").unwrap(), b"hello\n");
    repository.commit(&request("mine", &[("README", "2\n")])).unwrap();
    let outcome = repository.push(&behind.credential(), &mut |_| Flow::Continue).unwrap();
    assert!(matches!(outcome, PushOutcome::Pushed { .. }), "{outcome:?}");
    assert_eq!(behind.world.titles(), ["mine", "begin"]);
    assert!(behind.jump.log().contains("Accepted publickey"), "it went past the jump host");
}

#[test]
fn each_unknown_host_on_the_way_is_asked_about_by_itself() {
    let Some(behind) = Behind::start() else { return };
    for (server, known) in [
        (&behind.jump, behind.jump_known()),
        (&behind.target, behind.world.path().join("known_hosts")),
    ] {
        let error = behind.fetch().unwrap_err();
        let GitError::HostUnknown { host, fingerprint, .. } = &error else { panic!("{error:?}") };
        assert_eq!(*host, format!("[127.0.0.1]:{}", server.port()));
        assert_eq!(*fingerprint, server.fingerprint("host_ed25519"));
        assert!(!known.exists());
        let trusted =
            trust(&behind.world.places(), &behind.remote(), &behind.credential(), fingerprint);
        // Behind the first one there is the next one.
        if let Err(next) = trusted {
            assert!(matches!(next, GitError::HostUnknown { .. }), "{next:?}");
        }
        assert!(fs::read_to_string(&known).unwrap().contains("ssh-ed25519"));
    }
    behind.fetch().unwrap();
}

#[test]
fn a_jump_host_with_another_key_is_a_hard_stop() {
    let Some(behind) = Behind::start() else { return };
    behind.jump.stranger("impostor");
    fs::write(behind.jump_known(), behind.jump.known_as("impostor")).unwrap();
    fs::write(behind.world.path().join("known_hosts"), behind.target.known_host()).unwrap();
    let error = behind.fetch().unwrap_err();
    let GitError::HostChanged { presented, expected, place, .. } = &error else {
        panic!("{error:?}")
    };
    assert_eq!(*presented, behind.jump.fingerprint("host_ed25519"));
    assert_eq!(*expected, behind.jump.fingerprint("impostor"));
    assert!(place.ends_with("jump_known_hosts:1"), "{place}");
    assert!(error.to_string().contains("HAS CHANGED"), "{error}");
    assert!(!behind.jump.log().contains("Accepted publickey"), "somebody logged in");
}

#[test]
fn a_jump_host_that_lets_nobody_in_is_named() {
    let Some(behind) = Behind::start() else { return };
    fs::write(behind.jump_known(), behind.jump.known_host()).unwrap();
    fs::write(behind.world.path().join("known_hosts"), behind.target.known_host()).unwrap();
    behind.jump.forget_keys();
    let error = behind.fetch().unwrap_err();
    assert!(matches!(error, GitError::Authentication { .. }), "{error:?}");
    assert!(error.to_string().contains("127.0.0.1: Permission denied (publickey)"), "{error}");
    assert_eq!(behind.target.log().matches("Accepted publickey").count(), 0);
}
