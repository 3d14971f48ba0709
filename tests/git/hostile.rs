//! Servers, hosts on the way and settings that mean harm.

use super::world::{World, git, remote_at, set};
use crate::support::git_http::{GitHttp, Rules};
use crate::support::git_ssh::GitSsh;
use crate::support::missing;
use gitdeck::domain::{Credential, Secret};
use gitdeck::git::{Flow, GitError, Places, Repository, Upstream};
use std::fs;

fn served() -> (World, GitHttp, Places) {
    let world = World::new();
    let server = GitHttp::start(world.path(), Rules::default());
    let mut places = world.places();
    set(&mut places, "GIT_SSL_CAINFO", server.authority());
    (world, server, places)
}

fn basic() -> Credential {
    Credential::Basic { username: "ada".to_owned(), password: Secret::new("open-sesame") }
}

fn rewrite(world: &World) {
    git(&world.other(), ["commit", "-q", "--amend", "-m", "another"]);
    world.publish_head();
}

#[test]
fn words_of_a_server_neither_destroy_the_mirror_nor_hide_a_rewritten_branch() {
    let (world, server, places) = served();
    let repository = Repository::open(&places, &remote_at(&server.url("origin.git"))).unwrap();
    let fetch = || repository.fetch(&Credential::Anonymous, &mut |_| Flow::Continue);
    let before = fetch().unwrap().tip;
    for words in ["bad object HEAD", "no\nfatal: bad object HEAD\nerror: loose object is corrupt"] {
        server.change(Rules { words: Some(words.to_owned()), ..Rules::default() });
        let error = fetch().unwrap_err();
        assert!(!matches!(error, GitError::Damaged { .. }), "{error:?}");
        assert!(error.to_string().contains("bad object HEAD"), "{error}");
        assert_eq!(repository.tip(), before);
    }
    let folders = fs::read_dir(world.path().join("cache")).unwrap().flatten();
    let aside = folders.filter(|entry| entry.path().extension().is_some_and(|e| e == "damaged"));
    assert_eq!(aside.count(), 0, "a mirror was moved aside");
    server.change(Rules::default());
    rewrite(&world);
    assert_eq!(fetch().unwrap().upstream, Upstream::Rewritten);
}

#[test]
fn a_rewritten_branch_shows_even_when_the_mirror_is_gone() {
    let (world, server, places) = served();
    let remote = remote_at(&server.url("origin.git"));
    let repository = Repository::open(&places, &remote).unwrap();
    let before = repository.fetch(&Credential::Anonymous, &mut |_| Flow::Continue).unwrap().tip;
    drop(repository);
    rewrite(&world);
    fs::remove_dir_all(world.path().join("cache")).unwrap();
    let repository = Repository::open(&places, &remote).unwrap();
    let fetch = || repository.fetch(&Credential::Anonymous, &mut |_| Flow::Continue).unwrap();
    let found = fetch();
    assert_eq!((found.upstream, found.before), (Upstream::Rewritten, before));
    repository.accept(&found.tip.clone().unwrap()).unwrap();
    assert_eq!(repository.tip(), found.tip);
    assert_eq!(fetch().upstream, Upstream::Unchanged);
}

#[test]
fn a_branch_below_the_one_before_is_fetched() {
    let (world, server, places) = served();
    git(&world.origin(), ["branch", "release", "main"]);
    let mut remote = remote_at(&server.url("origin.git"));
    for branch in ["release", "release/1.0", "release"] {
        remote.branch = branch.to_owned();
        let repository = Repository::open(&places, &remote).unwrap();
        let found = repository.fetch(&Credential::Anonymous, &mut |_| Flow::Continue);
        assert_eq!(found.unwrap().tip, Some(world.newest()), "{branch}");
        assert_eq!(repository.tip(), Some(world.newest()), "{branch}");
        let (old, new) =
            if branch == "release" { (branch, "release/1.0") } else { (branch, "release") };
        git(&world.origin(), ["branch", "-D", "-q", old]);
        git(&world.origin(), ["branch", new, "main"]);
    }
}

#[test]
fn a_web_server_does_not_speak_for_ssh() {
    let (_world, server, places) = served();
    let words = "WARNING: REMOTE HOST IDENTIFICATION HAS CHANGED!\n\
        Offending ED25519 key in /none:1\nHost key verification failed.";
    server.change(Rules { words: Some(words.to_owned()), ..Rules::default() });
    let repository = Repository::open(&places, &remote_at(&server.url("origin.git"))).unwrap();
    let error = repository.fetch(&Credential::Anonymous, &mut |_| Flow::Continue).unwrap_err();
    assert!(!matches!(error, GitError::HostChanged { .. }), "{error:?}");
}

#[test]
fn a_netrc_does_not_come_before_the_configured_credential() {
    let (world, server, places) = served();
    let netrc = world.path().join("home/.netrc");
    fs::write(&netrc, "machine localhost login eve password else\n").unwrap();
    let repository = Repository::open(&places, &remote_at(&server.url("origin.git"))).unwrap();
    let error = repository.fetch(&basic(), &mut |_| Flow::Continue).unwrap_err();
    assert!(matches!(error, GitError::Authentication { .. }), "{error:?}");
    assert!(error.to_string().contains(".netrc"), "{error}");
    assert_eq!(server.seen().len(), 0, "something was sent");
    fs::write(&netrc, "machine else login eve password else\n").unwrap();
    repository.fetch(&basic(), &mut |_| Flow::Continue).unwrap();
}

#[test]
fn settings_of_ssh_accept_no_unknown_host() {
    let world = World::new();
    let server = match GitSsh::start(world.path()) {
        Ok(server) => server,
        Err(why) => return missing(&format!("ssh: {why}")),
    };
    let places = world.places();
    let credential = Credential::SshKey {
        username: None,
        private_key: Secret::new(fs::read_to_string(server.file("client")).unwrap()),
        passphrase: None,
    };
    let remote = remote_at(&server.url(&world.origin()));
    let repository = Repository::open(&places, &remote).unwrap();
    for setting in ["no", "accept-new"] {
        let text = format!("StrictHostKeyChecking {setting}\n");
        fs::write(world.path().join("home/ssh_config"), text).unwrap();
        let error = repository.fetch(&credential, &mut |_| Flow::Continue).unwrap_err();
        assert!(matches!(error, GitError::HostUnknown { .. }), "{setting}: {error:?}");
        assert!(!world.path().join("known_hosts").exists(), "{setting}: the key was accepted");
    }
    assert!(!server.log().contains("Accepted publickey"), "somebody logged in");
}

#[test]
fn no_password_goes_past_a_jump_host() {
    let world = World::new();
    let server = match GitSsh::start(world.path()) {
        Ok(server) => server,
        Err(why) => return missing(&format!("ssh: {why}")),
    };
    let places = world.places();
    let jump = server.port();
    let text =
        format!("Host forge\n  HostName git.example.invalid\n  ProxyJump 127.0.0.1:{jump}\n");
    fs::write(world.path().join("home/ssh_config"), text).unwrap();
    let repository = Repository::open(&places, &remote_at("ada@forge:a.git")).unwrap();
    let seen = server.log().matches("Connection").count();
    let error = repository.fetch(&basic(), &mut |_| Flow::Continue).unwrap_err();
    assert!(matches!(error, GitError::Authentication { .. }), "{error:?}");
    assert!(error.to_string().contains("jump host"), "{error}");
    assert_eq!(server.log().matches("Connection").count(), seen, "the jump host was reached");
}
