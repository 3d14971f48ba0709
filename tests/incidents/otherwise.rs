//! Values that the server, or somebody who may, writes in another way than Git does: each thread with its own object.
//!
//! Where engines.md says no more of a thread than that its difference was none, and the thread could not be read, the
//! test has a form of the same fault that no other one has, and says so.

use super::diffs::{in_sync, paths, web};
use crate::cluster::world::{World, config, in_every_world, manifests, sandboxed};
use crate::support::clusters::pair_apart;
use gitdeck::cluster::Cluster;
use gitdeck::domain::{Manifest, Revision};
use gitdeck::sandbox::{Options, When};
use serde_json::{Value, json};
use std::time::Duration;

/// What a process that knows nothing finds: no difference.
async fn fresh_in_sync(world: &World, desired: &[Manifest]) {
    in_sync(world, desired).await;
    let fresh = Cluster::from_client(world.client.clone(), "test", "default");
    let revision = Revision::new("r1");
    let plan = fresh.plan(&world.request(&revision, desired)).await.expect("a plan");
    assert!(plan.is_empty() && plan.refusals.is_empty(), "{plan:#?}");
}

fn namespaced(world: &World, rest: &str) -> String {
    rest.replace("NS", &world.mapping.target.namespace)
}

/// A change by somebody else.
async fn patch(world: &World, address: &str, media: &str, body: &Value) {
    let request = http::Request::patch(address).header("content-type", media);
    world.send(request.body(body.to_string().into_bytes()).expect("a request")).await;
}

/// argo-cd#21817. Not said more of than that it was none; here: quantities of a Deployment that the server shortens.
#[tokio::test]
async fn argo_cd_21817_shortened_quantities_are_no_difference() {
    in_every_world("quantities", async |world| {
        let resources = json!({"limits": {"cpu": "1000m", "memory": "1024Mi", "ephemeral-storage": "1000M"},
            "requests": {"cpu": 0.5, "memory": "1073741824"}});
        fresh_in_sync(&world, &manifests([web(&json!({"resources": resources}))])).await;
    })
    .await;
}

/// argo-cd#22375. Not said more of than that it was none; here: what is null or empty in Git and absent in the cluster.
#[tokio::test]
async fn argo_cd_22375_null_and_empty_are_as_good_as_absent() {
    in_every_world("nothings", async |world| {
        let mut deployment =
            web(&json!({"args": [], "command": null, "securityContext": {}, "env": null}));
        deployment["metadata"]["annotations"] = json!({});
        deployment["metadata"]["creationTimestamp"] = Value::Null;
        deployment["spec"]["template"]["metadata"]["creationTimestamp"] = Value::Null;
        deployment["spec"]["template"]["spec"]["volumes"] = json!([]);
        deployment["spec"]["template"]["spec"]["nodeSelector"] = json!({});
        fresh_in_sync(&world, &manifests([deployment])).await;
    })
    .await;
}

/// argo-cd#20792: fields were removed from items of lists, the comparison lost the keys of the items with them, and
/// failed or showed the items as new.
#[tokio::test]
async fn argo_cd_20792_a_field_leaves_an_item_and_the_item_stays() {
    in_every_world("item-fields", async |world| {
        let probe = json!({"tcpSocket": {"port": 80}});
        let with =
            json!({"readinessProbe": probe, "ports": [{"containerPort": 80, "name": "http"}]});
        in_sync(&world, &manifests([web(&with)])).await;
        let without = manifests([web(&json!({"ports": [{"containerPort": 80}]}))]);
        let plan = world.plan("r2", &without).await.expect("a plan");
        let container = "/spec/template/spec/containers/[name=main]";
        let port = format!("{container}/ports/[containerPort=80,protocol=TCP]/name");
        assert_eq!(paths(&plan), [port, format!("{container}/readinessProbe")]);
        fresh_in_sync(&world, &without).await;
    })
    .await;
}

/// argo-cd#17568. Not said more of than that it was none; here: metrics of an autoscaler in an order of one's own.
#[tokio::test]
async fn argo_cd_17568_metrics_in_an_order_of_ones_own() {
    in_every_world("metrics", async |world| {
        let metric = |name: &str, target: Value| json!({"type": "Resource", "resource": {"name": name, "target": target}});
        let scaler = json!({"apiVersion": "autoscaling/v2", "kind": "HorizontalPodAutoscaler", "metadata": {"name": "web"},
            "spec": {"minReplicas": 1, "maxReplicas": 3,
                "scaleTargetRef": {"apiVersion": "apps/v1", "kind": "Deployment", "name": "web"},
                "metrics": [metric("memory", json!({"type": "AverageValue", "averageValue": "0.5Gi"})),
                    metric("cpu", json!({"type": "Utilization", "averageUtilization": 80}))]}});
        fresh_in_sync(&world, &manifests([scaler])).await;
    })
    .await;
}

/// The image of Fluent Bit as Git has it, and as admission makes it.
const IMAGES: [&str; 2] = ["fluent/fluent-bit:3", "mirror.example.com/fluent/fluent-bit:3"];

fn agent() -> Value {
    json!({"apiVersion": "apps/v1", "kind": "DaemonSet", "metadata": {"name": "bit"}, "spec": {
        "selector": {"matchLabels": {"app": "bit"}},
        "template": {"metadata": {"labels": {"app": "bit"}}, "spec": {
            "containers": [{"name": "bit", "image": IMAGES[0]}]}}}})
}

/// Makes a real server put a mirror in front of the image, and waits until it does.
async fn mirror(world: &World) {
    let base = "/apis/admissionregistration.k8s.io/v1";
    let (metadata, api) = (json!({"name": "mirror"}), "admissionregistration.k8s.io/v1");
    let patch = format!(
        "[JSONPatch{{op: \"replace\", path: \"/spec/template/spec/containers/0/image\", value: \"{}\"}}]",
        IMAGES[1]
    );
    let rules = json!([{"apiGroups": ["apps"], "apiVersions": ["v1"], "operations": ["CREATE", "UPDATE"], "resources": ["daemonsets"]}]);
    let policy = json!({"apiVersion": api, "kind": "MutatingAdmissionPolicy", "metadata": metadata, "spec": {
        "failurePolicy": "Fail", "reinvocationPolicy": "Never", "matchConstraints": {"resourceRules": rules},
        "mutations": [{"patchType": "JSONPatch", "jsonPatch": {"expression": patch}}]}});
    let binding = json!({"apiVersion": api, "kind": "MutatingAdmissionPolicyBinding", "metadata": metadata,
        "spec": {"policyName": "mirror"}});
    let post = async |address: &str, object: &Value| {
        let request = http::Request::post(address).header("content-type", "application/json");
        world.send(request.body(object.to_string().into_bytes()).expect("a request")).await
    };
    post(&format!("{base}/mutatingadmissionpolicies"), &policy).await;
    post(&format!("{base}/mutatingadmissionpolicybindings"), &binding).await;
    let probe = namespaced(world, "/apis/apps/v1/namespaces/NS/daemonsets?dryRun=All");
    for _ in 0..600 {
        let made = post(&probe, &agent()).await;
        if made["spec"]["template"]["spec"]["containers"][0]["image"] == IMAGES[1] {
            return;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    panic!("the policy is not heeded");
}

async fn mirrored(world: &World) {
    let desired = manifests([agent()]);
    assert!(world.sync("r1", &desired).await.expect("a sync").complete);
    let live = world.get(&namespaced(world, "/apis/apps/v1/namespaces/NS/daemonsets/bit")).await;
    assert_eq!(live["spec"]["template"]["spec"]["containers"][0]["image"], IMAGES[1]);
    let written = world.cluster.traffic().writes;
    for _ in 0..3 {
        assert!(world.plan("r1", &desired).await.expect("a plan").is_empty());
        assert!(world.sync("r1", &desired).await.expect("a sync").outcomes.is_empty());
    }
    assert_eq!(world.cluster.traffic().writes, written);
}

/// argo-cd#17572: a policy of Kyverno put the address of a mirror in front of images, and the DaemonSet of Fluent Bit
/// differed for ever.
#[tokio::test(flavor = "multi_thread")]
async fn argo_cd_17572_an_image_that_admission_rewrites_is_no_drift() {
    let (sandbox, world) = sandboxed("mirrored", Options::default()).await;
    let when = When { verb: Some("patch".to_owned()), ..When::object("daemonsets", "bit") };
    sandbox.faults().rewrite(when, "/spec/template/spec/containers/0/image", json!(IMAGES[1]));
    mirrored(&world).await;
    // What rewrites voids the proofs of everybody on a server: this one is shared with no other test.
    let Some([site, _]) = pair_apart("mirrored").await else { return };
    let world = World::new(site.client().await, "mirrored", &site.namespace);
    mirror(&world).await;
    mirrored(&world).await;
}

/// argo-cd#23126. Not said more of than that it was none; here: roles without rules, and one whose rules a controller
/// gathers from others.
#[tokio::test]
async fn argo_cd_23126_rules_that_are_empty_or_gathered() {
    in_every_world("rules", async |world| {
        let kind = |kind: &str, name: &str| json!({"apiVersion": "rbac.authorization.k8s.io/v1", "kind": kind, "metadata": {"name": name}});
        let mut none = kind("Role", "none");
        none["rules"] = json!([]);
        let name = namespaced(&world, "NS-gathered");
        let mut gathered = kind("ClusterRole", &name);
        gathered["aggregationRule"] =
            json!({"clusterRoleSelectors": [{"matchLabels": {"gathered-by": name}}]});
        let desired = manifests([none, gathered]);
        assert!(world.sync("r1", &desired).await.expect("a sync").complete);
        // As the controller of aggregated roles does it.
        let address = format!("/apis/rbac.authorization.k8s.io/v1/clusterroles/{name}");
        let rules = json!({"rules": [{"apiGroups": [""], "resources": ["pods"], "verbs": ["get"]}]});
        let by = format!("{address}?fieldManager=clusterrole-aggregation-controller");
        patch(&world, &by, "application/merge-patch+json", &rules).await;
        let plan = world.plan("r1", &desired).await.expect("a plan");
        assert!(plan.is_empty(), "{:#?}", plan.operations);
        assert!(world.sync("r1", &desired).await.expect("a sync").outcomes.is_empty());
        assert_eq!(world.get(&address).await["rules"], rules["rules"]);
        world.send(http::Request::delete(address).body(Vec::new()).expect("a request")).await;
    })
    .await;
}

/// argo-cd#11143: templates of claims in a StatefulSet, which the server completes.
#[tokio::test]
async fn argo_cd_11143_completed_templates_of_claims() {
    in_every_world("claims", async |world| {
        let claim = json!({"metadata": {"name": "data"}, "spec": {"accessModes": ["ReadWriteOnce"],
            "resources": {"requests": {"storage": "1024Mi"}}}});
        let set = json!({"apiVersion": "apps/v1", "kind": "StatefulSet", "metadata": {"name": "db"}, "spec": {
            "serviceName": "db", "replicas": 0, "selector": {"matchLabels": {"app": "db"}},
            "template": {"metadata": {"labels": {"app": "db"}}, "spec": {
                "containers": [{"name": "db", "image": "example.com/db:1"}]}},
            "volumeClaimTemplates": [claim]}});
        fresh_in_sync(&world, &manifests([set])).await;
    })
    .await;
}

/// argo-cd#11074: the custom resources of kube-prometheus-stack, whose definitions have defaults.
#[tokio::test]
async fn argo_cd_11074_defaults_of_a_definition() {
    in_every_world("crd-defaults", async |world| {
        let group = namespaced(&world, "NS.example.com");
        let field = |default: Value| json!({"type": if default.is_string() { "string" } else { "boolean" }, "default": default});
        let endpoint = json!({"type": "object", "properties": {"port": {"type": "string"},
            "scheme": field(json!("http")), "followRedirects": field(json!(true))}});
        let spec = json!({"type": "object", "default": {}, "properties": {
            "endpoints": {"type": "array", "items": endpoint}, "interval": field(json!("30s"))}});
        let definition = json!({"apiVersion": "apiextensions.k8s.io/v1", "kind": "CustomResourceDefinition",
            "metadata": {"name": format!("monitors.{group}")}, "spec": {"group": group, "scope": "Namespaced",
                "names": {"plural": "monitors", "singular": "monitor", "kind": "Monitor", "listKind": "MonitorList"},
                "versions": [{"name": "v1", "served": true, "storage": true,
                    "schema": {"openAPIV3Schema": {"type": "object", "properties": {"spec": spec}}}}]}});
        let monitor = json!({"apiVersion": format!("{group}/v1"), "kind": "Monitor", "metadata": {"name": "web"},
            "spec": {"endpoints": [{"port": "http"}, {"port": "metrics", "scheme": "https"}]}});
        fresh_in_sync(&world, &manifests([definition, monitor])).await;
        let address = format!("/apis/apiextensions.k8s.io/v1/customresourcedefinitions/monitors.{group}");
        world.send(http::Request::delete(address).body(Vec::new()).expect("a request")).await;
    })
    .await;
}

/// argo-cd#10438: an overlay gave a Service ports of the same number for two protocols instead of its only one.
#[tokio::test]
async fn argo_cd_10438_ports_of_one_number_replace_the_only_one() {
    in_every_world("five-ports", async |world| {
        let service = |ports: Value| {
            manifests([json!({"apiVersion": "v1", "kind": "Service", "metadata": {"name": "nginx"},
                "spec": {"selector": {"app": "nginx"}, "ports": ports}})])
        };
        let port = |name: &str, port: u16, protocol: &str| {
            json!({"name": name, "port": port, "protocol": protocol, "targetPort": port})
        };
        in_sync(&world, &service(json!([port("http", 80, "TCP")]))).await;
        let five = json!([port("rtmpk", 1986, "UDP"), port("rtmp", 1935, "TCP"), port("rtmpq", 1935, "UDP"),
            port("https", 443, "TCP"), port("http3", 443, "UDP")]);
        fresh_in_sync(&world, &service(five.clone())).await;
        let live = world.get(&namespaced(&world, "/api/v1/namespaces/NS/services/nginx")).await;
        assert_eq!(live["spec"]["ports"], five);
    })
    .await;
}

/// kapp#190: a webhook configuration without annotations was given an empty map of them and back, with the defaults of
/// its hooks, at each deployment.
#[tokio::test]
async fn kapp_190_annotations_that_are_not_there() {
    in_every_world("annotations", async |world| {
        let name = namespaced(&world, "NS.example.com");
        let hook = |annotations: Value| {
            json!({"apiVersion": "admissionregistration.k8s.io/v1", "kind": "ValidatingWebhookConfiguration",
                "metadata": {"name": name, "annotations": annotations}, "webhooks": [{"name": name,
                    "admissionReviewVersions": ["v1"], "sideEffects": "None", "failurePolicy": "Ignore",
                    "clientConfig": {"service": {"name": "nowhere", "namespace": "default"}},
                    "rules": [{"apiGroups": ["nowhere.example.com"], "apiVersions": ["v1"], "operations": ["CREATE"], "resources": ["things"]}]}]})
        };
        fresh_in_sync(&world, &manifests([hook(json!({}))])).await;
        let written = world.cluster.traffic().writes;
        for annotations in [Value::Null, json!({}), Value::Null] {
            let desired = manifests([hook(annotations)]);
            assert!(world.plan("r2", &desired).await.expect("a plan").is_empty());
        }
        assert_eq!(world.cluster.traffic().writes, written);
        let address =
            format!("/apis/admissionregistration.k8s.io/v1/validatingwebhookconfigurations/{name}");
        world.send(http::Request::delete(address).body(Vec::new()).expect("a request")).await;
    })
    .await;
}

/// kapp#473: a Deployment that leaves its replicas to an autoscaler was set back to the default at each deployment.
#[tokio::test]
async fn kapp_473_replicas_that_git_does_not_name_are_left() {
    in_every_world("unnamed", async |world| {
        let desired = manifests([web(&json!({}))]);
        in_sync(&world, &desired).await;
        let address = namespaced(&world, "/apis/apps/v1/namespaces/NS/deployments/web");
        let scale = format!("{address}/scale?fieldManager=kube-controller-manager");
        let four = json!({"spec": {"replicas": 4}});
        patch(&world, &scale, "application/merge-patch+json", &four).await;
        assert!(world.plan("r1", &desired).await.expect("a plan").is_empty());
        // A change of something else does not set them back either.
        let next = manifests([web(&json!({"tty": true}))]);
        fresh_in_sync(&world, &next).await;
        assert_eq!(world.get(&address).await["spec"]["replicas"], 4);
    })
    .await;
}

/// kapp#49. Not said more of than that it was none; here: what the server allots to a Service, which kapp has rules for.
#[tokio::test]
async fn kapp_49_what_the_server_allots_is_no_difference() {
    in_every_world("allotted", async |world| {
        let service = json!({"apiVersion": "v1", "kind": "Service", "metadata": {"name": "edge"}, "spec": {
            "type": "LoadBalancer", "externalTrafficPolicy": "Local", "selector": {"app": "web"},
            "ports": [{"port": 80}]}});
        let desired = manifests([service]);
        fresh_in_sync(&world, &desired).await;
        let address = namespaced(&world, "/api/v1/namespaces/NS/services/edge");
        let before = world.get(&address).await["spec"].clone();
        assert!(before["clusterIP"].is_string(), "{before}");
        let mut next = desired[0].object.clone();
        next["spec"]["selector"] = json!({"app": "other"});
        fresh_in_sync(&world, &manifests([next])).await;
        let after = world.get(&address).await["spec"].clone();
        for field in ["clusterIP", "healthCheckNodePort", "ports"] {
            assert_eq!(after[field], before[field], "{field}");
        }
    })
    .await;
}

/// structured-merge-diff#227 (its sequel #234): a live list has one key twice, which only other writes than apply can
/// bring about, and no apply to it succeeded any more.
#[tokio::test]
async fn structured_merge_diff_227_one_key_twice_in_the_cluster() {
    in_every_world("twice", async |world| {
        let variable = |value: &str| json!({"name": "A", "value": value});
        let twice = web(&json!({"env": [variable("1"), variable("2")]}));
        let address = namespaced(&world, "/apis/apps/v1/namespaces/NS/deployments");
        let request = http::Request::post(format!("{address}?fieldManager=kubectl-create"))
            .header("content-type", "application/json")
            .body(twice.to_string().into_bytes());
        world.send(request.expect("a request")).await;
        let desired = manifests([web(&json!({"env": [variable("3")]})), config("a", "1")]);
        let plan = world.plan("r1", &desired).await.expect("a plan");
        assert!(plan.refusals.is_empty(), "{:?}", plan.refusals);
        fresh_in_sync(&world, &desired).await;
        let live = world.get(&format!("{address}/web")).await;
        let left = &live["spec"]["template"]["spec"]["containers"][0]["env"];
        assert_eq!(*left, json!([variable("3")]));
    })
    .await;
}

/// argo-cd#27703: a new object of a kind that comes with the same commit could not be compared.
#[tokio::test]
async fn argo_cd_27703_a_new_object_of_a_new_kind_is_planned() {
    in_every_world("new-kind", async |world| {
        let group = namespaced(&world, "NS.example.com");
        let definition = json!({"apiVersion": "apiextensions.k8s.io/v1", "kind": "CustomResourceDefinition",
            "metadata": {"name": format!("widgets.{group}")}, "spec": {"group": group, "scope": "Namespaced",
                "names": {"plural": "widgets", "singular": "widget", "kind": "Widget", "listKind": "WidgetList"},
                "versions": [{"name": "v1", "served": true, "storage": true, "schema": {"openAPIV3Schema":
                    {"type": "object", "x-kubernetes-preserve-unknown-fields": true}}}]}});
        let widget = json!({"apiVersion": format!("{group}/v1"), "kind": "Widget", "metadata": {"name": "w"}, "spec": {"a": 1}});
        let desired = manifests([widget, definition, config("a", "1")]);
        let plan = world.plan("r1", &desired).await.expect("a plan");
        assert_eq!((plan.summary.create, plan.refusals.len()), (3, 0), "{plan:#?}");
        let blind = |kind: &str| {
            let found = plan.operations.iter().find(|one| one.object.kind == kind).expect("it");
            found.blind.clone()
        };
        assert_eq!(blind("Widget").as_deref(), Some("kind Widget is not there yet"));
        assert_eq!((blind("CustomResourceDefinition"), blind("ConfigMap")), (None, None));
        fresh_in_sync(&world, &desired).await;
        let address = format!("/apis/apiextensions.k8s.io/v1/customresourcedefinitions/widgets.{group}");
        world.send(http::Request::delete(address).body(Vec::new()).expect("a request")).await;
    })
    .await;
}

/// argo-cd#19463: comparing took minutes. What the server stores in another form has to be asked for, but once: as long
/// as nothing changes, no further comparison of the same process asks.
#[tokio::test]
async fn argo_cd_19463_what_was_asked_once_is_not_asked_again() {
    in_every_world("asked", async |world| {
        let deployment = |index: usize| {
            let limits = json!({"resources": {"limits": {"cpu": "1000m", "memory": "1024Mi"}}});
            let mut deployment = web(&limits);
            deployment["metadata"]["name"] = format!("web{index}").into();
            deployment["spec"]["paused"] = true.into();
            deployment["spec"]["replicas"] = 0.into();
            deployment
        };
        let desired = manifests((0..20).map(deployment));
        assert!(world.sync("r1", &desired).await.expect("a sync").complete);
        // The controllers of a new object change its state a few times.
        let mut quiet = 0;
        for _ in 0..50 {
            let plan = world.plan("r1", &desired).await.expect("a plan");
            assert!(plan.is_empty(), "{:#?}", plan.operations);
            quiet = if plan.dry_runs == 0 { quiet + 1 } else { 0 };
            if quiet == 5 {
                return;
            }
        }
        panic!("every plan asks");
    })
    .await;
}
