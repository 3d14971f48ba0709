//! Which mappings and repositories a command is about.

use super::args::Global;
use super::fault::Fault;
use crate::config::{Settings, suggest};
use crate::domain::Mapping;
use crate::engine::Subject;

/// The named mappings, or all that `--context` and `--namespace` leave.
pub(crate) fn mappings(
    settings: &Settings,
    names: &[String],
    global: &Global,
) -> Result<Vec<String>, Fault> {
    if names.is_empty() {
        let fitting = settings.mappings.values().filter(|mapping| fits(mapping, global));
        let all: Vec<String> = fitting.map(|mapping| mapping.name.clone()).collect();
        // In a pipeline a mistyped context must not look like a success.
        if all.is_empty() && !settings.mappings.is_empty() {
            return Err(Fault::usage("no mapping goes to that context and namespace").hint(
                "`gitdeck mapping list` without --context and --namespace shows where they go",
            ));
        }
        return Ok(all);
    }
    let mut chosen: Vec<String> = Vec::new();
    for name in names {
        let mapping = mapping(settings, name)?;
        if !fits(mapping, global) {
            let target = &mapping.target;
            let message = format!(
                "mapping `{name}` goes to {}/{}, which --context or --namespace leaves out",
                target.context, target.namespace
            );
            return Err(Fault::usage(message));
        }
        if !chosen.contains(name) {
            chosen.push(name.clone());
        }
    }
    Ok(chosen)
}

/// [`mappings`] for what acts on them or shows what it would do: where none is named, those that are disconnected are left
/// out.
pub(crate) fn connected(
    settings: &Settings,
    names: &[String],
    global: &Global,
) -> Result<Vec<String>, Fault> {
    let mut chosen = mappings(settings, names, global)?;
    if names.is_empty() {
        chosen.retain(|name| settings.mappings.get(name).is_none_or(|one| one.connected));
    }
    Ok(chosen)
}

/// One mapping by name.
pub(crate) fn mapping<'a>(settings: &'a Settings, name: &str) -> Result<&'a Mapping, Fault> {
    settings.mappings.get(name).ok_or_else(|| {
        let hint = suggest::hint(name, settings.mappings.keys().map(String::as_str));
        Fault::usage(format!("there is no mapping `{name}`{hint}"))
            .hint("`gitdeck mapping list` shows what is configured")
    })
}

/// One repository by name.
pub(crate) fn repository(settings: &Settings, name: &str) -> Result<(), Fault> {
    if settings.repositories.contains_key(name) {
        return Ok(());
    }
    let hint = suggest::hint(name, settings.repositories.keys().map(String::as_str));
    Err(Fault::usage(format!("there is no repository `{name}`{hint}"))
        .hint("`gitdeck repo list` shows what is configured"))
}

/// A mapping or else a repository by name.
pub(crate) fn subject(settings: &Settings, name: &str) -> Result<Subject, Fault> {
    if settings.mappings.contains_key(name) {
        return Ok(Subject::Mapping(name.to_owned()));
    }
    if settings.repositories.contains_key(name) {
        return Ok(Subject::Repository(name.to_owned()));
    }
    let known = settings.mappings.keys().chain(settings.repositories.keys());
    let hint = suggest::hint(name, known.map(String::as_str));
    Err(Fault::usage(format!("there is no mapping or repository `{name}`{hint}")))
}

fn fits(mapping: &Mapping, global: &Global) -> bool {
    let is =
        |wanted: &Option<String>, found: &str| wanted.as_ref().is_none_or(|wanted| wanted == found);
    is(&global.context, &mapping.target.context) && is(&global.namespace, &mapping.target.namespace)
}
