//! Desired objects in the order of apply, and those that leave in the order of deletion, with what each of them needs.

use super::ClusterError;
use super::desired::Desired;
use super::ground::Leaving;
use crate::domain::order::{OrderError, OrderInput, Ordered, apply_order, delete_order};
use std::collections::{BTreeMap, HashMap};

/// An order, and who needs whom.
pub(super) struct Arrangement {
    /// In order.
    pub(super) order: Vec<Ordered>,
    /// By index of the object: what it needs, and whether others wait until it is ready, or gone.
    pub(super) needs: Vec<(Vec<usize>, bool)>,
    /// By index of the object.
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
        Ok(Self::new(apply_order(&inputs).map_err(refuse)?, placed.len()))
    }

    /// Orders objects that are deleted.
    pub(super) fn of_leaving(leaving: &[Leaving]) -> Self {
        let inputs: Vec<OrderInput> = leaving
            .iter()
            .map(|one| {
                let key = one.reference.key();
                // An annotation that cannot be read keeps nothing from being deleted.
                OrderInput::of(key.clone(), &one.live.value()).unwrap_or_else(|_| OrderInput {
                    key,
                    wave: 0,
                    depends_on: Vec::new(),
                    defines: None,
                })
            })
            .collect();
        Self::new(delete_order(&inputs), leaving.len())
    }

    fn new(order: Vec<Ordered>, count: usize) -> Self {
        let (mut needs, mut waves) = (vec![(Vec::new(), false); count], vec![0; count]);
        for one in &order {
            needs[one.index] = (one.needs.clone(), one.awaited);
            waves[one.index] = one.wave;
        }
        Self { order, needs, waves }
    }

    /// The wave in which an object's turn comes.
    pub(super) fn wave(&self, index: usize) -> i64 {
        self.waves[index]
    }
}

/// The objects that stand in the way, found by whom they keep from going on.
#[derive(Default)]
pub(super) struct Obstacles {
    /// By index of the object: where it is told of.
    positions: HashMap<usize, usize>,
    /// The first position in each wave.
    waves: BTreeMap<i64, usize>,
}

impl Obstacles {
    /// This object, told of at a position, failed, was skipped, or does not do its work.
    pub(super) fn add(&mut self, arrangement: &Arrangement, index: usize, position: usize) {
        self.positions.entry(index).or_insert(position);
        let first = self.waves.entry(arrangement.wave(index)).or_insert(position);
        *first = position.min(*first);
    }

    /// The first position that keeps this object from going on: the object needs what is told of there, or comes in a
    /// later wave.
    pub(super) fn blocking(&self, arrangement: &Arrangement, index: usize) -> Option<usize> {
        let needs = &arrangement.needs[index].0;
        let needed = needs.iter().filter_map(|need| self.positions.get(need));
        let earlier = self.before(arrangement.wave(index));
        needed.copied().chain(earlier).min()
    }

    /// The first position of an earlier wave.
    pub(super) fn before(&self, wave: i64) -> Option<usize> {
        self.waves.range(..wave).map(|(_, first)| *first).min()
    }
}

#[cfg(test)]
mod tests {
    use super::{Arrangement, Obstacles};

    #[test]
    fn the_first_failure_that_an_object_needs_or_follows_blocks_it() {
        let needs = vec![(vec![], false), (vec![], true), (vec![1], false), (vec![], false)];
        let arrangement = Arrangement { order: Vec::new(), needs, waves: vec![0, 0, 0, 1] };
        let mut obstacles = Obstacles::default();
        let blocking = |obstacles: &Obstacles| {
            [0, 1, 2, 3].map(|index| obstacles.blocking(&arrangement, index))
        };
        assert_eq!(blocking(&obstacles), [None; 4]);
        // The second object, at the sixth position of the plan: its dependent and the later wave wait for it.
        obstacles.add(&arrangement, 1, 5);
        assert_eq!(blocking(&obstacles), [None, None, Some(5), Some(5)]);
        // The first object comes before it in the plan.
        obstacles.add(&arrangement, 0, 2);
        assert_eq!(blocking(&obstacles), [None, None, Some(5), Some(2)]);
    }
}
