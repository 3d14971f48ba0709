//! One served resource and the addresses of its objects.

use crate::domain::object::split_api_version;
use crate::domain::sensitive;
use std::fmt::Write;

/// A resource of the API: a kind in one version.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Resource {
    /// API group, empty for the core group.
    pub group: String,
    /// Version inside the group.
    pub version: String,
    /// Kind, `Deployment`.
    pub kind: String,
    /// Name in addresses, `deployments`.
    pub plural: String,
    /// Whether its objects live in namespaces.
    pub namespaced: bool,
    /// Verbs that the server offers; empty where they are not known.
    pub verbs: Vec<String>,
}

impl Resource {
    /// A resource of the core or a named group; for the fixed kinds that gitdeck itself needs.
    pub fn fixed(api_version: &str, kind: &str, plural: &str, namespaced: bool) -> Self {
        let (group, version) = split_api_version(api_version);
        Self {
            group: group.to_owned(),
            version: version.to_owned(),
            kind: kind.to_owned(),
            plural: plural.to_owned(),
            namespaced,
            verbs: Vec::new(),
        }
    }

    /// `apps/v1`, or `v1` in the core group.
    pub fn api_version(&self) -> String {
        if self.group.is_empty() {
            self.version.clone()
        } else {
            format!("{}/{}", self.group, self.version)
        }
    }

    /// `deployments.apps`, the form of RBAC messages; `configmaps` in the core group.
    pub fn qualified(&self) -> String {
        if self.group.is_empty() {
            self.plural.clone()
        } else {
            format!("{}.{}", self.plural, self.group)
        }
    }

    /// Whether the server offers a verb; unknown verbs count as offered.
    pub fn offers(&self, verb: &str) -> bool {
        self.verbs.is_empty() || self.verbs.iter().any(|offered| offered == verb)
    }

    /// Whether values of its objects must not be shown.
    pub fn is_secret(&self) -> bool {
        let is_secret = self.group.is_empty() && self.kind == "Secret";
        is_secret || sensitive::is_kind(&self.group, &self.kind)
    }

    /// Address of all objects, or of those of one namespace.
    pub fn collection(&self, namespace: Option<&str>) -> String {
        let mut path = if self.group.is_empty() {
            format!("/api/{}", segment(&self.version))
        } else {
            format!("/apis/{}/{}", segment(&self.group), segment(&self.version))
        };
        if let Some(namespace) = namespace.filter(|_| self.namespaced) {
            path.push_str("/namespaces/");
            path.push_str(&segment(namespace));
        }
        path.push('/');
        path.push_str(&segment(&self.plural));
        path
    }

    /// Address of one object.
    pub fn item(&self, namespace: Option<&str>, name: &str) -> String {
        format!("{}/{}", self.collection(namespace), segment(name))
    }
}

/// Escapes one path segment or query value, so that no name from a manifest can reach another address.
pub fn segment(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for byte in text.bytes() {
        let plain = byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'~' | b':');
        // Dots are plain inside names, but `.` and `..` alone would climb.
        if plain || (byte == b'.' && text.bytes().any(|other| other != b'.')) {
            out.push(char::from(byte));
        } else {
            // Writing to a String cannot fail.
            let _ = write!(out, "%{byte:02X}");
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::{Resource, segment};

    #[test]
    fn addresses() {
        let pods = Resource::fixed("v1", "Pod", "pods", true);
        assert_eq!(pods.item(Some("shop"), "a.b"), "/api/v1/namespaces/shop/pods/a.b");
        assert_eq!(pods.collection(None), "/api/v1/pods");
        let roles =
            Resource::fixed("rbac.authorization.k8s.io/v1", "ClusterRole", "clusterroles", false);
        assert_eq!(
            roles.item(Some("ignored"), "system:node"),
            "/apis/rbac.authorization.k8s.io/v1/clusterroles/system:node"
        );
    }

    #[test]
    fn names_cannot_climb() {
        assert_eq!(segment(".."), "%2E%2E");
        assert_eq!(segment("a/../b?x#y"), "a%2F..%2Fb%3Fx%23y");
    }
}
