//! What the server serves at the moment: built-in resources and those of custom resource definitions.

use std::sync::Arc;

use indexmap::IndexMap;

use super::{builtin, resource::Resource};

/// An immutable picture of the served resources; a new one replaces it when a CRD comes or goes.
#[derive(Debug, Clone, Default)]
pub struct Registry {
    resources: IndexMap<(String, String, String), Arc<Resource>>,
}

/// A group with its versions, the preferred one first.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Group {
    /// Name; empty for core.
    pub name: String,
    /// Versions, preferred first.
    pub versions: Vec<String>,
}

impl Registry {
    /// The built-in resources.
    pub fn builtin() -> Self {
        let mut registry = Self::default();
        for resource in builtin::resources() {
            registry.add(resource);
        }
        registry
    }

    /// Serves a resource, replacing one of the same name and version.
    pub fn add(&mut self, resource: Resource) {
        let key = (resource.group.clone(), resource.version.clone(), resource.plural.clone());
        self.resources.insert(key, Arc::new(resource));
    }

    /// Stops to serve what a definition brought.
    pub fn remove_definition(&mut self, definition: &str) {
        self.resources.retain(|_, resource| {
            resource.custom.as_ref().is_none_or(|custom| custom.definition != definition)
        });
    }

    /// A resource by its place in a path.
    pub fn find(&self, group: &str, version: &str, plural: &str) -> Option<Arc<Resource>> {
        self.resources.get(&(group.to_owned(), version.to_owned(), plural.to_owned())).cloned()
    }

    /// Any version of a resource, by the place where it is stored.
    pub fn of_storage(&self, storage: &str) -> Option<Arc<Resource>> {
        self.resources.values().find(|resource| &*resource.storage == storage).cloned()
    }

    /// Everything that is served.
    #[cfg(test)]
    pub fn all(&self) -> impl Iterator<Item = &Arc<Resource>> {
        self.resources.values()
    }

    /// The resources of one group and version.
    pub fn of_version(&self, group: &str, version: &str) -> Vec<Arc<Resource>> {
        self.resources
            .values()
            .filter(|resource| resource.group == group && resource.version == version)
            .cloned()
            .collect()
    }

    /// All groups with their versions, in the order in which they were added; the core group first.
    pub fn groups(&self) -> Vec<Group> {
        let mut groups: IndexMap<&str, Vec<String>> = IndexMap::new();
        for resource in self.resources.values() {
            let versions = groups.entry(&resource.group).or_default();
            if !versions.contains(&resource.version) {
                versions.push(resource.version.clone());
            }
        }
        groups
            .into_iter()
            .map(|(name, versions)| Group { name: name.to_owned(), versions })
            .collect()
    }
}
