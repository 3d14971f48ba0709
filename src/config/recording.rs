//! `record` of mappings whose source is the cluster, and what no configuration may ask for: a loop.

use super::duration;
use super::fault::Fault;
use super::inherit::Layers;
use super::raw::Raw;
use super::resolve::Resolver;
use super::settings::{RepositorySettings, Settings};
use super::trace::Trace;
use crate::domain::folder::is_within;
use crate::domain::{Holder, Mapping, Recording};
use indexmap::IndexMap;
use std::time::Duration;

/// The longest quiet period: until it is over, a live change is in no commit.
const LONGEST: Duration = Duration::from_secs(3600);

impl Resolver<'_> {
    /// How live changes become commits.
    pub(super) fn recording(&mut self, layers: &Layers<'_>, trace: &mut Trace) -> Recording {
        let built_in = Recording::default();
        let quiet = layers.of_each(|layer| layer.record_quiet.as_ref());
        if let Some(long) = quiet.iter().find_map(|(_, sited)| *sited)
            && long.value > LONGEST
        {
            self.fault(
                long,
                "`quiet_period` is at most \"1h\": until it is over, a live change is in no commit",
            );
        }
        let push = layers.of_each(|layer| layer.record_push.as_ref());
        let secrets = layers.of_each(|layer| layer.record_secrets.as_ref());
        let show = |quiet: &Duration| duration::show(*quiet);
        Recording {
            quiet: trace.pick("record.quiet_period", &quiet, built_in.quiet, show),
            push: trace.pick("record.push", &push, built_in.push, bool::to_string),
            secrets: trace
                .pick("record.secrets", &secrets, built_in.secrets, |one| one.word().to_owned()),
        }
    }

    /// What one mapping records, no other may be made from: the other one would bring it to its own cluster, or record
    /// something else over it, and so on for ever. A mapping that is disconnected does neither.
    pub(super) fn no_loops(
        &mut self,
        mappings: &IndexMap<String, Mapping>,
        repositories: &IndexMap<String, RepositorySettings>,
    ) {
        let place = |mapping: &Mapping| {
            let remote = &repositories.get(&mapping.repository)?.remote;
            let holder = Holder::new(&remote.url, &mapping.path, "");
            Some((holder.repository, remote.branch.clone()))
        };
        let active = || mappings.values().filter(|mapping| mapping.connected);
        for recorded in active().filter(|mapping| mapping.is_recorded()) {
            let other = active().find(|other| {
                other.name != recorded.name
                    && place(other) == place(recorded)
                    && (is_within(&other.path, &recorded.path)
                        || is_within(&recorded.path, &other.path))
            });
            let named = self.raw.mappings.iter().find(|named| named.name == recorded.name);
            let (Some(other), Some(named)) = (other, named) else { continue };
            let does = if other.is_recorded() {
                "records another cluster there"
            } else {
                "brings what is there to its cluster"
            };
            let own = named.table.layer.source.as_ref().map(|sited| sited.place.clone());
            let message = format!(
                "mapping `{}` would record live changes below \"{}\" of repository `{}`, and mapping `{}` {does}: they would chase each other; give each a path of its own, or set `source = \"git\"`",
                recorded.name,
                if recorded.path.is_empty() { "." } else { &recorded.path },
                recorded.repository,
                other.name
            );
            self.faults.push(Fault { place: own.unwrap_or_else(|| named.place.clone()), message });
        }
    }
}

/// Settings of recorded mappings that nothing will come of.
pub(super) fn warnings(raw: &Raw, settings: &Settings) -> Vec<Fault> {
    let recorded = |name: &str| settings.mappings.get(name).is_some_and(Mapping::is_recorded);
    let mut warnings = Vec::new();
    for named in raw.mappings.iter().filter(|named| recorded(&named.name)) {
        let layer = &named.table.layer;
        for (key, flag) in [
            ("sync.auto", &layer.auto),
            ("sync.self_heal", &layer.self_heal),
            ("require_signed", &layer.require_signed),
        ] {
            let Some(flag) = flag.as_ref().filter(|flag| flag.value) else { continue };
            let message = format!(
                "`{key}` of [mappings.{}] does nothing: its source is the cluster, which nothing is synced to",
                named.name
            );
            warnings.push(Fault { place: flag.place.clone(), message });
        }
    }
    warnings
}
