//! Desired objects in the order of apply, with what each of them needs.

use super::ClusterError;
use super::desired::Desired;
use crate::domain::ObjectKey;
use crate::domain::order::{OrderError, OrderInput, Ordered, apply_order, delete_order};
use serde_json::Value;
use std::collections::{BTreeMap, HashMap};

/// The order of apply, and who needs whom.
pub(super) struct Arrangement {
    /// In the order of apply.
    pub(super) order: Vec<Ordered>,
    /// By index of the desired object: what it needs, and whether others wait until it is ready.
    pub(super) needs: Vec<(Vec<usize>, bool)>,
    /// By index of the desired object.
    waves: Vec<i64>,
}

impl Arrangement {
    /// Orders desired objects; an error names the cycle or the annotation.
    pub(super) fn of(placed: &[Desired]) -> Result<Self, ClusterError> {
        let refuse = |error: OrderError| ClusterError::Order { reason: error.to_string() };
        let inputs = placed
            .iter()
            .map(|one| OrderInput::of(one.reference.key(), &one.object))
            .collect::<Result<Vec<_>, _>>()
            .map_err(refuse)?;
        let order = apply_order(&inputs).map_err(refuse)?;
        let mut needs = vec![(Vec::new(), false); placed.len()];
        for one in &order {
            needs[one.index] = (one.needs.clone(), one.awaited);
        }
        Ok(Self { order, needs, waves: inputs.iter().map(|input| input.wave).collect() })
    }

    /// The wave that an object asks for.
    pub(super) fn wave(&self, index: usize) -> i64 {
        self.waves[index]
    }
}

/// The desired objects that were not applied, found by whom they keep from being applied.
#[derive(Default)]
pub(super) struct Unapplied {
    /// By index of the desired object: the position of its operation in the plan.
    positions: HashMap<usize, usize>,
    /// The first position in each wave.
    waves: BTreeMap<i64, usize>,
}

impl Unapplied {
    /// The operation at a position, on this desired object, failed or was skipped.
    pub(super) fn add(&mut self, arrangement: &Arrangement, index: usize, position: usize) {
        self.positions.entry(index).or_insert(position);
        let first = self.waves.entry(arrangement.wave(index)).or_insert(position);
        *first = position.min(*first);
    }

    /// The first operation that keeps this object from being applied: the object needs what it is about, or comes in a
    /// later wave.
    pub(super) fn blocking(&self, arrangement: &Arrangement, index: usize) -> Option<usize> {
        let needs = &arrangement.needs[index].0;
        let needed = needs.iter().filter_map(|need| self.positions.get(need));
        let earlier = self.waves.range(..arrangement.wave(index)).map(|(_, first)| first);
        needed.chain(earlier).min().copied()
    }
}

/// The order in which live objects are deleted: stages and indices.
pub(super) fn deletion_order(leaving: &[(ObjectKey, Value)]) -> Vec<(u32, usize)> {
    let inputs: Vec<OrderInput> = leaving
        .iter()
        .map(|(key, object)| {
            // An annotation that cannot be read keeps nothing from being deleted.
            OrderInput::of(key.clone(), object).unwrap_or_else(|_| OrderInput {
                key: key.clone(),
                wave: 0,
                depends_on: Vec::new(),
                defines: None,
            })
        })
        .collect();
    delete_order(&inputs).into_iter().map(|one| (one.stage, one.index)).collect()
}

#[cfg(test)]
mod tests {
    use super::{Arrangement, Unapplied};

    #[test]
    fn the_first_failure_that_an_object_needs_or_follows_blocks_it() {
        let needs = vec![(vec![], false), (vec![], true), (vec![1], false), (vec![], false)];
        let arrangement = Arrangement { order: Vec::new(), needs, waves: vec![0, 0, 0, 1] };
        let mut unapplied = Unapplied::default();
        let blocking = |unapplied: &Unapplied| {
            [0, 1, 2, 3].map(|index| unapplied.blocking(&arrangement, index))
        };
        assert_eq!(blocking(&unapplied), [None; 4]);
        // The second object, at the sixth position of the plan: its dependent and the later wave wait for it.
        unapplied.add(&arrangement, 1, 5);
        assert_eq!(blocking(&unapplied), [None, None, Some(5), Some(5)]);
        // The first object comes before it in the plan.
        unapplied.add(&arrangement, 0, 2);
        assert_eq!(blocking(&unapplied), [None, None, Some(5), Some(2)]);
    }
}
