//! The structural schemas of the built-in kinds and of custom resources.

use std::collections::HashMap;
use std::sync::{Arc, OnceLock};

use indexmap::IndexMap;
use serde::Deserialize;
use serde_json::Value;

use super::custom;

/// What a value may be.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Form {
    /// Anything at all.
    #[default]
    Any,
    /// A structure or a map.
    Object,
    /// A list.
    Array,
    /// Text.
    String,
    /// A whole number.
    Integer,
    /// Any number.
    Number,
    /// True or false.
    Boolean,
}

/// How the server's own type writes a property that is unset.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
pub enum Unset {
    /// Left out when empty.
    #[serde(rename = "o")]
    OmitEmpty,
    /// Left out when null, kept when empty.
    #[serde(rename = "p")]
    OmitNull,
    /// Written as null.
    #[serde(rename = "n")]
    Null,
    /// Written as its zero value.
    #[serde(rename = "z")]
    Zero,
}

/// One node of a structural schema. The extensions carry the meaning that
/// <https://kubernetes.io/docs/reference/using-api/server-side-apply/#merge-strategy> gives them.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
pub struct Type {
    /// What the value is.
    #[serde(rename = "type")]
    pub form: Form,
    /// The format of a scalar.
    pub format: Option<String>,
    /// The definition that stands for this node.
    #[serde(rename = "ref")]
    pub reference: Option<String>,
    /// Named members.
    pub fields: IndexMap<String, Type>,
    /// The type of all other members.
    pub values: Option<Box<Type>>,
    /// The type of list items.
    pub items: Option<Box<Type>>,
    /// Members that must be present.
    pub required: Vec<String>,
    /// The values allowed.
    #[serde(rename = "enum")]
    pub choices: Vec<Value>,
    /// `x-kubernetes-list-type`.
    pub list: Option<String>,
    /// `x-kubernetes-list-map-keys`.
    pub keys: Vec<String>,
    /// `x-kubernetes-map-type`.
    pub map: Option<String>,
    /// `x-kubernetes-patch-strategy`.
    pub patch: Option<String>,
    /// `x-kubernetes-patch-merge-key`.
    pub merge: Option<String>,
    /// `x-kubernetes-int-or-string`.
    #[serde(rename = "intOrString")]
    pub int_or_string: bool,
    /// `x-kubernetes-preserve-unknown-fields`, which also holds below.
    pub open: bool,
    /// `x-kubernetes-embedded-resource`.
    pub embedded: bool,
    /// Whether null is a value.
    pub nullable: bool,
    /// The default, where it is more than an unset value.
    pub default: Option<Value>,
    /// How the property is written when unset; absent for custom resources.
    pub go: Option<Unset>,
}

/// The definition whose values are amounts such as `100m`.
pub const QUANTITY: &str = "io.k8s.apimachinery.pkg.api.resource.Quantity";
/// The definition whose values are any JSON.
pub const RAW: &str = "io.k8s.apimachinery.pkg.runtime.RawExtension";
/// The definition of `metadata`.
pub const OBJECT_META: &str = "io.k8s.apimachinery.pkg.apis.meta.v1.ObjectMeta";

impl Type {
    /// This node, or the definition that it refers to.
    pub fn resolve(&self) -> &Self {
        match &self.reference {
            Some(name) => builtin().definitions.get(name).unwrap_or(self),
            None => self,
        }
    }

    /// Whether the node refers to this definition.
    pub fn is(&self, definition: &str) -> bool {
        self.reference.as_deref() == Some(definition)
    }

    /// The type of a member, named or not.
    pub fn member(&self, name: &str) -> Option<&Self> {
        let this = self.resolve();
        this.fields.get(name).or(this.values.as_deref())
    }
}

/// The generated file.
#[derive(Debug, Deserialize)]
struct Builtin {
    kinds: HashMap<String, String>,
    definitions: HashMap<String, Type>,
}

/// The built-in definitions, parsed once. The file is generated (see `tests/control-plane/schema`), and a test reads it.
fn builtin() -> &'static Builtin {
    static BUILTIN: OnceLock<Builtin> = OnceLock::new();
    BUILTIN.get_or_init(|| {
        serde_json::from_str(include_str!("builtin.json"))
            .unwrap_or_else(|_| Builtin { kinds: HashMap::new(), definitions: HashMap::new() })
    })
}

/// A built-in definition by its name.
pub(super) fn definition(name: &str) -> Option<&'static Type> {
    builtin().definitions.get(name)
}

/// Where a schema comes from.
#[derive(Debug, Clone)]
enum Source {
    Builtin { name: &'static str, root: &'static Type },
    Custom(Arc<custom::Version>),
}

/// The structural schema of one kind.
#[derive(Debug, Clone)]
pub struct Schema {
    source: Source,
}

impl Schema {
    /// The type of the whole object.
    pub fn root(&self) -> &Type {
        match &self.source {
            Source::Builtin { root, .. } => root,
            Source::Custom(version) => &version.root,
        }
    }

    /// Whether this is the schema of a custom resource.
    pub fn is_custom(&self) -> bool {
        matches!(self.source, Source::Custom(_))
    }

    /// The schema as the `CustomResourceDefinition` gives it (`openAPIV3Schema`).
    pub fn custom(&self) -> Option<&Value> {
        match &self.source {
            Source::Builtin { .. } => None,
            Source::Custom(version) => Some(&version.schema),
        }
    }

    /// Whether status is a subresource: writes of the main resource leave it alone.
    pub fn has_status(&self) -> bool {
        match &self.source {
            Source::Builtin { root, .. } => root.fields.contains_key("status"),
            Source::Custom(version) => version.status,
        }
    }

    /// The name of the definition, as `/openapi/v3` lists it.
    pub fn name(&self) -> &str {
        match &self.source {
            Source::Builtin { name, .. } => name,
            Source::Custom(version) => &version.name,
        }
    }
}

/// The built-in schemas and those of custom resources; cheap to clone.
#[derive(Debug, Clone, Default)]
pub struct Schemas {
    custom: Arc<HashMap<String, Arc<custom::Version>>>,
}

impl Schemas {
    /// The schemas of the built-in kinds.
    pub fn builtin() -> Self {
        Self::default()
    }

    /// These schemas and those of all versions of a `CustomResourceDefinition`; versions known before are replaced.
    #[must_use]
    pub fn with_crd(&self, crd: &Value) -> Self {
        let mut all = HashMap::clone(&self.custom);
        for (kind, version) in custom::versions(crd) {
            all.insert(kind, Arc::new(version));
        }
        Self { custom: Arc::new(all) }
    }

    /// The schema of a kind; the core group is empty.
    pub fn of(&self, group: &str, version: &str, kind: &str) -> Option<Schema> {
        let key = index(group, version, kind);
        if let Some(found) = self.custom.get(&key) {
            return Some(Schema { source: Source::Custom(found.clone()) });
        }
        let (name, root) = builtin().definitions.get_key_value(builtin().kinds.get(&key)?)?;
        Some(Schema { source: Source::Builtin { name, root } })
    }
}

/// The key of a kind: `group/version/Kind`, without the group for the core group.
pub(super) fn index(group: &str, version: &str, kind: &str) -> String {
    if group.is_empty() { format!("{version}/{kind}") } else { format!("{group}/{version}/{kind}") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_generated_file_is_whole() {
        assert!(builtin().kinds.len() > 60);
        for definition in builtin().definitions.values() {
            complete(definition);
        }
        for name in builtin().kinds.values() {
            assert!(builtin().definitions.contains_key(name), "{name}");
        }
    }

    fn complete(node: &Type) {
        if let Some(name) = &node.reference {
            assert!(builtin().definitions.contains_key(name), "{name}");
        }
        node.fields
            .values()
            .chain(node.items.as_deref())
            .chain(node.values.as_deref())
            .for_each(complete);
    }

    #[test]
    fn kinds_are_found_by_group_version_and_kind() {
        let schemas = Schemas::builtin();
        let deployment = schemas.of("apps", "v1", "Deployment").unwrap();
        assert!(deployment.has_status() && !deployment.is_custom());
        assert!(schemas.of("", "v1", "ConfigMap").is_some_and(|schema| !schema.has_status()));
        assert!(schemas.of("apps", "v2", "Deployment").is_none());
    }
}
