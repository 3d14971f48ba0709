//! What SOPS encrypted: read with the key, refused without it, never in clear on the disk afterwards.

use crate::support::renderers::{Bench, Files, rendered, rendered_with};
use gitdeck::domain::{
    Decryption, HelmChart, Manifest, Rendering, Secret, SecretRef, Substitution, ValuesFile,
};
use gitdeck::render::{Gathered, Opened, RenderError, SourceFile};
use std::path::PathBuf;
use std::process::Command;

const SECRET: &str = "apiVersion: v1\nkind: Secret\nmetadata:\n    name: db\nstringData:\n    password: canary-one\n";

/// A key, and the means to encrypt for it.
struct Key {
    bench: Bench,
    secret: Secret,
    recipient: String,
}

impl Key {
    fn new() -> Option<Self> {
        let bench = Bench::real()?;
        let output = Command::new(program(&bench, "age-keygen")).output().unwrap();
        let secret = String::from_utf8(output.stdout).unwrap();
        let line = secret.lines().find_map(|line| line.strip_prefix("# public key: "));
        let recipient = line.expect("a public key").to_owned();
        Some(Self { bench, secret: Secret::new(secret), recipient })
    }

    /// A file as `sops` writes it.
    fn encrypted(&self, name: &str, content: &str, regex: Option<&str>) -> String {
        let path = self.bench.folder().join(name);
        std::fs::write(&path, content).unwrap();
        let mut command = Command::new(program(&self.bench, "sops"));
        command
            .args(["--encrypt", "--age", &self.recipient])
            .env("SOPS_DISABLE_VERSION_CHECK", "1");
        if let Some(regex) = regex {
            command.args(["--encrypted-regex", regex]);
        }
        let output = command.arg(&path).output().unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        let text = String::from_utf8(output.stdout).unwrap();
        assert!(!text.contains("canary"), "{text}");
        text
    }

    async fn render(
        &self,
        files: &Files,
        path: &str,
        rendering: Rendering,
    ) -> Result<Vec<Manifest>, RenderError> {
        let decryption = Decryption::Age(SecretRef::Env("KEY".into()));
        let rendering = Rendering { decryption, ..rendering };
        rendered_with(&self.bench, files, path, &rendering, (None, Some(self.secret.clone()))).await
    }
}

fn program(bench: &Bench, name: &str) -> PathBuf {
    let folders = std::env::split_paths(&bench.tools.search).map(|folder| folder.join(name));
    folders.into_iter().find(|path| path.is_file()).expect("a program")
}

#[tokio::test]
async fn plain_secrets_are_decrypted_and_keep_their_lines() {
    let Some(key) = Key::new() else { return };
    let both = format!("apiVersion: v1\nkind: ConfigMap\nmetadata:\n    name: a\n---\n{SECRET}");
    let files = Files::of(&[("k/s.yaml", &key.encrypted("s.yaml", &both, Some("^stringData$")))]);
    let found = key.render(&files, "k", Rendering::default()).await.unwrap();
    assert_eq!(found[1].object["stringData"]["password"], "canary-one");
    assert!(found[1].object.get("sops").is_none() && found[1].origin.line > 5);
    for (decryption, age_key, words) in [
        (Decryption::Off, None, "k/s.yaml:1: encrypted with SOPS"),
        (
            Decryption::Age(SecretRef::Env("K".into())),
            Some(Secret::new("AGE-SECRET-KEY-1WRONG")),
            "k/s.yaml:1: it cannot be decrypted",
        ),
    ] {
        let rendering = Rendering { decryption, ..Rendering::default() };
        let result = rendered_with(&key.bench, &files, "k", &rendering, (None, age_key)).await;
        let text = result.unwrap_err().to_string();
        assert!(text.starts_with(words), "{text}");
    }
}

#[tokio::test]
async fn a_changed_value_is_noticed() {
    let Some(key) = Key::new() else { return };
    let text =
        key.encrypted("s.yaml", SECRET, Some("^stringData$")).replace("name: db", "name: other");
    let files = Files::of(&[("k/s.yaml", &text)]);
    let error = key.render(&files, "k", Rendering::default()).await.unwrap_err();
    assert!(error.to_string().contains("cannot be decrypted"), "{error}");
}

#[tokio::test]
async fn resources_and_generators_of_a_build_are_decrypted() {
    let Some(key) = Key::new() else { return };
    let files = Files::of(&[
        (
            "k/kustomization.yaml",
            "namePrefix: x-\nresources: [s.yaml]\nsecretGenerator:\n- name: gen\n  envs: [g.env]\n",
        ),
        ("k/s.yaml", &key.encrypted("s.yaml", SECRET, Some("^stringData$"))),
        ("k/g.env", &key.encrypted("g.env", "token=canary-two\n", None)),
    ]);
    let found = key.render(&files, "k", Rendering::default()).await.unwrap();
    let of =
        |name: &str| &found.iter().find(|one| one.reference.name.starts_with(name)).unwrap().object;
    assert_eq!(of("x-db")["stringData"]["password"], "canary-one");
    assert_eq!(of("x-gen")["data"]["token"], "Y2FuYXJ5LXR3bw==");
    assert!(found.iter().all(|one| one.object.get("sops").is_none()));
    let error = rendered(&key.bench, &files, "k", &Rendering::default()).await.unwrap_err();
    assert!(matches!(&error, RenderError::Encrypted { at } if at.file == "k/g.env"), "{error}");
}

#[tokio::test]
async fn values_of_charts_and_variables_are_decrypted_and_stay_out_of_messages() {
    let Some(key) = Key::new() else { return };
    let values = key.encrypted("v.yaml", "password: canary-three\nnumber: 12\n", None);
    let template = "apiVersion: v1\nkind: Secret\nmetadata: {name: a}\nstringData: {p: '{{ .Values.password }}'}\n";
    let files = Files::of(&[
        ("c/Chart.yaml", "apiVersion: v2\nname: c\nversion: 1.0.0\n"),
        ("c/templates/s.yaml", template),
        ("c/v.yaml", &values),
        (
            "p/a.yaml",
            "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: a}\ndata: {p: 'x${password}'}\n",
        ),
        ("p/v.yaml", &values),
    ]);
    let helm = HelmChart { values: vec!["v.yaml".into()], ..HelmChart::default() };
    let rendering = Rendering { helm, ..Rendering::default() };
    let found = key.render(&files, "c", rendering.clone()).await.unwrap();
    assert_eq!(found[0].object["stringData"]["p"], "canary-three");
    let broken = files.clone().with("c/templates/s.yaml", Some("{{ fail .Values.password }}"));
    let text = key.render(&broken, "c", rendering).await.unwrap_err().to_string();
    assert!(text.contains("***") && !text.contains("canary"), "{text}");
    let from = vec![ValuesFile { file: "v.yaml".into(), optional: false }];
    let substitution = Substitution { from, ..Substitution::default() };
    let found = key.render(&files, "p", Rendering { substitution, ..Rendering::default() }).await;
    let found = found.unwrap();
    assert_eq!((found.len(), &found[0].object["data"]["p"]), (1, &"xcanary-three".into()));
}

#[test]
fn values_from_an_encrypted_file_are_known_to_be() {
    let Some(key) = Key::new() else { return };
    let text = key.encrypted("flags.yaml", "mode: canary-two\n", None);
    let kustomization = "configMapGenerator:\n  - name: flags\n    files: [flags.yaml]\n";
    let clear = Files::of(&[
        ("app/kustomization.yaml", kustomization),
        ("app/flags.yaml", "mode: sops is only named\n"),
    ]);
    let is_sealed = |files: &Files| {
        Gathered::take(files, "app", &Rendering::default()).expect("a tree").has_sealed_values()
    };
    assert!(!is_sealed(&clear));
    assert!(is_sealed(&clear.with("app/flags.yaml", Some(&text))));
}

#[tokio::test]
async fn of_the_users_environment_sops_gets_what_it_finds_keys_by() {
    let script = "printf 'apiVersion: v1\\nkind: ConfigMap\\nmetadata:\\n  name: a\\ndata:\\n'\n\
        env | sed -n 's/^\\([A-Z_]*\\)=.*/  \\1: x/p'\n\
        printf '  home: \"%s\"\\n' \"$HOME\"";
    let bench = Bench::fake("sops", script);
    let files = Files::of(&[("k/a.yaml", "kind: ConfigMap\nsops:\n  mac: m\n")]);
    let rendering = Rendering { decryption: Decryption::Environment, ..Rendering::default() };
    let found = rendered(&bench, &files, "k", &rendering).await.unwrap();
    let data = found[0].object["data"].as_object().unwrap();
    // What cargo tells its tests stands for whatever else a shell has exported.
    assert!(std::env::var_os("CARGO_MANIFEST_DIR").is_some());
    assert!(data.keys().all(|name| !name.starts_with("CARGO")), "{data:?}");
    let home = std::env::var("HOME").unwrap_or_default();
    assert_eq!((&data["home"], data.contains_key("PATH")), (&home.into(), true));
    assert!(data.contains_key("SOPS_DISABLE_VERSION_CHECK"), "{data:?}");
}

/// A file of Secrets that is sealed for a key, open for changes.
async fn opened(key: &Key, bench: &Bench, sealed: &str) -> Result<Opened, RenderError> {
    let file = SourceFile { path: "k/s.yaml".into(), content: sealed.into() };
    let decryption = Decryption::Age(SecretRef::Env("KEY".into()));
    let opened = Opened::open(file, (&decryption, Some(key.secret.clone())), &bench.tools).await;
    opened.map(|opened| opened.expect("a sealed file"))
}

#[tokio::test]
async fn what_is_sealed_again_goes_through_pipes_alone() {
    let Some(key) = Key::new() else { return };
    let log = key.bench.folder().join("log");
    let script = format!(
        "{{ echo \"$@\"; env; }} | grep -v SOPS_AGE_KEY >> '{}'\nexec '{}' \"$@\"",
        log.display(),
        program(&key.bench, "sops").display()
    );
    let bench = Bench::fake("sops", &script);
    let text = format!("{SECRET}    stays: canary-two\n---\n{SECRET}");
    let sealed = key.encrypted("s.yaml", &text, Some("^stringData$"));
    let opened = opened(&key, &bench, &sealed).await.unwrap();
    let clear = String::from_utf8(opened.clear().to_vec()).unwrap();
    let changed = clear.replacen("canary-one", "canary-new", 1);
    let again = opened.sealed(changed.as_bytes(), &bench.tools).await.unwrap();
    let again = String::from_utf8(again).unwrap();
    let lines = |text: &str, key: &str| -> Vec<String> {
        text.lines().filter(|line| line.contains(key)).map(str::to_owned).collect()
    };
    let (old, new) = (lines(&sealed, "password"), lines(&again, "password"));
    assert_eq!((old.len(), &old[1], old[0] == new[0]), (2, &new[1], false), "{again}");
    assert_eq!(lines(&sealed, "stays"), lines(&again, "stays"));
    assert!(!again.contains("canary"), "{again}");
    let called = std::fs::read_to_string(&log).unwrap();
    assert!(called.contains("edit --input-type yaml") && !called.contains("canary"), "{called}");
    assert_eq!(bench.leftovers(), 0);
    let decrypted = {
        let copy = key.bench.folder().join("again.yaml");
        std::fs::write(&copy, &again).unwrap();
        let mut sops = Command::new(program(&key.bench, "sops"));
        sops.arg("decrypt").arg(&copy).env("SOPS_AGE_KEY", key.secret.reveal());
        String::from_utf8(sops.output().unwrap().stdout).unwrap()
    };
    assert_eq!(decrypted, changed);
}

#[tokio::test]
async fn what_would_stay_in_the_clear_is_not_sealed_again() {
    let Some(key) = Key::new() else { return };
    let sealed = key.encrypted("s.yaml", SECRET, Some("^stringData$"));
    let opened = opened(&key, &key.bench, &sealed).await.unwrap();
    let clear = String::from_utf8(opened.clear().to_vec()).unwrap();
    for (changed, words) in [
        (format!("{clear}data:\n    more: Y2FuYXJ5LW5ldw==\n"), "leave /data/more in the clear"),
        (
            clear
                .replace("    name: db\n", "    name: db\n    labels:\n        copy: canary-new\n")
                .replace("canary-one", "canary-new"),
            "leave the value of password in the clear",
        ),
        (format!("{clear}sops:\n    mac: canary-new\n"), "cannot be sealed again"),
    ] {
        let mut tools = key.bench.tools.clone();
        tools.limits.time = std::time::Duration::from_secs(5);
        let error = opened.sealed(changed.as_bytes(), &tools).await.unwrap_err();
        let said = error.to_string();
        assert!(said.contains(words) && !said.contains("canary"), "{said}");
    }
    assert_eq!(key.bench.leftovers(), 0);
}
