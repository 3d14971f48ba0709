//! Results for people: one file per subject.

pub(super) mod blame;
pub(super) mod commit;
pub mod paint;
pub(super) mod plan;
pub(super) mod refusal;
pub(super) mod rendered;
pub(super) mod status;
pub(super) mod table;
pub(super) mod time;
