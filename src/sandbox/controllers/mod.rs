//! The controllers and the node of the sandbox: they make workloads run, in process, driven by watches.

mod balancer;
mod budget;
mod claim;
mod cluster;
mod condition;
mod container;
mod context;
mod daemon_set;
mod deployment;
mod job;
mod kind;
mod namespace;
mod pod;
mod replica_set;
mod rollout;
mod run;
mod stateful_set;
mod status;
mod template;
mod world;

use std::time::Duration;

use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

/// The user whom the controllers of a sandbox are.
pub const USER: &str = "system:kube-controller-manager";

/// How long the steps of a pod take.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Pace {
    /// From creation to a node.
    pub schedule: Duration,
    /// From a node to running, or to the first failed pull.
    pub start: Duration,
    /// From running to the end, for pods that end.
    pub finish: Duration,
    /// From a failed pull or a crash to what follows; it doubles with every crash.
    pub retry: Duration,
}

impl Default for Pace {
    /// Visible, but within a second.
    fn default() -> Self {
        let millis = Duration::from_millis;
        Self { schedule: millis(80), start: millis(450), finish: millis(700), retry: millis(900) }
    }
}

impl Pace {
    /// At once.
    pub fn instant() -> Self {
        Self {
            schedule: Duration::ZERO,
            start: Duration::ZERO,
            finish: Duration::ZERO,
            retry: Duration::ZERO,
        }
    }
}

/// Runs the controllers at the usual pace until `stop`.
pub fn spawn(client: kube::Client, stop: CancellationToken) -> JoinHandle<()> {
    spawn_at(client, stop, Pace::default())
}

/// Runs the controllers at a pace of one's own.
pub fn spawn_at(client: kube::Client, stop: CancellationToken, pace: Pace) -> JoinHandle<()> {
    tokio::spawn(async move { run::run(client, stop, pace).await })
}

#[cfg(test)]
mod tests;
