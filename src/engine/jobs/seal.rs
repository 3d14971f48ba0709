//! Secrets on their way into Git: sealed by SOPS where the configuration and the repository ask for it, or left out with
//! the reason.

use crate::domain::mapping::SecretsInGit;
use crate::domain::{Decryption, FileEdit, Mapping};
use crate::engine::Failure;
use crate::engine::jobs::Context;
use crate::render::{Sealing, SourceFile, seal};
use crate::yaml;
use serde_json::Value;

/// The creation rules of SOPS.
const RULES: &str = ".sops.yaml";

/// A file with these Secrets, encrypted; or why there is none. Nothing is written in the clear anywhere.
pub(super) async fn sealed(
    ctx: &Context,
    mapping: &Mapping,
    file: &str,
    objects: &[Value],
) -> Result<FileEdit, String> {
    let rendering = &mapping.rendering;
    if mapping.record.secrets == SecretsInGit::Skip {
        return Err(
            "its values are never written into Git in the clear; `record.secrets = \"sops\"` has it encrypted, or add it as a file that SOPS encrypted"
                .to_owned(),
        );
    }
    if rendering.decryption == Decryption::Off {
        return Err("`sops` of the mapping names no key, and nobody could read it again".to_owned());
    }
    let said = |failure: &Failure| failure.message.clone();
    let rules = rules(ctx, mapping, file).await.map_err(|failure| said(&failure))?;
    let rules = rules.ok_or_else(|| format!("the repository has no {RULES} above {file}"))?;
    let clear = yaml::file_of(objects)
        .ok_or_else(|| "it cannot be written as YAML without a change".to_owned())?;
    let by_user = rendering.decryption == Decryption::Environment;
    let (file, objects) = (file.to_owned(), objects.to_vec());
    let sealing = Sealing { rules, file, objects, clear, by_user };
    let content = seal(&sealing, &ctx.world.tools).await.map_err(|error| error.to_string())?;
    Ok(FileEdit { path: sealing.file, content: Some(content) })
}

/// The nearest creation rules above a file, at the head.
async fn rules(
    ctx: &Context,
    mapping: &Mapping,
    file: &str,
) -> Result<Option<SourceFile>, Failure> {
    let folders = file.match_indices('/').map(|(at, _)| format!("{}{RULES}", &file[..=at]));
    let mut candidates: Vec<String> = folders.collect();
    candidates.insert(0, RULES.to_owned());
    let look = ctx.world.git(&mapping.repository, move |git| {
        let Some(head) = git.head() else { return Ok(None) };
        let mut nearest = candidates.into_iter().rev();
        let read =
            |path: String| git.file(&head, &path).ok().map(|content| SourceFile { path, content });
        Ok(nearest.find_map(read))
    });
    look.await.map_err(|_| Failure::new(format!("{RULES} of the repository cannot be read")))
}
