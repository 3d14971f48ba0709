//! What the server itself counted: requests for objects of the soak and for records, the churn aside.

use crate::support::clusters::World;

/// Requests that the server has seen since its start.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Asked {
    /// For a change that is stored.
    pub writes: usize,
    /// For a change that is only tried out.
    pub dry_runs: usize,
    /// Reads of one object.
    pub reads: usize,
}

/// What counts: objects and their records, not the statuses that the soak itself writes.
const RESOURCES: [&str; 2] = ["ingresses", "configmaps"];

/// Counts what was asked of the server so far.
pub async fn asked(world: &World) -> Asked {
    if let Some(traffic) = world.traffic() {
        let ours = |request: &gitdeck::sandbox::LoggedRequest| {
            RESOURCES.contains(&&*request.resource) && request.subresource.is_empty()
        };
        return Asked {
            writes: traffic.count(|one| ours(one) && one.is_write()),
            dry_runs: traffic.count(|one| ours(one) && one.dry_run),
            reads: traffic.count(|one| ours(one) && one.verb == "get"),
        };
    }
    let request = http::Request::get("/metrics").body(Vec::new()).expect("a request");
    let text = world.client().await.request_text(request).await.expect("metrics");
    let mut asked = Asked { writes: 0, dry_runs: 0, reads: 0 };
    let mut lines = 0;
    for line in text.lines().filter(|line| line.starts_with("apiserver_request_total{")) {
        lines += 1;
        let has = |label: &str, value: &str| line.contains(&format!("{label}=\"{value}\""));
        if !RESOURCES.iter().any(|one| has("resource", one)) || !has("subresource", "") {
            continue;
        }
        let count = line.rsplit(' ').next().and_then(|count| count.parse::<f64>().ok());
        let count = count.expect("a number") as usize;
        let writes = ["APPLY", "PATCH", "POST", "PUT", "DELETE", "DELETECOLLECTION"];
        if has("verb", "GET") {
            asked.reads += count;
        } else if writes.iter().any(|verb| has("verb", verb)) {
            *(if has("dry_run", "All") { &mut asked.dry_runs } else { &mut asked.writes }) += count;
        }
    }
    assert!(lines > 0, "the server tells no requests");
    asked
}
