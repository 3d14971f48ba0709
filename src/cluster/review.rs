//! Access reviews: may we, before anything is tried.

use super::resource::Resource;
use super::wire::Call;
use super::{Cluster, ClusterError};
use crate::domain::ObjectRef;
use crate::domain::plan::{Op, Operation, Plan};
use serde_json::json;
use std::collections::{BTreeMap, BTreeSet};

/// One question to the server: a verb on a resource in a namespace, or everywhere.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Right {
    /// Verb, `patch`.
    pub verb: String,
    /// API group.
    pub group: String,
    /// Resource, `deployments`.
    pub resource: String,
    /// Namespace; nothing asks about all of them, or about a resource without namespaces.
    pub namespace: Option<String>,
}

/// What rights are asked about for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Need {
    /// Looking alone.
    Reading,
    /// Looking, applying and pruning.
    Everything,
}

impl Need {
    fn verbs(self) -> &'static [&'static str] {
        match self {
            Self::Reading => &["get", "list", "watch"],
            Self::Everything => &["get", "list", "watch", "create", "patch", "delete"],
        }
    }

    /// What the records of mappings need; they are replaced, never patched or deleted.
    fn verbs_of_records(self) -> &'static [&'static str] {
        match self {
            Self::Reading => &["get", "list", "watch"],
            Self::Everything => &["get", "list", "watch", "create", "update"],
        }
    }
}

impl Right {
    /// The resource with its group, `deployments.apps`.
    pub fn qualified(&self) -> String {
        Resource::fixed(&format!("{}/-", self.group), "", &self.resource, true).qualified()
    }
}

impl std::fmt::Display for Right {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let resource = self.qualified();
        match &self.namespace {
            Some(namespace) => write!(f, "{} {resource} in {namespace}", self.verb),
            None => write!(f, "{} {resource}", self.verb),
        }
    }
}

impl Cluster {
    /// Whether we have a right. A hint only: admission may still say no.
    pub async fn may(&self, right: &Right) -> Result<bool, ClusterError> {
        let mut attributes =
            json!({"verb": right.verb, "group": right.group, "resource": right.resource});
        if let Some(namespace) = &right.namespace {
            attributes["namespace"] = namespace.as_str().into();
        }
        let body = json!({"apiVersion": "authorization.k8s.io/v1", "kind": "SelfSubjectAccessReview",
            "spec": {"resourceAttributes": attributes}});
        let call = Call::review("/apis/authorization.k8s.io/v1/selfsubjectaccessreviews", &body);
        let answer = self.wire().json(&call).await;
        let answer = answer
            .map_err(|failure| self.explain(&failure, "create", "an access review", false))?;
        Ok(answer["status"]["allowed"] == true)
    }

    /// The rights that mappings with these objects need, beside those on their records, and that we do not have.
    pub async fn missing_for(
        &self,
        objects: &[ObjectRef],
        need: Need,
    ) -> Result<Vec<Right>, ClusterError> {
        let catalogue = self.catalogue().await?;
        let mut needed = BTreeMap::new();
        for object in objects {
            if let Some(resource) = catalogue.any(&object.group, &object.version, &object.kind) {
                let place =
                    (object.group.clone(), resource.plural.clone(), object.namespace.clone());
                needed.insert(place, need.verbs());
            }
        }
        let records = (String::new(), "configmaps".to_owned(), Some(self.records().to_owned()));
        needed.insert(records, need.verbs_of_records());
        let asked = needed.into_iter().map(|(place, verbs)| self.lacking(place, verbs));
        Ok(futures::future::try_join_all(asked).await?.concat())
    }

    /// The verbs on one resource that we may not use. Who may do everything is asked about once.
    async fn lacking(
        &self,
        (group, resource, namespace): (String, String, Option<String>),
        verbs: &[&str],
    ) -> Result<Vec<Right>, ClusterError> {
        let right = |verb: &str| Right {
            verb: verb.to_owned(),
            group: group.clone(),
            resource: resource.clone(),
            namespace: namespace.clone(),
        };
        if self.may(&right("*")).await? {
            return Ok(Vec::new());
        }
        let rights: Vec<Right> = verbs.iter().map(|verb| right(verb)).collect();
        let answers =
            futures::future::try_join_all(rights.iter().map(|right| self.may(right))).await?;
        Ok(rights
            .into_iter()
            .zip(answers)
            .filter(|(_, may)| !may)
            .map(|(right, _)| right)
            .collect())
    }

    /// The rights that a plan needs and that we do not have.
    pub async fn missing_rights(&self, plan: &Plan) -> Result<Vec<Right>, ClusterError> {
        let catalogue = self.catalogue().await?;
        let mut needed = BTreeSet::new();
        for operation in &plan.operations {
            let object = &operation.object;
            let Some(resource) = catalogue.any(&object.group, &object.version, &object.kind) else {
                continue;
            };
            for verb in verbs(operation) {
                needed.insert(Right {
                    verb: (*verb).to_owned(),
                    group: object.group.clone(),
                    resource: resource.plural.clone(),
                    namespace: object.namespace.clone(),
                });
            }
        }
        for verb in ["create", "update"].into_iter().filter(|_| !plan.operations.is_empty()) {
            needed.insert(Right {
                verb: verb.to_owned(),
                group: String::new(),
                resource: "configmaps".to_owned(),
                namespace: Some(self.records().to_owned()),
            });
        }
        let answers =
            futures::future::try_join_all(needed.iter().map(|right| self.may(right))).await?;
        Ok(needed
            .into_iter()
            .zip(answers)
            .filter(|(_, allowed)| !allowed)
            .map(|(right, _)| right)
            .collect())
    }
}

fn verbs(operation: &Operation) -> &'static [&'static str] {
    match operation.op {
        // Server-side apply asks for `create` as well where the object does not exist.
        Op::Create => &["create", "patch"],
        Op::Update | Op::TakeOver => &["patch"],
        Op::Delete => &["delete"],
        Op::Recreate => &["create", "delete", "patch"],
    }
}
