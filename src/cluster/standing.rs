//! What is as desired already and needs no write, but may not do its work: what needs or follows it waits for it all the
//! same, as it would after a write, where it rolls out or fails. An earlier sync may have failed on it.

use super::apply::Run;
use super::arrange::{Arrangement, Obstacles};
use super::live::Live;
use super::phases::TICK;
use super::said::Said;
use crate::domain::health::{assess_at, holds_up};
use crate::domain::plan::Operation;
use futures::StreamExt;
use futures::stream::FuturesUnordered;
use jiff::Timestamp;
use std::collections::{BTreeMap, BTreeSet, HashSet};
use tokio::time::Instant;

/// Objects that others wait for and that no operation is about, by index of the desired object.
#[derive(Default)]
pub(super) struct Standing {
    /// Not looked at yet.
    open: BTreeSet<usize>,
    /// The same by wave.
    waves: BTreeMap<i64, Vec<usize>>,
    /// Those that do not do their work; each is told of at its own index.
    obstacles: Obstacles,
    /// Why they do not.
    words: BTreeMap<usize, String>,
}

impl Standing {
    /// All but those that are written; `last_hook` is the last wave of hooks that run with the objects.
    pub(super) fn of(
        arrangement: &Arrangement,
        written: &HashSet<usize>,
        last_hook: Option<i64>,
    ) -> Self {
        let mut standing = Self::default();
        for (index, (_, awaited)) in arrangement.needs.iter().enumerate() {
            let wave = arrangement.wave(index);
            let followed = *awaited || last_hook.is_some_and(|last| wave < last);
            if followed && !written.contains(&index) {
                standing.open.insert(index);
                standing.waves.entry(wave).or_default().push(index);
            }
        }
        standing
    }

    /// What has to be looked at before these begin in a wave; each is looked at once.
    fn due(&mut self, needs: impl Iterator<Item = usize>, wave: i64) -> Vec<usize> {
        let later = self.waves.split_off(&wave);
        let earlier = std::mem::replace(&mut self.waves, later);
        let due: BTreeSet<usize> = earlier.into_values().flatten().chain(needs).collect();
        due.into_iter().filter(|index| self.open.remove(index)).collect()
    }

    /// Why what needs or follows one of these cannot begin.
    pub(super) fn blocking(&self, arrangement: &Arrangement, index: usize) -> Option<String> {
        self.words.get(&self.obstacles.blocking(arrangement, index)?).cloned()
    }
}

impl Run<'_> {
    /// Before operations begin: waits until what they need or follow does its work, as far as it was there already.
    pub(super) async fn await_standing(&mut self, group: &[Operation]) {
        let free = group.iter().filter(|one| self.blocked(one).is_none());
        let free: Vec<usize> =
            free.filter_map(|one| self.index.get(&one.object.key()).copied()).collect();
        let Some(wave) = free.iter().map(|index| self.arrangement.wave(*index)).max() else {
            return;
        };
        let needs = free.iter().flat_map(|index| &self.arrangement.needs[*index].0).copied();
        let due = self.standing.due(needs, wave);
        self.await_all(due).await;
    }

    /// The same before hooks of a wave; what does not do its work keeps them from running.
    pub(super) async fn await_followed(&mut self, wave: i64) {
        let due = self.standing.due(std::iter::empty(), wave);
        self.await_all(due).await;
        if let Some(first) = self.standing.obstacles.before(wave) {
            let because = self.standing.words[&first].clone();
            self.hooks.failed.get_or_insert(because);
        }
    }

    async fn await_all(&mut self, mut due: Vec<usize>) {
        due.retain(|index| !self.stands(*index));
        if due.is_empty() || self.stopped.is_some() {
            return;
        }
        let (said, begun, cluster) = (Said::default(), Instant::now(), self.cluster);
        let limit = cluster.wire().limits().in_flight.max(1);
        let (mut due, mut waits) = (due.into_iter(), FuturesUnordered::new());
        loop {
            let free = if self.stopped.is_none() { limit - waits.len() } else { 0 };
            for index in due.by_ref().take(free) {
                let (desired, said) = (self.ground.placed[index].clone(), &said);
                waits.push(
                    async move { (index, cluster.wait_standing(&desired, begun, said).await) },
                );
            }
            let Some((index, stands)) = self.next_of(&mut waits, &said).await else { return };
            match stands {
                Some(Ok(())) => {}
                Some(Err(unready)) => {
                    let reference = &self.ground.placed[index].reference;
                    let words = format!("{reference}: {}", unready.why);
                    self.ailing = self.ailing.take().or(unready.known);
                    self.standing.obstacles.add(&self.arrangement, index, index);
                    self.standing.words.insert(index, words);
                }
                None => {
                    self.stopped.get_or_insert_with(|| "stopped".to_owned());
                }
            }
        }
    }

    /// Whether an object held nothing up when it was looked at last; that costs nothing.
    fn stands(&self, index: usize) -> bool {
        let live = self.ground.live.get(&self.ground.placed[index].reference.key());
        live.map(Live::value)
            .is_some_and(|live| !holds_up(&live, assess_at(&live, Timestamp::now()).health))
    }

    /// The next that comes of what runs. Meanwhile it is told what is waited for, and somebody may stop it; what was sent
    /// comes to its end all the same.
    pub(super) async fn next_of<S: futures::Stream + Unpin>(
        &mut self,
        running: &mut S,
        said: &Said,
    ) -> Option<S::Item> {
        loop {
            if let Ok(next) = tokio::time::timeout(TICK, running.next()).await {
                return next;
            }
            if let Some(words) = said.take()
                && !self.steps.waiting(&words)
            {
                self.stopped.get_or_insert_with(|| "stopped".to_owned());
            }
        }
    }

    /// Tells all that is known of the first that did not come up. Its pod and its events are asked about once.
    pub(super) async fn tell_ailing(&mut self) {
        let Some((ailing, failing)) = self.ailing.take() else { return };
        let secrets = self.desired.iter().map(|one| &one.object);
        self.hooks.stall = Some(self.cluster.stall(ailing, failing, secrets).await);
    }

    /// Why nothing failed and yet not everything was done: what was there already does not do its work.
    pub(super) fn unready(&self) -> Option<String> {
        self.standing.words.values().next().cloned()
    }
}
