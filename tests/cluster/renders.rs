//! What kustomize and Helm render, synced, healed and pruned on every cluster.

use super::world::{Journal, World, in_every_world, render};
use crate::render::overlays::podinfo;
use crate::support::renderers::{Bench, Files, rendered};
use crate::support::shared_data;
use gitdeck::domain::plan::Op;
use gitdeck::domain::{HelmChart, Manifest, Rendering};
use serde_json::{Value, json};

/// Synced from nothing, nothing to do, healed, then exactly what left Git is pruned.
async fn walk(mut world: World, before: &[Manifest], after: &[Manifest]) {
    let applied = world.sync("r1", before).await.expect("a first sync");
    assert!(applied.complete, "{:?} {:?}", applied.stopped, applied.failures().collect::<Vec<_>>());
    let plan = world.plan("r1", before).await.expect("a second plan");
    assert!(plan.is_empty(), "{:#?}", plan.operations);

    healed(&world, before, "cartservice").await;

    let names = |manifests: &[Manifest]| -> std::collections::BTreeSet<String> {
        manifests
            .iter()
            .map(|one| format!("{} {}", one.reference.kind, one.reference.name))
            .collect()
    };
    let gone: Vec<String> = names(before).difference(&names(after)).cloned().collect();
    assert!(!gone.is_empty());
    world.options.allow_delete = Some(gone.len());
    let plan = world.plan("r2", after).await.expect("a plan of less");
    let deleted = plan.operations.iter().filter(|one| one.op == Op::Delete);
    let mut deleted: Vec<String> =
        deleted.map(|one| format!("{} {}", one.object.kind, one.object.name)).collect();
    deleted.sort();
    assert_eq!(deleted, gone);
    assert!(world.sync("r2", after).await.expect("a pruning sync").complete);
    assert!(world.plan("r2", after).await.expect("a plan").is_empty());
}

/// Somebody sets another image of a Deployment: that is drift with a name, and a sync puts it right.
pub(super) async fn healed(world: &World, desired: &[Manifest], name: &str) {
    let namespace = &world.mapping.target.namespace;
    let address = format!(
        "/apis/apps/v1/namespaces/{namespace}/deployments/{name}?fieldManager=kubectl-edit"
    );
    let path = "/spec/template/spec/containers/0/image";
    let body = json!([{"op": "replace", "path": path, "value": "example.com/else:1"}]);
    let request =
        http::Request::patch(address).header("content-type", "application/json-patch+json");
    world.send(request.body(body.to_string().into_bytes()).expect("a request")).await;
    let plan = world.plan("r1", desired).await.expect("a plan of drift");
    let [drift] = plan.operations.as_slice() else { panic!("{:#?}", plan.operations) };
    let manager = drift.changes[0].live_manager.as_deref();
    assert_eq!((drift.object.name.as_str(), manager), (name, Some("kubectl-edit")));
    assert!(world.sync("r1", desired).await.expect("a healing sync").complete);
    assert!(world.plan("r1", desired).await.expect("a plan").is_empty());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn plain_manifests_on_every_cluster() {
    let Some(data) = shared_data() else { return };
    let before = render(&data.join("manifests/microservices-demo/kubernetes-manifests"));
    let mut after = before.clone();
    after.retain(|one| one.reference.name != "emailservice");
    in_every_world("plain", |world| walk(world, &before, &after)).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn components_on_every_cluster() {
    let (Some(bench), Some(data)) = (Bench::real(), shared_data()) else { return };
    let files = Files::read(&data.join("manifests/microservices-demo"));
    let of = async |component: &str| {
        let text = format!("resources: [base]\ncomponents: [components/{component}]\n");
        let files = files.clone().with("kustomize/kustomization.yaml", Some(&text));
        rendered(&bench, &files, "kustomize", &Rendering::default()).await.expect("a render")
    };
    let (before, after) = (of("network-policies").await, of("without-loadgenerator").await);
    in_every_world("components", |world| walk(world, &before, &after)).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_chart_with_two_values_files_on_every_cluster() {
    let (Some(bench), Some(data)) = (Bench::real(), shared_data()) else { return };
    let without = "loadGenerator: {create: false}\n";
    let files = Files::read(&data.join("manifests/microservices-demo"))
        .with("helm-chart/a.yaml", Some(without))
        .with("helm-chart/b.yaml", Some("loadGenerator: {create: true}\n"))
        .with("helm-chart/c.yaml", Some(without));
    let of = async |second: &str| {
        let values = vec!["a.yaml".to_owned(), second.to_owned()];
        let helm = HelmChart { values, ..HelmChart::default() };
        let rendering = Rendering { helm, ..Rendering::default() };
        let mut found = rendered(&bench, &files, "helm-chart", &rendering).await.expect("a render");
        // The namespace of the release is the mapping's, which each world names anew.
        for manifest in &mut found {
            if let Some(metadata) = manifest.object["metadata"].as_object_mut() {
                metadata.remove("namespace");
            }
            manifest.reference.namespace = None;
        }
        found
    };
    let (before, after) = (of("b.yaml").await, of("c.yaml").await);
    in_every_world("chart", |world| walk(world, &before, &after)).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn generated_names_change_by_their_base_name() {
    let Some(bench) = Bench::real() else { return };
    let of = async |colour: &str| {
        let files = podinfo().with("base/app.properties", Some(colour));
        rendered(&bench, &files, "overlays/prod", &Rendering::default()).await.expect("a render")
    };
    let (before, after) = (of("colour=blue\n").await, of("colour=green\n").await);
    in_every_world("generated", |world| renamed(world, &before, &after)).await;
}

async fn renamed(world: World, before: &[Manifest], after: &[Manifest]) {
    assert!(world.sync("r1", before).await.expect("a first sync").complete);
    let plan = world.plan("r2", after).await.expect("a plan of another content");
    let name = |manifests: &[Manifest]| {
        let is_it = |one: &&Manifest| {
            one.reference.kind == "ConfigMap" && !one.reference.name.contains("extra")
        };
        manifests.iter().find(is_it).expect("a generated object").reference.name.clone()
    };
    let (old, new) = (name(before), name(after));
    let created = plan.operations.iter().find(|one| one.op == Op::Create).expect("a creation");
    assert_eq!(
        (created.object.name.as_str(), created.replaces.as_ref()),
        (new.as_str(), Some(&old))
    );
    let [change] = created.changes.as_slice() else { panic!("{:#?}", created.changes) };
    assert_eq!(change.path, "/data/app.properties");
    let values = (change.before.clone(), change.after.clone());
    assert_eq!(values, (Some(Value::from("colour=blue\n")), Some(Value::from("colour=green\n"))));
    let deleted = plan.operations.iter().find(|one| one.op == Op::Delete).expect("a deletion");
    assert_eq!(plan.stand_in(deleted).map(|one| one.object.name.as_str()), Some(new.as_str()));
    assert_eq!((plan.summary.create, plan.summary.update, plan.summary.delete), (1, 1, 1));

    let mut journal = Journal::default();
    assert!(world.sync_with("r2", after, &mut journal).await.expect("a sync").complete);
    let line = |what: &str| {
        let place = journal.lines.iter().position(|line| line.contains(what));
        place.unwrap_or_else(|| panic!("{what}: {:?}", journal.lines))
    };
    let used = line("before update Deployment");
    assert!(
        line(&format!("/{new} done")) < used
            && used
                < line(&format!(
                    "before delete ConfigMap {}/{old}",
                    world.mapping.target.namespace
                ))
    );
    assert!(world.plan("r2", after).await.expect("a plan").is_empty());
}
