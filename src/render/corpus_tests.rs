//! The renderer on published manifests, where they are at hand.

use super::{Plain, Renderer, SourceFile};
use crate::domain::FieldPath;
use crate::yaml::Lines;
use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

fn shared(folder: &str) -> Option<PathBuf> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared/data/manifests").join(folder);
    if path.is_dir() {
        return Some(path);
    }
    eprintln!("skipped: no shared data");
    None
}

fn tree(root: &Path) -> Vec<SourceFile> {
    let mut files = Vec::new();
    let mut folders = vec![root.to_owned()];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else {
                let name = path.strip_prefix(root).unwrap().to_str().unwrap().to_owned();
                files.push(SourceFile { path: name, content: fs::read(path).unwrap() });
            }
        }
    }
    files
}

#[test]
fn kube_prometheus_renders_completely() {
    let Some(root) = shared("kube-prometheus") else { return };
    let files = tree(&root);
    let manifests = Plain.render("manifests", &files).unwrap();
    let mut kinds = BTreeMap::<&str, usize>::new();
    for manifest in &manifests {
        *kinds.entry(&manifest.reference.kind).or_default() += 1;
    }
    assert!(manifests.len() > 100, "{}", manifests.len());
    assert_eq!(kinds["CustomResourceDefinition"], 10);
    assert_eq!(kinds["Namespace"], 1);
    // The dashboards are one list of ConfigMaps, each found at its own line.
    let dashboards: Vec<_> = manifests
        .iter()
        .filter(|manifest| manifest.origin.file.contains("dashboardDefinitions"))
        .collect();
    assert!(dashboards.len() > 20);
    assert!(dashboards.windows(2).all(|pair| pair[0].origin.line < pair[1].origin.line));
}

#[test]
fn names_are_found_on_their_lines() {
    let path = FieldPath::parse("/metadata/name").unwrap();
    let mut checked = 0;
    for (folder, below) in [
        ("kube-prometheus", "manifests"),
        ("microservices-demo", "kubernetes-manifests"),
        ("microservices-demo", "release"),
        ("flux2-kustomize-helm-example", "clusters/staging/flux-system/gotk-components.yaml"),
        ("flux2-kustomize-helm-example", "infrastructure/controllers/cert-manager.yaml"),
    ] {
        let Some(root) = shared(folder) else { return };
        let files = tree(&root);
        let mut read = BTreeMap::new();
        for manifest in Plain.render(below, &files).unwrap() {
            let file = files.iter().find(|file| file.path == manifest.origin.file).unwrap();
            let (lines, text) = read.entry(&file.path).or_insert_with(|| {
                (
                    Lines::read(&file.content).unwrap(),
                    String::from_utf8(file.content.clone()).unwrap(),
                )
            });
            let line = *lines.of(&manifest.origin, &path).unwrap().start();
            let written = text.lines().nth(line - 1).unwrap();
            assert!(
                written.contains("name:") && written.contains(&manifest.reference.name),
                "{written}"
            );
            let first = text.lines().nth(manifest.origin.line - 1).unwrap();
            assert!(first.contains(':') && !first.starts_with('#'), "{}: {first}", manifest.origin);
            checked += 1;
        }
    }
    assert!(checked > 150, "{checked}");
}

#[test]
fn charts_and_kustomize_trees_are_refused_by_name() {
    let Some(root) = shared("microservices-demo") else { return };
    let files = tree(&root);
    let error = Plain.render("helm-chart", &files).unwrap_err().to_string();
    assert!(error.contains("Helm"), "{error}");
    let error = Plain.render("kustomize/components/memorystore", &files).unwrap_err().to_string();
    assert!(error.contains("kustomization.yaml"), "{error}");
    assert_eq!(Plain.render("kubernetes-manifests", &files).unwrap().len(), 33);
}
