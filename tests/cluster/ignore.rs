//! Ignore rules, from the configuration and beside the object, and what a plan tells of what it leaves out.

use super::world::{World, config, in_every_world, manifests};
use gitdeck::domain::plan::Reason;
use gitdeck::domain::{IgnoreRule, LeftOut, Plan, RuleUse, Why};
use serde_json::{Value, json};

fn deployment() -> Value {
    json!({"apiVersion": "apps/v1", "kind": "Deployment",
        "metadata": {"name": "web", "labels": {"tier": "front"}}, "spec": {
        "replicas": 2, "selector": {"matchLabels": {"app": "web"}},
        "template": {"metadata": {"labels": {"app": "web"}}, "spec": {"containers": [
            {"name": "main", "image": "example.com/web:1", "ports": [{"containerPort": 80}]},
            {"name": "log", "image": "example.com/log:1"}]}}}})
}

fn rule(path: &str) -> IgnoreRule {
    let place = Some("/etc/gitdeck/config.toml:41".to_owned());
    IgnoreRule { path: Some(path.to_owned()), place, ..IgnoreRule::default() }
}

impl World {
    fn web_address(&self) -> String {
        format!("/apis/apps/v1/namespaces/{}/deployments/web", self.mapping.target.namespace)
    }

    /// Changes an object as a manager does who says what he changes.
    async fn write(&self, address: &str, manager: &str, body: &Value) {
        let request = http::Request::patch(format!("{address}?fieldManager={manager}"))
            .header("content-type", "application/strategic-merge-patch+json")
            .body(body.to_string().into_bytes());
        self.send(request.expect("a request")).await;
    }

    async fn set_images(&self, manager: &str, main: &str, log: &str) {
        let containers = json!([{"name": "main", "image": main}, {"name": "log", "image": log}]);
        let body = json!({"spec": {"template": {"spec": {"containers": containers}}}});
        self.write(&self.web_address(), manager, &body).await;
    }

    /// The images of the deployment, by container.
    async fn images(&self) -> (Value, Value) {
        let live = self.get(&self.web_address()).await;
        let image = |name: &str| {
            let containers = live["spec"]["template"]["spec"]["containers"].as_array();
            let found = containers.into_iter().flatten().find(|one| one["name"] == name);
            found.expect("the container")["image"].clone()
        };
        (image("main"), image("log"))
    }
}

fn paths(plan: &Plan) -> Vec<&str> {
    let changes = plan.operations.iter().flat_map(|one| &one.changes);
    changes.map(|change| change.path.as_str()).collect()
}

fn left(plan: &Plan, is: impl Fn(&Why) -> bool) -> Vec<&str> {
    let groups = plan.left_out.iter().filter(|left| is(&left.why));
    groups.flat_map(|left: &LeftOut| &left.paths).map(String::as_str).collect()
}

fn by_rule(why: &Why) -> bool {
    matches!(why, Why::Rule { .. })
}

const MAIN_IMAGE: &str = "/spec/template/spec/containers/[name=main]/image";
const LOG_IMAGE: &str = "/spec/template/spec/containers/[name=log]/image";

#[tokio::test]
async fn a_rule_leaves_one_container_of_chosen_objects_alone() {
    in_every_world("ignored", async |mut world| {
        world.mapping.ignore = vec![IgnoreRule {
            group: Some("apps".into()),
            kind: Some("Deployment".into()),
            namespace: Some(format!("{}*", world.mapping.target.namespace)),
            name: Some("w*b".into()),
            labels: Some("tier in (front, back)".into()),
            ..rule(".spec.template.spec.containers[] | select(.name == \"main\") | .image")
        }];
        let desired = manifests([deployment()]);
        assert!(world.sync("r1", &desired).await.expect("a sync").complete);
        world.set_images("kubectl", "example.com/web:9", "example.com/log:9").await;
        let plan = world.plan("r1", &desired).await.expect("a plan");
        assert_eq!(paths(&plan), [LOG_IMAGE]);
        assert_eq!(plan.operations[0].changes[0].forced, ["kubectl"]);
        assert_eq!(left(&plan, by_rule), [MAIN_IMAGE]);
        assert!(left(&plan, |why| *why == Why::Extra).is_empty(), "{:#?}", plan.left_out);
        assert_eq!((plan.rules[0].objects, plan.rules[0].paths), (1, 1));
        assert!(world.sync("r1", &desired).await.expect("a sync").complete);
        assert_eq!(world.images().await, (json!("example.com/web:9"), json!("example.com/log:1")));
        // What is left alone costs no dry run, and is told all the same.
        let plan = world.plan("r1", &desired).await.expect("a plan");
        assert!(plan.is_empty(), "{:#?}", plan.operations);
        assert_eq!((plan.dry_runs, left(&plan, by_rule)), (0, vec![MAIN_IMAGE]));
    })
    .await;
}

#[tokio::test]
async fn rules_for_other_objects_change_nothing_and_are_told() {
    in_every_world("dead-rules", async |mut world| {
        let other = |change: fn(&mut IgnoreRule)| {
            let mut rule = rule("/spec/replicas");
            change(&mut rule);
            rule
        };
        world.mapping.ignore = vec![
            other(|rule| rule.labels = Some("tier=back".into())),
            other(|rule| rule.group = Some(String::new())),
            other(|rule| rule.namespace = Some("elsewhere".into())),
            other(|rule| rule.name = Some("we".into())),
            rule(".spec.containers[].image"),
            rule("/spec/paused"),
        ];
        let desired = manifests([deployment()]);
        assert!(world.sync("r1", &desired).await.expect("a sync").complete);
        world.write(&world.web_address(), "kubectl", &json!({"spec": {"replicas": 4}})).await;
        let plan = world.plan("r1", &desired).await.expect("a plan");
        assert_eq!(paths(&plan), ["/spec/replicas"]);
        let dead: Vec<String> = plan.rules.iter().filter_map(RuleUse::dead).collect();
        assert_eq!(dead.len(), 6, "{dead:?}");
        assert!(dead[..4].iter().all(|dead| dead.contains("matches no object")), "{dead:?}");
        assert!(dead[4..].iter().all(|dead| dead.contains("no path of it")), "{dead:?}");
        assert!(dead[0].contains("(tier=back) /spec/replicas (/etc/gitdeck/config.toml:41)"));
    })
    .await;
}

#[tokio::test]
async fn a_rule_beside_the_object_counts_only_in_git() {
    in_every_world("annotated", async |world| {
        let mut a = config("a", "git");
        a["metadata"]["annotations"] =
            json!({"gitdeck.dev/ignore": "# rotated by hand\n.data.key\n"});
        let desired = manifests([a, config("b", "git")]);
        assert!(world.sync("r1", &desired).await.expect("a sync").complete);
        world.set("a", "live").await;
        world.set("b", "live").await;
        let annotation = json!({"metadata": {"annotations": {"gitdeck.dev/ignore": ".data.key"}}});
        world.write(&format!("{}/b", world.configs()), "kubectl", &annotation).await;
        let plan = world.plan("r1", &desired).await.expect("a plan");
        let names: Vec<&str> = plan.operations.iter().map(|one| one.object.name.as_str()).collect();
        assert_eq!((names, paths(&plan)), (vec!["b"], vec!["/data/key"]));
        let [left] =
            &plan.left_out.iter().filter(|left| by_rule(&left.why)).collect::<Vec<_>>()[..]
        else {
            panic!("{:#?}", plan.left_out)
        };
        assert_eq!((left.object.name.as_str(), &left.paths), ("a", &vec!["/data/key".to_owned()]));
        let place = Some("all.yaml:1".to_owned());
        assert_eq!(left.why, Why::Rule { rule: ".data.key".into(), place });
        assert!(world.sync("r1", &desired).await.expect("a sync").complete);
        assert_eq!((world.data("a").await, world.data("b").await), (json!("live"), json!("git")));
    })
    .await;
}

#[tokio::test]
async fn a_rule_beside_the_object_that_cannot_be_read_is_told_with_its_line() {
    in_every_world("misannotated", async |world| {
        let mut a = config("a", "git");
        a["metadata"]["annotations"] = json!({"gitdeck.dev/ignore": ".data.key\n.data | keys"});
        let plan = world.plan("r1", &manifests([a])).await.expect("a plan");
        let said = format!("{:?}", plan.refusals);
        assert!(plan.is_refused(), "{said}");
        assert!(said.contains("line 2: the path cannot be read: at character 9 `keys`"), "{said}");
        assert!(said.contains("all.yaml"), "{said}");
    })
    .await;
}

#[tokio::test]
async fn what_a_named_manager_owns_is_left_to_it() {
    in_every_world("by-manager", async |mut world| {
        let manager = Some("tuner*".to_owned());
        world.mapping.ignore = vec![IgnoreRule { path: None, manager, ..rule("") }];
        let desired = manifests([deployment()]);
        assert!(world.sync("r1", &desired).await.expect("a sync").complete);
        world.set_images("tuner-1", "example.com/web:9", "example.com/log:1").await;
        world.write(&world.web_address(), "kubectl", &json!({"spec": {"replicas": 4}})).await;
        let plan = world.plan("r1", &desired).await.expect("a plan");
        assert_eq!(paths(&plan), ["/spec/replicas"]);
        assert_eq!(left(&plan, by_rule), [MAIN_IMAGE]);
        assert!(world.sync("r1", &desired).await.expect("a sync").complete);
        assert_eq!(world.images().await, (json!("example.com/web:9"), json!("example.com/log:1")));
        assert_eq!(world.get(&world.web_address()).await["spec"]["replicas"], 2);
    })
    .await;
}

#[tokio::test]
async fn what_the_server_sets_is_counted_where_it_is_asked_for() {
    in_every_world("defaulted", async |mut world| {
        let desired = manifests([deployment()]);
        assert!(world.sync("r1", &desired).await.expect("a sync").complete);
        let plan = world.plan("r1", &desired).await.expect("a plan");
        assert!(plan.is_empty() && plan.left_out.is_empty(), "{:#?}", plan.left_out);
        world.options.everything = true;
        let plan = world.plan("r1", &desired).await.expect("a plan");
        let defaulted = left(&plan, |why| *why == Why::Defaulted);
        for path in [
            "/spec/strategy",
            "/spec/template/spec/dnsPolicy",
            "/spec/template/spec/containers/[name=main]/terminationMessagePath",
        ] {
            assert!(defaulted.contains(&path), "{path}: {defaulted:?}");
        }
        assert!(!defaulted.contains(&"/spec/replicas"), "{defaulted:?}");
        // One that differs is looked at anyway.
        world.options.everything = false;
        world.write(&world.web_address(), "kubectl", &json!({"spec": {"replicas": 4}})).await;
        let plan = world.plan("r1", &desired).await.expect("a plan");
        assert_eq!(plan.operations[0].reason, Reason::Commit);
        let defaulted = left(&plan, |why| *why == Why::Defaulted);
        assert!(defaulted.contains(&"/spec/strategy"), "{defaulted:?}");
    })
    .await;
}

/// Lists of rules go as a whole: a canary controller that owns one loses nothing when Git changes something else.
#[tokio::test]
async fn an_ignored_part_of_an_atomic_list_survives_a_write() {
    in_every_world("atomic", async |mut world| {
        world.mapping.ignore = vec![rule(".spec.rules[].host")];
        let ingress = |tier: &str| {
            manifests([json!({"apiVersion": "networking.k8s.io/v1", "kind": "Ingress",
            "metadata": {"name": "web", "labels": {"tier": tier}}, "spec": {
            "defaultBackend": {"service": {"name": "web", "port": {"number": 80}}},
            "rules": [{"host": "a.example.com"}]}})])
        };
        assert!(world.sync("r1", &ingress("front")).await.expect("a sync").complete);
        let namespace = world.mapping.target.namespace.clone();
        let address = format!("/apis/networking.k8s.io/v1/namespaces/{namespace}/ingresses/web");
        let body = json!({"spec": {"rules": [{"host": "b.example.com"}]}});
        world.write(&address, "canary", &body).await;
        let plan = world.plan("r1", &ingress("front")).await.expect("a plan");
        assert!(plan.is_empty(), "{:#?}", plan.operations);
        assert!(world.sync("r2", &ingress("back")).await.expect("a sync").complete);
        let live = world.get(&address).await;
        assert_eq!(live["metadata"]["labels"]["tier"], "back");
        assert_eq!(live["spec"]["rules"][0]["host"], "b.example.com");
        assert!(world.plan("r2", &ingress("back")).await.expect("a plan").is_empty());
    })
    .await;
}

#[tokio::test]
async fn what_is_taken_over_carries_our_mark_whatever_is_ignored() {
    in_every_world("marked", async |mut world| {
        world.mapping.ignore = vec![rule("/metadata/labels")];
        let mut object = config("a", "1");
        object["metadata"]["labels"] = json!({"own": "2"});
        world.plant(&object, "kubectl-create").await;
        object["metadata"]["labels"] = json!({"own": "1"});
        let desired = manifests([object]);
        assert!(world.sync("r1", &desired).await.expect("a sync").complete);
        let live = world.get(&format!("{}/a", world.configs())).await;
        let labels = &live["metadata"]["labels"];
        assert_eq!(labels["own"], "2");
        assert!(labels["applyset.kubernetes.io/part-of"].is_string(), "{labels}");
        assert!(world.plan("r1", &desired).await.expect("a plan").is_empty());
        world.options.allow_delete = Some(1);
        assert!(world.sync("r2", &[]).await.expect("a sync").complete);
        assert_eq!(world.data("a").await, Value::Null);
    })
    .await;
}
