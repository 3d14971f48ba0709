//! What every verdict of a server stands on beside the object: its version, its definitions, what rewrites on admission.

use super::precedents::Case;
use super::unit::SLIM_LIST;
use super::watch::{SENTINELS, served_kind};
use super::wire::Failure;
use super::{Cluster, ClusterError};
use serde::Deserialize;
use sha2::{Digest, Sha256};

/// What changes when somebody changes an object's specification.
#[derive(Deserialize)]
struct Grown {
    metadata: Growth,
}

#[derive(Deserialize, Default)]
#[serde(default)]
struct Growth {
    uid: String,
    generation: i64,
}

impl Cluster {
    /// A hash of the footing, read once in a process: what watches sees it move by itself. Nothing where it cannot be
    /// read, for want of rights, say; then every process has to ask for itself.
    pub(super) async fn footing(&self) -> Option<Case> {
        let read = async || match self.read_footing().await {
            Ok(footing) => Some(footing),
            Err(error) => {
                tracing::debug!(%error, "verdicts of earlier processes are not used");
                None
            }
        };
        *self.inner.footing.get_or_init(read).await
    }

    async fn read_footing(&self) -> Result<Case, ClusterError> {
        let catalogue = self.catalogue().await?;
        let kinds = SENTINELS
            .iter()
            .filter_map(|(api_version, kind)| served_kind(&catalogue, api_version, kind));
        let lists = kinds.map(async |resource| {
            let mut found = Vec::new();
            let read = self.wire().each_page(&resource, None, SLIM_LIST, |page, restarted| {
                if restarted {
                    found.clear();
                }
                for item in page.items.iter().flatten() {
                    let Grown { metadata } = serde_json::from_str(item.get())
                        .map_err(|error| Failure::Malformed(error.to_string()))?;
                    found.push(format!("{} {}", metadata.uid, metadata.generation));
                }
                Ok(())
            });
            read.await
                .map_err(|failure| self.explain(&failure, "list", &resource.qualified(), false))?;
            Ok::<_, ClusterError>(found)
        });
        let lists = futures::future::try_join_all(lists);
        let (version, lists) = futures::future::try_join(self.version(), lists).await?;
        let mut parts = lists.concat();
        parts.sort_unstable();
        // Another version of gitdeck may send the same object otherwise.
        parts.extend([version, env!("CARGO_PKG_VERSION").to_owned()]);
        Ok(Sha256::digest(parts.join("\n")).into())
    }
}
