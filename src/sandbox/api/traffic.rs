//! The log of requests, from which tests tell what was sent and what was not.

use std::{
    collections::VecDeque,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

/// How many requests are remembered.
const KEPT: usize = 200_000;

/// One request as it arrived.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Request {
    /// Kubernetes verb (`get`, `list`, `watch`, `patch` …), or the method in lower case for other paths.
    pub verb: String,
    /// Path without the query.
    pub path: String,
    /// API group, empty for core and for other paths.
    pub group: String,
    /// Resource, empty for other paths.
    pub resource: String,
    /// Subresource or empty.
    pub subresource: String,
    /// Namespace or empty.
    pub namespace: String,
    /// Object or empty.
    pub name: String,
    /// Content type of the body, which tells one kind of patch from another.
    pub content_type: String,
    /// Whether it is a dry run.
    pub dry_run: bool,
    /// User.
    pub user: String,
    /// Program, from `User-Agent`.
    pub agent: String,
    /// HTTP status of the answer, once there is one.
    pub status: Option<u16>,
}

impl Request {
    /// Whether it asks for a change that is stored. Reviews store nothing.
    pub fn is_write(&self) -> bool {
        !self.dry_run
            && matches!(
                self.verb.as_str(),
                "create" | "update" | "patch" | "delete" | "deletecollection"
            )
            && !self.group.starts_with("auth")
    }

    /// Whether it names one object (rather than a collection, discovery or a review).
    pub fn is_per_object(&self) -> bool {
        !self.name.is_empty()
    }
}

#[derive(Debug, Default)]
struct State {
    first: usize,
    requests: VecDeque<Request>,
}

/// The requests of one sandbox, in the order of their arrival.
#[derive(Debug, Clone, Default)]
pub struct Traffic(Arc<Mutex<State>>);

impl Traffic {
    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// All requests that were not forgotten.
    pub fn requests(&self) -> Vec<Request> {
        self.state().requests.iter().cloned().collect()
    }

    /// How many requests satisfy a condition.
    pub fn count(&self, condition: impl Fn(&Request) -> bool) -> usize {
        self.state().requests.iter().filter(|request| condition(request)).count()
    }

    /// How many requests asked for a stored change, those of the sandbox's own controllers aside.
    pub fn writes(&self) -> usize {
        self.count(Request::is_write)
    }

    /// Forgets everything so far.
    pub fn clear(&self) {
        let mut state = self.state();
        state.first += state.requests.len();
        state.requests.clear();
    }

    pub(super) fn arrived(&self, request: Request) -> usize {
        let mut state = self.state();
        state.requests.push_back(request);
        if state.requests.len() > KEPT {
            state.requests.pop_front();
            state.first += 1;
        }
        state.first + state.requests.len() - 1
    }

    pub(super) fn answered(&self, number: usize, status: u16) {
        let mut state = self.state();
        let first = state.first;
        if let Some(request) = number.checked_sub(first).and_then(|at| state.requests.get_mut(at)) {
            request.status = Some(status);
        }
    }
}
