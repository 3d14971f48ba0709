//! Fetching: rewritten and deleted branches, empty and damaged repositories, locks.

use super::world::{World, fetch, git, head, push, remote_at, request};
use gitdeck::domain::{Credential, PushOutcome, Revision};
use gitdeck::git::{CommitRequest, Flow, GitError, LogQuery, Repository, Upstream};
use std::fs;
use std::path::{Path, PathBuf};

fn only_mirror(world: &World) -> PathBuf {
    let found: Vec<PathBuf> = fs::read_dir(world.path().join("cache"))
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .collect();
    found.into_iter().find(|path| path.extension().is_none()).expect("there is a mirror")
}

#[test]
fn the_first_fetch_and_the_next() {
    let world = World::new();
    let repository = world.open();
    assert_eq!(repository.tip(), None);
    assert!(matches!(repository.log(&LogQuery::default()), Err(GitError::Unborn { .. })));
    let first = fetch(&repository).unwrap();
    assert_eq!((first.before, first.upstream), (None, Upstream::Advanced));
    assert_eq!(fetch(&repository).unwrap().upstream, Upstream::Unchanged);
    let next = world.publish("next", &[("README", "2\n")]);
    let second = fetch(&repository).unwrap();
    assert_eq!(
        (second.before, second.tip, second.upstream),
        (first.tip, Some(next.clone()), Upstream::Advanced)
    );
    assert_eq!(repository.tip(), Some(next));
}

#[test]
fn a_rewritten_branch_is_reported_and_not_followed() {
    let world = World::new();
    let old = world.publish("old", &[("README", "old\n")]);
    let repository = world.fetched();
    git(&world.other(), ["reset", "-q", "--hard", "HEAD~1"]);
    let new = world.publish("new", &[("README", "new\n")]);
    let fetched = fetch(&repository).unwrap();
    assert_eq!(fetched.upstream, Upstream::Rewritten);
    assert_eq!((fetched.before, fetched.tip), (Some(old.clone()), Some(new.clone())));
    assert_eq!(repository.tip(), Some(old.clone()));
    // It stays so until somebody decides.
    assert_eq!(fetch(&repository).unwrap().upstream, Upstream::Rewritten);
    repository.commit(&request("mine", &[("apps/web.yaml", "replicas: 9\n")])).unwrap();
    assert!(matches!(push(&repository), Err(GitError::Rewritten { .. })));
    let rewrite = repository.rewrite().unwrap().expect("a rewrite");
    assert_eq!((&rewrite.before, &rewrite.tip, rewrite.count), (&old, &new, 1));
    assert_eq!(rewrite.left.iter().map(|commit| &commit.revision).collect::<Vec<_>>(), [&old]);
    assert!(repository.accept(&old).is_err());
    repository.accept(&new).unwrap();
    assert_eq!(repository.rewrite().unwrap(), None);
    assert_eq!(repository.tip(), Some(new));
    assert_eq!(fetch(&repository).unwrap().upstream, Upstream::Unchanged);
    assert_eq!(
        repository.file(&old, "README").unwrap(),
        b"old\n",
        "the old history stays readable"
    );
    // What waited is made again on the new history.
    assert!(
        matches!(push(&repository), Ok(PushOutcome::Pushed { rebuilt, .. }) if rebuilt.len() == 1)
    );
    assert_eq!(world.titles(), ["mine", "new", "begin"]);
}

#[test]
fn a_deleted_branch_is_reported() {
    let world = World::new();
    let repository = world.fetched();
    let tip = head(&repository);
    git(&world.origin(), ["branch", "-m", "main", "trunk"]);
    let fetched = fetch(&repository).unwrap();
    assert_eq!((fetched.upstream, fetched.tip), (Upstream::Gone, None));
    assert_eq!(repository.tip(), Some(tip));
    repository.commit(&request("mine", &[("README", "9\n")])).unwrap();
    assert!(matches!(push(&repository), Err(GitError::BranchMissing { .. })));
    assert_eq!(
        git(&world.origin(), ["branch", "--list", "main"]),
        "",
        "the branch is not made again"
    );
}

#[test]
fn a_missing_branch_names_those_that_exist() {
    let world = World::new();
    let mut remote = world.remote();
    remote.branch = "production".to_owned();
    let repository = Repository::open(&world.places(), &remote).unwrap();
    let error = fetch(&repository).unwrap_err().to_string();
    assert!(error.contains("no branch \"production\"") && error.contains("it has main"), "{error}");
}

#[test]
fn an_empty_repository_takes_a_first_commit_on_request() {
    let world = World::empty();
    let repository = world.open();
    assert_eq!(fetch(&repository).unwrap().upstream, Upstream::Empty);
    let mut first = request("first", &[("apps/web.yaml", "replicas: 1\n")]);
    assert!(matches!(repository.commit(&first), Err(GitError::Unborn { .. })));
    first.first = true;
    repository.commit(&first).unwrap();
    push(&repository).unwrap();
    assert_eq!(world.titles(), ["first"]);
}

#[test]
fn who_begins_a_repository_later_builds_on_who_was_first() {
    let world = World::empty();
    let repository = world.open();
    fetch(&repository).unwrap();
    let first = CommitRequest { first: true, ..request("mine", &[("web.yaml", "a: 1\n")]) };
    repository.commit(&first).unwrap();
    world.publish("theirs", &[("README", "hello\n")]);
    let PushOutcome::Pushed { rebuilt, .. } = push(&repository).unwrap() else {
        panic!("not pushed")
    };
    assert_eq!((world.titles().join(" "), rebuilt.len()), ("mine theirs".to_owned(), 1));
}

#[test]
fn a_fetch_can_be_stopped() {
    let world = World::new();
    let files: Vec<(String, String)> =
        (0..400).map(|n| (format!("many/{n}.yaml"), format!("n: {n}\n"))).collect();
    let files: Vec<(&str, &str)> =
        files.iter().map(|(path, text)| (path.as_str(), text.as_str())).collect();
    world.publish("many", &files);
    let repository = world.open();
    let stopped = repository.fetch(&Credential::Anonymous, &mut |progress| {
        if progress.objects > 10 { Flow::Stop } else { Flow::Continue }
    });
    assert!(matches!(stopped, Err(GitError::Stopped)), "{stopped:?}");
    assert_eq!(repository.tip(), None);
    fetch(&repository).unwrap();
    assert_eq!(repository.tree(&head(&repository), "many").unwrap().len(), 400);
}

#[test]
fn a_mirror_may_be_deleted_at_any_time() {
    let world = World::new();
    let repository = world.fetched();
    let waiting = repository
        .commit(&request("mine", &[("apps/web.yaml", "replicas: 2\n")]))
        .unwrap()
        .revision;
    fs::remove_dir_all(world.path().join("cache")).unwrap();
    assert_eq!(repository.tip(), None);
    assert_eq!(
        repository.head(),
        Some(waiting.clone()),
        "waiting commits do not live in the cache"
    );
    assert_eq!(repository.file(&waiting, "apps/web.yaml").unwrap(), b"replicas: 2\n");
    let again = world.open();
    assert_eq!(again.pending().unwrap().len(), 1);
    push(&again).unwrap();
    assert_eq!(world.titles(), ["mine", "begin"]);
}

fn objects_below(folder: &Path, out: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() { objects_below(&path, out) } else { out.push(path) }
    }
}

#[test]
fn a_damaged_mirror_is_rebuilt_and_nothing_waiting_is_lost() {
    for damage in ["objects", "HEAD"] {
        let world = World::new();
        let repository = world.fetched();
        let tip = head(&repository);
        repository.commit(&request("mine", &[("apps/web.yaml", "replicas: 2\n")])).unwrap();
        drop(repository);
        let mut files = Vec::new();
        objects_below(&only_mirror(&world).join("objects"), &mut files);
        if damage == "HEAD" {
            files = vec![only_mirror(&world).join("HEAD")];
        }
        assert!(!files.is_empty());
        for file in files {
            let size = fs::metadata(&file).unwrap().len() as usize;
            fs::remove_file(&file).unwrap();
            fs::write(&file, vec![0x55; size]).unwrap();
        }
        let repository = world.open();
        // Whoever reads first meets the damage; it is an error or a rebuilt mirror, never wrong content.
        if let Ok(content) = repository.file(&tip, "README") {
            assert_eq!(content, b"hello\n");
        }
        fetch(&repository).unwrap();
        assert_eq!(
            repository.file(&tip, "README").unwrap(),
            b"hello\n",
            "after damage to {damage}"
        );
        assert_eq!(repository.pending().unwrap().len(), 1);
        push(&repository).unwrap();
        assert_eq!(world.titles(), ["mine", "begin"]);
    }
}

#[test]
fn locks_of_killed_processes_are_removed() {
    let world = World::new();
    let repository = world.fetched();
    let next = world.publish("next", &[("README", "2\n")]);
    let mirror = only_mirror(&world);
    for lock in ["refs/gitdeck/tip/main.lock", "refs/remotes/origin/main.lock", "config.lock"] {
        fs::write(mirror.join(lock), "").unwrap();
    }
    fetch(&repository).unwrap();
    assert_eq!(repository.tip(), Some(next));
    let outbox = fs::read_dir(world.path().join("data"))
        .unwrap()
        .next()
        .unwrap()
        .unwrap()
        .path()
        .join("repository.git");
    fs::create_dir_all(outbox.join("refs/gitdeck/pending")).unwrap();
    fs::write(outbox.join("refs/gitdeck/pending/main.lock"), "").unwrap();
    repository.commit(&request("mine", &[("README", "3\n")])).unwrap();
    push(&repository).unwrap();
    assert_eq!(world.titles(), ["mine", "next", "begin"]);
}

#[test]
fn formats_that_libgit2_cannot_read_are_refused_clearly() {
    let world = World::new();
    git(
        world.path(),
        ["init", "-q", "--bare", "--object-format=sha256", "-b", "main", "sha256.git"],
    );
    let remote = remote_at(&format!("file://{}", world.path().join("sha256.git").display()));
    let repository = Repository::open(&world.places(), &remote).unwrap();
    let error = fetch(&repository).unwrap_err();
    assert!(matches!(error, GitError::Unsupported { .. }), "{error:?}");
    assert!(error.to_string().contains("only SHA-1"), "{error}");
}

#[test]
fn several_fetches_at_once_agree() {
    let world = World::new();
    let shared = world.open();
    let tips: Vec<Option<Revision>> = std::thread::scope(|scope| {
        let own = || fetch(&world.open()).unwrap().tip;
        let common = || fetch(&shared).unwrap().tip;
        let running =
            [scope.spawn(own), scope.spawn(common), scope.spawn(own), scope.spawn(common)];
        running.map(|thread| thread.join().unwrap()).into()
    });
    assert!(tips.iter().all(|tip| tip.is_some() && *tip == tips[0]), "{tips:?}");
}
