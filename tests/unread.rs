//! What a commit names and does not hold, with the built binary: it is refused by name, and neither applied nor deleted.

use crate::support::clusters::World;
use crate::support::demo::{gitdeck, said};
use crate::support::renderers::search_path;
use crate::support::running::{Origin, config_map, config_maps, get};
use std::ffi::OsString;

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
