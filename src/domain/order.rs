//! The order in which objects are applied and deleted.
//!
//! Waves (Argo CD's annotation) come first, then tiers of kinds, then dependencies; inside a stage the order is by kind
//! and name, so that the same objects in any order give the same plan.

use crate::domain::ObjectKey;
use crate::domain::rank::{Tier, kind_rank, tier};
use serde_json::Value;
use std::cmp::Reverse;
use std::collections::{BTreeMap, BinaryHeap, HashMap, HashSet};
use thiserror::Error;

/// The annotation that puts an object into a wave, a whole number.
pub const SYNC_WAVE: &str = "argocd.argoproj.io/sync-wave";
/// The annotation that names the objects an object needs.
pub const DEPENDS_ON: &str = "config.kubernetes.io/depends-on";

/// What the order of one object depends on.
#[derive(Debug, Clone, PartialEq)]
pub struct OrderInput {
    /// The object; its namespace is the one it is applied to.
    pub key: ObjectKey,
    /// Its wave; zero unless it says so.
    pub wave: i64,
    /// Objects that it names as needed.
    pub depends_on: Vec<ObjectKey>,
    /// The group and kind that it defines, if it is a CRD.
    pub defines: Option<(String, String)>,
}

/// One object in order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ordered {
    /// Objects of one stage may be applied at the same time; a stage begins when the one before is done.
    pub stage: u32,
    /// Index of the object in the input.
    pub index: usize,
    /// The wave in which its turn comes: its own, or that of the first that needs it. Waves of deletion count backwards.
    pub wave: i64,
    /// Indices of the objects that it needs: when one of them fails, it is skipped.
    pub needs: Vec<usize>,
    /// Whether the next stage waits until it is ready, not only applied: CRDs, Namespaces, objects that others name as
    /// needed, and objects of a wave that another wave follows. In deletion: until it is gone, where something stays until
    /// then, or another wave follows.
    pub awaited: bool,
}

/// There is no order. Found before anything is written.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum OrderError {
    /// Objects need each other.
    #[error("these objects need each other: {}", names(.0))]
    Cycle(Vec<ObjectKey>),
    /// An object needs one that is not in the mapping.
    #[error("{object} needs {dependency}, which is not part of this mapping ({DEPENDS_ON})")]
    External {
        /// The object with the annotation.
        object: Box<ObjectKey>,
        /// What it names.
        dependency: Box<ObjectKey>,
    },
    /// An annotation cannot be read.
    #[error("{object}: cannot read \"{text}\" in {annotation}")]
    Annotation {
        /// The object.
        object: Box<ObjectKey>,
        /// Which annotation.
        annotation: &'static str,
        /// What it says (foreign text).
        text: String,
    },
}

fn names(keys: &[ObjectKey]) -> String {
    keys.iter().map(ToString::to_string).collect::<Vec<_>>().join(" -> ")
}

impl OrderInput {
    /// Reads the annotations of an object.
    pub fn of(key: ObjectKey, object: &Value) -> Result<Self, OrderError> {
        let annotation = |name: &str| object["metadata"]["annotations"][name].as_str();
        let fault = |annotation, text: &str| OrderError::Annotation {
            object: Box::new(key.clone()),
            annotation,
            text: text.trim().to_owned(),
        };
        let wave = match annotation(SYNC_WAVE) {
            Some(text) => text.trim().parse().map_err(|_| fault(SYNC_WAVE, text))?,
            None => 0,
        };
        let needed = annotation(DEPENDS_ON).unwrap_or_default();
        let depends_on = needed
            .split(',')
            .filter(|text| !text.trim().is_empty())
            .map(|text| dependency(text.trim()).ok_or_else(|| fault(DEPENDS_ON, text)))
            .collect::<Result<_, _>>()?;
        let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        let is_definition =
            key.kind == "CustomResourceDefinition" && key.group == "apiextensions.k8s.io";
        let defines = is_definition
            .then(|| (text(&object["spec"]["group"]), text(&object["spec"]["names"]["kind"])));
        Ok(Self { key, wave, depends_on, defines })
    }
}

/// `group/namespaces/namespace/Kind/name` or `group/Kind/name`; the core group is empty.
fn dependency(text: &str) -> Option<ObjectKey> {
    let parts: Vec<&str> = text.split('/').collect();
    let (group, namespace, kind, name) = match parts.as_slice() {
        [group, "namespaces", namespace, kind, name] => {
            (group, Some((*namespace).to_owned()), kind, name)
        }
        [group, kind, name] => (group, None, kind, name),
        _ => return None,
    };
    if kind.is_empty() || name.is_empty() {
        return None;
    }
    Some(ObjectKey {
        group: (*group).to_owned(),
        kind: (*kind).to_owned(),
        namespace,
        name: (*name).to_owned(),
    })
}

/// The order of apply. What others need is pulled into the wave of the first that needs it.
pub fn apply_order(objects: &[OrderInput]) -> Result<Vec<Ordered>, OrderError> {
    let graph = Graph::new(objects, true)?;
    let sequence = graph.topological().map_err(|cycle| OrderError::Cycle(keys(objects, &cycle)))?;
    Ok(graph.stages(&sequence))
}

/// The order of deletion: that of apply, reversed. Dependencies on objects that are not deleted, or that form a
/// cycle, do not keep anything from being deleted.
pub fn delete_order(objects: &[OrderInput]) -> Vec<Ordered> {
    let attempt = Graph::new(objects, false).ok().and_then(|graph| {
        let sequence = graph.topological().ok()?;
        Some(graph.stages(&sequence))
    });
    let mut ordered = attempt.unwrap_or_else(|| {
        let free: Vec<OrderInput> = objects
            .iter()
            .map(|object| OrderInput { depends_on: Vec::new(), ..object.clone() })
            .collect();
        apply_order(&free).unwrap_or_default()
    });
    let last = ordered.iter().map(|item| item.stage).max().unwrap_or(0);
    let mut needed_by = vec![Vec::new(); objects.len()];
    for item in &ordered {
        for needed in &item.needs {
            needed_by[*needed].push(item.index);
        }
    }
    ordered.reverse();
    for item in &mut ordered {
        item.stage = last - item.stage;
        item.wave = item.wave.saturating_neg();
        item.needs = std::mem::take(&mut needed_by[item.index]);
        item.needs.sort_unstable();
    }
    // An object is gone for those that need it to be gone first.
    let waited: HashSet<usize> = ordered.iter().flat_map(|item| item.needs.clone()).collect();
    let last_wave = ordered.iter().map(|item| item.wave).max().unwrap_or(0);
    for item in &mut ordered {
        item.awaited = waited.contains(&item.index) || item.wave < last_wave;
    }
    ordered
}

fn keys(objects: &[OrderInput], indices: &[usize]) -> Vec<ObjectKey> {
    indices.iter().map(|index| objects[*index].key.clone()).collect()
}

struct Graph<'a> {
    objects: &'a [OrderInput],
    /// Indices in canonical order; the position in it is the name of a node in every tie.
    ranks: Vec<usize>,
    /// What each object needs.
    needs: Vec<Vec<usize>>,
    /// Who needs each object.
    needed_by: Vec<Vec<usize>>,
    /// Whether somebody names the object in an annotation.
    named: Vec<bool>,
}

impl<'a> Graph<'a> {
    fn new(objects: &'a [OrderInput], strict: bool) -> Result<Self, OrderError> {
        let mut canonical: Vec<usize> = (0..objects.len()).collect();
        let kinds: Vec<usize> = objects.iter().map(|object| kind_rank(&object.key)).collect();
        let canonical_key = |index: usize| (kinds[index], &objects[index].key);
        canonical.sort_by(|a, b| canonical_key(*a).cmp(&canonical_key(*b)));
        let mut ranks = vec![0; objects.len()];
        for (rank, index) in canonical.iter().enumerate() {
            ranks[*index] = rank;
        }
        let by_key: HashMap<&ObjectKey, usize> =
            objects.iter().enumerate().map(|(index, object)| (&object.key, index)).collect();
        let defined: HashMap<(&str, &str), usize> = objects
            .iter()
            .enumerate()
            .filter_map(|(index, object)| {
                object
                    .defines
                    .as_ref()
                    .map(|(group, kind)| ((group.as_str(), kind.as_str()), index))
            })
            .collect();
        let namespaces: HashMap<&str, usize> = objects
            .iter()
            .enumerate()
            .filter(|(_, object)| object.key.kind == "Namespace" && object.key.group.is_empty())
            .map(|(index, object)| (object.key.name.as_str(), index))
            .collect();
        let mut graph = Self {
            objects,
            ranks,
            needs: vec![Vec::new(); objects.len()],
            needed_by: vec![Vec::new(); objects.len()],
            named: vec![false; objects.len()],
        };
        for (index, object) in objects.iter().enumerate() {
            let kind = (object.key.group.as_str(), object.key.kind.as_str());
            let namespace = object.key.namespace.as_deref().and_then(|name| namespaces.get(name));
            for needed in namespace.into_iter().chain(defined.get(&kind)) {
                graph.edge(index, *needed);
            }
            for dependency in &object.depends_on {
                match by_key.get(dependency) {
                    Some(needed) => {
                        graph.named[*needed] = true;
                        graph.edge(index, *needed);
                    }
                    None if strict => {
                        return Err(OrderError::External {
                            object: Box::new(object.key.clone()),
                            dependency: Box::new(dependency.clone()),
                        });
                    }
                    None => {}
                }
            }
        }
        Ok(graph)
    }

    fn edge(&mut self, from: usize, needed: usize) {
        if !self.needs[from].contains(&needed) {
            self.needs[from].push(needed);
            self.needed_by[needed].push(from);
        }
    }

    /// Everything after what it needs, ties in canonical order; or the objects of a cycle.
    fn topological(&self) -> Result<Vec<usize>, Vec<usize>> {
        let mut open: Vec<usize> = self.needs.iter().map(Vec::len).collect();
        let free = (0..self.objects.len()).filter(|index| open[*index] == 0);
        let mut ready: BinaryHeap<Reverse<(usize, usize)>> =
            free.map(|index| Reverse((self.ranks[index], index))).collect();
        let mut sequence = Vec::with_capacity(self.objects.len());
        while let Some(Reverse((_, index))) = ready.pop() {
            sequence.push(index);
            for dependent in &self.needed_by[index] {
                open[*dependent] -= 1;
                if open[*dependent] == 0 {
                    ready.push(Reverse((self.ranks[*dependent], *dependent)));
                }
            }
        }
        if sequence.len() == self.objects.len() { Ok(sequence) } else { Err(self.cycle(&open)) }
    }

    /// Walks along open needs, the canonically first each time, until an object comes again.
    fn cycle(&self, open: &[usize]) -> Vec<usize> {
        let first = |candidates: &mut dyn Iterator<Item = usize>| {
            candidates.filter(|index| open[*index] > 0).min_by_key(|index| self.ranks[*index])
        };
        let mut path: Vec<usize> = Vec::new();
        let mut current = first(&mut (0..self.objects.len()));
        while let Some(index) = current {
            if let Some(start) = path.iter().position(|seen| *seen == index) {
                let mut cycle = path.split_off(start);
                // The same cycle is told alike wherever the walk came in.
                let least = cycle
                    .iter()
                    .enumerate()
                    .min_by_key(|(_, index)| self.ranks[**index])
                    .map_or(0, |(at, _)| at);
                cycle.rotate_left(least);
                cycle.push(cycle[0]);
                return cycle;
            }
            path.push(index);
            current = first(&mut self.needs[index].iter().copied());
        }
        path
    }

    fn stages(&self, sequence: &[usize]) -> Vec<Ordered> {
        let mut wave: Vec<i64> = self.objects.iter().map(|object| object.wave).collect();
        for index in sequence.iter().rev() {
            for needed in &self.needs[*index] {
                wave[*needed] = wave[*needed].min(wave[*index]);
            }
        }
        let mut slot: Vec<(i64, Tier, u32)> = vec![(0, Tier::Foundation, 0); self.objects.len()];
        for index in sequence {
            let own = tier(&self.objects[*index].key);
            let before = self.needs[*index]
                .iter()
                .map(|needed| slot[*needed])
                .filter(|slot| slot.0 == wave[*index]);
            let tier = before.clone().map(|slot| slot.1).max().map_or(own, |tier| tier.max(own));
            let level =
                before.filter(|slot| slot.1 == tier).map(|slot| slot.2 + 1).max().unwrap_or(0);
            slot[*index] = (wave[*index], tier, level);
        }
        let mut numbers: BTreeMap<(i64, Tier, u32), u32> =
            slot.iter().map(|slot| (*slot, 0)).collect();
        for (number, stage) in numbers.values_mut().zip(0..) {
            *number = stage;
        }
        let last_wave = wave.iter().max().copied().unwrap_or(0);
        let mut ordered: Vec<Ordered> = sequence
            .iter()
            .map(|index| Ordered {
                stage: numbers[&slot[*index]],
                index: *index,
                wave: wave[*index],
                needs: self.sorted_needs(*index),
                awaited: tier(&self.objects[*index].key) == Tier::Foundation
                    || self.named[*index]
                    || wave[*index] < last_wave,
            })
            .collect();
        ordered.sort_by_key(|item| (item.stage, self.ranks[item.index]));
        ordered
    }

    fn sorted_needs(&self, index: usize) -> Vec<usize> {
        let mut needs = self.needs[index].clone();
        needs.sort_by_key(|needed| self.ranks[*needed]);
        needs
    }
}
