//! Desired objects in the order of apply, with what each of them needs.

use super::ClusterError;
use super::desired::Desired;
use crate::domain::ObjectKey;
use crate::domain::order::{OrderError, OrderInput, Ordered, apply_order, delete_order};
use serde_json::Value;

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

    /// Whether `index` cannot be applied when `failed` failed: it needs it, or comes in a later wave.
    pub(super) fn depends(&self, index: usize, failed: usize) -> bool {
        self.needs[index].0.contains(&failed) || self.waves[failed] < self.waves[index]
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
