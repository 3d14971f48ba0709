//! Ignore rules: which objects they are for, and which places in them do not count.

use crate::domain::labels::LabelSelector;
use crate::domain::object::ObjectRef;
use crate::domain::path::{FieldPath, Step};
use crate::domain::pattern::matches;
use crate::domain::prove::MANAGER;
use crate::domain::query::Query;
use crate::domain::redact::is_hidden;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::fmt;

/// Annotation of a manifest in Git that names places of its object which do not count, one on each line. On a live object
/// it means nothing.
pub const ANNOTATION: &str = "gitdeck.dev/ignore";

/// A rule of the configuration: places of matching objects that never count as drift. Of the texts that choose objects
/// each may hold `*` for any run of characters; what is not given matches all.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct IgnoreRule {
    /// API group; empty for the core group.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub group: Option<String>,
    /// Kind, `Deployment`.
    pub kind: Option<String>,
    /// Namespace; objects without one have an empty one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub namespace: Option<String>,
    /// Name.
    pub name: Option<String>,
    /// Label selector, `app=web,tier in (a, b)`, on the labels that Git gives the object.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub labels: Option<String>,
    /// The places: a JSON pointer, or a path as in jq; see [`Query`]. With a manager only what that owns below them.
    pub path: Option<String>,
    /// Field manager whose fields do not count.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub manager: Option<String>,
    /// File and line of the configuration, or of the manifest that carries the annotation.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub place: Option<String>,
}

impl IgnoreRule {
    /// What is wrong with a rule, if something is; each with the key that is wrong.
    pub fn faults(&self) -> Vec<(&'static str, String)> {
        let mut faults = Vec::new();
        if let Some(Err(fault)) = self.path.as_deref().map(Query::parse) {
            faults.push(("path", format!("the path of an ignore rule {fault}")));
        }
        if let Some(Err(fault)) = self.labels.as_deref().map(LabelSelector::parse) {
            faults.push(("labels", format!("the label selector of an ignore rule: {fault}")));
        }
        match self.manager.as_deref() {
            Some(manager) if matches(manager, MANAGER) => {
                let fault =
                    format!("`{MANAGER}` is this program: the rule would ignore everything");
                faults.push(("manager", fault));
            }
            None if self.path.is_none() => {
                let fault =
                    "an ignore rule needs a `path`, like \"/spec/replicas\", or a `manager`";
                faults.push(("path", fault.to_owned()));
            }
            _ => {}
        }
        faults
    }

    /// Where it is written, short: the file's name and the line.
    pub fn short_place(&self) -> Option<&str> {
        self.place.as_deref().map(short_place)
    }

    /// Whether it is for this object, as Git has it.
    fn is_for(&self, reference: &ObjectRef) -> bool {
        let fits = |pattern: &Option<String>, text: &str| {
            pattern.as_ref().is_none_or(|pattern| matches(pattern, text))
        };
        fits(&self.kind, &reference.kind)
            && fits(&self.name, &reference.name)
            && fits(&self.group, &reference.group)
            && fits(&self.namespace, reference.namespace.as_deref().unwrap_or_default())
    }
}

/// The last part of a path with its line: `config.toml:41`.
pub fn short_place(place: &str) -> &str {
    place.rsplit('/').next().unwrap_or(place)
}

impl fmt::Display for IgnoreRule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut words: Vec<String> = Vec::new();
        let group = self.group.as_ref().map(|group| format!(".{group}")).unwrap_or_default();
        if self.kind.is_some() || self.group.is_some() {
            words.push(format!("{}{group}", self.kind.as_deref().unwrap_or("*")));
        }
        match (&self.namespace, &self.name) {
            (None, None) => {}
            (None, Some(name)) => words.push(name.clone()),
            (Some(space), name) => {
                words.push(format!("{space}/{}", name.as_deref().unwrap_or("*")));
            }
        }
        words.extend(self.labels.as_ref().map(|labels| format!("({labels})")));
        words.extend(self.path.clone());
        words.extend(self.manager.as_ref().map(|manager| format!("of manager {manager}")));
        f.write_str(&words.join(" "))
    }
}

/// A rule, ready to be used.
#[derive(Debug, Clone, PartialEq)]
pub struct Ready {
    /// The rule.
    pub rule: IgnoreRule,
    /// Its places, where it names any.
    pub query: Option<Query>,
    labels: LabelSelector,
}

impl Ready {
    /// Reads a rule; nothing where it has a fault, which the configuration refuses already.
    pub fn of(rule: &IgnoreRule) -> Option<Self> {
        if !rule.faults().is_empty() {
            return None;
        }
        Some(Self {
            query: rule.path.as_deref().and_then(|path| Query::parse(path).ok()),
            labels: LabelSelector::parse(rule.labels.as_deref().unwrap_or_default()).ok()?,
            rule: rule.clone(),
        })
    }

    /// Whether it is for a desired object.
    pub fn is_for(&self, desired: &Value, reference: &ObjectRef) -> bool {
        self.rule.is_for(reference) && self.labels.matches(desired)
    }
}

/// The rules that a manifest carries itself.
///
/// # Errors
/// A line that is no path, with its number in the annotation.
pub fn annotated(desired: &Value, place: &str) -> Result<Vec<Ready>, String> {
    let Some(text) = desired["metadata"]["annotations"][ANNOTATION].as_str() else {
        return Ok(Vec::new());
    };
    // Annotations of Secrets are repeated nowhere.
    let steps = ["metadata", "annotations", ANNOTATION].map(|name| Step::Field(name.to_owned()));
    let secret = is_hidden(desired, &FieldPath(steps.to_vec()));
    let lines = text.lines().enumerate().map(|(at, line)| (at + 1, line.trim()));
    lines
        .filter(|(_, line)| !line.is_empty() && !line.starts_with('#'))
        .map(|(number, line)| {
            let query = Query::parse(line).map_err(|fault| {
                let fault = if secret { "cannot be read" } else { &fault };
                format!("annotation {ANNOTATION}, line {number}: the path {fault}")
            })?;
            let shown = if secret { format!("line {number}") } else { line.to_owned() };
            let rule = IgnoreRule {
                path: Some(shown),
                place: Some(place.to_owned()),
                ..IgnoreRule::default()
            };
            Ok(Ready { rule, query: Some(query), labels: LabelSelector::default() })
        })
        .collect()
}
