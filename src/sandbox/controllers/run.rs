//! The loop: watches fill a queue of keys, and each key is reconciled by the controller of its kind.

use std::collections::{BTreeSet, HashMap, HashSet};
use std::time::Duration;

use futures::StreamExt as _;
use kube::Api;
use kube::api::DynamicObject;
use kube::runtime::{WatchStreamExt as _, watcher};
use serde_json::Value;
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};
use tokio_util::sync::CancellationToken;

use super::cluster::Error;
use super::context::Context;
use super::kind::Kind;
use super::world::{Key, uid};
use super::{
    Pace, balancer, budget, claim, daemon_set, deployment, job, namespace, pod, replica_set,
    stateful_set,
};

/// What a watch tells.
enum Seen {
    There(Kind, Box<Value>),
    Gone(Kind, Box<Value>),
    /// A watch begins anew: what it does not list now is gone.
    Restart(Kind),
    Listed(Kind),
}

/// How long a refused write waits, times the number of refusals in a row.
const RETRY: Duration = Duration::from_millis(50);

/// Runs until `stop`.
pub async fn run(client: kube::Client, stop: CancellationToken, pace: Pace) {
    let (sender, receiver) = unbounded_channel();
    let watches: Vec<_> = Kind::WATCHED
        .into_iter()
        .map(|kind| tokio::spawn(watch(client.clone(), kind, sender.clone(), stop.clone())))
        .collect();
    drop(sender);
    let mut looped = Loop {
        context: Context::new(client, pace),
        queue: BTreeSet::new(),
        refusals: HashMap::new(),
        listed: HashMap::new(),
    };
    tokio::select! {
        () = stop.cancelled() => {}
        () = looped.turn(receiver) => {}
    }
    for watch in watches {
        watch.abort();
    }
}

async fn watch(
    client: kube::Client,
    kind: Kind,
    sender: UnboundedSender<Seen>,
    stop: CancellationToken,
) {
    let api: Api<DynamicObject> = Api::all_with(client, &kind.resource());
    let mut events = std::pin::pin!(watcher(api, watcher::Config::default()).default_backoff());
    loop {
        let event = tokio::select! {
            () = stop.cancelled() => return,
            event = events.next() => event,
        };
        let plain = |object: DynamicObject| serde_json::to_value(object).unwrap_or_default();
        let seen = match event {
            None => return,
            Some(Err(error)) => {
                tracing::debug!(%error, kind = kind.name(), "a watch of the controllers was cut");
                continue;
            }
            Some(Ok(watcher::Event::Apply(object) | watcher::Event::InitApply(object))) => {
                Seen::There(kind, Box::new(plain(object)))
            }
            Some(Ok(watcher::Event::Delete(object))) => Seen::Gone(kind, Box::new(plain(object))),
            Some(Ok(watcher::Event::Init)) => Seen::Restart(kind),
            Some(Ok(watcher::Event::InitDone)) => Seen::Listed(kind),
        };
        if sender.send(seen).is_err() {
            return;
        }
    }
}

struct Loop {
    context: Context,
    queue: BTreeSet<Key>,
    refusals: HashMap<Key, u32>,
    listed: HashMap<Kind, HashSet<Key>>,
}

impl Loop {
    async fn turn(&mut self, mut receiver: UnboundedReceiver<Seen>) {
        loop {
            while let Ok(seen) = receiver.try_recv() {
                self.take(seen);
            }
            for key in self.context.ripe() {
                self.queue.insert(key);
            }
            if let Some(key) = self.queue.pop_first() {
                self.look(key).await;
                continue;
            }
            let timer = self.context.next_timer();
            let sleep = async {
                match timer {
                    Some(due) => tokio::time::sleep_until(due).await,
                    None => std::future::pending().await,
                }
            };
            tokio::select! {
                seen = receiver.recv() => match seen {
                    Some(seen) => self.take(seen),
                    None => return,
                },
                () = sleep => {}
            }
        }
    }

    fn take(&mut self, seen: Seen) {
        match seen {
            Seen::There(kind, object) => {
                let key = Key::of(kind, &object);
                if let Some(listed) = self.listed.get_mut(&kind) {
                    listed.insert(key.clone());
                }
                self.concern(&key, &object);
                self.context.world.put(key, *object);
            }
            Seen::Gone(kind, object) => self.gone(&Key::of(kind, &object), &object),
            Seen::Restart(kind) => {
                self.listed.insert(kind, HashSet::new());
            }
            Seen::Listed(kind) => {
                let listed = self.listed.remove(&kind).unwrap_or_default();
                for key in self.context.world.keys(kind) {
                    if let (false, Some(object)) =
                        (listed.contains(&key), self.context.world.get(&key).cloned())
                    {
                        self.gone(&key, &object);
                    }
                }
            }
        }
    }

    fn gone(&mut self, key: &Key, object: &Value) {
        self.context.world.forget(key, object);
        self.context.forget_stages(uid(object));
        self.refusals.remove(key);
        self.concern(key, object);
    }

    /// Queues an object, its controller, the budgets that count it, and the claims that it consumes.
    fn concern(&mut self, key: &Key, object: &Value) {
        self.queue.insert(key.clone());
        self.queue.extend(Key::of_owner(object));
        if key.kind == Kind::Pod {
            let budgets = self.context.world.in_namespace(Kind::Budget, &key.namespace);
            self.queue.extend(budgets.map(|budget| Key::of(Kind::Budget, budget)));
            self.queue.extend(claim::consumed(&key.namespace, object));
        }
    }

    async fn look(&mut self, key: Key) {
        match reconcile(&mut self.context, &key).await {
            Ok(()) => {
                self.refusals.remove(&key);
                // What one controller wrote concerns the next one at once.
                if let Some(owner) = self.context.world.get(&key).and_then(Key::of_owner) {
                    let behind = owner.kind == Kind::Deployment && key.kind == Kind::ReplicaSet;
                    if behind {
                        self.queue.insert(owner);
                    }
                }
            }
            Err(error) => {
                let refusals = self.refusals.entry(key.clone()).or_default();
                *refusals = (*refusals + 1).min(40);
                tracing::debug!(%error, kind = key.kind.name(), name = key.name, "a write of the controllers was refused");
                self.context.later(key, RETRY * *refusals);
            }
        }
    }
}

async fn reconcile(context: &mut Context, key: &Key) -> Result<(), Error> {
    match key.kind {
        Kind::Namespace => namespace::reconcile(context, key).await,
        Kind::Claim => claim::reconcile(context, key).await,
        Kind::Service => balancer::reconcile(context, key).await,
        Kind::Deployment => deployment::reconcile(context, key).await,
        Kind::ReplicaSet => replica_set::reconcile(context, key).await,
        Kind::StatefulSet => stateful_set::reconcile(context, key).await,
        Kind::DaemonSet => daemon_set::reconcile(context, key).await,
        Kind::Job => job::reconcile(context, key).await,
        Kind::Pod => pod::reconcile(context, key).await,
        Kind::Budget => budget::reconcile(context, key).await,
        Kind::Class | Kind::Volume | Kind::Account | Kind::Event => Ok(()),
    }
}
