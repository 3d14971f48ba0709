//! What needs a process of its own: an environment with an agent, and a death at any moment.

use super::world::{World, fetch, git, head, push, remote_at, request, settle};
use crate::support::git_http::{GitHttp, Rules};
use crate::support::git_ssh::GitSsh;
use crate::support::missing;
use gitdeck::domain::{Credential, Revision};
use gitdeck::git::{Fate, Flow, Places, Repository};
use std::io::{BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

/// Names the folder of the world to a child.
const FOLDER: &str = "GITDECK_TEST_FOLDER";
/// Names the address of the remote to a child.
const URL: &str = "GITDECK_TEST_URL";

/// This test program, running one of the ignored tests below.
fn child(test: &str, world: &World, url: &str) -> Command {
    let mut command = Command::new(std::env::current_exe().unwrap());
    settle(&mut command, &world.places())
        .args(["--exact", test, "--ignored", "--nocapture", "--test-threads=1"])
        .env(FOLDER, world.path())
        .env(URL, url)
        .stdin(Stdio::null())
        .stderr(Stdio::null());
    command
}

/// The repository that the parent prepared.
fn inherited() -> Repository {
    let folder = PathBuf::from(std::env::var_os(FOLDER).expect("a parent test runs this"));
    let mut places = Places::new(folder.join("cache"), folder.join("data"));
    places.known_hosts = Some(folder.join("known_hosts"));
    Repository::open(&places, &remote_at(&std::env::var(URL).unwrap())).unwrap()
}

/// An agent; it ends when dropped.
struct Agent(Child);

impl Agent {
    fn start(socket: &Path) -> Self {
        let agent = Command::new("ssh-agent")
            .args(["-D", "-a"])
            .arg(socket)
            .stdout(Stdio::null())
            .spawn()
            .unwrap();
        while !socket.exists() {
            std::thread::yield_now();
        }
        Self(agent)
    }
}

impl Drop for Agent {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

#[test]
fn the_keys_of_the_agent_are_used() {
    let world = World::new();
    let server = match GitSsh::start(world.path()) {
        Ok(server) => server,
        Err(why) => return missing(&format!("ssh: {why}")),
    };
    std::fs::write(world.path().join("known_hosts"), server.known_host()).unwrap();
    let socket = world.path().join("agent");
    let _agent = Agent::start(&socket);
    let url = server.url(&world.origin());
    let run = || {
        let mut command = child("git::child::fetches_with_the_agent", &world, &url);
        command.env("SSH_AUTH_SOCK", &socket).output().unwrap()
    };
    let without = run();
    let said = String::from_utf8_lossy(&without.stdout).into_owned();
    assert!(!without.status.success() && said.contains("the keys of the ssh-agent"), "{said}");
    let added = Command::new("ssh-add")
        .arg("-q")
        .arg(server.file("client"))
        .env("SSH_AUTH_SOCK", &socket)
        .status();
    assert!(added.unwrap().success());
    let with = run();
    assert!(with.status.success(), "{}", String::from_utf8_lossy(&with.stdout));
}

#[test]
#[ignore = "run by the_keys_of_the_agent_are_used"]
fn fetches_with_the_agent() {
    let repository = inherited();
    let fetched =
        repository.fetch(&Credential::SshAgent { username: None }, &mut |_| Flow::Continue);
    if let Err(error) = &fetched {
        println!("{error}");
    }
    assert_eq!(repository.file(&fetched.unwrap().tip.unwrap(), "README").unwrap(), b"hello\n");
}

#[test]
fn a_full_disk_is_named_and_nothing_is_lost() {
    let world = World::new();
    let server = GitHttp::start(world.path(), Rules::default());
    let url = server.url("origin.git");
    let lines: Vec<String> = (0..40_000).map(|n| format!("{:x}", n * 2_654_435_761_u64)).collect();
    let long = lines.join("\n");
    world.publish("long", &[("long.txt", &long)]);
    // The largest file that may be written, in blocks of 512 bytes, stands for the space that is left.
    let run = |blocks: &str| {
        let mut shell = Command::new("/bin/sh");
        settle(&mut shell, &world.places())
            .args(["-c", "trap '' XFSZ; ulimit -f \"$1\"; shift; exec \"$@\"", "sh", blocks])
            .arg(std::env::current_exe().unwrap())
            .args(["--exact", "git::child::fetches_and_tells", "--ignored", "--nocapture"])
            .env("GIT_SSL_CAINFO", server.authority())
            .env(FOLDER, world.path())
            .env(URL, &url)
            .stdin(Stdio::null());
        let output = shell.output().unwrap();
        String::from_utf8_lossy(&output.stdout).into_owned()
    };
    let said = run("64");
    let line = said.lines().find(|line| line.starts_with("failed: ")).unwrap_or(&said);
    assert!(line.contains("check the space and the permissions there"), "{said}");
    assert!(line.contains(&world.path().join("cache").display().to_string()), "{line}");
    let said = run("unlimited");
    assert!(said.contains("fetched\n"), "{said}");
}

#[test]
#[ignore = "run by a_full_disk_is_named_and_nothing_is_lost"]
fn fetches_and_tells() {
    match inherited().fetch(&Credential::Anonymous, &mut |_| Flow::Continue) {
        Ok(_) => println!("\nfetched"),
        Err(error) => println!("\nfailed: {error}"),
    }
}

/// How often the child is killed; `GITDECK_KILLS` sets another number.
fn kills() -> usize {
    std::env::var("GITDECK_KILLS").ok().and_then(|text| text.parse().ok()).unwrap_or(12)
}

#[test]
fn no_acknowledged_commit_is_lost_when_a_process_is_killed() {
    let world = World::new();
    let url = world.remote().url;
    let mut committed: Vec<Revision> = Vec::new();
    let mut pushed: Vec<String> = Vec::new();
    for round in 0..kills() {
        let mut process = child("git::child::commits_and_pushes", &world, &url)
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let lines = BufReader::new(process.stdout.take().unwrap()).lines();
        // Dies after a few answers, wherever it is then in its next step.
        let wanted = 1 + round * 7 % 11;
        for line in lines.map_while(Result::ok).filter(|line| line.starts_with("did ")).take(wanted)
        {
            match line.strip_prefix("did commit ") {
                Some(id) => committed.push(Revision::new(id)),
                None => pushed.push(line.trim_start_matches("did push ").to_owned()),
            }
        }
        process.kill().unwrap();
        process.wait().unwrap();
        let repository = world.fetched();
        for commit in &committed {
            assert!(repository.file(commit, "README").is_ok());
            let mut fate = repository.fate(commit).unwrap();
            while let Fate::Rebuilt(next) = fate {
                fate = repository.fate(&next).unwrap();
            }
            assert_ne!(fate, Fate::Unknown, "{commit} in round {round}");
        }
    }
    let repository = world.fetched();
    push(&repository).unwrap();
    let titles = world.titles();
    for title in &pushed {
        assert_eq!(titles.iter().filter(|found| *found == title).count(), 1, "{title}");
    }
    assert_eq!(repository.pending().unwrap(), []);
    assert!(committed.len() > kills() && !pushed.is_empty());
    assert_eq!(git(&world.origin(), ["fsck", "--strict", "--no-dangling"]), "");
}

#[test]
#[ignore = "run by no_acknowledged_commit_is_lost_when_a_process_is_killed"]
fn commits_and_pushes() {
    let repository = inherited();
    fetch(&repository).unwrap();
    let mut out = std::io::stdout();
    let start = head(&repository).short().to_owned();
    for round in 0..10_000 {
        let title = format!("{start}-{round}");
        let commit = repository
            .commit(&request(&title, &[(&format!("{}.yaml", round % 5), &title)]))
            .unwrap();
        writeln!(out, "\ndid commit {}", commit.revision).unwrap();
        out.flush().unwrap();
        if round % 3 == 2 {
            push(&repository).unwrap();
            writeln!(out, "\ndid push {title}").unwrap();
            out.flush().unwrap();
        }
    }
}
