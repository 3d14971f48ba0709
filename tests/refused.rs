//! A credential that the server refused: a console asks with it once and rests, until somebody asks or it is another one.

use crate::support::git_http::{GitHttp, Rules};
use crate::support::shell::git;
use crate::support::terminal::Terminal;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use portable_pty::CommandBuilder;
use std::fs;
use std::path::Path;

/// Two repositories of one server: what opens the first is right, what opens the second is in a file.
fn lay_out(folder: &Path, server: &GitHttp) {
    git(folder, &["init", "-q", "-b", "main", "work"]);
    git(folder, &["-C", "work", "commit", "-q", "--allow-empty", "-m", "first"]);
    let table = |(name, password): (&str, &str)| {
        git(folder, &["clone", "-q", "--bare", "work", &format!("{name}.git")]);
        fs::write(folder.join(name), password).unwrap();
        format!(
            "[repositories.{name}]\nurl = \"{}\"\nusername = \"ada\"\npassword = \"file:{}\"\npolling_interval = \"1s\"\n",
            server.url(&format!("{name}.git")),
            folder.join(name).display()
        )
    };
    let tables: String = [("fine", "right"), ("ill", "wrong")].map(table).concat();
    let config = format!("cache_dir = \"cache\"\ndata_dir = \"data\"\n{tables}");
    fs::write(folder.join("config.toml"), config).unwrap();
}

/// Requests for the refs of a repository that came with a credential, and all of them.
fn asked(server: &GitHttp, repository: &str) -> (usize, usize) {
    let place = format!("/{repository}.git/info/refs");
    let seen = server.seen().into_iter().filter(|one| one.target.starts_with(&place));
    seen.fold((0, 0), |(with, all), one| (with + usize::from(one.authorised), all + 1))
}

#[test]
fn a_refused_credential_is_not_offered_again_and_again() {
    let folder = tempfile::tempdir().unwrap();
    let basic = Some(STANDARD.encode("ada:right"));
    let server = GitHttp::start(folder.path(), Rules { basic, ..Rules::default() });
    lay_out(folder.path(), &server);
    let mut command = CommandBuilder::new(env!("CARGO_BIN_EXE_gitdeck"));
    command.args(["--config", folder.path().join("config.toml").to_str().unwrap()]);
    command.env("GIT_SSL_CAINFO", server.authority());
    command.env("NO_PROXY", "localhost,127.0.0.1");
    let mut terminal = Terminal::run(command, (120, 36));

    // Nothing is drawn for a poll that finds nothing, so that ages are what moves the screen.
    let polls = |terminal: &mut Terminal, more: usize| {
        let before = asked(&server, "fine").0;
        terminal.wait("polls", |_| asked(&server, "fine").0 >= before + more);
    };
    terminal.see("credential refused");
    let first = asked(&server, "ill").1;
    polls(&mut terminal, 4);
    // One conversation: a request without and one with the credential.
    assert_eq!((first, asked(&server, "ill")), (2, (1, 2)));

    // What to do stands with the repository.
    terminal.keys("1").keys("jj").keys("D");
    terminal.see("polling rests for 5 minutes").keys("\x1b");
    terminal.miss("polling rests").keys("\x12");
    terminal.wait("another conversation", |_| asked(&server, "ill").1 > 2);
    polls(&mut terminal, 3);
    assert_eq!(asked(&server, "ill"), (2, 4));

    // Another secret is noticed by itself.
    fs::write(folder.path().join("ill"), "right").unwrap();
    terminal.miss("credential refused");
    let then = asked(&server, "ill").0;
    assert!(then > 2);
    terminal.wait("polling that goes on", |_| asked(&server, "ill").0 > then);
}
