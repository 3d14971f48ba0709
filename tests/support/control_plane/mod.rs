//! A real API server with etcd, controllers and a fake node, on loopback, for the tests of this process.
//!
//! `KUBEBUILDER_ASSETS` names the folder with the programs; `.ci/control-plane` builds it.

mod certificates;
mod program;

use std::fs;
use std::io::{self, Write};
use std::net::TcpListener;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, OnceLock, mpsc};
use std::thread;
use std::time::{Duration, Instant};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use kube::{Client, Config};
use serde_json::{Value, json};
use tokio_util::sync::CancellationToken;

use super::{fake_node, skipped};
use certificates::{Authority, Pair};
use program::Program;

/// How long a start may take: a cold disk on a loaded machine needs most of it.
const START: Duration = Duration::from_secs(180);
/// Controllers that the tests rely on. The rest needs a cloud, a kubelet or volumes.
const CONTROLLERS: &str = "deployment-controller,replicaset-controller,statefulset-controller,daemonset-controller,\
job-controller,cronjob-controller,garbage-collector-controller,namespace-controller,serviceaccount-controller,\
serviceaccount-token-controller,root-ca-certificate-publisher-controller,endpoints-controller,\
endpointslice-controller,disruption-controller,persistentvolumeclaim-protection-controller,\
clusterrole-aggregation-controller,ttl-after-finished-controller";

/// A control plane that runs.
pub struct ControlPlane {
    /// A kubeconfig of the administrator; its context is named `control-plane`.
    pub kubeconfig: PathBuf,
    /// `https://127.0.0.1:PORT`.
    pub url: String,
    folder: PathBuf,
    authority: Authority,
    namespaces: AtomicUsize,
    stop: CancellationToken,
    node: Option<thread::JoinHandle<()>>,
    programs: Mutex<Vec<Program>>,
}

/// The control plane that the tests of this process share, or `None`, said on standard error, where there is none.
pub fn control_plane() -> Option<&'static ControlPlane> {
    static SHARED: OnceLock<ControlPlane> = OnceLock::new();
    let assets = assets()?;
    let started =
        || ControlPlane::start(&assets).unwrap_or_else(|fault| panic!("no control plane: {fault}"));
    Some(SHARED.get_or_init(started))
}

/// The folder with the programs. Where `GITDECK_REQUIRE_CONTROL_PLANE` is set, as in CI, its absence is a failure.
pub fn assets() -> Option<PathBuf> {
    let set = |name: &str| std::env::var_os(name).filter(|value| !value.is_empty());
    let found = set("KUBEBUILDER_ASSETS").map(PathBuf::from);
    if found.is_none() {
        assert!(set("GITDECK_REQUIRE_CONTROL_PLANE").is_none(), "KUBEBUILDER_ASSETS is not set");
        skipped("KUBEBUILDER_ASSETS is not set");
    }
    found
}

impl ControlPlane {
    /// Starts a control plane of one's own, for a test that harms it. Ends with the value, or with this process.
    pub fn start(assets: &Path) -> Result<Self, String> {
        let folder = tempfile::Builder::new()
            .prefix("gitdeck-control-plane-")
            .tempdir()
            .map_err(text)?
            .keep();
        Self::start_in(assets, folder.clone()).inspect_err(|_| drop(fs::remove_dir_all(&folder)))
    }

    fn start_in(assets: &Path, folder: PathBuf) -> Result<Self, String> {
        let authority = Authority::new().map_err(text)?;
        let [etcd, api] = free_ports().map_err(text)?;
        let url = format!("https://127.0.0.1:{api}");
        let kubeconfig = folder.join("kubeconfig");
        write_identity(&folder, &authority)?;
        let mut plane = Self {
            kubeconfig: kubeconfig.clone(),
            url,
            folder: folder.clone(),
            authority,
            namespaces: AtomicUsize::new(0),
            stop: CancellationToken::new(),
            node: None,
            programs: Mutex::new(Vec::new()),
        };
        plane.write_kubeconfig(&kubeconfig, "gitdeck-tests-admin", &["system:masters"])?;
        let start = |name: &str, arguments: &[String]| {
            Program::start(assets, name, &folder, arguments).map_err(text)
        };
        {
            let mut programs = plane.programs.lock().map_err(text)?;
            programs.push(start("etcd", &etcd_arguments(&folder, etcd))?);
            programs.push(start("kube-apiserver", &api_arguments(&folder, etcd, api))?);
        }
        plane.start_node(assets)?;
        Ok(plane)
    }

    /// Waits for the API, starts the controllers, and leaves a thread behind that is the node.
    fn start_node(&mut self, assets: &Path) -> Result<(), String> {
        let (ready, is_ready) = mpsc::channel();
        let (kubeconfig, folder, assets) =
            (self.kubeconfig.clone(), self.folder.clone(), assets.to_path_buf());
        let stop = self.stop.clone();
        let node = thread::Builder::new().name("fake node".into()).spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread()
                .enable_all()
                .build()
                .expect("a runtime");
            runtime.block_on(async {
                let client = client_of(&kubeconfig).await;
                if stop.run_until_cancelled(until_ready(&client)).await.is_none() {
                    return;
                }
                let _ = ready.send(Program::start(
                    &assets,
                    "kube-controller-manager",
                    &folder,
                    &manager_arguments(&folder),
                ));
                stop.run_until_cancelled(Box::pin(fake_node::run(client))).await;
            });
        });
        self.node = Some(node.map_err(text)?);
        let deadline = Instant::now() + START;
        loop {
            match is_ready.recv_timeout(Duration::from_millis(100)) {
                Ok(manager) => {
                    self.programs.lock().map_err(text)?.push(manager.map_err(text)?);
                    return Ok(());
                }
                Err(mpsc::RecvTimeoutError::Timeout) => self.check(deadline)?,
                Err(mpsc::RecvTimeoutError::Disconnected) => {
                    return Err("the fake node ended".into());
                }
            }
        }
    }

    /// An error if a program has ended or time is up.
    fn check(&self, deadline: Instant) -> Result<(), String> {
        let mut programs = self.programs.lock().map_err(text)?;
        if let Some(fault) = programs.iter_mut().find_map(Program::fault) {
            return Err(fault);
        }
        if Instant::now() > deadline {
            let tails: Vec<String> = programs.iter().map(Program::tail).collect();
            return Err(format!("not ready after {START:?}\n{}", tails.join("\n")));
        }
        Ok(())
    }

    /// A client of the administrator for the calling runtime.
    pub async fn client(&self) -> Client {
        client_of(&self.kubeconfig).await
    }

    /// A new namespace that no other test uses, with its service account.
    pub async fn namespace(&self, prefix: &str) -> String {
        let name = format!("{prefix}-{}", self.namespaces.fetch_add(1, Ordering::Relaxed));
        let client = self.client().await;
        fake_node::create_namespace(&client, &name).await;
        fake_node::await_account(&client, &name).await;
        name
    }

    /// The administrator's kubeconfig with a default namespace.
    pub fn kubeconfig_in(&self, namespace: &str) -> PathBuf {
        let text = fs::read(&self.kubeconfig).expect("a kubeconfig");
        let mut document: Value = serde_json::from_slice(&text).expect("JSON");
        document["contexts"][0]["context"]["namespace"] = namespace.into();
        let path = self.folder.join(format!("kubeconfig-in-{namespace}"));
        write_private(&path, document.to_string().as_bytes()).expect("a kubeconfig");
        path
    }

    /// A kubeconfig of somebody else, to be given rights by RBAC.
    pub fn kubeconfig_for(&self, user: &str, groups: &[&str]) -> PathBuf {
        let path = self.folder.join(format!("kubeconfig-{user}"));
        self.write_kubeconfig(&path, user, groups).expect("a kubeconfig");
        path
    }

    fn write_kubeconfig(&self, path: &Path, user: &str, groups: &[&str]) -> Result<(), String> {
        let Pair { certificate, key } = self.authority.user(user, groups).map_err(text)?;
        let authority = self.authority.pem().map_err(text)?;
        let document = json!({
            "apiVersion": "v1",
            "kind": "Config",
            "current-context": "control-plane",
            "contexts": [{"name": "control-plane", "context": {"cluster": "control-plane", "user": user}}],
            "clusters": [{"name": "control-plane", "cluster": {
                "server": self.url,
                "certificate-authority-data": STANDARD.encode(authority),
            }}],
            "users": [{"name": user, "user": {
                "client-certificate-data": STANDARD.encode(certificate),
                "client-key-data": STANDARD.encode(key),
            }}],
        });
        write_private(path, document.to_string().as_bytes()).map_err(text)
    }
}

impl Drop for ControlPlane {
    fn drop(&mut self) {
        self.stop.cancel();
        if let Some(node) = self.node.take() {
            let _ = node.join();
        }
        // Servers of etcd first: their supervisors take the folder away.
        if let Ok(programs) = self.programs.get_mut() {
            while let Some(program) = programs.pop() {
                drop(program);
            }
        }
        let _ = fs::remove_dir_all(&self.folder);
    }
}

/// A client that neither retries by itself nor goes through a proxy.
pub async fn client_of(kubeconfig: &Path) -> Client {
    let read = kube::config::Kubeconfig::read_from(kubeconfig).expect("a kubeconfig");
    let mut config =
        Config::from_custom_kubeconfig(read, &kube::config::KubeConfigOptions::default())
            .await
            .expect("a usable kubeconfig");
    config.default_retry = false;
    config.proxy_url = None;
    Client::try_from(config).expect("a client")
}

/// Asks for `/readyz` until it says ok. The deadline is the caller's.
async fn until_ready(client: &Client) {
    loop {
        let request = http::Request::get("/readyz").body(Vec::new()).expect("a request");
        if client.request_text(request).await.is_ok_and(|answer| answer == "ok") {
            return;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

fn etcd_arguments(folder: &Path, port: u16) -> Vec<String> {
    let url = format!("http://127.0.0.1:{port}");
    vec![
        format!("--data-dir={}", folder.join("etcd").display()),
        format!("--listen-client-urls={url}"),
        format!("--advertise-client-urls={url}"),
        "--listen-peer-urls=http://127.0.0.1:0".into(),
        // What is lost in a power cut is of no interest here.
        "--unsafe-no-fsync=true".into(),
        "--log-level=warn".into(),
    ]
}

fn api_arguments(folder: &Path, etcd: u16, port: u16) -> Vec<String> {
    let file = |name: &str| folder.join(name).display().to_string();
    vec![
        format!("--etcd-servers=http://127.0.0.1:{etcd}"),
        "--bind-address=127.0.0.1".into(),
        format!("--secure-port={port}"),
        // Nobody reaches the API through the Service `kubernetes`, and loopback is refused as its endpoint.
        "--endpoint-reconciler-type=none".into(),
        "--service-cluster-ip-range=10.96.0.0/16".into(),
        format!("--tls-cert-file={}", file("server.crt")),
        format!("--tls-private-key-file={}", file("server.key")),
        format!("--client-ca-file={}", file("ca.crt")),
        format!("--cert-dir={}", file("certificates")),
        "--authorization-mode=RBAC".into(),
        "--service-account-issuer=https://kubernetes.default.svc".into(),
        format!("--service-account-signing-key-file={}", file("accounts.key")),
        format!("--service-account-key-file={}", file("accounts.pub")),
        "--allow-privileged=true".into(),
        "--profiling=false".into(),
        "--shutdown-delay-duration=0s".into(),
    ]
}

fn manager_arguments(folder: &Path) -> Vec<String> {
    let file = |name: &str| folder.join(name).display().to_string();
    vec![
        format!("--kubeconfig={}", file("kubeconfig")),
        format!("--controllers={CONTROLLERS}"),
        format!("--service-account-private-key-file={}", file("accounts.key")),
        format!("--root-ca-file={}", file("ca.crt")),
        "--leader-elect=false".into(),
        "--secure-port=0".into(),
        "--kube-api-qps=400".into(),
        "--kube-api-burst=800".into(),
        "--profiling=false".into(),
    ]
}

fn write_identity(folder: &Path, authority: &Authority) -> Result<(), String> {
    let server = authority.server().map_err(text)?;
    let accounts = certificates::new_key().map_err(text)?;
    let files = [
        ("ca.crt", authority.pem().map_err(text)?),
        ("server.crt", server.certificate),
        ("server.key", server.key),
        ("accounts.key", accounts.private_key_to_pem_pkcs8().map_err(text)?),
        ("accounts.pub", accounts.public_key_to_pem().map_err(text)?),
    ];
    files
        .iter()
        .try_for_each(|(name, content)| write_private(&folder.join(name), content).map_err(text))
}

fn write_private(path: &Path, content: &[u8]) -> io::Result<()> {
    let mut file =
        fs::OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(path)?;
    file.write_all(content)
}

/// Ports that were free a moment ago; held together, so that they differ.
fn free_ports<const N: usize>() -> io::Result<[u16; N]> {
    let mut ports = [0; N];
    let mut held = Vec::new();
    for port in &mut ports {
        let listener = TcpListener::bind("127.0.0.1:0")?;
        *port = listener.local_addr()?.port();
        held.push(listener);
    }
    Ok(ports)
}

fn text(error: impl std::fmt::Display) -> String {
    error.to_string()
}
