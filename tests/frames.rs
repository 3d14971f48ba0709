//! Keys in, picture out: every pane, popup and form, at both sizes.

use crate::support::driver::Driver;
use crate::support::world;
use gitdeck::domain::{
    Change, CommitDetails, FileChange, MissingRights, Op, Operation, Reason, Refusal,
    repository::FileChangeKind,
};
use gitdeck::engine::event::{ClusterState, StepResult};
use gitdeck::engine::{Command, Event, Store, Subject};
use gitdeck::tui::glyphs::ASCII;
use gitdeck::tui::style::{THEMES, Theme};
use ratatui::buffer::Buffer;
use std::sync::Arc;

const WIDE: (u16, u16) = (120, 36);
const NARROW: (u16, u16) = (80, 24);

/// Compares a picture with the one in `snapshots/`.
fn shot(name: &str, text: &str) {
    let mut settings = insta::Settings::clone_current();
    settings.set_snapshot_path("../snapshots");
    settings.set_prepend_module_to_snapshot(false);
    settings.set_omit_expression(true);
    settings.bind(|| insta::assert_snapshot!(name, text));
}

/// Drives the same world to the same place at both sizes.
pub fn both(name: &str, store: &Store, drive: impl Fn(&mut Driver)) {
    for (size, word) in [(WIDE, "120x36"), (NARROW, "80x24")] {
        let mut driver = Driver::new(store.clone(), size);
        drive(&mut driver);
        shot(&format!("{name}-{word}"), &driver.picture());
    }
}

pub fn is_plan(command: &Command) -> bool {
    matches!(command, Command::Plan { .. })
}

#[test]
fn main_screen() {
    both("main", &world::fleet(), |_| {});
}

#[test]
fn drift_names_its_culprit() {
    both("drift", &world::fleet(), |driver| {
        driver.keys("/checkout<enter>d");
    });
}

#[test]
fn texts_secrets_and_long_values() {
    both("diff", &world::fleet(), |driver| {
        driver.keys("/cart<enter>dz");
    });
    both("left-out", &world::fleet(), |driver| {
        driver.keys("/cart<enter>dzi");
    });
    both("diff-folded", &world::fleet(), |driver| {
        driver.keys("/cart<enter>df");
    });
}

#[test]
fn each_list_in_focus() {
    both("repositories", &world::fleet(), |driver| {
        driver.keys("1j");
    });
    both("commits", &world::fleet(), |driver| {
        driver.keys("/checkout<enter>3j");
    });
    both("sync", &world::fleet(), |driver| {
        driver.keys("/checkout<enter>5");
    });
}

#[test]
fn nothing_configured() {
    both("empty", &Store::default(), |_| {});
}

#[test]
fn nothing_known_yet() {
    let mappings = ["checkout", "cart"].map(|name| world::mapping(name, "fleet")).to_vec();
    both("loading", &Store::new(&world::settings(mappings)), |_| {});
}

#[test]
fn a_cluster_out_of_reach() {
    both("stale", &world::fleet(), |driver| {
        let state = ClusterState::Stale {
            since: world::ago(240),
            reason: "connection refused (10.0.0.1:6443)".into(),
        };
        driver.fact(Event::ClusterObserved { context: "prod-eu".into(), state });
        driver.keys("/catalog<enter>");
    });
}

#[test]
fn help_and_palette() {
    both("help", &world::fleet(), |driver| {
        driver.keys("?");
    });
    both("palette", &world::fleet(), |driver| {
        driver.keys(":sus");
    });
}

#[test]
fn a_sync_is_asked_about() {
    both("confirm-sync", &world::fleet(), |driver| {
        driver.keys("/checkout<enter>s").done(is_plan);
    });
}

#[test]
fn a_sync_of_production_with_deletions() {
    let store = world::fleet();
    both("confirm-production", &store, |driver| {
        let gone = (0..7).map(|index| {
            let object = world::object("ConfigMap", &format!("ledger-{index}"));
            world::operation(Op::Delete, Reason::Prune, object, Vec::new())
        });
        let because = "more than the limit of 5".to_owned();
        let refusals = vec![Refusal::Deletions { count: 7, because }];
        let plan = Arc::new(world::plan("ledger", gone.collect(), refusals));
        driver.fact(Event::Planned { plan, at: world::now() });
        driver.keys("/ledger<enter>s").done(is_plan).keys("8<enter>");
    });
}

/// A creation that nobody could try, and an update that takes a value from somebody.
fn untried(driver: &mut Driver) {
    let path = "/spec/replicas";
    let change = Change {
        forced: vec!["kubectl-edit".into()],
        ..world::change(path, Some(5.into()), Some(3.into()))
    };
    let create = |kind: &str, blind: &str| Operation {
        blind: Some(blind.into()),
        ..world::operation(Op::Create, Reason::Commit, world::object(kind, "checkout"), Vec::new())
    };
    let deployment = world::object("Deployment", "checkout");
    let operations = vec![
        create("Certificate", "kind Certificate is not there yet"),
        create("ConfigMap", "namespace shop is not there yet"),
        world::operation(Op::Update, Reason::Drift, deployment, vec![change]),
    ];
    let plan = Arc::new(world::plan("checkout", operations, Vec::new()));
    driver.fact(Event::Planned { plan, at: world::now() });
}

#[test]
fn what_nobody_tried_and_what_is_forced_is_marked() {
    both("blind-and-forced", &world::fleet(), |driver| {
        untried(driver);
        driver.keys("/checkout<enter>dz");
    });
    both("confirm-blind", &world::fleet(), |driver| {
        untried(driver);
        driver.keys("/checkout<enter>s").done(is_plan);
    });
}

#[test]
fn what_blocks_a_sync() {
    both("confirm-blocked", &world::fleet(), |driver| {
        let object = world::object("Deployment", "catalog");
        let refusals = vec![
            Refusal::Foreign { object: object.clone(), owner: "argocd, application shop".into() },
            Refusal::Immutable { object, fields: vec!["spec.selector".into()] },
        ];
        let plan = Arc::new(world::plan("catalog", Vec::new(), refusals));
        driver.fact(Event::Planned { plan, at: world::now() });
        driver.keys("/catalog<enter>s").done(is_plan);
    });
}

#[test]
fn rights_that_are_missing() {
    both("confirm-rights", &world::fleet(), |driver| {
        let object = world::object("ConfigMap", "catalog-old");
        let gone = world::operation(Op::Delete, Reason::Prune, object, Vec::new());
        let missing = MissingRights {
            verbs: vec!["delete".into()],
            resource: "configmaps".into(),
            namespace: Some("shop".into()),
            objects: 1,
            identity: Some("jane@example.com".into()),
            context: "prod-eu".into(),
        };
        let refusals = vec![Refusal::Rights(missing)];
        let plan = Arc::new(world::plan("catalog", vec![gone], refusals));
        driver.fact(Event::Planned { plan, at: world::now() });
        driver.keys("/catalog<enter>s").done(is_plan);
        assert!(driver.picture().contains("may not delete configmaps in shop"));
    });
}

#[test]
fn a_sync_on_its_way() {
    both("syncing", &world::fleet(), |driver| {
        driver.keys("/cart<enter>5");
        driver.fact(world::started(50, "sync cart", true));
        driver.fact(world::progressed(50, 2, 4, "Deployment shop/cart"));
        let steps = [
            ("ConfigMap", StepResult::Done),
            (
                "Secret",
                StepResult::Failed("admission webhook \"policy\" denied the request".into()),
            ),
            ("Deployment", StepResult::Started),
        ];
        for (kind, result) in steps {
            let (object, verb) = (world::object(kind, "cart"), "update".to_owned());
            driver.fact(Event::StepTaken { mapping: "cart".into(), object, verb, result });
        }
    });
}

#[test]
fn the_editor() {
    both("editor", &world::fleet(), |driver| {
        driver.keys("/cart<enter>e").fact(world::files("cart", &["deployment.yaml"]));
        driver.done(|command| matches!(command, Command::Files { .. }));
        driver.keys("<down><down><down><down><down><end><bs>4<c-f>image");
    });
    both("editor-leave", &world::fleet(), |driver| {
        driver.keys("/cart<enter>e").fact(world::files("cart", &["deployment.yaml"]));
        driver.done(|command| matches!(command, Command::Files { .. }));
        driver.keys("x<esc>");
    });
}

#[test]
fn the_picker_of_files() {
    both("picker", &world::fleet(), |driver| {
        driver.keys("/cart<enter>e");
        driver.fact(world::files("cart", &["deployment.yaml", "service.yaml", "ingress.yaml"]));
        driver.done(|command| matches!(command, Command::Files { .. }));
        driver.keys("<down>");
    });
}

fn to_the_form(driver: &mut Driver, faults: &[&str]) {
    to_the_form_with(driver, world::drafted("cart", faults));
}

fn to_the_form_with(driver: &mut Driver, drafted: Event) {
    driver.keys("/cart<enter>e").fact(world::files("cart", &["deployment.yaml"]));
    driver.done(|command| matches!(command, Command::Files { .. }));
    driver.keys("<down><down><down><down><down><end><bs>4<c-s>");
    driver.fact(drafted);
    driver.done(|command| matches!(command, Command::Draft { .. }));
}

#[test]
fn the_commit_form() {
    both("commit-form", &world::fleet(), |driver| to_the_form(driver, &[]));
    both("commit-form-faults", &world::fleet(), |driver| {
        to_the_form(driver, &["apps/shop/cart/deployment.yaml:6: replicas: expected a number"]);
    });
    both("commit-form-server", &world::fleet(), |driver| {
        let mut drafted = world::drafted("cart", &[]);
        if let Event::Drafted { tried, .. } = &mut drafted {
            tried.refused = vec![
                "apps/shop/cart/deployment.yaml:1: Deployment cart: Deployment.apps \"cart\" is invalid: spec.replicas: Invalid value: -4: must be greater than or equal to 0".into(),
            ];
            tried.untold = vec!["ConfigMap cart: namespaces \"shop\" not found\u{1b}[31m".into()];
        }
        to_the_form_with(driver, drafted);
    });
    both("commit-form-also", &world::fleet(), |driver| {
        let mut drafted = world::drafted("cart", &[]);
        if let Event::Drafted { tried, .. } = &mut drafted {
            tried.also = vec!["checkout (2 objects)".into(), "web\u{1b}[31m (1 object)".into()];
        }
        to_the_form_with(driver, drafted);
    });
}

#[test]
fn a_push_is_asked_about() {
    both("confirm-push", &world::fleet(), |driver| {
        waiting_commit(driver);
        driver.keys("/checkout<enter>P");
    });
}

fn waiting_commit(driver: &mut Driver) {
    let mut commits = world::commits();
    commits[0].pending = true;
    let Event::RepositoryObserved { name, mut state } = world::fetched("fleet", 12, "8801c7e")
    else {
        unreachable!("a repository is observed");
    };
    state.pending = 1;
    driver.fact(Event::RepositoryObserved { name, state });
    let subject = Subject::Repository("fleet".into());
    driver.fact(Event::LogLoaded { subject, skip: 0, commits, more: false });
}

#[test]
fn a_suspension_asks_why() {
    both("suspend", &world::fleet(), |driver| {
        driver.keys("/checkout<enter>xmonth end<tab>2h");
    });
    both("suspend-wrong", &world::fleet(), |driver| {
        driver.keys("/checkout<enter>x<tab>tomorrow<enter>");
    });
}

#[test]
fn work_that_was_interrupted() {
    both("interrupted", &world::fleet(), |driver| {
        driver.fact(world::interrupted());
    });
}

#[test]
fn leaving_while_something_writes() {
    both("quit", &world::fleet(), |driver| {
        driver.fact(world::started(50, "sync cart", true));
        driver.fact(world::progressed(50, 2, 4, "Deployment shop/cart")).keys("q");
    });
}

#[test]
fn a_commit_is_read() {
    both("show", &world::fleet(), |driver| {
        driver.keys("/checkout<enter>3<enter>");
        let details = CommitDetails {
            commit: world::commits().remove(0),
            files: vec![FileChange {
                path: "apps/shop/checkout/deployment.yaml".into(),
                old_path: None,
                kind: FileChangeKind::Modified,
                added: 1,
                removed: 1,
            }],
            patch: "@@ -10,3 +10,3 @@\n-          image: shop/checkout:1.4.1\n+          image: \
                    shop/checkout:1.4.2\n"
                .into(),
            truncated: false,
        };
        let details = Arc::new(details);
        driver.fact(Event::CommitLoaded { repository: "fleet".into(), details });
        driver.done(|command| matches!(command, Command::Show { .. }));
    });
}

#[test]
fn a_mapping_and_a_repository_are_described() {
    both("describe", &world::fleet(), |driver| {
        driver.keys("/search<enter>D");
    });
    both("describe-repository", &world::fleet(), |driver| {
        driver.keys("1GD");
    });
}

#[test]
fn the_list_of_work() {
    both("activity", &world::fleet(), |driver| {
        driver.fact(world::started(50, "sync web", true));
        let at = world::ago(1);
        let outcome = world::failure(
            "Deployment shop/web: quota exceeded in namespace shop",
            "ask for a higher quota, or lower the requests",
        );
        driver.fact(Event::JobEnded { job: gitdeck::engine::JobId(50), outcome, at });
        driver.fact(world::started(51, "sync cart", true));
        driver.fact(world::progressed(51, 2, 4, "Deployment shop/cart")).keys("wj");
    });
}

#[test]
fn several_are_marked() {
    both("marked", &world::fleet(), |driver| {
        driver.keys("jjj<space><space>");
    });
}

#[test]
fn a_read_only_console() {
    let mut driver = Driver::with(world::fleet(), WIDE, true);
    shot("read-only-120x36", &driver.picture());
}

#[test]
fn a_screen_that_is_too_small() {
    for size in [(59, 15), (30, 5), (5, 2), (1, 1)] {
        let mut driver = Driver::new(world::fleet(), size);
        shot(&format!("small-{}x{}", size.0, size.1), &driver.picture());
    }
}

#[test]
fn signs_in_ascii() {
    let mut driver = Driver::new(world::fleet(), NARROW);
    driver.keys("/checkout<enter>d").look(|look| look.glyphs = ASCII);
    let picture = driver.picture();
    assert!(picture.is_ascii(), "{picture}");
    shot("ascii-80x24", &picture);
}

/// Every theme once: runs of cells with their style.
#[test]
fn themes() {
    for (name, _) in THEMES {
        let mut driver = Driver::new(world::fleet(), NARROW);
        driver.keys("/cart<enter>");
        driver.look(|look| look.theme = Theme::named(name).expect("a theme"));
        shot(&format!("theme-{name}"), &styles(&driver.buffer()));
    }
}

#[test]
fn no_colour_strips_colours_and_keeps_emphasis() {
    let mut driver = Driver::new(world::fleet(), NARROW);
    driver.look(|look| {
        look.theme = Theme::named("none").expect("a theme");
        look.no_colour = true;
    });
    let buffer = driver.buffer();
    let reset = ratatui::style::Color::Reset;
    assert!(buffer.content().iter().all(|cell| cell.fg == reset && cell.bg == reset));
    let reverse = ratatui::style::Modifier::REVERSED;
    assert!(buffer.content().iter().any(|cell| cell.modifier.contains(reverse)));
}

fn styles(buffer: &Buffer) -> String {
    let mut out = String::new();
    for y in 0..buffer.area.height {
        let mut run = String::new();
        let mut last = buffer[(0, y)].style();
        for x in 0..buffer.area.width {
            let cell = &buffer[(x, y)];
            if cell.style() != last {
                describe(&mut out, &run, last);
                run.clear();
                last = cell.style();
            }
            run.push_str(cell.symbol());
        }
        describe(&mut out, &run, last);
        out.push('\n');
    }
    out
}

fn describe(out: &mut String, run: &str, style: ratatui::style::Style) {
    use std::fmt::Write;
    let _ = write!(out, "[{run}]");
    for (sign, colour) in [("", style.fg), ("/", style.bg)] {
        if let Some(colour) = colour.filter(|colour| *colour != ratatui::style::Color::Reset) {
            let _ = write!(out, "{sign}{colour}");
        }
    }
    if !style.add_modifier.is_empty() {
        let _ = write!(out, "!{:?}", style.add_modifier);
    }
}
