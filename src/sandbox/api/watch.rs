//! The verb watch: a stream of the changes after a revision.

use std::{collections::VecDeque, io, sync::Arc, time::Duration};

use futures::stream;
use hyper::body::Bytes;
use serde_json::{Value, json};
use tokio::{sync::watch, time::Instant};
use tokio_util::sync::CancellationToken;

use super::{
    ApiServer,
    call::Call,
    convert,
    failure::Failure,
    read,
    reply::{self, Reply},
    resource::Resource,
    selector::Selector,
    shape::{self, Shape},
    store::{Change, Object, Range},
    table,
};

/// How long a watch lives when the client does not say.
const LIFETIME: Duration = Duration::from_secs(1_800);
/// How many events are sent in one piece.
const CHUNK: usize = 64;
/// Annotation of the bookmark that ends the initial events.
const INITIAL_END: &str = "k8s.io/initial-events-end";

/// What is still to be sent.
enum Event {
    Object(&'static str, Object),
    Bookmark { revision: u64, initial_end: bool },
    Failure(Failure),
}

struct Watch {
    server: ApiServer,
    resource: Arc<Resource>,
    namespace: Option<String>,
    selector: Selector,
    shape: Shape,
    include: Option<String>,
    bookmarks: bool,
    position: u64,
    waiting: VecDeque<Event>,
    signal: watch::Receiver<u64>,
    dropped: CancellationToken,
    deadline: Instant,
    /// Column definitions go with the first table only.
    headed: bool,
    ended: bool,
}

impl ApiServer {
    /// GET on a collection with `watch`.
    pub(super) fn watch(&self, call: &Call) -> Result<Reply, Failure> {
        let shape = Shape::of(call)?;
        let mut selector = read::selector(call)?;
        if let Some(name) = &call.target.name {
            let only = format!("metadata.name={name}");
            selector =
                Selector::parse(call.query.get("labelSelector"), Some(&only), &call.resource)
                    .map_err(Failure::bad_request)?;
        }
        let seconds = call.query.get("timeoutSeconds").and_then(|text| text.parse().ok());
        let mut watch = Watch {
            server: self.clone(),
            resource: call.resource.clone(),
            namespace: call.target.namespace.clone(),
            selector,
            shape,
            include: call.query.get("includeObject").map(str::to_owned),
            bookmarks: call.query.is_true("allowWatchBookmarks"),
            position: 0,
            waiting: VecDeque::new(),
            signal: self.store().signal(&call.resource.storage),
            dropped: self.faults().watch_token(&call.resource.plural),
            deadline: Instant::now() + seconds.map_or(LIFETIME, Duration::from_secs),
            headed: false,
            ended: false,
        };
        watch.begin(call)?;
        let pieces =
            stream::unfold(watch, |mut watch| async move { Some((watch.next().await?, watch)) });
        Ok(reply::typed(200, "application/json", reply::streamed(pieces)))
    }
}

impl Watch {
    /// Finds the first position and the events that go before it.
    fn begin(&mut self, call: &Call) -> Result<(), Failure> {
        let initial = match call.query.get("sendInitialEvents") {
            Some("true") => {
                if call.query.get("resourceVersionMatch") != Some("NotOlderThan") {
                    return Err(read::forbidden_match(
                        "Forbidden: sendInitialEvents requires setting resourceVersionMatch to NotOlderThan",
                    ));
                }
                Some(true)
            }
            Some(_) => Some(false),
            None => None,
        };
        let asked = self.server.asked_revision(call)?;
        if initial == Some(true) || (initial.is_none() && asked.unwrap_or(0) == 0) {
            let range = Range { namespace: self.namespace.clone(), ..Range::default() };
            let selector = &self.selector;
            let listing = self
                .server
                .store()
                .list(&self.resource.storage, &range, |object| selector.matches(object))
                .map_err(|_| Failure::internal("the present state has no history"))?;
            self.position = listing.revision;
            self.waiting
                .extend(listing.items.into_iter().map(|object| Event::Object("ADDED", object)));
            if initial == Some(true) && self.bookmarks {
                self.waiting
                    .push_back(Event::Bookmark { revision: self.position, initial_end: true });
            }
        } else {
            self.position = match asked {
                Some(revision) if revision > 0 => revision,
                _ => self.server.store().revision(),
            };
        }
        Ok(())
    }

    /// The next piece of the stream.
    async fn next(&mut self) -> Option<io::Result<Bytes>> {
        loop {
            if !self.waiting.is_empty() {
                self.server.faults().speak().await;
                return Some(self.piece());
            }
            if self.ended {
                return None;
            }
            self.signal.borrow_and_update();
            self.advance();
            if self.waiting.is_empty() && !self.wait().await {
                self.ended = true;
                if self.bookmarks && !self.dropped.is_cancelled() {
                    self.waiting
                        .push_back(Event::Bookmark { revision: self.position, initial_end: false });
                }
            }
        }
    }

    /// Waits for news; false when the watch is over.
    async fn wait(&mut self) -> bool {
        let Resource { group, version, plural, .. } = &*self.resource;
        if self.server.registry().find(group, version, plural).is_none() {
            return false;
        }
        let bookmark = tokio::time::sleep(self.server.options().bookmark_interval);
        let stop = self.server.stopped();
        tokio::select! {
            changed = self.signal.changed() => changed.is_ok(),
            () = bookmark => {
                if self.bookmarks {
                    self.waiting.push_back(Event::Bookmark { revision: self.position, initial_end: false });
                }
                true
            }
            () = tokio::time::sleep_until(self.deadline) => false,
            () = self.dropped.cancelled() => false,
            () = stop.cancelled() => false,
        }
    }

    /// Queues the changes since the position.
    fn advance(&mut self) {
        match self.server.store().changes_since(&self.resource.storage, self.position) {
            Ok((changes, revision)) => {
                for change in changes {
                    if let Some(event) = self.event(&change) {
                        self.waiting.push_back(event);
                    }
                }
                self.position = revision;
            }
            Err(gone) => {
                let text = format!("too old resource version: {} ({})", self.position, gone.oldest);
                self.waiting.push_back(Event::Failure(Failure::expired(text)));
                self.ended = true;
                self.bookmarks = false;
            }
        }
    }

    /// What a change means to this watch: an object that begins or ceases to match is added or deleted.
    fn event(&self, change: &Change) -> Option<Event> {
        if self.namespace.as_ref().is_some_and(|namespace| *namespace != change.key.namespace) {
            return None;
        }
        let matching =
            |object: &Option<Object>| object.clone().filter(|object| self.selector.matches(object));
        match (matching(&change.before), matching(&change.after)) {
            (None, None) => None,
            (None, Some(object)) => Some(Event::Object("ADDED", object)),
            (Some(_), Some(object)) => Some(Event::Object("MODIFIED", object)),
            (Some(last), None) => {
                let mut last = (*last).clone();
                last["metadata"]["resourceVersion"] = json!(change.revision.to_string());
                Some(Event::Object("DELETED", last.into()))
            }
        }
    }

    fn piece(&mut self) -> io::Result<Bytes> {
        let mut piece = Vec::new();
        for _ in 0..CHUNK {
            let Some(event) = self.waiting.pop_front() else { break };
            let (kind, object) = self.render(event);
            serde_json::to_writer(&mut piece, &json!({"type": kind, "object": *object}))?;
            piece.push(b'\n');
        }
        Ok(piece.into())
    }

    fn render(&mut self, event: Event) -> (&'static str, Object) {
        let (kind, object) = match event {
            Event::Failure(failure) => return ("ERROR", failure.status().into()),
            Event::Bookmark { revision, initial_end } => {
                let mut metadata = json!({"resourceVersion": revision.to_string()});
                if initial_end {
                    metadata["annotations"] = json!({INITIAL_END: "true"});
                }
                let version = self.resource.api_version();
                let object: Value = json!({"kind": self.resource.kind, "apiVersion": version, "metadata": metadata});
                ("BOOKMARK", Arc::new(object))
            }
            Event::Object(kind, object) => (kind, convert::to_served(&self.resource, &object)),
        };
        let shaped = match self.shape {
            Shape::Plain => object,
            Shape::Metadata => shape::metadata_only(&object),
            Shape::Table => self.table(kind, &object),
        };
        (kind, shaped)
    }

    fn table(&mut self, kind: &str, object: &Object) -> Object {
        let metadata = json!({"resourceVersion": object["metadata"]["resourceVersion"]});
        let rows = if kind == "BOOKMARK" { &[][..] } else { std::slice::from_ref(object) };
        let mut table = table::of(&self.resource, rows, &metadata, self.include.as_deref());
        if std::mem::replace(&mut self.headed, true) {
            table["columnDefinitions"] = Value::Null;
        }
        table.into()
    }
}
