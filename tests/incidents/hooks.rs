//! Hooks whose end nobody saw, and objects that could not be deleted any more.

use super::fleet::{Fleet, config};
use crate::support::clusters::worlds;
use crate::support::demo::{gitdeck, said};
use serde_json::{Value, json};
use std::process::{Child, Stdio};
use std::time::{Duration, Instant};

/// A hook of a Job; what else its spec has is one line.
fn hook(name: &str, phase: &str, wave: i64, spec: &str) -> String {
    format!(
        "apiVersion: batch/v1\nkind: Job\nmetadata:\n  name: {name}\n  annotations:\n    \
         argocd.argoproj.io/hook: {phase}\n    argocd.argoproj.io/sync-wave: \"{wave}\"\nspec:\n  {spec}\n  \
         backoffLimit: 0\n  template:\n    spec:\n      restartPolicy: Never\n      containers:\n        - name: work\n          \
         image: work:1\n"
    )
}

impl Fleet {
    fn jobs(&self) -> String {
        format!("/apis/batch/v1/namespaces/{}/jobs", self.world.namespace)
    }

    /// Waits until a Job of the namespace is as wanted.
    async fn job_until(&self, name: &str, wanted: impl Fn(&Value) -> bool) -> Value {
        let begun = Instant::now();
        loop {
            let job = self.get(&format!("{}/{name}", self.jobs())).await;
            if wanted(&job) {
                return job;
            }
            assert!(begun.elapsed() < Duration::from_secs(120), "{name}: {job}");
            tokio::task::yield_now().await;
        }
    }

    /// Lets a Job that waits go on.
    async fn release(&self, name: &str) {
        let body = json!({"spec": {"suspend": false}}).to_string().into_bytes();
        let request = http::Request::patch(format!("{}/{name}", self.jobs()))
            .header("content-type", "application/merge-patch+json")
            .body(body)
            .expect("a request");
        let _: Value = self.world.client().await.request(request).await.expect("a released job");
    }

    fn start(&self, arguments: &[&str]) -> Child {
        let mut command = gitdeck(&self.config());
        command.args(arguments).stdout(Stdio::piped()).stderr(Stdio::piped());
        command.spawn().expect("it starts")
    }
}

async fn ended(child: Child) -> (i32, String) {
    let waited = tokio::task::spawn_blocking(move || child.wait_with_output());
    let output = waited.await.expect("a thread").expect("it ends");
    (output.status.code().unwrap_or(-1), said(&output))
}

/// argo-cd#6880: a Job that goes the moment it has ended was waited for without end.
#[tokio::test(flavor = "multi_thread")]
async fn argo_cd_6880_a_job_that_vanishes_when_it_has_ended() {
    for world in worlds("hook-brief").await {
        let fleet = Fleet::new(world, &["shop"]);
        let brief = hook("brief", "PreSync", 0, "ttlSecondsAfterFinished: 0");
        let after = hook("after", "PostSync", 0, "ttlSecondsAfterFinished: 0");
        fleet.push(&[
            ("shop/a.yaml", Some(&config("a"))),
            ("shop/brief.yaml", Some(&brief)),
            ("shop/after.yaml", Some(&after)),
        ]);
        let plan = fleet.json(&["plan", "shop"]);
        assert_eq!(plan["plans"][0]["hooks"][0]["phase"], "PreSync", "{plan}");
        let child = fleet.start(&["sync", "shop", "--yes"]);
        let (code, said) = ended(child).await;
        assert_eq!(code, 0, "{:?}: {said}", fleet.world.kind);
        assert!(said.contains("2 hooks run"), "{said}");
        fleet.ok(&["plan", "shop"]);
        fleet.ok(&["diff", "shop"]);
        let status = fleet.json(&["status", "shop"]);
        assert_eq!(status["mappings"][0]["sync"], "synced", "{status}");
        assert_eq!(fleet.marked().await, ["a"]);
    }
}

/// argo-cd#9296: somebody deletes a hook while it runs.
#[tokio::test(flavor = "multi_thread")]
async fn argo_cd_9296_a_hook_that_is_deleted_while_it_runs() {
    for world in worlds("hook-deleted").await {
        let fleet = Fleet::new(world, &["shop"]);
        let long = hook("long", "PreSync", 0, "suspend: true");
        fleet.push(&[("shop/a.yaml", Some(&config("a"))), ("shop/long.yaml", Some(&long))]);
        let child = fleet.start(&["sync", "shop", "--yes"]);
        fleet.job_until("long", |job| !job.is_null()).await;
        let address = format!("{}/long?propagationPolicy=Background", fleet.jobs());
        let request = http::Request::delete(address).body(Vec::new()).expect("a request");
        let _: Value = fleet.world.client().await.request(request).await.expect("it is deleted");
        let (code, said) = ended(child).await;
        assert_eq!(code, 3, "{:?}: {said}", fleet.world.kind);
        assert!(said.contains("PreSync Job") && said.contains("somebody delete"), "{said}");
        assert!(fleet.uid("a").await.is_null(), "nothing after it was written");
    }
}

/// argo-cd#12376: the engine is gone while a hook runs. What goes on follows the one that runs, and leaves those that ended.
#[tokio::test(flavor = "multi_thread")]
async fn argo_cd_12376_an_engine_that_begins_anew_while_a_hook_runs() {
    for world in worlds("hook-killed").await {
        let fleet = Fleet::new(world, &["shop"]);
        let first = hook("first", "PreSync", 0, "parallelism: 1");
        let second = hook("second", "PreSync", 1, "suspend: true");
        fleet.push(&[
            ("shop/a.yaml", Some(&config("a"))),
            ("shop/first.yaml", Some(&first)),
            ("shop/second.yaml", Some(&second)),
        ]);
        let mut child = fleet.start(&["sync", "shop", "--yes"]);
        let running = fleet.job_until("second", |job| !job.is_null()).await;
        let first = fleet.job_until("first", |job| job["status"]["succeeded"] == 1).await;
        child.kill().expect("it is killed");
        child.wait().expect("it is gone");
        let entries = fleet.json(&["activity"]);
        let entry = &entries["entries"][0];
        assert_eq!(entry["state"], "interrupted", "{entries}");
        let said = entry["message"].as_str().expect("how far it came");
        assert!(said.contains("begun, outcome unknown: PreSync Job"), "{said}");
        fleet.release("second").await;
        let id = entry["id"].to_string();
        let (code, said) = ended(fleet.start(&["activity", "--continue", &id])).await;
        assert_eq!(code, 0, "{:?}: {said}", fleet.world.kind);
        let now = fleet.job_until("second", |job| job["status"]["succeeded"] == 1).await;
        assert_eq!(now["metadata"]["uid"], running["metadata"]["uid"], "it was followed");
        let now = fleet.job_until("first", |_| true).await;
        assert_eq!(now["metadata"]["uid"], first["metadata"]["uid"], "it had ended");
        assert!(!fleet.uid("a").await.is_null());
        fleet.ok(&["plan", "shop"]);
        // A sync of its own runs all of them.
        fleet.push(&[("shop/a.yaml", Some(&config("a").replace("\"1\"", "\"2\"")))]);
        let child = fleet.start(&["sync", "shop", "--yes"]);
        let anew = fleet
            .job_until("second", |job| {
                !job.is_null() && job["metadata"]["uid"] != running["metadata"]["uid"]
            })
            .await;
        assert_eq!(anew["spec"]["suspend"], true);
        fleet.release("second").await;
        let (code, said) = ended(child).await;
        assert_eq!(code, 0, "{:?}: {said}", fleet.world.kind);
    }
}

/// argo-cd#19571: a finalizer for hooks kept objects from going. Nothing of gitdeck's holds an object, and what runs at a
/// deletion is named, not applied.
#[tokio::test(flavor = "multi_thread")]
async fn argo_cd_19571_nothing_holds_an_object() {
    for world in worlds("hook-finalizer").await {
        let fleet = Fleet::new(world, &["shop"]);
        let before = hook("before", "PreSync", 0, "parallelism: 1");
        let cleanup = hook("cleanup", "PostDelete", 0, "parallelism: 1");
        fleet.push(&[
            ("shop/a.yaml", Some(&config("a"))),
            ("shop/before.yaml", Some(&before)),
            ("shop/cleanup.yaml", Some(&cleanup)),
        ]);
        let plan = fleet.json(&["plan", "shop"]);
        let idle = &plan["plans"][0]["idle_hooks"][0];
        assert_eq!(idle["object"]["name"], "cleanup", "{plan}");
        assert!(idle["why"].as_str().is_some_and(|why| why.contains("PostDelete")), "{plan}");
        fleet.ok(&["sync", "shop", "--yes"]);
        let job = fleet.job_until("before", |job| job["status"]["succeeded"] == 1).await;
        let ours = |text: &Value| text.as_str().is_some_and(|text| text.contains("gitdeck"));
        let finalizers = job["metadata"]["finalizers"].as_array().cloned().unwrap_or_default();
        assert!(!finalizers.iter().any(ours), "{job}");
        assert!(fleet.job_until("cleanup", |_| true).await.is_null());
        let version = job["metadata"]["resourceVersion"].clone();
        for _ in 0..3 {
            fleet.ok(&["sync", "shop", "--yes"]);
        }
        let job = fleet.job_until("before", |_| true).await;
        assert_eq!(job["metadata"]["resourceVersion"], version, "nothing is written again");
    }
}
