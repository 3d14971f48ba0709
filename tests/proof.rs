//! The proof of equality against the server's own verdict: an object that is proved unchanged must be left exactly as
//! it is by an apply, whatever was done to it or to the manifest. One wrong proof is one drift that nobody sees.

use std::fs;
use std::path::{Path, PathBuf};

use gitdeck::domain::normalize::as_sent;
use gitdeck::domain::object::split_api_version;
use gitdeck::domain::prove::{MANAGER, Proof, prove};
use gitdeck::render::{Plain, Renderer, SourceFile};
use gitdeck::sandbox::fields::{Schema, Schemas, Writer, apply, default, settle};
use gitdeck::yaml::documents;
use proptest::prelude::*;
use serde_json::{Map, Value, json};

/// One kind of each shape: keyed lists with a defaulted key, sets, atomic maps and lists, maps of text, embedded lists.
const OBJECTS: &str = r#"
apiVersion: apps/v1
kind: Deployment
metadata:
  name: web
  namespace: shop
  labels: {app: web, tier: front}
  annotations: {note: "1"}
  finalizers: [a.example/x, b.example/y]
spec:
  replicas: 3
  selector: {matchLabels: {app: web}}
  template:
    metadata: {labels: {app: web}}
    spec:
      containers:
      - name: app
        image: app:1
        args: [a, b]
        env: [{name: A, value: "1"}, {name: B, value: "2"}, {name: C, valueFrom: {fieldRef: {apiVersion: v1, fieldPath: status.podIP}}}]
        ports: [{containerPort: 80}, {containerPort: 53, protocol: TCP}, {containerPort: 53, protocol: UDP, name: dns}]
        resources: {limits: {memory: 1Gi}}
        volumeMounts: [{name: v, mountPath: /a}, {name: v, mountPath: /b}]
        securityContext: {}
      - {name: side, image: "side:1"}
      volumes: [{name: v, emptyDir: {}}, {name: s, secret: {secretName: s, items: [{key: k, path: p}]}}]
      tolerations: [{key: a, operator: Exists}]
---
apiVersion: v1
kind: Service
metadata: {name: web, namespace: shop}
spec:
  selector: {app: web}
  ports: [{port: 80, name: http}, {port: 53, name: a}, {port: 54, protocol: UDP, name: b, targetPort: dns}]
---
apiVersion: v1
kind: ConfigMap
metadata: {name: c, namespace: shop}
data: {a: "1", b: "2"}
---
apiVersion: v1
kind: ServiceAccount
metadata: {name: s, namespace: shop}
secrets: [{name: one}, {name: two}]
imagePullSecrets: [{name: p}]
---
apiVersion: rbac.authorization.k8s.io/v1
kind: ClusterRole
metadata: {name: r}
rules:
- {apiGroups: [""], resources: [pods], verbs: [get, list]}
"#;

fn schema(object: &Value) -> Option<Schema> {
    let (group, version) = split_api_version(object["apiVersion"].as_str()?);
    Schemas::builtin().of(group, version, object["kind"].as_str()?)
}

/// What the server stores after an apply of ours.
fn served(schema: &Schema, live: Option<&Value>, desired: &Value) -> Option<Value> {
    let version = desired["apiVersion"].as_str()?;
    let writer = Writer {
        manager: MANAGER,
        api_version: version,
        time: "2026-01-01T00:00:00Z",
        subresource: None,
    };
    let mut object = apply(schema, live, desired, &writer, true).ok()?;
    default(schema, &mut object);
    settle(schema, &mut object);
    Some(object)
}

fn without_times(object: &Value) -> Value {
    let mut object = object.clone();
    if let Some(entries) = object["metadata"]["managedFields"].as_array_mut() {
        for entry in entries {
            entry["time"] = Value::Null;
        }
    }
    object
}

/// Every place in an object but its identity and its bookkeeping, as JSON pointers.
fn places(value: &Value, at: &str, found: &mut Vec<String>) {
    let step = |name: &str| format!("{at}/{}", name.replace('~', "~0").replace('/', "~1"));
    match value {
        Value::Object(fields) => {
            for (name, child) in fields {
                let path = step(name);
                if matches!(
                    path.as_str(),
                    "/metadata/managedFields"
                        | "/metadata/name"
                        | "/metadata/namespace"
                        | "/kind"
                        | "/apiVersion"
                ) {
                    continue;
                }
                if path != "/metadata" {
                    found.push(path.clone());
                }
                places(child, &path, found);
            }
        }
        Value::Array(items) => {
            for (index, child) in items.iter().enumerate() {
                found.push(step(&index.to_string()));
                places(child, &step(&index.to_string()), found);
            }
        }
        _ => {}
    }
}

/// Changes one place of an object in one of the ways in which things go wrong.
fn mutate(object: &mut Value, place: prop::sample::Index, way: u8) {
    let mut found = Vec::new();
    places(object, "", &mut found);
    if found.is_empty() {
        return;
    }
    let path = found[place.index(found.len())].clone();
    let (above, last) = path.rsplit_once('/').unwrap();
    match way {
        0 => match object.pointer_mut(above) {
            Some(Value::Object(fields)) => {
                drop(fields.shift_remove(&last.replace("~1", "/").replace("~0", "~")));
            }
            Some(Value::Array(items)) => drop(items.remove(last.parse().unwrap())),
            _ => {}
        },
        1 => {
            if let Some(Value::Array(items)) = object.pointer_mut(above) {
                let copy = items[last.parse::<usize>().unwrap()].clone();
                items.push(copy);
            }
        }
        2 => {
            if let Some(Value::Array(items)) = object.pointer_mut(&path) {
                items.reverse();
            }
        }
        way => {
            let Some(value) = object.pointer_mut(&path) else { return };
            change(value, way);
        }
    }
}

fn change(value: &mut Value, way: u8) {
    match (way, &mut *value) {
        (3, Value::Object(fields)) => drop(fields.insert("extra".to_owned(), json!("x"))),
        (3, Value::Array(items)) => items.push(json!({"name": "extra"})),
        (4, Value::Number(number)) => *value = Value::String(number.to_string()),
        (5, _) => *value = Value::Null,
        (6, Value::Array(_)) => *value = json!([]),
        (6, _) => *value = json!({}),
        (_, Value::String(text)) => text.push('x'),
        (_, Value::Number(number)) => *value = json!(number.as_i64().unwrap_or(0) + 1),
        (_, Value::Bool(truth)) => *truth = !*truth,
        _ => {}
    }
}

fn check(schema: &Schema, desired: &Value, live: &Value) -> Result<bool, TestCaseError> {
    if prove(desired, live) != Proof::Unchanged {
        return Ok(false);
    }
    let mut stored = live.clone();
    stored["metadata"].as_object_mut().unwrap().shift_remove("managedFields");
    if served(schema, None, &stored).is_none() {
        // A mutation made what no server stores.
        return Ok(true);
    }
    let after = served(schema, Some(live), desired);
    let after = after.ok_or_else(|| TestCaseError::fail("proved, but the server refuses it"))?;
    prop_assert_eq!(
        without_times(&after),
        without_times(live),
        "proved, but the server changes it"
    );
    Ok(true)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 500, ..ProptestConfig::default() })]

    #[test]
    fn what_is_proved_is_what_the_server_says(
        which in 0_usize..5,
        on_live in prop::collection::vec((any::<prop::sample::Index>(), 0_u8..8), 0..3),
        on_desired in prop::collection::vec((any::<prop::sample::Index>(), 0_u8..8), 0..2),
    ) {
        let mut desired = documents(OBJECTS.as_bytes()).unwrap().swap_remove(which).value;
        let schema = schema(&desired).unwrap();
        let mut live = served(&schema, None, &desired).unwrap();
        for (place, way) in &on_live { mutate(&mut live, *place, *way); }
        // What a server returns has its defaults.
        default(&schema, &mut live);
        settle(&schema, &mut live);
        for (place, way) in &on_desired { mutate(&mut desired, *place, *way); }
        let proved = check(&schema, &desired, &live)?;
        if on_live.is_empty() && on_desired.is_empty() {
            // 53/TCP beside an omitted protocol, 1Gi and the rest are stored as written: all of it can be proved.
            prop_assert!(proved, "{:?}", prove(&desired, &live));
        }
    }
}

fn corpus() -> Option<Vec<Value>> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../shared/data/manifests/kube-prometheus/manifests");
    let Ok(folder) = fs::read_dir(root) else {
        eprintln!("skipped: no shared data");
        return None;
    };
    let paths: Vec<PathBuf> =
        folder.map(|entry| entry.unwrap().path()).filter(|path| path.is_file()).collect();
    let read = |path: &PathBuf| SourceFile {
        path: path.file_name().unwrap().to_str().unwrap().to_owned(),
        content: fs::read(path).unwrap(),
    };
    let files: Vec<SourceFile> = paths.iter().map(read).collect();
    let manifests = Plain.render("", &files).unwrap();
    Some(manifests.into_iter().map(|manifest| manifest.object).collect())
}

#[test]
fn most_of_a_real_stack_is_proved_after_an_apply() {
    let Some(objects) = corpus() else { return };
    let labels = [("applyset.kubernetes.io/part-of", "applyset-x-v1")];
    let (mut proved, mut left) = (0, Map::new());
    for object in objects {
        let Some(schema) = schema(&object) else { continue };
        let desired = as_sent(&object, &labels, &[], None);
        let live = served(&schema, None, &desired).unwrap();
        match prove(&desired, &live) {
            Proof::Unchanged => proved += 1,
            Proof::NotProved(reason) => {
                left.insert(
                    format!("{} {}", desired["kind"], desired["metadata"]["name"]),
                    reason.into(),
                );
            }
        }
        assert!(check(&schema, &desired, &live).is_ok());
    }
    assert!(proved > 80 && left.len() * 10 < proved, "{proved} proved, left: {left:#?}");
}
