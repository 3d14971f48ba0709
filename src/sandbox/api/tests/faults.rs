//! Faults strike what they are meant for, as often as they are meant to.

use futures::{StreamExt as _, TryStreamExt as _};
use kube::{
    Discovery,
    api::{ListParams, Patch, PatchParams, PostParams, WatchParams},
};
use serde_json::json;

use super::super::{Effect, Latch, Rule, User, When};
use super::{Options, api, code, config, server, with};

#[tokio::test]
async fn a_status_comes_before_or_after_the_commit() {
    let server = server();
    let configs = api(&server.client(None), "v1", "ConfigMap", Some("default"));
    let creates = When::verb("create", "configmaps");
    server.faults().strike(creates.clone(), 1, Effect::Status { code: 429, retry_after: Some(3) });
    let kube::Error::Api(busy) =
        configs.create(&PostParams::default(), &config("a")).await.unwrap_err()
    else {
        panic!("no status")
    };
    let details = busy.details.clone().unwrap();
    assert_eq!(
        (busy.code, busy.reason.as_str(), details.retry_after_seconds),
        (429, "TooManyRequests", 3)
    );
    assert!(configs.get_opt("a").await.unwrap().is_none());
    server.faults().strike(creates, 1, Effect::StatusAfterCommit { code: 504 });
    assert_eq!(code(configs.create(&PostParams::default(), &config("a")).await).0, 504);
    assert!(configs.get_opt("a").await.unwrap().is_some());
    configs.create(&PostParams::default(), &config("b")).await.unwrap();
}

#[tokio::test]
async fn a_held_request_waits_for_the_latch() {
    let server = server();
    let configs = api(&server.client(None), "v1", "ConfigMap", Some("default"));
    let latch = Latch::default();
    server.faults().strike(When::object("configmaps", "a"), 1, Effect::Hold(latch.clone()));
    let writer = configs.clone();
    let held = tokio::spawn(async move {
        writer.patch("a", &PatchParams::apply("m"), &Patch::Apply(config("a"))).await
    });
    latch.arrived(1).await;
    assert!(configs.list(&ListParams::default()).await.unwrap().items.is_empty());
    latch.open();
    held.await.unwrap().unwrap();
    assert!(configs.get_opt("a").await.unwrap().is_some());
}

#[tokio::test]
async fn a_webhook_refuses_only_what_it_is_asked_about() {
    let server = server();
    let configs = api(&server.client(None), "v1", "ConfigMap", Some("default"));
    let deny = Effect::Deny { webhook: "policy.example.com".into(), message: "no owner".into() };
    server.faults().always(When { dry_run: Some(false), ..When::object("configmaps", "a") }, deny);
    let apply = PatchParams::apply("m");
    let (status, _, message) = code(configs.patch("a", &apply, &Patch::Apply(config("a"))).await);
    assert_eq!(status, 403);
    assert_eq!(message, "admission webhook \"policy.example.com\" denied the request: no owner");
    let dry = PatchParams { dry_run: true, ..apply.clone() };
    configs.patch("a", &dry, &Patch::Apply(config("a"))).await.unwrap();
    server.faults().clear();
    configs.patch("a", &apply, &Patch::Apply(config("a"))).await.unwrap();
}

#[tokio::test]
async fn answers_are_cut_and_watches_dropped() {
    let server = server();
    let configs = api(&server.client(None), "v1", "ConfigMap", Some("default"));
    configs.create(&PostParams::default(), &config("a")).await.unwrap();
    server.faults().strike(When::verb("list", "configmaps"), 1, Effect::Cut { after: 40 });
    assert!(!matches!(
        configs.list(&ListParams::default()).await.unwrap_err(),
        kube::Error::Api(_)
    ));
    assert_eq!(configs.list(&ListParams::default()).await.unwrap().items.len(), 1);
    let mut events = configs.watch(&WatchParams::default(), "0").await.unwrap().boxed();
    events.try_next().await.unwrap().unwrap();
    server.faults().drop_watches("configmaps");
    assert!(events.try_next().await.unwrap().is_none());
    let mut again = configs.watch(&WatchParams::default(), "0").await.unwrap().boxed();
    assert!(again.try_next().await.unwrap().is_some());
}

#[tokio::test]
async fn discovery_of_one_group_fails() {
    let server = server();
    server.faults().break_group("apps");
    let client = server.client(None);
    assert_eq!(code(client.list_api_group_resources("apps/v1").await).0, 503);
    client.list_api_group_resources("batch/v1").await.unwrap();
    let found = Discovery::new(client.clone()).run_aggregated().await.unwrap();
    assert!(found.get("apps").is_none_or(|group| group.recommended_resources().is_empty()));
    assert!(!found.get("batch").unwrap().recommended_resources().is_empty());
    api(&client, "apps/v1", "Deployment", None).list(&ListParams::default()).await.unwrap();
}

#[tokio::test]
async fn a_service_without_backend_is_stale_and_nothing_else_is() {
    let client = server().client(None);
    let services = api(&client, "apiregistration.k8s.io/v1", "APIService", None);
    let service = json!({"apiVersion": "apiregistration.k8s.io/v1", "kind": "APIService",
        "metadata": {"name": "v1.metrics.example.com"}, "spec": {"group": "metrics.example.com", "version": "v1",
        "groupPriorityMinimum": 100, "versionPriority": 100, "service": {"name": "m", "namespace": "default"}}});
    services.create(&PostParams::default(), &super::object(service)).await.unwrap();
    let stored = services.get("v1.metrics.example.com").await.unwrap();
    assert_eq!(stored.data["status"]["conditions"][0]["status"], "False");
    assert_eq!(code(client.list_api_group_resources("metrics.example.com/v1").await).0, 503);
    let aggregated = http::Request::builder()
        .uri("/apis")
        .header("accept", "application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList")
        .body(Vec::new())
        .unwrap();
    let groups: serde_json::Value = client.request(aggregated).await.unwrap();
    for group in groups["items"].as_array().unwrap() {
        let stale = group["metadata"]["name"] == "metrics.example.com";
        assert_eq!(group["versions"][0]["freshness"], if stale { "Stale" } else { "Current" });
    }
}

#[tokio::test]
async fn traffic_tells_writes_from_dry_runs_and_reads() {
    let server = server();
    let configs = api(&server.client(Some("gitdeck")), "v1", "ConfigMap", Some("default"));
    let apply = PatchParams::apply("m");
    configs
        .patch("a", &PatchParams { dry_run: true, ..apply.clone() }, &Patch::Apply(config("a")))
        .await
        .unwrap();
    configs.list(&ListParams::default()).await.unwrap();
    assert_eq!((server.traffic().writes(), server.traffic().requests().len()), (0, 2));
    configs.patch("a", &apply, &Patch::Apply(config("a"))).await.unwrap();
    let requests = server.traffic().requests();
    let last = requests.last().unwrap();
    assert_eq!((last.verb.as_str(), last.name.as_str(), last.status), ("patch", "a", Some(201)));
    assert_eq!(
        (last.user.as_str(), last.content_type.as_str()),
        ("gitdeck", "application/apply-patch+yaml")
    );
    assert!(last.is_write() && last.is_per_object());
    server.traffic().clear();
    assert!(server.traffic().requests().is_empty());
}

#[tokio::test]
async fn restricted_users_are_refused_in_the_words_of_the_server() {
    let list = |words: &[&str]| words.iter().map(|word| (*word).to_owned()).collect::<Vec<_>>();
    let rule = Rule {
        verbs: list(&["get", "list"]),
        groups: list(&[""]),
        resources: list(&["configmaps"]),
        namespaces: list(&["default"]),
        names: Vec::new(),
    };
    let viewer = User {
        name: "viewer".into(),
        groups: Vec::new(),
        token: "t".into(),
        rules: Some(vec![rule]),
    };
    let server = with(Options { users: vec![viewer], ..Options::default() });
    let client = server.client(Some("viewer"));
    api(&client, "v1", "ConfigMap", Some("default")).list(&ListParams::default()).await.unwrap();
    let (status, reason, message) =
        code(api(&client, "v1", "ConfigMap", None).list(&ListParams::default()).await);
    assert_eq!((status, reason.as_str()), (403, "Forbidden"));
    assert_eq!(
        message,
        "configmaps is forbidden: User \"viewer\" cannot list resource \"configmaps\" in API group \"\" at the cluster scope"
    );
    for (verb, allowed) in [("list", true), ("delete", false)] {
        let review = json!({"apiVersion": "authorization.k8s.io/v1", "kind": "SelfSubjectAccessReview",
            "spec": {"resourceAttributes": {"verb": verb, "resource": "configmaps", "namespace": "default"}}});
        let request = http::Request::post("/apis/authorization.k8s.io/v1/selfsubjectaccessreviews");
        let answer: serde_json::Value =
            client.request(request.body(review.to_string().into_bytes()).unwrap()).await.unwrap();
        assert_eq!(answer["status"]["allowed"], allowed, "{verb}");
    }
}
