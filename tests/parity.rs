//! The sandbox and a real API server, asked the same, answer the same.

mod conversation;
mod corpus;
mod definitions;
mod fields;
mod kubectl;
mod limits;
mod mutations;
mod normal;
mod reading;
mod refusals;

use std::collections::BTreeMap;
use std::time::Duration;

use kube::Client;
use serde_json::{Value, json};

use crate::support::clusters::{World, pair, pair_apart};
use crate::support::control_plane::assets;
use crate::support::shared_data;
use crate::support::wire::{Answer, Ask, ask};
use conversation::{Conversation, hold};
use normal::{Names, differences, normalize};

/// How long a definition may take to be served.
const PATIENCE: Duration = Duration::from_secs(60);

/// What one world answered, by the name of what was asked.
type Heard = Vec<(String, Answer)>;

/// Fails with every place where the answers differ, stated limits aside, and with every limit that is none any more.
fn assert_equal(real: &Heard, sandbox: &Heard) {
    let mut report = Vec::new();
    for ((asked, left), (_, right)) in real.iter().zip(sandbox) {
        let mut found = differences(&left.body, &right.body);
        if left.code != right.code {
            found.insert(0, format!("code: {} | {}", left.code, right.code));
        }
        match (limits::reason(asked), found.is_empty()) {
            (None, false) => report.push(format!("  {asked}\n      {}", found.join("\n      "))),
            (Some(reason), true) => {
                report.push(format!("  {asked}\n      no limit any more: {reason}"));
            }
            _ => {}
        }
    }
    let asked = real.len();
    assert_eq!(asked, sandbox.len());
    assert!(
        report.is_empty(),
        "{} of {asked} answers differ (real | sandbox):\n{}",
        report.len(),
        report.join("\n")
    );
}

/// How a report and a limit name what was asked.
fn label(conversation: &str, index: usize, asked: &Ask) -> String {
    let body = asked.body.as_ref().map(Value::to_string).unwrap_or_default();
    format!("{conversation} [{index}] {} {} {body:.200}", asked.method, asked.path)
}

/// Holds the conversations in both worlds, each in a namespace of its own.
async fn converse(prefix: &str, conversations: fn(&str) -> Vec<Conversation>) {
    let Some(pair) = pair(prefix).await else { return };
    let mut heard = Vec::new();
    for world in &pair {
        let client = world.client().await;
        let mut all: Heard = Vec::new();
        for conversation in conversations(prefix) {
            for (index, (asked, answer)) in
                hold(&client, &conversation).await.into_iter().enumerate()
            {
                let label = label(conversation.name, index, &asked);
                all.push((label, answer));
            }
        }
        heard.push(all);
    }
    assert_equal(&heard[0], &heard[1]);
}

#[tokio::test]
async fn fields_are_managed_alike() {
    converse("parity-fields", fields::all).await;
}

#[tokio::test]
async fn refusals_are_alike() {
    converse("parity-refusals", refusals::all).await;
}

/// Whether one wrong value is taken, and with which code it is refused; the words are compared elsewhere.
#[tokio::test]
async fn wrong_values_are_refused_alike() {
    let space = "parity-mutations";
    let Some(pair) = pair(space).await else { return };
    let mut heard = Vec::new();
    for world in &pair {
        let client = world.client().await;
        let mut all = Heard::new();
        for (collection, base) in mutations::bases(space) {
            let made = ask(&client, &Ask::post(&collection, base.clone())).await;
            assert_eq!(made.code, 201, "{}", made.body);
            for mutation in mutations::of(&collection, &base) {
                let answer = ask(&client, &mutation.ask).await;
                let body = json!({"reason": answer.body["reason"]});
                all.push((mutation.name, Answer { code: answer.code, body }));
            }
        }
        heard.push(all);
    }
    assert_equal(&heard[0], &heard[1]);
}

#[tokio::test]
async fn answers_to_reads_are_alike() {
    converse("parity-reading", reading::all).await;
}

/// What the sandbox serves is a part of what a real server does, and described as there.
#[tokio::test]
async fn discovery_is_alike() {
    let Some([real, sandbox]) = pair("parity-discovery").await else { return };
    let (real, sandbox) = (real.client().await, sandbox.client().await);
    let groups = ask(&sandbox, &Ask::get("/apis")).await.body;
    let groups = groups["groups"].as_array().expect("groups").clone();
    let versions = groups.iter().flat_map(|group| group["versions"].as_array().expect("versions"));
    let served = versions
        .map(|version| format!("/apis/{}", version["groupVersion"].as_str().expect("a name")));
    let mut heard = [Heard::new(), Heard::new()];
    for path in served.chain(["/api/v1".into()]) {
        let ours = ask(&sandbox, &Ask::get(&path)).await;
        let mut theirs = ask(&real, &Ask::get(&path)).await;
        let name = |resource: &Value| resource["name"].as_str().unwrap_or_default().to_string();
        let list =
            |answer: &Answer| answer.body["resources"].as_array().cloned().unwrap_or_default();
        let known: Vec<String> = list(&ours).iter().map(name).collect();
        if let Some(resources) = theirs.body["resources"].as_array_mut() {
            resources.retain(|resource| known.contains(&name(resource)));
        }
        for (heard, mut answer) in heard.iter_mut().zip([theirs, ours]) {
            let mut resources = list(&answer);
            resources.sort_by_key(name);
            resources
                .iter_mut()
                .filter_map(Value::as_object_mut)
                .for_each(|it| drop(it.shift_remove("storageVersionHash")));
            answer.body["resources"] = resources.into();
            heard.push((format!("GET {path}"), answer));
        }
    }
    assert!(heard[0].len() > 5, "the sandbox serves too little");
    assert_equal(&heard[0], &heard[1]);
}

#[tokio::test]
async fn custom_resources_are_alike() {
    let (group, space) = ("parity.example.com", "parity-widgets");
    let Some(pair) = pair(space).await else { return };
    let path = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions";
    let one = format!("{path}/widgets.{group}");
    let mut heard = Vec::new();
    for world in &pair {
        let client = world.client().await;
        let defined =
            ask(&client, &Ask::apply(&one, "ana", "", definitions::definition(group))).await;
        assert_eq!(defined.code, 201, "{}", defined.body);
        served(&client, &format!("/apis/{group}/v1/namespaces/{space}/widgets")).await;
        let conversation = Conversation {
            name: "widgets",
            versions: true,
            asks: definitions::widgets(group, space),
        };
        let said = hold(&client, &conversation).await;
        heard.push(
            said.into_iter()
                .enumerate()
                .map(|(index, (asked, answer))| (label(conversation.name, index, &asked), answer))
                .collect::<Heard>(),
        );
    }
    assert_equal(&heard[0], &heard[1]);
}

/// Waits until a collection answers, with its schema: a definition is served a moment after it is established.
async fn served(client: &Client, collection: &str) {
    let answers = async {
        while ask(client, &Ask::get(collection)).await.code != 200 {
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    };
    tokio::time::timeout(PATIENCE, answers)
        .await
        .unwrap_or_else(|_| panic!("{collection} is not served"));
}

#[tokio::test]
async fn microservices_demo_is_applied_alike() {
    let Some(data) = shared_data() else { return };
    let objects = corpus::objects(&data.join("manifests/microservices-demo/kubernetes-manifests"));
    apply_corpus(&objects, pair("parity-shop").await).await;
}

#[tokio::test]
async fn kube_prometheus_is_applied_alike() {
    let Some(data) = shared_data() else { return };
    let objects = corpus::objects(&data.join("manifests/kube-prometheus/manifests"));
    // It has an APIService without a backend.
    apply_corpus(&objects, pair_apart("parity-monitoring").await).await;
}

#[tokio::test]
async fn kubectl_sees_no_difference() {
    let space = "parity-kubectl";
    let (Some(data), Some(pair), Some(assets)) = (shared_data(), pair(space).await, assets())
    else {
        return;
    };
    let session = kubectl::session(&data.join("manifests/microservices-demo/kubernetes-manifests"));
    let mut heard = Vec::new();
    for world in &pair {
        let mut all = Heard::new();
        for line in &session {
            let (code, text) =
                kubectl::run(&assets.join("kubectl"), &world.kubeconfig, space, line).await;
            let code = u16::try_from(code).unwrap_or(u16::MAX);
            let lines: Vec<&str> = text.lines().collect();
            all.push((
                format!("kubectl {}", line.arguments.join(" ")),
                Answer { code, body: json!(lines) },
            ));
        }
        heard.push(all);
    }
    assert_equal(&heard[0], &heard[1]);
}

/// Applies every object in both worlds and compares the answers, of the second time as well, which is a dry run.
async fn apply_corpus(objects: &[Value], pair: Option<[World; 2]>) {
    let Some(pair) = pair else { return };
    assert!(objects.len() > 10, "the corpus was not read");
    let mut heard = Vec::new();
    for world in &pair {
        heard.push(applied(world, objects).await);
    }
    assert_equal(&heard[0], &heard[1]);
}

async fn applied(world: &World, objects: &[Value]) -> Heard {
    let client = world.client().await;
    let mut names = Names::default();
    let mut resources = BTreeMap::new();
    let mut heard = Heard::new();
    for object in objects {
        let path = place(&client, &mut resources, object, &world.namespace).await;
        for (what, query) in [("apply", ""), ("dry run", "&dryRun=All")] {
            let request = Ask::apply(
                &path,
                "gitdeck",
                &format!("&force=true&fieldValidation=Strict{query}"),
                object.clone(),
            );
            let mut answer = ask(&client, &request).await;
            normalize(&mut answer.body, &mut names, false);
            // Controllers write the status meanwhile; what they find is compared elsewhere.
            if query.contains("dryRun")
                && let Some(body) = answer.body.as_object_mut()
            {
                body.shift_remove("status");
            }
            heard.push((format!("{what} {path}"), answer));
        }
    }
    heard
}

/// The path of an object, found by discovery; waits for kinds that a definition has just announced.
async fn place(
    client: &Client,
    known: &mut BTreeMap<String, Value>,
    object: &Value,
    space: &str,
) -> String {
    let (version, kind) = (
        object["apiVersion"].as_str().expect("a version"),
        object["kind"].as_str().expect("a kind"),
    );
    let base =
        if version.contains('/') { format!("/apis/{version}") } else { format!("/api/{version}") };
    let found = async {
        loop {
            let list = known.get(&base).and_then(|list| list["resources"].as_array());
            let matching = |it: &&Value| {
                it["kind"] == kind && !it["name"].as_str().unwrap_or_default().contains('/')
            };
            if let Some(resource) = list.into_iter().flatten().find(matching) {
                return resource.clone();
            }
            let answer = ask(client, &Ask::get(&base)).await;
            known.insert(base.clone(), answer.body);
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    let resource = tokio::time::timeout(PATIENCE, found)
        .await
        .unwrap_or_else(|_| panic!("{version} {kind} is not served"));
    let (plural, name) = (
        resource["name"].as_str().expect("a name"),
        object["metadata"]["name"].as_str().expect("a name"),
    );
    if resource["namespaced"] == true {
        let own = object["metadata"]["namespace"].as_str().unwrap_or(space);
        return format!("{base}/namespaces/{own}/{plural}/{name}");
    }
    format!("{base}/{plural}/{name}")
}
