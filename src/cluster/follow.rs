//! Following one hook to its end, by a watch from the moment it was made, so that no state is missed: a Job may be gone the
//! moment it has ended.

use super::Cluster;
use super::live::{Live, types_of};
use super::resource::{Resource, segment};
use super::stall::Failing;
use super::troubled::Troubled;
use super::wire::{Failure, JSON};
use crate::domain::ObjectRef;
use crate::domain::hook::{Progress, progress};
use crate::domain::stall::family;
use futures::AsyncBufReadExt;
use jiff::Timestamp;
use serde::Deserialize;
use serde_json::value::RawValue;
use std::pin::pin;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

/// How long the server keeps the watch open, in seconds.
const OPEN: u64 = 280;
/// How often the hook's pods are looked at, and the object itself where it may not be watched.
const LOOK: Duration = Duration::from_secs(2);

/// What is followed.
pub(super) struct Followed<'f> {
    pub(super) reference: ObjectRef,
    pub(super) resource: Resource,
    /// At most this long.
    pub(super) limit: Duration,
    /// When the sync began, for what events tell.
    pub(super) since: Timestamp,
    /// Where what it does now is said.
    pub(super) said: &'f Mutex<String>,
}

/// How a hook ended.
pub(super) struct Ended {
    /// The last that was seen of its object; nothing where it is gone.
    pub(super) live: Option<Live>,
    /// Why it failed, if it did.
    pub(super) failure: Option<String>,
    /// Why it was not waited for any longer, where it did not end.
    pub(super) hopeless: Option<String>,
    /// The pod that is to blame.
    pub(super) failing: Option<Failing>,
}

/// What one stretch of watching brought.
enum Seen {
    /// The object as it is now.
    There(Live),
    /// It was deleted; how it was at that moment.
    Deleted(Live),
    /// Nothing for a while.
    Quiet,
    /// The watch is over, or cannot be had.
    Over,
}

#[derive(Deserialize)]
struct Line<'a> {
    #[serde(borrow)]
    r#type: &'a str,
    #[serde(borrow)]
    object: &'a RawValue,
}

impl Cluster {
    /// Follows an object that was just made.
    pub(super) async fn follow_hook(&self, followed: &Followed<'_>, made: Live) -> Ended {
        let begun = Instant::now();
        let mut last = made;
        let mut troubled = Troubled::default();
        loop {
            let address = watched(followed, &last);
            let stream = match self.wire().lines(&address, JSON).await {
                Ok(stream) => Some(stream),
                Err(failure) => {
                    tracing::debug!(code = failure.code(), "a hook cannot be watched");
                    None
                }
            };
            let mut stream = pin!(stream);
            loop {
                if let Some(ended) = followed.verdict(&last, begun) {
                    return self.told(followed, ended).await;
                }
                if begun.elapsed() >= followed.limit {
                    return self.late(followed, &last).await;
                }
                let seen = match stream.as_mut().as_pin_mut() {
                    Some(stream) => next(stream, followed, &last).await,
                    None => self.look(followed, &last).await,
                };
                match seen {
                    Seen::There(live) => last = live,
                    Seen::Deleted(live) => return self.gone(followed, &live).await,
                    Seen::Quiet => {
                        if let Some(ended) = self.in_vain(followed, &last, &mut troubled).await {
                            return ended;
                        }
                    }
                    Seen::Over => break,
                }
            }
            // Whatever ended the watch, the object itself tells how things are.
            match self.look(followed, &last).await {
                Seen::There(live) => last = live,
                Seen::Deleted(live) => return self.gone(followed, &live).await,
                Seen::Quiet | Seen::Over => {}
            }
        }
    }

    /// Looks at the object once, after a while.
    async fn look(&self, followed: &Followed<'_>, last: &Live) -> Seen {
        tokio::time::sleep(LOOK / 2).await;
        match self.read_one(&followed.resource, &followed.reference).await {
            Ok(Some(live)) if live.uid != last.uid => Seen::Deleted(last.clone()),
            Ok(Some(live)) if live.resource_version == last.resource_version => Seen::Quiet,
            Ok(Some(live)) => Seen::There(live),
            Ok(None) => Seen::Deleted(last.clone()),
            // The server's own troubles are none of the hook's; the time ends them.
            Err(_) => Seen::Quiet,
        }
    }

    /// The end of an object that is gone: as it was seen last, else as its events tell.
    async fn gone(&self, followed: &Followed<'_>, last: &Live) -> Ended {
        let end = match progress(&last.value(), Duration::MAX) {
            Progress::Running(message) => {
                let (told, _) = self.epitaph(&followed.reference, followed.since).await;
                let seen = if message.is_empty() { "nothing".to_owned() } else { message };
                told.unwrap_or_else(|| {
                    Progress::Failed(format!(
                        "somebody deleted it before it had ended; seen last: {seen}"
                    ))
                })
            }
            end => end,
        };
        let failure = match end {
            Progress::Failed(why) => Some(why),
            Progress::Running(_) | Progress::Succeeded => None,
        };
        Ended { live: None, failure, hopeless: None, failing: None }
    }

    /// A failure with the pod that is to blame.
    async fn told(&self, followed: &Followed<'_>, mut ended: Ended) -> Ended {
        if ended.failure.is_some() {
            ended.failing = self.failing_pod(&followed.reference).await.ok().flatten();
        }
        ended
    }

    /// Whether its pods fail for a reason that stays, and that nothing but another manifest ends.
    async fn in_vain(
        &self,
        followed: &Followed<'_>,
        last: &Live,
        troubled: &mut Troubled,
    ) -> Option<Ended> {
        let failing = self.failing_pod(&followed.reference).await.ok().flatten();
        // A Job counts itself how often its pods may end.
        let counts = |failing: &Failing| family(&failing.trouble.reason) != "CrashLoopBackOff";
        let failing = failing.filter(counts);
        let why = troubled.in_vain(failing.as_ref())?;
        let failing = failing?;
        let failure = Some(format!("{}: {}", failing.trouble.reason, failing.trouble.message));
        Some(Ended {
            live: Some(last.clone()),
            failure,
            hopeless: Some(why),
            failing: Some(failing),
        })
    }

    async fn late(&self, followed: &Followed<'_>, last: &Live) -> Ended {
        let seconds = followed.limit.as_secs();
        let failure = match progress(&last.value(), Duration::MAX) {
            Progress::Running(message) if !message.is_empty() => {
                format!("it has not ended after {seconds} s: {message}")
            }
            _ => format!("it has not ended after {seconds} s"),
        };
        let ended = Ended {
            live: Some(last.clone()),
            failure: Some(failure),
            hopeless: None,
            failing: None,
        };
        self.told(followed, ended).await
    }
}

impl Followed<'_> {
    /// Whether the object has ended, or is on its way out without having ended.
    fn verdict(&self, live: &Live, begun: Instant) -> Option<Ended> {
        let value = live.value();
        let there = Some(live.clone());
        // What was said about its deletion comes before its end; that is looked at first.
        let mut plain = value.clone();
        let leaving = !value["metadata"]["deletionTimestamp"].is_null();
        if let Some(metadata) = plain["metadata"].as_object_mut() {
            metadata.shift_remove("deletionTimestamp");
        }
        match progress(&plain, begun.elapsed()) {
            Progress::Succeeded => {
                Some(Ended { live: there, failure: None, hopeless: None, failing: None })
            }
            Progress::Failed(why) => {
                Some(Ended { live: there, failure: Some(why), hopeless: None, failing: None })
            }
            Progress::Running(message) if leaving => {
                let why = format!("somebody deletes it before it has ended; seen last: {message}");
                Some(Ended { live: there, failure: Some(why), hopeless: None, failing: None })
            }
            Progress::Running(message) => {
                let mut said = self.said.lock().unwrap_or_else(PoisonError::into_inner);
                *said = if message.is_empty() {
                    self.reference.to_string()
                } else {
                    format!("{}: {message}", self.reference)
                };
                None
            }
        }
    }
}

fn watched(followed: &Followed<'_>, last: &Live) -> String {
    let name = segment(&format!("metadata.name={}", followed.reference.name));
    format!(
        "{}?watch=1&timeoutSeconds={OPEN}&fieldSelector={name}&resourceVersion={}",
        followed.resource.collection(followed.reference.namespace.as_deref()),
        segment(&last.resource_version)
    )
}

/// The next event of a watch.
async fn next(
    mut stream: std::pin::Pin<&mut (impl futures::AsyncBufRead + ?Sized)>,
    followed: &Followed<'_>,
    last: &Live,
) -> Seen {
    let mut line = Vec::new();
    let read = tokio::time::timeout(LOOK, stream.read_until(b'\n', &mut line)).await;
    match read {
        Err(_) if line.is_empty() => return Seen::Quiet,
        Ok(Ok(count)) if count > 0 => {}
        _ => return Seen::Over,
    }
    let Ok(line) = serde_json::from_slice::<Line<'_>>(&line) else { return Seen::Over };
    let read: Result<_, Failure> =
        Live::read(line.object.get(), &followed.resource, &types_of(&followed.resource));
    let Ok((_, live)) = read else { return Seen::Over };
    match line.r#type {
        "ADDED" | "MODIFIED" if live.uid == last.uid => Seen::There(live),
        "DELETED" if live.uid == last.uid => Seen::Deleted(live),
        "ERROR" => Seen::Over,
        _ => Seen::Quiet,
    }
}
