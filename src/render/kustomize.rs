//! `kustomize build` of a tree, and where each of its objects is written.

use super::gather::Gathered;
use super::kustomization::Kustomization;
use super::object::manifests_of;
use super::run::Call;
use super::tree::{folder_of, join, resolve};
use super::work::aside;
use super::{RenderError, SourceFile, Work, origin};
use crate::domain::{Manifest, Origin};
use crate::yaml::documents;
use serde_json::{Value, json};
use std::sync::Arc;

/// What kustomize writes onto every object when it is asked where it comes from.
const ORIGIN: &str = "config.kubernetes.io/origin";

/// Builds.
pub(super) async fn build(work: &Work<'_>) -> Result<Vec<Manifest>, RenderError> {
    let gathered = &work.request.gathered;
    let Some(file) = gathered.kustomization(&gathered.root) else {
        return Err(RenderError::Missing {
            file: join(&gathered.root, "kustomization.yaml"),
            named_by: "render = \"kustomize\"".to_owned(),
        });
    };
    let program = work.tools.kustomize(&file.path)?;
    let (asking, asked) = asking(file)?;
    work.scratch.write([&asking]).map_err(|error| RenderError::scratch(&error))?;
    let folder = if gathered.root.is_empty() { "." } else { &gathered.root };
    let (scratch, access) = (work.scratch, work.access());
    let arguments = vec![folder.into()];
    let environment = Vec::new();
    let call = Call { program: &program, arguments, scratch, environment, access, input: None };
    let output = call.run(work.tools).await.map_err(|error| work.fault(&file.path, &error))?;
    let (request, root) = (Arc::clone(&work.request), file.path.clone());
    aside(move || read(&request.gathered, &output, &root, asked)).await
}

/// The kustomization, asking for the origin of every object; whether it did not ask for it already.
fn asking(file: &SourceFile) -> Result<(SourceFile, bool), RenderError> {
    let Kustomization { mut fields, .. } = Kustomization::read(file)?;
    let wanted = fields.entry("buildMetadata").or_insert_with(|| json!([]));
    if wanted.is_null() {
        *wanted = json!([]);
    }
    let Value::Array(wanted) = wanted else { return Ok((file.clone(), false)) };
    if wanted.iter().any(|entry| entry == "originAnnotations") {
        return Ok((file.clone(), false));
    }
    wanted.push(json!("originAnnotations"));
    // Every JSON is YAML, and unlike YAML has one meaning.
    let content = Value::Object(fields).to_string().into_bytes();
    Ok((SourceFile { path: file.path.clone(), content }, true))
}

fn read(
    gathered: &Gathered,
    output: &[u8],
    root: &str,
    asked: bool,
) -> Result<Vec<Manifest>, RenderError> {
    let mut manifests = Vec::new();
    for document in documents(output).map_err(|error| RenderError::Program {
        file: root.to_owned(),
        message: format!("what kustomize printed cannot be read: {error}"),
    })? {
        let at = Origin { file: root.to_owned(), document: document.index, line: 1 };
        manifests_of(document.value, &[], at, &mut manifests)?;
    }
    let mut sources = origin::Sources::of(&gathered.files);
    for manifest in &mut manifests {
        let said = manifest.object["metadata"]["annotations"][ORIGIN].as_str().map(str::to_owned);
        if asked {
            forget(&mut manifest.object);
        }
        manifest.origin = said
            .and_then(|said| place(&said, root, manifest, &mut sources))
            .or_else(|| sources.only(manifest))
            .unwrap_or_else(|| Origin { file: root.to_owned(), document: 0, line: 1 });
    }
    Ok(manifests)
}

/// Takes the answer off the object again.
fn forget(object: &mut Value) {
    let metadata = &mut object["metadata"];
    if let Some(annotations) = metadata["annotations"].as_object_mut() {
        annotations.remove(ORIGIN);
        if annotations.is_empty()
            && let Some(metadata) = metadata.as_object_mut()
        {
            metadata.remove("annotations");
        }
    }
}

/// The line of the manifest that an object comes from, or of the generator that made it.
fn place(
    said: &str,
    root: &str,
    manifest: &Manifest,
    sources: &mut origin::Sources<'_>,
) -> Option<Origin> {
    let said = documents(said.as_bytes()).ok()?.into_iter().next()?.value;
    if said.get("repo").is_some() {
        return None;
    }
    let file = |key: &str| resolve(folder_of(root), said[key].as_str()?);
    if let Some(path) = file("path") {
        return sources.object(&path, manifest);
    }
    let path = file("configuredIn")?;
    let field = match said["configuredBy"]["kind"].as_str()? {
        "ConfigMapGenerator" => "configMapGenerator",
        "SecretGenerator" => "secretGenerator",
        // A patch that replaced every annotation is named in place of the manifest.
        _ => return sources.only(manifest).or_else(|| sources.object(&path, manifest)),
    };
    sources.generator(&path, field, &manifest.reference.name)
}
