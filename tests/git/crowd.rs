//! Several processes that push to one branch at the same moment: nothing acknowledged is lost or doubled.

use super::world::{World, git, remote_at, request, set, settle};
use crate::support::git_http::{GitHttp, Rules};
use base64::Engine;
use gitdeck::domain::{Credential, PushOutcome, Secret};
use gitdeck::git::{Flow, Places, Repository};
use std::collections::BTreeMap;
use std::io::Write;
use std::path::PathBuf;
use std::process::{Command, Stdio};

/// Processes that push.
const CROWD: usize = 4;

/// Commits of each process; `GITDECK_PUSHES` sets another number.
fn pushes() -> usize {
    std::env::var("GITDECK_PUSHES").ok().and_then(|text| text.parse().ok()).unwrap_or(20)
}

fn credential() -> Credential {
    Credential::Basic { username: "ada".to_owned(), password: Secret::new("open-sesame") }
}

#[test]
fn what_a_crowd_was_promised_is_in_the_history_once() {
    let world = World::new();
    let pair = base64::engine::general_purpose::STANDARD.encode("ada:open-sesame");
    let server = GitHttp::start(world.path(), Rules { basic: Some(pair), ..Rules::default() });
    let mut places = world.places();
    set(&mut places, "GIT_SSL_CAINFO", server.authority());
    let children: Vec<_> = (0..CROWD)
        .map(|who| {
            let mut command = Command::new(std::env::current_exe().unwrap());
            settle(&mut command, &places)
                .args(["--exact", "git::crowd::one_of_the_crowd", "--ignored", "--nocapture"])
                .env("GITDECK_TEST_FOLDER", world.path().join(format!("console{who}")))
                .env("GITDECK_TEST_URL", server.url("origin.git"))
                .env("GITDECK_TEST_WHO", who.to_string())
                .env("GITDECK_PUSHES", pushes().to_string())
                .stdin(Stdio::null())
                .stdout(Stdio::piped())
                .stderr(Stdio::null())
                .spawn()
                .unwrap()
        })
        .collect();
    let mut promised = Vec::new();
    for child in children {
        let output = child.wait_with_output().unwrap();
        let said = String::from_utf8_lossy(&output.stdout).into_owned();
        assert!(output.status.success(), "{said}");
        promised.extend(
            said.lines().filter_map(|line| line.strip_prefix("pushed ")).map(str::to_owned),
        );
    }
    assert_eq!(promised.len(), CROWD * pushes(), "not everything was acknowledged");
    let mut found: BTreeMap<String, usize> = BTreeMap::new();
    for title in world.titles() {
        *found.entry(title).or_default() += 1;
    }
    for title in &promised {
        assert_eq!(found.remove(title), Some(1), "{title}");
    }
    assert_eq!(found.into_keys().collect::<Vec<_>>(), ["begin"]);
    assert_eq!(git(&world.origin(), ["fsck", "--strict", "--no-dangling"]), "");
    // Nobody overwrote what another one wrote: each commit has its file.
    let files = git(&world.origin(), ["ls-tree", "-r", "--name-only", "main"]);
    assert_eq!(files.lines().count(), CROWD * pushes() + 2);
}

#[test]
#[ignore = "run by what_a_crowd_was_promised_is_in_the_history_once"]
fn one_of_the_crowd() {
    let folder =
        PathBuf::from(std::env::var_os("GITDECK_TEST_FOLDER").expect("a parent runs this"));
    let who = std::env::var("GITDECK_TEST_WHO").unwrap();
    let places = Places::new(folder.join("cache"), folder.join("data"));
    let url = std::env::var("GITDECK_TEST_URL").unwrap();
    let repository = Repository::open(&places, &remote_at(&url)).unwrap();
    repository.fetch(&credential(), &mut |_| Flow::Continue).unwrap();
    let mut out = std::io::stdout();
    let (mut waiting, mut round) = (Vec::new(), 0);
    while round < pushes() || !waiting.is_empty() {
        // One to five commits in a push, so that both are common.
        let many = (1 + round % 5).min(pushes() - round);
        for _ in 0..many {
            let title = format!("{who}-{round}");
            let file = format!("{who}/{round}.yaml");
            repository.commit(&request(&title, &[(&file, &title)])).unwrap();
            waiting.push(title);
            round += 1;
        }
        match repository.push(&credential(), &mut |_| Flow::Continue).unwrap() {
            PushOutcome::Pushed { .. } => {
                for title in waiting.drain(..) {
                    writeln!(out, "\npushed {title}").unwrap();
                }
            }
            // Others were faster ten times; the commits wait.
            PushOutcome::Refused { reason } if reason.starts_with("gave up") => {}
            other => panic!("{other:?}"),
        }
    }
    out.flush().unwrap();
}
