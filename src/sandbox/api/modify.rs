//! The verbs create, update and patch.

use std::sync::Arc;

use serde_json::{Value, json};

use super::{
    ApiServer,
    call::{Call, Strictness},
    convert,
    failure::{Cause, Failure},
    identity, prepare, read,
    reply::Reply,
    request::Target,
    resource::Resource,
    rules::{self, ApplyError, Writer},
    store::Object,
    write::Writing,
};

/// Media types that PATCH takes.
const PATCHES: [&str; 4] = [
    "application/json-patch+json",
    "application/merge-patch+json",
    "application/strategic-merge-patch+json",
    "application/apply-patch+yaml",
];

impl Call {
    /// How this request writes.
    pub fn writing(&self) -> Writing {
        Writing {
            manager: self.manager(),
            dry_run: self.query.dry_run(),
            subresource: self.target.subresource.clone(),
            unchecked: false,
            tracked: false,
        }
    }
}

impl ApiServer {
    /// POST on a collection.
    pub(super) fn create(&self, call: &Call) -> Result<Reply, Failure> {
        let mut object = call.json()?;
        check_identity(call, &mut object)?;
        self.check_fields(call, &mut object)?;
        let stored = self.insert(&call.resource, object, &call.writing())?;
        read::object_reply(call, 201, &without_revision(call, stored))
    }

    /// PUT on an object or its status.
    pub(super) fn update(&self, call: &Call) -> Result<Reply, Failure> {
        let mut object = call.json()?;
        check_identity(call, &mut object)?;
        self.check_fields(call, &mut object)?;
        if call.resource.is_custom()
            && object["metadata"]["resourceVersion"].as_str().is_none_or(str::is_empty)
        {
            let why = "Invalid value: 0: must be specified for an update";
            let cause = Cause::new("Invalid", "metadata.resourceVersion", why);
            return Err(Failure::invalid(&call.resource, call.name(), &[cause]));
        }
        if object["metadata"]["name"] != call.name() {
            return Err(Failure::bad_request(format!(
                "the name of the object ({}) does not match the name on the URL ({})",
                object["metadata"]["name"].as_str().unwrap_or_default(),
                call.name()
            )));
        }
        let stored =
            self.replace(&call.resource, &call.place(), &call.writing(), |_| Ok(object.clone()))?;
        read::object_reply(call, 200, &stored)
    }

    /// PATCH on an object or its status.
    pub(super) fn patch(&self, call: &Call) -> Result<Reply, Failure> {
        if call.content_type == "application/apply-patch+yaml" {
            return self.apply(call);
        }
        let patch = call.json()?;
        let stored = self.replace(&call.resource, &call.place(), &call.writing(), |live| {
            let served = convert::to_served(&call.resource, live);
            let mut patched = self.patched(call, &served, &patch)?;
            check_identity(call, &mut patched)?;
            self.check_fields(call, &mut patched).map_err(|failure| unfit(&patched, failure))?;
            Ok(patched)
        })?;
        read::object_reply(call, 200, &stored)
    }

    /// An object with a JSON, merge or strategic merge patch of the request applied.
    pub(super) fn patched(
        &self,
        call: &Call,
        live: &Value,
        patch: &Value,
    ) -> Result<Value, Failure> {
        let mut object = live.clone();
        match call.content_type.as_str() {
            "application/json-patch+json" => {
                let operations: json_patch::Patch =
                    serde_json::from_value(patch.clone()).map_err(|error| {
                        Failure::bad_request(format!("error decoding patch: {error}"))
                    })?;
                for operation in operations.0 {
                    patch_once(&mut object, operation)?;
                }
            }
            "application/merge-patch+json" => json_patch::merge(&mut object, patch),
            "application/strategic-merge-patch+json" if !call.resource.is_custom() => {
                let schema = self
                    .schema(&call.resource)
                    .ok_or_else(|| Failure::unsupported_media(&PATCHES[..2]))?;
                object =
                    rules::strategic_merge(&schema, live, patch).map_err(Failure::unforeseen)?;
            }
            _ if call.resource.is_custom() => {
                return Err(Failure::unsupported_media(&[PATCHES[0], PATCHES[1], PATCHES[3]]));
            }
            _ => return Err(Failure::unknown_patch()),
        }
        Ok(object)
    }

    /// Server-side apply on an object or its status.
    fn apply(&self, call: &Call) -> Result<Reply, Failure> {
        if call.query.get("fieldManager").is_none() {
            let cause = Cause::new(
                "Required",
                "fieldManager",
                "Required value: is required for apply patch",
            );
            return Err(Failure::invalid_option("PatchOptions", cause));
        }
        let mut patch = call.json()?;
        let other = |field: &str, own: &str| patch[field].as_str().is_some_and(|text| text != own);
        if other("kind", &call.resource.kind) || other("apiVersion", &call.resource.api_version()) {
            let text = |field: &str| patch[field].as_str().unwrap_or_default();
            let (group, version) =
                text("apiVersion").rsplit_once('/').unwrap_or(("", text("apiVersion")));
            let message = format!("invalid object type: {group}/{version}, Kind={}", text("kind"));
            return Err(Failure::bad_request(message));
        }
        check_identity(call, &mut patch)?;
        // Applied configurations are strict in any case: what the schema does not know is refused when merging.
        call.strictness()?;
        if patch.pointer("/metadata/managedFields").is_some_and(|fields| !fields.is_null()) {
            return Err(Failure::bad_request("metadata.managedFields must be nil"));
        }
        let writing = Writing { tracked: true, ..call.writing() };
        let place = call.place();
        loop {
            if self.store().get(&place.storage, &place.key).is_none() {
                return self.apply_new(call, &patch, &writing);
            }
            let applied = self.replace(&call.resource, &place, &writing, |live| {
                self.merged(call, Some(live), &patch)
            });
            match applied {
                // Removed between the look and the write: a new object then.
                Err(failure) if failure.reason == "NotFound" => {}
                applied => return read::object_reply(call, 200, &applied?),
            }
        }
    }

    fn apply_new(&self, call: &Call, patch: &Value, writing: &Writing) -> Result<Reply, Failure> {
        if call.target.subresource.is_some() {
            return Err(Failure::not_found(&call.resource, call.name()));
        }
        if patch.pointer("/metadata/uid").and_then(Value::as_str).is_some_and(|uid| !uid.is_empty())
        {
            let uid = patch["metadata"]["uid"].as_str().unwrap_or_default();
            let why = format!(
                "uid mismatch: the provided object specified uid {uid}, and no existing object was found"
            );
            return Err(Failure::conflict(&call.resource, call.name(), &why));
        }
        let mut object = self.merged(call, None, patch)?;
        // Who may patch may not create for that alone.
        self.authorise(call, "create")?;
        prepare::metadata(&mut object).shift_remove("resourceVersion");
        let stored = self.insert(&call.resource, object, writing)?;
        read::object_reply(call, 201, &without_revision(call, stored))
    }

    fn merged(&self, call: &Call, live: Option<&Object>, patch: &Value) -> Result<Value, Failure> {
        if let (Some(live), Some(uid)) = (live, given_uid(patch))
            && live["metadata"]["uid"] != uid
        {
            // Found by the validation of metadata and again by that of its update.
            let message = format!("Invalid value: {uid:?}: field is immutable");
            let cause = || Cause::new("Invalid", "metadata.uid", message.clone());
            return Err(Failure::invalid(&call.resource, call.name(), &[cause(), cause()]));
        }
        let schema = self
            .schema(&call.resource)
            .ok_or_else(|| Failure::internal("the kind has no schema to apply with"))?;
        let (manager, version, time) =
            (call.manager(), call.resource.api_version(), identity::now());
        let writer = Writer {
            manager: &manager,
            api_version: &version,
            time: &time,
            subresource: call.target.subresource.as_deref(),
        };
        let served = live.map(|live| convert::to_served(&call.resource, live));
        if let Some(live) = &served {
            self.check_earlier(call, live, patch)?;
        }
        rules::apply(&schema, served.as_deref(), patch, &writer, call.query.is_true("force"))
            .map_err(|error| apply_failure(call, &error))
    }

    /// Treats unknown fields as the request asks, and drops them.
    pub(super) fn check_fields(&self, call: &Call, object: &mut Value) -> Result<(), Failure> {
        let strictness = call.strictness()?;
        let Some(schema) = self.schema(&call.resource) else { return Ok(()) };
        if let Some(error) = rules::decode_error(&schema, object) {
            return Err(unreadable(call, &error));
        }
        if strictness != Strictness::Ignore {
            let unknown: Vec<String> = rules::unknown_fields(&schema, object)
                .into_iter()
                .map(|path| format!("unknown field \"{}\"", path.trim_start_matches('.')))
                .collect();
            if strictness == Strictness::Strict && !unknown.is_empty() {
                let unknown = unknown.join(", ");
                return Err(unreadable(call, &format!("strict decoding error: {unknown}")));
            }
            for text in unknown {
                call.warn(text);
            }
        }
        rules::prune_unknown(&schema, object);
        Ok(())
    }
}

/// One step of a JSON patch. The server lets `replace` make what is not there.
fn patch_once(object: &mut Value, operation: json_patch::PatchOperation) -> Result<(), Failure> {
    use json_patch::{AddOperation, PatchOperation};
    let operation = match operation {
        PatchOperation::Replace(replace) if object.pointer(replace.path.as_str()).is_none() => {
            PatchOperation::Add(AddOperation { path: replace.path, value: replace.value })
        }
        other => other,
    };
    json_patch::patch(object, &[operation]).map_err(|_| {
        let message = "the server rejected our request due to an error in our request";
        Failure { details: Some(json!({})), ..Failure::new(422, "Invalid", message) }
    })
}

/// What a patch makes and cannot be read is a fault of the patch.
fn unfit(patched: &Value, failure: Failure) -> Failure {
    let Some((_, why)) = failure.message.split_once(": ").filter(|_| failure.code == 400) else {
        return failure;
    };
    Failure::unfit_patch(&patched.to_string(), why)
}

fn unreadable(call: &Call, why: &str) -> Failure {
    let (kind, version) = (&call.resource.kind, &call.resource.version);
    Failure::bad_request(format!(
        "{kind} in version \"{version}\" cannot be handled as a {kind}: {why}"
    ))
}

fn given_uid(patch: &Value) -> Option<&str> {
    patch.pointer("/metadata/uid").and_then(Value::as_str).filter(|uid| !uid.is_empty())
}

fn apply_failure(call: &Call, error: &ApplyError) -> Failure {
    let ApplyError::Conflicts(conflicts) = error else {
        // The server names the object as the patch does, which as a rule leaves the namespace to the path.
        let named = format!("({}/", call.target.namespace.as_deref().unwrap_or_default());
        let stated = call.json().is_ok_and(|patch| !patch["metadata"]["namespace"].is_null());
        let text = error.to_string();
        return Failure::unforeseen(if stated { text } else { text.replacen(&named, "(/", 1) });
    };
    let causes: Vec<Value> = conflicts
        .iter()
        .map(|conflict| {
            json!({"reason": "FieldManagerConflict", "message": conflict.message, "field": conflict.field})
        })
        .collect();
    Failure {
        details: Some(json!({"causes": causes})),
        ..Failure::new(409, "Conflict", error.to_string())
    }
}

/// An object that was not stored has no revision yet.
fn without_revision(call: &Call, mut object: Object) -> Object {
    if call.query.dry_run()
        && let Some(metadata) =
            Arc::make_mut(&mut object).pointer_mut("/metadata").and_then(Value::as_object_mut)
    {
        metadata.shift_remove("resourceVersion");
    }
    object
}

/// The body must be of the kind, version and namespace that the path names.
pub fn check_identity(call: &Call, object: &mut Value) -> Result<(), Failure> {
    let Call { resource, target, .. } = call;
    if !object.is_object() {
        return Err(Failure::bad_request("the object provided is unrecognized: it is no object"));
    }
    check_kind(resource, object)?;
    if !object["metadata"].is_object() {
        object["metadata"] = json!({});
    }
    check_place(target, resource, object)?;
    if let Some(name) = &target.name {
        match object["metadata"]["name"].as_str() {
            None | Some("") => object["metadata"]["name"] = json!(name),
            Some(given) if given != name => {
                return Err(Failure::bad_request(format!(
                    "the name of the object ({given}) does not match the name on the URL ({name})"
                )));
            }
            Some(_) => {}
        }
    }
    Ok(())
}

fn check_kind(resource: &Resource, object: &mut Value) -> Result<(), Failure> {
    let version = resource.api_version();
    match (object["apiVersion"].as_str(), object["kind"].as_str()) {
        (Some(given), Some(kind)) if given == version && kind == resource.kind => Ok(()),
        (None, kind) if kind.is_none_or(|kind| kind == resource.kind) => {
            object["apiVersion"] = json!(version);
            object["kind"] = json!(resource.kind);
            Ok(())
        }
        (Some(given), Some(kind)) if kind == resource.kind => Err(Failure::bad_request(format!(
            "{kind} in version \"{}\" cannot be handled as a {kind}: no kind \"{kind}\" is registered for version \"{given}\" in scheme \"pkg/runtime/scheme.go:111\"",
            given.rsplit('/').next().unwrap_or_default()
        ))),
        (given, kind) => {
            let given = given.unwrap_or_default();
            let (group, given_version) = given.rsplit_once('/').unwrap_or(("", given));
            Err(Failure::bad_request(format!(
                "{} in version \"{}\" cannot be handled as a {}: no kind \"{}\" is registered for version \"{}\" in scheme",
                kind.unwrap_or_default(),
                if group.is_empty() { given_version } else { given },
                resource.kind,
                kind.unwrap_or_default(),
                given,
            )))
        }
    }
}

fn check_place(target: &Target, resource: &Resource, object: &mut Value) -> Result<(), Failure> {
    let given = object["metadata"]["namespace"]
        .as_str()
        .filter(|namespace| !namespace.is_empty())
        .map(str::to_owned);
    match (&target.namespace, given) {
        (Some(namespace), None) if resource.namespaced => {
            object["metadata"]["namespace"] = json!(namespace);
            Ok(())
        }
        (Some(namespace), Some(given)) if *namespace == given => Ok(()),
        (None, None) => Ok(()),
        (_, Some(_)) if !resource.namespaced => {
            object["metadata"]["namespace"] = Value::Null;
            Ok(())
        }
        (None, Some(_)) => {
            Err(Failure::bad_request("namespace is required in the path of a namespaced object"))
        }
        (Some(_), _) => Err(Failure::bad_request(
            "the namespace of the provided object does not match the namespace sent on the request",
        )),
    }
}
