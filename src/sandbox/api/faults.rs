//! Faults that tests and the demo inject: refusals, delays, cut answers, dropped watches, broken discovery.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use serde_json::{Value, json};
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

use super::{failure::Failure, traffic::Request};

/// Which requests a fault meets; what is `None` matches everything.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct When {
    /// `get`, `list`, `watch`, `create`, `update`, `patch`, `delete` or `deletecollection`.
    pub verb: Option<String>,
    /// Resource in the plural, such as `deployments`.
    pub resource: Option<String>,
    /// Namespace.
    pub namespace: Option<String>,
    /// Object.
    pub name: Option<String>,
    /// Whether the request is a dry run.
    pub dry_run: Option<bool>,
}

impl When {
    /// Requests with this verb on this resource.
    pub fn verb(verb: &str, resource: &str) -> Self {
        Self { verb: Some(verb.to_owned()), resource: Some(resource.to_owned()), ..Self::default() }
    }

    /// Everything that writes or reads this one object.
    pub fn object(resource: &str, name: &str) -> Self {
        Self { resource: Some(resource.to_owned()), name: Some(name.to_owned()), ..Self::default() }
    }

    fn matches(&self, request: &Request) -> bool {
        let same = |wanted: &Option<String>, found: &str| {
            wanted.as_deref().is_none_or(|wanted| wanted == found)
        };
        same(&self.verb, &request.verb)
            && same(&self.resource, &request.resource)
            && same(&self.namespace, &request.namespace)
            && same(&self.name, &request.name)
            && self.dry_run.is_none_or(|wanted| wanted == request.dry_run)
    }
}

/// What a fault does to a request.
#[derive(Debug, Clone)]
pub enum Effect {
    /// Answers with this status instead of doing anything.
    Status {
        /// 403, 429, 500, 503, 504 or any other.
        code: u16,
        /// Seconds in `Retry-After`.
        retry_after: Option<u64>,
    },
    /// Does what was asked, and answers with this status all the same.
    StatusAfterCommit {
        /// 500, 503 or 504, as a rule.
        code: u16,
    },
    /// An admission webhook of this name refuses, with this text.
    Deny {
        /// Name of the webhook.
        webhook: String,
        /// Its words.
        message: String,
    },
    /// Holds the request until the latch opens.
    Hold(Latch),
    /// Holds the request for a time; the demo's slow link.
    Delay(Duration),
    /// Cuts the connection after so many bytes of the answer's body.
    Cut {
        /// Bytes that still arrive.
        after: usize,
    },
}

/// A gate for held requests.
#[derive(Debug, Clone)]
pub struct Latch(Arc<(watch::Sender<bool>, watch::Sender<usize>)>);

impl Default for Latch {
    fn default() -> Self {
        Self(Arc::new((watch::Sender::new(false), watch::Sender::new(0))))
    }
}

impl Latch {
    /// Lets all held requests go on, and later ones pass.
    pub fn open(&self) {
        self.0.0.send_replace(true);
    }

    /// Waits until so many requests have arrived at the gate.
    pub async fn arrived(&self, count: usize) {
        let mut arrived = self.0.1.subscribe();
        // The sender lives in `self`, so waiting cannot fail.
        let _ = arrived.wait_for(|number| *number >= count).await;
    }

    async fn pass(&self) {
        self.0.1.send_modify(|number| *number += 1);
        let mut open = self.0.0.subscribe();
        let _ = open.wait_for(|open| *open).await;
    }
}

#[derive(Debug)]
struct Rule {
    when: When,
    effect: Effect,
    /// Matching requests that pass before it strikes.
    spared: usize,
    /// How often it still strikes; `None` is for ever.
    left: Option<usize>,
}

#[derive(Debug, Default)]
struct State {
    rules: Vec<Rule>,
    groups: BTreeSet<String>,
    watches: BTreeMap<String, CancellationToken>,
    silence: Option<Latch>,
    rewrites: Vec<(When, String, Value)>,
}

/// The faults of one sandbox.
#[derive(Debug, Clone, Default)]
pub struct Faults(Arc<Mutex<State>>);

impl Faults {
    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Strikes the next `times` requests that match.
    pub fn strike(&self, when: When, times: usize, effect: Effect) {
        self.state().rules.push(Rule { when, effect, spared: 0, left: Some(times) });
    }

    /// Strikes every request that matches, until [`Faults::clear`].
    pub fn always(&self, when: When, effect: Effect) {
        self.later(when, 0, effect);
    }

    /// Lets this many matching requests pass, and strikes every one after them: a process that dies, or a server that
    /// goes away, between two requests.
    pub fn later(&self, when: When, spared: usize, effect: Effect) {
        self.state().rules.push(Rule { when, effect, spared, left: None });
    }

    /// Ends all faults, broken groups included. Held requests stay held until their latch opens.
    pub fn clear(&self) {
        let mut state = self.state();
        state.rules.clear();
        state.groups.clear();
        state.rewrites.clear();
        state.silence = None;
    }

    /// Lets discovery of one API group fail; everything else of the group goes on.
    pub fn break_group(&self, group: &str) {
        self.state().groups.insert(group.to_owned());
    }

    /// Ends every open watch of a resource, as a restarting server does.
    pub fn drop_watches(&self, resource: &str) {
        if let Some(token) = self.state().watches.remove(resource) {
            token.cancel();
        }
    }

    /// Holds back what open watches would bring, until the latch opens: a connection that is half open.
    pub fn silence_watches(&self, latch: Latch) {
        self.state().silence = Some(latch);
    }

    /// Sets a field of every object that is written and matches, as a mutating webhook does: after ownership was
    /// recorded. The verb does not count.
    pub fn rewrite(&self, when: When, pointer: &str, value: Value) {
        self.state().rewrites.push((when, pointer.to_owned(), value));
    }

    /// Rewrites an object that is about to be stored.
    pub(super) fn mutate(&self, plural: &str, dry_run: bool, object: &mut Value) {
        let state = self.state();
        for (when, pointer, value) in &state.rewrites {
            let same = |wanted: &Option<String>, found: &Value| {
                wanted.as_deref().is_none_or(|wanted| found == wanted)
            };
            let meant = when.resource.as_deref().is_none_or(|wanted| wanted == plural)
                && same(&when.namespace, &object["metadata"]["namespace"])
                && same(&when.name, &object["metadata"]["name"])
                && when.dry_run.is_none_or(|wanted| wanted == dry_run);
            if let Some(place) = object.pointer_mut(pointer).filter(|_| meant) {
                place.clone_from(value);
            }
        }
    }

    /// Waits where watches are silenced.
    pub(super) async fn speak(&self) {
        let silence = self.state().silence.clone();
        if let Some(latch) = silence {
            latch.pass().await;
        }
    }

    /// What cancels the watches of a resource that begin now.
    pub(super) fn watch_token(&self, resource: &str) -> CancellationToken {
        self.state().watches.entry(resource.to_owned()).or_default().clone()
    }

    /// Whether discovery of a group is broken.
    pub(super) fn is_stale(&self, group: &str) -> bool {
        self.state().groups.contains(group)
    }

    /// Takes what strikes this request.
    pub(super) fn take(&self, request: &Request) -> Vec<Effect> {
        let mut state = self.state();
        let mut struck = Vec::new();
        for rule in &mut state.rules {
            if rule.left == Some(0) || !rule.when.matches(request) {
                continue;
            }
            if rule.spared > 0 {
                rule.spared -= 1;
            } else {
                rule.left = rule.left.map(|left| left - 1);
                struck.push(rule.effect.clone());
            }
        }
        state.rules.retain(|rule| rule.left != Some(0));
        struck
    }
}

/// Waits and refuses as the effects say, before the request is carried out.
pub(super) async fn before(effects: &[Effect], request: &Request) -> Result<(), Failure> {
    for effect in effects {
        match effect {
            Effect::Hold(latch) => latch.pass().await,
            Effect::Delay(time) => tokio::time::sleep(*time).await,
            Effect::Status { code, retry_after } => {
                return Err(refusal(*code, *retry_after, request));
            }
            Effect::Deny { webhook, message } => {
                let message =
                    format!("admission webhook \"{webhook}\" denied the request: {message}");
                return Err(Failure::new(403, "Forbidden", message));
            }
            Effect::StatusAfterCommit { .. } | Effect::Cut { .. } => {}
        }
    }
    Ok(())
}

/// The failure of a status code, in the words of the real server where it has some.
pub(super) fn refusal(code: u16, retry_after: Option<u64>, request: &Request) -> Failure {
    let (reason, message) = match code {
        403 => ("Forbidden", format!("{} \"{}\" is forbidden: refused by the sandbox", request.resource, request.name)),
        409 => ("Conflict", "Operation cannot be fulfilled: the object has been modified; please apply your changes to the latest version and try again".to_owned()),
        429 => ("TooManyRequests", "Too many requests, please try again later.".to_owned()),
        503 => ("ServiceUnavailable", "the server is currently unable to handle the request".to_owned()),
        504 => ("Timeout", "Timeout: request did not complete within requested timeout - context deadline exceeded".to_owned()),
        _ => ("InternalError", "Internal error occurred: injected by the sandbox".to_owned()),
    };
    let mut failure = Failure::new(code, reason, message);
    if let Some(seconds) = retry_after.or((code == 429).then_some(1)) {
        failure.details = Some(json!({"retryAfterSeconds": seconds}));
    }
    failure
}
