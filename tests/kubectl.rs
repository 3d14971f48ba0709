//! An unmodified kubectl against the sandbox, over TLS.

use std::path::PathBuf;
use std::process::Stdio;

use gitdeck::sandbox::{Options, Rule, Sandbox, User};
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::io::{AsyncBufReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::process::Command;

use crate::support::clusters::kubectl;
use crate::support::shared_data;

/// A sandbox that kubectl can reach, with a home of its own.
struct Bench {
    sandbox: Sandbox,
    kubectl: PathBuf,
    home: TempDir,
}

impl Bench {
    async fn start(users: Vec<User>) -> Option<Self> {
        let kubectl = kubectl()?;
        let options = Options { users, ..Options::default() };
        let sandbox = Sandbox::start(options).await.expect("a sandbox");
        let served =
            sandbox.serve("127.0.0.1:0".parse().expect("an address")).await.expect("a port");
        let home = tempfile::tempdir().expect("a folder");
        let contexts = [("one", "default"), ("two", "kube-system")];
        std::fs::write(home.path().join("config"), sandbox.kubeconfig(&served, &contexts))
            .expect("a file");
        if let Some(config) = sandbox.kubeconfig_of("viewer", &served, &contexts) {
            std::fs::write(home.path().join("viewer"), config).expect("a file");
        }
        Some(Self { sandbox, kubectl, home })
    }

    fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(&self.kubectl);
        command
            .args(arguments)
            .env("HOME", self.home.path())
            .env("KUBECONFIG", self.home.path().join("config"))
            .env("NO_PROXY", "127.0.0.1")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .kill_on_drop(true);
        command
    }

    /// Exit code, output and errors of kubectl with this input.
    async fn run(&self, arguments: &[&str], input: &str) -> (i32, String, String) {
        let mut child = self.command(arguments).spawn().expect("kubectl starts");
        let mut stdin = child.stdin.take().expect("a pipe");
        stdin.write_all(input.as_bytes()).await.expect("kubectl reads");
        drop(stdin);
        let output = child.wait_with_output().await.expect("kubectl ends");
        let text = |bytes: Vec<u8>| String::from_utf8(bytes).expect("text");
        (output.status.code().unwrap_or(-1), text(output.stdout), text(output.stderr))
    }

    /// The output of kubectl, which must succeed.
    async fn ok(&self, arguments: &[&str], input: &str) -> String {
        let (code, output, errors) = self.run(arguments, input).await;
        assert_eq!(code, 0, "kubectl {}: {output}{errors}", arguments.join(" "));
        output
    }

    async fn json(&self, arguments: &[&str]) -> Value {
        let output = self.ok(&[arguments, &["-o", "json"]].concat(), "").await;
        serde_json::from_str(&output).expect("JSON")
    }
}

fn deployment(image: &str) -> String {
    json!({
        "apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "web", "labels": {"app": "web"}},
        "spec": {"replicas": 2, "selector": {"matchLabels": {"app": "web"}}, "template": {
            "metadata": {"labels": {"app": "web"}},
            "spec": {"containers": [{"name": "main", "image": image, "ports": [{"containerPort": 80}]}]},
        }},
    })
    .to_string()
}

/// Managers of an object, with the subresource and whether they apply.
fn managers(object: &Value) -> Vec<(String, String, String)> {
    let text = |entry: &Value, field: &str| entry[field].as_str().unwrap_or_default().to_owned();
    let entries = object.pointer("/metadata/managedFields").and_then(Value::as_array);
    let mut found: Vec<_> = entries
        .into_iter()
        .flatten()
        .map(|entry| (text(entry, "manager"), text(entry, "operation"), text(entry, "subresource")))
        .collect();
    found.sort();
    found
}

#[tokio::test(flavor = "multi_thread")]
async fn client_side_apply_diff_scale_and_delete() {
    let Some(bench) = Bench::start(Vec::new()).await else { return };
    assert_eq!(
        bench.ok(&["apply", "-f", "-"], &deployment("a:1")).await,
        "deployment.apps/web created\n"
    );
    assert_eq!(
        bench.ok(&["apply", "-f", "-"], &deployment("a:1")).await,
        "deployment.apps/web unchanged\n"
    );
    let (code, difference, _) = bench.run(&["diff", "-f", "-"], &deployment("a:2")).await;
    assert_eq!(code, 1);
    assert!(
        difference.contains("-      - image: a:1") && difference.contains("+      - image: a:2"),
        "{difference}"
    );
    assert_eq!(bench.run(&["diff", "-f", "-"], &deployment("a:1")).await.0, 0);
    assert_eq!(
        bench.ok(&["apply", "-f", "-"], &deployment("a:2")).await,
        "deployment.apps/web configured\n"
    );
    bench.ok(&["scale", "deployment/web", "--replicas=5"], "").await;
    let object = bench.json(&["get", "deployment", "web", "--show-managed-fields"]).await;
    assert_eq!(object["spec"]["replicas"], 5);
    let seen = managers(&object);
    assert!(seen.contains(&("kubectl".into(), "Update".into(), "scale".into())), "{seen:?}");
    assert!(
        seen.contains(&("kubectl-client-side-apply".into(), "Update".into(), String::new())),
        "{seen:?}"
    );
    assert!(
        bench
            .ok(&["delete", "deployment", "web"], "")
            .await
            .starts_with("deployment.apps \"web\" deleted")
    );
    let (code, _, errors) = bench.run(&["get", "deployment", "web"], "").await;
    assert_eq!(
        (code, errors.as_str()),
        (1, "Error from server (NotFound): deployments.apps \"web\" not found\n")
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn server_side_apply_conflicts_and_takes_over() {
    let Some(bench) = Bench::start(Vec::new()).await else { return };
    let apply = ["apply", "--server-side", "-f", "-"];
    assert_eq!(
        bench.ok(&apply, &deployment("a:1")).await,
        "deployment.apps/web serverside-applied\n"
    );
    assert_eq!(bench.run(&["diff", "--server-side", "-f", "-"], &deployment("a:1")).await.0, 0);
    bench.ok(&["set", "image", "deployment/web", "main=a:9"], "").await;
    let (code, _, errors) = bench.run(&apply, &deployment("a:2")).await;
    assert_eq!(code, 1);
    assert!(errors.contains("conflict with \"kubectl-set\" using apps/v1: .spec.template.spec.containers[name=\"main\"].image"), "{errors}");
    bench.ok(&[&apply[..], &["--force-conflicts"]].concat(), &deployment("a:2")).await;
    let image = "jsonpath={.spec.template.spec.containers[0].image}";
    assert_eq!(bench.ok(&["get", "deployment", "web", "-o", image], "").await, "a:2");
    let wrong = deployment("a:2").replace("\"replicas\"", "\"replicaz\"");
    let (code, _, errors) = bench.run(&apply, &wrong).await;
    assert_eq!(code, 1, "{errors}");
    assert!(errors.contains("replicaz"), "{errors}");
}

#[tokio::test(flavor = "multi_thread")]
async fn patches_labels_annotations_and_selectors() {
    let Some(bench) = Bench::start(Vec::new()).await else { return };
    bench.ok(&["create", "-f", "-"], &deployment("a:1")).await;
    bench.ok(&["label", "deployment", "web", "applyset.kubernetes.io/part-of=ID"], "").await;
    bench.ok(&["annotate", "deployment", "web", "example.com/note=x"], "").await;
    let strategic =
        r#"{"spec":{"template":{"spec":{"containers":[{"name":"side","image":"s:1"}]}}}}"#;
    bench.ok(&["patch", "deployment", "web", "-p", strategic], "").await;
    let operations = r#"[{"op":"replace","path":"/spec/replicas","value":3}]"#;
    bench.ok(&["patch", "deployment", "web", "--type=json", "-p", operations], "").await;
    bench
        .ok(
            &["patch", "deployment", "web", "--type=merge", "-p", r#"{"spec":{"paused":true}}"#],
            "",
        )
        .await;
    let list =
        bench.json(&["get", "deployments", "-A", "-l", "applyset.kubernetes.io/part-of=ID"]).await;
    let object = &list["items"][0];
    assert_eq!(list["items"].as_array().map(Vec::len), Some(1));
    assert_eq!(object["spec"]["template"]["spec"]["containers"].as_array().map(Vec::len), Some(2));
    assert_eq!((&object["spec"]["replicas"], &object["spec"]["paused"]), (&json!(3), &json!(true)));
    assert_eq!(object["metadata"]["annotations"]["example.com/note"], "x");
    let none = bench
        .json(&["get", "deployments", "-l", "applyset.kubernetes.io/part-of!=ID,app in (web)"])
        .await;
    assert_eq!(none["items"], json!([]));
}

#[tokio::test(flavor = "multi_thread")]
async fn tables_names_and_explanations() {
    let Some(bench) = Bench::start(Vec::new()).await else { return };
    bench.ok(&["apply", "-f", "-"], &deployment("a:1")).await;
    let wide = bench.ok(&["get", "deploy", "-A", "-o", "wide"], "").await;
    let heading: Vec<&str> = wide.lines().next().unwrap_or_default().split_whitespace().collect();
    assert_eq!(
        heading,
        [
            "NAMESPACE",
            "NAME",
            "READY",
            "UP-TO-DATE",
            "AVAILABLE",
            "AGE",
            "CONTAINERS",
            "IMAGES",
            "SELECTOR"
        ]
    );
    assert!(bench.ok(&["get", "all", "-A"], "").await.contains("deployment.apps/web"));
    assert!(bench.ok(&["get", "nodes"], "").await.contains("Ready"));
    assert!(
        bench
            .ok(&["explain", "deployment.spec.replicas"], "")
            .await
            .contains("FIELD: replicas <integer>")
    );
    let described = bench.ok(&["describe", "deployment", "web"], "").await;
    assert!(described.contains("a:1"), "{described}");
    assert!(bench.ok(&["api-resources"], "").await.contains("deployments"));
    assert!(
        bench
            .ok(&["get", "ns", "--context", "two", "-o", "name"], "")
            .await
            .contains("namespace/kube-system")
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn namespaces_come_and_go_and_definitions_are_served() {
    let Some(bench) = Bench::start(Vec::new()).await else { return };
    assert_eq!(bench.ok(&["create", "namespace", "shop"], "").await, "namespace/shop created\n");
    bench.ok(&["create", "configmap", "-n", "shop", "settings", "--from-literal=a=b"], "").await;
    bench.ok(&["create", "deployment", "-n", "shop", "typed", "--image=a:1"], "").await;
    let definition = json!({
        "apiVersion": "apiextensions.k8s.io/v1", "kind": "CustomResourceDefinition",
        "metadata": {"name": "widgets.example.com"},
        "spec": {"group": "example.com", "scope": "Namespaced", "names": {"plural": "widgets", "kind": "Widget"},
            "versions": [{"name": "v1", "served": true, "storage": true,
                "additionalPrinterColumns": [{"name": "Size", "type": "integer", "jsonPath": ".spec.size"}],
                "schema": {"openAPIV3Schema": {"type": "object", "properties": {"spec": {"type": "object",
                    "properties": {"size": {"type": "integer", "description": "How large it is."}}}}}}}]},
    });
    bench.ok(&["apply", "-f", "-"], &definition.to_string()).await;
    bench
        .ok(
            &["wait", "--for=condition=Established", "crd/widgets.example.com", "--timeout=60s"],
            "",
        )
        .await;
    let widget = json!({"apiVersion": "example.com/v1", "kind": "Widget", "metadata": {"name": "w"}, "spec": {"size": 7}});
    bench.ok(&["apply", "-n", "shop", "-f", "-"], &widget.to_string()).await;
    bench
        .ok(
            &["apply", "-n", "shop", "--server-side", "--force-conflicts", "-f", "-"],
            &widget.to_string(),
        )
        .await;
    let rows = bench.ok(&["get", "widgets", "-A"], "").await;
    let cells: Vec<&str> = rows.split_whitespace().collect();
    assert_eq!(cells, ["NAMESPACE", "NAME", "SIZE", "shop", "w", "7"]);
    assert!(bench.ok(&["explain", "widget.spec.size"], "").await.contains("How large it is."));
    bench.ok(&["delete", "namespace", "shop"], "").await;
    assert_eq!(bench.json(&["get", "widgets", "-A"]).await["items"], json!([]));
}

#[tokio::test(flavor = "multi_thread")]
async fn rules_bind_the_users_they_are_for() {
    let rule = Rule {
        verbs: ["get", "list", "watch"].map(str::to_owned).to_vec(),
        groups: vec!["*".into()],
        resources: vec!["*".into()],
        ..Rule::default()
    };
    let viewer = User {
        name: "viewer".into(),
        groups: Vec::new(),
        token: "for-tests".into(),
        rules: Some(vec![rule]),
    };
    let Some(bench) = Bench::start(vec![viewer]).await else { return };
    assert_eq!(bench.ok(&["auth", "can-i", "delete", "pods"], "").await, "yes\n");
    let config = bench.home.path().join("viewer").display().to_string();
    let (code, answer, _) =
        bench.run(&["--kubeconfig", &config, "auth", "can-i", "delete", "pods"], "").await;
    assert_eq!((code, answer.as_str()), (1, "no\n"));
    assert!(bench.ok(&["--kubeconfig", &config, "auth", "whoami"], "").await.contains("viewer"));
    let (code, _, errors) =
        bench.run(&["--kubeconfig", &config, "create", "configmap", "a"], "").await;
    assert_eq!(code, 1);
    assert!(
        errors.contains("configmaps is forbidden: User \"viewer\" cannot create resource \"configmaps\" in API group \"\" in the namespace \"default\""),
        "{errors}"
    );
    assert_eq!(
        bench.sandbox.traffic().count(|request| request.verb == "create"
            && request.status == Some(201)
            && request.is_write()),
        0
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_watch_shows_changes_as_they_come() {
    let Some(bench) = Bench::start(Vec::new()).await else { return };
    let mut child = bench
        .command(&["get", "configmaps", "-w", "--no-headers"])
        .spawn()
        .expect("kubectl starts");
    let mut lines = BufReader::new(child.stdout.take().expect("a pipe")).lines();
    bench.ok(&["create", "configmap", "a"], "").await;
    let first = lines.next_line().await.expect("output").expect("a line");
    assert_eq!(first.split_whitespace().take(2).collect::<Vec<_>>(), ["a", "0"]);
    bench.ok(&["patch", "configmap", "a", "-p", r#"{"data":{"k":"v"}}"#], "").await;
    let second = lines.next_line().await.expect("output").expect("a line");
    assert_eq!(second.split_whitespace().take(2).collect::<Vec<_>>(), ["a", "1"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn workloads_roll_out_and_tell_their_log() {
    let Some(bench) = Bench::start(Vec::new()).await else { return };
    bench.ok(&["apply", "-f", "-"], &deployment("a:1")).await;
    let done = bench.ok(&["rollout", "status", "deployment/web", "--timeout=120s"], "").await;
    assert!(done.ends_with("deployment \"web\" successfully rolled out\n"), "{done}");
    bench.ok(&["wait", "--for=condition=Available", "deployment/web", "--timeout=120s"], "").await;
    let pods = bench
        .json(&["get", "pods", "-l", "app=web", "--field-selector", "status.phase=Running"])
        .await;
    assert_eq!(pods["items"].as_array().map(Vec::len), Some(2));
    let pod = pods["items"][0]["metadata"]["name"].as_str().expect("a name");
    assert!(bench.ok(&["logs", pod], "").await.contains("image=a:1"));
    assert!(bench.ok(&["logs", "deployment/web", "--tail=1"], "").await.lines().count() == 1);
    let (code, _, errors) = bench.run(&["logs", pod, "-c", "nobody"], "").await;
    assert_eq!(code, 1);
    assert!(errors.contains(&format!("container nobody is not valid for pod {pod}")), "{errors}");
    assert!(bench.ok(&["describe", "pod", pod], "").await.contains("Successfully assigned"));
    bench.ok(&["rollout", "restart", "deployment/web"], "").await;
    bench.ok(&["rollout", "status", "deployment/web", "--timeout=120s"], "").await;
    assert!(bench.ok(&["rollout", "history", "deployment/web"], "").await.contains("REVISION"));
    assert!(bench.ok(&["events", "-A"], "").await.contains("Deployment/web"));
    bench.ok(&["delete", "deployment", "web", "--cascade=foreground"], "").await;
    bench.ok(&["wait", "--for=delete", "pods", "-l", "app=web", "--timeout=120s"], "").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_microservices_demo_is_applied_either_way() {
    let Some(data) = shared_data() else { return };
    let manifests = data.join("manifests/microservices-demo/release/kubernetes-manifests.yaml");
    let text = std::fs::read_to_string(manifests).expect("manifests");
    let Some(bench) = Bench::start(Vec::new()).await else { return };
    for (namespace, how) in
        [("client", &["apply"][..]), ("server", &["apply", "--server-side"][..])]
    {
        bench.ok(&["create", "namespace", namespace], "").await;
        let apply = [how, &["-n", namespace, "-f", "-"]].concat();
        bench.ok(&apply, &text).await;
        let again = bench.ok(&apply, &text).await;
        assert!(how.len() > 1 || again.lines().all(|line| line.ends_with(" unchanged")), "{again}");
        let deployments = bench.json(&["get", "deployments", "-n", namespace]).await;
        assert_eq!(deployments["items"].as_array().map(Vec::len), Some(12));
    }
    let (code, difference, errors) = bench.run(&["diff", "-n", "client", "-f", "-"], &text).await;
    assert_eq!(code, 0, "{difference}{errors}");
    let (code, difference, errors) =
        bench.run(&["diff", "--server-side", "-n", "server", "-f", "-"], &text).await;
    assert_eq!(code, 0, "{difference}{errors}");
}
