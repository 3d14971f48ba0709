//! Facts that a plan carries beside its operations: which cluster it is for, and what goes with a definition.

use super::ground::Ground;
use super::judge::{Judged, Verdict};
use super::live::Live;
use super::resource::Resource;
use super::wire::Call;
use super::{Cluster, ClusterError};
use crate::domain::risk::{Fact, concerns};
use crate::domain::{ObjectKey, Op, Operation, Risk};
use serde_json::Value;
use std::collections::BTreeMap;

impl Cluster {
    /// The UID of the cluster, which is that of its namespace `kube-system`; nothing where that may not be read. Asked
    /// once.
    pub async fn uid(&self) -> Result<Option<String>, ClusterError> {
        if let Some(known) = self.inner.uid.get() {
            return Ok(Some(known.clone()));
        }
        let address =
            Resource::fixed("v1", "Namespace", "namespaces", false).item(None, "kube-system");
        match self.wire().json(&Call::get(address)).await {
            Ok(found) => {
                let uid = found["metadata"]["uid"].as_str().map(str::to_owned);
                Ok(uid.map(|uid| self.inner.uid.get_or_init(|| uid).clone()))
            }
            Err(failure) if matches!(failure.code(), 403 | 404) => Ok(None),
            Err(failure) => Err(self.explain(&failure, "get", "Namespace kube-system", false)),
        }
    }

    /// Whether two connections lead to one cluster, as far as both were asked for their UID. Where one may not read it, the
    /// address of the server tells.
    pub fn is_one_with(&self, other: &Self) -> bool {
        match (self.inner.uid.get(), other.inner.uid.get()) {
            (Some(a), Some(b)) => a == b,
            _ => self.server() == other.server(),
        }
    }

    /// How many custom resources go with the definitions that a plan deletes or makes anew. One that cannot be counted
    /// is left out.
    pub(super) async fn contents(
        &self,
        ground: &Ground<'_>,
        judged: &[Judged],
        prune: bool,
    ) -> BTreeMap<ObjectKey, u64> {
        let leaving = ground.departed.ours.iter().filter(|_| prune);
        let leaving = leaving.map(|one| (one.reference.key(), Some(&one.live)));
        let anew = ground.placed.iter().zip(judged).filter_map(|(desired, judged)| {
            let Verdict::Differs(differing) = &judged.verdict else { return None };
            (differing.op == Op::Recreate).then(|| (desired.reference.key(), judged.live.as_ref()))
        });
        let definitions = leaving
            .chain(anew)
            .filter(|(key, _)| key.kind == "CustomResourceDefinition")
            .filter_map(|(key, live)| Some((key, live?.value())));
        let counts = definitions.map(async |(key, definition)| {
            let spec = &definition["spec"];
            let (group, kind) = (spec["group"].as_str()?, spec["names"]["kind"].as_str()?);
            let resource = ground.catalogue.any(group, "", kind)?;
            Some((key, self.count(resource).await?))
        });
        futures::future::join_all(counts).await.into_iter().flatten().collect()
    }

    async fn count(&self, resource: &Resource) -> Option<u64> {
        let address = format!("{}?limit=1", resource.collection(None));
        let page = self.wire().json(&Call::get(address)).await.ok()?;
        let first = page["items"].as_array()?.len() as u64;
        let metadata = &page["metadata"];
        let more = metadata["continue"].as_str().is_some_and(|next| !next.is_empty());
        if more { Some(first + metadata["remainingItemCount"].as_u64()?) } else { Some(first) }
    }
}

/// What the operations of a plan do to what runs; `results` are those of the operations before the deletions.
pub(super) fn risk(
    ground: &Ground<'_>,
    operations: &[Operation],
    results: &[Option<&Value>],
    contents: &BTreeMap<ObjectKey, u64>,
) -> Risk {
    let leaving: BTreeMap<ObjectKey, &Live> =
        ground.departed.ours.iter().map(|one| (one.reference.key(), &one.live)).collect();
    let lives: Vec<Option<Value>> = operations
        .iter()
        .map(|operation| {
            let key = operation.object.key();
            let live = ground.live.get(&key).or_else(|| leaving.get(&key).copied());
            live.filter(|_| concerns(&operation.object)).map(Live::value)
        })
        .collect();
    let results = results.iter().copied().chain(std::iter::repeat(None));
    let facts = operations
        .iter()
        .zip(&lives)
        .zip(results)
        .map(|((operation, live), result)| Fact { operation, live: live.as_ref(), result });
    Risk::of(facts, contents)
}
