//! Who set a field of what a mapping renders to, with the built binary: plain files, kustomize and Helm. No cluster is
//! asked.

use crate::support::demo::gitdeck;
use crate::support::renderers::search_path;
use serde_json::Value;
use std::ffi::OsString;
use std::fs;
use std::path::Path;
use std::process::Command;
use tempfile::TempDir;

/// A repository whose commits have authors of their own, and a configuration with mappings of it.
pub struct Desk {
    folder: TempDir,
    search: OsString,
}

impl Desk {
    /// `mappings` is TOML below `[mappings]`.
    pub fn new(mappings: &str, search: OsString) -> Self {
        let desk = Self { folder: tempfile::tempdir().unwrap(), search };
        let root = desk.root().display();
        let config = format!(
            "kubeconfig = \"{root}/none\"\ncache_dir = \"{root}/cache\"\ndata_dir = \"{root}/data\"\n\
             [author]\nname = \"Ana\"\nemail = \"ana@example.com\"\n\
             [repositories.fleet]\nurl = \"file://{root}/fleet\"\n{mappings}"
        );
        fs::write(desk.root().join("config.toml"), config).unwrap();
        desk.git("Ana", &["init", "-q", "-b", "main", "fleet"]);
        desk
    }

    pub fn root(&self) -> &Path {
        self.folder.path()
    }

    pub fn git(&self, author: &str, arguments: &[&str]) -> String {
        let output = Command::new("git")
            .args(["-c", &format!("user.name={author}"), "-c", "user.email=some@example.com"])
            .args(arguments)
            .current_dir(self.root())
            .env("HOME", self.root())
            .output()
            .unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8(output.stdout).unwrap().trim().to_owned()
    }

    /// Commits files; the id.
    pub fn publish(&self, author: &str, files: &[(&str, &str)]) -> String {
        for (path, content) in files {
            let path = self.root().join("fleet").join(path);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, content).unwrap();
        }
        self.git(author, &["-C", "fleet", "add", "-A"]);
        self.git(author, &["-C", "fleet", "commit", "-qm", &format!("{author}'s change")]);
        self.git(author, &["-C", "fleet", "rev-parse", "HEAD"])
    }

    /// Exit code, results and notes.
    pub fn run(&self, arguments: &[&str]) -> (Option<i32>, String, String) {
        let output = self.command(arguments).output().unwrap();
        let text = |bytes| String::from_utf8(bytes).unwrap();
        (output.status.code(), text(output.stdout), text(output.stderr))
    }

    pub fn command(&self, arguments: &[&str]) -> Command {
        let mut command: Command = gitdeck(&self.root().join("config.toml"));
        command.args(arguments).env("PATH", &self.search).env("HOME", self.root());
        command
    }

    pub fn document(&self, arguments: &[&str]) -> Value {
        let (code, out, notes) = self.run(&[arguments, &["-o", "json"]].concat());
        assert_eq!(code, Some(0), "{notes}");
        serde_json::from_str(&out).unwrap()
    }

    /// Author, file and line of a field of the one object that is asked about.
    fn field(&self, mapping: &str, object: &str, path: &str) -> (String, String, u64) {
        let document = self.document(&["blame", mapping, object]);
        let fields = document["objects"][0]["fields"].as_array().unwrap();
        let field = fields.iter().find(|field| field["path"] == path);
        let field = field.unwrap_or_else(|| panic!("{path}: {document}"));
        let who = field["author"].as_str().unwrap_or("computed");
        let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        (who.to_owned(), text(&field["file"]), field["line"].as_u64().unwrap_or_default())
    }
}

fn said(who: &str, file: &str, line: u64) -> (String, String, u64) {
    (who.to_owned(), file.to_owned(), line)
}

const PLAIN: &str = "\
apiVersion: v1
kind: ConfigMap
metadata:
  name: settings
data:
  level: info
  motd: |
    hello
    world
---
apiVersion: v1
kind: Secret
metadata:
  name: token
stringData:
  password: canary-password
";

#[test]
fn each_field_of_plain_files_has_the_commit_that_set_it() {
    let mapping = "[mappings.app]\nrepository = \"fleet\"\npath = \"app\"\n";
    let desk = Desk::new(mapping, std::env::var_os("PATH").unwrap());
    desk.publish("Ana", &[("app/all.yaml", PLAIN)]);
    let second = desk.publish(
        "Leo\u{1b}[31m",
        &[("app/all.yaml", &PLAIN.replace("level: info", "level: warn"))],
    );
    desk.publish(
        "Mia",
        &[("app/all.yaml", &PLAIN.replace("level: info", "level: warn").replace("world", "there"))],
    );

    assert_eq!(
        desk.field("app", "ConfigMap/settings", "/metadata/name"),
        said("Ana", "app/all.yaml", 4)
    );
    let (who, _, line) = desk.field("app", "configmap/settings", "/data/level");
    assert!(who.starts_with("Leo") && line == 6, "{who} {line}");
    // The second line of the text is younger than the first.
    assert_eq!(
        desk.field("app", "ConfigMap/default/settings", "/data/motd"),
        said("Mia", "app/all.yaml", 7)
    );

    let (code, out, _) = desk.run(&["blame", "app"]);
    assert_eq!(code, Some(0));
    let line = out.lines().find(|line| line.ends_with("|   level: warn")).unwrap();
    assert!(
        line.starts_with(&second[..7]) && line.contains("Leo") && !line.contains('\u{1b}'),
        "{line}"
    );
    assert!(out.contains("|   password: ***") && !out.contains("canary"), "{out}");
    let secret = desk.document(&["blame", "app", "Secret/token"]);
    assert!(!secret.to_string().contains("canary"), "{secret}");
    assert!(secret.to_string().contains("\"redacted\":true"), "{secret}");

    let before = desk.document(&["blame", "app", "ConfigMap/settings", "--revision", &second]);
    assert!(!before.to_string().contains("Mia"), "{before}");
    let (code, _, notes) = desk.run(&["blame", "app", "Deployment/none"]);
    assert_eq!(code, Some(2), "{notes}");
    assert!(notes.contains("ConfigMap/settings, Secret/token"), "{notes}");
}

const BASE: &str = "\
apiVersion: apps/v1
kind: Deployment
metadata:
  name: web
spec:
  replicas: 1
  template:
    spec:
      containers:
        - name: web
          image: example/web:1.0
          env:
            - name: MODE
              value: fast
";

const OVERLAY: &str = "\
resources:
  - ../base
nameSuffix: -prod
namespace: shop
images:
  - name: example/web
    newTag: \"2.0\"
configMapGenerator:
  - name: flags
    literals:
      - color=blue
patches:
  - patch: |-
      apiVersion: apps/v1
      kind: Deployment
      metadata:
        name: web
      spec:
        replicas: 4
        template:
          spec:
            containers:
              - name: side
                image: example/side:3
";

#[test]
fn each_field_that_kustomize_builds_has_its_patch_its_entry_or_its_source() {
    let Some(search) = search_path() else { return };
    let desk = Desk::new("[mappings.web]\nrepository = \"fleet\"\npath = \"prod\"\n", search);
    desk.publish(
        "Ana",
        &[("base/web.yaml", BASE), ("base/kustomization.yaml", "resources: [web.yaml]\n")],
    );
    desk.publish("Leo", &[("prod/kustomization.yaml", OVERLAY)]);
    desk.publish(
        "Mia",
        &[(
            "prod/kustomization.yaml",
            &OVERLAY.replace("replicas: 4", "replicas: 5").replace("2.0", "2.1"),
        )],
    );
    let containers = "/spec/template/spec/containers";
    let of = |path: &str| desk.field("web", "Deployment/web-prod", path);
    let prod = |who, line| said(who, "prod/kustomization.yaml", line);
    assert_eq!(of("/spec/replicas"), prod("Mia", 19));
    assert_eq!(of(&format!("{containers}/[name=web]/image")), prod("Mia", 7));
    assert_eq!(of(&format!("{containers}/[name=side]/image")), prod("Leo", 24));
    assert_eq!(of(&format!("{containers}/[name=side]/name")), prod("Leo", 23));
    assert_eq!(of(&format!("{containers}/[name=web]/name")), said("Ana", "base/web.yaml", 10));
    assert_eq!(
        of(&format!("{containers}/[name=web]/env/[name=MODE]/value")),
        said("Ana", "base/web.yaml", 14)
    );
    assert_eq!(of("/metadata/namespace"), prod("Leo", 4));
    assert_eq!(of("/metadata/name").0, "computed");
    let all = desk.document(&["blame", "web"]);
    let map =
        all["objects"].as_array().unwrap().iter().find(|one| one["object"]["kind"] == "ConfigMap");
    let color =
        &map.unwrap()["fields"].as_array().unwrap().iter().find(|one| one["path"] == "/data/color");
    assert_eq!(
        (color.unwrap()["author"].as_str(), color.unwrap()["line"].as_u64()),
        (Some("Leo"), Some(11))
    );
}

#[test]
fn what_an_entry_says_in_part_is_computed() {
    let Some(search) = search_path() else { return };
    let desk = Desk::new("[mappings.web]\nrepository = \"fleet\"\npath = \"prod\"\n", search);
    let mirror =
        "resources:\n  - ../base\nimages:\n  - name: example/web\n    newName: mirror/web\n";
    let files = [
        ("base/web.yaml", BASE),
        ("base/kustomization.yaml", "resources: [web.yaml]\n"),
        ("prod/kustomization.yaml", mirror),
    ];
    desk.publish("Ana", &files);
    desk.publish("Leo", &[("base/web.yaml", &BASE.replace("web:1.0", "web:1.1"))]);
    let image =
        desk.field("web", "Deployment/web", "/spec/template/spec/containers/[name=web]/image");
    assert_eq!(image.0, "computed", "the tag is Leo's and the name Ana's");
}

#[test]
fn each_field_that_a_chart_makes_has_the_line_whose_change_changes_it() {
    let Some(search) = search_path() else { return };
    let mapping = "[mappings.web]\nrepository = \"fleet\"\npath = \"chart\"\n\
        helm = { kube_version = \"v1.33.0\", values = [\"prod.yaml\"] }\n";
    let desk = Desk::new(mapping, search);
    let template = "\
apiVersion: v1
kind: Service
metadata:
  name: {{ .Release.Name }}
  labels:
    chart: {{ .Chart.Name }}
spec:
  type: ClusterIP
  ports:
    - name: http
      port: {{ .Values.port }}
      targetPort: 8080
---
apiVersion: v1
kind: ConfigMap
metadata:
  name: {{ .Release.Name }}
data:
  image: \"{{ .Values.image.name }}:{{ .Values.image.tag }}\"
  sum: {{ .Values.image.tag | sha256sum }}
  other: \"8081\"
";
    desk.publish(
        "Ana",
        &[
            ("chart/Chart.yaml", "apiVersion: v2\nname: web\nversion: 0.1.0\n"),
            ("chart/templates/all.yaml", template),
            (
                "chart/values.yaml",
                "port: 80\nimage:\n  name: example/web\n  tag: \"1.0\"\nunused: 80\n",
            ),
            ("chart/prod.yaml", "image:\n  tag: \"2.0\"\n"),
        ],
    );
    desk.publish("Leo", &[("chart/prod.yaml", "image:\n  tag: \"2.1\"\n")]);
    desk.publish(
        "Mia",
        &[(
            "chart/values.yaml",
            "port: 81\nimage:\n  name: example/web\n  tag: \"2.1\"\nunused: 81\n",
        )],
    );
    let service = |path: &str| desk.field("web", "Service/web", path);
    assert_eq!(service("/spec/ports/[name=http]/port"), said("Mia", "chart/values.yaml", 1));
    let template = |line| said("Ana", "chart/templates/all.yaml", line);
    assert_eq!(service("/spec/ports/[name=http]/targetPort"), template(12));
    assert_eq!(service("/spec/ports/[name=http]/name"), template(10));
    assert_eq!(service("/spec/type"), template(8));
    assert_eq!(service("/metadata/name").0, "computed");
    let map = |path: &str| desk.field("web", "ConfigMap/web", path);
    // The tag of the chart's own values is the same, and has no part in it.
    assert_eq!(map("/data/image"), said("Leo", "chart/prod.yaml", 2));
    assert_eq!(map("/data/sum").0, "computed");
    assert_eq!(map("/data/other"), template(21));
}
