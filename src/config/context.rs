//! The current context of the kubeconfig: mappings that name none are fixed to it at the start
//! of a process.

use super::Environment;
use serde::Deserialize;
use std::path::{Path, PathBuf};

#[derive(Deserialize, Default)]
struct Kubeconfig {
    #[serde(rename = "current-context", default)]
    current_context: Option<String>,
}

/// The current context, by kubectl's rule: of all files, the first that names one. Nothing when there is none or a file
/// cannot be understood; whoever connects will say so.
pub(super) fn current(configured: Option<&Path>, environment: &Environment) -> Option<String> {
    let files: Vec<PathBuf> = match (configured, environment.get("KUBECONFIG")) {
        (Some(path), _) => vec![path.to_owned()],
        (None, Some(list)) => std::env::split_paths(list).collect(),
        (None, None) => vec![environment.home()?.join(".kube/config")],
    };
    files.iter().find_map(|path| {
        let text = std::fs::read_to_string(path).ok()?;
        let parsed: Kubeconfig = serde_saphyr::from_str(&text).ok()?;
        parsed.current_context.filter(|name| !name.is_empty())
    })
}
