//! Workloads on the sandbox, at no pace at all.

use std::time::Duration;

use futures::TryStreamExt as _;
use http::Request;
use serde_json::{Value, json};
use tokio_util::sync::CancellationToken;

use super::{Pace, spawn_at};
use crate::sandbox::api::{ApiServer, Options};

/// A server with controllers. They end with it.
struct Lab {
    client: kube::Client,
    stop: CancellationToken,
}

impl Drop for Lab {
    fn drop(&mut self) {
        self.stop.cancel();
    }
}

impl Lab {
    fn start() -> Self {
        let stop = CancellationToken::new();
        let server =
            ApiServer::new(Options { controllers: false, ..Options::default() }, stop.clone());
        let client = server.client(None);
        spawn_at(client.clone(), stop.clone(), Pace::instant());
        Self { client, stop }
    }

    async fn send(&self, method: &str, path: &str, body: &Value) -> Value {
        let kind =
            if method == "PATCH" { "application/merge-patch+json" } else { "application/json" };
        let request = Request::builder().method(method).uri(path).header("content-type", kind);
        let request = request.body(body.to_string().into_bytes()).unwrap();
        self.client.request(request).await.unwrap()
    }

    /// Waits until the object is as wanted.
    async fn until(&self, path: &str, wanted: impl Fn(&Value) -> bool) -> Value {
        let (space, rest) = path.split_once("/default/").unwrap();
        let plural = rest.split('/').next().unwrap();
        let changes = Request::builder()
            .uri(format!("{space}/default/{plural}?watch=true"))
            .body(Vec::new())
            .unwrap();
        let mut changes =
            std::pin::pin!(self.client.request_events::<Value>(changes).await.unwrap());
        let seen = async {
            loop {
                let request = Request::builder().uri(path).body(Vec::new()).unwrap();
                if let Ok(object) = self.client.request::<Value>(request).await
                    && wanted(&object)
                {
                    return object;
                }
                changes.try_next().await.unwrap().expect("the watch goes on");
            }
        };
        let Ok(object) = tokio::time::timeout(Duration::from_secs(60), seen).await else {
            let request = Request::builder().uri(path).body(Vec::new()).unwrap();
            let last: Value = self.client.request(request).await.unwrap_or_default();
            panic!("{path} did not become as wanted: {last:#}")
        };
        object
    }
}

fn deployment(image: &str, replicas: i64) -> Value {
    json!({"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "web", "namespace": "default"},
        "spec": {"replicas": replicas, "selector": {"matchLabels": {"app": "web"}},
            "template": {"metadata": {"labels": {"app": "web"}}, "spec": {"containers": [{"name": "web", "image": image}]}}}})
}

const DEPLOYMENTS: &str = "/apis/apps/v1/namespaces/default/deployments";
const WEB: &str = "/apis/apps/v1/namespaces/default/deployments/web";
const PODS: &str = "/api/v1/namespaces/default/pods";

fn reason(object: &Value, kind: &str) -> String {
    let conditions = object["status"]["conditions"].as_array().into_iter().flatten();
    let found = conditions.into_iter().find(|known| known["type"] == kind);
    found.and_then(|known| known["reason"].as_str()).unwrap_or_default().to_owned()
}

fn rolled_out(object: &Value, replicas: i64) -> bool {
    let status = &object["status"];
    status["observedGeneration"] == object["metadata"]["generation"]
        && ["replicas", "updatedReplicas", "readyReplicas", "availableReplicas"]
            .iter()
            .all(|name| status[*name] == replicas)
}

#[tokio::test]
async fn a_deployment_becomes_ready_and_rolls_over_to_a_new_template() {
    let lab = Lab::start();
    lab.send("POST", DEPLOYMENTS, &deployment("web:1", 3)).await;
    let ready = lab.until(WEB, |object| rolled_out(object, 3)).await;
    assert_eq!(reason(&ready, "Progressing"), "NewReplicaSetAvailable");
    assert_eq!(reason(&ready, "Available"), "MinimumReplicasAvailable");
    assert_eq!(ready["metadata"]["annotations"]["deployment.kubernetes.io/revision"], "1");
    assert!(ready["status"].get("unavailableReplicas").is_none());

    let image = json!({"spec": {"template": {"spec": {"containers": [{"name": "web", "image": "web:2"}]}}}});
    lab.send("PATCH", WEB, &image).await;
    let revised = |object: &Value| {
        rolled_out(object, 3)
            && object["metadata"]["annotations"]["deployment.kubernetes.io/revision"] == "2"
    };
    lab.until(WEB, revised).await;
    let pods = lab
        .until(PODS, |list| list["items"].as_array().is_some_and(|items| items.len() == 3))
        .await;
    for pod in pods["items"].as_array().unwrap() {
        assert_eq!(pod["spec"]["containers"][0]["image"], "web:2");
        assert_eq!(pod["status"]["phase"], "Running");
    }
    let sets = lab.until("/apis/apps/v1/namespaces/default/replicasets", |_| true).await;
    assert_eq!(sets["items"].as_array().map(Vec::len), Some(2));
}

#[tokio::test]
async fn a_deployment_follows_its_scale() {
    let lab = Lab::start();
    lab.send("POST", DEPLOYMENTS, &deployment("web:1", 1)).await;
    lab.until(WEB, |object| rolled_out(object, 1)).await;
    for replicas in [4, 2] {
        lab.send("PATCH", WEB, &json!({"spec": {"replicas": replicas}})).await;
        lab.until(WEB, |object| rolled_out(object, replicas)).await;
    }
}

#[tokio::test]
async fn a_missing_image_holds_the_rollout_and_the_old_pods_stay() {
    let lab = Lab::start();
    lab.send("POST", DEPLOYMENTS, &deployment("web:1", 3)).await;
    lab.until(WEB, |object| rolled_out(object, 3)).await;
    let image = json!({"spec": {"template": {"spec": {"containers": [{"name": "web", "image": "web:does-not-exist"}]}}}});
    lab.send("PATCH", WEB, &image).await;
    let waiting = |pod: &Value| {
        pod.pointer("/status/containerStatuses/0/state/waiting/reason")
            .is_some_and(|reason| reason == "ImagePullBackOff")
    };
    let held =
        |list: &Value| list["items"].as_array().is_some_and(|items| items.iter().any(waiting));
    lab.until(PODS, held).await;
    let live = lab.until(WEB, |object| object["status"]["updatedReplicas"] == 1).await;
    assert_eq!(live["status"]["availableReplicas"], 3);
    assert_eq!(reason(&live, "Progressing"), "ReplicaSetUpdated");
}

#[tokio::test]
async fn a_crashing_container_is_restarted_with_back_off() {
    let lab = Lab::start();
    lab.send("POST", DEPLOYMENTS, &deployment("web:crash", 1)).await;
    let crashed = |list: &Value| {
        list.pointer("/items/0/status/containerStatuses/0").is_some_and(|status| {
            status["restartCount"].as_i64().is_some_and(|count| count >= 2)
                && status
                    .pointer("/state/waiting/reason")
                    .is_some_and(|reason| reason == "CrashLoopBackOff")
        })
    };
    let pods = lab.until(PODS, crashed).await;
    let last = &pods["items"][0]["status"]["containerStatuses"][0]["lastState"]["terminated"];
    assert_eq!(last["exitCode"], 1);
}

#[tokio::test]
async fn jobs_end_well_or_badly() {
    let lab = Lab::start();
    let jobs = "/apis/batch/v1/namespaces/default/jobs";
    let job = |name: &str, image: &str| {
        json!({"apiVersion": "batch/v1", "kind": "Job", "metadata": {"name": name},
            "spec": {"completions": 2, "backoffLimit": 1, "template": {"spec": {"restartPolicy": "Never",
                "containers": [{"name": "work", "image": image}]}}}})
    };
    lab.send("POST", jobs, &job("good", "work:1")).await;
    lab.send("POST", jobs, &job("bad", "work:crash")).await;
    let good = lab
        .until(&format!("{jobs}/good"), |job| reason(job, "Complete") == "CompletionsReached")
        .await;
    assert_eq!(good["status"]["succeeded"], 2);
    assert!(good["status"]["completionTime"].is_string());
    let bad = lab
        .until(&format!("{jobs}/bad"), |job| reason(job, "Failed") == "BackoffLimitExceeded")
        .await;
    assert_eq!(bad["status"]["failed"], 2);
}

#[tokio::test]
async fn jobs_have_a_deadline_and_a_time_after_which_they_go() {
    let lab = Lab::start();
    let jobs = "/apis/batch/v1/namespaces/default/jobs";
    let job = |name: &str, image: &str, more: (&str, u64)| {
        let mut job = json!({"apiVersion": "batch/v1", "kind": "Job", "metadata": {"name": name},
            "spec": {"template": {"spec": {"restartPolicy": "Never", "containers": [{"name": "work", "image": image}]}}}});
        job["spec"][more.0] = more.1.into();
        job
    };
    lab.send("POST", jobs, &job("brief", "work:1", ("ttlSecondsAfterFinished", 0))).await;
    lab.send("POST", jobs, &job("late", "work:broken", ("activeDeadlineSeconds", 1))).await;
    let late =
        lab.until(&format!("{jobs}/late"), |job| reason(job, "Failed") == "DeadlineExceeded").await;
    assert!(late["status"].get("active").is_none(), "{late}");
    let gone = |list: &Value| {
        let mut items = list["items"].as_array().into_iter().flatten();
        items.all(|one| one["metadata"]["name"] != "brief")
    };
    lab.until(jobs, gone).await;
    let events = lab.until("/api/v1/namespaces/default/events", |_| true).await;
    let mut told = events["items"].as_array().into_iter().flatten();
    assert!(
        told.any(|one| {
            one["involvedObject"]["name"] == "brief" && one["reason"] == "Completed"
        })
    );
}

#[tokio::test]
async fn stateful_sets_number_their_pods_and_bind_their_claims() {
    let lab = Lab::start();
    let set = json!({"apiVersion": "apps/v1", "kind": "StatefulSet", "metadata": {"name": "db"}, "spec": {"replicas": 2,
        "serviceName": "db", "selector": {"matchLabels": {"app": "db"}},
        "template": {"metadata": {"labels": {"app": "db"}}, "spec": {"containers": [{"name": "db", "image": "db:1"}]}},
        "volumeClaimTemplates": [{"metadata": {"name": "data"}, "spec": {"accessModes": ["ReadWriteOnce"],
            "resources": {"requests": {"storage": "1Gi"}}}}]}});
    let path = "/apis/apps/v1/namespaces/default/statefulsets";
    lab.send("POST", path, &set).await;
    let db = format!("{path}/db");
    let ready = |object: &Value| {
        object["status"]["readyReplicas"] == 2 && object["status"]["updatedReplicas"] == 2
    };
    let first = lab.until(&db, ready).await;
    assert_eq!(first["status"]["currentRevision"], first["status"]["updateRevision"]);
    lab.until("/api/v1/namespaces/default/persistentvolumeclaims/data-db-1", |claim| {
        claim["status"]["phase"] == "Bound"
    })
    .await;
    let image =
        json!({"spec": {"template": {"spec": {"containers": [{"name": "db", "image": "db:2"}]}}}});
    lab.send("PATCH", &db, &image).await;
    let renewed = |object: &Value| {
        ready(object)
            && object["status"]["updateRevision"] != first["status"]["updateRevision"]
            && object["status"]["currentRevision"] == object["status"]["updateRevision"]
    };
    lab.until(&db, renewed).await;
    let pod = lab.until(&format!("{PODS}/db-0"), |_| true).await;
    assert_eq!(pod["spec"]["containers"][0]["image"], "db:2");
}

#[tokio::test]
async fn daemon_sets_balancers_and_budgets_report() {
    let lab = Lab::start();
    let template = json!({"metadata": {"labels": {"app": "agent"}}, "spec": {"containers": [{"name": "a", "image": "a:1"}]}});
    let set = json!({"apiVersion": "apps/v1", "kind": "DaemonSet", "metadata": {"name": "agent"},
        "spec": {"selector": {"matchLabels": {"app": "agent"}}, "template": template}});
    lab.send("POST", "/apis/apps/v1/namespaces/default/daemonsets", &set).await;
    let budget = json!({"apiVersion": "policy/v1", "kind": "PodDisruptionBudget", "metadata": {"name": "agent"},
        "spec": {"maxUnavailable": 1, "selector": {"matchLabels": {"app": "agent"}}}});
    lab.send("POST", "/apis/policy/v1/namespaces/default/poddisruptionbudgets", &budget).await;
    let service = json!({"apiVersion": "v1", "kind": "Service", "metadata": {"name": "edge"},
        "spec": {"type": "LoadBalancer", "ports": [{"port": 80}]}});
    lab.send("POST", "/api/v1/namespaces/default/services", &service).await;
    lab.until("/apis/apps/v1/namespaces/default/daemonsets/agent", |set| {
        set["status"]["numberAvailable"] == 1
    })
    .await;
    let allowed = |budget: &Value| budget["status"]["disruptionsAllowed"] == 1;
    lab.until("/apis/policy/v1/namespaces/default/poddisruptionbudgets/agent", allowed).await;
    let edge = |service: &Value| service.pointer("/status/loadBalancer/ingress/0/ip").is_some();
    lab.until("/api/v1/namespaces/default/services/edge", edge).await;
}

#[tokio::test]
async fn a_deleted_deployment_takes_its_pods_along() {
    let lab = Lab::start();
    lab.send("POST", DEPLOYMENTS, &deployment("web:1", 2)).await;
    lab.until(WEB, |object| rolled_out(object, 2)).await;
    lab.send("DELETE", WEB, &json!({"propagationPolicy": "Background"})).await;
    lab.until(PODS, |list| list["items"].as_array().is_some_and(Vec::is_empty)).await;
}
