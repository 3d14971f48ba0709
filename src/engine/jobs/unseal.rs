//! Puts live values of Secrets into the files that SOPS sealed, and into no others.

use crate::domain::folder::is_within;
use crate::domain::normalize::is_secret;
use crate::domain::path::{FieldPath, Step};
use crate::domain::secret::wipe;
use crate::domain::{FileEdit, Manifest, Mapping, ObjectKey};
use crate::engine::jobs::live_changes::Pick;
use crate::engine::jobs::overlay::Overlay;
use crate::engine::jobs::place::{Ground, Wish};
use crate::engine::jobs::{Context, render};
use crate::render::{Kind, Opened, SourceFile};
use crate::yaml::{self, Change, Place};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::Value;
use std::collections::BTreeMap;

/// Sealed files that are open for changes. What is in the clear leaves this only sealed again.
pub(super) struct SealedFiles<'a> {
    ctx: &'a Context,
    mapping: &'a Mapping,
    files: BTreeMap<String, (Opened, Vec<u8>)>,
}

/// What becomes of one field of a file.
type Write = (FieldPath, Change);

impl<'a> SealedFiles<'a> {
    pub fn new(ctx: &'a Context, mapping: &'a Mapping) -> Self {
        Self { ctx, mapping, files: BTreeMap::new() }
    }

    /// Puts a live value where the file of its Secret has it: the file, and what it says from then on. The reason where
    /// that cannot be.
    pub async fn put(
        &mut self,
        ground: &Ground,
        object: &ObjectKey,
        pick: &Pick,
    ) -> Result<(String, Vec<Wish>), String> {
        let manifest = ground.manifests.iter().find(|one| one.reference.key() == *object);
        let manifest = manifest.ok_or_else(|| format!("{object} is not in Git"))?;
        let file = manifest.origin.file.clone();
        match ground.gathered.kind {
            Kind::Plain => {}
            Kind::Kustomize => drop(Overlay::of(ground, manifest)?),
            Kind::Helm => {
                return Err(format!("{object} is computed by a template of a chart ({file})"));
            }
        }
        let root = ground.gathered.root();
        if !is_within(&file, root) {
            return Err(format!(
                "{object} comes from {file}, which others may use; change it with `sops {file}`"
            ));
        }
        self.open(ground, &file).await?;
        let Some((_, clear)) = self.files.get_mut(&file) else {
            return Err(format!("{file} is not open"));
        };
        let writes = writes(&written(clear, manifest)?, pick)?;
        let place = Place::document(manifest.origin.document);
        let mut edited = clear.clone();
        let mut wishes = Vec::new();
        for (path, change) in writes {
            let before = yaml::value_at(&edited, &place, &path);
            let is_variable = before.is_ok_and(|value| {
                value.as_ref().and_then(Value::as_str).is_some_and(|text| text.contains("${"))
            });
            if self.mapping.rendering.substitution.is_on() && is_variable {
                return Err(format!("{file}: {path} is computed from a variable"));
            }
            edited = yaml::edit(&edited, &place, &path, &change)
                .map_err(|error| format!("{file}, {error}"))?;
            let value = match change {
                Change::Set(value) => Some(value),
                Change::Remove => None,
            };
            wishes.push(Wish { object: object.clone(), path, value });
        }
        *clear = edited;
        Ok((file, wishes))
    }

    async fn open(&mut self, ground: &Ground, file: &str) -> Result<(), String> {
        if self.files.contains_key(file) {
            return Ok(());
        }
        let (ctx, mapping) = (self.ctx, self.mapping);
        let content = ground.gathered.content(file);
        let content = content.ok_or_else(|| format!("{file} is not in the tree"))?.to_vec();
        let source = SourceFile { path: file.to_owned(), content };
        let key = render::age_key(ctx, mapping).await;
        let key = key.map_err(|_| format!("{file}: the age key of the mapping cannot be had"))?;
        let keys = (&mapping.rendering.decryption, key);
        let opened = Opened::open(source, keys, &ctx.world.tools).await;
        let opened = opened.map_err(|error| error.to_string())?.ok_or_else(|| {
            format!(
                "{file} has a Secret and is not sealed by SOPS, so that no live value goes into it; seal it with `sops encrypt -i {file}`"
            )
        })?;
        let clear = opened.clear().to_vec();
        self.files.insert(file.to_owned(), (opened, clear));
        Ok(())
    }

    /// The files that say something else by now, sealed again; the reason for each that cannot be.
    pub async fn sealed(self) -> Vec<Result<FileEdit, String>> {
        let mut sealed = Vec::new();
        for (path, (opened, mut clear)) in self.files {
            if opened.clear() != clear {
                let content = opened.sealed(&clear, &self.ctx.world.tools).await;
                let edit = content.map(|content| FileEdit { path, content: Some(content) });
                sealed.push(edit.map_err(|error| error.to_string()));
            }
            wipe(&mut clear);
        }
        sealed
    }
}

/// The document of a Secret as it is written in the clear.
fn written(clear: &[u8], manifest: &Manifest) -> Result<Value, String> {
    let documents = yaml::documents(clear).unwrap_or_default();
    let document = documents.into_iter().find(|one| one.index == manifest.origin.document);
    document.map(|one| one.value).filter(is_secret).ok_or_else(|| {
        let origin = &manifest.origin;
        format!("{origin}: {} is no document of its own there", manifest.reference)
    })
}

/// What has to be written so that a Secret says what is live. The server keeps everything under `data`; in the file it may
/// be text, and stays it where it can.
fn writes(secret: &Value, pick: &Pick) -> Result<Vec<Write>, String> {
    let path = &pick.path;
    let has = |field: &str, key: &str| secret[field].get(key).is_some();
    let at = |field: &str, key: &str| {
        FieldPath([field, key].map(|name| Step::Field(name.to_owned())).to_vec())
    };
    let key = match path.0.as_slice() {
        [Step::Field(field), Step::Field(key)] if field == "data" => key,
        [Step::Field(field), ..] if field == "data" || field == "stringData" => {
            return Err(format!("{}{path} cannot be placed", pick.object));
        }
        _ => {
            let set = pick.value.clone().map_or(Change::Remove, Change::Set);
            return Ok(vec![(path.clone(), set)]);
        }
    };
    let Some(value) = &pick.value else {
        let fields = ["data", "stringData"].into_iter().filter(|field| has(field, key));
        return Ok(fields.map(|field| (at(field, key), Change::Remove)).collect());
    };
    let plain = value.as_str().and_then(|text| STANDARD.decode(text).ok());
    let plain = plain.and_then(|bytes| String::from_utf8(bytes).ok());
    let is_text = has("stringData", key);
    let all_text = secret["stringData"].is_object() && !secret["data"].is_object();
    Ok(match plain {
        Some(plain) if is_text || all_text => {
            vec![(at("stringData", key), Change::Set(plain.into()))]
        }
        _ => {
            let old = is_text.then(|| (at("stringData", key), Change::Remove));
            old.into_iter().chain([(at("data", key), Change::Set(value.clone()))]).collect()
        }
    })
}

#[cfg(test)]
mod tests {
    use super::{Pick, writes};
    use crate::domain::{FieldPath, ObjectRef};
    use crate::yaml::Change;
    use serde_json::{Value, json};

    fn written(secret: &Value, path: &str, value: Option<Value>) -> Vec<(String, Option<Value>)> {
        let object = json!({"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "a"}});
        let object = ObjectRef::of(&object).unwrap();
        let path = FieldPath::parse(path).unwrap();
        let pick = Pick { object, path, value, manager: None };
        let of = |change| match change {
            Change::Set(value) => Some(value),
            Change::Remove => None,
        };
        let all = writes(secret, &pick).unwrap().into_iter();
        all.map(|(path, change)| (path.to_string(), of(change))).collect()
    }

    #[test]
    fn what_is_written_as_text_stays_text_where_it_can() {
        let both = json!({"data": {"a": "YQ=="}, "stringData": {"b": "b"}});
        let texts = json!({"stringData": {"b": "b"}});
        let (new, raw) = (Some(json!("bmV3")), Some(json!("/w==")));
        let text = Some(json!("new"));
        for (secret, path, value, expected) in [
            (&both, "/data/a", &new, vec![("/data/a", new.clone())]),
            (&both, "/data/b", &new, vec![("/stringData/b", text.clone())]),
            (&both, "/data/c", &new, vec![("/data/c", new.clone())]),
            (&texts, "/data/c", &new, vec![("/stringData/c", text.clone())]),
            (&texts, "/data/b", &raw, vec![("/stringData/b", None), ("/data/b", raw.clone())]),
            (&both, "/data/b", &None, vec![("/stringData/b", None)]),
            (&both, "/type", &text, vec![("/type", text.clone())]),
        ] {
            let expected: Vec<_> = expected.into_iter().map(|(p, v)| (p.to_owned(), v)).collect();
            assert_eq!(written(secret, path, value.clone()), expected, "{path}");
        }
    }
}
