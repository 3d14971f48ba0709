//! Git, or what stands between Git and a plan, was not there for a while, and what it said nothing of was deleted.

use super::fleet::{Fleet, config};
use super::gate::{deletes_nothing, synced};
use crate::support::clusters::worlds;
use crate::support::demo::gitdeck;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

/// The folder of a process's mirrors.
fn cache(fleet: &Fleet) -> PathBuf {
    fleet.bare().with_file_name("cache")
}

/// Every folder of this name below another.
fn folders(below: &Path, name: &str) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in fs::read_dir(below).into_iter().flatten().flatten() {
        if entry.path().is_dir() {
            if entry.file_name() == name {
                found.push(entry.path());
            }
            found.extend(folders(&entry.path(), name));
        }
    }
    found
}

/// Takes the repository away, and gives it back.
fn away(fleet: &Fleet, is_away: bool) {
    let (bare, other) = (fleet.bare(), fleet.bare().with_extension("away"));
    let (from, to) = if is_away { (bare, other) } else { (other, bare) };
    fs::rename(from, to).expect("the repository");
}

/// argo-cd#3473: an automation removed the YAML of what held everything else, and it went without a question; the count
/// of one was below any limit.
#[tokio::test(flavor = "multi_thread")]
async fn argo_cd_3473_what_holds_other_objects_asks_below_the_limit() {
    for world in worlds("gate-holder").await {
        let fleet = synced(world, &["a"]);
        let space = format!("{}-held", fleet.world.namespace);
        let text = format!("apiVersion: v1\nkind: Namespace\nmetadata:\n  name: {space}\n");
        fleet.push(&[("app/space.yaml", Some(&text))]);
        fleet.ok(&["sync", "app", "--yes"]);
        fleet.push(&[("app/space.yaml", None)]);
        let (code, said) = fleet.run(&["sync", "app", "--yes"]);
        assert_eq!(code, 4, "{said}");
        assert!(said.contains("1 Namespace would go"), "{said}");
        let address = format!("/api/v1/namespaces/{space}");
        assert!(fleet.get(&address).await["metadata"]["deletionTimestamp"].is_null());
        fleet.ok(&["sync", "app", "--yes", "--allow-delete", "1"]);
        let left = fleet.get(&address).await;
        assert!(left.is_null() || left["metadata"]["deletionTimestamp"].is_string(), "{left}");
    }
}

/// argo-cd#18212: the server of Git was away for a moment, and everything was uninstalled.
#[tokio::test(flavor = "multi_thread")]
async fn argo_cd_18212_a_repository_that_is_away_for_a_while() {
    for world in worlds("gate-away").await {
        let fleet = synced(world, &["a", "b"]);
        away(&fleet, true);
        deletes_nothing(&fleet, "2", 2, "fleet").await;
        away(&fleet, false);
        fleet.ok(&["sync", "app", "--yes"]);
        fleet.ok(&["diff", "app"]);
        assert_eq!(fleet.marked().await, ["a", "b"]);
    }
}

/// argo-cd#9227. Not said more of than that an outage or a restart gave no applications, which were then deleted; here: a
/// process that begins with an empty cache during the outage, and knows nothing of what there was.
#[tokio::test(flavor = "multi_thread")]
async fn argo_cd_9227_a_start_without_a_cache_during_an_outage() {
    for world in worlds("gate-cold").await {
        let fleet = synced(world, &["a", "b"]);
        away(&fleet, true);
        fs::remove_dir_all(cache(&fleet)).expect("a cache");
        deletes_nothing(&fleet, "2", 2, "fleet").await;
        away(&fleet, false);
        fleet.ok(&["sync", "app", "--yes"]);
        assert_eq!(fleet.marked().await, ["a", "b"]);
    }
}

/// argo-cd#14318. Not said more of than that no applications were generated, and all deleted; here: a configuration that
/// has no mappings any more, for a while.
#[tokio::test(flavor = "multi_thread")]
async fn argo_cd_14318_a_configuration_without_mappings() {
    for world in worlds("gate-unmapped").await {
        let fleet = synced(world, &["a", "b"]);
        let whole = fs::read_to_string(fleet.config()).expect("a configuration");
        fleet.configure(|text| {
            let (before, _) = text.split_once("[mappings.app]").expect("a mapping");
            before.to_owned()
        });
        for words in [&["sync", "--yes"][..], &["sync", "--yes", "--allow-delete", "2"]] {
            let (_, said) = fleet.run(words);
            assert_eq!(fleet.marked().await, ["a", "b"], "{said}");
        }
        fleet.configure(|_| whole.clone());
        fleet.ok(&["diff", "app"]);
        fleet.ok(&["sync", "app", "--yes"]);
        assert_eq!(fleet.marked().await, ["a", "b"]);
    }
}

/// argo-cd#22127: what reads the repository was started anew, one of two looks into it found nothing, and applications went
/// although no commit had changed anything. Here the mirror is damaged between two syncs of one commit.
#[tokio::test(flavor = "multi_thread")]
async fn argo_cd_22127_a_mirror_that_lost_its_objects() {
    for world in worlds("gate-mirror").await {
        let fleet = synced(world, &["a", "b"]);
        let mirrors = folders(&cache(&fleet), "objects");
        assert!(!mirrors.is_empty(), "there is no mirror");
        for objects in mirrors {
            for pack in folders(&objects, "pack") {
                fs::remove_dir_all(pack).expect("packs");
            }
            for loose in fs::read_dir(&objects).expect("objects").flatten() {
                if loose.file_name().len() == 2 {
                    fs::remove_dir_all(loose.path()).expect("loose objects");
                }
            }
        }
        for words in
            [&["sync", "app", "--yes"][..], &["sync", "app", "--yes", "--allow-delete", "2"]]
        {
            let (_, said) = fleet.run(words);
            assert_eq!(fleet.marked().await, ["a", "b"], "{said}");
        }
        fs::remove_dir_all(cache(&fleet)).expect("a cache");
        fleet.ok(&["diff", "app"]);
        assert_eq!(fleet.marked().await, ["a", "b"]);
    }
}

/// Not a thread of its own: engines.md 1.6 asks for a kustomize that ends well and prints nothing. It is a plan that
/// deletes everything, so that it asks for its number, and says that nothing is left.
#[tokio::test(flavor = "multi_thread")]
async fn a_kustomize_that_prints_nothing_asks_for_its_number() {
    let list = "apiVersion: kustomize.config.k8s.io/v1beta1\nkind: Kustomization\nresources:\n- a.yaml\n- b.yaml\nconfigMapGenerator:\n- name: c\n  literals:\n  - k=v\n";
    let programs = tempfile::tempdir().expect("a folder");
    // Copied into place: a thread that forks while the file is open for writing would keep it from being run.
    let (script, silent) = (programs.path().join("script"), programs.path().join("kustomize"));
    fs::write(&script, "#!/bin/sh\nexit 0\n").expect("a script");
    fs::set_permissions(&script, fs::Permissions::from_mode(0o755)).expect("permissions");
    let copied = std::process::Command::new("cp").arg("-p").arg(&script).arg(&silent).status();
    assert!(copied.expect("cp").success());
    let path = std::env::join_paths([programs.path(), Path::new("/usr/bin"), Path::new("/bin")])
        .expect("a path");
    for world in worlds("gate-silent").await {
        let fleet = Fleet::new(world, &["app"]);
        fleet.push(&[("app/a.yaml", Some(&config("a"))), ("app/b.yaml", Some(&config("b")))]);
        fleet.ok(&["sync", "app", "--yes"]);
        fleet.push(&[("app/kustomization.yaml", Some(list))]);
        for number in [&[][..], &["--allow-delete", "1"]] {
            let mut command = gitdeck(&fleet.config());
            command.env("PATH", &path).args(["sync", "app", "--yes"]).args(number);
            let output = command.output().expect("it runs");
            let said = crate::support::demo::said(&output);
            assert_ne!(output.status.code(), Some(0), "{said}");
            assert_eq!(fleet.marked().await, ["a", "b"], "{said}");
            assert!(said.contains("nothing is left in Git"), "{said}");
        }
    }
}
