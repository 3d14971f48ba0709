//! `require_signed`: nothing of a commit reaches the cluster that no allowed signer signed.

use crate::domain::{Mapping, Refusal, Revision};
use crate::engine::error::Stop;
use crate::engine::jobs::Context;

/// What stands in the way of a commit, where the mapping wants it signed. That it cannot be found out is in the way too,
/// and so is what it reads without pinning it (`unpinned`): no signature speaks for that.
pub(super) async fn unsigned(
    ctx: &Context,
    mapping: &Mapping,
    revision: &Revision,
    unpinned: &[String],
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
    let loose = || {
        (!unpinned.is_empty()).then(|| {
            format!(
                "it reads {}, which the commit does not pin; name a whole commit id there, or copy it into the repository",
                unpinned.join(", ")
            )
        })
    };
    Ok(why.or_else(loose).map(|why| Refusal::Unsigned { revision: revision.clone(), why }))
}
