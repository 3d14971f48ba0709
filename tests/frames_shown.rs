//! A commit with what it makes of objects: keys in, commands and pictures out.

use crate::frames::both;
use crate::support::driver::Driver;
use crate::support::world;
use gitdeck::domain::rendered::{RenderFaults, RenderedMapping, RenderedObject};
use gitdeck::domain::{Author, Change, CommitDetails, ObjectRef, Op, RenderedCommit};
use gitdeck::engine::{Command, Event, Outcome};
use serde_json::{Value, json};
use std::sync::Arc;

fn is_show(command: &Command) -> bool {
    matches!(command, Command::Show { .. })
}

fn is_render(command: &Command) -> bool {
    matches!(command, Command::RenderCommit { .. })
}

fn open(driver: &mut Driver) {
    driver.keys("/checkout<enter>3<enter>");
    let commit = world::commits().remove(0);
    let patch = "@@ -1 +1 @@\n-  tag: 1.4.1\n+  tag: 1.4.2\n".to_owned();
    let details = CommitDetails { commit, files: Vec::new(), patch, truncated: false };
    let details = Arc::new(details);
    driver.fact(Event::CommitLoaded { repository: "fleet".into(), details }).done(is_show);
}

fn change(path: &str, before: Value, after: Value, redacted: bool) -> Change {
    Change {
        path: path.into(),
        before: Some(before),
        after: Some(after),
        live_manager: None,
        live_time: None,
        forced: Vec::new(),
        commit: None,
        redacted,
    }
}

fn rendered() -> Event {
    let object = |kind: &str, op, changes| {
        let object = json!({"apiVersion": "v1", "kind": kind, "metadata": {"name": "checkout"}});
        let object = ObjectRef::of(&object).unwrap();
        RenderedObject {
            op,
            object,
            replaces: None,
            file: "apps/shop/checkout/all.yaml".into(),
            changes,
        }
    };
    let image = "/spec/template/spec/containers/[name=app]/image";
    let text =
        change("/data/app.conf", json!("a = 1\nb = 2\n"), json!("a = 1\nb = \u{1b}[31m3\n"), false);
    let objects = vec![
        object(
            "Deployment",
            Op::Update,
            vec![change(image, json!("checkout:1.4.1"), json!("checkout:1.4.2"), false)],
        ),
        object("ConfigMap", Op::Update, vec![text]),
        object("Secret", Op::Update, vec![change("/data/token", Value::Null, Value::Null, true)]),
        object("Service", Op::Delete, Vec::new()),
    ];
    let faults = RenderFaults { before: Some("apps/cart/a.yaml:3: no value".into()), after: None };
    let one = RenderedMapping {
        mapping: "checkout".into(),
        objects,
        unchanged: 2,
        faults: RenderFaults::default(),
    };
    let two = RenderedMapping { mapping: "cart".into(), objects: Vec::new(), unchanged: 0, faults };
    let revision = world::commits().remove(0).revision;
    let rendered =
        RenderedCommit { repository: "fleet".into(), revision, mappings: vec![one, two] };
    Event::CommitRendered { rendered: Arc::new(rendered) }
}

#[test]
fn a_committer_who_is_not_the_author_is_named() {
    both("show-committer", &world::fleet(), |driver| {
        driver.keys("/checkout<enter>3<enter>");
        let mut commit = world::commits().remove(0);
        let committer = Author { name: "Bot \u{1b}[1m".into(), email: "bot@example.com".into() };
        commit.committer = Some(committer);
        let patch = "@@ -1 +1 @@\n-  tag: 1.4.1\n+  tag: 1.4.2\n".to_owned();
        let details = CommitDetails { commit, files: Vec::new(), patch, truncated: false };
        let details = Arc::new(details);
        driver.fact(Event::CommitLoaded { repository: "fleet".into(), details }).done(is_show);
    });
}

#[test]
fn a_commit_is_shown_by_its_files_or_by_its_objects() {
    both("show-rendered", &world::fleet(), |driver| {
        open(driver);
        driver.keys("r").fact(rendered()).done(is_render);
    });
    let mut driver = Driver::new(world::fleet(), (120, 36));
    open(&mut driver);
    // What was stopped is asked for again, of the repository that is looked at.
    driver.keys("r").end(Outcome::Cancelled, is_render);
    assert!(driver.picture().contains("stopped"), "{}", driver.picture());
    driver.keys("r");
    let Some(Command::RenderCommit { repository, .. }) = driver.command(is_render) else {
        panic!("nothing was asked")
    };
    assert_eq!(repository.as_deref(), Some("fleet"));
    let before = driver.sent.iter().filter(|(_, command)| is_render(command)).count();
    driver.keys("r");
    assert_eq!(driver.sent.iter().filter(|(_, command)| is_render(command)).count(), before + 1);
    driver.end(Outcome::Cancelled, is_render).keys("r");
    assert!(driver.picture().contains("r rendered"), "{}", driver.picture());
    driver.keys("r");
    assert!(driver.picture().contains("r rendering") && driver.picture().contains("tag: 1.4.2"));
    driver.fact(rendered()).done(is_render);
    assert!(driver.picture().contains("--rendered") && !driver.picture().contains("tag: 1.4.2"));
    driver.keys("r");
    assert!(driver.picture().contains("tag: 1.4.2"), "{}", driver.picture());
    let asked = driver.sent.iter().filter(|(_, command)| is_render(command)).count();
    driver.keys("r");
    // It is known by now.
    assert!(!driver.picture().contains("tag: 1.4.2"));
    assert_eq!(driver.sent.iter().filter(|(_, command)| is_render(command)).count(), asked);
}
