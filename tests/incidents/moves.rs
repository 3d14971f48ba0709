//! Objects that move between mappings, are wanted by two, or belong to somebody else; and who else may touch ours.

use super::fleet::{Fleet, config};
use crate::proof::verdict::corpus;
use crate::support::clusters::{Kind, World, kubectl, worlds};
use crate::support::demo::said;
use gitdeck::cluster::{NAMESPACE, parent_name, set_id};
use std::collections::BTreeSet;
use std::process::Command;

/// Two mappings, one object each, and `moves` in the first.
fn two(world: World) -> Fleet {
    let fleet = Fleet::new(world, &["giver", "taker"]);
    fleet.push(&[
        ("giver/own.yaml", Some(&config("given"))),
        ("giver/moves.yaml", Some(&config("moves"))),
        ("taker/own.yaml", Some(&config("taken"))),
    ]);
    fleet.ok(&["sync", "--yes"]);
    fleet
}

/// kustomize-controller#338: a manifest that moved between Kustomizations was deleted on the way.
#[tokio::test(flavor = "multi_thread")]
async fn kustomize_controller_338_a_moved_manifest_is_handed_over() {
    for giver_first in [true, false] {
        for world in worlds(if giver_first { "moved-given" } else { "moved-fetched" }).await {
            let fleet = two(world);
            let uid = fleet.uid("moves").await;
            assert!(uid.is_string());
            let moves = config("moves");
            fleet.push(&[("giver/moves.yaml", None), ("taker/moves.yaml", Some(&moves))]);
            // One mapping at a time, in processes of their own: each has to know of the other.
            for mapping in if giver_first { ["giver", "taker"] } else { ["taker", "giver"] } {
                fleet.ok(&["sync", mapping, "--yes"]);
                assert_eq!(fleet.uid("moves").await, uid, "{:?}: {mapping}", fleet.world.kind);
            }
            for mapping in ["giver", "taker"] {
                let (code, said) = fleet.run(&["diff", mapping]);
                assert_eq!(code, 0, "{said}");
            }
            // It is the taker's now.
            fleet.push(&[("taker/moves.yaml", None)]);
            fleet.ok(&["sync", "giver", "--yes"]);
            assert_eq!(fleet.uid("moves").await, uid);
            fleet.ok(&["sync", "taker", "--yes"]);
            assert!(fleet.uid("moves").await.is_null());
        }
    }
}

/// [`two`], where the taker reaches the cluster by another name.
fn two_by_two_names(world: World) -> Fleet {
    let text = std::fs::read_to_string(&world.kubeconfig).expect("a kubeconfig");
    let mut kubeconfig: serde_json::Value = serde_saphyr::from_str(&text).expect("YAML");
    let mut alias = kubeconfig["contexts"][0].clone();
    alias["name"] = "alias".into();
    kubeconfig["contexts"].as_array_mut().expect("contexts").push(alias);
    std::fs::write(&world.kubeconfig, kubeconfig.to_string()).expect("a kubeconfig");
    let fleet = two(world);
    fleet.configure(|text| {
        text.replace("[mappings.taker]\n", "[mappings.taker]\ncontext = \"alias\"\n")
    });
    fleet
}

/// The same between two names of one cluster: neighbours are those of the cluster, whatever it is called.
#[tokio::test(flavor = "multi_thread")]
async fn a_manifest_moves_between_two_names_of_one_cluster() {
    for giver_first in [true, false] {
        for world in worlds(if giver_first { "alias-given" } else { "alias-fetched" }).await {
            let fleet = two_by_two_names(world);
            let uid = fleet.uid("moves").await;
            let moves = config("moves");
            // While both want it, it is an error that names both places.
            fleet.push(&[("taker/moves.yaml", Some(&moves))]);
            let (code, said) = fleet.run(&["sync", "taker", "--yes"]);
            assert_eq!(code, 3, "{said}");
            for place in ["taker/moves.yaml:1", "giver/moves.yaml:1"] {
                assert!(said.contains(place), "{place}: {said}");
            }
            fleet.push(&[("giver/moves.yaml", None)]);
            for mapping in if giver_first { ["giver", "taker"] } else { ["taker", "giver"] } {
                fleet.ok(&["sync", mapping, "--yes"]);
                assert_eq!(fleet.uid("moves").await, uid, "{:?}: {mapping}", fleet.world.kind);
            }
            fleet.push(&[("taker/moves.yaml", None)]);
            fleet.ok(&["sync", "giver", "--yes"]);
            assert_eq!(fleet.uid("moves").await, uid);
            fleet.ok(&["sync", "taker", "--yes"]);
            assert!(fleet.uid("moves").await.is_null());
        }
    }
}

/// kustomize-controller#339, of the same fault: everything moved, because what held it was named anew. Whoever is left with
/// nothing is asked about no deletion, because none is to be made.
#[tokio::test(flavor = "multi_thread")]
async fn kustomize_controller_339_all_of_a_mapping_moves_to_another() {
    for world in worlds("moved-whole").await {
        let fleet = Fleet::new(world, &["before", "after"]);
        let names: Vec<String> = (0..8).map(|index| format!("c{index}")).collect();
        let texts: Vec<String> = names.iter().map(|name| config(name)).collect();
        let at = |folder: &str| -> Vec<String> {
            names.iter().map(|name| format!("{folder}/{name}.yaml")).collect()
        };
        let (old, new) = (at("before"), at("after"));
        let put = |paths: &[String]| -> Vec<(String, String)> {
            paths.iter().cloned().zip(texts.iter().cloned()).collect()
        };
        let first = put(&old);
        let first: Vec<_> =
            first.iter().map(|(path, text)| (path.as_str(), Some(text.as_str()))).collect();
        fleet.push(&first);
        fleet.ok(&["sync", "before", "--yes"]);
        let mut uids = Vec::new();
        for name in &names {
            uids.push(fleet.uid(name).await);
        }
        let moved = put(&new);
        let gone = old.iter().map(|path| (path.as_str(), None));
        let moved: Vec<_> = gone
            .chain(moved.iter().map(|(path, text)| (path.as_str(), Some(text.as_str()))))
            .collect();
        fleet.push(&moved);
        fleet.ok(&["sync", "before", "--yes"]);
        fleet.ok(&["sync", "after", "--yes"]);
        fleet.ok(&["sync", "before", "--yes"]);
        for (name, uid) in names.iter().zip(&uids) {
            assert_eq!(fleet.uid(name).await, *uid, "{:?}: {name}", fleet.world.kind);
        }
        assert_eq!(fleet.marked().await, names);
    }
}

/// A neighbour that cannot be read may want what leaves.
#[tokio::test(flavor = "multi_thread")]
async fn what_leaves_is_kept_while_a_neighbour_cannot_be_rendered() {
    for world in worlds("moved-blind").await {
        let fleet = two(world);
        fleet.push(&[("giver/moves.yaml", None), ("taker/own.yaml", Some("kind: [\n"))]);
        let (_, said) = fleet.run(&["sync", "giver", "--yes", "--allow-delete", "1"]);
        assert!(said.contains("`taker` may want it"), "{said}");
        assert!(fleet.uid("moves").await.is_string());
        fleet.push(&[("taker/own.yaml", Some(&config("taken")))]);
        fleet.ok(&["sync", "giver", "--yes"]);
        assert!(fleet.uid("moves").await.is_null());
    }
}

/// argo-cd#22607: of two that had one namespace, the one that let it go deleted it.
#[tokio::test(flavor = "multi_thread")]
async fn argo_cd_22607_what_two_share_is_released_not_deleted() {
    for world in worlds("shared").await {
        let fleet = two(world);
        fleet.push(&[("taker/moves.yaml", Some(&config("moves")))]);
        // While both want it, it is an error that names both places.
        let (code, said) = fleet.run(&["sync", "taker", "--yes"]);
        assert_eq!(code, 3, "{said}");
        for place in ["taker/moves.yaml:1", "giver/moves.yaml:1"] {
            assert!(said.contains(place), "{place}: {said}");
        }
        let uid = fleet.uid("moves").await;
        fleet.push(&[("giver/moves.yaml", None)]);
        fleet.ok(&["sync", "giver", "taker", "--yes"]);
        assert_eq!(fleet.uid("moves").await, uid);
    }
}

/// A mapping that left the configuration leaves its objects, and whoever wants them is told whose they were.
#[tokio::test(flavor = "multi_thread")]
async fn a_mapping_that_left_the_configuration_is_named() {
    for world in worlds("orphaned").await {
        let fleet = two(world);
        fleet.configure(|text| {
            let (before, after) = text.split_once("[mappings.giver]").expect("a mapping");
            let (_, rest) = after.split_once("[mappings.taker]").expect("a mapping");
            format!("{before}[mappings.taker]{rest}")
        });
        let uid = fleet.uid("moves").await;
        fleet.push(&[("taker/moves.yaml", Some(&config("moves")))]);
        let (code, said) = fleet.run(&["sync", "taker", "--yes"]);
        assert_eq!(code, 4, "{said}");
        assert!(said.contains("belongs to mapping giver of gitdeck"), "{said}");
        fleet.ok(&["sync", "taker", "--yes", "--take-over"]);
        assert_eq!(fleet.uid("moves").await, uid);
        assert!(fleet.uid("given").await.is_string());
    }
}

/// The standard's own tools: the label lists the members, and `kubectl` keeps its hands off.
#[tokio::test(flavor = "multi_thread")]
async fn kubectl_lists_the_members_and_refuses_to_prune_them() {
    let Some(kubectl) = kubectl() else { return };
    for world in worlds("applyset").await {
        let fleet = two(world);
        let home = tempfile::tempdir().expect("a home");
        let run = |arguments: &[&str]| {
            let output = Command::new(&kubectl)
                .arg("--kubeconfig")
                .arg(&fleet.world.kubeconfig)
                .args(arguments)
                .env("HOME", home.path())
                .env("KUBECTL_APPLYSET", "true")
                .env("NO_PROXY", "127.0.0.1")
                .output()
                .expect("kubectl runs");
            (output.status.success(), said(&output))
        };
        let namespace = &fleet.world.namespace;
        let selector = format!("applyset.kubernetes.io/part-of={}", set_id("giver", namespace));
        let (_, listed) = run(&["get", "configmaps", "-A", "-o", "name", "-l", &selector]);
        let names: Vec<&str> = listed.lines().filter(|line| line.contains('/')).collect();
        assert_eq!(names, ["configmap/given", "configmap/moves"], "{listed}");
        let file = home.path().join("other.yaml");
        std::fs::write(&file, config("other")).expect("a file");
        let parent = format!("--applyset=configmap/{}", parent_name("giver"));
        let file = file.display().to_string();
        let (done, said) = run(&["apply", "--prune", "-n", namespace, &parent, "-f", &file]);
        assert!(!done && said.contains("managed by tooling \"gitdeck\""), "{said}");
        assert_eq!(fleet.marked().await, ["given", "moves", "taken"]);
    }
}

/// One object of each of more than 40 kinds, in namespaces and without one: the label lists those and nothing else that
/// anybody made, though there are others of the same kinds.
#[tokio::test(flavor = "multi_thread")]
async fn kubectl_lists_the_members_of_every_kind() {
    let Some(kubectl) = kubectl() else { return };
    for site in worlds("every-kind").await {
        let namespace = site.namespace.clone();
        let world =
            crate::cluster::world::World::new(site.client().await, "every-kind", &namespace);
        let desired = corpus(&namespace);
        assert!(world.sync("r1", &desired).await.expect("a sync").complete);
        world.plant(&serde_json::json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "foreign"}}), "else").await;
        let inventory = world.cluster.inventory("every-kind").await.expect("a record");
        let kinds: BTreeSet<String> = inventory
            .members
            .iter()
            .map(|(key, member)| format!("{}.{}.{}", key.kind, member.version, key.group))
            .collect();
        assert!(kinds.len() >= 40, "{kinds:?}");
        let mut members: Vec<String> = inventory
            .members
            .keys()
            .map(|key| {
                let dot = if key.group.is_empty() { "" } else { "." };
                format!("{}{dot}{}/{}", key.kind.to_lowercase(), key.group, key.name)
            })
            .collect();
        let home = tempfile::tempdir().expect("a home");
        let selector =
            format!("applyset.kubernetes.io/part-of={}", set_id("every-kind", NAMESPACE));
        let kinds = kinds.into_iter().collect::<Vec<_>>().join(",");
        let output = Command::new(&kubectl)
            .arg("--kubeconfig")
            .arg(&site.kubeconfig)
            .args(["get", &kinds, "-A", "-o", "name", "-l", &selector])
            .env("HOME", home.path())
            .env("NO_PROXY", "127.0.0.1")
            .output()
            .expect("kubectl runs");
        assert!(output.status.success(), "{}", said(&output));
        let text = String::from_utf8_lossy(&output.stdout).into_owned();
        let mut listed: Vec<String> = text.lines().map(str::to_owned).collect();
        members.sort();
        listed.sort();
        // The controllers of a Service's endpoints copy its labels to what they make, as with any ApplySet; those copies are
        // no members, and never pruned (kustomize-controller#315).
        let is_copy = |one: &str| {
            one == "endpoints/service" || one.starts_with("endpointslice.discovery.k8s.io/service-")
        };
        assert!(site.kind == Kind::Real || !listed.iter().any(|one| is_copy(one)));
        listed.retain(|one| !is_copy(one));
        assert_eq!(listed, members, "{:?}", site.kind);
        world.tidy(&desired).await;
    }
}
