//! What a kustomization itself does to an object: images, replicas, labels, generated data and the like.

use super::{Spot, Trace, Tracer, Wanted, computed, entries, field};
use crate::domain::image::split;
use crate::domain::path::{FieldPath, Step};
use crate::domain::renamed::base_name;
use base64::{Engine, engine::general_purpose::STANDARD};
use serde_json::Value;

impl Tracer<'_> {
    /// What one kustomization did to the value, looked at in the reverse of the order in which kustomize works. Nothing
    /// where it left it alone.
    pub(super) fn level(&mut self, folder: &str, wanted: Wanted<'_>) -> Option<Trace> {
        let (file, fields) = self.fields(folder)?;
        if let Some(opaque) = self.opaque(&file, &fields, wanted) {
            return Some(opaque);
        }
        self.image(&file, &fields, wanted)
            .or_else(|| self.replicas(&file, &fields, wanted))
            .or_else(|| self.patched(&file, &fields, &["patchesJson6902"], wanted))
            .or_else(|| self.words(&file, &fields, wanted))
            .or_else(|| self.place(&file, &fields, wanted))
            .or_else(|| self.patched(&file, &fields, &["patches", "patchesStrategicMerge"], wanted))
            .or_else(|| self.generated(&file, &fields, wanted))
            .or_else(|| self.components(&file, &fields, wanted))
    }

    /// What can change anything, and what copies values from elsewhere.
    fn opaque(&self, file: &str, fields: &Value, wanted: Wanted<'_>) -> Option<Trace> {
        if !entries(fields, "transformers").is_empty() {
            return Some(computed("a transformer", file));
        }
        let last = wanted.path.0.last();
        for entry in entries(fields, "replacements") {
            let listed = entry["path"].as_str().and_then(|path| self.named(file, path));
            let listed =
                listed.and_then(|path| crate::yaml::documents(self.gathered.content(&path)?).ok());
            let listed: Vec<Value> = match listed {
                Some(documents) => documents.into_iter().map(|document| document.value).collect(),
                None => vec![entry.clone()],
            };
            let all = listed.iter().flat_map(|one| match one {
                Value::Array(items) => items.as_slice(),
                one => std::slice::from_ref(one),
            });
            let targets = all.flat_map(|one| entries(one, "targets"));
            let mut paths = targets.flat_map(|target| match entries(target, "fieldPaths") {
                // By default the name is replaced.
                [] => vec!["metadata.name".to_owned()],
                paths => paths.iter().filter_map(|path| path.as_str().map(str::to_owned)).collect(),
            });
            let may_be = |path: &String| match (path.rsplit('.').next(), last) {
                (Some(name), Some(Step::Field(field))) => {
                    name == field || name.contains(['[', '*', '/']) || field.contains('.')
                }
                _ => true,
            };
            if paths.any(|path| may_be(&path)) {
                return Some(computed("a replacement", file));
            }
        }
        None
    }

    /// An entry of `images` that the value is made by.
    fn image(&mut self, file: &str, fields: &Value, wanted: Wanted<'_>) -> Option<Trace> {
        let image = wanted.value.as_str()?;
        if wanted.path.0.last() != Some(&field("image")) {
            return None;
        }
        let (name, tag, digest) = split(image);
        let fits = |entry: &Value| {
            let new = entry["newName"].as_str().or_else(|| entry["name"].as_str());
            let said =
                |key: &str, part: Option<&str>| entry[key].is_null() || entry[key].as_str() == part;
            new == Some(name)
                && (entry["tagSuffix"].is_string() || said("newTag", tag) && said("digest", digest))
        };
        let all = entries(fields, "images");
        let mut found = all.iter().enumerate().filter(|(_, entry)| fits(entry));
        let (index, entry) = found.next()?;
        // Where the entry leaves the tag, or the name, to what was there before, that says a part of the value.
        let leaves_tag = (tag.is_some() || digest.is_some())
            && entry["newTag"].is_null()
            && entry["digest"].is_null();
        if found.next().is_some() || entry["tagSuffix"].is_string() || leaves_tag {
            return Some(computed("images", file));
        }
        let mut spots = Vec::new();
        for key in ["newName", "newTag", "digest"].into_iter().filter(|key| !entry[*key].is_null())
        {
            let path = FieldPath(vec![field("images"), Step::Index(index), field(key)]);
            match self.said(file, 0, &path) {
                Trace::Said(lines) => spots.extend(lines),
                unknown @ Trace::Computed { .. } => return Some(unknown),
            }
        }
        (!spots.is_empty()).then_some(Trace::Said(spots))
    }

    fn replicas(&mut self, file: &str, fields: &Value, wanted: Wanted<'_>) -> Option<Trace> {
        if wanted.path.to_string() != "/spec/replicas" {
            return None;
        }
        let fits =
            |entry: &Value| entry["name"].as_str().is_some_and(|name| wanted.is_called(name));
        let all = entries(fields, "replicas");
        let index = all.iter().rposition(fits)?;
        if all[index]["count"] != *wanted.value {
            return Some(computed("replicas", file));
        }
        let path = FieldPath(vec![field("replicas"), Step::Index(index), field("count")]);
        Some(self.said(file, 0, &path))
    }

    /// Labels and annotations that it gives to everything.
    fn words(&mut self, file: &str, fields: &Value, wanted: Wanted<'_>) -> Option<Trace> {
        let [above @ .., Step::Field(map), Step::Field(name)] = wanted.path.0.as_slice() else {
            return None;
        };
        let gives = |words: &Value| words.get(name).is_some_and(|word| word == wanted.value);
        if map == "annotations" && gives(&fields["commonAnnotations"]) {
            let path = FieldPath(vec![field("commonAnnotations"), field(name)]);
            return Some(self.said(file, 0, &path));
        }
        let is_selector = matches!(map.as_str(), "selector" | "matchLabels");
        if map != "labels" && !is_selector {
            return None;
        }
        let is_own = above == [field("metadata")];
        for (index, entry) in entries(fields, "labels").iter().enumerate().rev() {
            let everywhere = entry["includeSelectors"] == true;
            let reaches = is_own || everywhere || !is_selector && entry["includeTemplates"] == true;
            if gives(&entry["pairs"]) && (reaches || !entry["fields"].is_null()) {
                let path = FieldPath(vec![
                    field("labels"),
                    Step::Index(index),
                    field("pairs"),
                    field(name),
                ]);
                return Some(self.said(file, 0, &path));
            }
        }
        gives(&fields["commonLabels"]).then(|| {
            let path = FieldPath(vec![field("commonLabels"), field(name)]);
            self.said(file, 0, &path)
        })
    }

    /// Namespace, and names with prefixes and suffixes.
    fn place(&mut self, file: &str, fields: &Value, wanted: Wanted<'_>) -> Option<Trace> {
        let is_set = |key: &str| fields[key].as_str().is_some_and(|text| !text.is_empty());
        match wanted.path.to_string().as_str() {
            "/metadata/namespace" if is_set("namespace") => {
                Some(if fields["namespace"] == *wanted.value {
                    self.said(file, 0, &FieldPath(vec![field("namespace")]))
                } else {
                    computed("namespace", file)
                })
            }
            "/metadata/name" => {
                let found = ["namePrefix", "nameSuffix"].into_iter().find(|key| is_set(key));
                found.map(|key| computed(key, file))
            }
            _ => None,
        }
    }

    /// Data of a generator of this kustomization.
    fn generated(&mut self, file: &str, fields: &Value, wanted: Wanted<'_>) -> Option<Trace> {
        let kind = match wanted.manifest.reference.kind.as_str() {
            "ConfigMap" => "configMapGenerator",
            "Secret" => "secretGenerator",
            _ => return None,
        };
        let [Step::Field(data), Step::Field(key)] = wanted.path.0.as_slice() else { return None };
        if data != "data" {
            return None;
        }
        let value = clear(wanted)?;
        // Under the prefix or suffix of another kustomization it may be another one: then nothing is said.
        let object = &wanted.manifest.reference;
        let name = base_name(object).unwrap_or(&object.name);
        let all = entries(fields, kind);
        let said = |key: &str| fields[key].as_str().unwrap_or_default();
        let own = name.strip_prefix(said("namePrefix"))?.strip_suffix(said("nameSuffix"))?;
        let index = all.iter().position(|entry| entry["name"].as_str() == Some(own))?;
        let entry = &all[index];
        for (at, literal) in entries(entry, "literals").iter().enumerate() {
            let Some((own, said)) = literal.as_str().and_then(|text| text.split_once('=')) else {
                continue;
            };
            let unquoted = said.trim_matches(['"', '\'']);
            if own == key && (said == value || unquoted == value) {
                let path = [field(kind), Step::Index(index), field("literals"), Step::Index(at)];
                return Some(self.said(file, 0, &FieldPath(path.to_vec())));
            }
        }
        for source in entries(entry, "files").iter().filter_map(Value::as_str) {
            let (own, path) = match source.split_once('=') {
                Some((own, path)) => (own, path),
                None => (source.rsplit('/').next().unwrap_or(source), source),
            };
            let Some(path) = self.named(file, path).filter(|_| own == key) else { continue };
            let content = self.gathered.content(&path)?;
            if content == value.as_bytes() {
                let lines = 1..=content.split(|byte| *byte == b'\n').count().max(2) - 1;
                return Some(Trace::Said(vec![Spot { file: path, lines }]));
            }
        }
        None
    }

    /// Components work after the resources, the last one last.
    fn components(&mut self, file: &str, fields: &Value, wanted: Wanted<'_>) -> Option<Trace> {
        let components = entries(fields, "components").iter().rev().filter_map(Value::as_str);
        let folder = super::folder_of(file).to_owned();
        let folders: Vec<String> =
            components.filter_map(|component| super::resolve(&folder, component)).collect();
        folders.iter().find_map(|component| self.level(component, wanted))
    }
}

/// The value as a generator's source says it.
fn clear(wanted: Wanted<'_>) -> Option<String> {
    let text = wanted.value.as_str()?;
    if !wanted.manifest.reference.is_secret() {
        return Some(text.to_owned());
    }
    String::from_utf8(STANDARD.decode(text).ok()?).ok()
}
