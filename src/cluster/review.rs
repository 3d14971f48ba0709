//! Access reviews: may we, before anything is tried.

use super::resource::Resource;
use super::watch::lock;
use super::wire::{Call, Failure};
use super::{Cluster, ClusterError};
use crate::domain::ObjectRef;
use serde::Deserialize;
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::hash::Hash;
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tokio::time::Instant;

/// How long an answer is good for: mappings that are planned together ask once, and whoever is given a right does not
/// wait for long.
const FRESH: Duration = Duration::from_secs(10);
/// Answers that are kept at most.
const KEPT: usize = 4096;

/// One question to the server: a verb on a resource in a namespace, or everywhere.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Right {
    /// API group.
    pub group: String,
    /// Resource, `deployments`.
    pub resource: String,
    /// Namespace; nothing asks about all of them, or about a resource without namespaces.
    pub namespace: Option<String>,
    /// Verb, `patch`.
    pub verb: String,
}

/// Rights with the objects that they are needed for; none where a right is needed in general.
pub(super) type Needs = BTreeMap<Right, BTreeSet<String>>;

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

    /// The same place with another verb.
    pub(super) fn verb(&self, verb: &str) -> Self {
        Self { verb: verb.to_owned(), ..self.clone() }
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

/// What we may do in one namespace, as far as the server can list it.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct Rules {
    resource_rules: Vec<Rule>,
    /// Whether there may be more: not every authorizer can list its rules.
    incomplete: bool,
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct Rule {
    verbs: Vec<String>,
    api_groups: Vec<String>,
    resources: Vec<String>,
    resource_names: Vec<String>,
}

impl Rule {
    fn grants(&self, right: &Right) -> bool {
        let lists = |all: &[String], one: &str| all.iter().any(|each| each == "*" || each == one);
        lists(&self.verbs, &right.verb)
            && lists(&self.api_groups, &right.group)
            && lists(&self.resources, &right.resource)
    }
}

impl Rules {
    fn grant(&self, right: &Right, names: &BTreeSet<String>) -> bool {
        let fitting: Vec<&Rule> =
            self.resource_rules.iter().filter(|rule| rule.grants(right)).collect();
        let named = |name: &String| fitting.iter().any(|rule| rule.resource_names.contains(name));
        fitting.iter().any(|rule| rule.resource_names.is_empty())
            || (!names.is_empty() && names.iter().all(named))
    }
}

type Slots<K, T> = Mutex<HashMap<K, Arc<tokio::sync::Mutex<Option<(Instant, T)>>>>>;

/// The server's answers about our rights, each good for a short while.
#[derive(Default)]
pub(super) struct Answers {
    /// By namespace.
    rules: Slots<String, Arc<Rules>>,
    /// By right, and object where one was named.
    verdicts: Slots<(Right, Option<String>), bool>,
}

/// The answer of a moment ago, or a new one. Several who want the same one ask once.
async fn fresh<K: Hash + Eq, T: Clone>(
    slots: &Slots<K, T>,
    key: K,
    ask: impl Future<Output = Result<T, Failure>>,
) -> Result<T, Failure> {
    let slot = {
        let mut slots = lock(slots);
        if slots.len() >= KEPT {
            slots.clear();
        }
        Arc::clone(slots.entry(key).or_default())
    };
    let mut slot = slot.lock().await;
    if let Some((at, known)) = &*slot
        && at.elapsed() < FRESH
    {
        return Ok(known.clone());
    }
    let answer = ask.await?;
    *slot = Some((Instant::now(), answer.clone()));
    Ok(answer)
}

impl Cluster {
    /// The rights that mappings with these objects need, beside those on their records, and that we do not have.
    pub async fn missing_for(
        &self,
        objects: &[ObjectRef],
        need: Need,
    ) -> Result<Vec<Right>, ClusterError> {
        let catalogue = self.catalogue().await?;
        let mut needs = Needs::new();
        let mut add = |place: &Right, verbs: &[&str]| {
            needs.extend(verbs.iter().map(|verb| (place.verb(verb), BTreeSet::new())));
        };
        for object in objects {
            if let Some(resource) = catalogue.any(&object.group, &object.version, &object.kind) {
                let place = Right {
                    verb: String::new(),
                    group: object.group.clone(),
                    resource: resource.plural.clone(),
                    namespace: object.namespace.clone(),
                };
                add(&place, need.verbs());
            }
        }
        add(&self.place_of_records(), need.verbs_of_records());
        Ok(self.lacking(needs).await?.into_keys().collect())
    }

    /// The config maps in the namespace of the records.
    pub(super) fn place_of_records(&self) -> Right {
        Right {
            verb: String::new(),
            group: String::new(),
            resource: "configmaps".to_owned(),
            namespace: Some(self.records().to_owned()),
        }
    }

    /// Those of the rights that we do not have. A hint only: admission may still say no.
    pub(super) async fn lacking(&self, needs: Needs) -> Result<Needs, ClusterError> {
        let asked = needs.into_iter().map(async |(right, names)| {
            let has = self.has(&right, &names).await?;
            Ok::<_, Failure>((!has).then_some((right, names)))
        });
        let answers = futures::future::try_join_all(asked).await.map_err(|failure| {
            self.explain(&failure, "create", "a review of our own rights", false)
        })?;
        Ok(answers.into_iter().flatten().collect())
    }

    /// Whether we have a right on these objects. The rules of the namespace answer for all of its rights at once; what
    /// they cannot prove or deny is asked about by itself.
    async fn has(&self, right: &Right, names: &BTreeSet<String>) -> Result<bool, Failure> {
        if let Some(namespace) = &right.namespace {
            match self.rules(namespace).await {
                Ok(rules) if rules.grant(right, names) => return Ok(true),
                Ok(rules) if !rules.incomplete => return Ok(false),
                // Not every server lists rules.
                Ok(_) | Err(Failure::Status(_)) => {}
                Err(failure) => return Err(failure),
            }
        }
        // Who may do everything is asked about once for all verbs.
        if self.may(&right.verb("*"), None).await? || self.may(right, None).await? {
            return Ok(true);
        }
        for name in names {
            if !self.may(right, Some(name)).await? {
                return Ok(false);
            }
        }
        Ok(!names.is_empty())
    }

    async fn rules(&self, namespace: &str) -> Result<Arc<Rules>, Failure> {
        let ask = async {
            let asked = json!({"namespace": namespace});
            let status = self.review(AUTHORIZATION, "SelfSubjectRulesReview", &asked).await?;
            serde_json::from_value(status)
                .map(Arc::new)
                .map_err(|error| Failure::Malformed(format!("the rules cannot be read: {error}")))
        };
        fresh(&self.answers().rules, namespace.to_owned(), ask).await
    }

    async fn may(&self, right: &Right, name: Option<&str>) -> Result<bool, Failure> {
        let mut attributes =
            json!({"verb": right.verb, "group": right.group, "resource": right.resource});
        if let Some(namespace) = &right.namespace {
            attributes["namespace"] = namespace.as_str().into();
        }
        if let Some(name) = name {
            attributes["name"] = name.into();
        }
        let ask = async {
            let asked = json!({"resourceAttributes": attributes});
            let status = self.review(AUTHORIZATION, "SelfSubjectAccessReview", &asked).await?;
            Ok(status["allowed"] == true)
        };
        let key = (right.clone(), name.map(str::to_owned));
        fresh(&self.answers().verdicts, key, ask).await
    }

    /// The name under which the server knows us, where it says so.
    pub(super) async fn identity(&self) -> Option<String> {
        let status = self.review(AUTHENTICATION, "SelfSubjectReview", &json!({})).await.ok()?;
        status["userInfo"]["username"].as_str().map(str::to_owned)
    }

    /// Asks one question about ourselves; the answer is its status.
    async fn review(&self, group: &str, kind: &str, asked: &Value) -> Result<Value, Failure> {
        let plural = format!("{}s", kind.to_lowercase());
        let body = json!({"apiVersion": format!("{group}/v1"), "kind": kind, "spec": asked});
        let call = Call::review(format!("/apis/{group}/v1/{plural}"), &body);
        let mut answer = self.wire().json(&call).await?;
        Ok(answer["status"].take())
    }
}

const AUTHORIZATION: &str = "authorization.k8s.io";
const AUTHENTICATION: &str = "authentication.k8s.io";

#[cfg(test)]
mod tests {
    use super::{Right, Rules};
    use serde_json::json;
    use std::collections::BTreeSet;

    #[test]
    fn rules_grant_by_verb_group_resource_and_name() {
        let rules: Rules = serde_json::from_value(json!({"incomplete": false, "resourceRules": [
            {"verbs": ["get", "patch"], "apiGroups": ["apps"], "resources": ["deployments"]},
            {"verbs": ["delete"], "apiGroups": [""], "resources": ["*"], "resourceNames": ["a", "b"]},
            {"verbs": ["*"], "apiGroups": ["batch"], "resources": ["jobs/status"]}]}))
        .unwrap();
        for (verb, group, resource, names, expected) in [
            ("patch", "apps", "deployments", &["x"][..], true),
            ("patch", "", "deployments", &["x"], false),
            ("delete", "apps", "deployments", &["x"], false),
            ("delete", "", "secrets", &["a", "b"], true),
            ("delete", "", "secrets", &["a", "c"], false),
            ("delete", "", "secrets", &[], false),
            ("patch", "batch", "jobs", &[], false),
        ] {
            let right = Right {
                verb: verb.to_owned(),
                group: group.to_owned(),
                resource: resource.to_owned(),
                namespace: Some("shop".to_owned()),
            };
            let names: BTreeSet<String> = names.iter().map(|name| (*name).to_owned()).collect();
            assert_eq!(rules.grant(&right, &names), expected, "{right} {names:?}");
        }
    }
}
