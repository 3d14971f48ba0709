//! Rights that a plan needs and that we do not have.

use serde::{Deserialize, Serialize};
use std::fmt;

/// Verbs on one resource in one place.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct MissingRights {
    /// Verbs, `delete`, in order.
    pub verbs: Vec<String>,
    /// Resource with its group, `deployments.apps`.
    pub resource: String,
    /// Namespace; nothing for a resource without.
    pub namespace: Option<String>,
    /// How many objects need them.
    pub objects: usize,
    /// The name under which the server knows us, where it says so (foreign text).
    pub identity: Option<String>,
    /// Context that was used.
    pub context: String,
}

impl MissingRights {
    /// What to do about it.
    pub fn way_out(&self) -> String {
        let (context, resource) = (&self.context, &self.resource);
        let verb = self.verbs.first().map_or("get", String::as_str);
        let (role, place) = match &self.namespace {
            Some(namespace) => ("Role in this namespace", format!(" -n {namespace}")),
            None => ("ClusterRole", String::new()),
        };
        format!(
            "ask for a {role} that allows it; `kubectl --context {context} auth can-i {verb} {resource}{place}` says yes then; nothing was written"
        )
    }
}

impl fmt::Display for MissingRights {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.identity {
            Some(name) => write!(f, "user `{name}`")?,
            None => write!(f, "the user of context `{}`", self.context)?,
        }
        write!(f, " may not {} {}", self.verbs.join(", "), self.resource)?;
        if let Some(namespace) = &self.namespace {
            write!(f, " in {namespace}")?;
        }
        match self.objects {
            0 => Ok(()),
            1 => write!(f, " (1 object)"),
            many => write!(f, " ({many} objects)"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::MissingRights;

    #[test]
    fn who_may_not_do_what_where() {
        let mut missing = MissingRights {
            verbs: vec!["delete".into(), "get".into()],
            resource: "deployments.apps".into(),
            namespace: Some("shop".into()),
            objects: 3,
            identity: Some("jane".into()),
            context: "prod".into(),
        };
        assert_eq!(
            missing.to_string(),
            "user `jane` may not delete, get deployments.apps in shop (3 objects)"
        );
        assert!(
            missing
                .way_out()
                .contains("`kubectl --context prod auth can-i delete deployments.apps -n shop`"),
        );
        (missing.identity, missing.namespace, missing.objects) = (None, None, 1);
        assert_eq!(
            missing.to_string(),
            "the user of context `prod` may not delete, get deployments.apps (1 object)"
        );
        assert!(missing.way_out().starts_with("ask for a ClusterRole that"));
    }
}
