//! A sequence of requests held with a world, and what of the answers has to be equal.

use kube::Client;
use serde_json::Value;

use super::normal::{Names, normalize};
use crate::support::wire::{Answer, Ask, ask};

/// Requests in order. In paths and bodies `{{uid}}` and `{{version}}` stand for what the last object had.
pub struct Conversation {
    pub name: &'static str,
    /// Whether `resourceVersion` may move only when a request says so: no controller writes these objects.
    pub versions: bool,
    pub asks: Vec<Ask>,
}

/// Holds it, and gives each request with its comparable answer.
pub async fn hold(client: &Client, conversation: &Conversation) -> Vec<(Ask, Answer)> {
    let mut names = Names::default();
    let (mut uid, mut version) = (String::new(), String::new());
    let mut heard = Vec::new();
    for request in &conversation.asks {
        let fill = |text: &str| text.replace("{{uid}}", &uid).replace("{{version}}", &version);
        let body = request
            .body
            .as_ref()
            .map(|body| serde_json::from_str(&fill(&body.to_string())).expect("JSON"));
        let filled = Ask { path: fill(&request.path), body, ..request.clone() };
        let mut answer = ask(client, &filled).await;
        let last = |pointer: &str, kept: &mut String| {
            if let Some(text) = answer.body.pointer(pointer).and_then(Value::as_str) {
                text.clone_into(kept);
            }
        };
        last("/metadata/uid", &mut uid);
        last("/metadata/resourceVersion", &mut version);
        // What controllers found out meanwhile; the first status is the server's own.
        if !conversation.versions && answer.code == 200 && answer.body["status"].is_object() {
            answer.body.as_object_mut().and_then(|object| object.shift_remove("status"));
        }
        normalize(&mut answer.body, &mut names, conversation.versions);
        heard.push((request.clone(), answer));
    }
    heard
}
