//! The files of a mapping that cannot be edited, and one that is very long: keys in, commands and pictures out.

use crate::frames::both;
use crate::support::driver::Driver;
use crate::support::world;
use gitdeck::engine::event::{FileText, NotText};
use gitdeck::engine::{Command, Event};
use std::sync::Arc;

fn loaded(files: Vec<(&str, Result<String, NotText>)>) -> Event {
    let file = |(name, text): (&str, _)| FileText { path: format!("apps/shop/cart/{name}"), text };
    Event::FilesLoaded {
        mapping: "cart".into(),
        revision: Some(world::revision("3f2a91c")),
        files: Arc::new(files.into_iter().map(file).collect()),
    }
}

fn open(driver: &mut Driver, files: Vec<(&str, Result<String, NotText>)>) {
    driver.keys("/cart<enter>e").fact(loaded(files));
    driver.done(|command| matches!(command, Command::Files { .. }));
}

fn kinds() -> Vec<(&'static str, Result<String, NotText>)> {
    vec![
        ("deployment.yaml", Ok("a: 1\nb: 2\n".to_owned())),
        ("film.mp4", Err(NotText::Pointer)),
        ("huge.json", Err(NotText::TooLarge)),
        ("latest", Err(NotText::Link)),
        ("logo.png", Err(NotText::Binary)),
        ("vendor", Err(NotText::Submodule)),
    ]
}

#[test]
fn what_a_file_is_stands_in_the_picker() {
    both("picker-kinds", &world::fleet(), |driver| {
        open(driver, kinds());
        driver.keys("<down><enter>");
    });
}

#[test]
fn what_is_no_text_is_not_opened_and_can_be_deleted() {
    for (index, words) in [
        (1, "film.mp4 is an LFS pointer: edit it with git"),
        (2, "huge.json is too large: edit it with git"),
        (3, "latest is a symbolic link: edit its target"),
        (4, "logo.png is not text: edit it with git"),
        (5, "vendor is a submodule: edit its own repository"),
    ] {
        let mut driver = Driver::new(world::fleet(), (120, 36));
        open(&mut driver, kinds());
        driver.keys(&"<down>".repeat(index)).keys("<enter>");
        let picture = driver.picture();
        assert!(picture.contains(words) && picture.contains("Edit a file of cart"), "{picture}");
        driver.keys("<c-x>");
        let draft = driver.command(|command| matches!(command, Command::Draft { .. })).unwrap();
        let Command::Draft { edits, .. } = draft else { unreachable!() };
        assert!(edits.len() == 1 && edits[0].content.is_none(), "{edits:?}");
    }
    // Alone it is shown as well: it may be what is to go.
    let mut driver = Driver::new(world::fleet(), (120, 36));
    open(&mut driver, vec![("film.mp4", Err(NotText::Pointer))]);
    assert!(driver.picture().contains("LFS pointer"));
}

#[test]
fn a_hundred_thousand_lines() {
    let lines: Vec<String> = (1..=100_000)
        .map(|n| if n % 7 == 0 { String::new() } else { format!("line-{n}: {n}") })
        .collect();
    let text = lines.join("\n");
    let mut driver = Driver::new(world::fleet(), (120, 36));
    open(&mut driver, vec![("all.yaml", Ok(text))]);
    let at = |driver: &mut Driver, line: usize, column: usize| {
        let picture = driver.picture();
        let place = format!("line {line} column {column} ");
        assert!(picture.contains(&place), "{place}: {picture}");
    };
    // A page is what fits between frame and foot.
    driver.keys("<c-f>line-70001:<enter><right><right>");
    at(&mut driver, 70_001, 3);
    driver.keys("<pgdn>");
    at(&mut driver, 70_032, 3);
    driver.keys("<pgup><pgup>");
    at(&mut driver, 69_970, 3);
    // Over the last line that a jump of the library can name, and back.
    driver.keys("<c-f>line-65530:<enter><right>");
    driver.keys("<pgdn>");
    at(&mut driver, 65_561, 2);
    driver.keys("<pgup>");
    at(&mut driver, 65_530, 2);
    driver.keys("<c-f>line-99999:<enter><pgdn>");
    at(&mut driver, 100_000, 1);
    // Nothing was changed by looking, and one letter is a change.
    assert!(driver.picture().contains("nothing to commit"));
    driver.keys("x");
    assert!(driver.picture().contains("changed"));
    driver.keys("<bs>");
    assert!(driver.picture().contains("nothing to commit"));
}

#[test]
fn an_empty_repository_gets_its_first_file_in_the_editor() {
    let mut driver = Driver::new(world::fleet(), (120, 36));
    driver.keys("/cart<enter>e").fact(Event::FilesLoaded {
        mapping: "cart".into(),
        revision: None,
        files: Arc::default(),
    });
    driver.done(|command| matches!(command, Command::Files { .. }));
    assert!(driver.picture().contains("apps/shop/cart/cart.yaml"), "{}", driver.picture());
    driver.keys("a: 1<c-s>");
    let draft = driver.command(|command| matches!(command, Command::Draft { .. })).unwrap();
    let Command::Draft { edits, .. } = draft else { unreachable!() };
    assert_eq!(edits[0].path, "apps/shop/cart/cart.yaml");
    driver.fact(world::drafted("cart", &[]));
    driver.done(|command| matches!(command, Command::Draft { .. })).keys("<enter>");
    let commit = driver.command(|command| matches!(command, Command::Commit { .. })).unwrap();
    assert!(matches!(commit, Command::Commit { base: None, .. }), "{commit:?}");
}
