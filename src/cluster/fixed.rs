//! Fields that cannot be changed: told from what is wrong, and named.

use super::explain::fields;
use crate::domain::plan::{Change, Refusal};
use kube::core::Status;

/// Where the server names no more than the whole `spec`, the fields of it that would change.
pub(super) fn named(mut refusal: Refusal, changes: &[Change]) -> Refusal {
    if let Refusal::Immutable { object, fields } = &mut refusal
        && *fields == ["spec"]
    {
        let below = |change: &Change| {
            let field = change.path.strip_prefix("/spec/")?.split('/').next()?.to_owned();
            let free = free(&object.kind).contains(&field.as_str());
            (!free).then(|| format!("spec.{field}"))
        };
        let mut found: Vec<String> = changes.iter().filter_map(below).collect();
        found.dedup();
        if !found.is_empty() {
            *fields = found;
        }
    }
    refusal
}

/// What may change of a kind whose validation names no field (`ValidateStatefulSetUpdate`, `ValidatePodUpdate`).
fn free(kind: &str) -> &'static [&'static str] {
    match kind {
        "StatefulSet" => &[
            "minReadySeconds",
            "ordinals",
            "persistentVolumeClaimRetentionPolicy",
            "replicas",
            "revisionHistoryLimit",
            "template",
            "updateStrategy",
        ],
        "Pod" => &["activeDeadlineSeconds", "tolerations"],
        _ => &[],
    }
}

/// Whether a message says that a field stays what it is. `StorageClass` of older servers and
/// `VolumeAttributesClass` have `updates to parameters are forbidden`, as `StatefulSet` has.
fn is_fixed(text: &str) -> bool {
    const SIGNS: [&str; 9] = [
        "can not be less than status.capacity",
        "field is immutable",
        "may not change once set",
        "is immutable after creation",
        "cannot change roleRef",
        "may not be changed in an update",
        "pod updates may not ",
        "existing toleration can not be modified",
        "must be less than or equal to previous value",
    ];
    SIGNS.iter().any(|sign| text.contains(sign))
        || text.contains("updates to ") && text.contains(" are forbidden")
}

/// The fields that cannot be changed, where that is why the server refuses; its validation says so only in words
/// (apimachinery's `validation.ValidateImmutableField` and the registries' own checks).
pub(super) fn immutable_fields(status: &Status) -> Vec<String> {
    if status.code != 422 {
        return Vec::new();
    }
    let causes: Vec<_> = status.details.iter().flat_map(|details| &details.causes).collect();
    // A spec that is also wrong in another way is invalid, whatever else it changes.
    if causes.is_empty() {
        return if is_fixed(&status.message) { vec!["spec".to_owned()] } else { Vec::new() };
    }
    if causes.iter().all(|cause| is_fixed(&cause.message)) { fields(status) } else { Vec::new() }
}

#[cfg(test)]
mod tests {
    use super::immutable_fields;
    use kube::core::Status;
    use serde_json::{Value, json};

    fn status(causes: &Value) -> Status {
        serde_json::from_value(
            json!({"status": "Failure", "reason": "Invalid", "code": 422, "message": "x",
            "details": {"causes": causes}}),
        )
        .unwrap()
    }

    #[test]
    fn immutable_is_told_from_invalid() {
        let immutable = json!({"field": "spec.selector", "message": "Invalid value: {...}: field is immutable"});
        let wrong = json!({"field": "spec.replicas", "message": "Invalid value: -1: must be greater than 0"});
        assert_eq!(immutable_fields(&status(&json!([immutable]))), ["spec.selector"]);
        assert!(immutable_fields(&status(&json!([immutable, wrong]))).is_empty());
        assert!(immutable_fields(&status(&json!([wrong]))).is_empty());
    }

    #[test]
    fn every_wording_of_the_server_is_known() {
        for (field, message) in [
            (
                "spec",
                "Forbidden: pod updates may not change fields other than `spec.containers[*].image`, ...",
            ),
            ("spec.containers", "Forbidden: pod updates may not add or remove containers"),
            (
                "spec.tolerations",
                "Forbidden: existing toleration can not be modified except its tolerationSeconds",
            ),
            (
                "spec.activeDeadlineSeconds",
                "Invalid value: 19: must be less than or equal to previous value",
            ),
            ("value", "Forbidden: may not be changed in an update."),
            ("parameters", "Forbidden: updates to parameters are forbidden."),
            (
                "spec",
                "Forbidden: updates to statefulset spec for fields other than 'replicas' are forbidden",
            ),
        ] {
            let cause = json!({"field": field, "message": message});
            assert_eq!(immutable_fields(&status(&json!([cause]))), [field], "{message}");
        }
    }
}
