//! The proof against a real API server: what is proved unchanged must come out of its dry run untouched.

use gitdeck::domain::diff::difference;
use gitdeck::domain::object::split_api_version;
use gitdeck::domain::prove::{MANAGER, Proof, prove};
use gitdeck::yaml::documents;
use kube::api::{Api, DynamicObject, Patch, PatchParams, PostParams};
use kube::core::{ApiResource, GroupVersionKind};
use kube::{Client, Error};
use serde_json::{Value, json};

use super::mutation::{WAYS, mutate};
use super::{OBJECTS, without_times};
use crate::support::control_plane::control_plane;

/// Rounds of mutation for each object.
const ROUNDS: usize = 30;

/// Numbers that look random and are the same in every run.
pub struct Dice(pub u64);

impl Dice {
    pub fn roll(&mut self, sides: usize) -> usize {
        self.0 =
            self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) as usize % sides
    }
}

struct Bench {
    api: Api<DynamicObject>,
    name: String,
}

impl Bench {
    fn new(client: &Client, object: &Value, namespace: &str) -> Self {
        let (group, version) = split_api_version(object["apiVersion"].as_str().unwrap());
        let kind = GroupVersionKind::gvk(group, version, object["kind"].as_str().unwrap());
        let resource = ApiResource::from_gvk(&kind);
        let api = if object["metadata"]["namespace"].is_string() {
            Api::namespaced_with(client.clone(), namespace, &resource)
        } else {
            Api::all_with(client.clone(), &resource)
        };
        Self { api, name: object["metadata"]["name"].as_str().unwrap().to_owned() }
    }

    async fn live(&self) -> Value {
        serde_json::to_value(self.api.get(&self.name).await.expect("the object")).unwrap()
    }

    async fn apply(&self, desired: &Value, dry_run: bool) -> Result<Value, Error> {
        let parameters = PatchParams {
            dry_run,
            force: true,
            field_manager: Some(MANAGER.into()),
            ..PatchParams::default()
        };
        let applied = self.api.patch(&self.name, &parameters, &Patch::Apply(desired)).await?;
        Ok(serde_json::to_value(applied).unwrap())
    }

    /// Somebody edits the live object; what the server refuses changes nothing.
    async fn edit(&self, dice: &mut Dice) {
        let mut edited = self.live().await;
        for _ in 0..=dice.roll(2) {
            mutate(&mut edited, dice.roll(1 << 20), dice.roll(usize::from(WAYS)) as u8);
        }
        let Ok(edited) = serde_json::from_value::<DynamicObject>(edited) else { return };
        let parameters =
            PostParams { field_manager: Some("kubectl-edit".into()), ..PostParams::default() };
        drop(self.api.replace(&self.name, &parameters, &edited).await);
    }

    /// Puts back what was there, whatever is there now.
    async fn restore(&self, pristine: &Value) {
        let mut object: DynamicObject = serde_json::from_value(pristine.clone()).unwrap();
        object.metadata.resource_version = None;
        let parameters =
            PostParams { field_manager: Some("kubectl-edit".into()), ..PostParams::default() };
        self.api.replace(&self.name, &parameters, &object).await.expect("what was accepted before");
    }

    /// Whether it was proved; the dry run is asked again when the object moved under it.
    async fn check(&self, desired: &Value) -> bool {
        loop {
            let live = self.live().await;
            if prove(desired, &live) != Proof::Unchanged {
                return false;
            }
            let predicted = self.apply(desired, true).await.expect("what is proved is accepted");
            if predicted["metadata"]["resourceVersion"] != live["metadata"]["resourceVersion"] {
                continue;
            }
            let found = difference(Some(&live), &predicted, &[]).changes;
            assert!(
                found.is_empty(),
                "proved, but the server changes {found:#?}\ndesired {desired}\nlive {live}"
            );
            let owners =
                |object: &Value| without_times(object)["metadata"]["managedFields"].clone();
            assert_eq!(owners(&predicted), owners(&live), "proved, but ownership moves");
            return true;
        }
    }
}

#[test]
fn what_is_proved_is_untouched_by_a_real_dry_run() {
    let Some(plane) = control_plane() else { return };
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let client = plane.client().await;
        let namespace = plane.namespace("proof").await;
        let mut dice = Dice(7);
        let mut proved = 0;
        for document in documents(OBJECTS.as_bytes()).unwrap() {
            let mut desired = document.value;
            if desired["metadata"]["namespace"].is_string() {
                desired["metadata"]["namespace"] = json!(namespace);
            } else {
                desired["metadata"]["name"] = json!(namespace);
            }
            let bench = Bench::new(&client, &desired, &namespace);
            bench.apply(&desired, false).await.expect("a first apply");
            let pristine = bench.live().await;
            assert!(bench.check(&desired).await, "not proved after an apply: {}", desired["kind"]);
            for _ in 0..ROUNDS {
                bench.edit(&mut dice).await;
                let mut wanted = desired.clone();
                if dice.roll(3) == 0 {
                    mutate(&mut wanted, dice.roll(1 << 20), dice.roll(usize::from(WAYS)) as u8);
                }
                proved += usize::from(bench.check(&wanted).await);
                if dice.roll(2) == 0 {
                    // Items that others put between ours may stay; values are as desired again.
                    // Some edits leave what no apply can heal (a volume of two types).
                    if bench.apply(&desired, false).await.is_err() {
                        bench.restore(&pristine).await;
                    }
                    bench.check(&desired).await;
                }
            }
        }
        assert!(proved > 5, "mutations that leave our fields alone are proved too: {proved}");
    });
}
