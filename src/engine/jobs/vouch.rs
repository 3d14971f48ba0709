//! `require_signed`: nothing of a commit reaches the cluster that no allowed signer signed.

use crate::domain::{Mapping, Refusal, Revision};
use crate::engine::error::Stop;
use crate::engine::jobs::Context;

/// What stands in the way of a commit, where the mapping wants it signed. That it cannot be found out is in the way too.
pub(super) async fn unsigned(
    ctx: &Context,
    mapping: &Mapping,
    revision: &Revision,
) -> Result<Option<Refusal>, Stop> {
    if !mapping.require_signed {
        return Ok(None);
    }
    let asked = revision.clone();
    let found = ctx.world.git(&mapping.repository, move |git| git.unvouched(&asked)).await;
    let why = match found {
        Ok(why) => why,
        Err(Stop::Failed(failure)) => Some(failure.message),
        Err(stop) => return Err(stop),
    };
    Ok(why.map(|why| Refusal::Unsigned { revision: revision.clone(), why }))
}
