//! Overlays, components and what is refused of them.

use super::names;
use super::overlays::podinfo;
use crate::support::renderers::{Bench, Files, rendered};
use crate::support::shared_data;
use gitdeck::domain::{RenderKind, Rendering, Substitution};

#[tokio::test]
async fn an_overlay_is_built_and_every_object_has_its_place() {
    let Some(bench) = Bench::real() else { return };
    let found = rendered(&bench, &podinfo(), "overlays/prod", &Rendering::default()).await.unwrap();
    let expected = [
        "ConfigMap prod-podinfo base/kustomization.yaml:9",
        "ConfigMap prod-podinfo-extra base/kustomization.yaml:7",
        "Deployment prod-podinfo base/deployment.yaml:2",
        "Secret prod-tls components/tls/kustomization.yaml:4",
        "Service prod-podinfo base/service.yaml:1",
        "Service prod-podinfo-canary base/service.yaml:9",
    ];
    let base = |name: String| {
        let words: Vec<&str> = name.split(' ').collect();
        let is_hashed = matches!(words[0], "ConfigMap" | "Secret");
        let hash = if is_hashed { "-6mkmb9kf8g".len() } else { 0 };
        format!("{} {} {}", words[0], &words[1][..words[1].len() - hash], words[2])
    };
    let mut bases: Vec<String> = names(&found).into_iter().map(base).collect();
    bases.sort();
    assert_eq!(bases, expected);
    let of = |kind: &str| &found.iter().find(|one| one.reference.kind == kind).unwrap().object;
    let deployment = of("Deployment");
    assert_eq!(deployment["spec"]["replicas"], 3);
    let container = &deployment["spec"]["template"]["spec"]["containers"][0];
    assert_eq!(container["image"], "ghcr.io/stefanprodan/podinfo:6.7.0");
    let used = container["envFrom"][0]["configMapRef"]["name"].as_str().unwrap();
    assert!(
        found.iter().any(|one| one.reference.name == used && one.reference.kind == "ConfigMap")
    );
    // What was asked of kustomize to learn the places is gone, what the tree asked for is there.
    assert!(deployment["metadata"].get("annotations").is_none(), "{deployment}");
    assert_eq!(of("Service")["metadata"]["annotations"], serde_json::json!({"note": "patched"}));
    assert!(deployment["metadata"]["labels"]["app.kubernetes.io/managed-by"].is_string());
}

#[tokio::test]
async fn components_of_a_published_application_are_built() {
    let (Some(bench), Some(data)) = (Bench::real(), shared_data()) else { return };
    let files = Files::read(&data.join("manifests/microservices-demo"));
    let wanted = "components:\n- components/without-loadgenerator\n- components/network-policies\nresources: [base]\n";
    let files = files.with("kustomize/kustomization.yaml", Some(wanted));
    let found = rendered(&bench, &files, "kustomize", &Rendering::default()).await.unwrap();
    let count = |kind: &str| found.iter().filter(|one| one.reference.kind == kind).count();
    assert_eq!((count("Deployment"), count("NetworkPolicy")), (11, 13));
    assert!(found.iter().all(|one| one.origin.file.starts_with("kustomize/")));
}

#[tokio::test]
async fn what_is_not_in_the_tree_is_refused_before_anything_runs() {
    // No program at all: a refusal that would come from it could not come.
    let bench = Bench::on("".into());
    for (kustomization, words) in [
        ("resources: ['https://example.com/x.yaml']", "https://example.com/x.yaml"),
        ("resources: [github.com/acme/fleet//base?ref=v1]", "allow_remote"),
        ("resources: ['git@github.com:acme/fleet']", "allow_remote"),
        ("components: ['ssh://git@h/a']", "allow_remote"),
        ("patches: [{path: 'https://example.com/p.yaml'}]", "allow_remote"),
        ("namePrefix: a-\nresources: [missing.yaml]", "missing.yaml does not exist"),
        ("resources: [../../../../etc]", "does not exist"),
        ("namePrefix: a-\nresources: [/etc/passwd]", "does not exist"),
        ("helmCharts: [{name: a, repo: 'https://h'}]", "plugins are not run"),
        ("namePrefix: a-", "kustomize is needed and is not on PATH"),
    ] {
        let files = Files::of(&[("apps/x/kustomization.yaml", kustomization)]);
        let error = rendered(&bench, &files, "apps/x", &Rendering::default()).await.unwrap_err();
        let text = error.to_string();
        assert!(text.contains(words) && text.contains("kustomization.yaml"), "{text}");
    }
}

#[tokio::test]
async fn remote_bases_of_bases_are_refused_too() {
    let bench = Bench::on("".into());
    let files = podinfo().with("base/kustomization.yaml", Some("resources: [github.com/a/b]\n"));
    let error = rendered(&bench, &files, "overlays/prod", &Rendering::default()).await.unwrap_err();
    assert!(
        error.to_string().starts_with("base/kustomization.yaml: \"github.com/a/b\""),
        "{error}"
    );
}

#[tokio::test]
async fn kustomize_142_one_malformed_document_fails_the_render() {
    let Some(bench) = Bench::real() else { return };
    let broken = "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: a}\n---\nkind: [\n";
    let files = podinfo().with("base/service.yaml", Some(broken));
    let error = rendered(&bench, &files, "overlays/prod", &Rendering::default()).await.unwrap_err();
    let text = error.to_string();
    assert!(text.starts_with("overlays/prod/kustomization.yaml: kustomize failed"), "{text}");
    assert!(text.contains("service.yaml"), "{text}");
    assert!(!text.contains(bench.folder().to_str().unwrap()), "{text}");
}

#[tokio::test]
async fn kubectl_stands_in_for_kustomize() {
    let Some(search) = crate::support::renderers::search_path() else { return };
    let kubectl = std::env::split_paths(&search).map(|folder| folder.join("kubectl"));
    let Some(kubectl) = kubectl.into_iter().find(|path| path.is_file()) else { return };
    let folder = tempfile::tempdir().unwrap();
    std::os::unix::fs::symlink(kubectl, folder.path().join("kubectl")).unwrap();
    let bench = Bench::on(folder.path().into());
    let found = rendered(&bench, &podinfo(), "overlays/prod", &Rendering::default()).await.unwrap();
    assert_eq!(found.len(), 6);
}

#[tokio::test]
async fn variables_are_replaced_after_the_build() {
    let Some(bench) = Bench::real() else { return };
    let files = podinfo()
        .with("overlays/prod/kustomization.yaml", Some("resources: [../../base]\nnamePrefix: ${env}-\n"))
        .with("cluster.env", Some("env=stage\nreplicas=5\n"))
        .with("base/deployment.yaml", Some("apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: podinfo}\nspec: {replicas: '${replicas:=1}'}\n"));
    let from = gitdeck::domain::ValuesFile { file: "/cluster.env".into(), optional: false };
    let values = [("env".to_owned(), "prod".to_owned())].into();
    let substitution = Substitution { values, from: vec![from], strict: true };
    let rendering = Rendering { substitution, ..Rendering::default() };
    let found = rendered(&bench, &files, "overlays/prod", &rendering).await.unwrap();
    let deployment = found.iter().find(|one| one.reference.kind == "Deployment").unwrap();
    assert_eq!(deployment.reference.name, "prod-podinfo");
    assert_eq!(deployment.object["spec"]["replicas"], 5);
}

#[tokio::test]
async fn what_renders_can_be_said() {
    let Some(bench) = Bench::real() else { return };
    let files = Files::of(&[
        ("a/kustomization.yaml", "resources: [x.yaml]\n"),
        ("a/x.yaml", "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: a}\n"),
    ]);
    let with = |kind| Rendering { kind, ..Rendering::default() };
    assert_eq!(rendered(&bench, &files, "a", &with(RenderKind::Kustomize)).await.unwrap().len(), 1);
    let plain = Bench::on("".into());
    assert_eq!(rendered(&plain, &files, "a", &with(RenderKind::Auto)).await.unwrap().len(), 1);
    let error = rendered(&plain, &files, "a", &with(RenderKind::Helm)).await.unwrap_err();
    assert!(error.to_string().contains("a/Chart.yaml does not exist"), "{error}");
}
