//! From a kubeconfig to a client: merged files, contexts, plugins, and the service account inside a cluster.

use super::error::ClusterError;
use super::tls::Connector;
use super::wire::cause;
use hyper_util::client::legacy;
use hyper_util::rt::TokioExecutor;
use kube::Client;
use kube::client::{ClientBuilder, ConfigExt};
use kube::config::{Config, KubeConfigOptions, Kubeconfig, KubeconfigError};
use std::path::PathBuf;
use std::time::Duration;
use tower::{BoxError, ServiceBuilder};

/// Which cluster, and how it is reached.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Default)]
pub struct Access {
    /// One file; `KUBECONFIG` (several files, merged) or `~/.kube/config` where nothing is named.
    pub kubeconfig: Option<PathBuf>,
    /// Context; the current one where it is empty.
    pub context: String,
}

/// What a context leads to.
pub(super) struct Reached {
    pub(super) client: Client,
    pub(super) context: String,
    pub(super) namespace: String,
    pub(super) server: String,
}

/// The name of a context that comes from the service account of a pod.
const IN_CLUSTER: &str = "in-cluster";
/// How long a connection may take.
const CONNECT: Duration = Duration::from_secs(10);

impl Access {
    /// Builds a client. Nothing is sent yet, but a credential plugin may run.
    pub(super) async fn client(&self) -> Result<Reached, ClusterError> {
        let (mut config, context) = self.config().await?;
        // Calls have their own deadlines and repeat only what may be repeated; see `wire`.
        config.default_retry = false;
        config.connect_timeout = Some(CONNECT);
        config.read_timeout = None;
        let namespace = config.default_namespace.clone();
        let server = config.cluster_url.to_string().trim_end_matches('/').to_owned();
        let client = client(config).map_err(|error| self.refused(&*error))?;
        Ok(Reached { client, context, namespace, server })
    }

    async fn config(&self) -> Result<(Config, String), ClusterError> {
        let wanted = (!self.context.is_empty()).then(|| self.context.clone());
        let read = match &self.kubeconfig {
            Some(path) => Kubeconfig::read_from(path),
            None => Kubeconfig::read(),
        };
        let kubeconfig = match read {
            Ok(kubeconfig) => kubeconfig,
            Err(error) => return self.in_cluster(&error),
        };
        let Some(context) =
            wanted.or_else(|| kubeconfig.current_context.clone()).filter(|name| !name.is_empty())
        else {
            return self.in_cluster(&KubeconfigError::CurrentContextNotSet);
        };
        let options =
            KubeConfigOptions { context: Some(context.clone()), ..KubeConfigOptions::default() };
        let config = Config::from_custom_kubeconfig(kubeconfig, &options)
            .await
            .map_err(|error| self.refused(&error))?;
        Ok((config, context))
    }

    /// The service account of a pod, where no kubeconfig can be read and none was named.
    fn in_cluster(&self, error: &KubeconfigError) -> Result<(Config, String), ClusterError> {
        let named =
            self.kubeconfig.is_some() || !(self.context.is_empty() || self.context == IN_CLUSTER);
        if named {
            return Err(self.refused(error));
        }
        match Config::incluster() {
            Ok(config) => Ok((config, IN_CLUSTER.to_owned())),
            Err(_) => Err(self.refused(error)),
        }
    }

    fn refused(&self, error: &dyn std::error::Error) -> ClusterError {
        let context = if self.context.is_empty() { "(current)" } else { &self.context };
        ClusterError::Access { context: context.to_owned(), reason: cause(error) }
    }
}

/// A client of our own connector where it serves, else of kube's.
fn client(config: Config) -> Result<Client, BoxError> {
    let Some(connector) = Connector::new(&config, CONNECT)? else {
        return Ok(ClientBuilder::try_from(config)?.build());
    };
    let service = ServiceBuilder::new()
        .layer(config.base_uri_layer())
        .option_layer(config.auth_layer()?)
        .layer(config.extra_headers_layer()?)
        .map_err(BoxError::from)
        .service(legacy::Client::builder(TokioExecutor::new()).build(connector));
    Ok(ClientBuilder::new(service, config.default_namespace).build())
}

/// The contexts of the kubeconfig and the current one, for completion and forms.
pub fn contexts(access: &Access) -> Result<(Vec<String>, Option<String>), ClusterError> {
    let read = match &access.kubeconfig {
        Some(path) => Kubeconfig::read_from(path),
        None => Kubeconfig::read(),
    };
    let kubeconfig = read.map_err(|error| access.refused(&error))?;
    let names = kubeconfig.contexts.into_iter().map(|context| context.name).collect();
    Ok((names, kubeconfig.current_context))
}

#[cfg(test)]
mod tests {
    use super::Access;
    use crate::cluster::ClusterError;

    #[tokio::test]
    async fn a_missing_context_is_named() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("config");
        std::fs::write(&path, "apiVersion: v1\nkind: Config\ncontexts: []\n").unwrap();
        let access = Access { kubeconfig: Some(path), context: "prod".to_owned() };
        let Err(ClusterError::Access { context, reason }) = access.client().await.map(|_| ())
        else {
            panic!("connected to nothing")
        };
        assert_eq!(context, "prod");
        assert!(reason.contains("prod"), "{reason}");
    }

    #[tokio::test]
    async fn a_missing_file_is_an_error_not_a_fallback() {
        let access =
            Access { kubeconfig: Some("/nonexistent/kubeconfig".into()), context: String::new() };
        assert!(matches!(access.client().await.map(|_| ()), Err(ClusterError::Access { .. })));
    }

    #[tokio::test]
    async fn the_context_gives_server_and_namespace() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("config");
        let text = "apiVersion: v1\nkind: Config\ncurrent-context: a\ncontexts:\n- name: a\n  context: {cluster: c, namespace: shop}\nclusters:\n- name: c\n  cluster: {server: 'http://127.0.0.1:1'}\n";
        std::fs::write(&path, text).unwrap();
        let reached =
            Access { kubeconfig: Some(path), context: String::new() }.client().await.unwrap();
        assert_eq!((reached.context.as_str(), reached.namespace.as_str()), ("a", "shop"));
        assert_eq!(reached.server, "http://127.0.0.1:1");
    }
}
