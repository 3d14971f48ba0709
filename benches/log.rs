//! The log of a long history beside `git log` in the same run.
//!
//! usage: cargo bench --bench log [-- ROUNDS [COMMITS [PATHS]]]        (default: 7 rounds, 30000 commits, 1000 paths)
//!
//! The history is made with `git fast-import`: folders of ten files each below `apps/TEAM/`, every commit edits one or two
//! files, one in ten goes by a side branch. `git repack` packs it as a server would, and gitdeck fetches it into a mirror of
//! its own. `git` runs on that mirror, without and with a commit-graph of changed paths: as anyone runs it, which says as
//! much of each commit as gitdeck does (author, time, message), and with `--format=%H`, which says no more than its id.
//! gitdeck opens the mirror anew for each round, so that it reads its index from the disk each time. The start of the `git`
//! process is in its times, as it is in those of whoever calls it; `git --version` shows how much it is. The rounds are
//! interleaved; medians and the ratios to gitdeck's own work are printed. FOLDER is the path of a mapping, FILE one file of
//! it, a page the newest 50 commits; "cold" is before the index is built, and "with graph" git with a commit-graph that has
//! the Bloom filters of changed paths.

use gitdeck::domain::{Credential, Remote};
use gitdeck::git::{Flow, Indexed, LogQuery, Places, Repository};
use std::fmt::Write as _;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};
use tempfile::TempDir;

/// Files of one folder, which is what a mapping has.
const FILES: usize = 10;
/// What a screen asks for.
const PAGE: usize = 50;

fn main() {
    let mut numbers = std::env::args().skip(1).filter_map(|argument| argument.parse().ok());
    let rounds = numbers.next().unwrap_or(7);
    let commits = numbers.next().unwrap_or(30_000);
    let world = World::new(commits, numbers.next().unwrap_or(1_000));
    println!("{commits} commits, {} folders of {FILES} files; medians of {rounds}", world.folders);
    let mut table = Table::default();
    for _ in 0..rounds {
        world.without_index(&mut table);
        world.build(&mut table, commits);
        world.with_index(&mut table);
    }
    table.print();
}

/// A mirror, and the repository that it is of.
struct World {
    folder: TempDir,
    folders: usize,
    remote: Remote,
}

impl World {
    fn new(commits: usize, paths: usize) -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let origin = folder.path().join("origin.git");
        git(folder.path(), &["init", "-q", "--bare", "-b", "main", "origin.git"]);
        let url = format!("file://{}", origin.display());
        let remote = Remote { name: "fleet".into(), url, branch: "main".into() };
        let world = Self { folder, folders: (paths / FILES).max(1), remote };
        let begun = Instant::now();
        import(&origin, &stream(0, commits - commits / 300, world.folders));
        git(&origin, &["repack", "-adq"]);
        world.fetch();
        println!("history made and fetched: {:.1} s", begun.elapsed().as_secs_f64());
        world
    }

    fn open(&self) -> Repository {
        let (cache, data) = (self.folder.path().join("cache"), self.folder.path().join("data"));
        Repository::open(&Places::new(cache, data), &self.remote).expect("a repository")
    }

    fn fetch(&self) {
        self.open().fetch(&Credential::Anonymous, &mut |_| Flow::Continue).expect("a fetch");
    }

    fn mirror(&self) -> PathBuf {
        let mut mirrors = std::fs::read_dir(self.folder.path().join("cache")).expect("mirrors");
        mirrors.next().expect("a mirror").expect("a mirror").path()
    }

    fn file(&self) -> String {
        format!("{}/0.yaml", self.path())
    }

    fn path(&self) -> String {
        path(self.folders / 2)
    }

    /// Commits of one page or of everything.
    fn log(&self, path: Option<&str>, limit: usize) -> usize {
        let path = path.map(str::to_owned);
        let query = LogQuery { path, limit, follow: true, ..LogQuery::default() };
        self.open().log(&query).expect("a log").commits.len()
    }

    fn git_log(&self, path: Option<&str>, more: &[&str]) -> usize {
        let mut arguments = vec!["log", "--format=%H"];
        arguments.extend(more);
        let tip = format!("refs/gitdeck/tip/{}", self.remote.branch);
        arguments.extend([&tip[..], "--"]);
        arguments.extend(path);
        git(&self.mirror(), &arguments).lines().count()
    }

    fn without_index(&self, table: &mut Table) {
        let mirror = self.mirror();
        let _ = std::fs::remove_file(mirror.join("gitdeck-paths"));
        let _ = std::fs::remove_dir_all(mirror.join("objects/info/commit-graphs"));
        let _ = std::fs::remove_file(mirror.join("objects/info/commit-graph"));
        let (folder, page) = (self.path(), format!("-n{PAGE}"));
        table.time("git --version", || git(&mirror, &["--version"]).len());
        let all = table.time("git log --format=%H", || self.git_log(None, &[]));
        let tip = format!("refs/gitdeck/tip/{}", self.remote.branch);
        table.time("git log", || {
            let mut log = Command::new("git");
            log.current_dir(&mirror).args(["log", &tip]).stdout(Stdio::null());
            assert!(log.status().expect("git runs").success());
        });
        let of_folder = table.time("git log -- FOLDER", || self.git_log(Some(&folder), &[]));
        table.time("git log -n50 -- FOLDER", || self.git_log(Some(&folder), &[&page]));
        let of_file = table.time("git log -- FILE", || self.git_log(Some(&self.file()), &[]));
        table.time("git log -n50", || self.git_log(None, &[&page]));
        assert_eq!(table.time("gitdeck, cold, log", || self.log(None, usize::MAX)), all);
        let cold = table.time("gitdeck, cold, FOLDER", || self.log(Some(&folder), usize::MAX));
        assert_eq!(cold, of_folder);
        table.time("gitdeck, cold, FOLDER, page", || self.log(Some(&folder), PAGE));
        let cold = table.time("gitdeck, cold, FILE", || self.log(Some(&self.file()), usize::MAX));
        assert_eq!(cold, of_file);
        table.time("gitdeck, cold, log, page", || self.log(None, PAGE));
    }

    fn build(&self, table: &mut Table, commits: usize) {
        let mirror = self.mirror();
        let build = || match self.open().index_paths(&mut |_, _| Flow::Continue) {
            Ok(Indexed::Complete(added)) => added,
            other => panic!("{other:?}"),
        };
        table.time("gitdeck, whole index build", build);
        table.time("git commit-graph write --changed-paths", || {
            git(&mirror, &["commit-graph", "write", "--reachable", "--changed-paths"]).len()
        });
        let from = table.rounds * (commits / 300) + commits;
        table.rounds += 1;
        let origin = self.folder.path().join("origin.git");
        import(&origin, &stream(from, 100, self.folders));
        self.fetch();
        assert!(table.time("gitdeck, index update of 100 commits", build) >= 100);
        table.time("git commit-graph write, update", || {
            git(&mirror, &["commit-graph", "write", "--reachable", "--changed-paths", "--split"])
                .len()
        });
    }

    fn with_index(&self, table: &mut Table) {
        let (folder, page) = (self.path(), format!("-n{PAGE}"));
        let all = table.time("git with graph, log", || self.git_log(None, &[]));
        let of_folder = table.time("git with graph, FOLDER", || self.git_log(Some(&folder), &[]));
        table.time("git with graph, FOLDER, page", || self.git_log(Some(&folder), &[&page]));
        let of_file = table.time("git with graph, FILE", || self.git_log(Some(&self.file()), &[]));
        table.time("git with graph, log, page", || self.git_log(None, &[&page]));
        assert_eq!(table.time("gitdeck, log", || self.log(None, usize::MAX)), all);
        table.time("gitdeck, log, page", || self.log(None, PAGE));
        let own = table.time("gitdeck, FOLDER", || self.log(Some(&folder), usize::MAX));
        assert_eq!(own, of_folder);
        table.time("gitdeck, FOLDER, page", || self.log(Some(&folder), PAGE));
        assert_eq!(
            table.time("gitdeck, FILE", || self.log(Some(&self.file()), usize::MAX)),
            of_file
        );
        println!("round: {all} commits, {of_folder} of the folder, {of_file} of the file");
    }
}

/// Times by name, in the order in which they came first.
#[derive(Default)]
struct Table {
    rows: Vec<(&'static str, Vec<Duration>)>,
    rounds: usize,
}

impl Table {
    fn time<T>(&mut self, name: &'static str, work: impl FnOnce() -> T) -> T {
        let begun = Instant::now();
        let result = work();
        let taken = begun.elapsed();
        match self.rows.iter_mut().find(|(own, _)| *own == name) {
            Some((_, times)) => times.push(taken),
            None => self.rows.push((name, vec![taken])),
        }
        result
    }

    fn median(&self, name: &str) -> f64 {
        let row = self.rows.iter().find(|(own, _)| *own == name).expect("it was measured");
        let mut times = row.1.clone();
        times.sort();
        times[times.len() / 2].as_secs_f64() * 1000.0
    }

    fn print(&self) {
        for (name, _) in &self.rows {
            println!("{:>10.2} ms  {name}", self.median(name));
        }
        println!();
        println!(
            "first page ({PAGE} commits) of a mapping's log; git without, then with changed paths"
        );
        self.ratios(&[
            ("git log -n50 -- FOLDER", "gitdeck, FOLDER, page"),
            ("git with graph, FOLDER, page", "gitdeck, FOLDER, page"),
            ("git log -n50 -- FOLDER", "gitdeck, cold, FOLDER, page"),
        ]);
        println!("whole log of a mapping, and of one file");
        self.ratios(&[
            ("git log -- FOLDER", "gitdeck, FOLDER"),
            ("git with graph, FOLDER", "gitdeck, FOLDER"),
            ("git log -- FOLDER", "gitdeck, cold, FOLDER"),
            ("git log -- FILE", "gitdeck, FILE"),
            ("git with graph, FILE", "gitdeck, FILE"),
            ("git log -- FILE", "gitdeck, cold, FILE"),
        ]);
        println!("whole index build, and its update");
        self.ratios(&[
            ("git commit-graph write --changed-paths", "gitdeck, whole index build"),
            ("git commit-graph write, update", "gitdeck, index update of 100 commits"),
        ]);
        println!("log of the repository, and its first page");
        self.ratios(&[
            ("git log", "gitdeck, cold, log"),
            ("git log", "gitdeck, log"),
            ("git log --format=%H", "gitdeck, cold, log"),
            ("git log --format=%H", "gitdeck, log"),
            ("git log -n50", "gitdeck, cold, log, page"),
            ("git with graph, log, page", "gitdeck, log, page"),
        ]);
    }

    /// How many times as long the first took as the second.
    fn ratios(&self, pairs: &[(&str, &str)]) {
        for (peer, own) in pairs {
            println!("{:>8.1} x  {peer} / {own}", self.median(peer) / self.median(own));
        }
    }
}

fn path(folder: usize) -> String {
    format!("apps/team-{:02}/service-{folder:04}", folder % 20)
}

/// A pseudo-random number that is the same in every run (SplitMix64).
fn random(seed: usize) -> usize {
    let mut z = (seed as u64 + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    (z ^ (z >> 31)) as usize
}

/// The number under which one stream of `git fast-import` knows a commit; it takes no expressions like `main~3` there.
fn mark_of(branch: &str, number: usize) -> usize {
    1 + 2 * number + usize::from(branch == "side")
}

/// Commits for `git fast-import`; the first one of all has every file.
fn stream(from: usize, count: usize, folders: usize) -> String {
    let mut out = String::from("feature done\n");
    let commit = |out: &mut String, branch: &str, time: usize, parents: &str| {
        let _ = write!(
            out,
            "commit refs/heads/{branch}\nmark :{}\ncommitter Somebody <s@example.com> {} +0000\n",
            mark_of(branch, time),
            1_500_000_000 + time * 60
        );
        let _ = write!(out, "data 14\nChange a file\n\n{parents}");
    };
    let edit = |out: &mut String, folder: usize, file: usize, number: usize| {
        let text = format!(
            "kind: ConfigMap\nmetadata:\n  name: service-{folder}-{file}\ndata:\n  number: \"{number}\"\n"
        );
        let _ = writeln!(
            out,
            "M 100644 inline {}/{file}.yaml\ndata {}\n{text}",
            path(folder),
            text.len()
        );
    };
    if from > 0 {
        out.push_str("reset refs/heads/main\nfrom refs/heads/main^0\n\n");
    }
    for number in from..from + count {
        let (folder, file) = (random(number) % folders, random(number * 3) % FILES);
        if number == 0 {
            commit(&mut out, "main", number, "");
            (0..folders)
                .for_each(|folder| (0..FILES).for_each(|file| edit(&mut out, folder, file, 0)));
        } else if number % 10 == 9 && number > from + 9 {
            // What the side branch edits is edited in its merge as well, against the first parent.
            let begins = mark_of("main", number - 4);
            commit(&mut out, "side", number, &format!("from :{begins}\n"));
            edit(&mut out, folder, file, number);
            commit(&mut out, "main", number, "merge refs/heads/side\n");
            edit(&mut out, folder, file, number);
        } else {
            commit(&mut out, "main", number, "");
            edit(&mut out, folder, file, number);
            if number % 4 == 0 {
                edit(&mut out, random(number * 7) % folders, file, number);
            }
        }
    }
    out.push_str("done\n");
    out
}

fn import(origin: &Path, stream: &str) {
    let mut child = Command::new("git")
        .current_dir(origin)
        .args(["fast-import", "--quiet", "--force"])
        .stdin(Stdio::piped())
        .spawn()
        .expect("git runs");
    let mut input = child.stdin.take().expect("it is piped");
    input.write_all(stream.as_bytes()).expect("git reads");
    drop(input);
    assert!(child.wait().expect("git ends").success(), "git fast-import");
}

fn git(folder: &Path, arguments: &[&str]) -> String {
    let output =
        Command::new("git").current_dir(folder).args(arguments).output().expect("git runs");
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "git {arguments:?}: {said}");
    String::from_utf8_lossy(&output.stdout).into_owned()
}
