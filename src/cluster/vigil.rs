//! Waiting until everything that was applied does its work, or until it is clear that it will not.

use super::stall::{Ailing, Failing, runs_pods};
use super::troubled::Troubled;
use super::{Cluster, ClusterError};
use crate::domain::{Health, Manifest, Mapping, ObjectKey, PlannedObject, Stall};
use std::collections::HashMap;
use std::time::{Duration, Instant};

/// How often the objects are looked at.
const INTERVAL: Duration = Duration::from_millis(500);
/// Objects whose pods are asked about in one look.
const ASKED: usize = 8;

/// What is waited for. Only reads: it may be dropped anywhere.
pub struct Vigil<'a> {
    cluster: &'a Cluster,
    mapping: &'a Mapping,
    desired: &'a [Manifest],
    limit: Duration,
    begun: Instant,
    troubled: HashMap<ObjectKey, Troubled>,
}

impl<'a> Vigil<'a> {
    /// Waits for these manifests of a mapping from now on, at most this long. Hooks among them are left out.
    pub fn new(
        cluster: &'a Cluster,
        mapping: &'a Mapping,
        desired: &'a [Manifest],
        limit: Duration,
    ) -> Self {
        Self { cluster, mapping, desired, limit, begun: Instant::now(), troubled: HashMap::new() }
    }

    /// Waits, and tells what for. What is in vain ends it early, with the pod's own words; so does the end of the time.
    pub async fn wait(&mut self, tell: impl Fn(&str)) -> Result<Option<Stall>, ClusterError> {
        let mut turn = 0;
        loop {
            let objects = self.unready().await?;
            let Some(first) = objects.first() else { return Ok(None) };
            let why = if first.message.is_empty() { first.health.word() } else { &first.message };
            tell(&format!("waiting for {}: {why}", first.object));
            let over = self.begun.elapsed() >= self.limit;
            for planned in asked(&objects, turn) {
                let failing = self.cluster.failing_of(&planned.object).await;
                let why = self.in_vain(planned, failing.as_ref());
                if why.is_some() || over && (failing.is_some() || objects.len() == 1) {
                    return Ok(Some(self.stalled(planned, failing, why).await));
                }
            }
            if over {
                return Ok(Some(self.stalled(first, None, None).await));
            }
            tokio::time::sleep(INTERVAL).await;
            turn += 1;
        }
    }

    /// What is known at this moment of what does not come up: of the first object whose pods fail, else of one that failed.
    /// What is merely on its way, or not there at all, is left out. Nothing is waited for.
    pub async fn diagnose(&self) -> Result<Option<Stall>, ClusterError> {
        let objects = self.unready().await?;
        let there = || objects.iter().filter(|one| one.health != Health::Missing);
        for planned in there().filter(|one| runs_pods(&one.object)).take(ASKED) {
            if let Some(failing) = self.cluster.failing_of(&planned.object).await {
                return Ok(Some(self.stalled(planned, Some(failing), None).await));
            }
        }
        match there().find(|one| one.health == Health::Degraded) {
            Some(failed) => Ok(Some(self.stalled(failed, None, None).await)),
            None => Ok(None),
        }
    }

    /// How long it was waited so far.
    pub fn elapsed(&self) -> Duration {
        self.begun.elapsed()
    }

    /// What does not do its work yet, the worst first.
    async fn unready(&self) -> Result<Vec<PlannedObject>, ClusterError> {
        let mut objects = self.cluster.health(self.mapping, self.desired).await?;
        objects.retain(|one| !matches!(one.health, Health::Healthy | Health::Suspended));
        objects.sort_by_key(|one| std::cmp::Reverse(one.health));
        Ok(objects)
    }

    /// Why waiting on is in vain: its own controller gave it up, or its pods fail for a reason that stays.
    fn in_vain(&mut self, planned: &PlannedObject, failing: Option<&Failing>) -> Option<String> {
        let troubled = self.troubled.entry(planned.object.key()).or_default();
        let verdict = troubled.in_vain_for(&planned.object, failing);
        let final_word = matches!(planned.object.kind.as_str(), "Deployment" | "Job")
            && planned.health == Health::Degraded;
        verdict.or_else(|| final_word.then(|| "its controller gave it up".to_owned()))
    }

    /// Everything that is known of what does not come up.
    async fn stalled(
        &self,
        planned: &PlannedObject,
        failing: Option<Failing>,
        hopeless: Option<String>,
    ) -> Stall {
        let ailing = Ailing {
            object: planned.object.clone(),
            reason: planned.health.word().to_owned(),
            message: planned.message.clone(),
            hopeless,
        };
        let secrets = self.desired.iter().map(|one| &one.object);
        self.cluster.stall(ailing, failing, secrets).await
    }
}

/// The objects whose pods are asked about in a turn: of many, others each time.
fn asked(objects: &[PlannedObject], turn: usize) -> impl Iterator<Item = &PlannedObject> {
    let running: Vec<_> = objects.iter().filter(|one| runs_pods(&one.object)).collect();
    let count = running.len().min(ASKED);
    let from = (turn * count).checked_rem(running.len()).unwrap_or_default();
    running.into_iter().cycle().skip(from).take(count)
}

#[cfg(test)]
mod tests {
    use super::{ASKED, asked};
    use crate::domain::{Health, ObjectRef, PlannedObject, fixture};

    #[test]
    fn everything_that_runs_pods_is_asked_about_in_its_turn() {
        let unready = |object: ObjectRef| PlannedObject {
            object,
            health: Health::Progressing,
            message: String::new(),
            replicas: None,
            extra: Vec::new(),
        };
        let mut objects: Vec<_> = (0..ASKED * 2)
            .map(|index| {
                let name = format!("balancer-{index}");
                let group = String::new();
                unready(ObjectRef { group, kind: "Service".into(), ..fixture::deployment(&name) })
            })
            .collect();
        let names = |objects: &[PlannedObject], turn| {
            asked(objects, turn).map(|one| one.object.name.clone()).collect::<Vec<_>>()
        };
        assert!(names(&objects, 3).is_empty());
        objects.push(unready(fixture::deployment("one")));
        assert_eq!(
            (names(&objects, 0), names(&objects, 1)),
            (vec!["one".to_owned()], vec!["one".to_owned()])
        );
        objects
            .extend((0..ASKED).map(|index| unready(fixture::deployment(&format!("more-{index}")))));
        let (first, second) = (names(&objects, 0), names(&objects, 1));
        assert_eq!((first.len(), second.len()), (ASKED, ASKED));
        assert!(second.contains(&format!("more-{}", ASKED - 1)), "{second:?}");
    }
}
