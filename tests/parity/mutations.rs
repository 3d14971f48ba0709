//! Objects with one value that is wrong, drawn at random from a fixed seed: both servers take or refuse the same.

use serde_json::{Value, json};

use crate::support::wire::{Ask, JSON_PATCH, MERGE, STRATEGIC};

/// Draws that are asked of each base object.
const DRAWS: usize = 250;

/// What was asked, and in which words a report names it.
pub struct Mutation {
    pub name: String,
    pub ask: Ask,
}

/// The objects that are mutated, each with its collection. They exist before, so that patches have something to meet.
pub fn bases(namespace: &str) -> Vec<(String, Value)> {
    let core = format!("/api/v1/namespaces/{namespace}");
    let apps = format!("/apis/apps/v1/namespaces/{namespace}");
    vec![
        (
            format!("{core}/secrets"),
            json!({"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "s", "labels": {"a": "b"}},
            "type": "Opaque", "data": {"a": "eA=="}, "stringData": {"b": "c"}}),
        ),
        (
            format!("{core}/configmaps"),
            json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "c", "annotations": {"a": "b"}},
            "data": {"a": "1"}, "binaryData": {"b": "eA=="}}),
        ),
        (
            format!("{core}/services"),
            json!({"apiVersion": "v1", "kind": "Service", "metadata": {"name": "v"}, "spec": {
            "selector": {"app": "v"}, "ports": [{"name": "http", "port": 80, "targetPort": 8080, "protocol": "TCP"}]}}),
        ),
        (
            format!("{apps}/deployments"),
            json!({"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "d"}, "spec": {
            "replicas": 0, "selector": {"matchLabels": {"app": "d"}}, "template": {"metadata": {"labels": {"app": "d"}},
            "spec": {"containers": [{"name": "main", "image": "i", "env": [{"name": "A", "value": "1"}],
            "ports": [{"containerPort": 80}], "resources": {"requests": {"cpu": "100m"}}}]}}}}),
        ),
    ]
}

/// The mutations of one base, the same in every world.
pub fn of(collection: &str, base: &Value) -> Vec<Mutation> {
    let mut random = Random(0x9e37_79b9_7f4a_7c15);
    let places = places(base);
    let name = base["metadata"]["name"].as_str().expect("a name");
    let item = format!("{collection}/{name}");
    let dry = format!("{item}?dryRun=All");
    (0..DRAWS)
        .map(|_| {
            let place = &places[random.below(places.len())];
            let wrong = wrong(&mut random);
            let mut object = base.clone();
            *object.pointer_mut(place).expect("a place") = wrong.clone();
            let (verb, ask) = match random.below(5) {
                0 => {
                    object["metadata"]["name"] = "new".into();
                    (
                        "post",
                        Ask::post(
                            format!("{collection}?dryRun=All&fieldValidation=Strict"),
                            object,
                        ),
                    )
                }
                1 => (
                    "apply",
                    Ask::apply(
                        &item,
                        "ana",
                        "&dryRun=All&force=true&fieldValidation=Strict",
                        object,
                    ),
                ),
                2 => ("merge", Ask::patch(MERGE, &dry, object)),
                // A list for a merge key makes the real server panic and cut the connection.
                3 if !is_merge_key(place) => ("strategic", Ask::patch(STRATEGIC, &dry, object)),
                _ => {
                    let steps = json!([{"op": "replace", "path": place, "value": wrong}]);
                    ("json", Ask::patch(JSON_PATCH, &dry, steps))
                }
            };
            Mutation { name: format!("mutations {verb} {item} {place} {wrong:.60}"), ask }
        })
        .collect()
}

fn is_merge_key(place: &str) -> bool {
    ["name", "port", "containerPort"].iter().any(|key| place.ends_with(&format!("/{key}")))
}

/// Every value below metadata's name and the type, by its pointer.
fn places(base: &Value) -> Vec<String> {
    let mut found = Vec::new();
    collect(base, "", &mut found);
    found.retain(|place| {
        !["", "/apiVersion", "/kind", "/metadata", "/metadata/name"].contains(&place.as_str())
    });
    found
}

fn collect(value: &Value, at: &str, found: &mut Vec<String>) {
    found.push(at.to_owned());
    match value {
        Value::Object(members) => {
            for (name, member) in members {
                collect(member, &format!("{at}/{name}"), found);
            }
        }
        Value::Array(items) => {
            for (index, item) in items.iter().enumerate() {
                collect(item, &format!("{at}/{index}"), found);
            }
        }
        _ => {}
    }
}

fn wrong(random: &mut Random) -> Value {
    let values = [
        json!(null),
        json!(-1),
        json!(70_000),
        json!(1.5),
        json!(true),
        json!("not base64!"),
        json!("Not A Name"),
        json!("1Gx"),
        json!("x".repeat(300)),
        json!([]),
        json!({}),
        json!(["a", "a"]),
        json!({"unknown": 1}),
        json!([{"name": "main"}, {"name": "main"}]),
    ];
    values[random.below(values.len())].clone()
}

/// xorshift64*: the draws have to be the same in every run and world.
struct Random(u64);

impl Random {
    fn below(&mut self, bound: usize) -> usize {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        let drawn = self.0.wrapping_mul(0x2545_f491_4f6c_dd1d) >> 33;
        usize::try_from(drawn).expect("33 bits") % bound
    }
}
