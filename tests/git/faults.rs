//! Faults of repositories and servers over https, each with the message that the user sees.

use super::world::{World, git, head, push as push_locally, remote_at, request, set};
use crate::support::git_http::{GitHttp, Rules};
use crate::support::git_ssh::GitSsh;
use crate::support::missing;
use crate::support::proxy::Proxy;
use base64::Engine;
use gitdeck::domain::{Credential, PushOutcome, Secret};
use gitdeck::git::{Fetched, Flow, GitError, Places, Repository, Upstream};
use std::fs;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

fn served() -> (World, GitHttp, Places) {
    let world = World::new();
    let server = GitHttp::start(world.path(), Rules::default());
    let mut places = world.places();
    set(&mut places, "GIT_SSL_CAINFO", server.authority());
    (world, server, places)
}

fn open(places: &Places, server: &GitHttp, repository: &str) -> Repository {
    Repository::open(places, &remote_at(&server.url(repository))).unwrap()
}

fn fetch(repository: &Repository) -> Result<Fetched, GitError> {
    repository.fetch(&Credential::Anonymous, &mut |_| Flow::Continue)
}

fn push(repository: &Repository) -> Result<PushOutcome, GitError> {
    repository.push(&Credential::Anonymous, &mut |_| Flow::Continue)
}

/// A setting of the user's Git.
fn configure(world: &World, name: &str, value: &str) {
    let file = world.path().join("home/.gitconfig");
    git(world.path(), ["config", "-f", file.to_str().unwrap(), name, value]);
}

fn mirror(world: &World) -> PathBuf {
    let folders = fs::read_dir(world.path().join("cache")).unwrap().flatten();
    let mut folders = folders.map(|entry| entry.path()).filter(|path| path.is_dir());
    folders.find(|path| path.extension().is_none()).expect("there is a mirror")
}

#[test]
fn the_settings_of_the_users_git_are_honoured() {
    let (world, server, _) = served();
    let places = world.places();
    // An authority for this server only, as http.URL.sslCAInfo names it.
    let base = server.url("").trim_end_matches('/').to_owned();
    configure(
        &world,
        &format!("http.{base}/.sslCAInfo"),
        &server.authority().display().to_string(),
    );
    configure(&world, &format!("url.{base}/.insteadOf"), "https://git.example.invalid/team/");
    let remote = remote_at("https://git.example.invalid/team/origin.git");
    let repository = Repository::open(&places, &remote).unwrap();
    fetch(&repository).unwrap();
    repository.commit(&request("mine", &[("README", "2\n")])).unwrap();
    assert!(matches!(push(&repository).unwrap(), PushOutcome::Pushed { .. }));
    assert_eq!(world.titles(), ["mine", "begin"]);
    // What the user may not turn off stays on.
    let other = World::new();
    let (server, places) = (GitHttp::start(other.path(), Rules::default()), other.places());
    let base = server.url("").trim_end_matches('/').to_owned();
    configure(&other, "http.sslVerify", "false");
    configure(&other, &format!("http.{base}.sslVerify"), "false");
    configure(&other, "core.hooksPath", "/nonexistent");
    let error = fetch(&open(&places, &server, "origin.git")).unwrap_err();
    assert!(matches!(error, GitError::Certificate { .. }), "{error:?}");
    assert!(error.to_string().contains("http.sslCAInfo"), "{error}");
}

#[test]
fn a_proxy_carries_the_connection_and_learns_no_credential() {
    let (world, server, mut places) = served();
    let pair = base64::engine::general_purpose::STANDARD.encode("ada:open-sesame");
    server.change(Rules { basic: Some(pair.clone()), ..Rules::default() });
    let proxy = Proxy::start();
    configure(&world, "http.proxy", &proxy.url());
    set(&mut places, "no_proxy", "");
    let credential =
        Credential::Basic { username: "ada".to_owned(), password: Secret::new("open-sesame") };
    let repository = open(&places, &server, "origin.git");
    repository.fetch(&credential, &mut |_| Flow::Continue).unwrap();
    assert_eq!(repository.file(&head(&repository), "README").unwrap(), b"hello\n");
    let seen = proxy.seen();
    assert!(seen.contains("CONNECT localhost:"), "{seen}");
    assert!(!seen.contains(&pair) && !seen.contains("open-sesame"), "{seen}");
    drop(proxy);
    let error = repository.fetch(&credential, &mut |_| Flow::Continue).unwrap_err();
    assert!(matches!(error, GitError::Unreachable { .. }), "{error:?}");
    assert!(error.to_string().contains("check the address and the network"), "{error}");
}

/// Puts a program in front of the real one that writes down its arguments and its environment.
fn overheard(world: &World, places: &mut Places, programs: &[&str]) -> PathBuf {
    let (folder, log) = (world.path().join("overheard"), world.path().join("overheard.log"));
    fs::create_dir_all(&folder).unwrap();
    let search = std::env::var("PATH").unwrap();
    for program in programs {
        let real = std::env::split_paths(&search).map(|folder| folder.join(program));
        let real = real.into_iter().find(|path| path.exists()).expect("it is installed");
        let script = format!(
            "#!/bin/sh\n{{ echo \"$0 $*\"; env; }} >> '{}'\nexec '{}' \"$@\"\n",
            log.display(),
            real.display()
        );
        // Written by another process: what is open for writing cannot be run.
        let file = folder.join(program);
        let mut shell = std::process::Command::new("sh");
        shell.args(["-c", "printf '%s' \"$1\" > \"$2\" && chmod 700 \"$2\"", "sh", &script]);
        assert!(shell.arg(&file).status().unwrap().success());
    }
    set(places, "PATH", format!("{}:{search}", folder.display()));
    log
}

#[test]
fn no_program_gets_a_password_as_argument_or_variable() {
    let (world, server, mut places) = served();
    let pair = base64::engine::general_purpose::STANDARD.encode("ada:open-sesame");
    server.change(Rules { basic: Some(pair), ..Rules::default() });
    let log = overheard(&world, &mut places, &["git", "sh"]);
    let credential =
        Credential::Basic { username: "ada".to_owned(), password: Secret::new("open-sesame") };
    let repository = open(&places, &server, "origin.git");
    repository.fetch(&credential, &mut |_| Flow::Continue).unwrap();
    repository.commit(&request("mine", &[("README", "2\n")])).unwrap();
    repository.push(&credential, &mut |_| Flow::Continue).unwrap();
    let heard = fs::read_to_string(log).unwrap();
    assert!(
        heard.contains("git push --porcelain") && heard.contains("GIT_CONFIG_COUNT="),
        "{heard}"
    );
    assert!(!heard.contains("open-sesame"), "a program was told the password");
    assert!(heard.contains("GIT_TERMINAL_PROMPT=0") && heard.contains("core.hooksPath"), "{heard}");
    // Nothing of a conversation is left behind.
    let mirrors = fs::read_dir(world.path().join("cache")).unwrap().flatten();
    for entry in mirrors.filter(|entry| entry.path().is_file()) {
        assert!(!fs::read_to_string(entry.path()).unwrap().contains("open-sesame"));
    }
}

#[test]
fn no_program_gets_a_passphrase_as_argument_or_variable() {
    let world = World::new();
    let server = match GitSsh::start(world.path()) {
        Ok(server) => server,
        Err(why) => return missing(&format!("ssh: {why}")),
    };
    fs::write(world.path().join("known_hosts"), server.known_host()).unwrap();
    let mut places = world.places();
    let log = overheard(&world, &mut places, &["git", "ssh", "ssh-add", "ssh-agent"]);
    let private_key = server.key("locked", "ed25519", "open-sesame");
    let credential = Credential::SshKey {
        username: None,
        private_key: Secret::new(private_key.as_str()),
        passphrase: Some(Secret::new("open-sesame")),
    };
    let remote = remote_at(&server.url(&world.origin()));
    let repository = Repository::open(&places, &remote).unwrap();
    repository.fetch(&credential, &mut |_| Flow::Continue).unwrap();
    let heard = fs::read_to_string(log).unwrap();
    assert!(heard.contains("ssh-add -q -") && heard.contains("IdentityAgent="), "{heard}");
    assert!(!heard.contains("open-sesame"), "a program was told the passphrase");
    let line = private_key.lines().nth(2).unwrap();
    assert!(!heard.contains(line), "a program was told the key");
    // The agent has ended, and its folder is gone.
    let socket =
        heard.lines().find_map(|line| line.split_once("ssh-agent -a ")?.1.split(' ').next());
    let socket = PathBuf::from(socket.expect("an agent was started"));
    assert!(!socket.exists() && !socket.parent().unwrap().exists(), "{}", socket.display());
}

#[test]
fn rewritten_and_deleted_branches_over_https() {
    let (world, server, places) = served();
    world.publish("old", &[("README", "old\n")]);
    let repository = open(&places, &server, "origin.git");
    fetch(&repository).unwrap();
    let old = head(&repository);
    git(&world.other(), ["reset", "-q", "--hard", "HEAD~1"]);
    world.publish("new", &[("README", "new\n")]);
    assert_eq!(fetch(&repository).unwrap().upstream, Upstream::Rewritten);
    assert_eq!(repository.tip(), Some(old.clone()));
    let error = push(&repository).unwrap_err().to_string();
    assert!(error.contains("was rewritten") && error.contains("accept the new history"), "{error}");
    git(&world.origin(), ["branch", "-m", "main", "trunk"]);
    assert_eq!(fetch(&repository).unwrap().upstream, Upstream::Gone);
    assert_eq!(repository.tip(), Some(old));
    repository.commit(&request("mine", &[("README", "9\n")])).unwrap();
    let error = push(&repository).unwrap_err().to_string();
    assert!(error.contains("has no branch \"main\""), "{error}");
    assert_eq!(git(&world.origin(), ["branch", "--list", "main"]), "");
}

#[test]
fn a_branch_that_is_deleted_during_a_push_is_not_made_again() {
    let (world, server, places) = served();
    let repository = open(&places, &server, "origin.git");
    fetch(&repository).unwrap();
    repository.commit(&request("mine", &[("README", "9\n")])).unwrap();
    // Between the look at the branch and the push of it.
    let mut steps = 0;
    let error = repository.push(&Credential::Anonymous, &mut |progress| {
        steps += 1;
        if progress.total == 0 && steps > 1 && world.path().join("cache").exists() {
            let _ = fs::remove_file(world.origin().join("refs/heads/main"));
        }
        Flow::Continue
    });
    assert!(
        matches!(error, Err(GitError::BranchMissing { .. } | GitError::Unborn { .. })),
        "{error:?}"
    );
    assert_eq!(git(&world.origin(), ["branch", "--list", "main"]), "");
    assert_eq!(repository.pending().unwrap().len(), 1);
}

#[test]
fn a_moved_repository_is_named_with_its_new_address() {
    let (_world, server, places) = served();
    let repository = open(&places, &server, "origin.git");
    server.change(Rules {
        redirect: Some("https://new.example.invalid/moved".to_owned()),
        ..Rules::default()
    });
    let error = fetch(&repository).unwrap_err();
    assert!(matches!(error, GitError::Redirected { .. }), "{error:?}");
    let shown = error.to_string();
    assert!(shown.contains("has moved") && shown.contains("give the new address"), "{shown}");
    assert!(shown.contains("https://new.example.invalid/moved/origin.git"), "{shown}");
}

#[test]
fn empty_unborn_and_detached_repositories_over_https() {
    let world = World::empty();
    let server = GitHttp::start(world.path(), Rules::default());
    let mut places = world.places();
    set(&mut places, "GIT_SSL_CAINFO", server.authority());
    let repository = open(&places, &server, "origin.git");
    assert_eq!(fetch(&repository).unwrap().upstream, Upstream::Empty);
    let mut first = request("first", &[("README", "1\n")]);
    let error = repository.commit(&first).unwrap_err().to_string();
    assert!(error.contains("an empty repository needs a first commit"), "{error}");
    first.first = true;
    repository.commit(&first).unwrap();
    assert!(matches!(push(&repository).unwrap(), PushOutcome::Pushed { .. }));
    // HEAD names a branch that does not exist: the branch that is followed does.
    git(&world.origin(), ["symbolic-ref", "HEAD", "refs/heads/nowhere"]);
    assert_eq!(fetch(&repository).unwrap().upstream, Upstream::Unchanged);
    // HEAD names no branch at all.
    let tip = git(&world.origin(), ["rev-parse", "refs/heads/main"]);
    fs::write(world.origin().join("HEAD"), format!("{tip}\n")).unwrap();
    assert_eq!(fetch(&repository).unwrap().upstream, Upstream::Unchanged);
    repository.commit(&request("second", &[("README", "2\n")])).unwrap();
    assert!(matches!(push(&repository).unwrap(), PushOutcome::Pushed { .. }));
}

#[test]
fn formats_that_cannot_be_followed_are_refused_clearly() {
    let (world, server, places) = served();
    let format = "--object-format=sha256";
    git(world.path(), ["init", "-q", "--bare", format, "-b", "main", "sha256.git"]);
    git(world.path(), ["init", "-q", format, "-b", "main", "other256"]);
    let other = world.path().join("other256");
    git(&other, ["commit", "-q", "--allow-empty", "-m", "x"]);
    git(&other, ["push", "-q", "../sha256.git", "main"]);
    let error = fetch(&open(&places, &server, "sha256.git")).unwrap_err();
    assert!(matches!(error, GitError::Unsupported { .. }), "{error:?}");
    assert!(error.to_string().contains("only SHA-1 repositories are"), "{error}");
    world.publish("more", &[("README", "more\n")]);
    let origin = format!("file://{}", world.origin().display());
    git(world.path(), ["clone", "-q", "--bare", "--depth", "1", &origin, "shallow.git"]);
    let error = fetch(&open(&places, &server, "shallow.git")).unwrap_err();
    assert!(matches!(error, GitError::Unsupported { .. }), "{error:?}");
    assert!(error.to_string().contains("the repository that it was cloned from"), "{error}");
}

#[test]
fn objects_that_git_would_not_take_are_refused_with_the_way_out() {
    let (world, server, places) = served();
    // A tree with a mode that only old programs wrote.
    let blob = git(&world.origin(), ["hash-object", "-w", "--stdin"]);
    let raw = world.path().join("tree");
    let id: Vec<u8> =
        (0..20).map(|at| u8::from_str_radix(&blob[at * 2..at * 2 + 2], 16).unwrap()).collect();
    fs::write(&raw, [b"0100644 a.yaml\0".as_slice(), &id].concat()).unwrap();
    let path = raw.to_str().unwrap();
    let tree = git(&world.origin(), ["hash-object", "-w", "--literally", "-t", "tree", path]);
    let commit = git(&world.origin(), ["commit-tree", &tree, "-p", "main", "-m", "odd"]);
    git(&world.origin(), ["update-ref", "refs/heads/main", &commit]);
    let repository = open(&places, &server, "origin.git");
    let error = fetch(&repository).unwrap_err();
    assert!(matches!(error, GitError::Unsupported { .. }), "{error:?}");
    assert!(error.to_string().contains("fetch.fsck.zeroPaddedFilemode"), "{error}");
    configure(&world, "fetch.fsck.zeroPaddedFilemode", "warn");
    fetch(&repository).unwrap();
}

#[test]
fn a_fetch_over_https_shows_how_far_it_is_and_can_be_stopped() {
    let (world, server, places) = served();
    let noise = noise(3 << 20);
    fs::write(world.other().join("big.bin"), noise).unwrap();
    world.publish("big", &[]);
    let repository = open(&places, &server, "origin.git");
    server.change(Rules { slowly: true, ..Rules::default() });
    let began = Instant::now();
    let stopped = repository.fetch(&Credential::Anonymous, &mut |progress| {
        if progress.objects > 0 { Flow::Stop } else { Flow::Continue }
    });
    assert!(matches!(stopped, Err(GitError::Stopped)), "{stopped:?}");
    assert!(began.elapsed() < Duration::from_secs(30));
    assert_eq!(repository.tip(), None);
    assert_eq!(half_packs(&world), 0, "half a pack stays until the next fetch");
    server.change(Rules::default());
    let mut most = 0;
    let watched = repository.fetch(&Credential::Anonymous, &mut |progress| {
        most = most.max(progress.total);
        Flow::Continue
    });
    watched.unwrap();
    assert!(most >= 6, "{most} objects were told");
    assert_eq!(half_packs(&world), 0);
}

fn half_packs(world: &World) -> usize {
    let left = fs::read_dir(mirror(world).join("objects/pack")).unwrap().flatten();
    left.filter(|entry| entry.file_name().to_string_lossy().starts_with("tmp")).count()
}

#[test]
fn more_than_the_limit_is_given_up() {
    let (world, server, mut places) = served();
    fs::write(world.other().join("big.bin"), noise(3 << 20)).unwrap();
    world.publish("big", &[]);
    server.change(Rules { slowly: true, ..Rules::default() });
    places.limits.bytes = 100_000;
    let error = fetch(&open(&places, &server, "origin.git")).unwrap_err();
    assert!(matches!(error, GitError::Limit { .. }), "{error:?}");
    assert!(error.to_string().contains("GITDECK_FETCH_BYTES"), "{error}");
    places.limits.bytes = u64::MAX;
    places.limits.time = Duration::from_millis(300);
    let error = fetch(&open(&places, &server, "origin.git")).unwrap_err();
    assert!(matches!(error, GitError::Limit { .. }), "{error:?}");
    assert!(error.to_string().contains("GITDECK_FETCH_SECONDS"), "{error}");
}

/// Bytes that do not compress.
fn noise(length: usize) -> Vec<u8> {
    let mut state = 88_172_645_463_325_252_u64;
    let mut next = || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state as u8
    };
    (0..length).map(|_| next()).collect()
}

#[test]
fn a_damaged_mirror_is_built_anew_over_https() {
    for damage in ["objects", "HEAD", "config", "refs"] {
        let (world, server, places) = served();
        let repository = open(&places, &server, "origin.git");
        fetch(&repository).unwrap();
        let tip = head(&repository);
        repository.commit(&request("mine", &[("apps/web.yaml", "replicas: 2\n")])).unwrap();
        drop(repository);
        let mut files = Vec::new();
        match damage {
            "objects" => below(&mirror(&world).join("objects"), &mut files),
            "refs" => below(&mirror(&world).join("refs"), &mut files),
            name => files.push(mirror(&world).join(name)),
        }
        assert!(!files.is_empty());
        for file in files {
            let size = fs::metadata(&file).unwrap().len() as usize;
            fs::remove_file(&file).unwrap();
            fs::write(&file, vec![0x55; size]).unwrap();
        }
        let repository = open(&places, &server, "origin.git");
        if let Ok(content) = repository.file(&tip, "README") {
            assert_eq!(content, b"hello\n");
        }
        fetch(&repository).unwrap_or_else(|error| panic!("{damage}: {error}"));
        assert_eq!(repository.file(&tip, "README").unwrap(), b"hello\n", "{damage}");
        assert_eq!(repository.pending().unwrap().len(), 1, "{damage}: the waiting commit is lost");
        push(&repository).unwrap();
        assert_eq!(world.titles(), ["mine", "begin"]);
    }
}

fn below(folder: &Path, out: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() { below(&path, out) } else { out.push(path) }
    }
}

#[test]
fn locks_that_a_killed_git_left_are_removed() {
    let (world, server, places) = served();
    let repository = open(&places, &server, "origin.git");
    fetch(&repository).unwrap();
    let next = world.publish("next", &[("README", "2\n")]);
    for left in [
        "refs/remotes/origin/main.lock",
        "packed-refs.lock",
        "config.lock",
        "shallow.lock",
        "HEAD.lock",
    ] {
        fs::write(mirror(&world).join(left), "").unwrap();
    }
    fs::create_dir_all(mirror(&world).join("objects/pack")).unwrap();
    fs::write(mirror(&world).join("objects/pack/tmp_pack_Zx12ab"), "half").unwrap();
    fetch(&repository).unwrap();
    assert_eq!(repository.tip(), Some(next));
    assert!(
        !mirror(&world).join("objects/pack/tmp_pack_Zx12ab").exists(),
        "half a pack stays for ever"
    );
}

#[test]
fn a_file_of_100_000_lines_is_followed_and_changed() {
    let (world, server, places) = served();
    let mut lines: Vec<String> = (0..100_000).map(|n| format!("key{n}: {n}")).collect();
    lines.push(String::new());
    let long = lines.join("\n");
    world.publish("long", &[("long.yaml", &long)]);
    let repository = open(&places, &server, "origin.git");
    fetch(&repository).unwrap();
    assert_eq!(repository.file(&head(&repository), "long.yaml").unwrap().len(), long.len());
    let edited = long.replace("key99999: 99999\n", "key99999: 1\n");
    repository.commit(&request("edit", &[("long.yaml", &edited)])).unwrap();
    push(&repository).unwrap();
    assert_eq!(git(&world.origin(), ["show", "--numstat", "--format=", "main"]), "1\t1\tlong.yaml");
}

#[test]
fn a_missing_git_is_named() {
    let (world, server, mut places) = served();
    let empty = world.path().join("empty");
    fs::create_dir(&empty).unwrap();
    set(&mut places, "PATH", &empty);
    let error = fetch(&open(&places, &server, "origin.git")).unwrap_err();
    assert!(matches!(error, GitError::Program { .. }), "{error:?}");
    assert!(error.to_string().contains("install git 2.31 or newer"), "{error}");
    // A folder of this machine needs none.
    let repository = world.fetched();
    repository.commit(&request("mine", &[("README", "2\n")])).unwrap();
    push_locally(&repository).unwrap();
    let old = empty.join("git");
    fs::write(&old, "#!/bin/sh\necho git version 2.25.1\n").unwrap();
    fs::set_permissions(&old, std::os::unix::fs::PermissionsExt::from_mode(0o755)).unwrap();
    let error = fetch(&open(&places, &server, "origin.git")).unwrap_err();
    assert!(error.to_string().contains("2.25.1 and has to be 2.31 or newer"), "{error}");
}
