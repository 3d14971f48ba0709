//! Changes what SOPS encrypted, with the user's own `sops` and the key that the file has: values that stay keep their
//! ciphertext. What is in the clear is in memory, and for as long as `sops` edits in its folder inside that of the run.

use super::program::Tools;
use super::run::Call;
use super::scratch::Scratch;
use super::seal::{is_open, stands_in, values};
use super::sops::{Decrypter, format, is_encrypted, keys};
use super::{RenderError, SourceFile};
use crate::domain::normalize::is_secret;
use crate::domain::redact::scrub;
use crate::domain::secret::wipe;
use crate::domain::{Decryption, Secret};
use crate::yaml::documents;
use serde_json::Value;

/// A file that SOPS encrypted, and what it says.
pub struct Opened {
    file: SourceFile,
    format: &'static str,
    decryption: Decryption,
    age_key: Option<Secret>,
    clear: Vec<u8>,
}

impl Drop for Opened {
    fn drop(&mut self) {
        wipe(&mut self.clear);
    }
}

impl Opened {
    /// Decrypts a file of manifests, its authentication code checked; nothing where SOPS did not encrypt it.
    pub async fn open(
        file: SourceFile,
        (decryption, age_key): (&Decryption, Option<Secret>),
        tools: &Tools,
    ) -> Result<Option<Self>, RenderError> {
        let Some(format) = format(&file).filter(|format| matches!(*format, "yaml" | "json")) else {
            return Ok(None);
        };
        let scratch = Scratch::new(&tools.scratch).map_err(|error| RenderError::scratch(&error))?;
        let decrypter =
            Decrypter { decryption, age_key: age_key.as_ref(), tools, scratch: &scratch };
        let Some(clear) = decrypter.file(&file).await? else { return Ok(None) };
        let decryption = decryption.clone();
        Ok(Some(Self { file, format, decryption, age_key, clear }))
    }

    /// What the file says, in the clear.
    pub fn clear(&self) -> &[u8] {
        &self.clear
    }

    /// The whole file, encrypted, where it says something else.
    pub async fn sealed(&self, changed: &[u8], tools: &Tools) -> Result<Vec<u8>, RenderError> {
        let fault = |message: String| RenderError::Program {
            file: self.file.path.clone(),
            message: self.scrubbed(message, changed),
        };
        let program = tools.sops(&self.file.path)?;
        let editor = tools.tee(&self.file.path)?;
        let scratch = Scratch::new(&tools.scratch).map_err(|error| RenderError::scratch(&error))?;
        let file = scratch.beside("sealed", &self.file.content);
        let file = file.map_err(|error| RenderError::scratch(&error))?;
        let (access, mut environment) = keys(&self.decryption, self.age_key.as_ref());
        // `sops` splits it as a shell does.
        let editor = format!("'{}'", editor.display());
        environment.push(("SOPS_EDITOR", editor.clone().into()));
        environment.push(("EDITOR", editor.into()));
        // Its own copy goes with the folder of the run, however that ends.
        environment.push(("TMPDIR", scratch.home().into()));
        let mut arguments = vec!["edit".into()];
        arguments
            .extend(["--input-type", self.format, "--output-type", self.format].map(Into::into));
        arguments.push(file.clone().into());
        let call = Call {
            program: &program,
            arguments,
            scratch: &scratch,
            environment,
            access,
            input: Some(changed),
        };
        let mut said = call.run(tools).await.map_err(|error| {
            fault(format!("it cannot be sealed again (with sops 3.10 or newer): {error}"))
        })?;
        // The editor repeats what it was given.
        wipe(&mut said);
        let sealed = std::fs::read(file).map_err(|error| RenderError::scratch(&error))?;
        match self.exposed(changed, &sealed) {
            None => Ok(sealed),
            Some(what) => Err(fault(format!(
                "sops would leave {what} in the clear; mend which fields the file has encrypted"
            ))),
        }
    }

    /// Words of a program without any value of either side.
    fn scrubbed(&self, message: String, changed: &[u8]) -> String {
        let all = [self.clear.as_slice(), changed].into_iter().flat_map(documents_of);
        all.fold(message, |text, object| scrub(&text, &object))
    }

    /// What of the change is not sealed, without the value itself. What was in the clear before is left to whoever
    /// wrote it so.
    fn exposed(&self, changed: &[u8], sealed: &[u8]) -> Option<String> {
        let [clear, wanted, before, after] =
            [&self.clear, changed, &self.file.content, sealed].map(documents_of);
        let same = wanted.len() == after.len() && clear.len() == before.len();
        if !same || after.is_empty() || !after.iter().all(is_encrypted) {
            return Some("a document".to_owned());
        }
        let old = String::from_utf8_lossy(&self.file.content);
        let known: std::collections::HashSet<&str> = old.lines().collect();
        let new = String::from_utf8_lossy(sealed);
        let added: Vec<&str> = new.lines().filter(|line| !known.contains(line)).collect();
        let added = added.join("\n");
        for (index, secret) in wanted.iter().enumerate().filter(|(_, one)| is_secret(one)) {
            let was = clear.get(index).unwrap_or(&Value::Null);
            for (field, key, value) in values(secret).filter(|(f, k, v)| was[f][k] != **v) {
                if is_open(&after[index][field][key]) {
                    return Some(format!("/{field}/{key}"));
                }
                if stands_in(value, &added) {
                    return Some(format!("the value of {key}"));
                }
            }
        }
        None
    }
}

fn documents_of(content: &[u8]) -> Vec<Value> {
    documents(content).unwrap_or_default().into_iter().map(|one| one.value).collect()
}
