//! Before a commit the API server tries what changes, and only that: the built binary on the sandbox and on a real API server.

use crate::connect::run;
use crate::support::clusters::{Kind, World, worlds};
use crate::support::fake_node::kind;
use crate::support::running::{Origin, config_map, config_maps, get};
use gitdeck::sandbox::{Effect, When};
use kube::api::{Api, DeleteParams, DynamicObject, Patch, PatchParams};
use serde_json::{Value, json};
use std::fs;
use std::time::Duration;

const WEB: &str = "\
apiVersion: apps/v1
kind: Deployment
metadata:
  name: web
spec:
  replicas: 1 # enough
  selector:
    matchLabels: {app: web}
  template:
    metadata:
      labels: {app: web}
    spec:
      containers:
        - name: app
          image: registry.example/web:1.0
";

/// What is wrong in Git already, and is no business of who changes something else.
const WRONG: &str = "\
apiVersion: apps/v1
kind: Deployment
metadata:
  name: wrong
spec:
  replicas: -3
  selector:
    matchLabels: {app: wrong}
  template:
    metadata:
      labels: {app: wrong}
    spec:
      containers:
        - {name: app, image: registry.example/web:1.0}
";

fn laid_out(world: &World, mapping: &str) -> Origin {
    let table = format!("[mappings.{mapping}]\nrepository = \"fleet\"\npath = \"app\"\n");
    let origin = Origin::new(world, &table);
    let map = config_map("beside", "1");
    let files = [
        ("app/web.yaml", Some(WEB)),
        ("app/wrong.yaml", Some(WRONG)),
        ("app/map.yaml", Some(&map[..])),
    ];
    origin.commit("begin", &files);
    origin
}

/// Commits another content of a file, and says what came of it.
fn commit(origin: &Origin, file: &str, text: &str, more: &[&str], expected: i32) -> String {
    let local = origin.place().join("local.yaml");
    fs::write(&local, text).unwrap();
    let (file, mapping) = (format!("{file}={}", local.display()), mapping(origin));
    let words = ["commit", &mapping, "--file", &file, "--push"];
    run(origin, &[&words[..], more].concat(), expected)
}

fn mapping(origin: &Origin) -> String {
    let text = fs::read_to_string(&origin.config).unwrap();
    text.split("[mappings.").nth(1).unwrap().split(']').next().unwrap().to_owned()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_the_server_would_refuse_is_not_committed() {
    for world in worlds("validated").await {
        let origin = laid_out(&world, "tried-web");
        for (from, to, field) in [
            ("replicas: 1", "replicas: -1", "spec.replicas"),
            ("replicas: 1", "replica: 1", "replica"),
            ("replicas: 1", "replicas: many", "replicas"),
            ("{app: web}\n  template", "{app: other}\n  template", "selector"),
            (
                "image: registry",
                "imagePullPolicy: Sometimes\n          image: registry",
                "imagePullPolicy",
            ),
        ] {
            let said = commit(&origin, "web.yaml", &WEB.replace(from, to), &[], 3);
            assert!(said.contains("nothing was committed: the server would refuse"), "{said}");
            assert!(
                said.contains("app/web.yaml:1: Deployment") && said.contains(field),
                "{to}: {said}"
            );
            assert!(said.contains("--no-validate"), "{said}");
        }
        assert_eq!(origin.count(), 1);
        // Of a Secret only the field is said.
        let secret =
            "apiVersion: v1\nkind: Secret\nmetadata:\n  name: token\ndata:\n  bad key: Y2FuYXJ5\n";
        let said = commit(&origin, "secret.yaml", secret, &[], 3);
        assert!(said.contains("Secret") && !said.contains("Y2FuYXJ5"), "{said}");

        // What is sound goes through, although something else is wrong; nothing was applied on the way.
        let said = commit(&origin, "web.yaml", &WEB.replace("replicas: 1", "replicas: 2"), &[], 0);
        assert!(!said.contains("not tried"), "{said}");
        assert_eq!(origin.count(), 2);
        assert!(get(&config_maps(&world).await, "beside").await.is_null());
        let value = "Deployment/web:/spec/replicas=-4";
        let words = ["set", "tried-web", "value", value, "--yes", "--push"];
        let said = run(&origin, &words, 3);
        assert!(said.contains("spec.replicas"), "{said}");
        run(&origin, &[&words[..], &["--no-validate"]].concat(), 0);
        assert!(origin.pushed("app/web.yaml").contains("replicas: -4 # enough"));

        // What the server does not know yet is said and goes on.
        let strange = "apiVersion: example.com/v1\nkind: Widget\nmetadata:\n  name: one\n";
        let said = commit(&origin, "widget.yaml", strange, &[], 0);
        assert!(said.contains("not tried on the server: the cluster does not know"), "{said}");
        let elsewhere =
            config_map("far", "1").replace("  name: far", "  name: far\n  namespace: nowhere");
        let said = commit(&origin, "far.yaml", &elsewhere, &[], 0);
        assert!(said.contains("not tried on the server") && said.contains("nowhere"), "{said}");
        assert_eq!(origin.count(), 5);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_live_already_may_become_what_cannot_be_changed_in_place() {
    for world in worlds("validated-live").await {
        let origin = laid_out(&world, "tried-live");
        commit(&origin, "wrong.yaml", &config_map("mended", "1"), &[], 0);
        run(&origin, &["sync", "tried-live", "--yes"], 0);
        // An immutable field is for the plan to speak of, and a value that is wrong beside it for us.
        let other = WEB.replace("{app: web}", "{app: other}");
        commit(&origin, "web.yaml", &other, &[], 0);
        let said =
            commit(&origin, "web.yaml", &other.replace("replicas: 1", "replicas: -1"), &[], 3);
        assert!(said.contains("spec.replicas"), "{said}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_cluster_that_cannot_be_asked_holds_nothing_up() {
    let world = World::sandbox("validated-away").await;
    let origin = laid_out(&world, "tried-away");
    let text = fs::read_to_string(&origin.config).unwrap();
    let lines = text.lines().filter(|line| !line.starts_with("kubeconfig"));
    let away = lines.collect::<Vec<_>>().join("\n");
    fs::write(&origin.config, format!("kubeconfig = \"nowhere\"\n{away}\n")).unwrap();
    let wrong = WEB.replace("replicas: 1", "replicas: -1");
    let said = commit(&origin, "web.yaml", &wrong, &[], 0);
    assert!(said.contains("not tried on the server"), "{said}");
    let words = ["-o", "json"];
    let said = commit(&origin, "web.yaml", WEB, &words, 0);
    assert!(said.contains("\"untried\": ["), "{said}");
    // What does not render is refused all the same.
    commit(&origin, "web.yaml", "a: [", &[], 3);
}

/// Fields that cannot change, in words that only their kind has.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_only_the_live_object_cannot_become_is_committed() {
    const CLASS: &str = "apiVersion: scheduling.k8s.io/v1\nkind: PriorityClass\nmetadata:\n  name: tried\nvalue: 5\n";
    const POD: &str = "apiVersion: v1\nkind: Pod\nmetadata:\n  name: tried\nspec:\n  restartPolicy: Always\n  containers:\n    - {name: app, image: registry.example/web:1.0}\n";
    for world in worlds("validated-fixed").await {
        let origin = laid_out(&world, "tried-fixed");
        let live = [
            ("app/wrong.yaml", None),
            ("app/class.yaml", Some(CLASS)),
            ("app/pod.yaml", Some(POD)),
        ];
        origin.commit("live", &live);
        run(&origin, &["sync", "tried-fixed", "--yes"], 0);
        for (file, before, from, to) in
            [("class.yaml", CLASS, "value: 5", "value: 6"), ("pod.yaml", POD, "Always", "Never")]
        {
            // What to do about it is for a plan to say.
            let said = commit(&origin, file, &before.replace(from, to), &[], 0);
            assert!(said.contains("committed") && !said.contains("the live one"), "{said}");
        }
        // What is wrong in another way as well is refused.
        let said = commit(&origin, "pod.yaml", &POD.replace("Always", "Sometimes"), &[], 3);
        assert!(said.contains("restartPolicy"), "{said}");
        let large = CLASS.replace("value: 5", "value: 2000000000").replace("tried", "tried-large");
        commit(&origin, "class.yaml", &large, &[], 3);
        let client = world.client().await;
        let resource = kind("scheduling.k8s.io", "v1", "PriorityClass");
        let all: Api<DynamicObject> = Api::all_with(client, &resource);
        assert!(all.get_opt("tried-gitdeck-probe").await.unwrap().is_none(), "a dry run");
        all.delete("tried", &DeleteParams::default()).await.unwrap();
    }
}

/// A kind whose objects have the fields `a`, which never changes, and more.
fn definition(more: &[&str]) -> String {
    let mut fields = json!({"a": {"type": "string", "x-kubernetes-validations":
        [{"rule": "self == oldSelf", "message": "a stays as it is"}]}});
    for field in more {
        fields[*field] = json!({"type": "string", "enum": ["x"]});
    }
    let schema =
        json!({"type": "object", "properties": {"spec": {"type": "object", "properties": fields}}});
    json!({"apiVersion": "apiextensions.k8s.io/v1", "kind": "CustomResourceDefinition",
        "metadata": {"name": "trials.tried.example.com"},
        "spec": {"group": "tried.example.com", "scope": "Namespaced",
            "names": {"plural": "trials", "singular": "trial", "kind": "Trial", "listKind": "TrialList"},
            "versions": [{"name": "v1", "served": true, "storage": true, "schema": {"openAPIV3Schema": schema}}]}})
    .to_string()
}

fn trial(spec: &Value) -> String {
    json!({"apiVersion": "tried.example.com/v1", "kind": "Trial", "metadata": {"name": "one"}, "spec": spec})
        .to_string()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_kind_and_an_object_of_it_may_change_in_one_commit() {
    for world in worlds("validated-kind").await {
        let origin = laid_out(&world, "tried-kind");
        let (kind_before, one) = (definition(&[]), trial(&json!({"a": "1"})));
        let live = [
            ("app/wrong.yaml", None),
            ("app/kind.yaml", Some(&kind_before[..])),
            ("app/one.yaml", Some(&one[..])),
        ];
        origin.commit("live", &live);
        run(&origin, &["sync", "tried-kind", "--yes"], 0);

        let changed = trial(&json!({"a": "1", "b": "x"}));
        let said = commit(&origin, "one.yaml", &changed, &[], 3);
        assert!(said.contains("field not declared in schema"), "{said}");
        if world.kind == Kind::Real {
            let said = commit(&origin, "one.yaml", &trial(&json!({"a": "2"})), &[], 0);
            assert!(said.contains("in place") && said.contains("a stays as it is"), "{said}");
        }
        let local = origin.place().join("kind.yaml");
        fs::write(&local, definition(&["b"])).unwrap();
        let beside = format!("kind.yaml={}", local.display());
        let said = commit(&origin, "one.yaml", &changed, &["--file", &beside], 0);
        assert!(said.contains("its definition changes in the same commit"), "{said}");
        assert!(origin.pushed("app/one.yaml").contains("\"b\""));

        let resource = kind("apiextensions.k8s.io", "v1", "CustomResourceDefinition");
        let all: Api<DynamicObject> = Api::all_with(world.client().await, &resource);
        all.delete("trials.tried.example.com", &DeleteParams::default()).await.unwrap();
    }
}

/// A webhook of the sandbox, and a policy of the real server: both may mean only us, and not who deploys.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_a_policy_denies_is_said_and_committed() {
    for world in worlds("validated-policy").await {
        let origin = laid_out(&world, "tried-policy");
        if let Some(faults) = world.faults() {
            let deny =
                Effect::Deny { webhook: "guard".to_owned(), message: "ask first".to_owned() };
            faults.always(When::object("configmaps", "beside"), deny);
        } else {
            deny(&world).await;
        }
        let said = commit(&origin, "map.yaml", &config_map("beside", "2"), &[], 0);
        assert!(said.contains("not tried on the server") && said.contains("ask first"), "{said}");
        // What is wrong by itself stays refused.
        commit(&origin, "web.yaml", &WEB.replace("replicas: 1", "replicas: -1"), &[], 3);
        if world.kind == Kind::Real {
            for name in ["ValidatingAdmissionPolicyBinding", "ValidatingAdmissionPolicy"] {
                policies(&world, name)
                    .await
                    .delete("tried", &DeleteParams::default())
                    .await
                    .unwrap();
            }
        }
    }
}

async fn policies(world: &World, name: &str) -> Api<DynamicObject> {
    let resource = kind("admissionregistration.k8s.io", "v1", name);
    Api::all_with(world.client().await, &resource)
}

/// Lets a policy deny the config maps of the namespace, and waits until it does.
async fn deny(world: &World) {
    let matched = json!({"namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": world.namespace}},
        "resourceRules": [{"apiGroups": [""], "apiVersions": ["v1"], "operations": ["CREATE", "UPDATE"],
            "resources": ["configmaps"]}]});
    for (name, spec) in [
        (
            "ValidatingAdmissionPolicy",
            json!({"matchConstraints": matched,
            "validations": [{"expression": "object.metadata.name != 'beside'", "message": "ask first"}]}),
        ),
        (
            "ValidatingAdmissionPolicyBinding",
            json!({"policyName": "tried", "validationActions": ["Deny"]}),
        ),
    ] {
        let object = json!({"apiVersion": "admissionregistration.k8s.io/v1", "kind": name,
            "metadata": {"name": "tried"}, "spec": spec});
        let by = PatchParams::apply("test");
        policies(world, name).await.patch("tried", &by, &Patch::Apply(object)).await.unwrap();
    }
    let maps = config_maps(world).await;
    let by = PatchParams::apply("test").dry_run();
    let map = json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "beside"}});
    let acts = async {
        while maps.patch("beside", &by, &Patch::Apply(&map)).await.is_ok() {
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(60), acts).await.expect("a policy that acts");
}
