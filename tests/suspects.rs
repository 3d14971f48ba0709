//! Mappings that fall ill, on the sandbox and on a real API server: what is on record, who is suspected, what is told.

use crate::support::clusters::{World, worlds};
use crate::support::running::{Origin, Running, config_map};
use gitdeck::domain::suspect::{Deed, Rank};
use gitdeck::domain::{Health, SyncState};
use gitdeck::engine::event::JournalEntry;
use kube::Api;
use kube::api::{DynamicObject, Patch, PatchParams};
use serde_json::{Value, json};
use std::time::Duration;

fn definition(group: &str) -> String {
    format!(
        "apiVersion: apiextensions.k8s.io/v1\nkind: CustomResourceDefinition\nmetadata:\n  name: things.{group}\n\
         spec:\n  group: {group}\n  scope: Namespaced\n  names: {{plural: things, singular: thing, kind: Thing}}\n  \
         versions:\n    - name: v1\n      served: true\n      storage: true\n      subresources: {{status: {{}}}}\n      \
         schema:\n        openAPIV3Schema:\n          type: object\n          properties:\n            \
         spec: {{type: object, x-kubernetes-preserve-unknown-fields: true}}\n            \
         status: {{type: object, x-kubernetes-preserve-unknown-fields: true}}\n"
    )
}

fn thing(group: &str, size: u32) -> String {
    format!("apiVersion: {group}/v1\nkind: Thing\nmetadata:\n  name: one\nspec:\n  size: {size}\n")
}

/// What the controller of the things would do.
struct Things(Api<DynamicObject>);

impl Things {
    async fn of(world: &World, group: &str) -> Self {
        let mut kind = crate::support::fake_node::kind(group, "v1", "Thing");
        "things".clone_into(&mut kind.plural);
        Self(Api::namespaced_with(world.client().await, &world.namespace, &kind))
    }

    async fn says(&self, status: Value) {
        let by = PatchParams { field_manager: Some("things".into()), ..PatchParams::default() };
        let patch = Patch::Merge(json!({"status": status}));
        self.0.patch_status("one", &by, &patch).await.expect("a status");
    }

    /// Of the first generation alone: what is committed later is on its way until more is said.
    async fn well(&self) {
        let fine = json!({"type": "Degraded", "status": "False"});
        self.says(json!({"observedGeneration": 1, "conditions": [fine]})).await;
    }

    async fn ill(&self) {
        let broken =
            json!({"type": "Degraded", "status": "True", "reason": "Broken", "message": "no disk"});
        self.says(json!({"observedGeneration": null, "conditions": [broken]})).await;
    }
}

async fn regressions(running: &mut Running) -> Vec<JournalEntry> {
    let mut entries = running.journal().await;
    entries.retain(|one| one.what == "regression");
    entries
}

/// The only regression that is told; a moment after it shows.
async fn notice(running: &mut Running) -> JournalEntry {
    for _ in 0..100 {
        let mut told = regressions(running).await;
        assert!(told.len() < 2, "{told:#?}");
        // It is begun first, and its words follow.
        if let Some(said) = told.pop().filter(|one| one.message.is_some()) {
            return said;
        }
        running.pass(Duration::from_millis(50)).await;
    }
    panic!("never told");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_mapping_that_falls_ill_is_told_once_with_its_suspects() {
    for world in worlds("suspects").await {
        let group = "suspects.example.com";
        let tables = "[mappings.sick]\nrepository = \"fleet\"\npath = \"apps/sick\"\nsync = { auto = true }\n";
        let origin = Origin::new(&world, tables);
        let (file, other) = ("apps/sick/thing.yaml", "apps/sick/other.yaml");
        let begin = origin.commit(
            "begin",
            &[
                ("apps/sick/crd.yaml", Some(&definition(group))),
                (file, Some(&thing(group, 1))),
                (other, Some(&config_map("other", "1"))),
            ],
        );
        let mut running = Running::watch(origin.settings("one"));
        running.see("sick", "a sync", |status| status.sync == SyncState::Synced).await;
        let things = Things::of(&world, group).await;
        things.well().await;
        running
            .see("sick", "that it is healthy, on record", |status| {
                status.last_healthy.as_ref().is_some_and(|one| one.revision.as_str() == begin)
            })
            .await;
        let near = origin.commit("two, by ana", &[(file, Some(&thing(group, 2)))]);
        let far = origin.commit("other", &[(other, Some(&config_map("other", "2")))]);
        running
            .see("sick", "both commits", |status| {
                status.synced_revision.as_ref().map(gitdeck::domain::Revision::as_str) == Some(&far)
            })
            .await;
        // Ill before it was healthy at the new revision.
        things.ill().await;
        running
            .see("sick", "the suspects", |status| {
                let at = status.synced_revision.as_ref().map(gitdeck::domain::Revision::as_str);
                status.health == Health::Degraded && at == Some(&far) && status.suspects.len() == 2
            })
            .await;
        let status = running.store.mappings["sick"].status.clone();
        let [first, second] = &status.suspects[..] else { panic!("{:?}", status.suspects) };
        let is = |deed: &Deed, wanted: &str| matches!(deed, Deed::Commit { revision, .. } if revision.as_str() == wanted);
        assert!(is(&first.deed, &near) && first.rank == Rank::Object, "{first:?}");
        assert!(is(&second.deed, &far) && second.rank == Rank::Mapping, "{second:?}");
        let said = notice(&mut running).await;
        let words = said.message.clone().unwrap_or_default();
        assert!(words.contains("was healthy at") && words.contains("no disk"), "{words}");
        assert_eq!((said.subject.as_str(), said.owner.as_deref()), ("sick", Some("auto")));
        // Somebody changes what fails in the cluster: that is a suspect as well.
        let by =
            PatchParams { field_manager: Some("kubectl-edit".into()), ..PatchParams::default() };
        let patch = Patch::Merge(json!({"spec": {"size": 9}}));
        things.0.patch("one", &by, &patch).await.expect("a change");
        running
            .see("sick", "a live suspect", |status| {
                status.suspects.iter().any(|one| {
                    matches!(&one.deed, Deed::Change { manager: Some(manager), path } if manager == "kubectl-edit" && path == "/spec/size")
                })
            })
            .await;
        assert_eq!(regressions(&mut running).await.len(), 1, "told once");
        running.stop().await;
    }
}

/// Not only what fails is somebody's deed: what is gone, or not ready any more, at a revision that was healthy.
#[tokio::test(flavor = "multi_thread")]
async fn who_took_away_what_was_healthy_is_suspected() {
    for world in worlds("missed").await {
        let tables = "[mappings.robbed]\nrepository = \"fleet\"\npath = \"apps/robbed\"\nsync = { auto = true }\n";
        let origin = Origin::new(&world, tables);
        let (one, other) = (config_map("one", "1"), config_map("other", "1"));
        origin.commit(
            "begin",
            &[("apps/robbed/one.yaml", Some(&one)), ("apps/robbed/other.yaml", Some(&other))],
        );
        let mut running = Running::watch(origin.settings("one"));
        running.see("robbed", "health on record", |status| status.last_healthy.is_some()).await;
        let kind = crate::support::fake_node::kind("", "v1", "ConfigMap");
        let configs: Api<DynamicObject> =
            Api::namespaced_with(world.client().await, &world.namespace, &kind);
        configs.delete("one", &kube::api::DeleteParams::default()).await.expect("gone");
        running
            .see("robbed", "who it was", |status| {
                status.health == Health::Missing
                    && !status.suspects.is_empty()
                    && status.suspects.iter().all(|one| {
                        one.rank == Rank::Object && matches!(one.deed, Deed::Change { .. })
                    })
            })
            .await;
        running.stop().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_runs_keeps_its_health_where_the_tip_does_not_render() {
    for world in worlds("still-healthy").await {
        let tables = "[mappings.torn]\nrepository = \"fleet\"\npath = \"apps/torn\"\nsync = { auto = true }\n";
        let origin = Origin::new(&world, tables);
        origin.commit("begin", &[("apps/torn/one.yaml", Some(&config_map("one", "1")))]);
        let mut running = Running::watch(origin.settings("one"));
        running.see("torn", "health on record", |status| status.last_healthy.is_some()).await;
        let torn = origin.commit("torn", &[("apps/torn/one.yaml", Some("a: [\n"))]);
        running.see("torn", "the fault", |status| status.sync == SyncState::Error).await;
        let status = running.store.mappings["torn"].status.clone();
        assert_eq!(status.health, Health::Healthy, "{status:#?}");
        let [suspect] = &status.suspects[..] else { panic!("{:?}", status.suspects) };
        assert!(
            matches!(&suspect.deed, Deed::Commit { revision, .. } if revision.as_str() == torn)
        );
        let causes = running.store.causes(&[]);
        assert_eq!(causes.len(), 1, "{causes:?}");
        assert_eq!(causes[0].mappings, ["torn"]);
        running.stop().await;
    }
}

/// The kind is not served yet when the mapping claims what it desires: once it is, its objects are watched.
#[tokio::test(flavor = "multi_thread")]
async fn drift_of_a_kind_that_the_mapping_itself_defines_is_seen() {
    for world in worlds("defines").await {
        let group = "defines.example.com";
        let tables = "[mappings.own]\nrepository = \"fleet\"\npath = \"apps/own\"\nsync = { auto = true, self_heal = false }\n";
        let origin = Origin::new(&world, tables);
        origin.commit(
            "begin",
            &[
                ("apps/own/crd.yaml", Some(&definition(group))),
                ("apps/own/thing.yaml", Some(&thing(group, 1))),
            ],
        );
        let mut running = Running::watch(origin.settings("one"));
        let things = Things::of(&world, group).await;
        running.see("own", "a sync", |status| status.sync == SyncState::Synced).await;
        things.well().await;
        running.see("own", "health on record", |status| status.last_healthy.is_some()).await;
        // Nothing makes a look necessary any more, but what happens to the object.
        let mut looks = 0;
        while std::mem::replace(&mut looks, running.looks.0) != running.looks.0 {
            running.pass(Duration::from_secs(1)).await;
        }
        let by =
            PatchParams { field_manager: Some("kubectl-edit".into()), ..PatchParams::default() };
        let patch = Patch::Merge(json!({"spec": {"size": 9}}));
        things.0.patch("one", &by, &patch).await.expect("a change");
        running.see("own", "drift", |status| status.sync == SyncState::Drifted).await;
        running.stop().await;
    }
}
