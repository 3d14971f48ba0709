//! What a plan and an apply stand on: placed manifests, the mapping's record, live objects, and what left Git.

use super::desired::{Desired, is_namespace, locate, place};
use super::discovery::Catalogue;
use super::hooks::{PlacedHook, belongs};
use super::judge::Frame;
use super::live::{Live, LiveObjects, Wanted};
use super::plan::PlanRequest;
use super::resource::Resource;
use super::{Cluster, ClusterError};
use crate::domain::export::scaled;
use crate::domain::hook::{HOOK_OF, split};
use crate::domain::ignore::Ready;
use crate::domain::owner::PART_OF;
use crate::domain::{Inventory, Manifest, ObjectKey, ObjectRef, Origin};
use std::collections::{BTreeMap, BTreeSet, HashSet};
use std::sync::Arc;

/// Everything that was looked up for one mapping.
pub(super) struct Ground<'a> {
    pub(super) catalogue: Arc<Catalogue>,
    /// Namespace of objects that name none.
    pub(super) namespace: String,
    pub(super) inventory: Inventory,
    pub(super) placed: Vec<Desired>,
    pub(super) live: LiveObjects,
    pub(super) frame: Arc<Frame<'a>>,
    pub(super) departed: Departed,
    /// Every hook of the tree, whether it is due or not.
    pub(super) hooks: Vec<PlacedHook>,
}

/// Members of the record that Git does not want any more.
#[derive(Default)]
pub(super) struct Departed {
    /// Live, still ours: to be deleted.
    pub(super) ours: Vec<Leaving>,
    /// Gone, somebody else's by now, or handed over to another mapping: to be forgotten.
    pub(super) forgotten: Vec<ObjectKey>,
    /// Their group cannot be asked: to be kept in the record until it can.
    pub(super) blocked: Vec<ObjectKey>,
}

/// An object on its way out.
pub(super) struct Leaving {
    pub(super) reference: ObjectRef,
    pub(super) resource: Resource,
    pub(super) live: Live,
}

impl Cluster {
    /// Looks everything up that a plan needs.
    pub(super) async fn survey<'a>(
        &self,
        request: &PlanRequest<'a>,
    ) -> Result<Ground<'a>, ClusterError> {
        let mapping = request.mapping;
        let recorded = async {
            match request.ahead {
                Some(ahead) => Ok(ahead.inventory.clone()),
                None => self.inventory(&mapping.name).await,
            }
        };
        let placing = self.place(request.desired, &mapping.target.namespace);
        let ((catalogue, placed), inventory) = futures::future::try_join(placing, recorded).await?;
        shared(request, &placed)?;
        let hooks = self.place_hooks(&catalogue, request, &placed)?;
        let desired: HashSet<ObjectKey> = placed.iter().map(|one| one.reference.key()).collect();
        let mut wanted: Vec<Wanted> = placed.iter().filter_map(wanted).collect();
        let (leaving, mut departed) = leaving(&catalogue, &inventory, &desired, &hooks);
        wanted.extend(leaving.iter().cloned());
        let live = self.live_beyond(request.ahead, &wanted).await?;
        let set_id = self.set_id(&mapping.name);
        let claimed =
            |key: &ObjectKey| request.neighbours.iter().any(|one| one.desired.contains_key(key));
        // A kind that moved to another group is served under both names: the object that leaves under the one is the
        // object that is wanted under the other.
        let staying: HashSet<&str> = placed
            .iter()
            .filter_map(|one| live.get(&one.reference.key()))
            .map(|live| &*live.uid)
            .collect();
        for one in leaving {
            let key = one.reference.key();
            match live.get(&key).filter(|found| !staying.contains(&*found.uid)) {
                Some(found) if ours(found, &inventory, &key, &set_id) && !claimed(&key) => {
                    departed.ours.push(Leaving {
                        reference: one.reference,
                        resource: one.resource,
                        live: found.clone(),
                    });
                }
                _ => departed.forgotten.push(key),
            }
        }
        let mut frame = frame(request, set_id, &inventory, (&placed, &live));
        self.records().clone_into(&mut frame.records);
        let frame = Arc::new(frame);
        let namespace = self.namespace_of(&mapping.target.namespace).to_owned();
        Ok(Ground { catalogue, namespace, inventory, placed, live, frame, departed, hooks })
    }

    /// Places what is no hook; a kind that is not known is looked for once more before it is an error.
    pub(super) async fn place(
        &self,
        manifests: &[Manifest],
        namespace: &str,
    ) -> Result<(Arc<Catalogue>, Vec<Desired>), ClusterError> {
        let (members, _) = split(manifests);
        self.with_catalogue(|catalogue| place(catalogue, &members, self.namespace_of(namespace)))
            .await
    }

    /// Looks manifests up; once more with what is served now where a kind is not known.
    pub(super) async fn with_catalogue<T>(
        &self,
        work: impl Fn(&Catalogue) -> Result<T, ClusterError>,
    ) -> Result<(Arc<Catalogue>, T), ClusterError> {
        let catalogue = self.catalogue().await?;
        match work(&catalogue) {
            Err(ClusterError::UnknownKind { .. }) => {
                self.forget_discovery();
                let catalogue = self.catalogue().await?;
                let found = work(&catalogue)?;
                Ok((catalogue, found))
            }
            found => found.map(|found| (catalogue, found)),
        }
    }

    /// The namespace of a mapping, or that of the context where it names none.
    pub(super) fn namespace_of<'n>(&'n self, namespace: &'n str) -> &'n str {
        if namespace.is_empty() { self.namespace() } else { namespace }
    }

    /// The identities of manifests as they will be in the cluster: scope known, namespace filled in.
    pub async fn keys(
        &self,
        manifests: &[Manifest],
        namespace: &str,
    ) -> Result<HashSet<ObjectKey>, ClusterError> {
        Ok(self.references(manifests, namespace).await?.iter().map(ObjectRef::key).collect())
    }

    /// The identities of manifests as they will be in the cluster, with the places where they are written.
    pub async fn origins(
        &self,
        manifests: &[Manifest],
        namespace: &str,
    ) -> Result<BTreeMap<ObjectKey, Origin>, ClusterError> {
        let references = self.references(manifests, namespace).await?;
        let (members, _) = split(manifests);
        let origins = members.iter().map(|manifest| manifest.origin.clone());
        Ok(references.iter().map(ObjectRef::key).zip(origins).collect())
    }

    /// The full names of manifests as they will be in the cluster, in the same order; hooks left out.
    pub async fn references(
        &self,
        manifests: &[Manifest],
        namespace: &str,
    ) -> Result<Vec<ObjectRef>, ClusterError> {
        let (members, _) = split(manifests);
        let names = |catalogue: &Catalogue| {
            let located = locate(catalogue, &members, self.namespace_of(namespace))?;
            Ok(located.into_iter().map(|(reference, _)| reference).collect())
        };
        Ok(self.with_catalogue(names).await?.1)
    }
}

/// One object, one mapping: which of two would win is a matter of luck.
fn shared(request: &PlanRequest<'_>, placed: &[Desired]) -> Result<(), ClusterError> {
    for one in placed {
        let key = one.reference.key();
        for neighbour in request.neighbours {
            if let Some(origin) = neighbour.desired.get(&key) {
                return Err(ClusterError::Shared {
                    object: Box::new(key),
                    here: one.origin.clone(),
                    mapping: neighbour.mapping.to_owned(),
                    there: origin.clone(),
                });
            }
        }
    }
    Ok(())
}

/// Whether a live object is the one of the record and carries the mapping's mark.
pub(super) fn ours(live: &Live, inventory: &Inventory, key: &ObjectKey, set_id: &str) -> bool {
    let value = live.value();
    let known = inventory.members.get(key).or_else(|| inventory.hooks.left.get(key));
    let known = known.and_then(|member| member.uid.as_deref());
    let labels = &value["metadata"]["labels"];
    [PART_OF, HOOK_OF].iter().any(|mark| labels[*mark].as_str() == Some(set_id))
        && known.is_none_or(|uid| *uid == *live.uid)
}

pub(super) fn wanted(desired: &Desired) -> Option<Wanted> {
    let resource = desired.resource.clone()?;
    Some(Wanted { resource, reference: desired.reference.clone() })
}

/// Members, and objects that hooks left, that Git does not want, as far as they can be looked at. What is a hook by now
/// is still wanted: it makes way when the hook runs, or stays where the hook never does.
fn leaving(
    catalogue: &Catalogue,
    inventory: &Inventory,
    desired: &HashSet<ObjectKey>,
    hooks: &[PlacedHook],
) -> (Vec<Wanted>, Departed) {
    let (mut leaving, mut departed) = (Vec::new(), Departed::default());
    let known = inventory.members.iter().chain(&inventory.hooks.left);
    let unwanted = |key: &ObjectKey| !desired.contains(key) && !belongs(hooks, key);
    for (key, member) in known.filter(|(key, _)| unwanted(key)) {
        if catalogue.failed().contains_key(&key.group) {
            departed.blocked.push(key.clone());
        } else if let Some(resource) = catalogue.any(&key.group, &member.version, &key.kind) {
            leaving
                .push(Wanted { resource: resource.clone(), reference: key.at(&resource.version) });
        } else {
            // The kind is gone, and its objects with it.
            departed.forgotten.push(key.clone());
        }
    }
    (leaving, departed)
}

fn frame<'a>(
    request: &PlanRequest<'a>,
    set_id: String,
    inventory: &Inventory,
    (placed, live): (&[Desired], &LiveObjects),
) -> Frame<'a> {
    let coming: BTreeSet<&str> = placed
        .iter()
        .filter(|one| is_namespace(&one.reference) && !live.contains_key(&one.reference.key()))
        .map(|one| one.reference.name.as_str())
        .collect();
    Frame {
        set_id,
        records: String::new(),
        rules: request.mapping.ignore.iter().filter_map(Ready::of).collect(),
        rules_mark: format!("{:?} {:?}", request.mapping.source, request.mapping.ignore),
        live_wins: request.mapping.is_recorded(),
        scaled: scaled(placed.iter().map(|one| &one.object)),
        take_over: request.options.take_over,
        recreate: request.options.recreate,
        neighbours: request.neighbours,
        owned: inventory.members.keys().cloned().collect(),
        coming: coming.into_iter().map(str::to_owned).collect(),
    }
}
