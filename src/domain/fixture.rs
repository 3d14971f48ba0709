//! What the unit tests of several modules speak of.

use crate::domain::{EngineKind, Mapping, Rendering, Source, SyncPolicy, Target};
use std::time::Duration;

/// A mapping of this name: synced by hand, from `apps/NAME` of `fleet` into `shop` of `demo`.
pub(crate) fn mapping(name: &str) -> Mapping {
    Mapping {
        name: name.into(),
        project: None,
        repository: "fleet".into(),
        path: format!("apps/{name}"),
        engine: EngineKind::Direct,
        source: Source::Git,
        target: Target { context: "demo".into(), namespace: "shop".into() },
        sync: SyncPolicy::default(),
        ignore: Vec::new(),
        production: false,
        rendering: Rendering::default(),
        polling_interval: Duration::from_secs(180),
        depends_on: Vec::new(),
    }
}
