//! The first commit of an empty repository, with the built binary: to a bare repository in a folder, and over https.

use crate::support::clusters::{World, worlds};
use crate::support::demo::gitdeck;
use crate::support::git_http::{GitHttp, Rules};
use crate::support::running::{config_map, config_maps};
use crate::support::shell::git;
use kube::api::{DynamicObject, PostParams};
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use tempfile::TempDir;

const EDITOR: &str =
    "#!/bin/sh\nprintf 'apiVersion: v1\\nkind: ConfigMap\\nmetadata: {name: typed}\\n' > \"$1\"\n";

/// An empty bare repository, perhaps behind a server, and a configuration that maps a folder of it.
struct Desk {
    folder: TempDir,
    server: Option<GitHttp>,
}

impl Desk {
    fn new(world: Option<&World>, over_https: bool) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let root = folder.path();
        git(root, &["init", "-q", "--bare", "-b", "main", "fleet.git"]);
        let server = over_https.then(|| GitHttp::start(root, Rules::default()));
        let url = match &server {
            Some(server) => server.url("fleet.git"),
            None => format!("file://{}/fleet.git", root.display()),
        };
        let none = root.join("none");
        let kubeconfig = world.map_or(none.as_path(), |world| world.kubeconfig.as_path());
        let config = format!(
            "kubeconfig = \"{}\"\ncache_dir = \"{root}/cache\"\ndata_dir = \"{root}/data\"\n\
             [author]\nname = \"Ana\"\nemail = \"ana@example.com\"\n\
             [repositories.fleet]\nurl = \"{url}\"\n\
             [mappings.web]\nrepository = \"fleet\"\npath = \"web\"\n",
            kubeconfig.display(),
            root = root.display(),
        );
        fs::write(root.join("config.toml"), config).unwrap();
        let editor = root.join("editor");
        fs::write(&editor, EDITOR).unwrap();
        fs::set_permissions(&editor, PermissionsExt::from_mode(0o755)).unwrap();
        Self { folder, server }
    }

    fn root(&self) -> &Path {
        self.folder.path()
    }

    /// Runs gitdeck; what it says on both streams, where it ends as expected.
    fn run(&self, arguments: &[&str], expected: i32) -> String {
        let mut command = gitdeck(&self.root().join("config.toml"));
        command.args(arguments).env("HOME", self.root());
        command.env("VISUAL", self.root().join("editor"));
        if let Some(server) = &self.server {
            command.env("GIT_SSL_CAINFO", server.authority());
        }
        let output = command.output().unwrap();
        let text = String::from_utf8_lossy(&output.stdout).into_owned()
            + &String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(expected), "{arguments:?}: {text}");
        text
    }

    /// Commits a file of the mapping.
    fn commit(&self, more: &[&str], expected: i32) -> String {
        let local = self.root().join("local.yaml");
        fs::write(&local, config_map("web", "1")).unwrap();
        let file = format!("map.yaml={}", local.display());
        self.run(&[&["commit", "web", "--file", &file], more].concat(), expected)
    }

    /// The files of the branch, after each commit on it was counted.
    fn pushed(&self, commits: usize) -> String {
        let bare = self.root().join("fleet.git");
        let count = git(&bare, &["rev-list", "--count", "main"]);
        assert_eq!(count.trim(), commits.to_string());
        git(&bare, &["ls-tree", "-r", "--name-only", "main"]).trim().to_owned()
    }
}

#[test]
fn a_file_begins_an_empty_repository() {
    for over_https in [false, true] {
        let desk = Desk::new(None, over_https);
        desk.commit(&["--push"], 0);
        assert_eq!(desk.pushed(1), "web/map.yaml");
        // What waits in the outbox is the first commit, and the next one stands on it.
        let desk = Desk::new(None, over_https);
        desk.commit(&["--no-push"], 0);
        desk.run(&["edit", "web", "more.yaml", "--yes", "--no-push"], 0);
        desk.run(&["push", "fleet"], 0);
        assert_eq!(desk.pushed(2), "web/map.yaml\nweb/more.yaml");
    }
}

#[test]
fn what_is_typed_begins_an_empty_repository() {
    for over_https in [false, true] {
        let desk = Desk::new(None, over_https);
        let said = desk.run(&["edit", "web", "new.yaml", "--yes", "--push"], 0);
        assert!(said.contains("web/new.yaml is not there yet"), "{said}");
        assert_eq!(desk.pushed(1), "web/new.yaml");
    }
}

#[test]
fn nothing_begins_where_nobody_could_look() {
    let mut desk = Desk::new(None, true);
    let address = desk.server.as_ref().unwrap().url("");
    desk.server = None;
    let said = desk.commit(&["--no-push"], 3);
    assert!(said.contains("fetch first") && said.contains(address.trim_end_matches('/')), "{said}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_export_begins_an_empty_repository() {
    for world in worlds("first-commit").await {
        let maps = config_maps(&world).await;
        let text = r#"{"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "first"}, "data": {"key": "1"}}"#;
        let map: DynamicObject = serde_json::from_str(text).unwrap();
        maps.create(&PostParams::default(), &map).await.unwrap();
        for over_https in [false, true] {
            let desk = Desk::new(Some(&world), over_https);
            let name = if over_https { "first-https" } else { "first-file" };
            let words = ["mapping", "export", name, "ConfigMap/first", "--repository", "fleet"];
            let place = ["--path", "first", "--namespace", &world.namespace, "--yes", "--push"];
            desk.run(&[&words[..], &place].concat(), 0);
            assert_eq!(desk.pushed(1), format!("first/{name}.yaml"));
            desk.run(&["diff", name], 0);
        }
    }
}
