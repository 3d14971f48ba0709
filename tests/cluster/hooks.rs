//! Hooks: what runs when, what it is made of, and what is left of it.

use super::world::{Journal, World, config, in_every_world, manifests};
use gitdeck::cluster::{PlanRequest, Steps};
use gitdeck::domain::plan::{Op, Refusal};
use gitdeck::domain::{Manifest, Phase, Revision};
use serde_json::{Value, json};

/// A Job that is a hook; its image decides how it ends.
pub fn job(name: &str, hook: &str, image: &str) -> Value {
    json!({"apiVersion": "batch/v1", "kind": "Job",
        "metadata": {"name": name, "annotations": {"argocd.argoproj.io/hook": hook}},
        "spec": {"backoffLimit": 0, "template": {"spec": {"restartPolicy": "Never",
            "containers": [{"name": "work", "image": image}]}}}})
}

fn with(mut object: Value, annotation: &str, text: &str) -> Value {
    object["metadata"]["annotations"][annotation] = text.into();
    object
}

const WAVE: &str = "argocd.argoproj.io/sync-wave";
const POLICY: &str = "argocd.argoproj.io/hook-delete-policy";

impl World {
    /// A Job of the mapping's namespace, or null.
    pub async fn job(&self, name: &str) -> Value {
        let address = format!("{}/{name}", self.jobs());
        let request = http::Request::get(address).body(Vec::new()).expect("a request");
        self.client.request::<Value>(request).await.unwrap_or_default()
    }

    fn jobs(&self) -> String {
        format!("/apis/batch/v1/namespaces/{}/jobs", self.mapping.target.namespace)
    }
}

/// The names in the lines of a journal, as far as they begin so.
fn said<'j>(journal: &'j Journal, begins: &str) -> Vec<&'j str> {
    let lines = journal.lines.iter().filter_map(|line| line.strip_prefix(begins));
    lines.filter_map(|line| line.split('/').next_back()).collect()
}

#[tokio::test]
async fn hooks_run_in_their_phases_and_are_no_difference() {
    in_every_world("phases", async |world| {
        let desired = manifests([
            config("a", "1"),
            with(config("later", "1"), WAVE, "2"),
            with(job("after", "PostSync", "work:1"), POLICY, "HookSucceeded"),
            with(job("between", "Sync", "work:1"), WAVE, "1"),
            with(job("second", "PreSync", "work:1"), WAVE, "1"),
            job("first", "PreSync", "work:1"),
            job("rescue", "SyncFail", "work:1"),
            job("never", "Skip", "work:1"),
        ]);
        let plan = world.plan("r1", &desired).await.expect("a plan");
        let hooks: Vec<(Phase, &str)> =
            plan.hooks.iter().map(|hook| (hook.phase, hook.object.name.as_str())).collect();
        assert_eq!(
            hooks,
            [
                (Phase::PreSync, "first"),
                (Phase::PreSync, "second"),
                (Phase::Sync, "between"),
                (Phase::PostSync, "after"),
                (Phase::SyncFail, "rescue"),
            ]
        );
        assert_eq!((plan.summary.create, plan.idle_hooks.len()), (2, 1));
        let mut journal = Journal::default();
        let applied = world.sync_with("r1", &desired, &mut journal).await.expect("a sync");
        assert!(applied.complete, "{:?}", applied.outcomes);
        let begun = said(&journal, "before ");
        assert_eq!(
            &begun[1..8],
            ["first", "second", "a", "between", "later", "after", "after"],
            "the record, the phases, the policy, the record"
        );
        // Each had ended before the next began.
        let orderly = journal.lines.chunks(2).all(|two| {
            two[0].strip_prefix("before ")
                == two[1].strip_prefix("after ").and_then(|l| l.strip_suffix(" done"))
        });
        assert!(orderly, "{:#?}", journal.lines);
        assert_eq!(world.members().await, ["a", "later"]);
        assert!(world.job("after").await.is_null(), "its policy");
        assert!(world.job("rescue").await.is_null() && world.job("never").await.is_null());
        let first = world.job("first").await;
        assert_eq!(first["status"]["succeeded"], 1, "{first}");
        assert!(first["metadata"]["labels"]["applyset.kubernetes.io/part-of"].is_null());
        assert!(first["metadata"]["labels"]["gitdeck.dev/hook-of"].is_string());
        nothing_to_do(&world, &desired).await;
    })
    .await;
}

/// Whether its objects are there or not, and whatever else moves: a hook is no reason to sync.
async fn nothing_to_do(world: &World, desired: &[Manifest]) {
    assert!(world.plan("r1", desired).await.expect("a plan").is_empty());
    let request = http::Request::delete(format!("{}/first", world.jobs())).body(Vec::new());
    world.send(request.expect("a request")).await;
    assert!(world.plan("r2", desired).await.expect("a plan").is_empty());
    let mut journal = Journal::default();
    let applied = world.sync_with("r2", desired, &mut journal).await.expect("a sync");
    assert!(applied.complete && applied.outcomes.is_empty());
    assert!(journal.lines.iter().all(|line| line.contains(" inventory ")), "{:?}", journal.lines);
    // Drift is put back without them.
    world.set("a", "somebody's").await;
    let revision = Revision::new("r2");
    let request = PlanRequest { previous: Some(desired), ..world.request(&revision, desired) };
    let plan = world.cluster.plan(&request).await.expect("a plan");
    assert_eq!((plan.summary.update, plan.hooks.len()), (1, 0));
    assert!(world.cluster.apply(&request, &plan, &mut journal).await.expect("a sync").complete);
    // A hook that changed is due, though nothing else is.
    let mut changed = desired.to_vec();
    let first = changed.iter_mut().find(|one| one.reference.name == "first").expect("it");
    first.object["spec"]["template"]["spec"]["containers"][0]["image"] = "work:2".into();
    let plan = world.plan("r3", &changed).await.expect("a plan");
    assert!(plan.operations.is_empty() && plan.hooks.len() == 5 && !plan.is_empty());
    let before = world.job("second").await["metadata"]["uid"].clone();
    assert!(world.sync("r3", &changed).await.expect("a sync").complete);
    assert_ne!(world.job("second").await["metadata"]["uid"], before, "it was made anew");
    assert!(world.plan("r3", &changed).await.expect("a plan").is_empty());
}

#[tokio::test]
async fn a_failed_hook_stops_everything_and_runs_the_rescue() {
    in_every_world("broken-hook", async |world| {
        let desired = manifests([
            config("a", "1"),
            with(job("migrate", "PreSync", "work:crash"), POLICY, "HookFailed"),
            with(job("next", "PreSync", "work:1"), WAVE, "1"),
            job("after", "PostSync", "work:1"),
            job("rescue", "SyncFail", "work:1"),
        ]);
        let mut journal = Journal::default();
        let applied = world.sync_with("r1", &desired, &mut journal).await.expect("a sync");
        assert!(!applied.complete);
        let (object, error) = applied.failures().next().expect("a failure");
        assert_eq!(object.name, "migrate");
        assert!(error.contains("backoff limit"), "{error}");
        assert!(error.contains("pod migrate-") && error.contains("exit code 1"), "{error}");
        let stall = applied.stall.expect("what is known of it");
        assert!(stall.pod.is_some_and(|pod| pod.starts_with("migrate-")));
        assert_eq!(stall.container.as_deref(), Some("work"));
        assert_eq!(world.data("a").await, Value::Null);
        assert!(world.job("next").await.is_null() && world.job("after").await.is_null());
        assert!(world.job("migrate").await.is_null(), "its policy");
        assert_eq!(world.job("rescue").await["status"]["succeeded"], 1);
        assert_eq!(world.plan("r1", &desired).await.expect("a plan").hooks.len(), 4);
        // Mended, everything runs.
        let mended = manifests([config("a", "1"), job("migrate", "PreSync", "work:1")]);
        assert!(world.sync("r2", &mended).await.expect("a sync").complete);
        assert_eq!(world.data("a").await, json!("1"));
    })
    .await;
}

#[tokio::test]
async fn hooks_after_the_sync_wait_for_health_and_run_again_when_they_failed() {
    in_every_world("post", async |world| {
        let deployment = json!({"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "web"},
            "spec": {"replicas": 1, "selector": {"matchLabels": {"app": "web"}}, "template": {
                "metadata": {"labels": {"app": "web"}},
                "spec": {"containers": [{"name": "web", "image": "web:1"}]}}}});
        let tree = |image: &str| manifests([deployment.clone(), job("smoke", "PostSync", image)]);
        let applied = world.sync("r1", &tree("work:crash")).await.expect("a sync");
        let (object, _) = applied.failures().next().expect("a failure");
        assert_eq!((object.name.as_str(), applied.complete), ("smoke", false));
        let address =
            format!("/apis/apps/v1/namespaces/{}/deployments/web", world.mapping.target.namespace);
        assert_eq!(world.get(&address).await["status"]["availableReplicas"], 1, "it was waited for");
        // Nothing differs, but the sync did not succeed.
        let plan = world.plan("r1", &tree("work:crash")).await.expect("a plan");
        assert!(plan.operations.is_empty() && plan.hooks.len() == 1);
        assert!(world.sync("r2", &tree("work:1")).await.expect("a sync").complete);
        assert!(world.plan("r2", &tree("work:1")).await.expect("a plan").is_empty());
    })
    .await;
}

#[tokio::test]
async fn what_left_git_is_pruned_and_what_is_skipped_stays() {
    in_every_world("left-hook", async |world| {
        let desired =
            manifests([config("a", "1"), config("b", "1"), job("gone", "PreSync", "work:1")]);
        assert!(world.sync("r1", &desired).await.expect("a sync").complete);
        // A member that became a hook that never runs, and a hook that is no more.
        let skipped = with(config("b", "2"), "argocd.argoproj.io/hook", "Skip");
        let desired = manifests([config("a", "1"), skipped]);
        let plan = world.plan("r2", &desired).await.expect("a plan");
        let deleted: Vec<(Op, &str)> =
            plan.operations.iter().map(|one| (one.op, one.object.name.as_str())).collect();
        assert_eq!(deleted, [(Op::Delete, "gone")]);
        assert!(world.sync("r2", &desired).await.expect("a sync").complete);
        assert!(world.job("gone").await.is_null());
        assert_eq!(world.data("b").await, json!("1"), "neither applied nor deleted");
        assert!(world.plan("r2", &desired).await.expect("a plan").is_empty());
        // It was ours before, so that it goes when it leaves Git after all.
        let desired = manifests([config("a", "1")]);
        assert!(world.sync("r3", &desired).await.expect("a sync").complete);
        assert_eq!(world.data("b").await, Value::Null);
    })
    .await;
}

#[tokio::test]
async fn names_are_generated_and_make_way() {
    in_every_world("generated", async |world| {
        let mut hook = job("x", "PreSync", "work:1");
        let metadata = hook["metadata"].as_object_mut().expect("metadata");
        metadata.remove("name");
        hook["metadata"]["generateName"] = "migrate-".into();
        let text = format!("{}\n---\n{}\n", config("a", "1"), hook);
        let render = |text: &str| {
            let file = gitdeck::render::SourceFile { path: "a.yaml".into(), content: text.into() };
            gitdeck::render::Renderer::render(&gitdeck::render::Plain, "", &[file])
                .expect("manifests")
        };
        let desired = render(&text);
        let names = async || {
            let list = world.get(&world.jobs()).await;
            let items = list["items"].as_array().expect("items").clone();
            items
                .iter()
                .map(|one| one["metadata"]["name"].as_str().expect("a name").to_owned())
                .collect::<Vec<String>>()
        };
        assert!(world.sync("3f2a91c", &desired).await.expect("a sync").complete);
        let first = names().await;
        assert!(first.len() == 1 && first[0].starts_with("migrate-3f2a91c-presync-"), "{first:?}");
        assert!(world.plan("3f2a91c", &desired).await.expect("a plan").is_empty());
        let desired = render(&text.replace("\"1\"", "\"2\""));
        assert!(world.sync("8801c7e", &desired).await.expect("a sync").complete);
        let second = names().await;
        assert!(
            second.len() == 1 && second[0].starts_with("migrate-8801c7e-presync-"),
            "{second:?}"
        );
    })
    .await;
}

#[tokio::test]
async fn the_objects_of_others_and_unreadable_hooks_are_refused() {
    in_every_world("foreign-hook", async |world| {
        let theirs = {
            let mut job = job("migrate", "PreSync", "work:1");
            job["metadata"]["annotations"] = json!({});
            job
        };
        let body = theirs.to_string().into_bytes();
        let request = http::Request::post(world.jobs()).header("content-type", "application/json");
        world.send(request.body(body).expect("a request")).await;
        let desired = manifests([config("a", "1"), job("migrate", "PreSync", "work:1")]);
        let plan = world.plan("r1", &desired).await.expect("a plan");
        assert!(
            matches!(&plan.refusals[..], [Refusal::Exists { object }] if object.name == "migrate")
        );
        let kept = manifests([
            config("a", "1"),
            with(job("m", "PreSync", "work:crash"), POLICY, "HookSucceeded"),
        ]);
        assert!(!world.sync("r1", &kept).await.expect("a sync").complete);
        let plan = world.plan("r1", &kept).await.expect("a plan");
        let [Refusal::Invalid { message, .. }] = &plan.refusals[..] else {
            panic!("{:?}", plan.refusals)
        };
        assert!(message.contains("delete policy keeps it"), "{message}");
        let mut invalid = job("bad", "PreSync", "work:1");
        invalid["spec"]["completions"] = (-1).into();
        let plan = world.plan("r1", &manifests([config("a", "1"), invalid])).await.expect("a plan");
        assert!(
            matches!(&plan.refusals[..], [Refusal::Invalid { object, .. }] if object.name == "bad")
        );
        let misspelt = manifests([job("b", "PreSnc", "work:1")]);
        let error = world.plan("r1", &misspelt).await.expect_err("it would never run").to_string();
        assert!(error.contains("all.yaml:1") && error.contains("PreSnc"), "{error}");
    })
    .await;
}

#[tokio::test]
async fn a_hook_in_a_namespace_of_the_same_sync_finds_it() {
    in_every_world("own-space", async |world| {
        let space = format!("{}-own", world.mapping.target.namespace);
        let namespace =
            json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": space}});
        let mut migrate = job("migrate", "PreSync", "work:1");
        migrate["metadata"]["namespace"] = space.clone().into();
        migrate["spec"]["template"]["spec"]["automountServiceAccountToken"] = false.into();
        let desired = manifests([config("a", "1"), namespace, migrate]);
        let mut journal = Journal::default();
        let applied = world.sync_with("r1", &desired, &mut journal).await.expect("a sync");
        assert!(applied.complete, "{:?}", applied.outcomes);
        let begun = said(&journal, "before ");
        assert_eq!(
            &begun[1..4],
            ["create Namespace ".to_owned() + &space, "migrate".into(), "a".into()]
        );
        let request = http::Request::delete(format!("/api/v1/namespaces/{space}")).body(Vec::new());
        world.send(request.expect("a request")).await;
    })
    .await;
}

#[tokio::test]
async fn a_stop_while_a_hook_runs_leaves_it_and_says_so() {
    /// Stops at the first question.
    #[derive(Default)]
    struct Impatient(Journal);
    impl Steps for Impatient {
        fn before(&mut self, step: &gitdeck::cluster::Step) -> Result<(), String> {
            self.0.before(step)
        }
        fn after(
            &mut self,
            step: &gitdeck::cluster::Step,
            outcome: &gitdeck::cluster::StepOutcome,
        ) {
            self.0.after(step, outcome);
        }
        fn waiting(&mut self, _: &str) -> bool {
            false
        }
    }
    in_every_world("impatient", async |world| {
        let mut hook = job("migrate", "PreSync", "work:1");
        hook["spec"]["suspend"] = true.into();
        let desired = manifests([config("a", "1"), hook]);
        let revision = Revision::new("r1");
        let request = world.request(&revision, &desired);
        let plan = world.cluster.plan(&request).await.expect("a plan");
        let applied = world.cluster.apply(&request, &plan, &mut Impatient::default()).await;
        let applied = applied.expect("a sync");
        assert!(applied.stopped.is_some() && !applied.complete);
        assert!(!world.job("migrate").await.is_null());
        assert_eq!(world.data("a").await, Value::Null);
    })
    .await;
}
