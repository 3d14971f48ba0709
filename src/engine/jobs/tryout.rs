//! Try the objects that a commit changes on the API server. Where that cannot be done, it is said, and nothing is held up.

use crate::cluster::Answer;
use crate::domain::{Manifest, Mapping};
use crate::engine::Tried;
use crate::engine::jobs::Context;
use std::time::Duration;

/// How long the server is waited for: an edit is not to depend on a cluster that is silent.
const PATIENCE: Duration = Duration::from_secs(10);
/// Objects that are tried for one commit.
const MOST: usize = 500;

/// Whether an object is among others as it is. That it stands at another line makes it no other one.
pub(super) fn has(all: &[Manifest], one: &Manifest) -> bool {
    all.iter().any(|other| other.reference == one.reference && other.object == one.object)
}

/// Tries what is new or another one.
pub(super) async fn try_out(
    ctx: &Context,
    mapping: &Mapping,
    old: &[Manifest],
    new: &[Manifest],
) -> Tried {
    let mut changed: Vec<Manifest> = new.iter().filter(|new| !has(old, new)).cloned().collect();
    let mut tried = Tried::default();
    if changed.is_empty() {
        return tried;
    }
    let beyond = changed.len().saturating_sub(MOST);
    changed.truncate(MOST);
    if beyond > 0 {
        tried.untold.push(format!("{beyond} more objects were not tried on the server"));
    }
    let asking = async {
        let cluster = ctx.world.cluster(&mapping.target.context).await?;
        let answers = cluster.try_out(&changed, &mapping.target.namespace).await?;
        Ok::<_, crate::engine::Failure>(answers)
    };
    let silent = || format!("the server did not answer within {} s", PATIENCE.as_secs());
    let answers = match tokio::time::timeout(PATIENCE, asking).await {
        Ok(Ok(answers)) => answers,
        Ok(Err(failure)) => {
            tried.untold.push(failure.message);
            return tried;
        }
        Err(_) => {
            tried.untold.push(silent());
            return tried;
        }
    };
    for (manifest, answer) in changed.iter().zip(answers) {
        match answer {
            Answer::Taken => {}
            Answer::Refused(said) => {
                tried.refused.push(format!("{}: {}: {said}", manifest.origin, manifest.reference));
            }
            Answer::Untold(why) => tried.untold.push(why),
        }
    }
    tried
}
