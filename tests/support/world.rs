//! A small world in memory: what the console's tests look at.

use gitdeck::config::{Access, RepositorySettings, Settings};
use gitdeck::domain::repository::Signature;
use gitdeck::domain::risk::{Fact, Risk};
use gitdeck::domain::{
    Authentication, Belief, Change, Commit, EngineKind, Health, LeftOut, Mapping, ObjectCount,
    ObjectRef, Op, Operation, Origin, Plan, PlannedObject, Reason, Refusal, Remote, Rendering,
    Revision, Source, Summary, Suspension, SyncPolicy, SyncState, Target, Verdict, Why,
};
use gitdeck::engine::event::{ClusterState, FileText, JournalEntry, RepositoryState};
use gitdeck::engine::{Event, Failure, JobId, Outcome, Progress, Store, Subject};
use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

/// The present of every frame.
pub fn now() -> Timestamp {
    "2026-11-20T12:00:00Z".parse().expect("a timestamp")
}

/// A moment before the present.
pub fn ago(seconds: i64) -> Timestamp {
    now() - SignedDuration::from_secs(seconds)
}

/// A revision from its first seven characters.
pub fn revision(short: &str) -> Revision {
    Revision::new(format!("{short:0<40}"))
}

/// A mapping of the project `shop` in the cluster `prod-eu`.
pub fn mapping(name: &str, repository: &str) -> Mapping {
    Mapping {
        name: name.to_owned(),
        project: Some("shop".to_owned()),
        repository: repository.to_owned(),
        path: format!("apps/shop/{name}"),
        engine: EngineKind::Direct,
        source: Source::Git,
        target: Target { context: "prod-eu".to_owned(), namespace: "shop".to_owned() },
        sync: SyncPolicy::default(),
        rendering: Rendering::default(),
        ignore: Vec::new(),
        production: false,
        polling_interval: Duration::from_secs(180),
        depends_on: Vec::new(),
        require_signed: false,
        connected: true,
        record: gitdeck::domain::Recording::default(),
        messages: gitdeck::domain::template::Templates::default(),
    }
}

/// Settings with three repositories and these mappings.
pub fn settings(mappings: Vec<Mapping>) -> Settings {
    let remotes = [
        ("fleet", "https://github.com/acme/fleet.git", "main"),
        ("payments", "git@gitlab.example.com:acme/payments.git", "main"),
        ("legacy", "ssh://git@git.example.com/legacy.git", "master"),
    ];
    let repositories = remotes.map(|(name, url, branch)| {
        let remote = Remote { name: name.into(), url: url.into(), branch: branch.into() };
        let settings = RepositorySettings {
            remote,
            display_name: name.to_owned(),
            access: Access::default(),
            authentication: Authentication::SshAgent { username: None },
            polling_interval: Duration::from_secs(180),
        };
        (name.to_owned(), settings)
    });
    Settings {
        repositories: repositories.into_iter().collect(),
        mappings: mappings.into_iter().map(|mapping| (mapping.name.clone(), mapping)).collect(),
        ..Settings::default()
    }
}

/// Mappings in every state; `checkout` has drifted.
pub fn fleet() -> Store {
    let mut payments = mapping("ledger", "payments");
    "payments".clone_into(&mut payments.target.namespace);
    payments.production = true;
    let names = ["checkout", "cart", "catalog", "search", "web", "reports"];
    let mut mappings: Vec<Mapping> = names.iter().map(|name| mapping(name, "fleet")).collect();
    mappings.push(payments);
    mappings.push(mapping("old", "legacy"));
    let mut store = Store::new(&settings(mappings));
    for event in facts(&store) {
        store.apply(event);
    }
    let verdict = Verdict {
        state: Belief::Verified,
        signer: Some("bot@example.com".into()),
        key: None,
        why: None,
    };
    store.apply(Event::Verified { verdicts: vec![(revision("8801c7e"), verdict)] });
    store
}

fn facts(store: &Store) -> Vec<Event> {
    let mut events = vec![
        fetched("fleet", 12, "3f2a91c"),
        fetched("payments", 3, "77ab210"),
        Event::RepositoryObserved {
            name: "legacy".into(),
            state: RepositoryState {
                error: Some(Failure {
                    message: "the credential for git.example.com has expired".into(),
                    hint: Some("store a new one and press Ctrl-R".into()),
                    usage: false,
                }),
                ..RepositoryState::default()
            },
        },
        live("prod-eu"),
    ];
    let states = [
        ("checkout", SyncState::Drifted, Health::Healthy, 0, 2),
        ("cart", SyncState::OutOfSync, Health::Healthy, 2, 0),
        ("catalog", SyncState::Synced, Health::Healthy, 0, 0),
        ("search", SyncState::Error, Health::Degraded, 0, 0),
        ("web", SyncState::Synced, Health::Progressing, 0, 0),
        ("reports", SyncState::Suspended, Health::Healthy, 0, 0),
        ("ledger", SyncState::Synced, Health::Healthy, 0, 0),
    ];
    for (name, sync, health, behind, drifted) in states {
        let mut status = store.mappings[name].status.clone();
        status.sync = sync;
        status.health = health;
        status.behind = behind;
        status.drifted_fields = drifted;
        status.desired_revision = Some(revision("3f2a91c"));
        status.synced_revision = Some(revision(if behind > 0 { "9bc01d2" } else { "3f2a91c" }));
        status.objects = ObjectCount { total: 3, differing: usize::from(drifted > 0) };
        status.observed_at = Some(ago(4));
        if sync == SyncState::Error {
            status.message = Some(
                "apps/shop/search/deployment.yaml:14: mapping values are not allowed here".into(),
            );
        }
        if sync == SyncState::Suspended {
            let suspension = Suspension {
                owner: "leo".into(),
                reason: Some("month end".into()),
                since: now() - SignedDuration::from_hours(3),
                until: Some(now() + SignedDuration::from_hours(2)),
            };
            status.message = Some(suspension.to_string());
            status.suspension = Some(suspension);
        }
        events.push(Event::MappingObserved { status: Box::new(status) });
    }
    events.push(Event::Planned { plan: Arc::new(drift()), at: ago(4) });
    events.push(Event::Planned { plan: Arc::new(empty("catalog")), at: ago(4) });
    events.push(Event::Planned { plan: Arc::new(behind()), at: ago(4) });
    for subject in [Subject::Mapping("checkout".into()), Subject::Repository("fleet".into())] {
        events.push(Event::LogLoaded { subject, skip: 0, commits: commits(), more: false });
    }
    events
}

/// A repository that was fetched some seconds ago.
pub fn fetched(name: &str, seconds: i64, tip: &str) -> Event {
    Event::RepositoryObserved {
        name: name.into(),
        state: RepositoryState {
            tip: Some(revision(tip)),
            fetched_at: Some(ago(seconds)),
            ..RepositoryState::default()
        },
    }
}

/// A cluster whose watches are live.
pub fn live(context: &str) -> Event {
    let state = ClusterState::Live { version: "v1.36.2".into(), latency_ms: 41 };
    Event::ClusterObserved { context: context.into(), state }
}

/// Three commits of several hands.
pub fn commits() -> Vec<Commit> {
    vec![
        commit("3f2a91c", "ana", 7_200, "checkout: image 1.4.2"),
        Commit {
            signature: Signature::Present,
            ..commit("8801c7e", "bot", 86_400, "checkout: three replicas")
        },
        commit("77ab210", "leo", 259_200, "memory 512Mi"),
    ]
}

/// A commit.
pub fn commit(short: &str, author: &str, seconds: i64, title: &str) -> Commit {
    Commit {
        revision: revision(short),
        parents: vec![revision("0")],
        author: author.into(),
        email: format!("{author}@example.com"),
        time: ago(seconds),
        message: format!("{title}\n"),
        signature: Signature::None,
        committer: None,
        by_gitdeck: author == "bot",
        pending: false,
    }
}

/// An object of the namespace `shop`.
pub fn object(kind: &str, name: &str) -> ObjectRef {
    let group = if matches!(kind, "Deployment") { "apps" } else { "" };
    ObjectRef {
        group: group.into(),
        version: "v1".into(),
        kind: kind.into(),
        namespace: Some("shop".into()),
        name: name.into(),
    }
}

/// A differing path.
pub fn change(path: &str, before: Option<Value>, after: Option<Value>) -> Change {
    Change {
        path: path.into(),
        before,
        after,
        live_manager: Some("kubectl-client-side-apply".into()),
        live_time: Some(ago(240)),
        forced: Vec::new(),
        commit: Some(revision("8801c7e")),
        redacted: false,
    }
}

/// An operation.
pub fn operation(op: Op, reason: Reason, object: ObjectRef, changes: Vec<Change>) -> Operation {
    Operation {
        op,
        object,
        reason,
        changes,
        stage: 0,
        uid: None,
        resource_version: None,
        origin: Some(Origin {
            file: "apps/shop/checkout/deployment.yaml".into(),
            document: 0,
            line: 1,
        }),
        blind: None,
        replaces: None,
        digest: String::new(),
    }
}

/// A healthy or unhealthy object of a plan.
pub fn planned(
    kind: &str,
    name: &str,
    health: Health,
    replicas: Option<(u32, u32)>,
) -> PlannedObject {
    PlannedObject {
        object: object(kind, name),
        health,
        message: String::new(),
        replicas,
        extra: Vec::new(),
    }
}

/// A plan.
pub fn plan(mapping: &str, operations: Vec<Operation>, refusals: Vec<Refusal>) -> Plan {
    let running = json!({"status": {"replicas": 5}});
    let fact = |operation| Fact { operation, live: Some(&running), result: None };
    let risk = Risk::of(operations.iter().map(fact), &BTreeMap::new());
    Plan {
        mapping: mapping.into(),
        revision: revision("3f2a91c"),
        digest: format!("digest-of-{mapping}"),
        summary: Summary::count(&operations, 2),
        operations,
        risk,
        cluster_uid: None,
        refusals,
        rights_unknown: None,
        prune_blocked: None,
        unread: Vec::new(),
        objects: vec![
            planned("Deployment", mapping, Health::Healthy, Some((5, 5))),
            planned("Service", mapping, Health::Healthy, None),
            planned("ConfigMap", mapping, Health::Healthy, None),
        ],
        left_out: Vec::new(),
        rules: Vec::new(),
        dry_runs: 1,
        hooks: Vec::new(),
        idle_hooks: Vec::new(),
    }
}

/// Somebody scaled `checkout` by hand and changed a limit.
pub fn drift() -> Plan {
    let replicas = change("/spec/replicas", Some(json!(5)), Some(json!(3)));
    let operation =
        operation(Op::Update, Reason::Drift, object("Deployment", "checkout"), vec![replicas]);
    plan("checkout", vec![operation], Vec::new())
}

/// Two commits for `cart`: an image, a text of several lines, a secret.
pub fn behind() -> Plan {
    let image = change(
        "/spec/template/spec/containers/[name=cart]/image",
        Some(json!("registry.example.com/shop/cart:1.4.1")),
        Some(json!("registry.example.com/shop/cart:1.4.2")),
    );
    let text = change(
        "/data/app.properties",
        Some(json!("host=db\nport=5432\npool=4\ntimeout=3\nretry=1\nlog=info\n")),
        Some(json!("host=db\nport=5432\npool=8\ntimeout=3\nretry=1\nlog=info\n")),
    );
    let secret = Change { redacted: true, ..change("/data/password", None, None) };
    let limits = change(
        "/spec/template/spec/containers/[name=cart]/resources",
        None,
        Some(json!({
            "limits": {"cpu": "500m", "memory": "512Mi"}
        })),
    );
    let mut plan = plan(
        "cart",
        vec![
            operation(Op::Update, Reason::Commit, object("ConfigMap", "cart"), vec![text]),
            operation(Op::Update, Reason::Commit, object("Secret", "cart"), vec![secret]),
            operation(
                Op::Update,
                Reason::Commit,
                object("Deployment", "cart"),
                vec![image, limits],
            ),
            operation(Op::Delete, Reason::Prune, object("Service", "cart-old"), Vec::new()),
        ],
        Vec::new(),
    );
    plan.objects[0].extra = vec!["/spec/template/spec/containers/[name=proxy]".into()];
    plan.left_out = left_out(&plan.objects[0].object);
    plan
}

fn left_out(object: &ObjectRef) -> Vec<LeftOut> {
    let rule = Why::Rule {
        rule: "Deployment /spec/replicas".into(),
        place: Some("/home/ana/.config/gitdeck/config.toml:41".into()),
    };
    let left = [
        ("/spec/replicas", rule),
        ("/spec/template/spec/containers/[name=proxy]", Why::Extra),
        ("/spec/strategy", Why::Defaulted),
        ("/spec/template/spec/dnsPolicy", Why::Defaulted),
    ];
    LeftOut::group(object, left.map(|(path, why)| (path.to_owned(), why)))
}

/// Nothing differs.
pub fn empty(mapping: &str) -> Plan {
    let mut plan = plan(mapping, Vec::new(), Vec::new());
    plan.summary.unchanged = 3;
    plan
}

/// The files of a mapping.
pub fn files(mapping: &str, names: &[&str]) -> Event {
    let text = "apiVersion: apps/v1\nkind: Deployment\nmetadata:\n  name: cart # the cart\nspec:\n  replicas: 3\n  \
                template:\n    spec:\n      containers:\n        - name: cart\n          image: \
                registry.example.com/shop/cart:1.4.2\n";
    let files = names
        .iter()
        .map(|name| FileText {
            path: format!("apps/shop/{mapping}/{name}"),
            text: Ok(text.to_owned()),
        })
        .collect();
    Event::FilesLoaded {
        mapping: mapping.into(),
        revision: Some(revision("3f2a91c")),
        files: Arc::new(files),
    }
}

/// A draft of a commit to a mapping.
pub fn drafted(mapping: &str, faults: &[&str]) -> Event {
    Event::Drafted {
        mapping: mapping.into(),
        message: format!("{mapping}: set replicas to 4\n\nEdited in the console.\n"),
        diff: "diff --git a/apps/shop/cart/deployment.yaml b/apps/shop/cart/deployment.yaml\n\
               --- a/apps/shop/cart/deployment.yaml\n+++ b/apps/shop/cart/deployment.yaml\n\
               @@ -4,3 +4,3 @@\n spec:\n-  replicas: 3\n+  replicas: 4\n   template:\n"
            .into(),
        faults: faults.iter().map(|fault| (*fault).to_owned()).collect(),
        tried: gitdeck::engine::Tried::default(),
    }
}

/// A job began.
pub fn started(job: u64, title: &str, writes: bool) -> Event {
    Event::JobStarted {
        job: JobId(job),
        title: title.into(),
        line: format!("gitdeck {title}"),
        writes,
        at: ago(2),
    }
}

/// A job went on.
pub fn progressed(job: u64, done: u64, total: u64, what: &str) -> Event {
    let progress = Progress { done, total: Some(total), unit: "objects", what: what.into() };
    Event::JobProgressed { job: JobId(job), progress }
}

/// A failure with a hint.
pub fn failure(message: &str, hint: &str) -> Outcome {
    Outcome::Failed(Failure { message: message.into(), hint: Some(hint.into()), usage: false })
}

/// Work that a killed process left.
pub fn interrupted() -> Event {
    Event::JournalLoaded {
        entries: vec![JournalEntry {
            id: 7,
            at: ago(600),
            what: "sync".into(),
            subject: "checkout".into(),
            line: "gitdeck sync checkout".into(),
            owner: None,
            steps: (7, 12),
            state: "interrupted".into(),
            message: None,
        }],
    }
}
