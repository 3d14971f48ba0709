//! Objects that Flux, Argo CD, Helm or kapp applied before: what gitdeck takes over is its own from then on, and what
//! left Git goes with the tool that brought it.

use super::world::{World, in_every_world, manifests};
use gitdeck::domain::plan::{Op, Refusal};
use serde_json::{Value, json};

/// A tool: the manager under which it writes, whether by apply, and where it leaves its mark.
struct Tool {
    manager: &'static str,
    applies: bool,
    mark: (&'static str, &'static str, &'static str),
    owner: &'static str,
}

const TOOLS: [Tool; 8] = [
    Tool {
        manager: "kustomize-controller",
        applies: true,
        mark: ("labels", "kustomize.toolkit.fluxcd.io/name", "apps"),
        owner: "Flux Kustomization apps",
    },
    Tool {
        manager: "helm-controller",
        applies: false,
        mark: ("labels", "helm.toolkit.fluxcd.io/name", "web"),
        owner: "Flux HelmRelease web",
    },
    Tool {
        manager: "helm-controller",
        applies: true,
        mark: ("annotations", "meta.helm.sh/release-name", "web"),
        owner: "Helm release web",
    },
    Tool {
        manager: "argocd-controller",
        applies: true,
        mark: ("annotations", "argocd.argoproj.io/tracking-id", "shop:KIND:NS/web"),
        owner: "Argo CD application shop",
    },
    Tool {
        manager: "argocd-application-controller",
        applies: false,
        mark: ("annotations", "argocd.argoproj.io/tracking-id", "shop:KIND:NS/web"),
        owner: "Argo CD application shop",
    },
    // By label, as Argo CD does without further settings until version 3.
    Tool {
        manager: "argocd-controller",
        applies: false,
        mark: ("labels", "app.kubernetes.io/instance", "shop"),
        owner: "Argo CD application shop",
    },
    Tool {
        manager: "argocd-controller",
        applies: true,
        mark: ("labels", "app.kubernetes.io/instance", "shop"),
        owner: "Argo CD application shop",
    },
    Tool {
        manager: "kapp",
        applies: false,
        mark: ("labels", "kapp.k14s.io/app", "17"),
        owner: "kapp application 17",
    },
];

fn config(data: Value) -> Value {
    json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "web"}, "data": data})
}

/// A Deployment; `old` has a variable and a field more.
fn deployment(replicas: u32, old: bool) -> Value {
    let mut env = vec![json!({"name": "STAYS", "value": "1"})];
    let mut object = json!({"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "web"}, "spec": {
        "replicas": replicas, "selector": {"matchLabels": {"app": "web"}},
        "template": {"metadata": {"labels": {"app": "web"}}, "spec": {"containers": [{"name": "web", "image": "web:1"}]}}}});
    if old {
        env.push(json!({"name": "GONE", "value": "1"}));
        object["spec"]["minReadySeconds"] = 7.into();
        object["spec"]["revisionHistoryLimit"] = 3.into();
    }
    object["spec"]["template"]["spec"]["containers"][0]["env"] = env.into();
    object
}

impl World {
    fn folder_of(&self, object: &Value) -> String {
        let namespace = &self.mapping.target.namespace;
        if object["kind"] == "ConfigMap" {
            format!("/api/v1/namespaces/{namespace}/configmaps")
        } else {
            format!("/apis/apps/v1/namespaces/{namespace}/deployments")
        }
    }

    async fn inherited(&self, object: &Value) -> Value {
        self.get(&format!("{}/web", self.folder_of(object))).await
    }

    /// Makes an object as a tool does, with its mark.
    async fn bring(&self, object: &Value, tool: &Tool) {
        let (place, key, value) = tool.mark;
        let kind = if object["kind"] == "ConfigMap" { "/ConfigMap" } else { "apps/Deployment" };
        let value = value.replace("KIND", kind).replace("NS", &self.mapping.target.namespace);
        let mut object = object.clone();
        object["metadata"][place] = json!({key: value});
        let base = self.folder_of(&object);
        let request = if tool.applies {
            http::Request::patch(format!("{base}/web?fieldManager={}&force=true", tool.manager))
                .header("content-type", "application/apply-patch+yaml")
        } else {
            http::Request::post(format!("{base}?fieldManager={}", tool.manager))
                .header("content-type", "application/json")
        };
        self.send(request.body(object.to_string().into_bytes()).expect("a request")).await;
    }
}

fn managers(live: &Value) -> Vec<&str> {
    let entries = live["metadata"]["managedFields"].as_array().into_iter().flatten();
    let own = entries.filter(|entry| entry["subresource"].is_null());
    own.map(|entry| entry["manager"].as_str().unwrap_or_default()).collect()
}

/// The paths of the one operation of a plan.
async fn changes(world: &World, desired: &Value) -> Vec<String> {
    let plan = world.plan("r1", &manifests([desired.clone()])).await.expect("a plan");
    assert!(plan.refusals.is_empty(), "{:?}", plan.refusals);
    plan.operations.iter().flat_map(|one| &one.changes).map(|one| one.path.clone()).collect()
}

async fn sync(world: &World, desired: &Value) -> Value {
    let applied = world.sync("r1", &manifests([desired.clone()])).await.expect("a sync");
    assert!(applied.complete, "{:?}", applied.failures().collect::<Vec<_>>());
    world.inherited(desired).await
}

#[tokio::test]
async fn values_are_taken_over_from_the_tool_that_applied_them() {
    for tool in &TOOLS {
        in_every_world("succeeded", async |mut world| {
            world.bring(&config(json!({"a": "old", "gone": "x"})), tool).await;
            let desired = config(json!({"a": "new", "b": "1"}));
            let plan = world.plan("r1", &manifests([desired.clone()])).await.expect("a plan");
            assert!(
                matches!(&plan.refusals[..], [Refusal::Foreign { owner, .. }] if owner == tool.owner),
                "{}: {:?}",
                tool.manager,
                plan.refusals
            );
            world.options.take_over = true;
            let (place, key, _) = tool.mark;
            let mark = format!("/metadata/{place}/{}", key.replace('/', "~1"));
            let planned = changes(&world, &desired).await;
            for path in ["/data/a", "/data/b", "/data/gone", &mark] {
                assert!(planned.iter().any(|one| one == path), "{}: {path} {planned:?}", tool.manager);
            }
            let live = sync(&world, &desired).await;
            assert_eq!(live["data"], json!({"a": "new", "b": "1"}), "{}", tool.manager);
            assert_eq!(live["metadata"][place][key], Value::Null);
            assert_eq!(managers(&live), ["gitdeck"]);
            // From now on it is an object like any other: nothing has to be claimed again.
            world.options.take_over = false;
            assert!(changes(&world, &desired).await.is_empty());
            let live = sync(&world, &config(json!({"a": "newer", "b": "1"}))).await;
            assert_eq!(live["data"], json!({"a": "newer", "b": "1"}));
            let live = sync(&world, &config(json!({"a": "newer"}))).await;
            assert_eq!(live["data"], json!({"a": "newer"}));
        })
        .await;
    }
}

#[tokio::test]
async fn fields_and_items_that_left_git_go_with_the_tool() {
    for tool in &TOOLS {
        in_every_world("bequeathed", async |mut world| {
            world.bring(&deployment(3, true), tool).await;
            world.options.take_over = true;
            let desired = deployment(2, false);
            let planned = changes(&world, &desired).await;
            let of_spec: Vec<&String> =
                planned.iter().filter(|path| path.starts_with("/spec")).collect();
            let container = "/spec/template/spec/containers/[name=web]/env/[name=GONE]";
            // Defaults that the tool happens to own come back by themselves and are no change.
            let expected = [
                "/spec/minReadySeconds",
                "/spec/replicas",
                "/spec/revisionHistoryLimit",
                container,
            ];
            assert_eq!(of_spec, expected, "{}", tool.manager);
            let live = sync(&world, &desired).await;
            let spec = &live["spec"];
            assert_eq!(
                (&spec["replicas"], &spec["minReadySeconds"], &spec["revisionHistoryLimit"]),
                (&json!(2), &Value::Null, &json!(10)),
                "{}",
                tool.manager
            );
            let env = &spec["template"]["spec"]["containers"][0]["env"];
            assert_eq!(*env, json!([{"name": "STAYS", "value": "1"}]));
            world.options.take_over = false;
            assert!(changes(&world, &desired).await.is_empty(), "{}", tool.manager);
        })
        .await;
    }
}

/// Whoever writes the replicas keeps them, whoever applied the rest.
#[tokio::test]
async fn what_a_rule_or_an_autoscaler_keeps_is_not_lost_with_the_tool() {
    in_every_world("kept-on", async |mut world| {
        let rule = gitdeck::domain::IgnoreRule {
            kind: Some("Deployment".into()),
            path: Some("/spec/replicas".into()),
            ..Default::default()
        };
        world.mapping.ignore = vec![rule];
        world.bring(&deployment(3, false), &TOOLS[0]).await;
        world.options.take_over = true;
        let live = sync(&world, &deployment(2, false)).await;
        assert_eq!(live["spec"]["replicas"], 3, "the live value is left");
        world.options.take_over = false;
        assert!(changes(&world, &deployment(2, false)).await.is_empty());
    })
    .await;
}

/// What came after the tool's own commit is left: its mark is on the object again, and so it is refused again.
#[tokio::test]
async fn a_tool_that_writes_again_is_named_again() {
    in_every_world("returned", async |mut world| {
        let desired = config(json!({"a": "1"}));
        world.bring(&config(json!({"a": "0"})), &TOOLS[0]).await;
        world.options.take_over = true;
        sync(&world, &desired).await;
        world.bring(&config(json!({"a": "2", "own": "x"})), &TOOLS[0]).await;
        world.options.take_over = false;
        let plan = world.plan("r1", &manifests([desired.clone()])).await.expect("a plan");
        assert!(matches!(&plan.refusals[..], [Refusal::Foreign { .. }]), "{:?}", plan.refusals);
        world.options.take_over = true;
        let plan = world.plan("r1", &manifests([desired.clone()])).await.expect("a plan");
        assert_eq!(plan.operations[0].op, Op::TakeOver);
        let live = sync(&world, &desired).await;
        assert_eq!((&live["data"], managers(&live)), (&json!({"a": "1"}), vec!["gitdeck"]));
    })
    .await;
}

/// The label by which Argo CD tracks is set by charts as well: only where Argo CD wrote it is it a mark.
#[tokio::test]
async fn the_label_of_a_chart_is_nobodys_mark() {
    for manager in ["helm", "kubectl", "argocd-image-updater"] {
        in_every_world("chart-label", async |world| {
            let mark = ("labels", "app.kubernetes.io/instance", "web");
            let chart = Tool { manager, applies: true, mark, owner: "" };
            world.bring(&config(json!({"a": "1"})), &chart).await;
            let mut desired = config(json!({"a": "2"}));
            desired["metadata"]["labels"] = json!({"app.kubernetes.io/instance": "web"});
            changes(&world, &desired).await;
            let live = sync(&world, &desired).await;
            assert_eq!(
                live["metadata"]["labels"]["app.kubernetes.io/instance"], "web",
                "{manager}"
            );
            // Argo CD has a hand in it, but tracks something else.
            let other = Tool {
                manager: "argocd-controller",
                applies: true,
                mark: ("labels", "other", "x"),
                owner: "",
            };
            world.bring(&config(json!({"b": "1"})), &other).await;
            changes(&world, &desired).await;
        })
        .await;
    }
}

/// What nobody owns is taken away by no apply: a mark whose tool's entry was lost would refuse the object for ever.
#[tokio::test]
async fn a_mark_without_an_owner_goes_with_the_take_over() {
    for tool in [&TOOLS[0], &TOOLS[3]] {
        for others in [false, true] {
            in_every_world("orphaned", async |mut world| {
                world.bring(&config(json!({"a": "old"})), tool).await;
                let desired = config(json!({"a": "new"}));
                let entry = json!({"manager": "ci", "operation": "Update", "apiVersion": "v1",
                    "fieldsType": "FieldsV1", "fieldsV1": {"f:data": {"f:a": {}}}});
                let entries = if others { json!([entry]) } else { json!([{}]) };
                let address = format!("{}/web?fieldManager=ci", world.folder_of(&desired));
                let body = json!({"metadata": {"managedFields": entries}}).to_string().into_bytes();
                let patch = http::Request::patch(address)
                    .header("content-type", "application/merge-patch+json");
                world.send(patch.body(body).expect("a request")).await;
                let plan = world.plan("r1", &manifests([desired.clone()])).await.expect("a plan");
                assert!(
                    matches!(&plan.refusals[..], [Refusal::Foreign { .. }]),
                    "{:?}",
                    plan.refusals
                );
                world.options.take_over = true;
                let (place, key, _) = tool.mark;
                let mark = format!("/metadata/{place}/{}", key.replace('/', "~1"));
                let planned = changes(&world, &desired).await;
                assert!(planned.contains(&mark), "{others} {planned:?}");
                let live = sync(&world, &desired).await;
                assert_eq!(live["metadata"][place][key], Value::Null, "{others} {live:#}");
                assert_eq!(live["data"]["a"], "new");
                world.options.take_over = false;
                let plan = world.plan("r1", &manifests([desired.clone()])).await.expect("a plan");
                assert!(plan.refusals.is_empty(), "{:?}", plan.refusals);
            })
            .await;
        }
    }
}
