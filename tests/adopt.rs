//! Live values become those of Git, and values are set in files: with the built binary, on the sandbox and on a real API
//! server.

use crate::support::clusters::{World, worlds};
use crate::support::demo::gitdeck;
use crate::support::fake_node::kind;
use crate::support::renderers::search_path;
use crate::support::shell::git;
use kube::Api;
use kube::api::{DynamicObject, Patch, PatchParams};
use serde_json::{Value, json};
use std::ffi::OsString;
use std::fs;
use std::path::Path;
use std::process::Command;
use tempfile::TempDir;

/// A bare repository, a work tree, a configuration, and the cluster of a world.
struct Fleet<'a> {
    folder: TempDir,
    world: &'a World,
    search: OsString,
}

impl<'a> Fleet<'a> {
    /// `mapping` is a name of its own: worlds share a cluster, and its records.
    fn new(world: &'a World, mapping: &str, path: &str, files: &[(&str, &str)]) -> Self {
        let search = search_path().or_else(|| std::env::var_os("PATH")).unwrap_or_default();
        let fleet = Self { folder: tempfile::tempdir().unwrap(), world, search };
        let config = format!(
            "kubeconfig = \"{}\"\ncache_dir = \"{root}/cache\"\ndata_dir = \"{root}/data\"\n\
             [author]\nname = \"Ana\"\nemail = \"ana@example.com\"\n\
             [repositories.fleet]\nurl = \"file://{root}/fleet.git\"\n\
             [mappings.{mapping}]\nrepository = \"fleet\"\npath = \"{path}\"\nnamespace = \"{}\"\n",
            world.kubeconfig.display(),
            world.namespace,
            root = fleet.root().display(),
        );
        fs::write(fleet.root().join("config.toml"), config).unwrap();
        fleet.git(&["init", "-q", "--bare", "-b", "main", "fleet.git"]);
        fleet.git(&["clone", "-q", "fleet.git", "work"]);
        for (path, content) in files {
            let file = fleet.root().join("work").join(path);
            fs::create_dir_all(file.parent().unwrap()).unwrap();
            fs::write(file, content).unwrap();
        }
        fleet.git(&["-C", "work", "add", "-A"]);
        fleet.git(&["-C", "work", "commit", "-qm", "the application"]);
        fleet.git(&["-C", "work", "push", "-q", "origin", "HEAD:main"]);
        fleet
    }

    fn root(&self) -> &Path {
        self.folder.path()
    }

    fn git(&self, arguments: &[&str]) -> String {
        git(self.root(), arguments)
    }

    /// A file at the tip of the remote.
    fn pushed(&self, path: &str) -> String {
        self.git(&["-C", "fleet.git", "show", &format!("main:{path}")])
    }

    fn message(&self) -> String {
        self.git(&["-C", "fleet.git", "log", "-1", "--format=%B", "main"])
    }

    /// Runs a command; its exit code, results and notes.
    fn run(&self, arguments: &[&str]) -> (Option<i32>, String, String) {
        let mut command: Command = gitdeck(&self.root().join("config.toml"));
        command.args(arguments).env("PATH", &self.search).env("HOME", self.root());
        let output = command.output().unwrap();
        let text = |bytes| String::from_utf8(bytes).unwrap();
        (output.status.code(), text(output.stdout), text(output.stderr))
    }

    fn runs(&self, arguments: &[&str]) -> String {
        let (code, results, notes) = self.run(arguments);
        assert_eq!(code, Some(0), "{arguments:?}: {results}{notes}");
        results + &notes
    }

    fn fails(&self, arguments: &[&str], expected: i32) -> String {
        let (code, results, notes) = self.run(arguments);
        assert_eq!(code, Some(expected), "{arguments:?}: {results}{notes}");
        results + &notes
    }

    /// Changes a live object as somebody with `kubectl` does.
    async fn change(&self, (group, version, object): (&str, &str, &str), name: &str, patch: Value) {
        let objects: Api<DynamicObject> = Api::namespaced_with(
            self.world.client().await,
            &self.world.namespace,
            &kind(group, version, object),
        );
        let by =
            PatchParams { field_manager: Some("kubectl-edit".into()), ..PatchParams::default() };
        let patch: Patch<Value> = Patch::Strategic(patch);
        objects.patch(name, &by, &patch).await.expect("a live change");
    }
}

const DEPLOYMENT: (&str, &str, &str) = ("apps", "v1", "Deployment");

const SHOP: &str = "\
# The shop, written by hand.
apiVersion: v1
kind: ConfigMap
metadata:
  name: NAME
data:
  level: 'info'   # as loud as it gets
  motd: |
    welcome
    to the shop
---
apiVersion: apps/v1
kind: Deployment
metadata:
    name: NAME
    annotations: {team: shop, pager: \"no\"}
spec:
    replicas: 3   # enough for a Monday
    selector:
        matchLabels: {app: NAME}
    template:
        metadata:
            labels: {app: NAME}
        spec:
            containers:
            - name: side
              image: registry.example/side:1
            # The one that counts.
            - name: app
              image: registry.example/shop/app:1.4.2
              env:
              - {name: MODE, value: fast}
              - name: DEBUG
                value: \"no\"   # never in production
              resources:
                  limits:
                      memory: 128Mi
";

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn live_values_are_adopted_where_they_are_written() {
    for world in worlds("adopt").await {
        let name = "adopt-plain";
        let shop = SHOP.replace("NAME", name);
        let fleet = Fleet::new(&world, name, "shop", &[("shop/all.yaml", &shop)]);
        fleet.runs(&["sync", name, "--yes"]);
        let nothing = fleet.fails(&["adopt", name, "--yes", "--push"], 3);
        assert!(nothing.contains("differs from Git"), "{nothing}");

        fleet.change(DEPLOYMENT, name, json!({"spec": {"replicas": 5}})).await;
        let shown = fleet.runs(&["adopt", name, "--dry-run"]);
        assert!(shown.contains("+    replicas: 5   # enough for a Monday"), "{shown}");
        let silent = fleet.fails(&["adopt", name], 2);
        assert!(silent.contains("--yes"), "{silent}");
        fleet.runs(&["adopt", name, "--yes", "--push"]);
        let scaled = shop.replace("replicas: 3 ", "replicas: 5 ");
        assert_eq!(fleet.pushed("shop/all.yaml"), scaled);
        let message = fleet.message();
        assert!(
            message.starts_with(&format!("{name}: replicas 3 -> 5\n\nGitdeck-Mapping: {name}\n")),
            "{message}"
        );
        fleet.runs(&["diff", name]);

        // Several types and places at once, and one of them alone first.
        let container = json!({"name": "app", "env": [{"name": "DEBUG", "value": "yes"}],
            "resources": {"limits": {"memory": "256Mi"}}});
        fleet
            .change(
                DEPLOYMENT,
                name,
                json!({"metadata": {"annotations": {"pager": null}},
            "spec": {"template": {"spec": {"containers": [container]}}}}),
            )
            .await;
        fleet
            .change(
                ("", "v1", "ConfigMap"),
                name,
                json!({"data": {"motd": "welcome\nto the market\n", "level": "12"}}),
            )
            .await;
        let one = format!("Deployment/{name}:/spec/template/spec/containers/[name=app]/env");
        fleet.runs(&["adopt", name, &one, "--yes", "--push", "-m", "louder"]);
        let louder = scaled.replace("value: \"no\"   # never", "value: \"yes\"   # never");
        assert_eq!(fleet.pushed("shop/all.yaml"), louder);
        assert!(fleet.message().starts_with("louder\n"), "{}", fleet.message());
        fleet.runs(&["adopt", name, "--yes", "--push"]);
        let rest = louder
            .replace("memory: 128Mi", "memory: 256Mi")
            .replace("{team: shop, pager: \"no\"}", "{team: shop}")
            .replace("    to the shop", "    to the market")
            .replace("'info'", "'12'");
        assert_eq!(fleet.pushed("shop/all.yaml"), rest);
        fleet.runs(&["sync", name, "--yes"]);
        fleet.runs(&["diff", name]);
        fleet.fails(&["adopt", name, "Deployment/other", "--yes", "--push"], 3);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn secrets_are_never_adopted() {
    for world in worlds("adopt-secret").await {
        let name = "adopt-secret";
        let file = format!(
            "apiVersion: v1\nkind: Secret\nmetadata:\n  name: {name}\nstringData:\n  token: before-canary\n"
        );
        let fleet = Fleet::new(&world, name, "shop", &[("shop/secret.yaml", &file)]);
        fleet.runs(&["sync", name, "--yes"]);
        fleet
            .change(("", "v1", "Secret"), name, json!({"stringData": {"token": "after-canary"}}))
            .await;
        for pick in [None, Some(format!("Secret/{name}"))] {
            let mut arguments = vec!["adopt", name, "--yes", "--push"];
            arguments.extend(pick.as_deref());
            let said = fleet.fails(&arguments, 3);
            assert!(said.contains("never written into Git") && !said.contains("canary"), "{said}");
        }
        assert_eq!(fleet.pushed("shop/secret.yaml"), file);
    }
}

const BASE: &str = "\
apiVersion: apps/v1
kind: Deployment
metadata:
  name: web
spec:
  replicas: 1 # the base says so
  selector:
    matchLabels: {app: web}
  template:
    metadata:
      labels: {app: web}
    spec:
      containers:
        - name: web
          image: shop/web
          env:
            - name: MODE
              value: slow
";

const TOP: &str = "\
# production
resources: [../../base]
namePrefix: PRE-
images:
- name: shop/web
  newName: registry.example/shop/web # mirrored
  newTag: 1.4.2
";

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn overlays_take_what_is_theirs_and_ask_about_the_base() {
    if search_path().is_none() {
        return;
    }
    for world in worlds("adopt-overlay").await {
        let name = "adopt-overlay";
        let top = TOP.replace("PRE", name);
        let (deployment, base) =
            ("base/web.yaml", ("base/kustomization.yaml", "resources: [web.yaml]\n"));
        let file = "overlays/prod/kustomization.yaml";
        let fleet =
            Fleet::new(&world, name, "overlays/prod", &[(deployment, BASE), base, (file, &top)]);
        fleet.runs(&["sync", name, "--yes"]);
        let live = format!("{name}-web");
        let image = json!([{"name": "web", "image": "registry.example/shop/web:1.5.0"}]);
        fleet
            .change(
                DEPLOYMENT,
                &live,
                json!({"spec": {"template": {"spec": {"containers": image}}}}),
            )
            .await;
        fleet.runs(&["adopt", name, "--yes", "--push"]);
        let bumped = top.replace("1.4.2", "1.5.0");
        assert_eq!(fleet.pushed(file), bumped);

        fleet.change(DEPLOYMENT, &live, json!({"spec": {"replicas": 4}})).await;
        let asked = fleet.fails(&["adopt", name, "--yes", "--push"], 2);
        assert!(
            asked.contains(file) && asked.contains(deployment) && asked.contains("--into"),
            "{asked}"
        );
        fleet.runs(&["adopt", name, "--into", deployment, "--yes", "--push"]);
        assert_eq!(fleet.pushed(deployment), BASE.replace("replicas: 1 #", "replicas: 4 #"));
        fleet.change(DEPLOYMENT, &live, json!({"spec": {"replicas": 6}})).await;
        fleet.runs(&["adopt", name, "--into", "kustomization.yaml", "--yes", "--push"]);
        let counted = format!("{bumped}replicas:\n- name: web\n  count: 6\n");
        assert_eq!(fleet.pushed(file), counted);

        let env = json!([{"name": "web", "env": [{"name": "MODE", "value": "fast"}]}]);
        fleet
            .change(DEPLOYMENT, &live, json!({"spec": {"template": {"spec": {"containers": env}}}}))
            .await;
        fleet.runs(&["adopt", name, "--into", "kustomization.yaml", "--yes", "--push"]);
        let patched = fleet.pushed(file);
        assert!(patched.starts_with(&counted) && patched.contains("value: fast"), "{patched}");
        fleet.runs(&["sync", name, "--yes"]);
        fleet.runs(&["diff", name]);

        fleet.runs(&["set", name, "image", "web=1.6.0", "--yes", "--push"]);
        assert_eq!(fleet.pushed(file), patched.replace("1.5.0", "1.6.0"));
    }
}

const CHART: &[(&str, &str)] = &[
    ("chart/Chart.yaml", "apiVersion: v2\nname: web\nversion: 0.1.0\n"),
    (
        "chart/values.yaml",
        "# defaults\nreplicaCount: 2\nimage:\n  repository: registry.example/shop/web # ours\n  tag: \"1.4\"\n",
    ),
    (
        "chart/templates/web.yaml",
        "apiVersion: apps/v1\nkind: Deployment\nmetadata:\n  name: NAME\nspec:\n  replicas: {{ .Values.replicaCount }}\n  \
         selector:\n    matchLabels: {app: web}\n  template:\n    metadata:\n      labels: {app: web}\n    spec:\n      \
         containers:\n      - name: web\n        image: \"{{ .Values.image.repository }}:{{ .Values.image.tag }}\"\n",
    ),
];

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn charts_are_changed_by_their_values_only() {
    if search_path().is_none() {
        return;
    }
    for world in worlds("adopt-chart").await {
        let name = "adopt-chart";
        let files: Vec<(&str, String)> =
            CHART.iter().map(|(path, text)| (*path, text.replace("NAME", name))).collect();
        let files: Vec<(&str, &str)> =
            files.iter().map(|(path, text)| (*path, text.as_str())).collect();
        let fleet = Fleet::new(&world, name, "chart", &files);
        fleet.runs(&["sync", name, "--yes"]);
        fleet.change(DEPLOYMENT, name, json!({"spec": {"replicas": 5}})).await;
        let said = fleet.fails(&["adopt", name, "--yes", "--push"], 3);
        assert!(
            said.contains("template") && said.contains("replicaCount in chart/values.yaml"),
            "{said}"
        );
        fleet.runs(&["set", name, "value", "replicaCount=5", "--yes", "--push"]);
        fleet.runs(&["set", name, "image", "shop/web=1.5", "--yes", "--push"]);
        let values =
            CHART[1].1.replace("replicaCount: 2", "replicaCount: 5").replace("\"1.4\"", "\"1.5\"");
        assert_eq!(fleet.pushed("chart/values.yaml"), values);
        assert!(fleet.message().contains("image 1.4 -> 1.5"), "{}", fleet.message());
        // Nothing that is rendered depends on a key that somebody got wrong.
        let said = fleet.fails(&["set", name, "value", "replicaCuont=5", "--yes", "--push"], 3);
        assert!(said.contains("depends on replicaCuont"), "{said}");
        assert_eq!(fleet.pushed("chart/values.yaml"), values);
        // Defaults of a chart are not changed for the sake of one of its users.
        let config = fleet.root().join("config.toml");
        let text = fs::read_to_string(&config).unwrap();
        fs::write(&config, format!("{text}helm = {{ values = [\"/prod.yaml\"] }}\n")).unwrap();
        let own = "image: {tag: \"1.5\"}\n";
        fs::write(fleet.root().join("work/prod.yaml"), own).unwrap();
        fleet.git(&["-C", "work", "pull", "-q", "--rebase", "origin", "main"]);
        fleet.git(&["-C", "work", "add", "-A"]);
        fleet.git(&["-C", "work", "commit", "-qm", "values of production"]);
        fleet.git(&["-C", "work", "push", "-q", "origin", "HEAD:main"]);
        fleet.runs(&["set", name, "value", "replicaCount=6", "--yes", "--push"]);
        assert_eq!(fleet.pushed("chart/values.yaml"), values);
        assert_eq!(fleet.pushed("prod.yaml"), format!("{own}replicaCount: 6\n"));
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_commit_that_waits_is_not_undone_unasked() {
    for world in worlds("adopt-late").await {
        let name = "adopt-late";
        let shop = SHOP.replace("NAME", name);
        let fleet = Fleet::new(&world, name, "shop", &[("shop/all.yaml", &shop)]);
        fleet.runs(&["sync", name, "--yes"]);
        fleet.change(DEPLOYMENT, name, json!({"spec": {"replicas": 5}})).await;
        fleet.change(("", "v1", "ConfigMap"), name, json!({"data": {"level": "debug"}})).await;
        let later = shop.replace("replicas: 3", "replicas: 7");
        fs::write(fleet.root().join("work/shop/all.yaml"), &later).unwrap();
        let output = Command::new("git")
            .args(["-c", "user.name=Ana", "-c", "user.email=ana@example.com"])
            .args(["commit", "-qam", "seven of them"])
            .current_dir(fleet.root().join("work"))
            .env("GIT_COMMITTER_DATE", "2090-01-01T00:00:00Z")
            .output()
            .unwrap();
        assert!(output.status.success());
        fleet.git(&["-C", "work", "push", "-q", "origin", "HEAD:main"]);
        let said = fleet.runs(&["adopt", name, "--yes", "--push"]);
        assert!(said.contains("/spec/replicas") && said.contains("name it to adopt it"), "{said}");
        let adopted = later.replace("level: 'info'", "level: 'debug'");
        assert_eq!(fleet.pushed("shop/all.yaml"), adopted);
        let pick = format!("Deployment/{name}:/spec/replicas");
        fleet.runs(&["adopt", name, &pick, "--yes", "--push"]);
        assert_eq!(fleet.pushed("shop/all.yaml"), adopted.replace("replicas: 7", "replicas: 5"));
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn values_are_set_in_plain_files() {
    for world in worlds("adopt-set").await {
        let name = "adopt-set";
        let shop = SHOP.replace("NAME", name).replace('\n', "\r\n");
        let fleet = Fleet::new(&world, name, "shop", &[("shop/all.yaml", &shop)]);
        fleet.runs(&["set", name, "image", "app=1.5.0", "--yes", "--no-push"]);
        fleet.runs(&["push", "fleet"]);
        assert_eq!(fleet.pushed("shop/all.yaml"), shop.replace("app:1.4.2", "app:1.5.0"));
        let message = fleet.message();
        assert!(message.starts_with(&format!("{name}: image 1.4.2 -> 1.5.0\n")), "{message}");
        let path = format!("Deployment/{name}:/spec/replicas=7");
        fleet.runs(&["set", name, "value", &path, "--yes", "--push"]);
        assert!(fleet.pushed("shop/all.yaml").contains("replicas: 7   # enough for a Monday\r\n"));
        let said = fleet.fails(&["set", name, "image", "none=1", "--dry-run"], 2);
        assert!(
            said.contains("no container") && said.contains("registry.example/side:1"),
            "{said}"
        );
        let said = fleet.fails(&["set", name, "image", "app=1.5.0", "--dry-run"], 3);
        assert!(said.contains("already"), "{said}");
        let said = fleet.fails(&["set", name, "value", "/metadata/name=x", "--dry-run"], 2);
        assert!(said.contains("several objects"), "{said}");
    }
}
