//! An engine that watches a repository of its own and a cluster, as a console does, without a console.

use super::clusters::World;
use gitdeck::config::{Environment, Overrides, Settings, load};
use gitdeck::domain::{Backoff, MappingStatus};
use gitdeck::engine::event::JournalEntry;
use gitdeck::engine::{Command, Engine, Event, Outcome, Store};
use kube::api::{Api, DynamicObject, Patch, PatchParams};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command as Process;
use std::sync::Arc;
use std::time::Duration;
use tempfile::TempDir;

/// How long a state is waited for: the machine may be busy.
const PATIENCE: Duration = Duration::from_secs(120);

/// A bare repository with its branch, and a configuration that maps folders of it.
pub struct Origin {
    place: TempDir,
    /// The configuration.
    pub config: PathBuf,
}

impl Origin {
    /// Lays out the repository; `mappings` are the tables of the configuration.
    pub fn new(world: &World, mappings: &str) -> Self {
        let place = tempfile::tempdir().expect("a place");
        let (work, bare) = (place.path().join("work"), place.path().join("fleet.git"));
        fs::create_dir_all(&work).expect("a folder");
        git(&work, &["init", "-q", "-b", "main"]);
        git(&work, &["init", "-q", "--bare", "-b", "main", &bare.display().to_string()]);
        git(&work, &["remote", "add", "origin", &bare.display().to_string()]);
        let config = place.path().join("config.toml");
        let text = format!(
            "kubeconfig = \"{}\"\n[author]\nname = \"Walker\"\nemail = \"walker@example.com\"\n\
             [defaults]\npolling_interval = \"1s\"\nnamespace = \"{}\"\n\
             [repositories.fleet]\nurl = \"file://{}\"\n{mappings}",
            world.kubeconfig.display(),
            world.namespace,
            bare.display()
        );
        fs::write(&config, text).expect("a configuration");
        Self { place, config }
    }

    /// Writes files (nothing removes one), commits and pushes; returns the revision.
    pub fn commit(&self, title: &str, files: &[(&str, Option<&str>)]) -> String {
        let work = self.place.path().join("work");
        self.written(title, files);
        git(&work, &["push", "-q", "origin", "main"]);
        git(&work, &["rev-parse", "HEAD"])
    }

    fn written(&self, title: &str, files: &[(&str, Option<&str>)]) {
        let work = self.place.path().join("work");
        for (path, text) in files {
            let path = work.join(path);
            fs::create_dir_all(path.parent().expect("a folder")).expect("a folder");
            match text {
                Some(text) => fs::write(&path, text).expect("a file"),
                None => fs::remove_file(&path).expect("a file"),
            }
        }
        git(&work, &["add", "-A"]);
        let author = ["-c", "user.name=Ana", "-c", "user.email=ana@example.com"];
        git(&work, &[&author[..], &["commit", "-qm", title]].concat());
    }

    /// Where all of it lies.
    pub fn place(&self) -> &Path {
        self.place.path()
    }

    /// [`Origin::commit`], pushed to another branch.
    pub fn commit_to(&self, branch: &str, title: &str, files: &[(&str, Option<&str>)]) -> String {
        self.written(title, files);
        let work = self.place.path().join("work");
        git(&work, &["push", "-q", "origin", &format!("HEAD:refs/heads/{branch}")]);
        git(&work, &["rev-parse", "HEAD"])
    }

    /// Commits of the branch.
    pub fn count(&self) -> usize {
        self.bare(&["rev-list", "--count", "main"]).parse().expect("a number")
    }

    /// A file at the tip of the branch.
    pub fn pushed(&self, path: &str) -> String {
        let text = self.bare(&["show", &format!("main:{path}")]);
        text + "\n"
    }

    /// The message of the tip.
    pub fn message(&self) -> String {
        self.bare(&["log", "-1", "--format=%B", "main"]) + "\n"
    }

    /// Git in the bare repository.
    pub fn bare(&self, arguments: &[&str]) -> String {
        git(&self.place.path().join("fleet.git"), arguments)
    }

    /// Where a text is found: in any object of the repository and of what these processes keep, and in their files.
    pub fn holders_of(&self, text: &str, processes: &[&str]) -> Vec<String> {
        let mut found = Vec::new();
        let mut folders = vec![self.place.path().join("fleet.git")];
        for process in processes {
            visit(&self.place.path().join(process), &mut |path| {
                if path.join("objects").is_dir() {
                    folders.push(path.to_owned());
                }
                let bytes = if path.is_file() { fs::read(path).ok() } else { None };
                if bytes.is_some_and(|bytes| holds(&bytes, text)) {
                    found.push(path.display().to_string());
                }
            });
        }
        for folder in folders {
            let output = Process::new("git")
                .arg("--git-dir")
                .arg(&folder)
                .args(["cat-file", "--batch-all-objects", "--batch"])
                .output()
                .expect("git runs");
            assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
            if holds(&output.stdout, text) {
                found.push(folder.display().to_string());
            }
        }
        found
    }

    /// Takes over what others pushed.
    pub fn pull(&self) {
        git(&self.place.path().join("work"), &["pull", "-q", "--rebase", "origin", "main"]);
    }

    /// The settings of one process on this configuration, with its own directories and short pauses.
    pub fn settings(&self, process: &str) -> Settings {
        let overrides = Overrides { config: Some(self.config.clone()), ..Overrides::default() };
        let loaded = load(&overrides, &Environment::of_process()).expect("settings");
        let own = |what: &str| self.place.path().join(process).join(what);
        let pause = Duration::from_millis(50);
        let pace = Backoff { first: pause, factor: 2, most: Duration::from_secs(1) };
        let (cache_dir, data_dir) = (own("cache"), own("data"));
        Settings { pace, cache_dir, data_dir, ..loaded.settings }
    }
}

fn holds(bytes: &[u8], text: &str) -> bool {
    bytes.windows(text.len()).any(|window| window == text.as_bytes())
}

fn visit(folder: &Path, see: &mut dyn FnMut(&Path)) {
    for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
        let path = entry.path();
        see(&path);
        if path.is_dir() {
            visit(&path, see);
        }
    }
}

fn git(at: &Path, arguments: &[&str]) -> String {
    let output = Process::new("git").current_dir(at).args(arguments).output().expect("git runs");
    assert!(output.status.success(), "{arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8_lossy(&output.stdout).trim().to_owned()
}

/// A running engine and what it told.
pub struct Running {
    engine: Engine,
    /// What is known.
    pub store: Store,
    /// How every job ended, with its title, oldest first.
    pub ended: Vec<(String, Outcome)>,
    /// Looks at mappings, and the dry runs that they needed.
    pub looks: (usize, usize),
    /// Looks at each mapping.
    pub looked_at: BTreeMap<String, usize>,
}

impl Running {
    /// Starts an engine that watches.
    pub fn watch(settings: Settings) -> Self {
        let engine = Engine::start(Arc::new(settings)).expect("an engine");
        let running = Self {
            store: engine.cached_store(),
            engine,
            ended: Vec::new(),
            looks: (0, 0),
            looked_at: BTreeMap::new(),
        };
        running.engine.send(Command::Watch);
        running
    }

    /// Takes in facts until the condition holds.
    pub async fn until(&mut self, what: &str, holds: impl Fn(&Self) -> bool) {
        let deadline = tokio::time::Instant::now() + PATIENCE;
        while !holds(self) {
            let next = tokio::time::timeout_at(deadline, self.engine.next()).await;
            let Ok(Some(event)) = next else {
                let seen: Vec<_> = self.store.mappings.values().map(|view| &view.status).collect();
                panic!("never: {what}\n{seen:#?}\n{:#?}", self.ended);
            };
            self.take(event);
        }
    }

    /// Takes in facts for a time.
    pub async fn pass(&mut self, time: Duration) {
        let deadline = tokio::time::Instant::now() + time;
        while let Ok(Some(event)) = tokio::time::timeout_at(deadline, self.engine.next()).await {
            self.take(event);
        }
    }

    /// Takes in facts until the state of a mapping is as wanted.
    pub async fn see(&mut self, mapping: &str, what: &str, is: impl Fn(&MappingStatus) -> bool) {
        self.until(what, |running| is(&running.store.mappings[mapping].status)).await;
    }

    /// Runs one command to its end.
    pub async fn run(&mut self, command: Command) -> Outcome {
        let job = self.engine.send(command);
        let end = |running: &Self| {
            let view = running.store.jobs.iter().find(|view| view.id == job);
            view.and_then(|view| view.ended.clone())
        };
        self.until("the end of a job", |running| end(running).is_some()).await;
        end(self).expect("an end").0
    }

    /// The journal, newest first.
    pub async fn journal(&mut self) -> Vec<JournalEntry> {
        self.run(Command::Activity).await;
        self.store.journal.clone()
    }

    /// Stops the engine.
    pub async fn stop(self) {
        self.engine.stop().await;
    }

    fn take(&mut self, event: Event) {
        if let Event::JobEnded { job, outcome, .. } = &event {
            let title = self.store.jobs.iter().find(|view| view.id == *job);
            let title = title.map(|view| view.title.clone()).unwrap_or_default();
            self.ended.push((title, outcome.clone()));
        }
        if let Event::Planned { plan, .. } = &event {
            self.looks.0 += 1;
            *self.looked_at.entry(plan.mapping.clone()).or_default() += 1;
            self.looks.1 += plan.dry_runs;
        }
        self.store.apply(event);
    }
}

/// A config map with one key, as YAML.
pub fn config_map(name: &str, value: &str) -> String {
    format!(
        "apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: {name}\ndata:\n  key: \"{value}\"\n"
    )
}

/// The config maps of a world's namespace.
pub async fn config_maps(world: &World) -> Api<DynamicObject> {
    let kind = super::fake_node::kind("", "v1", "ConfigMap");
    Api::namespaced_with(world.client().await, &world.namespace, &kind)
}

/// Sets the key of a config map as somebody else does.
pub async fn set(maps: &Api<DynamicObject>, name: &str, value: &str, manager: &str) {
    let by = PatchParams { field_manager: Some(manager.to_owned()), ..PatchParams::default() };
    let patch = Patch::Merge(json!({"data": {"key": value}}));
    maps.patch(name, &by, &patch).await.expect("a changed config map");
}

/// The key of a config map; null where there is none.
pub async fn get(maps: &Api<DynamicObject>, name: &str) -> Value {
    let found = maps.get_opt(name).await.expect("an answer");
    found.map_or(Value::Null, |found| found.data["data"]["key"].clone())
}

/// Sets a label of a config map as somebody else does.
pub async fn label(maps: &Api<DynamicObject>, name: &str, key: &str, value: &str) {
    let by = PatchParams { field_manager: Some("kubectl-label".into()), ..PatchParams::default() };
    let patch = Patch::Merge(json!({"metadata": {"labels": {key: value}}}));
    maps.patch(name, &by, &patch).await.expect("a changed config map");
}
