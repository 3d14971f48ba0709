//! What a commit names and does not hold, with the built binary: it is refused by name, and neither applied nor deleted.

use crate::support::clusters::World;
use crate::support::demo::{gitdeck, said};
use crate::support::renderers::search_path;
use crate::support::running::{Origin, Running, config_map, config_maps, get};
use crate::support::shell::git;
use gitdeck::domain::{FileEdit, SyncState};
use gitdeck::engine::{Command, Outcome};
use std::ffi::OsString;
use std::fs;

const POINTER: &str =
    "version https://git-lfs.github.com/spec/v1\noid sha256:0123456789abcdef\nsize 12\n";

/// Mappings of folders that are named as they are.
fn tables(names: &[&str]) -> String {
    let table = |name: &&str| {
        format!(
            "[mappings.{name}]\nrepository = \"fleet\"\npath = \"{name}\"\n\
             helm = {{ kube_version = \"v1.36.0\" }}\n"
        )
    };
    names.iter().map(table).collect()
}

struct Desk {
    origin: Origin,
    world: World,
    search: OsString,
}

impl Desk {
    async fn new(namespace: &str, names: &[&str]) -> Option<Self> {
        let search = search_path()?;
        let world = World::sandbox(namespace).await;
        Some(Self { origin: Origin::new(&world, &tables(names)), world, search })
    }

    /// Exit code and words of a run.
    fn run(&self, arguments: &[&str]) -> (Option<i32>, String) {
        let place = |what: &str| self.origin.place().join(what);
        let mut command = gitdeck(&self.origin.config);
        command.env("GITDECK_CACHE_DIR", place("cache")).env("GITDECK_DATA_DIR", place("data"));
        let output = command.args(arguments).env("PATH", &self.search).output().unwrap();
        (output.status.code(), said(&output))
    }

    fn sync(&self, mapping: &str) -> (Option<i32>, String) {
        self.run(&["sync", mapping, "--yes", "--prune", "--allow-delete", "9"])
    }
}

/// What the mappings of the first test are made from, with a text that is taken as it is, and variables.
fn furnish(desk: &Desk, text: &str, env: &str) {
    let one = |name: &str| config_map(name, "blue");
    let generator = |kind: &str, name: &str, of: &str| {
        format!(
            "{kind}Generator: [{{name: {name}, {of}, options: {{disableNameSuffixHash: true}}}}]\n"
        )
    };
    let template = "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: chart}\ndata: {key: {{ .Files.Get \"motd.txt\" | quote }}}\n";
    let (maps, seals) = (
        generator("configMap", "maps", "files: [key=motd.txt]"),
        generator("secret", "seals", "envs: [keys.env]"),
    );
    let files = [
        ("plain/a.yaml", one("plain")),
        ("maps/kustomization.yaml", maps.clone()),
        ("maps/motd.txt", text.to_owned()),
        ("seals/kustomization.yaml", seals.clone()),
        ("seals/keys.env", env.to_owned()),
        ("chart/Chart.yaml", "apiVersion: v2\nname: chart\nversion: 1.0.0\n".to_owned()),
        ("chart/motd.txt", text.to_owned()),
        ("chart/templates/a.yaml", template.to_owned()),
        ("beside/a.yaml", one("beside")),
        ("calm/kustomization.yaml", "namePrefix: calm-\nresources: [a.yaml]\n".to_owned()),
        ("calm/a.yaml", one("one")),
    ];
    let files: Vec<(&str, Option<&str>)> =
        files.iter().map(|(path, text)| (*path, Some(text.as_str()))).collect();
    desk.origin.commit("write", &files);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_pointer_of_git_lfs_is_never_applied() {
    let names = ["plain", "maps", "seals", "chart", "beside", "calm"];
    let Some(desk) = Desk::new("pointers", &names).await else { return };
    furnish(&desk, "blue", "A=blue\n");
    for name in names {
        let (code, said) = desk.sync(name);
        assert_eq!(code, Some(0), "{name}: {said}");
    }
    furnish(&desk, POINTER, POINTER);
    let others = [
        ("plain/a.yaml", Some(POINTER)),
        ("beside/film.mp4", Some(POINTER)),
        ("calm/notes.yaml", Some(POINTER)),
    ];
    desk.origin.commit("more pointers", &others);
    for (name, file) in [
        ("plain", "plain/a.yaml"),
        ("maps", "maps/motd.txt"),
        ("seals", "seals/keys.env"),
        ("chart", "chart/motd.txt"),
    ] {
        let (code, said) = desk.sync(name);
        let words = format!(
            "{file}: a pointer of Git LFS, not the file itself, which is never fetched; commit it as an ordinary file"
        );
        assert!(code == Some(3) && said.contains(&words), "{name}: {said}");
    }
    let maps = config_maps(&desk.world).await;
    for name in ["plain", "maps", "chart"] {
        assert_eq!(get(&maps, name).await, "blue", "{name}");
    }
    // What no render reads is nobody's business.
    for name in ["beside", "calm"] {
        let (code, said) = desk.sync(name);
        assert_eq!(code, Some(0), "{name}: {said}");
    }
}

/// Puts something else where the folder of a path was.
fn replace(desk: &Desk, path: &str, by: &dyn Fn(&std::path::Path)) {
    let work = desk.origin.place().join("work");
    let _ = std::fs::remove_dir_all(work.join(path));
    git(&work, &["rm", "-rq", "--cached", "--ignore-unmatch", path]);
    by(&work);
}

fn submodule(desk: &Desk, path: &str) {
    replace(desk, path, &|work| {
        // Its empty folder, so that adding everything does not take it away again.
        std::fs::create_dir_all(work.join(path)).unwrap();
        let commit = git(work, &["rev-parse", "HEAD"]);
        let entry = format!("160000,{},{path}", commit.trim());
        git(work, &["update-index", "--add", "--cacheinfo", &entry]);
    });
}

fn link(desk: &Desk, path: &str, target: &str) {
    replace(desk, path, &|work| {
        std::os::unix::fs::symlink(target, work.join(path)).unwrap();
        git(work, &["add", path]);
    });
}

fn push(desk: &Desk) {
    let work = desk.origin.place().join("work");
    git(&work, &["commit", "-qm", "replace"]);
    git(&work, &["push", "-q", "origin", "main"]);
}

/// Two files of `NAME/sub`, one beside it, with what else is needed.
fn lay_out(desk: &Desk, names: &[&str]) {
    let mut files = Vec::new();
    for name in names {
        for (file, object) in [("sub/one", "one"), ("sub/two", "two"), ("three", "three")] {
            let text = config_map(&format!("{name}-{object}"), "blue");
            files.push((format!("{name}/{file}.yaml"), text));
        }
    }
    let mut more = |path: &str, text: &str| files.push((path.to_owned(), text.to_owned()));
    more("chart/Chart.yaml", "apiVersion: v2\nname: chart\nversion: 1.0.0\n");
    let template =
        "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: chart-one}\ndata: {key: blue}\n";
    more("chart/templates/a.yaml", template);
    let named = "resources: [sub/one.yaml, sub/two.yaml, three.yaml]\n";
    more("named/kustomization.yaml", named);
    more("calm/kustomization.yaml", "resources: [three.yaml]\n");
    more("elsewhere/one.yaml", &config_map("elsewhere", "blue"));
    let files: Vec<(&str, Option<&str>)> =
        files.iter().map(|(path, text)| (path.as_str(), Some(text.as_str()))).collect();
    desk.origin.commit("write", &files);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_folder_that_git_does_not_hold_is_never_deleted() {
    let names = ["modules", "whole", "links", "lost", "chart", "named", "calm", "auto"];
    let Some(desk) = Desk::new("replaced", &names).await else { return };
    let config = fs::read_to_string(&desk.origin.config).unwrap();
    let auto = "path = \"auto\"\nsync = { auto = true, prune = true }\n";
    fs::write(&desk.origin.config, config.replace("path = \"auto\"\n", auto)).unwrap();
    lay_out(&desk, &names);
    for name in &names[..7] {
        let (code, said) = desk.sync(name);
        assert_eq!(code, Some(0), "{name}: {said}");
    }
    let mut running = Running::watch(desk.origin.settings("a"));
    running.see("auto", "synced by itself", |status| status.sync == SyncState::Synced).await;
    for path in ["modules/sub", "whole", "chart/templates", "named/sub", "calm/sub", "auto/sub"] {
        submodule(&desk, path);
    }
    // Beside every mapping.
    submodule(&desk, "vendor");
    link(&desk, "links/sub", "../elsewhere");
    link(&desk, "lost/sub", "../../elsewhere");
    push(&desk);

    let (module, folder) = ("a submodule, which is never entered", "a symbolic link to a folder");
    for (name, words) in [
        ("modules", format!("modules/sub: {module}")),
        ("whole", format!("whole: {module}")),
        ("chart", format!("chart/templates: {module}")),
        ("named", format!("named/sub: {module}")),
        ("links", format!("links/sub: {folder}")),
        ("lost", "lost/sub: a symbolic link that leads to no file of the repository".to_owned()),
    ] {
        for arguments in [&["plan", name][..], &["sync", name, "--yes", "--prune"]] {
            let (code, said) = desk.run(arguments);
            assert!(code == Some(3) && said.contains(&words), "{name}: {said}");
        }
    }
    // A kustomization that does not name it is not held up.
    let (code, said) = desk.sync("calm");
    assert_eq!(code, Some(0), "{said}");
    running.see("auto", "an error", |status| status.sync == SyncState::Error).await;
    running.stop().await;
    let maps = config_maps(&desk.world).await;
    for name in ["modules", "whole", "links", "lost", "named", "auto"] {
        for object in ["one", "two", "three"] {
            assert_eq!(get(&maps, &format!("{name}-{object}")).await, "blue", "{name}-{object}");
        }
    }
    assert_eq!(get(&maps, "chart-one").await, "blue");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_folder_that_never_held_anything_is_a_warning() {
    let names = ["warned-new", "warned-later"];
    let Some(desk) = Desk::new("warned", &names).await else { return };
    let (one, two) = (config_map("warned-one", "blue"), config_map("warned-two", "blue"));
    let (three, four) = (config_map("warned-three", "blue"), config_map("warned-four", "blue"));
    let files = [
        ("warned-new/one.yaml", Some(one.as_str())),
        ("warned-new/two.yaml", Some(&two)),
        ("warned-later/three.yaml", Some(&three)),
        ("warned-later/four.yaml", Some(&four)),
    ];
    desk.origin.commit("write", &files);
    let (code, said) = desk.sync("warned-later");
    assert_eq!(code, Some(0), "{said}");
    // One is there before the first sync, the other comes beside what is applied already.
    for path in ["warned-new/vendor", "warned-later/vendor"] {
        submodule(&desk, path);
    }
    push(&desk);
    for name in names {
        let words = format!("{name}/vendor is a submodule: nothing in it is applied");
        let (code, said) = desk.sync(name);
        assert!(code == Some(0) && said.contains(&words), "{name}: {said}");
        let (_, said) = desk.run(&["status", name]);
        assert!(said.contains(&words), "{name}: {said}");
    }
    // It was there when this was synced last, so that nothing of it leaves now.
    desk.origin.commit("less", &[("warned-new/two.yaml", None)]);
    let (code, said) = desk.sync("warned-new");
    assert_eq!(code, Some(0), "{said}");
    let maps = config_maps(&desk.world).await;
    assert!(get(&maps, "warned-two").await.is_null() && get(&maps, "warned-one").await == "blue");
    // What leaves as another one comes may have been in it.
    desk.origin.commit("less", &[("warned-later/four.yaml", None)]);
    submodule(&desk, "warned-later/more");
    push(&desk);
    let (code, said) = desk.sync("warned-later");
    assert!(code == Some(3) && said.contains("warned-later/more: a submodule"), "{said}");
    assert_eq!(get(&maps, "warned-four").await, "blue");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_a_chart_tells_helm_to_ignore_holds_nobody_up() {
    let Some(desk) = Desk::new("ignored", &["ignored-chart"]).await else { return };
    let template =
        "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: ignored-map}\ndata: {key: blue}\n";
    let files = [
        ("ignored-chart/Chart.yaml", "apiVersion: v2\nname: chart\nversion: 1.0.0\n"),
        ("ignored-chart/.helmignore", "# films\nmedia/\n*.mp4\n"),
        ("ignored-chart/templates/a.yaml", template),
        ("ignored-chart/media/logo.png", POINTER),
        ("ignored-chart/film.mp4", POINTER),
    ];
    let files: Vec<(&str, Option<&str>)> =
        files.iter().map(|(path, text)| (*path, Some(*text))).collect();
    desk.origin.commit("write", &files);
    let (code, said) = desk.sync("ignored-chart");
    assert_eq!(code, Some(0), "{said}");
    assert_eq!(get(&config_maps(&desk.world).await, "ignored-map").await, "blue");
    desk.origin.commit("more", &[("ignored-chart/files/logo.png", Some(POINTER))]);
    let (code, said) = desk.sync("ignored-chart");
    let words = "ignored-chart/files/logo.png: a pointer of Git LFS";
    assert!(code == Some(3) && said.contains(words), "{said}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_no_text_is_not_edited_and_can_be_deleted() {
    let Some(desk) = Desk::new("removed", &["pen"]).await else { return };
    let huge = "x".repeat((16 << 20) + 1);
    let (one, mapping) = (config_map("one", "blue"), "pen".to_owned());
    let files = [
        ("pen/one.yaml", Some(one.as_str())),
        ("pen/kustomization.yaml", Some("resources: [one.yaml]\n")),
        ("pen/pointer.bin", Some(POINTER)),
        ("pen/huge.txt", Some(&huge)),
    ];
    desk.origin.commit("write", &files);
    link(&desk, "pen/link.md", "one.yaml");
    submodule(&desk, "pen/sub");
    push(&desk);
    for (file, words) in [
        ("pointer.bin", "pen/pointer.bin is an LFS pointer: edit it with git"),
        ("huge.txt", "pen/huge.txt is too large: edit it with git"),
        ("link.md", "pen/link.md is a symbolic link: edit its target"),
        ("sub", "pen/sub is a submodule: edit its own repository"),
    ] {
        let (code, said) = desk.run(&["edit", "pen", file, "--yes", "--push"]);
        assert!(code == Some(2) && said.contains(words), "{said}");
    }
    let mut running = Running::watch(desk.origin.settings("a"));
    running
        .until("a fetch", |running| running.store.repositories["fleet"].state.tip.is_some())
        .await;
    let paths = ["pen/pointer.bin", "pen/huge.txt", "pen/link.md"];
    let edits: Vec<FileEdit> =
        paths.map(|path| FileEdit { path: path.to_owned(), content: None }).into();
    let draft = Command::Draft { mapping: mapping.clone(), edits: edits.clone() };
    let outcome = running.run(draft).await;
    assert!(matches!(outcome, Outcome::Done(_)), "{outcome:?}");
    let commit = Command::Commit {
        mapping,
        edits,
        message: Some("remove what is no text".to_owned()),
        base: None,
        push: true,
        branch: None,
        of: None,
        validate: false,
    };
    let outcome = running.run(commit).await;
    assert!(matches!(outcome, Outcome::Done(_)), "{outcome:?}");
    running.stop().await;
    let left = desk.origin.bare(&["ls-tree", "-r", "--name-only", "main"]);
    assert_eq!(left, "pen/kustomization.yaml\npen/one.yaml\npen/sub");
}
