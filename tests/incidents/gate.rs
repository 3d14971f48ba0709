//! The blast radius: whatever goes wrong on the way to a plan, nothing is deleted; and a complete plan that deletes much
//! asks for its number.

use super::fleet::{Fleet, config, git};
use crate::support::clusters::{World, worlds};
use std::fs;

/// A mapping `app` with a `ConfigMap` of each name, synced.
pub fn synced(world: World, names: &[&str]) -> Fleet {
    let fleet = Fleet::new(world, &["app"]);
    let files: Vec<(String, String)> =
        names.iter().map(|name| (format!("app/{name}.yaml"), config(name))).collect();
    let files: Vec<(&str, Option<&str>)> =
        files.iter().map(|(path, text)| (path.as_str(), Some(text.as_str()))).collect();
    fleet.push(&files);
    fleet.ok(&["sync", "app", "--yes"]);
    fleet
}

#[tokio::test(flavor = "multi_thread")]
async fn an_emptied_directory_asks_for_its_number() {
    for world in worlds("gate-empty").await {
        let fleet = synced(world, &["a", "b"]);
        fleet.push(&[("app/a.yaml", None), ("app/b.yaml", None)]);
        for number in ["1", "3"] {
            let (code, said) = fleet.run(&["sync", "app", "--yes", "--allow-delete", number]);
            assert_eq!(code, 4, "{said}");
            assert!(said.contains("nothing is left in Git"), "{said}");
            assert!(said.contains("--allow-delete 2"), "{said}");
            assert_eq!(fleet.marked().await, ["a", "b"]);
        }
        fleet.ok(&["sync", "app", "--yes", "--allow-delete", "2"]);
        assert!(fleet.marked().await.is_empty());
    }
}

/// argo-cd#3484: there was no limit to what an automation could remove.
#[tokio::test(flavor = "multi_thread")]
async fn argo_cd_3484_more_than_the_limit_asks_for_its_number() {
    for world in worlds("gate-limit").await {
        let names = ["a", "b", "c", "d", "e", "f", "g"];
        let fleet = synced(world, &names);
        let gone: Vec<String> = names[1..].iter().map(|name| format!("app/{name}.yaml")).collect();
        let gone: Vec<(&str, Option<&str>)> =
            gone.iter().map(|path| (path.as_str(), None)).collect();
        fleet.push(&gone);
        let (code, said) = fleet.run(&["sync", "app", "--yes"]);
        assert_eq!(code, 4, "{said}");
        assert!(said.contains("the limit is 5"), "{said}");
        assert_eq!(fleet.marked().await, names);
        fleet.ok(&["sync", "app", "--yes", "--allow-delete", "6"]);
        assert_eq!(fleet.marked().await, ["a"]);
    }
}

/// Syncs with and without the number of what would go: neither may delete anything.
pub async fn deletes_nothing(fleet: &Fleet, number: &str, left: usize, says: &str) {
    for words in
        [&["sync", "app", "--yes"][..], &["sync", "app", "--yes", "--allow-delete", number]]
    {
        let (_, said) = fleet.run(words);
        assert!(said.contains(says), "{says}: {said}");
        assert_eq!(fleet.marked().await.len(), left, "{said}");
    }
}

/// argo-cd#2573: what could not be rendered was taken for nothing, and pruned.
#[tokio::test(flavor = "multi_thread")]
async fn argo_cd_2573_a_failed_render_deletes_nothing() {
    let broken = "apiVersion: kustomize.config.k8s.io/v1beta1\nkind: Kustomization\nresources:\n- a.yaml\n- gone.yaml\n";
    for world in worlds("gate-render").await {
        let fleet = synced(world, &["a", "b"]);
        fleet.push(&[("app/kustomization.yaml", Some(broken)), ("app/b.yaml", None)]);
        deletes_nothing(&fleet, "1", 2, "error: app").await;
        assert_eq!(fleet.json(&["status", "app"])["mappings"][0]["sync"], "error");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn kustomize_controller_142_one_bad_document_of_ten_fails_the_whole() {
    for world in worlds("gate-document").await {
        let fleet = synced(world, &["a"]);
        let mut ten: Vec<String> = (0..10).map(|index| config(&format!("c{index}"))).collect();
        fleet.push(&[("app/all.yaml", Some(&ten.join("---\n")))]);
        fleet.ok(&["sync", "app", "--yes"]);
        ten[4] = "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: c4\n".to_owned();
        fleet.push(&[("app/all.yaml", Some(&ten.join("---\n")))]);
        deletes_nothing(&fleet, "1", 11, "all.yaml:").await;
    }
}

/// In the sandbox: on a server that tests share, its discovery is not ours to break.
#[tokio::test(flavor = "multi_thread")]
async fn a_group_that_cannot_be_discovered_deletes_nothing() {
    let fleet = synced(World::sandbox("gate-discovery").await, &["a", "b"]);
    let budget = "apiVersion: policy/v1\nkind: PodDisruptionBudget\nmetadata:\n  name: x\nspec:\n  maxUnavailable: 1\n  selector:\n    matchLabels:\n      app: x\n";
    fleet.push(&[("app/budget.yaml", Some(budget))]);
    fleet.ok(&["sync", "app", "--yes"]);
    fleet.push(&[("app/budget.yaml", None), ("app/b.yaml", None)]);
    let faults = fleet.world.faults().expect("a sandbox");
    faults.break_group("policy");
    deletes_nothing(&fleet, "2", 2, "2 objects that left Git are kept").await;
    let status = fleet.json(&["status", "app"]);
    assert_eq!(status["mappings"][0]["sync"], "out-of-sync", "{status}");
    faults.clear();
    fleet.ok(&["sync", "app", "--yes"]);
    assert_eq!(fleet.marked().await, ["a"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_deleted_branch_deletes_nothing() {
    for world in worlds("gate-branch").await {
        let fleet = synced(world, &["a", "b"]);
        // What left Git is known, and then the branch goes: nobody can say what is wanted now.
        fleet.push(&[("app/b.yaml", None)]);
        fleet.run(&["diff", "app"]);
        let bare = fleet.bare().display().to_string();
        git(&["--git-dir", &bare, "update-ref", "-d", "refs/heads/main"]);
        deletes_nothing(&fleet, "1", 2, "branch `main`").await;
    }
}

/// argo-cd#18780: a fault on the way from Git was taken for an empty list.
#[tokio::test(flavor = "multi_thread")]
async fn argo_cd_18780_a_cut_off_fetch_is_no_empty_list() {
    for world in worlds("gate-cut").await {
        let fleet = synced(world, &["a", "b"]);
        fleet.push(&[("app/a.yaml", None), ("app/b.yaml", None)]);
        // The remote names a commit whose objects do not arrive.
        let (objects, away) = (fleet.bare().join("objects"), fleet.bare().join("away"));
        fs::rename(&objects, &away).expect("the objects");
        fs::create_dir(&objects).expect("a folder");
        deletes_nothing(&fleet, "2", 2, "fleet").await;
        fs::remove_dir_all(&objects).expect("a folder");
        fs::rename(&away, &objects).expect("the objects");
        fleet.ok(&["sync", "app", "--yes", "--allow-delete", "2"]);
        assert!(fleet.marked().await.is_empty());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_definition_that_leaves_with_its_objects_asks_for_its_number() {
    for world in worlds("gate-definition").await {
        let group = format!("{}.example.com", world.namespace);
        let definition = format!(
            "apiVersion: apiextensions.k8s.io/v1\nkind: CustomResourceDefinition\nmetadata:\n  name: gadgets.{group}\nspec:\n  group: {group}\n  scope: Namespaced\n  names: {{plural: gadgets, singular: gadget, kind: Gadget, listKind: GadgetList}}\n  versions:\n  - name: v1\n    served: true\n    storage: true\n    schema:\n      openAPIV3Schema: {{type: object, x-kubernetes-preserve-unknown-fields: true}}\n"
        );
        let gadget = format!("apiVersion: {group}/v1\nkind: Gadget\nmetadata:\n  name: g\n");
        let fleet = synced(world, &["a"]);
        fleet.push(&[("app/crd.yaml", Some(&definition)), ("app/gadget.yaml", Some(&gadget))]);
        fleet.ok(&["sync", "app", "--yes"]);
        let crd =
            format!("/apis/apiextensions.k8s.io/v1/customresourcedefinitions/gadgets.{group}");
        let object = format!("/apis/{group}/v1/namespaces/{}/gadgets/g", fleet.world.namespace);
        assert!(fleet.get(&object).await.is_object());
        fleet.push(&[("app/crd.yaml", None), ("app/gadget.yaml", None)]);
        deletes_nothing(&fleet, "1", 1, "1 CustomResourceDefinition would go").await;
        assert!(fleet.get(&object).await.is_object() && fleet.get(&crd).await.is_object());
        fleet.ok(&["sync", "app", "--yes", "--allow-delete", "2"]);
        let gone = fleet.get(&crd).await;
        assert!(gone.is_null() || gone["metadata"]["deletionTimestamp"].is_string(), "{gone}");
        assert_eq!(fleet.marked().await, ["a"]);
    }
}
