//! A client in front of another one that loses answers, as a proxy or a network does, whatever server is behind.

use http::{Method, Request, Response};
use kube::Client;
use kube::client::Body;
use serde_json::json;
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

/// What happens to the first write of each kind to each address.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Loss {
    /// Nothing.
    None,
    /// It is carried out, and this status is answered all the same.
    Answer(u16),
    /// It is carried out, and the connection is lost.
    Cut,
    /// It is not carried out, and this status is answered.
    Before(u16),
}

/// Writes that reached the server, by method, content type and address.
#[derive(Clone, Debug, Default)]
pub struct Carried(Arc<Mutex<State>>);

#[derive(Debug, Default)]
struct State {
    seen: BTreeMap<String, usize>,
    carried: BTreeMap<String, usize>,
}

impl Carried {
    /// How often each write was carried out.
    pub fn counts(&self) -> BTreeMap<String, usize> {
        self.0.lock().expect("a log").carried.clone()
    }

    /// Takes note of a request; what is to be done to it.
    fn take(&self, request: &Request<Body>, loss: Loss) -> Loss {
        let query = request.uri().query().unwrap_or_default();
        let path = request.uri().path();
        let is_write = *request.method() != Method::GET;
        if !is_write || query.contains("dryRun") || path.contains("reviews") {
            return Loss::None;
        }
        let content = request.headers().get("content-type").and_then(|value| value.to_str().ok());
        let key = format!("{} {} {path}", request.method(), content.unwrap_or_default());
        let mut state = self.0.lock().expect("a log");
        let seen = state.seen.entry(key.clone()).or_default();
        *seen += 1;
        let loss = if *seen == 1 { loss } else { Loss::None };
        if !matches!(loss, Loss::Before(_)) {
            *state.carried.entry(key).or_default() += 1;
        }
        loss
    }
}

/// A client of the same server that loses the first answer to each write.
pub fn lossy(client: &Client, loss: Loss) -> (Client, Carried) {
    let carried = Carried::default();
    let (client, log) = (client.clone(), carried.clone());
    let service = tower::service_fn(move |request: Request<Body>| {
        let (client, loss) = (client.clone(), log.take(&request, loss));
        async move {
            if let Loss::Before(code) = loss {
                return Ok(status(code));
            }
            let answer = client.send(request).await.map_err(std::io::Error::other)?;
            match loss {
                Loss::Answer(code) => {
                    // Read to its end, so that it was carried out for sure.
                    let _ = answer.into_body().collect_bytes().await;
                    Ok(status(code))
                }
                Loss::Cut => Err(std::io::Error::other("connection reset by peer")),
                _ => Ok(answer),
            }
        }
    });
    (Client::new(service, "default"), carried)
}

fn status(code: u16) -> Response<Body> {
    let body = json!({"kind": "Status", "apiVersion": "v1", "status": "Failure", "code": code,
        "message": "lost on the way", "reason": "Unknown"});
    let response = Response::builder().status(code).header("content-type", "application/json");
    response.body(Body::from(body.to_string().into_bytes())).expect("a response")
}
