//! A cluster under test, and what a case does to it beside gitdeck.

use crate::support::control_plane::control_plane;
use gitdeck::cluster::{
    Applied, Cluster, ClusterError, Limits, PlanOptions, PlanRequest, Step, StepOutcome, Steps,
};
use gitdeck::domain::{
    EngineKind, Manifest, Mapping, ObjectKey, ObjectRef, Origin, Plan, Rendering, Revision, Source,
    SyncPolicy, Target,
};
use gitdeck::render::{Plain, Renderer, SourceFile};
use gitdeck::sandbox::{Options, Sandbox};
use kube::Client;
use serde_json::{Value, json};
use std::path::Path;
use std::time::Duration;
use tokio_util::sync::CancellationToken;

/// One cluster with one mapping.
pub struct World {
    /// What gitdeck uses.
    pub cluster: Cluster,
    /// What everybody else uses.
    pub client: Client,
    /// The mapping.
    pub mapping: Mapping,
    /// What the mapping may do.
    pub options: PlanOptions,
}

/// The steps of an apply, written down.
#[derive(Default)]
pub struct Journal {
    /// `before` and `after` in the order of the calls.
    pub lines: Vec<String>,
    /// Stops before this many steps have begun.
    pub stop_at: Option<usize>,
    /// Ends the waits for the server.
    pub stop: CancellationToken,
}

impl Steps for Journal {
    fn before(&mut self, step: &Step) -> Result<(), String> {
        if self.stop_at.is_some_and(|limit| step.index >= limit) {
            return Err("asked to stop".to_owned());
        }
        self.lines.push(format!("before {} {}", step.verb.word(), step.object));
        Ok(())
    }

    fn stop(&self) -> CancellationToken {
        self.stop.clone()
    }

    fn after(&mut self, step: &Step, outcome: &StepOutcome) {
        let word = match outcome {
            StepOutcome::Done { .. } => "done",
            StepOutcome::Failed { .. } => "failed",
            StepOutcome::Skipped { .. } => "skipped",
        };
        self.lines.push(format!("after {} {} {word}", step.verb.word(), step.object));
    }
}

impl World {
    /// A mapping of its own name and namespace on a cluster.
    pub fn new(client: Client, name: &str, namespace: &str) -> Self {
        Self {
            cluster: Cluster::from_client(client.clone(), "test", "default"),
            client,
            mapping: mapping(name, namespace),
            options: PlanOptions { prune: true, ..PlanOptions::default() },
        }
    }

    /// Plans a revision.
    pub async fn plan(&self, revision: &str, desired: &[Manifest]) -> Result<Plan, ClusterError> {
        let revision = Revision::new(revision);
        self.cluster.plan(&self.request(&revision, desired)).await
    }

    /// Plans and applies a revision.
    pub async fn sync(
        &self,
        revision: &str,
        desired: &[Manifest],
    ) -> Result<Applied, ClusterError> {
        self.sync_with(revision, desired, &mut Journal::default()).await
    }

    /// [`World::sync`] with the steps written down.
    pub async fn sync_with(
        &self,
        revision: &str,
        desired: &[Manifest],
        journal: &mut Journal,
    ) -> Result<Applied, ClusterError> {
        let revision = Revision::new(revision);
        let request = self.request(&revision, desired);
        let plan = self.cluster.plan(&request).await?;
        self.cluster.apply(&request, &plan, journal).await
    }

    /// A request for a plan.
    pub fn request<'a>(
        &'a self,
        revision: &'a Revision,
        desired: &'a [Manifest],
    ) -> PlanRequest<'a> {
        PlanRequest {
            ahead: None,
            mapping: &self.mapping,
            revision,
            desired,
            previous: None,
            neighbours: &[],
            holder: None,
            options: self.options,
        }
    }

    /// Sends a raw request as somebody else.
    pub async fn send(&self, request: http::Request<Vec<u8>>) -> Value {
        self.client.request(request).await.expect("an answer")
    }

    /// Reads an address as somebody else.
    pub async fn get(&self, address: &str) -> Value {
        self.send(http::Request::get(address).body(Vec::new()).expect("a request")).await
    }

    /// Reads an address as somebody else; null where there is nothing.
    pub async fn try_get(&self, address: &str) -> Value {
        let request = http::Request::get(address).body(Vec::new()).expect("a request");
        self.client.request(request).await.unwrap_or(Value::Null)
    }
}

impl World {
    /// Address of the config maps of the mapping's namespace.
    pub fn configs(&self) -> String {
        format!("/api/v1/namespaces/{}/configmaps", self.mapping.target.namespace)
    }

    /// Changes a ConfigMap as a person does.
    pub async fn set(&self, name: &str, value: &str) {
        let address = format!("{}/{name}?fieldManager=kubectl-edit", self.configs());
        let body = json!({"data": {"key": value}}).to_string().into_bytes();
        let request =
            http::Request::patch(address).header("content-type", "application/merge-patch+json");
        self.send(request.body(body).expect("a request")).await;
    }

    /// The data of a ConfigMap, or null where there is none.
    pub async fn data(&self, name: &str) -> Value {
        let request = http::Request::get(format!("{}/{name}", self.configs())).body(Vec::new());
        let answer = self.client.request::<Value>(request.expect("a request")).await;
        answer.map_or(Value::Null, |object| object["data"]["key"].clone())
    }

    /// The identity of a ConfigMap of the mapping.
    pub fn key(&self, name: &str) -> ObjectKey {
        ObjectKey {
            group: String::new(),
            kind: "ConfigMap".to_owned(),
            namespace: Some(self.mapping.target.namespace.clone()),
            name: name.to_owned(),
        }
    }

    /// The names of the members in the record.
    pub async fn members(&self) -> Vec<String> {
        let inventory = self.cluster.inventory(&self.mapping.name).await.expect("a record");
        inventory.members.into_keys().map(|key| key.name).collect()
    }
}

/// A config map with one key.
pub fn config(name: &str, value: &str) -> Value {
    json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": name}, "data": {"key": value}})
}

/// A world in a sandbox of its own, with the sandbox, for cases that break it.
pub async fn sandboxed(name: &str, options: Options) -> (Sandbox, World) {
    let sandbox = Sandbox::start(options).await.expect("a sandbox");
    let limits = Limits {
        reconnect: (Duration::from_millis(5), Duration::from_millis(50)),
        ..Limits::default()
    };
    let mut world = World::new(sandbox.client(None), name, name);
    world.cluster = Cluster::with_limits(sandbox.client(None), "test", "default", limits);
    let body = json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}});
    let request =
        http::Request::post("/api/v1/namespaces").header("content-type", "application/json");
    world.send(request.body(body.to_string().into_bytes()).expect("a request")).await;
    (sandbox, world)
}

/// A mapping with everything at its default.
pub fn mapping(name: &str, namespace: &str) -> Mapping {
    Mapping {
        name: name.to_owned(),
        project: None,
        repository: "fleet".to_owned(),
        path: String::new(),
        engine: EngineKind::Direct,
        source: Source::Git,
        target: Target { context: "test".to_owned(), namespace: namespace.to_owned() },
        sync: SyncPolicy::default(),
        rendering: Rendering::default(),
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

/// Manifests from objects.
pub fn manifests(objects: impl IntoIterator<Item = Value>) -> Vec<Manifest> {
    let manifest = |(line, object): (usize, Value)| Manifest {
        reference: ObjectRef::of(&object).expect("a named object"),
        object,
        origin: Origin { file: "all.yaml".to_owned(), document: line, line: line + 1 },
    };
    objects.into_iter().enumerate().map(manifest).collect()
}

/// Manifests of a folder and everything below it.
pub fn render(folder: &Path) -> Vec<Manifest> {
    let mut files = Vec::new();
    collect(folder, folder, &mut files);
    Plain.render("", &files).expect("manifests")
}

fn collect(root: &Path, folder: &Path, files: &mut Vec<SourceFile>) {
    for entry in std::fs::read_dir(folder).expect("a folder").flatten() {
        let path = entry.path();
        if path.is_dir() {
            collect(root, &path, files);
        } else {
            let name =
                path.strip_prefix(root).expect("below the root").to_string_lossy().into_owned();
            files.push(SourceFile { path: name, content: std::fs::read(&path).expect("a file") });
        }
    }
}

/// Runs a case in every world that is at hand, each time in a namespace of its own.
pub async fn in_every_world<F: Future<Output = ()>>(name: &str, case: impl Fn(World) -> F) {
    let (_sandbox, world) = sandboxed(name, Options::default()).await;
    case(world).await;
    if let Some(plane) = control_plane() {
        let namespace = plane.namespace(name).await;
        case(World::new(plane.client().await, &namespace, &namespace)).await;
    }
}
