//! Live objects of a namespace, by name, by labels, or all that somebody made.

use super::discovery::Catalogue;
use super::live::{Live, types_of};
use super::resource::Resource;
use super::wire::{Failure, JSON};
use super::{Cluster, ClusterError};
use crate::domain::ObjectRef;
use crate::domain::export::{Selection, is_made_by_machines};
use crate::domain::labels::LabelSelector;
use serde_json::Value;
use std::collections::BTreeSet;

/// What was found.
#[derive(Debug, Default)]
pub struct Exported {
    /// Objects with everything that the server says of them, by kind and name.
    pub objects: Vec<Value>,
    /// What could not be read, a sentence each.
    pub unread: Vec<String>,
    /// Named objects that are not there.
    pub missing: Vec<String>,
    /// What autoscalers of the namespace scale, as kind and name.
    pub scaled: Vec<(String, String)>,
}

impl Cluster {
    /// Reads what is wanted of a namespace. Kinds that may not be read are said.
    pub async fn export(
        &self,
        namespace: &str,
        wanted: &Selection,
    ) -> Result<Exported, ClusterError> {
        let catalogue = self.catalogue().await?;
        let namespace = self.namespace_of(namespace);
        let kinds: Vec<&Resource> =
            catalogue.preferred().filter(|one| one.namespaced && one.offers("list")).collect();
        let lists = kinds.iter().map(|resource| self.list_all(resource, namespace));
        let lists = futures::future::join_all(lists).await;
        let mut found = Exported::default();
        for (group, reason) in catalogue.failed() {
            found.unread.push(format!("the group {group} cannot be asked: {reason}"));
        }
        let (mut all, mut seen) = (Vec::new(), BTreeSet::new());
        for (resource, listed) in kinds.iter().zip(lists) {
            match listed {
                Ok(objects) => {
                    let fresh = |object: &Value| {
                        let uid = object["metadata"]["uid"].as_str().unwrap_or_default();
                        seen.insert(uid.to_owned())
                    };
                    all.extend(objects.into_iter().filter(fresh));
                }
                // Kinds that only programs ask for are often served and not listed.
                Err(failure) if matches!(failure.code(), 403..=405) => {
                    let name = resource.qualified();
                    found.unread.push(format!("{name} of {namespace} may not be listed"));
                }
                Err(failure) => {
                    let secret = resource.is_secret();
                    return Err(self.explain(&failure, "list", &resource.qualified(), secret));
                }
            }
        }
        found.scaled = crate::domain::export::scaled(&all);
        found.choose(all, wanted, &catalogue);
        Ok(found)
    }

    async fn list_all(&self, resource: &Resource, namespace: &str) -> Result<Vec<Value>, Failure> {
        let mut found = Vec::new();
        let types = types_of(resource);
        let visit = |page: &super::live::Page<'_>, restarted: bool| {
            if restarted {
                found.clear();
            }
            for item in page.items.iter().flatten() {
                found.push(Live::read(item.get(), resource, &types)?.1.value());
            }
            Ok(())
        };
        self.wire().each_page(resource, Some(namespace), JSON, visit).await?;
        Ok(found)
    }
}

impl Exported {
    fn choose(&mut self, all: Vec<Value>, wanted: &Selection, catalogue: &Catalogue) {
        let selector = wanted.selector.as_deref().and_then(|text| LabelSelector::parse(text).ok());
        let named = |object: &Value| {
            ObjectRef::of(object)
                .is_some_and(|one| wanted.names.iter().any(|name| is_named(name, &one, catalogue)))
        };
        self.objects = all
            .into_iter()
            .filter(|object| {
                if wanted.names.is_empty() { !is_made_by_machines(object) } else { named(object) }
            })
            .filter(|object| selector.as_ref().is_none_or(|one| one.matches(object)))
            .collect();
        self.objects.sort_by_key(|object| {
            let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
            (text(&object["kind"]), text(&object["metadata"]["name"]))
        });
        let is_there = |name: &&String| {
            let of = |object: &Value| {
                ObjectRef::of(object).is_some_and(|one| is_named(name, &one, catalogue))
            };
            self.objects.iter().any(of)
        };
        self.missing = wanted.names.iter().filter(|name| !is_there(name)).cloned().collect();
    }
}

/// Whether a text, `Deployment/web` or `deployments/web`, names an object.
fn is_named(text: &str, object: &ObjectRef, catalogue: &Catalogue) -> bool {
    let Some((kind, name)) = text.split_once('/') else { return false };
    let plural = catalogue.any(&object.group, &object.version, &object.kind);
    let kinds = [
        object.kind.to_lowercase(),
        object.key().group_kind().to_lowercase(),
        plural.map(|resource| resource.plural.clone()).unwrap_or_default(),
    ];
    name == object.name && kinds.contains(&kind.to_lowercase())
}
