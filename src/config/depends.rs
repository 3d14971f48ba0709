//! `depends_on` of mappings: inherited like other settings, every name known, no cycles.

use super::fault::Fault;
use super::inherit::Layers;
use super::resolve::Resolver;
use super::suggest;
use super::trace::Trace;
use crate::domain::Mapping;
use crate::domain::depends::cycle;
use indexmap::IndexMap;

impl Resolver<'_> {
    /// The mappings that this one depends on: its own list, else that of its project, else the default. A list that is
    /// inherited may name the mapping itself, which then means the others.
    pub(super) fn depends_on(
        &mut self,
        name: &str,
        layers: &Layers<'_>,
        trace: &mut Trace,
    ) -> Vec<String> {
        let levels = layers.of_each(|layer| layer.depends_on.as_ref());
        for sited in levels.iter().filter_map(|(_, sited)| *sited) {
            for wanted in &sited.value {
                self.known_mapping(wanted, &sited.place);
            }
        }
        let inherited = levels.first().is_none_or(|(_, own)| own.is_none());
        let show = |names: &Vec<String>| {
            if names.is_empty() { "none".to_owned() } else { names.join(", ") }
        };
        let mut found = trace.pick("depends_on", &levels, Vec::new(), show);
        found.retain(|one| !(inherited && one == name));
        let mut kept: Vec<String> = Vec::new();
        for one in found {
            if !kept.contains(&one) {
                kept.push(one);
            }
        }
        kept
    }

    fn known_mapping(&mut self, name: &str, place: &super::fault::Place) {
        let raw = self.raw;
        let names = || raw.mappings.iter().map(|mapping| mapping.name.as_str());
        if names().any(|known| known == name) {
            return;
        }
        let hint = suggest::hint(name, names());
        let message =
            format!("`depends_on` names no mapping: there is no `{}`{hint}", name.escape_debug());
        // A list that many inherit is wrong once.
        if !self.faults.iter().any(|one| one.place == *place && one.message == message) {
            self.faults.push(Fault { place: place.clone(), message });
        }
    }

    /// Mappings that wait for each other would wait for ever.
    pub(super) fn no_cycles(&mut self, mappings: &IndexMap<String, Mapping>) {
        let graph = mappings
            .values()
            .map(|mapping| (mapping.name.clone(), mapping.depends_on.clone()))
            .collect();
        let Some(cycle) = cycle(&graph) else { return };
        let raw = self.raw;
        let first = raw.mappings.iter().find(|named| Some(&named.name) == cycle.first());
        let Some(first) = first else { return };
        let own = first.table.layer.depends_on.as_ref().map(|sited| sited.place.clone());
        let message = format!(
            "mappings wait for each other: {}; take one of them out of `depends_on`",
            cycle.join(" -> ")
        );
        self.faults.push(Fault { place: own.unwrap_or_else(|| first.place.clone()), message });
    }
}
