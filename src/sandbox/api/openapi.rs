//! OpenAPI v3 documents, as far as kubectl reads them: schemas, and what PATCH takes.

use serde_json::{Map, Value, json};

use super::{
    ApiServer,
    failure::Failure,
    reply::{self, Reply},
    resource::Resource,
};

impl ApiServer {
    /// `/openapi/v3`: one document per group and version.
    pub(super) fn openapi_index(&self) -> Reply {
        let mut paths = Map::new();
        for group in self.registry().groups() {
            for version in &group.versions {
                let place = document_name(&group.name, version);
                paths.insert(
                    place.clone(),
                    json!({"serverRelativeURL": format!("/openapi/v3/{place}?hash=0")}),
                );
            }
        }
        reply::json(200, &json!({"paths": paths}))
    }

    /// `/openapi/v2`, which kubectl reads, as protobuf only, when version 3 does not know a kind: it describes nothing.
    pub(super) fn openapi_v2() -> Reply {
        // Field 1 of `openapi.v2.Document`: the version of the format.
        let document: &[u8] = b"\x0a\x032.0";
        let kind = "application/com.github.proto-openapi.spec.v2.v1.0+protobuf";
        reply::typed(200, kind, reply::full(document))
    }

    /// `/openapi/v3/apis/GROUP/VERSION`.
    pub(super) fn openapi_document(&self, place: &str) -> Result<Reply, Failure> {
        let (group, version) = match place.split('/').collect::<Vec<_>>().as_slice() {
            ["api", version] => (String::new(), (*version).to_owned()),
            ["apis", group, version] => ((*group).to_owned(), (*version).to_owned()),
            _ => return Err(Failure::no_such_path()),
        };
        let resources = self.registry().of_version(&group, &version);
        if resources.is_empty() {
            return Err(Failure::no_such_path());
        }
        let (mut paths, mut schemas) = (Map::new(), Map::new());
        for resource in resources.iter().filter(|resource| !resource.transient) {
            let Some(schema) = self.schema(resource) else { continue };
            let mut root = schema.openapi();
            root["x-kubernetes-group-version-kind"] = json!([resource.group_version_kind()]);
            schemas.extend(schema.components());
            schemas.insert(schema.name().to_owned(), root);
            add_paths(&mut paths, resource, schema.name());
        }
        Ok(reply::json(
            200,
            &json!({
                "openapi": "3.0.0",
                "info": {"title": "Kubernetes", "version": "v1.36.0"},
                "paths": paths,
                "components": {"schemas": schemas},
            }),
        ))
    }
}

fn document_name(group: &str, version: &str) -> String {
    if group.is_empty() { format!("api/{version}") } else { format!("apis/{group}/{version}") }
}

fn add_paths(paths: &mut Map<String, Value>, resource: &Resource, component: &str) {
    let root = format!("/{}", document_name(&resource.group, &resource.version));
    let place = if resource.namespaced { "/namespaces/{namespace}" } else { "" };
    let body = json!({"schema": {"$ref": format!("#/components/schemas/{component}")}});
    let answer = json!({"200": {"description": "OK", "content": {"application/json": body}}});
    let operation = |action: &str, parameters: Value| {
        json!({
            "parameters": parameters,
            "responses": answer,
            "x-kubernetes-action": action,
            "x-kubernetes-group-version-kind": resource.group_version_kind(),
        })
    };
    let content = json!({"content": {"*/*": body}});
    let mut create = operation("post", parameters(&["dryRun", "fieldManager", "fieldValidation"]));
    create["requestBody"] = content.clone();
    let collection = json!({
        "get": operation("list", parameters(&["labelSelector", "fieldSelector", "limit", "continue", "watch", "resourceVersion"])),
        "post": create,
    });
    paths.insert(format!("{root}{place}/{}", resource.plural), collection);
    let mut update = operation("put", parameters(&["dryRun", "fieldManager", "fieldValidation"]));
    update["requestBody"] = content.clone();
    let mut patch =
        operation("patch", parameters(&["dryRun", "fieldManager", "fieldValidation", "force"]));
    let media = [
        "application/apply-patch+yaml",
        "application/json-patch+json",
        "application/merge-patch+json",
        "application/strategic-merge-patch+json",
    ];
    let kinds: Map<String, Value> = media
        .iter()
        .map(|kind| ((*kind).to_owned(), json!({"schema": {"type": "object"}})))
        .collect();
    patch["requestBody"] = json!({"content": kinds});
    let object = json!({
        "get": operation("get", json!([])),
        "put": update,
        "patch": patch,
        "delete": operation("delete", parameters(&["dryRun", "gracePeriodSeconds", "propagationPolicy"])),
    });
    paths.insert(format!("{root}{place}/{}/{{name}}", resource.plural), object);
}

fn parameters(names: &[&str]) -> Value {
    names.iter().map(|name| json!({"name": name, "in": "query", "schema": {"type": "string", "uniqueItems": true}})).collect()
}
