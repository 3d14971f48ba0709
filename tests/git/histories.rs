//! Random histories with side branches and merges, made with `git fast-import`.

use super::world::{World, git};
use proptest::prelude::*;
use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::io::Write as _;
use std::process::{Command, Stdio};

/// Paths that histories play with; some are files at one time and folders at another.
pub const PATHS: [&str; 9] = ["a", "a/x", "a/y", "a.b", "b/c/d", "b/c/e", "b/c", "b", "z"];

/// One commit of a history.
#[derive(Debug, Clone)]
pub struct Step {
    /// How far back its first parent is; one is the commit before.
    pub back: usize,
    /// How far back its second parent is, if it is a merge.
    pub merge: Option<usize>,
    /// Path and content; no content removes it.
    pub edits: Vec<(usize, Option<u8>)>,
    /// Of which parent a merge takes each path.
    pub takes: Vec<bool>,
    /// Seconds by which its clock is wrong.
    pub skew: i64,
}

/// A history of up to `most` commits.
pub fn histories(most: usize, skew: i64) -> impl Strategy<Value = Vec<Step>> {
    let edits = prop::collection::vec((0..PATHS.len(), prop::option::weighted(0.8, 0_u8..3)), 0..3);
    let step = (
        prop_oneof![4 => Just(1_usize), 1 => 1_usize..8],
        prop::option::weighted(0.3, 1_usize..8),
        edits,
        prop::collection::vec(any::<bool>(), PATHS.len()),
        -skew..=skew,
    );
    let step =
        step.prop_map(|(back, merge, edits, takes, skew)| Step { back, merge, edits, takes, skew });
    prop::collection::vec(step, 1..most)
}

type Tree = BTreeMap<&'static str, u8>;

/// Puts a file where it may be: what is in its way goes.
fn put(tree: &mut Tree, path: &'static str, content: u8) {
    tree.retain(|other, _| {
        !other.starts_with(&format!("{path}/")) && !path.starts_with(&format!("{other}/"))
    });
    tree.insert(path, content);
}

/// Publishes a history; the branch `main` is at the last step, `early` in the middle.
pub fn publish(world: &World, steps: &[Step]) {
    let mut trees: Vec<Tree> = Vec::new();
    let mut stream = String::new();
    for (at, step) in steps.iter().enumerate() {
        let parent = at.checked_sub(step.back);
        let second = step.merge.and_then(|back| at.checked_sub(back)).filter(|_| parent.is_some());
        let second = second.filter(|second| Some(*second) != parent);
        let mut tree = parent.map(|parent| trees[parent].clone()).unwrap_or_default();
        if let Some(second) = second {
            for (path, takes) in PATHS.iter().zip(&step.takes) {
                match trees[second].get(path) {
                    Some(content) if *takes => put(&mut tree, path, *content),
                    None if *takes => drop(tree.remove(path)),
                    _ => {}
                }
            }
        }
        for (path, content) in &step.edits {
            match content {
                Some(content) => put(&mut tree, PATHS[*path], *content),
                None => drop(tree.remove(PATHS[*path])),
            }
        }
        let time = 1_700_000_000 + at as i64 * 60 + step.skew;
        let _ = write!(stream, "commit refs/heads/main\nmark :{}\n", at + 1);
        let _ = write!(stream, "committer O <o@example.com> {time} +0000\ndata 2\n{}\n", at % 10);
        match parent {
            Some(parent) => drop(writeln!(stream, "from :{}", parent + 1)),
            // Another root.
            None if at > 0 => {
                let reset = "reset refs/heads/main\n\n";
                let place = stream.rfind("commit refs/heads/main").unwrap();
                stream.insert_str(place, reset);
            }
            None => {}
        }
        if let Some(second) = second {
            let _ = writeln!(stream, "merge :{}", second + 1);
        }
        stream.push_str("deleteall\n");
        for (path, content) in &tree {
            let _ = writeln!(stream, "M 100644 inline {path}\ndata 3\n{content:03}");
        }
        trees.push(tree);
        if at == steps.len() / 2 {
            let _ = write!(stream, "reset refs/heads/early\nfrom :{}\n\n", at + 1);
        }
    }
    import(world, &stream);
}

/// Runs `git fast-import` in the bare repository.
pub fn import(world: &World, stream: &str) {
    let mut child = Command::new("git")
        .current_dir(world.origin())
        .args(["fast-import", "--quiet", "--force", "--done"])
        .stdin(Stdio::piped())
        .spawn()
        .unwrap();
    let mut input = child.stdin.take().unwrap();
    input.write_all(stream.as_bytes()).unwrap();
    input.write_all(b"done\n").unwrap();
    drop(input);
    assert!(child.wait().unwrap().success());
}

/// What git lists, newest first.
pub fn listed(world: &World, path: &str) -> Vec<String> {
    let mut arguments = vec!["log", "--format=%H", "main", "--"];
    arguments.extend((!path.is_empty()).then_some(path));
    git(&world.origin(), arguments).lines().map(str::to_owned).collect()
}
