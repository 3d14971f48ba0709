//! Plans and applies against a real API server and the embedded one: the same cases, the same expectations.

mod drift;
mod faults;
mod ignore;
mod kube_prometheus;
mod lost_answers;
mod overload;
mod ownership;
pub mod records;
mod refusals;
mod renders;
mod rights;
mod watch;
pub mod world;
