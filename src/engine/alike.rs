//! Two contexts that lead to one cluster: mappings of both are neighbours.

use crate::engine::world::{World, lock};
use std::collections::BTreeSet;
use std::time::Duration;

/// How long a cluster may take to say which one it is: one that does not answer keeps nobody from anything.
const PATIENCE: Duration = Duration::from_secs(5);

impl World {
    /// Whether two contexts lead to one cluster, as far as their clusters said which one they are.
    pub(super) fn are_one(&self, a: &str, b: &str) -> bool {
        if a == b {
            return true;
        }
        let clusters = lock(&self.clusters);
        let known = |context: &str| clusters.get(context).and_then(|cell| cell.get());
        known(a).zip(known(b)).is_some_and(|(a, b)| a.is_one_with(b))
    }

    /// Asks the clusters of all mappings which ones they are. Asked before something is deleted or refused to somebody
    /// else, and never again once it is known.
    pub async fn tell_clusters_apart(&self) {
        let mappings = self.settings.mappings.values();
        let contexts: BTreeSet<String> = mappings.map(|one| one.target.context.clone()).collect();
        if contexts.len() < 2 {
            return;
        }
        let asked = contexts.into_iter().map(|context| async move {
            let told = async {
                // What fails is said by whoever needs it.
                if let Ok(cluster) = self.cluster(&context).await {
                    let _ = cluster.uid().await;
                }
            };
            let _ = tokio::time::timeout(PATIENCE, told).await;
        });
        futures::future::join_all(asked).await;
    }
}
