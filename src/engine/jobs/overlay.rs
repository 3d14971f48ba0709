//! Values of an object that kustomize builds: which of its files has them, and which could.

use crate::domain::image::split;
use crate::domain::path::{FieldPath, Step};
use crate::domain::{Manifest, Origin};
use crate::engine::jobs::place::{Ground, Misplaced, Wish, last_field};
use crate::render::Gathered;
use crate::yaml::{self, Change, Place};
use serde_json::{Map, Value, json};

/// The kustomization of a mapping, and an object that it builds.
pub(super) struct Overlay {
    /// The kustomization's file.
    file: String,
    fields: Value,
}

/// A place that has a value now.
enum Spot {
    /// An entry of `images`.
    Image(usize),
    /// An entry of `replicas`.
    Replicas(usize),
    /// A document of a file: a patch, or the resource itself.
    Document(String, Place),
    /// A patch written in the kustomization.
    Inline(usize),
}

impl Overlay {
    /// Reads the kustomization. Refuses objects that a generator makes.
    pub fn of(ground: &Ground, manifest: &Manifest) -> Result<Self, String> {
        let file = ground.gathered.top().ok_or("there is no kustomization")?.to_owned();
        let fields = ground.documents(&file).into_iter().next().map(|document| document.value);
        let fields = fields.ok_or_else(|| format!("{file} cannot be read"))?;
        let name = manifest.origin.file.rsplit('/').next().unwrap_or_default();
        if matches!(name, "kustomization.yaml" | "kustomization.yml" | "Kustomization") {
            return Err(format!(
                "{} is made by a generator or transformer ({}); edit what it is made from",
                manifest.reference, manifest.origin
            ));
        }
        Ok(Self { file, fields })
    }

    /// Where the value of a wish is written, what wins first.
    fn spots(&self, ground: &Ground, manifest: &Manifest, wish: &Wish) -> Vec<Spot> {
        let mut spots = Vec::new();
        let now = wish.path.find_written(&manifest.object);
        if last_field(&wish.path) == Some("image")
            && let Some(image) = now.and_then(Value::as_str)
        {
            let name = split(image).0;
            let fits = |entry: &Value| entry["newName"] == name || entry["name"] == name;
            // Another container of this image may have given the entry another name by now.
            let before = ground.gathered.content(&self.file).unwrap_or_default();
            let before = yaml::documents(before).unwrap_or_default();
            let before = before.first().map_or(&Value::Null, |document| &document.value);
            let images = entries(&self.fields, "images");
            let found = entries(before, "images").iter().position(fits);
            spots.extend(found.or_else(|| images.iter().position(fits)).map(Spot::Image));
        }
        if wish.path.to_string() == "/spec/replicas" {
            let fits = |entry: &Value| {
                entry["name"].as_str().is_some_and(|name| is_called(ground, manifest, name))
            };
            let found = entries(&self.fields, "replicas").iter().position(fits);
            spots.extend(found.map(Spot::Replicas));
        }
        // The last patch wins.
        for (index, patch) in entries(&self.fields, "patches").iter().enumerate().rev() {
            if let Some(text) = patch["patch"].as_str() {
                let patches = yaml::documents(text.as_bytes()).unwrap_or_default();
                if patches.len() == 1 && has(ground, &patches[0].value, manifest, wish) {
                    spots.push(Spot::Inline(index));
                }
            } else if let Some(path) = patch["path"].as_str() {
                spots.extend(self.patch(ground, path, manifest, wish));
            }
        }
        for path in entries(&self.fields, "patchesStrategicMerge").iter().rev() {
            spots.extend(path.as_str().and_then(|path| self.patch(ground, path, manifest, wish)));
        }
        let origin = &manifest.origin;
        let content = ground.gathered.content(&origin.file);
        if let Some(place) = content.and_then(|content| Place::of(content, origin).ok()) {
            spots.push(Spot::Document(origin.file.clone(), place));
        }
        spots
    }

    /// The document of a patch file that has the value.
    fn patch(&self, ground: &Ground, path: &str, manifest: &Manifest, wish: &Wish) -> Option<Spot> {
        let folder = self.file.rsplit_once('/').map_or("", |(folder, _)| folder);
        let file = Gathered::named(folder, path)?;
        let documents = ground.documents(&file);
        let has = |document: &&yaml::Document| has(ground, &document.value, manifest, wish);
        let found = documents.iter().rfind(has)?;
        Some(Spot::Document(file, Place::document(found.index)))
    }

    fn file_of<'a>(&'a self, spot: &'a Spot) -> &'a str {
        match spot {
            Spot::Document(file, _) => file,
            Spot::Image(_) | Spot::Replicas(_) | Spot::Inline(_) => &self.file,
        }
    }
}

/// Puts a value where it wins. Where that is a file outside of the mapping's path, which others may use, it is asked.
pub(super) fn place(
    ground: &mut Ground,
    overlay: &Overlay,
    manifest: &Manifest,
    wish: &Wish,
    into: Option<&str>,
) -> Result<(), Misplaced> {
    let spots = overlay.spots(ground, manifest, wish);
    let root = ground.gathered.root().to_owned();
    let is_own = |file: &str| {
        root.is_empty() || file.strip_prefix(&root).is_some_and(|rest| rest.starts_with('/'))
    };
    let chosen = match into {
        Some(into) => {
            let below = if root.is_empty() { into.to_owned() } else { format!("{root}/{into}") };
            let named = |file: &str| file == into || file == below;
            match spots.iter().find(|spot| named(overlay.file_of(spot))) {
                Some(spot) => spot,
                None if named(&overlay.file) => return add(ground, overlay, manifest, wish),
                None => {
                    let files = choices(overlay, &spots).join(", ");
                    return Err(Misplaced::Refused(format!(
                        "{into} does not take {}{}; these could: {files}",
                        wish.object, wish.path
                    )));
                }
            }
        }
        None => match spots.first() {
            Some(spot) if is_own(overlay.file_of(spot)) => spot,
            Some(_) => return Err(Misplaced::Asked(choices(overlay, &spots))),
            None => return add(ground, overlay, manifest, wish),
        },
    };
    change(ground, overlay, manifest, wish, chosen).map_err(Misplaced::from)
}

/// The kustomization itself can take everything; beside it the files that have the value.
fn choices(overlay: &Overlay, spots: &[Spot]) -> Vec<String> {
    let mut files = vec![overlay.file.clone()];
    for spot in spots {
        let file = overlay.file_of(spot).to_owned();
        if !files.contains(&file) {
            files.push(file);
        }
    }
    files
}

fn change(
    ground: &mut Ground,
    overlay: &Overlay,
    manifest: &Manifest,
    wish: &Wish,
    spot: &Spot,
) -> Result<(), String> {
    let file = overlay.file.clone();
    let top = Place::document(0);
    let set = |value: &Option<Value>| match value {
        Some(value) => Change::Set(value.clone()),
        None => Change::Remove,
    };
    match spot {
        Spot::Document(other, place) => {
            let in_patch = *other != manifest.origin.file;
            if !in_patch
                && wish.path.find(&source(ground, &manifest.origin))
                    != wish.path.find_written(&manifest.object)
            {
                let written = wish.path.find_written(&source(ground, &manifest.origin)).cloned();
                if written.as_ref() != wish.path.find_written(&manifest.object) {
                    return Err(format!(
                        "{}{} is computed on the way from {}; edit what computes it",
                        wish.object, wish.path, manifest.origin
                    ));
                }
            }
            ground.edit(other, place, &wish.path, &set(&wish.value))
        }
        Spot::Image(index) => {
            let image = wish.value.as_ref().and_then(Value::as_str);
            let image = image.ok_or_else(|| {
                format!("{}{} cannot go: the image comes from {file}", wish.object, wish.path)
            })?;
            images(ground, &file, (*index, &overlay.fields["images"][index]), image)
        }
        Spot::Replicas(index) => {
            let path = FieldPath(vec![
                Step::Field("replicas".into()),
                Step::Index(*index),
                Step::Field("count".into()),
            ]);
            let value =
                wish.value.clone().ok_or_else(|| format!("the number comes from {file}"))?;
            ground.edit(&file, &top, &path, &Change::Set(value))
        }
        Spot::Inline(index) => {
            let at = FieldPath(vec![
                Step::Field("patches".into()),
                Step::Index(*index),
                Step::Field("patch".into()),
            ]);
            let text = overlay.fields["patches"][index]["patch"].as_str().unwrap_or_default();
            let edited = yaml::edit(text.as_bytes(), &top, &wish.path, &set(&wish.value))
                .map_err(|error| format!("{file}, patch {}: {error}", index + 1))?;
            let edited = String::from_utf8_lossy(&edited).into_owned();
            ground.edit(&file, &top, &at, &Change::Set(Value::String(edited)))
        }
    }
}

/// The document that an object comes from, before anything was made of it.
fn source(ground: &Ground, origin: &Origin) -> Value {
    let documents = ground.documents(&origin.file);
    let found = documents.into_iter().find(|document| document.index == origin.document);
    found.map(|document| document.value).unwrap_or_default()
}

/// Makes an entry of `images` say another image.
pub(super) fn images(
    ground: &mut Ground,
    file: &str,
    (index, entry): (usize, &Value),
    image: &str,
) -> Result<(), String> {
    let (name, tag, digest) = split(image);
    let set = |ground: &mut Ground, key: &str, value: Option<&str>| {
        let path = FieldPath(vec![
            Step::Field("images".into()),
            Step::Index(index),
            Step::Field(key.to_owned()),
        ]);
        match value {
            Some(value) if entry[key] != value => {
                ground.edit(file, &Place::document(0), &path, &Change::Set(value.into()))
            }
            None if !entry[key].is_null() => {
                ground.edit(file, &Place::document(0), &path, &Change::Remove)
            }
            _ => Ok(()),
        }
    };
    let is_renamed = entry["name"] != name || entry.get("newName").is_some();
    set(ground, "newName", is_renamed.then_some(name))?;
    set(ground, "newTag", tag)?;
    set(ground, "digest", digest)
}

/// Adds what says the value to the kustomization: an entry of `images` or `replicas`, or a patch.
fn add(
    ground: &mut Ground,
    overlay: &Overlay,
    manifest: &Manifest,
    wish: &Wish,
) -> Result<(), Misplaced> {
    let now = wish.path.find_written(&manifest.object);
    let wanted = wish.value.as_ref();
    let (list, entry) = match (last_field(&wish.path), now.and_then(Value::as_str), wanted) {
        (Some("image"), Some(image), Some(Value::String(new))) => {
            ("images", image_entry(split(image).0, new))
        }
        (_, _, Some(count)) if wish.path.to_string() == "/spec/replicas" => {
            let source = source(ground, &manifest.origin);
            let name = source["metadata"]["name"].clone();
            ("replicas", json!({"name": name, "count": count}))
        }
        _ => {
            let source = source(ground, &manifest.origin);
            let mut patch = json!({
                "apiVersion": source["apiVersion"],
                "kind": source["kind"],
                "metadata": {"name": source["metadata"]["name"]},
            });
            merge(&mut patch, &wish.path.0, wanted).ok_or_else(|| {
                format!(
                    "{}{} is an item without a name, which no patch can reach; edit {}",
                    wish.object, wish.path, manifest.origin
                )
            })?;
            ("patches", json!({"patch": yaml::written(&patch)}))
        }
    };
    let fields = ground.documents(&overlay.file).into_iter().next().map(|document| document.value);
    let count = fields.map_or(0, |fields| entries(&fields, list).len());
    let path = FieldPath(vec![Step::Field(list.to_owned()), Step::Index(count)]);
    ground
        .edit(&overlay.file, &Place::document(0), &path, &Change::Set(entry))
        .map_err(Misplaced::from)
}

/// A new entry of `images`.
pub(super) fn image_entry(name: &str, image: &str) -> Value {
    let (new, tag, digest) = split(image);
    let mut entry = Map::new();
    entry.insert("name".into(), name.into());
    if new != name {
        entry.insert("newName".into(), new.into());
    }
    entry.extend(tag.map(|tag| ("newTag".to_owned(), tag.into())));
    entry.extend(digest.map(|digest| ("digest".to_owned(), digest.into())));
    Value::Object(entry)
}

/// Adds a value to a strategic merge patch; null removes. Nothing for items that are named by their position.
fn merge(patch: &mut Value, steps: &[Step], new: Option<&Value>) -> Option<()> {
    let (first, rest) = steps.split_first()?;
    match first {
        Step::Field(name) => {
            if patch.is_null() {
                *patch = json!({});
            }
            let slot = patch.as_object_mut()?.entry(name.clone()).or_insert(Value::Null);
            if rest.is_empty() {
                *slot = new.cloned().unwrap_or(Value::Null);
                return Some(());
            }
            merge(slot, rest, new)
        }
        Step::Key(keys) => {
            let mut item: Map<String, Value> = keys.iter().cloned().collect();
            if rest.is_empty() {
                match new {
                    Some(new) => item.extend(new.as_object()?.clone()),
                    None => drop(item.insert("$patch".into(), "delete".into())),
                }
            }
            let mut item = Value::Object(item);
            if !rest.is_empty() {
                merge(&mut item, rest, new)?;
            }
            *patch = Value::Array(vec![item]);
            Some(())
        }
        Step::Item(_) | Step::Index(_) => None,
    }
}

fn entries<'a>(fields: &'a Value, key: &str) -> &'a [Value] {
    fields[key].as_array().map_or(&[], Vec::as_slice)
}

/// Whether a patch is for the object and has the value.
fn has(ground: &Ground, patch: &Value, manifest: &Manifest, wish: &Wish) -> bool {
    let name = patch["metadata"]["name"].as_str();
    patch["kind"] == manifest.reference.kind.as_str()
        && name.is_some_and(|name| is_called(ground, manifest, name))
        && wish.path.find_written(patch).is_some()
}

/// Whether a kustomization means an object by a name: that of its source, the last one, or one on the way between them,
/// which has some of the prefixes and suffixes.
fn is_called(ground: &Ground, manifest: &Manifest, name: &str) -> bool {
    let source = source(ground, &manifest.origin);
    let first = source["metadata"]["name"].as_str().unwrap_or(&manifest.reference.name);
    manifest.reference.name.contains(name) && name.contains(first)
}
