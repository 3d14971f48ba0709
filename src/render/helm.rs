//! `helm template` of a chart, with the template that each of its objects comes from.

use super::gather::Gathered;
use super::object::manifests_of;
use super::run::Call;
use super::scratch::Scratch;
use super::tree::{join, resolve};
use super::work::aside;
use super::{RenderError, Request, Tree, Work, origin};
use crate::domain::{Manifest, Origin, Rendering};
use crate::yaml::documents;
use serde_json::Value;
use std::ffi::OsString;
use std::sync::Arc;

/// What templates are told of the cluster.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Capabilities {
    /// `v1.36.3`.
    pub kube_version: String,
    /// `apps/v1` and `apps/v1/Deployment`, sorted.
    pub api_versions: Vec<String>,
}

/// What stands before the path of a template in the output of Helm.
const SOURCE: &str = "# Source: ";

/// Takes what a chart needs beside its own folder: values files, and charts beside it that it names by path.
pub(super) fn gather(
    gathered: &mut Gathered,
    tree: &dyn Tree,
    rendering: &Rendering,
) -> Result<(), RenderError> {
    for file in &rendering.helm.values {
        gathered.source(tree, file, "helm.values")?;
    }
    let root = gathered.root.clone();
    let name = join(&root, "Chart.yaml");
    let Some(chart) = gathered.files.get(&name) else {
        let named_by = "render = \"helm\"".to_owned();
        return Err(RenderError::Missing { file: name, named_by });
    };
    let found = documents(&chart.content).map_err(|error| RenderError::Malformed {
        file: name.clone(),
        line: error.line,
        message: error.message,
    })?;
    let dependencies = found.first().map(|document| document.value["dependencies"].clone());
    for dependency in dependencies.as_ref().and_then(Value::as_array).into_iter().flatten() {
        let text = |key: &str| dependency[key].as_str().unwrap_or_default();
        let packed = join(&root, &format!("charts/{}", text("name")));
        if gathered.files.keys().any(|file| file.starts_with(&packed)) {
            continue;
        }
        let beside = text("repository").strip_prefix("file://");
        let taken = match beside.and_then(|path| resolve(&root, path)) {
            Some(path) => {
                let is_there = gathered.add(tree, &path)?;
                gathered.refuse_unread_below(&path)?;
                is_there
            }
            None => false,
        };
        if !taken && !rendering.allow_remote {
            let reference = format!("{} {}", text("repository"), text("name"));
            return Err(RenderError::Remote { file: name, reference });
        }
        // A lock file pins versions, and a version of a chart is published once.
        if !taken && !gathered.files.contains_key(&join(&root, "Chart.lock")) {
            gathered.remote.insert(format!("{} {}", text("repository"), text("name")));
        }
        gathered.dependencies = true;
    }
    Ok(())
}

/// Renders the templates.
pub(super) async fn template(work: &Work<'_>) -> Result<Vec<Manifest>, RenderError> {
    let gathered = &work.request.gathered;
    let file = join(&gathered.root, "Chart.yaml");
    let program = work.tools.helm(&file)?;
    let chart: OsString = if gathered.root.is_empty() { "." } else { &gathered.root }.into();
    let run = async |arguments: Vec<OsString>| {
        let environment = environment(work.scratch);
        let (scratch, access) = (work.scratch, work.access());
        let call = Call { program: &program, arguments, scratch, environment, access, input: None };
        call.run(work.tools).await.map_err(|error| work.fault(&file, &error))
    };
    if gathered.dependencies {
        run(vec!["dependency".into(), "build".into(), chart.clone()]).await?;
    }
    let output = run(arguments(&work.request, work.scratch, chart)?).await?;
    let request = Arc::clone(&work.request);
    aside(move || read(&request.gathered, &output, &file)).await
}

fn arguments(
    request: &Request,
    scratch: &Scratch,
    chart: OsString,
) -> Result<Vec<OsString>, RenderError> {
    let helm = &request.rendering.helm;
    let release = helm.release.as_ref().unwrap_or(&request.release);
    let namespace = helm.namespace.as_ref().unwrap_or(&request.namespace);
    let mut all: Vec<OsString> = vec!["template".into(), release.into(), chart];
    let mut add = |flag: &str, value: OsString| all.extend([OsString::from(flag), value]);
    add("--namespace", namespace.into());
    for file in &helm.values {
        let path = resolve(&request.gathered.root, file).unwrap_or_default();
        add("--values", scratch.tree().join(path).into());
    }
    if !helm.set.is_empty() {
        // In a file: what is on a command line can be read by every user of the machine.
        let values = nested(&helm.set).to_string();
        let file = scratch.beside("set.json", values.as_bytes());
        add("--values", file.map_err(|error| RenderError::scratch(&error))?.into());
    }
    let live = request.cluster.as_ref();
    let version = live.map(|live| &live.kube_version);
    if let Some(version) = helm.kube_version.as_ref().or(version).filter(|text| !text.is_empty()) {
        add("--kube-version", version.into());
    }
    let served = live.filter(|_| helm.kube_version.is_none()).map(|live| &live.api_versions);
    for version in served.into_iter().flatten().chain(&helm.api_versions) {
        add("--api-versions", version.into());
    }
    // A test is run by somebody, it is no part of what is desired.
    all.push("--skip-tests".into());
    if helm.include_crds {
        all.push("--include-crds".into());
    }
    Ok(all)
}

/// `image.tag = "1"` as `{"image": {"tag": "1"}}`; a dot that belongs to a name is written `\.`, as for Helm.
fn nested(set: &serde_json::Map<String, Value>) -> Value {
    let mut root = Value::Object(serde_json::Map::new());
    for (path, value) in set {
        let path = path.replace("\\.", "\0");
        let mut place = &mut root;
        for step in path.split('.') {
            if !place.is_object() {
                *place = Value::Object(serde_json::Map::new());
            }
            place = &mut place[step.replace('\0', ".")];
        }
        *place = value.clone();
    }
    root
}

fn environment(scratch: &Scratch) -> Vec<(&'static str, OsString)> {
    let home = scratch.home();
    ["CACHE", "CONFIG", "DATA"]
        .map(|what| match what {
            "CACHE" => ("HELM_CACHE_HOME", home.join("cache").into()),
            "CONFIG" => ("HELM_CONFIG_HOME", home.join("config").into()),
            _ => ("HELM_DATA_HOME", home.join("data").into()),
        })
        .into_iter()
        .chain([("HELM_PLUGINS", home.join("plugins").into())])
        .collect()
}

fn read(gathered: &Gathered, output: &[u8], chart: &str) -> Result<Vec<Manifest>, RenderError> {
    let text = String::from_utf8_lossy(output);
    let lines: Vec<&str> = text.lines().collect();
    let mut manifests = Vec::new();
    let mut sources = origin::Sources::of(&gathered.files);
    let found = documents(output).map_err(|error| {
        // The program read it as YAML before, so this is rare; the template says more than the line of the output.
        let template = template_of(&lines, error.line, &gathered.root);
        let file = template.unwrap_or_else(|| chart.to_owned());
        RenderError::Program { file, message: format!("its output is no YAML: {}", error.message) }
    })?;
    for document in found {
        let template = template_of(&lines, document.line, &gathered.root);
        let file = template.unwrap_or_else(|| chart.to_owned());
        let at = Origin { file, document: document.index, line: 1 };
        let before = manifests.len();
        manifests_of(document.value, &[], at, &mut manifests)?;
        for manifest in manifests.iter_mut().skip(before) {
            let file = manifest.origin.file.clone();
            let whole = Origin { file: chart.to_owned(), document: 0, line: 1 };
            manifest.origin = sources.object(&file, manifest).unwrap_or(whole);
        }
    }
    Ok(manifests)
}

/// The template that the document at a line of the output comes from: Helm says it above each.
fn template_of(lines: &[&str], line: usize, root: &str) -> Option<String> {
    let above = lines.get(..line.saturating_sub(1))?.iter().rev();
    let said = above.take_while(|line| !line.starts_with("---"));
    let said = said.filter_map(|line| line.strip_prefix(SOURCE)).last()?;
    // The first step is the chart's name, wherever it lies.
    let (_, path) = said.split_once('/')?;
    Some(join(root, path))
}

#[cfg(test)]
mod tests {
    use super::{nested, template_of};
    use serde_json::json;

    #[test]
    fn dotted_names_are_nested() {
        let set = json!({"image.tag": "1", "image.pull": true, "pod\\.x": {"a": 1}, "list": [1]});
        let expected = json!({"image": {"tag": "1", "pull": true}, "pod.x": {"a": 1}, "list": [1]});
        assert_eq!(nested(set.as_object().unwrap()), expected);
    }

    #[test]
    fn templates_are_named_above_their_documents() {
        let output =
            "---\n# Source: shop/templates/a.yaml\n# Source: fake/b.yaml\na: 1\n---\nb: 2\n";
        let lines: Vec<&str> = output.lines().collect();
        assert_eq!(
            template_of(&lines, 4, "charts/shop").as_deref(),
            Some("charts/shop/templates/a.yaml")
        );
        assert_eq!(template_of(&lines, 6, "charts/shop"), None);
    }
}
