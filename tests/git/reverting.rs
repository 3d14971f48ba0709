//! Reverts on real repositories: the tree is what was asked for, and a conflict keeps nothing.

use super::histories::{histories, publish};
use super::world::{World, fetch, git, head, push, request};
use gitdeck::domain::Revision;
use gitdeck::git::{CommitRequest, Drafted, GitError, Ground, Repository, Undoing, Undone};
use proptest::prelude::*;
use proptest::test_runner::Config;

fn about() -> CommitRequest {
    CommitRequest { edits: Vec::new(), ..request("undo", &[]) }
}

fn draft(
    repository: &Repository,
    undone: &Undone,
    path: Option<&str>,
) -> Result<Drafted, GitError> {
    let undoing = [Undoing { undone: undone.clone(), message: "undo".into() }];
    repository.draft_revert(&undoing, path.as_slice(), (&about(), Ground::Newest))
}

fn contents(repository: &Repository, at: &Revision, path: &str) -> Vec<(String, Vec<u8>)> {
    let files = repository.tree(at, path).unwrap_or_default();
    files.into_iter().map(|file| (file.path, file.content)).collect()
}

fn parents(world: &World, revision: &Revision) -> Vec<Revision> {
    let text = git(&world.origin(), ["log", "-1", "--format=%P", revision.as_str()]);
    text.split_whitespace().map(Revision::new).collect()
}

proptest! {
    #![proptest_config(Config { cases: 24, failure_persistence: None, ..Config::default() })]

    #[test]
    fn the_newest_is_undone_and_any_state_comes_back(steps in histories(14, 0), back in 0_usize..14) {
        let world = World::empty();
        publish(&world, &steps);
        let repository = world.fetched();
        let newest = head(&repository);
        for (mainline, parent) in parents(&world, &newest).into_iter().enumerate() {
            let is_merge = parents(&world, &newest).len() > 1;
            let undone = Undone::Commit(newest.clone(), is_merge.then_some(mainline + 1));
            match draft(&repository, &undone, None) {
                Ok(drafted) => prop_assert_eq!(
                    contents(&repository, &drafted.newest.revision, ""),
                    contents(&repository, &parent, "")
                ),
                Err(GitError::NothingChanged) => prop_assert_eq!(
                    contents(&repository, &newest, ""),
                    contents(&repository, &parent, "")
                ),
                Err(other) => prop_assert!(false, "{}", other),
            }
        }
        let all = git(&world.origin(), ["log", "--format=%H", "main"]);
        let states: Vec<Revision> = all.lines().map(Revision::new).collect();
        let state = &states[back % states.len()];
        for path in ["", "a", "b/c", "z"] {
            match draft(&repository, &Undone::Since(state.clone()), Some(path)) {
                Ok(drafted) => {
                    let now = &drafted.newest.revision;
                    let there = contents(&repository, now, path);
                    prop_assert_eq!(there, contents(&repository, state, path), "below {:?}", path);
                    let below = |name: &str| path.is_empty() || name == path || name.starts_with(&format!("{path}/"));
                    let others = |at: &Revision| {
                        let mut all = contents(&repository, at, "");
                        all.retain(|(name, _)| !below(name) && !path.starts_with(&format!("{name}/")));
                        all
                    };
                    prop_assert_eq!(others(now), others(&newest));
                }
                Err(GitError::NothingChanged) => {}
                // A file lies where a folder of the path was.
                Err(GitError::Diverged { .. }) if path.contains('/') => {}
                Err(other) => prop_assert!(false, "{}", other),
            }
        }
    }
}

#[test]
fn a_revert_is_committed_as_it_was_drafted() {
    let world = World::new();
    let first = world.newest();
    let both = world.publish("both", &[("apps/web.yaml", "replicas: 2\n"), ("README", "x\n")]);
    let repository = world.fetched();
    let undone = Undone::Commit(both.clone(), None);
    let drafted = draft(&repository, &undone, Some("apps")).unwrap();
    assert_eq!(
        (&drafted.files[..], &drafted.besides[..]),
        (&["apps/web.yaml".to_owned()][..], &["README".to_owned()][..])
    );
    assert_eq!(head(&repository), both, "a draft changes nothing");
    let made = repository.publish(&drafted.base, &drafted.newest.revision).unwrap();
    assert_eq!((&made.revision, &head(&repository)), (&drafted.newest.revision, &made.revision));
    assert!(made.by_gitdeck && made.pending);
    // The outbox alone holds all of it.
    std::fs::remove_dir_all(world.places().mirrors).unwrap();
    let again = world.fetched();
    push(&again).unwrap();
    assert_eq!(world.newest(), made.revision);
    assert_eq!(contents(&again, &made.revision, "apps"), contents(&again, &first, "apps"));
    assert_eq!(again.file(&made.revision, "README").unwrap(), b"x\n");
    assert!(matches!(
        again.publish(&drafted.base, &drafted.newest.revision),
        Err(GitError::Moved { .. })
    ));
    // Undone again, it is applied again.
    let back = draft(&again, &Undone::Commit(made.revision.clone(), None), Some("apps")).unwrap();
    assert_eq!(again.file(&back.newest.revision, "apps/web.yaml").unwrap(), b"replicas: 2\n");
}

#[test]
fn conflicts_merges_and_ranges() {
    let world = World::new();
    let first = world.newest();
    let second = world.publish("two", &[("apps/web.yaml", "replicas: 2\n")]);
    let third =
        world.publish("three", &[("apps/web.yaml", "replicas: 3\n"), ("apps/b.yaml", "b\n")]);
    let repository = world.fetched();
    match draft(&repository, &Undone::Commit(second.clone(), None), None) {
        Err(GitError::Diverged { paths, .. }) => assert_eq!(paths, ["apps/web.yaml"]),
        other => panic!("{other:?}"),
    }
    let range = draft(&repository, &Undone::Range(first.clone(), third.clone()), None).unwrap();
    assert_eq!(
        contents(&repository, &range.newest.revision, ""),
        contents(&repository, &first, "")
    );
    let wrong = draft(&repository, &Undone::Range(third.clone(), second), None);
    assert!(matches!(wrong, Err(GitError::Request { .. })));
    let none = draft(&repository, &Undone::Commit(third, None), Some("elsewhere"));
    assert!(matches!(none, Err(GitError::NothingChanged)));
    let other = world.other();
    git(&other, ["checkout", "-q", "-b", "side", "HEAD~1"]);
    world.publish("side", &[("apps/side.yaml", "s\n")]);
    git(&other, ["checkout", "-q", "main"]);
    git(&other, ["merge", "-q", "--no-ff", "-m", "merge", "side"]);
    let merge = world.publish_head();
    fetch(&repository).unwrap();
    if let Some(rewrite) = repository.rewrite().unwrap() {
        repository.accept(&rewrite.tip).unwrap();
    }
    match draft(&repository, &Undone::Commit(merge.clone(), None), None) {
        Err(error @ GitError::Mainline { .. }) => assert!(error.to_string().contains("1 is ")),
        other => panic!("{other:?}"),
    }
    let undone = draft(&repository, &Undone::Commit(merge, Some(1)), None).unwrap();
    assert_eq!(undone.files, ["apps/side.yaml"]);
}
