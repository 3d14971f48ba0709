//! The clusters that a suite runs on: the embedded sandbox always, a real control plane where there is one.

use std::fs;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::PathBuf;

use gitdeck::sandbox::{Faults, Options, Sandbox, Traffic, User};
use kube::Client;
use tempfile::TempDir;
use tokio::runtime::Runtime;

use super::control_plane::{ControlPlane, assets, client_of, control_plane};
use super::fake_node::{await_account, create_namespace};
use super::skipped;

/// Where `kubectl` is, or nothing, said on standard error, where there is none.
pub fn kubectl() -> Option<PathBuf> {
    let assets = std::env::var_os("KUBEBUILDER_ASSETS").map(PathBuf::from);
    let folders = std::env::var_os("PATH").unwrap_or_default();
    let mut places = assets.into_iter().chain(std::env::split_paths(&folders));
    let found = places.find_map(|folder| Some(folder.join("kubectl")).filter(|one| one.is_file()));
    if found.is_none() {
        skipped("there is no kubectl, neither in KUBEBUILDER_ASSETS nor on PATH");
    }
    found
}

/// What a world is made of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    Sandbox,
    Real,
}

/// A cluster for one test, with a namespace of the test's own.
pub struct World {
    pub kind: Kind,
    /// Of the administrator, with `namespace` as its default.
    pub kubeconfig: PathBuf,
    pub namespace: String,
    /// What is taken down with the world.
    held: Option<Held>,
}

#[expect(dead_code, reason = "held for their Drop")]
enum Held {
    Sandbox(Sandbox, Stopped, TempDir),
    Plane(Box<ControlPlane>),
}

/// A runtime that may be dropped inside another.
struct Stopped(Option<Runtime>);

impl Drop for Stopped {
    fn drop(&mut self) {
        if let Some(runtime) = self.0.take() {
            runtime.shutdown_background();
        }
    }
}

/// The sandbox, and a real control plane where there is one: run every case on each. The namespace is the test's alone.
pub async fn worlds(namespace: &str) -> Vec<World> {
    let mut found = vec![World::sandbox(namespace).await];
    found.extend(World::real(namespace).await);
    found
}

/// Both, or nothing: for what compares them.
pub async fn pair(namespace: &str) -> Option<[World; 2]> {
    let real = World::real(namespace).await?;
    Some([real, World::sandbox(namespace).await])
}

/// Both with a control plane that nobody shares, for what would get into the way of other tests.
pub async fn pair_apart(namespace: &str) -> Option<[World; 2]> {
    let assets = assets()?;
    let started =
        tokio::task::spawn_blocking(move || ControlPlane::start(&assets)).await.expect("a thread");
    let plane = started.unwrap_or_else(|fault| panic!("no control plane: {fault}"));
    let mut real = World::on(&plane, namespace).await;
    real.held = Some(Held::Plane(Box::new(plane)));
    Some([real, World::sandbox(namespace).await])
}

impl World {
    /// An embedded cluster, served over TLS from threads of its own, so that a test may block on a program that uses it.
    pub async fn sandbox(namespace: &str) -> Self {
        Self::sandbox_of(namespace, Vec::new()).await
    }

    /// The same with users beside the administrator. A kubeconfig of each lies beside the administrator's, with the
    /// user's name.
    pub async fn sandbox_of(namespace: &str, users: Vec<User>) -> Self {
        Self::sandbox_with(namespace, Options { users, ..Options::default() }).await
    }

    /// The same with options of one's own.
    pub async fn sandbox_with(namespace: &str, options: Options) -> Self {
        let names: Vec<String> = options.users.iter().map(|user| user.name.clone()).collect();
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(1)
            .enable_all()
            .build()
            .expect("a runtime");
        let started = runtime.spawn(async {
            let sandbox = Sandbox::start(options).await.expect("a sandbox");
            let served = sandbox
                .serve(SocketAddr::from((Ipv4Addr::LOCALHOST, 0)))
                .await
                .expect("a listener");
            (sandbox, served)
        });
        let (sandbox, served) = started.await.expect("a sandbox");
        let folder = tempfile::tempdir().expect("a folder");
        let kubeconfig = folder.path().join("kubeconfig");
        fs::write(&kubeconfig, sandbox.kubeconfig(&served, &[("sandbox", namespace)]))
            .expect("a kubeconfig");
        for name in names {
            let text = sandbox.kubeconfig_of(&name, &served, &[("sandbox", namespace)]);
            fs::write(folder.path().join(name), text.expect("a user")).expect("a kubeconfig");
        }
        let held = Some(Held::Sandbox(sandbox, Stopped(Some(runtime)), folder));
        let world = Self { kind: Kind::Sandbox, kubeconfig, namespace: namespace.into(), held };
        create_namespace(&world.client().await, namespace).await;
        world
    }

    /// The control plane that the tests share.
    pub async fn real(namespace: &str) -> Option<Self> {
        Some(Self::on(control_plane()?, namespace).await)
    }

    async fn on(plane: &ControlPlane, namespace: &str) -> Self {
        let kubeconfig = plane.kubeconfig_in(namespace);
        let world = Self { kind: Kind::Real, kubeconfig, namespace: namespace.into(), held: None };
        let client = world.client().await;
        create_namespace(&client, namespace).await;
        await_account(&client, namespace).await;
        world
    }

    /// What the sandbox can be made to do wrong, or late; nothing on a real control plane.
    pub fn faults(&self) -> Option<&Faults> {
        match &self.held {
            Some(Held::Sandbox(sandbox, ..)) => Some(sandbox.faults()),
            _ => None,
        }
    }

    /// What was sent to the sandbox; nothing of a real control plane.
    pub fn traffic(&self) -> Option<&Traffic> {
        match &self.held {
            Some(Held::Sandbox(sandbox, ..)) => Some(sandbox.traffic()),
            _ => None,
        }
    }

    /// A client of the administrator for the calling runtime.
    pub async fn client(&self) -> Client {
        client_of(&self.kubeconfig).await
    }
}
