//! The scale subresource of workloads and of custom resources that have one.

use serde_json::{Value, json};

use super::{
    ApiServer,
    call::Call,
    failure::Failure,
    reply::{self, Reply},
    resource::Resource,
    selector::label_selector_text,
    store::Object,
};

impl ApiServer {
    /// GET on `scale`.
    pub(super) fn get_scale(&self, call: &Call) -> Result<Reply, Failure> {
        let place = call.place();
        let object = self
            .store()
            .get(&place.storage, &place.key)
            .ok_or_else(|| Failure::not_found(&call.resource, call.name()))?;
        Ok(reply::json(200, &scale_of(&call.resource, &object)))
    }

    /// PUT and PATCH on `scale`: changes only the count.
    pub(super) fn write_scale(&self, call: &Call, replace: bool) -> Result<Reply, Failure> {
        let body = call.json()?;
        let path = replicas_path(&call.resource);
        let stored = self.replace(&call.resource, &call.place(), &call.writing(), |live| {
            let before = scale_of(&call.resource, live);
            let scale = if replace {
                body.clone()
            } else {
                let mut scale = before;
                match call.content_type.as_str() {
                    "application/json-patch+json" => scale = self.patched(call, &scale, &body)?,
                    // A scale has no lists, so that all other patches of it are merges.
                    _ => json_patch::merge(&mut scale, &body),
                }
                scale
            };
            let count = scale.pointer("/spec/replicas").and_then(Value::as_i64).unwrap_or(0);
            if count < 0 {
                let cause = json!([{
                    "reason": "FieldValueInvalid", "field": "spec.replicas",
                    "message": format!("Invalid value: {count}: must be greater than or equal to 0"),
                }]);
                let message = format!(
                    "Scale.autoscaling \"{}\" is invalid: spec.replicas: Invalid value: {count}: must be greater than or equal to 0",
                    call.name()
                );
                let details = json!({"name": call.name(), "group": "autoscaling", "kind": "Scale", "causes": cause});
                return Err(Failure { details: Some(details), ..Failure::new(422, "Invalid", message) });
            }
            let mut object = (**live).clone();
            for field in ["uid", "resourceVersion"] {
                if let Some(given) = scale["metadata"].get(field) {
                    object["metadata"][field] = given.clone();
                }
            }
            set(&mut object, &path, json!(count));
            Ok(object)
        })?;
        Ok(reply::json(200, &scale_of(&call.resource, &stored)))
    }
}

fn replicas_path(resource: &Resource) -> String {
    let custom = resource.custom.as_ref().and_then(|custom| custom.scale.as_ref());
    custom.map_or_else(|| ".spec.replicas".to_owned(), |scale| scale.spec.clone())
}

fn scale_of(resource: &Resource, object: &Object) -> Value {
    let at = |path: &str| {
        path.split('.')
            .filter(|part| !part.is_empty())
            .try_fold(&**object, |value, part| value.get(part))
    };
    let custom = resource.custom.as_ref().and_then(|custom| custom.scale.as_ref());
    let wanted = at(&replicas_path(resource)).and_then(Value::as_i64).unwrap_or(0);
    let observed = at(custom.map_or(".status.replicas", |scale| &scale.status))
        .and_then(Value::as_i64)
        .unwrap_or(0);
    let selector = match custom {
        Some(scale) => scale
            .selector
            .as_deref()
            .and_then(at)
            .and_then(Value::as_str)
            .unwrap_or_default()
            .to_owned(),
        None => label_selector_text(&object["spec"]["selector"]),
    };
    let metadata = &object["metadata"];
    let mut status = json!({"replicas": observed});
    if !selector.is_empty() {
        status["selector"] = json!(selector);
    }
    json!({
        "kind": "Scale", "apiVersion": "autoscaling/v1",
        "metadata": {
            "name": metadata["name"], "namespace": metadata["namespace"], "uid": metadata["uid"],
            "resourceVersion": metadata["resourceVersion"], "creationTimestamp": metadata["creationTimestamp"],
        },
        "spec": {"replicas": wanted},
        "status": status,
    })
}

fn set(object: &mut Value, path: &str, value: Value) {
    let mut place = object;
    for part in path.split('.').filter(|part| !part.is_empty()) {
        if !place.is_object() {
            *place = json!({});
        }
        place = &mut place[part];
    }
    *place = value;
}
