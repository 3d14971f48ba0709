//! A refused credential is named by its reference and its user in what the command line says, never by its value.

use super::world::{World, settle};
use crate::support::git_http::{GitHttp, Rules};
use crate::support::git_ssh::GitSsh;
use crate::support::skipped;
use base64::Engine;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::process::{Command, Stdio};

const WRONG: &str = "hunter2-wrong";

/// What `gitdeck repo check` says of the repository that these lines describe.
fn said(world: &World, lines: &str, variables: &[(&str, String)]) -> String {
    let config = world.path().join("config.toml");
    fs::write(&config, format!("[repositories.apps]\n{lines}")).unwrap();
    fs::set_permissions(&config, PermissionsExt::from_mode(0o600)).unwrap();
    let mut command = Command::new(env!("CARGO_BIN_EXE_gitdeck"));
    let output = settle(&mut command, &world.places())
        .arg("--config")
        .arg(&config)
        .args(["repo", "check", "apps"])
        .env("GITDECK_KNOWN_HOSTS", world.path().join("known_hosts"))
        .env("GITDECK_CACHE_DIR", world.path().join("cache"))
        .env("GITDECK_DATA_DIR", world.path().join("data"))
        .envs(variables.iter().map(|(name, value)| (name, value)))
        .stdin(Stdio::null())
        .output()
        .unwrap();
    let said = [output.stdout, output.stderr].concat();
    let said = String::from_utf8_lossy(&said).into_owned();
    assert_eq!(output.status.code(), Some(3), "{said}");
    assert!(!said.contains(WRONG), "{said}");
    said
}

#[test]
fn a_refused_password_is_named_by_its_reference() {
    let world = World::new();
    let pair = base64::engine::general_purpose::STANDARD.encode("ada:right");
    let server = GitHttp::start(world.path(), Rules { basic: Some(pair), ..Rules::default() });
    let authority = ("GIT_SSL_CAINFO", server.authority().display().to_string());
    let url = server.url("origin.git");
    let check = |lines: &str, variables: &[(&str, String)]| {
        let lines = format!("url = \"{url}\"\n{lines}");
        said(&world, &lines, &[std::slice::from_ref(&authority), variables].concat())
    };
    let lines = "username = \"ada\"\npassword = \"env:FORGE_TOKEN\"\n";
    let text = check(lines, &[("FORGE_TOKEN", WRONG.to_owned())]);
    let named = "refused the password (or token) env:FORGE_TOKEN of the user ada: ";
    assert!(text.contains(named), "{text}");
    let file = world.path().join("token");
    fs::write(&file, format!("{WRONG}\n")).unwrap();
    fs::set_permissions(&file, PermissionsExt::from_mode(0o600)).unwrap();
    let place = format!("file:{}", file.display());
    let text = check(&format!("username = \"ada\"\npassword = \"{place}\"\n"), &[]);
    assert!(text.contains(&format!("{place} of the user ada: ")), "{text}");
    let offers = server.seen().iter().filter(|seen| seen.authorised).count();
    assert!((2..=4).contains(&offers), "at most twice for each of two: {offers}");
    let text = check("username = \"ada\"\npassword = \"git-credential\"\n", &[]);
    let named = "refused the credential of git's helpers (git-credential) of the user ada: ";
    assert!(text.contains(named), "{text}");
}

#[test]
fn a_refused_key_is_named_by_its_reference() {
    let world = World::new();
    let server = match GitSsh::start(world.path()) {
        Ok(server) => server,
        Err(why) => return skipped(&format!("ssh: {why}")),
    };
    fs::write(world.path().join("known_hosts"), server.known_host()).unwrap();
    let url = server.url(&world.origin());
    let stranger = server.stranger("stranger");
    let place = format!("file:{}", server.file("stranger").display());
    let lines = format!("url = \"{url}\"\nprivate_key = \"{place}\"\n");
    let text = said(&world, &lines, &[]);
    assert!(text.contains(&format!("refused the ssh key {place} of the user ")), "{text}");
    let body = stranger.lines().nth(1).unwrap();
    assert!(!text.contains(body), "{text}");
    // A locked key with a wrong passphrase fails before anything is sent, and is named as well.
    server.key("locked", "ed25519", "open sesame");
    let place = format!("file:{}", server.file("locked").display());
    let lines =
        format!("url = \"{url}\"\nprivate_key = \"{place}\"\npassphrase = \"env:PHRASE\"\n");
    let text = said(&world, &lines, &[("PHRASE", WRONG.to_owned())]);
    assert!(text.contains(&format!("refused the ssh key {place}")), "{text}");
    // Nothing is configured: the agent is asked, which has no key.
    let text = said(&world, &format!("url = \"{url}\"\n"), &[("SSH_AUTH_SOCK", String::new())]);
    assert!(text.contains("refused the keys of the ssh-agent"), "{text}");
}
