//! `message` of every level: templates of commit messages, read where they are written and inherited one by one.

use super::fault::Sited;
use super::inherit::Layers;
use super::raw::once;
use super::reader::{File, Reader};
use super::suggest;
use super::trace::Trace;
use crate::domain::template::{Occasion, PLACEHOLDERS, Template, TemplateFault, Templates};

/// The templates of one level, in the order of [`Occasion::ALL`].
pub(super) type RawMessages = [Option<Sited<Template>>; Occasion::ALL.len()];

/// Reads `message` of a level.
pub(super) fn read(layer: &mut Reader<'_>) -> RawMessages {
    let mut found = RawMessages::default();
    let Some(mut table) = layer.table("message") else { return found };
    for (slot, (key, occasion)) in found.iter_mut().zip(Occasion::ALL) {
        let Some(text) = table.text(key) else { continue };
        match Template::parse(&text.value, occasion) {
            Ok(value) => *slot = Some(Sited { value, place: text.place }),
            Err(fault) => {
                let hint = match &fault {
                    TemplateFault::Unknown(word) => unknown(word),
                    _ => String::new(),
                };
                table.fault(text.place, format!("`{key}` of {}: {fault}{hint}", table.name()));
            }
        }
    }
    table.finish();
    found
}

fn unknown(word: &str) -> String {
    match suggest::hint(word, PLACEHOLDERS) {
        none if none.is_empty() => format!("; there are {}", PLACEHOLDERS.join(", ")),
        hint => hint,
    }
}

/// Adds the templates of the same table in another file.
pub(super) fn join(file: &File, known: &mut RawMessages, new: RawMessages) {
    for (known, new) in known.iter_mut().zip(new) {
        once(file, known, new);
    }
}

/// The templates of a mapping, each from the nearest level that has one.
pub(super) fn messages(layers: &Layers<'_>, trace: &mut Trace) -> Templates {
    let mut templates = Templates::default();
    for (at, (key, occasion)) in Occasion::ALL.into_iter().enumerate() {
        let levels = layers.of_each(|layer| layer.messages[at].as_ref());
        let levels: Vec<_> = levels
            .into_iter()
            .map(|(level, sited)| (level, sited.map(|one| (one.value.clone(), one.place.clone()))))
            .map(|(level, one)| {
                (level, one.map(|(value, place)| Sited { value: Some(value), place }))
            })
            .collect();
        // What is not set is not worth a line: the built-in words follow from what changes.
        if levels.iter().all(|(_, sited)| sited.is_none()) {
            continue;
        }
        let levels: Vec<_> = levels.iter().map(|(level, sited)| (*level, sited.as_ref())).collect();
        let show = |one: &Option<Template>| {
            one.as_ref().map(|one| format!("{:?}", one.text())).unwrap_or_default()
        };
        if let Some(template) = trace.pick(&format!("message.{key}"), &levels, None, show) {
            templates.set(occasion, template);
        }
    }
    templates
}
