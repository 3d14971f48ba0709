//! What runs is exported from the console: keys in, commands and pictures out.

use crate::frames::both;
use crate::support::driver::Driver;
use crate::support::world;
use gitdeck::domain::{FileEdit, Source};
use gitdeck::engine::export::Export;
use gitdeck::engine::{Branch, Command, Event, JobId};
use std::sync::Arc;

fn is_export(command: &Command) -> bool {
    matches!(command, Command::Export { .. })
}

fn is_track(command: &Command) -> bool {
    matches!(command, Command::Track { .. })
}

/// Opens the form and fills it in.
fn fill(driver: &mut Driver) {
    driver.keys("/checkout<enter>Ebell<tab>Deployment/bell, Secret/bell<tab>app=bell");
    driver.keys("<tab><tab><tab><tab>apps/shop/bell<tab><tab><tab><c-u>cluster");
}

fn export() -> Export {
    Export {
        repository: "fleet".into(),
        edits: vec![FileEdit {
            path: "apps/shop/bell/bell.yaml".into(),
            content: Some(b"kind: Deployment\n".to_vec()),
        }],
        base: Some(world::revision("3f2a91c")),
        objects: vec!["Deployment/bell".into(), "Service/bell".into()],
        left: vec![
            "Secret shop/bell is a Secret: set `record = { secrets = \"sops\" }` to have it sealed"
                .into(),
            "ConfigMap shop/rope \u{1b}[31mbelongs to mapping checkout".into(),
        ],
        message: "export 2 objects [bell]\n\n- Deployment/bell\n- Service/bell".into(),
        diff: "--- /dev/null\n+++ b/apps/shop/bell/bell.yaml\n@@ -0,0 +1 @@\n+kind: Deployment\n"
            .into(),
    }
}

fn job(driver: &Driver) -> JobId {
    driver.sent.iter().rfind(|(_, command)| is_export(command)).expect("a look").0
}

fn looked(driver: &mut Driver) {
    let fact = Event::Exported { job: job(driver), export: Arc::new(export()) };
    driver.fact(fact).done(is_export);
}

#[test]
fn the_form_asks_for_what_the_command_line_takes() {
    both("export-form", &world::fleet(), |driver| {
        driver.keys("/checkout<enter>E");
    });
    both("export-filled", &world::fleet(), fill);
    both("export-fails", &world::fleet(), |driver| {
        fill(driver);
        let why = world::failure(
            "there is no Deployment/bell in namespace shop",
            "name objects as Kind/name, as in Deployment/web",
        );
        driver.keys("<enter>").end(why, is_export);
    });
    let mut driver = Driver::new(world::fleet(), (120, 36));
    fill(&mut driver);
    driver.keys("<enter>");
    let Some(Command::Export { new, wish }) = driver.command(is_export).cloned() else {
        panic!("nothing was asked")
    };
    assert_eq!((new.name.as_str(), new.path.as_deref()), ("bell", Some("apps/shop/bell")));
    assert_eq!((new.repository.as_deref(), new.source), (Some("fleet"), Some(Source::Cluster)));
    assert_eq!((new.context.as_deref(), new.namespace.as_deref()), (Some("prod-eu"), Some("shop")));
    assert_eq!(wish.selection.names, ["Deployment/bell", "Secret/bell"]);
    assert_eq!(
        (wish.selection.selector.as_deref(), wish.file.as_str()),
        (Some("app=bell"), "bell.yaml")
    );
    let line = Command::Export { new, wish }.line();
    assert_eq!(
        line,
        "gitdeck mapping export bell Deployment/bell Secret/bell -l app=bell --repository fleet \
         --path apps/shop/bell --file bell.yaml --source cluster --context prod-eu --namespace shop --dry-run"
    );
}

#[test]
fn what_cannot_be_asked_for_is_said_in_the_form() {
    let mut driver = Driver::new(world::fleet(), (120, 36));
    driver.keys("/checkout<enter>E<enter>");
    assert!(driver.picture().contains("a mapping has a name"), "{}", driver.picture());
    driver.keys("bell<enter>");
    assert!(driver.picture().contains("name a path"), "{}", driver.picture());
    driver.keys("<tab>bell<tab><tab><tab><tab><tab>apps/bell<enter>");
    assert!(driver.picture().contains("\"bell\" names no object"), "{}", driver.picture());
    assert!(driver.command(is_export).is_none());
    driver.keys("<esc>");
    assert!(driver.picture().contains("Esc again"), "{}", driver.picture());
    driver.keys("<esc>");
    assert!(!driver.picture().contains("Export what runs"), "{}", driver.picture());
    let mut driver = Driver::with(world::fleet(), (120, 36), true);
    driver.keys("E");
    assert!(!driver.picture().contains("Export what runs"), "{}", driver.picture());
}

#[test]
fn what_is_committed_and_what_is_left_out_is_shown_first() {
    both("export-preview", &world::fleet(), |driver| {
        fill(driver);
        driver.keys("<enter>");
        looked(driver);
    });
    both("export-diff", &world::fleet(), |driver| {
        fill(driver);
        driver.keys("<enter>");
        looked(driver);
        driver.keys("<tab>G");
    });
    let mut driver = Driver::new(world::fleet(), (120, 36));
    fill(&mut driver);
    driver.keys("<enter>");
    // Who goes on typing asks for something else.
    driver.keys("s");
    looked(&mut driver);
    assert!(!driver.picture().contains("commit and push"), "{}", driver.picture());
    assert!(driver.command(is_track).is_none());
}

#[test]
fn what_was_shown_is_committed_pushed_and_mapped() {
    let mut driver = Driver::new(world::fleet(), (120, 36));
    fill(&mut driver);
    driver.keys("<enter>");
    looked(&mut driver);
    driver.keys("l<enter>");
    let Some(Command::Track { new, edits, message, base, push, branch, .. }) =
        driver.command(is_track).cloned()
    else {
        panic!("nothing was committed")
    };
    assert_eq!((new.name.as_str(), edits, base), ("bell", export().edits, export().base));
    assert_eq!((message, push, branch), (export().message, true, None));
    let commit = world::commit("aaaaaa1", "ana", 0, "export 2 objects");
    let (repository, mapping) = ("fleet".to_owned(), "bell".to_owned());
    driver.fact(Event::Committed { repository, mapping: mapping.clone(), commit });
    assert!(driver.picture().contains("committed; pushing"), "{}", driver.picture());
    driver.fact(Event::Placed { mapping, file: "/home/ana/config.toml".into() });
    let picture = driver.picture();
    assert!(picture.contains("bell is in the configuration"), "{picture}");
    assert!(!picture.contains("Export what runs") && !picture.contains("commit and push"));
    driver.end(world::failure("the branch is protected", "ask for a pull request"), is_track);
    let picture = driver.picture();
    assert!(picture.contains("fleet: not pushed") && picture.contains("is protected"), "{picture}");

    let mut driver = Driver::new(world::fleet(), (120, 36));
    fill(&mut driver);
    driver.keys("<enter>");
    looked(&mut driver);
    driver.keys("<esc>");
    assert!(!driver.picture().contains("reading what is there"), "{}", driver.picture());
    driver.keys("<enter>");
    looked(&mut driver);
    driver.keys("hy");
    let line = format!("{:?}", driver.effects.last());
    assert!(line.contains("mapping export bell") && line.contains("--pull-request"), "{line}");
    driver.keys("<enter>");
    let Some(Command::Track { branch, .. }) = driver.command(is_track) else {
        panic!("nothing was committed")
    };
    assert_eq!(*branch, Some(Branch::Generated));
    driver.end(world::failure("there is something at apps/shop/bell", "another path"), is_track);
    let picture = driver.picture();
    assert!(picture.contains("there is something") && picture.contains("commit and push"));
}
