//! A Kubernetes API server in memory: one router, for clients in process and over TLS alike.

mod access;
mod aggregation;
mod allocate;
mod builtin;
mod call;
mod collect;
mod convert;
mod definition;
mod delete;
mod discovery;
mod earlier;
mod failure;
mod faults;
mod identity;
mod modify;
mod openapi;
mod options;
mod pods;
mod prepare;
mod protobuf;
mod read;
mod registry;
mod reply;
mod request;
mod resource;
mod route;
mod rules;
mod scale;
mod selector;
mod shape;
mod store;
mod table;
mod traffic;
mod watch;
mod write;

#[cfg(test)]
mod tests;

use std::{
    convert::Infallible,
    sync::{
        Arc, PoisonError, RwLock,
        atomic::{AtomicU64, Ordering},
    },
};

use http::{HeaderValue, Request, header};
use serde_json::{Value, json};
use tokio_util::sync::CancellationToken;

pub use access::{Rule, User};
pub use faults::{Effect, Faults, Latch, When};
pub use options::Options;
pub use reply::Reply;
pub use traffic::{Request as LoggedRequest, Traffic};

use call::Identity;
use failure::Failure;
use registry::Registry;
use resource::Resource;
use rules::{Schema, Schemas};
use store::Store;
use write::Writing;

/// Name of the user who may do everything.
pub const ADMINISTRATOR: &str = "sandbox-admin";
/// The one node.
pub const NODE: &str = "sandbox-node";

/// The server; clones are the same server.
#[derive(Clone)]
pub struct ApiServer {
    inner: Arc<Inner>,
}

struct Inner {
    store: Store,
    registry: RwLock<Arc<Registry>>,
    schemas: RwLock<Schemas>,
    options: Options,
    faults: Faults,
    traffic: Traffic,
    counter: AtomicU64,
    token: String,
    stop: CancellationToken,
}

impl std::fmt::Debug for ApiServer {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter
            .debug_struct("ApiServer")
            .field("revision", &self.store().revision())
            .finish_non_exhaustive()
    }
}

impl ApiServer {
    /// A server with the namespaces and the node that every cluster has. `stop` ends its streams.
    pub fn new(options: Options, stop: CancellationToken) -> Self {
        let inner = Inner {
            store: Store::new(options.window),
            registry: RwLock::new(Arc::new(Registry::builtin())),
            schemas: RwLock::new(Schemas::builtin()),
            options,
            faults: Faults::default(),
            traffic: Traffic::default(),
            counter: AtomicU64::new(1),
            token: identity::token(),
            stop,
        };
        let server = Self { inner: Arc::new(inner) };
        server.furnish();
        server
    }

    /// A client in process, without a socket.
    ///
    /// `user` is both who asks (a user of the options with his rules; everybody else may do everything) and the
    /// program's name, which is the default field manager. As the controllers' user nobody is struck by faults or logged.
    pub fn client(&self, user: Option<&str>) -> kube::Client {
        let name = user.unwrap_or(ADMINISTRATOR).to_owned();
        let known = self.options().users.iter().find(|known| known.name == name);
        let groups =
            known.map_or_else(|| vec!["system:masters".to_owned()], |known| known.groups.clone());
        self.client_of(Identity { name, groups })
    }

    fn client_of(&self, identity: Identity) -> kube::Client {
        let agent =
            HeaderValue::from_str(&identity.name).unwrap_or(HeaderValue::from_static("sandbox"));
        let server = self.clone();
        let service = tower::service_fn(move |mut request: Request<kube::client::Body>| {
            let server = server.clone();
            request.extensions_mut().insert(identity.clone());
            request.headers_mut().entry(header::USER_AGENT).or_insert_with(|| agent.clone());
            async move { Ok::<_, Infallible>(server.handle(request).await) }
        });
        kube::Client::new(service, "default")
    }

    /// Fault injection.
    pub fn faults(&self) -> &Faults {
        &self.inner.faults
    }

    /// The log of requests.
    pub fn traffic(&self) -> &Traffic {
        &self.inner.traffic
    }

    /// Bearer token of the administrator.
    pub fn token(&self) -> &str {
        &self.inner.token
    }

    /// The settings.
    pub fn options(&self) -> &Options {
        &self.inner.options
    }

    /// Forgets the history of a resource (`deployments.apps`, `pods`), so that older watches get 410.
    pub fn compact(&self, resource: &str) {
        self.store().compact(resource);
    }

    /// What is cancelled when the server stops.
    pub fn stopped(&self) -> CancellationToken {
        self.inner.stop.clone()
    }

    fn store(&self) -> &Store {
        &self.inner.store
    }

    fn registry(&self) -> Arc<Registry> {
        self.inner.registry.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn change_registry(&self, change: impl FnOnce(&mut Registry)) {
        let mut registry = self.inner.registry.write().unwrap_or_else(PoisonError::into_inner);
        change(Arc::make_mut(&mut registry));
    }

    fn schema(&self, resource: &Resource) -> Option<Schema> {
        let schemas = self.inner.schemas.read().unwrap_or_else(PoisonError::into_inner);
        schemas.of(&resource.group, &resource.version, &resource.kind)
    }

    fn next_number(&self) -> u64 {
        self.inner.counter.fetch_add(1, Ordering::Relaxed)
    }

    fn furnish(&self) {
        let namespace = |name: &str| json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}});
        for name in ["default", "kube-system", "kube-public", "kube-node-lease"] {
            self.furnish_with("namespaces", namespace(name));
        }
        self.furnish_with("nodes", node());
        self.furnish_with("services", json!({
            "apiVersion": "v1", "kind": "Service",
            "metadata": {
                "name": "kubernetes", "namespace": "default",
                "labels": {"component": "apiserver", "provider": "kubernetes"},
            },
            "spec": {"clusterIP": "10.96.0.1", "ports": [{"name": "https", "port": 443, "protocol": "TCP", "targetPort": 6443}]},
        }));
    }

    fn furnish_with(&self, plural: &str, object: Value) {
        let made =
            self.registry().find("", "v1", plural).ok_or_else(Failure::no_such_path).and_then(
                |resource| self.insert(&resource, object, &Writing::by("kube-apiserver")),
            );
        if let Err(failure) = made {
            tracing::error!(%failure, "the sandbox could not be furnished");
        }
    }
}

fn node() -> Value {
    let now = identity::now();
    let condition = |kind: &str, status: &str, reason: &str| {
        json!({
            "type": kind, "status": status, "reason": reason, "message": reason,
            "lastHeartbeatTime": now, "lastTransitionTime": now,
        })
    };
    let resources =
        json!({"cpu": "16", "memory": "64Gi", "pods": "500", "ephemeral-storage": "256Gi"});
    json!({
        "apiVersion": "v1", "kind": "Node",
        "metadata": {"name": NODE, "labels": {
            "kubernetes.io/hostname": NODE, "kubernetes.io/os": "linux", "kubernetes.io/arch": "amd64",
        }},
        "spec": {"podCIDR": "10.244.0.0/16", "podCIDRs": ["10.244.0.0/16"]},
        "status": {
            "capacity": resources, "allocatable": resources,
            "addresses": [{"type": "InternalIP", "address": "10.0.0.2"}, {"type": "Hostname", "address": NODE}],
            "conditions": [
                condition("MemoryPressure", "False", "KubeletHasSufficientMemory"),
                condition("DiskPressure", "False", "KubeletHasNoDiskPressure"),
                condition("PIDPressure", "False", "KubeletHasSufficientPID"),
                condition("Ready", "True", "KubeletReady"),
            ],
            "nodeInfo": {
                "architecture": "amd64", "operatingSystem": "linux", "osImage": "gitdeck sandbox",
                "kernelVersion": "6.1.0", "containerRuntimeVersion": "containerd://2.0.0", "kubeletVersion": "v1.36.0",
                "kubeProxyVersion": "v1.36.0", "machineID": "", "systemUUID": "", "bootID": "",
            },
        },
    })
}
