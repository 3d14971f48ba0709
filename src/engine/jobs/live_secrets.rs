//! What Secrets of a mapping say in the cluster, where they differ from Git. Plans hold no values of Secrets, so they are
//! read for the recording alone, and kept nowhere.

use crate::domain::path::FieldPath;
use crate::domain::{Change, ObjectKey, Operation};
use crate::engine::jobs::look::Look;
use serde_json::Value;
use std::collections::HashMap;

/// The live Secrets by their names; a reason for each that cannot be read.
#[derive(Default)]
pub(super) struct LiveSecrets(HashMap<ObjectKey, Result<Value, String>>);

impl LiveSecrets {
    /// Reads what differs at a look.
    pub async fn of(seen: &Look) -> Self {
        let mut found = HashMap::new();
        let differing = seen.plan.operations.iter().filter(|one| one.object.is_secret());
        for operation in differing.filter(|one| one.uid.is_some()) {
            let object = &operation.object;
            let live = match seen.cluster.object(object).await {
                Ok(Some(live)) => Ok(live),
                Ok(None) => Err(format!("{object} went away while it was looked at")),
                Err(error) => Err(format!("{object}: {error}")),
            };
            found.insert(object.key(), live);
        }
        Self(found)
    }

    /// Those that could be read.
    pub fn values(&self) -> impl Iterator<Item = &Value> {
        self.0.values().filter_map(|one| one.as_ref().ok())
    }

    /// The changes of a Secret with what is live. Annotations stay hidden: tools keep copies of whole objects there,
    /// and they are not among what SOPS usually encrypts.
    pub fn revealed(&self, operation: &Operation) -> Result<Vec<Change>, String> {
        let none = || Err(format!("{} cannot be read", operation.object));
        let live = self.0.get(&operation.object.key()).map_or_else(none, Clone::clone)?;
        let revealed = |change: &Change| {
            let mut change = change.clone();
            let path = FieldPath::parse(&change.path).filter(|_| change.redacted);
            if let Some(path) = path {
                change.before = path.find(&live).cloned();
                change.redacted = change.path.starts_with("/metadata/annotations");
            }
            change
        };
        Ok(operation.changes.iter().map(revealed).collect())
    }
}
