//! Syncs that never came to rest: each thread with its own object, or its own reason.
//!
//! Of some threads engines.md says no more than that they were endless, and they could not be read; such a test has an
//! object that a server or its controllers complete, and that no other test here has, and says so.

use super::loops::writes_nothing;
use crate::cluster::hooks::job;
use crate::cluster::world::{World, config, in_every_world, manifests, sandboxed};
use gitdeck::cluster::NAMESPACE;
use gitdeck::sandbox::{Options, When};
use serde_json::{Value, json};

fn address(world: &World, rest: &str) -> String {
    rest.replace("NS", &world.mapping.target.namespace)
}

async fn patch(world: &World, address: &str, media: &str, body: &Value) {
    let request = http::Request::patch(address).header("content-type", media);
    world.send(request.body(body.to_string().into_bytes()).expect("a request")).await;
}

async fn delete(world: &World, address: &str) {
    world.send(http::Request::delete(address).body(Vec::new()).expect("a request")).await;
}

/// argo-cd#22142: a hook's Job with a finalizer of the engine's own was waited for to be deleted, while nobody took the
/// finalizer away, and the sync began anew without end.
#[tokio::test]
async fn argo_cd_22142_a_hook_that_goes_by_its_policy_is_not_waited_for() {
    in_every_world("hook-policy", async |world| {
        let mut hook = job("patch", "PostSync", "work:1");
        hook["metadata"]["annotations"]["argocd.argoproj.io/hook-delete-policy"] =
            "BeforeHookCreation,HookSucceeded".into();
        let desired = manifests([hook, config("a", "1")]);
        assert!(world.sync("r1", &desired).await.expect("a sync").complete);
        assert!(world.job("patch").await.is_null(), "its policy");
        writes_nothing(&world, &desired).await;
        assert!(world.job("patch").await.is_null(), "it ran again");
    })
    .await;
}

/// argo-cd#24187. Not said more of than that it was endless; here: a Secret given as text.
#[tokio::test]
async fn argo_cd_24187_a_secret_given_as_text() {
    in_every_world("texts", async |world| {
        let secret = json!({"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "s"},
            "stringData": {"a": "1", "b": ""}, "data": {"c": "MQ=="}});
        writes_nothing(&world, &manifests([secret])).await;
    })
    .await;
}

/// argo-cd#21497: an application with a hook before each sync (migrations of a database) was synced again as soon as it
/// was in sync.
#[tokio::test]
async fn argo_cd_21497_a_hook_is_no_reason_to_sync() {
    in_every_world("migrations", async |world| {
        let desired = manifests([job("migrate", "PreSync", "work:1"), config("a", "1")]);
        assert!(world.sync("r1", &desired).await.expect("a sync").complete);
        let ran = world.job("migrate").await["metadata"]["uid"].clone();
        assert!(ran.is_string());
        writes_nothing(&world, &desired).await;
        assert_eq!(world.job("migrate").await["metadata"]["uid"], ran, "it ran again");
    })
    .await;
}

/// argo-cd#25444. Not said more of than that it was endless; here: a StatefulSet with templates of claims.
#[tokio::test]
async fn argo_cd_25444_a_stateful_set_with_templates_of_claims() {
    in_every_world("restless-set", async |world| {
        let claim = json!({"metadata": {"name": "data"}, "spec": {"accessModes": ["ReadWriteOnce"],
            "resources": {"requests": {"storage": "1Gi"}}}});
        let set = json!({"apiVersion": "apps/v1", "kind": "StatefulSet", "metadata": {"name": "db"}, "spec": {
            "serviceName": "db", "replicas": 1, "selector": {"matchLabels": {"app": "db"}},
            "template": {"metadata": {"labels": {"app": "db"}}, "spec": {
                "containers": [{"name": "db", "image": "example.com/db:1", "resources": {"limits": {"cpu": "500m"}}}]}},
            "volumeClaimTemplates": [claim]}});
        writes_nothing(&world, &manifests([set])).await;
    })
    .await;
}

/// argo-cd#8100: objects that nobody manages (orphans, in the thread) changed every few seconds, and each change was a
/// reason to compare the applications of their namespace.
#[tokio::test]
async fn argo_cd_8100_changes_of_orphans_cost_nothing() {
    in_every_world("orphans", async |world| {
        let desired = manifests([config("a", "1")]);
        world.plant(&config("election", "0"), "leader-election").await;
        assert!(world.sync("r1", &desired).await.expect("a sync").complete);
        let objects = world.cluster.references(&desired, &world.mapping.target.namespace).await;
        let mut changes = world.cluster.changes();
        world
            .cluster
            .watch(&objects.expect("references"), &[&world.mapping.name])
            .await
            .expect("watches");
        while world.cluster.watch_state() != gitdeck::cluster::WatchState::Live {
            changes.next().await.expect("news");
        }
        let before = world.cluster.traffic();
        for turn in 0..20 {
            world.set("election", &turn.to_string()).await;
            assert!(world.plan("r1", &desired).await.expect("a plan").is_empty());
        }
        // On a server that tests share, a definition of somebody else's is a reason to ask, once in a while.
        let after = world.cluster.traffic();
        let asked = after.reads + after.dry_runs - before.reads - before.dry_runs;
        assert!(asked < 10 && after.writes == before.writes, "{before:?} {after:?}");
        // What is news is the mapping's own object alone.
        world.set("a", "2").await;
        loop {
            let gitdeck::cluster::Notice::Object(key) = changes.next().await.expect("news") else {
                continue;
            };
            assert_ne!(key.name, "election");
            if key.name == "a" {
                break;
            }
        }
    })
    .await;
}

/// argo-cd#1533: the engine managed itself, so that each of its own notes was a change of what it managed. In the
/// sandbox: tests share the namespace of the records of the other server.
#[tokio::test]
async fn argo_cd_1533_a_mapping_of_the_records_own_namespace() {
    let (_sandbox, world) = sandboxed("self", Options::default()).await;
    let space = json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": NAMESPACE}});
    let mut inside = config("settings", "1");
    inside["metadata"]["namespace"] = NAMESPACE.into();
    let desired = manifests([space, inside]);
    writes_nothing(&world, &desired).await;
    // Its own records are in that namespace, and are no members.
    let record = gitdeck::cluster::parent_name(&world.mapping.name);
    let record = format!("/api/v1/namespaces/{NAMESPACE}/configmaps/{record}");
    let version = world.get(&record).await["metadata"]["resourceVersion"].clone();
    assert!(world.sync("r1", &desired).await.expect("a sync").complete);
    assert_eq!(world.get(&record).await["metadata"]["resourceVersion"], version);
    assert_eq!(world.members().await, ["settings", NAMESPACE]);
}

/// argo-cd#3971. Not said more of than that it was endless; here: a custom resource whose definition has defaults, and
/// whose controller writes its status.
#[tokio::test]
async fn argo_cd_3971_a_custom_resource_with_defaults_and_a_status() {
    in_every_world("restless-kind", async |world| {
        let group = address(&world, "NS.example.com");
        let schema = json!({"type": "object", "properties": {
            "spec": {"type": "object", "properties": {"mode": {"type": "string", "default": "plain"}, "size": {"type": "integer"}}},
            "status": {"type": "object", "x-kubernetes-preserve-unknown-fields": true}}});
        let definition = json!({"apiVersion": "apiextensions.k8s.io/v1", "kind": "CustomResourceDefinition",
            "metadata": {"name": format!("scalers.{group}")}, "spec": {"group": group, "scope": "Namespaced",
                "names": {"plural": "scalers", "singular": "scaler", "kind": "Scaler", "listKind": "ScalerList"},
                "versions": [{"name": "v1", "served": true, "storage": true, "subresources": {"status": {}},
                    "schema": {"openAPIV3Schema": schema}}]}});
        let scaler = json!({"apiVersion": format!("{group}/v1"), "kind": "Scaler", "metadata": {"name": "s"}, "spec": {"size": 1}});
        let desired = manifests([definition, scaler]);
        assert!(world.sync("r1", &desired).await.expect("a sync").complete);
        let status = address(&world, &format!("/apis/{group}/v1/namespaces/NS/scalers/s/status"));
        for turn in 0..5 {
            let body = json!({"status": {"lastActiveTime": format!("2026-11-20T12:00:0{turn}Z")}});
            patch(&world, &status, "application/merge-patch+json", &body).await;
            assert!(world.plan("r1", &desired).await.expect("a plan").is_empty());
        }
        writes_nothing(&world, &desired).await;
        delete(&world, &format!("/apis/apiextensions.k8s.io/v1/customresourcedefinitions/scalers.{group}")).await;
    })
    .await;
}

/// argo-cd#9014. Not said more of than that it was endless; here: a Service with a balancer, to which addresses, ports of
/// nodes and a status are given.
#[tokio::test]
async fn argo_cd_9014_a_service_with_a_balancer() {
    in_every_world("restless-service", async |world| {
        let service = json!({"apiVersion": "v1", "kind": "Service", "metadata": {"name": "edge"}, "spec": {
            "type": "LoadBalancer", "selector": {"app": "web"}, "ports": [{"port": 80, "targetPort": "http"}]}});
        let desired = manifests([service]);
        assert!(world.sync("r1", &desired).await.expect("a sync").complete);
        let status = address(&world, "/api/v1/namespaces/NS/services/edge/status?fieldManager=balancer");
        let given = json!({"status": {"loadBalancer": {"ingress": [{"ip": "10.0.0.1"}]}}});
        patch(&world, &status, "application/merge-patch+json", &given).await;
        writes_nothing(&world, &desired).await;
    })
    .await;
}

/// argo-cd#15594. Not said more of than that it was endless; here: a Job, to which the server adds a selector and labels,
/// and its controller a status.
#[tokio::test]
async fn argo_cd_15594_a_job_that_is_a_member() {
    in_every_world("restless-job", async |world| {
        let mut once = job("once", "", "work:1");
        once["metadata"]["annotations"] = json!({});
        writes_nothing(&world, &manifests([once])).await;
    })
    .await;
}

/// argo-cd#21506. Not said more of than that it was endless; here: a claim, whose volume is filled in when it is bound.
#[tokio::test]
async fn argo_cd_21506_a_claim_that_is_bound() {
    in_every_world("restless-claim", async |world| {
        let claim = json!({"apiVersion": "v1", "kind": "PersistentVolumeClaim", "metadata": {"name": "data"}, "spec": {
            "accessModes": ["ReadWriteOnce"], "storageClassName": "", "resources": {"requests": {"storage": "1024Mi"}}}});
        let desired = manifests([claim]);
        assert!(world.sync("r1", &desired).await.expect("a sync").complete);
        let place = address(&world, "/api/v1/namespaces/NS/persistentvolumeclaims/data");
        if world.get(&place).await["spec"]["volumeName"].is_null() {
            let body = json!({"spec": {"volumeName": "pv-1"}, "metadata": {"annotations": {"pv.kubernetes.io/bind-completed": "yes"}}});
            let by = format!("{place}?fieldManager=kube-controller-manager");
            patch(&world, &by, "application/merge-patch+json", &body).await;
        }
        writes_nothing(&world, &desired).await;
        assert!(world.get(&place).await["spec"]["volumeName"].is_string());
    })
    .await;
}

/// k3s-io/helm-controller#343 and its neighbours (#334, #349): variables that the cluster added to a Job (its proxies) made
/// it another one than wanted, so that it was deleted and made anew for ever. In the sandbox, whose admission adds them.
#[tokio::test]
async fn k3s_helm_controller_343_variables_that_the_cluster_adds_to_a_job() {
    let (sandbox, world) = sandboxed("proxies", Options::default()).await;
    let when = When { verb: Some("patch".to_owned()), ..When::object("jobs", "install") };
    let own = json!([{"name": "CHART", "value": "web"}]);
    let added =
        json!([{"name": "CHART", "value": "web"}, {"name": "NO_PROXY", "value": "10.0.0.0/8"}]);
    sandbox.faults().rewrite(when, "/spec/template/spec/containers/0/env", added.clone());
    let mut install = job("install", "", "work:1");
    install["metadata"]["annotations"] = json!({});
    install["spec"]["template"]["spec"]["containers"][0]["env"] = own;
    let desired = manifests([install]);
    writes_nothing(&world, &desired).await;
    let live = world.job("install").await;
    assert_eq!(live["spec"]["template"]["spec"]["containers"][0]["env"], added, "{live}");
}
