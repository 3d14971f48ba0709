//! Refusals of guards in words, each with the flag that releases it.

use crate::domain::guard::is_precious;
use crate::domain::{Refusal, Wait};

/// What stands in the way, and what to do.
pub(crate) fn words(refusal: &Refusal) -> (String, String) {
    match refusal {
        Refusal::Deletions { count, because } => (
            format!("{count} objects would be deleted: {because}"),
            format!("look at the plan; `--allow-delete {count}` releases exactly this number"),
        ),
        Refusal::Foreign { object, owner } => (
            format!("{object} belongs to {owner}"),
            "`--take-over` makes gitdeck its manager".to_owned(),
        ),
        Refusal::Exists { object } => (
            format!("{object} exists already and nobody's mark is on it"),
            "`--take-over` makes gitdeck its manager".to_owned(),
        ),
        Refusal::Immutable { object, fields } => (
            format!("{} of {object} cannot be changed in place", fields.join(", ")),
            if is_precious(object) {
                "`--recreate` deletes it, with everything that is in it, and creates it anew; it wants `--allow-delete N` beside, which the next plan names".to_owned()
            } else {
                "`--recreate` deletes the object and creates it anew".to_owned()
            },
        ),
        Refusal::Held { holder } => (
            format!("another configuration owns this name: {holder}"),
            "give the mapping another name; `--take-over` claims the record, and asks for the number of objects that would go".to_owned(),
        ),
        Refusal::Moved { what } => (
            format!("the world moved since the plan was made: {what}"),
            "run the command again and look at the new plan".to_owned(),
        ),
        Refusal::Suspended(suspension) => {
            (suspension.to_string(), "`gitdeck resume MAPPING` ends the suspension".to_owned())
        }
        Refusal::Waits(wait) => (wait.to_string(), way_out(wait)),
        Refusal::LiveWins => (
            "its source of truth is the cluster, so no commit is applied".to_owned(),
            "`gitdeck adopt MAPPING` takes live values into Git; `source = \"git\"` in its configuration makes Git win".to_owned(),
        ),
        Refusal::Disconnected { mapping } => (
            "it is disconnected: Git and the cluster are left as they are".to_owned(),
            format!("`gitdeck mapping connect {mapping}` connects it"),
        ),
        Refusal::Unsigned { revision, why } => (
            format!("commit {} is not to be applied: {why}", revision.short()),
            "the mapping has `require_signed`; let an allowed signer push a signed commit on top, or see `gpg.ssh.allowedSignersFile` and `git verify-commit`".to_owned(),
        ),
        Refusal::ReadOnly => (
            "writes are off".to_owned(),
            "leave out --read-only, or set `read_only = false` under [safety]".to_owned(),
        ),
        Refusal::Rights(missing) => (missing.to_string(), missing.way_out()),
        Refusal::Invalid { object, origin, message } => {
            let at = origin.as_ref().map_or(String::new(), |origin| format!(" ({origin})"));
            (
                format!("the server would not accept {object}{at}: {message}"),
                "mend the manifest and commit; nothing was written".to_owned(),
            )
        }
    }
}

/// What to do about a mapping that waits.
fn way_out(wait: &Wait) -> String {
    if wait.failed {
        return "mend that one; the next sync goes on with both".to_owned();
    }
    format!(
        "`gitdeck sync {}` first, or both together; `--ignore-dependencies` goes on without it",
        wait.mapping
    )
}
