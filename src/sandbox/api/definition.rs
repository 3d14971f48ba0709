//! Custom resource definitions: what they name is served, and ceases to be.

use std::sync::{Arc, PoisonError};

use serde_json::{Value, json};

use super::{
    ApiServer,
    delete::{CLEANUP, Deletion},
    identity,
    resource::{Column, Custom, Resource, ScalePaths},
    store::{Key, Object, Range, Reference},
    write::{Writing, place_of},
};

/// Storage of the definitions.
const STORAGE: &str = "customresourcedefinitions.apiextensions.k8s.io";

impl ApiServer {
    /// Serves what a definition names, and says so in its conditions.
    pub(super) fn serve_definition(&self, definition: &Object) {
        if definition.pointer("/metadata/deletionTimestamp").is_some() {
            return;
        }
        self.change_registry(|registry| {
            registry.remove_definition(definition["metadata"]["name"].as_str().unwrap_or_default());
            for resource in resources(definition) {
                registry.add(resource);
            }
        });
        {
            let mut schemas = self.inner.schemas.write().unwrap_or_else(PoisonError::into_inner);
            *schemas = schemas.with_crd(definition);
        }
        let Some(resource) =
            self.registry().find("apiextensions.k8s.io", "v1", "customresourcedefinitions")
        else {
            return;
        };
        let place = place_of(&resource, definition);
        let status = status(definition);
        if definition["status"] != status {
            let writing = Writing::by("kube-apiserver").through("status");
            let written = self.replace(&resource, &place, &writing, |live| {
                let mut object = (**live).clone();
                object["status"] = status.clone();
                Ok(object)
            });
            if let Err(failure) = written {
                tracing::debug!(%failure, "the definition could not be marked as established");
            }
        }
    }

    /// Removes the objects of a definition that is being deleted.
    pub(super) fn retire_definition(&self, definition: &Object) {
        for resource in resources(definition).into_iter().take(1) {
            if let Ok(listing) = self.store().list(&resource.storage, &Range::default(), |_| true) {
                for object in listing.items {
                    self.remove_place(&place_of(&resource, &object), &Deletion::background());
                }
            }
            self.finish_definition(&resource);
        }
    }

    /// Lets a definition go that is being deleted and has no objects left.
    pub(super) fn finish_definition(&self, resource: &Resource) {
        let Some(custom) = &resource.custom else { return };
        let key = Key { namespace: String::new(), name: custom.definition.clone() };
        let Some(definition) = self.store().get(STORAGE, &key) else { return };
        if definition.pointer("/metadata/deletionTimestamp").is_none() {
            return;
        }
        let range = Range { limit: Some(1), ..Range::default() };
        if self
            .store()
            .list(&resource.storage, &range, |_| true)
            .is_ok_and(|listing| !listing.items.is_empty())
        {
            return;
        }
        self.release(&Reference { storage: STORAGE.into(), key }, CLEANUP);
    }

    /// Stops to serve what a removed definition named.
    pub(super) fn forget_definition(&self, definition: &Value) {
        self.change_registry(|registry| {
            registry.remove_definition(definition["metadata"]["name"].as_str().unwrap_or_default());
        });
        for resource in resources(definition) {
            self.store().wake(&resource.storage);
        }
    }
}

fn status(definition: &Value) -> Value {
    let condition = |kind: &str, reason: &str, message: &str| {
        let kept = definition
            .pointer("/status/conditions")
            .and_then(Value::as_array)
            .into_iter()
            .flatten();
        let since = kept
            .filter(|each| each["type"] == kind && each["status"] == "True")
            .find_map(|each| each["lastTransitionTime"].as_str().map(str::to_owned));
        json!({
            "lastTransitionTime": since.unwrap_or_else(identity::now),
            "message": message, "reason": reason, "status": "True", "type": kind,
        })
    };
    let mut names = definition["spec"]["names"].clone();
    if names["listKind"].is_null() {
        names["listKind"] = json!(format!("{}List", names["kind"].as_str().unwrap_or_default()));
    }
    if names["singular"].is_null() {
        names["singular"] = json!(names["kind"].as_str().unwrap_or_default().to_lowercase());
    }
    let mut stored: Vec<Value> = definition
        .pointer("/status/storedVersions")
        .and_then(Value::as_array)
        .cloned()
        .unwrap_or_default();
    for version in versions(definition).filter(|version| version["storage"] == true) {
        if !stored.contains(&version["name"]) {
            stored.push(version["name"].clone());
        }
    }
    json!({
        "acceptedNames": names,
        "conditions": [
            condition("NamesAccepted", "NoConflicts", "no conflicts found"),
            condition("Established", "InitialNamesAccepted", "the initial names have been accepted"),
        ],
        "storedVersions": stored,
    })
}

fn versions(definition: &Value) -> impl Iterator<Item = &Value> {
    definition.pointer("/spec/versions").and_then(Value::as_array).into_iter().flatten()
}

/// What a definition serves, the preferred version first.
fn resources(definition: &Value) -> Vec<Resource> {
    let specification = &definition["spec"];
    let names = &specification["names"];
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let words = |value: &Value| -> Vec<String> {
        value
            .as_array()
            .into_iter()
            .flatten()
            .filter_map(Value::as_str)
            .map(str::to_owned)
            .collect()
    };
    let (group, plural, kind) =
        (text(&specification["group"]), text(&names["plural"]), text(&names["kind"]));
    let mut served: Vec<&Value> =
        versions(definition).filter(|version| version["served"] == true).collect();
    served.sort_by_key(|version| {
        std::cmp::Reverse(priority(version["name"].as_str().unwrap_or_default()))
    });
    let storage: Arc<str> = format!("{plural}.{group}").into();
    served
        .into_iter()
        .map(|version| Resource {
            group: group.clone(),
            version: text(&version["name"]),
            kind: kind.clone(),
            list_kind: names["listKind"]
                .as_str()
                .map_or_else(|| format!("{kind}List"), str::to_owned),
            plural: plural.clone(),
            singular: names["singular"].as_str().map_or_else(|| kind.to_lowercase(), str::to_owned),
            short: words(&names["shortNames"]),
            categories: words(&names["categories"]),
            namespaced: specification["scope"] == "Namespaced",
            status: version.pointer("/subresources/status").is_some(),
            scale: version.pointer("/subresources/scale").is_some(),
            generation: true,
            transient: false,
            storage: storage.clone(),
            custom: Some(custom(definition, version)),
        })
        .collect()
}

fn custom(definition: &Value, version: &Value) -> Custom {
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let list = |name: &str| version[name].as_array().cloned().unwrap_or_default();
    Custom {
        definition: text(&definition["metadata"]["name"]),
        columns: list("additionalPrinterColumns")
            .iter()
            .map(|column| Column {
                name: text(&column["name"]),
                kind: text(&column["type"]),
                path: text(&column["jsonPath"]),
                priority: column["priority"].as_i64().unwrap_or(0),
                description: text(&column["description"]),
            })
            .collect(),
        selectable: list("selectableFields").iter().map(|field| text(&field["jsonPath"])).collect(),
        scale: version.pointer("/subresources/scale").map(|scale| ScalePaths {
            spec: text(&scale["specReplicasPath"]),
            status: text(&scale["statusReplicasPath"]),
            selector: scale["labelSelectorPath"].as_str().map(str::to_owned),
        }),
    }
}

/// Kubernetes' order of versions: stable before beta before alpha, then by number.
fn priority(version: &str) -> (u8, u64, u64) {
    let number = |text: &str| text.parse::<u64>().ok();
    let Some(rest) = version.strip_prefix('v') else { return (0, 0, 0) };
    if let Some(major) = number(rest) {
        return (3, major, 0);
    }
    for (stage, rank) in [("beta", 2), ("alpha", 1)] {
        if let Some((major, minor)) = rest.split_once(stage)
            && let (Some(major), Some(minor)) = (number(major), number(minor))
        {
            return (rank, major, minor);
        }
    }
    (0, 0, 0)
}
