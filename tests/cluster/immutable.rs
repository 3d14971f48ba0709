//! Fields that cannot be changed: refused by name, made anew only when asked.

use super::world::{World, in_every_world, manifests};
use gitdeck::domain::plan::{Op, Refusal};
use serde_json::{Value, json};

/// An object before and after a change that the server does not take, and the field that it takes offence at.
struct Case {
    address: &'static str,
    before: Value,
    after: Value,
    field: &'static str,
    /// What is asked to be typed beside.
    precious: bool,
}

fn case(address: &'static str, field: &'static str, object: impl Fn(bool) -> Value) -> Case {
    Case { address, field, before: object(false), after: object(true), precious: false }
}

fn pods(label: &str, image: &str) -> Value {
    json!({"metadata": {"labels": {"app": label}}, "spec": {"containers": [{"name": "main", "image": image}]}})
}

fn workloads() -> Vec<Case> {
    vec![
        case("apis/apps/v1/namespaces/NS/deployments/x", "spec.selector", |changed| {
            let label = if changed { "new" } else { "old" };
            json!({"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "x"}, "spec": {"replicas": 0,
                "selector": {"matchLabels": {"app": label}}, "template": pods(label, "example.com/x:1")}})
        }),
        case("apis/batch/v1/namespaces/NS/jobs/x", "spec.template", |changed| {
            let image = if changed { "example.com/x:2" } else { "example.com/x:1" };
            let mut template = pods("x", image);
            template["spec"]["restartPolicy"] = "Never".into();
            json!({"apiVersion": "batch/v1", "kind": "Job", "metadata": {"name": "x"},
                "spec": {"suspend": true, "template": template, "ttlSecondsAfterFinished": 9}})
        }),
        case("apis/apps/v1/namespaces/NS/statefulsets/x", "spec.volumeClaimTemplates", |changed| {
            let size = if changed { "2Gi" } else { "1Gi" };
            json!({"apiVersion": "apps/v1", "kind": "StatefulSet", "metadata": {"name": "x"}, "spec": {"replicas": 0,
                "serviceName": "x", "selector": {"matchLabels": {"app": "x"}}, "template": pods("x", "example.com/x:1"),
                "volumeClaimTemplates": [{"metadata": {"name": "data"}, "spec": {"accessModes": ["ReadWriteOnce"],
                    "resources": {"requests": {"storage": size}}}}]}})
        }),
    ]
}

/// Kinds whose registries have words of their own.
fn odd_ones() -> Vec<Case> {
    vec![
        case("api/v1/namespaces/NS/pods/x", "spec.containers", |changed| {
            let mut pod = pods("x", "example.com/x:1");
            pod["apiVersion"] = "v1".into();
            pod["kind"] = "Pod".into();
            pod["metadata"]["name"] = "x".into();
            pod["spec"]["containers"][0]["command"] = json!([if changed { "two" } else { "one" }]);
            pod
        }),
        case("apis/scheduling.k8s.io/v1/priorityclasses/x-NS", "value", |changed| {
            json!({"apiVersion": "scheduling.k8s.io/v1", "kind": "PriorityClass", "metadata": {"name": "x-NS"},
                "value": if changed { 2 } else { 1 }})
        }),
        case("apis/storage.k8s.io/v1/storageclasses/x-NS", "parameters", |changed| {
            json!({"apiVersion": "storage.k8s.io/v1", "kind": "StorageClass", "metadata": {"name": "x-NS"},
                "provisioner": "example.com/disk", "parameters": {"type": if changed { "b" } else { "a" }}})
        }),
    ]
}

fn others() -> Vec<Case> {
    let claim = case(
        "api/v1/namespaces/NS/persistentvolumeclaims/x",
        "spec.resources",
        |changed| {
            let size = if changed { "1Gi" } else { "2Gi" };
            json!({"apiVersion": "v1", "kind": "PersistentVolumeClaim", "metadata": {"name": "x"}, "spec": {
            "storageClassName": "none", "accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": size}}}})
        },
    );
    vec![
        case("api/v1/namespaces/NS/services/x", "spec.clusterIP", |changed| {
            let mut service = json!({"apiVersion": "v1", "kind": "Service", "metadata": {"name": "x"},
                "spec": {"selector": {"app": "x"}, "ports": [{"port": 80}], "clusterIP": "None"}});
            if changed {
                service["spec"]["clusterIP"] = "10.96.77.11".into();
            }
            service
        }),
        Case { precious: true, ..claim },
        case(
            "apis/rbac.authorization.k8s.io/v1/namespaces/NS/rolebindings/x",
            "roleRef",
            |changed| {
                let role = if changed { "edit" } else { "view" };
                let api = "rbac.authorization.k8s.io";
                json!({"apiVersion": format!("{api}/v1"), "kind": "RoleBinding", "metadata": {"name": "x"},
                "subjects": [{"apiGroup": api, "kind": "User", "name": "ana"}],
                "roleRef": {"apiGroup": api, "kind": "ClusterRole", "name": role}})
            },
        ),
        case("api/v1/namespaces/NS/configmaps/x", "data", |changed| {
            let value = if changed { "2" } else { "1" };
            json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "x"}, "immutable": true,
                "data": {"key": value}})
        }),
    ]
}

/// What a volume and its controller do to a claim.
async fn bind(world: &World, address: &str) {
    let body = json!({"status": {"phase": "Bound", "capacity": {"storage": "2Gi"}}});
    let request = http::Request::patch(format!("{address}/status"))
        .header("content-type", "application/merge-patch+json")
        .body(body.to_string().into_bytes());
    world.send(request.expect("a request")).await;
}

async fn refused_and_made_anew(mut world: World, case: &Case) {
    let kind = &case.before["kind"];
    let address = format!("/{}", case.address.replace("NS", &world.mapping.target.namespace));
    let uid = async |world: &World| world.get(&address).await["metadata"]["uid"].clone();
    let named = |object: &Value| {
        let mut object = object.clone();
        let name = object["metadata"]["name"].as_str().expect("a name");
        object["metadata"]["name"] = name.replace("NS", &world.mapping.target.namespace).into();
        manifests([object])
    };
    let (before, after) = (named(&case.before), named(&case.after));
    assert!(world.sync("r1", &before).await.expect("a sync").complete, "{kind}");
    if case.precious {
        bind(&world, &address).await;
    }
    let first = uid(&world).await;
    let plan = world.plan("r2", &after).await.expect("a plan");
    assert_eq!(plan.operations[0].op, Op::Recreate, "{kind}: {:?}", plan.refusals);
    let named = plan.refusals.iter().find_map(|refusal| match refusal {
        Refusal::Immutable { fields, .. } => Some(fields.clone()),
        _ => None,
    });
    let named = named.unwrap_or_else(|| panic!("{kind}: {:?}", plan.refusals));
    assert!(named.iter().any(|field| field.starts_with(case.field)), "{kind}: {named:?}");
    assert!(named.iter().all(|field| field != "spec"), "{kind}: {named:?}");
    if kind == "Pod" {
        assert_eq!(named, ["spec.containers"]);
        let changes = plan.operations[0].changes.iter().map(|one| one.path.as_str());
        assert_eq!(changes.collect::<Vec<_>>(), ["/spec/containers/[name=main]/command/0"]);
    }
    assert!(world.sync("r2", &after).await.is_err(), "{kind}");
    assert_eq!(uid(&world).await, first, "{kind} was touched");
    world.options.recreate = true;
    if case.precious {
        assert!(world.sync("r2", &after).await.is_err(), "{kind}: without its number");
        world.options.allow_delete = Some(1);
    }
    let applied = world.sync("r2", &after).await.expect("a sync");
    assert!(applied.complete, "{kind}: {:?}", applied.outcomes);
    assert_ne!(uid(&world).await, first, "{kind}");
    assert!(world.plan("r2", &after).await.expect("a plan").is_empty(), "{kind}");
}

#[tokio::test]
async fn immutable_fields_of_workloads_are_refused_by_name() {
    for case in &workloads() {
        in_every_world("fixed", async |world| refused_and_made_anew(world, case).await).await;
    }
}

#[tokio::test]
async fn immutable_fields_of_other_kinds_are_refused_by_name() {
    for case in &others() {
        in_every_world("fixed", async |world| refused_and_made_anew(world, case).await).await;
    }
}

#[tokio::test]
async fn what_kinds_say_in_their_own_words_is_refused_by_name() {
    for case in &odd_ones() {
        in_every_world("fixed", async |world| refused_and_made_anew(world, case).await).await;
    }
}
