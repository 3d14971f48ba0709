//! Whether what a revert touches would still render.

use crate::domain::Revision;
use crate::engine::Failure;
use crate::engine::error::Stop;
use crate::engine::jobs::Context;
use crate::engine::jobs::render::unseen;
use crate::engine::revert::Wish;

/// Refuses a draft from which a mapping no longer renders that does at its base. One that does not render before either is
/// no reason: the revert may be what mends it.
pub(super) async fn renders(
    ctx: &Context,
    wish: &Wish,
    names: &[String],
    (base, draft): (&Revision, &Revision),
) -> Result<(), Stop> {
    if wish.unchecked {
        return Ok(());
    }
    let mappings = names.iter().filter_map(|name| ctx.world.settings.mappings.get(name));
    for mapping in mappings.filter(|mapping| mapping.connected) {
        ctx.check()?;
        let failure = match Box::pin(unseen(ctx, mapping, draft)).await {
            Ok(_) => continue,
            Err(Stop::Failed(failure)) => failure,
            Err(stop) => return Err(stop),
        };
        if Box::pin(unseen(ctx, mapping, base)).await.is_ok() {
            let what = format!("{} would no longer render: {}", mapping.name, failure.message);
            let hint = "nothing was kept; undo what broke it as well: a range A..B, or --to REV; \
                --no-validate reverts it all the same";
            return Err(Failure::new(what).hint(hint).into());
        }
    }
    Ok(())
}
