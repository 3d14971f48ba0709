//! Since when the pods of an object have the trouble that they have, and whether waiting for them is in vain by now.

use super::stall::Failing;
use crate::domain::ObjectRef;
use crate::domain::stall::{family, hopeless};
use tokio::time::Instant;

/// The trouble of the pods of one object, as it was seen last: its family, and since when it is the same.
#[derive(Default)]
pub(super) struct Troubled(Option<(String, Instant)>);

impl Troubled {
    /// [`Troubled::in_vain`] of an object. A Job tries again with other pods, and says itself when it has had enough of it.
    pub(super) fn in_vain_for(
        &mut self,
        object: &ObjectRef,
        failing: Option<&Failing>,
    ) -> Option<String> {
        self.in_vain(failing.filter(|_| object.kind != "Job"))
    }

    /// After another look: why waiting on is in vain, if it is. Pods that do not fail begin anew.
    pub(super) fn in_vain(&mut self, failing: Option<&Failing>) -> Option<String> {
        let Some(failing) = failing else {
            self.0 = None;
            return None;
        };
        let kind = family(&failing.trouble.reason);
        let since = match &self.0 {
            Some((known, since)) if known == kind => *since,
            _ => self.0.insert((kind.to_owned(), Instant::now())).1,
        };
        hopeless(&failing.trouble, since.elapsed())
    }
}
