//! Folders of a plain tree that are not read, submodules and linked ones: worth a warning, and a refusal only where objects
//! would leave Git thereby.

use crate::domain::{Inventory, Mapping, ObjectKey, ObjectRef, Revision};
use crate::engine::Failure;
use crate::engine::error::Stop;
use crate::engine::jobs::Context;
use crate::engine::jobs::render::skipped;
use std::collections::HashSet;
use std::sync::Arc;

/// The warnings, a sentence each. Where members of the record are desired no longer, they may have been in such a folder,
/// unless the revision that was synced last had it already.
pub(super) async fn check(
    ctx: &Context,
    mapping: &Mapping,
    revision: &Revision,
    (inventory, desired): (&Inventory, &[ObjectRef]),
) -> Result<Vec<String>, Stop> {
    let found = skipped(ctx, mapping, revision).await?;
    if found.is_empty() {
        return Ok(Vec::new());
    }
    let desired: HashSet<ObjectKey> = desired.iter().map(ObjectRef::key).collect();
    if inventory.members.keys().any(|member| !desired.contains(member)) {
        let before = match &inventory.synced_revision {
            // Of what cannot be read any more nobody knows what was in it.
            Some(synced) => skipped(ctx, mapping, synced).await.unwrap_or_default(),
            None => Arc::default(),
        };
        let is_new = |path: &str| !before.iter().any(|one| one.path == path);
        if let Some(one) = found.iter().find(|one| is_new(&one.path)) {
            return Err(Failure::new(one.refusal.clone()).into());
        }
    }
    let said = |path: &str, what: &str| format!("{path} is {what}: nothing in it is applied");
    Ok(found.iter().map(|one| said(&one.path, one.what)).collect())
}
