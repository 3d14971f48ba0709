//! Time travel: the preview of every commit is what kubectl says of its tree, and the console never shows another one.

use crate::support::clusters::{Kind, World, kubectl, worlds};
use crate::support::demo::said;
use crate::support::running::{Origin, Running};
#[cfg(feature = "console")]
use crate::support::terminal::Terminal;
use gitdeck::domain::diff::difference;
use gitdeck::domain::{Op, Plan, Revision};
use gitdeck::engine::{Command, Outcome, SyncOptions};
use gitdeck::yaml::documents;
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;
use std::process::Command as Process;
use std::time::Duration;

/// Commits that are looked at.
const COMMITS: usize = 50;

/// Objects of each kind: 40 in all.
const KINDS: [(&str, usize); 5] =
    [("ConfigMap", 12), ("Deployment", 10), ("Service", 10), ("Secret", 5), ("ServiceAccount", 3)];

const TRAVELLER: &str = "traveller";
#[cfg(feature = "console")]
const HASTY: &str = "hasty-traveller";

/// A configuration with one mapping. Its record is found by its name alone, and other tests use the same cluster.
fn table(mapping: &str) -> String {
    format!(
        "[mappings.{mapping}]
repository = \"fleet\"
path = \"apps/shop\"
sync = {{ prune = true, prune_limit = 40 }}
"
    )
}

/// What differs of which object, by what is done to it.
type Told = BTreeSet<(&'static str, String, BTreeSet<String>)>;

struct Dice(u64);

impl Dice {
    fn roll(&mut self, below: usize) -> usize {
        self.0 =
            self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) as usize % below
    }
}

/// An object as it is written down: its values by number.
#[derive(Clone, Copy)]
struct Object {
    kind: &'static str,
    number: usize,
    values: [usize; 3],
    there: bool,
}

impl Object {
    fn name(&self) -> String {
        format!("{}-{}", self.kind.to_lowercase(), self.number)
    }

    fn path(&self) -> String {
        format!("apps/shop/{}.yaml", self.name())
    }

    /// The manifest, with more labels where there are any.
    fn manifest(&self, labels: &str) -> String {
        let (name, [a, b, c]) = (self.name(), self.values);
        let head = |version: &str| {
            let kind = self.kind;
            format!(
                "apiVersion: {version}\nkind: {kind}\nmetadata:\n  name: {name}\n  labels:\n    app: {name}\n    \
                 tier: t{c}\n{labels}"
            )
        };
        match self.kind {
            "ConfigMap" => {
                let more = if b > 2 { format!("  only-{b}: there\n") } else { String::new() };
                format!("{}data:\n  key: \"{a}\"\n{more}", head("v1"))
            }
            "Secret" => {
                format!("{}stringData:\n  token: secret-{a}\n  other: secret-{b}\n", head("v1"))
            }
            "Service" => format!(
                "{}spec:\n  selector:\n    app: {name}\n  ports:\n    - name: http\n      port: {}\n      \
                 targetPort: {}\n",
                head("v1"),
                80 + a,
                8_000 + b
            ),
            "ServiceAccount" => {
                format!("{}automountServiceAccountToken: {}\n", head("v1"), a % 2 == 0)
            }
            _ => {
                let env = if b > 2 {
                    format!(
                        "          env:\n            - name: LEVEL\n              value: \"{b}\"\n"
                    )
                } else {
                    String::new()
                };
                format!(
                    "{}spec:\n  replicas: {a}\n  selector:\n    matchLabels:\n      app: {name}\n  template:\n    \
                     metadata:\n      labels:\n        app: {name}\n    spec:\n      containers:\n        \
                     - name: app\n          image: registry.example.com/{name}:1.{c}.0\n{env}",
                    head("apps/v1")
                )
            }
        }
    }
}

fn objects() -> Vec<Object> {
    let of = |(kind, count): (&'static str, usize)| {
        (0..count).map(move |number| Object { kind, number, values: [1; 3], there: true })
    };
    KINDS.into_iter().flat_map(of).collect()
}

/// The trees of the commits, oldest first. The newest has every object.
fn histories(dice: &mut Dice) -> Vec<Vec<Object>> {
    let mut now = objects();
    let mut trees = vec![now.clone()];
    while trees.len() < COMMITS {
        let last = trees.len() == COMMITS - 1;
        for _ in 0..=dice.roll(3) {
            let at = dice.roll(now.len());
            now[at].values[dice.roll(3)] = dice.roll(6);
        }
        if dice.roll(4) == 0 {
            let at = 1 + dice.roll(now.len() - 1);
            now[at].there = !now[at].there;
        }
        // A commit changes something.
        now[0].values[0] = 100 + trees.len();
        if last {
            for object in &mut now {
                object.there = true;
            }
        }
        trees.push(now.clone());
    }
    trees
}

/// Commits the trees; the revisions, oldest first.
fn publish(origin: &Origin, trees: &[Vec<Object>]) -> Vec<String> {
    let mut revisions = Vec::new();
    for (number, tree) in trees.iter().enumerate() {
        let texts: Vec<(String, Option<String>)> = tree
            .iter()
            .enumerate()
            .filter(|(at, object)| {
                let before = number.checked_sub(1).map(|before| &trees[before][*at]);
                object.there || before.is_some_and(|before| before.there)
            })
            .map(|(_, object)| (object.path(), object.there.then(|| object.manifest(""))))
            .collect();
        let files: Vec<(&str, Option<&str>)> =
            texts.iter().map(|(path, text)| (path.as_str(), text.as_deref())).collect();
        revisions.push(origin.commit(&format!("change-{number}"), &files));
    }
    revisions
}

async fn done(running: &mut Running, command: Command) {
    let outcome = running.run(command).await;
    assert!(matches!(outcome, Outcome::Done(_)), "{outcome:?}");
}

async fn sync(running: &mut Running, mapping: &str) {
    done(running, Command::Fetch { repository: "fleet".into(), observe: false }).await;
    let (name, mapping, options) = (mapping, mapping.to_owned(), SyncOptions::default());
    let plan = Command::Plan { mapping: mapping.clone(), revision: None, options: options.clone() };
    done(running, plan).await;
    let confirmed = running.store.mappings[name].plan.clone().expect("a plan").0.digest.clone();
    done(running, Command::Sync { mapping, revision: None, confirmed, options }).await;
}

fn told_by_preview(plan: &Plan) -> Told {
    let told = plan.operations.iter().map(|one| {
        let object = format!("{}/{}", one.object.kind, one.object.name);
        match one.op {
            Op::Update => {
                let paths = one.changes.iter().map(|change| change.path.clone());
                ("update", object, paths.collect())
            }
            Op::Create => ("create", object, BTreeSet::new()),
            Op::Delete => ("delete", object, BTreeSet::new()),
            other => panic!("{other:?} of {object}"),
        }
    });
    told.collect()
}

/// kubectl at work beside gitdeck.
struct Peer<'a> {
    kubectl: std::path::PathBuf,
    world: &'a World,
    place: tempfile::TempDir,
    label: String,
}

impl<'a> Peer<'a> {
    fn new(world: &'a World) -> Option<Self> {
        let (kubectl, place) = (kubectl()?, tempfile::tempdir().expect("a place"));
        // What kubectl would compare by eye is kept, to be compared by path.
        let keeps = place.path().join("keeps");
        let script = "#!/bin/sh\ncp -r \"$1\" \"$KEPT/live\" && cp -r \"$2\" \"$KEPT/merged\"\n";
        fs::write(&keeps, script).expect("a script");
        let mode = std::os::unix::fs::PermissionsExt::from_mode(0o755);
        fs::set_permissions(&keeps, mode).expect("a program");
        let mut peer = Self { kubectl, world, place, label: String::new() };
        let key = "applyset.kubernetes.io/part-of";
        let one = peer.run(&["get", "configmap", "configmap-0", "-o", "json"]);
        let one: Value = serde_json::from_str(&one).expect("JSON");
        let id = one["metadata"]["labels"][key].as_str().expect("the mark of a mapping");
        peer.label = format!("    {key}: {id}\n");
        Some(peer)
    }

    fn command(&self, arguments: &[&str]) -> Process {
        let mut command = Process::new(&self.kubectl);
        let path = std::env::var("PATH").unwrap_or_default();
        command
            .arg("--kubeconfig")
            .arg(&self.world.kubeconfig)
            .args(arguments)
            .env("HOME", self.place.path())
            .env("NO_PROXY", "127.0.0.1")
            .env("PATH", format!("{}:{path}", self.place.path().display()))
            .env("KUBECTL_EXTERNAL_DIFF", "keeps");
        command
    }

    fn run(&self, arguments: &[&str]) -> String {
        let output = self.command(arguments).output().expect("kubectl");
        assert!(output.status.success(), "{}", said(&output));
        String::from_utf8(output.stdout).expect("text")
    }

    /// What `kubectl diff --server-side` says of a tree under the name of gitdeck.
    fn told(&self, tree: &[Object], newest: &[Object]) -> Told {
        let round = tempfile::tempdir_in(self.place.path()).expect("a place");
        let files = round.path().join("files");
        fs::create_dir(&files).expect("a folder");
        for object in tree.iter().filter(|object| object.there) {
            let file = files.join(format!("{}.yaml", object.name()));
            fs::write(file, object.manifest(&self.label)).expect("a manifest");
        }
        let mut command = self.command(&["diff", "--server-side", "--force-conflicts", "-f"]);
        command.arg(&files).args(["--field-manager=gitdeck", "--show-managed-fields"]);
        let output = command.env("KEPT", round.path()).output().expect("kubectl");
        assert!(matches!(output.status.code(), Some(0 | 1)), "{}", said(&output));
        let (live, merged) = (kept(&round.path().join("live")), kept(&round.path().join("merged")));
        let mut told = Told::new();
        for (name, merged) in &merged {
            let Some(live) = live.get(name) else {
                told.insert(("create", name.clone(), BTreeSet::new()));
                continue;
            };
            let changes = difference(Some(live), merged, &[]).changes;
            if !changes.is_empty() {
                let paths = changes.into_iter().map(|change| change.path).collect();
                told.insert(("update", name.clone(), paths));
            }
        }
        let gone = newest.iter().zip(tree).filter(|(now, then)| now.there && !then.there);
        let name = |object: &Object| format!("{}/{}", object.kind, object.name());
        told.extend(gone.map(|(now, _)| ("delete", name(now), BTreeSet::new())));
        told
    }
}

/// The objects that kubectl wrote down, by kind and name.
fn kept(folder: &Path) -> BTreeMap<String, Value> {
    let files = fs::read_dir(folder).expect("what kubectl wrote");
    let texts = files.map(|file| fs::read(file.expect("a file").path()).expect("a text"));
    let objects = texts.flat_map(|text| documents(&text).expect("YAML"));
    let named = objects.filter(|document| document.value.is_object()).map(|document| {
        let object = document.value;
        let name = object["metadata"]["name"].as_str().expect("a name");
        (format!("{}/{name}", object["kind"].as_str().expect("a kind")), object)
    });
    named.collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn every_preview_is_what_kubectl_says_of_the_tree() {
    for world in worlds("travel").await {
        let origin = Origin::new(&world, &table(TRAVELLER));
        let trees = histories(&mut Dice(6));
        let revisions = publish(&origin, &trees);
        let mut running = Running::watch(origin.settings("one"));
        sync(&mut running, TRAVELLER).await;
        let Some(peer) = Peer::new(&world) else { return };
        // Somebody was here, so that not only Git differs.
        peer.run(&["scale", "deployment/deployment-3", "--replicas=7"]);
        peer.run(&["label", "service/service-2", "tier=by-hand", "--overwrite"]);
        running.see(TRAVELLER, "both changes", |status| status.drifted_fields == 2).await;
        let newest = trees.last().expect("commits");
        // The sandbox is compared with the server elsewhere: a sample will do.
        let step = if world.kind == Kind::Real { 1 } else { 7 };
        let mut changes = 0;
        for (revision, tree) in revisions.iter().zip(&trees).rev().step_by(step) {
            let revision = Revision::new(revision.as_str());
            let (mapping, rest) = (TRAVELLER.to_owned(), Duration::ZERO);
            done(&mut running, Command::Preview { mapping, revision: revision.clone(), rest })
                .await;
            let view = &running.store.mappings[TRAVELLER];
            let (preview, _) = view.preview.as_ref().expect("a preview");
            assert_eq!(preview.revision, revision);
            let told = told_by_preview(preview);
            assert_eq!(told, peer.told(tree, newest), "{revision} on {:?}", world.kind);
            changes += told.iter().map(|(_, _, paths)| paths.len().max(1)).sum::<usize>();
        }
        assert!(changes > 100 / step, "{changes} changes in all");
        println!("{:?}: {changes} changes in {} previews", world.kind, COMMITS.div_ceil(step));
        running.stop().await;
    }
}

#[cfg(feature = "console")]
const ONE: &str = "apps/shop/stamp.yaml";

#[cfg(feature = "console")]
fn stamp(number: usize) -> String {
    format!(
        "apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: stamp\ndata:\n  at: as-of-change-{number:02}.\n"
    )
}

#[cfg(feature = "console")]
#[tokio::test(flavor = "multi_thread")]
async fn a_quick_cursor_never_sees_the_plan_of_another_commit() {
    for world in worlds("travel-quick").await {
        let origin = Origin::new(&world, &table(HASTY));
        for number in 0..COMMITS {
            origin.commit(&format!("change-{number:02}."), &[(ONE, Some(&stamp(number)))]);
        }
        let mut running = Running::watch(origin.settings("one"));
        sync(&mut running, HASTY).await;
        running.stop().await;
        let config = origin.config.clone();
        tokio::task::spawn_blocking(move || hurry(&config)).await.expect("a quick hand");
    }
}

/// Moves as fast as the console takes keys, resting here and there; then every frame is looked at.
#[cfg(feature = "console")]
fn hurry(config: &Path) {
    let arguments = ["--config".to_owned(), config.display().to_string()];
    let mut terminal = Terminal::start(&arguments, (120, 36));
    terminal.see("2 Mappings").see("in sync").keys("3").see("change-49.");
    let mut dice = Dice(3);
    for stop in [40, 3, 25, 26, 1, 48] {
        terminal.keys("g");
        for _ in 0..40 {
            terminal.keys(if dice.roll(3) == 0 { "k" } else { "j" });
        }
        terminal.keys("g").keys(&"j".repeat(stop));
        terminal.see(&format!("+ as-of-change-{:02}.", COMMITS - 1 - stop));
    }
    assert_eq!(terminal.keys("q").end(), 0);
    let mut shown = BTreeSet::new();
    for screen in terminal.frames((120, 36)) {
        let Some(planned) = after(&screen, "+ as-of-change-") else { continue };
        let row = screen.lines().find(|line| line.contains("│▌") && line.contains("change-"));
        let row = row.and_then(|row| after(row, "change-"));
        assert_eq!(Some(planned), row, "{screen}");
        shown.insert(planned.to_owned());
    }
    assert!(shown.len() >= 6, "{shown:?}");
}

/// The two digits after a text.
#[cfg(feature = "console")]
fn after<'a>(screen: &'a str, text: &str) -> Option<&'a str> {
    screen.split_once(text)?.1.get(..2)
}
