//! Who may do what: users, their rules, and the reviews that answer questions about them.

use serde_json::{Value, json};

use super::{
    ApiServer,
    call::{Call, Identity},
    failure::Failure,
    reply::{self, Reply},
};

/// A user of the sandbox.
#[derive(Clone, PartialEq, Eq)]
pub struct User {
    /// Name.
    pub name: String,
    /// Groups.
    pub groups: Vec<String>,
    /// Bearer token.
    pub token: String,
    /// What the user may do; `None` is everything.
    pub rules: Option<Vec<Rule>>,
}

impl std::fmt::Debug for User {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter
            .debug_struct("User")
            .field("name", &self.name)
            .field("rules", &self.rules)
            .finish_non_exhaustive()
    }
}

/// Something that is allowed. `*` stands for all; an empty list of namespaces or names too.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Rule {
    /// Verbs.
    pub verbs: Vec<String>,
    /// API groups.
    pub groups: Vec<String>,
    /// Resources, subresources as `pods/log`.
    pub resources: Vec<String>,
    /// Namespaces.
    pub namespaces: Vec<String>,
    /// Objects.
    pub names: Vec<String>,
}

/// What somebody wants to do.
#[derive(Debug, Clone, Default)]
pub struct Attempt {
    /// Verb.
    pub verb: String,
    /// API group.
    pub group: String,
    /// Resource, with its subresource after a slash.
    pub resource: String,
    /// Namespace or empty.
    pub namespace: String,
    /// Object or empty.
    pub name: String,
}

impl Rule {
    fn allows(&self, attempt: &Attempt) -> bool {
        let listed =
            |list: &[String], wanted: &str| list.iter().any(|each| each == "*" || each == wanted);
        let open = |list: &[String], wanted: &str| list.is_empty() || listed(list, wanted);
        listed(&self.verbs, &attempt.verb)
            && listed(&self.groups, &attempt.group)
            && listed(&self.resources, &attempt.resource)
            && open(&self.namespaces, &attempt.namespace)
            && open(&self.names, &attempt.name)
    }
}

impl User {
    /// Whether the user may do this.
    pub fn may(&self, attempt: &Attempt) -> bool {
        self.rules.as_ref().is_none_or(|rules| rules.iter().any(|rule| rule.allows(attempt)))
    }
}

impl ApiServer {
    fn user(&self, name: &str) -> Option<&User> {
        self.options().users.iter().find(|user| user.name == name)
    }

    /// Refuses what the user of a call may not do.
    pub(super) fn authorise(&self, call: &Call, verb: &str) -> Result<(), Failure> {
        let target = &call.target;
        let mut resource = target.plural.clone();
        if let Some(subresource) = &target.subresource {
            resource = format!("{resource}/{subresource}");
        }
        let attempt = Attempt {
            verb: verb.to_owned(),
            group: target.group.clone(),
            resource,
            namespace: target.namespace.clone().unwrap_or_default(),
            name: target.name.clone().unwrap_or_default(),
        };
        // Anyone may ask what he himself may do.
        let own_review = call.resource.transient && call.resource.kind.starts_with("SelfSubject");
        if own_review || self.user(&call.user.name).is_none_or(|user| user.may(&attempt)) {
            return Ok(());
        }
        let place = if attempt.namespace.is_empty() {
            "at the cluster scope".to_owned()
        } else {
            format!("in the namespace \"{}\"", attempt.namespace)
        };
        let why = format!(
            "User \"{}\" cannot {verb} resource \"{}\" in API group \"{}\" {place}",
            call.user.name, attempt.resource, attempt.group
        );
        Err(Failure::forbidden(&call.resource, &attempt.name, &why))
    }

    /// POST on a review: the question comes back with its answer.
    pub(super) fn review(&self, call: &Call) -> Result<Reply, Failure> {
        let mut review = call.json()?;
        if !review.is_object() {
            return Err(Failure::bad_request(
                "the object provided is unrecognized: it is no object",
            ));
        }
        review["status"] = match call.resource.kind.as_str() {
            "SelfSubjectAccessReview" => self.verdict(&call.user.name, &review["spec"]),
            "SubjectAccessReview" | "LocalSubjectAccessReview" => {
                let user = review["spec"]["user"].as_str().unwrap_or_default();
                self.verdict(user, &review["spec"])
            }
            "SelfSubjectRulesReview" => self.rules(&call.user.name, &review["spec"]),
            "SelfSubjectReview" => json!({"userInfo": user_info(&call.user)}),
            _ => {
                let token = review["spec"]["token"].as_str().unwrap_or_default();
                match self.options().users.iter().find(|user| user.token == token) {
                    Some(user) => {
                        json!({"authenticated": true, "user": {"username": user.name, "groups": user.groups}})
                    }
                    None => json!({"authenticated": false, "error": "invalid bearer token"}),
                }
            }
        };
        if !review["metadata"].is_object() {
            review["metadata"] = json!({"creationTimestamp": null});
        }
        Ok(reply::json(201, &review))
    }

    fn verdict(&self, name: &str, specification: &Value) -> Value {
        let Some(asked) = specification.get("resourceAttributes") else {
            return json!({"allowed": true});
        };
        let text = |field: &str| asked[field].as_str().unwrap_or_default().to_owned();
        let mut resource = text("resource");
        if !text("subresource").is_empty() {
            resource = format!("{resource}/{}", text("subresource"));
        }
        let attempt = Attempt {
            verb: text("verb"),
            group: text("group"),
            resource,
            namespace: text("namespace"),
            name: text("name"),
        };
        match self.user(name) {
            Some(user) if user.may(&attempt) => {
                json!({"allowed": true, "reason": "allowed by a rule of the sandbox"})
            }
            // In process anyone may come under a name of his own; nobody has restricted that.
            None => json!({"allowed": true}),
            Some(_) => json!({"allowed": false}),
        }
    }

    fn rules(&self, name: &str, specification: &Value) -> Value {
        let namespace = specification["namespace"].as_str().unwrap_or_default();
        let all = vec![json!({"verbs": ["*"], "apiGroups": ["*"], "resources": ["*"]})];
        let rules = match self.user(name).and_then(|user| user.rules.as_ref()) {
            None => all,
            Some(rules) => rules
                .iter()
                .filter(|rule| {
                    rule.namespaces.is_empty()
                        || rule.namespaces.iter().any(|each| each == namespace)
                })
                .map(|rule| {
                    json!({
                        "verbs": rule.verbs, "apiGroups": rule.groups,
                        "resources": rule.resources, "resourceNames": rule.names,
                    })
                })
                .collect(),
        };
        json!({
            "resourceRules": rules,
            "nonResourceRules": [{"verbs": ["get"], "nonResourceURLs": ["*"]}],
            "incomplete": false,
        })
    }
}

fn user_info(user: &Identity) -> Value {
    json!({"username": user.name, "groups": user.groups})
}
