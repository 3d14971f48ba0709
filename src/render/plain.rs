//! The renderer of plain YAML and JSON.

use super::collect::manifest_files;
use super::object::manifests_of;
use super::{RenderError, Renderer, SourceFile, sops};
use crate::domain::{Manifest, ObjectKey, Origin};
use crate::yaml::documents;
use std::collections::HashMap;

/// Renders plain manifests: nothing is run, nothing is fetched.
#[derive(Debug, Clone, Copy, Default)]
pub struct Plain;

/// Larger than any manifest that an API server takes (3 MiB a request), with room for files of many documents.
pub(super) const LARGEST_FILE: usize = 32 * 1024 * 1024;

impl Renderer for Plain {
    fn render(&self, root: &str, files: &[SourceFile]) -> Result<Vec<Manifest>, RenderError> {
        let mut manifests = Vec::new();
        for file in manifest_files(root, files)? {
            read(file, None, &mut manifests)?;
        }
        sops::refuse(&manifests)?;
        refuse_duplicates(&manifests)?;
        Ok(manifests)
    }
}

/// Adds the objects of one file. Where it was decrypted, values are those of the text and lines those of the file.
pub(super) fn read(
    file: &SourceFile,
    decrypted: Option<&[u8]>,
    manifests: &mut Vec<Manifest>,
) -> Result<(), RenderError> {
    if file.content.len() > LARGEST_FILE {
        return Err(RenderError::TooLarge {
            file: file.path.clone(),
            bytes: file.content.len(),
            limit: LARGEST_FILE,
        });
    }
    if file.content.starts_with(b"version https://git-lfs.github.com/spec/") {
        return Err(RenderError::LargeFilePointer { file: file.path.clone() });
    }
    let read = |content: &[u8]| {
        documents(content).map_err(|error| RenderError::Malformed {
            file: file.path.clone(),
            line: error.line,
            message: explain(file, error.line, error.message),
        })
    };
    let mut found = read(&file.content)?;
    if let Some(plain) = decrypted.map(read).transpose()? {
        let same = plain.len() == found.len();
        for (index, plain) in plain.into_iter().enumerate() {
            match found.get_mut(index).filter(|_| same) {
                Some(document) => document.value = plain.value,
                None if index == 0 => found = vec![plain],
                None => found.push(plain),
            }
        }
    }
    for document in found {
        let at = Origin { file: file.path.clone(), document: document.index, line: document.line };
        manifests_of(document.value, &document.item_lines, at, manifests)?;
    }
    Ok(())
}

/// Templates are the usual reason for YAML that no reader takes.
fn explain(file: &SourceFile, line: usize, message: String) -> String {
    let near = String::from_utf8_lossy(&file.content);
    let is_template =
        near.lines().skip(line.saturating_sub(2)).take(2).any(|text| text.contains("{{"));
    if is_template {
        format!("{message}; this looks like a template ({{{{ }}}}), which has to be rendered first")
    } else {
        message
    }
}

/// Keys are without the version: `extensions/v1beta1` and `networking.k8s.io/v1` differ in group and stay apart.
pub(super) fn refuse_duplicates(manifests: &[Manifest]) -> Result<(), RenderError> {
    let mut seen: HashMap<ObjectKey, &Origin> = HashMap::with_capacity(manifests.len());
    for manifest in manifests {
        if let Some(first) = seen.insert(manifest.reference.key(), &manifest.origin) {
            return Err(RenderError::Duplicate {
                object: Box::new(manifest.reference.key()),
                first: first.clone(),
                second: manifest.origin.clone(),
            });
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::{Plain, Renderer};
    use crate::domain::Manifest;
    use crate::render::{RenderError, SourceFile};

    fn file(path: &str, content: &str) -> SourceFile {
        SourceFile { path: path.into(), content: content.into() }
    }

    fn config_map(name: &str) -> String {
        format!("apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: {name}\n")
    }

    fn names(manifests: &[Manifest]) -> Vec<String> {
        manifests
            .iter()
            .map(|manifest| format!("{}={}", manifest.origin, manifest.reference))
            .collect()
    }

    fn fault(root: &str, files: &[SourceFile]) -> RenderError {
        Plain.render(root, files).unwrap_err()
    }

    #[test]
    fn files_below_the_root_are_read_in_order() {
        let files = [
            file("apps/b.yml", &config_map("b")),
            file(
                "apps/a/x.json",
                r#"{"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "x"}}"#,
            ),
            file("apps/README.md", "# {{ no yaml"),
            file("apps2/c.yaml", "{{ not: ours"),
            file("apps/empty.yaml", "# nothing\n---\n"),
        ];
        let found = Plain.render("apps/", &files).unwrap();
        assert_eq!(names(&found), ["apps/a/x.json:1=ConfigMap x", "apps/b.yml:1=ConfigMap b"]);
        assert_eq!(Plain.render("apps/b.yml", &files).unwrap().len(), 1);
        assert_eq!(Plain.render("", &files[..2]).unwrap().len(), 2);
        assert!(matches!(fault("app", &files), RenderError::Missing { .. }));
    }

    #[test]
    fn lists_are_taken_apart() {
        let list = "apiVersion: v1\nkind: List\nitems:\n- apiVersion: v1\n  kind: ConfigMapList\n  items:\n  - metadata: {name: a}\n- apiVersion: v1\n  kind: Secret\n  metadata: {name: s}\n";
        let found = Plain.render("", &[file("l.yaml", list)]).unwrap();
        assert_eq!(names(&found), ["l.yaml:4=ConfigMap a", "l.yaml:8=Secret s"]);
        let empty = "apiVersion: v1\nkind: List\nitems: []\n";
        assert_eq!(Plain.render("", &[file("l.yaml", empty)]).unwrap().len(), 0);
    }

    #[test]
    fn one_malformed_document_fails_the_render() {
        let files = [
            file("a.yaml", &config_map("a")),
            file("b.yaml", &format!("{}---\na: [\n", config_map("b"))),
        ];
        let RenderError::Malformed { file, line, .. } = fault("", &files) else {
            panic!("malformed")
        };
        assert_eq!((file.as_str(), line >= 6), ("b.yaml", true));
    }

    #[test]
    fn duplicates_name_both_places() {
        let twice = format!("{}---\n{}", config_map("a"), config_map("a"));
        let error = fault("", &[file("a.yaml", &twice)]).to_string();
        assert_eq!(error, "ConfigMap a is written twice: a.yaml:1 and a.yaml:6; remove one");
    }

    #[test]
    fn what_is_no_object_is_refused() {
        for (content, words) in [
            ("- a\n", "not a map"),
            ("kind: ConfigMap\nmetadata: {name: a}\n", "apiVersion is missing"),
            ("apiVersion: v1\nkind: [x]\n", "kind is no text"),
            ("apiVersion: v1\nkind: Pod\n", "metadata.name is missing"),
            ("apiVersion: v1\nkind: Pod\nmetadata: {name: 1}\n", "metadata.name is no text"),
            ("apiVersion: v1\nkind: Pod\nmetadata: {generateName: a-}\n", "generateName"),
            ("apiVersion: v1\nkind: Secret\nmetadata: {name: a}\nsops: {mac: x}\n", "SOPS"),
            ("apiVersion: kustomize.config.k8s.io/v1beta1\nkind: Kustomization\n", "kustomize"),
            ("version https://git-lfs.github.com/spec/v1\noid sha256:1\n", "LFS"),
            ("apiVersion: v1\nkind: {{ .Values.kind }}\n", "looks like a template"),
        ] {
            let error = fault("", &[file("d/x.yaml", content)]).to_string();
            assert!(error.contains(words) && error.contains("d/x.yaml"), "{error}");
        }
    }

    #[test]
    fn a_kustomization_that_only_lists_files_limits_the_tree() {
        let listing = "kind: Kustomization\nresources: [./a.yaml, sub]\npatches: []\n";
        let files = [
            file("k/kustomization.yaml", listing),
            file("k/a.yaml", &config_map("a")),
            file("k/left-out.yaml", &config_map("b")),
            file("k/sub/kustomization.yaml", "resources:\n- c.yaml\n"),
            file("k/sub/c.yaml", &config_map("c")),
            file("k/sub/d.yaml", &config_map("d")),
        ];
        assert_eq!(
            names(&Plain.render("k", &files).unwrap()),
            ["k/a.yaml:1=ConfigMap a", "k/sub/c.yaml:1=ConfigMap c"]
        );
    }

    #[test]
    fn what_needs_kustomize_or_helm_says_so() {
        for (content, words) in [
            ("namePrefix: x-\nimages: [{name: a}]\n", "it uses namePrefix, images"),
            ("resources: [../base]\n", "../base"),
            ("resources: ['https://example.com/x.yaml']\n", "https://example.com"),
            ("resources: [missing.yaml]\n", "k/missing.yaml does not exist"),
            ("resources: [.]\n", "not in this directory"),
            ("kind: Component\n", "component"),
        ] {
            let error = fault("k", &[file("k/kustomization.yaml", content)]).to_string();
            assert!(error.contains(words), "{error}");
        }
        let chart = [file("c/x/Chart.yaml", "name: c\n"), file("c/x/templates/a.yaml", "{{ }}")];
        assert!(
            matches!(fault("c", &chart), RenderError::NeedsHelm { file } if file == "c/x/Chart.yaml")
        );
    }
}
