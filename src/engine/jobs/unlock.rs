//! Secrets, looked up for a job; and the vault, opened with what a person typed.

use crate::domain::{Credential, Secret};
use crate::engine::error::Stop;
use crate::engine::jobs::Context;
use crate::engine::{Event, Failure};
use crate::secrets::{SecretError, Secrets};
use std::sync::Arc;

/// Opens the vault, for as long as the process lives.
pub(super) async fn run(ctx: &Context, passphrase: Secret) -> Result<String, Stop> {
    let opened = ctx.secret("opening the vault", move |secrets| secrets.unlock(passphrase)).await?;
    opened.map_err(|error| Failure::usage(error.to_string()))?;
    ctx.emit(Event::VaultOpened).await;
    Ok("the vault is open".to_owned())
}

impl Context {
    /// Looks something up among the secrets, away from the tasks that wait. That the vault is locked is told.
    pub async fn secret<T: Send + 'static>(
        &self,
        what: &str,
        work: impl FnOnce(&Secrets) -> Result<T, SecretError> + Send + 'static,
    ) -> Result<Result<T, SecretError>, Failure> {
        let secrets = Arc::clone(&self.world.secrets);
        let found = tokio::task::spawn_blocking(move || work(&secrets))
            .await
            .map_err(|error| Failure::new(format!("{what} ended early: {error}")))?;
        if let Some(wanted) = found.as_ref().err().and_then(SecretError::wanted) {
            self.emit(Event::VaultLocked { wanted }).await;
        }
        Ok(found)
    }

    /// The credential of a repository, looked up anew each time: tokens rotate.
    pub async fn credential(&self, name: &str) -> Result<Credential, Failure> {
        let repository = self.world.repository(name)?.clone();
        let resolved = self
            .secret("looking up a credential", move |secrets| {
                secrets.resolve(&repository.authentication, &repository.remote.url)
            })
            .await?;
        resolved.map_err(|error| {
            Failure::usage(format!("the credential of repository `{name}` cannot be had: {error}"))
                .hint("`gitdeck config explain` shows which rule names it")
        })
    }
}
