//! Set an image or a value in the files of a mapping.

use crate::domain::image::split;
use crate::domain::path::{FieldPath, Step};
use crate::domain::{Manifest, Mapping};
use crate::engine::Failure;
use crate::engine::error::Stop;
use crate::engine::jobs::adopt::names;
use crate::engine::jobs::place::{Ground, Misplaced, Wish};
use crate::engine::jobs::propose::{Found, check};
use crate::engine::jobs::{Context, chart};
use crate::render::Kind;
use crate::yaml;
use serde_json::Value;
use std::collections::BTreeSet;

/// The edits that give an image another version.
pub(super) async fn image(
    ctx: &Context,
    mapping: &Mapping,
    mut ground: Ground,
    name: &str,
    reference: &str,
) -> Result<Found, Stop> {
    let images = images(&ground.manifests);
    let meant: Vec<&Image> = images.iter().filter(|one| is_named(one.text, name)).collect();
    let named: BTreeSet<&str> = meant.iter().map(|one| split(one.text).0).collect();
    if named.len() > 1 {
        let named: Vec<&str> = named.into_iter().collect();
        let hint = format!("give one of them in full: {}", named.join(", "));
        return Err(Failure::usage(format!("{name} means several images")).hint(hint).into());
    }
    if meant.is_empty() {
        return Err(no_image(&images, mapping, name).into());
    }
    let wish = |one: &&Image| Wish {
        object: one.manifest.reference.key(),
        path: one.path.clone(),
        value: Some(Value::String(renewed(one.text, reference))),
    };
    let wishes: Vec<Wish> = meant.iter().map(wish).collect();
    if ground.gathered.kind == Kind::Helm {
        let files = chart::Files::of(ctx, mapping, &ground);
        chart::image(&mut ground, &files, name, reference)?;
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
        return chart::value(ctx, mapping, ground, path, text).await;
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

/// The value in the type that is there: what is text stays text. A number that YAML would write otherwise, as `1.10` or
/// `0644`, is text where nothing is there yet, and refused where a number is.
pub(super) fn typed(now: Option<&Value>, text: &str) -> Result<Value, Failure> {
    if matches!(now, Some(Value::String(_))) {
        return Ok(Value::String(text.to_owned()));
    }
    let fault = |why: String| Failure::usage(format!("\"{text}\" is no value in YAML: {why}"));
    let mut read = yaml::documents(text.as_bytes()).map_err(|error| fault(error.message))?;
    let value = match read.len() {
        0 => Value::Null,
        1 => read.remove(0).value,
        _ => return Err(fault("it is several documents".to_owned())),
    };
    match &value {
        Value::Number(number) if number.to_string() != text.trim() => match now {
            Some(Value::Number(_)) => {
                Err(Failure::usage(format!("\"{text}\" would be read as the number {number}"))
                    .hint("write the number as it is meant, in decimal"))
            }
            _ => Ok(Value::String(text.to_owned())),
        },
        _ => Ok(value),
    }
}

/// The image of one container.
struct Image<'a> {
    manifest: &'a Manifest,
    path: FieldPath,
    text: &'a str,
}

fn images(manifests: &[Manifest]) -> Vec<Image<'_>> {
    let mut images = Vec::new();
    for manifest in manifests {
        let mut found = Vec::new();
        containers(&manifest.object, &FieldPath::default(), &mut found);
        images.extend(found.into_iter().map(|(path, text)| Image { manifest, path, text }));
    }
    images
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
pub(super) fn is_named(image: &str, name: &str) -> bool {
    let full = split(image).0;
    full == name || full.strip_suffix(name).is_some_and(|rest| rest.ends_with('/'))
}

/// The image under another tag or digest, or another image.
pub(super) fn renewed(image: &str, reference: &str) -> String {
    let name = split(image).0;
    if reference.starts_with("sha256:") {
        format!("{name}@{reference}")
    } else if reference.contains(['/', ':', '@']) {
        reference.to_owned()
    } else {
        format!("{name}:{reference}")
    }
}

fn no_image(images: &[Image<'_>], mapping: &Mapping, name: &str) -> Failure {
    let known: BTreeSet<&str> = images.iter().map(|one| one.text).collect();
    let known: Vec<&str> = known.into_iter().take(8).collect();
    let failure = Failure::usage(format!("no container of {} uses an image {name}", mapping.name));
    if known.is_empty() { failure } else { failure.hint(format!("it uses {}", known.join(", "))) }
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
        assert_eq!(typed(None, "1.10").unwrap(), json!("1.10"));
        assert_eq!(typed(Some(&json!(420)), "420").unwrap(), json!(420));
        assert!(typed(Some(&json!(420)), "0644").is_err());
        assert_eq!(typed(None, "[1, a]").unwrap(), json!([1, "a"]));
        assert!(typed(None, "[1").is_err());
    }
}
