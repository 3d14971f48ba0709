//! The proof of equality against the server's own verdict: an object that is proved unchanged must be left exactly as
//! it is by an apply, whatever was done to it or to the manifest. One wrong proof is one drift that nobody sees.

mod mutation;
pub mod server;
pub mod verdict;

use std::fs;
use std::path::PathBuf;

use gitdeck::domain::normalize::as_sent;
use gitdeck::domain::object::split_api_version;
use gitdeck::domain::prove::{MANAGER, Proof, prove};
use gitdeck::render::{Plain, Renderer, SourceFile};
use gitdeck::sandbox::fields::{Schema, Schemas, Writer, apply, default, settle};
use gitdeck::yaml::documents;
use proptest::prelude::*;
use serde_json::{Map, Value};

use self::mutation::{WAYS, mutate};
use crate::support::shared_data;

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
        on_live in prop::collection::vec((any::<usize>(), 0..WAYS), 0..3),
        on_desired in prop::collection::vec((any::<usize>(), 0..WAYS), 0..2),
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
    let folder = shared_data()?.join("manifests/kube-prometheus/manifests");
    let folder = fs::read_dir(folder).expect("the stack");
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
        let desired = as_sent(&object, &labels);
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
