//! What follows a change: dependents of a removed owner, finished namespaces, pods that end.

use serde_json::{Value, json};

use super::{
    ApiServer,
    delete::{Deletion, FOREGROUND, ORPHAN, Propagation},
    failure::Failure,
    prepare,
    resource::Resource,
    store::{Key, Object, Reference},
    write::{Writing, place_of},
};

/// Finalizers with which admission protects claims and volumes; nothing here uses them, so they go at once.
pub const CLAIM: &str = "kubernetes.io/pvc-protection";
/// The one of volumes.
pub const VOLUME: &str = "kubernetes.io/pv-protection";
/// Field manager of what the collector writes.
const COLLECTOR: &str = "kube-controller-manager";

impl ApiServer {
    /// After an object was stored.
    pub(super) fn changed(&self, resource: &Resource, before: Option<&Object>, after: &Object) {
        if &*resource.storage == "customresourcedefinitions.apiextensions.k8s.io" {
            self.serve_definition(after);
        }
        if before.is_none() {
            match &*resource.storage {
                "namespaces" => self.equip_namespace(after),
                "apiservices.apiregistration.k8s.io" => self.judge_service(after),
                _ => {}
            }
            self.collect_if_ownerless(resource, after);
            self.collect_if_homeless(resource, after);
        }
        if before.is_some() {
            self.finish_foreground(after);
        }
    }

    /// After an object was marked for deletion.
    pub(super) fn deleting(&self, resource: &Resource, object: &Object) {
        match &*resource.storage {
            "namespaces" => self.empty_namespace(object),
            "customresourcedefinitions.apiextensions.k8s.io" => self.retire_definition(object),
            "pods"
                if object["metadata"]["deletionGracePeriodSeconds"].as_i64().unwrap_or(0) > 0 =>
            {
                self.end_pod(object);
            }
            _ => {}
        }
        let finalizers = prepare::finalizers(object);
        for (finalizer, finished) in [
            (ORPHAN, true),
            (CLAIM, &*resource.storage == "persistentvolumeclaims"),
            (VOLUME, true),
        ] {
            if finished && finalizers.contains(&finalizer) {
                if finalizer == ORPHAN {
                    self.orphan(object);
                }
                self.release(&place_of(resource, object), finalizer);
            }
        }
        if finalizers.contains(&FOREGROUND) {
            for dependent in self.dependents_of(object) {
                let propagation =
                    Deletion { propagation: Propagation::Foreground, ..Deletion::background() };
                self.remove_place(&dependent, &propagation);
            }
            self.finish_foreground(object);
        }
    }

    /// After an object was removed.
    pub(super) fn removed(&self, resource: &Resource, last: &Value) {
        for dependent in self.dependents_of(last) {
            self.drop_dead_owners(&dependent);
        }
        for owner in last
            .pointer("/metadata/ownerReferences")
            .and_then(Value::as_array)
            .into_iter()
            .flatten()
        {
            if let Some((_, owner)) = owner["uid"].as_str().and_then(|uid| self.store().of_uid(uid))
            {
                self.finish_foreground(&owner);
            }
        }
        if &*resource.storage == "customresourcedefinitions.apiextensions.k8s.io" {
            self.forget_definition(last);
        }
        if resource.is_custom() {
            self.finish_definition(resource);
        }
        if let Some(namespace) = last["metadata"]["namespace"].as_str() {
            self.finish_namespace(namespace);
        }
    }

    /// Takes the dead owner out of its dependents without deleting them.
    pub(super) fn orphan(&self, owner: &Value) {
        let uid = owner["metadata"]["uid"].clone();
        for place in self.dependents_of(owner) {
            self.rewrite(&place, |object| {
                let Some(owners) =
                    object.pointer_mut("/metadata/ownerReferences").and_then(Value::as_array_mut)
                else {
                    return;
                };
                owners.retain(|each| each["uid"] != uid);
            });
        }
    }

    fn dependents_of(&self, owner: &Value) -> Vec<Reference> {
        owner["metadata"]["uid"]
            .as_str()
            .map(|uid| self.store().dependents(uid))
            .unwrap_or_default()
    }

    /// A dependent goes when the last of its owners went.
    fn drop_dead_owners(&self, place: &Reference) {
        let Some(object) = self.store().get(&place.storage, &place.key) else { return };
        let owners = object.pointer("/metadata/ownerReferences").and_then(Value::as_array);
        let alive = |owner: &Value| {
            owner["uid"].as_str().is_some_and(|uid| self.store().of_uid(uid).is_some())
        };
        if !owners.into_iter().flatten().any(alive) {
            self.remove_place(place, &Deletion::background());
            return;
        }
        self.rewrite(place, |object| {
            if let Some(owners) =
                object.pointer_mut("/metadata/ownerReferences").and_then(Value::as_array_mut)
            {
                owners.retain(&alive);
            }
        });
    }

    /// An object that is born to owners who are dead already does not stay.
    fn collect_if_ownerless(&self, resource: &Resource, object: &Value) {
        let owners = object.pointer("/metadata/ownerReferences").and_then(Value::as_array);
        if owners.is_some_and(|owners| !owners.is_empty()) {
            self.drop_dead_owners(&place_of(resource, object));
        }
    }

    /// An object that was stored while its namespace went does not stay: nobody else would empty the namespace again.
    fn collect_if_homeless(&self, resource: &Resource, object: &Value) {
        if !resource.namespaced {
            return;
        }
        let place = place_of(resource, object);
        let key = Key { namespace: String::new(), name: place.key.namespace.clone() };
        let stays = self
            .store()
            .get("namespaces", &key)
            .is_some_and(|namespace| namespace.pointer("/metadata/deletionTimestamp").is_none());
        if !stays {
            self.remove_place(&place, &Deletion::background());
        }
    }

    /// Lets an owner go whose foreground deletion has no dependent left that blocks it.
    fn finish_foreground(&self, owner: &Value) {
        if owner.pointer("/metadata/deletionTimestamp").is_none()
            || !prepare::finalizers(owner).contains(&FOREGROUND)
        {
            return;
        }
        let uid = &owner["metadata"]["uid"];
        let blocks = |place: &Reference| {
            let object = self.store().get(&place.storage, &place.key);
            object
                .as_ref()
                .and_then(|object| object.pointer("/metadata/ownerReferences"))
                .is_some_and(|owners| {
                    owners
                        .as_array()
                        .into_iter()
                        .flatten()
                        .any(|each| each["uid"] == *uid && each["blockOwnerDeletion"] == true)
                })
        };
        if self.dependents_of(owner).iter().any(blocks) {
            return;
        }
        let Some((place, _)) = uid.as_str().and_then(|uid| self.store().of_uid(uid)) else {
            return;
        };
        self.release(&place, FOREGROUND);
    }

    /// Takes a finalizer away, which lets the object go if it was the last.
    pub(super) fn release(&self, place: &Reference, finalizer: &str) {
        self.rewrite(place, |object| {
            if let Some(finalizers) =
                object.pointer_mut("/metadata/finalizers").and_then(Value::as_array_mut)
            {
                finalizers.retain(|each| each != finalizer);
            }
        });
    }

    /// Changes an object in the name of the collector; gone objects need nothing.
    pub(super) fn rewrite(&self, place: &Reference, change: impl Fn(&mut Value)) {
        let Some(resource) = self.registry().of_storage(&place.storage) else { return };
        let written = self.replace(&resource, place, &Writing::by(COLLECTOR), |live| {
            let mut object = (**live).clone();
            change(&mut object);
            Ok(object)
        });
        report(place, written.map(|_| ()));
    }

    /// Removes an object in the name of the collector; gone objects need nothing.
    pub(super) fn remove_place(&self, place: &Reference, deletion: &Deletion) {
        let Some(resource) = self.registry().of_storage(&place.storage) else { return };
        report(place, self.remove(&resource, place, deletion).map(|_| ()));
    }

    /// A new namespace gets its default service account.
    fn equip_namespace(&self, namespace: &Value) {
        let account = json!({
            "apiVersion": "v1", "kind": "ServiceAccount",
            "metadata": {"name": "default", "namespace": namespace["metadata"]["name"]},
        });
        let Some(resource) = self.registry().find("", "v1", "serviceaccounts") else { return };
        let written = self.insert(&resource, account, &Writing::by(COLLECTOR));
        if let Err(failure) = written {
            tracing::debug!(%failure, "no default service account");
        }
    }

    fn empty_namespace(&self, namespace: &Value) {
        let Some(name) = namespace["metadata"]["name"].as_str() else { return };
        for place in self.store().in_namespace(name) {
            self.remove_place(&place, &Deletion::background());
        }
        self.finish_namespace(name);
    }

    /// A namespace that is being deleted goes when it is empty.
    fn finish_namespace(&self, name: &str) {
        let key = Key { namespace: String::new(), name: name.to_owned() };
        let Some(namespace) = self.store().get("namespaces", &key) else { return };
        if namespace.pointer("/metadata/deletionTimestamp").is_none()
            || self.store().population(name) > 0
        {
            return;
        }
        self.rewrite(&Reference { storage: "namespaces".into(), key }, |object| {
            object["spec"]["finalizers"] = json!([]);
        });
    }

    /// The kubelet's part: a pod ends within the time that the options give it.
    fn end_pod(&self, pod: &Object) {
        let place = Reference {
            storage: "pods".into(),
            key: Key {
                namespace: pod["metadata"]["namespace"].as_str().unwrap_or_default().to_owned(),
                name: pod["metadata"]["name"].as_str().unwrap_or_default().to_owned(),
            },
        };
        let uid = pod["metadata"]["uid"].as_str().map(str::to_owned);
        let (server, stop) = (self.clone(), self.stopped());
        tokio::spawn(async move {
            let wait = server.options().termination;
            tokio::select! {
                () = tokio::time::sleep(wait) => {}
                () = stop.cancelled() => return,
            }
            server
                .remove_place(&place, &Deletion { grace: Some(0), uid, ..Deletion::background() });
        });
    }
}

fn report(place: &Reference, written: Result<(), Failure>) {
    if let Err(failure) = written
        && failure.reason != "NotFound"
    {
        tracing::debug!(%failure, ?place, "the collector was refused");
    }
}
