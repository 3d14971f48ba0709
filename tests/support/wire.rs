//! Requests to an API server as they are on the wire, and what came back, refusals included.

use http_body_util::BodyExt;
use kube::Client;
use kube::client::Body;
use serde_json::Value;

pub const JSON: &str = "application/json";
pub const APPLY: &str = "application/apply-patch+yaml";
pub const MERGE: &str = "application/merge-patch+json";
pub const STRATEGIC: &str = "application/strategic-merge-patch+json";
pub const JSON_PATCH: &str = "application/json-patch+json";

/// One request.
#[derive(Clone, Debug)]
pub struct Ask {
    pub method: &'static str,
    /// With the query.
    pub path: String,
    pub content_type: &'static str,
    pub accept: &'static str,
    pub body: Option<Value>,
}

impl Ask {
    pub fn new(method: &'static str, path: impl Into<String>) -> Self {
        Self { method, path: path.into(), content_type: JSON, accept: JSON, body: None }
    }

    pub fn get(path: impl Into<String>) -> Self {
        Self::new("GET", path)
    }

    pub fn delete(path: impl Into<String>) -> Self {
        Self::new("DELETE", path)
    }

    pub fn post(path: impl Into<String>, body: Value) -> Self {
        Self::new("POST", path).body(body)
    }

    pub fn put(path: impl Into<String>, body: Value) -> Self {
        Self::new("PUT", path).body(body)
    }

    pub fn patch(content_type: &'static str, path: impl Into<String>, body: Value) -> Self {
        Self { content_type, ..Self::new("PATCH", path).body(body) }
    }

    /// Server-side apply by `manager`; `query` goes on after it, as in `&force=true`.
    pub fn apply(path: &str, manager: &str, query: &str, body: Value) -> Self {
        Self::patch(APPLY, format!("{path}?fieldManager={manager}{query}"), body)
    }

    pub fn body(self, body: Value) -> Self {
        Self { body: Some(body), ..self }
    }

    pub fn accept(self, accept: &'static str) -> Self {
        Self { accept, ..self }
    }
}

/// What came back.
#[derive(Clone, Debug)]
pub struct Answer {
    pub code: u16,
    /// A string where the body is not JSON.
    pub body: Value,
}

/// Sends one request. A cut connection is a failure of the test.
pub async fn ask(client: &Client, request: &Ask) -> Answer {
    let body = request
        .body
        .as_ref()
        .map(|body| serde_json::to_vec(body).expect("JSON"))
        .unwrap_or_default();
    let built = http::Request::builder()
        .method(request.method)
        .uri(&request.path)
        .header("Accept", request.accept)
        .header("Content-Type", request.content_type)
        .body(Body::from(body))
        .expect("a request");
    let answer = client.send(built).await.unwrap_or_else(|error| panic!("{request:?}: {error}"));
    let code = answer.status().as_u16();
    let bytes = answer
        .into_body()
        .collect()
        .await
        .unwrap_or_else(|error| panic!("{request:?}: {error}"))
        .to_bytes();
    let text = String::from_utf8_lossy(&bytes);
    // A watch that has ended is one event a line.
    let events = || {
        text.lines().map(serde_json::from_str).collect::<Result<Vec<Value>, _>>().map(Value::Array)
    };
    let body =
        serde_json::from_str(&text).or_else(|_| events()).unwrap_or_else(|_| text.as_ref().into());
    Answer { code, body }
}
