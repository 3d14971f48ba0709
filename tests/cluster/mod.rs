//! Plans and applies against a real API server and the embedded one: the same cases, the same expectations.

mod discovery;
mod drift;
mod faults;
mod helm_hooks;
pub mod hooks;
mod ignore;
mod immutable;
mod injected;
mod kube_prometheus;
mod kubectl_people;
mod leaving;
mod lost_answers;
mod order;
mod overload;
mod ownership;
mod precedents;
pub mod records;
mod refusals;
mod renders;
mod rights;
mod succession;
mod tls;
mod turn;
mod watch;
mod waves;
pub mod world;
