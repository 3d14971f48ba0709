//! The command line on an engine that answers from a script: exit codes, documents, what is said to whom.

mod rights;
mod states;

use super::session::{Backend, Work};
use super::{Exit, Face, Output, parse};
use crate::config::{Environment, Overrides, Settings, load};
use crate::domain::fixture;
use crate::domain::{
    Change, Commit, Health, ObjectCount, Op, Operation, Plan, Reason, Refusal, Revision, SyncState,
};
use crate::engine::event::StepResult;
use crate::engine::{Command, Event, Failure, JobId, Outcome, Store};
use futures::future::BoxFuture;
use jiff::Timestamp;
use std::collections::VecDeque;
use std::ffi::OsString;
use std::io::Write;
use std::path::Path;
use std::sync::{Arc, Mutex};

/// What the engine says to a command.
type Answer = fn(&Command) -> (Vec<Event>, Outcome);

/// An engine that answers at once.
struct Script {
    answer: Answer,
    queue: Mutex<(u64, VecDeque<Event>)>,
    sent: Arc<Mutex<Vec<String>>>,
}

impl Backend for Script {
    fn send(&self, command: Command) -> JobId {
        self.sent.lock().unwrap().push(command.line());
        let (events, outcome) = (self.answer)(&command);
        let mut queue = self.queue.lock().unwrap();
        queue.0 += 1;
        let job = JobId(queue.0);
        queue.1.extend(events);
        queue.1.push_back(Event::JobEnded { job, outcome, at: Timestamp::UNIX_EPOCH });
        job
    }

    fn next(&mut self) -> BoxFuture<'_, Option<Event>> {
        let event = self.queue.lock().unwrap().1.pop_front();
        Box::pin(async move { event })
    }

    fn cancel(&self, _: JobId) {}
}

#[derive(Clone, Default)]
struct Buffer(Arc<Mutex<Vec<u8>>>);

impl Write for Buffer {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

impl Buffer {
    fn text(&self) -> String {
        String::from_utf8(self.0.lock().unwrap().clone()).unwrap()
    }
}

/// What a command did.
struct Ended {
    exit: Exit,
    results: String,
    notes: String,
    sent: Vec<String>,
}

const CONFIGURATION: &str = r#"
[repositories.fleet]
url = "https://git.example.com/fleet.git"
"#;

/// Settings whose files and directories are in `folder`; `doctor` makes some of them.
fn settings(folder: &Path) -> Settings {
    let file = folder.join("config.toml");
    let mapping = |name: &str, context: &str| {
        let path = format!("repository = \"fleet\"\npath = \"apps/{name}\"");
        format!("[mappings.{name}]\n{path}\ncontext = \"{context}\"\n")
    };
    let mappings =
        mapping("checkout", "dev") + &mapping("cart", "dev") + &mapping("search", "prod-eu");
    let text = CONFIGURATION.to_owned() + &mappings + "[safety]\nproduction = [\"prod-*\"]\n";
    std::fs::write(&file, text).unwrap();
    let environment = Environment::of(folder, &[]);
    let overrides = Overrides { config: Some(file), ..Overrides::default() };
    load(&overrides, &environment).unwrap().settings
}

fn run(line: &str, answer: Answer) -> Ended {
    let arguments = line.split_whitespace().map(OsString::from);
    let invocation = parse(arguments).expect("a command line");
    let Face::Command(command) = &invocation.face else { panic!("no command") };
    let (results, notes) = (Buffer::default(), Buffer::default());
    let mut out = Output::to(invocation.global.output, results.clone(), notes.clone());
    let sent = Arc::<Mutex<Vec<String>>>::default();
    let mut script = Script { answer, queue: Mutex::default(), sent: Arc::clone(&sent) };
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let folder = tempfile::tempdir().unwrap();
    let exit = runtime.block_on(async {
        let settings = Arc::new(settings(folder.path()));
        let store = Store::new(&settings);
        let mut work = Work::new(&mut script, (settings, store), &mut out, &invocation.global);
        command.run(&mut work).await
    });
    let exit = out.finish(exit);
    let sent = sent.lock().unwrap().clone();
    Ended { exit, results: results.text(), notes: notes.text(), sent }
}

/// The epoch is further away every day.
fn without_ages(text: &str) -> String {
    let days = (Timestamp::now().as_second() / 86_400).to_string() + "d";
    text.replace(&days, "N")
}

fn done() -> Outcome {
    Outcome::Done("done".into())
}

fn failed(usage: bool) -> Outcome {
    Outcome::Failed(Failure {
        message: "the cluster dev cannot be reached".into(),
        hint: Some("check the VPN".into()),
        usage,
    })
}

fn operation(op: Op) -> Operation {
    let change = Change {
        before: Some(5.into()),
        after: Some(3.into()),
        live_manager: Some("kubectl".into()),
        live_time: Some(Timestamp::UNIX_EPOCH),
        commit: Some(Revision::new("8801c7e000000000000000000000000000000000")),
        ..fixture::change("/spec/replicas")
    };
    let secret = Change {
        live_manager: Some("evil\u{1b}[2J".into()),
        redacted: true,
        ..fixture::change("/data/token")
    };
    Operation {
        changes: vec![change, secret],
        ..fixture::operation(op, fixture::deployment("checkout"), Reason::Drift)
    }
}

fn plan(mapping: &str, operations: Vec<Operation>, refusals: Vec<Refusal>) -> Event {
    let plan = Plan {
        mapping: mapping.into(),
        revision: Revision::new("3f2a91c000000000000000000000000000000000"),
        digest: "sha256:d1".into(),
        refusals,
        ..fixture::plan(operations, 7)
    };
    Event::Planned { plan: Arc::new(plan), at: Timestamp::UNIX_EPOCH }
}

fn status(mapping: &str, sync: SyncState) -> Event {
    let folder = tempfile::tempdir().unwrap();
    let settings = settings(folder.path());
    let mut status = Store::new(&settings).mappings[mapping].status.clone();
    status.sync = sync;
    status.health = Health::Healthy;
    status.objects = ObjectCount { total: 8, differing: 1 };
    status.drifted_fields = 1;
    status.synced_revision = Some(Revision::new("3f2a91c000000000000000000000000000000000"));
    status.observed_at = Some(Timestamp::UNIX_EPOCH);
    Event::MappingObserved { status: Box::new(status) }
}

/// `checkout` drifted, everything else is as Git says.
fn one_drifted(command: &Command) -> (Vec<Event>, Outcome) {
    match command {
        Command::Observe { mapping, .. } if mapping == "checkout" => {
            (vec![status(mapping, SyncState::Drifted)], done())
        }
        Command::Observe { mapping, .. } => (vec![status(mapping, SyncState::Synced)], done()),
        Command::Plan { mapping, .. } if mapping == "checkout" => {
            (vec![plan(mapping, vec![operation(Op::Update)], vec![])], done())
        }
        Command::Plan { mapping, .. } => {
            (vec![status(mapping, SyncState::Synced), plan(mapping, vec![], vec![])], done())
        }
        Command::Sync { mapping, .. } => {
            let object = operation(Op::Update).object;
            let step = Event::StepTaken {
                mapping: mapping.clone(),
                object,
                verb: "update".into(),
                result: StepResult::Done,
            };
            (vec![step], Outcome::Done(format!("{mapping} is at 3f2a91c")))
        }
        _ => (vec![], done()),
    }
}

#[test]
fn status_says_differences_only_when_asked() {
    assert_eq!(run("gitdeck status", one_drifted).exit, Exit::Fine);
    let ended = run("gitdeck status --exit-code", one_drifted);
    assert_eq!(ended.exit, Exit::Differences);
    insta::assert_snapshot!(without_ages(&ended.results), @r#"
    NAME      PROJECT  PATH           TARGET           REVISION  SYNC       HEALTH   OBJECTS  SEEN
    checkout  -        apps/checkout  dev/default      3f2a91c   1 drifted  healthy  1/8      N
    cart      -        apps/cart      dev/default      3f2a91c   in sync    healthy  1/8      N
    search    -        apps/search    prod-eu/default  3f2a91c   in sync    healthy  1/8      N
    "#);
    assert_eq!(run("gitdeck status cart --exit-code", one_drifted).exit, Exit::Fine);
    let cached = run("gitdeck status --cached", one_drifted);
    assert!(cached.sent.is_empty() && cached.results.contains("unknown"));
    let filtered = run("gitdeck status --context prod-eu", one_drifted);
    assert_eq!(filtered.sent, ["gitdeck status search"]);
}

#[test]
fn the_document_of_status_is_stable() {
    let ended = run("gitdeck status checkout -o json", one_drifted);
    insta::assert_snapshot!(ended.results, @r#"
    {
      "mappings": [
        {
          "name": "checkout",
          "project": null,
          "repository": "fleet",
          "path": "apps/checkout",
          "engine": "direct",
          "source": "git",
          "target": {
            "context": "dev",
            "namespace": "default"
          },
          "sync": "drifted",
          "behind": 0,
          "drifted_fields": 1,
          "health": "healthy",
          "desired_revision": null,
          "synced_revision": "3f2a91c000000000000000000000000000000000",
          "objects": {
            "total": 8,
            "differing": 1
          },
          "message": null,
          "observed_at": "1970-01-01T00:00:00Z"
        }
      ]
    }
    "#);
}

#[test]
fn the_document_of_diff_is_stable() {
    insta::assert_snapshot!(run("gitdeck diff checkout -o json", one_drifted).results, @r#"
    {
      "plans": [
        {
          "mapping": "checkout",
          "revision": "3f2a91c000000000000000000000000000000000",
          "digest": "sha256:d1",
          "operations": [
            {
              "op": "update",
              "object": {
                "group": "apps",
                "version": "v1",
                "kind": "Deployment",
                "namespace": "shop",
                "name": "checkout"
              },
              "reason": "drift",
              "changes": [
                {
                  "path": "/spec/replicas",
                  "before": 5,
                  "after": 3,
                  "live_manager": "kubectl",
                  "live_time": "1970-01-01T00:00:00Z",
                  "commit": "8801c7e000000000000000000000000000000000"
                },
                {
                  "path": "/data/token",
                  "before": null,
                  "after": null,
                  "live_manager": "evil\u001b[2J",
                  "live_time": null,
                  "commit": null,
                  "redacted": true
                }
              ]
            }
          ],
          "summary": {
            "create": 0,
            "update": 1,
            "delete": 0,
            "recreate": 0,
            "take_over": 0,
            "unchanged": 7
          },
          "risk": {
            "restarts": [],
            "stops": [],
            "selectors": [],
            "losses": [],
            "recreates": []
          },
          "left_out": [],
          "rules": []
        }
      ]
    }
    "#);
}

#[test]
fn diff_names_who_changed_what_and_masks_secrets() {
    let ended = run("gitdeck diff", one_drifted);
    assert_eq!(ended.exit, Exit::Differences);
    let text = ended.results.replace('\u{1b}', "ESC");
    insta::assert_snapshot!(without_ages(&text), @r#"
    checkout at 3f2a91c: 1 to update, 7 unchanged
      ~ Deployment shop/checkout (update, drift by kubectl N ago)
          /spec/replicas  5 -> 3  [live: kubectl, N ago; git: 8801c7e]
          /data/token  secret value differs  [live: evil^[[2J]
    cart at 3f2a91c: 7 unchanged
    search at 3f2a91c: 7 unchanged
    "#);
    assert_eq!(run("gitdeck diff cart", one_drifted).exit, Exit::Fine);
}

#[test]
fn unknown_mappings_are_usage_errors_with_a_suggestion() {
    let ended = run("gitdeck status chekout", one_drifted);
    assert_eq!(ended.exit, Exit::Usage);
    insta::assert_snapshot!(ended.notes, @r#"
    error: there is no mapping `chekout`; did you mean `checkout`?
      `gitdeck mapping list` shows what is configured
    "#);
}

#[test]
fn sync_wants_a_yes_unless_there_is_nothing_to_do() {
    let ended = run("gitdeck sync checkout", one_drifted);
    assert_eq!(ended.exit, Exit::Usage);
    assert!(ended.notes.contains("`--yes` applies the plan without asking"), "{}", ended.notes);
    assert!(!ended.sent.iter().any(|line| line.starts_with("gitdeck sync")));
    let ended = run("gitdeck sync cart", one_drifted);
    assert_eq!(ended.exit, Exit::Fine, "{}", ended.notes);
    let ended = run("gitdeck sync checkout --yes", one_drifted);
    assert_eq!((ended.exit, ended.results.as_str()), (Exit::Fine, "checkout is at 3f2a91c\n"));
    assert!(ended.sent.contains(&"gitdeck sync checkout".to_owned()));
    let ended = run("gitdeck sync checkout --dry-run", one_drifted);
    assert_eq!(ended.exit, Exit::Fine);
    assert!(!ended.sent.iter().any(|line| line.starts_with("gitdeck sync")));
}

#[test]
fn production_has_to_be_named() {
    fn all_drifted(command: &Command) -> (Vec<Event>, Outcome) {
        match command {
            Command::Plan { mapping, .. } => {
                (vec![plan(mapping, vec![operation(Op::Update)], vec![])], done())
            }
            other => one_drifted(other),
        }
    }
    let ended = run("gitdeck sync --yes", all_drifted);
    assert_eq!(ended.exit, Exit::Refused);
    assert!(ended.notes.contains("gitdeck sync search --yes"), "{}", ended.notes);
    assert_eq!(run("gitdeck sync search --yes", all_drifted).exit, Exit::Fine);
}

#[test]
fn guards_refuse_with_the_flag_that_releases() {
    fn many_deletions(command: &Command) -> (Vec<Event>, Outcome) {
        match command {
            Command::Plan { mapping, .. } => {
                let refusal = Refusal::Deletions { count: 12, because: "the limit is 5".into() };
                (vec![plan(mapping, vec![operation(Op::Delete)], vec![refusal])], done())
            }
            other => one_drifted(other),
        }
    }
    let ended = run("gitdeck sync checkout --yes -o json", many_deletions);
    assert_eq!(ended.exit, Exit::Refused);
    assert!(ended.notes.contains("--allow-delete 12"), "{}", ended.notes);
    assert!(ended.results.contains("\"outcome\": \"refused\""));
    assert_eq!(run("gitdeck plan checkout", many_deletions).exit, Exit::Refused);
}

#[test]
fn one_failure_does_not_hide_the_others_and_the_worst_wins() {
    fn cart_fails(command: &Command) -> (Vec<Event>, Outcome) {
        match command {
            Command::Plan { mapping, .. } if mapping == "cart" => (vec![], failed(false)),
            other => one_drifted(other),
        }
    }
    let ended = run("gitdeck diff", cart_fails);
    assert_eq!(ended.exit, Exit::Failed);
    assert!(ended.results.contains("/spec/replicas") && ended.notes.contains("check the VPN"));
    fn usage(command: &Command) -> (Vec<Event>, Outcome) {
        match command {
            Command::Plan { mapping, .. } if mapping == "search" => (vec![], failed(true)),
            other => cart_fails(other),
        }
    }
    assert_eq!(run("gitdeck diff", usage).exit, Exit::Usage);
}

#[test]
fn a_commit_says_where_it_went() {
    fn commits(command: &Command) -> (Vec<Event>, Outcome) {
        let Command::Commit { mapping, edits, message, push, .. } = command else {
            return (vec![], done());
        };
        assert_eq!(edits[0].path, "apps/checkout/sub/new.yaml");
        let commit = Commit {
            revision: Revision::new("3f2a91c000000000000000000000000000000000"),
            parents: vec![],
            author: "Ana".into(),
            email: "ana@example.com".into(),
            time: Timestamp::UNIX_EPOCH,
            message: message.clone().unwrap_or_else(|| "checkout: add".into()),
            signature: crate::domain::repository::Signature::None,
            committer: None,
            by_gitdeck: true,
            pending: !push,
        };
        let made =
            Event::Committed { repository: "fleet".into(), mapping: mapping.clone(), commit };
        (vec![made], done())
    }
    let file = format!("{}/Cargo.toml", env!("CARGO_MANIFEST_DIR"));
    let ended =
        run(&format!("gitdeck commit checkout --file sub/new.yaml={file} --no-push"), commits);
    assert_eq!(
        (ended.exit, ended.results.as_str()),
        (Exit::Fine, "committed 3f2a91c checkout: add\n")
    );
    assert!(ended.notes.contains("gitdeck push fleet"));
    let ended = run(&format!("gitdeck commit checkout --file sub/new.yaml={file}"), commits);
    assert_eq!(ended.exit, Exit::Usage);
    assert!(ended.notes.contains("--no-push"));
    for path in ["../x", "/etc/passwd", "."] {
        let ended =
            run(&format!("gitdeck commit checkout --file {path}={file} --no-push"), commits);
        assert_eq!(ended.exit, Exit::Usage, "{path}");
    }
}
