//! What clients learn about the server: groups, versions and resources, in the old and the aggregated form.

use serde_json::{Value, json};

use super::{
    ApiServer,
    failure::Failure,
    registry::Registry,
    reply::{self, Reply},
    resource::Resource,
};

/// Content type of aggregated discovery, without its `v`.
const AGGREGATED: &str = "application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList";

impl ApiServer {
    /// `/api`, `/apis` and what is below, down to one group and version.
    pub(super) fn discovery(&self, path: &str, accept: &str) -> Result<Reply, Failure> {
        let segments: Vec<&str> = path.split('/').filter(|segment| !segment.is_empty()).collect();
        let registry = self.registry();
        let aggregated = accept.contains("as=APIGroupDiscoveryList") && accept.contains("v=v2");
        match segments.as_slice() {
            ["api"] if aggregated => Ok(self.aggregated(&registry, true)),
            ["apis"] if aggregated => Ok(self.aggregated(&registry, false)),
            ["api"] => Ok(reply::json(
                200,
                &json!({
                    "kind": "APIVersions", "versions": ["v1"],
                    "serverAddressByClientCIDRs": [{"clientCIDR": "0.0.0.0/0", "serverAddress": "127.0.0.1:6443"}],
                }),
            )),
            ["apis"] => {
                let groups: Vec<Value> =
                    self.group_names(&registry).into_iter().map(|(_, value)| value).collect();
                Ok(reply::json(
                    200,
                    &json!({"kind": "APIGroupList", "apiVersion": "v1", "groups": groups}),
                ))
            }
            ["apis", group] => {
                let found = self.group_names(&registry).into_iter().find(|(name, _)| name == group);
                let (_, mut value) = found.ok_or_else(Failure::page_not_found)?;
                value["kind"] = json!("APIGroup");
                value["apiVersion"] = json!("v1");
                Ok(reply::json(200, &value))
            }
            ["api", version] => self.resource_list(&registry, "", version),
            ["apis", group, version] => self.resource_list(&registry, group, version),
            _ => Err(Failure::page_not_found()),
        }
    }

    fn group_names(&self, registry: &Registry) -> Vec<(String, Value)> {
        let mut found = Vec::new();
        for group in registry.groups().into_iter().filter(|group| !group.name.is_empty()) {
            let version = |version: &String| json!({"groupVersion": format!("{}/{version}", group.name), "version": version});
            let versions: Vec<Value> = group.versions.iter().map(version).collect();
            let value =
                json!({"name": group.name, "versions": versions, "preferredVersion": versions[0]});
            found.push((group.name.clone(), value));
        }
        for service in self.dead_services() {
            let version = json!({"groupVersion": format!("{}/{}", service.0, service.1), "version": service.1});
            let value =
                json!({"name": service.0, "versions": [version], "preferredVersion": version});
            if !found.iter().any(|(name, _)| *name == service.0) {
                found.push((service.0, value));
            }
        }
        found
    }

    fn resource_list(
        &self,
        registry: &Registry,
        group: &str,
        version: &str,
    ) -> Result<Reply, Failure> {
        let resources = registry.of_version(group, version);
        if self.faults().is_stale(group) {
            return Err(Failure::new(503, "ServiceUnavailable", "service unavailable"));
        }
        if resources.is_empty() {
            if self.dead_services().iter().any(|(name, dead)| name == group && dead == version) {
                return Err(Failure::new(503, "ServiceUnavailable", "service unavailable"));
            }
            return Err(Failure::page_not_found());
        }
        let mut entries = Vec::new();
        for resource in &resources {
            entries.push(legacy(resource));
            for subresource in resource.subresources() {
                let mut entry = json!({
                    "name": format!("{}/{}", resource.plural, subresource.name),
                    "singularName": "",
                    "namespaced": resource.namespaced,
                });
                if (subresource.group.as_str(), subresource.version.as_str()) != (group, version) {
                    entry["group"] = json!(subresource.group);
                    entry["version"] = json!(subresource.version);
                }
                entry["kind"] = json!(subresource.kind);
                entry["verbs"] = json!(subresource.verbs);
                entries.push(entry);
            }
        }
        let mut list = json!({"kind": "APIResourceList"});
        // The list of the oldest group goes without.
        if !group.is_empty() {
            list["apiVersion"] = json!("v1");
        }
        let named =
            if group.is_empty() { version.to_owned() } else { format!("{group}/{version}") };
        list["groupVersion"] = json!(named);
        list["resources"] = Value::Array(entries);
        Ok(reply::json(200, &list))
    }

    fn aggregated(&self, registry: &Registry, core: bool) -> Reply {
        let mut items = Vec::new();
        for group in registry.groups().into_iter().filter(|group| group.name.is_empty() == core) {
            let stale = self.faults().is_stale(&group.name);
            let versions: Vec<Value> = group
                .versions
                .iter()
                .map(|version| {
                    let resources = registry.of_version(&group.name, version);
                    let entries: Vec<Value> = if stale {
                        Vec::new()
                    } else {
                        resources.iter().map(|each| entry(each)).collect()
                    };
                    let freshness = if stale { "Stale" } else { "Current" };
                    json!({"version": version, "resources": entries, "freshness": freshness})
                })
                .collect();
            items.push(aggregated_group(&group.name, versions));
        }
        if !core {
            for (group, version) in self.dead_services() {
                if registry.groups().iter().all(|each| each.name != group) {
                    items.push(aggregated_group(
                        &group,
                        vec![json!({"version": version, "freshness": "Stale"})],
                    ));
                }
            }
        }
        let list = json!({
            "kind": "APIGroupDiscoveryList", "apiVersion": "apidiscovery.k8s.io/v2", "metadata": {}, "items": items,
        });
        reply::typed(200, AGGREGATED, reply::full(list.to_string()))
    }
}

fn aggregated_group(name: &str, versions: Vec<Value>) -> Value {
    let mut metadata = json!({});
    if !name.is_empty() {
        metadata["name"] = json!(name);
    }
    json!({"metadata": metadata, "versions": versions})
}

fn legacy(resource: &Resource) -> Value {
    let mut entry = json!({
        "name": resource.plural,
        "singularName": resource.singular,
        "namespaced": resource.namespaced,
        "kind": resource.kind,
        "verbs": resource.verbs(),
    });
    if !resource.short.is_empty() {
        entry["shortNames"] = json!(resource.short);
    }
    if !resource.categories.is_empty() {
        entry["categories"] = json!(resource.categories);
    }
    if !resource.transient {
        entry["storageVersionHash"] = json!(hash(&resource.qualified()));
    }
    entry
}

fn entry(resource: &Resource) -> Value {
    let mut entry = json!({
        "resource": resource.plural,
        "responseKind": response_kind(resource, (&resource.group, &resource.version, &resource.kind)),
        "scope": if resource.namespaced { "Namespaced" } else { "Cluster" },
        "singularResource": resource.singular,
        "verbs": resource.verbs(),
    });
    if !resource.short.is_empty() {
        entry["shortNames"] = json!(resource.short);
    }
    if !resource.categories.is_empty() {
        entry["categories"] = json!(resource.categories);
    }
    let subresources: Vec<Value> = resource
        .subresources()
        .into_iter()
        .map(|each| {
            json!({
                "subresource": each.name,
                "responseKind": response_kind(resource, (&each.group, &each.version, &each.kind)),
                "verbs": each.verbs,
            })
        })
        .collect();
    if !subresources.is_empty() {
        entry["subresources"] = Value::Array(subresources);
    }
    entry
}

/// The kind of an answer. The real server leaves group and version out where they are the resource's own, except for
/// custom resources.
fn response_kind(resource: &Resource, (group, version, kind): (&str, &str, &str)) -> Value {
    if !resource.is_custom()
        && (group, version) == (resource.group.as_str(), resource.version.as_str())
    {
        return json!({"group": "", "version": "", "kind": kind});
    }
    json!({"group": group, "version": version, "kind": kind})
}

fn hash(text: &str) -> String {
    use base64::{Engine as _, engine::general_purpose::STANDARD};
    use sha2::{Digest as _, Sha256};
    STANDARD.encode(&Sha256::digest(text)[..8])
}
