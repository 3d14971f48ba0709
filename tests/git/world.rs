//! A bare repository that others commit to with the `git` program, and gitdeck's view of it.

use gitdeck::domain::{Author, Credential, FileEdit, PushOutcome, Remote, Revision};
use gitdeck::git::{CommitRequest, Fetched, Flow, GitError, Places, Repository};
use std::ffi::{OsStr, OsString};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use tempfile::TempDir;

/// A folder with a bare repository `origin.git`, somebody's clone of it, and room for gitdeck's data.
pub struct World {
    folder: TempDir,
}

impl World {
    /// With one commit on `main` that has `apps/web.yaml` and `README`.
    pub fn new() -> Self {
        let world = Self::empty();
        world.publish("begin", &[("apps/web.yaml", "replicas: 1\n"), ("README", "hello\n")]);
        world
    }

    /// Without any commit.
    pub fn empty() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let world = Self { folder };
        git(world.path(), ["init", "-q", "--bare", "-b", "main", "origin.git"]);
        git(world.path(), ["init", "-q", "-b", "main", "other"]);
        git(&world.other(), ["remote", "add", "origin", "../origin.git"]);
        world
    }

    pub fn path(&self) -> &Path {
        self.folder.path()
    }

    pub fn origin(&self) -> PathBuf {
        self.path().join("origin.git")
    }

    /// Somebody else's clone.
    pub fn other(&self) -> PathBuf {
        self.path().join("other")
    }

    pub fn places(&self) -> Places {
        let mut places = Places::new(self.path().join("cache"), self.path().join("data"));
        places.known_hosts = Some(self.path().join("known_hosts"));
        places.signing = gitdeck::domain::Signing::Off;
        // Whoever runs the tests has settings of his own, which must not matter.
        let home = self.path().join("home");
        fs::create_dir_all(&home).unwrap();
        let settings = home.join("ssh_config");
        if !settings.exists() {
            fs::write(&settings, "").unwrap();
        }
        set(&mut places, "GIT_SSH_COMMAND", format!("ssh -F '{}'", settings.display()));
        set(&mut places, "GIT_CONFIG_GLOBAL", home.join(".gitconfig"));
        set(&mut places, "GIT_CONFIG_NOSYSTEM", "1");
        set(&mut places, "HOME", home);
        let foreign = [
            "GIT_SSL_CAINFO",
            "http_proxy",
            "https_proxy",
            "HTTPS_PROXY",
            "all_proxy",
            "ALL_PROXY",
        ];
        places.environment.extend(foreign.map(|name| (name.to_owned(), None)));
        places
    }

    pub fn remote(&self) -> Remote {
        remote_at(&format!("file://{}", self.origin().display()))
    }

    pub fn open(&self) -> Repository {
        Repository::open(&self.places(), &self.remote()).unwrap()
    }

    /// What `git log` of the bare repository shows for a hook to build on: its newest commit.
    pub fn newest(&self) -> Revision {
        Revision::new(git(&self.origin(), ["rev-parse", "main"]))
    }

    /// Opened and fetched.
    pub fn fetched(&self) -> Repository {
        let repository = self.open();
        fetch(&repository).unwrap();
        repository
    }

    /// Somebody else writes files, commits and pushes them; gives the commit.
    pub fn publish(&self, message: &str, files: &[(&str, &str)]) -> Revision {
        for (path, content) in files {
            let file = self.other().join(path);
            fs::create_dir_all(file.parent().unwrap()).unwrap();
            fs::write(file, content).unwrap();
        }
        git(&self.other(), ["add", "-A"]);
        git(&self.other(), ["commit", "-q", "-m", message]);
        self.publish_head()
    }

    /// Somebody else pushes what is committed in their clone, by force.
    pub fn publish_head(&self) -> Revision {
        git(&self.other(), ["push", "-q", "--force", "origin", "HEAD:main"]);
        Revision::new(git(&self.other(), ["rev-parse", "HEAD"]))
    }

    /// What `git log` of the bare repository shows, one title per line.
    pub fn titles(&self) -> Vec<String> {
        git(&self.origin(), ["log", "--format=%s", "main"]).lines().map(str::to_owned).collect()
    }

    /// Writes a hook of the bare repository.
    pub fn hook(&self, name: &str, script: &str) {
        let file = self.origin().join("hooks").join(name);
        fs::create_dir_all(file.parent().unwrap()).unwrap();
        fs::write(&file, format!("#!/bin/sh\n{script}\n")).unwrap();
        let mut permissions = fs::metadata(&file).unwrap().permissions();
        std::os::unix::fs::PermissionsExt::set_mode(&mut permissions, 0o755);
        fs::set_permissions(&file, permissions).unwrap();
    }
}

/// Replaces a variable that `git` gets.
pub fn set(places: &mut Places, name: &str, value: impl Into<OsString>) {
    places.environment.retain(|(known, _)| known != name);
    places.environment.push((name.to_owned(), Some(value.into())));
}

/// Gives a program the variables that `git` would get.
pub fn settle<'a>(command: &'a mut Command, places: &Places) -> &'a mut Command {
    for (name, value) in &places.environment {
        match value {
            Some(value) => command.env(name, value),
            None => command.env_remove(name),
        };
    }
    command
}

/// The branch `main` of a URL.
pub fn remote_at(url: &str) -> Remote {
    Remote { name: "apps".to_owned(), url: url.to_owned(), branch: "main".to_owned() }
}

/// Runs git without the user's configuration; gives its output.
pub fn git<S: AsRef<OsStr>>(folder: &Path, arguments: impl IntoIterator<Item = S>) -> String {
    let output = command(folder).args(arguments).output().unwrap();
    assert!(output.status.success(), "git: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8_lossy(&output.stdout).trim_end().to_owned()
}

/// Runs git, which may well fail; whether it did not.
pub fn attempt<S: AsRef<OsStr>>(folder: &Path, arguments: impl IntoIterator<Item = S>) -> bool {
    command(folder).args(arguments).output().unwrap().status.success()
}

fn command(folder: &Path) -> Command {
    let mut command = Command::new("git");
    command
        .current_dir(folder)
        .env("GIT_CONFIG_GLOBAL", "/dev/null")
        .env("GIT_CONFIG_NOSYSTEM", "1")
        .env("GIT_AUTHOR_NAME", "Other")
        .env("GIT_AUTHOR_EMAIL", "other@example.com")
        .env("GIT_COMMITTER_NAME", "Other")
        .env("GIT_COMMITTER_EMAIL", "other@example.com");
    command
}

pub fn fetch(repository: &Repository) -> Result<Fetched, GitError> {
    repository.fetch(&Credential::Anonymous, &mut |_| Flow::Continue)
}

pub fn push(repository: &Repository) -> Result<PushOutcome, GitError> {
    repository.push(&Credential::Anonymous, &mut |_| Flow::Continue)
}

/// A request that sets files.
pub fn request(message: &str, files: &[(&str, &str)]) -> CommitRequest {
    let me = Author { name: "Ada".to_owned(), email: "ada@example.com".to_owned() };
    CommitRequest {
        edits: files
            .iter()
            .map(|(path, content)| FileEdit {
                path: (*path).to_owned(),
                content: Some(content.as_bytes().to_vec()),
            })
            .collect(),
        message: message.to_owned(),
        author: me.clone(),
        committer: me,
        trailers: vec![("Gitdeck-Mapping".to_owned(), "web".to_owned())],
        expected_base: None,
        first: false,
    }
}

/// The newest commit, as text.
pub fn head(repository: &Repository) -> Revision {
    repository.head().expect("there is a commit")
}
