//! Mappings that fall ill, on the sandbox and on a real API server: what is on record, who is suspected, what is told.

use crate::support::clusters::{World, worlds};
use crate::support::running::{Origin, Running, config_map};
use gitdeck::domain::suspect::{Deed, Rank};
use gitdeck::domain::{Health, SyncState};
use kube::Api;
use kube::api::{DynamicObject, Patch, PatchParams};
use serde_json::{Value, json};

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

    async fn says(&self, conditions: Value) {
        let by = PatchParams { field_manager: Some("things".into()), ..PatchParams::default() };
        let patch = Patch::Merge(json!({"status": {"conditions": conditions}}));
        self.0.patch_status("one", &by, &patch).await.expect("a status");
    }

    async fn well(&self) {
        self.says(json!([{"type": "Degraded", "status": "False"}])).await;
    }

    async fn ill(&self) {
        let broken =
            json!({"type": "Degraded", "status": "True", "reason": "Broken", "message": "no disk"});
        self.says(json!([broken])).await;
    }
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
        let told = |entries: &[gitdeck::engine::event::JournalEntry]| {
            entries.iter().filter(|one| one.what == "regression").count()
        };
        let entries = running.journal().await;
        assert_eq!(told(&entries), 1, "{entries:#?}");
        let said = entries.iter().find(|one| one.what == "regression").expect("an entry");
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
        assert_eq!(told(&running.journal().await), 1, "told once");
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
