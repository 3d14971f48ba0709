//! Check a cluster: whether it answers, and whether we have the rights that its mappings need.

use crate::cluster::{Cluster, Need, Right};
use crate::domain::ObjectRef;
use crate::engine::error::Stop;
use crate::engine::event::ClusterState;
use crate::engine::jobs::Context;
use crate::engine::{Event, Failure};
use std::collections::{BTreeMap, BTreeSet};
use std::time::Instant;

/// Name of a check, whether it passed, and what to do where it did not.
type Check = (String, bool, String);

/// Runs the checks and tells them. A failing check is a result, not a failed job.
pub(super) async fn run(ctx: &Context, context: &str) -> Result<String, Stop> {
    let checks = match reach(ctx, context).await {
        Ok((cluster, reached)) => {
            let mut checks = vec![reached];
            checks.extend(rights(ctx, &cluster, context).await);
            checks
        }
        Err(failure) => vec![("reachable".to_owned(), false, failure.to_string())],
    };
    let failed = checks.iter().filter(|(_, passed, _)| !passed).count();
    ctx.emit(Event::ClusterChecked { context: context.to_owned(), checks }).await;
    Ok(match failed {
        0 => format!("{context}: every check passed"),
        failed => format!("{context}: {failed} checks failed"),
    })
}

async fn reach(ctx: &Context, context: &str) -> Result<(Cluster, Check), Failure> {
    let cluster = ctx.world.cluster(context).await?;
    let asked = Instant::now();
    let version = cluster.version().await?;
    let latency_ms = asked.elapsed().as_millis().try_into().unwrap_or(u64::MAX);
    let detail = format!("{version}, answers in {latency_ms} ms");
    let state = ClusterState::Live { version, latency_ms };
    ctx.emit(Event::ClusterObserved { context: context.to_owned(), state }).await;
    Ok((cluster, ("reachable".to_owned(), true, detail)))
}

/// One line for each place: what is missing there, or that nothing is.
async fn rights(ctx: &Context, cluster: &Cluster, context: &str) -> Vec<Check> {
    let objects = ctx.world.claims(context);
    let need = if ctx.world.settings.safety.read_only { Need::Reading } else { Need::Everything };
    let missing = match cluster.missing_for(&objects, need).await {
        Ok(missing) => missing,
        Err(error) => return vec![("rights".to_owned(), false, error.to_string())],
    };
    let mut places: BTreeMap<Option<String>, Vec<&Right>> = BTreeMap::new();
    for place in objects.iter().map(|object| object.namespace.clone()) {
        places.entry(place).or_default();
    }
    places.entry(Some(cluster.records().to_owned())).or_default();
    for right in &missing {
        places.entry(right.namespace.clone()).or_default().push(right);
    }
    places.iter().map(|(place, missing)| line(place.as_deref(), missing, &objects)).collect()
}

fn line(place: Option<&str>, missing: &[&Right], objects: &[ObjectRef]) -> Check {
    let name = match place {
        Some(namespace) => format!("rights in {namespace}"),
        None => "rights in the whole cluster".to_owned(),
    };
    if missing.is_empty() {
        let here = objects.iter().filter(|object| object.namespace.as_deref() == place);
        let kinds: BTreeSet<&str> = here.map(|object| object.kind.as_str()).collect();
        let detail = if kinds.is_empty() {
            "the records of the mappings can be kept there".to_owned()
        } else {
            format!("everything that is needed for {}", Vec::from_iter(kinds).join(", "))
        };
        return (name, true, detail);
    }
    let mut verbs: BTreeMap<String, Vec<&str>> = BTreeMap::new();
    for right in missing {
        verbs.entry(right.qualified()).or_default().push(&right.verb);
    }
    let lacking: Vec<String> =
        verbs.iter().map(|(resource, verbs)| format!("{} {resource}", verbs.join("/"))).collect();
    let (kind, flag) = match place {
        Some(namespace) => ("Role", format!(" -n {namespace}")),
        None => ("ClusterRole", String::new()),
    };
    let detail = format!(
        "you may not {}; ask for a {kind} that allows it, `kubectl auth can-i --list{flag}` shows what you have",
        lacking.join(", ")
    );
    (name, false, detail)
}
