//! What can go wrong between gitdeck and a cluster, each with the object it concerns and what to do next.

use crate::domain::plan::Refusal;
use crate::domain::{ObjectKey, Origin};
use thiserror::Error;

/// A failure at the cluster's boundary. Messages may hold foreign text of the server; values of Secrets are removed.
#[derive(Debug, Clone, Error)]
pub enum ClusterError {
    /// The kubeconfig, its context or its credentials cannot be used.
    #[error("cannot use context `{context}`: {reason}")]
    Access {
        /// Context that was asked for; `(current)` where none was named.
        context: String,
        /// What is wrong with it.
        reason: String,
    },
    /// No answer: refused, cut, timed out, or TLS did not come about.
    #[error("cannot reach {server}: {reason}; check the network and the context's server address")]
    Unreachable {
        /// Address of the API server.
        server: String,
        /// What happened.
        reason: String,
    },
    /// The server does not know who we are (401).
    #[error(
        "the credential of context `{context}` has expired or is refused by {server} (401), also after the kubeconfig was read again; log in again, then `kubectl --context {context} auth whoami` shows whether it is accepted"
    )]
    Unauthorized {
        /// Address of the API server.
        server: String,
        /// Context.
        context: String,
    },
    /// The server knows who we are and says no (403).
    #[error("not allowed to {verb} {subject}: {reason}")]
    Forbidden {
        /// Verb, as in RBAC rules.
        verb: String,
        /// Object or resource.
        subject: String,
        /// The server's words.
        reason: String,
    },
    /// It is not there (404).
    #[error("{subject} does not exist")]
    NotFound {
        /// Object or resource.
        subject: String,
    },
    /// Somebody else wrote at the same time (409), and went on doing so.
    #[error("{subject} is being changed by somebody else: {reason}; try again")]
    Conflict {
        /// Object.
        subject: String,
        /// The server's words.
        reason: String,
    },
    /// The server refuses the content (400, 422).
    #[error("the server refuses {subject}: {reason}")]
    Invalid {
        /// Object.
        subject: String,
        /// The server's words, without values of Secrets.
        reason: String,
    },
    /// The server asked for patience (429, 503) for longer than a call may take.
    #[error(
        "{server} is overloaded: it put {subject} off for {seconds} s{}; try again later",
        more(*asked)
    )]
    Throttled {
        /// Address of the API server.
        server: String,
        /// What was asked for.
        subject: String,
        /// How long it was tried, in seconds.
        seconds: u64,
        /// How long the server asked to wait beyond that, in seconds; zero where it did not say.
        asked: u64,
    },
    /// Somebody stopped the wait for a server that asked for patience.
    #[error("the wait for {server} was stopped; {subject} was not sent")]
    Stopped {
        /// Address of the API server.
        server: String,
        /// What was asked for.
        subject: String,
    },
    /// Any other answer, or one that cannot be read.
    #[error("{server} failed on {subject}: {reason}")]
    Server {
        /// Address of the API server.
        server: String,
        /// What was asked for.
        subject: String,
        /// The server's words or what is wrong with its answer.
        reason: String,
    },
    /// Kinds that the server does not serve and no CustomResourceDefinition of the mapping defines.
    #[error("the cluster does not know {}; {hint}", .objects.join(", "))]
    UnknownKind {
        /// Objects with the places where they are written.
        objects: Vec<String>,
        /// What to do.
        hint: String,
    },
    /// The same object is written twice.
    #[error("{object} is written twice, at {first} and at {second}; remove one")]
    Duplicate {
        /// The object.
        object: Box<ObjectKey>,
        /// First place.
        first: Origin,
        /// Second place.
        second: Origin,
    },
    /// Two mappings want the same object.
    #[error(
        "{object} is wanted by two mappings, here at {here} and by `{mapping}` at {there}; remove one"
    )]
    Shared {
        /// The object.
        object: Box<ObjectKey>,
        /// Where this mapping has it.
        here: Origin,
        /// The other mapping.
        mapping: String,
        /// Where the other mapping has it.
        there: Origin,
    },
    /// Dependencies that cannot be put in order.
    #[error("the objects cannot be put in order: {reason}")]
    Order {
        /// The cycle, or the dependency that does not exist.
        reason: String,
    },
    /// A hook that cannot be understood.
    #[error("{origin}: {object}: {reason}")]
    Hook {
        /// The object.
        object: Box<ObjectKey>,
        /// Where it is written.
        origin: Origin,
        /// What is wrong with it.
        reason: String,
    },
    /// The inventory is not one that gitdeck may write.
    #[error("the inventory {subject} {reason}")]
    Inventory {
        /// Its ConfigMap.
        subject: String,
        /// Why not.
        reason: String,
    },
    /// The cluster is not any more as it was when the plan was made; nothing was written.
    #[error("the cluster changed since the plan was made: {}; plan again", .objects.join(", "))]
    Moved {
        /// What moved, a sentence each.
        objects: Vec<String>,
    },
    /// The plan has refusals that the options do not lift.
    #[error("the plan of `{mapping}` is refused: {}", summary(.refusals))]
    Refused {
        /// Mapping.
        mapping: String,
        /// All of them.
        refusals: Vec<Refusal>,
    },
}

fn more(asked: u64) -> String {
    if asked == 0 { String::new() } else { format!(" and asks to wait {asked} s") }
}

fn summary(refusals: &[Refusal]) -> String {
    let lines: Vec<String> = refusals.iter().map(reason_of).collect();
    lines.join("; ")
}

fn reason_of(refusal: &Refusal) -> String {
    match refusal {
        Refusal::Deletions { count, because } => {
            format!("{count} objects would be deleted ({because})")
        }
        Refusal::Foreign { object, owner } => format!("{object} belongs to {owner}"),
        Refusal::Immutable { object, fields } => {
            format!("{object} cannot change {}", fields.join(", "))
        }
        Refusal::Held { holder } => {
            format!("another configuration owns this name ({holder})")
        }
        Refusal::Exists { object } => format!("{object} exists already"),
        Refusal::Invalid { object, message, .. } => format!("{object}: {message}"),
        Refusal::Moved { what } => what.clone(),
        Refusal::Suspended(suspension) => format!("the mapping is {suspension}"),
        Refusal::Rights(missing) => missing.to_string(),
        Refusal::Waits(wait) => format!("the mapping {wait}"),
        Refusal::LiveWins => "the cluster is the mapping's source of truth".to_owned(),
        Refusal::Disconnected { mapping } => format!("mapping `{mapping}` is disconnected"),
        Refusal::Unsigned { revision, why } => format!("commit {}: {why}", revision.short()),
        Refusal::ReadOnly => "writes are switched off".to_owned(),
    }
}
