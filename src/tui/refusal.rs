//! What stands in the way of a sync, in words.

use crate::domain::Refusal;
use crate::tui::widgets::text::safe;
use crate::tui::words::count;

/// A refusal in one line; it says what stands in the way, and on which object.
pub fn words(refusal: &Refusal) -> String {
    match refusal {
        Refusal::Deletions { count: number, because } => {
            format!("{} would be deleted: {}", count(*number, "object"), safe(because))
        }
        Refusal::Foreign { object, owner } => {
            format!("{} belongs to {}", safe(&object.to_string()), safe(owner))
        }
        Refusal::Immutable { object, fields } => format!(
            "{} cannot change in place: {}",
            safe(&object.to_string()),
            safe(&fields.join(", "))
        ),
        Refusal::Exists { object } => {
            format!("{} exists and nobody owns it", safe(&object.to_string()))
        }
        Refusal::Invalid { object, origin, message } => {
            let origin = origin.as_ref().map(|origin| format!(" ({origin})")).unwrap_or_default();
            format!("{}{}: {}", safe(&object.to_string()), safe(&origin), safe(message))
        }
        Refusal::Held { holder } => {
            format!("another configuration owns this name: {}", safe(holder))
        }
        Refusal::Moved { what } => format!("the world moved since: {}", safe(what)),
        Refusal::Suspended(suspension) => safe(&suspension.to_string()).into_owned(),
        Refusal::Rights(missing) => safe(&missing.to_string()).into_owned(),
        Refusal::Waits(wait) => safe(&wait.to_string()).into_owned(),
        Refusal::Disconnected { mapping } => {
            format!("disconnected; `gitdeck mapping connect {mapping}` connects it")
        }
        Refusal::LiveWins => "the cluster is its source of truth: no commit is applied".to_owned(),
        Refusal::Unsigned { revision, why } => {
            format!("{} wants a signature: {}", revision.short(), safe(why))
        }
        Refusal::ReadOnly => "writes are switched off".to_owned(),
    }
}
