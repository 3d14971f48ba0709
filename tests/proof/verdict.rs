//! The engine's verdict against what a real write changes: no false "in sync", no false "differs", for one object of
//! every kind and for random changes of it, on the sandbox and on a real API server.
//!
//! `GITDECK_MUTATIONS=2000 cargo test --test main proof::verdict -- --nocapture` runs it in full size; `GITDECK_SEED` takes
//! other changes than every run does.

use super::mutation::{WAYS, mutate};
use super::server::Dice;
use crate::cluster::world::{World, config, in_every_world, manifests};
use gitdeck::cluster::{Cluster, NAMESPACE, set_id};
use gitdeck::domain::Manifest;
use gitdeck::domain::normalize::as_sent;
use gitdeck::domain::owner::PART_OF;
use gitdeck::domain::plan::Refusal;
use gitdeck::yaml::documents;
use serde_json::{Value, json};
use std::cell::Cell;
use std::collections::{BTreeMap, BTreeSet};
use std::time::Instant;

/// Random changes in each world where the environment asks for no other number.
const MUTATIONS: usize = 120;
/// How often an object that somebody else changes is looked at again.
const PATIENCE: usize = 20;

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
        self.write_on(desired, &Value::Null).await
    }

    /// [`Bench::write`], refused where the object is not in this version any more.
    async fn write_on(&self, desired: &Value, version: &Value) -> Result<Value, kube::Error> {
        let mut sent = desired.clone();
        let namespace = &self.world.mapping.target.namespace;
        if self.item.contains(&format!("/namespaces/{namespace}/")) {
            sent["metadata"]["namespace"] = namespace.as_str().into();
        }
        let id = set_id(&self.world.mapping.name, NAMESPACE);
        let mut sent = as_sent(&sent, &[(PART_OF, id.as_str())]);
        if !version.is_null() {
            sent["metadata"]["resourceVersion"] = version.clone();
        }
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

#[derive(Debug, Clone, Copy, PartialEq)]
enum Verdict {
    Same,
    Differs,
    Refused,
}

/// What a judge says of one desired object: its verdict, how many dry runs it needed, and why.
type Said = (Verdict, usize, String);

/// The verdict of the engine.
async fn plan(world: &World, desired: &Manifest) -> Said {
    match world.plan("r1", std::slice::from_ref(desired)).await {
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
    }
}

/// The verdict of a judge beside that of a write, both on one state of the object, with how many dry runs the judge
/// needed; the error tells both where they are not the same. The write counts for no other state than the judge saw, so
/// that a controller's write in between leads to another look, and nothing else does: a look after the write would find
/// corrected what the judge had not seen.
async fn compared(
    bench: &Bench<'_>,
    desired: &Manifest,
    judge: &impl AsyncFn(&World, &Manifest) -> Said,
) -> Result<(Verdict, usize), String> {
    for _ in 0..PATIENCE {
        let before = bench.live().await;
        let version = &before["metadata"]["resourceVersion"];
        let (said, dry_runs, words) = judge(bench.world, desired).await;
        let (real, after) = match bench.write_on(&desired.object, version).await {
            Ok(after) if content(&after) == content(&before) => (Verdict::Same, after.to_string()),
            Ok(after) => (Verdict::Differs, after.to_string()),
            // Nothing was written.
            Err(_) if bench.live().await["metadata"]["resourceVersion"] != *version => continue,
            Err(error) => (Verdict::Refused, error.to_string()),
        };
        return if said == real {
            Ok((said, dry_runs))
        } else {
            Err(format!("said {said:?}, but {real:?}: {words}\nbefore {before}\nafter {after}"))
        };
    }
    Err("it changes faster than it can be judged".to_owned())
}

/// A definition of which there is no object: one that is broken takes none with it.
fn spare(definition: &Manifest) -> Manifest {
    let text = definition.object.to_string().replace("gadget", "spare").replace("Gadget", "Spare");
    let object = serde_json::from_str(&text).expect("a definition");
    manifests([object]).remove(0)
}

/// Changes an object and what is desired of it at random, compares, and puts it back; the verdict and the dry runs.
async fn round(bench: &Bench<'_>, manifest: &Manifest, dice: &mut Dice) -> (Verdict, usize) {
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
    let found = compared(bench, &desired, &plan).await;
    let found = found.unwrap_or_else(|words| {
        panic!("{}: {words}\ndesired {}", manifest.reference, desired.object)
    });
    if bench.write(&manifest.object).await.is_err() {
        bench.put(pristine, true).await;
        let _ = bench.write(&manifest.object).await;
    }
    found
}

#[tokio::test]
async fn the_verdict_is_what_a_real_write_changes() {
    let number = |name: &str| std::env::var(name).ok().and_then(|text| text.parse::<u64>().ok());
    let rounds = number("GITDECK_MUTATIONS").map_or(MUTATIONS, |rounds| rounds as usize);
    let seed = number("GITDECK_SEED").unwrap_or(41);
    println!("GITDECK_SEED={seed}");
    in_every_world("verdict", async |mut world| {
        let mut all = corpus(&world.mapping.target.namespace);
        let definition =
            all.iter().position(|one| one.reference.kind == "CustomResourceDefinition");
        let definition = definition.expect("a definition");
        all.push(spare(&all[definition]));
        assert!(world.sync("r1", &all).await.expect("a sync").complete);
        // Only what a single plan is about is desired: nothing leaves.
        world.options.prune = false;
        let mut dice = Dice(seed);
        let (mut counts, mut asked) = (BTreeMap::<String, usize>::new(), 0);
        let chosen: Vec<&Manifest> = all
            .iter()
            .enumerate()
            .filter(|(at, _)| *at != definition)
            .map(|(_, one)| one)
            .collect();
        let begun = Instant::now();
        for round in 0..rounds {
            // Each kind once, and then as it falls.
            let manifest =
                chosen.get(round).copied().unwrap_or_else(|| chosen[dice.roll(chosen.len())]);
            let bench = Bench { world: &world, item: world.address(manifest).await };
            let (said, dry_runs) = self::round(&bench, manifest, &mut dice).await;
            asked += usize::from(dry_runs > 0);
            *counts.entry(format!("{said:?}")).or_default() += 1;
        }
        let seconds = begun.elapsed().as_secs_f32();
        println!("verdicts: {counts:?}, {asked} of {rounds} needed a dry run, {seconds:.1} s");
        assert!(counts.len() == 3, "every verdict came up: {counts:?}");
        world.tidy(&all).await;
    })
    .await;
}

/// The comparison itself: judges that are wrong are found out, and one that is right is not blamed for what a
/// controller does meanwhile.
#[tokio::test]
async fn a_wrong_verdict_is_found_out() {
    in_every_world("misjudged", async |mut world| {
        world.options.prune = false;
        let wanted = manifests([config("a", "1")]).remove(0);
        assert!(world.sync("r1", std::slice::from_ref(&wanted)).await.expect("a sync").complete);
        let bench = Bench { world: &world, item: format!("{}/a", world.configs()) };
        // A proof that never sees a difference, as one that leaves a field out.
        let blind = async |_: &World, _: &Manifest| (Verdict::Same, 0, "nothing".to_owned());
        let wary = async |_: &World, _: &Manifest| (Verdict::Differs, 0, "something".to_owned());
        world.set("a", "2").await;
        let found = compared(&bench, &wanted, &blind).await.expect_err("it differed");
        assert!(found.starts_with("said Same, but Differs"), "{found}");
        assert_eq!(world.data("a").await, "1", "the write that told");
        assert_eq!(compared(&bench, &wanted, &blind).await, Ok((Verdict::Same, 0)));
        let found = compared(&bench, &wanted, &wary).await.expect_err("it did not");
        assert!(found.starts_with("said Differs, but Same"), "{found}");
        let wrong = manifests([json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "a"}, "data": {"key": 1}})]).remove(0);
        let found = compared(&bench, &wrong, &blind).await.expect_err("it is refused");
        assert!(found.starts_with("said Same, but Refused"), "{found}");
        // Somebody writes between the verdict and the write, twice.
        let writes = Cell::new(0);
        let disturbed = async |world: &World, desired: &Manifest| {
            let said = plan(world, desired).await;
            if writes.replace(writes.get() + 1) < 2 {
                world.set("a", &format!("other {}", writes.get())).await;
            }
            said
        };
        let found = compared(&bench, &wanted, &disturbed).await.map(|(said, _)| said);
        assert_eq!((found, writes.get()), (Ok(Verdict::Differs), 3));
    })
    .await;
}
