//! The verbs delete and deletecollection, with preconditions and propagation.

use serde_json::{Value, json};

use super::{
    ApiServer,
    call::Call,
    failure::{Cause, Failure},
    identity, prepare, read,
    reply::{self, Reply},
    resource::Resource,
    selector::Selector,
    store::{Object, Range, Reference},
    write::place_of,
};

/// Finalizer of a deletion that leaves the dependents alone.
pub const ORPHAN: &str = "orphan";
/// Finalizer that holds a definition until its objects are gone.
pub const CLEANUP: &str = "customresourcecleanup.apiextensions.k8s.io";
/// Finalizer of foreground deletion.
pub const FOREGROUND: &str = "foregroundDeletion";

/// Jobs keep their pods unless asked; the server says so.
const JOB_WARNING: &str = "child pods are preserved by default when jobs are deleted; set propagationPolicy=Background to remove them or set propagationPolicy=Orphan to suppress this warning";

/// What becomes of the objects that the deleted one owns.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Propagation {
    /// They go afterwards.
    Background,
    /// They go first.
    Foreground,
    /// They stay, without an owner.
    Orphan,
}

/// `metav1.DeleteOptions` as far as they matter here.
#[derive(Debug, Clone)]
pub struct Deletion {
    /// What becomes of dependents.
    pub propagation: Propagation,
    /// The object must have this uid.
    pub uid: Option<String>,
    /// The object must be at this revision.
    pub revision: Option<String>,
    /// Seconds that a pod gets to end; `None` means its own.
    pub grace: Option<i64>,
    /// Nothing is removed.
    pub dry_run: bool,
}

impl Deletion {
    /// What the server's own controllers ask for.
    pub fn background() -> Self {
        Self {
            propagation: Propagation::Background,
            uid: None,
            revision: None,
            grace: None,
            dry_run: false,
        }
    }

    fn parse(call: &Call) -> Result<Self, Failure> {
        let options = call.json()?;
        let text =
            |pointer: &str| options.pointer(pointer).and_then(Value::as_str).map(str::to_owned);
        let asked = call
            .query
            .get("propagationPolicy")
            .map(str::to_owned)
            .or_else(|| text("/propagationPolicy"));
        let orphans = options["orphanDependents"].as_bool();
        let by_default = call.resource.group == "batch" && call.resource.plural == "jobs";
        let asked = asked
            .as_deref()
            .or(orphans.map(|orphans| if orphans { "Orphan" } else { "Background" }));
        if asked.is_none() && by_default {
            call.warn(JOB_WARNING.to_owned());
        }
        let propagation = match asked.unwrap_or(if by_default { "Orphan" } else { "Background" }) {
            "Background" => Propagation::Background,
            "Foreground" => Propagation::Foreground,
            "Orphan" => Propagation::Orphan,
            other => {
                let why = format!(
                    "Unsupported value: \"{other}\": supported values: \"Foreground\", \"Background\", \"Orphan\", \"nil\""
                );
                let cause = Cause::new("NotSupported", "propagationPolicy", why);
                return Err(Failure::invalid_option("DeleteOptions", cause));
            }
        };
        let grace = call.query.get("gracePeriodSeconds").and_then(|text| text.parse().ok());
        Ok(Self {
            propagation,
            uid: text("/preconditions/uid"),
            revision: text("/preconditions/resourceVersion"),
            grace: grace.or_else(|| options["gracePeriodSeconds"].as_i64()),
            dry_run: call.query.dry_run()
                || options["dryRun"].as_array().is_some_and(|list| !list.is_empty()),
        })
    }
}

/// How a deletion ended.
#[derive(Debug, Clone)]
pub enum Deleted {
    /// The object is gone; this was its last state.
    Gone(Object),
    /// It waits for finalizers or for its pods to end.
    Pending(Object),
}

impl ApiServer {
    /// DELETE on an object.
    pub(super) fn delete(&self, call: &Call) -> Result<Reply, Failure> {
        let deletion = Deletion::parse(call)?;
        match self.remove(&call.resource, &call.place(), &deletion)? {
            Deleted::Pending(object) => read::object_reply(call, 200, &object),
            Deleted::Gone(object) => {
                let mut details = json!({"name": call.name()});
                if !call.resource.group.is_empty() {
                    details["group"] = json!(call.resource.group);
                }
                details["kind"] = json!(call.resource.plural);
                details["uid"] = object["metadata"]["uid"].clone();
                Ok(reply::json(
                    200,
                    &json!({
                        "kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Success", "details": details,
                    }),
                ))
            }
        }
    }

    /// DELETE on a collection.
    pub(super) fn delete_collection(&self, call: &Call) -> Result<Reply, Failure> {
        let selector = Selector::parse(
            call.query.get("labelSelector"),
            call.query.get("fieldSelector"),
            &call.resource,
        )
        .map_err(Failure::bad_request)?;
        let deletion = Deletion::parse(call)?;
        let range = Range { namespace: call.target.namespace.clone(), ..Range::default() };
        let listing = self
            .store()
            .list(&call.resource.storage, &range, |object| selector.matches(object))
            .map_err(|_| Failure::internal("the present state has no history"))?;
        let mut gone = Vec::new();
        for object in listing.items {
            match self.remove(&call.resource, &place_of(&call.resource, &object), &deletion) {
                Ok(Deleted::Gone(last) | Deleted::Pending(last)) => gone.push(last),
                Err(failure) if failure.reason == "NotFound" => {}
                Err(failure) => return Err(failure),
            }
        }
        read::list_reply(
            call,
            gone,
            &json!({"resourceVersion": self.store().revision().to_string()}),
        )
    }

    /// Deletes an object, or marks it when something is left to wait for.
    pub(super) fn remove(
        &self,
        resource: &Resource,
        place: &Reference,
        deletion: &Deletion,
    ) -> Result<Deleted, Failure> {
        loop {
            let live = self
                .store()
                .get(&place.storage, &place.key)
                .ok_or_else(|| Failure::not_found(resource, &place.key.name))?;
            check(resource, &live, deletion)?;
            let marked = self.marked(resource, &live, deletion);
            let finished = prepare::is_finished(&marked);
            if deletion.dry_run {
                return Ok(if finished {
                    Deleted::Gone(live)
                } else {
                    Deleted::Pending(marked.into())
                });
            }
            if finished {
                if let Ok(last) = self.store().commit(place, Some(&live), None) {
                    self.removed(resource, &last);
                    return Ok(Deleted::Gone(last));
                }
            } else if prepare::same(&live, &marked) {
                return Ok(Deleted::Pending(live));
            } else if let Ok(stored) = self.store().commit(place, Some(&live), Some(marked)) {
                self.deleting(resource, &stored);
                return Ok(Deleted::Pending(stored));
            }
        }
    }

    /// The object as it is while it waits for its end.
    fn marked(&self, resource: &Resource, live: &Value, deletion: &Deletion) -> Value {
        let mut object = live.clone();
        let grace = self.grace(resource, live, deletion);
        let mut waits: Vec<&str> = match deletion.propagation {
            Propagation::Foreground => vec![FOREGROUND],
            Propagation::Orphan => vec![ORPHAN],
            Propagation::Background => Vec::new(),
        };
        if &*resource.storage == "customresourcedefinitions.apiextensions.k8s.io" {
            waits.push(CLEANUP);
        }
        let known = prepare::finalizers(live);
        waits.retain(|wait| !known.contains(wait));
        if !waits.is_empty() && live.pointer("/metadata/deletionTimestamp").is_none() {
            object["metadata"]["finalizers"] = json!([known, waits].concat());
        }
        // Namespaces and definitions have a deletion of their own.
        let special =
            ["namespaces", "customresourcedefinitions"].contains(&resource.plural.as_str());
        let metadata = prepare::metadata(&mut object);
        if !metadata.contains_key("deletionTimestamp") {
            let end = jiff::Timestamp::now() + jiff::SignedDuration::from_secs(grace);
            metadata.insert("deletionTimestamp".into(), json!(identity::seconds(end)));
            let generation = metadata.get("generation").and_then(Value::as_i64);
            if let Some(generation) = generation.filter(|_| !special) {
                metadata.insert("generation".into(), json!(generation + 1));
            }
        }
        let known = metadata.get("deletionGracePeriodSeconds").and_then(Value::as_i64);
        if !special && known.is_none_or(|old| grace < old) {
            metadata.insert("deletionGracePeriodSeconds".into(), json!(grace));
        }
        if resource.group.is_empty() && resource.plural == "namespaces" {
            object["status"] = json!({"phase": "Terminating"});
        }
        object
    }

    /// Seconds that a pod on a node gets; everything else ends at once.
    fn grace(&self, resource: &Resource, live: &Value, deletion: &Deletion) -> i64 {
        let is_pod = resource.group.is_empty() && resource.plural == "pods";
        let ended = matches!(
            live.pointer("/status/phase").and_then(Value::as_str),
            Some("Succeeded" | "Failed")
        );
        let placed = live
            .pointer("/spec/nodeName")
            .and_then(Value::as_str)
            .is_some_and(|node| !node.is_empty());
        if !is_pod || ended || !placed || self.options().termination.is_zero() {
            return 0;
        }
        let own = live
            .pointer("/spec/terminationGracePeriodSeconds")
            .and_then(Value::as_i64)
            .unwrap_or(30);
        deletion.grace.unwrap_or(own).max(0)
    }
}

fn check(resource: &Resource, live: &Value, deletion: &Deletion) -> Result<(), Failure> {
    let text = |field: &str| live["metadata"][field].as_str().unwrap_or_default();
    let differs = |wanted: &Option<String>, field: &str| {
        wanted.clone().filter(|wanted| wanted != text(field))
    };
    if let Some(uid) = differs(&deletion.uid, "uid") {
        let why = format!(
            "the UID in the precondition ({uid}) does not match the UID in record ({}). The object might have been deleted and then recreated",
            text("uid")
        );
        return Err(Failure::precondition(resource, text("name"), &why));
    }
    if let Some(revision) = differs(&deletion.revision, "resourceVersion") {
        let why = format!(
            "the ResourceVersion in the precondition ({revision}) does not match the ResourceVersion in record ({}). The object might have been modified",
            text("resourceVersion")
        );
        return Err(Failure::precondition(resource, text("name"), &why));
    }
    Ok(())
}
