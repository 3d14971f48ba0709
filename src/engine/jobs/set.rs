//! Set an image or a value in the files of a mapping.

use crate::domain::path::{FieldPath, Step};
use crate::domain::{Manifest, Mapping};
use crate::engine::Failure;
use crate::engine::error::Stop;
use crate::engine::jobs::adopt::names;
use crate::engine::jobs::overlay::split;
use crate::engine::jobs::place::{Ground, Misplaced, Wish, search};
use crate::engine::jobs::propose::{Found, check};
use crate::engine::jobs::{Context, render};
use crate::render::Kind;
use crate::yaml::{self, Change, Place};
use serde_json::Value;

/// The edits that give an image another version.
pub(super) async fn image(
    ctx: &Context,
    mapping: &Mapping,
    mut ground: Ground,
    name: &str,
    reference: &str,
) -> Result<Found, Stop> {
    let mut wishes = Vec::new();
    for manifest in &ground.manifests {
        let mut found = Vec::new();
        containers(&manifest.object, &FieldPath::default(), &mut found);
        for (path, image) in found.into_iter().filter(|(_, image)| is_named(image, name)) {
            let value = Some(Value::String(renewed(image, reference)));
            wishes.push(Wish { object: manifest.reference.key(), path, value });
        }
    }
    let mut named: Vec<&str> = Vec::new();
    for manifest in &ground.manifests {
        let mut found = Vec::new();
        containers(&manifest.object, &FieldPath::default(), &mut found);
        let found = found.into_iter().map(|(_, image)| split(image).0);
        named.extend(found.filter(|image| is_named(image, name)));
    }
    named.sort_unstable();
    named.dedup();
    if let [_, _, ..] = named.as_slice() {
        let hint = format!("give one of them in full: {}", named.join(", "));
        return Err(Failure::usage(format!("{name} means several images")).hint(hint).into());
    }
    if wishes.is_empty() {
        return Err(no_image(&ground.manifests, mapping, name).into());
    }
    if ground.gathered.kind == Kind::Helm {
        in_values(&mut ground, name, reference)?;
    } else {
        for wish in &wishes {
            // What an entry of `images` says of one container it says of all.
            place(&mut ground, wish)?;
        }
    }
    ended(ctx, mapping, &ground, &wishes).await
}

/// The edits that set one value.
pub(super) async fn value(
    ctx: &Context,
    mapping: &Mapping,
    mut ground: Ground,
    path: &str,
    text: &str,
) -> Result<Found, Stop> {
    if ground.gathered.kind == Kind::Helm && !path.contains(":/") {
        return chart_value(ctx, mapping, ground, path, text).await;
    }
    let (object, at) = match path.find(":/") {
        Some(at) => (Some(&path[..at]), &path[at + 1..]),
        None => (None, path),
    };
    if let Some(fault) = FieldPath::fault(at) {
        let hint = "like `Deployment/checkout:/spec/replicas`";
        return Err(Failure::usage(format!("\"{at}\": a path {fault}")).hint(hint).into());
    }
    let at = FieldPath::parse(at).unwrap_or_default();
    let fits = |manifest: &&Manifest| match object {
        Some(object) => names(object, &manifest.reference),
        None => at.find_written(&manifest.object).is_some(),
    };
    let found: Vec<&Manifest> = ground.manifests.iter().filter(fits).collect();
    let [manifest] = found.as_slice() else {
        let many: Vec<String> = found
            .iter()
            .map(|one| format!("{}/{}:{at}", one.reference.kind, one.reference.name))
            .collect();
        let failure = Failure::usage(match many.as_slice() {
            [] => format!("no object of {} is or has \"{path}\"", mapping.name),
            many => format!("several objects have {at}: {}", many.join(", ")),
        });
        return Err(failure.hint("name the object: Kind/name:/path").into());
    };
    if manifest.reference.kind == "Secret" && manifest.reference.group.is_empty() {
        let object = &manifest.reference;
        return Err(Failure::new(format!(
            "{object} is a Secret: a value on a command line stays in the shell's history"
        ))
        .hint("`gitdeck edit` or `gitdeck commit --file` change its file")
        .into());
    }
    let value = typed(at.find_written(&manifest.object), text)?;
    let wish = Wish { object: manifest.reference.key(), path: at, value: Some(value) };
    place(&mut ground, &wish)?;
    ended(ctx, mapping, &ground, &[wish]).await
}

fn place(ground: &mut Ground, wish: &Wish) -> Result<(), Failure> {
    // What is set belongs to this mapping: where its base has the value, its own kustomization takes the new one.
    match ground.place(wish, None) {
        Ok(()) => Ok(()),
        Err(Misplaced::Asked(files)) => match ground.place(wish, files.first().map(String::as_str))
        {
            Ok(()) => Ok(()),
            Err(Misplaced::Refused(reason)) => Err(Failure::new(reason)),
            Err(Misplaced::Asked(files)) => Err(Failure::new(files.join(", "))),
        },
        Err(Misplaced::Refused(reason)) => Err(Failure::new(reason)),
    }
}

async fn ended(
    ctx: &Context,
    mapping: &Mapping,
    ground: &Ground,
    wishes: &[Wish],
) -> Result<Found, Stop> {
    let edits = ground.edits();
    if edits.is_empty() {
        return Err(Failure::new(format!("{} says that already", mapping.name)).into());
    }
    check(ctx, mapping, &ground.manifests, &edits, wishes).await?;
    Ok(Found { edits, ..Found::default() })
}

/// The value in the type that is there: what is text stays text.
fn typed(now: Option<&Value>, text: &str) -> Result<Value, Failure> {
    if matches!(now, Some(Value::String(_))) {
        return Ok(Value::String(text.to_owned()));
    }
    let fault = |why: String| Failure::usage(format!("\"{text}\" is no value in YAML: {why}"));
    let mut read = yaml::documents(text.as_bytes()).map_err(|error| fault(error.message))?;
    match read.len() {
        0 => Ok(Value::Null),
        1 => Ok(read.remove(0).value),
        _ => Err(fault("it is several documents".to_owned())),
    }
}

/// Every image of a container, wherever it is: in pods, their templates, and custom resources made like them.
fn containers<'a>(value: &'a Value, above: &FieldPath, found: &mut Vec<(FieldPath, &'a str)>) {
    let Value::Object(fields) = value else { return };
    for (name, below) in fields {
        let path = above.join(Step::Field(name.clone()));
        let Value::Array(items) = below else {
            containers(below, &path, found);
            continue;
        };
        for (index, item) in items.iter().enumerate() {
            let named = item["name"].as_str().map(|name| vec![("name".to_owned(), name.into())]);
            let path = path.join(named.map_or(Step::Index(index), Step::Key));
            match item["image"].as_str() {
                Some(image) if name.to_lowercase().ends_with("containers") => {
                    found.push((path.join(Step::Field("image".to_owned())), image));
                }
                _ => containers(item, &path, found),
            }
        }
    }
}

/// Whether an image is the one that a name means: all of its name, or the end of it.
fn is_named(image: &str, name: &str) -> bool {
    let full = split(image).0;
    full == name || full.strip_suffix(name).is_some_and(|rest| rest.ends_with('/'))
}

/// The image under another tag or digest, or another image.
fn renewed(image: &str, reference: &str) -> String {
    let name = split(image).0;
    if reference.starts_with("sha256:") {
        format!("{name}@{reference}")
    } else if reference.contains(['/', ':', '@']) {
        reference.to_owned()
    } else {
        format!("{name}:{reference}")
    }
}

fn no_image(manifests: &[Manifest], mapping: &Mapping, name: &str) -> Failure {
    let mut images = Vec::new();
    for manifest in manifests {
        let mut found = Vec::new();
        containers(&manifest.object, &FieldPath::default(), &mut found);
        images.extend(found.into_iter().map(|(_, image)| image.to_owned()));
    }
    images.sort();
    images.dedup();
    images.truncate(8);
    let failure = Failure::usage(format!("no container of {} uses an image {name}", mapping.name));
    if images.is_empty() { failure } else { failure.hint(format!("it uses {}", images.join(", "))) }
}

/// Sets the image in the values of a chart: `image: name:tag`, or `repository` and `tag` side by side.
fn in_values(ground: &mut Ground, name: &str, reference: &str) -> Result<(), Failure> {
    let mut spots: Vec<(String, String)> = Vec::new();
    for file in ground.values.clone() {
        for document in ground.documents(&file) {
            search(&document.value, &mut String::new(), &mut |key, value| {
                let last = key.rsplit('.').next().unwrap_or(key);
                let fits = value.as_str().is_some_and(|image| is_named(image, name));
                if fits && matches!(last, "image" | "repository") {
                    spots.push((file.clone(), key.to_owned()));
                }
            });
        }
    }
    let Some((file, key)) = spots.pop() else {
        return Err(Failure::new(format!("no values of the chart have an image {name}"))
            .hint("`gitdeck set MAPPING value KEY=VALUE` sets any value"));
    };
    let place = Place::document(0);
    let now = yaml::value_at(ground.content(&file).unwrap_or_default(), &place, &dotted(&key));
    let now =
        now.ok().flatten().and_then(|value| value.as_str().map(str::to_owned)).unwrap_or_default();
    let new = renewed(&now, reference);
    let mut set = |key: &str, value: &str| {
        let file = effective(ground, key).unwrap_or_else(|| file.clone());
        let change = Change::Set(Value::String(value.to_owned()));
        ground.edit(&file, &place, &dotted(key), &change).map_err(Failure::new)
    };
    let Some(above) = key.strip_suffix("repository") else { return set(&key, &new) };
    let (repository, tag, digest) = split(&new);
    if repository != now {
        set(&key, repository)?;
    }
    match (tag, digest) {
        (Some(tag), _) => set(&format!("{above}tag"), tag),
        (None, Some(digest)) => set(&format!("{above}digest"), digest),
        (None, None) => Ok(()),
    }
}

/// The file that decides a value of a chart: the last that has it.
fn effective(ground: &Ground, key: &str) -> Option<String> {
    let has = |file: &&String| {
        let content = ground.content(file).unwrap_or_default();
        yaml::value_at(content, &Place::document(0), &dotted(key))
            .is_ok_and(|found| found.is_some())
    };
    ground.values.iter().rfind(has).cloned()
}

async fn chart_value(
    ctx: &Context,
    mapping: &Mapping,
    mut ground: Ground,
    key: &str,
    text: &str,
) -> Result<Found, Stop> {
    let last = ground.values.last().cloned();
    let file = effective(&ground, key).or(last).ok_or_else(|| {
        Failure::new(format!("the chart of {} has no file with values", mapping.name))
            .hint("add a values.yaml, or name one in helm.values")
    })?;
    let place = Place::document(0);
    let content = ground.content(&file).unwrap_or_default();
    let now = yaml::value_at(content, &place, &dotted(key)).ok().flatten();
    let value = typed(now.as_ref(), text)?;
    ground.edit(&file, &place, &dotted(key), &Change::Set(value)).map_err(Failure::new)?;
    let edits = ground.edits();
    if edits.is_empty() {
        return Err(Failure::new(format!("{key} is {text} already")).into());
    }
    // What the chart makes of it is the chart's business; that it renders at all is not.
    render::edited(ctx, mapping, edits.clone()).await?;
    Ok(Found { edits, ..Found::default() })
}

/// A key of a chart's values as a path: `image.tag`, or `/image/tag`.
fn dotted(key: &str) -> FieldPath {
    if key.starts_with('/') {
        return FieldPath::parse(key).unwrap_or_default();
    }
    FieldPath(key.split('.').map(|name| Step::Field(name.to_owned())).collect())
}

#[cfg(test)]
mod tests {
    use super::{is_named, renewed, typed};
    use serde_json::json;

    #[test]
    fn images_are_named_by_the_end_of_their_name() {
        for (image, name, expected) in [
            ("r.io:5000/shop/checkout:1.4", "checkout", true),
            ("r.io:5000/shop/checkout:1.4", "shop/checkout", true),
            ("r.io:5000/shop/checkout@sha256:00", "r.io:5000/shop/checkout", true),
            ("r.io/shop/my-checkout:1.4", "checkout", false),
            ("checkout", "checkout", true),
        ] {
            assert_eq!(is_named(image, name), expected, "{image} {name}");
        }
    }

    #[test]
    fn a_reference_is_a_tag_a_digest_or_a_whole_image() {
        let image = "r.io:5000/a/b:1@sha256:00";
        assert_eq!(renewed(image, "1.5.0"), "r.io:5000/a/b:1.5.0");
        assert_eq!(renewed(image, "sha256:0f"), "r.io:5000/a/b@sha256:0f");
        assert_eq!(renewed(image, "r.io/c:2"), "r.io/c:2");
    }

    #[test]
    fn text_stays_text() {
        assert_eq!(typed(Some(&json!("5")), "6").unwrap(), json!("6"));
        assert_eq!(typed(Some(&json!(5)), "6").unwrap(), json!(6));
        assert_eq!(typed(None, "yes").unwrap(), json!(true));
        assert_eq!(typed(None, "[1, a]").unwrap(), json!([1, "a"]));
        assert!(typed(None, "[1").is_err());
    }
}
