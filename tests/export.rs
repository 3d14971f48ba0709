//! What runs in a namespace becomes a clean file in a repository: with the built binary, on the sandbox and on a real API
//! server.

use crate::support::clusters::{World, kubectl, worlds};
use crate::support::demo::gitdeck;
use crate::support::renderers::search_path;
use crate::support::shell::git;
use serde_json::Value;
use std::fs;
use std::path::Path;
use std::process::{Command, Output};
use tempfile::TempDir;

/// A bare repository with one file, a configuration without mappings, and the cluster of a world.
struct Desk<'a> {
    folder: TempDir,
    world: &'a World,
}

impl<'a> Desk<'a> {
    fn new(world: &'a World, more: &str) -> Self {
        let desk = Self { folder: tempfile::tempdir().unwrap(), world };
        let config = format!(
            "kubeconfig = \"{}\"\ncache_dir = \"{root}/cache\"\ndata_dir = \"{root}/data\"\n\
             [author]\nname = \"Ana\"\nemail = \"ana@example.com\"\n\
             [repositories.fleet]\nurl = \"file://{root}/fleet.git\"\n{more}",
            world.kubeconfig.display(),
            root = desk.root().display(),
        );
        fs::write(desk.root().join("config.toml"), config).unwrap();
        desk.git(&["init", "-q", "--bare", "-b", "main", "fleet.git"]);
        desk.git(&["clone", "-q", "fleet.git", "work"]);
        fs::write(desk.root().join("work/README.md"), "# The fleet\n").unwrap();
        desk.git(&["-C", "work", "add", "-A"]);
        desk.git(&["-C", "work", "commit", "-qm", "begin"]);
        desk.git(&["-C", "work", "push", "-q", "origin", "HEAD:main"]);
        desk
    }

    fn root(&self) -> &Path {
        self.folder.path()
    }

    fn git(&self, arguments: &[&str]) -> String {
        git(self.root(), arguments)
    }

    /// What people do with kubectl.
    fn kubectl(&self, arguments: &[&str]) -> String {
        let kubectl = kubectl().expect("kubectl");
        let mut command = Command::new(kubectl);
        command.arg("--kubeconfig").arg(&self.world.kubeconfig).args(arguments);
        said(command.output().unwrap())
    }

    /// Runs gitdeck; what it says on both streams, where it ends as expected.
    fn run(&self, arguments: &[&str], expected: i32) -> String {
        let mut command: Command = gitdeck(&self.root().join("config.toml"));
        command.args(arguments).env("HOME", self.root());
        let output = command.output().unwrap();
        let text = String::from_utf8_lossy(&output.stdout).into_owned()
            + &String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(expected), "{arguments:?}: {text}");
        text
    }

    /// The document of a command.
    fn document(&self, arguments: &[&str]) -> Value {
        let mut command: Command = gitdeck(&self.root().join("config.toml"));
        command.args(arguments).args(["-o", "json"]).env("HOME", self.root());
        let output = command.output().unwrap();
        serde_json::from_slice(&output.stdout)
            .unwrap_or_else(|_| panic!("{}", String::from_utf8_lossy(&output.stderr)))
    }

    fn pushed(&self, path: &str) -> String {
        self.git(&["-C", "fleet.git", "show", &format!("main:{path}")])
    }
}

fn said(output: Output) -> String {
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}

fn objects(text: &str) -> Vec<Value> {
    let read = gitdeck::yaml::documents(text.as_bytes()).expect("YAML");
    read.into_iter().map(|document| document.value).collect()
}

const CLAIM: &str = "\
apiVersion: v1
kind: PersistentVolumeClaim
metadata: {name: data}
spec:
  accessModes: [ReadWriteOnce]
  resources: {requests: {storage: 1Gi}}
";

/// A shop, by hand.
fn furnish(desk: &Desk<'_>) {
    let claim = desk.root().join("claim.yaml");
    fs::write(&claim, CLAIM).unwrap();
    let claim = claim.display().to_string();
    for words in [
        &[
            "create",
            "deployment",
            "web",
            "--image=registry.example/web:1.4",
            "--replicas=2",
            "--port=8080",
        ][..],
        &[
            "create",
            "configmap",
            "settings",
            "--from-literal=level=info",
            "--from-literal=type=ClusterIP",
        ],
        &["create", "secret", "generic", "token", "--from-literal=token=export-canary"],
        &["expose", "deployment", "web", "--port=80", "--target-port=8080", "--type=NodePort"],
        &["autoscale", "deployment", "web", "--min=2", "--max=5", "--cpu-percent=70"],
        &["create", "ingress", "web", "--rule=shop.example.com/*=web:80"],
        &["create", "-f", &claim],
        &["annotate", "deployment", "web", "team=shop"],
        &["label", "configmap", "settings", "app=web"],
    ] {
        desk.kubectl(words);
    }
}

/// What the server and others keep, and what must not be anywhere.
const NOISE: &str = "status managedFields uid resourceVersion creationTimestamp clusterIP nodePort volumeName \
    pod-template-hash kube-root-ca ReplicaSet EndpointSlice last-applied deployment.kubernetes.io generation \
    ownerReferences canary rollingUpdate terminationMessagePath namespace: replicas:";

const KEPT: [&str; 12] = [
    "kind: ConfigMap",
    "kind: Deployment",
    "kind: HorizontalPodAutoscaler",
    "kind: Ingress",
    "kind: PersistentVolumeClaim",
    "kind: Service\n",
    "registry.example/web:1.4",
    "team: shop",
    "type: NodePort",
    "type: ClusterIP",
    "storage: 1Gi",
    "host: shop.example.com",
];

/// The arguments that export a whole namespace.
fn whole<'s>(name: &'s str, path: &'s str, namespace: &'s str) -> Vec<&'s str> {
    let fixed = ["mapping", "export", name, "--all", "--repository", "fleet"];
    [&fixed[..], &["--path", path, "--namespace", namespace]].concat()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_namespace_is_exported_and_made_again_from_the_file() {
    if kubectl().is_none() {
        return;
    }
    for world in worlds("export").await {
        let desk = Desk::new(&world, "");
        furnish(&desk);
        for source in ["git", "cluster"] {
            let name = format!("export-{source}");
            let path = format!("apps/{name}");
            let mut export = whole(&name, &path, &world.namespace);
            export.extend(["--source", source, "--yes", "--push"]);
            let told = desk.run(&export, 0);
            let secret = told.contains("left out: Secret") && told.contains("token");
            assert!(secret && !told.contains("canary"), "{told}");
            let text = desk.pushed(&format!("{path}/{name}.yaml"));
            for noise in NOISE.split_whitespace() {
                assert!(!text.contains(noise), "{noise}: {text}");
            }
            for kept in KEPT {
                assert!(text.contains(kept), "{kept}: {text}");
            }
            // It is tracked, and the original is as the file says.
            desk.run(&["diff", &name], 0);
            desk.run(&export, 2);
            is_made_again(&desk, &format!("{name}-copy"), &text);
            desk.run(&["mapping", "remove", &name], 0);
        }
    }
}

/// From the file alone an empty namespace gets the same workload.
fn is_made_again(desk: &Desk<'_>, namespace: &str, text: &str) {
    let file = desk.root().join("exported.yaml");
    fs::write(&file, text).unwrap();
    desk.kubectl(&["create", "namespace", namespace]);
    desk.kubectl(&["apply", "-n", namespace, "-f", &file.display().to_string()]);
    let mut export = whole("copy", "copy", namespace);
    export.push("--dry-run");
    let again = desk.document(&export);
    let lines = again["diff"].as_str().unwrap().lines();
    let added: Vec<&str> = lines
        .filter_map(|line| line.strip_prefix('+').filter(|rest| !rest.starts_with("++")))
        .collect();
    assert_eq!(objects(&added.join("\n")), objects(text));
    assert_eq!(again["left_out"], serde_json::json!([]));
    desk.kubectl(&["delete", "namespace", namespace, "--wait=false"]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_users_call_sensitive_is_left_out() {
    if kubectl().is_none() {
        return;
    }
    for world in worlds("export-sensitive").await {
        let list = "[safety]\nsensitive = [\"ConfigMap/settings:/data/level\"]\n";
        let desk = Desk::new(&world, list);
        furnish(&desk);
        let mut export = whole("sensitive", "apps/sensitive", &world.namespace);
        export.extend(["--yes", "--push"]);
        let told = desk.run(&export, 0);
        assert!(
            told.contains("settings has values that the configuration calls sensitive"),
            "{told}"
        );
        let file = desk.pushed("apps/sensitive/sensitive.yaml");
        assert!(file.contains("kind: Deployment") && !file.contains("kind: ConfigMap"), "{file}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn objects_are_chosen_by_name_or_label_and_no_place_is_taken_twice() {
    if kubectl().is_none() {
        return;
    }
    for world in worlds("export-some").await {
        let desk = Desk::new(&world, "[defaults]\nnamespace = \"export-some\"\n");
        furnish(&desk);
        let base = ["--repository", "fleet", "--path", "apps/some", "--dry-run"];
        let of = |what: &[&str]| {
            let words = [&["mapping", "export", "some"][..], what, &base[..]].concat();
            let document = desk.document(&words);
            serde_json::from_value::<Vec<String>>(document["objects"].clone()).unwrap()
        };
        assert_eq!(of(&["deployment/web"]), ["Deployment/web"]);
        assert_eq!(of(&["-l", "app=web"]), ["ConfigMap/settings", "Deployment/web", "Service/web"]);
        let export = |what: &[&str], path: &str, expected: i32| {
            let words = [
                &["mapping", "export", "some"][..],
                what,
                &["--repository", "fleet", "--path", path, "--yes", "--push"],
            ];
            desk.run(&words.concat(), expected)
        };
        let said = export(&["Deployment/none"], "apps/some", 3);
        assert!(said.contains("there is no Deployment/none in namespace export-some"), "{said}");
        let said = export(&["Secret/token"], "apps/some", 3);
        assert!(said.contains("is a Secret") && !said.contains("canary"), "{said}");
        let said = export(&["Deployment/web"], ".", 0);
        assert!(said.contains("added mapping some"), "{said}");
        assert!(!desk.pushed("some.yaml").contains("replicas"));
        desk.run(&["diff", "some"], 0);
        // What is there already is neither overwritten nor swallowed, and what is tracked is tracked once.
        let twice = [
            "mapping",
            "export",
            "other",
            "Deployment/web",
            "--repository",
            "fleet",
            "--path",
            "other",
            "--yes",
            "--push",
        ];
        let said = desk.run(&twice, 3);
        assert!(said.contains("belongs to mapping some"), "{said}");
        let taken = [
            "mapping",
            "export",
            "other",
            "Service/web",
            "--repository",
            "fleet",
            "--path",
            "README.md",
            "--yes",
            "--push",
        ];
        let said = desk.run(&taken, 3);
        assert!(said.contains("README.md is in fleet already"), "{said}");
    }
}

/// The creation rules of a repository, as somebody commits them.
fn rule(desk: &Desk<'_>, rules: &str) {
    fs::write(desk.root().join("work/.sops.yaml"), format!("creation_rules:\n{rules}")).unwrap();
    desk.git(&["-C", "work", "add", "-A"]);
    desk.git(&["-C", "work", "commit", "-qm", "rules of sops"]);
    desk.git(&["-C", "work", "push", "-q", "origin", "HEAD:main"]);
    desk.run(&["repo", "check", "fleet"], 0);
}

/// Neither Git nor the cache, nor a folder of a render, has the value of the Secret in the clear.
fn is_nowhere(desk: &Desk<'_>, token: &str) {
    for place in ["cache", "data"] {
        let pattern = format!("export-canary|{token}");
        let folder = desk.root().join(place);
        let found = Command::new("grep").args(["-rlE", &pattern]).arg(folder).output().unwrap();
        assert_eq!(String::from_utf8_lossy(&found.stdout), "", "{place}");
    }
    let history = desk.git(&["-C", "fleet.git", "log", "-p", "--all"]);
    assert!(!history.contains("export-canary") && !history.contains(token));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_secret_is_exported_where_sops_seals_it_and_nowhere_else() {
    let (Some(_), Some(search)) = (kubectl(), search_path()) else { return };
    let program = |name: &str| {
        let mut command = Command::new(name);
        command.env("PATH", &search).env("SOPS_DISABLE_VERSION_CHECK", "1");
        command
    };
    let key = said(program("age-keygen").output().unwrap());
    let public = key.lines().find_map(|line| line.strip_prefix("# public key: ")).unwrap();
    for world in worlds("export-sealed").await {
        let desk = Desk::new(
            &world,
            "[defaults]\nnamespace = \"export-sealed\"\nrecord = { secrets = \"sops\" }\nsops = { age_key = \"file:key\" }\n",
        );
        let config = fs::read_to_string(desk.root().join("config.toml")).unwrap();
        let file = desk.root().join("key").display().to_string();
        fs::write(&file, &key).unwrap();
        let config = config.replace("file:key", &format!("file:{file}"));
        fs::write(desk.root().join("config.toml"), config).unwrap();
        furnish(&desk);
        let mut export = whole("sealed", "apps/sealed", "export-sealed");
        export.push("--dry-run");
        let left = || desk.document(&export)["left_out"].to_string();
        assert!(left().contains("no .sops.yaml above apps/sealed/sealed.sops.yaml"), "{}", left());
        rule(&desk, &format!("- path_regex: elsewhere\n  age: {public}\n"));
        assert!(left().contains("no matching creation rules found"), "{}", left());
        rule(&desk, &format!("- encrypted_regex: ^stringData$\n  age: {public}\n"));
        assert!(left().contains("sops left /data/token in the clear"), "{}", left());
        rule(
            &desk,
            &format!(
                "- path_regex: ^apps/.*\\.sops\\.yaml$\n  encrypted_regex: ^data$\n  age: {public}\n"
            ),
        );
        assert_eq!(left(), "[]");
        export.pop();
        export.extend(["--yes", "--push"]);
        let told = desk.run(&export, 0);
        assert!(!told.contains("canary"), "{told}");
        let sealed = desk.pushed("apps/sealed/sealed.sops.yaml");
        assert!(sealed.contains("kind: Secret") && sealed.contains("token: ENC["), "{sealed}");
        assert!(!desk.pushed("apps/sealed/sealed.yaml").contains("Secret"));
        desk.run(&["diff", "sealed"], 0);
        let copy = desk.root().join("copy.yaml");
        fs::write(&copy, &sealed).unwrap();
        let opened = program("sops").arg("decrypt").arg(&copy).env("SOPS_AGE_KEY", &key).output();
        let opened = objects(&said(opened.unwrap())).remove(0);
        let token =
            base64::Engine::encode(&base64::engine::general_purpose::STANDARD, "export-canary");
        assert_eq!(opened["data"]["token"], token);
        is_nowhere(&desk, &token);
        desk.run(&["mapping", "remove", "sealed"], 0);
    }
}
