//! The engine's verdict against what a real write changes: no false "in sync", no false "differs", for one object of
//! every kind and for random changes of it, on the sandbox and on a real API server.
//!
//! `GITDECK_MUTATIONS=2000 cargo test --test main proof::verdict -- --nocapture` runs it in full size.

use super::mutation::{WAYS, mutate};
use super::server::Dice;
use crate::cluster::world::{World, in_every_world, manifests};
use gitdeck::cluster::{Cluster, NAMESPACE, set_id};
use gitdeck::domain::Manifest;
use gitdeck::domain::normalize::as_sent;
use gitdeck::domain::owner::PART_OF;
use gitdeck::domain::plan::Refusal;
use gitdeck::yaml::documents;
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};

/// Random changes in each world where the environment asks for no other number.
const MUTATIONS: usize = 120;
/// Cluster-wide kinds whose changes would get into the way of other tests on the same server.
const CALM: [&str; 3] = ["CustomResourceDefinition", "Namespace", "ValidatingWebhookConfiguration"];

/// Kinds of the corpus with a value that the server stores in another form: defaults inside of lists that are one value
/// (ports, rules), and an empty list.
const OTHERWISE: [&str; 6] = [
    "Endpoints",
    "EndpointSlice",
    "NetworkPolicy",
    "ValidatingWebhookConfiguration",
    "ValidatingAdmissionPolicy",
    "CSINode",
];

/// One object of every kind, in a namespace.
pub fn corpus(namespace: &str) -> Vec<Manifest> {
    let text = include_str!("corpus.yaml").replace("NS", namespace);
    manifests(documents(text.as_bytes()).expect("manifests").into_iter().map(|one| one.value))
}

/// Every kind applied, then planned by a process that remembers nothing.
#[tokio::test]
async fn what_was_applied_and_not_touched_does_not_differ() {
    in_every_world("corpus", async |mut world| {
        let desired = corpus(&world.mapping.target.namespace);
        let kinds: BTreeSet<&str> = desired.iter().map(|one| one.reference.kind.as_str()).collect();
        assert!(kinds.len() >= 40, "only {} kinds", kinds.len());
        let applied = world.sync("r1", &desired).await.expect("a sync");
        assert!(applied.complete, "{:#?}", applied.failures().collect::<Vec<_>>());
        world.cluster = Cluster::from_client(world.client.clone(), "test", "default");
        // One by one: nothing leaves, and each tells for itself whether the server had to be asked.
        world.options.prune = false;
        let mut asked = Vec::new();
        for one in &desired {
            let plan = world.plan("r1", std::slice::from_ref(one)).await.expect("a plan");
            assert!(plan.is_empty(), "{:#?}", plan.operations);
            if plan.dry_runs > 0 {
                asked.push(one.reference.kind.as_str());
            }
        }
        println!("corpus: {} of {} needed a dry run: {asked:?}", asked.len(), desired.len());
        // What is written as the server stores it is proved without a request.
        assert_eq!(asked, OTHERWISE);
        world.tidy(&desired).await;
    })
    .await;
}

/// One object of a world, with a mapping of its own.
struct Bench<'w> {
    world: &'w World,
    item: String,
}

impl World {
    /// The address of an object.
    async fn address(&self, manifest: &Manifest) -> String {
        let references = self
            .cluster
            .references(std::slice::from_ref(manifest), &self.mapping.target.namespace)
            .await
            .expect("a reference");
        let reference = &references[0];
        let plural = match reference.kind.as_str() {
            "Endpoints" => "endpoints".to_owned(),
            kind => {
                let lower = kind.to_lowercase();
                match lower.as_bytes().last() {
                    Some(b's') => format!("{lower}es"),
                    Some(b'y') => format!("{}ies", &lower[..lower.len() - 1]),
                    _ => format!("{lower}s"),
                }
            }
        };
        let root = if reference.group.is_empty() { "/api/" } else { "/apis/" };
        let place = reference
            .namespace
            .as_ref()
            .map_or(String::new(), |namespace| format!("/namespaces/{namespace}"));
        format!("{root}{}{place}/{plural}/{}", reference.api_version(), reference.name)
    }

    /// Removes what lies outside the namespace of the test.
    pub async fn tidy(&self, desired: &[Manifest]) {
        for manifest in desired {
            let address = self.address(manifest).await;
            if !address.contains("/namespaces/") || address.ends_with("-inner") {
                let request = http::Request::delete(address).body(Vec::new()).expect("a request");
                let _ = self.client.request::<Value>(request).await;
            }
        }
    }
}

impl Bench<'_> {
    async fn live(&self) -> Value {
        self.world.get(&self.item).await
    }

    /// Applies as the engine does; what is stored then, or the refusal.
    async fn write(&self, desired: &Value) -> Result<Value, kube::Error> {
        let mut sent = desired.clone();
        let namespace = &self.world.mapping.target.namespace;
        if self.item.contains(&format!("/namespaces/{namespace}/")) {
            sent["metadata"]["namespace"] = namespace.as_str().into();
        }
        let id = set_id(&self.world.mapping.name, NAMESPACE);
        let sent = as_sent(&sent, &[(PART_OF, id.as_str())]);
        let address =
            format!("{}?fieldManager=gitdeck&force=true&fieldValidation=Strict", self.item);
        let request = http::Request::patch(address)
            .header("content-type", "application/apply-patch+yaml")
            .body(sent.to_string().into_bytes());
        self.world.client.request(request.expect("a request")).await
    }

    /// Stores an object as a person does; what the server refuses changes nothing.
    async fn put(&self, mut object: Value, fresh: bool) {
        if fresh && let Some(metadata) = object["metadata"].as_object_mut() {
            metadata.shift_remove("resourceVersion");
        }
        let request = http::Request::put(format!("{}?fieldManager=kubectl-edit", self.item))
            .header("content-type", "application/json")
            .body(object.to_string().into_bytes());
        drop(self.world.client.request::<Value>(request.expect("a request")).await);
    }
}

/// What a verdict is about: everything but status and bookkeeping.
fn content(object: &Value) -> Value {
    let mut object = object.clone();
    if let Some(fields) = object.as_object_mut() {
        fields.shift_remove("status");
    }
    if let Some(metadata) = object["metadata"].as_object_mut() {
        for field in ["managedFields", "resourceVersion", "generation"] {
            metadata.shift_remove(field);
        }
        // Empty maps and no map are the same to the server.
        metadata.retain(|_, value| !value.as_object().is_some_and(serde_json::Map::is_empty));
    }
    object
}

#[derive(Debug, PartialEq)]
enum Verdict {
    Same,
    Differs,
    Refused,
}

/// The verdict of the engine, and of a write; and how many dry runs the engine needed.
async fn verdicts(bench: &Bench<'_>, desired: &Manifest) -> (Verdict, Verdict, usize, String) {
    let before = bench.live().await;
    let planned = bench.world.plan("r1", std::slice::from_ref(desired)).await;
    let (said, dry_runs, words) = match &planned {
        Err(error) => (Verdict::Refused, 1, error.to_string()),
        Ok(plan) => {
            let wrong = plan
                .refusals
                .iter()
                .any(|one| matches!(one, Refusal::Invalid { .. } | Refusal::Immutable { .. }));
            let said = match (wrong, plan.is_empty()) {
                (true, _) => Verdict::Refused,
                (_, true) => Verdict::Same,
                _ => Verdict::Differs,
            };
            (said, plan.dry_runs, format!("{:?} {:?}", plan.operations, plan.refusals))
        }
    };
    let (real, words) = match bench.write(&desired.object).await {
        Err(error) => (Verdict::Refused, format!("{words}\n{error}")),
        Ok(after) if content(&after) == content(&before) => (Verdict::Same, words),
        Ok(after) => (Verdict::Differs, format!("{words}\nbefore {before}\nafter {after}")),
    };
    (said, real, dry_runs, words)
}

#[tokio::test]
async fn the_verdict_is_what_a_real_write_changes() {
    let asked = std::env::var("GITDECK_MUTATIONS").ok().and_then(|text| text.parse().ok());
    let rounds: usize = asked.unwrap_or(MUTATIONS);
    in_every_world("verdict", async |mut world| {
        let all = corpus(&world.mapping.target.namespace);
        assert!(world.sync("r1", &all).await.expect("a sync").complete);
        // Only what a single plan is about is desired: nothing leaves.
        world.options.prune = false;
        let mut dice = Dice(41);
        let (mut counts, mut asked) = (BTreeMap::<String, usize>::new(), 0);
        let chosen: Vec<&Manifest> =
            all.iter().filter(|one| !CALM.contains(&one.reference.kind.as_str())).collect();
        for round in 0..rounds {
            let manifest = chosen[dice.roll(chosen.len())];
            let bench = Bench { world: &world, item: world.address(manifest).await };
            let pristine = bench.live().await;
            let mut live = pristine.clone();
            for _ in 0..dice.roll(3) {
                mutate(&mut live, dice.roll(1 << 20), dice.roll(usize::from(WAYS)) as u8);
            }
            if live != pristine {
                bench.put(live, false).await;
            }
            let mut desired = manifest.clone();
            if dice.roll(2) == 0 {
                mutate(&mut desired.object, dice.roll(1 << 20), dice.roll(usize::from(WAYS)) as u8);
            }
            let mut found = verdicts(&bench, &desired).await;
            // A controller that wrote between the two looks settles, a wrong verdict does not.
            for _ in 0..2 {
                if found.0 == found.1 {
                    break;
                }
                found = verdicts(&bench, &desired).await;
            }
            let (said, real, dry_runs, words) = found;
            assert_eq!(
                said, real,
                "round {round}, {}: {words}\ndesired {}",
                manifest.reference, desired.object
            );
            asked += usize::from(dry_runs > 0);
            *counts.entry(format!("{said:?}")).or_default() += 1;
            if bench.write(&manifest.object).await.is_err() {
                bench.put(pristine, true).await;
                let _ = bench.write(&manifest.object).await;
            }
        }
        println!("verdicts: {counts:?}, {asked} of {rounds} needed a dry run");
        assert!(counts.len() == 3, "every verdict came up: {counts:?}");
        world.tidy(&all).await;
    })
    .await;
}
