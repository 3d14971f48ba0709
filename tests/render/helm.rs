//! Charts, with what they are told.

use super::names;
use crate::support::renderers::{Bench, Files, rendered, rendered_with};
use crate::support::shared_data;
use gitdeck::domain::{HelmChart, Rendering};
use gitdeck::render::Capabilities;
use serde_json::json;

const CHART: &str = "apiVersion: v2\nname: shop-chart\nversion: 1.0.0\n";
const TEMPLATE: &str = "\
{{- range .Values.names }}
---
apiVersion: v1
kind: ConfigMap
metadata:
  name: {{ $.Release.Name }}-{{ . }}
  namespace: {{ $.Release.Namespace }}
data:
  colour: {{ $.Values.colour | quote }}
  kube: {{ $.Capabilities.KubeVersion.Version }}
  monitors: {{ $.Capabilities.APIVersions.Has \"monitoring.coreos.com/v1/ServiceMonitor\" | quote }}
{{- end }}
";
const STATIC: &str = "apiVersion: v1\nkind: ServiceAccount\nmetadata:\n  name: static\n";

fn chart() -> Files {
    Files::of(&[
        ("charts/shop/Chart.yaml", CHART),
        ("charts/shop/values.yaml", "names: [a]\ncolour: blue\n"),
        ("charts/shop/values-prod.yaml", "names: [a, b]\n"),
        ("values/eu.yaml", "colour: green\n"),
        ("charts/shop/templates/config.yaml", TEMPLATE),
        ("charts/shop/templates/account.yaml", STATIC),
        (
            "charts/shop/templates/tests/test.yaml",
            "apiVersion: v1\nkind: Pod\nmetadata:\n  name: t\n  annotations: {helm.sh/hook: test}\n",
        ),
    ])
}

fn live() -> Capabilities {
    let api_versions =
        ["v1", "monitoring.coreos.com/v1", "monitoring.coreos.com/v1/ServiceMonitor"];
    Capabilities {
        kube_version: "v1.36.3".to_owned(),
        api_versions: api_versions.map(str::to_owned).to_vec(),
    }
}

#[tokio::test]
async fn values_files_and_the_live_cluster_reach_the_templates() {
    let Some(bench) = Bench::real() else { return };
    let helm = HelmChart {
        values: vec!["values-prod.yaml".into(), "/values/eu.yaml".into()],
        ..HelmChart::default()
    };
    let rendering = Rendering { helm, ..Rendering::default() };
    let inputs = (Some(live()), None);
    let found = rendered_with(&bench, &chart(), "charts/shop", &rendering, inputs).await.unwrap();
    assert_eq!(
        names(&found),
        [
            "ConfigMap shop-a charts/shop/templates/config.yaml:1",
            "ConfigMap shop-b charts/shop/templates/config.yaml:1",
            "ServiceAccount static charts/shop/templates/account.yaml:1",
        ]
    );
    let config = &found.iter().find(|one| one.reference.name == "shop-b").unwrap().object;
    assert_eq!(config["data"], json!({"colour": "green", "kube": "v1.36.3", "monitors": "true"}));
    assert_eq!(config["metadata"]["namespace"], "shop");
}

#[tokio::test]
async fn parameters_win_over_files_and_cluster() {
    let Some(bench) = Bench::real() else { return };
    let set = json!({"colour": "red", "names": ["x"]});
    let helm = HelmChart {
        release: Some("other".into()),
        namespace: Some("elsewhere".into()),
        set: set.as_object().unwrap().clone(),
        kube_version: Some("1.30.0".into()),
        ..HelmChart::default()
    };
    let rendering = Rendering { helm, ..Rendering::default() };
    let inputs = (Some(live()), None);
    let found = rendered_with(&bench, &chart(), "charts/shop", &rendering, inputs).await.unwrap();
    let config = &found.iter().find(|one| one.reference.kind == "ConfigMap").unwrap().object;
    assert_eq!(config["metadata"], json!({"name": "other-x", "namespace": "elsewhere"}));
    assert_eq!(config["data"], json!({"colour": "red", "kube": "v1.30.0", "monitors": "false"}));
}

#[tokio::test]
async fn a_published_chart_renders_with_two_values_files() {
    let (Some(bench), Some(data)) = (Bench::real(), shared_data()) else { return };
    let files = Files::read(&data.join("manifests/microservices-demo"))
        .with("helm-chart/values-a.yaml", Some("loadGenerator: {create: false}\n"))
        .with("helm-chart/values-b.yaml", Some("networkPolicies: {create: true}\n"));
    let values = vec!["values-a.yaml".to_owned(), "values-b.yaml".to_owned()];
    let helm = HelmChart { values, ..HelmChart::default() };
    let rendering = Rendering { helm, ..Rendering::default() };
    let found = rendered(&bench, &files, "helm-chart", &rendering).await.unwrap();
    let count = |kind: &str| found.iter().filter(|one| one.reference.kind == kind).count();
    assert_eq!(count("Deployment"), 11);
    assert!(count("NetworkPolicy") > 5, "{}", count("NetworkPolicy"));
    let file = |one: &gitdeck::domain::Manifest| one.origin.file.clone();
    assert!(found.iter().all(|one| file(one).starts_with("helm-chart/templates/")));
}

#[tokio::test]
async fn faults_of_charts_name_the_chart() {
    let Some(bench) = Bench::real() else { return };
    let remote = format!(
        "{CHART}dependencies:\n- name: redis\n  version: 1.0.0\n  repository: https://charts.example.com\n"
    );
    for (path, content, words) in [
        ("charts/shop/templates/bad.yaml", "{{ fail \"no colour\" }}", "no colour"),
        ("charts/shop/templates/bad.yaml", "a: [", "bad.yaml"),
        ("charts/shop/Chart.yaml", remote.as_str(), "https://charts.example.com redis"),
    ] {
        let files = chart().with(path, Some(content));
        let error =
            rendered(&bench, &files, "charts/shop", &Rendering::default()).await.unwrap_err();
        let text = error.to_string();
        assert!(text.starts_with("charts/shop/") && text.contains(words), "{text}");
    }
    let helm = HelmChart { values: vec!["none.yaml".into()], ..HelmChart::default() };
    let rendering = Rendering { helm, ..Rendering::default() };
    let error = rendered(&bench, &chart(), "charts/shop", &rendering).await.unwrap_err();
    assert!(error.to_string().contains("none.yaml does not exist"), "{error}");
    let bare = Bench::on("".into());
    let error = rendered(&bare, &chart(), "charts/shop", &Rendering::default()).await.unwrap_err();
    assert!(error.to_string().contains("helm is needed and is not on PATH"), "{error}");
}

#[tokio::test]
async fn charts_beside_the_chart_are_packed_into_it() {
    let Some(bench) = Bench::real() else { return };
    let with = format!(
        "{CHART}dependencies:\n- name: common\n  version: 1.0.0\n  repository: file://../common\n"
    );
    let files = chart()
        .with("charts/shop/Chart.yaml", Some(&with))
        .with("charts/common/Chart.yaml", Some("apiVersion: v2\nname: common\nversion: 1.0.0\n"))
        .with(
            "charts/common/templates/c.yaml",
            Some("apiVersion: v1\nkind: ConfigMap\nmetadata: {name: common}\n"),
        );
    let found = rendered(&bench, &files, "charts/shop", &Rendering::default()).await.unwrap();
    assert!(found.iter().any(|one| one.reference.name == "common"));
}
