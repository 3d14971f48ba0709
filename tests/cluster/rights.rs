//! What somebody may not do is found out before the first write.

use super::world::{World, config, manifests, sandboxed};
use crate::support::clusters::World as Site;
use crate::support::control_plane::{client_of, control_plane};
use crate::support::demo::gitdeck;
use crate::support::running::{Origin, config_map, config_maps, get};
use gitdeck::cluster::Cluster;
use gitdeck::domain::plan::Refusal;
use gitdeck::domain::{MissingRights, Plan};
use gitdeck::sandbox::{Effect, Options, Rule, Sandbox, User, When};
use kube::Client;
use serde_json::{Value, json};
use std::fs;
use std::path::{Path, PathBuf};

const WRITE: &[&str] = &["get", "list", "watch", "create", "patch"];
const RECORDS: &[&str] = &["get", "list", "watch", "create", "update"];

/// What somebody is given: verbs on a resource of a group, in a namespace or everywhere, on some objects or all.
#[derive(Clone, Debug)]
struct Grant {
    verbs: &'static [&'static str],
    group: String,
    resource: &'static str,
    namespace: Option<String>,
    names: &'static [&'static str],
}

impl Grant {
    fn new(verbs: &'static [&'static str], resource: &'static str, namespace: &str) -> Self {
        let namespace = (!namespace.is_empty()).then(|| namespace.to_owned());
        Self { verbs, group: String::new(), resource, namespace, names: &[] }
    }

    fn rule(&self) -> Value {
        json!({"verbs": self.verbs, "apiGroups": [self.group], "resources": [self.resource], "resourceNames": self.names})
    }
}

/// What a case gives to its user, by the namespace of the test.
type Grants = fn(&str) -> Vec<Grant>;

/// The administrator's world, and a client of somebody who was given only this.
async fn in_every_world<F: Future<Output = ()>>(
    name: &str,
    grants: Grants,
    case: impl Fn(World, Client) -> F,
) {
    let (_sandbox, world, jane) = restricted(name, grants).await;
    case(world, jane).await;
    let Some(plane) = control_plane() else { return };
    let namespace = plane.namespace(name).await;
    let world = World::new(plane.client().await, &namespace, &namespace);
    let user = format!("jane-{namespace}");
    for (index, grant) in grants(&namespace).iter().enumerate() {
        give(&world.client, &user, &format!("{user}-{index}"), grant).await;
    }
    let client = client_of(&plane.kubeconfig_for(&user, &[])).await;
    case(world, client).await;
}

async fn restricted(name: &str, grants: Grants) -> (Sandbox, World, Client) {
    let user = user(name, grants);
    let jane = user.name.clone();
    let options = Options { users: vec![user], ..Options::default() };
    let (sandbox, world) = sandboxed(name, options).await;
    let client = sandbox.client(Some(&jane));
    (sandbox, world, client)
}

/// A user of the sandbox.
fn user(name: &str, grants: Grants) -> User {
    let list = |all: &[&str]| all.iter().map(|one| (*one).to_owned()).collect();
    let rule = |grant: Grant| Rule {
        verbs: list(grant.verbs),
        groups: vec![grant.group],
        resources: list(&[grant.resource]),
        namespaces: grant.namespace.into_iter().collect(),
        names: list(grant.names),
    };
    User {
        name: format!("jane-{name}"),
        groups: vec!["system:authenticated".to_owned()],
        token: "jane".to_owned(),
        rules: Some(grants(name).into_iter().map(rule).collect()),
    }
}

fn cluster(client: &Client) -> Cluster {
    Cluster::from_client(client.clone(), "test", "default")
}

/// Gives a right by RBAC, and waits until it holds.
async fn give(client: &Client, user: &str, name: &str, grant: &Grant) {
    let (kind, base) = match &grant.namespace {
        Some(namespace) => ("Role", format!("/namespaces/{namespace}")),
        None => ("ClusterRole", String::new()),
    };
    ensure_namespace(client, grant.namespace.as_deref()).await;
    let api = "rbac.authorization.k8s.io";
    let role = json!({"apiVersion": format!("{api}/v1"), "kind": kind, "metadata": {"name": name}, "rules": [grant.rule()]});
    let binding = json!({"apiVersion": format!("{api}/v1"), "kind": format!("{kind}Binding"), "metadata": {"name": name},
        "subjects": [{"apiGroup": api, "kind": "User", "name": user}],
        "roleRef": {"apiGroup": api, "kind": kind, "name": name}});
    let plural = kind.to_lowercase();
    for (plural, object) in [(format!("{plural}s"), role), (format!("{plural}bindings"), binding)] {
        post(client, &format!("/apis/{api}/v1{base}/{plural}"), &object).await;
    }
    for verb in grant.verbs {
        let asked = json!({"apiVersion": "authorization.k8s.io/v1", "kind": "SubjectAccessReview", "spec": {
            "user": user, "resourceAttributes": {"verb": verb, "group": grant.group, "resource": grant.resource,
                "namespace": grant.namespace, "name": grant.names.first()}}});
        let address = "/apis/authorization.k8s.io/v1/subjectaccessreviews";
        while post(client, address, &asked).await["status"]["allowed"] != true {
            tokio::task::yield_now().await;
        }
    }
}

async fn ensure_namespace(client: &Client, name: Option<&str>) {
    let Some(name) = name else { return };
    let body = json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}});
    let request =
        http::Request::post("/api/v1/namespaces").header("content-type", "application/json");
    // It may be there already.
    let _ = client
        .request::<Value>(request.body(body.to_string().into_bytes()).expect("a request"))
        .await;
}

async fn post(client: &Client, address: &str, body: &Value) -> Value {
    let request = http::Request::post(address).header("content-type", "application/json");
    let request = request.body(body.to_string().into_bytes()).expect("a request");
    client.request(request).await.expect("an answer")
}

fn missing(plan: &Plan) -> Vec<&MissingRights> {
    let rights = plan.refusals.iter().map(|refusal| match refusal {
        Refusal::Rights(missing) => missing,
        other => panic!("refused for another reason: {other:?}"),
    });
    rights.collect()
}

fn all_but_delete(namespace: &str) -> Vec<Grant> {
    vec![
        Grant::new(WRITE, "configmaps", namespace),
        Grant::new(RECORDS, "configmaps", "gitdeck-system"),
        Grant::new(&["create"], "namespaces", ""),
    ]
}

#[tokio::test]
async fn without_the_right_to_delete_nothing_is_half_applied() {
    in_every_world("undeletable", all_but_delete, async |mut world, jane| {
        world.cluster = cluster(&jane);
        let before = manifests([config("a", "1"), config("b", "1"), config("c", "1")]);
        assert!(world.sync("r1", &before).await.expect("a sync").complete);
        let after = manifests([config("a", "2")]);
        let writes = world.cluster.traffic().writes;
        let plan = world.plan("r2", &after).await.expect("a plan");
        let namespace = world.mapping.target.namespace.clone();
        let [lack] = missing(&plan)[..] else { panic!("{:?}", plan.refusals) };
        assert_eq!((lack.verbs.as_slice(), lack.objects), (&["delete".to_owned()][..], 2));
        assert_eq!(
            (lack.resource.as_str(), lack.namespace.as_ref()),
            ("configmaps", Some(&namespace))
        );
        assert_eq!(lack.identity, Some(format!("jane-{namespace}")));
        let refused = world.sync("r2", &after).await.expect_err("a sync").to_string();
        assert!(refused.contains("may not delete configmaps in"), "{refused}");
        assert_eq!(world.cluster.traffic().writes, writes, "something was written");
        assert_eq!((world.data("a").await, world.data("b").await), (json!("1"), json!("1")));
        // Without the deletions the rest may go on.
        world.options.prune = false;
        assert!(world.sync("r2", &after).await.expect("a sync").complete);
        assert_eq!((world.data("a").await, world.data("b").await), (json!("2"), json!("1")));
    })
    .await;
}

#[tokio::test]
async fn who_may_only_look_is_told_so_once_for_each_place() {
    let reader = |namespace: &str| {
        vec![
            Grant::new(&["get", "list", "watch"], "*", namespace),
            Grant::new(&["get", "list", "watch"], "configmaps", "gitdeck-system"),
        ]
    };
    in_every_world("reader", reader, async |mut world, jane| {
        assert!(world.sync("r1", &manifests([config("a", "1")])).await.expect("a sync").complete);
        world.cluster = cluster(&jane);
        let secret = json!({"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "s"}, "stringData": {"k": "v"}});
        let desired = manifests([config("a", "2"), config("b", "1"), secret]);
        let plan = world.plan("r2", &desired).await.expect("a plan");
        let told: Vec<(String, Vec<String>)> =
            missing(&plan).iter().map(|one| (one.resource.clone(), one.verbs.clone())).collect();
        let verbs = |all: &[&str]| all.iter().map(|one| (*one).to_owned()).collect::<Vec<_>>();
        assert_eq!(told, [
            ("configmaps".to_owned(), verbs(&["update"])),
            ("configmaps".to_owned(), verbs(&["create", "patch"])),
            ("secrets".to_owned(), verbs(&["create", "patch"])),
        ]);
        assert!(world.sync("r2", &desired).await.is_err());
        assert_eq!(world.data("a").await, "1");
    })
    .await;
}

#[tokio::test]
async fn an_apply_that_creates_needs_both_rights() {
    let patcher = |namespace: &str| {
        vec![
            Grant::new(&["get", "list", "watch", "patch"], "configmaps", namespace),
            Grant::new(RECORDS, "configmaps", "gitdeck-system"),
            Grant::new(&["create"], "namespaces", ""),
        ]
    };
    in_every_world("patcher", patcher, async |mut world, jane| {
        world.cluster = cluster(&jane);
        let plan = world.plan("r1", &manifests([config("a", "1")])).await.expect("a plan");
        let [lack] = missing(&plan)[..] else { panic!("{:?}", plan.refusals) };
        assert_eq!(lack.verbs, ["create"]);
        // Both servers say it in the same words.
        let address = format!("{}/x?fieldManager=jane", world.configs());
        let object = config("x", "1");
        let request =
            http::Request::patch(address).header("content-type", "application/apply-patch+yaml");
        let request = request.body(object.to_string().into_bytes()).expect("a request");
        let Err(kube::Error::Api(status)) = jane.request::<Value>(request).await else {
            panic!("created")
        };
        let words = format!(
            "configmaps \"x\" is forbidden: User \"jane-{namespace}\" cannot create resource \"configmaps\" in API \
             group \"\" in the namespace \"{namespace}\"",
            namespace = world.mapping.target.namespace
        );
        assert_eq!(status.message, words);
    })
    .await;
}

#[tokio::test]
async fn rights_on_single_objects_count() {
    let namely = |namespace: &str| {
        let mut grants = all_but_delete(namespace);
        grants.push(Grant { names: &["b"], ..Grant::new(&["delete"], "configmaps", namespace) });
        grants
    };
    in_every_world("namely", namely, async |mut world, jane| {
        world.cluster = cluster(&jane);
        let all = manifests([config("a", "1"), config("b", "1"), config("c", "1")]);
        assert!(world.sync("r1", &all).await.expect("a sync").complete);
        let without = |names: &[&str]| manifests(names.iter().map(|name| config(name, "1")));
        assert_eq!(
            missing(&world.plan("r2", &without(&["a", "b"])).await.expect("a plan")).len(),
            1
        );
        assert!(world.sync("r2", &without(&["a", "c"])).await.expect("a sync").complete);
        assert_eq!((world.data("b").await, world.data("c").await), (Value::Null, json!("1")));
    })
    .await;
}

#[tokio::test]
async fn rights_in_a_namespace_are_none_on_the_whole_cluster() {
    let local = |namespace: &str| {
        vec![
            Grant::new(&["*"], "*", namespace),
            Grant::new(&["get", "list", "watch"], "namespaces", ""),
            Grant::new(RECORDS, "configmaps", "gitdeck-system"),
            Grant::new(&["create"], "namespaces", ""),
        ]
    };
    in_every_world("local", local, async |mut world, jane| {
        world.cluster = cluster(&jane);
        let namespace = world.mapping.target.namespace.clone();
        let labelled = json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": namespace, "labels": {"team": "a"}}});
        let plan = world.plan("r1", &manifests([config("a", "1"), labelled])).await.expect("a plan");
        let [lack] = missing(&plan)[..] else { panic!("{:?}", plan.refusals) };
        assert_eq!((lack.resource.as_str(), lack.namespace.as_ref()), ("namespaces", None));
        assert_eq!(lack.verbs, ["patch"]);
    })
    .await;
}

#[tokio::test]
async fn a_record_that_cannot_be_made_is_told_before() {
    let homeless = |namespace: &str| vec![Grant::new(WRITE, "configmaps", namespace)];
    in_every_world("homeless", homeless, async |mut world, jane| {
        world.cluster = cluster(&jane);
        let records = format!("{}-records", world.mapping.target.namespace);
        world.cluster.keep_records_in(&records);
        // Nobody may look there either, so that it is not known whether the namespace has to be made.
        let error = world.plan("r1", &manifests([config("a", "1")])).await.expect_err("a plan");
        assert!(error.to_string().contains("gitdeck-"), "{error}");
    })
    .await;
    let guest = |namespace: &str| {
        vec![
            Grant::new(WRITE, "configmaps", namespace),
            Grant::new(&["get"], "configmaps", ""),
            Grant::new(&["get"], "namespaces", ""),
        ]
    };
    in_every_world("guest", guest, async |mut world, jane| {
        world.cluster = cluster(&jane);
        let records = format!("{}-records", world.mapping.target.namespace);
        world.cluster.keep_records_in(&records);
        let plan = world.plan("r1", &manifests([config("a", "1")])).await.expect("a plan");
        let told: Vec<String> = missing(&plan)
            .iter()
            .map(|one| format!("{} {}", one.verbs.join(","), one.resource))
            .collect();
        assert_eq!(told, ["create,update configmaps", "create namespaces"]);
        ensure_namespace(&world.client, Some(&records)).await;
        let plan = world.plan("r1", &manifests([config("a", "1")])).await.expect("a plan");
        assert_eq!(missing(&plan).len(), 1, "{:?}", plan.refusals);
    })
    .await;
}

#[tokio::test]
async fn what_no_dry_run_can_try_is_asked_about() {
    let definer = |namespace: &str| {
        vec![
            Grant::new(WRITE, "configmaps", namespace),
            Grant::new(RECORDS, "configmaps", "gitdeck-system"),
            Grant::new(&["create"], "namespaces", ""),
            Grant {
                group: "apiextensions.k8s.io".to_owned(),
                ..Grant::new(WRITE, "customresourcedefinitions", "")
            },
        ]
    };
    in_every_world("definer", definer, async |mut world, jane| {
        world.cluster = cluster(&jane);
        let namespace = world.mapping.target.namespace.clone();
        let group = format!("{namespace}.example.com");
        let definition = json!({"apiVersion": "apiextensions.k8s.io/v1", "kind": "CustomResourceDefinition",
            "metadata": {"name": format!("oxen.{group}")}, "spec": {"group": group, "scope": "Namespaced",
                "names": {"kind": "Ox", "plural": "oxen", "singular": "ox"},
                "versions": [{"name": "v1", "served": true, "storage": true,
                    "schema": {"openAPIV3Schema": {"type": "object"}}}]}});
        let ox = json!({"apiVersion": format!("{group}/v1"), "kind": "Ox", "metadata": {"name": "x"}});
        let plan = world.plan("r1", &manifests([definition, ox])).await.expect("a plan");
        let [lack] = missing(&plan)[..] else { panic!("{:?}", plan.refusals) };
        assert_eq!(lack.resource, format!("oxen.{group}"));
        assert!(world.sync("r1", &manifests([config("a", "1")])).await.expect("a sync").complete);
    })
    .await;
}

/// Reviews that were asked for.
fn reviews(sandbox: &Sandbox, kind: &str) -> usize {
    sandbox.traffic().count(|one| one.resource == kind)
}

#[tokio::test]
async fn a_plan_costs_one_review_for_each_namespace() {
    let (sandbox, mut world, jane) = restricted("cheap", all_but_delete).await;
    world.cluster = cluster(&jane);
    let all: Vec<Value> = (0..30).map(|index| config(&format!("c{index}"), "1")).collect();
    let desired = manifests(all);
    world.plan("r1", &desired).await.expect("a plan");
    let rules = reviews(&sandbox, "selfsubjectrulesreviews");
    assert_eq!(rules, 2, "the target and the records");
    // To make the namespace of the records is a right on the whole cluster.
    assert!(reviews(&sandbox, "selfsubjectaccessreviews") <= 2);
    assert!(world.sync("r1", &desired).await.expect("a sync").complete);
    assert_eq!(reviews(&sandbox, "selfsubjectrulesreviews"), rules, "asked again within seconds");
    // What has nothing to do asks nothing.
    world.cluster = cluster(&jane);
    let asked = sandbox.traffic().count(|one| one.resource.contains("reviews"));
    assert!(world.plan("r1", &desired).await.expect("a plan").is_empty());
    assert_eq!(sandbox.traffic().count(|one| one.resource.contains("reviews")), asked);
}

#[tokio::test]
async fn a_server_that_lists_no_rules_is_asked_one_by_one() {
    let (sandbox, mut world, jane) = restricted("unlisted", all_but_delete).await;
    world.cluster = cluster(&jane);
    let broken = Effect::Status { code: 404, retry_after: None };
    sandbox.faults().always(When::verb("create", "selfsubjectrulesreviews"), broken.clone());
    assert!(world.sync("r1", &manifests([config("a", "1")])).await.expect("a sync").complete);
    let plan = world.plan("r2", &manifests([config("b", "1")])).await.expect("a plan");
    assert_eq!((missing(&plan).len(), &plan.rights_unknown), (1, &None), "{:?}", plan.refusals);
    // One that answers no review at all keeps nobody from his work, and that is said.
    sandbox.faults().always(When::verb("create", "selfsubjectaccessreviews"), broken);
    world.cluster = cluster(&sandbox.client(None));
    let plan = world.plan("r2", &manifests([config("a", "2")])).await.expect("a plan");
    assert!(plan.refusals.is_empty(), "{:?}", plan.refusals);
    assert!(plan.rights_unknown.is_some());
    assert!(world.sync("r2", &manifests([config("a", "2")])).await.expect("a sync").complete);
    assert_eq!(world.data("a").await, "2");
}

/// Gives the binary a world of its own twice: as the administrator, and as somebody with few rights.
fn two_configurations(site: &Site, jane: &Path) -> (Origin, PathBuf) {
    let table = "[mappings.shop]\nrepository = \"fleet\"\npath = \"shop\"\n";
    let origin = Origin::new(site, table);
    let text = fs::read_to_string(&origin.config).expect("a configuration");
    let admin = site.kubeconfig.display().to_string();
    let theirs = origin.config.with_file_name("jane.toml");
    fs::write(&theirs, text.replace(&admin, &jane.display().to_string())).expect("a file");
    (origin, theirs)
}

fn run(config: &Path, arguments: &[&str]) -> (Option<i32>, Value, String) {
    let data = config.with_extension("data");
    let output = gitdeck(config)
        .args(arguments)
        .args(["-o", "json"])
        .env("GITDECK_DATA_DIR", &data)
        .env("GITDECK_CACHE_DIR", config.with_extension("cache"))
        .env("NO_PROXY", "127.0.0.1")
        .output()
        .expect("the binary runs");
    let document = serde_json::from_slice(&output.stdout).unwrap_or_default();
    (output.status.code(), document, String::from_utf8_lossy(&output.stderr).into_owned())
}

/// The binary refuses, as a person sees it, with exit code 4.
async fn case_of_the_binary(site: &Site, jane: &Path, user: &str) {
    let (origin, theirs) = two_configurations(site, jane);
    let (one, two) = (config_map("one", "1"), config_map("two", "1"));
    origin.commit("begin", &[("shop/one.yaml", Some(&one)), ("shop/two.yaml", Some(&two))]);
    let (code, _, notes) = run(&origin.config, &["sync", "shop", "--yes"]);
    assert_eq!(code, Some(0), "{notes}");
    origin.commit(
        "less",
        &[("shop/one.yaml", Some(&config_map("one", "2"))), ("shop/two.yaml", None)],
    );
    let (code, document, notes) = run(&theirs, &["plan", "shop"]);
    assert_eq!(code, Some(4), "{notes}");
    let refusal = &document["plans"][0]["refusals"][0];
    assert_eq!((&refusal["refusal"], &refusal["verbs"]), (&json!("rights"), &json!(["delete"])));
    assert_eq!((&refusal["identity"], &refusal["objects"]), (&json!(user), &json!(1)));
    let (code, document, notes) = run(&theirs, &["sync", "shop", "--yes"]);
    assert_eq!((code, &document["syncs"][0]["outcome"]), (Some(4), &json!("refused")), "{notes}");
    assert_eq!(document["syncs"][0]["refusals"][0]["refusal"], "rights");
    assert!(
        notes.contains(&format!("user `{user}` may not delete configmaps in {}", site.namespace)),
        "{notes}"
    );
    assert!(notes.contains("auth can-i delete configmaps -n"), "{notes}");
    let maps = config_maps(site).await;
    assert_eq!((get(&maps, "one").await, get(&maps, "two").await), (json!("1"), json!("1")));
}

#[tokio::test(flavor = "multi_thread")]
async fn the_binary_refuses_with_verb_resource_and_user() {
    let name = "rights-binary";
    let jane = user(name, all_but_delete);
    let site = Site::sandbox_of(name, vec![jane.clone()]).await;
    case_of_the_binary(&site, &site.kubeconfig.with_file_name(&jane.name), &jane.name).await;
    let Some(site) = Site::real(name).await else { return };
    let plane = control_plane().expect("a control plane");
    for (index, grant) in all_but_delete(name).iter().enumerate() {
        give(&site.client().await, &jane.name, &format!("{name}-{index}"), grant).await;
    }
    case_of_the_binary(&site, &plane.kubeconfig_for(&jane.name, &[]), &jane.name).await;
}

/// A POST names nothing: a right to create one name is none.
#[tokio::test]
async fn a_right_to_create_one_name_makes_no_record() {
    let named = |namespace: &str| {
        let name = gitdeck::cluster::parent_name(namespace);
        let names: &[&str] = Vec::leak(vec![&*String::leak(name)]);
        vec![
            Grant::new(WRITE, "configmaps", namespace),
            Grant::new(&["get", "list", "watch", "update"], "configmaps", "gitdeck-system"),
            Grant { names, ..Grant::new(&["create"], "configmaps", "gitdeck-system") },
            Grant::new(&["create"], "namespaces", ""),
        ]
    };
    in_every_world("one-name", named, async |mut world, jane| {
        world.cluster = cluster(&jane);
        let plan = world.plan("r1", &manifests([config("a", "1")])).await.expect("a plan");
        let [lack] = missing(&plan)[..] else { panic!("{:?}", plan.refusals) };
        let place = (lack.resource.as_str(), lack.namespace.as_deref());
        assert_eq!(place, ("configmaps", Some("gitdeck-system")));
        assert_eq!(lack.verbs, ["create"]);
    })
    .await;
}
