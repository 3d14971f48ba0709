//! Mappings that are disconnected, in the console: keys in, commands and pictures out.

use crate::frames::both;
use crate::support::driver::Driver;
use crate::support::world;
use gitdeck::domain::MappingStatus;
use gitdeck::engine::{Command, Store};
use gitdeck::tui::effect::Effect;

/// The fleet, with one mapping disconnected.
fn fleet() -> Store {
    let mut store = world::fleet();
    let view = &mut store.mappings["checkout"];
    view.mapping.connected = false;
    (view.status, view.plan) = (MappingStatus::unseen(&view.mapping), None);
    store
}

#[test]
fn a_disconnected_mapping_says_so_and_is_asked_about() {
    both("disconnected", &fleet(), |driver| {
        driver.keys("/checkout<enter><esc>");
    });
    both("connect", &fleet(), |driver| {
        driver.keys("/checkout<enter>X");
    });
    both("disconnect", &world::fleet(), |driver| {
        driver.keys("/checkout<enter>X");
    });
}

#[test]
fn the_question_connects_and_disconnects() {
    for (store, connected, line) in [
        (world::fleet(), false, "gitdeck mapping disconnect checkout"),
        (fleet(), true, "gitdeck mapping connect checkout"),
    ] {
        let mut driver = Driver::new(store, (120, 36));
        driver.keys("/checkout<enter>X");
        driver.buffer();
        driver.keys("y");
        assert_eq!(driver.effects.last(), Some(&Effect::Copy(line.into())));
        driver.keys("<enter>");
        let sent = driver.command(|one| matches!(one, Command::Connect { .. })).cloned();
        assert_eq!(sent, Some(Command::Connect { mapping: "checkout".into(), connected }));
    }
}

#[test]
fn nothing_is_begun_with_a_disconnected_mapping() {
    for keys in ["s", "a", "b", "v", "e", "x", "R", "3"] {
        let mut driver = Driver::new(fleet(), (120, 36));
        driver.keys("/checkout<enter>").keys(keys);
        let begun = |one: &Command| !matches!(one, Command::Log { .. } | Command::Verify { .. });
        assert_eq!(driver.command(begun), None, "{keys}");
        assert!(keys == "3" || driver.picture().contains("X connects it"), "{keys}");
    }
    let mut reading = Driver::with(fleet(), (120, 36), true);
    reading.keys("/checkout<enter>X");
    assert!(reading.console.ui.popups.is_empty(), "read-only");
}
