//! What is ill, grouped by its cause, from all that is known.

use crate::domain::cause::{Group, Symptom, group};
use crate::engine::Store;
use crate::engine::event::ClusterState;
use crate::engine::store::MappingView;

impl Store {
    /// The causes of what is ill among these mappings; among all where none is named.
    pub fn causes(&self, names: &[String]) -> Vec<Group> {
        let meant = |view: &&MappingView| names.is_empty() || names.contains(&view.mapping.name);
        let symptoms: Vec<Symptom<'_>> =
            self.mappings.values().filter(meant).map(|view| self.symptom(view)).collect();
        group(&symptoms)
    }

    fn symptom<'a>(&'a self, view: &'a MappingView) -> Symptom<'a> {
        let repository = self.repositories.get(&view.mapping.repository);
        let unfetched = repository.and_then(|repository| repository.state.error.as_ref());
        let lost = match self.clusters.get(&view.mapping.target.context) {
            Some(ClusterState::Stale { reason, .. }) => Some(reason.as_str()),
            _ => None,
        };
        Symptom {
            status: &view.status,
            stall: view.stall.as_deref(),
            unfetched: unfetched.map(|failure| failure.message.as_str()),
            lost,
        }
    }
}
