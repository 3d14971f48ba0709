//! Published configuration, as separate objects in an order in which it can be applied.

use std::fs;
use std::path::Path;

use serde_json::Value;

/// Every object below a folder: definitions and namespaces first, lists taken apart.
pub fn objects(folder: &Path) -> Vec<Value> {
    let mut files = Vec::new();
    collect(folder, &mut files);
    files.sort();
    let mut found: Vec<Value> = Vec::new();
    for file in files {
        let text = fs::read_to_string(&file).expect("a readable manifest");
        let options = serde_saphyr::options! { budget: None };
        let documents: Vec<Value> = serde_saphyr::from_multiple_with_options(&text, options)
            .unwrap_or_else(|error| panic!("{}: {error}", file.display()));
        found.extend(
            documents
                .into_iter()
                .flat_map(apart)
                .filter(|object| object["kind"] != "Kustomization"),
        );
    }
    found.sort_by_key(|object| match object["kind"].as_str() {
        Some("CustomResourceDefinition") => 0,
        Some("Namespace") => 1,
        _ => 2,
    });
    found
}

fn apart(document: Value) -> Vec<Value> {
    let list = document["kind"].as_str().is_some_and(|kind| kind.ends_with("List"));
    match document["items"].as_array() {
        Some(items) if list => items.clone(),
        _ => vec![document],
    }
}

fn collect(folder: &Path, files: &mut Vec<std::path::PathBuf>) {
    for entry in fs::read_dir(folder).expect("a readable folder") {
        let path = entry.expect("an entry").path();
        if path.is_dir() {
            collect(&path, files);
        } else if path.extension().is_some_and(|extension| extension == "yaml") {
            files.push(path);
        }
    }
}
