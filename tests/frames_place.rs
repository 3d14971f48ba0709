//! Mappings that are imported or put elsewhere, in the console: keys in, commands and pictures out.

use crate::frames::both;
use crate::support::driver::Driver;
use crate::support::world;
use gitdeck::domain::{Op, Plan, Reason, Refusal};
use gitdeck::engine::outlook::{Outlook, Placement, Placing};
use gitdeck::engine::{Command, Event, JobId, Outcome};
use std::sync::Arc;

fn is_paths(command: &Command) -> bool {
    matches!(command, Command::Paths { .. })
}

fn is_look(command: &Command) -> bool {
    matches!(command, Command::Foresee(_))
}

fn is_place(command: &Command) -> bool {
    matches!(command, Command::Place(_))
}

/// The job of the last command that passes.
fn job(driver: &Driver, which: impl Fn(&Command) -> bool) -> JobId {
    driver.sent.iter().rfind(|(_, command)| which(command)).expect("such a command").0
}

fn listed(driver: &mut Driver) {
    let paths = ["README.md", "apps/", "apps/shop/", "apps/shop/bell/", "apps/shop/bell/a.yaml"];
    let paths = Arc::new(paths.map(str::to_owned).to_vec());
    driver.keys("1jI").fact(Event::PathsListed { repository: "fleet".into(), paths });
    driver.done(is_paths);
}

fn placement(driver: &Driver) -> Placement {
    match driver.command(is_place) {
        Some(Command::Place(placement)) => placement.as_ref().clone(),
        _ => panic!("nothing was placed"),
    }
}

fn plan(mapping: &str, refusals: Vec<Refusal>) -> Plan {
    let create =
        world::operation(Op::Create, Reason::Commit, world::object("Deployment", mapping), vec![]);
    let delete =
        world::operation(Op::Delete, Reason::Prune, world::object("Service", mapping), vec![]);
    world::plan(mapping, vec![create, delete], refusals)
}

/// What the look found out.
fn foreseen(driver: &mut Driver, outlook: Outlook) {
    let fact = Event::Foreseen { job: job(driver, is_look), outlook: Arc::new(outlook) };
    driver.fact(fact).done(is_look);
}

fn new(refusals: Vec<Refusal>) -> Outlook {
    Outlook {
        mapping: world::mapping("bell", "fleet"),
        before: None,
        file: "/home/ana/.config/gitdeck/config.toml".into(),
        plan: Arc::new(plan("bell", refusals)),
        said: vec!["apps/shop/bell of fleet at 3f2a91c, to prod-eu/shop".into()],
    }
}

fn moved() -> Outlook {
    let mapping = world::mapping("checkout", "fleet");
    let because = "something else backs the mapping from then on".into();
    Outlook {
        before: Some(mapping.clone()),
        mapping: gitdeck::domain::Mapping { path: "apps/shop/bell".into(), ..mapping },
        plan: Arc::new(plan("checkout", vec![Refusal::Deletions { count: 1, because }])),
        said: vec![
            "made from apps/shop/bell of fleet instead of apps/shop/checkout of fleet".into(),
            "a sync would clean 1, deploy or change 1".into(),
        ],
        ..new(Vec::new())
    }
}

#[test]
fn a_path_is_chosen_named_looked_at_and_confirmed() {
    both("import-path", &world::fleet(), listed);
    both("import-form", &world::fleet(), |driver| {
        listed(driver);
        driver.keys("bell<enter>");
    });
    both("import", &world::fleet(), |driver| {
        listed(driver);
        driver.keys("bell<enter><enter>");
        foreseen(driver, new(Vec::new()));
    });
    let mut driver = Driver::new(world::fleet(), (120, 36));
    listed(&mut driver);
    driver.keys("bell<enter><enter>");
    foreseen(&mut driver, new(Vec::new()));
    driver.buffer();
    let line = "gitdeck mapping import bell --repository fleet --path apps/shop/bell --context prod-eu --namespace shop";
    assert!(driver.picture().contains("gitdeck mapping import bell"), "{}", driver.picture());
    driver.keys("<enter>");
    let placed = placement(&driver);
    assert_eq!(placed.line(), line);
    let options = placed.sync.expect("a sync");
    assert_eq!((&placed.digest[..], options.wait.is_some()), ("digest-of-bell", true));
    driver.fact(Event::Placed { mapping: "bell".into(), file: "config.toml".into() });
    assert!(driver.console.ui.popups.is_empty());
}

#[test]
fn what_belongs_to_others_is_taken_over_only_where_somebody_says_so() {
    let mut driver = Driver::new(world::fleet(), (120, 36));
    listed(&mut driver);
    driver.keys("bell<enter><enter>");
    let object = world::object("Deployment", "bell");
    let owner = "mapping web of gitdeck".to_owned();
    foreseen(&mut driver, new(vec![Refusal::Foreign { object, owner }]));
    driver.buffer();
    driver.keys("<enter>");
    assert_eq!(driver.command(is_place), None);
    driver.keys("t");
    let Some(Command::Foresee(again)) = driver.sent.last().map(|(_, command)| command) else {
        panic!("no second look")
    };
    assert!(again.options.take_over);
}

#[test]
fn another_place_wants_the_number_of_what_it_deletes() {
    both("place-form", &world::fleet(), |driver| {
        driver.keys("/checkout<enter>M<tab>apps/shop/bell");
    });
    both("place", &world::fleet(), |driver| {
        driver.keys("/checkout<enter>M<tab>apps/shop/bell<enter>");
        foreseen(driver, moved());
    });
    let mut driver = Driver::new(world::fleet(), (120, 36));
    driver.keys("/checkout<enter>M<tab>apps/shop/bell<enter>");
    foreseen(&mut driver, moved());
    driver.buffer();
    driver.keys("<enter>");
    assert_eq!(driver.command(is_place), None, "the number is asked for");
    driver.keys("1<enter>");
    let placed = placement(&driver);
    assert!(placed.sync.is_none(), "the configuration alone");
    let Placing::Changed(change) = placed.placing else { panic!("a change") };
    assert_eq!((&change.name[..], change.path.as_deref()), ("checkout", Some("apps/shop/bell")));
    assert_eq!((change.repository, change.source), (None, None));

    // The other answer is there, and the number is asked for just the same.
    let mut driver = Driver::new(world::fleet(), (120, 36));
    driver.keys("/checkout<enter>M<tab>apps/shop/bell<enter>");
    let mut outlook = moved();
    outlook.plan = Arc::new(plan("checkout", Vec::new()));
    outlook.mapping.production = true;
    foreseen(&mut driver, outlook);
    driver.keys("<c-s><enter>");
    assert_eq!(driver.command(is_place), None, "the name is asked for");
    assert!(driver.picture().contains("Enter and sync"), "{}", driver.picture());
    driver.keys("checkout<enter>");
    assert!(placement(&driver).sync.is_some());
}

#[test]
fn a_form_gets_no_question_of_another_one() {
    let mut driver = Driver::new(world::fleet(), (120, 36));
    driver.keys("/checkout<enter>M<tab>apps/shop/bell<enter><esc><esc>Mother");
    foreseen(&mut driver, moved());
    assert!(!driver.picture().contains("Change checkout?"), "{}", driver.picture());
    driver.keys("<enter>");
    assert_eq!(driver.command(is_place), None);
    // What was typed since makes it another one, too.
    driver.keys("<esc><esc>M<tab>apps/shop/bell<enter>s");
    foreseen(&mut driver, moved());
    assert!(!driver.picture().contains("Change checkout?"), "{}", driver.picture());
}

#[test]
fn what_cannot_be_is_said_in_the_form() {
    let mut driver = Driver::new(world::fleet(), (120, 36));
    driver.keys("/checkout<enter>M<enter>");
    assert!(driver.picture().contains("fill in what shall be another one"));
    driver.keys("<tab>void<enter>");
    let failure = world::failure("there is no \"void\" in fleet", "near it are apps/shop");
    driver.end(failure, is_look);
    let picture = driver.picture();
    assert!(picture.contains("there is no \"void\" in fleet; near it are apps/shop"), "{picture}");
    driver.keys("<esc><esc>");
    assert!(driver.console.ui.popups.is_empty());
    driver.keys("M<tab>x<enter>");
    driver.keys("<esc><esc>").end(Outcome::Done("x".into()), is_look);
    assert!(driver.console.ui.popups.is_empty(), "nobody asks any more");
}

#[test]
fn what_was_typed_into_the_form_is_dropped_only_when_somebody_insists() {
    let mut driver = Driver::new(world::fleet(), (120, 36));
    driver.keys("/checkout<enter>M");
    let empty = driver.picture();
    driver.keys("<esc>");
    assert_ne!(driver.picture(), empty, "an empty form closes at once");
    driver.keys("Mpayments<esc>");
    assert!(driver.picture().contains("Esc again drops what was typed"), "{}", driver.picture());
    driver.keys("<tab><esc>");
    assert!(driver.picture().contains("payments"), "{}", driver.picture());
    driver.keys("<esc>");
    assert!(!driver.picture().contains("Esc again drops"), "{}", driver.picture());
}
