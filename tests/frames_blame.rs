//! Who set each field: keys in, commands and pictures out.

use crate::frames::both;
use crate::support::driver::Driver;
use crate::support::world;
use gitdeck::domain::blame::leaves;
use gitdeck::domain::{Blame, BlamedField, BlamedObject, ObjectRef};
use gitdeck::engine::{Command, Event};
use serde_json::json;
use std::sync::Arc;

fn is_blame(command: &Command) -> bool {
    matches!(command, Command::Blame { .. })
}

fn asked(driver: &Driver) -> (Option<String>, Vec<String>) {
    match driver.command(is_blame) {
        Some(Command::Blame { revision, objects, .. }) => (revision.clone(), objects.clone()),
        _ => panic!("nobody was asked"),
    }
}

fn blamed() -> Event {
    let object = json!({"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "checkout"},
        "spec": {"replicas": 3, "template": {"spec": {"containers": [
            {"name": "app", "image": "registry.example/checkout:1.4.2", "args": ["-v", "--port=80"]}]}}}});
    let mut fields: Vec<BlamedField> = leaves(&object)
        .into_iter()
        .map(|(path, value)| BlamedField::of(&object, &path, value))
        .collect();
    for field in &mut fields {
        if field.path == "/metadata/name" {
            field.computed = Some("nameSuffix".into());
            continue;
        }
        let young = field.path.ends_with("image");
        field.commit = Some(world::revision(if young { "3f2a91c" } else { "8801c7e" }));
        field.author = Some(if young { "ana\u{1b}[31m" } else { "leo" }.into());
        field.time = Some(world::now());
    }
    let object = ObjectRef::of(&object).unwrap();
    let file = "apps/shop/checkout/deployment.yaml".to_owned();
    let objects = vec![BlamedObject { object, file, fields }];
    let blame = Blame { mapping: "checkout".into(), revision: world::revision("3f2a91c"), objects };
    Event::Blamed { blame: Arc::new(blame) }
}

#[test]
fn the_object_under_the_cursor_is_blamed_or_all_of_the_mapping() {
    let mut driver = Driver::new(world::fleet(), (120, 36));
    driver.fact(Event::Planned { plan: Arc::new(world::drift()), at: world::now() });
    driver.keys("/checkout<enter>B");
    assert_eq!(asked(&driver), (None, Vec::new()));
    driver.keys("4gB");
    let (revision, objects) = asked(&driver);
    assert!(revision.is_none() && objects.len() == 1, "{objects:?}");
    assert!(objects[0].starts_with("Deployment.apps/shop/"), "{objects:?}");
}

#[test]
fn the_text_has_a_gutter_and_its_command_line() {
    both("blame", &world::fleet(), |driver| {
        driver.keys("/checkout<enter>B").fact(blamed()).done(is_blame);
    });
}
