//! The requests of the controllers.

use http::{Method, Request};
use serde_json::{Value, json};

use super::kind::Kind;
use super::world::{Key, uid};

/// The field manager of everything but pods.
pub const CONTROLLER: &str = "kube-controller-manager";
/// The field manager of what happens on the node.
pub const NODE_AGENT: &str = "kubelet";
/// The field manager of placement.
pub const SCHEDULER: &str = "kube-scheduler";

/// What a write failed with.
pub type Error = Box<kube::Error>;

/// The API, spoken to in plain JSON.
#[derive(Clone)]
pub struct Cluster {
    client: kube::Client,
}

impl Cluster {
    /// Speaks through this client.
    pub fn new(client: kube::Client) -> Self {
        Self { client }
    }

    async fn send(&self, method: Method, path: &str, body: &Value) -> Result<Value, Error> {
        let request = Request::builder()
            .method(method)
            .uri(path)
            .header("content-type", "application/json")
            .body(body.to_string().into_bytes())
            .map_err(|error| Box::new(kube::Error::HttpError(error)))?;
        self.client.request(request).await.map_err(Box::new)
    }

    /// Creates an object.
    pub async fn create(&self, kind: Kind, object: &Value, manager: &str) -> Result<Value, Error> {
        let namespace = object["metadata"]["namespace"].as_str().unwrap_or_default();
        let path = format!("{}?fieldManager={manager}", kind.collection(namespace));
        self.send(Method::POST, &path, object).await
    }

    /// Replaces an object, or what a subresource shows of it.
    pub async fn replace(
        &self,
        kind: Kind,
        object: &Value,
        to: (&str, &str),
    ) -> Result<Value, Error> {
        let key = Key::of(kind, object);
        let (subresource, manager) = to;
        let below = if subresource.is_empty() { String::new() } else { format!("/{subresource}") };
        let path = format!(
            "{}/{}{below}?fieldManager={manager}",
            kind.collection(&key.namespace),
            key.name
        );
        self.send(Method::PUT, &path, object).await
    }

    /// Deletes an object that still has this uid.
    pub async fn delete(&self, kind: Kind, object: &Value) -> Result<Value, Error> {
        let key = Key::of(kind, object);
        let path = format!("{}/{}", kind.collection(&key.namespace), key.name);
        let options = json!({
            "kind": "DeleteOptions", "apiVersion": "v1", "propagationPolicy": "Background",
            "preconditions": {"uid": uid(object)},
        });
        self.send(Method::DELETE, &path, &options).await
    }

    /// Gives a pod its node.
    pub async fn bind(&self, pod: &Value, node: &str) -> Result<Value, Error> {
        let key = Key::of(Kind::Pod, pod);
        let path = format!(
            "{}/{}/binding?fieldManager={SCHEDULER}",
            Kind::Pod.collection(&key.namespace),
            key.name
        );
        let binding = json!({
            "apiVersion": "v1", "kind": "Binding", "metadata": {"name": key.name, "namespace": key.namespace},
            "target": {"apiVersion": "v1", "kind": "Node", "name": node},
        });
        self.send(Method::POST, &path, &binding).await
    }
}
