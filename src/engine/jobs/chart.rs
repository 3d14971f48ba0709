//! Set an image or a value in the files with the values of a chart.

use crate::domain::Mapping;
use crate::domain::image::split;
use crate::domain::path::{FieldPath, Step};
use crate::engine::Failure;
use crate::engine::error::Stop;
use crate::engine::jobs::place::{Ground, search};
use crate::engine::jobs::propose::Found;
use crate::engine::jobs::set::{is_named, renewed, typed};
use crate::engine::jobs::{Context, render};
use crate::yaml::{self, Change, Place};
use serde_json::Value;

/// The files with values of a mapping's chart, the later ones win; whether each is for this mapping alone.
pub(super) struct Files(Vec<(String, bool)>);

impl Files {
    /// Reads them from the configuration. The chart's own defaults are for whoever uses it, as soon as a mapping names
    /// files beside them; what another mapping is made from, too, is not this one's.
    pub fn of(ctx: &Context, mapping: &Mapping, ground: &Ground) -> Self {
        let root = ground.gathered.root();
        let is_shared = |file: &String| {
            let is_default = file.rsplit_once('/').map_or("", |(folder, _)| folder) == root
                && file.ends_with("values.yaml")
                && ground.values.len() > 1
                && ground.values.first() == Some(file);
            let others = ctx.world.settings.mappings.values().filter(|other| {
                other.name != mapping.name && other.repository == mapping.repository
            });
            is_default
                || others.into_iter().any(|other| {
                    let helm = &other.rendering.helm.values;
                    let named =
                        helm.iter().filter_map(|one| ground.gathered.beside(&other.path, one));
                    let is_named = named.into_iter().any(|one| one == *file);
                    is_named || (other.path == mapping.path && ground.values.first() == Some(file))
                })
        };
        let files = ground.values.iter();
        Self(files.map(|file| (file.clone(), !is_shared(file))).collect())
    }

    /// The file that takes a value: the one that decides it now, or where others use that, the last one after it that
    /// is for this mapping alone.
    fn taking(&self, ground: &Ground, key: &str) -> Result<String, Failure> {
        let path = keyed(key)?;
        let has = |file: &str| {
            let content = ground.content(file).unwrap_or_default();
            yaml::value_at(content, &Place::document(0), &path).is_ok_and(|found| found.is_some())
        };
        let decides = self.0.iter().rposition(|(file, _)| has(file));
        let mut after = self.0.iter().skip(decides.unwrap_or(0));
        let own = match decides {
            Some(at) if self.0[at].1 => after.next(),
            _ => after.rfind(|(_, is_own)| *is_own),
        };
        if let Some((file, _)) = own {
            return Ok(file.clone());
        }
        Err(match self.0.last() {
            Some((file, _)) => Failure::new(format!(
                "{file} decides {key}, and other mappings use it, too"
            ))
            .hint("name a file of this mapping's own in helm.values, or change that file by hand"),
            None => Failure::new("the chart has no file with values")
                .hint("add a values.yaml, or name one in helm.values"),
        })
    }
}

/// The edits that set one value of a chart.
pub(super) async fn value(
    ctx: &Context,
    mapping: &Mapping,
    mut ground: Ground,
    key: &str,
    text: &str,
) -> Result<Found, Stop> {
    let file = Files::of(ctx, mapping, &ground).taking(&ground, key)?;
    let path = keyed(key)?;
    let place = Place::document(0);
    let now = ground.values.iter().rev().find_map(|file| {
        let content = ground.content(file).unwrap_or_default();
        yaml::value_at(content, &place, &path).ok().flatten()
    });
    let value = typed(now.as_ref(), text)?;
    ground.edit(&file, &place, &path, &Change::Set(value)).map_err(Failure::new)?;
    let edits = ground.edits();
    if edits.is_empty() {
        return Err(Failure::new(format!("{key} is {text} already")).into());
    }
    // What the chart makes of it is the chart's business; that it makes something of it is not.
    let after = render::edited(ctx, mapping, edits.clone()).await?;
    let objects = |manifests: &[crate::domain::Manifest]| {
        manifests.iter().map(|manifest| manifest.object.clone()).collect::<Vec<_>>()
    };
    if objects(&after) == objects(&ground.manifests) {
        return Err(Failure::new(format!(
            "nothing that the chart of {} renders depends on {key}",
            mapping.name
        ))
        .hint(format!(
            "look for the key in its values; helm.set in the configuration wins over {file}"
        ))
        .into());
    }
    Ok(Found { edits, ..Found::default() })
}

/// Sets the image in the values of a chart: `image: name:tag`, or `repository` and `tag` side by side.
pub(super) fn image(
    ground: &mut Ground,
    files: &Files,
    name: &str,
    reference: &str,
) -> Result<(), Failure> {
    let mut keys: Vec<String> = Vec::new();
    let mut now = String::new();
    for file in &ground.values {
        for document in ground.documents(file) {
            search(&document.value, &mut String::new(), &mut |key, value| {
                let last = key.rsplit('.').next().unwrap_or(key);
                let Some(image) = value.as_str().filter(|image| is_named(image, name)) else {
                    return;
                };
                if matches!(last, "image" | "repository") {
                    image.clone_into(&mut now);
                    if !keys.iter().any(|one| one == key) {
                        keys.push(key.to_owned());
                    }
                }
            });
        }
    }
    let key = match keys.as_slice() {
        [key] => key,
        [] => {
            return Err(Failure::new(format!("no values of the chart have an image {name}"))
                .hint("`gitdeck set MAPPING value KEY=VALUE` sets any value"));
        }
        several => {
            let failure = Failure::new(format!("several values of the chart have an image {name}"));
            return Err(failure.hint(format!(
                "set the one that is meant: `gitdeck set MAPPING value KEY=VALUE` with a key below {}",
                several.join(" or ")
            )));
        }
    };
    let new = renewed(&now, reference);
    let mut set = |key: &str, value: &str| {
        let file = files.taking(ground, key)?;
        let change = Change::Set(Value::String(value.to_owned()));
        ground.edit(&file, &Place::document(0), &keyed(key)?, &change).map_err(Failure::new)
    };
    let Some(above) = key.strip_suffix("repository") else { return set(key, &new) };
    let (repository, tag, digest) = split(&new);
    if repository != now {
        set(key, repository)?;
    }
    match (tag, digest) {
        (Some(tag), _) => set(&format!("{above}tag"), tag),
        (None, Some(digest)) => set(&format!("{above}digest"), digest),
        (None, None) => Ok(()),
    }
}

/// A key of a chart's values as a path: `image.tag`, `hosts[0].name`, `annotations.example\.com/team` as Helm's `--set`
/// has them, or `/image/tag`.
fn keyed(key: &str) -> Result<FieldPath, Failure> {
    let fault = |why: &str| {
        Failure::usage(format!("\"{key}\": a key of values {why}"))
            .hint("like image.tag, hosts[0].name or annotations.example\\.com/team")
    };
    if key.starts_with('/') {
        return FieldPath::parse(key).ok_or_else(|| fault("that begins with / is a path"));
    }
    let mut steps = Vec::new();
    let mut name = String::new();
    let mut chars = key.chars().peekable();
    while let Some(c) = chars.next() {
        match c {
            '\\' => name.push(chars.next().ok_or_else(|| fault("does not end with \\"))?),
            '.' | '[' => {
                // Behind an index comes no name.
                if !name.is_empty() {
                    steps.push(Step::Field(std::mem::take(&mut name)));
                } else if !matches!(steps.last(), Some(Step::Index(_))) {
                    return Err(fault("has no empty names"));
                }
                if c == '[' {
                    let digits: String = chars.by_ref().take_while(|c| *c != ']').collect();
                    let index = digits.parse().map_err(|_| fault("has numbers in brackets"))?;
                    steps.push(Step::Index(index));
                    if chars.peek().is_some_and(|next| !matches!(next, '.' | '[')) {
                        return Err(fault("has a dot or nothing after ]"));
                    }
                }
            }
            c => name.push(c),
        }
    }
    if !name.is_empty() {
        steps.push(Step::Field(name));
    } else if key.ends_with('.') || steps.is_empty() {
        return Err(fault("has no empty names"));
    }
    Ok(FieldPath(steps))
}

#[cfg(test)]
mod tests {
    use super::keyed;
    use crate::domain::path::Step;

    #[test]
    fn keys_are_written_as_for_helm() {
        let field = |name: &str| Step::Field(name.to_owned());
        for (key, steps) in [
            ("image.tag", vec![field("image"), field("tag")]),
            ("hosts[0].name", vec![field("hosts"), Step::Index(0), field("name")]),
            ("args[1]", vec![field("args"), Step::Index(1)]),
            ("grid[1][2]", vec![field("grid"), Step::Index(1), Step::Index(2)]),
            (
                r"annotations.example\.com/team",
                vec![field("annotations"), field("example.com/team")],
            ),
            ("/image/tag", vec![field("image"), field("tag")]),
        ] {
            assert_eq!(keyed(key).map_err(|fault| fault.message).unwrap().0, steps, "{key}");
        }
        for key in ["", ".", "a.", "a..b", "a[x]", "a[0]b", "[", r"a\"] {
            assert!(keyed(key).is_err(), "{key}");
        }
    }
}
