//! Differences that were not shown, and differences that were none. That every other value is judged as the server
//! judges it is tested with random changes in `proof`.

use super::fleet::Fleet;
use crate::cluster::records::many;
use crate::cluster::world::{World, config, in_every_world, manifests};
use crate::support::clusters::worlds;
use gitdeck::cluster::Cluster;
use gitdeck::domain::plan::{Plan, Refusal};
use gitdeck::domain::{Manifest, Revision};
use serde_json::{Value, json};

/// The paths of all changes.
pub fn paths(plan: &Plan) -> Vec<&str> {
    let changes = plan.operations.iter().flat_map(|operation| &operation.changes);
    changes.map(|change| change.path.as_str()).collect()
}

/// Syncs, after which nothing may differ.
pub async fn in_sync(world: &World, desired: &[Manifest]) {
    assert!(world.sync("r1", desired).await.expect("a sync").complete);
    let plan = world.plan("r1", desired).await.expect("a plan");
    assert!(plan.is_empty(), "{:#?}", plan.operations);
}

/// A Deployment with one container.
pub fn web(container: &Value) -> Value {
    let mut container = container.clone();
    container["name"] = "main".into();
    container["image"] = "example.com/web:1".into();
    json!({"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "web"}, "spec": {
        "selector": {"matchLabels": {"app": "web"}},
        "template": {"metadata": {"labels": {"app": "web"}}, "spec": {"containers": [container]}}}})
}

/// argo-cd#28818: a change below `x-kubernetes-preserve-unknown-fields` was not seen.
#[tokio::test]
async fn argo_cd_28818_changes_of_unknown_fields_are_seen() {
    in_every_world("unknown-fields", async |world| {
        let group = format!("{}.example.com", world.mapping.target.namespace);
        let spec = json!({"type": "object", "x-kubernetes-preserve-unknown-fields": true, "properties": {
            "mode": {"type": "string", "default": "plain"},
            "template": {"type": "object", "x-kubernetes-embedded-resource": true,
                "x-kubernetes-preserve-unknown-fields": true}}});
        let definition = json!({"apiVersion": "apiextensions.k8s.io/v1", "kind": "CustomResourceDefinition",
            "metadata": {"name": format!("gadgets.{group}")}, "spec": {"group": group, "scope": "Namespaced",
                "names": {"plural": "gadgets", "singular": "gadget", "kind": "Gadget", "listKind": "GadgetList"},
                "versions": [{"name": "v1", "served": true, "storage": true,
                    "schema": {"openAPIV3Schema": {"type": "object", "properties": {"spec": spec}}}}]}});
        let gadget = |deep: &Value| {
            json!({"apiVersion": format!("{group}/v1"), "kind": "Gadget", "metadata": {"name": "g"}, "spec": {
                "free": {"deep": deep, "list": [{"a": 1}, {"a": 2}]},
                "template": {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "p"}, "spec": {"x": 1}}}})
        };
        let desired = |deep: Value| manifests([definition.clone(), gadget(&deep)]);
        in_sync(&world, &desired(json!("a"))).await;
        let plan = world.plan("r2", &desired(json!("b"))).await.expect("a plan");
        assert_eq!(paths(&plan), ["/spec/free/deep"]);
        in_sync(&world, &desired(json!("b"))).await;
        let address =
            format!("/apis/apiextensions.k8s.io/v1/customresourcedefinitions/gadgets.{group}");
        world.send(http::Request::delete(address).body(Vec::new()).expect("a request")).await;
    })
    .await;
}

/// argo-cd#23016: a field that left Git was not shown, because nothing in Git spoke of it any more.
#[tokio::test]
async fn argo_cd_23016_a_removed_field_is_shown_and_removed() {
    in_every_world("removed", async |world| {
        let env = |names: &[&str]| {
            let items: Vec<Value> =
                names.iter().map(|name| json!({"name": name, "value": "1"})).collect();
            manifests([web(&json!({"env": items}))])
        };
        in_sync(&world, &env(&["A", "B"])).await;
        let plan = world.plan("r2", &env(&["A"])).await.expect("a plan");
        let shown = paths(&plan);
        assert!(!shown.is_empty(), "nothing is shown");
        assert!(shown.iter().all(|path| path.contains("[name=B]")), "{shown:?}");
        in_sync(&world, &env(&["A"])).await;
        let address =
            format!("/apis/apps/v1/namespaces/{}/deployments/web", world.mapping.target.namespace);
        let live = world.get(&address).await;
        let left = &live["spec"]["template"]["spec"]["containers"][0]["env"];
        assert_eq!(*left, json!([{"name": "A", "value": "1"}]));
    })
    .await;
}

/// argo-cd#16483: the difference of a Secret was left out.
#[tokio::test]
async fn argo_cd_16483_a_changed_secret_differs() {
    in_every_world("secretly", async |world| {
        let secret = |value: &str| {
            manifests([json!({"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "s"},
                "stringData": {"k": value}})])
        };
        in_sync(&world, &secret("a")).await;
        let plan = world.plan("r2", &secret("b")).await.expect("a plan");
        assert_eq!(paths(&plan), ["/data/k"]);
        in_sync(&world, &secret("b")).await;
    })
    .await;
}

/// argo-cd#15825: the command line's diff left Secrets out, and ended as if there were no difference.
#[tokio::test(flavor = "multi_thread")]
async fn argo_cd_15825_the_command_line_tells_of_a_changed_secret() {
    for world in worlds("told-secret").await {
        let fleet = Fleet::new(world, &["app"]);
        let secret = |value: &str| {
            format!(
                "apiVersion: v1\nkind: Secret\nmetadata:\n  name: token\nstringData:\n  key: {value}\n"
            )
        };
        fleet.push(&[("app/secret.yaml", Some(&secret("hunter-one")))]);
        fleet.ok(&["sync", "app", "--yes"]);
        fleet.ok(&["diff", "app"]);
        fleet.push(&[("app/secret.yaml", Some(&secret("hunter-two")))]);
        let (code, said) = fleet.run(&["diff", "app"]);
        assert_eq!(code, 1, "{said}");
        assert!(said.contains("token") && said.contains("/data/key"), "{said}");
        for value in ["hunter", "aHVudGVyLW9uZQ", "aHVudGVyLXR3bw"] {
            assert!(!said.contains(value), "{said}");
        }
    }
}

/// structured-merge-diff#130, kubernetes#98576: ports that differ by protocol alone, and one without a protocol.
#[tokio::test]
async fn structured_merge_diff_130_ports_that_differ_by_protocol() {
    in_every_world("ports", async |world| {
        let service = json!({"apiVersion": "v1", "kind": "Service", "metadata": {"name": "dns"}, "spec": {
            "selector": {"app": "web"},
            "ports": [{"name": "tcp", "port": 53}, {"name": "udp", "port": 53, "protocol": "UDP"}]}});
        let ports = [json!({"containerPort": 53}), json!({"containerPort": 53, "protocol": "UDP"})];
        in_sync(&world, &manifests([service, web(&json!({"ports": ports}))])).await;
    })
    .await;
}

/// Another way to write the same is no difference; what each thread was about is in `otherwise`.
#[tokio::test]
async fn what_the_server_writes_otherwise_is_no_difference() {
    in_every_world("otherwise", async |world| {
        let mut deployment = web(&json!({
            "resources": {"limits": {"cpu": "1000m", "memory": "1024Mi"},
                "requests": {"cpu": 0.5, "memory": "1073741824"}},
            "ports": [{"containerPort": 80, "name": "http"}],
            "readinessProbe": {"httpGet": {"path": "/", "port": "http"}},
            "env": [{"name": "B", "value": "2"}, {"name": "A", "value": ""}],
            "securityContext": {}, "args": [], "command": null}));
        deployment["metadata"]["annotations"] = json!({});
        deployment["metadata"]["creationTimestamp"] = Value::Null;
        deployment["spec"]["template"]["spec"]["volumes"] = json!([]);
        deployment["spec"]["template"]["spec"]["nodeSelector"] = json!({});
        let metric = |name: &str, target: Value| json!({"type": "Resource", "resource": {"name": name, "target": target}});
        let scaler = json!({"apiVersion": "autoscaling/v2", "kind": "HorizontalPodAutoscaler", "metadata": {"name": "web"},
            "spec": {"minReplicas": 1, "maxReplicas": 3,
                "scaleTargetRef": {"apiVersion": "apps/v1", "kind": "Deployment", "name": "web"},
                "metrics": [metric("memory", json!({"type": "AverageValue", "averageValue": "0.5Gi"})),
                    metric("cpu", json!({"type": "Utilization", "averageUtilization": 80}))]}});
        let role = json!({"apiVersion": "rbac.authorization.k8s.io/v1", "kind": "Role",
            "metadata": {"name": "r"}, "rules": []});
        let desired = manifests([deployment, scaler, role, config("empty", "")]);
        in_sync(&world, &desired).await;
    })
    .await;
}

/// argo-cd#17358: a field that no schema knows is said at once, on its object, and nothing is written.
#[tokio::test]
async fn argo_cd_17358_an_unknown_field_is_named() {
    in_every_world("undeclared", async |world| {
        let desired = manifests([web(&json!({"imagePullPolice": "Always"})), config("a", "1")]);
        let plan = world.plan("r1", &desired).await.expect("a plan");
        let [Refusal::Invalid { object, message, .. }] = &plan.refusals[..] else {
            panic!("{:?}", plan.refusals)
        };
        assert_eq!(object.name, "web");
        assert!(message.contains("imagePullPolice"), "{message}");
        assert!(world.sync("r1", &desired).await.is_err());
        assert_eq!(world.data("a").await, Value::Null);
    })
    .await;
}

/// argo-cd#27679: a new object in a new namespace could not be compared.
#[tokio::test]
async fn argo_cd_27679_new_objects_in_new_places_are_planned() {
    in_every_world("newborn", async |world| {
        let inner = format!("{}-inner", world.mapping.target.namespace);
        let mut inside = config("a", "1");
        inside["metadata"]["namespace"] = inner.as_str().into();
        let space = json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": inner}});
        let desired = manifests([inside, space]);
        let plan = world.plan("r1", &desired).await.expect("a plan");
        assert_eq!((plan.summary.create, plan.refusals.len()), (2, 0), "{plan:#?}");
        in_sync(&world, &desired).await;
    })
    .await;
}

/// argo-cd#18344: a comparison took ten times as long, because it asked the server for each object. What is in
/// sync costs no request of its own, also for a process that remembers nothing.
#[tokio::test]
async fn argo_cd_18344_what_is_in_sync_is_not_asked_for_one_by_one() {
    in_every_world("quiet", async |world| {
        let reads = async |count: usize| {
            let desired = many(count);
            assert!(world.sync("r1", &desired).await.expect("a sync").complete);
            let fresh = Cluster::from_client(world.client.clone(), "test", "default");
            let revision = Revision::new("r1");
            let plan = fresh.plan(&world.request(&revision, &desired)).await.expect("a plan");
            assert!(plan.is_empty() && plan.summary.unchanged == count, "{:?}", plan.summary);
            let traffic = fresh.traffic();
            assert_eq!((traffic.dry_runs, traffic.writes), (0, 0));
            traffic.reads
        };
        let (few, more) = (reads(40).await, reads(400).await);
        assert_eq!(few, more, "requests grow with the objects");
    })
    .await;
}
