//! Objects that were deleted although nobody meant it, or that stayed although somebody did.

use crate::cluster::world::{World, config, in_every_world, manifests, sandboxed};
use crate::support::control_plane::control_plane;
use gitdeck::cluster::{Cluster, NAMESPACE, set_id};
use gitdeck::domain::Manifest;
use gitdeck::domain::plan::{Op, Refusal};
use gitdeck::sandbox::{Effect, Latch, Options, When};
use serde_json::{Value, json};
use std::time::Duration;

fn configs(names: &[&str]) -> Vec<Manifest> {
    manifests(names.iter().map(|name| config(name, "1")))
}

/// argo-cd#17440: the table of scopes was reset, an object without namespace was looked for in one, and pruned.
#[tokio::test]
async fn argo_cd_17440_scope_map_reset() {
    let (sandbox, mut world) = sandboxed("scopes", Options::default()).await;
    let group = "scopes.example.com";
    let definition = json!({"apiVersion": "apiextensions.k8s.io/v1", "kind": "CustomResourceDefinition",
        "metadata": {"name": format!("gadgets.{group}")}, "spec": {"group": group, "scope": "Cluster",
            "names": {"plural": "gadgets", "singular": "gadget", "kind": "Gadget", "listKind": "GadgetList"},
            "versions": [{"name": "v1", "served": true, "storage": true,
                "schema": {"openAPIV3Schema": {"type": "object", "x-kubernetes-preserve-unknown-fields": true}}}]}});
    assert!(world.sync("r0", &manifests([definition])).await.expect("a sync").complete);
    world.mapping.name = "scopes-user".to_owned();
    let gadget =
        json!({"apiVersion": format!("{group}/v1"), "kind": "Gadget", "metadata": {"name": "g"}});
    let space =
        json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "scopes-space"}});
    let all = manifests([gadget, space, config("a", "1")]);
    assert!(world.sync("r1", &all).await.expect("a sync").complete);
    // Whichever part of discovery fails, and whenever it comes back: no deletion, and at the end no difference.
    for broken in [group, "apps", "batch"] {
        sandbox.faults().break_group(broken);
        world.cluster = Cluster::from_client(sandbox.client(None), "test", "default");
        for _ in 0..3 {
            match world.plan("r1", &all).await {
                Ok(plan) => {
                    assert!(plan.operations.iter().all(|one| one.op != Op::Delete), "{plan:#?}");
                }
                Err(error) => assert!(error.to_string().contains("Gadget"), "{error}"),
            }
            let _ = world.sync("r1", &all).await;
        }
        sandbox.faults().clear();
        assert!(world.plan("r1", &all).await.expect("a plan").is_empty());
    }
    assert_eq!(sandbox.traffic().count(|one| one.verb == "delete"), 0);
}

/// argo-cd#28630: a sync began before the lists were there, and pruned what it had not seen yet.
#[tokio::test]
async fn argo_cd_28630_a_sync_waits_for_the_lists() {
    let (sandbox, mut world) = sandboxed("early", Options::default()).await;
    let desired = manifests((0..40).map(|index| config(&format!("c{index}"), "1")));
    assert!(world.sync("r1", &desired).await.expect("a sync").complete);
    world.cluster = Cluster::from_client(sandbox.client(None), "test", "default");
    let latch = Latch::default();
    sandbox.faults().always(When::verb("list", "configmaps"), Effect::Hold(latch.clone()));
    let objects = world.cluster.references(&desired, "early").await.expect("references");
    world.cluster.watch(&objects, &["early"]).await.expect("watches");
    let writes = || sandbox.traffic().count(gitdeck::sandbox::LoggedRequest::is_write);
    let written = writes();
    // Both the watch and the sync are held at their lists before these are let go.
    let release = async {
        latch.arrived(2).await;
        assert_eq!(writes(), written, "it did not wait");
        latch.open();
    };
    let (synced, ()) = tokio::join!(world.sync("r1", &desired), release);
    assert!(synced.expect("a sync").outcomes.is_empty());
    assert_eq!(writes(), written);
}

/// kustomize-controller#734: a Service whose new form was merely invalid was deleted, and could not be made again.
#[tokio::test]
async fn kustomize_controller_734_an_invalid_object_is_never_made_anew() {
    let service = |port: i64, kind: &str| {
        manifests([json!({"apiVersion": "v1", "kind": "Service", "metadata": {"name": "web"},
            "spec": {"type": kind, "selector": {"app": "web"}, "ports": [{"port": port}]}})])
    };
    in_every_world("invalid-service", async |mut world| {
        let address = format!("/api/v1/namespaces/{}/services/web", world.mapping.target.namespace);
        assert!(world.sync("r1", &service(80, "ClusterIP")).await.expect("a sync").complete);
        let before = world.get(&address).await;
        world.options.recreate = true;
        world.options.allow_delete = Some(1);
        for wrong in [service(99_999, "ClusterIP"), service(80, "Nonsense")] {
            let plan = world.plan("r2", &wrong).await.expect("a plan");
            assert!(matches!(&plan.refusals[..], [Refusal::Invalid { .. }]), "{:?}", plan.refusals);
            assert!(world.sync("r2", &wrong).await.is_err());
        }
        assert_eq!(world.get(&address).await, before);
    })
    .await;
}

/// kustomize-controller#192: operators copy the labels of an owner to what they make, and that was pruned.
#[tokio::test]
async fn kustomize_controller_192_copied_labels_are_no_membership() {
    in_every_world("copied", async |world| {
        assert!(world.sync("r1", &configs(&["a"])).await.expect("a sync").complete);
        let mut copy = config("copy", "1");
        copy["metadata"]["labels"] =
            json!({"applyset.kubernetes.io/part-of": set_id(&world.mapping.name, NAMESPACE)});
        world.plant(&copy, "operator").await;
        assert!(world.sync("r2", &configs(&["b"])).await.expect("a sync").complete);
        assert_eq!((world.data("a").await, world.data("copy").await), (Value::Null, json!("1")));
    })
    .await;
}

/// kubernetes#108161: pruning by label took namespaces, in spite of the one that was given.
#[tokio::test]
async fn kubernetes_108161_only_ones_own_inventory_is_pruned() {
    in_every_world("selected", async |world| {
        let space = format!("/api/v1/namespaces/{}", world.mapping.target.namespace);
        assert!(world.sync("r1", &configs(&["a", "b"])).await.expect("a sync").complete);
        let label = json!({"metadata": {"labels":
            {"applyset.kubernetes.io/part-of": set_id(&world.mapping.name, NAMESPACE)}}});
        let request = http::Request::patch(&space)
            .header("content-type", "application/merge-patch+json")
            .body(label.to_string().into_bytes());
        world.send(request.expect("a request")).await;
        assert!(world.sync("r2", &configs(&["a"])).await.expect("a sync").complete);
        let live = world.get(&space).await;
        assert!(live["metadata"]["deletionTimestamp"].is_null(), "{live}");
        assert_eq!(world.data("b").await, Value::Null);
    })
    .await;
}

/// What left Git and was made anew by somebody else is not ours, whatever label it carries.
#[tokio::test]
async fn an_object_of_another_uid_is_let_go() {
    in_every_world("reborn", async |world| {
        assert!(world.sync("r1", &configs(&["a", "b"])).await.expect("a sync").complete);
        let address = format!("{}/b", world.configs());
        let mut born = world.get(&address).await;
        world.send(http::Request::delete(&address).body(Vec::new()).expect("a request")).await;
        let metadata = born["metadata"].as_object_mut().expect("an object");
        for field in ["uid", "resourceVersion", "managedFields", "creationTimestamp"] {
            metadata.shift_remove(field);
        }
        world.plant(&born, "operator").await;
        assert!(world.sync("r2", &configs(&["a"])).await.expect("a sync").complete);
        assert_eq!(
            (world.data("b").await, world.members().await),
            (json!("1"), vec!["a".to_owned()])
        );
    })
    .await;
}

/// Makes a real server refuse to delete every object of a resource in the mapping's namespace, such as the one at this
/// address; the address of what does so.
pub async fn deny_deletes(world: &World, group: &str, resource: &str, one: &str) -> String {
    let namespace = &world.mapping.target.namespace;
    let (name, base) = (format!("{namespace}-guard"), "/apis/admissionregistration.k8s.io/v1");
    let policy = json!({"apiVersion": "admissionregistration.k8s.io/v1", "kind": "ValidatingAdmissionPolicy",
        "metadata": {"name": name}, "spec": {"failurePolicy": "Fail", "matchConstraints": {
            "namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": namespace}},
            "resourceRules": [{"apiGroups": [group], "apiVersions": ["v1"], "operations": ["DELETE"], "resources": [resource]}]},
            "validations": [{"expression": "false", "message": "not today"}]}});
    let binding = json!({"apiVersion": "admissionregistration.k8s.io/v1", "kind": "ValidatingAdmissionPolicyBinding",
        "metadata": {"name": name}, "spec": {"policyName": name, "validationActions": ["Deny"]}});
    for (plural, object) in
        [("validatingadmissionpolicies", policy), ("validatingadmissionpolicybindings", binding)]
    {
        let request = http::Request::post(format!("{base}/{plural}"))
            .header("content-type", "application/json")
            .body(object.to_string().into_bytes());
        world.send(request.expect("a request")).await;
    }
    // The server takes a moment to heed it; a dry run tells when.
    let probe = format!("{one}?dryRun=All");
    for _ in 0..600 {
        let request = http::Request::delete(&probe).body(Vec::new()).expect("a request");
        if world.client.request::<Value>(request).await.is_err() {
            return format!("{base}/validatingadmissionpolicybindings/{name}");
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    panic!("the policy is not heeded");
}

/// A sync whose DELETE of `b` is refused, and the next ones once it is not any more.
async fn refused_then_retried(world: &World, lift: impl AsyncFn()) {
    let applied = world.sync("r2", &configs(&["a"])).await.expect("a sync");
    assert!(!applied.complete);
    let (object, error) = applied.failures().next().expect("a failure");
    assert_eq!(object.name, "b");
    assert!(error.contains("not today"), "{error}");
    assert_eq!(world.members().await, ["a", "b"]);
    lift().await;
    for _ in 0..600 {
        if world.sync("r2", &configs(&["a"])).await.expect("a sync").complete {
            break;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    assert_eq!((world.members().await, world.data("b").await), (vec!["a".to_owned()], Value::Null));
}

/// kustomize-controller#1664: a refused DELETE was forgotten, and the object stayed for ever.
#[tokio::test]
async fn kustomize_controller_1664_a_rejected_delete_stays_in_the_record() {
    let (sandbox, world) = sandboxed("refused", Options::default()).await;
    assert!(world.sync("r1", &configs(&["a", "b"])).await.expect("a sync").complete);
    let deny = Effect::Deny { webhook: "guard".to_owned(), message: "not today".to_owned() };
    sandbox.faults().strike(When::verb("delete", "configmaps"), 1, deny);
    refused_then_retried(&world, async || {}).await;
    let Some(plane) = control_plane() else { return };
    let namespace = plane.namespace("refused").await;
    let world = World::new(plane.client().await, &namespace, &namespace);
    assert!(world.sync("r1", &configs(&["a", "b"])).await.expect("a sync").complete);
    let one = format!("{}/b", world.configs());
    let guard = deny_deletes(&world, "", "configmaps", &one).await;
    refused_then_retried(&world, async || {
        world.send(http::Request::delete(&guard).body(Vec::new()).expect("a request")).await;
    })
    .await;
}

/// kustomize-controller#1665, the remedy of #1664: what could not be deleted has to be carried over into the next record,
/// also by processes that know of the refusal from that record alone, and beside other changes.
#[tokio::test]
async fn kustomize_controller_1665_a_rejected_delete_is_carried_over_by_others() {
    let (sandbox, mut world) = sandboxed("carried-over", Options::default()).await;
    assert!(world.sync("r1", &configs(&["a", "b", "c"])).await.expect("a sync").complete);
    let forbid = Effect::Status { code: 403, retry_after: None };
    let when = When { verb: Some("delete".to_owned()), ..When::object("configmaps", "b") };
    sandbox.faults().always(when, forbid);
    for (revision, left) in [("r2", ["a", "c"]), ("r3", ["a", "d"]), ("r4", ["a", "e"])] {
        world.cluster = Cluster::from_client(sandbox.client(None), "test", "default");
        let applied = world.sync(revision, &configs(&left)).await.expect("a sync");
        let failed: Vec<&str> =
            applied.failures().map(|(object, _)| object.name.as_str()).collect();
        assert_eq!(failed, ["b"]);
        assert_eq!(world.members().await, [left[0], "b", left[1]]);
    }
    sandbox.faults().clear();
    world.cluster = Cluster::from_client(sandbox.client(None), "test", "default");
    assert!(world.sync("r4", &configs(&["a", "e"])).await.expect("a sync").complete);
    assert_eq!(
        (world.members().await, world.data("b").await),
        (vec!["a".to_owned(), "e".to_owned()], Value::Null)
    );
}

/// Each of these marks says that somebody else decides about the object.
#[tokio::test]
async fn objects_of_other_tools_are_refused_by_name() {
    in_every_world("owned", async |mut world| {
        let namespace = world.mapping.target.namespace.clone();
        let tracked = format!("shop:/ConfigMap:{namespace}/c2");
        let marks = [
            (json!({"labels": {"kustomize.toolkit.fluxcd.io/name": "apps", "kustomize.toolkit.fluxcd.io/namespace": "flux-system"}}),
                "Flux Kustomization flux-system/apps"),
            (json!({"labels": {"helm.toolkit.fluxcd.io/name": "web", "helm.toolkit.fluxcd.io/namespace": "x"}}),
                "Flux HelmRelease x/web"),
            (json!({"annotations": {"argocd.argoproj.io/tracking-id": tracked}}), "Argo CD application shop"),
            (json!({"annotations": {"meta.helm.sh/release-name": "web", "meta.helm.sh/release-namespace": "x"}}),
                "Helm release x/web"),
            (json!({"labels": {"kapp.k14s.io/app": "17"}}), "kapp application 17"),
            (json!({"labels": {"applyset.kubernetes.io/part-of": "applyset-other-v1"}}), "ApplySet applyset-other-v1"),
        ];
        for (index, (metadata, _)) in marks.iter().enumerate() {
            let mut object = config(&format!("c{index}"), "theirs");
            let own = object["metadata"].as_object_mut().expect("an object");
            own.extend(metadata.as_object().expect("an object").clone());
            world.plant(&object, "other").await;
        }
        let desired = manifests((0..marks.len()).map(|index| config(&format!("c{index}"), "ours")));
        let plan = world.plan("r1", &desired).await.expect("a plan");
        let owner = |name: &str| {
            plan.refusals.iter().find_map(|refusal| match refusal {
                Refusal::Foreign { object, owner } if object.name == name => Some(owner.clone()),
                _ => None,
            })
        };
        for (index, (_, expected)) in marks.iter().enumerate() {
            assert_eq!(owner(&format!("c{index}")).as_deref(), Some(*expected));
        }
        assert!(world.sync("r1", &desired).await.is_err());
        assert_eq!(world.data("c0").await, "theirs");
        world.options.take_over = true;
        assert!(world.sync("r1", &desired).await.expect("a sync").complete);
        assert_eq!(world.data("c0").await, "ours");
    })
    .await;
}
