//! The turn of an automatic sync, renewed in the cluster as long as the work lasts.

use super::Cluster;
use crate::domain::Automation;
use crate::domain::automation::Claim;
use jiff::{SignedDuration, Timestamp};
use std::pin::pin;

/// How long others leave a mapping to a gitdeck that began to act on it, and has not renewed its turn since.
pub const TURN: SignedDuration = SignedDuration::from_mins(5);
/// How often a turn is renewed: two renewals may fail before it ends.
const RENEWAL: std::time::Duration = std::time::Duration::from_secs(100);

impl Cluster {
    /// Does work on a mapping whose turn this holder has, and renews the turn until it is done. A turn that was lost is
    /// not taken back: whoever has it applies the same.
    pub async fn while_holding<T>(
        &self,
        mapping: &str,
        holder: &str,
        work: impl Future<Output = T>,
    ) -> T {
        let mut work = pin!(work);
        loop {
            tokio::select! {
                biased;
                done = &mut work => return done,
                () = tokio::time::sleep(RENEWAL) => {}
            }
            let claim = Claim { holder: holder.to_owned(), until: Timestamp::now() + TURN };
            let renewal = |automation: &mut Automation| automation.renew_turn(&claim);
            tokio::select! {
                biased;
                done = &mut work => return done,
                renewed = self.automate(mapping, renewal) => if let Err(error) = renewed {
                    tracing::debug!(%error, mapping, "the turn was not renewed");
                }
            }
        }
    }
}
