//! Engines that kept, listed or looked at what was none of their business, until they ran out of memory or time. What
//! must not be kept is not asked for, so these count requests and looks; sizes are measured in `size`.

use super::fleet::Fleet;
use crate::cluster::records::many;
use crate::cluster::world::{World, config, manifests, mapping, sandboxed};
use crate::support::clusters::{Kind, World as Site, worlds};
use crate::support::running::{Origin, Running, config_map, config_maps, set};
use gitdeck::cluster::{Notice, WatchState};
use gitdeck::domain::{Manifest, SyncState};
use gitdeck::sandbox::{Effect, Options, When};
use serde_json::{Value, json};
use std::collections::BTreeSet;
use std::fmt::Write;

fn quiet() -> Options {
    Options { controllers: false, ..Options::default() }
}

async fn post(world: &World, address: &str, object: &Value) {
    let request = http::Request::post(address).header("content-type", "application/json");
    world.send(request.body(object.to_string().into_bytes()).expect("a request")).await;
}

/// Config maps of others in the mapping's namespace.
async fn others(world: &World, count: usize) {
    for index in 0..count {
        post(world, &world.configs(), &config(&format!("other-{index}"), "1")).await;
    }
}

/// Watches what is desired, until the watches are live.
async fn watch(world: &World, desired: &[Manifest]) {
    let namespace = &world.mapping.target.namespace;
    let objects = world.cluster.references(desired, namespace).await.expect("references");
    let mut changes = world.cluster.changes();
    world.cluster.watch(&objects, &[&world.mapping.name]).await.expect("watches");
    while world.cluster.watch_state() != WatchState::Live {
        changes.next().await.expect("news");
    }
}

fn deployment(name: &str) -> Value {
    json!({"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": name}, "spec": {
        "replicas": 1, "selector": {"matchLabels": {"app": name}},
        "template": {"metadata": {"labels": {"app": name}}, "spec": {
            "containers": [{"name": "main", "image": "example.com/web:1"}]}}}})
}

/// argo-cd#6561: 601,661 objects were cached, of every kind that the cluster serves. Kinds that no mapping has are
/// neither listed nor watched.
#[tokio::test]
async fn argo_cd_6561_kinds_that_nobody_maps_are_not_read() {
    let (sandbox, world) = sandboxed("few-kinds", quiet()).await;
    let namespace = world.mapping.target.namespace.clone();
    let secret = json!({"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "theirs"}});
    post(&world, &format!("/api/v1/namespaces/{namespace}/secrets"), &secret).await;
    post(
        &world,
        &format!("/apis/apps/v1/namespaces/{namespace}/deployments"),
        &deployment("theirs"),
    )
    .await;
    let desired = manifests([
        config("a", "1"),
        json!({"apiVersion": "v1", "kind": "Service", "metadata": {"name": "web"}, "spec": {"ports": [{"port": 80}]}}),
    ]);
    assert!(world.sync("r1", &desired).await.expect("a sync").complete);
    watch(&world, &desired).await;
    assert!(world.plan("r1", &desired).await.expect("a plan").is_empty());
    let read =
        sandbox.traffic().requests().into_iter().filter(|one| {
            !one.resource.is_empty() && matches!(one.verb.as_str(), "list" | "watch")
        });
    let kinds: BTreeSet<String> = read.map(|one| one.resource).collect();
    // Definitions and what admission is configured by void proofs; they are seen without their content.
    for kind in ["secrets", "deployments", "pods", "events", "endpoints", "endpointslices", "nodes"]
    {
        assert!(!kinds.contains(kind), "{kinds:?}");
    }
    assert!(kinds.contains("configmaps") && kinds.contains("services"), "{kinds:?}");
}

/// argo-cd#8172: with 76,000 pods of others, changes were seen ten minutes late. Here 2,000 changes of others come before
/// the one that counts; it is told, and of theirs none is.
#[tokio::test]
async fn argo_cd_8172_a_change_behind_a_storm_of_others() {
    let (_sandbox, world) = sandboxed("storm", quiet()).await;
    let desired = many(3);
    assert!(world.sync("r1", &desired).await.expect("a sync").complete);
    others(&world, 100).await;
    watch(&world, &desired).await;
    let mut changes = world.cluster.changes();
    for turn in 0..2_000 {
        world.set(&format!("other-{}", turn % 100), &turn.to_string()).await;
    }
    world.set("c1", "drift").await;
    let told = loop {
        if let Notice::Object(key) = changes.next().await.expect("news") {
            break key;
        }
    };
    assert_eq!(told, world.key("c1"), "something else was told before");
    let plan = world.plan("r1", &desired).await.expect("a plan");
    assert_eq!((plan.operations.len(), plan.dry_runs), (1, 1));
}

/// gitops-engine#629, the remedy of #8172 below it: events were taken in one at a time behind a lock that comparisons held.
/// Here comparisons go on all the time that events come in, each with what is known by then, and at the end all is known.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn gitops_engine_629_events_are_taken_in_while_plans_are_made() {
    let (_sandbox, world) = sandboxed("beside", quiet()).await;
    let desired = many(200);
    assert!(world.sync("r1", &desired).await.expect("a sync").complete);
    watch(&world, &desired).await;
    let written = async {
        for index in 0..200 {
            world.set(&format!("c{index}"), "drift").await;
        }
    };
    let (mut plans, mut last) = (0, 0);
    let mut written = std::pin::pin!(written);
    loop {
        tokio::select! {
            () = &mut written => break,
            plan = world.plan("r1", &desired) => {
                let seen = plan.expect("a plan").operations.len();
                assert!(seen >= last, "what was known was forgotten");
                (plans, last) = (plans + 1, seen);
            }
        }
    }
    assert!(plans > 1, "no plan was made meanwhile");
    let mut changes = world.cluster.changes();
    while world.plan("r1", &desired).await.expect("a plan").operations.len() < 200 {
        changes.next().await.expect("news");
    }
}

/// argo-cd#28541, the second of two scans of everything at each change (#28539): for an object that nobody claims there is
/// nothing to look through, and no mapping is looked at.
#[tokio::test(flavor = "multi_thread")]
async fn argo_cd_28541_a_change_of_nobodys_object_is_looked_at_by_nobody() {
    const MAPPINGS: usize = 4;
    for world in worlds("nobodys").await {
        let name = |index: usize| format!("{}-{index}", world.namespace);
        let table = (0..MAPPINGS).fold(String::new(), |mut text, index| {
            let rule = "repository = \"fleet\"\nsync = { auto = true }";
            let _ = writeln!(text, "[mappings.{}]\npath = \"apps/{index}\"\n{rule}", name(index));
            text
        });
        let origin = Origin::new(&world, &table);
        let files: Vec<(String, String)> = (0..MAPPINGS)
            .map(|index| (format!("apps/{index}/a.yaml"), config_map(&format!("m{index}"), "1")))
            .collect();
        let files: Vec<_> =
            files.iter().map(|(path, text)| (path.as_str(), Some(text.as_str()))).collect();
        origin.commit("begin", &files);
        let maps = config_maps(&world).await;
        let foreign = serde_json::from_value(config("foreign", "0")).expect("an object");
        maps.create(&kube::api::PostParams::default(), &foreign)
            .await
            .expect("an object of others");
        let mut running = Running::watch(origin.settings("one"));
        let synced = |running: &Running| {
            running.store.mappings.values().all(|view| view.status.sync == SyncState::Synced)
        };
        running.until("all in sync", synced).await;
        // A look at a change is the sign that looks before it are over: each has had those of its own first sync.
        let all = |running: &Running| running.looked_at.values().sum::<usize>();
        let before = all(&running);
        for value in 1..=40 {
            set(&maps, "foreign", &value.to_string(), "kubectl-edit").await;
        }
        let seen = running.looked_at[&name(0)];
        set(&maps, "m0", "2", "kubectl-edit").await;
        running.until("a look", |running| running.looked_at[&name(0)] > seen).await;
        // On a server that tests share, definitions of others are a reason to look at everything.
        let most = if world.kind == Kind::Sandbox { 3 * MAPPINGS } else { 30 };
        let looks = all(&running) - before;
        assert!(looks < most, "{looks} looks: {:?}", running.looked_at);
        running.stop().await;
    }
}

/// Reads of a resource since then, those of single objects apart.
fn reads(site: &Site, resource: &str, since: usize) -> (usize, usize) {
    let requests = site.traffic().expect("a sandbox").requests();
    let of = |verbs: &[&str]| {
        let one = |one: &&gitdeck::sandbox::LoggedRequest| {
            one.resource == resource && verbs.contains(&one.verb.as_str())
        };
        requests[since..].iter().filter(one).count()
    };
    (of(&["list", "watch"]), of(&["get"]))
}

/// Mappings with a Deployment each, beside 150 of others in the same namespace; what waiting for their health reads.
async fn waited(name: &str, mappings: usize) -> (usize, usize) {
    let site = Site::sandbox(name).await;
    let names: Vec<String> = (0..mappings).map(|index| format!("m{index}")).collect();
    let fleet = Fleet::new(site, &names.iter().map(String::as_str).collect::<Vec<_>>());
    let client = fleet.world.client().await;
    let address = format!("/apis/apps/v1/namespaces/{}/deployments", fleet.world.namespace);
    for index in 0..150 {
        let mut other = deployment(&format!("other-{index}"));
        other["spec"]["replicas"] = 0.into();
        let request = http::Request::post(&address).header("content-type", "application/json");
        let request = request.body(other.to_string().into_bytes()).expect("a request");
        let _: Value = client.request(request).await.expect("a Deployment of others");
    }
    let files: Vec<(String, String)> = names
        .iter()
        .map(|name| (format!("{name}/web.yaml"), deployment(name).to_string()))
        .collect();
    let files: Vec<_> =
        files.iter().map(|(path, text)| (path.as_str(), Some(text.as_str()))).collect();
    fleet.push(&files);
    let since = fleet.world.traffic().expect("a sandbox").requests().len();
    let waiting = ["sync", "--yes", "--wait=120s"];
    let (code, said) = tokio::task::block_in_place(|| fleet.run(&waiting));
    assert_eq!(code, 0, "{said}");
    reads(&fleet.world, "deployments", since)
}

/// kustomize-controller#803, the remedy of #801: whoever waits for health reads what he waits for, not all of its kind.
#[tokio::test(flavor = "multi_thread")]
async fn kustomize_controller_803_whoever_waits_reads_what_he_waits_for() {
    let (lists, gets) = waited("waits-one", 1).await;
    assert!(lists <= 3 && gets <= 20, "{lists} lists and watches, {gets} reads of one object");
}

/// kustomize-controller#1012: hundreds of mappings that waited in one namespace kept a copy of it each. Twelve of them
/// do not read it twelve times.
#[tokio::test(flavor = "multi_thread")]
async fn kustomize_controller_1012_many_that_wait_share_what_they_read() {
    let (lists, gets) = waited("waits-many", 12).await;
    assert!(lists <= 4 && gets <= 12 * 20, "{lists} lists and watches, {gets} reads of one object");
}

/// kustomize-controller#1111: 184 mappings, twenty at a time, over and over: killed for its memory every hour. Here all 184
/// are compared at once, again and again, and only the first round asks for anything.
#[tokio::test]
async fn kustomize_controller_1111_the_rounds_after_the_first_ask_for_nothing() {
    const COUNT: usize = 184;
    let (sandbox, world) = sandboxed("rounds", quiet()).await;
    let namespace = world.mapping.target.namespace.clone();
    let named = |index: usize| World {
        cluster: world.cluster.clone(),
        client: world.client.clone(),
        mapping: mapping(&format!("k{index}"), &namespace),
        options: world.options,
    };
    let all: Vec<(World, Vec<Manifest>)> = (0..COUNT)
        .map(|index| {
            (
                named(index),
                manifests([config(&format!("a{index}"), "1"), config(&format!("b{index}"), "1")]),
            )
        })
        .collect();
    let names: Vec<String> = (0..COUNT).map(|index| format!("k{index}")).collect();
    for (one, desired) in &all {
        assert!(one.sync("r1", desired).await.expect("a sync").complete);
    }
    let every: Vec<Manifest> = all.iter().flat_map(|(_, desired)| desired.clone()).collect();
    let objects = world.cluster.references(&every, &namespace).await.expect("references");
    let mut changes = world.cluster.changes();
    let named: Vec<&str> = names.iter().map(String::as_str).collect();
    world.cluster.watch(&objects, &named).await.expect("watches");
    while world.cluster.watch_state() != WatchState::Live {
        changes.next().await.expect("news");
    }
    let round = async || {
        let before = sandbox.traffic().requests().len();
        let plans =
            all.iter().map(async |(one, desired)| one.plan("r1", desired).await.expect("a plan"));
        let plans = futures::future::join_all(plans).await;
        assert!(plans.iter().all(gitdeck::domain::Plan::is_empty));
        sandbox.traffic().requests().len() - before
    };
    round().await;
    for _ in 0..5 {
        assert_eq!(round().await, 0, "a later round asked");
    }
}

/// kubewarden/policy-server#716: the first list of a watch was held as a whole, and twice. Here it comes in pages, of which
/// only what is wanted is kept; a list that fails begins anew, and nothing is there twice or missing.
#[tokio::test]
async fn policy_server_716_a_first_list_comes_in_pages() {
    let (sandbox, world) = sandboxed("pages", quiet()).await;
    let desired = many(3);
    assert!(world.sync("r1", &desired).await.expect("a sync").complete);
    others(&world, 1_300).await;
    let lists = || {
        sandbox.traffic().count(|one| {
            one.verb == "list" && one.resource == "configmaps" && one.status == Some(200)
        })
    };
    let before = lists();
    let page = When::verb("list", "configmaps");
    sandbox.faults().strike(page, 1, Effect::Status { code: 500, retry_after: None });
    watch(&world, &desired).await;
    let pages = lists() - before;
    assert!(pages >= 3, "{pages} pages");
    let asked = world.cluster.traffic();
    let plan = world.plan("r1", &desired).await.expect("a plan");
    assert!(plan.is_empty() && plan.summary.unchanged == 3, "{plan:#?}");
    assert_eq!(world.cluster.traffic(), asked);
}
