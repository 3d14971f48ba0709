//! Which files of a tree hold its manifests.

use super::kustomization::{is_kustomization, resources};
use super::tree::{join, relative};
use super::{RenderError, SourceFile};
use std::collections::{BTreeMap, BTreeSet};

/// The manifest files below `root`, sorted by path.
///
/// A directory without a kustomization contributes every `*.yaml`, `*.yml` and `*.json` in it and below. A directory
/// whose kustomization only lists plain files and directories contributes just these.
pub(super) fn manifest_files<'a>(
    root: &str,
    files: &'a [SourceFile],
) -> Result<Vec<&'a SourceFile>, RenderError> {
    let root = root.trim_matches('/');
    let tree: BTreeMap<&str, &SourceFile> = files
        .iter()
        .filter(|file| root.is_empty() || file.path == root || is_below(&file.path, root))
        .map(|file| (file.path.as_str(), file))
        .collect();
    if let Some(single) = tree.get(root) {
        return Ok(vec![single]);
    }
    if tree.is_empty() {
        return if root.is_empty() {
            Ok(Vec::new())
        } else {
            Err(RenderError::Missing {
                file: root.to_owned(),
                named_by: "the mapping's path".to_owned(),
            })
        };
    }
    let mut chosen = BTreeSet::new();
    collect(root, &tree, &mut chosen)?;
    Ok(chosen.into_iter().filter_map(|path| tree.get(path).copied()).collect())
}

type Tree<'a> = BTreeMap<&'a str, &'a SourceFile>;

fn collect<'a>(
    directory: &str,
    tree: &Tree<'a>,
    chosen: &mut BTreeSet<&'a str>,
) -> Result<(), RenderError> {
    let inside: Vec<(&'a str, &'a str)> = tree
        .keys()
        .filter_map(|path| relative(path, directory).map(|rest| (*path, rest)))
        .collect();
    if let Some((chart, _)) =
        inside.iter().find(|(_, rest)| matches!(*rest, "Chart.yaml" | "Chart.yml"))
    {
        return Err(RenderError::NeedsHelm { file: (*chart).to_owned() });
    }
    if let Some((path, _)) = inside.iter().find(|(_, rest)| is_kustomization(rest)) {
        return listed(directory, tree[path], tree, chosen);
    }
    let mut below = BTreeSet::new();
    for (path, rest) in inside {
        match rest.split_once('/') {
            None if is_manifest(rest) => {
                chosen.insert(path);
            }
            None => {}
            Some((child, _)) => {
                below.insert(child);
            }
        }
    }
    below.into_iter().try_for_each(|child| collect(&join(directory, child), tree, chosen))
}

fn listed<'a>(
    directory: &str,
    kustomization: &'a SourceFile,
    tree: &Tree<'a>,
    chosen: &mut BTreeSet<&'a str>,
) -> Result<(), RenderError> {
    for resource in resources(kustomization)? {
        let path = resolve(directory, &resource).ok_or_else(|| RenderError::NeedsKustomize {
            file: kustomization.path.clone(),
            uses: format!("it uses the resource \"{resource}\", which is not in this directory"),
        })?;
        if let Some((known, _)) = tree.get_key_value(path.as_str()) {
            chosen.insert(known);
        } else if tree.keys().any(|file| relative(file, &path).is_some_and(is_kustomization)) {
            collect(&path, tree, chosen)?;
        } else {
            return Err(RenderError::Missing {
                file: path,
                named_by: format!("resources of {}", kustomization.path),
            });
        }
    }
    Ok(())
}

/// A resource below the directory; nothing for what lies outside of it, here or on the network. Resources below
/// keep a chain of kustomizations finite.
fn resolve(directory: &str, resource: &str) -> Option<String> {
    if resource.contains("://") || resource.contains("?ref=") || resource.starts_with('/') {
        return None;
    }
    let mut steps = Vec::new();
    for step in resource.trim_end_matches('/').split('/') {
        match step {
            "." | "" => {}
            ".." => return None,
            step => steps.push(step),
        }
    }
    if steps.is_empty() { None } else { Some(join(directory, &steps.join("/"))) }
}

fn is_below(path: &str, directory: &str) -> bool {
    relative(path, directory).is_some()
}

pub(super) fn is_manifest(name: &str) -> bool {
    let extension = name.rsplit_once('.').map(|(_, extension)| extension);
    matches!(extension, Some("yaml" | "yml" | "json"))
}
