//! Records where each value came from while settings are resolved, for `config explain`.

use super::fault::{Place, Sited};
use serde::Serialize;
use std::fmt;

/// Where a value was set.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Origin {
    /// `mapping checkout`, `project shop`, `defaults`, `[[auth]] https://…`, `built in`, `--context`.
    pub level: String,
    /// The line, where it is in a file.
    pub place: Option<Place>,
}

impl Origin {
    /// A value that no file holds.
    pub(super) fn beside(level: &str) -> Self {
        Self { level: level.to_owned(), place: None }
    }
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.place {
            Some(place) => write!(f, "{} ({place})", self.level),
            None => f.write_str(&self.level),
        }
    }
}

impl Serialize for Origin {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

/// One value with its origin, and the places that set it too but lost.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Explained {
    /// Key, `sync.prune_limit`.
    pub key: String,
    /// The value as it would be written; secrets are references.
    pub value: String,
    /// Where it comes from.
    pub origin: Origin,
    /// Where it was overridden.
    pub overridden: Vec<Origin>,
}

/// The record; off in ordinary use.
pub(super) struct Trace(Option<Vec<Explained>>);

impl Trace {
    pub(super) fn off() -> Self {
        Self(None)
    }

    pub(super) fn on() -> Self {
        Self(Some(Vec::new()))
    }

    pub(super) fn into_values(self) -> Vec<Explained> {
        self.0.unwrap_or_default()
    }

    /// Notes one value.
    pub(super) fn note(&mut self, key: &str, value: impl FnOnce() -> String, origins: Vec<Origin>) {
        if let Some(values) = &mut self.0 {
            let mut origins = origins.into_iter();
            let origin = origins.next().unwrap_or_else(|| Origin::beside("built in"));
            let overridden = origins.collect();
            values.push(Explained { key: key.to_owned(), value: value(), origin, overridden });
        }
    }

    /// The value of the first level that has one, and a note of it.
    pub(super) fn pick<T: Clone>(
        &mut self,
        key: &str,
        levels: &[(&str, Option<&Sited<T>>)],
        fallback: T,
        show: impl FnOnce(&T) -> String,
    ) -> T {
        let value = levels
            .iter()
            .find_map(|(_, sited)| *sited)
            .map_or(fallback, |sited| sited.value.clone());
        if self.0.is_some() {
            let origins = levels.iter().filter_map(|(level, sited)| {
                let place = Some(sited.as_ref()?.place.clone());
                Some(Origin { level: (*level).to_owned(), place })
            });
            self.note(key, || show(&value), origins.collect());
        }
        value
    }
}
