//! From a commit through kustomize to the cluster with the built binary, and what happens when the render fails.

use crate::render::overlays;
use crate::support::clusters::{World, worlds};
use crate::support::demo::gitdeck;
use crate::support::renderers::search_path;
use crate::support::shell::git;
use serde_json::Value;
use std::ffi::OsString;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use tempfile::TempDir;

/// A repository, a configuration and the cluster of a world.
struct Fleet<'a> {
    folder: TempDir,
    world: &'a World,
    search: OsString,
}

impl<'a> Fleet<'a> {
    /// `mapping` is a name of its own: worlds share a cluster, and its records.
    fn new(world: &'a World, search: OsString, mapping: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let fleet = Self { folder, world, search };
        let config = format!(
            "kubeconfig = \"{}\"\ncache_dir = \"{root}/cache\"\ndata_dir = \"{root}/data\"\n\
             [author]\nname = \"Ana\"\nemail = \"ana@example.com\"\n\
             [repositories.fleet]\nurl = \"file://{root}/fleet\"\n\
             [mappings.{mapping}]\nrepository = \"fleet\"\npath = \"overlays/prod\"\nnamespace = \"{}\"\n",
            world.kubeconfig.display(),
            world.namespace,
            root = fleet.root().display(),
        );
        fs::write(fleet.root().join("config.toml"), config).unwrap();
        fleet.git(&["init", "-q", "-b", "main", "fleet"]);
        overlays::podinfo().write(&fleet.root().join("fleet"));
        fleet.commit("the application");
        fleet
    }

    fn root(&self) -> &Path {
        self.folder.path()
    }

    fn git(&self, arguments: &[&str]) {
        git(self.root(), arguments);
    }

    fn commit(&self, message: &str) {
        self.git(&["-C", "fleet", "add", "-A"]);
        self.git(&["-C", "fleet", "commit", "-qm", message]);
    }

    /// Commits another content of a file.
    fn publish(&self, path: &str, content: &str) {
        fs::write(self.root().join("fleet").join(path), content).unwrap();
        self.commit(path);
    }

    /// Runs a command; its exit code, results and notes.
    fn run(&self, arguments: &[&str]) -> (Option<i32>, String, String) {
        let mut command: Command = gitdeck(&self.root().join("config.toml"));
        command.args(arguments).env("PATH", &self.search).env("HOME", self.root());
        let output = command.output().unwrap();
        let text = |bytes| String::from_utf8(bytes).unwrap();
        (output.status.code(), text(output.stdout), text(output.stderr))
    }

    /// Names of everything that the mapping owns.
    async fn owned(&self) -> Vec<String> {
        let client = self.world.client().await;
        let namespace = &self.world.namespace;
        let mut names = Vec::new();
        for kind in [
            "api/v1/namespaces/NS/configmaps",
            "api/v1/namespaces/NS/secrets",
            "api/v1/namespaces/NS/services",
            "apis/apps/v1/namespaces/NS/deployments",
        ] {
            let address = format!(
                "/{}?labelSelector=applyset.kubernetes.io/part-of",
                kind.replace("NS", namespace)
            );
            let request = http::Request::get(address).body(Vec::new()).unwrap();
            let list: Value = client.request(request).await.unwrap();
            let items = list["items"].as_array().cloned().unwrap_or_default();
            names.extend(
                items.iter().map(|item| item["metadata"]["name"].as_str().unwrap().to_owned()),
            );
        }
        names
    }

    /// A search path on which a script takes the place of kustomize.
    fn instead_of_kustomize(&self, script: &str) -> OsString {
        use std::os::unix::fs::PermissionsExt;
        let programs = self.root().join("programs");
        fs::create_dir_all(&programs).unwrap();
        let source = self.root().join("script");
        fs::write(&source, format!("#!/bin/sh\n{script}\n")).unwrap();
        fs::set_permissions(&source, fs::Permissions::from_mode(0o755)).unwrap();
        assert!(
            Command::new("cp")
                .arg("-p")
                .arg(&source)
                .arg(programs.join("kustomize"))
                .status()
                .unwrap()
                .success()
        );
        std::env::join_paths([programs, PathBuf::from("/usr/bin"), PathBuf::from("/bin")]).unwrap()
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn argo_cd_2573_a_render_that_fails_deletes_nothing() {
    let Some(search) = search_path() else { return };
    for world in worlds("rendered").await {
        let mut fleet = Fleet::new(&world, search.clone(), "podinfo");
        let (code, _, notes) = fleet.run(&["sync", "podinfo", "--yes"]);
        assert_eq!(code, Some(0), "{notes}");
        let owned = fleet.owned().await;
        assert_eq!(owned.len(), 6, "{owned:?}");
        let (code, results, notes) = fleet.run(&["diff", "podinfo"]);
        assert_eq!(code, Some(0), "{results}{notes}");

        // A broken file, a base from elsewhere, an undecryptable Secret: an error at the mapping, by the file's name.
        let base = fs::read_to_string(fleet.root().join("fleet/base/kustomization.yaml")).unwrap();
        for (path, broken, words) in [
            ("base/kustomization.yaml", "resources: [gone.yaml]\n", "base/kustomization.yaml"),
            (
                "base/kustomization.yaml",
                "resources: ['https://example.com/a.yaml']\n",
                "allow_remote",
            ),
            ("base/kustomization.yaml", "resources: [service.yaml\n", "base/kustomization.yaml"),
        ] {
            fleet.publish(path, broken);
            let (code, _, notes) = fleet.run(&["sync", "podinfo", "--yes", "--allow-delete", "6"]);
            assert!(code == Some(3) && notes.contains(words), "{code:?} {notes}");
            assert_eq!(fleet.owned().await, owned);
        }
        fleet.publish("base/kustomization.yaml", &base);
        let service = fs::read_to_string(fleet.root().join("fleet/base/service.yaml")).unwrap();
        let pointer =
            "version https://git-lfs.github.com/spec/v1\noid sha256:0123456789abcdef\nsize 12\n";
        fleet.publish("base/service.yaml", pointer);
        let (code, _, notes) = fleet.run(&["sync", "podinfo", "--yes", "--allow-delete", "6"]);
        assert!(code == Some(3) && notes.contains("base/service.yaml"), "{code:?} {notes}");
        assert!(notes.contains("a pointer of Git LFS, not the file itself"), "{notes}");
        assert_eq!(fleet.owned().await, owned);
        fleet.publish("base/service.yaml", &service);

        // Programs that are missing, killed half-way, cut off, or silent.
        let real = std::mem::take(&mut fleet.search);
        let half = "printf 'apiVersion: v1\\nkind: Service\\nmetadata: {name: prod-podinfo}\\n---\\n'; kill -9 $$";
        let cut = "printf 'apiVersion: v1\\nkind: ConfigMap\\nmetadata:\\n  name: a\\n---\\napiVersion: v1\\nkind: Serv'";
        for (script, words) in
            [(half, "kustomize failed"), (cut, "metadata.name"), ("exit 1", "kustomize failed")]
        {
            fleet.search = fleet.instead_of_kustomize(script);
            let (code, _, notes) = fleet.run(&["sync", "podinfo", "--yes", "--allow-delete", "6"]);
            assert!(code == Some(3) && notes.contains(words), "{code:?} {notes}");
            assert_eq!(fleet.owned().await, owned);
        }
        // Nothing at all may be meant; it takes the number.
        fleet.search = fleet.instead_of_kustomize("true");
        let (code, _, notes) = fleet.run(&["sync", "podinfo", "--yes"]);
        assert!(code == Some(4) && notes.contains('6'), "{code:?} {notes}");
        assert_eq!(fleet.owned().await, owned);
        fleet.search = "/nowhere".into();
        let (code, _, notes) = fleet.run(&["sync", "podinfo", "--yes"]);
        assert!(code == Some(3) && notes.contains("kustomize is needed"), "{code:?} {notes}");
        fleet.search = real;
        assert_eq!(fleet.run(&["diff", "podinfo"]).0, Some(0));
        doctor(&fleet);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn commits_to_what_an_overlay_stands_on_count_as_its_own() {
    let Some(search) = search_path() else { return };
    for world in worlds("bases").await {
        let fleet = Fleet::new(&world, search.clone(), "on-bases");
        assert_eq!(fleet.run(&["sync", "on-bases", "--yes"]).0, Some(0));
        let base = fs::read_to_string(fleet.root().join("fleet/base/service.yaml")).unwrap();
        fleet.publish("README", "beside\n");
        fleet.publish("base/service.yaml", &base.replacen("9898", "9899", 1));
        let json = |arguments: &[&str]| -> Value {
            serde_json::from_str(&fleet.run(arguments).1).unwrap()
        };
        let status = json(&["status", "on-bases", "-o", "json"]);
        assert_eq!(status["mappings"][0]["behind"], 1, "{status}");
        let log = json(&["log", "on-bases", "-o", "json"]);
        let titles: Vec<&str> = log["commits"]
            .as_array()
            .into_iter()
            .flatten()
            .filter_map(|commit| commit["message"].as_str().map(str::trim))
            .collect();
        assert_eq!(titles, ["base/service.yaml", "the application"]);
        // The field of the base names the commit that changed the base.
        let plans = json(&["diff", "on-bases", "-o", "json"]);
        let operation = &plans["plans"][0]["operations"][0];
        assert_eq!(
            (&operation["reason"], &operation["object"]["kind"]),
            (&"commit".into(), &"Service".into())
        );
        assert_eq!(operation["changes"][0]["commit"], log["commits"][0]["revision"], "{operation}");
        assert_eq!(fleet.run(&["sync", "on-bases", "--yes"]).0, Some(0));
        let status = json(&["status", "on-bases", "-o", "json"]);
        assert_eq!(
            (&status["mappings"][0]["behind"], &status["mappings"][0]["sync"]),
            (&0.into(), &"synced".into())
        );
    }
}

fn doctor(fleet: &Fleet<'_>) {
    let (_, results, _) = fleet.run(&["doctor", "-o", "json"]);
    let found: Value = serde_json::from_str(&results).unwrap();
    let checks = found["checks"].as_array().unwrap();
    for name in ["kustomize", "helm", "sops"] {
        let check = checks.iter().find(|check| check["subject"] == name).expect(name);
        let message = check["message"].as_str().unwrap();
        assert!(
            check["result"] == "ok" && message.contains('.') && message.contains("(/"),
            "{check}"
        );
    }
    assert!(checks.iter().any(|check| check["subject"] == "network of renders"));
}
