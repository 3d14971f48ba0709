//! Whose objects are touched: ours, nobody's, another tool's, another mapping's.

use super::world::{World, config, in_every_world, manifests};
use gitdeck::cluster::{NAMESPACE, Neighbour, PlanRequest, set_id};
use gitdeck::domain::plan::{Op, Reason, Refusal};
use gitdeck::domain::{Manifest, Revision};
use serde_json::{Value, json};

impl World {
    /// Creates a ConfigMap as somebody else.
    pub async fn plant(&self, object: &Value, manager: &str) {
        let address = format!("{}?fieldManager={manager}", self.configs());
        let request = http::Request::post(address).header("content-type", "application/json");
        self.send(request.body(object.to_string().into_bytes()).expect("a request")).await;
    }

    async fn uid(&self, name: &str) -> Value {
        self.get(&format!("{}/{name}", self.configs())).await["metadata"]["uid"].clone()
    }
}

#[tokio::test]
async fn nobodys_object_is_taken_over_in_sight() {
    in_every_world("adopted", async |world| {
        world.plant(&config("a", "old"), "kubectl-create").await;
        let desired = manifests([config("a", "new")]);
        let plan = world.plan("r1", &desired).await.expect("a plan");
        assert_eq!(
            (plan.operations[0].op, plan.operations[0].reason),
            (Op::TakeOver, Reason::TakeOver)
        );
        assert!(plan.refusals.is_empty(), "{:?}", plan.refusals);
        assert!(world.sync("r1", &desired).await.expect("a sync").complete);
        assert_eq!(world.data("a").await, "new");
        assert!(world.plan("r1", &desired).await.expect("a plan").is_empty());
    })
    .await;
}

#[tokio::test]
async fn another_tools_object_is_refused_unless_told() {
    in_every_world("foreign", async |mut world| {
        let mut object = config("a", "old");
        object["metadata"]["annotations"] =
            json!({"meta.helm.sh/release-name": "shop", "meta.helm.sh/release-namespace": "x"});
        world.plant(&object, "helm").await;
        let desired = manifests([config("a", "new"), config("b", "new")]);
        let plan = world.plan("r1", &desired).await.expect("a plan");
        let owners = plan.refusals.iter().filter_map(|one| match one {
            Refusal::Foreign { owner, .. } => Some(owner.as_str()),
            _ => None,
        });
        assert_eq!(owners.collect::<Vec<_>>(), ["Helm release x/shop"]);
        assert!(world.sync("r1", &desired).await.is_err());
        assert_eq!((world.data("a").await, world.data("b").await), (json!("old"), Value::Null));
        world.options.take_over = true;
        assert!(world.sync("r1", &desired).await.expect("a sync").complete);
        assert_eq!(world.data("a").await, "new");
    })
    .await;
}

#[tokio::test]
async fn client_side_history_is_migrated_with_what_left_git() {
    in_every_world("migrated", async |world| {
        let mut object = config("a", "1");
        object["data"]["gone"] = "x".into();
        let applied = object.to_string();
        object["metadata"]["annotations"] =
            json!({"kubectl.kubernetes.io/last-applied-configuration": applied});
        world.plant(&object, "kubectl-client-side-apply").await;
        let desired = manifests([config("a", "1")]);
        let plan = world.plan("r1", &desired).await.expect("a plan");
        let paths: Vec<_> =
            plan.operations[0].changes.iter().map(|one| one.path.as_str()).collect();
        assert!(paths.contains(&"/data/gone"), "{paths:?}");
        assert!(world.sync("r1", &desired).await.expect("a sync").complete);
        let live = world.get(&format!("{}/a", world.configs())).await;
        assert_eq!(live["data"], json!({"key": "1"}));
        let annotations = &live["metadata"]["annotations"];
        assert_eq!(annotations["kubectl.kubernetes.io/last-applied-configuration"], Value::Null);
        assert!(world.plan("r1", &desired).await.expect("a plan").is_empty());
    })
    .await;
}

/// Plans and syncs one of two mappings that know of each other.
async fn sync_beside(world: &World, desired: &[Manifest], other: &str, wanted: &[Manifest]) {
    let namespace = &world.mapping.target.namespace;
    let keys = world.cluster.origins(wanted, namespace).await.expect("keys");
    let neighbours = [Neighbour { mapping: other, desired: &keys }];
    let revision = Revision::new("r2");
    let request = PlanRequest { neighbours: &neighbours, ..world.request(&revision, desired) };
    let plan = world.cluster.plan(&request).await.expect("a plan");
    let mut journal = super::world::Journal::default();
    assert!(world.cluster.apply(&request, &plan, &mut journal).await.expect("a sync").complete);
}

#[tokio::test]
async fn an_object_that_moves_to_another_mapping_is_handed_over() {
    for giver_first in [true, false] {
        in_every_world(if giver_first { "given" } else { "fetched" }, async |mut world| {
            let namespace = world.mapping.target.namespace.clone();
            let (giver, taker) = (format!("{namespace}-giver"), format!("{namespace}-taker"));
            let (stays, moves) =
                (manifests([config("stays", "1")]), manifests([config("moves", "1")]));
            let both = manifests([config("stays", "1"), config("moves", "1")]);
            world.mapping.name.clone_from(&giver);
            assert!(world.sync("r1", &both).await.expect("a sync").complete);
            let uid = world.uid("moves").await;
            for turn in [giver_first, !giver_first] {
                if turn {
                    world.mapping.name.clone_from(&giver);
                    sync_beside(&world, &stays, &taker, &moves).await;
                } else {
                    world.mapping.name.clone_from(&taker);
                    sync_beside(&world, &moves, &giver, &stays).await;
                }
            }
            assert_eq!(world.uid("moves").await, uid, "it was deleted on the way");
            world.mapping.name = giver;
            assert_eq!(world.members().await, ["stays"]);
            world.mapping.name = taker;
            assert_eq!(world.members().await, ["moves"]);
            assert!(world.plan("r2", &moves).await.expect("a plan").is_empty());
        })
        .await;
    }
}

#[tokio::test]
async fn the_standards_label_lists_exactly_the_members() {
    in_every_world("labelled", async |world| {
        let desired = manifests([config("a", "1"), config("b", "1")]);
        assert!(world.sync("r1", &desired).await.expect("a sync").complete);
        let id = set_id(&world.mapping.name, NAMESPACE);
        let address = format!("/api/v1/configmaps?labelSelector=applyset.kubernetes.io%2Fpart-of%3D{id}");
        let list = world.get(&address).await;
        let names: Vec<_> = list["items"].as_array().expect("items").iter().map(|one| &one["metadata"]["name"]).collect();
        assert_eq!(names, ["a", "b"]);
        let parents = world.get(&format!("/api/v1/namespaces/gitdeck-system/configmaps?labelSelector=applyset.kubernetes.io%2Fid%3D{id}")).await;
        let annotations = &parents["items"][0]["metadata"]["annotations"];
        assert_eq!(annotations["applyset.kubernetes.io/contains-group-kinds"], "ConfigMap");
        assert_eq!(annotations["applyset.kubernetes.io/additional-namespaces"], world.mapping.target.namespace.as_str());
    })
    .await;
}

/// Whose an object is may change without it: what was said of it before the other mapping was known does not last.
#[tokio::test]
async fn an_object_that_moves_and_is_made_anew_is_handed_over() {
    in_every_world("moved-anew", async |mut world| {
        let namespace = world.mapping.target.namespace.clone();
        let (giver, taker) = (format!("{namespace}-giver"), format!("{namespace}-taker"));
        let fixed = |value: &str| {
            let mut object = config("a", value);
            object["immutable"] = true.into();
            manifests([object])
        };
        world.mapping.name.clone_from(&giver);
        assert!(world.sync("r1", &fixed("1")).await.expect("a sync").complete);
        world.mapping.name = taker;
        world.options.recreate = true;
        let plan = world.plan("r2", &fixed("2")).await.expect("a plan");
        assert!(matches!(plan.refusals[..], [Refusal::Foreign { .. }]), "{:?}", plan.refusals);
        sync_beside(&world, &fixed("2"), &giver, &[]).await;
        assert_eq!(world.data("a").await, json!("2"));
    })
    .await;
}
