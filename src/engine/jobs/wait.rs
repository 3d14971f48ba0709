//! Wait until everything that was applied does its work, or say why it does not.

use crate::cluster::{Cluster, Failing};
use crate::domain::redact::scrub;
use crate::domain::stall::{family, hopeless};
use crate::domain::{Health, Manifest, ObjectKey, ObjectRef, PlannedObject, Stall};
use crate::engine::error::Stop;
use crate::engine::jobs::Context;
use crate::engine::jobs::look::Look;
use crate::engine::{Event, Failure};
use std::collections::HashMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// How often the objects are looked at.
const INTERVAL: Duration = Duration::from_millis(500);
/// Objects whose pods are asked about in one look.
const ASKED: usize = 8;
/// Events and lines of a log that are told of one pod.
const EVENTS: usize = 5;
const LINES: usize = 10;
/// The longest line of a log that is told, in characters.
const LINE: usize = 300;

/// What is waited for.
pub(super) struct Patience<'a> {
    ctx: &'a Context,
    name: &'a str,
    seen: &'a Look,
    limit: Duration,
    begun: Instant,
    /// Since when an object's pods have the trouble that they have.
    troubled: HashMap<ObjectKey, (String, Instant)>,
}

impl<'a> Patience<'a> {
    pub fn new(ctx: &'a Context, name: &'a str, seen: &'a Look, limit: Duration) -> Self {
        Self { ctx, name, seen, limit, begun: Instant::now(), troubled: HashMap::new() }
    }

    /// Waits. What is in vain ends it early, with the pod's own words.
    pub async fn wait(mut self) -> Result<(), Stop> {
        let ctx = self.ctx;
        loop {
            ctx.check()?;
            let objects = ctx.read(self.unready()).await?;
            let Some(first) = objects.first() else { return Ok(()) };
            let why = if first.message.is_empty() { first.health.word() } else { &first.message };
            ctx.doing(format!("waiting for {}: {why}", first.object));
            let over = self.begun.elapsed() >= self.limit;
            for planned in objects.iter().take(ASKED) {
                let failing = ctx.read(self.failing(&planned.object)).await?;
                let why = self.in_vain(planned, failing.as_ref());
                if why.is_some() || over && (failing.is_some() || objects.len() == 1) {
                    return Err(self.stalled(planned, failing, why).await);
                }
            }
            if over {
                return Err(self.stalled(first, None, None).await);
            }
            let pause = async {
                tokio::time::sleep(INTERVAL).await;
                Ok(())
            };
            ctx.read(pause).await?;
        }
    }

    fn cluster(&self) -> &'a Cluster {
        &self.seen.cluster
    }

    /// What does not do its work yet, the worst first.
    async fn unready(&self) -> Result<Vec<PlannedObject>, Stop> {
        let mapping = self.ctx.world.mapping(self.name)?;
        let objects = self.cluster().health(mapping, self.seen.basis.desired()).await;
        let mut objects = objects.map_err(Failure::from)?;
        objects.retain(|one| !matches!(one.health, Health::Healthy | Health::Suspended));
        objects.sort_by_key(|one| std::cmp::Reverse(one.health));
        Ok(objects)
    }

    async fn failing(&self, object: &ObjectRef) -> Result<Option<Failing>, Stop> {
        match self.cluster().failing_pod(object).await {
            Ok(failing) => Ok(failing),
            // Who may not look at pods still waits for the object itself.
            Err(error) => {
                tracing::debug!(%error, "the pods of an object cannot be looked at");
                Ok(None)
            }
        }
    }

    /// Why waiting on is in vain: its own controller gave it up, or its pods fail for a reason that stays.
    fn in_vain(&mut self, planned: &PlannedObject, failing: Option<&Failing>) -> Option<String> {
        let key = planned.object.key();
        // A Job tries again with other pods, and says itself when it has had enough of it.
        let judged = failing.filter(|_| planned.object.kind != "Job");
        let verdict = judged.and_then(|failing| {
            let kind = family(&failing.trouble.reason);
            let since = self
                .troubled
                .entry(key.clone())
                .or_insert_with(|| (kind.to_owned(), Instant::now()));
            if since.0 != kind {
                *since = (kind.to_owned(), Instant::now());
            }
            hopeless(&failing.trouble, since.1.elapsed())
        });
        if failing.is_none() {
            self.troubled.remove(&key);
        }
        let final_word = matches!(planned.object.kind.as_str(), "Deployment" | "Job")
            && planned.health == Health::Degraded;
        verdict.or_else(|| final_word.then(|| "its controller gave it up".to_owned()))
    }

    /// Tells everything that is known of what does not come up, and ends in a sentence.
    async fn stalled(
        &self,
        planned: &PlannedObject,
        failing: Option<Failing>,
        hopeless: Option<String>,
    ) -> Stop {
        let early = hopeless.is_some();
        let stall = self.stall(planned, failing, hopeless).await;
        let (name, seconds) = (self.name, self.begun.elapsed().as_secs());
        let head = if early {
            format!("{name} does not come up")
        } else {
            format!("{name} is not healthy after {} s", self.limit.as_secs())
        };
        let failure = Failure::new(format!("{head}: {}", stall.words())).hint(format!(
            "it was applied and stays so; waited {seconds} s; mend the cause and sync again, or `gitdeck status {name}` shows it as it comes up"
        ));
        self.ctx.emit(Event::Stalled { mapping: name.to_owned(), stall: Arc::new(stall) }).await;
        failure.into()
    }

    async fn stall(
        &self,
        planned: &PlannedObject,
        failing: Option<Failing>,
        hopeless: Option<String>,
    ) -> Stall {
        let object = planned.object.clone();
        let Some(Failing { pod, trouble }) = failing else {
            let events = self.cluster().told_of(&object, EVENTS).await.unwrap_or_default();
            let (reason, message) = (planned.health.word().to_owned(), planned.message.clone());
            return Stall {
                object,
                pod: None,
                container: None,
                reason,
                message,
                hopeless,
                events,
                log: Vec::new(),
            };
        };
        let events = self.cluster().told_of(&pod, EVENTS).await.unwrap_or_default();
        let log = match &trouble.container {
            Some(container) => self.log(&pod, container, trouble.restarts > 0).await,
            None => Vec::new(),
        };
        let (reason, message) = (trouble.reason, trouble.message);
        Stall {
            object,
            pod: Some(pod.name),
            container: trouble.container,
            reason,
            message,
            hopeless,
            events,
            log,
        }
    }

    /// The end of a container's log, or of its former run; nothing where there is none.
    async fn log(&self, pod: &ObjectRef, container: &str, ended: bool) -> Vec<String> {
        let tail = self.cluster().log_tail(pod, container, LINES, ended).await;
        let Ok(text) = tail else { return Vec::new() };
        lines(&text, self.seen.basis.desired())
    }
}

/// The last lines of a log, cut, without the values of the Secrets that are known.
fn lines(text: &str, desired: &[Manifest]) -> Vec<String> {
    let text = desired.iter().fold(text.to_owned(), |text, one| scrub(&text, &one.object));
    let all: Vec<&str> = text.lines().collect();
    let last = all.iter().skip(all.len().saturating_sub(LINES));
    last.map(|line| line.chars().take(LINE).collect()).collect()
}

#[cfg(test)]
mod tests {
    use super::{LINE, LINES, lines};
    use crate::domain::{Manifest, ObjectRef, Origin};
    use serde_json::json;
    use std::ops::Add;

    #[test]
    fn a_log_is_short_and_tells_no_secret() {
        let object = json!({"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "s"},
            "stringData": {"token": "canary-one"}});
        let secret = Manifest {
            reference: ObjectRef::of(&object).unwrap(),
            object,
            origin: Origin { file: "s.yaml".into(), document: 0, line: 1 },
        };
        let text = "x".repeat(900).add("\n").repeat(50);
        let told = lines(&format!("{text}login with canary-one\n"), &[secret]);
        assert_eq!(told.len(), LINES);
        assert_eq!(told.last().unwrap(), "login with ***");
        assert!(told.iter().all(|line| line.chars().count() <= LINE));
    }
}
