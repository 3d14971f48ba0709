//! One Kubernetes cluster: connection, discovery, live objects, plans by dry run, apply, prune and inventory.

mod access;
mod ahead;
mod apply;
mod arrange;
mod carry;
mod controllers;
mod desired;
mod discovery;
mod earlier;
mod error;
mod explain;
mod export;
mod facts;
mod fixed;
mod follow;
mod footing;
mod ground;
mod health;
mod hook_end;
mod hook_plan;
mod hook_run;
mod hooks;
mod inventory;
mod judge;
mod known;
mod left;
mod line;
mod live;
mod memo;
mod patience;
mod phases;
mod plan;
mod precedents;
mod probe;
mod pulse;
mod ready;
mod record;
mod resource;
mod review;
mod rights;
mod said;
mod settle;
mod stall;
mod standing;
mod steps;
mod succession;
mod surplus;
mod tls;
mod troubled;
mod tryout;
mod turn;
mod turns;
mod unit;
mod vigil;
mod watch;
mod wire;
mod write;

pub use access::{Access, contexts};
pub use ahead::Ahead;
pub use error::ClusterError;
pub use export::Exported;
pub use health::Happening;
pub use inventory::NAMESPACE;
pub use plan::{Neighbour, PlanOptions, PlanRequest};
pub use record::{parent_name, set_id};
pub use review::{Need, Right};
pub use steps::{Applied, HookRun, Step, StepOutcome, Steps, Verb};
pub use tryout::Answer;
pub use turn::TURN;
pub use vigil::Vigil;
pub use watch::{Changes, Notice, WatchState};
pub use wire::{Limits, Traffic};

use crate::domain::Members;
use discovery::Catalogue;
use memo::Memo;
use precedents::Precedents;
use review::Answers;
use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, OnceLock, RwLock};
use std::time::Instant;
use watch::Watches;
use wire::{Call, Failure, Wire};

/// Which APIs there are.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Served {
    /// `apps/v1` and `apps/v1/Deployment`, sorted.
    pub versions: Vec<String>,
    /// Groups that could not be asked, with the reason.
    pub failed: std::collections::BTreeMap<String, String>,
}

/// One connection to one cluster; clones share everything.
#[derive(Clone)]
pub struct Cluster {
    inner: Arc<Inner>,
}

/// What the server said when it was asked for the catalogue.
struct Told {
    at: Instant,
    /// [`Inner::forgotten`] when it was asked.
    forgotten: u64,
    answer: Result<Arc<Catalogue>, Failure>,
}

struct Inner {
    wire: Arc<Wire>,
    context: String,
    namespace: String,
    server: String,
    catalogue: RwLock<Option<Arc<Catalogue>>>,
    /// The last answer, also where it has gaps and is not kept, or was forgotten since.
    heard: RwLock<Option<Arc<Catalogue>>>,
    /// Held by whoever asks for the catalogue. Others wait, and take the answer, also where it is a failure or has gaps.
    discovery: tokio::sync::Mutex<Option<Told>>,
    /// How often the catalogue was forgotten: what was asked for before that is no answer to who asks after it.
    forgotten: AtomicU64,
    memo: Memo,
    precedents: Precedents,
    /// See [`footing`].
    footing: tokio::sync::OnceCell<Option<precedents::Case>>,
    answers: Answers,
    watches: Watches,
    /// Namespace of the records; fixed with the first look at one.
    records: OnceLock<String>,
    /// UID of the cluster, once it was read.
    uid: OnceLock<String>,
    /// Parts of records by name. They never change, so they are read once.
    shards: Mutex<HashMap<String, Arc<Members>>>,
}

impl Cluster {
    /// Reads the kubeconfig and builds a connection. Nothing is sent yet; [`Cluster::version`] is a cheap first call.
    pub async fn connect(access: &Access) -> Result<Self, ClusterError> {
        let reached = access.client().await?;
        let wire =
            Wire::renewable(reached.client, Limits::default(), access.clone(), &reached.server);
        Ok(Self::assemble(wire, reached.context, reached.namespace, reached.server))
    }

    /// Wraps a client that exists already, such as the sandbox's.
    pub fn from_client(client: kube::Client, context: &str, namespace: &str) -> Self {
        Self::with_limits(client, context, namespace, Limits::default())
    }

    /// [`Cluster::from_client`] with other bounds.
    pub fn with_limits(
        client: kube::Client,
        context: &str,
        namespace: &str,
        limits: Limits,
    ) -> Self {
        let server = format!("context {context}");
        Self::assemble(Wire::new(client, limits), context.to_owned(), namespace.to_owned(), server)
    }

    fn assemble(wire: Wire, context: String, namespace: String, server: String) -> Self {
        let inner = Inner {
            wire: Arc::new(wire),
            context,
            namespace,
            server,
            catalogue: RwLock::new(None),
            heard: RwLock::new(None),
            discovery: tokio::sync::Mutex::default(),
            forgotten: AtomicU64::new(0),
            memo: Memo::default(),
            precedents: Precedents::default(),
            footing: tokio::sync::OnceCell::new(),
            answers: Answers::default(),
            watches: Watches::default(),
            records: OnceLock::new(),
            uid: OnceLock::new(),
            shards: Mutex::default(),
        };
        Self { inner: Arc::new(inner) }
    }

    /// The kubeconfig context.
    pub fn context(&self) -> &str {
        &self.inner.context
    }

    /// The namespace of the context, for mappings that name none.
    pub fn namespace(&self) -> &str {
        &self.inner.namespace
    }

    /// Address of the API server.
    pub fn server(&self) -> &str {
        &self.inner.server
    }

    /// Requests sent so far.
    pub fn traffic(&self) -> Traffic {
        self.wire().traffic()
    }

    /// The server's version, `v1.36.3`.
    pub async fn version(&self) -> Result<String, ClusterError> {
        let answer = self.wire().json(&Call::get("/version")).await;
        let answer = answer
            .map_err(|failure| self.explain(&failure, "get", "the server's version", false))?;
        Ok(answer["gitVersion"].as_str().unwrap_or_default().to_owned())
    }

    /// Asks ahead for what the first plan needs, whatever it is about. What fails here fails there again, and is said
    /// there.
    pub async fn prepare(&self) {
        let _ = futures::future::join(self.catalogue(), self.uid()).await;
        // Who kept verdicts will compare them: their footing is there then, and not asked for last.
        if self.precedents().are_there() {
            let _ = self.footing().await;
        }
    }

    /// The API versions that the server serves, and the groups that do not answer.
    pub async fn served(&self) -> Result<Served, ClusterError> {
        let catalogue = self.catalogue().await?;
        let (versions, failed) = (catalogue.api_versions(), catalogue.failed().clone());
        Ok(Served { versions, failed })
    }

    /// What the server serves; asked once, and again after [`Cluster::forget_discovery`].
    async fn catalogue(&self) -> Result<Arc<Catalogue>, ClusterError> {
        if let Some(catalogue) = self.known_catalogue() {
            return Ok(catalogue);
        }
        let (asked, forgotten) = (Instant::now(), self.forgotten());
        let mut last = self.inner.discovery.lock().await;
        if let Some(catalogue) = self.known_catalogue() {
            return Ok(catalogue);
        }
        let told = last.as_ref().filter(|told| told.at >= asked && told.forgotten == forgotten);
        let answer = if let Some(told) = told {
            told.answer.clone()
        } else {
            let forgotten = self.forgotten();
            let answer = Catalogue::read(self.wire()).await.map(Arc::new);
            *last = Some(Told { at: Instant::now(), forgotten, answer: answer.clone() });
            self.keep_catalogue(&answer, forgotten);
            answer
        };
        answer.map_err(|failure| self.explain(&failure, "get", "the list of resources", false))
    }

    /// A group that failed is asked again next time, and what was forgotten meanwhile stays forgotten.
    fn keep_catalogue(&self, answer: &Result<Arc<Catalogue>, Failure>, forgotten: u64) {
        if let Ok(catalogue) = answer
            && let Ok(mut heard) = self.inner.heard.write()
        {
            *heard = Some(catalogue.clone());
        }
        if let Ok(catalogue) = answer
            && catalogue.failed().is_empty()
            && let Ok(mut slot) = self.inner.catalogue.write()
            && self.forgotten() == forgotten
        {
            *slot = Some(catalogue.clone());
        }
    }

    fn forgotten(&self) -> u64 {
        self.inner.forgotten.load(Ordering::SeqCst)
    }

    fn known_catalogue(&self) -> Option<Arc<Catalogue>> {
        self.inner.catalogue.read().ok().and_then(|catalogue| catalogue.clone())
    }

    /// What the server said last, however old or full of gaps that is.
    fn heard_catalogue(&self) -> Option<Arc<Catalogue>> {
        self.inner.heard.read().ok().and_then(|catalogue| catalogue.clone())
    }

    /// Makes the next call ask for the resources again: after definitions changed, or when a kind is not known.
    pub fn forget_discovery(&self) {
        if let Ok(mut slot) = self.inner.catalogue.write() {
            self.inner.forgotten.fetch_add(1, Ordering::SeqCst);
            *slot = None;
        }
    }

    /// Makes the next plan ask again for what the server would not take: what stopped it may be lifted by now.
    pub fn forget_refusals(&self) {
        self.memo().forget_refusals();
    }

    fn wire(&self) -> &Wire {
        &self.inner.wire
    }

    fn wire_handle(&self) -> Arc<Wire> {
        self.inner.wire.clone()
    }

    fn watches(&self) -> &Watches {
        &self.inner.watches
    }

    fn memo(&self) -> &Memo {
        &self.inner.memo
    }

    fn precedents(&self) -> &Precedents {
        &self.inner.precedents
    }

    /// Keeps what the server said of objects in this folder, so that the next process need not ask again.
    pub fn remember_in(&self, folder: &std::path::Path) {
        self.precedents().keep_in(folder);
    }

    fn answers(&self) -> &Answers {
        &self.inner.answers
    }
}

impl std::fmt::Debug for Cluster {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Cluster")
            .field("context", &self.inner.context)
            .field("server", &self.inner.server)
            .finish()
    }
}
