//! Commits without a work tree, the outbox, and pushes over file://.

use super::world::{World, fetch, git, head, push, request};
use gitdeck::domain::{FileEdit, PushOutcome, Revision};
use gitdeck::git::{Fate, GitError, LogQuery};

fn delete(path: &str) -> FileEdit {
    FileEdit { path: path.to_owned(), content: None }
}

#[test]
fn a_commit_changes_what_it_names_and_nothing_else() {
    let world = World::new();
    world.publish(
        "more",
        &[
            ("apps/api/a.yaml", "a: 1\r\n"),
            ("apps/old/only.yaml", "x: 1\n"),
            ("run.sh", "#!/bin/sh\n"),
        ],
    );
    git(&world.other(), ["update-index", "--chmod=+x", "run.sh"]);
    git(&world.other(), ["commit", "-q", "-m", "executable"]);
    world.publish_head();
    let repository = world.fetched();
    let mut change = request(
        "change",
        &[
            ("apps/web.yaml", "replicas: 2\n"),
            ("new/deep/file.yaml", "n: 1\n"),
            ("run.sh", "#!/bin/sh\nexit\n"),
        ],
    );
    change.edits.push(delete("apps/old/only.yaml"));
    let commit = repository.commit(&change).unwrap();
    assert!(commit.pending && commit.by_gitdeck);
    assert_eq!(commit.message, "change\n\nGitdeck-Mapping: web\n");
    assert!(
        matches!(push(&repository).unwrap(), PushOutcome::Pushed { rebuilt, .. } if rebuilt.is_empty())
    );
    let listed = git(&world.origin(), ["ls-tree", "-r", "main", "--format=%(objectmode) %(path)"]);
    assert_eq!(
        listed,
        "100644 README\n100644 apps/api/a.yaml\n100644 apps/web.yaml\n100644 new/deep/file.yaml\n100755 run.sh"
    );
    assert_eq!(git(&world.origin(), ["show", "main:apps/web.yaml"]), "replicas: 2");
    assert_eq!(
        git(
            &world.origin(),
            ["log", "-1", "--format=%an <%ae> %(trailers:key=Gitdeck-Mapping,valueonly)", "main"]
        )
        .trim(),
        "Ada <ada@example.com> web"
    );
    assert_eq!(git(&world.origin(), ["fsck", "--strict", "--no-dangling"]), "");
    assert_eq!(repository.pending().unwrap(), []);
}

#[test]
fn waiting_commits_are_read_like_others() {
    let world = World::new();
    let repository = world.fetched();
    let base = head(&repository);
    let one = repository.commit(&request("one", &[("apps/web.yaml", "replicas: 2\n")])).unwrap();
    let two = repository.commit(&request("two", &[("apps/web.yaml", "replicas: 3\n")])).unwrap();
    assert_eq!(repository.head(), Some(two.revision.clone()));
    assert_eq!(repository.tip(), Some(base.clone()));
    let titles: Vec<(String, bool)> = repository
        .log(&LogQuery { path: Some("apps".to_owned()), limit: 10, ..LogQuery::default() })
        .unwrap()
        .commits
        .iter()
        .map(|commit| (commit.title().to_owned(), commit.pending))
        .collect();
    assert_eq!(
        titles,
        [("two".to_owned(), true), ("one".to_owned(), true), ("begin".to_owned(), false)]
    );
    assert_eq!(repository.details(&two.revision).unwrap().files[0].path, "apps/web.yaml");
    assert_eq!(repository.ahead(Some(&base), &two.revision, &["apps"]).unwrap(), 2);
    assert_eq!(
        repository.blame(&two.revision, "apps/web.yaml").unwrap(),
        std::slice::from_ref(&two.revision)
    );
    assert_eq!(repository.resolve("HEAD~1").unwrap(), one.revision);
    assert_eq!(repository.fate(&one.revision).unwrap(), Fate::Pending);
    // Another process sees the same.
    assert_eq!(world.open().pending().unwrap().len(), 2);
}

#[test]
fn refused_commits_change_nothing() {
    let world = World::new();
    std::os::unix::fs::symlink("README", world.other().join("link")).unwrap();
    world.publish(
        "link",
        &[("lfs.bin", "version https://git-lfs.github.com/spec/v1\noid sha256:00\nsize 1\n")],
    );
    let repository = world.fetched();
    let before = repository.head();
    for path in [
        "../x",
        "/x",
        ".git/config",
        "apps/.GIT/x",
        "README/x",
        "apps",
        "link",
        "link/x",
        "lfs.bin",
        "a\nb",
        "",
    ] {
        let refused = repository.commit(&request("x", &[(path, "x\n")]));
        assert!(matches!(refused, Err(GitError::PathRefused { .. })), "{path}: {refused:?}");
    }
    let mut gone = request("x", &[]);
    gone.edits.push(delete("none.yaml"));
    assert!(matches!(repository.commit(&gone), Err(GitError::PathRefused { .. })));
    assert!(matches!(
        repository.commit(&request("x", &[("README", "a"), ("README", "b")])),
        Err(GitError::PathRefused { .. })
    ));
    assert!(matches!(
        repository.commit(&request("x", &[("README", "hello\n")])),
        Err(GitError::NothingChanged)
    ));
    assert!(matches!(
        repository.commit(&request(" ", &[("README", "2\n")])),
        Err(GitError::Request { .. })
    ));
    assert_eq!(repository.head(), before);
    assert_eq!(repository.pending().unwrap(), []);
}

#[test]
fn an_edit_of_a_stale_file_is_refused_and_of_a_fresh_one_is_not() {
    let world = World::new();
    let repository = world.fetched();
    let read = head(&repository);
    world.publish("theirs", &[("README", "theirs\n")]);
    fetch(&repository).unwrap();
    let mut mine = request("mine", &[("README", "mine\n"), ("apps/web.yaml", "replicas: 5\n")]);
    mine.expected_base = Some(read);
    let refused = repository.commit(&mine).unwrap_err();
    assert!(matches!(&refused, GitError::Moved { paths } if paths == &["README"]), "{refused}");
    mine.edits.remove(0);
    repository.commit(&mine).unwrap();
}

#[test]
fn a_lost_race_is_rebuilt_when_other_paths_changed() {
    let world = World::new();
    let repository = world.fetched();
    let one =
        repository.commit(&request("one", &[("apps/web.yaml", "replicas: 2\n")])).unwrap().revision;
    let two = repository.commit(&request("two", &[("apps/api.yaml", "a: 1\n")])).unwrap().revision;
    let theirs = world.publish("theirs", &[("README", "theirs\n")]);
    let PushOutcome::Pushed { revision, rebuilt } = push(&repository).unwrap() else {
        panic!("not pushed")
    };
    assert_eq!(world.titles(), ["two", "one", "theirs", "begin"]);
    assert_eq!(
        rebuilt.iter().map(|(old, _)| old.clone()).collect::<Vec<_>>(),
        [one.clone(), two.clone()]
    );
    assert_eq!(rebuilt[1].1, revision);
    assert_eq!(repository.resolve("HEAD~2").unwrap(), theirs);
    assert_eq!(repository.fate(&two).unwrap(), Fate::Rebuilt(revision.clone()));
    assert_eq!(repository.fate(&revision).unwrap(), Fate::OnRemote);
    assert_eq!(repository.fate(&Revision::new("1".repeat(40))).unwrap(), Fate::Unknown);
    assert_eq!(git(&world.origin(), ["fsck", "--strict", "--no-dangling"]), "");
}

#[test]
fn the_same_path_on_both_sides_is_a_conflict() {
    let world = World::new();
    let repository = world.fetched();
    let mine = repository
        .commit(&request("mine", &[("apps/web.yaml", "replicas: 2\n"), ("x", "x\n")]))
        .unwrap();
    let theirs = world.publish("theirs", &[("apps/web.yaml", "replicas: 7\n")]);
    let outcome = push(&repository).unwrap();
    assert_eq!(
        outcome,
        PushOutcome::Conflict { paths: vec!["apps/web.yaml".to_owned()], remote: theirs }
    );
    assert_eq!(repository.fate(&mine.revision).unwrap(), Fate::Pending, "it stays in the outbox");
    assert_eq!(world.titles(), ["theirs", "begin"]);
    repository.discard_pending(&mine.revision).unwrap();
    assert_eq!(repository.fate(&mine.revision).unwrap(), Fate::Unknown);
    assert!(matches!(push(&repository).unwrap(), PushOutcome::UpToDate { .. }));
}

#[test]
fn a_change_that_others_made_too_disappears() {
    let world = World::new();
    let repository = world.fetched();
    let mine = repository
        .commit(&request("mine", &[("apps/web.yaml", "replicas: 2\n")]))
        .unwrap()
        .revision;
    let theirs = world.publish("theirs", &[("apps/web.yaml", "replicas: 2\n")]);
    let outcome = push(&repository).unwrap();
    assert_eq!(
        outcome,
        PushOutcome::Pushed { revision: theirs.clone(), rebuilt: vec![(mine, theirs)] }
    );
    assert_eq!(world.titles(), ["theirs", "begin"]);
    assert_eq!(repository.pending().unwrap(), []);
}

#[test]
fn a_waiting_commit_can_be_dropped_from_the_middle() {
    let world = World::new();
    let repository = world.fetched();
    let one = repository.commit(&request("one", &[("a", "1\n")])).unwrap().revision;
    let two = repository.commit(&request("two", &[("b", "1\n")])).unwrap().revision;
    let three = repository.commit(&request("three", &[("a", "2\n")])).unwrap().revision;
    assert!(matches!(repository.discard_pending(&one), Err(GitError::Entangled { .. })));
    assert_eq!(repository.head(), Some(three.clone()));
    repository.discard_pending(&two).unwrap();
    let left: Vec<String> =
        repository.pending().unwrap().iter().map(|commit| commit.title().to_owned()).collect();
    assert_eq!(left, ["one", "three"]);
    assert!(matches!(repository.fate(&three).unwrap(), Fate::Rebuilt(_)));
    push(&repository).unwrap();
    assert_eq!(world.titles(), ["three", "one", "begin"]);
}

#[test]
fn a_local_repository_whose_hooks_judge_is_not_pushed_past_them() {
    let world = World::new();
    world.hook("pre-receive", "exit 1");
    let repository = world.fetched();
    let mine = repository.commit(&request("mine", &[("README", "2\n")])).unwrap().revision;
    let outcome = push(&repository).unwrap();
    assert!(
        matches!(&outcome, PushOutcome::Refused { reason } if reason.contains("pre-receive")),
        "{outcome:?}"
    );
    assert_eq!(repository.fate(&mine).unwrap(), Fate::Pending);
    assert_eq!(world.titles(), ["begin"]);
}

#[test]
fn racing_consoles_lose_no_acknowledged_commit() {
    let world = World::new();
    let other_data = |name: &str| {
        let mut places = world.places();
        places.mirrors = world.path().join(name).join("cache");
        places.outbox = world.path().join(name).join("data");
        gitdeck::git::Repository::open(&places, &world.remote()).unwrap()
    };
    // Two share one configuration, the third is on another machine.
    let consoles = [world.open(), world.open(), other_data("elsewhere")];
    let acknowledged: Vec<String> = std::thread::scope(|scope| {
        let running: Vec<_> = consoles
            .iter()
            .enumerate()
            .map(|(who, console)| {
                scope.spawn(move || {
                    fetch(console).unwrap();
                    let mut pushed = Vec::new();
                    for round in 0..4 {
                        let title = format!("console {who} round {round}");
                        let file = format!("{who}/{round}.yaml");
                        console.commit(&request(&title, &[(&file, "x: 1\n")])).unwrap();
                        // A push may carry the other console's commits too, or find that ours was carried.
                        let outcome = push(console).unwrap();
                        if !matches!(
                            outcome,
                            PushOutcome::Refused { .. } | PushOutcome::Conflict { .. }
                        ) {
                            pushed.push(title);
                        }
                    }
                    pushed
                })
            })
            .collect();
        running.into_iter().flat_map(|thread| thread.join().unwrap()).collect()
    });
    let titles = world.titles();
    for title in &acknowledged {
        assert_eq!(
            titles.iter().filter(|found| *found == title).count(),
            1,
            "{title} in {titles:?}"
        );
    }
    assert!(acknowledged.len() >= 8, "{acknowledged:?}");
    assert_eq!(git(&world.origin(), ["fsck", "--strict", "--no-dangling"]), "");
}
