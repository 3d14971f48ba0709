//! `APIService` objects: nothing stands behind those that name a service, and discovery says so.

use serde_json::json;

use super::{
    ApiServer, identity,
    store::{Object, Range},
    write::{Writing, place_of},
};

/// Storage of the objects.
const STORAGE: &str = "apiservices.apiregistration.k8s.io";

impl ApiServer {
    /// Writes the availability of a new `APIService` into its status.
    pub(super) fn judge_service(&self, service: &Object) {
        let backend = &service["spec"]["service"];
        let (status, reason, message) = if backend.is_object() {
            let text = |field: &str| backend[field].as_str().unwrap_or_default();
            let message =
                format!("service/{} in \"{}\" is not present", text("name"), text("namespace"));
            ("False", "ServiceNotFound", message)
        } else {
            ("True", "Local", "Local APIServices are always available".to_owned())
        };
        let condition = json!({
            "type": "Available", "status": status, "reason": reason, "message": message,
            "lastTransitionTime": identity::now(),
        });
        let Some(resource) = self.registry().of_storage(STORAGE) else { return };
        let writing = Writing::by("kube-apiserver").through("status");
        let written = self.replace(&resource, &place_of(&resource, service), &writing, |live| {
            let mut object = (**live).clone();
            object["status"] = json!({"conditions": [condition]});
            Ok(object)
        });
        if let Err(failure) = written {
            tracing::debug!(%failure, "the APIService could not be judged");
        }
    }

    /// Groups and versions that an `APIService` announces and nothing serves.
    pub(super) fn dead_services(&self) -> Vec<(String, String)> {
        let listing = self
            .store()
            .list(STORAGE, &Range::default(), |service| service["spec"]["service"].is_object());
        let text = |service: &Object, field: &str| {
            service["spec"][field].as_str().unwrap_or_default().to_owned()
        };
        listing
            .map(|listing| {
                listing
                    .items
                    .iter()
                    .map(|each| (text(each, "group"), text(each, "version")))
                    .collect()
            })
            .unwrap_or_default()
    }
}
