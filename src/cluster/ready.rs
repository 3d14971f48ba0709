//! Waiting for what later objects need: definitions that are established and served, namespaces that are active,
//! workloads that others name as needed.

use super::desired::{Desired, is_definition, is_namespace};
use super::discovery::Lookup;
use super::live::Live;
use super::patience::unless_stopped;
use super::said::Said;
use super::stall::{Ailing, Failing};
use super::troubled::Troubled;
use super::wire::Call;
use super::{Cluster, ClusterError};
use crate::cluster::resource::Resource;
use crate::domain::health::{assess_at, assess_written, may_await_consumer};
use crate::domain::{Health, HealthReport, ObjectRef};
use jiff::Timestamp;
use serde_json::Value;
use std::time::Duration;
use tokio::time::Instant;

/// First pause between two looks; it doubles up to [`SLOWEST`].
const FIRST: Duration = Duration::from_millis(50);
const SLOWEST: Duration = Duration::from_secs(1);
/// How long only the list of resources is asked for a definition, which is as large as its schemas: reading ten of them
/// again and again kept a server busier than everything else of an apply.
const UNREAD: Duration = Duration::from_secs(4);

/// How often the pods of what does not come up are looked at.
const LOOK: Duration = Duration::from_secs(2);

/// Why something that was applied, now or before, does not do its work.
#[derive(Debug)]
pub(super) struct Unready {
    /// In words.
    pub(super) why: String,
    /// The object's own state and its pod that fails, where there is more to tell than the words.
    pub(super) known: Option<(Ailing, Option<Failing>)>,
}

impl Unready {
    fn new(why: impl Into<String>) -> Self {
        Self { why: why.into(), known: None }
    }

    /// With all that is known of an object.
    fn of(
        (reference, report): (&ObjectRef, &HealthReport),
        verdict: &str,
        failing: Option<Failing>,
        hopeless: Option<String>,
    ) -> Self {
        // The pod's own words say more than that its controller waits for it.
        let words = match (&failing, &hopeless) {
            (Some(failing), Some(_)) => failing.words(),
            (Some(failing), None) => format!("{}; {}", report.message, failing.words()),
            (None, _) => report.message.clone(),
        };
        let not_awaited =
            hopeless.as_ref().map(|why| format!("; not waited for: {why}")).unwrap_or_default();
        let ailing = Ailing {
            object: reference.clone(),
            reason: report.health.word().to_owned(),
            message: report.message.clone(),
            hopeless,
        };
        Self { why: format!("{verdict}: {words}{not_awaited}"), known: Some((ailing, failing)) }
    }
}

/// Where the server lists what a definition defines, once it is established.
struct Listing {
    address: String,
    plural: String,
}

impl Listing {
    fn of(definition: &Value) -> Option<Self> {
        let spec = &definition["spec"];
        let versions = spec["versions"].as_array()?;
        let version = versions.iter().find(|version| version["served"] == true)?;
        let (group, version) = (spec["group"].as_str()?, version["name"].as_str()?);
        let plural = spec["names"]["plural"].as_str()?.to_owned();
        Some(Self { address: format!("/apis/{group}/{version}"), plural })
    }
}

impl Cluster {
    /// Waits until an object that was just applied does its work. The error says why it does not. Whoever is stopped waits
    /// no longer: it is applied.
    pub(super) async fn wait_ready(
        &self,
        desired: &Desired,
        applied: &Live,
        said: &Said,
    ) -> Result<(), Unready> {
        let begun = Instant::now();
        let health = |value: &Value| assess_written(value, begun.elapsed());
        let ready = self.until_ready(desired, Some(applied.clone()), (begun, &health), said).await;
        ready.unwrap_or(Ok(()))
    }

    /// Waits until an object that was there already does its work, counted from a moment; nothing where somebody stopped
    /// it.
    pub(super) async fn wait_standing(
        &self,
        desired: &Desired,
        begun: Instant,
        said: &Said,
    ) -> Option<Result<(), Unready>> {
        let Some(resource) = &desired.resource else {
            return Some(Err(Unready::new("its kind is not served")));
        };
        let live = match self.read_one(resource, &desired.reference).await {
            Ok(live) => live,
            Err(error) => return Some(Err(Unready::new(error.to_string()))),
        };
        let health = |value: &Value| assess_at(value, Timestamp::now());
        self.until_ready(desired, live, (begun, &health), said).await
    }

    async fn until_ready(
        &self,
        desired: &Desired,
        mut live: Option<Live>,
        (begun, health): (Instant, &(dyn Fn(&Value) -> HealthReport + Sync)),
        said: &Said,
    ) -> Option<Result<(), Unready>> {
        let reference = &desired.reference;
        let Some(resource) = &desired.resource else { return Some(Ok(())) };
        let limits = self.wire().limits();
        let foundation = is_definition(reference) || is_namespace(reference);
        let limit = if foundation { limits.established } else { limits.ready };
        let (mut pause, mut look, mut troubled) = (FIRST, Instant::now(), Troubled::default());
        let definition = live.as_ref().filter(|_| is_definition(reference)).map(Live::value);
        let listing = definition.as_ref().and_then(Listing::of);
        loop {
            let Some(now) = live else {
                return Some(Err(Unready::new(format!("{reference} was deleted"))));
            };
            let value = now.value();
            let report = health(&value);
            let late = begun.elapsed() > limit;
            match report.health {
                Health::Healthy | Health::Suspended => return Some(Ok(())),
                health if may_await_consumer(&value, health) => return Some(Ok(())),
                health if health == Health::Degraded || late || look.elapsed() > LOOK => {
                    look = Instant::now();
                    let failing = self.failing_of(reference).await;
                    let about = (reference, &report);
                    let hopeless = troubled.in_vain_for(reference, failing.as_ref());
                    if health == Health::Degraded || hopeless.is_some() {
                        let verdict = "it is applied, but fails";
                        return Some(Err(Unready::of(about, verdict, failing, hopeless)));
                    }
                    if late {
                        let seconds = limit.as_secs();
                        let verdict = format!("it is applied, but not ready after {seconds} s");
                        return Some(Err(Unready::of(about, &verdict, failing, None)));
                    }
                }
                _ => {}
            }
            said.say(format!("waiting for {reference}: {}", report.message));
            unless_stopped(tokio::time::sleep(pause)).await?;
            pause = (pause * 2).min(SLOWEST);
            if let Some(listing) = &listing
                && self.is_listed(listing, &mut pause).await
            {
                return Some(Ok(()));
            }
            live = match self.read_one(resource, reference).await {
                Ok(live) => live,
                Err(error) => return Some(Err(Unready::new(error.to_string()))),
            };
        }
    }

    /// The pod to blame; nothing for whoever may not look at pods, who waits for the object itself all the same.
    pub(super) async fn failing_of(&self, object: &ObjectRef) -> Option<Failing> {
        self.failing_pod(object).await.unwrap_or_else(|error| {
            tracing::debug!(%error, "the pods of an object cannot be looked at");
            None
        })
    }

    /// Waits for a while until the server lists what a definition defines; only what is established is listed.
    async fn is_listed(&self, listing: &Listing, pause: &mut Duration) -> bool {
        let begun = Instant::now();
        loop {
            let listed = self.wire().json(&Call::get(listing.address.clone())).await;
            let resources = listed.as_ref().ok().and_then(|list| list["resources"].as_array());
            let mut names = resources.into_iter().flatten().map(|one| &one["name"]);
            if names.any(|name| *name == *listing.plural) {
                return true;
            }
            if begun.elapsed() > UNREAD {
                return false;
            }
            tokio::time::sleep(*pause).await;
            *pause = (*pause * 2).min(SLOWEST);
        }
    }

    /// Asks for the resources again until all of these kinds are served, and returns how they are addressed.
    pub(super) async fn wait_served(
        &self,
        references: &[&ObjectRef],
    ) -> Result<Vec<Resource>, ClusterError> {
        let begun = Instant::now();
        let mut pause = FIRST;
        loop {
            self.forget_discovery();
            let catalogue = self.catalogue().await?;
            let served: Vec<Option<Resource>> = references
                .iter()
                .map(|one| match catalogue.lookup(&one.group, &one.version, &one.kind) {
                    Lookup::Served(resource) => Some(resource.clone()),
                    _ => None,
                })
                .collect();
            if served.iter().all(Option::is_some) {
                return Ok(served.into_iter().flatten().collect());
            }
            if begun.elapsed() > self.wire().limits().established {
                let missing =
                    references.iter().zip(&served).filter(|(_, resource)| resource.is_none());
                return Err(ClusterError::UnknownKind {
                    objects: missing
                        .map(|(one, _)| format!("{} {one}", one.api_version()))
                        .collect(),
                    hint: "its definition is established, but it is not served yet; sync again"
                        .to_owned(),
                });
            }
            tokio::time::sleep(pause).await;
            pause = (pause * 2).min(SLOWEST);
        }
    }
}
