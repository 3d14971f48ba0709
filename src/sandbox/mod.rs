//! The embedded world: a Kubernetes API and Git repositories in process, with fault injection.

pub mod api;
pub mod controllers;
pub mod fields;
pub mod fleet;
mod serve;

use std::sync::Arc;

use tokio_util::sync::{CancellationToken, DropGuard};

pub use api::{
    ADMINISTRATOR, ApiServer, Effect, Faults, Latch, LoggedRequest, NODE, Options, Rule, Traffic,
    User, When,
};

pub use serve::Served;

/// Why a sandbox could not start.
#[derive(Debug, thiserror::Error)]
pub enum SandboxError {
    /// The address could not be listened on.
    #[error("cannot listen on {address}: {source}; choose another address or port 0")]
    Listen {
        /// The address asked for.
        address: std::net::SocketAddr,
        /// What the system said.
        source: std::io::Error,
    },
    /// OpenSSL could not make the certificates.
    #[error("cannot make certificates for the sandbox: {0}")]
    Certificate(#[from] openssl::error::ErrorStack),
}

/// A running sandbox. Clones are the same sandbox; it stops with the last of them.
#[derive(Debug, Clone)]
pub struct Sandbox {
    api: ApiServer,
    stop: CancellationToken,
    _guard: Arc<DropGuard>,
}

impl Sandbox {
    /// Starts a cluster in memory.
    ///
    /// # Errors
    /// None at present beyond those of the parts that listen, see `serve`.
    #[expect(clippy::unused_async, reason = "controllers are spawned on the runtime of the caller")]
    pub async fn start(options: Options) -> Result<Self, SandboxError> {
        let stop = CancellationToken::new();
        let running = options.controllers;
        let api = ApiServer::new(options, stop.clone());
        if running {
            controllers::spawn(api.client(Some(controllers::USER)), stop.clone());
        }
        Ok(Self { api, _guard: Arc::new(stop.clone().drop_guard()), stop })
    }

    /// A client in process; see [`ApiServer::client`].
    pub fn client(&self, user: Option<&str>) -> kube::Client {
        self.api.client(user)
    }

    /// The API server itself.
    pub fn api(&self) -> &ApiServer {
        &self.api
    }

    /// Fault injection.
    pub fn faults(&self) -> &Faults {
        self.api.faults()
    }

    /// The log of requests.
    pub fn traffic(&self) -> &Traffic {
        self.api.traffic()
    }

    /// Ends streams, servers and controllers.
    pub fn stop(&self) {
        self.stop.cancel();
    }
}
