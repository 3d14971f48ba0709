//! From a failed request to a sentence that names the object, without values of Secrets.

use super::Cluster;
use super::error::ClusterError;
use super::wire::Failure;
use kube::core::Status;

impl Cluster {
    /// Says what failed. `secret` removes the server's words where they may quote a Secret's values.
    pub(super) fn explain(
        &self,
        failure: &Failure,
        verb: &str,
        subject: &str,
        secret: bool,
    ) -> ClusterError {
        let server = self.server().to_owned();
        let subject = subject.to_owned();
        let status = match failure {
            Failure::Silent(reason) => {
                return ClusterError::Unreachable { server, reason: reason.clone() };
            }
            Failure::Throttled { spent, asked } => {
                return ClusterError::Throttled { server, subject, seconds: *spent, asked: *asked };
            }
            Failure::Stopped => return ClusterError::Stopped { server, subject },
            Failure::Malformed(reason) => {
                return ClusterError::Server { server, subject, reason: reason.clone() };
            }
            Failure::Status(status) => status,
        };
        let reason = words(status, secret);
        match status.code {
            401 => ClusterError::Unauthorized { server, context: self.context().to_owned() },
            403 => ClusterError::Forbidden { verb: verb.to_owned(), subject, reason },
            404 => ClusterError::NotFound { subject },
            409 => ClusterError::Conflict { subject, reason },
            400 | 413 | 415 | 422 => ClusterError::Invalid { subject, reason },
            429 => ClusterError::Throttled { server, subject, seconds: 0, asked: 0 },
            code => {
                ClusterError::Server { server, subject, reason: format!("{reason} (HTTP {code})") }
            }
        }
    }
}

/// The server's words; for a Secret only its reason and the fields, since the message may quote values.
pub(super) fn words(status: &Status, secret: bool) -> String {
    if !secret {
        return if status.message.is_empty() {
            status.reason.clone()
        } else {
            status.message.clone()
        };
    }
    let fields = fields(status);
    let reason = if status.reason.is_empty() { "refused" } else { &status.reason };
    if fields.is_empty() {
        format!("{reason} (the server's words are left out, they may quote its values)")
    } else {
        format!("{reason}: {} (values left out)", fields.join(", "))
    }
}

/// Whether the object has a field that its schema lacks: the server's merge fails on it before any validation, and calls
/// that an internal error.
pub(super) fn is_undeclared(status: &Status) -> bool {
    status.code == 500 && status.message.starts_with("failed to create typed patch object")
}

/// The fields that the server names in its causes.
pub(super) fn fields(status: &Status) -> Vec<String> {
    let causes = status.details.iter().flat_map(|details| &details.causes);
    let mut fields: Vec<String> =
        causes.map(|cause| cause.field.clone()).filter(|field| !field.is_empty()).collect();
    fields.dedup();
    fields
}

#[cfg(test)]
mod tests {
    use super::words;
    use kube::core::Status;
    use serde_json::json;

    #[test]
    fn a_secrets_value_is_not_repeated() {
        let status: Status =
            serde_json::from_value(json!({"status": "Failure", "reason": "Invalid", "code": 422,
            "message": "Secret \"a\" is invalid: data[token]: Invalid value: \"hunter2\"",
            "details": {"causes": [{"field": "data[token]", "message": "hunter2"}]}}))
            .unwrap();
        let text = words(&status, true);
        assert!(!text.contains("hunter2"), "{text}");
        assert!(text.contains("data[token]"), "{text}");
        assert!(words(&status, false).contains("hunter2"));
    }
}
