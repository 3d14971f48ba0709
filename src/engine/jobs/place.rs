//! Which file takes a value of an object, and the edit that puts it there.

use crate::domain::path::{FieldPath, Step};
use crate::domain::{FileEdit, Manifest, Mapping, ObjectKey, Revision};
use crate::engine::error::Stop;
use crate::engine::jobs::overlay::{self, Overlay};
use crate::engine::jobs::{Context, render};
use crate::render::{Gathered, Kind};
use crate::yaml::{self, Change, Place};
use serde_json::Value;
use std::collections::BTreeMap;

/// A value that a field of an object shall have; nothing where it shall go.
#[derive(Clone)]
pub(super) struct Wish {
    pub object: ObjectKey,
    pub path: FieldPath,
    pub value: Option<Value>,
}

/// What edits are made on: the files at the head, with the edits so far, and what they render to.
pub(super) struct Ground {
    pub gathered: Gathered,
    pub base: Option<Revision>,
    pub manifests: Vec<Manifest>,
    /// Files with the values of a chart.
    pub values: Vec<String>,
    substitutes: bool,
    edited: BTreeMap<String, Vec<u8>>,
}

/// Why a value was not placed.
pub(super) enum Misplaced {
    /// It cannot be; a sentence with what to do instead.
    Refused(String),
    /// These files could take it.
    Asked(Vec<String>),
}

impl From<String> for Misplaced {
    fn from(reason: String) -> Self {
        Self::Refused(reason)
    }
}

impl Ground {
    /// Reads and renders the head.
    pub async fn of(ctx: &Context, mapping: &Mapping) -> Result<Self, Stop> {
        let (gathered, base) = render::gathered(ctx, mapping).await?;
        let manifests = render::edited(ctx, mapping, Vec::new()).await?;
        let substitutes = mapping.rendering.substitution.is_on();
        let values = match gathered.kind {
            Kind::Helm => gathered.values(&mapping.rendering),
            Kind::Plain | Kind::Kustomize => Vec::new(),
        };
        Ok(Self { gathered, base, manifests, values, substitutes, edited: BTreeMap::new() })
    }

    /// A file with the edits so far.
    pub fn content(&self, file: &str) -> Option<&[u8]> {
        self.edited.get(file).map(Vec::as_slice).or_else(|| self.gathered.content(file))
    }

    /// The documents of a file, as far as they can be read.
    pub fn documents(&self, file: &str) -> Vec<yaml::Document> {
        let content = self.content(file);
        content.and_then(|content| yaml::documents(content).ok()).unwrap_or_default()
    }

    /// Changes one value of a file.
    pub fn edit(
        &mut self,
        file: &str,
        place: &Place,
        path: &FieldPath,
        change: &Change,
    ) -> Result<(), String> {
        let content = self.content(file).ok_or_else(|| format!("{file} is not in the tree"))?;
        self.is_open(file, content, (place, path))?;
        let edited =
            yaml::edit(content, place, path, change).map_err(|error| format!("{file}, {error}"))?;
        self.edited.insert(file.to_owned(), edited);
        Ok(())
    }

    /// Refuses what only another program may write: files that SOPS seals, and places of variables.
    fn is_open(
        &self,
        file: &str,
        content: &[u8],
        (place, path): (&Place, &FieldPath),
    ) -> Result<(), String> {
        if self.documents(file).iter().any(|one| one.value["sops"]["mac"].is_string()) {
            return Err(format!("{file} is sealed by SOPS; change it with `sops {file}`"));
        }
        // What is not there, or cannot be read, is for the edit to judge.
        match yaml::value_at(content, place, path) {
            Ok(Some(Value::String(text))) if self.substitutes && text.contains("${") => Err(
                format!("{file}: {path} is computed from a variable; edit the variable's value"),
            ),
            _ => Ok(()),
        }
    }

    /// The files that became others.
    pub fn edits(&self) -> Vec<FileEdit> {
        let changed = self
            .edited
            .iter()
            .filter(|(path, content)| self.gathered.content(path) != Some(content.as_slice()));
        changed
            .map(|(path, content)| FileEdit { path: path.clone(), content: Some(content.clone()) })
            .collect()
    }

    /// Puts a value where it comes from: into the manifest, or into what an overlay has for it.
    pub fn place(&mut self, wish: &Wish, into: Option<&str>) -> Result<(), Misplaced> {
        let found = self.manifests.iter().find(|one| one.reference.key() == wish.object);
        let manifest = found.cloned().ok_or_else(|| format!("{} is not in Git", wish.object))?;
        match self.gathered.kind {
            Kind::Plain => self.place_in_manifest(&manifest, wish).map_err(Misplaced::from),
            Kind::Kustomize => {
                let overlay = Overlay::of(self, &manifest)?;
                overlay::place(self, &overlay, &manifest, wish, into)
            }
            Kind::Helm => Err(Misplaced::Refused(self.computed(&manifest, wish))),
        }
    }

    /// Says that a chart computes a value, and which values of the chart may do so.
    fn computed(&self, manifest: &Manifest, wish: &Wish) -> String {
        let mut said = format!(
            "{}{} is computed by a template of a chart ({})",
            wish.object, wish.path, manifest.origin.file
        );
        let now = wish.path.find_written(&manifest.object);
        let named = last_field(&wish.path).unwrap_or_default().to_lowercase();
        let mut keys = Vec::new();
        for file in &self.values {
            for document in self.documents(file) {
                search(&document.value, &mut String::new(), &mut |key, value| {
                    let last = key.rsplit('.').next().unwrap_or(key).to_lowercase();
                    // `replicas` is mostly called `replicaCount`.
                    let begins =
                        last.bytes().zip(named.bytes()).take_while(|(a, b)| a == b).count();
                    let alike = begins > 3 || last.contains(&named) || named.contains(&last);
                    if Some(value) == now && alike {
                        keys.push(format!("{key} in {file}"));
                    }
                });
            }
        }
        match keys.as_slice() {
            [] => said.push_str("; edit the chart or its values"),
            keys => {
                said.push_str("; it may come from ");
                said.push_str(&keys.join(", "));
                said.push_str(": `gitdeck set MAPPING value KEY=VALUE` changes that");
            }
        }
        said
    }

    /// Edits the document that an object is written in.
    pub fn place_in_manifest(&mut self, manifest: &Manifest, wish: &Wish) -> Result<(), String> {
        let file = &manifest.origin.file;
        let content =
            self.gathered.content(file).ok_or_else(|| format!("{file} is not in the tree"))?;
        let place =
            Place::of(content, &manifest.origin).map_err(|error| format!("{file}, {error}"))?;
        let written = yaml::value_at(content, &place, &wish.path)
            .map_err(|error| format!("{file}, {error}"))?;
        let rendered = wish.path.find_written(&manifest.object);
        if self.substitutes && written.as_ref() != rendered {
            return Err(format!(
                "{}{} is computed from a variable in {}; edit the variable's value",
                wish.object, wish.path, manifest.origin
            ));
        }
        let change = match &wish.value {
            Some(value) => Change::Set(value.clone()),
            None => Change::Remove,
        };
        self.edit(&file.clone(), &place, &wish.path, &change)
    }
}

/// The path's last field, where it is one.
pub(super) fn last_field(path: &FieldPath) -> Option<&str> {
    match path.0.last() {
        Some(Step::Field(name)) => Some(name),
        _ => None,
    }
}

/// Every value of a chart that is no map with its key, `image.tag`; dots in names are escaped, as for Helm.
pub(super) fn search(value: &Value, key: &mut String, found: &mut dyn FnMut(&str, &Value)) {
    let Value::Object(fields) = value else { return found(key, value) };
    for (name, below) in fields {
        let length = key.len();
        if length > 0 {
            key.push('.');
        }
        key.push_str(&name.replace('\\', "\\\\").replace('.', "\\."));
        search(below, key, found);
        key.truncate(length);
    }
}
