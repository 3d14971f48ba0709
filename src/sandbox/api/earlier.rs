//! Custom resources whose managers recorded their fields in another version than the one that is applied.

use serde_json::Value;

use super::{ApiServer, call::Call, failure::Failure, rules};

impl ApiServer {
    /// Refuses an apply, as the server does, where the fields of a manager are recorded in a version that is not served
    /// any more, or where those of the applier were in a version that lacks a field of the new one.
    pub(super) fn check_earlier(
        &self,
        call: &Call,
        live: &Value,
        patch: &Value,
    ) -> Result<(), Failure> {
        let (resource, version) = (&call.resource, call.resource.api_version());
        let entries = live["metadata"]["managedFields"].as_array().into_iter().flatten();
        for entry in entries.filter(|entry| resource.is_custom() && entry["apiVersion"] != *version)
        {
            let named = entry["apiVersion"].as_str().unwrap_or_default();
            let (group, version) = named.rsplit_once('/').unwrap_or(("", named));
            if group != resource.group {
                continue;
            }
            let Some(earlier) = self.registry().find(group, version, &resource.plural) else {
                let message = format!("request to convert CR to an invalid group/version: {named}");
                return Err(Failure::unforeseen(message));
            };
            let is_own =
                entry["manager"] == call.manager().as_str() && entry["operation"] == "Apply";
            if let Some(schema) = self.schema(&earlier).filter(|_| is_own)
                && let Err(error) = rules::check(&schema, patch)
            {
                let what = "failed to prune fields: failed to convert merged object to last applied version";
                return Err(Failure::unforeseen(format!("{what}: {error}")));
            }
        }
        Ok(())
    }
}
