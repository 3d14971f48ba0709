//! The guides in the console: keys in, commands and pictures out.

use crate::frames::both;
use crate::support::driver::Driver;
use crate::support::world;
use gitdeck::config::guide::Level;
use gitdeck::engine::Command;

#[test]
fn a_guide_asks_one_thing_after_the_other_and_shows_what_it_would_write() {
    both("guide", &world::fleet(), |driver| {
        driver.keys("<c-g>");
    });
    both("guide-question", &world::fleet(), |driver| {
        driver.keys("<c-g>pstore<enter>flete<enter>");
    });
    both("guide-summary", &world::fleet(), |driver| {
        driver.keys("<c-g>pstore<enter>fleet<enter>apps<enter><enter><enter>");
    });
    let mut driver = Driver::new(world::fleet(), (120, 36));
    driver.keys("<c-g>pstor<enter><up>e<enter><enter>apps<enter>-<enter><enter>");
    driver.buffer();
    driver.keys("<enter>");
    let sent = driver.command(|one| matches!(one, Command::Guide { .. }));
    let Some(Command::Guide { level, edits }) = sent else { panic!("nothing was written") };
    assert_eq!(*level, Level::Project);
    let lines: Vec<String> =
        edits.iter().flat_map(gitdeck::config::guide::TableEdit::lines).collect();
    assert_eq!(lines, ["[projects.store]", "repository = \"fleet\"", "path_prefix = \"apps\""]);
}

#[test]
fn the_guide_to_a_mapping_ends_in_the_form_that_looks_first() {
    let mut driver = Driver::new(world::fleet(), (120, 36));
    driver.keys("<c-g>mbell<enter><enter>fleet<enter>apps/bell<enter><enter><enter><enter>");
    let picture = driver.picture();
    assert!(picture.contains("Import a mapping") && picture.contains("apps/bell"), "{picture}");
    driver.keys("<enter>");
    assert!(driver.command(|one| matches!(one, Command::Foresee(_))).is_some());
    let mut reading = Driver::with(world::fleet(), (120, 36), true);
    reading.keys("<c-g>");
    assert!(reading.console.ui.popups.is_empty(), "read-only");
}

#[test]
fn what_was_answered_is_dropped_only_when_somebody_insists() {
    let mut driver = Driver::new(world::fleet(), (120, 36));
    driver.keys("<c-g>p<esc>");
    assert!(driver.console.ui.popups.is_empty(), "nothing was typed");
    let asks = |driver: &mut Driver| driver.picture().contains("Esc again drops what was typed");
    driver.keys("<c-g>pstore<esc>");
    assert!(asks(&mut driver), "{}", driver.picture());
    driver.keys("s");
    assert!(!asks(&mut driver) && driver.picture().contains("stores"), "{}", driver.picture());
    driver.keys("<enter><esc>");
    assert!(asks(&mut driver), "an answer counts: {}", driver.picture());
    driver.keys("<esc>");
    assert!(driver.console.ui.popups.is_empty());
    // The form of a mapping holds what was typed in the guide.
    driver.keys("<c-g>mbell<enter><enter>fleet<enter>apps/bell<enter><enter><enter><enter><esc>");
    assert!(asks(&mut driver), "{}", driver.picture());
}
