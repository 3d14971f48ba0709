//! Adopting, and setting images and values: keys in, commands and pictures out.

use crate::frames::both;
use crate::support::driver::Driver;
use crate::support::world;
use gitdeck::domain::{FileEdit, Plan};
use gitdeck::engine::{Alteration, Branch, Command, Event, Proposal};
use std::sync::Arc;

fn driver() -> Driver {
    let mut driver = Driver::new(world::fleet(), (120, 36));
    driver.fact(drifted(world::drift()));
    driver.keys("/checkout<enter>");
    driver
}

fn drifted(plan: Plan) -> Event {
    Event::Planned { plan: Arc::new(plan), at: world::now() }
}

fn is_proposal(command: &Command) -> bool {
    matches!(command, Command::Propose { .. })
}

/// What the engine was asked for last.
fn asked(driver: &Driver) -> Alteration {
    match driver.command(is_proposal) {
        Some(Command::Propose { alteration, .. }) => alteration.clone(),
        _ => panic!("nothing was proposed"),
    }
}

fn proposal(alteration: Alteration, choices: &[&str]) -> Event {
    let edit = FileEdit {
        path: "apps/shop/checkout/deployment.yaml".into(),
        content: Some(b"spec:\n  replicas: 5\n".to_vec()),
    };
    let proposal = Proposal {
        alteration,
        edits: Arc::new(if choices.is_empty() { vec![edit] } else { Vec::new() }),
        base: Some(world::revision("3f2a91c")),
        left: vec!["Secret shop/token is a Secret".into()],
        choices: choices.iter().map(|file| (*file).to_owned()).collect(),
    };
    Event::Proposed { mapping: "checkout".into(), proposal: Arc::new(proposal) }
}

#[test]
fn everything_of_a_mapping_or_what_the_cursor_is_on_is_adopted() {
    let mut driver = driver();
    driver.keys("a");
    assert_eq!(asked(&driver), Alteration::Adopt { picks: Vec::new(), into: None });
    driver.keys("4ga");
    let object = match asked(&driver) {
        Alteration::Adopt { picks, .. } => picks[0].clone(),
        other => panic!("{other:?}"),
    };
    assert!(object.contains("Deployment") && !object.contains(":/"), "{object}");
    driver.keys("ja");
    let Alteration::Adopt { picks, .. } = asked(&driver) else { panic!("no adoption") };
    assert!(picks[0].starts_with(&object) && picks[0].contains(":/"), "{picks:?}");
}

#[test]
fn the_form_of_an_adoption_shows_diff_message_and_what_is_left_out() {
    both("adopt", &world::fleet(), |driver| {
        driver.fact(drifted(world::drift())).keys("/checkout<enter>a");
        let alteration = asked(driver);
        driver.fact(proposal(alteration, &[])).fact(world::drafted("checkout", &[]));
        driver.done(is_proposal);
    });
    let mut driver = driver();
    driver.keys("a");
    let alteration = asked(&driver);
    driver.fact(proposal(alteration.clone(), &[])).fact(world::drafted("checkout", &[]));
    driver.done(is_proposal).keys("<right>");
    assert!(driver.picture().contains("gitdeck adopt checkout --push"), "{}", driver.picture());
    driver.keys("<enter>");
    let Some(Command::Commit { of, base, push, edits, .. }) =
        driver.command(|command| matches!(command, Command::Commit { .. }))
    else {
        panic!("no commit");
    };
    assert_eq!((of.as_deref(), *push, edits.len()), (Some(&alteration), true, 1));
    assert_eq!(*base, Some(world::revision("3f2a91c")));
}

#[test]
fn a_file_is_chosen_where_several_could_take_the_values() {
    let mut driver = driver();
    driver.keys("a");
    let alteration = asked(&driver);
    driver.fact(proposal(alteration, &["overlays/prod/kustomization.yaml", "base/web.yaml"]));
    driver.done(is_proposal);
    assert!(driver.picture().contains("2  base/web.yaml"), "{}", driver.picture());
    driver.keys("2");
    let into = Some("base/web.yaml".to_owned());
    assert_eq!(asked(&driver), Alteration::Adopt { picks: Vec::new(), into });
}

#[test]
fn why_nothing_is_adopted_is_shown() {
    let mut driver = driver();
    driver.keys("a").end(world::failure("a chart computes it", "edit its values"), is_proposal);
    let picture = driver.picture();
    assert!(
        picture.contains("nothing was changed") && picture.contains("edit its values"),
        "{picture}"
    );
}

#[test]
fn images_and_values_are_asked_for() {
    let mut driver = driver();
    driver.keys("bcheckout<enter>");
    assert!(driver.command(is_proposal).is_none(), "no version was named");
    driver.keys("=1.5.0<enter>");
    let image = Alteration::Image { name: "checkout".into(), reference: "1.5.0".into() };
    assert_eq!(asked(&driver), image);
    driver.keys("vDeployment/checkout:/spec/replicas=5<enter>");
    let value =
        Alteration::Value { path: "Deployment/checkout:/spec/replicas".into(), value: "5".into() };
    assert_eq!(asked(&driver), value);
}

#[test]
fn a_commit_may_go_to_a_branch_of_its_own() {
    let mut driver = driver();
    driver.keys("a");
    let alteration = asked(&driver);
    driver.fact(proposal(alteration, &[])).fact(world::drafted("checkout", &[]));
    driver.done(is_proposal).keys("<right><right>");
    assert!(
        driver.picture().contains("gitdeck adopt checkout --pull-request"),
        "{}",
        driver.picture()
    );
    driver.keys("<enter>");
    let is_commit = |command: &Command| matches!(command, Command::Commit { .. });
    let Some(Command::Commit { push, branch, .. }) = driver.command(is_commit) else {
        panic!("no commit")
    };
    assert_eq!((*push, branch), (false, &Some(Branch::Generated)));
    let commit = world::commits().remove(0);
    driver.fact(Event::Offered {
        mapping: "checkout".into(),
        commit,
        branch: "gitdeck/checkout-20261120-100000".into(),
        address: Some("https://git.example.com/new?x\u{1b}[31m".into()),
        said: "visit the page\u{7}\n".into(),
    });
    let picture = driver.picture();
    assert!(
        picture.contains("A pull request is opened here:") && picture.contains("server: visit"),
        "{picture}"
    );
    assert!(!picture.contains('\u{1b}') && !picture.contains("Commit to checkout"), "{picture}");
}
