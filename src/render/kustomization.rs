//! What a kustomization refers to: whether it is more than a list of files, and what a build would load.

use super::tree::join;
use super::{RenderError, SourceFile};
use crate::yaml::documents;
use serde_json::{Map, Value};

/// Names under which kustomize looks for the kustomization of a directory, in its order.
const NAMES: [&str; 3] = ["kustomization.yaml", "kustomization.yml", "Kustomization"];

/// Whether kustomize would read a file of this name as the kustomization of its directory.
pub(super) fn is_kustomization(name: &str) -> bool {
    NAMES.contains(&name)
}

/// Where the kustomization of a folder may lie.
pub(super) fn kustomizations(folder: &str) -> [String; 3] {
    NAMES.map(|name| join(folder, name))
}

/// Fields whose entries are files, folders, or addresses that kustomize would fetch.
const INPUTS: [&str; 6] =
    ["resources", "components", "bases", "generators", "transformers", "validators"];
/// Fields that name files of the kustomization's own folder.
const FILES: [&str; 9] = [
    "patches",
    "patchesJson6902",
    "patchesStrategicMerge",
    "replacements",
    "configurations",
    "crds",
    "openapi",
    "configMapGenerator",
    "secretGenerator",
];

/// A kustomization that was read.
pub(super) struct Kustomization {
    file: String,
    /// Its content.
    pub fields: Map<String, Value>,
    /// Files, folders and addresses that a build loads.
    pub inputs: Vec<String>,
    /// Files that generators read.
    pub sources: Vec<String>,
}

impl Kustomization {
    /// Reads the one document of the file.
    pub(super) fn read(file: &SourceFile) -> Result<Self, RenderError> {
        let needs = |uses: String| RenderError::NeedsKustomize { file: file.path.clone(), uses };
        let mut found = documents(&file.content).map_err(|error| RenderError::Malformed {
            file: file.path.clone(),
            line: error.line,
            message: error.message,
        })?;
        if found.len() != 1 {
            let count = found.len();
            return Err(needs(format!("a kustomization is one document, and this has {count}")));
        }
        let document = found.remove(0);
        let Value::Object(fields) = document.value else {
            return Err(needs("the kustomization is not a map".to_owned()));
        };
        let inputs = INPUTS.iter().flat_map(|key| strings(fields.get(*key)));
        let inputs = inputs.filter(|text| !text.contains('\n')).collect();
        let generators = ["configMapGenerator", "secretGenerator"];
        let generators = generators.iter().filter_map(|key| fields.get(*key)?.as_array()).flatten();
        let sources = generators
            .flat_map(|generator| ["files", "envs", "env"].map(|key| generator.get(key)))
            .flat_map(strings)
            .map(|text| text.split_once('=').map_or(text.clone(), |(_, file)| file.to_owned()))
            .collect();
        Ok(Self { file: file.path.clone(), inputs, sources, fields })
    }

    /// The first thing in it that would load from the network or run a program.
    pub(super) fn forbidden(&self) -> Option<RenderError> {
        if let Some(key) =
            ["helmCharts", "helmChartInflationGenerator"].iter().find(|key| self.has(key))
        {
            let file = self.file.clone();
            let what = format!("`{key}` makes kustomize run helm");
            return Some(RenderError::Plugin { file, what });
        }
        let is_remote = |text: &String| {
            let scheme = text.split_once("://").map(|(scheme, _)| scheme);
            scheme.is_some_and(|scheme| scheme.chars().all(|c| c.is_ascii_alphanumeric()))
        };
        self.named()
            .into_iter()
            .find(is_remote)
            .map(|reference| RenderError::Remote { file: self.file.clone(), reference })
    }

    /// Files of its own folder that it names, as they are written there.
    pub(super) fn named(&self) -> Vec<String> {
        let named = FILES.iter().flat_map(|key| files(self.fields.get(*key)));
        named.map(|text| text.split_once('=').map_or(text.clone(), |(_, f)| f.into())).collect()
    }

    /// Why an input that is not in the tree is refused.
    pub(super) fn unreachable(&self, reference: &str) -> RenderError {
        // As kustomize tells them: a scheme, scp-like addresses, a query, or a host as the first step.
        let first = reference.split('/').next().unwrap_or_default();
        let is_address = reference.contains("://")
            || reference.contains("?ref=")
            || reference.contains("::")
            || reference.contains("//")
            || first.contains('@')
            || (first.contains('.')
                && !first.trim_matches('.').is_empty()
                && reference.contains('/'));
        if is_address {
            return RenderError::Remote {
                file: self.file.clone(),
                reference: reference.to_owned(),
            };
        }
        RenderError::Missing {
            file: reference.to_owned(),
            named_by: format!("named by {}", self.file),
        }
    }

    fn has(&self, key: &str) -> bool {
        self.fields.get(key).is_some_and(|value| !is_empty(value))
    }
}

/// The resources that a kustomization lists, in order; an error names what else it uses.
pub(super) fn resources(file: &SourceFile) -> Result<Vec<String>, RenderError> {
    let needs = |uses: String| RenderError::NeedsKustomize { file: file.path.clone(), uses };
    let Kustomization { fields, .. } = Kustomization::read(file)?;
    if fields.get("kind").is_some_and(|kind| kind != "Kustomization") {
        return Err(needs("the kustomization is a component".to_owned()));
    }
    let others: Vec<&str> = fields
        .iter()
        .filter(|(key, value)| {
            !matches!(key.as_str(), "apiVersion" | "kind" | "metadata" | "resources")
                && !is_empty(value)
        })
        .map(|(key, _)| key.as_str())
        .collect();
    if !others.is_empty() {
        return Err(needs(format!("it uses {}", others.join(", "))));
    }
    let Some(Value::Array(items)) = fields.get("resources").filter(|value| !value.is_null()) else {
        return Ok(Vec::new());
    };
    items
        .iter()
        .map(|item| {
            item.as_str()
                .map(str::to_owned)
                .ok_or_else(|| needs("a resource is not a path".to_owned()))
        })
        .collect()
}

/// A text, or the texts of a list.
fn strings(value: Option<&Value>) -> Vec<String> {
    match value {
        Some(Value::String(text)) => vec![text.clone()],
        Some(Value::Array(items)) => {
            items.iter().filter_map(|item| item.as_str().map(str::to_owned)).collect()
        }
        _ => Vec::new(),
    }
}

/// The files that a field names, directly or in its entries. Inline patches are no files.
fn files(value: Option<&Value>) -> Vec<String> {
    let keys = ["path", "files", "envs", "env"];
    let below = |entry: &Value| keys.iter().flat_map(|key| strings(entry.get(*key))).collect();
    let mut found: Vec<String> = match value {
        Some(Value::Array(items)) => {
            items.iter().flat_map(|item| -> Vec<String> { below(item) }).collect()
        }
        Some(value @ Value::Object(_)) => below(value),
        _ => Vec::new(),
    };
    found.extend(strings(value));
    found.retain(|text| !text.contains('\n'));
    found
}

fn is_empty(value: &Value) -> bool {
    match value {
        Value::Null => true,
        Value::Array(items) => items.is_empty(),
        Value::Object(fields) => fields.is_empty(),
        _ => false,
    }
}
