//! The path index: its answer is that of the trees, whatever state its file is in.

use super::histories::{PATHS, histories, listed, publish};
use super::world::{World, fetch, git, head};
use gitdeck::git::{Flow, Indexed, LogQuery, Repository};
use proptest::prelude::*;
use proptest::test_runner::Config;
use std::fmt::Write as _;
use std::fs;
use std::path::PathBuf;

fn ids(repository: &Repository, path: &str) -> Vec<String> {
    listing(repository, path, false)
}

fn listing(repository: &Repository, path: &str, follow: bool) -> Vec<String> {
    let path = Some(path.to_owned());
    let query = LogQuery { path, follow, limit: 10_000, ..LogQuery::default() };
    let page = repository.log(&query).unwrap();
    page.commits.iter().map(|commit| commit.revision.to_string()).collect()
}

fn build(repository: &Repository) -> Indexed {
    repository.index_paths(&mut |_, _| Flow::Continue).unwrap()
}

/// The one index file below the cache.
fn index_file(world: &World) -> PathBuf {
    let mirrors = fs::read_dir(world.places().mirrors).unwrap();
    let files = mirrors.map(|mirror| mirror.unwrap().path().join("gitdeck-paths"));
    files.into_iter().find(|file| file.exists()).expect("an index")
}

fn all_paths() -> Vec<&'static str> {
    [&[""], &PATHS[..], &["missing", "a/x/y"]].concat()
}

fn cases(default: u32) -> Config {
    let cases = std::env::var("GITDECK_HISTORIES").ok().and_then(|text| text.parse().ok());
    Config { cases: cases.unwrap_or(default), failure_persistence: None, ..Config::default() }
}

proptest! {
    #![proptest_config(cases(12))]

    #[test]
    fn the_indexed_log_is_that_of_the_trees_and_of_git(steps in histories(40, 0)) {
        let world = World::empty();
        publish(&world, &steps);
        let repository = world.fetched();
        let walked: Vec<_> = all_paths().iter().map(|path| ids(&repository, path)).collect();
        let follow = |path: &&str| listing(&repository, path, true);
        let followed: Vec<_> = all_paths().iter().map(follow).collect();
        prop_assert!(matches!(build(&repository), Indexed::Complete(count) if count > 0));
        for (path, walked) in all_paths().iter().zip(&walked) {
            prop_assert_eq!(&ids(&repository, path), walked, "of {:?}", path);
            prop_assert_eq!(&listed(&world, path), walked, "of {:?} by git", path);
        }
        prop_assert_eq!(all_paths().iter().map(follow).collect::<Vec<_>>(), followed);
    }

    #[test]
    fn wrong_clocks_and_half_an_index_change_nothing(steps in histories(40, 400)) {
        let world = World::empty();
        publish(&world, &steps);
        let walked = world.fetched();
        let walked: Vec<_> = all_paths().iter().map(|path| ids(&walked, path)).collect();
        let all = git(&world.origin(), ["rev-parse", "main"]);
        git(&world.origin(), ["update-ref", "refs/heads/main", "refs/heads/early"]);
        fs::remove_dir_all(world.places().mirrors).unwrap();
        let repository = world.fetched();
        build(&repository);
        git(&world.origin(), ["update-ref", "refs/heads/main", &all]);
        fetch(&repository).unwrap();
        // History need not go on from the middle; then it is followed when somebody says so.
        let seen = gitdeck::domain::Revision::new(all);
        if repository.rewrite().unwrap().is_some() {
            repository.accept(&seen).unwrap();
        }
        for round in ["half", "whole"] {
            for (path, walked) in all_paths().iter().zip(&walked) {
                prop_assert_eq!(&ids(&repository, path), walked, "of {:?}, {}", path, round);
            }
            build(&repository);
        }
    }
}

/// A line of commits that change one of three files.
fn line(world: &World, commits: std::ops::Range<usize>) {
    for number in commits {
        let name = format!("apps/{}.yaml", number % 3);
        world.publish(&format!("commit {number}"), &[(&name, &format!("n: {number}\n"))]);
    }
}

#[test]
fn a_stopped_build_goes_on_where_it_was() {
    let world = World::empty();
    let steps: Vec<_> = (0..1200_usize)
        .map(|at| super::histories::Step {
            back: 1,
            merge: None,
            edits: vec![(at % PATHS.len(), Some((at % 200) as u8))],
            takes: Vec::new(),
            skew: 0,
        })
        .collect();
    publish(&world, &steps);
    let repository = world.fetched();
    let expected = ids(&repository, "a");
    let stop = repository.index_paths(&mut |done, _| {
        if done > 0 { Flow::Stop } else { Flow::Continue }
    });
    assert_eq!(stop.unwrap(), Indexed::Stopped);
    assert_eq!(ids(&repository, "a"), expected);
    // Killed in the middle of a write.
    let content = fs::read(index_file(&world)).unwrap();
    fs::write(index_file(&world), [&content[..], &content[8..200]].concat()).unwrap();
    let again = world.open();
    assert_eq!(ids(&again, "a"), expected);
    assert_eq!(build(&again), Indexed::Complete(1200 - 512));
    assert_eq!(build(&again), Indexed::Complete(0));
    assert_eq!(ids(&again, "a"), expected);
    assert_eq!(ids(&repository, "a"), expected, "an open repository sees the new file");
}

#[test]
fn a_damaged_old_or_deleted_index_is_built_anew() {
    let world = World::empty();
    line(&world, 0..12);
    let repository = world.fetched();
    let expected = ids(&repository, "apps/1.yaml");
    assert_eq!(build(&repository), Indexed::Complete(12));
    let sound = fs::read(index_file(&world)).unwrap();
    let mut flipped = sound.clone();
    flipped[40] ^= 1;
    let mut older = sound.clone();
    older[7] = 0;
    for broken in [flipped, older, Vec::new(), sound[..sound.len() - 1].to_vec()] {
        fs::write(index_file(&world), broken).unwrap();
        let again = world.open();
        assert_eq!(ids(&again, "apps/1.yaml"), expected);
        assert_eq!(build(&again), Indexed::Complete(12));
        assert_eq!(fs::read(index_file(&world)).unwrap(), sound);
    }
    fs::remove_file(index_file(&world)).unwrap();
    assert_eq!(ids(&repository, "apps/1.yaml"), expected);
    assert_eq!(build(&repository), Indexed::Complete(12));
}

#[test]
fn new_commits_are_added_and_waiting_ones_listed() {
    let world = World::empty();
    line(&world, 0..9);
    let repository = world.fetched();
    build(&repository);
    line(&world, 9..12);
    fetch(&repository).unwrap();
    assert_eq!(build(&repository), Indexed::Complete(3));
    let made = repository.commit(&super::world::request("mine", &[("apps/1.yaml", "n: 0\n")]));
    let made = made.unwrap().revision;
    assert_eq!(build(&repository), Indexed::Complete(0));
    let log = ids(&repository, "apps/1.yaml");
    assert_eq!((log.len(), &log[0]), (5, &made.to_string()));
    assert_eq!(head(&repository), made);
}

#[test]
fn two_processes_build_one_index() {
    let world = World::empty();
    line(&world, 0..12);
    let repository = world.fetched();
    let other = world.open();
    let busy = repository.index_paths(&mut |_, _| {
        assert_eq!(build(&other), Indexed::Busy);
        assert_eq!(ids(&other, "apps").len(), 12);
        Flow::Continue
    });
    assert_eq!(busy.unwrap(), Indexed::Complete(12));
    assert_eq!(build(&other), Indexed::Complete(0));
    assert_eq!(ids(&other, "apps/2.yaml").len(), 4);
}

#[test]
fn a_commit_with_too_many_files_is_looked_up() {
    let world = World::empty();
    let mut stream = String::from(
        "commit refs/heads/main\ncommitter O <o@example.com> 1700000000 +0000\ndata 0\n",
    );
    for number in 0..70_000 {
        let _ = write!(stream, "M 100644 inline many/{}/{number}\ndata 0\n\n", number % 300);
    }
    super::histories::import(&world, &stream);
    git(&world.other(), ["pull", "-q", "origin", "main"]);
    world.publish("two", &[("many/7/7", "x\n")]);
    let repository = world.fetched();
    assert_eq!(build(&repository), Indexed::Complete(2));
    assert_eq!(ids(&repository, "many/7/7").len(), 2);
    assert_eq!(ids(&repository, "many/7/307").len(), 1);
    assert_eq!(ids(&repository, "many/7/308").len(), 0);
}

#[test]
fn the_log_goes_on_under_the_name_before_a_rename() {
    let world = World::new();
    let other = world.other();
    let four = |name: &str| {
        let files =
            ["a", "b", "c"].map(|file| (format!("{name}/{file}.yaml"), format!("{file}\n")));
        files.to_vec()
    };
    let files = four("apps/old");
    let files: Vec<_> = files.iter().map(|(path, text)| (&path[..], &text[..])).collect();
    let first = world.publish("first", &files);
    let second = world.publish("second", &[("apps/old/a.yaml", "a: 2\nb: 3\nc: 4\nd: 5\n")]);
    git(&other, ["mv", "apps/old", "apps/new"]);
    let moved = world.publish("moved, and one more", &[("apps/new/d.yaml", "d\n")]);
    world.publish("elsewhere", &[("README", "x\n")]);
    git(&other, ["mv", "apps/new/a.yaml", "apps/new/z.yaml"]);
    let edited = world.publish("file", &[("apps/new/z.yaml", "a: 2\nb: 3\nc: 4\nd: 6\n")]);
    world.publish("back", &[("apps/old/a.yaml", "not the same\n")]);
    let repository = world.fetched();
    let follow = |path: &str| {
        let ids = listing(&repository, path, true);
        ids.into_iter().map(gitdeck::domain::Revision::new).collect::<Vec<_>>()
    };
    for round in ["trees", "index"] {
        let whole = [&edited, &moved, &second, &first].map(Clone::clone);
        assert_eq!(follow("apps/new"), whole, "{round}");
        assert_eq!(follow("apps/new/z.yaml"), whole, "{round}");
        let by_git = git(
            &world.origin(),
            ["log", "--follow", "--format=%H", "main", "--", "apps/new/z.yaml"],
        );
        assert_eq!(
            follow("apps/new/z.yaml"),
            by_git.lines().map(gitdeck::domain::Revision::new).collect::<Vec<_>>()
        );
        assert_eq!(ids(&repository, "apps/new").len(), 2, "{round}: not unless asked");
        build(&repository);
    }
}
