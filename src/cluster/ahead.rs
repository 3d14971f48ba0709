//! What can be read of a mapping before it is known what it desires: its record, and the objects that it has.

use super::discovery::Catalogue;
use super::live::{Live, LiveObjects, Wanted};
use super::{Cluster, ClusterError};
use crate::domain::{Inventory, ObjectKey};
use std::collections::HashMap;

/// A mapping's record and the members that exist, read while its tree was rendered. Good for one plan: an apply reads
/// again.
#[derive(Debug)]
pub struct Ahead {
    /// The record.
    pub inventory: Inventory,
    /// Members by identity: the version in which each was asked for, and the object if it is there.
    members: HashMap<ObjectKey, (String, Option<Live>)>,
}

impl Cluster {
    /// Reads what the plan of a mapping will need, as far as its record tells. Members whose kind is not served are
    /// left to the plan.
    pub async fn ahead(&self, mapping: &str) -> Result<Ahead, ClusterError> {
        let (catalogue, inventory) =
            futures::future::try_join(self.catalogue(), self.inventory(mapping)).await?;
        let wanted = members(&catalogue, &inventory);
        let mut live = self.live_of(&wanted).await?;
        let members = wanted.into_iter().map(|one| {
            let key = one.reference.key();
            let found = live.remove(&key);
            (key, (one.resource.version, found))
        });
        Ok(Ahead { inventory, members: members.collect() })
    }

    /// The live objects among the wanted ones, as far as they were not read already.
    pub(super) async fn live_beyond(
        &self,
        ahead: Option<&Ahead>,
        wanted: &[Wanted],
    ) -> Result<LiveObjects, ClusterError> {
        let (mut found, mut rest) = (LiveObjects::new(), Vec::new());
        for one in wanted {
            let key = one.reference.key();
            match ahead.and_then(|ahead| ahead.members.get(&key)) {
                Some((version, live)) if *version == one.resource.version => {
                    found.extend(live.clone().map(|live| (key, live)));
                }
                _ => rest.push(one.clone()),
            }
        }
        found.extend(self.live_of(&rest).await?);
        Ok(found)
    }
}

fn members(catalogue: &Catalogue, inventory: &Inventory) -> Vec<Wanted> {
    let served = inventory.members.iter().filter_map(|(key, member)| {
        let resource = catalogue.any(&key.group, &member.version, &key.kind)?;
        Some(Wanted { resource: resource.clone(), reference: key.at(&resource.version) })
    });
    served.collect()
}
