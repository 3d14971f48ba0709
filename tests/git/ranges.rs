//! Ranges undone commit by commit: beside what real `git revert` makes of them.

use super::histories::import;
use super::signing::ssh_signed;
use super::world::{World, attempt, fetch, git, head, push, request};
use gitdeck::domain::Revision;
use gitdeck::domain::revert::of_commit;
use gitdeck::git::{CommitRequest, Drafted, GitError, Ground, Repository, Undoing, Undone};
use proptest::prelude::*;
use proptest::test_runner::Config;
use std::collections::BTreeMap;
use std::fmt::Write;

const LINES: usize = 12;

/// A line of a file becomes another; on the side line, or after it was merged.
#[derive(Debug, Clone)]
struct Step {
    file: usize,
    line: usize,
    value: u8,
    is_side: bool,
    merges: bool,
}

fn steps(most: usize) -> impl Strategy<Value = Vec<Step>> {
    let step =
        (0..2_usize, 0..LINES, 0..3_u8, prop::bool::weighted(0.3), prop::bool::weighted(0.2));
    let step = step.prop_map(|(file, line, value, is_side, merges)| Step {
        file,
        line,
        value,
        is_side,
        merges,
    });
    prop::collection::vec(step, 2..most)
}

type Files = BTreeMap<&'static str, [u8; LINES]>;

/// A history in `git fast-import`'s words.
#[derive(Default)]
struct Stream {
    text: String,
    mark: usize,
}

impl Stream {
    fn commit(&mut self, files: &Files, parents: [Option<usize>; 2]) -> usize {
        self.mark += 1;
        let (mark, time) = (self.mark, 1_700_000_000 + self.mark * 60);
        let title = format!("step {mark}");
        let text = &mut self.text;
        let _ = writeln!(text, "commit refs/heads/line{mark}\nmark :{mark}");
        let _ = writeln!(text, "committer O <o@example.com> {time} +0000");
        let _ = writeln!(text, "data {}\n{title}", title.len());
        for (word, parent) in ["from", "merge"].iter().zip(parents) {
            if let Some(parent) = parent {
                let _ = writeln!(text, "{word} :{parent}");
            }
        }
        text.push_str("deleteall\n");
        for (name, lines) in files {
            let content = (0..LINES).fold(String::new(), |mut content, n| {
                let _ = writeln!(content, "{name} {n} {}", lines[n]);
                content
            });
            let _ = writeln!(text, "M 100644 inline {name}\ndata {}\n{content}", content.len());
        }
        mark
    }
}

/// Publishes a history with side lines, which have a file of their own and merge without a conflict.
fn publish(world: &World, steps: &[Step]) {
    let mut stream = Stream::default();
    let mut files: Files = ["a/x", "a/y", "side"].map(|name| (name, [0; LINES])).into();
    let mut main = stream.commit(&files, [None, None]);
    let mut side: Option<(usize, Files)> = None;
    for step in steps {
        if step.is_side {
            let (parent, mut own) = side.unwrap_or_else(|| (main, files.clone()));
            own.entry("side").and_modify(|lines| lines[step.line] = step.value);
            side = Some((stream.commit(&own, [Some(parent), None]), own));
        } else {
            let name = ["a/x", "a/y"][step.file];
            files.entry(name).and_modify(|lines| lines[step.line] = step.value);
            main = stream.commit(&files, [Some(main), None]);
        }
        if let Some((mark, own)) = side.take_if(|_| step.merges) {
            files.insert("side", own["side"]);
            main = stream.commit(&files, [Some(main), Some(mark)]);
        }
    }
    let _ = write!(stream.text, "reset refs/heads/main\nfrom :{main}\n\n");
    import(world, &stream.text);
}

/// What came of undoing a range.
#[derive(Debug, PartialEq, Eq)]
enum End {
    /// Tree and message of each commit, the oldest first.
    Made(Vec<(String, String)>),
    /// Two changes of the same lines met at this commit.
    Conflict(String),
}

fn made(folder: &std::path::Path, range: &str) -> Vec<(String, String)> {
    let text = git(folder, ["log", "--reverse", "--format=%T%x00%B%x01", range]);
    let commits = text.split('\u{1}').map(str::trim).filter(|one| !one.is_empty());
    let pair = |one: &str| {
        let (tree, message) = one.split_once('\0').unwrap();
        (tree.to_owned(), message.trim_end().to_owned())
    };
    commits.map(pair).collect()
}

/// Real `git revert`, which stops at what has nothing to undo and is told to go on.
fn by_git(world: &World, commits: &[&str]) -> End {
    let other = world.other();
    git(&other, ["fetch", "-q", "origin", "main"]);
    git(&other, ["checkout", "-q", "-f", "--detach", "FETCH_HEAD"]);
    let mut went = attempt(&other, ["revert", "--no-edit"].iter().chain(commits));
    while !went {
        if !git(&other, ["diff", "--name-only", "--diff-filter=U"]).is_empty() {
            let at = git(&other, ["rev-parse", "REVERT_HEAD"]);
            git(&other, ["revert", "--abort"]);
            return End::Conflict(at);
        }
        // Of one commit alone, or the last, nothing is left to go on with.
        let goes_on = attempt(&other, ["rev-parse", "-q", "--verify", "REVERT_HEAD"])
            || other.join(".git/sequencer").exists();
        went = !goes_on || attempt(&other, ["revert", "--skip"]);
    }
    End::Made(made(&other, "FETCH_HEAD..HEAD"))
}

fn about() -> CommitRequest {
    CommitRequest { trailers: Vec::new(), ..request("", &[]) }
}

fn draft(
    repository: &Repository,
    [first, last]: [&Revision; 2],
    (path, mainline): (Option<&str>, Option<usize>),
) -> Result<Drafted, GitError> {
    let range = repository.range([first, last], path.as_slice(), mainline)?;
    let undoing: Vec<Undoing> = range
        .into_iter()
        .map(|(commit, stays)| {
            let line = stays.map(|stays| &commit.parents[stays - 1]);
            let message = of_commit(&commit, line, &[]);
            Undoing { undone: Undone::Commit(commit.revision, stays), message }
        })
        .collect();
    repository.draft_revert(&undoing, path.as_slice(), (&about(), Ground::Newest))
}

/// The same by gitdeck, pushed.
fn by_gitdeck(world: &World, ends: [&Revision; 2], mainline: Option<usize>) -> End {
    let repository = world.fetched();
    let before = head(&repository);
    match draft(&repository, ends, (None, mainline)) {
        Ok(drafted) => {
            repository.publish(&drafted.base, &drafted.newest.revision).unwrap();
            push(&repository).unwrap();
            let made = made(&world.origin(), &format!("{before}..main"));
            assert_eq!(made.len(), drafted.commits.len());
            End::Made(made)
        }
        Err(GitError::NothingChanged) => End::Made(Vec::new()),
        Err(GitError::Diverged { at, .. }) => {
            assert_eq!(head(&repository), before, "nothing is kept");
            assert_eq!(repository.pending().unwrap(), []);
            // Of one commit it is clear which it is.
            let only =
                || repository.range::<&str>(ends, &[], mainline).unwrap().remove(0).0.revision;
            End::Conflict(at.unwrap_or_else(only).to_string())
        }
        Err(other) => panic!("{other}"),
    }
}

proptest! {
    #![proptest_config(Config { cases: 24, failure_persistence: None, ..Config::default() })]

    #[test]
    fn a_range_is_undone_as_git_undoes_it(steps in steps(12), from in 0_usize..10, to in 0_usize..10, as_whole: bool) {
        let world = World::empty();
        publish(&world, &steps);
        let line = git(&world.origin(), ["rev-list", "--first-parent", "main"]);
        let line: Vec<Revision> = line.lines().map(Revision::new).collect();
        let last = to % (line.len() - 1).max(1);
        let Some(first) = line.get(last + 1 + from % (line.len() - last).max(1)) else { return Ok(()) };
        let last = &line[last];
        let range = format!("{first}..{last}");
        let merges = git(&world.origin(), ["rev-list", "--merges", &range]);
        let by_git = if as_whole {
            let own = git(&world.origin(), ["rev-list", "--first-parent", &range]);
            by_git(&world, &["-m", "1"].into_iter().chain(own.lines()).collect::<Vec<_>>())
        } else if merges.is_empty() {
            by_git(&world, &[&range])
        } else {
            let own = git(&world.origin(), ["rev-list", "--no-merges", "--date-order", &range]);
            by_git(&world, &own.lines().collect::<Vec<_>>())
        };
        prop_assert_eq!(by_gitdeck(&world, [first, last], as_whole.then_some(1)), by_git);
    }
}

#[test]
fn a_merge_with_changes_of_its_own_is_not_passed_over() {
    let world = World::new();
    let first = world.newest();
    let other = world.other();
    git(&other, ["checkout", "-q", "-b", "side"]);
    world.publish("side", &[("apps/side.yaml", "s\n")]);
    git(&other, ["checkout", "-q", "main"]);
    world.publish("main", &[("apps/web.yaml", "replicas: 2\n")]);
    git(&other, ["merge", "-q", "--no-ff", "--no-commit", "side"]);
    let merge = world.publish("merge", &[("apps/own.yaml", "o\n")]);
    let repository = world.fetched();
    match draft(&repository, [&first, &merge], (None, None)) {
        Err(error @ GitError::OwnMerge { .. }) => {
            assert!(error.to_string().contains("--mainline 1"));
        }
        other => panic!("{other:?}"),
    }
    // Where it has nothing of its own, it is passed over.
    match draft(&repository, [&first, &merge], (Some("apps/side.yaml"), None)) {
        Ok(drafted) => assert_eq!(drafted.files, ["apps/side.yaml"]),
        other => panic!("{other:?}"),
    }
    let whole = draft(&repository, [&first, &merge], (None, Some(1))).unwrap();
    assert_eq!(whole.commits.len(), 2);
    let files = |at: &Revision| git(&world.other(), ["rev-parse", &format!("{at}^{{tree}}")]);
    repository.publish(&whole.base, &whole.newest.revision).unwrap();
    push(&repository).unwrap();
    git(&other, ["fetch", "-q"]);
    assert_eq!(files(&whole.newest.revision), files(&first));
    let wrong = draft(&repository, [&first, &merge], (None, Some(2)));
    assert!(matches!(wrong, Err(GitError::Request { .. })));
}

#[test]
fn every_commit_of_a_range_is_signed_and_lands_at_once_or_not_at_all() {
    let world = World::new();
    let first = world.newest();
    for number in 2..5 {
        world.publish(
            &format!("to {number}"),
            &[("apps/web.yaml", &format!("replicas: {number}\n"))],
        );
    }
    let last = world.newest();
    let (repository, verify) = ssh_signed(&world);
    let drafted = draft(&repository, [&first, &last], (Some("apps"), None)).unwrap();
    let titles: Vec<&str> = drafted.commits.iter().map(gitdeck::domain::Commit::title).collect();
    assert_eq!(titles, ["Revert \"to 4\"", "Revert \"to 3\"", "Revert \"to 2\""]);
    assert_eq!((head(&repository), repository.pending().unwrap().len()), (last.clone(), 0));
    // Somebody was faster: the draft is none of this branch any more.
    world.publish("theirs", &[("README", "x\n")]);
    fetch(&repository).unwrap();
    let moved = repository.publish(&drafted.base, &drafted.newest.revision);
    assert!(matches!(moved, Err(GitError::Moved { .. })), "{moved:?}");
    assert_eq!(repository.pending().unwrap(), []);
    let drafted = draft(&repository, [&first, &last], (Some("apps"), None)).unwrap();
    repository.publish(&drafted.base, &drafted.newest.revision).unwrap();
    assert_eq!(repository.pending().unwrap().len(), 3);
    // The outbox alone holds all of it.
    std::fs::remove_dir_all(world.places().mirrors).unwrap();
    let before = world.newest();
    let (repository, _) = ssh_signed(&world);
    push(&repository).unwrap();
    let range = format!("{before}..main");
    let shown = git(&world.origin(), ["-c", &verify, "log", "--format=%G? %s", &range]);
    assert_eq!(shown, "G Revert \"to 2\"\nG Revert \"to 3\"\nG Revert \"to 4\"");
    assert_eq!(git(&world.origin(), ["diff", "--stat", first.as_str(), "main", "--", "apps"]), "");
}
