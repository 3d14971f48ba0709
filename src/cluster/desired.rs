//! Manifests placed in a cluster: scope known, namespace filled in or stripped, duplicates found.

use super::discovery::{Catalogue, Lookup};
use super::error::ClusterError;
use super::resource::Resource;
use crate::domain::{Manifest, ObjectKey, ObjectRef, Origin};
use serde_json::Value;
use std::collections::HashMap;

/// A desired object in its place.
#[derive(Debug, Clone)]
pub struct Desired {
    /// The object, with its namespace as the scope of its kind demands.
    pub object: Value,
    /// Its name.
    pub reference: ObjectRef,
    /// Where it is written.
    pub origin: Origin,
    /// How it is addressed; nothing while its CustomResourceDefinition is only in the same batch.
    pub resource: Option<Resource>,
}

/// Places all manifests of a mapping. The error names every object whose kind is not known: an unknown scope stops
/// the sync, because a wrong guess could delete.
pub fn place(
    catalogue: &Catalogue,
    manifests: &[Manifest],
    namespace: &str,
) -> Result<Vec<Desired>, ClusterError> {
    let located = locate(catalogue, manifests, namespace)?;
    let placed = manifests
        .iter()
        .zip(located)
        .map(|(manifest, (reference, resource))| settle(manifest, reference, resource.cloned()));
    Ok(placed.collect())
}

/// The names of manifests as they will be in the cluster, and how they are addressed there. See [`place`].
pub(super) fn locate<'c>(
    catalogue: &'c Catalogue,
    manifests: &[Manifest],
    namespace: &str,
) -> Result<Vec<(ObjectRef, Option<&'c Resource>)>, ClusterError> {
    let defined = definitions(manifests);
    let mut located = Vec::with_capacity(manifests.len());
    let mut seen: HashMap<ObjectKey, &Origin> = HashMap::with_capacity(manifests.len());
    let (mut unknown, mut hint) = (Vec::new(), None);
    for manifest in manifests {
        let reference = &manifest.reference;
        let (resource, namespaced) =
            match catalogue.lookup(&reference.group, &reference.version, &reference.kind) {
                Lookup::Served(resource) => (Some(resource), resource.namespaced),
                other => match defined.get(&(reference.group.as_str(), reference.kind.as_str())) {
                    Some(definition) if definition.serves(&reference.version) => {
                        (None, definition.namespaced)
                    }
                    _ => {
                        unknown.push(format!(
                            "{} {} ({})",
                            reference.api_version(),
                            reference,
                            manifest.origin
                        ));
                        hint.get_or_insert_with(|| explain(&other));
                        continue;
                    }
                },
            };
        let reference = in_scope(reference, namespaced, namespace);
        if let Some(first) = seen.insert(reference.key(), &manifest.origin) {
            return Err(ClusterError::Duplicate {
                object: Box::new(reference.key()),
                first: first.clone(),
                second: manifest.origin.clone(),
            });
        }
        located.push((reference, resource));
    }
    match hint {
        Some(hint) => Err(ClusterError::UnknownKind { objects: unknown, hint }),
        None => Ok(located),
    }
}

/// A name with the namespace that its scope demands.
fn in_scope(reference: &ObjectRef, namespaced: bool, namespace: &str) -> ObjectRef {
    let written = reference.namespace.clone().filter(|written| !written.is_empty());
    let settled = namespaced.then(|| written.unwrap_or_else(|| namespace.to_owned()));
    ObjectRef { namespace: settled, ..reference.clone() }
}

fn settle(manifest: &Manifest, reference: ObjectRef, resource: Option<Resource>) -> Desired {
    let mut object = manifest.object.clone();
    match &reference.namespace {
        Some(namespace) => object["metadata"]["namespace"] = namespace.clone().into(),
        None => {
            if let Some(metadata) = object["metadata"].as_object_mut() {
                metadata.shift_remove("namespace");
            }
        }
    }
    Desired { object, reference, origin: manifest.origin.clone(), resource }
}

fn explain(lookup: &Lookup<'_>) -> String {
    match lookup {
        Lookup::OtherVersions(versions) => format!("it serves {} instead", versions.join(", ")),
        Lookup::Failed(reason) => format!("{reason}, so nothing can be decided about its kinds"),
        Lookup::Served(_) | Lookup::Unknown => {
            "check apiVersion and kind, or add the CustomResourceDefinition to the mapping"
                .to_owned()
        }
    }
}

/// Scope and versions from a CustomResourceDefinition of the same batch.
pub(super) struct Definition<'a> {
    namespaced: bool,
    versions: Vec<&'a str>,
}

impl Definition<'_> {
    fn serves(&self, version: &str) -> bool {
        self.versions.contains(&version)
    }
}

pub(super) fn definitions(manifests: &[Manifest]) -> HashMap<(&str, &str), Definition<'_>> {
    manifests
        .iter()
        .filter(|manifest| is_definition(&manifest.reference))
        .filter_map(|manifest| {
            let spec = &manifest.object["spec"];
            let versions =
                spec["versions"].as_array()?.iter().filter(|version| version["served"] != false);
            let definition = Definition {
                namespaced: spec["scope"] == "Namespaced",
                versions: versions.filter_map(|version| version["name"].as_str()).collect(),
            };
            Some(((spec["group"].as_str()?, spec["names"]["kind"].as_str()?), definition))
        })
        .collect()
}

/// Whether an object is a CustomResourceDefinition.
pub fn is_definition(reference: &ObjectRef) -> bool {
    reference.group == "apiextensions.k8s.io" && reference.kind == "CustomResourceDefinition"
}

/// Whether an object is a Namespace.
pub fn is_namespace(reference: &ObjectRef) -> bool {
    reference.group.is_empty() && reference.kind == "Namespace"
}

/// Places a manifest of an earlier revision; a kind that is not known any more keeps what is written.
pub fn place_known(catalogue: &Catalogue, manifest: &Manifest, namespace: &str) -> Desired {
    let reference = &manifest.reference;
    let resource = catalogue.any(&reference.group, &reference.version, &reference.kind).cloned();
    let namespaced = resource.as_ref().is_none_or(|resource| resource.namespaced);
    settle(manifest, in_scope(reference, namespaced, namespace), resource)
}
