//! What has to be quick: the first frame from the cache, a key in a long list, the proof, a warm plan.

use divan::{Bencher, black_box};
use gitdeck::cluster::{Cluster, PlanOptions, PlanRequest};
use gitdeck::config::{RepositorySettings, Settings};
use gitdeck::domain::{
    Authentication, EngineKind, Manifest, Mapping, ObjectRef, Origin, Remote, Revision, Source,
    SyncPolicy, Target,
};
use gitdeck::engine::{Event, Store, cache};
use gitdeck::sandbox::{Options, Sandbox};
use gitdeck::tui::ConsoleOptions;
use gitdeck::tui::console::Console;
use jiff::Timestamp;
use serde_json::json;
use std::path::Path;
use std::time::Duration;

fn main() {
    divan::main();
}

fn mapping(name: &str) -> Mapping {
    Mapping {
        name: name.to_owned(),
        project: None,
        repository: "fleet".into(),
        path: format!("apps/{name}"),
        engine: EngineKind::Direct,
        source: Source::Git,
        target: Target { context: "bench".into(), namespace: "default".into() },
        sync: SyncPolicy::default(),
        rendering: gitdeck::domain::Rendering::default(),
        ignore: Vec::new(),
        production: false,
        polling_interval: Duration::from_secs(180),
        depends_on: Vec::new(),
        require_signed: false,
        connected: true,
        record: gitdeck::domain::Recording::default(),
        messages: gitdeck::domain::template::Templates::default(),
    }
}

fn settings(mappings: usize, cache_dir: &Path) -> Settings {
    let remote =
        Remote { name: "fleet".into(), url: "file:///fleet".into(), branch: "main".into() };
    let repository = RepositorySettings {
        remote,
        display_name: "fleet".into(),
        access: gitdeck::config::Access::Shared,
        authentication: Authentication::Unset,
        polling_interval: Duration::from_secs(180),
    };
    let names = (0..mappings).map(|index| format!("service-{index:05}"));
    Settings {
        repositories: [("fleet".to_owned(), repository)].into_iter().collect(),
        mappings: names.map(|name| (name.clone(), mapping(&name))).collect(),
        cache_dir: cache_dir.to_path_buf(),
        ..Settings::default()
    }
}

fn observed(settings: &Settings) -> Store {
    let mut store = Store::new(settings);
    for view in store.mappings.values().map(|view| view.status.clone()).collect::<Vec<_>>() {
        let status =
            gitdeck::domain::MappingStatus { observed_at: Some(Timestamp::UNIX_EPOCH), ..view };
        store.apply(Event::MappingObserved { status: Box::new(status) });
    }
    store
}

fn console(store: Store, settings: &Settings) -> Console {
    let look = ConsoleOptions::default().look(&settings.console, Timestamp::UNIX_EPOCH).unwrap();
    Console::new(store, false, look)
}

/// From the cache on disk to the first complete frame.
#[divan::bench(args = [1_000, 10_000])]
fn first_frame(bencher: Bencher, mappings: usize) {
    let dir = tempfile::tempdir().unwrap();
    let settings = settings(mappings, dir.path());
    cache::save(dir.path(), &observed(&settings)).unwrap();
    bencher.bench_local(|| console(cache::load(&settings), &settings).frame(120, 36));
}

/// From a key to the next frame.
#[divan::bench(args = [10_000])]
fn key_to_frame(bencher: Bencher, mappings: usize) {
    use crossterm::event::{Event as Input, KeyCode, KeyEvent, KeyModifiers};
    let settings = settings(mappings, Path::new("/nonexistent"));
    let mut console = console(observed(&settings), &settings);
    console.frame(120, 36);
    bencher.bench_local(|| {
        console.input(Input::Key(KeyEvent::new(KeyCode::Char('j'), KeyModifiers::NONE)));
        console.frame(120, 36)
    });
}

fn manifests(count: usize) -> Vec<Manifest> {
    let manifest = |index: usize| {
        let object = json!({"apiVersion": "v1", "kind": "ConfigMap",
            "metadata": {"name": format!("map-{index}"), "namespace": "default"},
            "data": {"a": "1", "b": "x".repeat(500)}});
        let reference = ObjectRef::of(&object).unwrap();
        Manifest {
            object,
            reference,
            origin: Origin { file: "a.yaml".into(), document: index, line: 1 },
        }
    };
    (0..count).map(manifest).collect()
}

struct Nobody;

impl gitdeck::cluster::Steps for Nobody {
    fn before(&mut self, _: &gitdeck::cluster::Step) -> Result<(), String> {
        Ok(())
    }

    fn after(&mut self, _: &gitdeck::cluster::Step, _: &gitdeck::cluster::StepOutcome) {}
}

/// A plan of objects that are as desired: every one is proved, none asked for.
#[divan::bench(args = [1_000], sample_count = 10)]
fn plan_unchanged(bencher: Bencher, objects: usize) {
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let desired = manifests(objects);
    let (mapping, revision) = (mapping("bench"), Revision::new("a".repeat(40)));
    let request = PlanRequest {
        ahead: None,
        mapping: &mapping,
        revision: &revision,
        desired: &desired,
        previous: None,
        neighbours: &[],
        holder: None,
        options: PlanOptions::default(),
    };
    let (sandbox, cluster) = runtime.block_on(async {
        let sandbox =
            Sandbox::start(Options { controllers: false, ..Options::default() }).await.unwrap();
        let cluster = Cluster::from_client(sandbox.client(None), "bench", "default");
        let plan = cluster.plan(&request).await.unwrap();
        assert!(cluster.apply(&request, &plan, &mut Nobody).await.unwrap().complete);
        (sandbox, cluster)
    });
    bencher.bench_local(|| {
        let plan = runtime.block_on(cluster.plan(&request)).unwrap();
        assert!(plan.is_empty() && plan.dry_runs == 0);
        black_box(plan)
    });
    sandbox.stop();
}
