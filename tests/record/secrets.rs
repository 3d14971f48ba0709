//! Secrets that change live: into the files that SOPS sealed, where that is asked for, and nowhere in the clear.

use super::{SHORT, document, is_level, recorded, settings, table};
use crate::kill_places::settled;
use crate::support::clusters::{World, worlds};
use crate::support::fake_node::kind;
use crate::support::renderers::search_path;
use crate::support::running::{Origin, Running, config_map, config_maps, set};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use gitdeck::engine::event::JournalEntry;
use kube::Api;
use kube::api::{DynamicObject, Patch, PatchParams, PostParams};
use serde_json::{Value, json};
use std::fs;
use std::path::PathBuf;
use std::process::{Command, Output};

/// As `mapping export` writes several Secrets, and as somebody writes one by hand.
const SECRETS: &str = "\
# Rotated each year.
apiVersion: v1
kind: Secret
metadata:
  name: token
data:
  token: YmVmb3JlLW9uZQ==
  stays: c3RheXMtYXMtaXQtaXM=
  goes: Z29lcy1hd2F5
stringData:
  note: before-note
---
apiVersion: v1
kind: Secret
metadata:
  name: other
data:
  token: b3RoZXItb25l
";

/// A repository whose Secrets are sealed with `sops` and an age key, and a cluster where the same is live.
pub(super) struct Desk {
    pub origin: Origin,
    key: String,
    name: &'static str,
    secrets: Api<DynamicObject>,
    maps: Api<DynamicObject>,
}

fn program(name: &str, arguments: &[&str], environment: &[(&str, &str)]) -> Output {
    let search = search_path().expect("the programs");
    let output = Command::new(name)
        .args(arguments)
        .env("PATH", search)
        .env("SOPS_DISABLE_VERSION_CHECK", "1")
        .envs(environment.iter().copied())
        .output()
        .expect("it runs");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    output
}

fn text(output: Output) -> String {
    String::from_utf8(output.stdout).expect("text")
}

impl Desk {
    pub async fn new(world: &World, name: &'static str, sealed: bool) -> Self {
        let key = text(program("age-keygen", &[], &[]));
        let own = "record = { secrets = \"sops\" }\nsops = { age_key = \"file:KEY\" }\n";
        let origin = settled(world, &(table(name) + own));
        let file = origin.place().join("key").display().to_string();
        fs::write(&file, &key).expect("a key");
        let config = fs::read_to_string(&origin.config).expect("a configuration");
        fs::write(&origin.config, config.replace("file:KEY", &format!("file:{file}")))
            .expect("a configuration");
        let clear = origin.place().join("clear.yaml");
        fs::write(&clear, SECRETS).expect("a file");
        let public = key.lines().find_map(|line| line.strip_prefix("# public key: ")).unwrap();
        let clear = clear.display().to_string();
        let seal = ["encrypt", "--age", public, "--encrypted-regex", "^(data|stringData)$", &clear];
        let text = if sealed { text(program("sops", &seal, &[])) } else { SECRETS.to_owned() };
        let map = config_map("one", "1");
        let (at, beside) = (file_of(name), format!("apps/{name}/one.yaml"));
        origin.commit("begin", &[(&at, Some(&text)), (&beside, Some(&map))]);
        let secrets: Api<DynamicObject> =
            Api::namespaced_with(world.client().await, &world.namespace, &kind("", "v1", "Secret"));
        let maps = config_maps(world).await;
        for text in SECRETS.split("---\n").chain([map.as_str()]) {
            let object: DynamicObject = serde_json::from_value(document(text)).expect("an object");
            let api = if text == map { &maps } else { &secrets };
            api.create(&PostParams::default(), &object).await.expect("an object");
        }
        Self { origin, key, name, secrets, maps }
    }

    pub async fn change(&self, name: &str, change: Value) {
        let by =
            PatchParams { field_manager: Some("kubectl-edit".into()), ..PatchParams::default() };
        self.secrets.patch(name, &by, &Patch::Merge(change)).await.expect("a live change");
    }

    /// What the file with the Secrets says, in the clear.
    pub fn opened(&self) -> Vec<Value> {
        let copy: PathBuf = self.origin.place().join("copy.yaml");
        fs::write(&copy, self.origin.pushed(&file_of(self.name))).expect("a copy");
        let copy = copy.display().to_string();
        let clear = text(program("sops", &["decrypt", &copy], &[("SOPS_AGE_KEY", &self.key)]));
        let documents = gitdeck::yaml::documents(clear.as_bytes()).expect("YAML");
        documents.into_iter().map(|one| one.value).collect()
    }

    /// Neither an object of any repository nor a file has these values, in the clear or encoded.
    fn is_nowhere(&self, values: &[&str]) {
        for value in values {
            assert_eq!(self.holders(value, &["one"]), Vec::<String>::new(), "{value}");
        }
    }

    /// Where a value is found, in the clear or encoded.
    pub fn holders(&self, value: &str, folders: &[&str]) -> Vec<String> {
        let forms = [value.to_owned(), STANDARD.encode(value)];
        forms.iter().flat_map(|text| self.origin.holders_of(text, folders)).collect()
    }
}

fn file_of(name: &str) -> String {
    format!("apps/{name}/secrets.sops.yaml")
}

fn commits(entries: &[JournalEntry]) -> usize {
    entries.iter().filter(|entry| entry.what == "commit").count()
}

/// The line of a value.
fn line<'a>(text: &'a str, key: &str) -> &'a str {
    text.lines().find(|line| line.trim().starts_with(key)).expect("a line")
}

/// Three recordings, and no value in what is told of them.
async fn says_nothing(running: &mut Running, desk: &Desk) {
    let entries = running.journal().await;
    assert_eq!(commits(&entries), 3, "{entries:#?}");
    assert!(!format!("{entries:?}").contains("canary"), "{entries:#?}");
    assert!(!desk.origin.bare(&["log", "--format=%B"]).contains("canary"));
    assert!(is_level(&running.store.mappings[desk.name].status));
    let seen = format!("{:?}", running.store.mappings[desk.name]);
    assert!(!seen.contains("canary"), "{seen}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_secret_is_recorded_sealed_value_by_value() {
    if search_path().is_none() {
        return;
    }
    for world in worlds("record-sealed").await {
        let desk = Desk::new(&world, "rec-sealed", true).await;
        let (origin, file) = (&desk.origin, file_of("rec-sealed"));
        let before = origin.pushed(&file);
        let mut running = Running::watch(settings(origin, "one", SHORT));
        recorded(&mut running, origin, "rec-sealed", 1).await;
        running.see("rec-sealed", "the record", |status| status.synced_revision.is_some()).await;
        let (one, two) = ("live-canary-one", "live-canary\nof-two-lines\n");
        let more = STANDARD.encode(two);
        desk.change(
            "token",
            json!({"data": {"goes": null, "more": more},
                "stringData": {"token": one, "note": "live-canary-note"},
                "metadata": {"labels": {"tier": "front"}}}),
        )
        .await;
        recorded(&mut running, origin, "rec-sealed", 2).await;
        let [token, other] = desk.opened().try_into().expect("two Secrets");
        assert_eq!(
            (&token["data"], &token["stringData"], &token["metadata"]["labels"]),
            (
                &json!({"token": STANDARD.encode(one), "stays": "c3RheXMtYXMtaXQtaXM=", "more": more}),
                &json!({"note": "live-canary-note"}),
                &json!({"tier": "front"})
            )
        );
        assert_eq!(other["data"], json!({"token": "b3RoZXItb25l"}));
        // What stays keeps its ciphertext, and people's words stay too.
        let after = origin.pushed(&file);
        assert_eq!(line(&after, "stays:"), line(&before, "stays:"));
        assert_ne!(line(&after, "token:"), line(&before, "token:"));
        let others =
            |text: &str| text.split("\n---\n").nth(1).map(|one| line(one, "token:").to_owned());
        assert_eq!(others(&after), others(&before));
        assert!(after.starts_with("# Rotated each year.\n"), "{after}");
        let message = origin.message();
        assert!(message.contains("token") && message.contains("Field-Manager: kubectl-edit\n"));
        // A copy of what is secret since a moment ago is no more committed than the Secret itself in the clear.
        let three = "live-canary-three";
        desk.change("other", json!({"stringData": {"token": three}})).await;
        set(&desk.maps, "one", &format!("see {three}"), "kubectl-edit").await;
        running
            .until("the second one", |running| {
                let held = running.store.mappings["rec-sealed"].status.held.as_deref();
                origin.count() == 3
                    && held.is_some_and(|held| held.contains("a value of a Secret is in it"))
            })
            .await;
        assert_eq!(desk.opened()[1]["data"]["token"], STANDARD.encode(three));
        // No loop: the next commit is that of the next change, and has nothing else in it.
        set(&desk.maps, "one", "2", "kubectl-edit").await;
        recorded(&mut running, origin, "rec-sealed", 4).await;
        assert_eq!(
            origin.bare(&["diff", "--name-only", "main~1", "main"]),
            "apps/rec-sealed/one.yaml"
        );
        says_nothing(&mut running, &desk).await;
        running.stop().await;
        desk.is_nowhere(&[one, two, three, "live-canary-note", "of-two-lines", "before-one"]);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_secret_that_is_not_sealed_is_named_and_the_rest_is_recorded() {
    if search_path().is_none() {
        return;
    }
    for world in worlds("record-open").await {
        let desk = Desk::new(&world, "rec-open", false).await;
        let origin = &desk.origin;
        let mut running = Running::watch(settings(origin, "one", SHORT));
        recorded(&mut running, origin, "rec-open", 1).await;
        running.see("rec-open", "the record", |status| status.synced_revision.is_some()).await;
        let canary = "live-canary-value";
        desk.change("token", json!({"stringData": {"token": canary}})).await;
        running
            .see("rec-open", "the reason", |status| {
                let held = status.held.as_deref().unwrap_or_default();
                held.contains("is not sealed by SOPS") && held.contains("sops encrypt -i")
            })
            .await;
        set(&desk.maps, "one", "2", "kubectl-edit").await;
        running.until("the other change", |_| origin.count() == 2).await;
        assert_eq!(origin.pushed(&file_of("rec-open")), SECRETS);
        running.stop().await;
        desk.is_nowhere(&[canary]);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_others_seal_is_not_recorded_over_and_overlays_write_no_patch() {
    if search_path().is_none() {
        return;
    }
    for world in worlds("record-theirs").await {
        let desk = Desk::new(&world, "rec-theirs", true).await;
        let (origin, file) = (&desk.origin, file_of("rec-theirs"));
        let overlay = "resources:\n  - secrets.sops.yaml\n  - one.yaml\n";
        origin.commit("overlay", &[("apps/rec-theirs/kustomization.yaml", Some(overlay))]);
        let mut running = Running::watch(settings(origin, "one", SHORT));
        recorded(&mut running, origin, "rec-theirs", 2).await;
        running.see("rec-theirs", "the record", |status| status.synced_revision.is_some()).await;
        let copy = origin.place().join("theirs.yaml");
        fs::write(&copy, origin.pushed(&file)).expect("a copy");
        let at = copy.display().to_string();
        let set = ["set", &at, "[\"stringData\"][\"note\"]", "\"theirs\""];
        program("sops", &set, &[("SOPS_AGE_KEY", &desk.key)]);
        let theirs = fs::read_to_string(&copy).expect("a file");
        origin.commit("theirs", &[(&file, Some(&theirs))]);
        running
            .see("rec-theirs", "the clash", |status| {
                let held = status.held.as_deref().unwrap_or_default();
                held.contains("/data/note: a commit changed it in Git") && held.contains("`sops`")
            })
            .await;
        assert_eq!(origin.count(), 3);
        // Something else of the same Secret is recorded all the same, and theirs stays.
        desk.change("token", json!({"stringData": {"token": "live-canary"}})).await;
        running.until("the other value", |_| origin.count() == 4).await;
        let [token, _] = desk.opened().try_into().expect("two Secrets");
        assert_eq!(token["data"]["token"], STANDARD.encode("live-canary"));
        assert_eq!(token["stringData"]["note"], "theirs");
        assert_eq!(origin.bare(&["diff", "--name-only", "main~1", "main"]), file);
        running.stop().await;
        desk.is_nowhere(&["live-canary"]);
    }
}
