//! Log, trees, files, details and blame, compared with what `git` says.

use super::world::{World, fetch, git, head};
use gitdeck::domain::repository::FileChangeKind;
use gitdeck::git::{GitError, LogQuery, TreeFileKind};
use std::fs;
use std::os::unix::ffi::OsStrExt;

fn ids(world: &World, arguments: &[&str]) -> Vec<String> {
    git(&world.origin(), arguments).lines().map(str::to_owned).collect()
}

/// A history with side branches and merges over three files.
fn branched() -> World {
    let world = World::new();
    let other = world.other();
    let mut clock = 1_700_000_000;
    let mut at = |arguments: &[&str]| {
        clock += 60;
        let date = format!("{clock} +0000");
        let status = std::process::Command::new("git")
            .current_dir(&other)
            .args(["-c", "user.name=Other", "-c", "user.email=o@example.com"])
            .args(arguments)
            .env("GIT_AUTHOR_DATE", &date)
            .env("GIT_COMMITTER_DATE", &date)
            .output()
            .unwrap();
        assert!(status.status.success(), "{}", String::from_utf8_lossy(&status.stderr));
    };
    for round in 0..6 {
        at(&["checkout", "-q", "-b", &format!("side{round}")]);
        fs::write(other.join("apps/api.yaml"), format!("round: {round}\n")).unwrap();
        at(&["add", "-A"]);
        at(&["commit", "-q", "-m", "api"]);
        at(&["checkout", "-q", "main"]);
        let file = if round % 2 == 0 { "apps/web.yaml" } else { "README" };
        fs::write(other.join(file), format!("round: {round}\n")).unwrap();
        at(&["commit", "-q", "-am", "main"]);
        at(&["merge", "-q", "--no-ff", "-m", "merge", &format!("side{round}")]);
    }
    // A merge that throws the side away: path-limited history must not follow it.
    at(&["checkout", "-q", "-b", "lost"]);
    fs::write(other.join("apps/api.yaml"), "lost: true\n").unwrap();
    at(&["commit", "-q", "-am", "lost"]);
    at(&["checkout", "-q", "main"]);
    fs::write(other.join("README"), "last\n").unwrap();
    at(&["commit", "-q", "-am", "last"]);
    at(&["merge", "-q", "-s", "ours", "-m", "ours", "lost"]);
    world.publish_head();
    world
}

#[test]
fn the_log_of_a_path_is_that_of_git() {
    let world = branched();
    let repository = world.fetched();
    for path in ["", "apps", "apps/web.yaml", "apps/api.yaml", "README", "missing"] {
        let query = LogQuery { path: Some(path.to_owned()), limit: 1000, ..LogQuery::default() };
        let ours: Vec<String> = repository
            .log(&query)
            .unwrap()
            .commits
            .iter()
            .map(|commit| commit.revision.to_string())
            .collect();
        let mut arguments = vec!["log", "--format=%H", "main", "--"];
        arguments.extend((!path.is_empty()).then_some(path));
        assert_eq!(ours, ids(&world, &arguments), "of {path:?}");
    }
}

#[test]
fn the_log_comes_in_pages() {
    let world = branched();
    let repository = world.fetched();
    let all = ids(&world, &["log", "--format=%H", "main"]);
    let mut seen = Vec::new();
    loop {
        let page = repository
            .log(&LogQuery { skip: seen.len(), limit: 7, ..LogQuery::default() })
            .unwrap();
        seen.extend(page.commits.iter().map(|commit| commit.revision.to_string()));
        if !page.more {
            break;
        }
        assert_eq!(page.commits.len(), 7);
    }
    assert_eq!(seen, all);
}

#[test]
fn commits_ahead_are_counted_per_path() {
    let world = World::new();
    let repository = world.fetched();
    let before = head(&repository);
    world.publish("one", &[("apps/web.yaml", "replicas: 2\n")]);
    world.publish("two", &[("README", "x\n")]);
    world.publish("three", &[("apps/web.yaml", "replicas: 3\n")]);
    fetch(&repository).unwrap();
    let now = head(&repository);
    assert_eq!(repository.ahead(Some(&before), &now, &["apps"]).unwrap(), 2);
    assert_eq!(repository.ahead(Some(&before), &now, &[""]).unwrap(), 3);
    assert_eq!(repository.ahead(Some(&now), &now, &["apps"]).unwrap(), 0);
    assert_eq!(repository.ahead(None, &now, &["README"]).unwrap(), 2);
    let (both, apps) = (["apps", "README"], ["apps", "missing"]);
    assert_eq!(repository.ahead(Some(&before), &now, &both).unwrap(), 3);
    assert_eq!(repository.ahead(Some(&before), &now, &apps).unwrap(), 2);
}

#[test]
fn trees_show_links_submodules_and_odd_names_without_following() {
    let world = World::new();
    let other = world.other();
    std::os::unix::fs::symlink("/etc/passwd", other.join("apps/link")).unwrap();
    std::os::unix::fs::symlink("/etc", other.join("apps/dir")).unwrap();
    fs::write(other.join(std::ffi::OsStr::from_bytes(b"apps/Gr\xf6\xdfe.yaml")), "latin: 1\n")
        .unwrap();
    fs::write(
        other.join("apps/big.bin"),
        "version https://git-lfs.github.com/spec/v1\noid sha256:0123456789abcdef\nsize 12\n",
    )
    .unwrap();
    let commit = git(&other, ["rev-parse", "HEAD"]);
    git(&other, ["update-index", "--add", "--cacheinfo", &format!("160000,{commit},apps/sub")]);
    world.publish("odd", &[("apps/deep/a/b.yaml", "deep: 1\n")]);
    // `git add -A` drops the submodule that has no folder, so it is set again.
    git(&other, ["update-index", "--add", "--cacheinfo", &format!("160000,{commit},apps/sub")]);
    git(&other, ["commit", "-q", "-m", "sub"]);
    world.publish_head();
    let repository = world.fetched();
    let files = repository.tree(&head(&repository), "apps").unwrap();
    let kinds: Vec<(&str, TreeFileKind)> =
        files.iter().map(|file| (file.path.as_str(), file.kind)).collect();
    assert_eq!(
        kinds,
        [
            ("apps/Gr\\xf6\\xdfe.yaml", TreeFileKind::File),
            ("apps/big.bin", TreeFileKind::LfsPointer),
            ("apps/deep/a/b.yaml", TreeFileKind::File),
            ("apps/dir", TreeFileKind::Symlink),
            ("apps/link", TreeFileKind::Symlink),
            ("apps/sub", TreeFileKind::Submodule),
            ("apps/web.yaml", TreeFileKind::File),
        ]
    );
    assert_eq!(files[4].content, b"/etc/passwd");
    let at = head(&repository);
    assert_eq!(repository.file(&at, "apps/Gr\\xf6\\xdfe.yaml").unwrap(), b"latin: 1\n");
    for path in ["apps/link", "apps/dir/passwd", "apps/sub/README", "apps/big.bin", "apps", "../x"]
    {
        assert!(matches!(repository.file(&at, path), Err(GitError::PathRefused { .. })), "{path}");
    }
    assert!(matches!(repository.file(&at, "apps/none.yaml"), Err(GitError::PathMissing { .. })));
    assert_eq!(repository.tree(&at, "apps/web.yaml").unwrap().len(), 1);
}

#[test]
fn details_and_blame_name_what_changed() {
    let world = World::new();
    let first = head(&world.fetched());
    world.publish("grow", &[("apps/web.yaml", "replicas: 1\nimage: a\n")]);
    git(&world.other(), ["mv", "README", "README.md"]);
    let last = world.publish("image", &[("apps/web.yaml", "replicas: 1\nimage: b\n")]);
    let repository = world.fetched();
    let details = repository.details(&last).unwrap();
    assert_eq!(details.commit.title(), "image");
    assert_eq!(details.commit.author, "Other");
    let files: Vec<_> = details
        .files
        .iter()
        .map(|file| (file.path.as_str(), file.kind, file.added, file.removed))
        .collect();
    assert_eq!(
        files,
        [
            ("README.md", FileChangeKind::Renamed, 0, 0),
            ("apps/web.yaml", FileChangeKind::Modified, 1, 1)
        ]
    );
    assert_eq!(details.files[0].old_path.as_deref(), Some("README"));
    assert!(details.patch.contains("-image: a\n+image: b\n"), "{}", details.patch);
    assert_eq!(repository.blame(&last, "apps/web.yaml").unwrap(), [first, last.clone()]);
    assert!(matches!(repository.blame(&last, "README"), Err(GitError::PathMissing { .. })));
}

#[test]
fn revisions_are_resolved_and_expressions_refused() {
    let world = World::new();
    let first = world.publish("one", &[("README", "1\n")]);
    git(&world.other(), ["tag", "-m", "a tag", "v1.0"]);
    git(&world.other(), ["push", "-q", "origin", "v1.0"]);
    let second = world.publish("two", &[("README", "2\n")]);
    let repository = world.fetched();
    for (text, meant) in [
        ("HEAD", &second),
        ("@", &second),
        ("main", &second),
        ("HEAD~", &first),
        ("main^", &first),
        ("v1.0", &first),
        (first.short(), &first),
        (first.as_str(), &first),
    ] {
        assert_eq!(&repository.resolve(text).unwrap(), meant, "{text}");
    }
    for text in [
        "",
        "-x",
        "HEAD~99",
        ":/one",
        "HEAD^{/one}",
        "main@{1}",
        "abc",
        "../HEAD",
        "0000000",
        "v1.0^{tree}",
    ] {
        assert!(
            matches!(repository.resolve(text), Err(GitError::UnknownRevision { .. })),
            "{text}"
        );
    }
}
