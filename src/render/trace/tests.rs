//! Values with the lines that say them, and those that nobody may be named for.

use super::{Spot, Trace, Tracer};
use crate::domain::{FieldPath, Manifest, ObjectRef, Origin, Rendering};
use crate::render::{Gathered, Listing, RenderError, SourceFile, Tree};
use serde_json::{Value, json};

/// Files by path.
struct Files(Vec<(&'static str, &'static str)>);

impl Tree for Files {
    fn below(&self, path: &str) -> Result<Option<Listing>, RenderError> {
        let is_below = |file: &str| {
            file.strip_prefix(path).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
        };
        let files: Vec<SourceFile> = self
            .0
            .iter()
            .filter(|(file, _)| is_below(file))
            .map(|(path, text)| SourceFile {
                path: (*path).into(),
                content: text.as_bytes().into(),
            })
            .collect();
        Ok((!files.is_empty()).then(|| Listing { files, ..Listing::default() }))
    }
}

const BASE: &str = "\
apiVersion: apps/v1
kind: Deployment
metadata:
  name: app
spec:
  replicas: 3
  template:
    spec:
      containers:
        - name: app
          image: app:1
";

fn deployment() -> Value {
    json!({"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "app", "labels": {"team": "shop"}},
        "spec": {"replicas": 3, "paused": false,
            "template": {"spec": {"containers": [{"name": "app", "image": "app:2"}]}}}})
}

/// Where a value of the deployment comes from, with a kustomization over the base.
fn trace(kustomization: &'static str, patch: &'static str, path: &str) -> Trace {
    let files = Files(vec![
        ("base/kustomization.yaml", "resources: [app.yaml]\n"),
        ("base/app.yaml", BASE),
        ("prod/kustomization.yaml", kustomization),
        ("prod/patch.yaml", patch),
    ]);
    let gathered = Gathered::take(&files, "prod", &Rendering::default()).unwrap();
    let object = deployment();
    let origin = Origin { file: "base/app.yaml".into(), document: 0, line: 1 };
    let manifest = Manifest { reference: ObjectRef::of(&object).unwrap(), object, origin };
    let path = FieldPath::parse(path).unwrap();
    let value = path.find(&manifest.object).unwrap().clone();
    Tracer::new(&gathered).trace(&manifest, &path, &value)
}

fn said(file: &str, line: usize) -> Trace {
    Trace::Said(vec![Spot { file: file.into(), lines: line..=line }])
}

const REPLICAS: &str = "/spec/replicas";
const IMAGE: &str = "/spec/template/spec/containers/[name=app]/image";

#[test]
fn what_nothing_touches_is_said_by_the_source() {
    let prod = "resources: [../base]\nnamePrefix: \"\"\ncommonAnnotations: {a: b}\n";
    assert_eq!(trace(prod, "", REPLICAS), said("base/app.yaml", 6));
    assert_eq!(
        trace(prod, "", "/spec/template/spec/containers/[name=app]/name"),
        said("base/app.yaml", 10)
    );
    assert!(
        matches!(trace(prod, "", IMAGE), Trace::Computed { .. }),
        "the source says another one"
    );
}

#[test]
fn entries_of_the_kustomization_say_what_they_set() {
    let prod = "resources:\n- ../base\nimages:\n- name: app\n  newTag: \"2\"\nreplicas:\n- name: app\n  count: 3\nlabels:\n- pairs:\n    team: shop\n";
    assert_eq!(trace(prod, "", IMAGE), said("prod/kustomization.yaml", 5));
    assert_eq!(trace(prod, "", REPLICAS), said("prod/kustomization.yaml", 8));
    assert_eq!(trace(prod, "", "/metadata/labels/team"), said("prod/kustomization.yaml", 11));
}

#[test]
fn the_last_patch_that_has_the_value_says_it() {
    const PATCH: &str = "kind: Deployment\nmetadata:\n  name: app\nspec:\n  replicas: 3\n";
    let file = "resources: [../base]\npatches:\n- path: patch.yaml\n";
    assert_eq!(trace(file, PATCH, REPLICAS), said("prod/patch.yaml", 5));
    let inline = "resources: [../base]\npatches:\n- path: patch.yaml\n- patch: |-\n    kind: Deployment\n    metadata:\n      name: app\n    spec:\n      replicas: 3\n";
    assert_eq!(trace(inline, PATCH, REPLICAS), said("prod/kustomization.yaml", 9));
    let other = "resources: [../base]\npatches:\n- path: patch.yaml\n";
    let elsewhere = "kind: Deployment\nmetadata:\n  name: other\nspec:\n  replicas: 3\n";
    assert_eq!(trace(other, elsewhere, REPLICAS), said("base/app.yaml", 6));
}

#[test]
fn json_patches_are_followed_where_their_place_is_certain() {
    let prod = "resources: [../base]\npatches:\n- target: {kind: Deployment, name: app}\n  path: patch.yaml\n";
    let one = "- op: replace\n  path: /spec/replicas\n  value: 3\n";
    assert_eq!(trace(prod, one, REPLICAS), said("prod/patch.yaml", 3));
    let item = "- op: replace\n  path: /spec/template/spec/containers/0/image\n  value: app:2\n";
    assert_eq!(trace(prod, item, IMAGE), said("prod/patch.yaml", 3));
    let removed = "- op: remove\n  path: /spec\n";
    assert!(matches!(trace(prod, removed, REPLICAS), Trace::Computed { .. }));
}

#[test]
fn nobody_is_named_where_somebody_else_may_have_said_it() {
    const PATCH: &str = "kind: Deployment\nmetadata:\n  name: app\nspec:\n  replicas: 3\n";
    for prod in [
        "resources: [../base]\npatches:\n- path: patch.yaml\n  target: {labelSelector: a=b}\n",
        "resources: [../base]\npatches:\n- path: patch.yaml\n  target: {kind: Deployment, name: a.*}\n",
        "resources: [../base]\nreplacements:\n- source: {kind: ConfigMap}\n  targets:\n  - select: {kind: Deployment}\n    fieldPaths: [spec.replicas]\n",
        "resources: [../base, ../base/app.yaml]\n",
        "resources: [../base]\nreplicas:\n- name: app\n  count: 4\n",
    ] {
        let found = trace(prod, PATCH, REPLICAS);
        assert!(matches!(found, Trace::Computed { .. }), "{prod}: {found:?}");
    }
}
