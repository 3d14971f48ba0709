//! `gitdeck demo`: the embedded sandbox with its fleet, brought to the state in which the story begins.

use gitdeck::config::{self, Environment, Overrides, Settings, Watched};
use gitdeck::engine::{Command, Engine, Event, Outcome, Subject, SyncOptions};
use gitdeck::sandbox::fleet::{self, Fleet, FleetMapping, MAPPINGS, Motion, SUSPENDED, Start};
use gitdeck::sandbox::{Options, Sandbox};
use jiff::Timestamp;
use std::fs;
use std::io::Write;
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use tokio::signal::unix::{SignalKind, signal};
use tokio_util::sync::CancellationToken;

/// A running demo. Dropping it stops the sandbox and removes its directory, unless that was to be kept.
pub struct Demo {
    fleet: Fleet,
    sandbox: Sandbox,
    stop: CancellationToken,
    keep: bool,
    /// Settings of the fleet.
    pub settings: Arc<Settings>,
}

impl Demo {
    /// Starts the sandbox, lays out the repositories, syncs what is to be in sync, and disturbs the rest.
    pub async fn start(keep: Option<PathBuf>) -> Result<Self, String> {
        let (root, keep) = place(keep)?;
        let now = Timestamp::now();
        let fleet = fleet::write(&root, now.as_second()).map_err(|error| error.to_string())?;
        let sandbox =
            Sandbox::start(Options::default()).await.map_err(|error| error.to_string())?;
        let address = std::net::SocketAddr::from(([127, 0, 0, 1], 0));
        let served = sandbox.serve(address).await.map_err(|error| error.to_string())?;
        write(&fleet.kubeconfig_path(), &sandbox.kubeconfig(&served, &[("demo", "shop")]))?;
        write(&fleet.config_path(), &fleet.config())?;
        let overrides = Overrides { config: Some(fleet.config_path()), ..Overrides::default() };
        let loaded = config::load(&overrides, &Environment::of_process())
            .map_err(|error| error.to_string())?;
        let settings = Arc::new(loaded.settings);
        let demo = Self { fleet, sandbox, stop: CancellationToken::new(), keep, settings };
        demo.prepare().await?;
        let motion = Motion::new(demo.sandbox.client(None), &demo.fleet.root);
        tokio::spawn(motion.run(demo.stop.clone()));
        Ok(demo)
    }

    /// What `--headless` prints when everything is ready.
    pub fn announcement(&self) -> serde_json::Value {
        let repositories: serde_json::Map<_, _> = self
            .fleet
            .repositories
            .iter()
            .map(|(name, url)| (name.clone(), url.clone().into()))
            .collect();
        serde_json::json!({
            "kubeconfig": self.fleet.kubeconfig_path(),
            "config": self.fleet.config_path(),
            "repositories": repositories,
        })
    }

    /// Prints where everything is, then serves until it is interrupted.
    pub async fn serve(self) -> Result<(), String> {
        // Asked for before the announcement: who reads it may interrupt at once.
        let mut interrupt = signal(SignalKind::interrupt()).map_err(|error| error.to_string())?;
        let mut terminate = signal(SignalKind::terminate()).map_err(|error| error.to_string())?;
        let mut out = std::io::stdout().lock();
        writeln!(out, "{}", self.announcement())
            .and_then(|()| out.flush())
            .map_err(|error| error.to_string())?;
        drop(out);
        tokio::select! {
            _ = interrupt.recv() => {}
            _ = terminate.recv() => {}
        }
        Ok(())
    }

    /// The files of its configuration.
    pub fn files(&self, read_only: bool) -> Watched {
        let config = Some(self.fleet.config_path());
        let overrides = Overrides { config, read_only, ..Overrides::default() };
        Watched::new(overrides, Environment::of_process())
    }

    async fn prepare(&self) -> Result<(), String> {
        let mut engine =
            Engine::start(Arc::clone(&self.settings)).map_err(|failure| failure.to_string())?;
        let mut store = engine.cached_store();
        for (name, _) in &self.fleet.repositories {
            run(
                &mut engine,
                &mut store,
                Command::Fetch { repository: name.clone(), observe: false },
            )
            .await?;
        }
        for mapping in MAPPINGS {
            sync(&mut engine, &mut store, mapping).await?;
        }
        let (mapping, reason) = SUSPENDED;
        let suspend = Command::Suspend {
            mapping: mapping.to_owned(),
            reason: Some(reason.to_owned()),
            until: None,
        };
        run(&mut engine, &mut store, suspend).await?;
        fleet::disturb(&self.sandbox.client(None)).await.map_err(|error| error.to_string())?;
        engine.remember(&store);
        engine.stop().await;
        Ok(())
    }
}

impl Drop for Demo {
    fn drop(&mut self) {
        self.stop.cancel();
        self.sandbox.stop();
        if !self.keep {
            // What cannot be removed is in the system's directory for temporary files.
            let _ = fs::remove_dir_all(&self.fleet.root);
        }
    }
}

async fn sync(
    engine: &mut Engine,
    store: &mut gitdeck::engine::Store,
    mapping: &FleetMapping,
) -> Result<(), String> {
    let name = mapping.name.to_owned();
    let back = match mapping.start {
        Start::Never => return Ok(()),
        Start::Tip => 0,
        Start::Behind(commits) => commits,
    };
    let subject = Subject::Mapping(name.clone());
    let log =
        Command::Log { subject: subject.clone(), from: None, skip: 0, limit: back + 1, path: None };
    run(engine, store, log).await?;
    let commit = store.log(&subject).and_then(|log| log.commits.get(back));
    let revision = commit.map(|commit| commit.revision.to_string()).filter(|_| back > 0);
    let options = SyncOptions::default();
    let plan = Command::Plan {
        mapping: name.clone(),
        revision: revision.clone(),
        options: options.clone(),
    };
    run(engine, store, plan).await?;
    let planned = store.mappings.get(&name).and_then(|view| view.plan.as_ref());
    let Some((plan, _)) = planned else { return Err(format!("{name} could not be planned")) };
    let confirmed = plan.digest.clone();
    run(engine, store, Command::Sync { mapping: name, revision, confirmed, options }).await
}

async fn run(
    engine: &mut Engine,
    store: &mut gitdeck::engine::Store,
    command: Command,
) -> Result<(), String> {
    let line = command.line();
    let wanted = engine.send(command);
    while let Some(event) = engine.next().await {
        let ended = match &event {
            Event::JobEnded { job, outcome, .. } if *job == wanted => Some(outcome.clone()),
            _ => None,
        };
        store.apply(event);
        match ended {
            None => {}
            Some(Outcome::Done(_)) => return Ok(()),
            Some(outcome) => {
                return Err(format!("the demo could not be prepared: {line}: {outcome:?}"));
            }
        }
    }
    Err("the engine stopped".to_owned())
}

fn place(keep: Option<PathBuf>) -> Result<(PathBuf, bool), String> {
    let kept = keep.is_some();
    let root = keep.unwrap_or_else(|| {
        std::env::temp_dir().join(format!(
            "gitdeck-demo-{}-{}",
            std::process::id(),
            Timestamp::now().as_millisecond()
        ))
    });
    if kept && root.join("config.toml").exists() {
        return Err(format!("{} holds a demo already; choose an empty directory", root.display()));
    }
    fs::DirBuilder::new()
        .recursive(true)
        .mode(0o700)
        .create(&root)
        .map_err(|error| format!("the demo cannot be written to {}: {error}", root.display()))?;
    let root = root.canonicalize().map_err(|error| format!("{}: {error}", root.display()))?;
    Ok((root, kept))
}

fn write(path: &Path, text: &str) -> Result<(), String> {
    let open = fs::OpenOptions::new().create_new(true).write(true).mode(0o600).open(path);
    open.and_then(|mut file| file.write_all(text.as_bytes()))
        .map_err(|error| format!("{} cannot be written: {error}", path.display()))
}
