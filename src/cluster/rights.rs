//! What a plan may not do: the rights that it needs, and refusals for those that we do not have.

use super::Cluster;
use super::desired::is_namespace;
use super::ground::Ground;
use super::record::parent_name;
use super::review::{Needs, Right};
use super::wire::Call;
use crate::domain::plan::{Op, Operation, Plan, Refusal};
use crate::domain::{Inventory, MissingRights, ObjectKey, ObjectRef};
use std::collections::{BTreeMap, HashSet};

/// Group of what gives rights.
const ACCESS: &str = "rbac.authorization.k8s.io";

impl Cluster {
    /// Asks whether we may do what a plan wants, before anything is written, and refuses what we may not. Nothing is
    /// asked where nothing is to be done.
    pub(super) async fn review_plan(&self, plan: &mut Plan, ground: &Ground<'_>) {
        if plan.is_empty() {
            return;
        }
        let needs = self.needs(plan, ground);
        let missing = match self.lacking(needs).await {
            Ok(missing) => missing,
            Err(error) => {
                plan.rights_unknown = Some(error.to_string());
                return;
            }
        };
        let missing = self.without_namespace_of_records(missing).await;
        if missing.is_empty() {
            return;
        }
        self.replace_refused(plan, ground, &missing);
        let identity = self.identity().await;
        plan.refusals.extend(self.refusals(missing, identity.as_deref()));
    }

    fn needs(&self, plan: &Plan, ground: &Ground<'_>) -> Needs {
        let gives_rights = plan.operations.iter().any(|one| one.object.group == ACCESS);
        let mut needs = Needs::new();
        for operation in &plan.operations {
            let object = &operation.object;
            // Rights may come with the namespace, and with what the plan itself gives.
            let coming = object.namespace.as_ref().is_some_and(|n| ground.frame.coming.contains(n));
            if coming || (operation.blind.is_some() && gives_rights) {
                continue;
            }
            let Some(place) = place(ground, object) else { continue };
            for verb in verbs(operation) {
                needs.entry(place.verb(verb)).or_default().insert(object.name.clone());
            }
        }
        for object in plan.hooks.iter().map(|hook| &hook.object) {
            let coming = object.namespace.as_ref().is_some_and(|n| ground.frame.coming.contains(n));
            let Some(place) = place(ground, object).filter(|_| !(coming || gives_rights)) else {
                continue;
            };
            // It is made, tried out before that, followed to its end, and deleted before it is made the next time.
            for verb in ["create", "patch", "get", "delete"] {
                needs.entry(place.verb(verb)).or_default().insert(object.name.clone());
            }
        }
        self.add_records(&mut needs, plan, &ground.inventory);
        needs
    }

    /// What our own record needs: it is made once, replaced from then on, and parts of a large one are made anew.
    fn add_records(&self, needs: &mut Needs, plan: &Plan, inventory: &Inventory) {
        let (place, name) = (self.place_of_records(), parent_name(&plan.mapping));
        let absent = *inventory == Inventory::default();
        if absent || inventory.members.len() + plan.summary.create > self.wire().limits().shard {
            // What is made by a POST has no name yet when the server asks whether it may be: a right on one name is none.
            needs.entry(place.verb("create")).or_default();
        }
        if absent {
            needs.entry(making_namespaces()).or_default().insert(self.records().to_owned());
        }
        needs.entry(place.verb("update")).or_default().insert(name);
    }

    /// The namespace of the records need not be made where it is there, or may not be looked at.
    async fn without_namespace_of_records(&self, mut missing: Needs) -> Needs {
        let Some(mut names) = missing.remove(&making_namespaces()) else { return missing };
        if names.contains(self.records()) {
            let address = format!("/api/v1/namespaces/{}", self.records());
            let answer = self.wire().json(&Call::get(address)).await;
            if answer.err().is_none_or(|failure| failure.code() != 404) {
                names.remove(self.records());
            }
        }
        if !names.is_empty() {
            missing.insert(making_namespaces(), names);
        }
        missing
    }

    /// What a dry run could not try for want of a right is no fault of the object.
    fn replace_refused(&self, plan: &mut Plan, ground: &Ground<'_>, missing: &Needs) {
        let lacks = |object: &ObjectRef| {
            let place = place(ground, object);
            let verbs = ["create", "patch"];
            place.is_some_and(|place| {
                verbs.iter().any(|verb| missing.contains_key(&place.verb(verb)))
            })
        };
        let untried: HashSet<ObjectKey> = plan
            .refusals
            .iter()
            .filter_map(|refusal| match refusal {
                Refusal::Invalid { object, .. } => lacks(object).then(|| object.key()),
                _ => None,
            })
            .collect();
        plan.refusals.retain(|refusal| match refusal {
            Refusal::Invalid { object, .. } => !untried.contains(&object.key()),
            _ => true,
        });
        // The verdict is another one once the right is given.
        for key in untried {
            self.memo().forget(Some(&key.group));
        }
    }

    fn refusals(&self, missing: Needs, identity: Option<&str>) -> Vec<Refusal> {
        let mut places: BTreeMap<Right, (Vec<String>, HashSet<String>)> = BTreeMap::new();
        for (right, names) in missing {
            let (verbs, objects) = places.entry(right.verb("")).or_default();
            verbs.push(right.verb);
            objects.extend(names);
        }
        let refusals = places.into_iter().map(|(place, (verbs, objects))| MissingRights {
            verbs,
            resource: place.qualified(),
            namespace: place.namespace,
            objects: objects.len(),
            identity: identity.map(str::to_owned),
            context: self.context().to_owned(),
        });
        refusals.map(Refusal::Rights).collect()
    }
}

fn making_namespaces() -> Right {
    Right {
        verb: "create".to_owned(),
        group: String::new(),
        resource: "namespaces".to_owned(),
        namespace: None,
    }
}

/// The resource of an object, in its namespace. That of a kind which is not served yet is in its definition.
fn place(ground: &Ground<'_>, object: &ObjectRef) -> Option<Right> {
    let served = ground.catalogue.any(&object.group, &object.version, &object.kind);
    let defined = || {
        ground.placed.iter().map(|one| &one.object["spec"]).find_map(|spec| {
            let same = spec["group"] == *object.group && spec["names"]["kind"] == *object.kind;
            spec["names"]["plural"].as_str().filter(|_| same).map(str::to_owned)
        })
    };
    let resource = served.map(|resource| resource.plural.clone()).or_else(defined)?;
    let (group, namespace) = (object.group.clone(), object.namespace.clone());
    Some(Right { verb: String::new(), group, resource, namespace })
}

fn verbs(operation: &Operation) -> Vec<&'static str> {
    let mut verbs = match operation.op {
        // Server-side apply asks for `create` as well where the object does not exist.
        Op::Create => vec!["create", "patch"],
        Op::Update | Op::TakeOver => vec!["patch"],
        // The mark is read again right before.
        Op::Delete => vec!["delete", "get"],
        Op::Recreate => vec!["create", "delete", "get", "patch"],
    };
    // These are waited for.
    if is_namespace(&operation.object) || operation.object.kind == "CustomResourceDefinition" {
        verbs.push("get");
    }
    verbs
}
