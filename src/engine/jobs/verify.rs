//! Find out what git says of the signatures of commits.

use crate::domain::{Belief, Revision, Verdict};
use crate::engine::Event;
use crate::engine::error::Stop;
use crate::engine::jobs::Context;
use std::time::Duration;

/// Commits that one run of git is asked about: whoever moves on waits for no more.
const AT_ONCE: usize = 8;

/// Rests first: who moves on meanwhile has asked for nothing. Answers are told as they come.
pub(super) async fn run(
    ctx: &Context,
    repository: &str,
    revisions: &[Revision],
    rest: Duration,
) -> Result<String, Stop> {
    tokio::time::sleep(rest).await;
    let mut count = 0;
    for some in revisions.chunks(AT_ONCE) {
        let verdicts = verdicts(ctx, repository, some, true).await?;
        count += verdicts.len();
        ctx.emit(Event::Verified { verdicts }).await;
    }
    Ok(match count {
        1 => "1 signature".to_owned(),
        many => format!("{many} signatures"),
    })
}

/// What git says of some commits; where it cannot be asked, that is said of each of them. Unless it has to be a fresh one, an
/// answer of a short while ago will do.
pub(super) async fn verdicts(
    ctx: &Context,
    repository: &str,
    revisions: &[Revision],
    known: bool,
) -> Result<Vec<(Revision, Verdict)>, Stop> {
    let (kept, asked) = (ctx.world.verdicts.clone(), revisions.to_vec());
    let found = ctx.world.git(repository, move |git| {
        let signers = git.signers()?;
        let answer = |revision: &Revision| {
            let verdict = kept.known(revision, &signers).filter(|_| known)?;
            Some((revision.clone(), verdict))
        };
        let mut verdicts: Vec<(Revision, Verdict)> = asked.iter().filter_map(answer).collect();
        let is_open = |one: &&Revision| !verdicts.iter().any(|(known, _)| known == *one);
        let open: Vec<Revision> = asked.iter().filter(is_open).cloned().collect();
        for (revision, verdict) in git.verdicts(&open, &signers)? {
            kept.keep(&revision, &signers, &verdict);
            verdicts.push((revision, verdict));
        }
        Ok(verdicts)
    });
    match found.await {
        Err(Stop::Failed(failure)) => {
            let of = |revision: &Revision| {
                (revision.clone(), Verdict::without(Belief::Unchecked, failure.message.clone()))
            };
            Ok(revisions.iter().map(of).collect())
        }
        other => other,
    }
}
