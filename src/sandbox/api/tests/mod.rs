//! The server through clients in process.

mod faults;

use futures::{StreamExt as _, TryStreamExt as _};
use kube::{
    Api, Client, Discovery, ResourceExt,
    api::{
        ApiResource, DeleteParams, DynamicObject, ListParams, Patch, PatchParams, PostParams,
        WatchEvent, WatchParams,
    },
    core::GroupVersionKind,
};
use serde_json::{Value, json};
use tokio_util::sync::CancellationToken;

use super::{ApiServer, Options};

fn server() -> ApiServer {
    with(Options { window: 8, ..Options::default() })
}

fn with(options: Options) -> ApiServer {
    ApiServer::new(options, CancellationToken::new())
}

fn api(client: &Client, version: &str, kind: &str, namespace: Option<&str>) -> Api<DynamicObject> {
    let (group, version) = version.rsplit_once('/').unwrap_or(("", version));
    let resource = ApiResource::from_gvk(&GroupVersionKind::gvk(group, version, kind));
    match namespace {
        Some(namespace) => Api::namespaced_with(client.clone(), namespace, &resource),
        None => Api::all_with(client.clone(), &resource),
    }
}

fn object(value: Value) -> DynamicObject {
    serde_json::from_value(value).unwrap()
}

fn config(name: &str) -> DynamicObject {
    object(json!({"apiVersion": "v1", "kind": "ConfigMap",
        "metadata": {"name": name, "labels": {"app": name}}, "data": {"a": "1"}}))
}

fn code(result: Result<impl std::fmt::Debug, kube::Error>) -> (u16, String, String) {
    match result.unwrap_err() {
        kube::Error::Api(status) => (status.code, status.reason, status.message),
        other => panic!("{other}"),
    }
}

#[tokio::test]
async fn an_object_lives_from_create_to_delete() {
    let configs = api(&server().client(None), "v1", "ConfigMap", Some("default"));
    let made = configs.create(&PostParams::default(), &config("a")).await.unwrap();
    assert!(
        made.uid().is_some()
            && made.resource_version().is_some()
            && made.creation_timestamp().is_some()
    );
    assert_eq!(
        code(configs.create(&PostParams::default(), &config("a")).await),
        (409, "AlreadyExists".into(), "configmaps \"a\" already exists".into())
    );
    let mut newer = made.clone();
    newer.data["data"]["a"] = json!("2");
    let newer = configs.replace("a", &PostParams::default(), &newer).await.unwrap();
    assert_ne!(newer.resource_version(), made.resource_version());
    assert_eq!(code(configs.replace("a", &PostParams::default(), &made).await).1, "Conflict");
    let same = configs.replace("a", &PostParams::default(), &newer).await.unwrap();
    assert_eq!(same.resource_version(), newer.resource_version());
    assert!(configs.delete("a", &DeleteParams::default()).await.unwrap().is_right());
    assert_eq!(
        code(configs.get("a").await),
        (404, "NotFound".into(), "configmaps \"a\" not found".into())
    );
}

#[tokio::test]
async fn dry_runs_store_nothing() {
    let server = server();
    let configs = api(&server.client(None), "v1", "ConfigMap", Some("default"));
    let before = server.store().revision();
    let dry = PostParams { dry_run: true, ..PostParams::default() };
    let made = configs.create(&dry, &config("a")).await.unwrap();
    assert_eq!((made.uid().is_some(), made.resource_version()), (true, None));
    let apply = PatchParams { dry_run: true, ..PatchParams::apply("gitdeck") };
    configs.patch("b", &apply, &Patch::Apply(config("b"))).await.unwrap();
    assert_eq!(server.store().revision(), before);
    assert_eq!(server.traffic().writes(), 0);
    assert!(configs.list(&ListParams::default()).await.unwrap().items.is_empty());
}

#[tokio::test]
async fn namespaces_must_exist_and_take_their_content_along() {
    let client = server().client(None);
    let configs = api(&client, "v1", "ConfigMap", Some("shop"));
    let (status, _, message) = code(configs.create(&PostParams::default(), &config("a")).await);
    assert_eq!((status, message.as_str()), (404, "namespaces \"shop\" not found"));
    let namespaces = api(&client, "v1", "Namespace", None);
    let shop =
        object(json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "shop"}}));
    namespaces.create(&PostParams::default(), &shop).await.unwrap();
    api(&client, "v1", "ServiceAccount", Some("shop")).get("default").await.unwrap();
    let mut held = config("held");
    held.metadata.finalizers = Some(vec!["example.com/hold".into()]);
    configs.create(&PostParams::default(), &held).await.unwrap();
    configs.create(&PostParams::default(), &config("a")).await.unwrap();
    let going = namespaces.delete("shop", &DeleteParams::default()).await.unwrap().left().unwrap();
    assert_eq!(going.data["status"]["phase"], "Terminating");
    assert_eq!(code(configs.create(&PostParams::default(), &config("b")).await).0, 403);
    assert!(configs.get_opt("a").await.unwrap().is_none());
    let release = json!({"metadata": {"finalizers": null}});
    configs.patch("held", &PatchParams::default(), &Patch::Merge(release)).await.unwrap();
    assert!(namespaces.get_opt("shop").await.unwrap().is_none());
}

#[tokio::test]
async fn pages_show_one_moment() {
    let client = server().client(None);
    let configs = api(&client, "v1", "ConfigMap", Some("default"));
    for name in ["a", "b", "c", "d"] {
        configs.create(&PostParams::default(), &config(name)).await.unwrap();
    }
    let first = configs.list(&ListParams::default().limit(2)).await.unwrap();
    assert_eq!(first.metadata.remaining_item_count, Some(2));
    configs.delete("c", &DeleteParams::default()).await.unwrap();
    configs.create(&PostParams::default(), &config("bb")).await.unwrap();
    let token = first.metadata.continue_.unwrap();
    let second =
        configs.list(&ListParams::default().limit(5).continue_token(&token)).await.unwrap();
    let names: Vec<String> = second.items.iter().map(ResourceExt::name_any).collect();
    assert_eq!(names, ["c", "d"]);
    assert_eq!(first.metadata.resource_version, second.metadata.resource_version);
    for number in 0..9 {
        configs.create(&PostParams::default(), &config(&format!("x{number}"))).await.unwrap();
    }
    assert_eq!(code(configs.list(&ListParams::default().continue_token(&token)).await).0, 410);
}

#[tokio::test]
async fn watches_tell_what_a_selector_sees() {
    let client = server().client(None);
    let configs = api(&client, "v1", "ConfigMap", Some("default"));
    let start =
        configs.list(&ListParams::default()).await.unwrap().metadata.resource_version.unwrap();
    let mut events =
        configs.watch(&WatchParams::default().labels("app=a"), &start).await.unwrap().boxed();
    configs.create(&PostParams::default(), &config("a")).await.unwrap();
    configs.create(&PostParams::default(), &config("b")).await.unwrap();
    let relabel = |label: &str| Patch::Merge(json!({"metadata": {"labels": {"app": label}}}));
    configs.patch("a", &PatchParams::default(), &relabel("z")).await.unwrap();
    configs.patch("b", &PatchParams::default(), &relabel("a")).await.unwrap();
    configs.delete("b", &DeleteParams::default()).await.unwrap();
    let mut seen = Vec::new();
    while seen.len() < 4 {
        seen.push(match events.try_next().await.unwrap().unwrap() {
            WatchEvent::Added(object) => format!("+{}", object.name_any()),
            WatchEvent::Modified(object) => format!("~{}", object.name_any()),
            WatchEvent::Deleted(object) => format!("-{}", object.name_any()),
            _ => continue,
        });
    }
    assert_eq!(seen, ["+a", "-a", "+b", "-b"]);
}

#[tokio::test]
async fn an_old_watch_is_expired() {
    let server = server();
    let configs = api(&server.client(None), "v1", "ConfigMap", Some("default"));
    let made = configs.create(&PostParams::default(), &config("a")).await.unwrap();
    for number in 0..20 {
        let patch = Patch::Merge(json!({"data": {"a": number.to_string()}}));
        configs.patch("a", &PatchParams::default(), &patch).await.unwrap();
    }
    let old = made.resource_version().unwrap();
    let mut events = configs.watch(&WatchParams::default(), &old).await.unwrap().boxed();
    let Some(WatchEvent::Error(status)) = events.try_next().await.unwrap() else {
        panic!("no error")
    };
    assert_eq!((status.code, status.reason.as_str()), (410, "Expired"));
    assert!(events.try_next().await.unwrap().is_none());
}

#[tokio::test]
async fn initial_events_end_with_a_bookmark() {
    let configs = api(&server().client(None), "v1", "ConfigMap", Some("default"));
    configs.create(&PostParams::default(), &config("a")).await.unwrap();
    let parameters = WatchParams::default().initial_events();
    let mut events = configs.watch(&parameters, "0").await.unwrap().boxed();
    assert!(matches!(events.try_next().await.unwrap(), Some(WatchEvent::Added(_))));
    let Some(WatchEvent::Bookmark(bookmark)) = events.try_next().await.unwrap() else {
        panic!("no bookmark")
    };
    assert_eq!(bookmark.metadata.annotations["k8s.io/initial-events-end"], "true");
}

#[tokio::test]
async fn owners_take_their_dependents_along_unless_they_are_orphaned() {
    let client = server().client(None);
    let configs = api(&client, "v1", "ConfigMap", Some("default"));
    let owned = |name: &str, owner: &DynamicObject| {
        let mut object = config(name);
        object.metadata.owner_references = Some(
            serde_json::from_value(json!([{"apiVersion": "v1", "kind": "ConfigMap",
            "name": owner.name_any(), "uid": owner.uid(), "blockOwnerDeletion": true}]))
            .unwrap(),
        );
        object
    };
    for (parameters, child_stays) in [
        (DeleteParams::background(), false),
        (DeleteParams::foreground(), false),
        (DeleteParams::orphan(), true),
    ] {
        let owner = configs.create(&PostParams::default(), &config("owner")).await.unwrap();
        let child = configs.create(&PostParams::default(), &owned("child", &owner)).await.unwrap();
        configs.create(&PostParams::default(), &owned("grandchild", &child)).await.unwrap();
        configs.delete("owner", &parameters).await.unwrap();
        assert!(configs.get_opt("owner").await.unwrap().is_none());
        assert_eq!(configs.get_opt("child").await.unwrap().is_some(), child_stays);
        assert_eq!(configs.get_opt("grandchild").await.unwrap().is_some(), child_stays);
    }
    let child = configs.get("child").await.unwrap();
    assert!(child.metadata.owner_references.unwrap_or_default().is_empty());
}

#[tokio::test]
async fn preconditions_protect_a_successor() {
    let configs = api(&server().client(None), "v1", "ConfigMap", Some("default"));
    let made = configs.create(&PostParams::default(), &config("a")).await.unwrap();
    let other = DeleteParams {
        preconditions: Some(kube::api::Preconditions {
            uid: Some("other".into()),
            resource_version: None,
        }),
        ..DeleteParams::default()
    };
    assert_eq!(code(configs.delete("a", &other).await).1, "Conflict");
    let mut patch = config("a");
    patch.metadata.uid = Some("other".into());
    let (status, _, _) =
        code(configs.patch("a", &PatchParams::apply("m"), &Patch::Apply(patch)).await);
    // An apply to an object that is there takes the UID for a change of it.
    assert_eq!(status, 422);
    assert_eq!(configs.get("a").await.unwrap().uid(), made.uid());
}

fn widgets() -> DynamicObject {
    object(json!({
        "apiVersion": "apiextensions.k8s.io/v1", "kind": "CustomResourceDefinition",
        "metadata": {"name": "widgets.example.com"},
        "spec": {"group": "example.com", "scope": "Namespaced",
            "names": {"plural": "widgets", "singular": "widget", "kind": "Widget", "shortNames": ["wd"]},
            "versions": [{"name": "v1", "served": true, "storage": true, "subresources": {"status": {}},
                "schema": {"openAPIV3Schema": {"type": "object", "properties": {
                    "spec": {"type": "object", "properties": {"size": {"type": "integer"}}},
                    "status": {"type": "object", "x-kubernetes-preserve-unknown-fields": true}}}}}]},
    }))
}

#[tokio::test]
async fn definitions_serve_and_withdraw_their_resources() {
    let client = server().client(None);
    let definitions = api(&client, "apiextensions.k8s.io/v1", "CustomResourceDefinition", None);
    definitions.create(&PostParams::default(), &widgets()).await.unwrap();
    let stored = definitions.get("widgets.example.com").await.unwrap();
    assert_eq!(stored.data["status"]["conditions"][1]["type"], "Established");
    let widgets = api(&client, "example.com/v1", "Widget", Some("default"));
    let widget =
        object(json!({"apiVersion": "example.com/v1", "kind": "Widget", "metadata": {"name": "w"},
        "spec": {"size": 1}, "status": {"ready": true}}));
    let made = widgets.create(&PostParams::default(), &widget).await.unwrap();
    assert_eq!((made.metadata.generation, made.data.get("status")), (Some(1), None));
    let patch = Patch::Merge(json!({"spec": {"size": 2}}));
    assert_eq!(
        widgets.patch("w", &PatchParams::default(), &patch).await.unwrap().metadata.generation,
        Some(2)
    );
    let status = Patch::Merge(json!({"spec": {"size": 9}, "status": {"ready": true}}));
    let spoken = widgets.patch_status("w", &PatchParams::default(), &status).await.unwrap();
    assert_eq!(
        (spoken.data["spec"]["size"].clone(), spoken.metadata.generation),
        (json!(2), Some(2))
    );
    assert_eq!(spoken.data["status"]["ready"], true);
    definitions.delete("widgets.example.com", &DeleteParams::default()).await.unwrap();
    assert!(definitions.get_opt("widgets.example.com").await.unwrap().is_none());
    assert_eq!(code(widgets.get("w").await).0, 404);
}

#[tokio::test]
async fn both_forms_of_discovery_agree() {
    let client = server().client(None);
    let old = Discovery::new(client.clone()).run().await.unwrap();
    let new = Discovery::new(client).run_aggregated().await.unwrap();
    let names = |discovery: &Discovery| {
        let mut names: Vec<String> = discovery
            .groups()
            .flat_map(kube::discovery::ApiGroup::recommended_resources)
            .map(|(resource, capabilities)| {
                format!("{}/{} {:?}", resource.api_version, resource.plural, capabilities.scope)
            })
            .collect();
        names.sort();
        names
    };
    assert_eq!(names(&old), names(&new));
    assert!(names(&new).contains(&"apps/v1/deployments Namespaced".to_owned()));
}

#[tokio::test]
async fn events_have_two_faces() {
    let client = server().client(None);
    let event = object(
        json!({"apiVersion": "v1", "kind": "Event", "metadata": {"name": "e"}, "reason": "Pulled",
        "message": "done", "involvedObject": {"kind": "Pod", "name": "p", "namespace": "default"}}),
    );
    let core = api(&client, "v1", "Event", Some("default"));
    core.create(&PostParams::default(), &event).await.unwrap();
    let newer = api(&client, "events.k8s.io/v1", "Event", Some("default")).get("e").await.unwrap();
    assert_eq!(
        (newer.data["note"].clone(), newer.data["regarding"]["name"].clone()),
        (json!("done"), json!("p"))
    );
    let found = core
        .list(&ListParams::default().fields("involvedObject.name=p,reason=Pulled"))
        .await
        .unwrap();
    assert_eq!(found.items.len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_namespace_goes_while_others_write_into_it() {
    let client = server().client(None);
    let namespaces = api(&client, "v1", "Namespace", None);
    let shop =
        object(json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "shop"}}));
    for _ in 0..20 {
        namespaces.create(&PostParams::default(), &shop).await.unwrap();
        let writers: Vec<_> = (0..8)
            .map(|writer| {
                let configs = api(&client, "v1", "ConfigMap", Some("shop"));
                tokio::spawn(async move {
                    for number in 0.. {
                        let made = config(&format!("c{writer}-{number}"));
                        if configs.create(&PostParams::default(), &made).await.is_err() {
                            return;
                        }
                    }
                })
            })
            .collect();
        api(&client, "v1", "ServiceAccount", Some("shop")).get("default").await.unwrap();
        namespaces.delete("shop", &DeleteParams::default()).await.unwrap();
        for writer in writers {
            writer.await.unwrap();
        }
        assert!(namespaces.get_opt("shop").await.unwrap().is_none());
    }
}
