//! Values that the API server sets where nobody says anything, for telling them from what somebody added.

use serde_json::Value;

/// Whether a field of this name has the value that the server's defaulting gives it. A name alone is no proof of its
/// meaning, so this is only for leaving noise out of lists, never for a verdict.
pub fn is_default(name: &str, value: &Value) -> bool {
    match value {
        Value::String(text) => is_default_text(name, text),
        Value::Number(number) => {
            number.as_i64().is_some_and(|number| is_default_number(name, number))
        }
        Value::Bool(truth) => matches!(
            (name, truth),
            ("enableServiceLinks" | "allocateLoadBalancerNodePorts", true) | ("suspend", false)
        ),
        Value::Object(fields) => {
            fields.is_empty()
                && matches!(name, "securityContext" | "resources" | "strategy" | "emptyDir")
        }
        Value::Array(items) => matches!(
            (name, items.as_slice()),
            ("ipFamilies" | "clusterIPs", _) | ("finalizers", [])
        ),
        Value::Null => true,
    }
}

fn is_default_text(name: &str, text: &str) -> bool {
    matches!(
        (name, text),
        ("terminationMessagePath", "/dev/termination-log")
            | ("terminationMessagePolicy", "File")
            | ("imagePullPolicy", "Always" | "IfNotPresent")
            | ("restartPolicy", "Always")
            | ("dnsPolicy", "ClusterFirst")
            | ("schedulerName", "default-scheduler")
            | ("protocol", "TCP")
            | ("scheme", "HTTP")
            | ("sessionAffinity", "None")
            | ("type", "ClusterIP" | "RollingUpdate" | "Opaque")
            | ("maxSurge" | "maxUnavailable", "25%")
            | ("internalTrafficPolicy" | "externalTrafficPolicy", "Cluster")
            | ("ipFamilyPolicy", "SingleStack")
            | ("podManagementPolicy", "OrderedReady")
            | ("concurrencyPolicy", "Allow")
            | ("volumeMode", "Filesystem")
            | ("completionMode", "NonIndexed")
            | ("clusterIP", _)
            | ("fieldPath", "")
            | ("apiVersion", "v1")
    )
}

fn is_default_number(name: &str, number: i64) -> bool {
    matches!(
        (name, number),
        ("terminationGracePeriodSeconds", 30)
            | ("progressDeadlineSeconds", 600)
            | ("revisionHistoryLimit" | "periodSeconds", 10)
            | (
                "replicas"
                    | "successThreshold"
                    | "timeoutSeconds"
                    | "completions"
                    | "parallelism"
                    | "failedJobsHistoryLimit",
                1
            )
            | ("failureThreshold" | "successfulJobsHistoryLimit", 3)
            | ("backoffLimit", 6)
            | ("defaultMode", 420)
            | ("minReadySeconds", 0)
    )
}
