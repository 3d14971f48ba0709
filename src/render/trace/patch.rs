//! What the patches of a kustomization say about a value.

use super::{Spot, Trace, Tracer, Wanted, computed, entries, field};
use crate::domain::path::{FieldPath, Step};
use crate::yaml::{Document, Lines, documents};
use serde_json::Value;

/// Whether a patch is for an object.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Meant {
    No,
    Maybe,
    Yes,
}

/// A patch with the place of its text: a file, or a field of the kustomization.
struct Patch {
    file: String,
    /// Of an inline patch: where in the kustomization it is.
    inline: Option<FieldPath>,
    content: Vec<u8>,
}

impl Tracer<'_> {
    /// What the patches under these keys of a kustomization say: the last one that has the value counts.
    pub(super) fn patched(
        &mut self,
        file: &str,
        fields: &Value,
        keys: &[&str],
        wanted: Wanted<'_>,
    ) -> Option<Trace> {
        for key in keys {
            for (index, entry) in entries(fields, key).iter().enumerate().rev() {
                let Some(patch) = self.patch(file, (key, index), entry) else { continue };
                // What cannot be read the build would not have taken.
                let found = documents(&patch.content).unwrap_or_default();
                for document in found.iter().rev() {
                    if let Some(trace) = self.says(&patch, document, &entry["target"], wanted) {
                        return Some(trace);
                    }
                }
            }
        }
        None
    }

    fn patch(&self, file: &str, (key, index): (&str, usize), entry: &Value) -> Option<Patch> {
        let above = [field(key), Step::Index(index)];
        let inline = |text: &str, path: FieldPath| Patch {
            file: file.to_owned(),
            inline: Some(path),
            content: text.as_bytes().to_vec(),
        };
        match entry {
            Value::String(text) if text.contains('\n') => {
                Some(inline(text, FieldPath(above.to_vec())))
            }
            Value::String(path) => self.patch_file(file, path),
            entry => match (entry["patch"].as_str(), entry["path"].as_str()) {
                (Some(text), _) => {
                    Some(inline(text, FieldPath(above.to_vec()).join(field("patch"))))
                }
                (None, Some(path)) => self.patch_file(file, path),
                (None, None) => None,
            },
        }
    }

    fn patch_file(&self, kustomization: &str, path: &str) -> Option<Patch> {
        let file = self.named(kustomization, path)?;
        let content = self.gathered.content(&file)?.to_vec();
        Some(Patch { file, inline: None, content })
    }

    fn says(
        &mut self,
        patch: &Patch,
        document: &Document,
        target: &Value,
        wanted: Wanted<'_>,
    ) -> Option<Trace> {
        let by = if patch.inline.is_some() { "a patch in the kustomization" } else { "a patch" };
        let unsure = || Some(computed(by, &patch.file));
        let (meant, found) = match &document.value {
            Value::Array(operations) => (meant(target, wanted), operation(operations, wanted)),
            merge => {
                let own =
                    if target.is_null() { of_patch(merge, wanted) } else { meant(target, wanted) };
                (own, merged(merge, wanted))
            }
        };
        match (meant, found) {
            // What perhaps is for it and says something else was not.
            (Meant::No, _) | (_, Found::Nothing) | (Meant::Maybe, Found::Other) => None,
            (Meant::Yes, Found::At(path)) => Some(self.line(patch, document, &path)),
            (Meant::Maybe, Found::At(_)) | (Meant::Yes, Found::Other) | (_, Found::Unsure) => {
                unsure()
            }
        }
    }

    /// The lines of a field of a patch.
    fn line(&mut self, patch: &Patch, document: &Document, path: &FieldPath) -> Trace {
        let Some(inline) = &patch.inline else {
            return self.said(&patch.file, document.index, path);
        };
        let whole = self.said(&patch.file, 0, inline);
        let Trace::Said(spots) = &whole else { return whole };
        let Some(first) = spots.first().map(|spot| *spot.lines.start()) else { return whole };
        // A literal block has one line for each line of its text, below the line of its key.
        let head = self
            .gathered
            .content(&patch.file)
            .and_then(|content| content.split(|byte| *byte == b'\n').nth(first - 1));
        let head = String::from_utf8_lossy(head.unwrap_or_default()).trim_end().to_owned();
        let is_literal = ["|", "|-", "|+"].iter().any(|mark| head.ends_with(mark));
        let origin = crate::domain::Origin {
            file: patch.file.clone(),
            document: document.index,
            line: document.line,
        };
        let inside = Lines::read(&patch.content).and_then(|lines| lines.of(&origin, path));
        match inside.filter(|_| is_literal) {
            Some(lines) => {
                let lines = first + lines.start()..=first + lines.end();
                Trace::Said(vec![Spot { file: patch.file.clone(), lines }])
            }
            None => whole,
        }
    }
}

/// What a patch says at a path.
enum Found {
    Nothing,
    /// The value, at this path of the patch.
    At(FieldPath),
    /// Another value.
    Other,
    /// It does something there.
    Unsure,
}

/// What a strategic merge says.
fn merged(patch: &Value, wanted: Wanted<'_>) -> Found {
    let mut value = patch;
    for step in &wanted.path.0 {
        if value.is_null() || value.get("$patch").is_some() {
            return Found::Unsure;
        }
        match step.find_written(value) {
            Some(below) => value = below,
            None => return Found::Nothing,
        }
    }
    // The name is how a patch finds its object.
    let names = ["/apiVersion", "/kind", "/metadata/name", "/metadata/namespace"];
    if names.contains(&wanted.path.to_string().as_str()) {
        return Found::Nothing;
    }
    if wanted.is_found_by && value == wanted.value {
        return Found::Nothing;
    }
    if value == wanted.value { Found::At(wanted.path.clone()) } else { Found::Other }
}

/// What the operations of a JSON patch say; the last one counts.
fn operation(operations: &[Value], wanted: Wanted<'_>) -> Found {
    let steps = &wanted.path.0;
    for (index, operation) in operations.iter().enumerate().rev() {
        let Some(pointer) = operation["path"].as_str().and_then(|text| text.strip_prefix('/'))
        else {
            continue;
        };
        let tokens: Vec<String> =
            pointer.split('/').map(|token| token.replace("~1", "/").replace("~0", "~")).collect();
        let Some(is_sure) = leads(&tokens, steps, &wanted.manifest.object) else { continue };
        if operation["op"] == "test" {
            continue;
        }
        if tokens.len() > steps.len()
            || !matches!(operation["op"].as_str(), Some("add" | "replace"))
        {
            return Found::Unsure;
        }
        let below = FieldPath(steps[tokens.len()..].to_vec());
        let said = below.find_written(&operation["value"]);
        return match said {
            Some(said) if said == wanted.value && is_sure => {
                let mut path = vec![Step::Index(index), field("value")];
                path.extend(below.0);
                Found::At(FieldPath(path))
            }
            Some(said) if said == wanted.value => Found::Unsure,
            Some(_) if is_sure => Found::Other,
            // Another item of the list.
            _ if !is_sure => continue,
            _ => Found::Unsure,
        };
    }
    Found::Nothing
}

/// Whether a pointer leads to a path or above it: surely, perhaps (through another place of a list), or nothing.
fn leads(tokens: &[String], steps: &[Step], object: &Value) -> Option<bool> {
    let mut at = object;
    let mut is_sure = true;
    for (token, step) in tokens.iter().zip(steps) {
        let below = step.find_written(at)?;
        match (step, at) {
            (Step::Field(name), _) if name == token => {}
            (Step::Field(_), _) => return None,
            (_, Value::Array(items)) => {
                let position = items.iter().position(|item| std::ptr::eq(item, below));
                let last = items.len().checked_sub(1);
                let is_here = token.parse().ok() == position || token == "-" && position == last;
                is_sure &= is_here;
            }
            _ => return None,
        }
        at = below;
    }
    Some(is_sure)
}

/// Whether a patch without a target is for an object: it says itself.
fn of_patch(patch: &Value, wanted: Wanted<'_>) -> Meant {
    let name = patch["metadata"]["name"].as_str();
    let is_meant = patch["kind"] == wanted.manifest.reference.kind.as_str()
        && name.is_some_and(|name| wanted.is_called(name));
    if is_meant { Meant::Yes } else { Meant::No }
}

/// Whether a target selects an object. Names are patterns; what would have to be computed is perhaps so.
fn meant(target: &Value, wanted: Wanted<'_>) -> Meant {
    let object = &wanted.manifest.reference;
    let selects = ["labelSelector", "annotationSelector"].iter().any(|key| !target[*key].is_null());
    let mut meant = if selects { Meant::Maybe } else { Meant::Yes };
    let is_literal =
        |text: &str| text.chars().all(|c| c.is_ascii_alphanumeric() || "-_".contains(c));
    let mut one = |key: &str, fits: &dyn Fn(&str) -> bool| {
        let Some(text) = target[key].as_str().filter(|text| !text.is_empty()) else { return };
        meant = meant.min(match (fits(text), is_literal(text) || key == "group") {
            (true, _) => Meant::Yes,
            (false, true) => Meant::No,
            (false, false) => Meant::Maybe,
        });
    };
    one("kind", &|text| text == object.kind);
    one("group", &|text| text == object.group);
    one("version", &|text| text == object.version);
    one("name", &|text| is_literal(text) && wanted.is_called(text));
    if let Some(namespace) = target["namespace"].as_str()
        && object.namespace.as_deref() != Some(namespace)
    {
        meant = meant.min(Meant::Maybe);
    }
    meant
}
