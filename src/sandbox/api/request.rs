//! What a request asks for: the parts of its path and of its query.

use std::collections::HashMap;

use percent_encoding::percent_decode_str;

/// The resource and object that a path names.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Target {
    /// API group, empty for core.
    pub group: String,
    /// Version.
    pub version: String,
    /// Resource.
    pub plural: String,
    /// Namespace, if the path has one.
    pub namespace: Option<String>,
    /// Object, if the path has one.
    pub name: Option<String>,
    /// Subresource, if the path has one.
    pub subresource: Option<String>,
}

impl Target {
    /// Reads `/api/v1/…` and `/apis/GROUP/VERSION/…`; `None` for every other path.
    pub fn parse(path: &str) -> Option<Self> {
        let segments: Vec<String> = path
            .split('/')
            .filter(|segment| !segment.is_empty())
            .map(|segment| percent_decode_str(segment).decode_utf8_lossy().into_owned())
            .collect();
        let segments: Vec<&str> = segments.iter().map(String::as_str).collect();
        let (group, version, rest) = match segments.as_slice() {
            ["api", version, rest @ ..] => ("", version, rest),
            ["apis", group, version, rest @ ..] => (*group, version, rest),
            _ => return None,
        };
        let (namespace, rest) = match rest {
            // `/namespaces/NAME` and its subresources are the namespace itself.
            ["namespaces", _] | ["namespaces", _, "status" | "finalize"] => (None, rest),
            ["namespaces", namespace, rest @ ..] => (Some((*namespace).to_owned()), rest),
            _ => (None, rest),
        };
        let mut parts = rest.iter().map(|part| (*part).to_owned());
        let plural = parts.next()?;
        let (name, subresource) = (parts.next(), parts.next());
        if parts.next().is_some() {
            return None;
        }
        Some(Self {
            group: group.to_owned(),
            version: (*version).to_owned(),
            plural,
            namespace,
            name,
            subresource,
        })
    }
}

/// Query parameters; of repeated ones the last.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Query(HashMap<String, String>);

impl Query {
    /// Reads a query string.
    pub fn parse(query: Option<&str>) -> Self {
        let decode = |text: &str| {
            percent_decode_str(&text.replace('+', " ")).decode_utf8_lossy().into_owned()
        };
        let pairs = query.unwrap_or_default().split('&').filter(|pair| !pair.is_empty());
        Self(
            pairs
                .map(|pair| pair.split_once('=').unwrap_or((pair, "")))
                .map(|(key, value)| (decode(key), decode(value)))
                .collect(),
        )
    }

    /// A parameter that is present and not empty.
    pub fn get(&self, name: &str) -> Option<&str> {
        self.0.get(name).map(String::as_str).filter(|value| !value.is_empty())
    }

    /// Whether a parameter is set to true.
    pub fn is_true(&self, name: &str) -> bool {
        matches!(self.get(name), Some("true" | "1" | "True"))
    }

    /// Whether nothing may be stored.
    pub fn dry_run(&self) -> bool {
        self.get("dryRun").is_some()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths() {
        let pod = Target::parse("/api/v1/namespaces/shop/pods/web/log").unwrap();
        assert_eq!(
            (
                pod.group.as_str(),
                pod.plural.as_str(),
                pod.namespace.as_deref(),
                pod.name.as_deref()
            ),
            ("", "pods", Some("shop"), Some("web"))
        );
        assert_eq!(pod.subresource.as_deref(), Some("log"));
        let namespace = Target::parse("/api/v1/namespaces/shop").unwrap();
        assert_eq!(
            (namespace.plural.as_str(), namespace.name.as_deref()),
            ("namespaces", Some("shop"))
        );
        let role =
            Target::parse("/apis/rbac.authorization.k8s.io/v1/clusterroles/system%3Anode").unwrap();
        assert_eq!(role.name.as_deref(), Some("system:node"));
        assert_eq!(Target::parse("/openapi/v3"), None);
        assert_eq!(Target::parse("/apis/apps/v1"), None);
    }

    #[test]
    fn queries() {
        let query =
            Query::parse(Some("labelSelector=app%3Dweb%2Ctier&dryRun=All&fieldManager=&x=a+b"));
        assert_eq!(query.get("labelSelector"), Some("app=web,tier"));
        assert_eq!(query.get("fieldManager"), None);
        assert_eq!(query.get("x"), Some("a b"));
        assert!(query.dry_run());
    }
}
