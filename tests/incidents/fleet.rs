//! A repository and the built binary on a cluster: what an incident at the command line needs.

use crate::support::clusters::World;
use crate::support::demo::{gitdeck, said};
use serde_json::Value;
use std::fs;
use std::path::PathBuf;
use std::process::Command;
use tempfile::TempDir;

/// One repository, one mapping for each of its folders.
pub struct Fleet {
    /// The cluster.
    pub world: World,
    place: TempDir,
    config: PathBuf,
}

impl Fleet {
    /// Mappings of these names, each of the folder of its name; records in the namespace of the world.
    pub fn new(world: World, mappings: &[&str]) -> Self {
        let place = tempfile::tempdir().expect("a place");
        let at = |name: &str| place.path().join(name).display().to_string();
        git(&["init", "-q", "-b", "main", &at("work")]);
        git(&["init", "-q", "--bare", "-b", "main", &at("fleet.git")]);
        git(&["-C", &at("work"), "remote", "add", "origin", &at("fleet.git")]);
        let namespace = &world.namespace;
        let mut text = format!(
            "kubeconfig = \"{}\"\ncache_dir = \"{}\"\ndata_dir = \"{}\"\nrecord_namespace = \"{namespace}\"\n\
             [defaults]\nnamespace = \"{namespace}\"\n[repositories.fleet]\nurl = \"file://{}\"\n",
            world.kubeconfig.display(),
            at("cache"),
            at("data"),
            at("fleet.git"),
        );
        for name in mappings {
            let table = format!("[mappings.{name}]\nrepository = \"fleet\"\npath = \"{name}\"\n");
            text.push_str(&table);
        }
        let config = place.path().join("config.toml");
        fs::write(&config, text).expect("a configuration");
        Self { world, place, config }
    }

    /// Writes files, or removes them, and pushes.
    pub fn push(&self, files: &[(&str, Option<&str>)]) {
        let work = self.place.path().join("work");
        for (path, text) in files {
            let path = work.join(path);
            match text {
                Some(text) => {
                    fs::create_dir_all(path.parent().expect("a folder")).expect("a folder");
                    fs::write(path, text).expect("a file");
                }
                None => fs::remove_file(path).expect("a file that was there"),
            }
        }
        let work = work.display().to_string();
        git(&["-C", &work, "add", "-A"]);
        let author = ["-c", "user.name=Ana", "-c", "user.email=ana@example.com"];
        git(&[&author[..], &["-C", &work, "commit", "-qm", "Change"]].concat());
        git(&["-C", &work, "push", "-q", "origin", "main"]);
    }

    /// The repository on the other side.
    pub fn bare(&self) -> PathBuf {
        self.place.path().join("fleet.git")
    }

    /// The configuration.
    pub fn config(&self) -> PathBuf {
        self.config.clone()
    }

    /// Changes the configuration.
    pub fn configure(&self, change: impl Fn(String) -> String) {
        let text = fs::read_to_string(&self.config).expect("a configuration");
        fs::write(&self.config, change(text)).expect("a configuration");
    }

    /// Runs gitdeck: exit code, and everything that it said.
    pub fn run(&self, arguments: &[&str]) -> (i32, String) {
        let output = gitdeck(&self.config).args(arguments).output().expect("it runs");
        (output.status.code().unwrap_or(-1), said(&output))
    }

    /// Runs gitdeck, which must end well.
    pub fn ok(&self, arguments: &[&str]) {
        let (code, said) = self.run(arguments);
        assert_eq!(code, 0, "{:?}: gitdeck {}: {said}", self.world.kind, arguments.join(" "));
    }

    /// The document of a command.
    pub fn json(&self, arguments: &[&str]) -> Value {
        crate::support::demo::json(gitdeck(&self.config).args(arguments))
    }

    /// Names of each `ConfigMap` of the namespace that carries the mark of an ApplySet, in order.
    pub async fn marked(&self) -> Vec<String> {
        let address = format!(
            "/api/v1/namespaces/{}/configmaps?labelSelector=applyset.kubernetes.io%2Fpart-of",
            self.world.namespace
        );
        let list = self.get(&address).await;
        let items = list["items"].as_array().expect("items").iter();
        items.map(|one| one["metadata"]["name"].as_str().expect("a name").to_owned()).collect()
    }

    /// Reads an address; null where there is nothing.
    pub async fn get(&self, address: &str) -> Value {
        let request = http::Request::get(address).body(Vec::new()).expect("a request");
        self.world.client().await.request(request).await.unwrap_or(Value::Null)
    }

    /// The UID of a ConfigMap of the namespace.
    pub async fn uid(&self, name: &str) -> Value {
        let address = format!("/api/v1/namespaces/{}/configmaps/{name}", self.world.namespace);
        self.get(&address).await["metadata"]["uid"].clone()
    }
}

/// A manifest of a ConfigMap.
pub fn config(name: &str) -> String {
    format!("apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: {name}\ndata:\n  key: \"1\"\n")
}

/// Runs git, which must end well.
pub fn git(arguments: &[&str]) {
    let output = Command::new("git").args(arguments).output().expect("git runs");
    assert!(output.status.success(), "git {}: {}", arguments.join(" "), said(&output));
}
