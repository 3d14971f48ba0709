//! What keys lead to: which commands are sent, with what, and what never is.

use crate::support::driver::Driver;
use crate::support::world;
use gitdeck::domain::{
    Change, Commit, HostKey, LeftOut, Op, Operation, Reason, Refusal, Rewrite, Why,
};
use gitdeck::engine::event::RepositoryState;
use gitdeck::engine::{Command, Event, Failure, JobId, Outcome, Store, Subject, SyncOptions};
use gitdeck::tui::effect::Effect;
use std::sync::Arc;

const SIZE: (u16, u16) = (120, 36);

fn driver() -> Driver {
    Driver::new(world::fleet(), SIZE)
}

fn is_plan(command: &Command) -> bool {
    matches!(command, Command::Plan { .. })
}

fn is_sync(command: &Command) -> bool {
    matches!(command, Command::Sync { .. })
}

fn is_files(command: &Command) -> bool {
    matches!(command, Command::Files { .. })
}

#[test]
fn a_sync_carries_the_plan_that_was_confirmed() {
    let mut driver = driver();
    driver.keys("/checkout<enter>s").done(is_plan);
    assert!(driver.command(is_sync).is_none(), "nothing is written before it was asked");
    // A newer plan arrives while the question is open: the answer is about the one that was shown.
    let mut newer = world::drift();
    newer.digest = "another".into();
    driver.fact(Event::Planned { plan: Arc::new(newer), at: world::now() });
    driver.keys("<enter>");
    let Some(Command::Sync { mapping, confirmed, options, .. }) = driver.command(is_sync) else {
        panic!("no sync");
    };
    assert_eq!((mapping.as_str(), confirmed.as_str()), ("checkout", "digest-of-checkout"));
    assert_eq!(*options, SyncOptions::default());
}

#[test]
fn no_is_no() {
    let mut driver = driver();
    driver.keys("/checkout<enter>s").done(is_plan).keys("<esc>");
    driver.keys("s").done(is_plan).keys("n");
    assert!(driver.command(is_sync).is_none());
}

#[test]
fn a_plan_that_fails_is_not_asked_about() {
    let mut driver = driver();
    driver.keys("/checkout<enter>s").end(world::failure("the cluster is gone", "wait"), is_plan);
    assert!(driver.picture().contains("checkout cannot be planned: the cluster is gone. wait"));
    driver.keys("<enter>y");
    assert!(driver.command(is_sync).is_none());
}

#[test]
fn the_list_of_what_is_left_out_is_asked_for_and_closed() {
    let mut driver = driver();
    driver.keys("/cart<enter>di");
    let Some(Command::Plan { mapping, options, .. }) = driver.command(is_plan) else {
        panic!("no plan")
    };
    assert!(mapping == "cart" && options.everything && !options.dry_run);
    assert!(driver.picture().contains("left out by rule Deployment /spec/replicas"));
    let asked = driver.effects.len();
    driver.keys("i");
    assert_eq!(driver.effects.len(), asked);
    assert!(!driver.picture().contains("left out by rule"));
}

#[test]
fn a_question_drains_what_was_typed_before_it() {
    let mut driver = driver();
    driver.keys("/checkout<enter>s").done(is_plan);
    assert_eq!(driver.effects.last(), Some(&Effect::DrainInput));
}

#[test]
fn production_wants_its_name_typed() {
    let mut driver = driver();
    let object = world::object("ConfigMap", "ledger");
    let update = world::operation(Op::Update, Reason::Commit, object, Vec::new());
    let plan = Arc::new(world::plan("ledger", vec![update], Vec::new()));
    driver.fact(Event::Planned { plan, at: world::now() });
    driver.keys("/ledger<enter>s").done(is_plan).keys("y<enter><enter>");
    assert!(driver.command(is_sync).is_none());
    driver.keys("ledger<enter>");
    assert!(driver.command(is_sync).is_some());
}

#[test]
fn a_number_of_deletions_releases_exactly_that_number() {
    let mut driver = driver();
    let gone = (0..7).map(|index| {
        let object = world::object("ConfigMap", &format!("c{index}"));
        world::operation(Op::Delete, Reason::Prune, object, Vec::new())
    });
    let refusals = vec![Refusal::Deletions { count: 7, because: "limit 5".into() }];
    let plan = Arc::new(world::plan("catalog", gone.collect(), refusals.clone()));
    driver.fact(Event::Planned { plan, at: world::now() });
    driver.keys("/catalog<enter>s").end(Outcome::Refused(refusals), is_plan);
    driver.keys("<enter>6<enter>");
    assert!(driver.command(is_sync).is_none());
    driver.keys("7<enter>");
    let Some(Command::Sync { options, .. }) = driver.command(is_sync) else { panic!("no sync") };
    assert_eq!(options.allow_delete, Some(7));
}

#[test]
fn taking_over_plans_again() {
    let mut driver = driver();
    let refusals = vec![Refusal::Exists { object: world::object("Service", "catalog") }];
    let plan = Arc::new(world::plan("catalog", Vec::new(), refusals));
    driver.fact(Event::Planned { plan: Arc::clone(&plan), at: world::now() });
    driver.keys("/catalog<enter>s").done(is_plan).keys("<enter>");
    assert!(driver.command(is_sync).is_none(), "a refusal blocks");
    driver.keys("t");
    let Some(Command::Plan { options, .. }) = driver.command(is_plan) else { panic!("no plan") };
    assert!(options.take_over);
    driver.done(is_plan).keys("<enter>");
    let Some(Command::Sync { options, .. }) = driver.command(is_sync) else { panic!("no sync") };
    assert!(options.take_over);
}

#[test]
fn marked_mappings_are_asked_about_once() {
    let mut driver = driver();
    driver.keys("gjj<space><space>s");
    let plans: Vec<_> =
        driver.sent.iter().filter(|(_, c)| is_plan(c)).map(|(job, _)| *job).collect();
    assert_eq!(plans.len(), 2);
    for job in plans {
        assert!(driver.console.ui.popups.is_empty());
        driver.fact(Event::JobEnded {
            job,
            outcome: Outcome::Done(String::new()),
            at: world::now(),
        });
    }
    driver.keys("y");
    let syncs = driver.sent.iter().filter(|(_, command)| is_sync(command)).count();
    assert_eq!(syncs, 2);
}

#[test]
fn an_edit_becomes_a_commit_and_a_push() {
    let mut driver = driver();
    driver.keys("/cart<enter>e").fact(world::files("cart", &["deployment.yaml"])).done(is_files);
    driver.keys("<down><down><down><down><down><end><bs>4<c-s>");
    driver.fact(world::drafted("cart", &[]));
    driver.done(|command| matches!(command, Command::Draft { .. }));
    driver.keys("<right><enter>");
    let Some(Command::Commit { edits, message, base, push, .. }) =
        driver.command(|command| matches!(command, Command::Commit { .. })).cloned()
    else {
        panic!("no commit");
    };
    assert_eq!((message, push), (None, true));
    assert_eq!(base, Some(world::revision("3f2a91c")));
    let text = String::from_utf8(edits[0].content.clone().expect("content")).expect("text");
    assert!(text.contains("replicas: 4\n") && text.contains("name: cart # the cart"));
    let commit = world::commit("aaaaaaa", "me", 0, "cart: set replicas to 4");
    driver.fact(Event::Committed { repository: "fleet".into(), mapping: "cart".into(), commit });
    assert!(driver.console.ui.popups.is_empty() && driver.console.ui.edits.is_empty());
}

#[test]
fn a_file_is_deleted_by_a_commit() {
    let mut driver = driver();
    let files = ["deployment.yaml", "service.yaml"];
    driver.keys("/cart<enter>e").fact(world::files("cart", &files)).done(is_files);
    driver.keys("<down><c-x>").fact(world::drafted("cart", &[]));
    driver.done(|command| matches!(command, Command::Draft { .. })).keys("<enter>");
    let Some(Command::Commit { edits, base, .. }) =
        driver.command(|command| matches!(command, Command::Commit { .. }))
    else {
        panic!("no commit");
    };
    assert!(edits[0].path.ends_with("service.yaml") && edits[0].content.is_none(), "{edits:?}");
    assert_eq!(base, &Some(world::revision("3f2a91c")));
}

#[test]
fn a_commit_that_waits_is_dropped_after_a_question() {
    let mut driver = driver();
    let is_drop = |command: &Command| matches!(command, Command::Drop { .. });
    driver.keys("/checkout<enter>3<c-x>");
    assert!(driver.picture().contains("does not wait for a push"));
    let waiting = Commit { pending: true, ..world::commit("aaaaaaa", "me", 0, "one more") };
    driver.fact(Event::LogLoaded {
        subject: Subject::Mapping("checkout".into()),
        commits: vec![waiting.clone()],
        skip: 0,
        more: false,
    });
    let question = driver.keys("g<c-x>").picture();
    assert!(question.contains("Drop a commit of fleet?") && question.contains("one more"));
    assert!(driver.command(is_drop).is_none());
    driver.keys("<enter>");
    let revision = waiting.revision.to_string();
    let drop = Command::Drop { repository: "fleet".into(), revision };
    assert_eq!(driver.command(is_drop), Some(&drop));
}

#[test]
fn faults_keep_a_commit_back() {
    let mut driver = driver();
    driver.keys("/cart<enter>e").fact(world::files("cart", &["deployment.yaml"])).done(is_files);
    driver.keys("x<c-s>").fact(world::drafted("cart", &["deployment.yaml:1: not a mapping"]));
    driver.done(|command| matches!(command, Command::Draft { .. })).keys("<enter><c-s>");
    assert!(driver.command(|command| matches!(command, Command::Commit { .. })).is_none());
}

#[test]
fn a_failed_commit_keeps_form_and_edits() {
    let mut driver = driver();
    driver.keys("/cart<enter>e").fact(world::files("cart", &["deployment.yaml"])).done(is_files);
    driver.keys("x<c-s>").fact(world::drafted("cart", &[]));
    driver.done(|command| matches!(command, Command::Draft { .. })).keys("<enter>");
    driver.end(world::failure("the file changed since", "look at it"), |command| {
        matches!(command, Command::Commit { .. })
    });
    assert!(driver.picture().contains("the file changed since. look at it"));
    assert!(!driver.console.ui.edits.is_empty());
}

#[test]
fn edits_survive_leaving_the_editor() {
    let mut driver = driver();
    driver.keys("/cart<enter>e").fact(world::files("cart", &["deployment.yaml"])).done(is_files);
    driver.keys("#<esc><enter>");
    assert!(driver.console.ui.popups.is_empty());
    assert_eq!(driver.console.ui.edits.len(), 1);
    driver.keys("e").done(is_files);
    assert!(driver.picture().contains("#apiVersion: apps/v1"));
    driver.keys("<esc>d");
    assert!(driver.console.ui.edits.is_empty());
}

#[test]
fn the_outcome_of_a_push_is_shown() {
    let mut driver = driver();
    let state = RepositoryState { pending: 1, ..RepositoryState::default() };
    driver.fact(Event::RepositoryObserved { name: "fleet".into(), state });
    driver.keys("/checkout<enter>P");
    assert!(driver.command(|command| matches!(command, Command::Push { .. })).is_none());
    driver.keys("<enter>");
    let is_push = |command: &Command| matches!(command, Command::Push { .. });
    let failure = Failure {
        message: "the server refused the push: protected \u{1b}]0;branch".into(),
        hint: Some("the commit is kept in the outbox".into()),
        usage: false,
    };
    let picture = driver.end(Outcome::Failed(failure), is_push).picture();
    for said in ["fleet: not pushed", "protected ^[]0;branch", "kept in the outbox"] {
        assert!(picture.contains(said), "{said}:\n{picture}");
    }
}

#[test]
fn a_rewritten_branch_is_followed_after_a_question() {
    let mut driver = driver();
    let is_compare = |command: &Command| matches!(command, Command::Compare { .. });
    driver.keys("1A");
    assert!(driver.command(is_compare).is_none(), "nothing was rewritten");
    let left = world::commits().remove(0);
    let (name, old) = ("fleet".to_owned(), left.revision.clone());
    let state = RepositoryState { rewritten_from: Some(old.clone()), ..RepositoryState::default() };
    driver.fact(Event::RepositoryObserved { name: name.clone(), state }).keys("A");
    assert!(driver.command(is_compare).is_some());
    let tip = world::revision("f00dcaf");
    let title = left.title().to_owned();
    let rewrite = Rewrite { before: old, tip: tip.clone(), left: vec![left], count: 1 };
    driver.fact(Event::RewriteLoaded { repository: name.clone(), rewrite: Some(rewrite) });
    let question = driver.done(is_compare).picture();
    for said in [
        "Follow the rewritten branch of fleet?",
        "f00dcaf",
        "1 commit would be left behind",
        &title,
    ] {
        assert!(question.contains(said), "{said}:\n{question}");
    }
    driver.keys("<enter>");
    let accept = Command::Accept { repository: name, tip };
    assert_eq!(driver.command(|command| matches!(command, Command::Accept { .. })), Some(&accept));
}

#[test]
fn an_unknown_host_is_asked_about_once_and_again_when_wanted() {
    let mut driver = driver();
    let key = HostKey {
        host: "git.example.com".into(),
        kind: "ED25519".into(),
        fingerprint: "SHA256:uNiVztksCsDhcc0u9e8BrrJXVGDyi7Qs".into(),
    };
    let state = RepositoryState { unknown_host: Some(key.clone()), ..RepositoryState::default() };
    let fact = || Event::RepositoryObserved { name: "fleet".into(), state: state.clone() };
    let question = driver.fact(fact()).picture();
    for said in
        ["ssh does not know the host of fleet", "git.example.com", "ED25519", &key.fingerprint]
    {
        assert!(question.contains(said), "{said}:\n{question}");
    }
    driver.keys("<esc>");
    let later = driver.fact(fact()).picture();
    assert!(!later.contains("does not know the host"), "asked twice:\n{later}");
    let is_trust = |command: &Command| matches!(command, Command::Trust { .. });
    assert!(driver.command(is_trust).is_none(), "trusted by itself");
    let again = driver.keys("1A").picture();
    assert!(again.contains("does not know the host"), "{again}");
    driver.keys("<enter>");
    let trust = Command::Trust { repository: "fleet".into(), fingerprint: key.fingerprint };
    assert_eq!(
        trust.line(),
        "gitdeck repo check fleet --host-key SHA256:uNiVztksCsDhcc0u9e8BrrJXVGDyi7Qs"
    );
    assert_eq!(driver.command(is_trust), Some(&trust));
}

#[test]
fn a_suspension_has_a_reason_and_a_resumption_asks() {
    let mut driver = driver();
    driver.keys("/checkout<enter>xmonth end<enter>");
    let suspend = Command::Suspend {
        mapping: "checkout".into(),
        reason: Some("month end".into()),
        until: None,
    };
    assert!(driver.command(|command| *command == suspend).is_some());
    // The second line is when it ends; what is no time, or past, is said and sends nothing.
    let mut driver = self::driver();
    driver.keys("/checkout<enter>x<tab>tomorrow<enter>");
    let is_suspend = |command: &Command| matches!(command, Command::Suspend { .. });
    assert!(driver.command(is_suspend).is_none());
    driver.keys("<esc>2020-01-01T00:00:00Z<enter>");
    assert!(driver.command(is_suspend).is_none());
    driver.keys("<esc>2h<tab>month end<enter>");
    let hours = |until: &jiff::Timestamp| {
        until.duration_since(jiff::Timestamp::now()).as_secs_f64() / 3600.0
    };
    let is_meant = |command: &Command| {
        matches!(command, Command::Suspend { reason: Some(reason), until: Some(until), .. }
            if reason == "month end" && (1.9..=2.0).contains(&hours(until)))
    };
    assert!(driver.command(is_meant).is_some());
    let mut driver = self::driver();
    driver.keys("/reports<enter>x");
    let resume = Command::Resume { mapping: "reports".into() };
    assert!(driver.command(|command| *command == resume).is_none());
    driver.keys("y");
    assert!(driver.command(|command| *command == resume).is_some());
}

#[test]
fn interrupted_work_is_asked_about_once() {
    let mut driver = driver();
    driver.fact(world::interrupted()).keys("<esc>").fact(world::interrupted());
    assert!(driver.console.ui.popups.is_empty());
    let mut driver = self::driver();
    driver.fact(world::interrupted()).keys("<enter>");
    assert!(driver.command(|command| *command == Command::Continue { entry: 7 }).is_some());
    let mut driver = self::driver();
    driver.fact(world::interrupted()).keys("d");
    assert!(driver.command(|command| *command == Command::Discard { entry: 7 }).is_some());
}

#[test]
fn quitting_asks_while_something_writes() {
    let mut driver = driver();
    driver.keys("q");
    assert_eq!(driver.effects, [Effect::Quit]);
    let mut driver = self::driver();
    driver.fact(world::started(50, "sync cart", true)).keys("q<esc>");
    assert!(driver.effects.is_empty());
    driver.keys("q<enter>");
    assert_eq!(driver.effects, [Effect::Cancel(JobId(50)), Effect::Quit]);
}

#[test]
fn a_read_only_console_sends_no_write() {
    let mut driver = Driver::with(world::fleet(), SIZE, true);
    driver.fact(world::interrupted());
    assert!(driver.console.ui.popups.is_empty());
    driver.keys("/checkout<enter>secPxy<esc>:sync<enter><enter>y");
    assert!(driver.sent.iter().all(|(_, command)| !command.writes()), "{:?}", driver.sent);
}

#[test]
fn the_repository_filters_mappings_and_log() {
    let mut driver = driver();
    driver.keys("1jj");
    let picture = driver.picture();
    assert!(picture.contains("2 Mappings · payments") && picture.contains("3 Commits · payments"));
    assert!(picture.contains("ledger") && !picture.contains("checkout"));
}

#[test]
fn one_log_is_loaded_at_a_time() {
    let mut driver = driver();
    let logs = |driver: &Driver| {
        driver.sent.iter().filter(|(_, c)| matches!(c, Command::Log { .. })).count()
    };
    assert_eq!(logs(&driver), 1);
    driver.keys("jjjj");
    assert_eq!(logs(&driver), 1, "whoever passes by does not ask");
    driver.done(|command| matches!(command, Command::Log { .. }));
    assert_eq!(logs(&driver), 2);
}

#[test]
fn the_selection_stays_with_its_name() {
    let mut driver = driver();
    driver.keys("/c<enter><esc>jjj");
    let before = driver.console.ui.mappings.selected.clone();
    let mut status = driver.console.store.mappings["web"].status.clone();
    status.sync = gitdeck::domain::SyncState::Error;
    driver.fact(Event::MappingObserved { status: Box::new(status) });
    assert_eq!(driver.console.ui.mappings.selected, before);
}

#[test]
fn the_command_line_is_copied() {
    let mut driver = driver();
    driver.keys("/checkout<enter>y");
    assert_eq!(driver.effects, [Effect::Copy("gitdeck sync checkout".into())]);
}

#[test]
fn foreign_text_cannot_drive_the_terminal() {
    let evil = "\u{1b}]52;c;AAAA\u{7}\u{202e}txt\u{9b}31m";
    let mut store = Store::new(&world::settings(vec![world::mapping("cart", "fleet")]));
    for event in hostile(evil, &store) {
        store.apply(event);
    }
    for keys in ["", "d", "3<enter>", "5", "D", "1jD", "w", "e", "s", "?", ":"] {
        let mut driver = Driver::new(store.clone(), SIZE);
        driver.keys(keys).done(|_| true);
        let buffer = driver.buffer();
        for cell in buffer.content() {
            let dangerous = |c: char| c.is_control() || c == '\u{202e}' || c == '\u{9b}';
            assert!(!cell.symbol().contains(dangerous), "{:?} after {keys}", cell.symbol());
        }
    }
    let picture = Driver::new(store, SIZE).picture();
    assert!(picture.contains("^[]52;c;AAAA^G<U+202E>txt<U+009B>31m"), "{picture}");
}

fn hostile(evil: &str, store: &Store) -> Vec<Event> {
    let mut status = store.mappings["cart"].status.clone();
    status.message = Some(evil.into());
    status.observed_at = Some(world::now());
    let value = serde_json::json!(evil);
    let change = world::change(evil, Some(value.clone()), Some(value));
    let object = world::object(evil, evil);
    let change = Change { forced: vec![evil.into()], ..change };
    let operation = world::operation(Op::Update, Reason::Drift, object.clone(), vec![change]);
    let operation = Operation { blind: Some(evil.into()), ..operation };
    let mut plan = world::plan("cart", vec![operation], Vec::new());
    let rule = Why::Rule { rule: evil.into(), place: Some(evil.into()) };
    plan.left_out = vec![LeftOut { object, why: rule, paths: vec![evil.into()] }];
    plan.objects[0].message = evil.into();
    plan.prune_blocked = Some(evil.into());
    plan.rights_unknown = Some(evil.into());
    let commits = vec![world::commit("aaaaaaa", evil, 5, evil)];
    let subject = gitdeck::engine::Subject::Mapping("cart".into());
    vec![
        Event::MappingObserved { status: Box::new(status) },
        Event::Planned { plan: Arc::new(plan), at: world::now() },
        Event::LogLoaded { subject, skip: 0, commits, more: false },
        world::started(90, evil, true),
        Event::JobEnded { job: JobId(90), outcome: world::failure(evil, evil), at: world::now() },
        world::files("cart", &[evil, "b.yaml"]),
        world::live(evil),
    ]
}

#[test]
fn ten_thousand_mappings_build_only_what_is_visible() {
    let mappings =
        (0..10_000).map(|index| world::mapping(&format!("m{index:05}"), "fleet")).collect();
    let mut driver = Driver::new(Store::new(&world::settings(mappings)), SIZE);
    driver.keys("G");
    assert!(driver.picture().contains("m09999"));
    driver.keys("g");
    assert!(driver.picture().contains("m00000"));
}
