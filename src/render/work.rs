//! One render from beginning to end: decrypt what programs read, build, substitute, decrypt the rest.

use super::collect::manifest_files;
use super::helm::Capabilities;
use super::program::Tools;
use super::run::{Access, RunError};
use super::scratch::Scratch;
use super::sops::Decrypter;
use super::substitute::Variables;
use super::{Gathered, Kind, RenderError, SourceFile, helm, kustomize, plain, sops, values};
use crate::domain::redact::scrub;
use crate::domain::{Manifest, Rendering, Secret};
use serde_json::{Map, json};
use std::collections::BTreeMap;
use std::sync::Arc;

/// What is rendered, and with what.
pub struct Request {
    /// The files.
    pub gathered: Gathered,
    /// Every parameter.
    pub rendering: Rendering,
    /// The mapping's name, which a release is called after.
    pub release: String,
    /// Namespace of the target.
    pub namespace: String,
    /// What templates are told of the cluster.
    pub cluster: Option<Capabilities>,
    /// The age key, where the parameters name one.
    pub age_key: Option<Secret>,
}

/// Renders. Dropped before its end, it leaves no program and no file behind.
pub async fn render(request: Request, tools: &Tools) -> Result<Vec<Manifest>, RenderError> {
    let request = Arc::new(request);
    if request.gathered.kind == Kind::Plain && !request.gathered.mentions_sops() {
        // Nothing is run, so nothing is written either.
        return aside(move || {
            let nothing = BTreeMap::new();
            let mut manifests = plain(&request.gathered, &request.rendering, &nothing)?;
            substitute(&request, &nothing, &mut manifests)?;
            checked(manifests)
        })
        .await;
    }
    let (parent, whole) = (tools.scratch.clone(), Arc::clone(&request));
    let made = aside(move || {
        let fault = |error| RenderError::scratch(&error);
        let scratch = Scratch::new(&parent).map_err(fault)?;
        if whole.gathered.kind != Kind::Plain {
            scratch.write(whole.gathered.files.values()).map_err(fault)?;
        }
        Ok(scratch)
    });
    let scratch = made.await?;
    let decrypted = BTreeMap::new();
    let mut work = Work { request: Arc::clone(&request), tools, scratch: &scratch, decrypted };
    work.decrypt_sources().await?;
    let mut manifests = match request.gathered.kind {
        Kind::Plain => work.plain().await?,
        Kind::Kustomize => kustomize::build(&work).await?,
        Kind::Helm => helm::template(&work).await?,
    };
    substitute(&request, &work.decrypted, &mut manifests)?;
    work.decrypter().objects(&mut manifests).await?;
    checked(manifests)
}

/// Long work, away from the tasks that wait.
pub(super) async fn aside<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, RenderError> + Send + 'static,
) -> Result<T, RenderError> {
    let joined = tokio::task::spawn_blocking(work).await;
    joined.unwrap_or_else(|ended| Err(RenderError::scratch(&std::io::Error::other(ended))))
}

/// The manifests as they are written, or decrypted where that was done.
fn plain(
    gathered: &Gathered,
    rendering: &Rendering,
    decrypted: &BTreeMap<String, Vec<u8>>,
) -> Result<Vec<Manifest>, RenderError> {
    let mut manifests = Vec::new();
    for file in manifest_files(&gathered.root, &gathered.list())? {
        // A file with values may lie beside the manifests, and is none of them.
        if !is_source(gathered, rendering, &file.path) {
            let content = decrypted.get(&file.path).map(Vec::as_slice);
            plain::read(file, content, &mut manifests)?;
        }
    }
    Ok(manifests)
}

fn is_source(gathered: &Gathered, rendering: &Rendering, path: &str) -> bool {
    let mut sources = rendering.substitution.from.iter();
    sources.any(|from| gathered.path_of(&from.file).as_deref() == Some(path))
}

/// Replaces variables, where the mapping has any.
fn substitute(
    request: &Request,
    decrypted: &BTreeMap<String, Vec<u8>>,
    manifests: &mut [Manifest],
) -> Result<(), RenderError> {
    let (gathered, substitution) = (&request.gathered, &request.rendering.substitution);
    if !substitution.is_on() {
        return Ok(());
    }
    let mut all = BTreeMap::new();
    for from in &substitution.from {
        let path = gathered.path_of(&from.file);
        // What is optional may be missing; the rest was missed when the files were gathered.
        let Some(file) = path.and_then(|path| gathered.files.get(&path)) else { continue };
        let content = decrypted.get(&file.path).unwrap_or(&file.content);
        all.extend(values::read(file, content)?);
    }
    all.extend(substitution.values.clone());
    Variables { values: all, strict: substitution.strict }.replace(manifests)
}

fn checked(manifests: Vec<Manifest>) -> Result<Vec<Manifest>, RenderError> {
    sops::refuse(&manifests)?;
    plain::refuse_duplicates(&manifests)?;
    Ok(manifests)
}

/// A render that runs.
pub(super) struct Work<'a> {
    pub request: Arc<Request>,
    pub tools: &'a Tools,
    pub scratch: &'a Scratch,
    /// What the files hold in clear that SOPS encrypted, by path.
    decrypted: BTreeMap<String, Vec<u8>>,
}

impl Work<'_> {
    /// What a program may reach.
    pub(super) fn access(&self) -> Access {
        if self.request.rendering.allow_remote { Access::Network } else { Access::None }
    }

    /// The fault of a program, without any value that was decrypted for it.
    pub(super) fn fault(&self, file: &str, error: &RunError) -> RenderError {
        let mut secrets = Map::new();
        for content in self.decrypted.values() {
            for word in String::from_utf8_lossy(content).split(['\n', '=', ':', '"', '\'']) {
                let word = word.trim();
                if !word.is_empty() {
                    secrets.insert(secrets.len().to_string(), word.into());
                }
            }
        }
        let secret = json!({"apiVersion": "v1", "kind": "Secret", "stringData": secrets});
        let message = scrub(&error.to_string(), &secret);
        RenderError::Program { file: file.to_owned(), message }
    }

    fn decrypter(&self) -> Decrypter<'_> {
        Decrypter {
            decryption: &self.request.rendering.decryption,
            age_key: self.request.age_key.as_ref(),
            tools: self.tools,
            scratch: self.scratch,
        }
    }

    /// Decrypts what programs read as values, where they will find it.
    async fn decrypt_sources(&mut self) -> Result<(), RenderError> {
        let gathered = &self.request.gathered;
        for path in &gathered.sources {
            let Some(file) = gathered.files.get(path) else { continue };
            let Some(content) = self.decrypter().file(file).await? else { continue };
            let plain = SourceFile { path: path.clone(), content };
            if gathered.kind != Kind::Plain {
                self.scratch.write([&plain]).map_err(|error| RenderError::scratch(&error))?;
            }
            self.decrypted.insert(plain.path, plain.content);
        }
        Ok(())
    }

    async fn plain(&self) -> Result<Vec<Manifest>, RenderError> {
        let (gathered, rendering) = (&self.request.gathered, &self.request.rendering);
        let mut decrypted = self.decrypted.clone();
        for file in manifest_files(&gathered.root, &gathered.list())? {
            if !is_source(gathered, rendering, &file.path)
                && let Some(content) = self.decrypter().file(file).await?
            {
                decrypted.insert(file.path.clone(), content);
            }
        }
        plain(gathered, rendering, &decrypted)
    }
}
