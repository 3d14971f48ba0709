//! What the unit tests of several modules speak of.

use crate::domain::{
    Change, EngineKind, Mapping, ObjectRef, Op, Operation, Plan, Reason, Rendering, Revision, Risk,
    Source, Summary, SyncPolicy, Target,
};
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
        require_signed: false,
        connected: true,
        record: crate::domain::Recording::default(),
        messages: crate::domain::template::Templates::default(),
    }
}

/// A Deployment of this name in `shop`.
pub(crate) fn deployment(name: &str) -> ObjectRef {
    ObjectRef {
        group: "apps".into(),
        version: "v1".into(),
        kind: "Deployment".into(),
        namespace: Some("shop".into()),
        name: name.into(),
    }
}

/// A differing path of which nothing else is known.
pub(crate) fn change(path: &str) -> Change {
    Change {
        path: path.into(),
        before: None,
        after: None,
        live_manager: None,
        live_time: None,
        forced: Vec::new(),
        commit: None,
        redacted: false,
    }
}

/// An operation of the first stage, without changes.
pub(crate) fn operation(op: Op, object: ObjectRef, reason: Reason) -> Operation {
    Operation {
        op,
        object,
        reason,
        changes: Vec::new(),
        stage: 0,
        uid: None,
        resource_version: None,
        origin: None,
        blind: None,
        replaces: None,
        digest: String::new(),
    }
}

/// A plan of `checkout` that nothing stands in the way of.
pub(crate) fn plan(operations: Vec<Operation>, unchanged: usize) -> Plan {
    Plan {
        mapping: "checkout".into(),
        revision: Revision::new("a".repeat(40)),
        digest: "d".into(),
        summary: Summary::count(&operations, unchanged),
        operations,
        risk: Risk::default(),
        cluster_uid: None,
        refusals: Vec::new(),
        rights_unknown: None,
        prune_blocked: None,
        unread: Vec::new(),
        objects: Vec::new(),
        left_out: Vec::new(),
        rules: Vec::new(),
        dry_runs: 0,
        hooks: Vec::new(),
        idle_hooks: Vec::new(),
    }
}
