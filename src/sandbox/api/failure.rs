//! What the server answers when it refuses: `metav1.Status` with the reasons and messages of the real server.

use serde_json::{Value, json};

use super::resource::Resource;

/// A refusal, ready to be sent as a `Status`.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
#[error("{message} ({code} {reason})")]
pub struct Failure {
    /// HTTP status.
    pub code: u16,
    /// `metav1.StatusReason`.
    pub reason: &'static str,
    /// Text for people.
    pub message: String,
    /// `metav1.StatusDetails`.
    pub details: Option<Value>,
}

impl Failure {
    /// Any refusal.
    pub fn new(code: u16, reason: &'static str, message: impl Into<String>) -> Self {
        Self { code, reason, message: message.into(), details: None }
    }

    fn on(mut self, resource: &Resource, name: &str) -> Self {
        self.details = Some(object_details(&resource.group, &resource.plural, name));
        self
    }

    /// 404 for a resource that its group does not serve.
    pub fn no_such_path() -> Self {
        Self {
            details: Some(json!({})),
            ..Self::new(404, "NotFound", "the server could not find the requested resource")
        }
    }

    /// 404 in plain text, for a path outside every group; see [`Failure::is_plain`].
    pub fn page_not_found() -> Self {
        Self::new(404, "", "404 page not found")
    }

    /// Whether the answer is text rather than a `Status`.
    pub fn is_plain(&self) -> bool {
        self.code == 404 && self.reason.is_empty()
    }

    /// 404 for an object.
    pub fn not_found(resource: &Resource, name: &str) -> Self {
        Self::new(404, "NotFound", format!("{} \"{name}\" not found", resource.qualified()))
            .on(resource, name)
    }

    /// 404 for a namespace that is needed.
    pub fn no_namespace(name: &str) -> Self {
        let mut failure = Self::new(404, "NotFound", format!("namespaces \"{name}\" not found"));
        failure.details = Some(json!({"name": name, "kind": "namespaces"}));
        failure
    }

    /// 409 for a name that is taken.
    pub fn already_exists(resource: &Resource, name: &str) -> Self {
        Self::new(
            409,
            "AlreadyExists",
            format!("{} \"{name}\" already exists", resource.qualified()),
        )
        .on(resource, name)
    }

    /// 409 with the reason in words.
    pub fn conflict(resource: &Resource, name: &str, why: &str) -> Self {
        let message =
            format!("Operation cannot be fulfilled on {} \"{name}\": {why}", resource.qualified());
        Self::new(409, "Conflict", message).on(resource, name)
    }

    /// 409 for a deletion whose precondition does not hold. The real server names the kind here.
    pub fn precondition(resource: &Resource, name: &str, why: &str) -> Self {
        let message = format!(
            "Operation cannot be fulfilled on {} \"{name}\": {why}",
            resource.qualified_kind()
        );
        let details = object_details(&resource.group, &resource.kind, name);
        Self { details: Some(details), ..Self::new(409, "Conflict", message) }
    }

    /// 409 for a write that was based on an older state.
    pub fn modified(resource: &Resource, name: &str) -> Self {
        let why = "the object has been modified; please apply your changes to the latest version and try again";
        Self::conflict(resource, name, why)
    }

    /// 403 with the reason in words.
    pub fn forbidden(resource: &Resource, name: &str, why: &str) -> Self {
        let named = if name.is_empty() { String::new() } else { format!(" \"{name}\"") };
        let message = format!("{}{named} is forbidden: {why}", resource.qualified());
        Self::new(403, "Forbidden", message).on(resource, name)
    }

    /// 422 with one cause per field.
    pub fn invalid(resource: &Resource, name: &str, causes: &[Cause]) -> Self {
        let mut texts: Vec<String> = Vec::new();
        for cause in causes {
            let text = format!("{}: {}", cause.field, cause.message);
            if !texts.contains(&text) {
                texts.push(text);
            }
        }
        let list =
            if texts.len() == 1 { texts[0].clone() } else { format!("[{}]", texts.join(", ")) };
        let message = format!("{} \"{name}\" is invalid: {list}", resource.qualified_kind());
        let mut details = object_details(&resource.group, &resource.kind, name);
        details["causes"] = causes
            .iter()
            .map(|cause| json!({"reason": cause.reason, "message": cause.message, "field": cause.field}))
            .collect();
        Self { details: Some(details), ..Self::new(422, "Invalid", message) }
    }

    /// 400.
    pub fn bad_request(message: impl Into<String>) -> Self {
        Self::new(400, "BadRequest", message)
    }

    /// 405 for a verb that the resource does not know.
    pub fn method_not_allowed() -> Self {
        Self {
            details: Some(json!({})),
            ..Self::new(
                405,
                "MethodNotAllowed",
                "the server does not allow this method on the requested resource",
            )
        }
    }

    /// 410 for a revision that was compacted away.
    pub fn expired(message: impl Into<String>) -> Self {
        Self::new(410, "Expired", message)
    }

    /// 504 for a revision that does not exist yet.
    pub fn too_large_revision(asked: u64, current: u64) -> Self {
        let message = format!("Timeout: Too large resource version: {asked}, current: {current}");
        let mut failure = Self::new(504, "Timeout", message);
        failure.details = Some(json!({
            "causes": [{"reason": "ResourceVersionTooLarge", "message": "Too large resource version"}],
            "retryAfterSeconds": 1,
        }));
        failure
    }

    /// 415 for a body that is not understood.
    pub fn unsupported_media(accepted: &[&str]) -> Self {
        let message = format!(
            "the body of the request was in an unknown format - accepted media types include: {}",
            accepted.join(", ")
        );
        Self::new(415, "UnsupportedMediaType", message)
    }

    /// 415 for a patch of a type that nothing takes.
    pub fn unknown_patch() -> Self {
        Self {
            details: Some(json!({})),
            ..Self::new(415, "UnsupportedMediaType", "415: Unsupported Media Type")
        }
    }

    /// 422 for a query parameter; `kind` is one such as `ListOptions`.
    pub fn invalid_option(kind: &str, cause: Cause) -> Self {
        let message =
            format!("{kind}.meta.k8s.io \"\" is invalid: {}: {}", cause.field, cause.message);
        let details = json!({
            "group": "meta.k8s.io", "kind": kind,
            "causes": [{"reason": cause.reason, "message": cause.message, "field": cause.field}],
        });
        Self { details: Some(details), ..Self::new(422, "Invalid", message) }
    }

    /// 422 for a patch whose result cannot be read.
    pub fn unfit_patch(result: &str, why: &str) -> Self {
        let cause = format!("Invalid value: {result:?}: {why}");
        let message = format!(" \"\" is invalid: patch: {cause}");
        let details = json!({"causes": [{"reason": "FieldValueInvalid", "message": cause, "field": "patch"}]});
        Self { details: Some(details), ..Self::new(422, "Invalid", message) }
    }

    /// 500 with nothing but a message, as errors that the server did not foresee come out.
    pub fn unforeseen(message: impl Into<String>) -> Self {
        Self::new(500, "", message)
    }

    /// 401.
    pub fn unauthorized() -> Self {
        Self::new(401, "Unauthorized", "Unauthorized")
    }

    /// 500.
    pub fn internal(why: &str) -> Self {
        let mut failure =
            Self::new(500, "InternalError", format!("Internal error occurred: {why}"));
        failure.details = Some(json!({"causes": [{"message": why}]}));
        failure
    }

    /// The `Status` object.
    pub fn status(&self) -> Value {
        let mut status = json!({
            "kind": "Status",
            "apiVersion": "v1",
            "metadata": {},
            "status": "Failure",
            "message": self.message,
        });
        if !self.reason.is_empty() {
            status["reason"] = json!(self.reason);
        }
        if let Some(details) = &self.details {
            status["details"] = details.clone();
        }
        status["code"] = json!(self.code);
        status
    }
}

impl Cause {
    /// A cause with `FieldValue` before its reason.
    pub fn new(reason: &str, field: &str, message: impl Into<String>) -> Self {
        Self { reason: format!("FieldValue{reason}"), message: message.into(), field: field.into() }
    }
}

/// One reason why an object is invalid.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Cause {
    /// `metav1.CauseType`, such as `FieldValueRequired`.
    pub reason: String,
    /// Text that follows the field.
    pub message: String,
    /// Path of the field.
    pub field: String,
}

fn object_details(group: &str, kind: &str, name: &str) -> Value {
    let mut details = json!({});
    if !name.is_empty() {
        details["name"] = json!(name);
    }
    if !group.is_empty() {
        details["group"] = json!(group);
    }
    details["kind"] = json!(kind);
    details
}
