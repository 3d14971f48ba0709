//! Objects that a tool had: which of its fields become ours, and what an apply makes of them then.

use super::desired::Desired;
use super::judge::{Frame, Tried};
use super::resource::Resource;
use super::{Cluster, ClusterError};
use crate::domain::plan::Op;
use crate::domain::succession::Succession;
use serde_json::Value;

impl Frame<'_> {
    /// Whose fields become ours when the object is applied.
    pub(super) fn succession(&self, desired: &Desired, live: &Value) -> Succession {
        match self.ownership(desired, live) {
            (Op::TakeOver, None) => Succession::taken_over(live, &desired.object, &self.set_id),
            _ => Succession::ours(),
        }
    }
}

impl Cluster {
    /// What an apply makes of an object whose tool we succeed: the server cannot try that before the fields are moved, so
    /// it tries the result of the apply as it is now without what leaves with the tool.
    pub(super) async fn try_succession(
        &self,
        resource: &Resource,
        (predicted, live, sent): (Value, &Value, &Value),
        succession: &Succession,
    ) -> Result<Tried, ClusterError> {
        let Some(managed) = succession.managed_fields(live) else {
            // Nothing but marks that nobody owns.
            return Ok(Tried::Predicted(succession.without_left(predicted, live, sent)));
        };
        let subject =
            format!("{} {}", resource.kind, sent["metadata"]["name"].as_str().unwrap_or_default());
        let result = succession.without_left(predicted, live, sent);
        let answer = self.try_result(resource, live, &result, &managed).await;
        self.tried(resource, &subject, answer)
    }
}
